package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"tandem/crmsync"
)

// ticket is the data of ticket.ensure.
type ticket struct {
	Item    uuid.UUID         `json:"item_id"` // the call or conversation: one ticket for each
	Title   string            `json:"title"`
	Words   string            `json:"text"`
	Queue   *uuid.UUID        `json:"queue_id,omitempty"`
	Fields  map[string]string `json:"fields,omitempty"`
	Contact contact           `json:"contact"`
}

// EnsureTicket sends ticket.ensure, with the contact.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	return p.ensure(ctx, "ticket.ensure", m.Item.String(), ticket{
		Item: m.Item, Title: m.Title, Words: m.Words, Queue: m.Queue, Fields: m.Fields, Contact: contactOf(m.Customer),
	})
}

// Tickets asks for those of a contact; a receiver that answers no questions is asked for none.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	if !p.reads {
		return nil, nil
	}
	var list struct {
		Items []crmsync.Ticket `json:"items"`
	}
	if err := p.ask(ctx, http.MethodGet, "/tickets", url.Values{"contact": {contact}}, &list); err != nil {
		return nil, fmt.Errorf("list the customer's tickets: %w", err)
	}
	return list.Items[:min(len(list.Items), maxTickets)], nil
}

const maxTickets = 50

// note is the data of note.add.
type note struct {
	Ticket string `json:"ticket"`
	Key    string `json:"key"` // a ticket has one note of each
	Title  string `json:"title"`
	Body   string `json:"body"`
}

// AddNote sends note.add.
func (p *provider) AddNote(ctx context.Context, id string, n crmsync.Note) error {
	err := p.event(ctx, "note.add", id+" "+n.Key, note{Ticket: id, Key: n.Key, Title: n.Title, Body: n.Body}, nil)
	if err != nil {
		return fmt.Errorf("send a note: %w", err)
	}
	return nil
}
