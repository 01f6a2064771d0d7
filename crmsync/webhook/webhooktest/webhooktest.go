// Package webhooktest is a receiver of the webhook for tests, as docs/crm.md describes one: it takes nothing without a good signature, knows what
// it was sent before by webhook-id, and misbehaves on request.
package webhooktest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tandem/crmsync/crmsynctest"
)

// Secret is what requests are signed with.
const Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // the one of Standard Webhooks' examples

// Path is where the receiver is.
const Path = "/hook"

// Server is a receiver.
type Server struct {
	Faults crmsynctest.Faults

	mu       sync.Mutex
	last     int
	contacts map[string]string // ids by key
	tickets  []*Ticket
	seen     map[string][]byte // answers by webhook-id
	ids      []string
}

// Ticket is one of the receiver's.
type Ticket struct {
	ID, Item, Title, Queue, Contact string
	Fields                          map[string]string
	Notes                           map[string]string // bodies by key
	Files                           []File
	At                              time.Time
}

// File is a file of a ticket.
type File struct {
	ID, Name string
	Content  []byte
	At       time.Time
}

// New makes an empty receiver.
func New() *Server { return &Server{contacts: map[string]string{}, seen: map[string][]byte{}} }

// Handler is the receiver.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, s.event)
	mux.HandleFunc("POST "+Path+"/attachments", s.attach)
	mux.HandleFunc("GET "+Path+"/tickets", s.asked(s.listTickets))
	mux.HandleFunc("GET "+Path+"/contact", s.asked(s.findContact))
	mux.HandleFunc("GET "+Path+"/attachments", s.asked(s.listFiles))
	mux.HandleFunc("GET "+Path+"/attachments/{id}", s.asked(s.content))
	mux.HandleFunc("DELETE "+Path+"/attachments/{id}", s.asked(s.remove))
	return s.Faults.Wrap(mux)
}

func verified(h http.Header, payload []byte) bool {
	w, err := standardwebhooks.NewWebhook(Secret)
	return err == nil && w.Verify(payload, h) == nil
}

func refuse(w http.ResponseWriter, status int) { w.WriteHeader(status) }

func (s *Server) asked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !verified(r.Header, []byte(r.Method+" "+strings.TrimPrefix(r.URL.RequestURI(), Path))) {
			refuse(w, http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		h(w, r)
	}
}

func (s *Server) id() string { s.last++; return "r" + strconv.Itoa(s.last) }

// answer answers, and answers the same when the request comes again.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, v any) {
	b, _ := json.Marshal(v)
	s.seen[r.Header.Get("webhook-id")] = b
	_, _ = w.Write(b)
}

// again answers what was answered before.
func (s *Server) again(w http.ResponseWriter, r *http.Request) bool {
	s.ids = append(s.ids, r.Header.Get("webhook-id"))
	b, ok := s.seen[r.Header.Get("webhook-id")]
	if ok {
		_, _ = w.Write(b)
	}
	return ok
}

// IDs are the webhook-ids of all requests that change something, in order.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids)
}

type event struct {
	Type string
	Data struct {
		Item    string `json:"item_id"`
		Queue   string `json:"queue_id"`
		Ticket  string
		Title   string
		Body    string
		Key     string
		Fields  map[string]string
		Contact struct{ ID, Key string }
	}
}

func (s *Server) event(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var e event
	if err != nil || !verified(r.Header, b) {
		refuse(w, http.StatusUnauthorized)
		return
	}
	if json.Unmarshal(b, &e) != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again(w, r) {
		return
	}
	switch e.Type {
	case "ping":
		s.answer(w, r, struct{}{})
	case "contact.ensure":
		s.answer(w, r, map[string]string{"id": s.contact(e.Data.Key)})
	case "ticket.ensure":
		t := &Ticket{ID: s.id(), Item: e.Data.Item, Title: e.Data.Title, Queue: e.Data.Queue, Contact: cmp.Or(e.Data.Contact.ID, s.contact(e.Data.Contact.Key)), Fields: e.Data.Fields, Notes: map[string]string{}, At: time.Now().UTC()}
		s.tickets = append(s.tickets, t)
		s.answer(w, r, map[string]string{"id": t.ID})
	case "note.add":
		t := s.find(e.Data.Ticket)
		if t == nil {
			refuse(w, http.StatusNotFound)
			return
		}
		t.Notes[e.Data.Key] = e.Data.Body
		s.answer(w, r, struct{}{})
	default:
		refuse(w, http.StatusUnprocessableEntity)
	}
}

func (s *Server) contact(key string) string {
	if s.contacts[key] == "" {
		s.contacts[key] = s.id()
	}
	return s.contacts[key]
}

func (s *Server) findContact(w http.ResponseWriter, r *http.Request) {
	id := s.contacts[r.URL.Query().Get("key")]
	if id == "" {
		refuse(w, http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
}

func (s *Server) find(id string) *Ticket {
	for _, t := range s.tickets {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// form reads the three parts of a form in their order, and checks both signatures.
func form(r *http.Request) (what struct {
	Ticket, Name string
	Size         int64
}, content []byte, status int,
) {
	parts, err := r.MultipartReader()
	if err != nil {
		return what, nil, http.StatusBadRequest
	}
	read := func(name string) ([]byte, bool) {
		var p *multipart.Part
		if p, err = parts.NextPart(); err != nil || p.FormName() != name {
			return nil, false
		}
		var b []byte
		b, err = io.ReadAll(p)
		return b, err == nil
	}
	head, ok := read("what")
	if !ok || !verified(r.Header, head) {
		return what, nil, http.StatusUnauthorized
	}
	if json.Unmarshal(head, &what) != nil {
		return what, nil, http.StatusBadRequest
	}
	if content, ok = read("file"); !ok || int64(len(content)) != what.Size {
		return what, nil, http.StatusBadRequest
	}
	end, ok := read("digest")
	digest, signature, _ := strings.Cut(string(end), " ")
	sum := sha256.Sum256(content)
	h := r.Header.Clone()
	h.Set("webhook-signature", signature)
	if !ok || digest != hex.EncodeToString(sum[:]) || !verified(h, []byte(digest)) {
		return what, nil, http.StatusUnauthorized
	}
	return what, content, 0
}

func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	what, content, status := form(r)
	if status != 0 {
		refuse(w, status)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again(w, r) {
		return
	}
	t := s.find(what.Ticket)
	if t == nil {
		refuse(w, http.StatusNotFound)
		return
	}
	f := File{ID: s.id(), Name: what.Name, Content: content, At: time.Now().UTC()}
	t.Files = append(t.Files, f)
	sum := sha256.Sum256(content)
	s.answer(w, r, map[string]any{"id": f.ID, "size": len(content), "sha256": hex.EncodeToString(sum[:])})
}

func list[T any](w http.ResponseWriter, items []T) {
	if items == nil {
		items = []T{}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items})
}

func (s *Server) listTickets(w http.ResponseWriter, r *http.Request) {
	var all []map[string]any
	for _, t := range slices.Backward(s.tickets) {
		if t.Contact == r.URL.Query().Get("contact") {
			one := map[string]any{"id": t.ID, "title": t.Title, "open": true, "updated_at": t.At}
			if t.Queue != "" {
				one["queue_id"] = t.Queue
			}
			all = append(all, one)
		}
	}
	list(w, all)
}

func (s *Server) listFiles(w http.ResponseWriter, r *http.Request) {
	t := s.find(r.URL.Query().Get("ticket"))
	if t == nil {
		refuse(w, http.StatusNotFound)
		return
	}
	var all []map[string]any
	for _, f := range t.Files {
		if f.Name == r.URL.Query().Get("name") {
			all = append(all, map[string]any{"id": f.ID, "name": f.Name, "size": len(f.Content), "created_at": f.At})
		}
	}
	list(w, all)
}

func (s *Server) content(w http.ResponseWriter, r *http.Request) {
	for _, t := range s.tickets {
		for _, f := range t.Files {
			if f.ID == r.PathValue("id") {
				_, _ = w.Write(f.Content)
				return
			}
		}
	}
	refuse(w, http.StatusNotFound)
}

func (s *Server) remove(_ http.ResponseWriter, r *http.Request) {
	for _, t := range s.tickets {
		t.Files = slices.DeleteFunc(t.Files, func(f File) bool { return f.ID == r.PathValue("id") })
		for id, b := range s.seen { // sent again, it is a new file
			if strings.Contains(string(b), `"id":"`+r.PathValue("id")+`"`) {
				delete(s.seen, id)
			}
		}
	}
}

// Ticket is a copy of a ticket; nil when there is none.
func (s *Server) Ticket(id string) *Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(id)
	if t == nil {
		return nil
	}
	c := *t
	c.Files = slices.Clone(t.Files)
	return &c
}
