package signaling_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/chat"
	"tandem/chat/attach"
	"tandem/chat/web"
	"tandem/crm"
	"tandem/internal/storage"
	"tandem/signaling"
	"tandem/signaling/browsertest"
)

// shop gives the house a widget "shop", before its hub is made.
func (h *house) shop() *web.Service {
	h.Helper()
	keys, err := storage.OpenKeys(h.TempDir() + "/keys")
	h.ok(err)
	blobs, err := storage.OpenBlobs(h.ctx, "file:"+h.TempDir())
	h.ok(err)
	log := slog.New(slog.DiscardHandler)
	media := chat.NewMediaStore(chat.MediaConfig{DB: h.db, Bus: h.bus, Keys: keys, Blobs: blobs, Cleaner: attach.New(attach.Config{}), Log: log})
	h.chat = chat.New(chat.Config{
		DB: h.db, Events: h.log, Bus: h.bus, Keys: keys, Queues: h.queues, CRM: crm.New(crm.Config{DB: h.db, Events: h.log, Keys: keys, Blobs: blobs, Log: log}), Media: media,
		Makers: []chat.Maker{web.Maker(h.bus)}, Log: log, Metrics: prometheus.NewRegistry(),
	})
	_, err = h.chat.AddAccount(h.ctx, h.tenant, chat.AccountChange{Channel: chat.Web, Name: new("shop")})
	h.ok(err)
	return web.New(web.Config{
		DB: h.db, Keys: keys, Events: h.log, Bus: h.bus, Chat: h.chat, Media: media, Queues: h.queues, Log: log, Vouched: h.identity.ReadClientToken,
		Zone: func(context.Context, uuid.UUID) (string, error) { return "UTC", nil },
	})
}

func (h *house) hello(more map[string]any) map[string]any {
	hello := map[string]any{"widget": "shop", "origin": "http" + h.url[len("ws"):len(h.url)-len("/ws")]}
	for k, v := range more {
		hello[k] = v
	}
	return hello
}

func TestVisitorHearsOfAnswers(t *testing.T) {
	h := newHouse(t)
	p := browsertest.Open(t, h.url, h.hello(nil))
	client := uuid.NewString()
	p.Send("message", map[string]any{"client_id": client, "text": "hi"})
	sent := p.Wait("sent", "client_id", client)
	conversation := uuid.MustParse(sent.Get("conversation_id"))
	// Another page of the same visitor, which was away when the agent answered.
	creds := map[string]any{"visitor": p.Welcome.Get("visitor", "id"), "secret": p.Welcome.Get("visitor", "secret")}
	_, err := h.chat.Send(h.ctx, h.tenant, conversation, chat.NewMessage{Text: "hello", Name: "Anna"})
	h.ok(err)
	browsertest.Eventually(t, "the page is told of the answer", func() bool { return containsText(p, "hello") })
	h.ok(h.chat.Typing(h.ctx, h.tenant, conversation, true))
	p.Wait("typing", "on", "true")
	p.Leave()
	again := browsertest.Open(t, h.url, h.hello(creds))
	var w web.Welcome
	h.ok(json.Unmarshal(again.Welcome.Data, &w))
	if len(w.Messages) != 2 || w.Visitor.Secret != "" || w.Messages[0].Client != client || w.Messages[1].Text != "hello" {
		t.Fatalf("%s", again.Welcome.Data)
	}
	// What the page has already does not come again.
	again.Leave()
	creds["since"] = map[string]int64{conversation.String(): w.Conversations[0].Rev}
	third := browsertest.Open(t, h.url, h.hello(creds))
	w = web.Welcome{}
	h.ok(json.Unmarshal(third.Welcome.Data, &w))
	if len(w.Messages) != 0 {
		t.Errorf("%s", third.Welcome.Data)
	}
	// Agents' frames are not for visitors, and frames are short.
	third.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	third.Wait("error", "code", "unknown_frame")
	third.Send("message", map[string]any{"client_id": uuid.NewString(), "text": string(make([]byte, 20<<10))})
	if code := third.Closed(); code != 1009 {
		t.Errorf("a frame of more than 16 kB: closed with %d", code)
	}
}

func containsText(p *browsertest.Page, text string) bool {
	for {
		if !p.Has("thread") {
			return false
		}
		var t web.Thread
		if json.Unmarshal(p.Wait("thread").Data, &t) != nil {
			return false
		}
		for _, m := range t.Messages {
			if m.Text == text {
				return true
			}
		}
	}
}

func TestVisitorsAreRefused(t *testing.T) {
	h := newHouse(t, func(c *signaling.Config) { c.VisitorPages = 1 })
	browsertest.Open(t, h.url, h.hello(nil))
	for code, hello := range map[string]map[string]any{
		"visitor_unknown":    h.hello(map[string]any{"visitor": uuid.NewString(), "secret": "guess"}),
		"identity_invalid":   h.hello(map[string]any{"identity": map[string]string{"id": "42", "signature": "00"}}),
		"origin_not_allowed": {"widget": "shop", "origin": "https://evil.test"},
		"widget_not_found":   {"widget": "none"},
		"too_many_pages":     h.hello(nil),
		"web_calls_off":      h.hello(map[string]any{"customer": true}),
	} {
		p := browsertest.Dial(t, h.url)
		p.Send("hello", hello)
		p.Wait("error", "code", code)
	}
}

// Idle pages with the widget: what each takes of the server's memory, its client's share in this process included.
func BenchmarkIdleVisitors(b *testing.B) {
	h := newHouse(b, func(c *signaling.Config) { c.VisitorPages = 100_000 })
	first := browsertest.Open(b, h.url, h.hello(nil))
	creds := h.hello(map[string]any{"visitor": first.Welcome.Get("visitor", "id"), "secret": first.Welcome.Get("visitor", "secret")})
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before, pages := inUse(), 0
	for b.Loop() {
		browsertest.Open(b, h.url, creds)
		pages++
	}
	if pages > 0 {
		b.ReportMetric(float64(inUse()-before)/float64(pages)/1024, "kB/page")
	}
}
