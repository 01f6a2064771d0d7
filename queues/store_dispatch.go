package queues

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const (
	agentRowColumns = `agent_id, tenant_id, name, device, always_available, presence, next_presence NOT IN ('', 'AVAILABLE'), barred, capacity, used, idle_since,
		offered_at, auto_answer, ring_seconds, archived_at IS NOT NULL, xid::text`
	itemRowColumns = `item_id, tenant_id, queue_id, kind, weight, exclusive, priority, enqueued_at, node,
		coalesce(preferred, '00000000-0000-0000-0000-000000000000'), nullif(skills, '{}')::text, state = 'waiting', xid::text`
	// unseen is true for rows changed by transactions that snapshot $2 did not see.
	// The upper bound bounds nothing: between two bounds a plan expects few rows.
	unseen = `shard = $1 AND xid >= pg_snapshot_xmin($2::text::pg_snapshot) AND xid < pg_snapshot_xmax(pg_current_snapshot()) AND NOT pg_visible_in_snapshot(xid, $2::text::pg_snapshot)`
)

func scanAgentRow(row pgx.CollectableRow) (r agentRow, err error) {
	var xid string
	var ring int
	err = row.Scan(&r.id, &r.tenant, &r.name, &r.device, &r.always, &r.presence, &r.leaving, &r.barred, &r.capacity, &r.used, &r.idleSince,
		&r.offeredAt, &r.autoAnswer, &ring, &r.archived, &xid)
	r.ringFor = time.Duration(ring) * time.Second
	if err == nil {
		r.version, err = strconv.ParseUint(xid, 10, 64)
	}
	return r, err
}

func scanItemRow(row pgx.CollectableRow) (r itemRow, err error) {
	var xid string
	var skills *string
	err = row.Scan(&r.id, &r.tenant, &r.queue, &r.kind, &r.need.weight, &r.need.exclusive, &r.priority, &r.enqueuedAt, &r.node, &r.preferred, &skills, &r.waiting, &xid)
	r.need.present = r.kind == Chat
	if err == nil && skills != nil {
		r.skills = *skills
		r.asks, err = readNeeds(*skills)
	}
	if err == nil {
		r.version, err = strconv.ParseUint(xid, 10, 64)
	}
	return r, err
}

func versions(rows pgx.Rows) (map[uuid.UUID]uint64, error) {
	found := make(map[uuid.UUID]uint64)
	var id uuid.UUID
	var xid string
	_, err := pgx.ForEachRow(rows, []any{&id, &xid}, func() (err error) {
		found[id], err = strconv.ParseUint(xid, 10, 64)
		return err
	})
	return found, err
}

// changes are the agents and items changed since a snapshot.
type changes struct {
	agents []agentRow
	items  []itemRow
}

// queueChanges reads, as part of a batch, what has changed since a snapshot, and what is named in again.
func queueChanges(b *pgx.Batch, shard int16, snapshot string, again lost) *changes {
	c := &changes{}
	b.Queue(`SELECT `+agentRowColumns+` FROM queue_agents WHERE `+unseen, shard, snapshot).Query(func(rows pgx.Rows) (err error) {
		c.agents, err = pgx.CollectRows(rows, scanAgentRow)
		return err
	})
	b.Queue(`SELECT `+itemRowColumns+` FROM queue_items WHERE `+unseen, shard, snapshot).Query(func(rows pgx.Rows) (err error) {
		c.items, err = pgx.CollectRows(rows, scanItemRow)
		return err
	})
	if len(again.items) > 0 {
		b.Queue(`SELECT `+agentRowColumns+` FROM queue_agents WHERE agent_id = ANY ($1)`, again.agents).Query(func(rows pgx.Rows) error {
			more, err := pgx.CollectRows(rows, scanAgentRow)
			c.agents = append(c.agents, more...)
			return err
		})
		b.Queue(`SELECT `+itemRowColumns+` FROM queue_items WHERE item_id = ANY ($1)`, again.items).Query(func(rows pgx.Rows) error {
			more, err := pgx.CollectRows(rows, scanItemRow)
			c.items = append(c.items, more...)
			return err
		})
	}
	return c
}

// loadPicture reads a shard whole.
func loadPicture(ctx context.Context, tx *storage.Tx, shard int16) (*picture, error) {
	p := newPicture()
	p.now = tx.Now
	if err := loadQueues(ctx, tx, shard, p); err != nil {
		return nil, err
	}
	if err := loadAgents(ctx, tx, shard, p); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT queue_id, group_id, pass FROM queue_shares`)
	if err != nil {
		return nil, err
	}
	var queue, group uuid.UUID
	var pass float64
	if _, err := pgx.ForEachRow(rows, []any{&queue, &group, &pass}, func() error { p.setPass(queue, group, pass); return nil }); err != nil {
		return nil, err
	}
	if rows, err = tx.Query(ctx, `SELECT `+itemRowColumns+` FROM queue_items WHERE shard = $1 AND state <> 'left'`, shard); err != nil {
		return nil, err
	}
	items, err := pgx.CollectRows(rows, scanItemRow)
	for _, it := range items {
		p.setItem(it)
	}
	return p, err
}

// loadAgents adds the shard's agents with their skills, groups and queues.
func loadAgents(ctx context.Context, tx *storage.Tx, shard int16, p *picture) error {
	rows, err := tx.Query(ctx, `SELECT `+agentRowColumns+` FROM queue_agents WHERE shard = $1 AND archived_at IS NULL`, shard)
	if err != nil {
		return err
	}
	agents, err := pgx.CollectRows(rows, scanAgentRow)
	if err != nil {
		return err
	}
	for _, a := range agents {
		p.setAgent(a)
	}
	if rows, err = tx.Query(ctx, `SELECT s.agent_id, s.skill_id, s.level FROM queue_agent_skills s JOIN queue_agents a USING (agent_id) WHERE a.shard = $1`, shard); err != nil {
		return err
	}
	var agent, other uuid.UUID
	var level int
	if _, err := pgx.ForEachRow(rows, []any{&agent, &other, &level}, func() error { p.setSkill(agent, other, level); return nil }); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, `
		SELECT g.agent_id, g.group_id, h.auto_answer FROM queue_group_agents g JOIN queue_groups h USING (group_id) JOIN queue_agents a USING (agent_id)
		WHERE a.shard = $1`, shard); err != nil {
		return err
	}
	var auto bool
	if _, err := pgx.ForEachRow(rows, []any{&agent, &other, &auto}, func() error { p.setGroup(agent, other, auto); return nil }); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, `
		SELECT m.queue_id, m.agent_id, m.position, m.priority, m.delay_seconds FROM queue_members m JOIN queue_agents a USING (agent_id) WHERE a.shard = $1
		ORDER BY m.queue_id, m.position, m.agent_id`, shard); err != nil {
		return err
	}
	var m member
	var delay int
	_, err = pgx.ForEachRow(rows, []any{&other, &agent, &m.position, &m.priority, &delay}, func() error {
		m.delay = time.Duration(delay) * time.Second
		p.seatAgent(other, agent, m)
		return nil
	})
	return err
}

// loadQueues adds the queues of the shard's tenants, archived ones too: what waits in them is still served.
func loadQueues(ctx context.Context, tx *storage.Tx, shard int16, p *picture) error {
	type node struct {
		id, tenant, parent uuid.UUID
		own                OwnSettings
	}
	nodes := make(map[uuid.UUID]node)
	rows, err := tx.Query(ctx, `
		SELECT queue_id, tenant_id, coalesce(parent_id, '00000000-0000-0000-0000-000000000000'), settings FROM queues
		WHERE tenant_id IN (SELECT DISTINCT tenant_id FROM queue_agents WHERE shard = $1 UNION SELECT DISTINCT tenant_id FROM queue_items WHERE shard = $1 AND state <> 'left')`, shard)
	if err != nil {
		return err
	}
	var n node
	var settings []byte
	if _, err = pgx.ForEachRow(rows, []any{&n.id, &n.tenant, &n.parent, &settings}, func() (err error) {
		n.own, err = readSettings(settings)
		nodes[n.id] = n
		return err
	}); err != nil {
		return err
	}
	globals := make(map[uuid.UUID]OwnSettings)
	if rows, err = tx.Query(ctx, `SELECT tenant_id, settings FROM queue_globals`); err != nil {
		return err
	}
	var tenant uuid.UUID
	if _, err = pgx.ForEachRow(rows, []any{&tenant, &settings}, func() (err error) {
		globals[tenant], err = readSettings(settings)
		return err
	}); err != nil {
		return err
	}
	for id, n := range nodes {
		chain := []OwnSettings{n.own}
		for up := nodes[n.parent]; up.id != uuid.Nil; up = nodes[up.parent] {
			chain = append([]OwnSettings{up.own}, chain...)
		}
		set := inherit(globals[n.tenant], chain)
		p.addQueue(id, n.tenant, set.routing(), time.Duration(set.RingSeconds.Value)*time.Second)
	}
	return nil
}

// offerRows are reservations as columns, for one statement each. Ids are plain bytes: pgx writes a slice of uuid.UUID by way of strings,
// which takes longer than all the rest of a pass.
type offerRows struct {
	offers, tenants, items, queues, agents, nodes, decisions [][16]byte
	weights, rings                                           []int32
	bodies                                                   []string
	autos                                                    []bool
	shares                                                   map[*pqueue]bool // of which groups' shares have changed
}

const insertDecisions = `
	INSERT INTO queue_decisions (decision_id, tenant_id, item_id, at, decision)
	SELECT id, tenant, item, $1, body::jsonb FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS d (id, tenant, item, body)`

func (r *offerRows) add(m *match, decision string) {
	r.offers = append(r.offers, m.offer)
	r.tenants = append(r.tenants, m.item.tenant)
	r.items = append(r.items, m.item.id)
	r.queues = append(r.queues, m.queue.id)
	r.agents = append(r.agents, m.agent.id)
	r.nodes = append(r.nodes, m.item.node)
	r.decisions = append(r.decisions, storage.NewID())
	r.weights = append(r.weights, int32(m.weight))
	r.rings = append(r.rings, int32(m.ringFor()/time.Second))
	r.bodies = append(r.bodies, decision)
	r.autos = append(r.autos, m.autoAnswer)
	if m.pool >= 0 {
		if r.shares == nil {
			r.shares = make(map[*pqueue]bool)
		}
		r.shares[m.queue] = true
	}
}

// queue writes the reservations as part of a batch.
func (r *offerRows) queue(b *pgx.Batch, tx *storage.Tx, shard int16, epoch int64) {
	b.Queue(`
		INSERT INTO queue_offers (offer_id, tenant_id, shard, item_id, queue_id, agent_id, weight, node, epoch, ring_seconds, state, state_at, made_at, lease_until, auto_answer)
		SELECT offer, tenant, $1, item, queue, agent, weight, node, $2, ring, CASE WHEN node = $14 THEN 'ALERTING' ELSE 'RESERVED' END, $3, $3,
			CASE WHEN node = $14 THEN 'infinity'::timestamptz ELSE $4 END, auto
		FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::int[], $11::uuid[], $12::int[], $13::bool[])
			AS o (offer, tenant, item, queue, agent, weight, node, ring, auto)`,
		shard, epoch, tx.Now, tx.Now.Add(offerLease), r.offers, r.tenants, r.items, r.queues, r.agents, r.weights, r.nodes, r.rings, r.autos, nobodysNode)
	b.Queue(`UPDATE queue_items SET state = 'offering' WHERE item_id = ANY ($1) AND state <> 'left'`, r.items)
	b.Queue(`
		UPDATE queue_agents a SET used = a.used + w.weight, offered_at = $3
		FROM (SELECT agent, sum(weight)::int AS weight FROM unnest($1::uuid[], $2::int[]) AS o (agent, weight) GROUP BY agent) w
		WHERE a.agent_id = w.agent`, r.agents, r.weights, tx.Now)
	b.Queue(insertDecisions, tx.Now, r.decisions, r.tenants, r.items, r.bodies)
	for q := range r.shares {
		for i, share := range q.rule.shares {
			b.Queue(`
				INSERT INTO queue_shares (queue_id, group_id, tenant_id, pass) SELECT $1, group_id, tenant_id, $3 FROM queue_groups WHERE group_id = $2
				ON CONFLICT (queue_id, group_id) DO UPDATE SET pass = excluded.pass`, q.id, share.Group, q.passes[i])
		}
	}
}
