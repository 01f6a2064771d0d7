package meta_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/meta"
	"tandem/chat/meta/metatest"
	"tandem/internal/fault"
)

func client(t *testing.T, do http.HandlerFunc) (*meta.Client, *httptest.Server) {
	t.Helper()
	api := httptest.NewServer(do)
	t.Cleanup(api.Close)
	a := metatest.Account(api.URL+"/meta", map[string]string{"media_hosts": "fbsbx.com, fbcdn.net"})
	h := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(h.CloseIdleConnections)
	c, err := meta.NewClient(a, chat.Needs{Client: h, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c, api
}

func TestAnswersThatAreNoSuccess(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header string // Retry-After
		body   string
		want   chat.Verdict
		code   string
		after  time.Duration
	}{
		{"Meta's error", 400, "", `{"error":{"code":131047}}`, chat.VerdictWindow, "131047", 0},
		{"wait", 429, "30", `{"error":{"code":613}}`, chat.VerdictThrottled, "613", 30 * time.Second},
		{"unknown and its own fault", 500, "", `{"error":{"code":424242}}`, chat.VerdictRetry, "424242", 0},
		{"unknown and ours", 400, "", `{"error":{"code":424242}}`, chat.VerdictRejected, "424242", 0},
		{"no code", 400, "", `{"error":{"message":"?"}}`, chat.VerdictRejected, "", 0},
		{"odd types", 400, "", `{"error":{"code":"190","error_subcode":"463","error_data":"x"}}`, chat.VerdictReauthorise, "190/463", 0},
		{"a proxy's page", 503, "5", `<h1>no</h1>`, chat.VerdictRetry, "http/503", 5 * time.Second},
		{"a gateway's page", 502, "", `<h1>no</h1>`, chat.VerdictDoubt, "http/502", 0},
		{"too many", 429, "999999999", ``, chat.VerdictThrottled, "http/429", 0},
		{"no JSON", 404, "", `nothing`, chat.VerdictRejected, "http/404", 0},
		{"unauthorised", 401, "", ``, chat.VerdictReauthorise, "http/401", 0},
		{"redirect", 302, "", ``, chat.VerdictPaused, "http/302", 0},
		{"half an answer", 200, "", `{"messages":[`, chat.VerdictDoubt, "", 0},
	} {
		graph, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		var out map[string]any
		err := graph.Call(t.Context(), http.MethodPost, "PN1/messages", nil, map[string]string{"to": "15551230000"}, &out)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != c.want || e.Code != c.code || e.After != c.after {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestAddressesHaveNoSecrets(t *testing.T) {
	graph, api := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/meta/v23.0/PN1/messages" || r.Header.Get("Authorization") != "Bearer "+metatest.Token || strings.Contains(r.RequestURI, metatest.Token) {
			t.Errorf("asked for %s with %v", r.RequestURI, r.Header)
		}
		_, _ = io.WriteString(w, `{}`)
	})
	if err := graph.Call(t.Context(), http.MethodGet, "PN1/messages", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	api.Close()
	err := graph.Call(t.Context(), http.MethodGet, "PN1/messages", nil, nil, nil)
	if err == nil || strings.Contains(err.Error(), "PN1") || strings.Contains(err.Error(), metatest.Token) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestUploadStreamsTheFile(t *testing.T) {
	const size = 3 << 20
	graph, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		part, header, err := r.FormFile("file")
		if err != nil {
			t.Errorf("no file: %v", err)
			return
		}
		n, _ := io.Copy(io.Discard, part)
		if n != size || header.Filename != `a "bill".pdf` || header.Header.Get("Content-Type") != "application/pdf" || r.FormValue("type") != "application/pdf" || r.ContentLength < size {
			t.Errorf("%d bytes of %q, %v, length %d", n, header.Filename, r.Form, r.ContentLength)
		}
		_, _ = io.WriteString(w, `{"id":"7"}`)
	})
	m := &chat.OutgoingMedia{Kind: chat.File, Name: `a "bill".pdf`, ContentType: "application/pdf", Bytes: size, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size)), nil
	}}
	var out struct {
		ID meta.Text `json:"id"`
	}
	if err := graph.Upload(t.Context(), "PN1/media", map[string]string{"type": m.ContentType}, m, &out); err != nil || out.ID != "7" {
		t.Fatalf("%v, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *chat.SendError
	if err := graph.Upload(ctx, "PN1/media", nil, m, &out); !errors.As(err, &e) || e.Verdict != chat.VerdictRetry {
		t.Errorf("an upload that was broken off is in doubt: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFilesOfOtherHostsAreNotFetched(t *testing.T) {
	graph, api := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			t.Error("no token")
		}
		w.Header().Set("Content-Disposition", `attachment; filename="a.pdf"`)
		_, _ = io.WriteString(w, "data")
	})
	m, err := graph.File(t.Context(), api.URL+"/f", true)
	if err != nil {
		t.Fatal(err)
	}
	m.Body.Close()
	if m.Name != "a.pdf" || m.Bytes != 4 {
		t.Errorf("%+v", m)
	}
	for _, address := range []string{
		"", "::", "file:///etc/passwd", "gopher://127.0.0.1/", "http://127.0.0.1:1/", "https://fbcdn.net.evil.test/", "https://evilfbcdn.net/",
		"http://scontent.fbcdn.net/", "https://user@scontent.fbcdn.net/", "https://scontent.fbcdn.net:8443/", "http://169.254.169.254/latest/meta-data",
		strings.Replace(api.URL, "http://", "http://x@", 1) + "/f", "https://[::1]/", "//scontent.fbcdn.net/",
	} {
		if _, err := graph.File(t.Context(), address, true); !errors.Is(err, meta.ErrHost) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for _, base := range []string{"", "graph.facebook.com", "ftp://x", "https://", "https://a:b@graph.facebook.com"} {
		_, err := meta.NewClient(metatest.Account(base, map[string]string{}), chat.Needs{})
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", base, err)
		}
	}
}
