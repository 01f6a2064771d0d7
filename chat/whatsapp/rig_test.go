package whatsapp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/whatsapp"
	"tandem/chat/whatsapp/whatsapptest"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is a number on a fake platform.
type rig struct {
	t testing.TB
	*whatsapptest.Platform
	chat.Channel
	ann chat.Person
}

func newRig(t testing.TB) *rig {
	t.Helper()
	p := whatsapptest.New(began)
	api := httptest.NewServer(p)
	t.Cleanup(func() { p.Close(); api.Close() })
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	c, err := whatsapp.Maker().Open(p.Account(api.URL), chat.Needs{Client: client, Now: p.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, Platform: p, Channel: c, ann: chat.Person{ID: p.Customer(0), Alias: whatsapptest.UserID(p.Customer(0))}}
}

// decode reads events as they come in one request.
func (r *rig) decode(events ...[]byte) []chat.Event {
	r.t.Helper()
	var all []chat.Event
	for _, h := range r.Signed(events...) {
		got, err := r.Decode(h)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, got...)
	}
	return all
}

// one reads an event that says one thing.
func (r *rig) one(event string) chat.Event {
	r.t.Helper()
	all := r.decode([]byte(event))
	if len(all) != 1 {
		r.t.Fatalf("%d events of %s", len(all), event)
	}
	return all[0]
}

func (r *rig) out(kind chat.Kind, text string) chat.Outgoing {
	return chat.Outgoing{ID: uuid.New(), To: r.ann, Kind: kind, Text: text, Author: chat.ByAgent}
}

// last is the last call of an operation, as it was sent.
func (r *rig) last(operation string) map[string]any {
	r.t.Helper()
	var found *chattest.Entry
	for _, e := range r.Log() {
		if e.Operation == operation {
			found = &e
		}
	}
	if found == nil {
		r.t.Fatalf("no call of %s", operation)
	}
	var body map[string]any
	if err := json.Unmarshal(found.Request, &body); err != nil {
		r.t.Fatal(err)
	}
	return body
}

// same compares as JSON.
func same(t *testing.T, name string, got, want any) {
	t.Helper()
	canonical := func(v any) string {
		b, ok := v.(string)
		if !ok {
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			b = string(raw)
		}
		var tree any
		if err := json.Unmarshal([]byte(b), &tree); err != nil {
			t.Fatalf("%s: %v in %s", name, err, b)
		}
		out, _ := json.Marshal(tree)
		return string(out)
	}
	if g, w := canonical(got), canonical(want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", name, g, w)
	}
}

func list(n int, title string) []chat.Option {
	var all []chat.Option
	for i := range n {
		all = append(all, chat.Option{ID: fmt.Sprintf("o%d", i), Title: title})
	}
	return all
}
