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

// NamesIn returns the paths of all queues, parents first, and the names of agents, in the caller's transaction.
func (s *Service) NamesIn(ctx context.Context, tx *storage.Tx) (paths map[uuid.UUID][]string, agents map[uuid.UUID]string, err error) {
	paths, agents = map[uuid.UUID][]string{}, map[uuid.UUID]string{}
	rows, err := tx.Query(ctx, `
		WITH RECURSIVE tree AS (
			SELECT queue_id, ARRAY[name] AS path FROM queues WHERE parent_id IS NULL
			UNION ALL SELECT c.queue_id, t.path || c.name FROM queues c JOIN tree t ON c.parent_id = t.queue_id)
		SELECT queue_id, path FROM tree`)
	if err != nil {
		return nil, nil, wrap("read the paths of queues", err)
	}
	var id uuid.UUID
	var path []string
	if _, err := pgx.ForEachRow(rows, []any{&id, &path}, func() error { paths[id], path = path, nil; return nil }); err != nil {
		return nil, nil, wrap("read the paths of queues", err)
	}
	if rows, err = tx.Query(ctx, `SELECT agent_id, name FROM queue_agents`); err != nil {
		return nil, nil, wrap("read the names of agents", err)
	}
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { agents[id] = name; return nil })
	return paths, agents, wrap("read the names of agents", err)
}
