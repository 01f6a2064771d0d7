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
	Queue      *uuid.UUID `json:"queue_id,omitempty" db:"queue_id"`
	Assignee   *uuid.UUID `json:"assignee,omitempty" db:"assignee"`
	CreatedBy  *uuid.UUID `json:"created_by,omitempty" db:"created_by"`
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at" db:"updated_at"`
	ResolvedAt *time.Time `json:"resolved_at,omitempty" db:"resolved_at"`
	SLA        SLA        `json:"sla" enum:"none,running,paused,at_risk,breached,met" db:"sla"` // the worse of its promises
	DueAt      *time.Time `json:"due_at,omitempty" db:"due_at"`                                 // when the next of them runs out
}

const ticketColumns = `ticket_id, number, title, type, priority, status, contact_id, queue_id, assignee, created_by, created_at, updated_at, resolved_at, sla, due_at`

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
}

// TicketFilter chooses tickets for a list; zero values choose all.
type TicketFilter struct {
	Status   Status
	Assignee uuid.UUID
	Contact  uuid.UUID
	Call     uuid.UUID
	SLA      SLA
	Search   string // in the title, or a number
	Cursor   string
	Limit    int
}

// Note is an internal remark on a ticket; no customer ever sees one (TK-5).
type Note struct {
	ID        uuid.UUID  `json:"id" db:"note_id"`
	Author    *uuid.UUID `json:"author,omitempty" db:"author"` // nil: the system
	Body      string     `json:"body" db:"body"`
	CreatedAt time.Time  `json:"created_at" db:"created_at"`
}

// TicketEvent is the data of ticket.created and ticket.changed.
type TicketEvent struct {
	Ticket uuid.UUID `json:"ticket_id"`
	Number int64     `json:"number"`
	Status Status    `json:"status"`
	Change string    `json:"change,omitempty"` // "fields", "note", "attachment", "call", "escalated"
}

// Errors for people.
var (
	ErrNoTicket  = fault.New(fault.NotFound, "ticket_not_found", "There is no such ticket.")
	ErrTitle     = fault.New(fault.Invalid, "bad_title", "A ticket needs a title of at most 200 characters.").WithField("title")
	ErrNote      = fault.New(fault.Invalid, "bad_note", "A note needs a text of at most 50,000 characters.").WithField("body")
	ErrReference = fault.New(fault.Invalid, "bad_reference", "The contact or person named does not exist.")
)

const longestNote = 50_000

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
		CreatedBy: events.ActorID(ctx), CreatedAt: tx.Now, UpdatedAt: tx.Now,
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
	if err := contactExists(ctx, tx, t.Contact); err != nil {
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
	if n.Call != uuid.Nil {
		if err := linkCall(ctx, tx, t.ID, n); err != nil {
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
	return errors.Join(t.Type.check(), t.Priority.check())
}

// contactExists keeps another tenant's contact out: row-level security does not look at foreign keys.
func contactExists(ctx context.Context, tx *storage.Tx, id *uuid.UUID) error {
	if id == nil {
		return nil
	}
	if _, err := getContact(ctx, tx, *id); err != nil {
		if errors.Is(err, ErrNoContact) {
			return ErrReference.WithField("contact_id")
		}
		return err
	}
	return nil
}

// LinkCall shows a call or conversation on a ticket that there is.
func (s *Service) LinkCall(ctx context.Context, tenant, ticket, call uuid.UUID, conversation bool) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := getTicket(ctx, tx, ticket); err != nil {
			return err
		}
		return linkCall(ctx, tx, ticket, NewTicket{Call: call, Conversation: conversation})
	})
}

func linkCall(ctx context.Context, tx *storage.Tx, ticket uuid.UUID, n NewTicket) error {
	_, err := tx.Exec(ctx, `INSERT INTO ticket_calls (tenant_id, ticket_id, call_id, conversation) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.Tenant, ticket, n.Call, n.Conversation)
	if err != nil {
		return fmt.Errorf("link the ticket to its call: %w", err)
	}
	return nil
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

// Ticket returns one.
func (s *Service) Ticket(ctx context.Context, tenant, id uuid.UUID) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err = getTicket(ctx, tx, id)
		return err
	})
	return t, err
}

func getTicket(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Ticket, error) {
	rows, err := tx.Query(ctx, `SELECT `+ticketColumns+` FROM tickets WHERE ticket_id = $1 FOR UPDATE`, id)
	if err != nil {
		return Ticket{}, fmt.Errorf("read the ticket: %w", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Ticket])
	return t, storage.Missing(err, ErrNoTicket)
}

// Tickets lists tickets, the newest first.
func (s *Service) Tickets(ctx context.Context, tenant uuid.UUID, f TicketFilter) (p Page[Ticket], err error) {
	below, n, err := window(f.Cursor, f.Limit)
	if err != nil {
		return p, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+ticketColumns+` FROM tickets t
			WHERE ticket_id < $1 AND ($2 = '' OR status = $2) AND ($3::uuid = $7::uuid OR assignee = $3) AND ($4::uuid = $7 OR contact_id = $4)
			AND ($5::uuid = $7 OR EXISTS (SELECT FROM ticket_calls c WHERE c.ticket_id = t.ticket_id AND c.call_id = $5))
			AND ($6 = '%%' OR title ILIKE $6 OR number::text = trim(both '%#' from $6)) AND ($9 = '' OR sla = $9)
			ORDER BY ticket_id DESC LIMIT $8`, below, string(f.Status), f.Assignee, f.Contact, f.Call, like(f.Search), uuid.Nil, n+1, string(f.SLA))
		if err != nil {
			return fmt.Errorf("list tickets: %w", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Ticket])
		p = page(list, n, func(t Ticket) uuid.UUID { return t.ID })
		return err
	})
	return p, err
}

// ChangeTicket changes what is given; ErrStatus for a move that TK-4 does not allow.
func (s *Service) ChangeTicket(ctx context.Context, tenant, id uuid.UUID, ch TicketChange) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if t, err = getTicket(ctx, tx, id); err != nil {
			return err
		}
		was := t
		if err := t.apply(ch, tx.Now); err != nil {
			return err
		}
		if err := contactExists(ctx, tx, ch.Contact); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tickets SET title = $2, type = $3, priority = $4, status = $5, assignee = $6, contact_id = $7, updated_at = $8, resolved_at = $9
			WHERE ticket_id = $1`, id, t.Title, t.Type, t.Priority, t.Status, t.Assignee, t.Contact, t.UpdatedAt, t.ResolvedAt)
		if err != nil {
			return fmt.Errorf("change the ticket: %w", err)
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
		t.Assignee = nil
		if *ch.Assignee != uuid.Nil {
			t.Assignee = ch.Assignee
		}
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

// AddNote writes a note. With a key it is written once, however often it is asked for.
func (s *Service) AddNote(ctx context.Context, tenant, ticket uuid.UUID, body, key string) (n Note, err error) {
	n = Note{ID: storage.NewID(), Author: events.ActorID(ctx), Body: strings.TrimSpace(body)}
	if c := utf8.RuneCountInString(n.Body); c == 0 || c > longestNote {
		return n, ErrNote
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := getTicket(ctx, tx, ticket)
		if err != nil {
			return err
		}
		n.CreatedAt = tx.Now
		tag, err := tx.Exec(ctx, `INSERT INTO ticket_notes (tenant_id, note_id, ticket_id, author, body, key, created_at) VALUES ($1, $2, $3, $4, $5, nullif($6, ''), $7)
			ON CONFLICT (ticket_id, key) DO NOTHING`, tenant, n.ID, ticket, n.Author, n.Body, key, tx.Now)
		if err != nil {
			return fmt.Errorf("write the note: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE tickets SET updated_at = $2 WHERE ticket_id = $1`, ticket, tx.Now); err != nil {
			return fmt.Errorf("write the note: %w", err)
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "note")
	})
	return n, err
}

// Notes lists a ticket's notes, oldest first.
func (s *Service) Notes(ctx context.Context, tenant, ticket uuid.UUID) (list []Note, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := getTicket(ctx, tx, ticket); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT note_id, author, body, created_at FROM ticket_notes WHERE ticket_id = $1 ORDER BY note_id`, ticket)
		if err != nil {
			return fmt.Errorf("list notes: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Note])
		return err
	})
	return list, err
}

// Calls lists the calls of a ticket.
func (s *Service) Calls(ctx context.Context, tenant, ticket uuid.UUID) (list []uuid.UUID, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT call_id FROM ticket_calls WHERE ticket_id = $1 AND NOT conversation ORDER BY call_id`, ticket)
		if err != nil {
			return fmt.Errorf("list the ticket's calls: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return list, err
}
