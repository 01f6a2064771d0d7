package queues

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// view is what a dispatcher sees when it looks.
type view struct {
	due   []uuid.UUID             // offers whose lease, ring time or wrap-up is over
	bars  bool                    // some agent's bar is over
	nodes map[uuid.UUID]time.Time // who holds items or offers, and what they last wrote
	over  bool                    // some agent's reason has lasted for too long
	now   time.Time
	waits []waits
}

// readView reads all of it in one round trip.
func readView(ctx context.Context, tx *storage.Tx, shard int16) (view, error) {
	v := view{nodes: make(map[uuid.UUID]time.Time), now: tx.Now}
	b := &pgx.Batch{}
	b.Queue(`
		SELECT offer_id FROM queue_offers WHERE shard = $1 AND state IN ('RESERVED', 'ALERTING')
			AND (lease_until < $2 OR made_at + make_interval(secs => ring_seconds) + CASE WHEN node = $4 THEN interval '0' ELSE $3 END < $2)
		UNION ALL
		SELECT offer_id FROM queue_offers WHERE shard = $1 AND state = 'WRAP_UP' AND wrap_until <= $2`, shard, tx.Now, ringGrace, nobodysNode).
		Query(func(rows pgx.Rows) (err error) { v.due, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); return err })
	b.Queue(`SELECT EXISTS (SELECT FROM queue_agents WHERE shard = $1 AND barred_until <= $2)`, shard, tx.Now).
		QueryRow(func(row pgx.Row) error { return row.Scan(&v.bars) })
	b.Queue(`SELECT EXISTS (SELECT FROM queue_agents WHERE shard = $1 AND presence_until <= $2 AND NOT overrun)`, shard, tx.Now).
		QueryRow(func(row pgx.Row) error { return row.Scan(&v.over) })
	b.Queue(`
		SELECT h.node, coalesce(n.seen_at, $4) FROM (
			SELECT node FROM queue_items WHERE shard = $1 AND state <> 'left'
			UNION SELECT node FROM queue_offers WHERE shard = $1 AND state NOT IN ('IDLE', 'WRAP_UP')
			UNION SELECT engaged_by FROM queue_agents WHERE shard = $1 AND engaged_by IS NOT NULL) h
		LEFT JOIN queue_nodes n USING (node) WHERE h.node NOT IN ($2, $3)`, shard, uuid.Nil, nobodysNode, neverSeen).
		Query(func(rows pgx.Rows) error {
			var node uuid.UUID
			var at time.Time
			_, err := pgx.ForEachRow(rows, []any{&node, &at}, func() error { v.nodes[node] = at; return nil })
			return err
		})
	v.askWaits(b, shard)
	return v, tx.SendBatch(ctx, b).Close()
}

// sweep ends what has run out in the dispatcher's shard: leases, wrap-ups, bars, and what lost nodes held. Each step locks what it
// changes and looks again, so that a second sweeper would do no harm.
func (d *dispatcher) sweep(ctx context.Context, v view) error {
	for _, id := range v.due {
		err := d.s.db.Worker(ctx, func(tx *storage.Tx) error { return d.s.runOut(ctx, tx, id) })
		if err != nil && !errors.Is(err, ErrOfferGone) {
			return fmt.Errorf("end an offer that has run out: %w", err)
		}
	}
	if v.bars {
		if err := d.liftBars(ctx); err != nil {
			return err
		}
	}
	if v.over {
		if err := d.tellOverruns(ctx); err != nil {
			return err
		}
	}
	return d.sweepNodes(ctx, v.nodes)
}

func (s *Service) runOut(ctx context.Context, tx *storage.Tx, offer uuid.UUID) error {
	a, err := lockAssignment(ctx, tx, offer)
	if err != nil {
		return err
	}
	var due, nobodys bool
	err = tx.QueryRow(ctx, `
		SELECT coalesce(CASE WHEN state = 'WRAP_UP' THEN wrap_until <= $2
			ELSE lease_until < $2 OR made_at + make_interval(secs => ring_seconds) + CASE WHEN node = $4 THEN interval '0' ELSE $3 END < $2 END, false), node = $4
		FROM queue_offers WHERE offer_id = $1`, offer, tx.Now, ringGrace, nobodysNode).Scan(&due, &nobodys)
	switch {
	case err != nil || !due:
		return err
	case a.state == WrapUp:
		return s.move(ctx, tx, a, moveDetail{result: "timed_out"}, hFinish)
	case a.state.offered() && nobodys:
		return s.miss(ctx, tx, a, string(OfferMissed))
	case a.state.offered():
		return s.move(ctx, tx, a, moveDetail{result: "expired"}, hExpire)
	}
	return nil
}

// liftBars lets agents have offers again whose time as NOT_RESPONDING or UNREACHABLE is over.
func (d *dispatcher) liftBars(ctx context.Context) error {
	now := d.s.db.Now()
	err := d.s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH due AS (SELECT agent_id, barred FROM queue_agents WHERE shard = $1 AND barred_until <= $2 FOR UPDATE SKIP LOCKED)
			UPDATE queue_agents a SET barred = '', barred_until = NULL, missed = 0, unreached = 0 FROM due
			WHERE a.agent_id = due.agent_id RETURNING a.tenant_id, a.agent_id, due.barred`, d.shard, now)
		if err != nil {
			return err
		}
		var entries []events.Entry
		var tenant, agent uuid.UUID
		var barred State
		if _, err := pgx.ForEachRow(rows, []any{&tenant, &agent, &barred}, func() error {
			to, err := barred.next(hRelease)
			entries = append(entries, events.Entry{Tenant: tenant, Type: "agent.state", Subject: agent, Data: StateChanged{Agent: agent, From: barred, State: to}})
			return err
		}); err != nil {
			return err
		}
		return d.s.log.AppendAll(ctx, tx, entries)
	})
	return wrap("lift bars", err)
}

// silence is how a node looks to this sweeper: what it last wrote, and since when it has written nothing else.
type silence struct {
	wrote time.Time
	since time.Time
}

// sweepNodes finds nodes that have stopped writing. It goes by its own clock and by changes it has seen, from good looks only, so that
// neither clocks that differ nor a database that was away make a living node look lost.
func (d *dispatcher) sweepNodes(ctx context.Context, seen map[uuid.UUID]time.Time) error {
	now := time.Now()
	before := d.silent
	d.silent = make(map[uuid.UUID]silence, len(seen))
	for node, wrote := range seen {
		is := silence{wrote: wrote, since: now}
		if was, ok := before[node]; ok && !wrote.After(was.wrote) { // it has written nothing, or another shard's sweeper has given it up already
			is = was
		}
		d.silent[node] = is
		if now.Sub(is.since) < nodeLost || node == d.s.node {
			continue
		}
		if err := d.s.giveUp(ctx, d.shard, node, is.wrote); err != nil {
			return fmt.Errorf("give up what a lost node held: %w", err)
		}
	}
	return nil
}

// neverSeen is when a node was seen last of which there is no row (any more).
var neverSeen = time.Unix(0, 0)

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// giveUp ends what a lost node held: its calls leave their queues, once; chats wait until another node joins them again; agents who
// talked, until it was seen last, go on to wrap-up, or return to what they were before somebody called their extension.
func (s *Service) giveUp(ctx context.Context, shard int16, node uuid.UUID, seen time.Time) error {
	type held struct {
		id   uuid.UUID
		kind Kind
	}
	var items []held
	var offers []uuid.UUID
	err := s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT item_id, kind FROM queue_items WHERE shard = $1 AND node = $2 AND state <> 'left'`, shard, node)
		if err != nil {
			return err
		}
		items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h held, err error) { return h, row.Scan(&h.id, &h.kind) })
		if err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, `SELECT offer_id FROM queue_offers WHERE shard = $1 AND node = $2 AND state NOT IN ('IDLE', 'WRAP_UP')`, shard, node); err != nil {
			return err
		}
		offers, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM queue_nodes WHERE node = $1`, node)
		return err
	})
	if err != nil {
		return err
	}
	s.logger.Warn("a node is lost", "node", node, "waiting", len(items), "offers", len(offers))
	for _, it := range items {
		if err := s.db.Worker(ctx, func(tx *storage.Tx) error { return s.dropItem(ctx, tx, it.id, it.kind, node) }); err != nil {
			return err
		}
		s.metrics.lost.Inc()
	}
	for _, id := range offers {
		err := s.db.Worker(ctx, func(tx *storage.Tx) error {
			a, err := lockAssignment(ctx, tx, id)
			if err != nil || a.state == Idle || a.state == WrapUp {
				return err
			}
			if seen.After(neverSeen) {
				a.lost = later(seen, a.stateAt)
			}
			return s.end(ctx, tx, a)
		})
		if err != nil && !errors.Is(err, ErrOfferGone) {
			return err
		}
	}
	return s.disengageAll(ctx, shard, node)
}

func (s *Service) dropItem(ctx context.Context, tx *storage.Tx, item uuid.UUID, kind Kind, node uuid.UUID) error {
	var still bool
	err := tx.QueryRow(ctx, `SELECT node = $2 FROM queue_items WHERE item_id = $1 FOR UPDATE`, item, node).Scan(&still)
	if err != nil || !still {
		return err
	}
	if kind == Call {
		return s.leave(ctx, tx, item, LeftNodeLost)
	}
	if err := s.endLive(ctx, tx, item); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE queue_items SET node = $2 WHERE item_id = $1`, item, uuid.Nil)
	return err
}
