package crmsync

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Linker is a Provider whose tickets can bear more than one call or conversation: it notes on a ticket that there is that of the matter, too.
type Linker interface {
	Link(ctx context.Context, ticket string, m Matter) error
}

// follow returns the ticket that a matter goes to as somebody has chosen.
func follow(ctx context.Context, p Provider, c Connection, m Matter, chosen Choice) (string, error) {
	switch chosen.Kind {
	case ChooseTicket:
		if err := link(ctx, p, chosen.Record, m); err != nil {
			return "", err
		}
		return chosen.Record, nil
	case ChooseNew:
		return p.EnsureTicket(ctx, m)
	case ChooseContact:
		m.Record = chosen.Record
	}
	return choose(ctx, p, c, m)
}

func link(ctx context.Context, p Provider, ticket string, m Matter) error {
	if l, ok := p.(Linker); ok {
		return l.Link(ctx, ticket, m)
	}
	return nil
}

// choose returns the ticket that a matter goes to (R5.2): the newest open one of its contact and leaf queue, or one that was closed at most so many
// days ago as the connection says; else one of its own. Who withholds their number is a new contact each time, and has no tickets.
func choose(ctx context.Context, p Provider, c Connection, m Matter) (string, error) {
	if c.AppendDays == 0 || m.Queue == nil || m.Identity == "" && m.External == "" && m.Record == "" && m.Contact == uuid.Nil {
		return p.EnsureTicket(ctx, m)
	}
	contact, err := p.EnsureContact(ctx, m.Customer)
	if err != nil {
		return "", err
	}
	all, err := p.Tickets(ctx, contact)
	if err != nil {
		return "", err
	}
	chosen := newest(all, *m.Queue, time.Now().AddDate(0, 0, -c.AppendDays))
	if chosen == "" {
		return p.EnsureTicket(ctx, m)
	}
	return chosen, link(ctx, p, chosen, m)
}

// newest is the first that is open, or else the first that was closed since.
func newest(all []Ticket, queue uuid.UUID, since time.Time) (closed string) {
	for _, t := range all {
		switch {
		case t.Queue != queue:
		case t.Open:
			return t.ID
		case closed == "" && t.ClosedAt.After(since):
			closed = t.ID
		}
	}
	return closed
}
