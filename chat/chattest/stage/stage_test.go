package stage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/stage"
	"tandem/chat/wechat/wechattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a stage with one platform, and a hook that keeps what it is given.
type rig struct {
	t        *testing.T
	platform *wechattest.Platform
	address  string

	mu     sync.Mutex
	bodies []string
	came   chan struct{}
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, platform: wechattest.New(time.Now()), came: make(chan struct{}, 100)}
	r.platform.SetMode(wechattest.Clear)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		r.came <- struct{}{}
	}))
	r.platform.Point("https://cc.example.test/hooks/wechat/demo", hook.URL)
	s, err := stage.New([]chattest.Platform{r.platform})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	r.address = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.platform.Close()
		server.Close()
		hook.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// do makes a request and returns what is answered.
func (r *rig) do(method, path, contentType, body string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.address+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (r *rig) await(what string) {
	r.t.Helper()
	select {
	case <-r.came:
	case <-time.After(time.Minute):
		r.t.Fatalf("%s does not reach the hook", what)
	}
}

func TestScript(t *testing.T) {
	r := newRig(t)
	customer := r.platform.Customer(0)
	status, body := r.do("POST", "/play/wechat/say", "application/json", `{"customer":"`+customer+`","text":"hello"}`)
	if status != 200 || !strings.Contains(body, `"id":`) {
		t.Fatalf("say: %d %s", status, body)
	}
	r.await("what a customer says")
	r.mu.Lock()
	if !strings.Contains(r.bodies[0], "hello") {
		t.Errorf("the hook got %q", r.bodies[0])
	}
	r.mu.Unlock()
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/play/wechat/react", `{"customer":"x","text":"👍","to":"1"}`, 501},
		{"POST", "/play/wechat/dance", `{"customer":"x"}`, 400},
		{"POST", "/play/wechat/say", `{"text":"nobody's"}`, 400},
		{"POST", "/play/fax/say", `{"customer":"x","text":"hello"}`, 404},
		{"POST", "/play/wechat/give", `{"customer":"x","file":{"kind":"image","name":"a.png","content_type":"image/png","data":"AAAA"}}`, 200},
		{"POST", "/play/wechat/behave", `{"customer":"x","misdeed":"refuse","code":"45015"}`, 200},
		{"POST", "/play/wechat/delivery", `{"times":3}`, 200},
		{"POST", "/play/wechat/revoke", `{"revoked":true}`, 200},
		{"GET", "/play/wechat/received?customer=x", "", 200},
		{"GET", "/play/wechat/received", "", 400},
		{"GET", "/play/wechat/customers", "", 200},
		{"GET", "/play/wechat/behaviours", "", 200},
		{"GET", "/play/", "", 200},
	} {
		if status, body := r.do(c.method, c.path, "application/json", c.body); status != c.status || !json.Valid([]byte(body)) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	if !r.platform.Revoked() {
		t.Error("the token is not revoked")
	}
	r.await("the picture")
	var log struct {
		Items []struct{ Operation, Request string }
	}
	_, body = r.do("GET", "/play/wechat/log", "", "")
	if err := json.Unmarshal([]byte(body), &log); err != nil || len(log.Items) == 0 || log.Items[0].Operation != "hook" || !strings.Contains(log.Items[0].Request, "hello") {
		t.Errorf("the log: %v %s", err, body)
	}
}

// Another site's page cannot play.
func TestForeignPage(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/play/wechat/say", "/as/wechat/0"} {
		if status, _ := r.do("POST", path, "text/plain", `{"customer":"x","text":"hello"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); status != 403 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestPage(t *testing.T) {
	r := newRig(t)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, value := range map[string]string{"do": "say", "text": "see <this>"} {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "a.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = part.Write([]byte("%PDF")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	status, body := r.do("POST", "/as/wechat/0", w.FormDataContentType(), form.String())
	if status != 200 || !strings.Contains(body, "nothing of the kind") {
		t.Errorf("a file of a kind that the platform does not take: %d", status)
	}
	if status, _ = r.do("POST", "/as/wechat/0", "application/x-www-form-urlencoded", url.Values{"do": {"say"}, "text": {"see <this>"}}.Encode()); status != 200 {
		t.Errorf("say: %d", status)
	}
	r.await("what a customer says")
	r.platform.Receive(r.platform.Customer(0), chattest.Received{Kind: "options", Text: "which?", Options: []chat.Option{{ID: "yes", Title: "Yes please"}}, Status: "read"})
	for language, words := range map[string][]string{"en": {"Customers of the fake channels", "see &lt;this&gt;", "which?", "Yes please", "read"}, "zh-CN": {"模拟渠道的客户", "已读"}} {
		status, body := r.do("GET", "/as/wechat/0", "", "", "Accept-Language", language)
		if status != 200 {
			t.Errorf("%s: %d", language, status)
		}
		for _, word := range words {
			if !strings.Contains(body, word) {
				t.Errorf("%s: %q is not on the page", language, word)
			}
		}
	}
	for _, do := range []url.Values{{"do": {"behave"}, "behaviour": {"refuse 45015"}}, {"do": {"deliver"}, "times": {"2"}, "revoked": {"on"}}, {"do": {"press"}, "text": {"yes"}}, {"do": {"begin"}}, {"do": {"block"}}, {"do": {"read"}}} {
		if status, body := r.do("POST", "/as/wechat/1", "application/x-www-form-urlencoded", do.Encode()); status != 200 || strings.Contains(body, "did not work") {
			t.Errorf("%v: %d", do, status)
		}
	}
	for _, path := range []string{"/as/page.css", "/as/page.js", "/as/wechat/0/thread", "/"} {
		if status, _ := r.do("GET", path, "", ""); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/as/wechat/99", "/as/fax/0", "/as/wechat/x"} {
		if status, _ := r.do("GET", path, "", ""); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}
