package queues

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// LiveItems returns what waits, longest first: the items of ids, or all where ids is nil. It is for live lists, which are whole.
func (s *Service) LiveItems(ctx context.Context, tenant uuid.UUID, ids []uuid.UUID) (items []QueuedItem, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, queuedColumns+`
			WHERE i.tenant_id = $1 AND i.state <> 'left' AND ($2::uuid[] IS NULL OR i.item_id = ANY ($2))
			ORDER BY i.enqueued_at, i.item_id`, tenant, plain(ids))
		if err != nil {
			return err
		}
		items, err = pgx.CollectRows(rows, scanQueued)
		return err
	})
	return items, wrap("read what waits", err)
}

// LiveAgents returns agents by name: those of ids, or all where ids is nil.
func (s *Service) LiveAgents(ctx context.Context, tenant uuid.UUID, ids []uuid.UUID) (agents []AgentView, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		agents, err = readAgents(ctx, tx, `a.tenant_id = $1 AND ($2::uuid[] IS NULL OR a.agent_id = ANY ($2)) ORDER BY a.name, a.agent_id`, tenant, plain(ids))
		return err
	})
	return agents, wrap("read the agents", err)
}

// plain makes ids plain bytes: pgx writes a slice of uuid.UUID by way of strings, many times slower. nil stays nil.
func plain(ids []uuid.UUID) [][16]byte {
	if ids == nil {
		return nil
	}
	out := make([][16]byte, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
