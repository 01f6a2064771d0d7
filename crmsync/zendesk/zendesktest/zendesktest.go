// Package zendesktest is a Zendesk for tests and demonstrations: what its Ticketing API's documents say of users, tickets, comments, uploads and
// OAuth (https://developer.zendesk.com/api-reference/), in memory. It lets nobody in without credentials, and misbehaves on request.
package zendesktest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/crmsync/crmsynctest"
)

// What opens it.
const (
	User     = "agent@example.com"
	Token    = "zendesk-api-token"
	ClientID = "tandem"
	Secret   = "zendesk-client-secret"
	FieldID  = "360001" // of the only custom field there is
)

const (
	maxFile     = 50_000_000
	tokenLife   = time.Hour        // of an upload
	accessLife  = 30 * time.Minute // of an OAuth token
	longestPage = 100
)

// Server is a Zendesk. The zero value is not usable; New makes one.
type Server struct {
	Faults crmsynctest.Faults
	// Base is the address that files are led to; it is the server's own, set once it is known.
	Base string
	// Hidden lets what is new be missing from searches of users and lists of tickets.
	Hidden bool

	mu       sync.Mutex
	last     int64
	users    []*user
	tickets  []*Ticket
	uploads  map[string]*upload
	keys     map[string]key // idempotency
	access   map[string]time.Time
	refresh  map[string]bool
	codes    map[string]string // and their challenges
	ahead    time.Duration
	requests int
}

type user struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Phone    string `json:"phone"`
	External string `json:"external_id"`
	Role     string `json:"role"`
}

// Ticket is one of the server's.
type Ticket struct {
	ID        int64     `json:"id"`
	Subject   string    `json:"subject"`
	Status    string    `json:"status"`
	Requester int64     `json:"requester_id"`
	External  string    `json:"external_id"`
	Tags      []string  `json:"tags"`
	Fields    []Field   `json:"custom_fields"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Comments  []Comment `json:"-"`
}

// Field is a custom field of a ticket.
type Field struct {
	ID    int64  `json:"id"`
	Value string `json:"value"`
}

// Comment is one of a ticket's.
type Comment struct {
	ID        int64     `json:"id"`
	Body      string    `json:"body"`
	Public    bool      `json:"public"`
	CreatedAt time.Time `json:"created_at"`
	Files     []*File   `json:"attachments"`
}

// File is a comment's file.
type File struct {
	ID      int64  `json:"id"`
	Name    string `json:"file_name"`
	Type    string `json:"content_type"`
	Size    int    `json:"size"`
	URL     string `json:"content_url"`
	Content []byte `json:"-"`
}

type upload struct {
	file *File
	at   time.Time
}

type key struct {
	body   string
	ticket *Ticket
}

// New makes an empty Zendesk with its one agent.
func New() *Server {
	s := &Server{uploads: map[string]*upload{}, keys: map[string]key{}, access: map[string]time.Time{}, refresh: map[string]bool{}, codes: map[string]string{}}
	s.users = append(s.users, &user{ID: s.id(), Name: "Agent", Role: "agent"})
	return s
}

// Handler is its API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oauth/authorizations/new", s.authorize)
	mux.HandleFunc("POST /oauth/tokens", s.tokens)
	mux.HandleFunc("GET /files/{id}", s.content)
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /users/me": s.me, "GET /users/search": s.searchUsers, "GET /search": s.search, "POST /users/create_or_update": s.makeUser, "GET /users/{id}/tickets/requested": s.requested,
		"GET /tickets": s.byExternal, "POST /tickets": s.makeTicket, "GET /tickets/{id}": s.showTicket, "PUT /tickets/{id}": s.updateTicket,
		"GET /tickets/{id}/comments": s.listComments, "PUT /tickets/{id}/comments/{comment}/attachments/{file}/redact": s.redact,
		"POST /uploads": s.upload, "GET /attachments/{id}": s.showFile, "GET /attachments/{id}/content": s.led,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /api/v2"+path, s.signedIn(h))
	}
	return s.Faults.Wrap(mux)
}

func (s *Server) id() int64 { s.last++; return s.last }

func (s *Server) now() time.Time { return time.Now().Add(s.ahead).UTC() }

// Pass lets time pass, for tokens that end.
func (s *Server) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// EndAccess ends all access tokens; refresh tokens go on.
func (s *Server) EndAccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// Grant gives tokens as a sign-in would.
func (s *Server) Grant() (access, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grant()
}

func (s *Server) grant() (access, refresh string) {
	access, refresh = fmt.Sprintf("access-%d", s.id()), fmt.Sprintf("refresh-%d", s.id())
	s.access[access], s.refresh[refresh] = s.now().Add(accessLife), true
	return access, refresh
}

// Tickets are all there are, with their comments.
func (s *Server) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Ticket, 0, len(s.tickets))
	for _, t := range s.tickets {
		one := *t
		one.Comments = slices.Clone(t.Comments)
		all = append(all, one)
	}
	return all
}

// Change changes a ticket behind the API, as a person does: now, unless it says when.
func (s *Server) Change(id string, change func(*Ticket)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.find(id); t != nil {
		before := t.UpdatedAt
		if change(t); t.UpdatedAt.Equal(before) {
			t.UpdatedAt = s.now()
		}
	}
}

func (s *Server) find(id string) *Ticket {
	for _, t := range s.tickets {
		if strconv.FormatInt(t.ID, 10) == id && t.Status != "deleted" {
			return t
		}
	}
	return nil
}

func (s *Server) signedIn(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		user, token, basic := r.BasicAuth()
		end, bearer := s.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		s.requests++
		ok := basic && user == User+"/token" && token == Token || bearer && s.now().Before(end)
		s.mu.Unlock()
		if !ok {
			_, _ = io.Copy(io.Discard, r.Body)
			answer(w, http.StatusUnauthorized, map[string]any{"error": "Couldn't authenticate you"})
			return
		}
		if ct := r.Header.Get("Content-Type"); r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/uploads") && !strings.HasPrefix(ct, "application/json") {
			answer(w, http.StatusUnsupportedMediaType, map[string]any{"error": "UnsupportedMediaType"})
			return
		}
		w.Header().Set("X-Rate-Limit", "700")
		w.Header().Set("X-Rate-Limit-Remaining", "650")
		h(w, r)
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func invalid(w http.ResponseWriter, description string) {
	answer(w, http.StatusUnprocessableEntity, map[string]any{"error": "RecordInvalid", "description": "Record validation errors", "details": map[string]any{"base": []any{map[string]string{"description": description}}}})
}

func missing(w http.ResponseWriter) {
	answer(w, http.StatusNotFound, map[string]any{"error": "RecordNotFound", "description": "Not found"})
}

// authorize is where a person says yes; here they do so at once.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("redirect_uri")
	if q.Get("response_type") != "code" || q.Get("client_id") != ClientID || back == "" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	s.mu.Lock()
	code := fmt.Sprintf("code-%d", s.id())
	s.codes[code] = q.Get("code_challenge")
	s.mu.Unlock()
	http.Redirect(w, r, back+"?code="+code+"&state="+q.Get("state"), http.StatusFound)
}

func (s *Server) tokens(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.ParseForm() != nil || r.Form.Get("client_id") != ClientID || r.Form.Get("client_secret") != Secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	ok := false
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		challenge, known := s.codes[r.Form.Get("code")]
		delete(s.codes, r.Form.Get("code"))
		ok = known && challenge == base64.RawURLEncoding.EncodeToString(sum[:])
	case "refresh_token": // each is good once
		ok = s.refresh[r.Form.Get("refresh_token")]
		delete(s.refresh, r.Form.Get("refresh_token"))
	}
	if !ok {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	access, refresh := s.grant()
	answer(w, http.StatusOK, map[string]any{"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": int(accessLife.Seconds())})
}
