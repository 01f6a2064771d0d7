package queues

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Names are what a tenant's queues and agents are called, archived ones included. A queue's is its path, parents first.
type Names struct {
	Queues, Agents map[uuid.UUID]string
}

// Names returns the names of all queues and agents.
func (s *Service) Names(ctx context.Context, tenant uuid.UUID) (Names, error) {
	n := Names{Queues: map[uuid.UUID]string{}, Agents: map[uuid.UUID]string{}}
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var id uuid.UUID
		var name string
		rows, err := tx.Query(ctx, `
			WITH RECURSIVE tree AS (
				SELECT queue_id, name FROM queues WHERE parent_id IS NULL
				UNION ALL SELECT c.queue_id, t.name || ' / ' || c.name FROM queues c JOIN tree t ON c.parent_id = t.queue_id)
			SELECT queue_id, name FROM tree`)
		if err != nil {
			return err
		}
		if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { n.Queues[id] = name; return nil }); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, `SELECT agent_id, name FROM queue_agents`); err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { n.Agents[id] = name; return nil })
		return err
	})
	return n, wrap("read the names of queues and agents", err)
}
