package crm

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// LinkKind is what a ticket can be linked to, besides its contact.
type LinkKind string

// The kinds of links (TK-1).
const (
	LinkCall         LinkKind = "call"
	LinkConversation LinkKind = "conversation"
	LinkTicket       LinkKind = "ticket" // which has the same link back
)

// Link is a call or conversation that a ticket is about, or another ticket that has to do with it.
type Link struct {
	ID     uuid.UUID  `json:"id" db:"id"`
	Kind   LinkKind   `json:"kind" enum:"call,conversation,ticket" db:"kind"`
	At     *time.Time `json:"at,omitempty" doc:"when it began" db:"-"`
	Number int64      `json:"number,omitempty" doc:"of a ticket" db:"number"`
	Title  string     `json:"title,omitempty" doc:"of a ticket" db:"title"`
	Status Status     `json:"status,omitempty" enum:"to_do,in_progress,on_hold,resolved,reopened" doc:"of a ticket" db:"status"`
}

// Errors for people.
var (
	ErrNoLink   = fault.New(fault.NotFound, "link_not_found", "The ticket is not linked to that.")
	ErrLinkSelf = fault.New(fault.Illegal, "link_same_ticket", "Both are the same ticket; choose another.").WithField("ticket_id")
)

// LinkTo shows a call, a conversation or another ticket on a ticket, once however often it is asked for.
func (s *Service) LinkTo(ctx context.Context, tenant, ticket, item uuid.UUID, kind LinkKind) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if t, err = getTicket(ctx, tx, ticket); err != nil {
			return err
		}
		if kind == LinkTicket {
			return s.relate(ctx, tx, t, item)
		}
		if err := link(ctx, tx, t.ID, item, kind); err != nil {
			return err
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "call")
	})
	return t, err
}

// relate links two tickets with each other.
func (s *Service) relate(ctx context.Context, tx *storage.Tx, t Ticket, id uuid.UUID) error {
	other, err := readTicket(ctx, tx, id, "")
	if err != nil {
		return err
	}
	if other.ID == t.ID {
		return ErrLinkSelf
	}
	_, err = tx.Exec(ctx, `INSERT INTO ticket_relations (tenant_id, ticket_id, other_id) VALUES ($1, $2, $3), ($1, $3, $2) ON CONFLICT DO NOTHING`, tx.Tenant, t.ID, other.ID)
	if err != nil {
		return fmt.Errorf("link two tickets: %w", err)
	}
	for _, one := range []Ticket{t, other} {
		if err := s.tellTicket(ctx, tx, "ticket.changed", one, "link"); err != nil {
			return err
		}
	}
	return nil
}

// Unlink takes a call, a conversation or another ticket off a ticket.
func (s *Service) Unlink(ctx context.Context, tenant, ticket, item uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := getTicket(ctx, tx, ticket)
		if err != nil {
			return err
		}
		for _, from := range []struct{ sql, change string }{
			{`DELETE FROM ticket_calls WHERE ticket_id = $1 AND call_id = $2`, "call"},
			{`DELETE FROM ticket_relations WHERE ticket_id = $1 AND other_id = $2 OR ticket_id = $2 AND other_id = $1`, "link"},
		} {
			tag, err := tx.Exec(ctx, from.sql, t.ID, item)
			if err != nil {
				return fmt.Errorf("unlink a ticket: %w", err)
			}
			if tag.RowsAffected() > 0 {
				return s.tellTicket(ctx, tx, "ticket.changed", t, from.change)
			}
		}
		return ErrNoLink
	})
}

func link(ctx context.Context, tx *storage.Tx, ticket, item uuid.UUID, kind LinkKind) error {
	_, err := tx.Exec(ctx, `INSERT INTO ticket_calls (tenant_id, ticket_id, call_id, conversation) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.Tenant, ticket, item, kind == LinkConversation)
	if err != nil {
		return fmt.Errorf("link the ticket to its %s: %w", kind, err)
	}
	return nil
}

// Links lists what a ticket is about, oldest first, and then the tickets that have to do with it; of these people alone, unless owners is nil.
func (s *Service) Links(ctx context.Context, tenant, ticket uuid.UUID, owners []uuid.UUID) (list []Link, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT call_id AS id, CASE WHEN conversation THEN 'conversation' ELSE 'call' END AS kind, 0::bigint AS number, '' AS title, '' AS status FROM ticket_calls WHERE ticket_id = `+leadsTo+`
			UNION ALL SELECT t.ticket_id, 'ticket', number, title, status FROM ticket_relations r JOIN tickets t ON t.ticket_id = r.other_id WHERE r.ticket_id = `+leadsTo+`
				AND ($2::uuid[] IS NULL OR t.assignee = ANY ($2) OR t.created_by = ANY ($2))
			ORDER BY number, id`, ticket, owners)
		if err != nil {
			return fmt.Errorf("list the ticket's links: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Link])
		return err
	})
	for i := range list {
		if id := list[i].ID; id.Version() == 7 { // ids of ours tell when they were made
			sec, nsec := id.Time().UnixTime()
			at := time.Unix(sec, nsec).UTC()
			list[i].At = &at
		}
	}
	return list, err
}
