package calls

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media"
)

// Callbacks (V6.2): a caller who waits may hang up and keep their place. The queues keep it; whichever node holds a callback waits for its
// turn with nobody on the line, rings the agent first and then the customer.

// askCallback offers the caller who waits a callback. Without a reason to end, the caller waits on.
func (c *Call) askCallback(ctx context.Context) Reason {
	number, why := c.callbackNumber(ctx)
	if why != "" || number == "" || c.pending != nil {
		return why
	}
	return c.keepPlace(ctx, number)
}

// toCallback is a deflection to a callback; who gives no number, or is reached by none, hears the queue's message instead.
func (c *Call) toCallback(ctx context.Context, to Deflection) Reason {
	if c.place == nil {
		c.step(StepPlay, "")
	}
	if !to.Message.IsZero() {
		a, err := c.sb.prompts.Resolve(ctx, c.record.Tenant, to.Message, c.plan.Language, 1)
		if err != nil {
			return c.failed("load the message of a deflection", err)
		}
		if why := c.playThrough(ctx, a); why != "" {
			return why
		}
	}
	if c.pending == nil {
		if why := c.askCallback(ctx); why != "" {
			return why
		}
	}
	if c.place != nil && c.pending != nil { // an agent has time after all
		return c.inQueue(ctx)
	}
	if c.place != nil {
		c.leavePlace(ctx, LeavesDeflected)
	}
	return c.tell(ctx, sayFull, to.reason())
}

// callbackNumber agrees with the caller on a number: theirs, or another. "" means that they want none.
func (c *Call) callbackNumber(ctx context.Context) (string, Reason) {
	if c.unknownCaller() {
		return c.askNumber(ctx, c.plan.Box)
	}
	number := c.record.Caller.Number
	ask, err := c.sb.prompts.Say(ctx, callbackConfirmSentence(c.plan.Language, number), c.plan.Language, 1)
	if err != nil {
		return "", c.failed("ask about a callback", err)
	}
	for range numberAsks {
		key, why := c.typed(ctx, ask, 1)
		switch {
		case why != "" || c.pending != nil:
			return "", why
		case key == "1":
			return number, ""
		case key == "2":
			box := c.plan.Box
			box.Withheld = Say{}
			return c.askNumber(ctx, box)
		}
	}
	return "", ""
}

// keepPlace stores the callback, gives the caller's own place up for it, and says goodbye.
func (c *Call) keepPlace(ctx context.Context, number string) Reason {
	r := CallbackRequest{
		Call: c.record.ID, Queue: c.plan.Queue, Number: number, Name: c.record.Caller.Name, Language: c.plan.Language, Since: c.sb.db.Now(),
	}
	if since := c.waitsSince(); since != nil {
		r.Since = *since
	}
	if number != c.record.Caller.Number {
		r.Name = ""
	}
	id, err := c.sb.callbacks.Request(ctx, c.record.Tenant, r)
	if err != nil {
		c.log.Error("a callback could not be stored: the caller waits on", "err", err)
		sorry, err := c.words(ctx, Say{}, sayNoCallback)
		if err != nil {
			return c.failed("speak a sentence", err)
		}
		return c.playThrough(ctx, sorry)
	}
	c.record.Callback = &id
	if c.place != nil {
		c.leavePlace(ctx, LeavesDeflected)
	}
	return c.tell(ctx, sayCallback, ReasonCallback)
}

const (
	callbackLook  = time.Second     // how often a node looks for callbacks that are due
	callbackRenew = 3 * time.Second // and says that it still holds those that it has
	callbackClaim = 100             // at a time
)

// holding is a callback of this node.
type holding struct {
	Callback
	cancel context.CancelFunc
}

// callBackAll holds callbacks and makes them until ctx ends; then the others may have those that still wait.
func (s *Switchboard) callBackAll(ctx context.Context) {
	look := time.NewTicker(callbackLook)
	defer look.Stop()
	held := map[uuid.UUID]*holding{}
	over := make(chan *holding)
	var renewed time.Time
	for {
		select {
		case <-ctx.Done():
			for len(held) > 0 {
				h := <-over
				delete(held, h.ID)
			}
			return
		case h := <-over:
			h.cancel()
			delete(held, h.ID)
		case <-look.C:
			// Renewed first: what this node holds it must not claim once more after the database was away.
			if time.Since(renewed) >= callbackRenew {
				if !s.renewCallbacks(ctx, held) {
					continue
				}
				renewed = time.Now()
			}
			for _, cb := range s.dueCallbacks(ctx) {
				mine, cancel := context.WithCancel(ctx)
				h := &holding{cb, cancel}
				held[cb.ID] = h
				go func() {
					s.callBack(mine, h.Callback)
					over <- h
				}()
			}
		}
	}
}

// renewCallbacks keeps this node's leases, and lets go of what is not its own any more: cancelled, or taken over.
func (s *Switchboard) renewCallbacks(ctx context.Context, held map[uuid.UUID]*holding) bool {
	if len(held) == 0 {
		return true
	}
	all := make([]Callback, 0, len(held))
	for _, h := range held {
		all = append(all, h.Callback)
	}
	gone, err := s.callbacks.Renew(ctx, all)
	if err != nil {
		if ctx.Err() == nil {
			s.slog.Error("this node could not say which callbacks it holds", "err", err)
		}
		return false
	}
	for _, id := range gone {
		held[id].cancel()
	}
	return true
}

func (s *Switchboard) dueCallbacks(ctx context.Context) []Callback {
	if s.isDraining() {
		return nil
	}
	due, err := s.callbacks.Claim(ctx, callbackClaim)
	if err != nil && ctx.Err() == nil {
		s.slog.Error("callbacks could not be looked for", "err", err)
	}
	return due
}

func (s *Switchboard) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// callBack waits for a callback's turn and makes it.
func (s *Switchboard) callBack(ctx context.Context, cb Callback) {
	log := s.slog.With("callback", cb.ID)
	place, _, err := s.queues.Join(ctx, cb.Tenant, cb.Queue, Joining{
		Call: cb.ID, Caller: cb.Number, Since: &cb.Since, Channel: ChannelIVR, Language: cb.Language, Callback: true, Priority: cb.Priority,
	})
	if err != nil {
		log.Error("a callback could not take its place", "err", err)
		s.reportCallback(ctx, cb, CallbackReleased, uuid.Nil)
		return
	}
	leaving := LeavesHeld
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case o, open := <-place.Offers():
			if !open {
				done = true
				continue
			}
			done = s.tryCallback(ctx, cb, place, o)
			if done {
				leaving = LeavesHandled
			}
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	if err := place.Leave(end, leaving); err != nil {
		log.Error("a callback could not leave its queue", "err", err)
	}
	if leaving == LeavesHeld {
		s.reportCallback(end, cb, CallbackReleased, uuid.Nil)
	}
}

func (s *Switchboard) reportCallback(ctx context.Context, cb Callback, step CallbackStep, call uuid.UUID) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	err := s.callbacks.Report(ctx, cb, step, call)
	if err != nil && !errors.Is(err, ErrCallbackGone) {
		s.slog.Error("a callback's step is not stored; its lease will run out", "callback", cb.ID, "step", step, "err", err)
	}
	return err == nil
}

// newCallback makes the call of a callback: nobody is on the line, and nothing is written of it, until an agent accepts.
func newCallback(sb *Switchboard, cb Callback, place Place) *Call {
	now := sb.db.Now()
	c := makeCall(sb, Record{
		ID: storage.NewID(), Tenant: cb.Tenant, Direction: Outbound, Number: cb.Number, Caller: Party{Number: cb.Number, Name: cb.Name},
		Transport: "trunk", StartedAt: now, StateAt: now, QueuedAt: &cb.Since, Callback: &cb.ID,
		Legs: []LegRecord{{Direction: Outbound, Party: "customer", Device: "trunk", StartedAt: now}},
	})
	c.place, c.unwritten, c.plan = place, true, Plan{Language: cb.Language}
	return c
}

// tryCallback rings an agent for a callback, and when they accept, the customer. False means that the callback waits on, in the same place.
func (s *Switchboard) tryCallback(ctx context.Context, cb Callback, place Place, o Offer) bool {
	ctx = context.WithoutCancel(ctx) // a call that has begun ends like any other
	ctx, cancel := context.WithTimeout(ctx, s.cfg.MaxCallLength)
	defer cancel()
	c := newCallback(s, cb, place)
	if !c.agentAccepts(ctx, cb, o) {
		close(c.over)
		c.watchers.Wait()
		return false
	}
	s.mu.Lock()
	s.enlist(c)
	s.mu.Unlock()
	defer s.forget(c)
	c.unwritten = false
	c.note("call.started")
	why := c.callCustomer(ctx, cb)
	if c.record.ConnectedAt == nil {
		c.report(ctx, AgentEnded) // wrap-up, also after a call that came to nothing
		step := CallbackMissed
		if why == ReasonAgentHungUp || why == ReasonNodeStopped || why == ReasonEndedByPerson {
			step = CallbackReleased
		}
		s.reportCallback(ctx, cb, step, c.record.ID)
	}
	own := c.place == place
	if own {
		if c.record.ConnectedAt != nil {
			c.report(ctx, AgentEnded)
		}
		c.place = nil // callBack leaves it
	}
	c.finish(ctx, why)
	return true
}

// agentAccepts rings the agent; when it comes to nothing, the agent's part is over and reported.
func (c *Call) agentAccepts(ctx context.Context, cb Callback, o Offer) bool {
	if err := c.follows(ctx, cb.Queue); err != nil {
		c.log.Error("the queue's settings could not be read", "err", err)
		c.reportOf(ctx, o.ID, AgentWithdrawn)
		return false
	}
	c.step(StepQueue, "")
	accepted, _ := c.ringAgents(ctx, o, func(o Offer) Target {
		to := c.target(o)
		to.Card.Callback = true
		return to
	}, AgentAccepted)
	if accepted == nil {
		return false
	}
	if !c.sb.reportCallback(ctx, cb, CallbackDialing, c.record.ID) {
		c.agentLeft(ctx, AgentWithdrawn)
		return false
	}
	return true
}

// callCustomer rings the customer and joins the two.
func (c *Call) callCustomer(ctx context.Context, cb Callback) Reason {
	if why := c.reachCustomer(ctx, cb.RingFor); why != "" {
		return why
	}
	c.record.WaitSeconds = c.record.AnsweredAt.Sub(cb.Since).Seconds()
	c.sb.reportCallback(ctx, cb, CallbackConnected, c.record.ID)
	return c.talkWithCustomer(ctx)
}

// talkWithCustomer joins the agent, who is reported to talk already, with the customer.
func (c *Call) talkWithCustomer(ctx context.Context) Reason {
	c.bridge(ctx, c.plan.Record)
	if why := c.talk(ctx); why != "" {
		return why
	}
	return c.waitAgain(ctx)
}

// reachCustomer rings the customer, whom the agent hears ring, until they answer.
func (c *Call) reachCustomer(ctx context.Context, ringFor time.Duration) Reason {
	if !c.report(ctx, AgentTalking) {
		return ReasonAgentHungUp
	}
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: "trunk:" + c.record.Number, CallerID: c.plan.CallerID,
		Codec: c.far.Stream().Format().Codec.Name, Card: c.card(),
	})
	if err != nil {
		c.log.Error("a customer could not be called", "err", err)
		c.sb.metrics.noWayOut.Inc()
		return ReasonUnreachable
	}
	c.customer = leg
	c.record.Legs[0].ID, c.record.Legs[0].StartedAt = leg.ID(), c.sb.db.Now()
	c.sb.know(leg.ID(), c)
	c.step(StepDial, "call.accepted")
	c.ringback(c.far)
	if why := c.customerAnswers(ctx, ringFor); why != "" {
		return why
	}
	now := c.sb.db.Now()
	c.record.AnsweredAt, c.record.Legs[0].AnsweredAt = &now, &now
	c.record.Legs[0].Codec = c.customer.Stream().Format().Codec.Name
	return ""
}

func (c *Call) customerAnswers(ctx context.Context, ringFor time.Duration) Reason {
	c.timer.Reset(ringFor)
	defer c.timer.Stop()
	for {
		h := c.next(ctx)
		switch h.kind {
		case callerDid:
			switch h.event {
			case LegAnswered:
				return ""
			case LegEarly: // what their network says
				c.far.Stream().Play(media.Forward(c.customer.Stream()))
			default:
			}
		case callerGone:
			return dialReason(c.customer.Cause())
		case farGone:
			return ReasonAgentHungUp
		case farDid:
			if h.event == LegLost {
				return ReasonAgentHungUp
			}
			declineTransfer(c.far)
		case timeUp:
			return ReasonNoAnswer
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}
