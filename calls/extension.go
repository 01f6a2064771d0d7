package calls

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Extensions finds the agent whose extension was dialled; uuid.Nil: it is nobody's.
type Extensions func(ctx context.Context, tenant uuid.UUID, extension string) (uuid.UUID, error)

// reached finds what somebody of the house has dialled: one of the tenant's numbers, else an agent's extension. ErrNumberNotFound: neither.
func (s *Switchboard) reached(ctx context.Context, tenant uuid.UUID, dialled string) (Number, error) {
	n, err := s.numbers.Lookup(ctx, tenant, dialled)
	if !errors.Is(err, ErrNumberNotFound) {
		return n, err
	}
	agent, failed := s.cfg.Extensions(ctx, tenant, dialled)
	switch {
	case failed != nil: // which is not to be taken for an unknown number: that may be called outside
		return n, failed
	case agent == uuid.Nil:
		return n, err
	}
	return Number{Number: dialled, Kind: EntryAgent, Agent: &agent}, nil
}

// callAgent calls one agent and nobody else, on the device of their choice (V1.1). Who does not get them hears why by the call's refusal, or may leave a
// message where the number says so.
func (c *Call) callAgent(ctx context.Context, entry Number) Reason {
	c.step(StepDial, "")
	c.record.Ticket = entry.Record
	if c.caller != uuid.Nil {
		c.engageCaller(ctx)
		defer c.free(ctx, &c.callerEngaged)
	}
	o, cause, err := c.sb.queues.Engage(ctx, c.record.Tenant, *entry.Agent)
	if err != nil {
		return c.failed("engage an agent", err)
	}
	var why Reason
	if cause != "" {
		why = dialReason(cause)
	} else {
		c.reachedAtExtension(o)
		defer c.free(ctx, &c.engaged)
		c.callee.Number = entry.Number
		why = c.ringAlone(ctx, o)
	}
	c.sb.metrics.extensions.WithLabelValues(extensionResult(why)).Inc()
	switch {
	case why == "":
		c.bridge(ctx, entry.Record)
		return c.talk(ctx)
	case entry.Voicemail && missed(why):
		return c.leaveMessage(ctx, entry)
	}
	return why
}

// engageCaller keeps an agent who calls a colleague by telephone out of the queues' reach. Who is busy or signed out already stays what they are, and a
// caller is not kept from calling by what fails here.
func (c *Call) engageCaller(ctx context.Context) {
	_, cause, err := c.sb.queues.Engage(ctx, c.record.Tenant, c.caller)
	switch {
	case err != nil:
		c.log.Warn("queues may ring an agent who calls a colleague", "err", err)
	case cause == "":
		c.callerEngaged = c.caller
	}
}

// reachedAtExtension makes an agent whom engage keeps the far party.
func (c *Call) reachedAtExtension(o Offer) {
	c.byExtension, c.engaged, c.callee = true, o.Agent, Party{Name: o.AgentName}
	c.record.Agent, c.record.AgentName = &o.Agent, o.AgentName
	c.showColleague(o.AgentName)
}

// colleagueScreen is a Leg whose user sees which agent they have called; "": none any more.
type colleagueScreen interface{ ShowColleague(name string) }

func (c *Call) showColleague(name string) {
	if s, ok := c.customer.(colleagueScreen); ok {
		s.ShowColleague(name)
	}
}

// mayTurn says whether caller and far party are two agents, and nobody else is there.
func (c *Call) mayTurn() bool {
	return c.byExtension && c.caller != uuid.Nil && c.record.TakenOverBy == nil && c.state == StateTalking && len(c.guests) == 0
}

// turn lets two agents change places, so that the one who called can send the other elsewhere.
func (c *Call) turn() {
	c.unwatch(c.far)
	c.watch(c.customer)
	c.customer, c.far = c.far, c.customer
	c.codec = c.customer.Stream().Format().Codec.Name
	customer, agent := &c.record.Legs[c.legIndex(c.customer)], &c.record.Legs[c.legIndex(c.far)]
	customer.Party, customer.Agent, agent.Party, agent.Agent = "customer", nil, "agent", new(c.caller)
	was := *c.record.Agent
	c.record.Agent, c.record.AgentName = new(c.caller), cmp.Or(c.record.Caller.Name, c.record.Caller.Number)
	c.record.Caller, c.callee = c.callee, c.record.Caller
	c.caller, c.engaged, c.callerEngaged = was, c.callerEngaged, c.engaged
	c.repaint()
	c.rehear()
}

// engage keeps an agent to whom a call to another's extension is sent on.
func (c *Call) engage(ctx context.Context, agent uuid.UUID) (Offer, error) {
	o, cause, err := c.sb.queues.Engage(ctx, c.record.Tenant, agent)
	if err == nil && cause != "" {
		err = fmt.Errorf("the agent is %s", cause)
	}
	o.RingFor = c.ringLimit()
	return o, err
}

// letOff says what became of somebody who was rung for a transfer or a consultation, and has nothing more to do with the call.
func (c *Call) letOff(ctx context.Context, o Offer, step AgentStep) {
	switch {
	case o.ID != uuid.Nil:
		c.reportOf(ctx, o.ID, step)
	case o.Agent != uuid.Nil:
		c.free(ctx, &o.Agent)
	}
}

// ringAlone rings an agent's device until it is answered, and answers the caller then.
func (c *Call) ringAlone(ctx context.Context, o Offer) Reason {
	if err := c.customer.Ring(); err != nil {
		c.log.Debug("the caller could not be told that it rings", "err", err)
	}
	card := c.card()
	card.Extension = true
	card.RingFor = int(o.RingFor.Seconds())
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: o.Device, Agent: o.Agent, Offer: storage.NewID(), From: c.record.Caller, Codec: c.codec, Card: card,
	})
	if err != nil {
		c.log.Warn("an agent's device could not be dialled", "agent", o.Agent, "err", err)
		return ReasonUnreachable
	}
	c.addFar(leg, "agent", deviceKind(o.Device), o.Agent)
	if why := c.untilAnswered(ctx, o.RingFor); why != "" {
		return why
	}
	c.answered(c.far)
	return c.answer(ctx)
}

// free lets the queues have an agent again whom the call has kept, once they have left it: the other may go on elsewhere.
func (c *Call) free(ctx context.Context, engaged *uuid.UUID) {
	if *engaged == uuid.Nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	if err := c.sb.queues.Disengage(limited, c.record.Tenant, *engaged); err != nil {
		c.log.Error("an agent stays busy after a call to their extension, until it is stored that they are not", "agent", *engaged, "err", err)
	}
	*engaged = uuid.Nil
}

// missed says whether a call did not get an agent, for reasons of the agent's.
func missed(why Reason) bool {
	return why == ReasonBusy || why == ReasonNoAnswer || why == ReasonDeclined || why == ReasonUnreachable
}

func extensionResult(why Reason) string {
	switch {
	case why == "":
		return "answered"
	case missed(why):
		return string(why)
	}
	return "gone" // the caller, or the node
}

// leaveMessage lets the caller speak into the agent's voicemail box.
func (c *Call) leaveMessage(ctx context.Context, entry Number) Reason {
	if c.far != nil {
		c.dropFar(CauseNoAnswer)
	}
	c.free(ctx, &c.engaged)
	if why := c.answer(ctx); why != "" {
		return why
	}
	return c.enterBox(ctx, entry)
}
