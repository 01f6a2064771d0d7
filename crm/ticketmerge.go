package crm

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// MergedTicket is a ticket that another has taken over.
type MergedTicket struct {
	ID     uuid.UUID `json:"id" db:"ticket_id"`
	Number int64     `json:"number" db:"number"`
	Title  string    `json:"title" db:"title"`
}

// Errors for people.
var (
	ErrMergeSelf = fault.New(fault.Illegal, "merge_same_ticket", "Both are the same ticket; choose another.").WithField("into")
	ErrMerged    = fault.New(fault.Illegal, "ticket_merged", "The ticket was merged into another already.")
)

// MergeTicket gives everything of a ticket to another (TK-5): notes, files and those still to come, links, and its contact where the other has
// none. The old id leads to the other from then on, for people and programs.
func (s *Service) MergeTicket(ctx context.Context, tenant, from, into uuid.UUID) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		locked := map[uuid.UUID]Ticket{}
		for _, id := range slices.SortedFunc(slices.Values([]uuid.UUID{from, into}), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }) {
			if locked[id], err = getTicket(ctx, tx, id); err != nil {
				return err
			}
		}
		old := locked[from]
		t = locked[into]
		switch {
		case old.ID == t.ID:
			return ErrMergeSelf
		case old.ID != from:
			return ErrMerged
		}
		if t.Contact == nil {
			t.Contact = old.Contact
		}
		t.UpdatedAt = tx.Now
		if err := takeOver(ctx, tx, old, t); err != nil {
			return fmt.Errorf("merge a ticket: %w", err)
		}
		e := TicketEvent{Ticket: old.ID, Number: old.Number, Status: old.Status, Into: t.ID}
		if err := s.tell(ctx, tx, "ticket.merged", old.ID, e); err != nil {
			return err
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "merged")
	})
	return t, err
}

func takeOver(ctx context.Context, tx *storage.Tx, old, t Ticket) error {
	b := &pgx.Batch{}
	// A key keeps a note from being written twice; where both have it, the text stays and the key is the other's.
	b.Queue(`UPDATE ticket_notes n SET ticket_id = $2, key = CASE WHEN EXISTS (SELECT FROM ticket_notes o WHERE o.ticket_id = $2 AND o.key = n.key) THEN NULL ELSE key END WHERE ticket_id = $1`, old.ID, t.ID)
	b.Queue(`UPDATE ticket_attachments SET ticket_id = $2 WHERE ticket_id = $1`, old.ID, t.ID)
	b.Queue(`INSERT INTO ticket_calls (tenant_id, ticket_id, call_id, conversation) SELECT tenant_id, $2, call_id, conversation FROM ticket_calls WHERE ticket_id = $1 ON CONFLICT DO NOTHING`, old.ID, t.ID)
	b.Queue(`DELETE FROM ticket_calls WHERE ticket_id = $1`, old.ID)
	b.Queue(`INSERT INTO ticket_relations (tenant_id, ticket_id, other_id) SELECT tenant_id, $2, other_id FROM ticket_relations WHERE ticket_id = $1 AND other_id <> $2
		UNION ALL SELECT tenant_id, other_id, $2 FROM ticket_relations WHERE ticket_id = $1 AND other_id <> $2 ON CONFLICT DO NOTHING`, old.ID, t.ID)
	b.Queue(`DELETE FROM ticket_relations WHERE ticket_id = $1 OR other_id = $1`, old.ID)
	b.Queue(`UPDATE ticket_surveys SET ticket_id = $2 WHERE ticket_id = $1`, old.ID, t.ID)
	b.Queue(`DELETE FROM ticket_clocks WHERE ticket_id = $1`, old.ID)
	b.Queue(`UPDATE tickets SET sla = 'none', due_at = NULL WHERE ticket_id = $1`, old.ID)
	b.Queue(`UPDATE tickets SET merged_into = $2 WHERE ticket_id = $1 OR merged_into = $1`, old.ID, t.ID)
	b.Queue(`UPDATE tickets SET contact_id = $2, updated_at = $3 WHERE ticket_id = $1`, t.ID, t.Contact, t.UpdatedAt)
	return tx.SendBatch(ctx, b).Close()
}

// Merged lists the tickets that a ticket has taken over; none for one that was merged itself.
func (s *Service) Merged(ctx context.Context, tenant, ticket uuid.UUID) (list []MergedTicket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT ticket_id, number, title FROM tickets WHERE merged_into = $1 AND merged_into IS NOT NULL ORDER BY number`, ticket)
		if err != nil {
			return fmt.Errorf("list what a ticket has taken over: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[MergedTicket])
		return err
	})
	return list, err
}
