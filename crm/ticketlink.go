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
)

// Link is a call or conversation that a ticket is about.
type Link struct {
	ID   uuid.UUID  `json:"id"`
	Kind LinkKind   `json:"kind" enum:"call,conversation"`
	At   *time.Time `json:"at,omitempty" doc:"when it began"`
}

// ErrNoLink says that a ticket is not about what was named.
var ErrNoLink = fault.New(fault.NotFound, "link_not_found", "The ticket is not linked to that.")

// LinkTo shows a call or conversation on a ticket, once however often it is asked for.
func (s *Service) LinkTo(ctx context.Context, tenant, ticket, item uuid.UUID, kind LinkKind) (t Ticket, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if t, err = getTicket(ctx, tx, ticket); err != nil {
			return err
		}
		if err := link(ctx, tx, t.ID, item, kind); err != nil {
			return err
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "call")
	})
	return t, err
}

// Unlink takes a call or conversation off a ticket.
func (s *Service) Unlink(ctx context.Context, tenant, ticket, item uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t, err := getTicket(ctx, tx, ticket)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM ticket_calls WHERE ticket_id = $1 AND call_id = $2`, t.ID, item)
		if err != nil {
			return fmt.Errorf("unlink a ticket: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNoLink
		}
		return s.tellTicket(ctx, tx, "ticket.changed", t, "call")
	})
}

func link(ctx context.Context, tx *storage.Tx, ticket, item uuid.UUID, kind LinkKind) error {
	_, err := tx.Exec(ctx, `INSERT INTO ticket_calls (tenant_id, ticket_id, call_id, conversation) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.Tenant, ticket, item, kind == LinkConversation)
	if err != nil {
		return fmt.Errorf("link the ticket to its %s: %w", kind, err)
	}
	return nil
}

// Links lists what a ticket is about, oldest first.
func (s *Service) Links(ctx context.Context, tenant, ticket uuid.UUID) (list []Link, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT call_id, CASE WHEN conversation THEN 'conversation' ELSE 'call' END FROM ticket_calls WHERE ticket_id = `+leadsTo+` ORDER BY call_id`, ticket)
		if err != nil {
			return fmt.Errorf("list the ticket's links: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Link, err error) {
			err = row.Scan(&l.ID, &l.Kind)
			if l.ID.Version() == 7 { // ids of ours tell when they were made
				sec, nsec := l.ID.Time().UnixTime()
				at := time.Unix(sec, nsec).UTC()
				l.At = &at
			}
			return l, err
		})
		return err
	})
	return list, err
}
