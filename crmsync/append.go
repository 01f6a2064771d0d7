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

// choose returns the ticket that a matter goes to (R5.2): the newest open one of its contact and leaf queue, or one that was closed at most so many
// days ago as the connection says; else one of its own. Who withholds their number is a new contact each time, and has no tickets.
func choose(ctx context.Context, p Provider, c Connection, m Matter) (string, error) {
	if c.AppendDays == 0 || m.Queue == nil || m.Identity == "" && m.External == "" && m.Contact == uuid.Nil {
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
	if l, ok := p.(Linker); ok {
		err = l.Link(ctx, chosen, m)
	}
	return chosen, err
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
