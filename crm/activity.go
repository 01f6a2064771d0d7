package crm

import (
	"context"
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

// ContactNote is an internal remark on a contact.
type ContactNote struct {
	ID        uuid.UUID  `json:"id" db:"note_id"`
	Author    *uuid.UUID `json:"author,omitempty" db:"author"`
	Body      string     `json:"body" db:"body"`
	CreatedAt time.Time  `json:"created_at" db:"created_at"`
}

// ErrNoContactNote refuses what is about a note that there is not.
var ErrNoContactNote = fault.New(fault.NotFound, "contact_note_not_found", "There is no such note on this contact.")

// AddContactNote writes a note on a contact.
func (s *Service) AddContactNote(ctx context.Context, tenant, contact uuid.UUID, body string) (n ContactNote, err error) {
	n = ContactNote{ID: storage.NewID(), Author: events.ActorID(ctx), Body: strings.TrimSpace(body)}
	if c := utf8.RuneCountInString(n.Body); c == 0 || c > longestNote {
		return n, ErrNote
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err := getContact(ctx, tx, contact)
		if err != nil {
			return err
		}
		n.CreatedAt = tx.Now
		if _, err := tx.Exec(ctx, `INSERT INTO contact_notes (tenant_id, contact_id, note_id, author, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)`, tenant, c.ID, n.ID, n.Author, n.Body, n.CreatedAt); err != nil {
			return fmt.Errorf("write a note on a contact: %w", err)
		}
		return s.tell(ctx, tx, "contact.changed", c.ID, map[string]uuid.UUID{"contact_id": c.ID})
	})
	return n, err
}

// ContactNotes lists a contact's notes, the newest first.
func (s *Service) ContactNotes(ctx context.Context, tenant, contact uuid.UUID, cursor string, limit int) (p Page[ContactNote], err error) {
	below, n, err := window(cursor, limit)
	if err != nil {
		return p, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT note_id, author, body, created_at FROM contact_notes WHERE contact_id = $1 AND note_id < $2 ORDER BY note_id DESC LIMIT $3`, contact, below, n+1)
		if err != nil {
			return fmt.Errorf("list a contact's notes: %w", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[ContactNote])
		p = page(list, n, func(n ContactNote) uuid.UUID { return n.ID })
		return err
	})
	return p, err
}

// RemoveContactNote removes a note; with by only one that this user wrote.
func (s *Service) RemoveContactNote(ctx context.Context, tenant, contact, note, by uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err := getContact(ctx, tx, contact)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM contact_notes WHERE note_id = $1 AND contact_id = $2 AND ($3 = $4::uuid OR author = $3)`, note, c.ID, by, uuid.Nil)
		if err != nil {
			return fmt.Errorf("remove a note from a contact: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNoContactNote
		}
		return s.tell(ctx, tx, "contact.note_deleted", c.ID, map[string]uuid.UUID{"contact_id": c.ID, "note_id": note})
	})
}

// ActivityKind is what happened with a contact.
type ActivityKind string

// Kinds of activities.
const (
	ActivityCall         ActivityKind = "call"
	ActivityConversation ActivityKind = "conversation"
	ActivityTicket       ActivityKind = "ticket"
	ActivityNote         ActivityKind = "note"
	ActivityMerge        ActivityKind = "merge"
)

// Activity is one thing that happened with a contact. ID is that of the call, conversation, ticket, note or merge; ids sort by time, so that
// what several packages know goes into one list.
type Activity struct {
	ID        uuid.UUID    `json:"id" db:"id"`
	Kind      ActivityKind `json:"kind" enum:"call,conversation,ticket,note,merge" db:"kind"`
	At        time.Time    `json:"at" db:"at"`
	By        *uuid.UUID   `json:"by,omitempty" db:"by"`         // the agent, the author, who merged
	Text      string       `json:"text,omitempty" db:"text"`     // title, note, last message, disposition
	State     string       `json:"state,omitempty" db:"state"`   // of a ticket, call or conversation; of a merge: merged, undoable, undone
	Number    int64        `json:"number,omitempty" db:"number"` // of a ticket
	Direction string       `json:"direction,omitempty" db:"direction"`
	Channel   string       `json:"channel,omitempty" db:"channel"`
	Seconds   float64      `json:"seconds,omitempty" db:"seconds"` // that were talked
}

// Window is a part of what happened to somebody: ids below Before, not before Since, the newest Limit of them.
type Window struct {
	Before uuid.UUID
	Since  time.Time
	Limit  int
}

// ActivityMonths is how far back a contact's page looks (CR-4).
const ActivityMonths = 6

// Activities are a contact's notes and merges and, when they may be seen, tickets, the newest first. owners: tickets of these people alone.
func (s *Service) Activities(ctx context.Context, tenant, contact uuid.UUID, w Window, tickets bool, owners []uuid.UUID) (list []Activity, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT *, '' AS direction, '' AS channel, 0::float8 AS seconds FROM (
			(SELECT ticket_id AS id, 'ticket' AS kind, created_at AS at, assignee AS by, title AS text, status AS state, number FROM tickets
				WHERE $5 AND contact_id = $1 AND merged_into IS NULL AND ticket_id < $2 AND created_at >= $3 AND ($6::uuid[] IS NULL OR assignee = ANY ($6) OR created_by = ANY ($6)) ORDER BY ticket_id DESC LIMIT $4)
			UNION ALL (SELECT note_id, 'note', created_at, author, left(body, 500), '', 0 FROM contact_notes WHERE contact_id = $1 AND note_id < $2 AND created_at >= $3 ORDER BY note_id DESC LIMIT $4)
			UNION ALL (SELECT merge_id, 'merge', at, actor, '', CASE WHEN undone_at IS NOT NULL THEN 'undone' WHEN undo IS NOT NULL THEN 'undoable' ELSE 'merged' END, 0 FROM contact_merges
				WHERE into_id = $1 AND merge_id < $2 AND at >= $3 ORDER BY merge_id DESC LIMIT $4)) x ORDER BY id DESC LIMIT $4`,
			contact, w.Before, w.Since, w.Limit, tickets, owners)
		if err != nil {
			return fmt.Errorf("read what happened with a contact: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Activity])
		return err
	})
	return list, err
}

// CallsOf are the calls on a contact's tickets since a time, the newest first.
func (s *Service) CallsOf(ctx context.Context, tenant, contact uuid.UUID, w Window) (ids []uuid.UUID, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT call_id FROM ticket_calls WHERE NOT conversation AND call_id < $2 AND ticket_id IN (SELECT ticket_id FROM tickets WHERE contact_id = $1 AND updated_at >= $3)
			ORDER BY call_id DESC LIMIT $4`, contact, w.Before, w.Since, w.Limit)
		if err != nil {
			return fmt.Errorf("read a contact's calls: %w", err)
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids, err
}

// ContactFile is a file that came to us with a contact's conversations and tickets, or that we gave them.
type ContactFile struct {
	ID           uuid.UUID  `json:"id" db:"id"`
	At           time.Time  `json:"at" db:"at"`
	Name         string     `json:"name" db:"name"`
	ContentType  string     `json:"content_type" db:"content_type"`
	Size         int64      `json:"size" db:"size"`
	Ticket       *uuid.UUID `json:"ticket_id,omitempty" db:"ticket_id"`             // it is on this ticket, or
	Conversation *uuid.UUID `json:"conversation_id,omitempty" db:"conversation_id"` // it was sent in this conversation
	Preview      bool       `json:"preview" db:"preview"`                           // there is a small picture of it
}

// FilesOf are the files on a contact's tickets, the newest first; of tickets of these people alone, unless owners is nil.
func (s *Service) FilesOf(ctx context.Context, tenant, contact uuid.UUID, w Window, owners []uuid.UUID) (list []ContactFile, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT attachment_id AS id, a.created_at AS at, name, content_type, size, ticket_id, NULL::uuid AS conversation_id, false AS preview
			FROM ticket_attachments a JOIN tickets t USING (ticket_id)
			WHERE t.contact_id = $1 AND attachment_id < $2 AND stored_at IS NOT NULL AND ($4::uuid[] IS NULL OR t.assignee = ANY ($4) OR t.created_by = ANY ($4))
			ORDER BY attachment_id DESC LIMIT $3`, contact, w.Before, w.Limit, owners)
		if err != nil {
			return fmt.Errorf("list the files on a contact's tickets: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[ContactFile])
		return err
	})
	return list, err
}
