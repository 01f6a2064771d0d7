// Package hubspottest is a HubSpot account for tests, written from HubSpot's public API documents. It checks every token, property and link,
// and misbehaves on request.
package hubspottest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/crmsync/crmsynctest"
)

// What the account knows its apps by.
const (
	Token        = "pat-eu1-tandem"
	ClientID     = "client"
	ClientSecret = "client-secret"
	Refresh      = "refresh-1"
	Portal       = 4242
)

// Account is the account. Its exported fields are set before it is asked.
type Account struct {
	URL     string
	Scopes  []string // of Token
	Largest int      // file in bytes; 0: any
	Left    int      // of the day's 1,000 requests
	Service bool     // Token is a service key's: nobody tells its scopes
	Signed  string   // what signed addresses begin with
	Faults  crmsynctest.Faults

	mu         sync.Mutex
	access     string // by OAuth
	hidden     bool   // what is made now is missing from searches
	properties map[string]map[string]bool
	records    []*record
	files      []*file
	made       int
}

type record struct {
	kind, id   string
	properties map[string]string
	links      map[string][]string // ids by kind
	at         time.Time
	hidden     bool
}

type file struct {
	id, path string
	data     []byte
	at       time.Time
}

// Start starts an account that ends with the test. It has two ticket pipelines: Support, with New, Waiting and Closed, and Returns.
func Start(t testing.TB) *Account {
	t.Helper()
	a := &Account{
		Scopes: []string{"tickets", "files", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read", "crm.schemas.contacts.write"},
		Left:   1000,
		properties: map[string]map[string]bool{ // whether they are unique
			"contacts": {"firstname": false, "lastname": false, "phone": false, "mobilephone": false, "customer_number": false, "hs_searchable_calculated_phone_number": false},
			"tickets":  {"subject": false, "content": false, "hs_pipeline": false, "hs_pipeline_stage": false, "hs_ticket_priority": false, "closed_date": false, "hs_lastmodifieddate": false},
			"notes":    {"hs_timestamp": false, "hs_note_body": false, "hs_attachment_ids": false},
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/2026-03/token", a.token)
	mux.HandleFunc("GET /signed/{file}", a.download)
	for pattern, h := range map[string]http.HandlerFunc{
		"POST /oauth/v2/private-apps/get/access-token-info":     a.tokenInfo,
		"GET /account-info/2026-03/details":                     a.details,
		"GET /crm/pipelines/2026-03/tickets":                    a.pipelines,
		"GET /crm/properties/2026-03/{kind}/{name}":             a.getProperty,
		"POST /crm/properties/2026-03/{kind}":                   a.makeProperty,
		"POST /crm/objects/2026-03/{kind}":                      a.create,
		"POST /crm/objects/2026-03/{kind}/search":               a.search,
		"POST /crm/objects/2026-03/{kind}/batch/read":           a.batch,
		"GET /crm/objects/2026-03/{kind}/{id}":                  a.get,
		"DELETE /crm/objects/2026-03/{kind}/{id}":               a.remove,
		"POST /crm/associations/2026-03/{from}/{to}/batch/read": a.linked,
		"POST /files/2026-03/files":                             a.upload,
		"GET /files/2026-03/files/stat/tandem/{ticket}/{name}":  a.stat,
		"GET /files/2026-03/files/{id}":                         a.getFile,
		"DELETE /files/2026-03/files/{id}":                      a.removeFile,
		"GET /files/2026-03/files/{id}/signed-url":              a.sign,
	} {
		mux.HandleFunc(pattern, a.guarded(h))
	}
	s := httptest.NewServer(a.Faults.Wrap(mux))
	t.Cleanup(s.Close)
	a.URL, a.Signed = s.URL, s.URL
	return a
}

// refuse answers as HubSpot does.
func refuse(w http.ResponseWriter, status int, category, message string) {
	answer(w, status, map[string]any{"status": "error", "category": category, "message": message, "correlationId": "c"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// guarded lets in who has a token that is good, and counts the requests of those whose day has a limit.
func (a *Account) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || token != Token && (a.access == "" || token != a.access) {
			refuse(w, http.StatusUnauthorized, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")
			return
		}
		if token == Token {
			a.Left--
			w.Header().Set("X-HubSpot-RateLimit-Daily", "1000")
			w.Header().Set("X-HubSpot-RateLimit-Daily-Remaining", fmt.Sprint(max(0, a.Left)))
		}
		if a.Left < 0 {
			answer(w, http.StatusTooManyRequests, map[string]string{"status": "error", "message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"})
			return
		}
		h(w, r)
	}
}

func (a *Account) token(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.PostFormValue("grant_type") != "refresh_token" || r.PostFormValue("client_id") != ClientID || r.PostFormValue("client_secret") != ClientSecret || r.PostFormValue("refresh_token") != Refresh {
		answer(w, http.StatusBadRequest, map[string]string{"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token", "error": "invalid_grant"})
		return
	}
	a.access = rand.Text()
	answer(w, http.StatusOK, map[string]any{"access_token": a.access, "refresh_token": Refresh, "expires_in": 1800, "token_type": "bearer", "hub_id": Portal})
}

func (a *Account) tokenInfo(w http.ResponseWriter, r *http.Request) {
	var asked struct{ TokenKey string }
	if a.Service || json.NewDecoder(r.Body).Decode(&asked) != nil || asked.TokenKey != Token {
		refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "token not found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"hubId": Portal, "userId": 1, "appId": 2, "scopes": a.Scopes})
}

func (a *Account) details(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"portalId": Portal, "uiDomain": "app-eu1.hubspot.com", "timeZone": "Europe/Berlin"})
}

func (a *Account) pipelines(w http.ResponseWriter, _ *http.Request) {
	stage := func(id, label string, order int, state string) map[string]any {
		return map[string]any{"id": id, "label": label, "displayOrder": order, "metadata": map[string]string{"ticketState": state}}
	}
	answer(w, http.StatusOK, map[string]any{"results": []map[string]any{
		{"id": "77", "label": "Returns", "displayOrder": 1, "stages": []any{stage("771", "Asked", 0, "OPEN")}},
		{"id": "0", "label": "Support", "displayOrder": 0, "stages": []any{stage("4", "Closed", 0, "CLOSED"), stage("2", "Waiting", 2, "OPEN"), stage("1", "New", 1, "OPEN")}},
	}})
}

// Expire ends the access token that OAuth has given.
func (a *Account) Expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.access = ""
}

// Hide lets what is made from now on be missing from searches, until it is called with false.
func (a *Account) Hide(hidden bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hidden = hidden
	for _, r := range a.records {
		r.hidden = r.hidden && hidden
	}
}

// Define makes a property as somebody in the account would.
func (a *Account) Define(kind, name string, unique bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.properties[kind][name] = unique
}

// Defined says whether there is a property.
func (a *Account) Defined(kind, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.properties[kind][name]
	return ok
}

// Add makes a record as somebody in the account would, and returns its id.
func (a *Account) Add(kind string, properties map[string]string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.add(kind, properties).id
}

// Set changes a property of a record.
func (a *Account) Set(kind, id, property, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.find(kind, id); r != nil {
		r.properties[property] = value
	}
}

// Property is a property of a record.
func (a *Account) Property(kind, id, property string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.find(kind, id); r != nil {
		return r.properties[property]
	}
	return ""
}

// Linked are the ids of a kind that a record is linked with.
func (a *Account) Linked(kind, id, to string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.find(kind, id); r != nil {
		return slices.Clone(r.links[to])
	}
	return nil
}

// Notes are the bodies of a ticket's notes.
func (a *Account) Notes(ticket string) (list []string) {
	for _, id := range a.Linked("tickets", ticket, "notes") {
		list = append(list, a.Property("notes", id, "hs_note_body"))
	}
	return list
}

// Files are the files of a ticket's notes that bear the name, oldest first.
func (a *Account) Files(ticket, name string) (list [][]byte) {
	for _, id := range a.Linked("tickets", ticket, "notes") {
		carried := strings.Split(a.Property("notes", id, "hs_attachment_ids"), ";")
		a.mu.Lock()
		for _, f := range a.files {
			if slices.Contains(carried, f.id) && strings.HasSuffix(f.path, "/"+name) {
				list = append(list, f.data)
			}
		}
		a.mu.Unlock()
	}
	return list
}

// Stored counts the files of the account.
func (a *Account) Stored() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.files)
}
