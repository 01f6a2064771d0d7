package queues

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// entrance is what decides whether an item may join a queue, read in one round trip: the queue, which stays the leaf that it is until the
// transaction ends, the item, locked, where it is known already, and the crowd.
type entrance struct {
	queue  *Queue
	levels *[]OwnSettings
	item   *lockedItem
	crowd  *load // without a pace
	redial *bool // the caller may have hung up here just now
}

func (s *Service) queueEntrance(b *pgx.Batch, tx *storage.Tx, queue uuid.UUID, n *NewItem) entrance {
	b.Queue(`SELECT FROM queues WHERE queue_id = $1 FOR KEY SHARE`, queue)
	e := entrance{queue: queueRow(b, queue), levels: queueLevels(b, queue), item: queueItemLock(b, n.ID), redial: new(bool)}
	e.crowd = queueCrowd(b, tx, queue, *n)
	if n.mayComeBack() {
		queueComesBack(b, tx, queue, n, e.redial)
	}
	return e
}

func (s *Service) joinAt(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n NewItem, node uuid.UUID) error {
	e, set, estimated, err := s.admit(ctx, tx, queue, &n)
	if err != nil {
		return err
	}
	wt := set.weight(n.Kind, n.Channel)
	if n.Weight > 0 {
		wt.Weight = n.Weight
	}
	preferred, skills, err := n.route(ctx, tx, queue, set.Preferred.Value)
	if err != nil {
		return err
	}
	if e.item.there() {
		// One that waits already, or talks to an agent, is no longer where it was.
		if err := s.endLive(ctx, tx, n.ID); err != nil {
			return err
		}
	}
	e.item.keepFor(tx, queue, &n)
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO queue_items (item_id, tenant_id, shard, queue_id, kind, channel, caller, priority, weight, exclusive, enqueued_at, node, state, joined_at,
			estimated_wait, preferred, skills)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting', $13, $14, $15, $16)
		ON CONFLICT (item_id) DO UPDATE SET kind = excluded.kind, queue_id = excluded.queue_id, channel = excluded.channel, caller = excluded.caller,
			priority = excluded.priority, weight = excluded.weight, exclusive = excluded.exclusive, enqueued_at = excluded.enqueued_at,
			node = excluded.node, state = 'waiting', left_at = NULL, left_reason = NULL, resumed_by = NULL,
			joined_at = excluded.joined_at, estimated_wait = excluded.estimated_wait, preferred = excluded.preferred, skills = excluded.skills
		WHERE queue_items.tenant_id = excluded.tenant_id AND (queue_items.kind = excluded.kind OR queue_items.kind = 'outbound' AND excluded.kind = 'call')
		RETURNING true`,
		n.ID, tx.Tenant, shardOf(tx.Tenant), queue, n.Kind, n.Channel, n.Caller, n.Priority, wt.Weight, wt.Exclusive, n.EnqueuedAt, node, tx.Now, estimated, preferred, skills).
		QueryRow(func(row pgx.Row) error { var joined bool; return storage.Missing(row.Scan(&joined), ErrItem) })
	s.wakeAfter(tx, tx.Tenant)
	err = s.log.Queue(ctx, tx, b, []events.Entry{{Tenant: tx.Tenant, Type: "item.queued", Subject: n.ID, Data: Queued{
		Item: n.ID, Kind: n.Kind, Queue: queue, Channel: n.Channel, Priority: n.Priority, EnqueuedAt: n.EnqueuedAt,
		Target: set.ServiceLevelTarget.Value, ShortAbandon: set.ShortAbandon.Value,
	}}})
	if err != nil {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

// keepFor gives an item that joins a queue what it had there before: its place while it waits there, its priority when it comes back to it from
// an agent.
func (it *lockedItem) keepFor(tx *storage.Tx, queue uuid.UUID, n *NewItem) {
	here := it.there() && it.queue == queue
	if n.EnqueuedAt.IsZero() {
		n.EnqueuedAt = tx.Now
		if here && !it.left {
			n.EnqueuedAt = it.enqueuedAt
		}
	}
	if here && n.Kind == Call && it.reason == LeftHandled {
		n.Priority = it.priority
	}
}

// admit says whether an item may join now, with what settings, and how long it will wait as far as anybody can tell, in seconds. It gives the
// item the place that its caller had until they hung up just now.
func (s *Service) admit(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n *NewItem) (e entrance, set Settings, estimated *float64, err error) {
	b := &pgx.Batch{}
	e = s.queueEntrance(b, tx, queue, n)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return e, set, nil, err
	}
	p := newPlanner(ctx, tx, Arrival{At: tx.Now, Channel: n.Channel, Language: n.Language, Crowd: true})
	pl := p.know(e.queue, e.levels)
	set = pl.set
	switch {
	case n.Kind == CallBack: // which has its place already
		return e, set, nil, nil
	case !e.queue.Leaf:
		return e, set, nil, ErrNotLeaf
	case e.queue.Paused && n.Kind != Chat:
		return e, set, nil, ErrQueuePaused
	}
	back := e.item.there() && e.item.queue == queue
	if *e.redial && !back {
		if back, err = comesBack(ctx, tx, set, queue, n); err != nil {
			return e, set, nil, err
		}
		if back {
			e.crowd = nil // was counted for another place
		}
	}
	l, err := s.standsFor(ctx, tx, e, set, *n)
	if err != nil {
		return e, set, nil, err
	}
	if !back && n.Kind != Chat {
		pl.load = &l
		if err := p.refuse(pl, n.Kind); err != nil {
			return e, set, nil, err
		}
	}
	if w := l.estimate(l.Ahead + 1); w != nil {
		estimated = new(w.Seconds())
	}
	return e, set, estimated, nil
}

// standsFor is how a queue stands for an item that joins. Where those who wait are counted it joins alone; where who is there decides, that is
// looked at anew.
func (s *Service) standsFor(ctx context.Context, tx *storage.Tx, e entrance, set Settings, n NewItem) (load, error) {
	counted := set.MaxWaiting.Value > 0 || len(set.Overcapacity.Value) > 0
	if counted {
		if _, err := tx.Exec(ctx, `SELECT FROM queues WHERE queue_id = $1 FOR NO KEY UPDATE`, e.queue.ID); err != nil {
			return load{}, err
		}
	}
	if counted || set.Empty.Value.Join.When != EmptyNever || e.crowd == nil {
		return readLoad(ctx, tx, e.queue.ID, n)
	}
	l, err := s.roughLoad(ctx, tx, e.queue.ID)
	l.Waiting, l.Ahead = e.crowd.Waiting, e.crowd.Ahead
	return l, err
}
