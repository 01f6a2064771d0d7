package queues

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Kind says what waits.
type Kind string

// Kinds of items. A call ends with the node that holds its media; a chat waits on.
const (
	Call Kind = "call"
	Chat Kind = "chat"
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
	Caller   string  // shown to supervisors; "" when withheld
	Priority int     // higher goes first
	Weight   int     // of an agent's capacity; 0: what the queue says for the channel
	// EnqueuedAt keeps an earlier place (a transfer that failed, a callback); zero: now, or as before for one that waits here already.
	EnqueuedAt time.Time
}

// Errors of items.
var (
	ErrQueueFull = fault.New(fault.TooMany, "queue_full", "Too many are waiting in this queue already.")
	ErrItem      = fault.New(fault.Invalid, "item_invalid", "An item needs an id and is a call or a chat.")
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
	Actual    float64   `json:"waited_since_join_seconds"`
	Estimated *float64  `json:"estimated_wait_seconds,omitempty"`
}

// Join puts an item into a leaf queue, or moves one that waits already there. ErrQueueFull, ErrQueuePaused and ErrNotLeaf mean that it
// does not wait.
func (s *Service) Join(ctx context.Context, tenant, queue uuid.UUID, n NewItem) (*Waiting, error) {
	if n.ID == uuid.Nil || n.Kind != Call && n.Kind != Chat {
		return nil, ErrItem
	}
	if n.Channel == "" {
		n.Channel = map[Kind]Channel{Call: IVR, Chat: Web}[n.Kind]
	}
	w := &Waiting{s: s, tenant: tenant, queue: queue, id: n.ID, offers: make(chan Offer, 1)}
	s.mu.Lock()
	earlier := s.local[n.ID]
	s.local[n.ID] = w // before the commit: the offer may be quicker than Join's return
	s.mu.Unlock()
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.join(ctx, tx, queue, n) })
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

func (s *Service) join(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n NewItem) error {
	set, err := admit(ctx, tx, queue, n.ID)
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
	// One that waits already, or talks to an agent, is no longer where it was.
	if err := s.endLive(ctx, tx, n.ID); err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO queue_items (item_id, tenant_id, shard, queue_id, kind, channel, caller, priority, weight, exclusive, enqueued_at, node, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting')
		ON CONFLICT (item_id) DO UPDATE SET queue_id = excluded.queue_id, channel = excluded.channel, caller = excluded.caller,
			priority = excluded.priority, weight = excluded.weight, exclusive = excluded.exclusive,
			enqueued_at = CASE WHEN $13 AND queue_items.state <> 'left' AND queue_items.queue_id = excluded.queue_id
				THEN queue_items.enqueued_at ELSE excluded.enqueued_at END,
			node = excluded.node, state = 'waiting', left_at = NULL, left_reason = NULL
		WHERE queue_items.tenant_id = excluded.tenant_id AND queue_items.kind = excluded.kind
		RETURNING enqueued_at`,
		n.ID, tx.Tenant, shardOf(tx.Tenant), queue, n.Kind, n.Channel, n.Caller, n.Priority, wt.Weight, wt.Exclusive, n.EnqueuedAt, s.node, keep).Scan(&n.EnqueuedAt)
	if err != nil {
		return storage.Missing(err, ErrItem)
	}
	s.wakeAfter(tx, tx.Tenant)
	return s.log.Append(ctx, tx, "item.queued", n.ID, Queued{
		Item: n.ID, Kind: n.Kind, Queue: queue, Channel: n.Channel, Priority: n.Priority, EnqueuedAt: n.EnqueuedAt,
		Target: set.ServiceLevelTarget.Value, ShortAbandon: set.ShortAbandon.Value,
	})
}

// admit says whether an item may join now, and with what settings.
func admit(ctx context.Context, tx *storage.Tx, queue, item uuid.UUID) (Settings, error) {
	set, err := effective(ctx, tx, queue)
	if err != nil {
		return set, err
	}
	// A key share lock keeps the queue a leaf; counting needs it alone.
	lock := "FOR KEY SHARE"
	if set.MaxWaiting.Value > 0 {
		lock = "FOR NO KEY UPDATE"
	}
	if _, err := tx.Exec(ctx, `SELECT FROM queues WHERE queue_id = $1 `+lock, queue); err != nil {
		return set, err
	}
	q, err := readQueue(ctx, tx, queue)
	switch {
	case err != nil:
		return set, err
	case !q.Leaf:
		return set, ErrNotLeaf
	case q.Paused:
		return set, ErrQueuePaused
	case set.MaxWaiting.Value == 0:
		return set, nil
	}
	var waiting int
	err = tx.QueryRow(ctx, `SELECT count(*) FROM queue_items WHERE queue_id = $1 AND state <> 'left' AND item_id <> $2`, queue, item).Scan(&waiting)
	if err == nil && waiting >= set.MaxWaiting.Value {
		err = ErrQueueFull
	}
	return set, err
}

// Offers yields the agents reserved for the item, one at a time. It is closed when the item has left the queue or joined again.
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

// leave ends an item's wait once; the caller's transaction may be a worker's.
func (s *Service) leave(ctx context.Context, tx *storage.Tx, item uuid.UUID, reason LeaveReason) error {
	var l Left
	var enqueued time.Time
	var tenant uuid.UUID
	err := tx.QueryRow(ctx, `
		SELECT tenant_id, item_id, kind, queue_id, enqueued_at FROM queue_items WHERE item_id = $1 AND state <> 'left' FOR UPDATE`, item).
		Scan(&tenant, &l.Item, &l.Kind, &l.Queue, &enqueued)
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
	if _, err := tx.Exec(ctx, `UPDATE queue_items SET state = 'left', left_at = $2, left_reason = $3 WHERE item_id = $1`, item, tx.Now, reason); err != nil {
		return err
	}
	waited := max(0, tx.Now.Sub(enqueued))
	l.Reason, l.Waited = reason, waited.Seconds()
	tx.AfterCommit(func() { s.metrics.wait.Observe(waited.Seconds()) })
	s.wakeAfter(tx, tenant)
	return s.log.AppendFor(ctx, tx, tenant, "item.left", item, l)
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

// SetPriority changes the order of an item that waits (Q3.3).
func (s *Service) SetPriority(ctx context.Context, tenant, item uuid.UUID, priority int) error {
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE queue_items SET priority = $2 WHERE item_id = $1 AND state <> 'left'`, item, priority)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotWaiting
		}
		s.wakeAfter(tx, tenant)
		return err
	})
	return wrap("change priority", err)
}

// ErrNotWaiting says that an item does not wait.
var ErrNotWaiting = fault.New(fault.NotFound, "item_not_waiting", "This call or conversation does not wait (any more).")

// queuePlaces is the order of one queue, read about once a second however many ask. It is not changed once it is made.
type queuePlaces struct {
	read  time.Time
	place map[uuid.UUID]int
}

const placesFresh = time.Second

// Place says how many steps the item is from being served: 1 is next. It is up to a second old; false when the item does not wait.
func (w *Waiting) Place() (int, bool) {
	s := w.s
	s.mu.Lock()
	p := s.places[w.queue]
	s.mu.Unlock()
	if place, ok := p.place[w.id]; ok && time.Since(p.read) < placesFresh {
		return place, true
	}
	order, err, _ := s.asking.Do(w.queue.String(), func() (any, error) { return s.order(w.tenant, w.queue) })
	if err != nil {
		s.logger.Warn("the places in a queue could not be read", "queue", w.queue, "err", err)
		return 0, false
	}
	p = queuePlaces{read: time.Now(), place: order.(map[uuid.UUID]int)}
	s.mu.Lock()
	s.places[w.queue] = p
	s.mu.Unlock()
	place, ok := p.place[w.id]
	return place, ok
}

func (s *Service) order(tenant, queue uuid.UUID) (map[uuid.UUID]int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	order := make(map[uuid.UUID]int)
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT item_id FROM queue_items WHERE queue_id = $1 AND state <> 'left' ORDER BY priority DESC, enqueued_at, item_id`, queue)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		for i, id := range ids {
			order[id] = i + 1
		}
		return err
	})
	return order, err
}
