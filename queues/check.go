package queues

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// What the checker looks at of one queue: the first items and the idle agents, which need not be all.
const (
	checkedItems  = 20
	checkedAgents = 50
)

// waits are items of a queue that take the same of an agent, and agents who have room for one of them.
type waits struct {
	queue  uuid.UUID
	need   need
	items  []itemRow
	agents []idleAgent
}

type idleAgent struct {
	id      uuid.UUID
	version string
}

// pair is an item that waits although an agent idles, the first of its kind. The versions tell whether it is still the same wait.
type pair struct {
	tenant, queue, item, agent uuid.UUID
	itemXID                    uint64
	agentXID                   string
}

// askWaits asks for who waits beside whom: from the rows and not from the picture, which may be what is wrong.
func (v *view) askWaits(b *pgx.Batch, shard int16) {
	const groups = `(SELECT DISTINCT queue_id, weight, exclusive, kind = 'chat' AS present FROM queue_items WHERE shard = $1 AND state = 'waiting' AND node <> $2) g`
	b.Queue(`
		SELECT g.queue_id, g.weight, g.exclusive, g.present, a.agent_id, a.xid::text FROM `+groups+`
		CROSS JOIN LATERAL (
			SELECT agent_id, a.xid FROM queue_members m JOIN queue_agents a USING (agent_id)
			WHERE m.queue_id = g.queue_id AND a.barred = '' AND a.archived_at IS NULL AND (a.always_available AND NOT g.present OR a.presence = 'AVAILABLE')
			  AND a.next_presence IN ('', 'AVAILABLE') AND a.used + CASE WHEN g.exclusive THEN greatest(a.capacity, 1) ELSE g.weight END <= a.capacity
			ORDER BY a.idle_since, agent_id LIMIT $3) a
		ORDER BY 1, 2, 3, 4`, shard, uuid.Nil, checkedAgents).
		Query(func(rows pgx.Rows) error {
			var w waits
			var a idleAgent
			_, err := pgx.ForEachRow(rows, []any{&w.queue, &w.need.weight, &w.need.exclusive, &w.need.present, &a.id, &a.version}, func() error {
				if last := len(v.waits) - 1; last < 0 || v.waits[last].queue != w.queue || v.waits[last].need != w.need {
					v.waits = append(v.waits, w)
				}
				last := &v.waits[len(v.waits)-1]
				last.agents = append(last.agents, a)
				return nil
			})
			return err
		})
	b.Queue(`
		SELECT i.* FROM `+groups+`
		CROSS JOIN LATERAL (
			SELECT `+itemRowColumns+` FROM queue_items
			WHERE queue_id = g.queue_id AND state = 'waiting' AND weight = g.weight AND exclusive = g.exclusive AND (kind = 'chat') = g.present AND node <> $2
			ORDER BY priority DESC, enqueued_at, item_id LIMIT $3) i`, shard, uuid.Nil, checkedItems).
		Query(func(rows pgx.Rows) error {
			items, err := pgx.CollectRows(rows, scanItemRow)
			for _, it := range items {
				for n := range v.waits {
					if w := &v.waits[n]; w.queue == it.queue && w.need == it.need {
						w.items = append(w.items, it)
					}
				}
			}
			return err
		})
}

// pairs returns, of each group, the first item beside an agent who could have had it for a second by the queue's rules.
func (d *dispatcher) pairs(v view) (ps []pair) {
	for _, w := range v.waits {
		var q *pqueue
		if d.pic != nil {
			q = d.pic.queues[w.queue]
		}
		if p, ok := w.pair(q, v.now.Add(-time.Second)); ok {
			ps = append(ps, p)
		}
	}
	return ps
}

// pair goes by rules that are configuration, which the picture has; what it does not know it takes for allowed.
func (w *waits) pair(q *pqueue, at time.Time) (pair, bool) {
	for _, it := range w.items {
		for _, a := range w.agents {
			if q != nil && q.members[a.id] != nil {
				if why, _ := q.admits(q.members[a.id], &it, max(0, at.Sub(it.enqueuedAt))); why != eligible {
					continue
				}
			}
			return pair{tenant: it.tenant, queue: w.queue, item: it.id, itemXID: it.version, agent: a.id, agentXID: a.version}, true
		}
	}
	return pair{}, false
}

// InvariantViolated is the data of the event queue.invariant_violated: an item waited beside an idle agent who could have taken it.
type InvariantViolated struct {
	Queue uuid.UUID `json:"queue"`
	Item  uuid.UUID `json:"item"`
	Agent uuid.UUID `json:"agent"`
}

// check reports what must never be (Q3.5): an item that waits for more than 1 s beside an idle agent who could take it.
func (d *dispatcher) check(ctx context.Context, v view) error {
	now := time.Now()
	suspects := make(map[pair]time.Time)
	var fresh []pair
	for _, p := range d.pairs(v) {
		since, before := d.suspects[p]
		if !before {
			since = now
		}
		suspects[p] = since
		if now.Sub(since) < time.Second {
			continue
		}
		d.s.metrics.violations.Inc()
		d.logger.Error("an item waits beside an idle agent", "queue", p.queue, "item", p.item, "agent", p.agent, "for", now.Sub(since))
		d.pic = nil // whatever it shows is wrong
		if !d.alarmed[p.item] {
			fresh = append(fresh, p)
		}
	}
	d.suspects = suspects
	alarmed := make(map[uuid.UUID]bool)
	for p := range suspects {
		alarmed[p.item] = d.alarmed[p.item]
	}
	d.alarmed = alarmed
	if len(fresh) == 0 {
		return nil
	}
	err := d.s.db.Worker(ctx, func(tx *storage.Tx) error { return d.s.alarm(ctx, tx, fresh) })
	if err == nil {
		for _, p := range fresh {
			d.alarmed[p.item] = true
		}
	}
	return wrap("store an alarm", err)
}

func (s *Service) alarm(ctx context.Context, tx *storage.Tx, ps []pair) error {
	for _, p := range ps {
		if _, err := tx.Exec(ctx, `INSERT INTO queue_alarms (alarm_id, tenant_id, at, queue_id, item_id, agent_id) VALUES ($1, $2, $3, $4, $5, $6)`,
			storage.NewID(), p.tenant, tx.Now, p.queue, p.item, p.agent); err != nil {
			return err
		}
		if err := s.log.AppendFor(ctx, tx, p.tenant, "queue.invariant_violated", p.queue, InvariantViolated{Queue: p.queue, Item: p.item, Agent: p.agent}); err != nil {
			return err
		}
	}
	return nil
}

// Alarm is a violation of what must never be, as it was seen.
type Alarm struct {
	ID        uuid.UUID `json:"id"`
	At        time.Time `json:"at"`
	Queue     uuid.UUID `json:"queue"`
	QueueName string    `json:"queue_name"`
	Item      uuid.UUID `json:"item"`
	Agent     uuid.UUID `json:"agent"`
	AgentName string    `json:"agent_name"`
}

// Alarms returns what was seen since, the newest first, at most 100.
func (s *Service) Alarms(ctx context.Context, tenant uuid.UUID, since time.Time) (as []Alarm, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT l.alarm_id, l.at, l.queue_id, q.name, l.item_id, l.agent_id, a.name
			FROM queue_alarms l JOIN queues q USING (queue_id) JOIN queue_agents a USING (agent_id)
			WHERE l.tenant_id = $1 AND l.at > $2 ORDER BY l.at DESC, l.alarm_id LIMIT 100`, tenant, since)
		if err != nil {
			return err
		}
		as, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Alarm, err error) {
			return a, row.Scan(&a.ID, &a.At, &a.Queue, &a.QueueName, &a.Item, &a.Agent, &a.AgentName)
		})
		return err
	})
	return as, wrap("read alarms", err)
}
