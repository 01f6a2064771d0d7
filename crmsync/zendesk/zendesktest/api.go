package zendesktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) me(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"user": s.users[0]})
}

// shown says whether lists and searches show what was made then: while Hidden, only after a minute.
func (s *Server) shown(at time.Time) bool { return !s.Hidden || s.now().Sub(at) > time.Minute }

func (s *Server) searchUsers(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	external, query := r.URL.Query().Get("external_id"), r.URL.Query().Get("query")
	_, phone, byPhone := strings.Cut(query, "phone:")
	if external == "" && !byPhone {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid", "description": "query or external_id"})
		return
	}
	found := []*user{}
	for _, u := range s.users {
		if !s.Hidden && (external != "" && u.External == external || byPhone && u.Phone == phone) {
			found = append(found, u)
		}
	}
	answer(w, http.StatusOK, map[string]any{"users": found, "count": len(found)})
}

// search finds users by their names and tickets by their subjects: all words must be there.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, words, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("query"), "type:"), " ")
	matches := func(text string) bool {
		for word := range strings.FieldsSeq(strings.ToLower(words)) {
			if !strings.Contains(strings.ToLower(text), word) {
				return false
			}
		}
		return true
	}
	results := []any{}
	switch kind {
	case "user":
		for _, u := range s.users {
			if matches(u.Name) && !s.Hidden {
				results = append(results, u)
			}
		}
	case "ticket":
		for _, t := range s.tickets {
			if matches(t.Subject) && t.Status != "deleted" && s.shown(t.CreatedAt) {
				results = append(results, t)
			}
		}
	default:
		answer(w, http.StatusUnprocessableEntity, map[string]any{"error": "invalid", "description": "type"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"results": results, "count": len(results)})
}

func (s *Server) makeUser(w http.ResponseWriter, r *http.Request) {
	var in struct{ User user }
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.User.Name == "" {
		invalid(w, "Name: is too short (minimum one character)")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if in.User.External != "" && u.External == in.User.External {
			answer(w, http.StatusOK, map[string]any{"user": u})
			return
		}
	}
	in.User.ID = s.id()
	s.users = append(s.users, &in.User)
	answer(w, http.StatusCreated, map[string]any{"user": in.User})
}

func (s *Server) requested(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []*Ticket{}
	for _, t := range s.tickets {
		if strconv.FormatInt(t.Requester, 10) == r.PathValue("id") && t.Status != "deleted" && s.shown(t.CreatedAt) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *Ticket) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	answer(w, http.StatusOK, map[string]any{"tickets": found})
}

func (s *Server) byExternal(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []*Ticket{}
	for _, t := range s.tickets {
		if t.External == r.URL.Query().Get("external_id") && t.Status != "deleted" && s.shown(t.CreatedAt) {
			found = append(found, t)
		}
	}
	answer(w, http.StatusOK, map[string]any{"tickets": found})
}

type input struct {
	Ticket struct {
		Ticket
		Tags    []string `json:"tags"`
		Comment *struct {
			Body    string   `json:"body"`
			Public  bool     `json:"public"`
			Uploads []string `json:"uploads"`
		} `json:"comment"`
	} `json:"ticket"`
}

func (s *Server) makeTicket(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in input
	if err != nil || json.Unmarshal(body, &in) != nil || in.Ticket.Comment == nil || in.Ticket.Comment.Body == "" {
		invalid(w, "Description: cannot be blank")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.Header.Get("Idempotency-Key")
	if before, again := s.keys[name]; again && name != "" {
		if before.body != string(body) {
			answer(w, http.StatusBadRequest, map[string]any{"error": "IdempotentRequestError"})
			return
		}
		w.Header().Set("X-Idempotency-Lookup", "hit")
		answer(w, http.StatusCreated, map[string]any{"ticket": before.ticket})
		return
	}
	if !slices.ContainsFunc(s.users, func(u *user) bool { return u.ID == in.Ticket.Requester }) {
		invalid(w, "Requester: is not a user")
		return
	}
	for _, f := range in.Ticket.Fields {
		if strconv.FormatInt(f.ID, 10) != FieldID {
			invalid(w, "Custom field: is not known")
			return
		}
	}
	t := in.Ticket.Ticket
	t.ID, t.Status, t.Tags, t.CreatedAt, t.UpdatedAt = s.id(), "new", in.Ticket.Tags, s.now(), s.now()
	if !s.say(w, &t, &in) {
		return
	}
	s.tickets = append(s.tickets, &t)
	s.keys[name] = key{string(body), &t}
	answer(w, http.StatusCreated, map[string]any{"ticket": t})
}

// say adds a comment, if there is one, with its files.
func (s *Server) say(w http.ResponseWriter, t *Ticket, in *input) bool {
	c := in.Ticket.Comment
	if c == nil {
		return true
	}
	made := Comment{ID: s.id(), Body: c.Body, Public: c.Public, CreatedAt: s.now(), Files: []*File{}}
	for _, token := range c.Uploads {
		up := s.uploads[token]
		if up == nil || s.now().Sub(up.at) > tokenLife {
			answer(w, http.StatusUnprocessableEntity, map[string]any{"error": "AttachmentNotFound", "description": "The upload's token is not known or has ended"})
			return false
		}
		made.Files = append(made.Files, up.file)
	}
	t.Comments = append(t.Comments, made)
	return true
}

func (s *Server) showTicket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(r.PathValue("id"))
	if t == nil {
		missing(w)
		return
	}
	answer(w, http.StatusOK, map[string]any{"ticket": t})
}

func (s *Server) updateTicket(w http.ResponseWriter, r *http.Request) {
	var in input
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		invalid(w, "Ticket: is missing")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(r.PathValue("id"))
	switch {
	case t == nil:
		missing(w)
	case t.Status == "closed":
		invalid(w, "Status: closed prevents ticket update")
	case s.say(w, t, &in):
		t.UpdatedAt = s.now()
		answer(w, http.StatusOK, map[string]any{"ticket": t})
	}
}

func (s *Server) listComments(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(r.PathValue("id"))
	if t == nil {
		missing(w)
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("page[after]"))
	all := slices.DeleteFunc(slices.Clone(t.Comments), func(c Comment) bool { return len(c.Files) > 0 && !s.shown(c.CreatedAt) })
	from = min(from, len(all))
	to := min(from+longestPage, len(all))
	answer(w, http.StatusOK, map[string]any{"comments": all[from:to], "meta": map[string]any{"has_more": to < len(all), "after_cursor": strconv.Itoa(to)}})
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("filename")
	b, err := io.ReadAll(io.LimitReader(r.Body, maxFile+1))
	switch {
	case err != nil || name == "":
		invalid(w, "Filename: cannot be blank")
		return
	case len(b) > maxFile:
		answer(w, http.StatusRequestEntityTooLarge, map[string]any{"error": "AttachmentTooLarge"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &File{ID: s.id(), Name: name, Type: r.Header.Get("Content-Type"), Size: len(b), Content: b}
	f.URL = fmt.Sprintf("%s/api/v2/attachments/%d/content", s.Base, f.ID)
	token := fmt.Sprintf("upload-%d", f.ID)
	s.uploads[token] = &upload{f, s.now()}
	answer(w, http.StatusCreated, map[string]any{"upload": map[string]any{"token": token, "attachment": f}})
}

func (s *Server) file(id string) *File {
	for _, t := range s.tickets {
		for _, c := range t.Comments {
			for _, f := range c.Files {
				if strconv.FormatInt(f.ID, 10) == id {
					return f
				}
			}
		}
	}
	return nil
}

func (s *Server) showFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.file(r.PathValue("id"))
	if f == nil {
		missing(w)
		return
	}
	answer(w, http.StatusOK, map[string]any{"attachment": f})
}

// led leads to where the content is, for everybody who knows the address.
func (s *Server) led(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, s.Base+"/files/"+r.PathValue("id"), http.StatusFound)
}

func (s *Server) content(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.file(r.PathValue("id"))
	s.mu.Unlock()
	if f == nil || r.Header.Get("Authorization") != "" {
		missing(w)
		return
	}
	w.Header().Set("Content-Type", f.Type)
	_, _ = bytes.NewReader(f.Content).WriteTo(w)
}

func (s *Server) redact(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, f := s.find(r.PathValue("id")), s.file(r.PathValue("file"))
	if t == nil || f == nil {
		missing(w)
		return
	}
	for i, c := range t.Comments {
		if strconv.FormatInt(c.ID, 10) == r.PathValue("comment") && slices.Contains(c.Files, f) {
			t.Comments[i].Files = []*File{{ID: s.id(), Name: "redacted.txt", Type: "text/plain"}}
			answer(w, http.StatusOK, map[string]any{"attachment": t.Comments[i].Files[0]})
			return
		}
	}
	missing(w)
}
