// Package salesforcetest is a Salesforce org for tests, written from the public documents of its REST API. It checks every token, field and
// length, and misbehaves on request.
package salesforcetest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem/crmsync/crmsynctest"
)

// What the org knows its connected app by.
const (
	ClientID     = "3MVG9.tandem"
	ClientSecret = "consumer-secret"
	User         = "tandem@acme.example"
	Refresh      = "5Aep861.first"
)

// Org is the org. Its exported fields are set before it is asked.
type Org struct {
	URL      string
	Key      string // PEM of the private key whose certificate the app has
	Instance string // that it names with a token
	Approved bool   // the user may use the app
	Used     int    // of the day's 1,000 requests
	Page     int    // records in one page of a query's answer
	Rotates  bool   // each refresh token is good once
	Faults   crmsynctest.Faults

	public  *rsa.PublicKey
	mu      sync.Mutex
	tokens  map[string]bool
	refresh string
	records []*record
	made    int
	queries []string
}

type record struct {
	object, id string
	fields     map[string]any
	data       []byte
}

// appKey is the key of every org's app: making one takes longer than most tests.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Start starts an org that ends with the test. It has one queue for cases, Calls.
func Start(t testing.TB) *Org {
	t.Helper()
	key, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	o := &Org{Approved: true, Page: 2, public: &key.PublicKey, tokens: make(map[string]bool), refresh: Refresh}
	o.Key = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/oauth2/token", o.token)
	const base = "/services/data/v64.0"
	for pattern, h := range map[string]http.HandlerFunc{
		"GET " + base + "/query":                               o.query,
		"GET " + base + "/parameterizedSearch":                 o.search,
		"GET " + base + "/query/{rest}":                        o.query,
		"GET " + base + "/sobjects/{object}/describe":          o.describe,
		"GET " + base + "/sobjects/{object}/{id}":              o.get,
		"DELETE " + base + "/sobjects/{object}/{id}":           o.remove,
		"POST " + base + "/sobjects/{object}":                  o.create,
		"GET " + base + "/sobjects/{object}/{field}/{value}":   o.getBy,
		"PATCH " + base + "/sobjects/{object}/{field}/{value}": o.upsert,
	} {
		mux.HandleFunc(pattern, o.guarded(h))
	}
	s := httptest.NewServer(o.Faults.Wrap(mux))
	t.Cleanup(s.Close)
	o.URL, o.Instance = s.URL, s.URL
	o.add("Group", map[string]any{"Type": "Queue", "DeveloperName": "Calls"})
	return o
}

var prefixes = map[string]string{"Case": "500", "Contact": "003", "CaseComment": "00a", "ContentVersion": "068", "ContentDocument": "069", "Group": "00G"}

func (o *Org) add(object string, fields map[string]any) *record {
	o.made++
	r := &record{object: object, id: fmt.Sprintf("%s%015d", prefixes[object], o.made), fields: fields}
	now := time.Now().UTC().Add(time.Duration(o.made) * time.Millisecond).Format("2006-01-02T15:04:05.000+0000")
	fields["Id"], fields["CreatedDate"], fields["LastModifiedDate"] = r.id, now, now
	if object == "Case" {
		fields["IsClosed"], fields["ClosedDate"] = false, nil
	}
	o.records = append(o.records, r)
	return r
}

// refuse answers as Salesforce does.
func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, []map[string]any{{"errorCode": code, "message": message}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// guarded lets in who has a token that is good, and counts.
func (o *Org) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !o.tokens[token] {
			refuse(w, http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
			return
		}
		o.Used++
		w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/1000", o.Used))
		if o.Used > 1000 {
			refuse(w, http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
			return
		}
		h(w, r)
	}
}

// token gives tokens for what the app may show: a JWT of the user, or a refresh token.
func (o *Org) token(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	invalid := func(code, words string) {
		answer(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": words})
	}
	given := map[string]any{"instance_url": o.Instance, "token_type": "Bearer", "issued_at": "1", "id": o.URL + "/id/1/2"}
	switch r.PostFormValue("grant_type") {
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		claims := new(jwt.RegisteredClaims)
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(o.URL), jwt.WithIssuer(ClientID), jwt.WithSubject(User), jwt.WithExpirationRequired())
		_, err := parser.ParseWithClaims(r.PostFormValue("assertion"), claims, func(*jwt.Token) (any, error) { return o.public, nil })
		if err != nil || time.Until(claims.ExpiresAt.Time) > 3*time.Minute {
			invalid("invalid_grant", "invalid assertion")
			return
		}
		if !o.Approved {
			invalid("invalid_grant", "user hasn't approved this consumer")
			return
		}
	case "refresh_token":
		if r.PostFormValue("client_id") != ClientID || r.PostFormValue("client_secret") != ClientSecret {
			invalid("invalid_client", "invalid client credentials")
			return
		}
		if r.PostFormValue("refresh_token") != o.refresh {
			invalid("invalid_grant", "expired access/refresh token")
			return
		}
		if o.Rotates {
			o.refresh = rand.Text()
			given["refresh_token"] = o.refresh
		}
	default:
		invalid("unsupported_grant_type", "grant type not supported")
		return
	}
	token := "00D." + rand.Text()
	o.tokens[token] = true
	given["access_token"] = token
	answer(w, http.StatusOK, given)
}

// Expire ends every session.
func (o *Org) Expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.tokens)
}

// Add makes a record as somebody in the org would, and returns its id.
func (o *Org) Add(object string, fields map[string]any) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.add(object, fields).id
}

// Set changes a field of a record.
func (o *Org) Set(id, field string, value any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r := o.byID("", id); r != nil {
		r.fields[field] = value
	}
}

// Delete deletes a record.
func (o *Org) Delete(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r := o.byID("", id); r != nil {
		o.drop(r)
	}
}

// Field is a field of a record as text.
func (o *Org) Field(id, field string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r := o.byID("", id); r != nil && r.fields[field] != nil {
		return fmt.Sprint(r.fields[field])
	}
	return ""
}

// Count counts an object's records that have the value in the field.
func (o *Org) Count(object, field string, value any) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.records {
		if r.object == object && r.fields[field] == value {
			n++
		}
	}
	return n
}

// Comments are the comments of a case.
func (o *Org) Comments(ticket string) (list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.records {
		if r.object == "CaseComment" && r.fields["ParentId"] == ticket {
			list = append(list, r.fields["CommentBody"].(string))
		}
	}
	return list
}

// Files are the files of a case that bear the name, oldest first.
func (o *Org) Files(ticket, name string) (list [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.records {
		if r.object == "ContentVersion" && r.fields["FirstPublishLocationId"] == ticket && r.fields["Title"] == name {
			list = append(list, r.data)
		}
	}
	return list
}
