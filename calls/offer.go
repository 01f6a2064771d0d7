package calls

import (
	"context"

	"tandem/media/sound"
)

// try brings one agent to the waiting caller: ring, whisper, countdown, talk. An empty reason means that the caller waits on, in the same place.
func (c *Call) try(ctx context.Context, o Offer) Reason {
	c.offer = o.ID
	leg, err := c.sb.dialer.Dial(ctx, c.target(o))
	if err != nil {
		c.log.Warn("an agent's device could not be dialled", "agent", o.Agent, "err", err)
		c.report(ctx, AgentUnreachable)
		return ""
	}
	c.addFar(leg, "agent", deviceKind(o.Device), o.Agent)
	c.record.Agent, c.record.AgentName, c.record.Offer = &o.Agent, o.AgentName, &o.ID
	c.step(StepOffer, "call.offered")
	accepted, why := c.ring(ctx, o)
	if !accepted {
		return why
	}
	c.farAnswered()
	if !c.report(ctx, AgentAccepted) {
		return c.agentLeft(ctx, AgentWithdrawn)
	}
	here, why := c.prepareAgent(ctx)
	if !here {
		return why
	}
	if c.record.ConnectedAt == nil {
		c.record.WaitSeconds = c.sb.db.Now().Sub(*c.record.QueuedAt).Seconds()
	}
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
	return Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: o.Device, Agent: o.Agent, Offer: o.ID, From: c.record.Caller,
		Codec: c.customer.Stream().Format().Codec.Name, // after a re-INVITE another than at first
		Card: Card{
			Number: c.record.Number, Caller: caller, Name: c.record.Caller.Name, QueuePath: c.record.QueuePath,
			Waited: int(c.sb.db.Now().Sub(*c.record.QueuedAt).Seconds()), RingFor: int(o.RingFor.Seconds()),
			Reserved: c.record.Reserved, Data: c.record.Headers, Summary: c.record.Summary,
		},
		Ring: c.plan.Ring,
	}
}

func deviceKind(device string) string {
	for _, kind := range []string{"sip", "phone"} {
		if len(device) > len(kind) && device[:len(kind)+1] == kind+":" {
			return kind
		}
	}
	return device
}

// ring waits for the agent to accept. When it comes to nothing, the agent's part is over and reported.
func (c *Call) ring(ctx context.Context, o Offer) (accepted bool, why Reason) {
	c.timer.Reset(o.RingFor)
	defer c.timer.Stop()
	for {
		h := c.next(ctx)
		switch h.kind {
		case farDid:
			switch h.event {
			case LegRinging:
				if !c.report(ctx, AgentRinging) {
					return false, c.agentLeft(ctx, AgentWithdrawn)
				}
			case LegAnswered:
				return true, ""
			default:
			}
		case farGone:
			return false, c.agentLeft(ctx, offerStep(c.far.Cause()))
		case timeUp:
			return false, c.agentLeft(ctx, AgentMissed)
		case soundReached:
			c.playMusic(ctx)
		default:
			if why := c.common(h); why != "" {
				return false, why
			}
		}
	}
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
func (c *Call) prepareAgent(ctx context.Context) (here bool, why Reason) {
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
		default:
			if why := c.common(h); why != "" {
				return false, why
			}
		}
	}
}
