// Package own is the CRM of teams that have no other: Tandem's own tickets.
package own

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Label is what its connection is called.
const Label = "Tandem"

// limits: attachments are as long as they like, and listed at once.
var limits = recording.Limits{Lists: true, Deletes: true}

// New returns Tandem's own tickets.
func New(c *crm.Service) crmsync.Vendor {
	return crmsync.Vendor{
		Name: crmsync.Own, Label: Label, Limits: limits, Searches: true,
		Fields: []crmsync.Field{{
			Name: fieldAttribute, Label: "Attribute with the customer number", Kind: crmsync.KindText,
			Help: "The key of the contacts' own attribute by which the data of a call name them.",
		}},
		Open: func(conn crmsync.Connection) (crmsync.Provider, error) {
			return &provider{crm: c, tenant: conn.Tenant, attribute: conn.Settings[fieldAttribute]}, nil
		},
	}
}

// fieldAttribute is the setting that says which attribute holds the customer number.
const fieldAttribute = "attribute"

type provider struct {
	crm       *crm.Service
	tenant    uuid.UUID
	attribute string // empty: contacts are known by number alone
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// FindContact finds the contact by the customer number that the call's data name, then by telephone number.
func (p *provider) FindContact(ctx context.Context, c crmsync.Customer) (crmsync.Contact, error) {
	found, err := p.named(ctx, c)
	if err == nil && found.ID == uuid.Nil {
		found, err = p.crm.FindCaller(ctx, p.tenant, c.Identity)
	}
	if err != nil || found.ID == uuid.Nil {
		return crmsync.Contact{}, classify(err)
	}
	return shown(found), nil
}

func (p *provider) named(ctx context.Context, c crmsync.Customer) (crm.Contact, error) {
	if c.External == "" || p.attribute == "" {
		return crm.Contact{}, nil
	}
	return p.crm.FindNamed(ctx, p.tenant, p.attribute, c.External)
}

func shown(c crm.Contact) crmsync.Contact {
	id := c.ID.String()
	return crmsync.Contact{ID: id, Name: strings.TrimSpace(c.FirstName + " " + c.LastName), URL: "/contacts/" + id}
}

// EnsureContact finds or makes the customer's contact. Who writes has one already.
func (p *provider) EnsureContact(ctx context.Context, c crmsync.Customer) (string, error) {
	if c.Record != "" {
		return c.Record, nil
	}
	if c.Contact != uuid.Nil {
		return c.Contact.String(), nil
	}
	if known, err := p.named(ctx, c); err != nil || known.ID != uuid.Nil {
		return known.ID.String(), classify(err)
	}
	contact, err := p.crm.EnsureCaller(ctx, p.tenant, crm.Caller{Number: c.Identity, Name: c.Name})
	return contact.ID.String(), classify(err)
}

// EnsureTicket finds or makes the ticket of a call or conversation, and its contact with it.
func (p *provider) EnsureTicket(ctx context.Context, m crmsync.Matter) (string, error) {
	title := []rune(m.Title)
	n := crm.NewTicket{Title: string(title[:min(len(title), 200)]), Queue: m.Queue, Call: m.Item, Conversation: m.Channel != "", Answered: m.Answered}
	if m.Contact != uuid.Nil {
		n.Contact = &m.Contact
	}
	if chosen, err := uuid.Parse(m.Record); err == nil {
		n.Contact = &chosen
	}
	if n.Contact == nil {
		known, err := p.named(ctx, m.Customer)
		if err != nil {
			return "", classify(err)
		}
		if known.ID != uuid.Nil {
			n.Contact = &known.ID
		}
	}
	t, err := p.crm.EnsureCallTicket(ctx, p.tenant, n, crm.Caller{Number: m.Identity, Name: m.Name})
	return t.ID.String(), classify(err)
}

// Tickets lists a contact's tickets. All take notes and files, resolved ones too.
func (p *provider) Tickets(ctx context.Context, contact string) ([]crmsync.Ticket, error) {
	id, err := ticketID(contact)
	if err != nil {
		return nil, err
	}
	found, err := p.crm.Tickets(ctx, p.tenant, crm.TicketFilter{Contact: id, Limit: 50})
	if err != nil {
		return nil, classify(err)
	}
	list := make([]crmsync.Ticket, 0, len(found.Items))
	for _, t := range found.Items {
		list = append(list, ticketShown(t))
	}
	return list, nil
}

func ticketShown(t crm.Ticket) crmsync.Ticket {
	one := crmsync.Ticket{ID: t.ID.String(), Title: t.Title, Open: t.Status != crm.Resolved, UpdatedAt: t.UpdatedAt, URL: "/tickets/" + t.ID.String()}
	if t.Queue != nil {
		one.Queue = *t.Queue
	}
	if t.ResolvedAt != nil {
		one.ClosedAt = *t.ResolvedAt
	}
	return one
}

// Search finds contacts and tickets by words.
func (p *provider) Search(ctx context.Context, text string) (found crmsync.Found, err error) {
	contacts, err := p.crm.Contacts(ctx, p.tenant, crm.ContactFilter{Search: text, Limit: crmsync.MostFound})
	if err != nil {
		return found, classify(err)
	}
	for _, c := range contacts.Items {
		found.Contacts = append(found.Contacts, shown(c))
	}
	tickets, err := p.crm.Tickets(ctx, p.tenant, crm.TicketFilter{Search: text, Limit: crmsync.MostFound})
	for _, t := range tickets.Items {
		found.Tickets = append(found.Tickets, ticketShown(t))
	}
	return found, classify(err)
}

// Link shows the call or conversation on a ticket of another.
func (p *provider) Link(ctx context.Context, ticket string, m crmsync.Matter) error {
	id, err := ticketID(ticket)
	if err != nil {
		return err
	}
	kind := crm.LinkCall
	if m.Channel != "" {
		kind = crm.LinkConversation
	}
	_, err = p.crm.LinkTo(ctx, p.tenant, id, m.Item, kind)
	return classify(err)
}

// Attach stores a file on the ticket.
func (p *provider) Attach(ctx context.Context, ticket string, f crmsync.File, r io.Reader) (string, error) {
	id, err := ticketID(ticket)
	if err != nil {
		return "", err
	}
	a, err := p.crm.Attach(ctx, p.tenant, id, f.Name, f.ContentType, r)
	return a.ID.String(), classify(err)
}

// Attachments lists the ticket's files of that name.
func (p *provider) Attachments(ctx context.Context, ticket, name string) ([]recording.Attachment, error) {
	id, err := ticketID(ticket)
	if err != nil {
		return nil, err
	}
	all, err := p.crm.Attachments(ctx, p.tenant, id)
	if err != nil {
		return nil, classify(err)
	}
	var list []recording.Attachment
	for _, a := range all {
		if a.Name == name {
			list = append(list, recording.Attachment{ID: a.ID.String(), Name: a.Name, Size: a.Size, At: a.CreatedAt})
		}
	}
	return list, nil
}

// Read opens a file; what is returned can seek.
func (p *provider) Read(ctx context.Context, ticket, id string) (io.ReadCloser, error) {
	t, err := ticketID(ticket)
	if err != nil {
		return nil, err
	}
	a, err := ticketID(id)
	if err != nil {
		return nil, err
	}
	f, err := p.crm.OpenAttachment(ctx, p.tenant, t, a)
	if errors.Is(err, crm.ErrNoAttachment) {
		return nil, &recording.SendError{Class: recording.ClassGone, Err: err}
	}
	if err != nil {
		return nil, classify(err)
	}
	return f, nil
}

// RemoveAttachment deletes a file.
func (p *provider) RemoveAttachment(ctx context.Context, ticket, id string) error {
	t, err := ticketID(ticket)
	if err != nil {
		return err
	}
	a, err := ticketID(id)
	if err != nil {
		return err
	}
	return classify(p.crm.RemoveAttachment(ctx, p.tenant, t, a))
}

// AddNote writes an internal note, once.
func (p *provider) AddNote(ctx context.Context, ticket string, n crmsync.Note) error {
	id, err := ticketID(ticket)
	if err != nil {
		return err
	}
	body := n.Body
	if n.Title != "" {
		body = n.Title + "\n\n" + body
	}
	_, err = p.crm.AddNote(ctx, p.tenant, id, body, n.Key)
	return classify(err)
}

// Test reads a page of tickets.
func (p *provider) Test(ctx context.Context) error {
	_, err := p.crm.Tickets(ctx, p.tenant, crm.TicketFilter{Limit: 1})
	return err
}

func ticketID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, &recording.SendError{Class: recording.ClassGone, Err: err}
	}
	return id, nil
}

// classify says what an error means for trying again: a ticket or tenant that is gone, a request that is wrong, or else trouble on our side.
func classify(err error) error {
	if err == nil {
		return nil
	}
	c := recording.ClassRetry
	switch kind := fault.KindOf(err); {
	case errors.Is(err, crm.ErrNoAttachment):
		return nil // removed already
	case errors.Is(err, crm.ErrNoTicket), errors.Is(err, crm.ErrNoContact):
		c = recording.ClassGone
	case kind == fault.Invalid, kind == fault.Illegal:
		c = recording.ClassRejected
	}
	return &recording.SendError{Class: c, Err: err}
}
