package crm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// listener is a desk whose customers talk: texts are what messages say.
type listener struct {
	*desk
	log   *events.Log
	texts map[uuid.UUID]string
}

func listen(t *testing.T, messages map[uuid.UUID]string) *listener {
	t.Helper()
	l := &listener{texts: messages}
	l.desk = openOn(t, storagetest.New(t), func(c *crm.Config) {
		l.log = c.Events
		c.Said = func(_ context.Context, _ *storage.Tx, message uuid.UUID) (string, error) {
			return messages[message], nil
		}
	})
	return l
}

// says writes in the log that a message came, or went out.
func (l *listener) says(t *testing.T, tenant, talk, message uuid.UUID, direction string, contact uuid.UUID) {
	t.Helper()
	err := l.DB.Tenant(t.Context(), tenant, func(tx *storage.Tx) error {
		data := map[string]string{"message": message.String(), "direction": direction}
		if contact != uuid.Nil {
			data["contact"] = contact.String()
		}
		return l.log.Append(t.Context(), tx, "conversation.message", talk, data)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TK-1: what a customer says makes a ticket, one of each type at a time; what others say, or say in another tenant, makes none.
func TestTicketsByKeyword(t *testing.T) {
	const long = "Where is my MONEY back\n for the lamp? "
	words := map[string]uuid.UUID{}
	texts := map[uuid.UUID]string{}
	for _, text := range []string{long + strings.Repeat("x ", 200), "I want my money back!", "monkey back, money", "我想退款，谢谢", "It is broken", "broken again", "the end"} {
		id := uuid.New()
		words[text], texts[id] = id, text
	}
	l := listen(t, texts)
	ctx := t.Context()
	person, err := l.CreateContact(ctx, l.Tenant, crm.ContactChange{FirstName: new("Ann")})
	if err != nil {
		t.Fatal(err)
	}
	set := crm.TicketSettings{Survey: crm.ScaleOff, Keywords: []crm.Keyword{
		{Keyword: "Money back", Type: crm.Refund, Priority: crm.High},
		{Keyword: "退款", Type: crm.Refund, Priority: crm.Urgent},
		{Keyword: "broken", Type: crm.Bug, Priority: crm.Low},
		{Keyword: "the end", Type: crm.General, Priority: crm.Low},
	}}
	if err := l.SetTicketSettings(ctx, l.Tenant, set); err != nil {
		t.Fatal(err)
	}
	a, b, c := uuid.New(), uuid.New(), uuid.New()
	first := long + strings.Repeat("x ", 200)
	other := storagetest.Tenant(t, l.DB, "b")
	l.says(t, l.Tenant, a, words["monkey back, money"], "in", uuid.Nil)
	l.says(t, l.Tenant, a, words[first], "in", person.ID)
	l.says(t, l.Tenant, a, words["I want my money back!"], "in", person.ID)
	l.says(t, l.Tenant, a, words["It is broken"], "in", uuid.New()) // whose contact is gone
	l.says(t, l.Tenant, b, words["我想退款，谢谢"], "in", uuid.Nil)
	l.says(t, l.Tenant, b, words["broken again"], "out", uuid.Nil)
	l.says(t, other, c, words["broken again"], "in", uuid.Nil)
	l.says(t, l.Tenant, c, words["the end"], "in", uuid.Nil)
	l.follow(t, 4)

	about := func(talk uuid.UUID) []crm.Ticket { return l.about(t, talk) }
	if got := about(a); len(got) != 2 || got[1].Type != crm.Refund || got[1].Priority != crm.High || got[1].Contact == nil || *got[1].Contact != person.ID ||
		!strings.HasPrefix(got[1].Title, "Where is my MONEY back for the lamp? x x") || len(got[1].Title) < 199 || got[0].Type != crm.Bug || got[0].Contact != nil {
		t.Errorf("tickets of the first: %+v", got)
	}
	if got := about(b); len(got) != 1 || got[0].Type != crm.Refund || got[0].Priority != crm.Urgent {
		t.Errorf("tickets of the second: %+v", got)
	}
	l.move(t, about(a)[1].ID, crm.Resolved)
	l.says(t, l.Tenant, a, words["I want my money back!"], "in", person.ID)
	l.follow(t, 5)
	if got := about(a); len(got) != 3 {
		t.Errorf("%d tickets, want a third once the first is resolved", len(got))
	}
	if p, err := l.Tickets(ctx, other, crm.TicketFilter{}); err != nil || len(p.Items) != 0 {
		t.Errorf("the other tenant has %v, %v", p.Items, err)
	}
}

// about are the tickets that are linked to a conversation, the newest first.
func (l *listener) about(t *testing.T, talk uuid.UUID) []crm.Ticket {
	t.Helper()
	p, err := l.Tickets(t.Context(), l.Tenant, crm.TicketFilter{Call: talk})
	if err != nil {
		t.Fatal(err)
	}
	return p.Items
}

// follow lets the service read the log until there are so many tickets.
func (l *listener) follow(t *testing.T, tickets int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); ; {
		p, err := l.Tickets(ctx, l.Tenant, crm.TicketFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) >= tickets {
			break
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d tickets, want %d", len(p.Items), tickets)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestKeywordsAreChecked(t *testing.T) {
	d := open(t)
	good := crm.Keyword{Keyword: "refund", Type: crm.Refund, Priority: crm.Low}
	for name, c := range map[string]struct {
		all  []crm.Keyword
		want error
	}{
		"two":          {[]crm.Keyword{good, {Keyword: "bug", Type: crm.Bug, Priority: crm.High}}, nil},
		"none":         {nil, nil},
		"no word":      {[]crm.Keyword{{Keyword: "?!", Type: crm.Bug, Priority: crm.Low}}, crm.ErrKeyword},
		"too long":     {[]crm.Keyword{{Keyword: strings.Repeat("x", 61), Type: crm.Bug, Priority: crm.Low}}, crm.ErrKeyword},
		"too many":     {slices.Repeat([]crm.Keyword{good}, 101), crm.ErrKeyword},
		"no such type": {[]crm.Keyword{{Keyword: "x", Type: "nonsense", Priority: crm.Low}}, crm.ErrType},
		"no priority":  {[]crm.Keyword{{Keyword: "x", Type: crm.Bug}}, crm.ErrPriority},
		"twice":        {[]crm.Keyword{good, {Keyword: " ReFund. ", Type: crm.Bug, Priority: crm.Low}}, crm.ErrKeywordTwice},
	} {
		err := d.SetTicketSettings(t.Context(), d.Tenant, crm.TicketSettings{Survey: crm.ScaleOff, Keywords: c.all})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if set, err := d.TicketSettings(t.Context(), d.Tenant); c.want == nil && (err != nil || !slices.Equal(set.Keywords, c.all)) {
			t.Errorf("%s: read back %+v, %v", name, set, err)
		}
	}
}
