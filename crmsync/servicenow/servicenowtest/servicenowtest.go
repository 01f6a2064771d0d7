// Package servicenowtest is a ServiceNow for tests: what the documents of its Table and Attachment APIs say, in memory. It lets nobody in without
// credentials, runs encoded queries as they are, and misbehaves on request.
package servicenowtest

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync/crmsynctest"
)

// What opens it.
const (
	User     = "integration"
	Password = "servicenow-password"
	ClientID = "servicenow-client"
	Secret   = "servicenow-client-secret"
)

// Row is a row of a table; all values are text.
type Row map[string]string

// Server is a ServiceNow.
type Server struct {
	Faults crmsynctest.Faults

	mu      sync.Mutex
	tables  map[string][]Row
	content map[string][]byte
	access  string
	refresh string
	cut     int64 // bytes that are not stored of the next file
}

const attachments = "sys_attachment"

// New makes a ServiceNow with a few people.
func New() *Server {
	s := &Server{content: map[string][]byte{}, tables: map[string][]Row{"incident": nil, "sn_customerservice_case": nil, "sys_user": nil, "customer_contact": nil, attachments: nil}}
	for _, table := range []string{"sys_user", "customer_contact"} {
		s.add(table, Row{"user_name": "abel.tuter", "last_name": "Tuter", "phone": "555"})
	}
	return s
}

// Handler is its APIs.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth_token.do", s.tokens)
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /table/{table}": s.list, "POST /table/{table}": s.insert, "GET /table/{table}/{id}": s.show, "PATCH /table/{table}/{id}": s.update,
		"GET /attachment": s.listFiles, "POST /attachment/file": s.upload, "GET /attachment/{id}/file": s.download, "DELETE /attachment/{id}": s.remove,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /api/now"+path, s.signedIn(h))
	}
	return s.Faults.Wrap(mux)
}

func (s *Server) signedIn(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off: nothing is done
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		s.mu.Lock()
		defer s.mu.Unlock()
		user, password, basic := r.BasicAuth()
		bearer := s.access != "" && r.Header.Get("Authorization") == "Bearer "+s.access
		if !bearer && (!basic || user != User || password != Password) {
			fail(w, http.StatusUnauthorized, "User Not Authenticated", "Required to provide Auth information")
			return
		}
		h(w, r)
	}
}

func answer(w http.ResponseWriter, status int, result any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"result": result})
}

func fail(w http.ResponseWriter, status int, message, detail string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": message, "detail": detail}, "status": "failure"})
}

func sysID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

func (s *Server) add(table string, r Row) Row {
	r["sys_id"], r["name"] = sysID(), strings.TrimSpace(r["first_name"]+" "+r["last_name"])
	r["sys_created_on"] = time.Now().UTC().Format(time.DateTime)
	r["sys_updated_on"] = r["sys_created_on"]
	s.tables[table] = append(s.tables[table], r)
	return r
}

func (s *Server) known(w http.ResponseWriter, r *http.Request) (table string, ok bool) {
	table = r.PathValue("table")
	if _, ok = s.tables[table]; !ok || table == attachments {
		fail(w, http.StatusBadRequest, "Invalid table "+table, "")
		return table, false
	}
	return table, true
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if table, ok := s.known(w, r); ok {
		s.answerList(w, r, s.tables[table])
	}
}

func (s *Server) listFiles(w http.ResponseWriter, r *http.Request) {
	s.answerList(w, r, s.tables[attachments])
}

func (s *Server) answerList(w http.ResponseWriter, r *http.Request, rows []Row) {
	found := selected(rows, r.URL.Query().Get("sysparm_query"))
	limit, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("sysparm_limit"), "10000"))
	if err != nil {
		fail(w, http.StatusBadRequest, "Invalid limit", "")
		return
	}
	out := []Row{}
	for _, row := range found[:min(limit, len(found))] {
		out = append(out, cut(r, row))
	}
	answer(w, http.StatusOK, out)
}

// cut leaves the fields that were asked for.
func cut(r *http.Request, row Row) Row {
	fields := r.URL.Query().Get("sysparm_fields")
	if fields == "" {
		return row
	}
	out := Row{}
	for _, f := range strings.Split(fields, ",") {
		out[f] = row[f]
	}
	return out
}

// required says which field a table's rows must have.
var required = map[string]string{"incident": "short_description", "sn_customerservice_case": "short_description", "sys_user": "last_name", "customer_contact": "last_name"}

func (s *Server) insert(w http.ResponseWriter, r *http.Request) {
	table, ok := s.known(w, r)
	if !ok {
		return
	}
	var row Row
	if json.NewDecoder(r.Body).Decode(&row) != nil || row[required[table]] == "" || len([]rune(row["short_description"])) > 160 || len(row["user_name"]) > 100 {
		fail(w, http.StatusBadRequest, "Exception while reading request", "")
		return
	}
	for _, other := range s.tables[table] {
		if row["user_name"] != "" && row["user_name"] == other["user_name"] {
			fail(w, http.StatusForbidden, "Operation Failed", "Unique Key violation detected by database ("+row["user_name"]+")")
			return
		}
	}
	row["active"], row["state"] = "true", "1"
	answer(w, http.StatusCreated, cut(r, s.add(table, row)))
}

func (s *Server) find(table, id string) Row {
	for _, row := range s.tables[table] {
		if row["sys_id"] == id {
			return row
		}
	}
	return nil
}

// row is the one that a request names, or the answer that there is none.
func (s *Server) row(w http.ResponseWriter, r *http.Request) Row {
	table, ok := s.known(w, r)
	if !ok {
		return nil
	}
	row := s.find(table, r.PathValue("id"))
	if row == nil {
		fail(w, http.StatusNotFound, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
	}
	return row
}

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	row := s.row(w, r)
	if row == nil {
		return
	}
	if r.URL.Query().Get("sysparm_display_value") == "" { // journals are empty as they are stored
		row = maps.Clone(row)
		row["work_notes"] = ""
	}
	answer(w, http.StatusOK, cut(r, row))
}

func (s *Server) update(w http.ResponseWriter, r *http.Request) {
	row := s.row(w, r)
	var change Row
	if row == nil {
		return
	}
	if json.NewDecoder(r.Body).Decode(&change) != nil {
		fail(w, http.StatusBadRequest, "Exception while reading request", "")
		return
	}
	now := time.Now().UTC().Format(time.DateTime)
	for name, value := range change {
		if name == "work_notes" {
			value = now + " - Integration (Work notes)\n" + value + "\n\n" + row[name]
		}
		row[name] = value
	}
	row["sys_updated_on"] = now
	answer(w, http.StatusOK, cut(r, row))
}

// Cut lets so many bytes of the next file be missing from what is stored.
func (s *Server) Cut(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = n
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if s.find(q.Get("table_name"), q.Get("table_sys_id")) == nil || q.Get("file_name") == "" || r.Header.Get("Content-Type") == "" {
		fail(w, http.StatusBadRequest, "Invalid attachment", "")
		return
	}
	b, _ := io.ReadAll(r.Body)
	b = b[:int64(len(b))-s.cut]
	s.cut = 0
	f := s.add(attachments, Row{
		"table_name": q.Get("table_name"), "table_sys_id": q.Get("table_sys_id"), "file_name": q.Get("file_name"), "content_type": r.Header.Get("Content-Type"), "size_bytes": strconv.Itoa(len(b)),
	})
	s.content[f["sys_id"]] = b
	answer(w, http.StatusCreated, f)
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	b, ok := s.content[r.PathValue("id")]
	if !ok {
		fail(w, http.StatusNotFound, "No Record found", "")
		return
	}
	_, _ = w.Write(b)
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.content[r.PathValue("id")]; !ok {
		fail(w, http.StatusNotFound, "No Record found", "")
		return
	}
	delete(s.content, r.PathValue("id"))
	s.tables[attachments] = slices.DeleteFunc(s.tables[attachments], func(f Row) bool { return f["sys_id"] == r.PathValue("id") })
	w.WriteHeader(http.StatusNoContent)
}

// Grant is an access token and a refresh token.
func (s *Server) Grant() (access, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access, s.refresh = "access-"+sysID(), "refresh-"+sysID()
	return s.access, s.refresh
}

// Expire ends the access token.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access = ""
}

func (s *Server) tokens(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.FormValue("grant_type") != "refresh_token" || r.FormValue("client_id") != ClientID || r.FormValue("client_secret") != Secret || s.refresh == "" || r.FormValue("refresh_token") != s.refresh {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	s.access = "access-" + sysID()
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.access, "refresh_token": s.refresh, "token_type": "Bearer", "expires_in": 1800})
}

// Rows is a copy of a table's rows.
func (s *Server) Rows(table string) (all []Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.tables[table] {
		all = append(all, maps.Clone(r))
	}
	return all
}

// Row is a copy of a row, nil when there is none.
func (s *Server) Row(table, id string) Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.find(table, id))
}

// Contents are a ticket's files of a name, oldest first.
func (s *Server) Contents(ticket, name string) (list [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.tables[attachments] {
		if f["table_sys_id"] == ticket && f["file_name"] == name {
			list = append(list, s.content[f["sys_id"]])
		}
	}
	return list
}
