package queues

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// OfferResult is how an offer goes, as the item's owner sees it.
type OfferResult string

// Offer results. Declined and missed count as missed, unreachable apart (Q2.3); withdrawn counts as nothing.
const (
	OfferAlerting    OfferResult = "alerting"    // it rings
	OfferAccepted    OfferResult = "accepted"    // whisper and countdown follow
	OfferDeclined    OfferResult = "declined"    // the agent said no
	OfferMissed      OfferResult = "missed"      // rang to the end
	OfferUnreachable OfferResult = "unreachable" // never reached the device
	OfferWithdrawn   OfferResult = "withdrawn"   // the item has gone, or is given to nobody for now
)

// Errors of offers.
var (
	ErrOfferGone   = fault.New(fault.Conflict, "offer_gone", "This offer has ended.")
	ErrOfferState  = fault.New(fault.Conflict, "offer_state", "The agent's state does not allow this now.")
	ErrOfferResult = fault.New(fault.Internal, "offer_result", "An offer cannot end like that.")
)

// OfferMade is the data of the event offer.made.
type OfferMade struct {
	Offer uuid.UUID `json:"offer"`
	Item  uuid.UUID `json:"item"`
	Kind  Kind      `json:"kind"`
	Queue uuid.UUID `json:"queue"`
	Agent uuid.UUID `json:"agent"`
}

// OfferEnded is the data of the event offer.ended: an offer that led to nothing, or an interaction that is over. Result is an OfferResult,
// "taken" (another agent to whom the item was offered at the same time was first), "left_early" (the agent hung up in the whisper), "expired" (its node was lost), "ended" (after an interaction without wrap-up),
// "finished" or "timed_out" (after a wrap-up).
type OfferEnded struct {
	OfferMade
	Result      string  `json:"result"`
	Seconds     float64 `json:"seconds"` // since it was made
	Disposition string  `json:"disposition,omitempty"`
}

// StateChanged is the data of the event agent.state. Item, queue and offer are missing when a bar is lifted.
type StateChanged struct {
	Agent uuid.UUID `json:"agent"`
	Offer uuid.UUID `json:"offer,omitzero"`
	Item  uuid.UUID `json:"item,omitzero"`
	Queue uuid.UUID `json:"queue,omitzero"`
	From  State     `json:"from"`
	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"` // when From began
	Lost  time.Time `json:"lost,omitzero"`  // when From ended, where that is known only now: the node of the call was lost then
}

// localOffer is what this node remembers of an offer to one of its items.
type localOffer struct {
	tenant, item, queue uuid.UUID
}

// Offered tells how an offer to an item of this node goes, and moves the agent's state. ErrOfferGone when the offer has ended meanwhile:
// the agent is not this item's any more, so hang up.
func (s *Service) Offered(ctx context.Context, offer uuid.UUID, r OfferResult) error {
	err := s.advance(ctx, offer, "tell how an offer goes", func(tx *storage.Tx, a *assignment) error {
		switch {
		case r == OfferAlerting && a.state == Alerting, r == OfferAccepted && a.state == Connecting:
			return nil // said twice
		}
		if a.kind == Outbound && (r == OfferDeclined || r == OfferMissed || r == OfferUnreachable) {
			r = OfferWithdrawn // it was the agent's own call
		}
		d := moveDetail{result: string(r)}
		switch r {
		case OfferAlerting:
			return s.move(ctx, tx, a, moveDetail{}, hAlert)
		case OfferAccepted:
			return s.accept(ctx, tx, a)
		case OfferWithdrawn:
			return s.move(ctx, tx, a, d, hWithdraw)
		case OfferUnreachable:
			d.barFor = unreachableFor
			return s.move(ctx, tx, a, d, hUnreach)
		case OfferDeclined, OfferMissed:
			return s.miss(ctx, tx, a, string(r))
		}
		return ErrOfferResult
	})
	if r == OfferWithdrawn && errors.Is(err, ErrOfferGone) {
		return nil
	}
	return err
}

// miss counts a missed offer and bars the agent when it was one too many in a row.
func (s *Service) miss(ctx context.Context, tx *storage.Tx, a *assignment, result string) error {
	set, err := a.settings(ctx, tx)
	if err != nil {
		return err
	}
	rule := set.Missed.Value
	if a.missed+1 < rule.Threshold {
		return s.move(ctx, tx, a, moveDetail{result: result}, hMiss)
	}
	d := moveDetail{result: result, barFor: time.Duration(rule.NotRespondingSeconds) * time.Second}
	if d.barFor == 0 && a.alwaysAvailable {
		d.barFor = 30 * time.Second // nobody is there who could say that they respond again
	}
	return s.move(ctx, tx, a, d, hMissMany)
}

// accept gives an item to the first agent who takes it: the offers to others end, but beside an agent who has it already (HandTo).
func (s *Service) accept(ctx context.Context, tx *storage.Tx, a *assignment, then ...happening) error {
	if !a.itemLeft {
		if err := s.withdraw(ctx, tx, a.others, "taken"); err != nil {
			return err
		}
	}
	return s.move(ctx, tx, a, moveDetail{}, append([]happening{hAccept}, then...)...)
}

// interact begins the interaction, which ends an item's wait. It is the acceptance too, where nothing came between.
func (s *Service) interact(ctx context.Context, tx *storage.Tx, a *assignment) error {
	if a.state.offered() {
		return s.accept(ctx, tx, a, hInteract)
	}
	return s.move(ctx, tx, a, moveDetail{}, hInteract)
}

// Interacting says that agent and customer hear each other now: the wait is over (V2.5) and the item leaves its queue as handled. It is the
// acceptance too, where nothing came between; ErrOfferGone then as Offered says.
func (s *Service) Interacting(ctx context.Context, offer uuid.UUID) error {
	var item uuid.UUID
	err := s.advance(ctx, offer, "begin the interaction", func(tx *storage.Tx, a *assignment) error {
		item = a.item
		if a.state == Interacting {
			return nil // said twice
		}
		return s.interact(ctx, tx, a)
	})
	if err == nil {
		s.mu.Lock()
		w := s.local[item]
		delete(s.local, item)
		s.mu.Unlock()
		if w != nil {
			w.handled()
		}
	}
	return err
}

// Held says that the agent has put the customer on hold.
func (s *Service) Held(ctx context.Context, offer uuid.UUID) error {
	return s.step(ctx, offer, "hold", hHold)
}

// Resumed says that the agent has taken the customer back.
func (s *Service) Resumed(ctx context.Context, offer uuid.UUID) error {
	return s.step(ctx, offer, "resume", hResume)
}

// Lost says that the agent's browser is gone for now (V3.4).
func (s *Service) Lost(ctx context.Context, offer uuid.UUID) error {
	return s.step(ctx, offer, "lose the agent", hLose)
}

// Recovered says that it is back.
func (s *Service) Recovered(ctx context.Context, offer uuid.UUID) error {
	return s.advance(ctx, offer, "recover the agent", func(tx *storage.Tx, a *assignment) error {
		if a.itemLeft {
			return s.move(ctx, tx, a, moveDetail{}, hRecover)
		}
		return s.move(ctx, tx, a, moveDetail{}, hReconnect)
	})
}

func (s *Service) step(ctx context.Context, offer uuid.UUID, what string, h happening) error {
	return s.advance(ctx, offer, what, func(tx *storage.Tx, a *assignment) error { return s.move(ctx, tx, a, moveDetail{}, h) })
}

// Ended says that the agent is no longer on the call. After an interaction comes wrap-up as the queue has it; when the bridge was not
// open yet, the item waits again at the same place. Idempotent. An error means that it is not stored yet: Run tries again until it is.
func (s *Service) Ended(ctx context.Context, offer uuid.UUID) error {
	err := s.ended(ctx, offer)
	if err != nil {
		s.owe(offer, func(ctx context.Context) error { return s.ended(ctx, offer) })
	}
	return err
}

func (s *Service) ended(ctx context.Context, offer uuid.UUID) error {
	var levels *[]OwnSettings
	err := s.advance(ctx, offer, "end the interaction", func(tx *storage.Tx, a *assignment) error {
		if a.state == WrapUp || a.state == Idle {
			return nil
		}
		a.levels = levels
		return s.end(ctx, tx, a)
	}, func(b *pgx.Batch, o localOffer) { levels = queueLevels(b, o.queue) })
	if errors.Is(err, ErrOfferGone) {
		return nil
	}
	return err
}

// end ends an assignment in whatever state it is.
func (s *Service) end(ctx context.Context, tx *storage.Tx, a *assignment) error {
	switch {
	case a.state.offered():
		return s.move(ctx, tx, a, moveDetail{result: string(OfferWithdrawn)}, hWithdraw)
	case !a.itemLeft || a.state == Connecting:
		return s.move(ctx, tx, a, moveDetail{result: "left_early"}, hEnd)
	case a.kind == Chat: // its disposition and notes are given with its close
		return s.move(ctx, tx, a, moveDetail{result: "ended"}, hEnd)
	}
	set, err := a.settings(ctx, tx)
	if err != nil {
		return err
	}
	wraps, until := set.WrapUp.Value.after(a.wrapAsked, tx.Now)
	if !wraps {
		return s.move(ctx, tx, a, moveDetail{result: "ended"}, hEnd)
	}
	return s.move(ctx, tx, a, moveDetail{wrapUntil: until}, hEndWrap)
}

// advance runs f on an offer of this node. What also asks for is read with it.
func (s *Service) advance(ctx context.Context, offer uuid.UUID, what string, f func(*storage.Tx, *assignment) error, also ...func(*pgx.Batch, localOffer)) error {
	s.mu.Lock()
	o, known := s.offers[offer]
	s.mu.Unlock()
	if !known {
		return fmt.Errorf("%s: %w", what, ErrOfferGone)
	}
	var a *assignment
	err := s.db.Tenant(ctx, o.tenant, func(tx *storage.Tx) (err error) {
		b := &pgx.Batch{}
		all := queueHolders(b, queueItemLock(b, o.item), offer)
		for _, ask := range also {
			ask(b, o)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if a, err = all.take(offer); err != nil {
			return err
		}
		return f(tx, a)
	})
	if errors.Is(err, ErrOfferGone) || err == nil && (a.state == Idle || a.state == WrapUp) {
		s.mu.Lock()
		delete(s.offers, offer)
		s.mu.Unlock()
	}
	return wrap(what, err)
}

// moveDetail is what a change of state carries. result is set when the offer ends by it.
type moveDetail struct {
	result      string
	disposition string
	barFor      time.Duration // 0: until someone lifts it
	wrapUntil   *time.Time
}

// move takes a locked assignment through transitions and stores what follows from them for offer, agent and item, with the events: each row is
// written once, and one that nothing changes not at all. The transaction may be a worker's.
func (s *Service) move(ctx context.Context, tx *storage.Tx, a *assignment, d moveDetail, hs ...happening) error {
	var told []events.Entry
	var of agentMove
	var accepted, interacting, begun, over bool
	b := &pgx.Batch{}
	for _, h := range hs {
		from := a.state
		to, err := from.next(h)
		switch {
		case err != nil && (from == Idle || from == WrapUp):
			return ErrOfferGone.Because(err)
		case err != nil:
			return ErrOfferState.Because(err)
		}
		accepted, interacting, over = accepted || to == Connecting, interacting || to == Interacting, to == Idle || to.bars()
		begun = begun || h == hInteract
		changed := StateChanged{Agent: a.agent, Offer: a.offer, Item: a.item, Queue: a.queue, From: from, State: to, Since: a.stateAt, Lost: a.lost}
		told = append(told, events.Entry{Tenant: a.tenant, Type: "agent.state", Subject: a.agent, Data: changed})
		of.add(b, tx, a, from, to, h, d)
		a.state, a.stateAt = to, tx.Now
	}
	if over {
		a.state = Idle
	}
	b.Queue(`
		UPDATE queue_offers SET state = $2, state_at = $3, result = $4, disposition = $5, wrap_until = $6,
			accepted_at = CASE WHEN $7 THEN coalesce(accepted_at, $3) ELSE accepted_at END,
			interacting_at = CASE WHEN $8 THEN coalesce(interacting_at, $3) ELSE interacting_at END,
			ended_at = CASE WHEN $2 = 'IDLE' THEN $3::timestamptz END
		WHERE offer_id = $1`, a.offer, a.state, tx.Now, d.result, d.disposition, d.wrapUntil, accepted, interacting)
	of.write(b, tx, a)
	switch {
	case a.itemLeft:
	case over:
		// The place is kept: neither enqueued_at nor priority has changed.
		b.Queue(`
			UPDATE queue_items SET state = 'waiting' WHERE item_id = $1 AND state = 'offering'
				AND NOT EXISTS (SELECT FROM queue_offers o WHERE o.item_id = $1 AND o.state NOT IN ('WRAP_UP', 'IDLE'))`, a.item)
	case begun:
		told = append(told, s.queueLeft(b, tx, a.row, LeftHandled))
	}
	if over {
		told = append(told, s.offerOver(tx, a, d))
	}
	if err := s.log.Queue(ctx, tx, b, told); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if of.next != "" && of.used == 0 {
		return s.applyNext(ctx, tx, a.tenant, a.agent)
	}
	return nil
}

// offerOver is the end of an offer; somebody may have somebody now, which nothing else that happens with an offer brings about.
func (s *Service) offerOver(tx *storage.Tx, a *assignment, d moveDetail) events.Entry {
	tx.AfterCommit(func() { s.metrics.offers.WithLabelValues(d.result).Inc() })
	if a.itemLeft {
		s.freedAfter(tx, a.tenant)
	} else {
		s.wakeAfter(tx, a.tenant)
	}
	ended := OfferEnded{OfferMade: a.made(), Result: d.result, Seconds: tx.Now.Sub(a.madeAt).Seconds(), Disposition: d.disposition}
	return events.Entry{Tenant: a.tenant, Type: "offer.ended", Subject: a.item, Data: ended}
}

// agentMove is what the transitions of an offer change of its agent, and what the agent has left afterwards.
type agentMove struct {
	changes                      bool
	free                         int
	barred                       State
	barredUntil                  *time.Time
	missed, unreached, took, had bool

	used int
	next Presence
}

func (m *agentMove) add(b *pgx.Batch, tx *storage.Tx, a *assignment, from, to State, h happening, d moveDetail) {
	if to == Idle || to.bars() {
		m.free, m.changes = a.weight, true
	}
	if to.bars() {
		m.barred = to
		if d.barFor > 0 {
			until := tx.Now.Add(d.barFor)
			m.barredUntil = &until
		}
	}
	switch {
	case h == hMiss, h == hMissMany:
		m.missed = true
	case h == hUnreach:
		m.unreached = true
	case h == hAccept:
		m.took = true
		m.changes = m.changes || a.missed > 0 || a.unreached > 0
	case h == hInteract:
		workBegan(b, tx, a)
	case (h == hEnd || h == hEndWrap) && !from.offered():
		m.had, m.changes = true, true
		workEnded(b, tx, a)
	}
}

func (m *agentMove) write(b *pgx.Batch, tx *storage.Tx, a *assignment) {
	if !m.changes {
		return
	}
	b.Queue(`
		UPDATE queue_agents SET used = greatest(0, used - $2),
			barred = CASE WHEN $3 = '' THEN barred ELSE $3 END,
			barred_until = CASE WHEN $3 = '' THEN barred_until
				WHEN $3 = 'UNREACHABLE' AND barred = $3 AND barred_until IS NULL THEN NULL ELSE $4 END, -- a device known to be away bars until it is back
			missed = CASE WHEN $5 THEN missed + 1 WHEN $7 THEN 0 ELSE missed END,
			missed_total = missed_total + CASE WHEN $5 THEN 1 ELSE 0 END,
			unreached = CASE WHEN $6 THEN unreached + 1 WHEN $7 THEN 0 ELSE unreached END,
			unreached_total = unreached_total + CASE WHEN $6 THEN 1 ELSE 0 END,
			idle_since = CASE WHEN $8 THEN $9 ELSE idle_since END
		WHERE agent_id = $1 RETURNING used, next_presence`,
		a.agent, m.free, m.barred, m.barredUntil, m.missed, m.unreached, m.took, m.had, tx.Now).
		QueryRow(func(row pgx.Row) error { return row.Scan(&m.used, &m.next) })
}
