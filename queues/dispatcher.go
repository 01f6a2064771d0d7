package queues

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

const (
	// mostMatches is how many decisions one transaction stores: it bounds how long the last of them waits for the first.
	mostMatches = 32
	// mostNobody is how many decisions that led to nobody it stores besides.
	mostNobody = 16
)

// dispatcher decides for one shard while it holds the shard's lease.
type dispatcher struct {
	s      *Service
	shard  int16
	logger *slog.Logger

	epoch    int64    // 0: another node holds the shard
	pic      *picture // nil: to be loaded
	work     *ledger  // nil: to be loaded, where a queue goes by it
	dirty    bool     // pic shows decisions that were perhaps not stored
	snapshot string   // of the database, up to which pic is right
	config   int64
	again    lost                  // rows to read although they have not changed
	silent   map[uuid.UUID]silence // nodes, as the sweeper sees them
	suspects map[pair]time.Time    // who waited beside whom at the last look, since when
	alarmed  map[uuid.UUID]bool    // which of their items were told of
}

// lost are decisions that could not be stored, because somebody changed the item or the agent just then.
type lost struct{ items, agents []uuid.UUID }

var errShardLost = errors.New("another node has taken the shard over")

// run decides until ctx ends: at every wake-up, and each second besides.
func (d *dispatcher) run(ctx context.Context) error {
	wake, stop := d.s.bus.Wake(wakeSubject(d.shard))
	defer stop()
	freed, stopFreed := d.s.bus.Wake(freedSubject(d.shard))
	defer stopFreed()
	defer d.release(context.WithoutCancel(ctx))
	tick := time.NewTicker(safetyPass)
	defer tick.Stop()
	due := time.NewTimer(safetyPass)
	defer due.Stop()
	d.tick(ctx)
	for {
		due.Reset(d.dueIn())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.tick(ctx)
		case <-due.C:
			if d.epoch != 0 {
				d.report(ctx, "decide", d.pass(ctx, time.Now()))
			}
		case <-wake:
			if d.epoch == 0 {
				continue
			}
			d.report(ctx, "decide", d.pass(ctx, time.Now()))
		case <-freed:
			if d.epoch == 0 || d.idle() {
				continue
			}
			d.report(ctx, "decide", d.pass(ctx, time.Now()))
		}
	}
}

// idle says that nothing waits, as far as is known: what has come since wakes the dispatcher itself.
func (d *dispatcher) idle() bool {
	return d.pic != nil && !d.dirty && len(d.pic.items) == 0 && len(d.again.items) == 0
}

// dueIn is how long until the time alone may change who gets what.
func (d *dispatcher) dueIn() time.Duration {
	if d.pic != nil {
		if in, ok := d.pic.dueIn(); ok {
			return max(in, time.Millisecond)
		}
	}
	return safetyPass
}

// tick keeps or takes the lease, ends what has run out, decides, and checks that nobody waits in vain.
func (d *dispatcher) tick(ctx context.Context) {
	v, err := d.look(ctx)
	if err != nil || d.epoch == 0 {
		d.report(ctx, "look", err)
		return
	}
	d.report(ctx, "sweep", d.sweep(ctx, v))
	d.report(ctx, "check", d.check(ctx, v))
	d.report(ctx, "decide", d.pass(ctx, time.Now()))
}

func (d *dispatcher) report(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	if errors.Is(err, errShardLost) {
		d.logger.Info("another node dispatches this shard now")
		d.lose()
		return
	}
	d.logger.Error("the dispatcher failed and tries again", "step", what, "err", err)
	d.pic, d.work, d.silent = nil, nil, nil
}

func (d *dispatcher) lose() {
	d.epoch, d.pic, d.work, d.silent, d.suspects = 0, nil, nil, nil, nil
	d.s.metrics.waiting.DeleteLabelValues(strconv.Itoa(int(d.shard)))
}

// look renews the lease and, when that holds, looks at the rows for what the wake-ups do not tell. It is one transaction, because it
// happens each second in an idle house too.
func (d *dispatcher) look(ctx context.Context) (v view, err error) {
	var epoch int64
	err = d.s.db.Steady(ctx, func(tx *storage.Tx) error {
		if epoch, err = d.lease(ctx, tx); err != nil || epoch == 0 {
			return err
		}
		v, err = readView(ctx, tx, d.shard)
		return err
	})
	if err == nil && epoch != d.epoch {
		d.lose()
		d.epoch = epoch
	}
	return v, wrap("renew the lease", err)
}

// lease renews the lease, or takes one that has run out; each new holder begins a new epoch. 0 means that another holds it.
func (d *dispatcher) lease(ctx context.Context, tx *storage.Tx) (epoch int64, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO queue_shards AS q (shard, holder, epoch, expires_at) VALUES ($1, $2, 1, $3)
		ON CONFLICT (shard) DO UPDATE SET holder = $2, expires_at = $3, epoch = CASE WHEN q.holder = $2 THEN q.epoch ELSE q.epoch + 1 END
		WHERE q.holder = $2 OR q.expires_at < $4
		RETURNING epoch`, d.shard, d.s.node, tx.Now.Add(shardLease), tx.Now).Scan(&epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return epoch, err
}

// release lets another node take over at once.
func (d *dispatcher) release(ctx context.Context) {
	if d.epoch == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := d.s.db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE queue_shards SET expires_at = $4 WHERE shard = $1 AND holder = $2 AND epoch = $3`,
			d.shard, d.s.node, d.epoch, tx.Now.Add(-time.Microsecond))
		return err
	})
	if err != nil {
		d.logger.Warn("the dispatcher's lease could not be given back; another node takes it when it runs out", "err", err)
	}
	d.lose()
}

// pass decides everything that is due.
func (d *dispatcher) pass(ctx context.Context, woken time.Time) error {
	for {
		made, more, err := d.step(ctx)
		if err != nil {
			return err
		}
		for _, o := range made {
			d.deliver(o)
			for range 1 + len(o.Offer.With) {
				d.s.metrics.dispatch.Observe(time.Since(woken).Seconds())
			}
		}
		if !more {
			d.s.metrics.waiting.WithLabelValues(strconv.Itoa(int(d.shard))).Set(float64(len(d.pic.items)))
			return nil
		}
	}
}

// made is an offer that is stored and on its way to its item's node.
type made struct {
	Tenant uuid.UUID
	Node   uuid.UUID
	Offer  Offer
}

// step is one transaction: see what has changed, decide, store.
func (d *dispatcher) step(ctx context.Context) (offers []made, more bool, err error) {
	err = d.s.db.Steady(ctx, func(tx *storage.Tx) error {
		offers = nil
		if d.dirty {
			d.pic, d.work = nil, nil
		}
		if err := d.refresh(ctx, tx); err != nil {
			return err
		}
		ms := d.pic.decide(mostMatches)
		none := d.pic.nobody(mostNobody)
		more = len(d.pic.ready) > 0 || len(d.pic.moved) > 0
		if len(ms) == 0 && len(none) == 0 {
			return nil
		}
		d.dirty = true
		var err error
		if offers, err = d.store(ctx, tx, ms); err != nil {
			return err
		}
		return d.storeNobody(ctx, tx, none)
	})
	if err == nil {
		d.dirty = false
	}
	return offers, more, err
}

// refresh brings the picture up to the database: the rows changed by transactions that the last snapshot did not see yet. No change is
// missed, however late it commits and whichever wake-ups were lost.
func (d *dispatcher) refresh(ctx context.Context, tx *storage.Tx) error {
	var snapshot string
	var config int64
	b := &pgx.Batch{}
	b.Queue(`
		SELECT pg_current_snapshot()::text, coalesce((SELECT version FROM queue_shard_configs WHERE shard = $1), 0)
		FROM queue_shards WHERE shard = $1 AND holder = $2 AND epoch = $3`, d.shard, d.s.node, d.epoch).
		QueryRow(func(row pgx.Row) error { return shardLost(row.Scan(&snapshot, &config)) })
	var changed *changes
	if d.pic != nil {
		changed = queueChanges(b, d.shard, d.snapshot, d.again)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("read what has changed: %w", err)
	}
	if d.pic == nil || config != d.config {
		pic, err := loadPicture(ctx, tx, d.shard)
		if err != nil {
			return fmt.Errorf("load the picture: %w", err)
		}
		pic.remember(d.pic)
		d.pic, d.config, d.dirty, d.again = pic, config, false, lost{}
	} else {
		d.pic.advance(tx.Now)
		for _, a := range changed.agents {
			d.pic.setAgent(a)
		}
		for _, it := range changed.items {
			d.pic.setItem(it)
		}
	}
	if err := d.refreshWork(ctx, tx); err != nil {
		return fmt.Errorf("read what agents have done: %w", err)
	}
	d.snapshot, d.again = snapshot, lost{}
	return nil
}

func shardLost(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errShardLost
	}
	return err
}

// store writes the decisions whose item and agent are still as the picture shows them. Rows that somebody is changing are not waited for.
func (d *dispatcher) store(ctx context.Context, tx *storage.Tx, ms []match) ([]made, error) {
	won, err := d.claim(ctx, tx, ms)
	if err != nil || len(won) == 0 {
		return nil, err
	}
	var rows offerRows
	var offers []made
	entries := make([]events.Entry, 0, 2*len(won))
	for i := range won {
		m := &won[i]
		m.offer = storage.NewID()
		m.decision.Offer, m.decision.At = m.offer, tx.Now
		body, err := json.Marshal(m.decision)
		if err != nil {
			return nil, fmt.Errorf("encode a decision: %w", err)
		}
		rows.add(m, string(body))
		offer := Offer{
			ID: m.offer, Item: m.item.id, Queue: m.queue.id, Agent: m.agent.id, AgentName: m.agent.name, Device: m.agent.device, RingFor: m.ringFor(), AutoAnswer: m.autoAnswer,
		}
		// Offers of one item follow each other.
		if last := len(offers) - 1; last >= 0 && offers[last].Offer.Item == m.item.id {
			offers[last].Offer.With = append(offers[last].Offer.With, offer)
		} else {
			offers = append(offers, made{Tenant: m.item.tenant, Node: m.item.node, Offer: offer})
		}
		entries = append(entries,
			events.Entry{Tenant: m.item.tenant, Type: "offer.made", Subject: m.item.id, Data: OfferMade{Offer: m.offer, Item: m.item.id, Kind: m.item.kind, Queue: m.queue.id, Agent: m.agent.id}},
			events.Entry{Tenant: m.item.tenant, Type: "agent.state", Subject: m.agent.id, Data: StateChanged{Agent: m.agent.id, Offer: m.offer, Item: m.item.id, Queue: m.queue.id, From: Idle, State: firstState(m.item.node)}})
	}
	b := &pgx.Batch{}
	rows.queue(b, tx, d.shard, d.epoch)
	if err := d.s.log.Queue(ctx, tx, b, entries); err != nil {
		return nil, err
	}
	return offers, wrap("store reservations", tx.SendBatch(ctx, b).Close())
}

// firstState is the state of an agent when an offer is made: a call's node has to reach the device first, a conversation rings at once.
func firstState(node uuid.UUID) State {
	if node == nobodysNode {
		return Alerting
	}
	return Reserved
}

// storeNobody writes why nobody took an item.
func (d *dispatcher) storeNobody(ctx context.Context, tx *storage.Tx, none []nobodyDecision) error {
	if len(none) == 0 {
		return nil
	}
	var ids, tenants, items [][16]byte
	var bodies []string
	for i := range none {
		n := &none[i]
		n.decision.At = tx.Now
		body, err := json.Marshal(n.decision)
		if err != nil {
			return fmt.Errorf("encode a decision: %w", err)
		}
		ids, tenants, items, bodies = append(ids, storage.NewID()), append(tenants, n.tenant), append(items, n.decision.Item), append(bodies, string(body))
	}
	_, err := tx.Exec(ctx, insertDecisions, tx.Now, ids, tenants, items, bodies)
	return wrap("write why nobody took an item", err)
}

// claim locks items and agents and returns the matches for which both are unchanged; the others are read again.
func (d *dispatcher) claim(ctx context.Context, tx *storage.Tx, ms []match) ([]match, error) {
	items, agents := make([][16]byte, len(ms)), make([][16]byte, len(ms))
	for i, m := range ms {
		items[i], agents[i] = m.item.id, m.agent.id
	}
	var epoch int64
	var freeItems, freeAgents map[uuid.UUID]uint64
	b := &pgx.Batch{}
	// The lock lets nobody take the shard over before this commits; an old holder finds no row.
	b.Queue(`SELECT epoch FROM queue_shards WHERE shard = $1 AND holder = $2 AND epoch = $3 FOR SHARE`, d.shard, d.s.node, d.epoch).
		QueryRow(func(row pgx.Row) error { return row.Scan(&epoch) })
	// Looking for a live offer too keeps one row that were wrong from holding up all others.
	b.Queue(`
		SELECT item_id, xid::text FROM queue_items i WHERE item_id = ANY ($1) AND state = 'waiting'
			AND NOT EXISTS (SELECT FROM queue_offers o WHERE o.item_id = i.item_id AND o.state NOT IN ('WRAP_UP', 'IDLE')) FOR UPDATE SKIP LOCKED`, items).
		Query(func(rows pgx.Rows) (err error) { freeItems, err = versions(rows); return err })
	b.Queue(`SELECT agent_id, xid::text FROM queue_agents WHERE agent_id = ANY ($1) FOR UPDATE SKIP LOCKED`, agents).
		Query(func(rows pgx.Rows) (err error) { freeAgents, err = versions(rows); return err })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, shardLost(err)
	}
	won := ms[:0:0]
	for _, m := range ms {
		if freeItems[m.item.id] == m.item.version && freeAgents[m.agent.id] == m.agent.version {
			won = append(won, m)
			continue
		}
		d.again.items = append(d.again.items, m.item.id)
		d.again.agents = append(d.again.agents, m.agent.id)
	}
	return won, nil
}

// deliver hands a stored offer to the item's node; a lost message is made good by that node's own look at its rows.
func (d *dispatcher) deliver(m made) {
	switch m.Node {
	case d.s.node:
		d.s.receive(m)
		return
	case nobodysNode: // the event offer.made tells the agent's page
		return
	}
	body, err := json.Marshal(m)
	if err != nil {
		d.logger.Error("an offer could not be encoded", "err", err)
		return
	}
	d.s.bus.Publish(offersSubject(m.Node), body)
}
