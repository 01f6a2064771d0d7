package freshdesk_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/freshdesk"
	"tandem/crmsync/freshdesk/freshdesktest"
	"tandem/recording"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is a Freshdesk and the way to open it with a change of the connection.
func start(t *testing.T) (*freshdesktest.Server, func(func(*crmsync.Connection)) (crmsync.Provider, error)) {
	t.Helper()
	s := freshdesktest.New()
	url, transport := crmsynctest.Serve(t, s.Handler())
	s.Base = url
	return s, crmsynctest.Opener(freshdesk.New(transport), crmsync.Connection{
		Tenant: uuid.New(), Provider: freshdesk.Name, BaseURL: url + "/", Credentials: crmsync.Credentials{Token: freshdesktest.Key},
	})
}

func opened(t *testing.T, open func(func(*crmsync.Connection)) (crmsync.Provider, error)) crmsync.Provider {
	t.Helper()
	p, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFreshdesk(t *testing.T) {
	s, open := start(t)
	crmsynctest.Run(t, crmsynctest.CRM{
		Provider: opened(t, open), NoTicket: "999999", Faults: &s.Faults, Hide: s.Hide,
		Contents: func(_ *testing.T, ticket, name string) (list [][]byte) {
			for _, n := range s.Ticket(ticket).Notes {
				for _, f := range n.Files {
					if f.Name == name {
						list = append(list, f.Content)
					}
				}
			}
			return list
		},
		Notes: func(t *testing.T, ticket, text string) (n int) {
			for _, note := range s.Ticket(ticket).Notes {
				if !note.Private {
					t.Error("a note is public")
				}
				if strings.Contains(note.Text, text) {
					n++
				}
			}
			return n
		},
		TicketRequest: "POST /api/v2/tickets", FileRequest: "POST /api/v2/tickets/", NoteRequest: "POST /api/v2/tickets/",
		Field: [2]string{freshdesktest.Field, "Ada"}, FieldOf: func(_ *testing.T, ticket, field string) string { return s.Ticket(ticket).Fields[field] },
	})
}

// A ticket that was deleted takes nothing, and its call gets another.
func TestDeletedTicket(t *testing.T) {
	s, open := start(t)
	p := opened(t, open)
	call := crmsynctest.NewCall("+4989123456")
	ticket, err := p.EnsureTicket(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	s.Delete(ticket)
	var e *recording.SendError
	if _, err := p.Attach(t.Context(), ticket, crmsync.File{Name: "x.wav", Size: 1}, bytes.NewReader([]byte{1})); !errors.As(err, &e) || e.Class != recording.ClassGone {
		t.Error(err)
	}
	if again, err := p.EnsureTicket(t.Context(), call); err != nil || again == ticket {
		t.Errorf("ticket %s again, %v", again, err)
	}
}

// More than 20 MB on a note is too large, whatever the status says; what is left of the minute's requests is kept for people.
func TestLimits(t *testing.T) {
	s, open := start(t)
	p := opened(t, open)
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	const size = 20<<20 + 1
	var e *recording.SendError
	if _, err := p.Attach(t.Context(), ticket, crmsync.File{Name: "x.wav", ContentType: "audio/x-wav", Size: size}, bytes.NewReader(make([]byte, size))); !errors.As(err, &e) || e.Class != recording.ClassTooLarge {
		t.Error(err)
	}
	if most := p.Limits().MaxSize; most <= 0 || most >= 20<<20 {
		t.Errorf("parts of %d bytes", most)
	}
	s.Leave(100)
	if err := p.Test(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := p.Attachments(t.Context(), ticket, "x.wav"); !errors.As(err, &e) || e.Class != recording.ClassThrottled {
		t.Errorf("the last requests are used: %v", err)
	}
	if _, err := p.Attachments(crmsync.Interactive(t.Context()), ticket, "x.wav"); err != nil {
		t.Errorf("people wait: %v", err)
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
		{"good", nil, nil, nil},
		{"no key", func(c *crmsync.Connection) { c.Credentials.Token = "" }, freshdesk.ErrCredentials, nil},
		{"a key and more", func(c *crmsync.Connection) { c.Credentials.Token = "a:b" }, freshdesk.ErrCredentials, nil},
		{"no address", func(c *crmsync.Connection) { c.BaseURL = "acme" }, crmsync.ErrBaseURL, nil},
		{"another key", func(c *crmsync.Connection) { c.Credentials.Token = "guess" }, nil, freshdesk.ErrRefused},
		{"another path", func(c *crmsync.Connection) { c.BaseURL += "elsewhere" }, nil, freshdesk.ErrNotFreshdesk},
		{"nobody", func(c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, nil, freshdesk.ErrUnreachable},
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
