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

// Note is an internal remark on a ticket; no customer ever sees one (TK-5).
type Note struct {
	ID        uuid.UUID  `json:"id" db:"note_id"`
	Author    *uuid.UUID `json:"author,omitempty" db:"author"` // nil: the system
	Body      string     `json:"body" db:"body"`
	CreatedAt time.Time  `json:"created_at" db:"created_at"`
}

// ErrNote refuses a note without a text, or with a book.
var ErrNote = fault.New(fault.Invalid, "bad_note", "A note needs a text of at most 50,000 characters.").WithField("body")

const longestNote = 50_000

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
			ON CONFLICT (ticket_id, key) DO NOTHING`, tenant, n.ID, t.ID, n.Author, n.Body, key, tx.Now)
		if err != nil {
			return fmt.Errorf("write the note: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE tickets SET updated_at = $2 WHERE ticket_id = $1`, t.ID, tx.Now); err != nil {
			return fmt.Errorf("write the note: %w", err)
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "note")
	})
	return n, err
}

// Notes lists a ticket's notes, oldest first.
func (s *Service) Notes(ctx context.Context, tenant, ticket uuid.UUID) (list []Note, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := readTicket(ctx, tx, ticket, "")
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT note_id, author, body, created_at FROM ticket_notes WHERE ticket_id = $1 ORDER BY note_id`, t.ID)
		if err != nil {
			return fmt.Errorf("list notes: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Note])
		return err
	})
	return list, err
}
