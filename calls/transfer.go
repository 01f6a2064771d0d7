package calls

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
)

// transferring is a Leg whose user may send the other party elsewhere.
type transferring interface{ Transfer() (Transfer, bool) }

// earlySound is a Leg that may hear something before it is answered.
type earlySound interface{ Early() error }

// transfer sends the caller where the agent's telephone asks, unannounced (blind): to one of the tenant's own numbers, or to one outside that
// the dialer lets out. moved: the call went on there, and has ended.
func (c *Call) transfer(ctx context.Context) (why Reason, moved bool) {
	leg, ok := c.far.(transferring)
	if !ok {
		return "", false
	}
	t, asked := leg.Transfer()
	if !asked {
		return "", false
	}
	entry, err := c.sb.numbers.Lookup(ctx, c.record.Tenant, t.Number)
	switch {
	case c.outside():
		t.Done(CauseDeclined)
		return "", false
	case errors.Is(err, ErrNumberNotFound):
		return c.transferOut(ctx, "trunk:"+t.Number, t)
	case err != nil:
		c.log.Error("a transfer's number could not be looked up", "err", err)
		t.Done(CauseFailed)
		return "", false
	case entry.Kind == EntryAddress:
		return c.transferOut(ctx, entry.Address, t)
	}
	t.Done("")
	c.handOver(ctx)
	return c.follow(ctx, entry), true
}

// handOver takes the agent out of the call; the caller is on the way elsewhere.
func (c *Call) handOver(ctx context.Context) {
	c.settleHold()
	if c.tape != nil {
		c.tape.Unhear(SideCustomer)
		c.tape.Unhear(SideAgent)
	}
	if c.far != nil {
		c.dropFar(CauseNormal)
	}
	c.step(StepTransfer, "call.transferred")
	c.report(ctx, AgentEnded)
	if c.place != nil {
		c.leavePlace(ctx, LeavesHandled)
	}
	c.tried, c.forwards = nil, 0 // a person decided: that is no circle of queues
}

// transferOut rings a device while the agent stays, so that a transfer which comes to nothing changes nothing. An agent who hangs up behind
// it leaves the caller with the ringing.
func (c *Call) transferOut(ctx context.Context, device string, t Transfer) (why Reason, moved bool) {
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: device, From: c.record.Caller, Codec: c.codec, Card: c.card(), TransferredBy: t.By,
	})
	if err != nil {
		c.log.Warn("a transfer's target could not be dialled", "err", err)
		t.Done(CauseForbidden)
		return "", false
	}
	kind, _, _ := strings.Cut(device, ":")
	c.addLeg(leg, "far_end", kind, uuid.Nil)
	if cause, why, left := c.reachTransfer(ctx, leg, t); cause != "" || why != "" {
		c.stopRinging(rung{leg: leg}, CauseNormal)
		if why != "" {
			return why, true
		}
		t.Done(cause)
		if left {
			return c.tell(ctx, sayFull, dialReason(cause)), true
		}
		return "", false
	}
	t.Done("")
	if c.state != StateDialing {
		c.handOver(ctx)
	}
	c.far = leg
	c.farAnswered()
	c.bridge(ctx, false)
	return c.talk(ctx), true
}

// reachTransfer waits until a transfer's target has answered. A cause: it will not; a reason: the call ends; left: the agent has hung up.
func (c *Call) reachTransfer(ctx context.Context, leg Leg, t Transfer) (cause Cause, why Reason, left bool) {
	c.timer.Reset(c.sb.cfg.DialTimeout)
	defer c.timer.Stop()
	for {
		h := c.next(ctx)
		switch {
		case h.kind == otherDid && h.leg == leg && h.event == LegAnswered:
			return "", "", left
		case h.kind == otherDid && h.leg == leg && h.event == LegRinging:
			t.Ringing()
		case h.kind == otherGone && h.leg == leg:
			return leg.Cause(), "", left
		case h.kind == timeUp:
			return CauseNoAnswer, "", left
		case h.kind == farGone:
			c.handOver(ctx)
			c.ringback(c.customer)
			left = true
		case h.kind == farDid:
			c.agentAsks(ctx, h.event)
		default:
			if why := c.common(h); why != "" {
				return "", why, left
			}
		}
	}
}
