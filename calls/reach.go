package calls

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/media"
)

// reach waits for a transfer's target, and lets the caller go on with it, or the agent consult it. An agent who hangs up behind the ringing leaves
// the caller with it.
func (c *Call) reach(ctx context.Context, to rung, t Transfer) (why Reason, moved bool) {
	cause, why, left := c.reachTransfer(ctx, to, t)
	switch {
	case cause != "" || why != "":
		return c.cameToNothing(ctx, to, t, cause, why, left)
	case t.Consult && !left:
		c.receive(ctx, &guest{rung: to, Transfer: t, state: guestAsked, transfer: len(c.record.Transfers) - 1})
		return "", false
	}
	c.settled(t, "")
	return c.goOnWith(ctx, to), true
}

func (c *Call) ringLimit() time.Duration { return min(transferRing, c.sb.cfg.DialTimeout) }

// reachTransfer waits until a transfer's target has answered. A cause: it will not; a reason: the call ends; left: the agent has gone.
func (c *Call) reachTransfer(ctx context.Context, to rung, t Transfer) (cause Cause, why Reason, left bool) {
	talking := c.state == StateTalking
	if t.Hold {
		c.hold(ctx)
	}
	c.ringForAgent(t)
	cause, why, left = c.untilTransferred(ctx, to, t)
	if t.Hold && !left && !c.away && why == "" && (cause == CauseCancelled || cause != "" && talking) {
		c.resume(ctx)
	}
	if c.far != nil { // who may hear it ring still
		c.repaint()
	}
	return cause, why, left
}

// waitsFor says whether the agent waits for whom they consult, and hears nobody else.
func (c *Call) waitsFor(t Transfer) bool {
	return t.Consult && t.Hold && len(c.guests) == 0 && c.far != nil
}

// ringForAgent lets an agent who waits for whom they consult hear it ring.
func (c *Call) ringForAgent(t Transfer) {
	if c.waitsFor(t) {
		c.ringback(c.far)
		delete(c.ears, c.far.Stream())
	}
}

func (c *Call) untilTransferred(ctx context.Context, to rung, t Transfer) (cause Cause, why Reason, left bool) {
	c.rings = &to
	defer func() { c.rings = nil }()
	c.timer.Reset(c.ringLimit())
	defer c.timer.Stop()
	for {
		h := c.next(ctx)
		leaves := h.kind == farGone || h.kind == farDid && h.event == LegAskLeave
		switch {
		case h.leg == to.leg:
			if cause, over := c.targetDid(ctx, to, t, h); over {
				return cause, "", left
			}
		case h.kind == timeUp:
			return CauseNoAnswer, "", left
		case t.Consult && h.kind == farDid && (h.event == LegLost || h.event == LegBack):
			c.comesAndGoes(ctx, t, h.event)
		case leaves && len(c.guests) > 0:
			return CauseCancelled, "", true
		case h.kind == farGone, h.kind == farDid && h.event == LegLost: // who has lost their page waits for nothing
			c.letGo(ctx)
			c.ringback(c.customer)
			left = true
		case h.kind == farDid && h.event == LegAskTalk:
			return CauseCancelled, "", left
		case h.kind == farDid:
			c.agentAsks(ctx, h.event)
		case h.kind == otherDid, h.kind == otherGone:
			c.guestDid(ctx, h)
		case h.kind == guestTimeUp:
			c.giveUpGuests(ctx)
		default:
			if why := c.common(h); why != "" {
				return "", why, left
			}
		}
	}
}

// withdrawRinging ends what rings for a transfer or a consultation; who waits for it learns so when its leg ends.
func (c *Call) withdrawRinging(ctx context.Context) {
	if c.rings == nil {
		return
	}
	if c.rings.offer.ID != uuid.Nil {
		c.reportOf(ctx, c.rings.offer.ID, AgentWithdrawn)
	}
	c.rings.leg.Hangup(CauseCancelled)
	c.rings = nil
}

// targetDid deals with what a transfer's target did. over: it has answered, or, where there is a cause, will not.
func (c *Call) targetDid(ctx context.Context, to rung, t Transfer, h happening) (cause Cause, over bool) {
	switch {
	case c.rings == nil: // withdrawn, whatever it has said since
		return CauseCancelled, true
	case h.kind == otherGone:
		return to.leg.Cause(), true
	case h.event == LegAnswered:
		if to.offer.ID != uuid.Nil && !c.reportOf(ctx, to.offer.ID, AgentAccepted) {
			return CauseUnreachable, true
		}
		c.answered(to.leg)
		return "", true
	case h.event == LegRinging:
		if to.offer.ID != uuid.Nil {
			c.reportOf(ctx, to.offer.ID, AgentRinging)
		}
		t.Ringing()
	case h.event == LegEarly && c.waitsFor(t):
		c.far.Stream().Play(media.Forward(to.leg.Stream())) // what the network says
	}
	return "", false
}

// comesAndGoes bears with an agent whose page is loaded again while it rings at whom they consult.
func (c *Call) comesAndGoes(ctx context.Context, t Transfer, e LegEvent) {
	c.away = e == LegLost
	if c.away {
		c.report(ctx, AgentLost)
		return
	}
	c.agentIsBack(ctx)
	c.ringForAgent(t)
}

// cameToNothing puts things back as they were before a transfer whose target did not answer.
func (c *Call) cameToNothing(ctx context.Context, to rung, t Transfer, cause Cause, why Reason, left bool) (Reason, bool) {
	step := offerStep(cause)
	if why != "" || cause == CauseCancelled {
		step = AgentWithdrawn
	}
	c.letOff(ctx, to.offer, step)
	hangUp := CauseNormal
	if cause == CauseNoAnswer {
		hangUp = cause
	}
	c.stopRinging(to, hangUp)
	switch {
	case why != "":
		c.settled(t, CauseCancelled)
		return why, true
	case left && len(c.guests) > 0:
		c.settled(t, cause)
		return c.handOn(ctx), true
	case left:
		c.settled(t, cause)
		return c.comeBack(ctx, cause), true
	default:
		return c.refuse(t, cause)
	}
}
