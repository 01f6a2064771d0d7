package queues

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const (
	agentRowColumns = `agent_id, tenant_id, name, device, always_available, presence, barred, capacity, used, idle_since, archived_at IS NOT NULL, xid::text`
	itemRowColumns  = `item_id, tenant_id, queue_id, kind, weight, exclusive, priority, enqueued_at, node, state = 'waiting', xid::text`
	// unseen is true for rows changed by transactions that snapshot $2 did not see.
	unseen = `shard = $1 AND xid >= pg_snapshot_xmin($2::text::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $2::text::pg_snapshot)`
)

func scanAgentRow(row pgx.CollectableRow) (r agentRow, err error) {
	var xid string
	err = row.Scan(&r.id, &r.tenant, &r.name, &r.device, &r.always, &r.presence, &r.barred, &r.capacity, &r.used, &r.idleSince, &r.archived, &xid)
	if err == nil {
		r.version, err = strconv.ParseUint(xid, 10, 64)
	}
	return r, err
}

func scanItemRow(row pgx.CollectableRow) (r itemRow, err error) {
	var xid string
	err = row.Scan(&r.id, &r.tenant, &r.queue, &r.kind, &r.need.weight, &r.need.exclusive, &r.priority, &r.enqueuedAt, &r.node, &r.waiting, &xid)
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

// readChanges returns the agents and items changed since a snapshot, and those named in again.
func readChanges(ctx context.Context, tx *storage.Tx, shard int16, snapshot string, again lost) (agents []agentRow, items []itemRow, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT `+agentRowColumns+` FROM queue_agents WHERE `+unseen, shard, snapshot).Query(func(rows pgx.Rows) (err error) {
		agents, err = pgx.CollectRows(rows, scanAgentRow)
		return err
	})
	b.Queue(`SELECT `+itemRowColumns+` FROM queue_items WHERE `+unseen, shard, snapshot).Query(func(rows pgx.Rows) (err error) {
		items, err = pgx.CollectRows(rows, scanItemRow)
		return err
	})
	if len(again.items) > 0 {
		b.Queue(`SELECT `+agentRowColumns+` FROM queue_agents WHERE agent_id = ANY ($1)`, again.agents).Query(func(rows pgx.Rows) error {
			more, err := pgx.CollectRows(rows, scanAgentRow)
			agents = append(agents, more...)
			return err
		})
		b.Queue(`SELECT `+itemRowColumns+` FROM queue_items WHERE item_id = ANY ($1)`, again.items).Query(func(rows pgx.Rows) error {
			more, err := pgx.CollectRows(rows, scanItemRow)
			items = append(items, more...)
			return err
		})
	}
	return agents, items, tx.SendBatch(ctx, b).Close()
}

// loadPicture reads a shard whole.
func loadPicture(ctx context.Context, tx *storage.Tx, shard int16) (*picture, error) {
	p := newPicture()
	if err := loadQueues(ctx, tx, shard, p); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT `+agentRowColumns+` FROM queue_agents WHERE shard = $1 AND archived_at IS NULL`, shard)
	if err != nil {
		return nil, err
	}
	agents, err := pgx.CollectRows(rows, scanAgentRow)
	if err != nil {
		return nil, err
	}
	for _, a := range agents {
		p.setAgent(a)
	}
	if rows, err = tx.Query(ctx, `SELECT m.queue_id, m.agent_id FROM queue_members m JOIN queue_agents a USING (agent_id) WHERE a.shard = $1`, shard); err != nil {
		return nil, err
	}
	var queue, agent uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&queue, &agent}, func() error { p.seatAgent(queue, agent); return nil }); err != nil {
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
		p.addQueue(id, n.tenant, set.Algorithm.Value, time.Duration(set.RingSeconds.Value)*time.Second)
	}
	return nil
}

// offerRows are reservations as columns, for one statement each. Ids are plain bytes: pgx writes a slice of uuid.UUID by way of strings,
// which takes longer than all the rest of a pass.
type offerRows struct {
	offers, tenants, items, queues, agents, nodes, decisions [][16]byte
	weights, rings                                           []int32
	bodies                                                   []string
}

func (r *offerRows) add(m *match, decision string) {
	r.offers = append(r.offers, m.offer)
	r.tenants = append(r.tenants, m.item.tenant)
	r.items = append(r.items, m.item.id)
	r.queues = append(r.queues, m.queue.id)
	r.agents = append(r.agents, m.agent.id)
	r.nodes = append(r.nodes, m.item.node)
	r.decisions = append(r.decisions, storage.NewID())
	r.weights = append(r.weights, int32(m.weight))
	r.rings = append(r.rings, int32(m.queue.ringFor/time.Second))
	r.bodies = append(r.bodies, decision)
}

func (r *offerRows) insert(ctx context.Context, tx *storage.Tx, shard int16, epoch int64) error {
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO queue_offers (offer_id, tenant_id, shard, item_id, queue_id, agent_id, weight, node, epoch, ring_seconds, state, state_at, made_at, lease_until)
		SELECT offer, tenant, $1, item, queue, agent, weight, node, $2, ring, 'RESERVED', $3, $3, $4
		FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::int[], $11::uuid[], $12::int[])
			AS o (offer, tenant, item, queue, agent, weight, node, ring)`,
		shard, epoch, tx.Now, tx.Now.Add(offerLease), r.offers, r.tenants, r.items, r.queues, r.agents, r.weights, r.nodes, r.rings)
	b.Queue(`UPDATE queue_items SET state = 'offering' WHERE item_id = ANY ($1)`, r.items)
	b.Queue(`
		UPDATE queue_agents a SET used = a.used + w.weight
		FROM (SELECT agent, sum(weight)::int AS weight FROM unnest($1::uuid[], $2::int[]) AS o (agent, weight) GROUP BY agent) w
		WHERE a.agent_id = w.agent`, r.agents, r.weights)
	b.Queue(`
		INSERT INTO queue_decisions (decision_id, tenant_id, item_id, at, decision)
		SELECT id, tenant, item, $1, body::jsonb FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS d (id, tenant, item, body)`,
		tx.Now, r.decisions, r.tenants, r.items, r.bodies)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write offers: %w", err)
	}
	return nil
}
