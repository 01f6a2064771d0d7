package calls

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"
)

// putThroughLimit is how long a call waits for another one to take its customer, or to give it one.
const putThroughLimit = 2 * time.Second

// newcomer is a customer who comes from another call of ours, with what is known of them.
type newcomer struct {
	leg      Leg
	device   string
	caller   Party
	reserved Reserved
	headers  Headers
}

// putThrough joins the others in two calls of one user, who leaves both: a telephone does that by REFER with Replaces (RFC 3891), when it has consulted
// somebody by a call of its own. One call gives its customer to the other and ends; the other goes on, with its agent, its record and its recording.
// Which of them is the user's here is up to what they are in each: who is the customer in both has called two agents, and those are not joined.
func (c *Call) putThrough(ctx context.Context, user Leg, t Transfer) (why Reason, moved bool) {
	other := c.sb.callWith(c.record.Tenant, t.Instead)
	if other == nil || other == c || len(c.guests) > 0 || !c.state.Connected() {
		t.Done(CauseDeclined)
		return "", false
	}
	limited, cancel := context.WithTimeout(ctx, putThroughLimit)
	defer cancel()
	if user == c.far {
		if to, ok := other.takesFrom(limited, c, t.Instead); ok {
			return c.gaveCustomer(ctx, t, to), true
		}
	}
	who, ok := other.gives(limited, t.Instead)
	switch {
	case !ok:
		t.Done(CauseDeclined)
		return "", false
	case user == c.far:
		t.Name = who.caller.Number
		c.asked(t, TransferToOutside)
		c.settled(t, "")
		c.addLeg(who.leg, "far_end", who.device, uuid.Nil)
		c.answered(who.leg)
		return c.goOnWith(ctx, rung{leg: who.leg}), true
	default:
		t.Done("")
		c.takeIn(ctx, who)
		return "", false
	}
}

// takesFrom lets a call go on with the customer of another, in the place of its own, who is the one that puts them through. The other call waits
// meanwhile. to says who they talk with now.
func (c *Call) takesFrom(ctx context.Context, from *Call, user uuid.UUID) (to TransferRecord, ok bool) {
	err := c.ask(ctx, func() *happening {
		if ok = c.customer != nil && c.customer.ID() == user && c.far != nil && c.state.Connected(); !ok {
			return nil
		}
		to = TransferRecord{Kind: TransferToOutside, Name: c.record.Number}
		if c.place != nil {
			to = TransferRecord{Kind: TransferToAgent, Agent: c.record.Agent, Name: c.record.AgentName}
		}
		c.takeIn(ctx, from.customerAsNewcomer())
		return nil
	})
	return to, ok && err == nil
}

// gives takes a call's customer out of it, if the user who puts them through is the one they talk with; the call ends.
func (c *Call) gives(ctx context.Context, user uuid.UUID) (who newcomer, ok bool) {
	err := c.ask(ctx, func() *happening {
		if ok = c.customer != nil && c.far != nil && c.far.ID() == user && len(c.guests) == 0 && c.state.Connected(); !ok {
			return nil
		}
		who = c.customerAsNewcomer()
		c.letCustomerGo()
		return &happening{kind: customerTaken}
	})
	return who, ok && err == nil
}

func (c *Call) customerAsNewcomer() newcomer {
	device := ""
	if i := c.legIndex(c.customer); i >= 0 {
		device = c.record.Legs[i].Device
	}
	return newcomer{c.customer, device, c.record.Caller, c.record.Reserved, maps.Clone(c.record.Headers)}
}

// letCustomerGo forgets the customer, who talks on in another call.
func (c *Call) letCustomerGo() {
	if c.tape != nil {
		c.tape.Unhear(SideCustomer)
	}
	delete(c.ears, c.customer.Stream())
	c.closeLeg(c.legIndex(c.customer), c.customer, CauseNormal)
	c.customer = nil
}

// gaveCustomer ends a call whose customer talks on in another one.
func (c *Call) gaveCustomer(ctx context.Context, t Transfer, to TransferRecord) Reason {
	why := c.farHungUp()
	c.letCustomerGo()
	t.Name, t.Agent = to.Name, uuid.Nil
	if to.Agent != nil {
		t.Agent = *to.Agent
	}
	c.asked(t, to.Kind)
	c.settled(t, "")
	c.handOver(ctx)
	return why
}

// takeIn puts a customer from another call in the place of this one's, who leaves.
func (c *Call) takeIn(ctx context.Context, who newcomer) {
	old := c.customer
	old.Hangup(CauseNormal)
	c.letCustomerGo()
	c.watchers.Go(func() { drainLeg(old) })
	c.free(ctx, &c.callerEngaged)
	c.caller = uuid.Nil
	now := c.sb.db.Now()
	c.customer, c.codec = who.leg, who.leg.Stream().Format().Codec.Name
	c.record.Caller, c.record.Reserved, c.record.Headers = who.caller, who.reserved, who.headers
	c.record.Legs = append(c.record.Legs, LegRecord{
		ID: who.leg.ID(), Direction: who.leg.Direction(), Party: "customer", Device: who.device, StartedAt: now, AnsweredAt: &now, Codec: c.codec,
	})
	c.sb.know(who.leg.ID(), c)
	if c.state == StateHeld {
		c.resume(ctx)
	} else {
		c.join()
		c.rehear()
	}
	c.show()
	c.note("call.joined")
}

// callerAsks deals with what the customer's own telephone system asks for: it may put whom they talk with through to somebody whom they have called,
// or who has called them. To send an agent elsewhere is not theirs, unless they are a colleague.
func (c *Call) callerAsks(ctx context.Context, e LegEvent) (why Reason, moved bool) {
	if e != LegAskTransfer {
		return "", false
	}
	t, asked := transferOf(c.customer)
	switch {
	case !asked:
	case t.Instead != uuid.Nil:
		return c.putThrough(ctx, c.customer, t)
	case c.mayTurn():
		c.turn()
		if why, moved = c.sendOn(ctx, t); moved {
			return why, true
		}
		if c.mayTurn() && !c.away {
			c.turn()
		}
	default:
		t.Done(CauseDeclined)
	}
	return "", false
}

// transferOf takes up what the user of a leg has asked for.
func transferOf(leg Leg) (t Transfer, asked bool) {
	if l, ok := leg.(transferring); ok {
		return l.Transfer()
	}
	return t, false
}

// declineTransfer refuses what the user of a leg has asked for, if they have: it cannot be done now.
func declineTransfer(leg Leg) {
	if t, asked := transferOf(leg); asked {
		t.Done(CauseDeclined)
	}
}
