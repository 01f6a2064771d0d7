package calls

import (
	"context"
	"slices"
	"time"

	"tandem/media/sound"
)

// try brings one agent to the waiting caller: ring, whisper, countdown, talk. An empty reason means that the caller waits on, in the same place.
func (c *Call) try(ctx context.Context, o Offer) Reason {
	taken := AgentAccepted
	if c.plan.Whisper.IsZero() && !c.plan.Countdown && !o.answersItself() {
		taken = AgentTalking // one step, where nothing comes between
	}
	accepted, why := c.ringAgents(ctx, o, c.target, taken)
	if accepted == nil {
		return why
	}
	here, why := c.prepareAgent(ctx, *accepted)
	if !here {
		return why
	}
	if c.record.ConnectedAt == nil {
		c.record.WaitSeconds = c.sb.db.Now().Sub(*c.record.QueuedAt).Seconds()
	}
	if taken == AgentTalking {
		return c.talkWithCustomer(ctx)
	}
	return c.withAgent(ctx)
}

// withAgent lets caller and agent talk. An empty reason means that the caller waits on.
func (c *Call) withAgent(ctx context.Context) Reason {
	c.bridge(ctx, c.plan.Record)
	if !c.report(ctx, AgentTalking) {
		return c.waitAgain(ctx)
	}
	if why := c.talk(ctx); why != "" {
		return why
	}
	return c.waitAgain(ctx)
}

// waitAgain puts the caller back into the queue, at the place they had, after the agent they talked with was lost.
func (c *Call) waitAgain(ctx context.Context) Reason {
	c.endGuests(ctx)
	c.agentLeft(ctx, AgentEnded)
	if err := c.place.Leave(ctx, LeavesHandled); err != nil {
		c.log.Error("a call could not leave its queue", "err", err)
	}
	c.place = nil
	return c.enter(ctx)
}

func (c *Call) target(o Offer) Target {
	caller := c.record.Caller.Number
	if c.record.Caller.Withheld {
		caller = ""
	}
	codec, waited := "", 0
	if c.customer != nil {
		codec = c.customer.Stream().Format().Codec.Name // after a re-INVITE another than at first
	}
	if since := c.waitsSince(); since != nil { // nobody waits in a call that an agent makes
		waited = int(c.sb.db.Now().Sub(*since).Seconds())
	}
	return Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: o.Device, Agent: o.Agent, Offer: o.ID, From: c.record.Caller,
		AutoAnswer: o.AutoAnswer, Codec: codec,
		Card: Card{
			Number: c.record.Number, Caller: caller, Name: c.record.Caller.Name, QueuePath: c.record.QueuePath,
			Waited: waited, RingFor: int(o.RingFor.Seconds()),
			Reserved: c.record.Reserved, Data: c.record.Headers, Summary: c.record.Summary, TransferredBy: c.transferredBy(),
		},
		Ring: c.plan.Ring,
	}
}

func deviceKind(device string) string {
	for _, kind := range []string{"sip", "phone", "number"} {
		if len(device) > len(kind) && device[:len(kind)+1] == kind+":" {
			return kind
		}
	}
	return device
}

// rung is a device that rings for this call.
type rung struct {
	offer Offer
	leg   Leg
}

// ringAgents rings the agent, or all agents to whom the call is offered at once, until one of them takes it, which is reported as taken: who has
// it then is the queues' word, the others' devices stop. Nil means that it came to nothing; what became of each agent is reported.
func (c *Call) ringAgents(ctx context.Context, o Offer, target func(Offer) Target, taken AgentStep) (accepted *Offer, why Reason) {
	var ringing []rung
	for _, o := range append([]Offer{o}, o.With...) {
		leg, err := c.sb.dialer.Dial(ctx, target(o))
		if err != nil {
			c.log.Warn("an agent's device could not be dialled", "agent", o.Agent, "err", err)
			c.reportOf(ctx, o.ID, AgentUnreachable)
			continue
		}
		c.addLeg(leg, "agent", deviceKind(o.Device), o.Agent)
		ringing = append(ringing, rung{o, leg})
	}
	if len(ringing) == 0 {
		return nil, ""
	}
	if len(ringing) == 1 {
		c.servedBy(ringing[0].offer)
	}
	c.step(StepOffer, "call.offered")
	winner, rest, why := c.ring(ctx, ringing, o.RingFor, taken)
	for _, r := range rest {
		c.stopRinging(r, CauseElsewhere)
	}
	if winner == nil {
		c.record.Agent, c.record.AgentName, c.record.Offer = nil, "", nil
		if why == "" {
			c.step(StepQueue, "call.queued")
		}
		return nil, why
	}
	c.far, c.offer = winner.leg, winner.offer.ID
	c.servedBy(winner.offer)
	c.answered(c.far)
	return &winner.offer, ""
}

func (c *Call) servedBy(o Offer) {
	c.record.Agent, c.record.AgentName, c.record.Offer = &o.Agent, o.AgentName, &o.ID
}

// stopRinging ends what a device has with the call.
func (c *Call) stopRinging(r rung, cause Cause) {
	r.leg.Hangup(cause)
	if i := c.legIndex(r.leg); i >= 0 {
		c.closeLeg(i, r.leg, cause)
	}
	c.gone = append(c.gone, r.leg)
}

// ring waits for one of the devices to be answered, and returns those that still ring then. A reason means that the call ends.
func (c *Call) ring(ctx context.Context, ringing []rung, ringFor time.Duration, taken AgentStep) (winner *rung, rest []rung, why Reason) {
	c.timer.Reset(ringFor)
	defer c.timer.Stop()
	drop := func(i int, step AgentStep, cause Cause) {
		r := ringing[i]
		ringing = slices.Delete(ringing, i, i+1)
		c.stopRinging(r, cause)
		if step != "" {
			c.reportOf(ctx, r.offer.ID, step)
		}
	}
	for len(ringing) > 0 {
		h := c.next(ctx)
		at := slices.IndexFunc(ringing, func(r rung) bool { return r.leg == h.leg })
		switch {
		case at >= 0 && h.kind == otherDid && h.event == LegRinging:
			if !c.reportOf(ctx, ringing[at].offer.ID, AgentRinging) {
				drop(at, "", CauseNormal)
			}
		case at >= 0 && h.kind == otherDid && h.event == LegAnswered:
			if r := ringing[at]; c.reportOf(ctx, r.offer.ID, taken) {
				return &r, slices.Delete(ringing, at, at+1), ""
			}
			drop(at, "", CauseElsewhere)
		case at >= 0 && h.kind == otherGone:
			drop(at, offerStep(h.leg.Cause()), CauseNormal)
		case h.kind == timeUp:
			for len(ringing) > 0 {
				drop(0, AgentMissed, CauseNoAnswer)
			}
		case h.kind == soundReached:
			c.playMusic(ctx)
		default:
			if why := c.common(h); why != "" {
				for len(ringing) > 0 {
					// Leaving the queue withdraws its offers; a callback's place stays.
					step := AgentStep("")
					if c.customer == nil {
						step = AgentWithdrawn
					}
					drop(0, step, CauseNormal)
				}
				return nil, nil, why
			}
		}
	}
	return nil, nil, ""
}

func offerStep(cause Cause) AgentStep {
	switch cause {
	case CauseDeclined, CauseBusy:
		return AgentDeclined
	case CauseNoAnswer:
		return AgentMissed
	default:
		return AgentUnreachable
	}
}

// agentLeft gives the caller back to the queue, at the same place.
func (c *Call) agentLeft(ctx context.Context, step AgentStep) Reason {
	cause := CauseNormal
	switch step {
	case AgentMissed:
		cause = CauseNoAnswer
	case AgentUnreachable:
		cause = CauseUnreachable
	default:
	}
	talked := c.record.ConnectedAt != nil
	c.settleHold()
	if c.tape != nil {
		c.tape.Unhear(SideCustomer)
		c.tape.Unhear(SideAgent)
	}
	c.dropFar(cause)
	c.step(StepQueue, "call.queued")
	c.report(ctx, step)
	if !talked {
		c.record.Agent, c.record.AgentName, c.record.Offer = nil, "", nil
	}
	if talked {
		c.playMusic(ctx)
	}
	return ""
}

// prepareAgent plays whisper and countdown to the agent alone; the caller goes on hearing music (V2.3, V2.4).
// here is false when the agent or the caller left in it.
func (c *Call) prepareAgent(ctx context.Context, o Offer) (here bool, why Reason) {
	if o.AutoAnswer {
		if here, why = c.warnAgent(ctx); !here {
			return here, why
		}
	}
	whisper, countdown, err := c.sb.prompts.Prelude(ctx, c.record.Tenant, c.plan)
	if err != nil {
		c.log.Error("the whisper or the countdown is missing", "err", err)
	}
	if whisper != nil {
		c.step(StepAccept, "call.accepted")
		if here, why = c.playToAgent(ctx, whisper, "end"); !here {
			return here, why
		}
	}
	if countdown != nil {
		c.step(StepCountdown, "call.countdown")
		if here, why = c.playToAgent(ctx, countdown, "bridge"); !here {
			return here, why
		}
	}
	return true, ""
}

// warnAgent tells an agent whose device has answered by itself, by a tone, that somebody comes (V2.6).
func (c *Call) warnAgent(ctx context.Context) (here bool, why Reason) {
	tone, err := c.sb.prompts.Tone("auto_answer", func() sound.PCM {
		return sound.Tone{Hz: []float64{880}, On: autoAnswerTone, Level: -14}.PCM(8000)
	})
	if err != nil {
		c.log.Error("the tone of auto-answer is missing", "err", err)
		return true, ""
	}
	c.step(StepAccept, "call.accepted")
	return c.playToAgent(ctx, tone, "end")
}

const autoAnswerTone = 500 * time.Millisecond

func (c *Call) playToAgent(ctx context.Context, a *sound.Asset, until string) (here bool, why Reason) {
	// The caller's own announcement, if one is playing, ends in music now: its end would not be heard of.
	c.playMusic(ctx)
	c.play(c.far, a, "end", "bridge")
	for {
		h := c.next(ctx)
		switch h.kind {
		case soundReached:
			if h.mark == until || h.mark == "end" {
				return true, ""
			}
		case farGone:
			return false, c.agentLeft(ctx, AgentLeft)
		case farDid:
			if h.event == LegLost {
				return false, c.agentLeft(ctx, AgentLeft)
			}
			declineTransfer(c.far)
		default:
			if why := c.common(h); why != "" {
				return false, why
			}
		}
	}
}
