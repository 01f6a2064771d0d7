package queues

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Kind says what waits.
type Kind string

// Kinds of items. A call ends with the node that holds its media; a chat and a callback wait on.
const (
	Call     Kind = "call"
	Chat     Kind = "chat"
	CallBack Kind = "callback"
	Outbound Kind = "outbound" // a call that an agent makes; it never waits, but its customer may be put into a queue later, as a Call
)

// LeaveReason says why an item left its queue.
type LeaveReason string

// Reasons to leave. LeftHandled is set by Interacting, LeftNodeLost by the dispatcher.
const (
	LeftAbandoned   LeaveReason = "abandoned" // the customer hung up
	LeftHandled     LeaveReason = "handled"   // an agent talks to them
	LeftTransferred LeaveReason = "transferred"
	LeftDeflected   LeaveReason = "deflected"
	LeftEnded       LeaveReason = "ended"     // someone with the right to do so ended it
	LeftNodeLost    LeaveReason = "node_lost" // the node that held the call is gone
)

// NewItem is something that begins to wait.
type NewItem struct {
	ID       uuid.UUID // the call's or the conversation's
	Kind     Kind
	Channel  Channel // "": ivr for a call, web for a chat
	Language string  // of what those meet who cannot wait
	Caller   string  // shown to supervisors; "" when withheld
	Priority int     // higher goes first
	Weight   int     // of an agent's capacity; 0: what the queue says for the channel
	// EnqueuedAt keeps an earlier place (a transfer that failed, a callback); zero: now, or as before for one that waits here already.
	EnqueuedAt time.Time
	Preferred  uuid.UUID         // the agent who is to have it first, where the queue waits for one; uuid.Nil: who served this caller last
	Skills     map[uuid.UUID]int // asked for besides what the queue asks for, at these levels
}

// Errors of items.
var (
	ErrQueueFull = fault.New(fault.TooMany, "queue_full", "Too many are waiting in this queue already.")
	ErrItem      = fault.New(fault.Invalid, "item_invalid", "An item needs an id and is a call, a callback or a chat.")
)

// Waiting is an item of this node in its queue.
type Waiting struct {
	s      *Service
	tenant uuid.UUID
	queue  uuid.UUID
	id     uuid.UUID

	mu     sync.Mutex
	offers chan Offer
	gone   bool
}

// Offer is an agent whom the dispatcher has reserved for an item of this node.
type Offer struct {
	ID        uuid.UUID
	Item      uuid.UUID
	Queue     uuid.UUID
	Agent     uuid.UUID
	AgentName string
	Device    string
	RingFor   time.Duration
	// AutoAnswer says that the device is to answer by itself (V2.6).
	AutoAnswer bool
	// With are the offers made at the same time to others: the first to accept gets the item, the others' offers end as taken.
	With []Offer
}

// Queued is the data of the event item.queued.
type Queued struct {
	Item       uuid.UUID `json:"item"`
	Kind       Kind      `json:"kind"`
	Queue      uuid.UUID `json:"queue"`
	Channel    Channel   `json:"channel"`
	Priority   int       `json:"priority"`
	EnqueuedAt time.Time `json:"enqueued_at"`
	// What reports measure the wait by: the service level's time and the longest of short abandons, as set when the item came.
	Target       int `json:"service_level_seconds"`
	ShortAbandon int `json:"short_abandon_seconds"`
}

// Left is the data of the event item.left.
type Left struct {
	Item   uuid.UUID   `json:"item"`
	Kind   Kind        `json:"kind"`
	Queue  uuid.UUID   `json:"queue"`
	Reason LeaveReason `json:"reason"`
	Waited float64     `json:"waited_seconds"`
	// Joined is when the item came here; it has waited longer where it kept an earlier place. Estimated is what it was told then, missing where
	// nobody could tell; the wait since Joined is what came of it.
	Joined    time.Time `json:"joined_at"`
	Actual    float64   `json:"waited_since_join_seconds"`
	Estimated *float64  `json:"estimated_wait_seconds,omitempty"`
}

// Join puts an item into a leaf queue, or moves one that waits already there. ErrQueueFull, ErrQueuePaused and ErrNotLeaf mean that it
// does not wait.
func (s *Service) Join(ctx context.Context, tenant, queue uuid.UUID, n NewItem) (*Waiting, error) {
	if n.ID == uuid.Nil || n.Kind != Call && n.Kind != Chat && n.Kind != CallBack {
		return nil, ErrItem
	}
	if n.Channel == "" {
		n.Channel = map[Kind]Channel{Call: IVR, Chat: Web, CallBack: IVR}[n.Kind]
	}
	w := &Waiting{s: s, tenant: tenant, queue: queue, id: n.ID, offers: make(chan Offer, 1)}
	s.mu.Lock()
	earlier := s.local[n.ID]
	s.local[n.ID] = w // before the commit: the offer may be quicker than Join's return
	s.mu.Unlock()
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.joinAt(ctx, tx, queue, n, s.node) })
	if err != nil {
		s.forget(w, earlier)
		return nil, fmt.Errorf("join queue: %w", err)
	}
	if earlier != nil {
		earlier.close()
	}
	s.mu.Lock()
	delete(s.owed, n.ID) // a leave that comes too late
	s.mu.Unlock()
	return w, nil
}

func (s *Service) joinAt(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n NewItem, node uuid.UUID) error {
	set, estimated, err := s.admit(ctx, tx, queue, &n)
	if err != nil {
		return err
	}
	wt := set.weight(n.Kind, n.Channel)
	if n.Weight > 0 {
		wt.Weight = n.Weight
	}
	keep := n.EnqueuedAt.IsZero() // one that waits here already keeps its place
	if keep {
		n.EnqueuedAt = tx.Now
	}
	preferred, skills, err := n.route(ctx, tx, queue, set.Preferred.Value)
	if err != nil {
		return err
	}
	// One that waits already, or talks to an agent, is no longer where it was.
	if err := s.endLive(ctx, tx, n.ID); err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO queue_items (item_id, tenant_id, shard, queue_id, kind, channel, caller, priority, weight, exclusive, enqueued_at, node, state, joined_at,
			estimated_wait, preferred, skills)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting', $14, $15, $16, $17)
		ON CONFLICT (item_id) DO UPDATE SET kind = excluded.kind, queue_id = excluded.queue_id, channel = excluded.channel, caller = excluded.caller,
			priority = CASE WHEN excluded.kind = 'call' AND queue_items.queue_id = excluded.queue_id AND queue_items.left_reason = 'handled'
				THEN queue_items.priority ELSE excluded.priority END, weight = excluded.weight, exclusive = excluded.exclusive,
			enqueued_at = CASE WHEN $13 AND queue_items.state <> 'left' AND queue_items.queue_id = excluded.queue_id
				THEN queue_items.enqueued_at ELSE excluded.enqueued_at END,
			node = excluded.node, state = 'waiting', left_at = NULL, left_reason = NULL, resumed_by = NULL,
			joined_at = excluded.joined_at, estimated_wait = excluded.estimated_wait, preferred = excluded.preferred, skills = excluded.skills
		WHERE queue_items.tenant_id = excluded.tenant_id AND (queue_items.kind = excluded.kind OR queue_items.kind = 'outbound' AND excluded.kind = 'call')
		RETURNING enqueued_at, priority`,
		n.ID, tx.Tenant, shardOf(tx.Tenant), queue, n.Kind, n.Channel, n.Caller, n.Priority, wt.Weight, wt.Exclusive, n.EnqueuedAt, node, keep, tx.Now, estimated, preferred, skills).Scan(&n.EnqueuedAt, &n.Priority)
	if err != nil {
		return storage.Missing(err, ErrItem)
	}
	s.wakeAfter(tx, tx.Tenant)
	return s.log.Append(ctx, tx, "item.queued", n.ID, Queued{
		Item: n.ID, Kind: n.Kind, Queue: queue, Channel: n.Channel, Priority: n.Priority, EnqueuedAt: n.EnqueuedAt,
		Target: set.ServiceLevelTarget.Value, ShortAbandon: set.ShortAbandon.Value,
	})
}

// admit says whether an item may join now, with what settings, and how long it will wait as far as anybody can tell, in seconds. It gives the
// item the place that its caller had until they hung up just now.
func (s *Service) admit(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n *NewItem) (set Settings, estimated *float64, err error) {
	p := newPlanner(ctx, tx, Arrival{At: tx.Now, Channel: n.Channel, Language: n.Language, Crowd: true})
	pl, err := p.place(queue)
	if err != nil || n.Kind == CallBack { // which has its place already
		if err == nil {
			set = pl.set
		}
		return set, nil, err
	}
	set = pl.set
	back, err := lockLeaf(ctx, tx, queue, *n, set.MaxWaiting.Value > 0 || len(set.Overcapacity.Value) > 0)
	if err == nil && !back {
		back, err = comesBack(ctx, tx, set, queue, n)
	}
	if err != nil {
		return set, nil, err
	}
	read := s.roughLoad
	if len(set.Overcapacity.Value) > 0 || set.Empty.Value.Join.When != EmptyNever {
		read = readLoad // who is there decides
	}
	l, err := read(ctx, tx, queue, *n)
	if err != nil {
		return set, nil, err
	}
	pl.load = &l
	if !back && n.Kind != Chat {
		if err := p.refuse(pl, n.Kind); err != nil {
			return set, nil, err
		}
	}
	if w := l.estimate(l.Ahead + 1); w != nil {
		estimated = new(w.Seconds())
	}
	return set, estimated, nil
}

// lockLeaf keeps a queue the leaf that it is, alone where those who wait are counted, and says whether an item was there before.
func lockLeaf(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n NewItem, alone bool) (before bool, err error) {
	lock := "FOR KEY SHARE"
	if alone {
		lock = "FOR NO KEY UPDATE"
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT FROM queues WHERE queue_id = $1 `+lock, queue)
	q := queueRow(b, queue)
	b.Queue(`SELECT EXISTS (SELECT FROM queue_items WHERE item_id = $1 AND queue_id = $2)`, n.ID, queue).
		QueryRow(func(row pgx.Row) error { return row.Scan(&before) })
	switch err := tx.SendBatch(ctx, b).Close(); {
	case err != nil:
		return false, err
	case !q.Leaf:
		return false, ErrNotLeaf
	case q.Paused && n.Kind != Chat:
		return false, ErrQueuePaused
	}
	return before, nil
}

// Offers yields the agents reserved for the item: one at a time, or several at once (Offer.With). It is closed when the item has left the queue or joined again.
func (w *Waiting) Offers() <-chan Offer { return w.offers }

// Leave takes the item out of its queue and withdraws its offer; idempotent, and nothing when an agent talks to the customer already. An
// error means that it is not stored yet: Run tries again until it is.
func (w *Waiting) Leave(ctx context.Context, reason LeaveReason) error {
	w.close()
	w.s.forget(w, nil)
	store := func(ctx context.Context) error {
		return w.s.db.Tenant(ctx, w.tenant, func(tx *storage.Tx) error { return w.s.leave(ctx, tx, w.id, reason) })
	}
	err := store(ctx)
	if err != nil {
		w.s.owe(w.id, func(ctx context.Context) error {
			if w.s.joinedAgain(w) {
				return nil
			}
			return store(ctx)
		})
	}
	return wrap("leave queue", err)
}

// Release lets another node take the item's place over, by joining again: this one stops. A live offer is withdrawn.
func (w *Waiting) Release(ctx context.Context) error {
	w.close()
	w.s.forget(w, nil)
	if w.s.joinedAgain(w) {
		return nil
	}
	err := w.s.db.Tenant(ctx, w.tenant, func(tx *storage.Tx) error {
		if err := w.s.endLive(ctx, tx, w.id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE queue_items SET node = $2 WHERE item_id = $1 AND node = $3 AND state <> 'left'`, w.id, uuid.Nil, w.s.node)
		return err
	})
	return wrap("release a place", err)
}

// leave ends an item's wait once; the caller's transaction may be a worker's.
func (s *Service) leave(ctx context.Context, tx *storage.Tx, item uuid.UUID, reason LeaveReason) error {
	var l Left
	var enqueued time.Time
	var tenant uuid.UUID
	err := tx.QueryRow(ctx, `
		SELECT tenant_id, item_id, kind, queue_id, enqueued_at, joined_at, estimated_wait::float8
		FROM queue_items WHERE item_id = $1 AND state <> 'left' FOR UPDATE`, item).
		Scan(&tenant, &l.Item, &l.Kind, &l.Queue, &enqueued, &l.Joined, &l.Estimated)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if reason != LeftHandled {
		if err := s.endLive(ctx, tx, item); err != nil {
			return err
		}
	}
	waited := max(0, tx.Now.Sub(enqueued))
	l.Reason, l.Waited, l.Actual = reason, waited.Seconds(), max(0, tx.Now.Sub(l.Joined)).Seconds()
	tx.AfterCommit(func() {
		s.metrics.wait.Observe(waited.Seconds())
		if reason == LeftHandled && l.Estimated != nil {
			s.metrics.estimateError(l.Actual - *l.Estimated)
		}
	})
	b := &pgx.Batch{}
	b.Queue(`UPDATE queue_items SET state = 'left', left_at = $2, left_reason = $3 WHERE item_id = $1`, item, tx.Now, reason)
	if err := s.log.Queue(ctx, tx, b, []events.Entry{{Tenant: tenant, Type: "item.left", Subject: item, Data: l}}); err != nil {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

// close tells the owner that nothing more comes.
func (w *Waiting) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.gone {
		w.gone = true
		close(w.offers)
	}
}

// deliver hands an offer to the item's owner; one that it has not taken yet has gone by now, and is replaced.
func (w *Waiting) deliver(o Offer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		return
	}
	select {
	case <-w.offers:
	default:
	}
	w.offers <- o // one slot, just emptied, and only deliver fills it
}

func (s *Service) joinedAgain(w *Waiting) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := s.local[w.id]
	return other != nil && other != w
}

// forget removes w from this node's items, back to what was there before.
func (s *Service) forget(w, earlier *Waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local[w.id] != w {
		return
	}
	delete(s.local, w.id)
	if earlier != nil {
		s.local[w.id] = earlier
	}
}

// PriorityChanged is the data of the event item.priority_changed; the event's actor is who did it.
type PriorityChanged struct {
	Item     uuid.UUID `json:"item"`
	Queue    uuid.UUID `json:"queue"`
	Priority int       `json:"priority"`
	From     int       `json:"from"`
}

// SetPriority changes the order of an item that waits (Q3.3).
func (s *Service) SetPriority(ctx context.Context, tenant, item uuid.UUID, priority int) error {
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c := PriorityChanged{Item: item, Priority: priority}
		err := tx.QueryRow(ctx, `
			WITH was AS (SELECT item_id, priority FROM queue_items WHERE item_id = $1 AND state <> 'left' FOR UPDATE)
			UPDATE queue_items i SET priority = $2 FROM was WHERE i.item_id = was.item_id RETURNING i.queue_id, was.priority`, item, priority).Scan(&c.Queue, &c.From)
		if err != nil {
			return storage.Missing(err, ErrNotWaiting)
		}
		s.wakeAfter(tx, tenant)
		return s.log.Append(ctx, tx, "item.priority_changed", item, c)
	})
	return wrap("change priority", err)
}

// ErrNotWaiting says that an item does not wait.
var ErrNotWaiting = fault.New(fault.NotFound, "item_not_waiting", "This call or conversation does not wait (any more).")
