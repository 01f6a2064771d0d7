package queues

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Member is an agent in a queue. The order of members is that of the algorithm ordered_list.
type Member struct {
	Agent        uuid.UUID `json:"agent"`
	Priority     int       `json:"priority"`      // the agent's own: of two queues with something for them they serve the one with the higher first
	DelaySeconds int       `json:"delay_seconds"` // items that have waited less go to others only
}

// SetMembers makes exactly these agents serve a leaf queue, in this order; who served it before keeps their own priority and delay.
func (s *Service) SetMembers(ctx context.Context, tenant, queue uuid.UUID, agents []uuid.UUID) error {
	var ms []Member
	for _, id := range agents {
		if !slices.Contains(ms, Member{Agent: id}) {
			ms = append(ms, Member{Agent: id})
		}
	}
	return s.setMembers(ctx, tenant, queue, ms, true)
}

// PutMembers makes exactly these agents serve a leaf queue, in this order.
func (s *Service) PutMembers(ctx context.Context, tenant, queue uuid.UUID, ms []Member) error {
	for _, m := range ms {
		if m.Priority < -100 || m.Priority > 100 || m.DelaySeconds < 0 || m.DelaySeconds > 3600 || m.DelaySeconds%5 != 0 {
			return invalid("members", "An agent's own priority is -100 to 100, the delay up to 3600 seconds in steps of 5.")
		}
	}
	return s.setMembers(ctx, tenant, queue, ms, false)
}

func (s *Service) setMembers(ctx context.Context, tenant, queue uuid.UUID, ms []Member, keep bool) error {
	agents := make([]uuid.UUID, len(ms)) // nil would be NULL, which is different from nobody
	positions, priorities, delays := make([]int32, len(ms)), make([]int32, len(ms)), make([]int32, len(ms))
	seen := make(map[uuid.UUID]bool, len(ms))
	for i, m := range ms {
		if seen[m.Agent] {
			return invalid("members", "Name each agent once.")
		}
		seen[m.Agent] = true
		agents[i], positions[i], priorities[i], delays[i] = m.Agent, int32(i), int32(m.Priority), int32(m.DelaySeconds)
	}
	err := s.configure(ctx, tenant, queue, func(tx *storage.Tx) error {
		// The lock keeps the queue a leaf until this commits.
		if _, err := tx.Exec(ctx, `SELECT FROM queues WHERE queue_id = $1 FOR UPDATE`, queue); err != nil {
			return err
		}
		q, err := readQueue(ctx, tx, queue)
		if err != nil {
			return err
		}
		if !q.Leaf {
			return ErrNotLeaf
		}
		if _, err := tx.Exec(ctx, `DELETE FROM queue_members WHERE queue_id = $1 AND agent_id <> ALL ($2)`, queue, agents); err != nil {
			return err
		}
		// Only agents whom this tenant sees: a foreign id inserts nothing.
		tag, err := tx.Exec(ctx, `
			INSERT INTO queue_members AS m (queue_id, agent_id, tenant_id, position, priority, delay_seconds)
			SELECT $1, a.agent_id, $3, n.position, n.priority, n.delay
			FROM unnest($2::uuid[], $4::int[], $5::int[], $6::int[]) AS n (agent_id, position, priority, delay) JOIN queue_agents a USING (agent_id)
			WHERE a.archived_at IS NULL
			ON CONFLICT (queue_id, agent_id) DO UPDATE SET position = excluded.position,
				priority = CASE WHEN $7 THEN m.priority ELSE excluded.priority END,
				delay_seconds = CASE WHEN $7 THEN m.delay_seconds ELSE excluded.delay_seconds END`,
			queue, agents, tx.Tenant, positions, priorities, delays, keep)
		if err == nil && int(tag.RowsAffected()) != len(ms) {
			err = ErrNoAgent
		}
		return err
	})
	return wrap("set the queue's agents", err)
}

// Members returns the agents of a queue, in order.
func (s *Service) Members(ctx context.Context, tenant, queue uuid.UUID) (ids []uuid.UUID, err error) {
	ms, err := s.Membership(ctx, tenant, queue)
	ids = make([]uuid.UUID, len(ms))
	for i, m := range ms {
		ids[i] = m.Agent
	}
	return ids, err
}

// Membership returns the agents of a queue, in order, with their own priorities and delays.
func (s *Service) Membership(ctx context.Context, tenant, queue uuid.UUID) (ms []Member, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT agent_id, priority, delay_seconds FROM queue_members WHERE queue_id = $1 ORDER BY position, agent_id`, queue)
		if err != nil {
			return err
		}
		ms, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Member, err error) {
			return m, row.Scan(&m.Agent, &m.Priority, &m.DelaySeconds)
		})
		return err
	})
	return ms, wrap("read the queue's agents", err)
}
