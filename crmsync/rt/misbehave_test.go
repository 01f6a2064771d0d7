package rt_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/rt"
	"tandem/recording"
)

// Every way in which the server in front of RT, or the way to it, can fail, and what that means for trying again.
func TestFailuresAreUnderstood(t *testing.T) {
	ticket := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":1,"Status":"open"}`) }
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   recording.Class
		after  time.Duration
	}{
		{"quota", status(429, "Retry-After", "120"), recording.ClassThrottled, 2 * time.Minute},
		{"quota without a word", status(429), recording.ClassThrottled, 0},
		{"maintenance", status(503, "Retry-After", "60"), recording.ClassRetry, time.Minute},
		{"broken", status(500), recording.ClassRetry, 0},
		{"locked out", status(401), recording.ClassUnauthorized, 0},
		{"no right", status(403), recording.ClassUnauthorized, 0},
		{"gone", status(410), recording.ClassGone, 0},
		{"too large", status(413), recording.ClassTooLarge, 0},
		{"refused for good", status(422), recording.ClassRejected, 0},
		{"moved elsewhere", status(307, "Location", "http://127.0.0.1:1/"), recording.ClassRejected, 0},
		{"cut off before the answer", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}, recording.ClassDoubt, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /REST/2.0/ticket/1", ticket)
			mux.Handle("/", c.answer)
			server := httptest.NewServer(mux)
			defer server.Close()
			p := open(t, crmsync.Connection{Tenant: uuid.New(), BaseURL: server.URL, Credentials: crmsync.Credentials{Token: "1-1-x"}})
			_, err := p.Attach(context.Background(), "1", crmsync.File{Name: "x.wav", ContentType: "audio/x-wav", Size: 10}, bytes.NewReader(make([]byte, 10)))
			var e *recording.SendError
			if !errors.As(err, &e) || e.Class != c.want || e.RetryAfter != c.after {
				t.Errorf("%v", err)
			}
			if _, err := p.EnsureTicket(context.Background(), crmsynctest.NewCall("+4989555000")); err == nil {
				t.Error("a ticket was made")
			} else if strings.Contains(err.Error(), "4989555000") || strings.Contains(err.Error(), "1-1-x") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if len(header) > 0 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
	}
}

// What RT, or whoever stands in its place, answers may be anything.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"items":[{"id":"7","Filename":"x.wav","ContentLength":"10","Created":"2026-11-21T19:55:22Z"}],"pages":1}`))
	f.Add([]byte(`{"items":[{"id":7}],"pages":0.0}`))
	f.Add([]byte(`{"items":[{"id":-1}],"pages":1e300}`))
	f.Add([]byte(`{"items":[{}],"pages":1e300}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[]`))
	var body []byte
	answer := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})
	p, err := rt.New(answer).Open(crmsync.Connection{BaseURL: "http://rt.test", Credentials: crmsync.Credentials{Token: "t"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if list, err := p.Attachments(ctx, "1", "x.wav"); err == nil {
			for _, a := range list {
				if a.Name != "x.wav" || strings.Trim(a.ID, "0123456789") != "" {
					t.Errorf("%+v", a)
				}
			}
		}
		if id, err := p.EnsureTicket(ctx, crmsynctest.NewCall("")); err == nil && (id == "" || strings.Trim(id, "0123456789") != "") {
			t.Errorf("ticket %q", id)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
