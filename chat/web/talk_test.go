package web_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/web"
)

func TestAMessageComesOnce(t *testing.T) {
	h := newHouse(t)
	v := h.visitor(web.Hello{})
	p := h.page(v)
	client := uuid.New()
	say := map[string]any{"client_id": client, "text": "<script>alert(1)</script>"}
	first, err := h.do(p, "message", say)
	h.ok(err)
	for range 60 { // a repeat is no new message for the rate limit either
		again, err := h.do(p, "message", say)
		h.ok(err)
		if again != first {
			t.Fatalf("%+v, then %+v", first, again)
		}
	}
	m := h.thread(v).Messages
	if len(m) != 1 || m[0].Client != client.String() || m[0].Text != say["text"] || !m[0].Mine || m[0].Status != chat.StatusSent {
		t.Fatalf("%+v", m)
	}
	// Another visitor's message with the same id is refused, not swallowed and not shown.
	other := h.visitor(web.Hello{})
	_, err = h.do(h.page(other), "message", map[string]any{"client_id": client, "text": "mine"})
	h.refused("client_id_used", err)
	for name, bad := range map[string]map[string]any{
		"message_empty":      {"client_id": uuid.New(), "text": "  "},
		"message_too_long":   {"client_id": uuid.New(), "text": strings.Repeat("字", 4001)},
		"bad_frame":          {"text": "no id"},
		"attachment_unknown": {"client_id": uuid.New(), "text": "x", "attachments": []uuid.UUID{uuid.New()}},
	} {
		_, err := h.do(p, "message", bad)
		h.refused(name, err)
	}
}

func TestReturningPageGetsWhatItMissed(t *testing.T) {
	h := newHouse(t)
	v := h.visitor(web.Hello{})
	h.say(v, "one")
	had := h.thread(v)
	c := had.Conversations[0]
	h.say(v, "two")
	_, err := h.chat.Send(t.Context(), h.tenant, c.ID, chat.NewMessage{Text: "three", Name: "Anna"})
	h.ok(err)
	h.ok2(h.chat.AddNote(t.Context(), h.tenant, c.ID, nil, "Anna", "not for customers", nil))
	news, err := h.widget.Thread(t.Context(), v, map[uuid.UUID]int64{c.ID: c.Rev})
	h.ok(err)
	if len(news.Messages) != 2 || news.Messages[0].Text != "two" || news.Messages[1].Text != "three" || news.Messages[1].Mine || news.Messages[1].Name != "Anna" {
		t.Fatalf("%+v", news.Messages)
	}
	if again, err := h.widget.Thread(t.Context(), v, map[uuid.UUID]int64{c.ID: news.Conversations[0].Rev}); err != nil || len(again.Messages) != 0 {
		t.Errorf("%+v %v", again, err)
	}
	// Ticks: delivered when the page has it, read when it is seen; never back.
	upto := news.Messages[1].ID
	for _, step := range []struct {
		read bool
		want chat.Status
	}{{false, chat.StatusDelivered}, {true, chat.StatusRead}, {false, chat.StatusRead}} {
		_, err := h.do(h.page(v), "seen", map[string]any{"upto": upto, "read": step.read})
		h.ok(err)
		if m := h.thread(v).Messages; m[2].Status != step.want {
			t.Errorf("status %s, want %s", m[2].Status, step.want)
		}
	}
	// Nobody else's page moves them.
	other := h.visitor(web.Hello{})
	_, err = h.do(h.page(other), "seen", map[string]any{"upto": upto, "read": true})
	h.ok(err)
	// Quotes.
	_, err = h.do(h.page(v), "message", map[string]any{"client_id": uuid.New(), "text": "four", "quote": news.Messages[0].ID})
	h.ok(err)
	if m := h.thread(v).Messages; m[3].Quote == nil || m[3].Quote.Text != "two" {
		t.Errorf("%+v", m[3])
	}
}

func (h *house) ok2(_ any, err error) {
	h.Helper()
	h.ok(err)
}

func TestEndAndRating(t *testing.T) {
	h := newHouse(t)
	v := h.visitor(web.Hello{})
	p := h.page(v)
	h.say(v, "hi")
	c := h.thread(v).Conversations[0]
	rate := func(p *web.Page, score int) error {
		_, err := h.do(p, "rate", map[string]any{"conversation": c.ID, "score": score, "comment": "fine"})
		return err
	}
	h.refused("rating_invalid", rate(p, 5)) // it has not ended
	_, err := h.do(p, "end", nil)
	h.ok(err)
	if got := h.thread(v).Conversations[0]; got.State != chat.Closed {
		t.Fatalf("%+v", got)
	}
	h.refused("rating_invalid", rate(p, 6))
	h.refused("rating_invalid", rate(h.page(h.visitor(web.Hello{})), 5))
	h.ok(rate(p, 4))
	if got := h.thread(v).Conversations[0]; got.Rating != 4 {
		t.Errorf("%+v", got)
	}
	h.ok(rate(p, 5)) // a change of mind: reports count the first
	if n := h.count(`SELECT count(*) FROM events e JOIN conversations c ON conversation_id = subject
		WHERE type = 'conversation.rated' AND (e.data->>'queue')::uuid = queue_id AND e.data->>'score' || coalesce(e.data->>'again', '') IN ('4', '5true')`); n != 2 {
		t.Errorf("%d ratings are told as they should be", n)
	}
	_, err = h.do(p, "transcript", map[string]any{"email": "rosa@example.test"})
	h.refused("mail_off", err)
	_, err = h.do(p, "slots", nil)
	h.ok(err)
}

func (h *house) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.widget.Handler().ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	h := newHouse(t)
	set := web.Defaults()
	set.Origins = []string{"https://shop.example.test"}
	set.Texts = map[string]web.Text{"en": {Greeting: "</script><b>hi</b>"}}
	_, err := h.widget.SetSettings(t.Context(), h.tenant, h.account, set)
	h.ok(err)
	w := h.serve(httptest.NewRequest(http.MethodGet, "/widget.js?account=shop", nil))
	if body := w.Body.String(); w.Code != 200 || !strings.HasPrefix(body, "(()=>{let c={\"account\":\"shop\"") || strings.Contains(body, "</script>") || strings.Contains(body, h.secret) {
		t.Errorf("%d %s", w.Code, body)
	}
	w = h.serve(httptest.NewRequest(http.MethodGet, "/widget/shop/", nil))
	csp := w.Header().Get("Content-Security-Policy")
	if w.Code != 200 || !strings.HasSuffix(csp, "frame-ancestors 'self' https://shop.example.test") || strings.Contains(csp, "unsafe") || strings.Contains(w.Body.String(), "</script><b>") {
		t.Errorf("%d %s %s", w.Code, csp, w.Body)
	}
	for path, code := range map[string]int{
		"/widget.js?account=none": 404, "/widget/none/": 404, "/widget/-/assets/app-X1.js": 200, "/widget/-/assets/none.js": 404, "/widget/shop/files/" + uuid.NewString(): 401,
	} {
		if w := h.serve(httptest.NewRequest(http.MethodGet, path, nil)); w.Code != code {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func (h *house) sync(hello map[string]any, frames ...map[string]any) map[string]json.RawMessage {
	h.Helper()
	body, err := json.Marshal(map[string]any{"hello": hello, "frames": frames})
	h.ok(err)
	w := h.serve(httptest.NewRequest(http.MethodPost, "https://cc.example.test/widget/shop/sync", bytes.NewReader(body)))
	var out struct {
		Frames []struct {
			ID   string
			Type string
			Data json.RawMessage
		}
	}
	h.ok(json.Unmarshal(w.Body.Bytes(), &out))
	found := map[string]json.RawMessage{}
	for _, f := range out.Frames {
		found[f.Type] = f.Data
	}
	return found
}

// Pages without a socket do everything by requests.
func TestWithoutASocket(t *testing.T) {
	h := newHouse(t)
	client := uuid.New()
	out := h.sync(map[string]any{"origin": "https://cc.example.test"}, map[string]any{"id": "1", "type": "message", "data": map[string]any{"client_id": client, "text": "hi"}})
	var welcome web.Welcome
	h.ok(json.Unmarshal(out["welcome"], &welcome))
	if out["sent"] == nil || len(welcome.Messages) != 1 || welcome.Visitor.Secret == "" {
		t.Fatalf("%s", out)
	}
	again := h.sync(map[string]any{"origin": "https://cc.example.test", "visitor": welcome.Visitor.ID, "secret": welcome.Visitor.Secret},
		map[string]any{"id": "1", "type": "message", "data": map[string]any{"client_id": client, "text": "hi"}})
	var second web.Welcome
	h.ok(json.Unmarshal(again["welcome"], &second))
	if len(second.Messages) != 1 || second.Visitor.Secret != "" {
		t.Errorf("%s", again)
	}
	if out := h.sync(map[string]any{"origin": "https://evil.test"}); out["error"] == nil || out["welcome"] != nil {
		t.Errorf("%s", out)
	}
}

func TestUploads(t *testing.T) {
	h := newHouse(t)
	v := h.visitor(web.Hello{})
	upload := func(v web.Visitor, name string, content []byte) *httptest.ResponseRecorder {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("file", name)
		h.ok(err)
		_, err = part.Write(content)
		h.ok(err)
		h.ok(form.Close())
		r := httptest.NewRequest(http.MethodPost, "/widget/shop/uploads", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Tandem-Visitor", v.ID.String())
		r.Header.Set("Tandem-Secret", v.Secret)
		return h.serve(r)
	}
	var picture bytes.Buffer
	_, err := picture.ReadFrom(pngFile())
	h.ok(err)
	w := upload(v, "a.png", picture.Bytes())
	var a chat.Attachment
	if h.ok(json.Unmarshal(w.Body.Bytes(), &a)); w.Code != 201 || a.Kind != chat.Image {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for name, content := range map[string]string{"a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>", "b.png": "<html><script>alert(1)</script>", "c.zip": "PK\x03\x04", "d.mp4": "MZ"} {
		if w := upload(v, name, []byte(content)); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := upload(web.Visitor{ID: v.ID, Secret: "guess"}, "a.png", picture.Bytes()); w.Code != 401 {
		t.Errorf("a guessed secret: %d", w.Code)
	}
	// Only who uploaded it sends it, once, and only who is in the conversation opens it.
	other := h.visitor(web.Hello{})
	send := func(v web.Visitor) error {
		_, err := h.do(h.page(v), "message", map[string]any{"client_id": uuid.New(), "text": "see", "attachments": []uuid.UUID{a.ID}})
		return err
	}
	h.refused("attachment_unknown", send(other))
	h.ok(send(v))
	h.refused("attachment_unknown", send(v))
	m := h.thread(v).Messages
	if len(m) != 1 || len(m[0].Attachments) != 1 || m[0].Attachments[0].State != "stored" {
		t.Fatalf("%+v", m)
	}
	open := func(v web.Visitor) int {
		r := httptest.NewRequest(http.MethodGet, "/widget/shop/files/"+a.ID.String(), nil)
		r.Header.Set("Tandem-Visitor", v.ID.String())
		r.Header.Set("Tandem-Secret", v.Secret)
		return h.serve(r).Code
	}
	if open(v) != 200 || open(other) != 404 {
		t.Errorf("opened: %d by its visitor, %d by another", open(v), open(other))
	}
}

func TestSettings(t *testing.T) {
	h := newHouse(t)
	for name, change := range map[string]func(*web.Settings){
		"color":     func(s *web.Settings) { s.Color = "red;}" },
		"position":  func(s *web.Settings) { s.Position = "top" },
		"theme":     func(s *web.Settings) { s.Theme = "" },
		"languages": func(s *web.Settings) { s.Languages = []string{"xx"} },
		"texts":     func(s *web.Settings) { s.Texts = map[string]web.Text{"en": {Title: strings.Repeat("x", 501)}} },
		"form":      func(s *web.Settings) { s.Form = []web.FormField{{Name: "reserved_bad_actor", Kind: "text"}} },
		"triggers":  func(s *web.Settings) { s.Triggers = []web.Trigger{{ID: "a"}} },
		"origins":   func(s *web.Settings) { s.Origins = []string{"https://a.test; script-src *"} },
	} {
		set := web.Defaults()
		change(&set)
		_, err := h.widget.SetSettings(t.Context(), h.tenant, h.account, set)
		h.refused("widget_settings", err)
		_ = name
	}
	v, err := h.widget.Settings(t.Context(), h.tenant, h.account)
	if err != nil || v.Name != "shop" || v.Secret != "" || v.Settings.Color != web.Defaults().Color {
		t.Errorf("%+v %v", v, err)
	}
}
