package freshdesk_test

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
	"tandem/crmsync/freshdesk"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What Freshdesk, or whoever stands in its place, answers may be anything.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`[{"id":7,"tags":["ti-0"],"body_text":"[k]","attachments":[{"id":8,"name":"x.wav","size":10}]}]`))
	f.Add([]byte(`{"id":7,"attachments":[{"id":8,"name":"x.wav","size":10}]}`))
	f.Add([]byte(`[{"id":"../x"}]`))
	f.Add([]byte(`[{"id":null},{"id":-1}]`))
	f.Add([]byte(`{}`))
	var body []byte
	answer := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})
	p, err := freshdesk.New(answer).Open(crmsync.Connection{BaseURL: "https://x.example.com", Credentials: crmsync.Credentials{Token: "t"}})
	if err != nil {
		f.Fatal(err)
	}
	good := func(id string) bool { return id != "" && strings.Trim(id, "0123456789") == "" }
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if list, err := p.Attachments(ctx, "1", "x.wav"); err == nil {
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
