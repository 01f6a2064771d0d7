package crm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Ticket is a matter to be settled. Number counts within the tenant.
type Ticket struct {
	ID         uuid.UUID  `json:"id" db:"ticket_id"`
	Number     int64      `json:"number" db:"number"`
	Title      string     `json:"title" db:"title"`
	Type       Type       `json:"type" db:"type"`
	Priority   Priority   `json:"priority" db:"priority"`
	Status     Status     `json:"status" db:"status"`
	Contact    *uuid.UUID `json:"contact_id,omitempty" db:"contact_id"`
	Name       string     `json:"contact_name,omitempty" db:"contact_name"` // of the contact
	Queue      *uuid.UUID `json:"queue_id,omitempty" db:"queue_id"`
	Assignee   *uuid.UUID `json:"assignee,omitempty" db:"assignee"`
	CreatedBy  *uuid.UUID `json:"created_by,omitempty" db:"created_by"`
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at" db:"updated_at"`
	ResolvedAt *time.Time `json:"resolved_at,omitempty" db:"resolved_at"`
	SLA        SLA        `json:"sla" enum:"none,running,paused,at_risk,breached,met" db:"sla"` // the worse of its promises
	DueAt      *time.Time `json:"due_at,omitempty" db:"due_at"`                                 // when the next of them runs out
	AnsweredAt *time.Time `json:"answered_at,omitempty" db:"answered_at"`                       // when somebody first answered the customer
	Fields     Values     `json:"fields" db:"fields" doc:"the values of the fields of its type, by the field's id"`
	MergedInto *uuid.UUID `json:"-" db:"merged_into"`
}

const ticketColumns = `ticket_id, number, title, type, priority, status, contact_id, queue_id, assignee, created_by, created_at, updated_at, resolved_at, sla, due_at, answered_at, fields, merged_into,
	coalesce((SELECT CASE WHEN first_name || last_name ~ '[\u4e00-\u9fff]' THEN last_name || first_name ELSE trim(first_name || ' ' || last_name) END
		FROM contacts c WHERE c.contact_id = tickets.contact_id), '') AS contact_name` // the family's name comes first in Chinese

// NewTicket is what a ticket is made of. Type and Priority default to general and medium.
type NewTicket struct {
	Title    string
	Type     Type
	Priority Priority
	Contact  *uuid.UUID
	Queue    *uuid.UUID
	Assignee *uuid.UUID
	Call     uuid.UUID // linked when not uuid.Nil

	Conversation bool // what Call names is one
	Answered     bool // somebody has talked with the customer already
}

// TicketChange is what may be changed; nil leaves a field as it is. Assignee uuid.Nil takes the ticket from everybody.
type TicketChange struct {
	Title    *string    `json:"title,omitempty"`
	Type     *Type      `json:"type,omitempty"`
	Priority *Priority  `json:"priority,omitempty"`
	Status   *Status    `json:"status,omitempty"`
	Assignee *uuid.UUID `json:"assignee,omitempty"`
	Contact  *uuid.UUID `json:"contact_id,omitempty"`
	Fields   Values     `json:"fields,omitempty"` // those to be changed; null removes one
}

// TicketEvent is the data of ticket.created and ticket.changed; that of ticket.merged says where the ticket leads.
type TicketEvent struct {
	Ticket uuid.UUID `json:"ticket_id"`
	Number int64     `json:"number"`
	Status Status    `json:"status"`
	Change string    `json:"change,omitempty"` // "fields", "note", "attachment", "call", "link", "contact", "escalated", "merged", "rated"
	Into   uuid.UUID `json:"into,omitzero"`
}

// Errors for people.
var (
	ErrNoTicket  = fault.New(fault.NotFound, "ticket_not_found", "There is no such ticket.")
	ErrTitle     = fault.New(fault.Invalid, "bad_title", "A ticket needs a title of at most 200 characters.").WithField("title")
	ErrReference = fault.New(fault.Invalid, "bad_reference", "The contact or person named does not exist.")
)

// CreateTicket makes a ticket.
func (s *Service) CreateTicket(ctx context.Context, tenant uuid.UUID, n NewTicket) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err = s.createTicket(ctx, tx, n)
		return err
	})
	return t, err
}

func (s *Service) createTicket(ctx context.Context, tx *storage.Tx, n NewTicket) (Ticket, error) {
	t := Ticket{
		ID: storage.NewID(), Title: strings.TrimSpace(n.Title), Type: n.Type, Priority: n.Priority, Status: ToDo, Contact: n.Contact, Queue: n.Queue, Assignee: n.Assignee,
		CreatedBy: events.ActorID(ctx), CreatedAt: tx.Now, UpdatedAt: tx.Now, Fields: Values{},
	}
	if t.Type == "" {
		t.Type = General
	}
	if t.Priority == "" {
		t.Priority = Medium
	}
	if err := t.check(); err != nil {
		return t, err
	}
	if err := refersTo(ctx, tx, t.Type, t.Contact); err != nil {
		return t, err
	}
	err := tx.QueryRow(ctx, `INSERT INTO ticket_counters (tenant_id, last) VALUES ($1, 1)
		ON CONFLICT (tenant_id) DO UPDATE SET last = ticket_counters.last + 1 RETURNING last`, tx.Tenant).Scan(&t.Number)
	if err != nil {
		return t, fmt.Errorf("number the ticket: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO tickets (tenant_id, ticket_id, number, title, type, priority, status, contact_id, queue_id, assignee, created_by, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`,
		tx.Tenant, t.ID, t.Number, t.Title, t.Type, t.Priority, t.Status, t.Contact, t.Queue, t.Assignee, t.CreatedBy, tx.Now)
	if err != nil {
		return t, fmt.Errorf("write the ticket: %w", err)
	}
	if err := indexTicket(ctx, tx, t.ID, t.Title); err != nil {
		return t, err
	}
	if n.Call != uuid.Nil {
		kind := LinkCall
		if n.Conversation {
			kind = LinkConversation
		}
		if err := link(ctx, tx, t.ID, n.Call, kind); err != nil {
			return t, err
		}
	}
	if err := s.promise(ctx, tx, &t); err != nil {
		return t, err
	}
	if n.Answered {
		if err := s.answered(ctx, tx, &t); err != nil {
			return t, err
		}
	}
	return t, s.tellTicket(ctx, tx, "ticket.created", t, "")
}

func (t *Ticket) check() error {
	if n := utf8.RuneCountInString(t.Title); n == 0 || n > longestField {
		return ErrTitle
	}
	return t.Priority.check()
}

// refersTo checks what a ticket names.
func refersTo(ctx context.Context, tx *storage.Tx, t Type, contact *uuid.UUID) error {
	if _, err := ticketType(ctx, tx, t); err != nil {
		return err
	}
	return contactExists(ctx, tx, contact)
}

// contactExists keeps another tenant's contact out: row-level security does not look at foreign keys. One that was merged is who they became.
func contactExists(ctx context.Context, tx *storage.Tx, id *uuid.UUID) error {
	if id == nil {
		return nil
	}
	c, err := getContact(ctx, tx, *id)
	if errors.Is(err, ErrNoContact) {
		return ErrReference.WithField("contact_id")
	}
	if err == nil {
		*id = c.ID
	}
	return err
}

func (s *Service) tellTicket(ctx context.Context, tx *storage.Tx, typ string, t Ticket, change string) error {
	return s.tell(ctx, tx, typ, t.ID, TicketEvent{Ticket: t.ID, Number: t.Number, Status: t.Status, Change: change})
}

// EnsureCallTicket returns the ticket of a call or conversation, made when there is none: for n.Contact, or else for who. However often it is
// called, there is one ticket.
func (s *Service) EnsureCallTicket(ctx context.Context, tenant uuid.UUID, n NewTicket, who Caller) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "ticket of call "+n.Call.String()); err != nil {
			return fmt.Errorf("lock the call's ticket: %w", err)
		}
		var id uuid.UUID
		err := tx.QueryRow(ctx, `SELECT ticket_id FROM ticket_calls WHERE call_id = $1 ORDER BY ticket_id LIMIT 1`, n.Call).Scan(&id)
		if err == nil {
			t, err = getTicket(ctx, tx, id)
			return err
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("look for the call's ticket: %w", err)
		}
		var c Contact
		if n.Contact != nil {
			c, err = s.touched(ctx, tx, *n.Contact)
		} else {
			c, err = s.ensureCaller(ctx, tx, who)
		}
		if err != nil {
			return err
		}
		n.Contact = &c.ID
		t, err = s.createTicket(ctx, tx, n)
		return err
	})
	return t, err
}

// Ticket returns one; that which took it over, when it was merged.
func (s *Service) Ticket(ctx context.Context, tenant, id uuid.UUID) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err = readTicket(ctx, tx, id, "")
		return err
	})
	return t, err
}

// leadsTo is an expression for the ticket that one with the id $1 leads to. Outside of the subquery coalesce would keep row-level security from
// using an index.
const leadsTo = `(SELECT coalesce(merged_into, ticket_id) FROM tickets WHERE ticket_id = $1)`

// getTicket returns a ticket, locked until the transaction ends. Its id is another than was asked for when it was merged.
func getTicket(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Ticket, error) {
	t, err := readTicket(ctx, tx, id, " FOR UPDATE")
	if err == nil && t.MergedInto != nil { // while we waited for the lock
		t, err = readTicket(ctx, tx, *t.MergedInto, " FOR UPDATE")
	}
	return t, err
}

func readTicket(ctx context.Context, tx *storage.Tx, id uuid.UUID, lock string) (Ticket, error) {
	rows, err := tx.Query(ctx, `SELECT `+ticketColumns+` FROM tickets WHERE ticket_id = `+leadsTo+lock, id)
	if err != nil {
		return Ticket{}, fmt.Errorf("read the ticket: %w", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Ticket])
	return t, storage.Missing(err, ErrNoTicket)
}

// ChangeTicket changes what is given; ErrStatus for a move that TK-4 does not allow, ErrRequired for a resolved one without a field that it needs.
func (s *Service) ChangeTicket(ctx context.Context, tenant, id uuid.UUID, ch TicketChange) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if t, err = getTicket(ctx, tx, id); err != nil {
			return err
		}
		was := t
		if err := t.apply(ch, tx.Now); err != nil {
			return err
		}
		if err := refersTo(ctx, tx, t.Type, ch.Contact); err != nil {
			return err
		}
		if err := t.fill(ctx, tx, ch.Fields, was.Status); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tickets SET title = $2, type = $3, priority = $4, status = $5, assignee = $6, contact_id = $7, updated_at = $8, resolved_at = $9, fields = $10
			WHERE ticket_id = $1`, t.ID, t.Title, t.Type, t.Priority, t.Status, t.Assignee, t.Contact, t.UpdatedAt, t.ResolvedAt, t.Fields)
		if err != nil {
			return fmt.Errorf("change the ticket: %w", err)
		}
		if t.Title != was.Title {
			if err := indexTicket(ctx, tx, t.ID, t.Title); err != nil {
				return err
			}
		}
		if t.Priority != was.Priority {
			if err := s.promise(ctx, tx, &t); err != nil {
				return err
			}
		}
		if t.Status != was.Status {
			if err := s.moved(ctx, tx, &t, was.Status); err != nil {
				return err
			}
			if t.Status == Resolved {
				if err := survey(ctx, tx, &t); err != nil {
					return err
				}
			}
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "fields")
	})
	return t, err
}

func (t *Ticket) apply(ch TicketChange, now time.Time) error {
	if ch.Title != nil {
		t.Title = strings.TrimSpace(*ch.Title)
	}
	if ch.Type != nil {
		t.Type = *ch.Type
	}
	if ch.Priority != nil {
		t.Priority = *ch.Priority
	}
	if ch.Assignee != nil {
		t.Assignee = storage.Nullable(*ch.Assignee)
	}
	if ch.Contact != nil {
		t.Contact = ch.Contact
	}
	if ch.Status != nil && *ch.Status != t.Status {
		if err := t.Status.Next(*ch.Status); err != nil {
			return err
		}
		t.Status, t.ResolvedAt = *ch.Status, nil
		if t.Status == Resolved {
			t.ResolvedAt = &now
		}
	}
	t.UpdatedAt = now
	return t.check()
}
