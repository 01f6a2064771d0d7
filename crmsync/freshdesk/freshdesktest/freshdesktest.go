// Package freshdesktest is a Freshdesk for tests: what the documents of its API, version 2, say of contacts, tickets, notes and files
// (https://developers.freshdesk.com/api/), in memory. It lets nobody in without the API key, and misbehaves on request.
package freshdesktest

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/crmsync/crmsynctest"
)

// Key opens it.
const Key = "freshdesk-api-key"

const (
	maxFiles = 20 << 20 // bytes of all files of a note
	maxTag   = 32       // characters
)

// Field is the only custom field of tickets.
const Field = "cf_agent"

// Server is a Freshdesk.
type Server struct {
	Faults crmsynctest.Faults
	Base   string // its own address, for those of files

	mu       sync.Mutex
	hidden   bool
	last     int64
	contacts []contact
	tickets  []*Ticket
	left     int // requests of the minute
}

type contact struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Phone    string `json:"phone"`
	Mobile   string `json:"mobile"`
	External string `json:"unique_external_id"`
	at       time.Time
}

// Ticket is one of the server's.
type Ticket struct {
	ID        int64             `json:"id"`
	Subject   string            `json:"subject"`
	Words     string            `json:"description"`
	Status    int               `json:"status"`
	Priority  int               `json:"priority"`
	Source    int               `json:"source"`
	Requester int64             `json:"requester_id"`
	Tags      []string          `json:"tags"`
	Fields    map[string]string `json:"custom_fields"`
	Deleted   bool              `json:"deleted"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Notes     []Note            `json:"-"`
}

// Note is one of a ticket's.
type Note struct {
	ID        int64     `json:"id"`
	Text      string    `json:"body_text"`
	Private   bool      `json:"private"`
	CreatedAt time.Time `json:"created_at"`
	Files     []File    `json:"attachments"`
}

// File is a note's file.
type File struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Size    int    `json:"size"`
	URL     string `json:"attachment_url"`
	Content []byte `json:"-"`
}

const perMinute = 700

// New makes an empty Freshdesk.
func New() *Server { return &Server{left: perMinute} }

// Hide lets new contacts be missing from lists for a while.
func (s *Server) Hide(hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = hidden
}

// Leave says how many requests of the minute are left.
func (s *Server) Leave(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = n
}

// Handler is its API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /agents/me": s.me, "GET /contacts": s.listContacts, "POST /contacts": s.makeContact, "GET /contacts/autocomplete": s.completeContacts,
		"GET /tickets": s.listTickets, "POST /tickets": s.makeTicket, "GET /tickets/{id}": s.showTicket,
		"GET /tickets/{id}/conversations": s.listNotes, "POST /tickets/{id}/notes": s.makeNote, "DELETE /attachments/{id}": s.removeFile,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /api/v2"+path, s.signedIn(h))
	}
	mux.HandleFunc("GET /files/{id}", s.content)
	return s.Faults.Wrap(mux)
}

func (s *Server) signedIn(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if key, _, ok := r.BasicAuth(); !ok || key != Key {
			answer(w, http.StatusUnauthorized, map[string]string{"code": "invalid_credentials", "message": "You have to be logged in to perform this action."})
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("X-Ratelimit-Total", strconv.Itoa(perMinute))
		w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(s.left))
		h(w, r)
	}
}

func (s *Server) id() int64 { s.last++; return s.last }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func invalid(w http.ResponseWriter, status int, field, code string, info any) {
	answer(w, status, map[string]any{"description": "Validation failed", "errors": []map[string]any{{"field": field, "code": code, "additional_info": info}}})
}

func (s *Server) me(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"id": 1, "type": "support_agent"})
}

func (s *Server) listContacts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	all := []contact{}
	for _, c := range s.contacts {
		if s.hidden && time.Since(c.at) < time.Minute {
			continue
		}
		if q.Has("unique_external_id") && q.Get("unique_external_id") == c.External || q.Has("phone") && q.Get("phone") == c.Phone || q.Has("mobile") && q.Get("mobile") == c.Mobile {
			all = append(all, c)
		}
	}
	answer(w, http.StatusOK, all)
}

func (s *Server) completeContacts(w http.ResponseWriter, r *http.Request) {
	term := strings.ToLower(r.URL.Query().Get("term"))
	if term == "" {
		invalid(w, http.StatusBadRequest, "term", "missing_field", nil)
		return
	}
	all := []map[string]any{}
	for _, c := range s.contacts {
		if strings.HasPrefix(strings.ToLower(c.Name), term) && !s.hidden {
			all = append(all, map[string]any{"id": c.ID, "name": c.Name})
		}
	}
	answer(w, http.StatusOK, all)
}

func (s *Server) makeContact(w http.ResponseWriter, r *http.Request) {
	var c contact
	if json.NewDecoder(r.Body).Decode(&c) != nil || c.Name == "" || c.Phone == "" && c.Mobile == "" && c.External == "" {
		invalid(w, http.StatusBadRequest, "name", "missing_field", nil)
		return
	}
	for _, other := range s.contacts {
		if other.External == c.External {
			invalid(w, http.StatusConflict, "unique_external_id", "duplicate_value", map[string]int64{"user_id": other.ID})
			return
		}
	}
	c.ID, c.at = s.id(), time.Now()
	s.contacts = append(s.contacts, c)
	answer(w, http.StatusCreated, c)
}

func (s *Server) listTickets(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("per_page"))
	page, _ := strconv.Atoi(q.Get("page"))
	since, err := time.Parse(time.RFC3339, q.Get("updated_since"))
	if err != nil {
		since = time.Now().AddDate(0, 0, -30)
	}
	all := []*Ticket{}
	for _, t := range slices.Backward(s.tickets) {
		if strconv.FormatInt(t.Requester, 10) == q.Get("requester_id") && !t.Deleted && t.UpdatedAt.After(since) {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b *Ticket) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	from := min(max(page-1, 0)*size, len(all))
	answer(w, http.StatusOK, all[from:min(from+size, len(all))])
}

func (s *Server) makeTicket(w http.ResponseWriter, r *http.Request) {
	var t Ticket
	if json.NewDecoder(r.Body).Decode(&t) != nil || t.Subject == "" || t.Words == "" || t.Status < 2 || t.Status > 7 || t.Priority < 1 || t.Priority > 4 || t.Requester == 0 {
		invalid(w, http.StatusBadRequest, "status", "missing_field", nil)
		return
	}
	if slices.ContainsFunc(t.Tags, func(tag string) bool { return len(tag) > maxTag }) {
		invalid(w, http.StatusBadRequest, "tags", "invalid_value", nil)
		return
	}
	for name := range t.Fields {
		if name != Field {
			invalid(w, http.StatusBadRequest, "custom_fields."+name, "invalid_field", nil)
			return
		}
	}
	t.ID, t.CreatedAt, t.UpdatedAt = s.id(), time.Now().UTC(), time.Now().UTC()
	s.tickets = append(s.tickets, &t)
	answer(w, http.StatusCreated, t)
}

func (s *Server) find(id string) *Ticket {
	for _, t := range s.tickets {
		if strconv.FormatInt(t.ID, 10) == id {
			return t
		}
	}
	return nil
}

// ticket is the one that a request names, or the answer that there is none.
func (s *Server) ticket(w http.ResponseWriter, r *http.Request) *Ticket {
	t := s.find(r.PathValue("id"))
	if t == nil {
		w.WriteHeader(http.StatusNotFound)
	}
	return t
}

func (s *Server) showTicket(w http.ResponseWriter, r *http.Request) {
	if t := s.ticket(w, r); t != nil {
		answer(w, http.StatusOK, t)
	}
}

func (s *Server) listNotes(w http.ResponseWriter, r *http.Request) {
	t := s.ticket(w, r)
	if t == nil {
		return
	}
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	from := min(max(page-1, 0)*size, len(t.Notes))
	answer(w, http.StatusOK, append([]Note{}, t.Notes[from:min(from+size, len(t.Notes))]...))
}

func (s *Server) makeNote(w http.ResponseWriter, r *http.Request) {
	t := s.ticket(w, r)
	if t == nil {
		return
	}
	n := Note{ID: s.id(), CreatedAt: time.Now().UTC(), Files: []File{}}
	var ok bool
	if kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		ok = s.readForm(&n, multipart.NewReader(r.Body, params["boundary"]))
	} else {
		var in struct {
			Body    string
			Private bool
		}
		ok = json.NewDecoder(r.Body).Decode(&in) == nil
		n.Text, n.Private = in.Body, in.Private
	}
	size := 0
	for _, f := range n.Files {
		size += f.Size
	}
	switch {
	case !ok || n.Text == "":
		invalid(w, http.StatusBadRequest, "body", "missing_field", nil)
	case size > maxFiles:
		invalid(w, http.StatusBadRequest, "attachments", "invalid_size", nil)
	default:
		n.Text = text(n.Text)
		t.Notes, t.UpdatedAt = append(t.Notes, n), n.CreatedAt
		answer(w, http.StatusCreated, n)
	}
}

func (s *Server) readForm(n *Note, form *multipart.Reader) bool {
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return false
		}
		switch part.FormName() {
		case "body":
			n.Text = string(b)
		case "private":
			n.Private = string(b) == "true"
		case "attachments[]":
			id := s.id()
			n.Files = append(n.Files, File{ID: id, Name: part.FileName(), Size: len(b), URL: s.Base + "/files/" + strconv.FormatInt(id, 10), Content: b})
		}
	}
}

// text is what body_text makes of a note's HTML.
func text(body string) string {
	return html.UnescapeString(strings.NewReplacer("<br>", "\n", "<div>", "", "</div>", "").Replace(body))
}

func (s *Server) removeFile(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNoContent)
	for _, t := range s.tickets {
		for i := range t.Notes {
			t.Notes[i].Files = slices.DeleteFunc(t.Notes[i].Files, func(f File) bool { return strconv.FormatInt(f.ID, 10) == r.PathValue("id") })
		}
	}
}

// content is at a store of files, which refuses requests with credentials.
func (s *Server) content(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, t := range s.tickets {
		for _, n := range t.Notes {
			for _, f := range n.Files {
				if strconv.FormatInt(f.ID, 10) == r.PathValue("id") {
					_, _ = w.Write(f.Content)
					return
				}
			}
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// Ticket is a copy of a ticket.
func (s *Server) Ticket(id string) (t Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.find(id); found != nil {
		t = *found
		t.Notes = slices.Clone(found.Notes)
	}
	return t
}

// Delete deletes a ticket.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.find(id).Deleted = true
}
