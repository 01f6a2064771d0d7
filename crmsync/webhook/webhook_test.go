package webhook_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/webhook"
	"tandem/crmsync/webhook/webhooktest"
	"tandem/recording"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is a receiver and the way to open it with a change of the connection.
func start(t *testing.T) (*webhooktest.Server, func(func(*crmsync.Connection)) (crmsync.Provider, error)) {
	t.Helper()
	s := webhooktest.New()
	server := httptest.NewServer(s.Handler())
	transport := &http.Transport{}
	t.Cleanup(func() { transport.CloseIdleConnections(); server.Close() })
	tenant := uuid.New()
	vendor := webhook.New(transport)
	return s, func(change func(*crmsync.Connection)) (crmsync.Provider, error) {
		c := crmsync.Connection{
			Tenant: tenant, Provider: webhook.Name, BaseURL: server.URL + webhooktest.Path, Settings: map[string]string{webhook.FieldReads: "yes"},
			Credentials: crmsync.Credentials{Secret: webhooktest.Secret},
		}
		change(&c)
		return vendor.Open(c)
	}
}

func same(*crmsync.Connection) {}

func silent(c *crmsync.Connection) { c.Settings[webhook.FieldReads] = "no" }

func must(t *testing.T, p crmsync.Provider, err error) crmsync.Provider {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWebhook(t *testing.T) {
	s, open := start(t)
	p, err := open(same)
	crmsynctest.Run(t, crmsynctest.CRM{
		Provider: must(t, p, err), NoTicket: "r999", Faults: &s.Faults,
		Contents: func(_ *testing.T, ticket, name string) (list [][]byte) {
			for _, f := range s.Ticket(ticket).Files {
				if f.Name == name {
					list = append(list, f.Content)
				}
			}
			return list
		},
		Notes: func(_ *testing.T, ticket, text string) (n int) {
			for _, body := range s.Ticket(ticket).Notes {
				if strings.Contains(body, text) {
					n++
				}
			}
			return n
		},
		TicketRequest: "POST /hook", FileRequest: "POST /hook/attachments", NoteRequest: "POST /hook",
		Field: [2]string{"agent", "Ada"}, FieldOf: func(_ *testing.T, ticket, field string) string { return s.Ticket(ticket).Fields[field] },
	})
}

// A receiver that answers no questions gets everything at least once, with the same webhook-id each time.
func TestAtLeastOnce(t *testing.T) {
	s, open := start(t)
	p, err := open(silent)
	p = must(t, p, err)
	if l := p.Limits(); l.Lists || l.Idempotent {
		t.Errorf("too much is promised: %+v", l)
	}
	ctx := t.Context()
	ticket, err := p.EnsureTicket(ctx, crmsynctest.NewCall("+4989123456"))
	if err != nil {
		t.Fatal(err)
	}
	const name = "rec_1_p1_aa.wav"
	attach := func() error {
		_, err := p.Attach(ctx, ticket, crmsync.File{Name: name, ContentType: "audio/x-wav", Size: 5}, bytes.NewReader([]byte("RIFF1")))
		return err
	}
	s.Faults.Add(crmsynctest.Fault{On: "POST /hook/attachments", After: true})
	var e *recording.SendError
	if err := attach(); !errors.As(err, &e) || e.Class != recording.ClassDoubt {
		t.Errorf("a lost answer: %v", err)
	}
	if list, err := p.Attachments(ctx, ticket, name); err != nil || len(list) != 0 {
		t.Errorf("nobody has confirmed it: %v, %v", list, err)
	}
	if err := attach(); err != nil {
		t.Error(err)
	}
	if list, err := p.Attachments(ctx, ticket, name); err != nil || len(list) != 1 || list[0].Size != 5 {
		t.Errorf("confirmed: %v, %v", list, err)
	}
	ids := s.IDs()
	if n := len(ids); n < 2 || ids[n-1] != ids[n-2] || len(s.Ticket(ticket).Files) != 1 {
		t.Errorf("ids %v, files %d", ids, len(s.Ticket(ticket).Files))
	}
	if _, err := p.Read(ctx, ticket, "r1"); err == nil {
		t.Error("it was read")
	}
	if err := p.RemoveAttachment(ctx, ticket, "r1"); !errors.Is(err, recording.ErrCannotRemove) {
		t.Error(err)
	}
	if list, err := p.Tickets(ctx, "r1"); err != nil || list != nil {
		t.Error(list, err)
	}
}

// What the receiver says it stored must be what was sent.
func TestStoredSomethingElse(t *testing.T) {
	s, open := start(t)
	p, err := open(same)
	p = must(t, p, err)
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{`{"id":"r7","size":3}`, `{"id":"r7","sha256":"00"}`, `{"id":"` + strings.Repeat("r", 300) + `"}`, `[]`} {
		s.Faults.Add(crmsynctest.Fault{On: "POST /hook/attachments", Status: 200, Body: answer})
		if _, err := p.Attach(t.Context(), ticket, crmsync.File{Name: "x.wav", ContentType: "audio/x-wav", Size: 5}, bytes.NewReader([]byte("RIFF1"))); err == nil {
			t.Errorf("%s was believed", answer)
		}
	}
}

func TestConnections(t *testing.T) {
	_, open := start(t)
	for _, c := range []struct {
		name   string
		change func(*crmsync.Connection)
		opens  error
		tests  error
	}{
		{"good", same, nil, nil},
		{"no secret", func(c *crmsync.Connection) { c.Credentials.Secret = "" }, webhook.ErrSecret, nil},
		{"a short secret", func(c *crmsync.Connection) { c.Credentials.Secret = "whsec_AAAA" }, webhook.ErrSecret, nil},
		{"maybe", func(c *crmsync.Connection) { c.Settings[webhook.FieldReads] = "maybe" }, webhook.ErrReads, nil},
		{"no address", func(c *crmsync.Connection) { c.BaseURL = "crm" }, crmsync.ErrBaseURL, nil},
		{"another secret", func(c *crmsync.Connection) { c.Credentials.Secret = "whsec_" + strings.Repeat("AAAA", 10) }, nil, webhook.ErrRefused},
		{"another path", func(c *crmsync.Connection) { c.BaseURL += "/elsewhere" }, nil, webhook.ErrNotThere},
		{"nobody", func(c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, nil, webhook.ErrUnreachable},
	} {
		p, err := open(c.change)
		if !errors.Is(err, c.opens) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if err := p.Test(t.Context()); !errors.Is(err, c.tests) || (err == nil) != (c.tests == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
