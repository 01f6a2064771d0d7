package queues

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// nobodysNode stands where a call's item has its node: conversations belong to none, so that no node's end is theirs. Their offers have no
// lease and ring until their time is over.
var nobodysNode = uuid.UUID{15: 1}

// Enqueue puts a conversation into a queue, or moves one that waits already, in the transaction of whoever has it: the item exists if and only
// if the change does. What keeps calls out (a crowd, a pause) does not keep messages out: they wait.
func (s *Service) Enqueue(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n NewItem) error {
	if n.ID == uuid.Nil {
		return ErrItem
	}
	n.Kind = Chat
	if n.Channel == "" {
		n.Channel = Web
	}
	return wrap("enqueue a conversation", s.joinAt(ctx, tx, queue, n, nobodysNode))
}

// Dequeue takes a conversation out of its queue, with its offers; nothing when it does not wait.
func (s *Service) Dequeue(ctx context.Context, tx *storage.Tx, item uuid.UUID, reason LeaveReason) error {
	return wrap("take a conversation out of its queue", s.leave(ctx, tx, item, reason))
}

// Ringing is an offer of a conversation that rings at an agent.
type Ringing struct {
	Offer uuid.UUID `json:"offer"`
	Item  uuid.UUID `json:"item"`
	Queue uuid.UUID `json:"queue"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// RingingAt returns the conversations that ring at an agent, the oldest first.
func (s *Service) RingingAt(ctx context.Context, tenant, agent uuid.UUID) (rs []Ringing, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT offer_id, item_id, queue_id, made_at, made_at + make_interval(secs => ring_seconds)
			FROM queue_offers WHERE agent_id = $1 AND state = 'ALERTING' AND node = $2 ORDER BY made_at, offer_id`, agent, nobodysNode)
		if err != nil {
			return err
		}
		rs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Ringing])
		return err
	})
	return rs, wrap("read what rings", err)
}

// AcceptChat gives a conversation to an agent at whom it rings: the wait is over. ErrOfferGone when it does not ring there any more.
func (s *Service) AcceptChat(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID) error {
	err := s.onOffer(ctx, tx, item, agent, func(a *assignment) error { return s.interact(ctx, tx, a) })
	return wrap("accept a conversation", err)
}

// DeclineChat says no for an agent; the conversation is offered to the next.
func (s *Service) DeclineChat(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID) error {
	err := s.onOffer(ctx, tx, item, agent, func(a *assignment) error { return s.miss(ctx, tx, a, string(OfferDeclined)) })
	return wrap("decline a conversation", err)
}

// onOffer runs f on the offer of a conversation that rings at an agent.
func (s *Service) onOffer(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID, f func(*assignment) error) error {
	_, all, err := lockItem(ctx, tx, item)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a *assignment) bool { return a.agent == agent && a.state.offered() })
	if i < 0 {
		return ErrOfferGone
	}
	a, err := all.take(all[i].offer)
	if err != nil {
		return err
	}
	return f(a)
}

// TakeChat gives a conversation that waits, or rings somewhere, to an agent at once. ErrNotWaiting, ErrNoAgent and ErrAgentNotFree mean that
// nothing was done.
func (s *Service) TakeChat(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID) error {
	if err := s.endLive(ctx, tx, item); err != nil {
		return wrap("take a conversation", err)
	}
	if _, err := s.assign(ctx, tx, item, agent); err != nil {
		return wrap("take a conversation", err)
	}
	return s.AcceptChat(ctx, tx, item, agent)
}

// OfferChat lets a conversation that waits ring at one agent, whoever is next: a transfer to them. Errors as of Assign.
func (s *Service) OfferChat(ctx context.Context, tx *storage.Tx, item, agent uuid.UUID) error {
	_, err := s.assign(ctx, tx, item, agent)
	return wrap("offer a conversation", err)
}

// LeaveChat ends what agents have with a conversation, offers included. No wrap-up follows: who closes a conversation says there how it went.
func (s *Service) LeaveChat(ctx context.Context, tx *storage.Tx, item uuid.UUID) error {
	return wrap("end a conversation's offers", s.endLive(ctx, tx, item))
}

// Reception is what a queue has for somebody who writes.
type Reception struct {
	Queue uuid.UUID  // where to wait: another one where chats are deflected to it
	Open  bool       // now
	Opens *time.Time // when it is closed: from when on it is of use to wait; nil: nobody knows, so from now on
	Text  string     // what the customer is answered after hours; "": nothing
}

// Receive says what becomes of a conversation that comes to a queue (Q4.5): after hours it waits for opening time, unless chats are deflected
// to a queue that is open. ErrNoQueue and ErrNotLeaf mean that nothing can wait there.
func (s *Service) Receive(ctx context.Context, tx *storage.Tx, queue uuid.UUID, channel Channel, language string) (r Reception, err error) {
	p := newPlanner(ctx, tx, Arrival{At: tx.Now, Channel: channel, Language: language})
	r.Queue = queue
	for hops := 0; ; hops++ {
		at, err := p.place(r.Queue)
		if err != nil {
			return r, wrap("receive a conversation", err)
		}
		if !at.queue.Leaf {
			return r, wrap("receive a conversation", ErrNotLeaf)
		}
		pl, v, err := p.hoursStep(r.Queue)
		if err != nil {
			return r, wrap("receive a conversation", err)
		}
		r.Open = v.Open
		if v.Open {
			return r, nil
		}
		d := pl.set.Deflection.Value
		if pl.set.DeflectChats.Value && d.Mode == DeflectQueue && hops < mostHops {
			if next, err := p.place(d.Queue); err == nil && next.queue.Leaf {
				r.Queue = d.Queue
				continue
			} else if err != nil && !errors.Is(err, ErrNoQueue) {
				return r, wrap("receive a conversation", err)
			}
		}
		reply := pl.set.DeflectionMessaging.Value
		if channel == SMS {
			reply = pl.set.DeflectionSMS.Value
		}
		if reply.On {
			r.Text = reply.Text
		}
		r.Opens, err = p.opens(v.Hours)
		return r, wrap("receive a conversation", err)
	}
}

// WantsTicket says whether what belongs to a queue is to have a ticket in the CRM, in the caller's transaction.
func (s *Service) WantsTicket(ctx context.Context, tx *storage.Tx, queue uuid.UUID) (bool, error) {
	set, err := effective(ctx, tx, queue)
	if errors.Is(err, ErrNoQueue) {
		return false, nil
	}
	return set.Ticket.Value, wrap("read the queue's settings", err)
}

// mostHops bounds how often a conversation is deflected from one closed queue to the next.
const mostHops = 8

// ChatItem is what the queues know of a conversation that waits.
type ChatItem struct {
	Queue      uuid.UUID
	EnqueuedAt time.Time
	OfferedTo  []uuid.UUID
}

// NameChat gives the customer of a conversation that waits another name, in the caller's transaction.
func (s *Service) NameChat(ctx context.Context, tx *storage.Tx, id uuid.UUID, name string) error {
	_, err := tx.Exec(ctx, `UPDATE queue_items SET caller = $2 WHERE item_id = $1 AND kind = 'chat' AND state <> 'left'`, id, name)
	return wrap("name who waits", err)
}

// ItemsIn returns those of the conversations that wait, in the caller's transaction.
func (s *Service) ItemsIn(ctx context.Context, tx *storage.Tx, ids []uuid.UUID) (map[uuid.UUID]ChatItem, error) {
	rows, err := tx.Query(ctx, `
		SELECT item_id, queue_id, enqueued_at, ARRAY (SELECT agent_id FROM queue_offers o WHERE o.item_id = i.item_id AND o.state IN ('RESERVED', 'ALERTING'))
		FROM queue_items i WHERE item_id = ANY ($1) AND state <> 'left'`, ids)
	if err != nil {
		return nil, wrap("read what waits", err)
	}
	items := make(map[uuid.UUID]ChatItem)
	var id uuid.UUID
	var it ChatItem
	_, err = pgx.ForEachRow(rows, []any{&id, &it.Queue, &it.EnqueuedAt, &it.OfferedTo}, func() error {
		items[id] = it
		it.OfferedTo = nil
		return nil
	})
	return items, wrap("read what waits", err)
}

// Ending is what a queue wants to know of a conversation that its agent closes.
type Ending struct {
	Dispositions []string
	Disposition  bool // one of them is needed
	Notes        bool // are needed
}

// EndingOf returns it, in the caller's transaction.
func (s *Service) EndingOf(ctx context.Context, tx *storage.Tx, queue uuid.UUID) (Ending, error) {
	set, err := effective(ctx, tx, queue)
	rule := set.WrapUp.Value
	e := Ending{Dispositions: set.Dispositions.Value, Notes: rule.NotesForced}
	e.Disposition = (rule.Mode == WrapUpMandatory || rule.DispositionForced) && len(e.Dispositions) > 0
	return e, wrap("read how conversations end in a queue", err)
}
