package messenger_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/messenger"
	"tandem/chat/messenger/messengertest"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is an account on a fake platform.
type rig struct {
	t testing.TB
	messengertest.Platform
	chat.Channel
	ann chat.Person
}

func newRig(t testing.TB) *rig {
	t.Helper()
	p := messengertest.New(began)
	api := httptest.NewServer(p)
	t.Cleanup(func() { p.Close(); api.Close() })
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	account := p.Account(api.URL)
	account.Settings["media_hosts"] = "fbcdn.net"
	c, err := messenger.Maker().Open(account, chat.Needs{Client: client, Now: p.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, Platform: p, Channel: c, ann: chat.Person{ID: p.Customer(0)}}
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
func same(t *testing.T, name string, got any, want string) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal([]byte(want), &tree); err != nil {
		t.Fatalf("%s: %v in %s", name, err, want)
	}
	w, _ := json.Marshal(tree)
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", name, g, w)
	}
}
