package servicenow_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/servicenow"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What ServiceNow, or whoever stands in its place, answers may be anything.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"result":[{"sys_id":"0123456789abcdef0123456789abcdef","file_name":"x.wav","size_bytes":"10","sys_created_on":"2026-11-22 06:00:00"}]}`))
	f.Add([]byte(`{"result":{"sys_id":"0123456789abcdef0123456789abcdef","work_notes":"[k]"}}`))
	f.Add([]byte(`{"result":[{"sys_id":"../../x","sys_created_on":"soon"}]}`))
	f.Add([]byte(`{"result":[]}`))
	f.Add([]byte(`[]`))
	var body []byte
	answer := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})
	p, err := servicenow.New(answer).Open(crmsync.Connection{BaseURL: "https://x.example.com", Credentials: crmsync.Credentials{User: "u", Password: "p"}})
	if err != nil {
		f.Fatal(err)
	}
	good := func(id string) bool { return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "" }
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if list, err := p.Attachments(ctx, strings.Repeat("0", 32), "x.wav"); err == nil {
			for _, a := range list {
				if a.Name != "x.wav" || !good(a.ID) {
					t.Errorf("%+v", a)
				}
			}
		}
		if id, err := p.EnsureTicket(ctx, crmsynctest.NewCall("")); err == nil && !good(id) {
			t.Errorf("ticket %q", id)
		}
	})
}
