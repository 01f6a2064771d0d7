package queues

import (
	"context"
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
	left   bool // it is stored that it waits no more
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

// Offers yields the agents reserved for the item: one at a time, or several at once (Offer.With). It is closed when the item has left the queue or joined again.
func (w *Waiting) Offers() <-chan Offer { return w.offers }

// Leave takes the item out of its queue and withdraws its offer; idempotent, and nothing when an agent talks to the customer already. An
// error means that it is not stored yet: Run tries again until it is.
func (w *Waiting) Leave(ctx context.Context, reason LeaveReason) error {
	left := w.close()
	w.s.forget(w, nil)
	if left {
		return nil
	}
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

// leave ends an item's wait once, and what agents have with it; the caller's transaction may be a worker's.
func (s *Service) leave(ctx context.Context, tx *storage.Tx, item uuid.UUID, reason LeaveReason) error {
	it, all, err := lockItem(ctx, tx, item)
	if err != nil || !it.there() || it.left {
		return err
	}
	if reason != LeftHandled {
		if err := s.withdraw(ctx, tx, all, string(OfferWithdrawn)); err != nil {
			return err
		}
	}
	b := &pgx.Batch{}
	if err := s.log.Queue(ctx, tx, b, []events.Entry{s.queueLeft(b, tx, it, reason)}); err != nil {
		return err
	}
	return tx.SendBatch(ctx, b).Close()
}

// queueLeft writes, as part of a batch, that a locked item waits no more, and returns the event that tells it.
func (s *Service) queueLeft(b *pgx.Batch, tx *storage.Tx, it *lockedItem, reason LeaveReason) events.Entry {
	l := Left{Item: it.id, Kind: it.kind, Queue: it.queue, Reason: reason, Joined: it.joinedAt, Estimated: it.estimated}
	l.Waited, l.Actual = max(0, tx.Now.Sub(it.enqueuedAt).Seconds()), max(0, tx.Now.Sub(it.joinedAt).Seconds())
	tx.AfterCommit(func() {
		s.metrics.wait.Observe(l.Waited)
		if reason != LeftHandled {
			return
		}
		s.oneIdleLess(it.queue)
		if l.Estimated != nil {
			s.metrics.estimateError(l.Actual - *l.Estimated)
		}
	})
	b.Queue(`UPDATE queue_items SET state = 'left', left_at = $2, left_reason = $3 WHERE item_id = $1`, it.id, tx.Now, reason)
	return events.Entry{Tenant: it.tenant, Type: "item.left", Subject: it.id, Data: l}
}

// close tells the owner that nothing more comes, and says whether it is stored that the item waits no more.
func (w *Waiting) close() (left bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.gone {
		w.gone = true
		close(w.offers)
	}
	return w.left
}

// handled is close for an item that an agent has now.
func (w *Waiting) handled() {
	w.mu.Lock()
	w.left = true
	w.mu.Unlock()
	w.close()
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
