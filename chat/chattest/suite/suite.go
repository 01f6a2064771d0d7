// Package suite is the conformance suite of chat.Channel: what every adapter does the same way, tried against the platform's fake.
package suite

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
)

// Subject is an adapter and its platform's fake.
type Subject struct {
	Maker chat.Maker
	New   func(start time.Time) chattest.Platform
	// Golden are requests that the demo account accepts as they are: the vectors of the specification.
	Golden []chat.Hook
	// Fixtures are raw events, in the form that Platform.Requests takes.
	Fixtures [][]byte
	// PlainSecret: the platform shows a secret instead of signing the body.
	PlainSecret bool
	// Timeless: the platform does not say when things happened.
	Timeless bool
	// RetryKey: the platform takes a message once, however often it is sent with the same Outgoing.ID.
	RetryKey bool
	// States are the states of customers' files that the platform can tell apart.
	States []chattest.FileState
}

// Run tries everything.
func Run(t *testing.T, s Subject) {
	for _, part := range []struct {
		name string
		try  func(*testing.T, Subject)
	}{
		{"accepts", accepts},
		{"forged", forged},
		{"total", total},
		{"acts", acts},
		{"batch", batch},
		{"receipts", receipts},
		{"out", out},
		{"limit", limit},
		{"mediaIn", mediaIn},
		{"refused", refused},
		{"later", later},
		{"transport", transport},
		{"revoked", revoked},
		{"again", again},
		{"signals", signals},
		{"health", health},
		{"together", together},
	} {
		t.Run(part.name, func(t *testing.T) { part.try(t, s) })
	}
}

const public = "https://cc.example.test"

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is a fake platform, an account on it and the adapter, with a hook that accepts and decodes.
type rig struct {
	t       *testing.T
	s       Subject
	p       chattest.Platform
	f       *chattest.Fake
	account chat.Account
	channel chat.Channel
	api     *httptest.Server
	secrets []string // what no error may say

	mu     sync.Mutex
	events []chat.Event
	files  map[string]chattest.File // what we give out by URL
}

func newRig(t *testing.T, s Subject) *rig {
	t.Helper()
	p := s.New(began)
	r := &rig{t: t, s: s, p: p, f: p.Base(), files: map[string]chattest.File{}}
	r.api = httptest.NewServer(p)
	hooks := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.f.Close()
		r.api.Close()
		hooks.Close()
	})
	r.account = p.Account(r.api.URL)
	r.account.ID, r.account.Tenant, r.account.Channel = uuid.New(), uuid.New(), s.Maker.Channel
	path := "/hooks/" + string(s.Maker.Channel) + "/" + r.account.Name
	r.f.Point(public+path, hooks.URL+path)
	for _, v := range r.account.Secrets {
		if len(v) >= 6 {
			r.secrets = append(r.secrets, v)
		}
	}
	r.channel = r.open(r.account)
	return r
}

// open opens an account as the program does: with the defaults filled in.
func (r *rig) open(a chat.Account) chat.Channel {
	r.t.Helper()
	for _, field := range r.s.Maker.Fields {
		values := a.Settings
		if field.Secret {
			values = a.Secrets
		}
		if field.Required && values[field.Name] == "" && field.Default == "" {
			r.t.Fatalf("the fake's account has no %s", field.Name)
		}
		if values[field.Name] == "" && field.Default != "" {
			values[field.Name] = field.Default
		}
	}
	client := &http.Client{
		Timeout:       time.Minute,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r.t.Cleanup(client.CloseIdleConnections)
	c, err := r.s.Maker.Open(a, chat.Needs{Client: client, Now: r.f.Now, PublicURL: public})
	if err != nil {
		r.t.Fatalf("open the account: %v", err)
	}
	return c
}

// serve is the hook, and where files lie that we give by URL.
func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, "/media/") {
		r.mu.Lock()
		file, ok := r.files[req.URL.Path]
		r.mu.Unlock()
		if !ok {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Content-Type", file.ContentType)
		_, _ = w.Write(file.Data) // the fake's trouble
		return
	}
	body, err := io.ReadAll(req.Body)
	h := chat.Hook{Method: req.Method, URL: public + req.URL.RequestURI(), Query: req.URL.Query(), Header: req.Header, Body: body}
	answer, aerr := r.channel.Accept(h)
	if err = errors.Join(err, aerr); err != nil {
		r.t.Errorf("the hook refuses: %v", r.safe(err))
		http.Error(w, "refused", http.StatusForbidden)
		return
	}
	if answer.Events {
		events, err := r.channel.Decode(h)
		if err != nil {
			r.t.Errorf("decode: %v", r.safe(err))
		}
		r.mu.Lock()
		r.events = append(r.events, events...)
		r.mu.Unlock()
	}
	_, _ = w.Write(answer.Body) // the fake's trouble
}

// take delivers what is queued and returns what was decoded since the last time.
func (r *rig) take() []chat.Event {
	r.t.Helper()
	for _, e := range r.f.Flush(r.t.Context()) {
		if e.Status < 200 || e.Status > 299 {
			r.t.Errorf("a delivery is answered %d", e.Status)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	for _, e := range events {
		whole(r.t, e)
	}
	return events
}

// play has a customer do something and returns what was decoded of it.
func (r *rig) play(a chattest.Act) (id string, events []chat.Event) {
	r.t.Helper()
	id, err := r.f.Play(a)
	if err != nil {
		r.t.Fatal(err)
	}
	return id, r.take()
}

// message is like play for acts that make one message.
func (r *rig) message(a chattest.Act) (chat.Event, *chat.Incoming) {
	r.t.Helper()
	_, events := r.play(a)
	for _, e := range events {
		if e.Message != nil {
			return e, e.Message
		}
	}
	r.t.Fatalf("%s: no message in %d events", a.Kind, len(events))
	return chat.Event{}, nil
}

// meet has a customer write, so that the window is open and the person is known as the adapter knows them.
func (r *rig) meet(n int) chat.Event {
	r.t.Helper()
	e, _ := r.message(chattest.Act{Customer: r.p.Customer(n), Name: "Ann", Kind: chattest.Say, Text: "hello from a customer"})
	return e
}

// answer is a text to the person of an event.
func (r *rig) answer(e chat.Event, text string) chat.Outgoing {
	m := chat.Outgoing{ID: uuid.New(), To: e.From, Kind: chat.Text, Text: text, Author: chat.ByAgent}
	if e.Message != nil {
		m.Reply, m.ReplyUntil = e.Message.Reply, e.Message.ReplyUntil
	}
	return m
}

// send sends and looks at the error's words.
func (r *rig) send(ctx context.Context, m chat.Outgoing) (chat.Sent, *chat.SendError) {
	r.t.Helper()
	sent, err := r.channel.Send(ctx, m)
	if err == nil {
		return sent, nil
	}
	r.quiet(err, m.Text)
	var e *chat.SendError
	if !errors.As(err, &e) {
		r.t.Fatalf("an error of Send that is no SendError: %T", err)
	}
	return sent, e
}

// must sends what has to get through.
func (r *rig) must(m chat.Outgoing) chat.Sent {
	r.t.Helper()
	sent, err := r.send(r.t.Context(), m)
	if err != nil {
		r.t.Fatalf("send %s: %v (%s)", m.Kind, err, err.Detail)
	}
	return sent
}

// got is what the person of an event has received, at least n messages.
func (r *rig) got(n int) []chattest.Received {
	r.t.Helper()
	return r.gotBy(0, n)
}

func (r *rig) gotBy(customer, n int) []chattest.Received {
	r.t.Helper()
	all := r.f.Received(r.p.Customer(customer))
	if len(all) < n {
		r.t.Fatalf("the customer has got %d messages, not %d", len(all), n)
	}
	return all
}

// safe is an error that quiet has looked at.
func (r *rig) safe(err error) error {
	r.t.Helper()
	r.quiet(err)
	return err
}

// quiet fails where an error says what must not be in a log.
func (r *rig) quiet(err error, words ...string) {
	r.t.Helper()
	if err == nil {
		return
	}
	for n := range 3 {
		words = append(words, r.p.Customer(n))
	}
	for _, w := range append(words, r.secrets...) {
		if len(w) >= 6 && strings.Contains(err.Error(), w) {
			r.t.Errorf("an error quotes a secret, a text or a customer's id of %d letters", len(w))
		}
	}
}

// whole fails unless an event says exactly one thing.
func whole(t *testing.T, e chat.Event) {
	t.Helper()
	n := 0
	for _, set := range []bool{e.Message != nil, e.Receipt != nil, e.Reaction != nil, e.Edit != nil, e.Unsend != nil, e.Typing != nil, e.Contact != nil, e.Template != nil, e.Account != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		t.Errorf("an event says %d things: %+v", n, e)
	}
}

func can(err error) bool { return !errors.Is(err, chattest.ErrCannot) }

// verdicts are those that the platform's codes mean.
func verdicts(p chattest.Platform) map[chat.Verdict]bool {
	all := map[chat.Verdict]bool{}
	for _, c := range p.Codes() {
		all[c.Verdict] = true
	}
	return all
}

// mediaKinds are the kinds that go out, in a fixed order.
func mediaKinds(t chat.Traits) []chat.MediaKind {
	var all []chat.MediaKind
	for k := range t.Media {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
