package calls

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/media"
)

// bridgeOut calls an outside address and joins it with the caller, who hears it ring until it answers.
func (c *Call) bridgeOut(ctx context.Context, entry Number) Reason {
	c.step(StepDial, "")
	c.record.Ticket = entry.Record // a recording needs a ticket to go to
	if err := c.customer.Ring(); err != nil {
		c.log.Debug("the caller could not be told that it rings", "err", err)
	}
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: entry.Address, From: c.record.Caller, Codec: c.codec, Card: c.card(),
	})
	if err != nil {
		c.log.Error("an outside address could not be dialled", "err", err)
		return ReasonUnreachable
	}
	c.addFar(leg, "far_end", "sip", uuid.Nil)
	if why := c.untilAnswered(ctx, c.sb.cfg.DialTimeout); why != "" {
		return why
	}
	c.answered(c.far)
	if why := c.answer(ctx); why != "" {
		return why
	}
	c.bridge(ctx, entry.Record)
	return c.talk(ctx)
}

// untilAnswered waits for the far leg's answer.
func (c *Call) untilAnswered(ctx context.Context, ringFor time.Duration) Reason {
	c.timer.Reset(ringFor)
	defer c.timer.Stop()
	for {
		h := c.next(ctx)
		switch {
		case h.kind == farDid && h.event == LegAnswered:
			return ""
		case h.kind == farDid && h.event == LegEarly:
			c.farSounds()
		case h.kind == farGone:
			return dialReason(c.far.Cause())
		case h.kind == timeUp:
			return ReasonNoAnswer
		}
		if why := c.common(h); why != "" {
			return why
		}
	}
}

// farSounds lets the caller hear what the far end's network says before it answers, one way: nobody talks before the answer.
func (c *Call) farSounds() {
	leg, ok := c.customer.(earlySound)
	if c.record.AnsweredAt == nil && (!ok || leg.Early() != nil) {
		return
	}
	c.customer.Stream().Play(media.Forward(c.far.Stream()))
}

func dialReason(cause Cause) Reason {
	switch cause {
	case CauseBusy:
		return ReasonBusy
	case CauseDeclined, CauseForbidden:
		return ReasonDeclined
	case CauseNoAnswer:
		return ReasonNoAnswer
	case CauseFailed, CauseNotAccepted:
		return ReasonFailed
	default:
		return ReasonUnreachable
	}
}

// bridge lets the two legs hear each other, in one step.
func (c *Call) bridge(ctx context.Context, record bool) {
	c.join()
	now := c.sb.db.Now()
	if c.record.ConnectedAt == nil {
		c.record.ConnectedAt = &now
	}
	switch {
	case c.tape != nil: // with an agent before this one
		c.rehear()
	case record:
		c.startTape(ctx, NewTape{Customer: c.customer.Stream(), Agent: c.far.Stream()})
	}
	c.step(StepBridge, "")
	c.note("call.connected")
	c.showRecording()
}

// talk lasts until one side leaves. An empty reason means that the agent was lost and the caller is to wait again.
func (c *Call) talk(ctx context.Context) Reason {
	lost, comforted := false, false
	goes := func() {
		lost, comforted = true, false
		c.timer.Reset(c.sb.cfg.ComfortAfter)
	}
	if c.away { // and has got the agent's place all the same
		c.report(ctx, AgentLost)
	}
	for {
		if c.away {
			c.away = false
			goes()
		}
		h := c.next(ctx)
		switch h.kind {
		case farGone:
			return c.farLeft(ctx, lost)
		case callerPressed:
			if c.outside() {
				press(c.far, h.key)
			}
		case farPressed:
			c.pressed(h.key)
		case otherDid, otherGone:
			c.guestDid(ctx, h)
		case guestTimeUp:
			c.giveUpGuests(ctx)
		case callerDid:
			if why, moved := c.callerAsks(ctx, h.event); moved {
				return why
			}
		case farDid:
			switch h.event {
			case LegAskTransfer:
				if why, moved := c.transfer(ctx); moved {
					return why
				}
			case LegAskLeave:
				if len(c.guests) > 0 {
					return c.handOn(ctx)
				}
			case LegLost:
				goes()
				c.report(ctx, AgentLost)
			case LegBack:
				lost = false
				c.timer.Stop()
				c.agentIsBack(ctx)
			default:
				c.agentAsks(ctx, h.event)
			}
		case timeUp:
			if !lost {
				continue
			}
			if comforted { // the grace is over
				return c.givenUp(ctx)
			}
			comforted = true
			c.comfort(ctx)
			c.timer.Reset(c.sb.cfg.LostGrace - c.sb.cfg.ComfortAfter)
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

// farLeft is what becomes of the call when its far party has gone. An empty reason means that the caller waits again.
func (c *Call) farLeft(ctx context.Context, lost bool) Reason {
	switch {
	case c.stays(lost):
		return c.handOn(ctx)
	case lost && c.place != nil:
		return ""
	default:
		return legReason(c.far.Cause(), c.farHungUp())
	}
}

// farHungUp is the reason when the far party leaves the talk.
func (c *Call) farHungUp() Reason {
	if c.outside() {
		return ReasonFarEndHungUp
	}
	return ReasonAgentHungUp
}

// givenUp is what becomes of the call when its agent's browser has not come back.
func (c *Call) givenUp(ctx context.Context) Reason {
	switch {
	case c.stays(true):
		return c.handOn(ctx)
	case c.place == nil: // it was a supervisor, who took the call over
		return ReasonMediaLost
	default:
		return ""
	}
}

func (c *Call) agentIsBack(ctx context.Context) {
	c.report(ctx, AgentBack)
	if c.state == StateHeld {
		c.report(ctx, AgentHolding)
	}
	c.back()
}

// agentAsks does what an agent asks of the call they are in.
func (c *Call) agentAsks(ctx context.Context, e LegEvent) {
	switch e {
	case LegAskHold, LegHeld: // a browser asks, a SIP phone holds by re-INVITE
		c.hold(ctx)
	case LegAskTalk, LegResumed:
		c.resume(ctx)
	case LegAskJoin:
		c.joinAll(ctx)
	case LegAskRemove:
		c.sendAway(ctx)
	case LegAskRedact:
		c.agentRedacts()
	case LegAskRecord:
		c.recordAgain(RedactionEndedByAgent)
	case LegAskTransfer: // another one, while the first rings
		declineTransfer(c.far)
	default:
	}
}

// outside says that the far leg is no agent's and no supervisor's.
func (c *Call) outside() bool {
	return c.place == nil && c.record.TakenOverBy == nil && !c.byExtension
}

// keypad is a Leg whose signalling may carry keys.
type keypad interface{ SendDigit(key rune) }

// press sends a key to a party, by signalling or with the audio.
func press(leg Leg, key rune) {
	if k, ok := leg.(keypad); ok {
		k.SendDigit(key)
		return
	}
	leg.Stream().SendDigits(string(key))
}

// pressed passes on a key of the far party: to whom they consult, else to the caller.
func (c *Call) pressed(key rune) {
	if !c.consulting() {
		press(c.customer, key)
	}
	for _, g := range c.guests {
		if g.state == guestConsulted {
			press(g.leg, key)
		}
	}
}

// hold gives the caller music, and the recording silence. Guests and agent go on hearing each other.
func (c *Call) hold(ctx context.Context) {
	if c.state != StateTalking {
		return
	}
	music, err := c.music(ctx)
	if err != nil {
		c.log.Error("there is no hold music", "err", err)
		music = media.Silence()
	}
	media.Apply(map[*media.Stream]media.Source{c.customer.Stream(): music, c.far.Stream(): media.Silence()})
	delete(c.ears, c.customer.Stream())
	c.ears[c.far.Stream()] = earKey(nil)
	c.heldAt = c.sb.db.Now()
	if c.tape != nil {
		c.tape.Unhear(SideCustomer)
		c.tape.Unhear(SideAgent)
	}
	c.report(ctx, AgentHolding)
	c.step(StepHold, "call.held")
}

func (c *Call) resume(ctx context.Context) {
	if c.state != StateHeld {
		return
	}
	c.dismissConsulted(ctx)
	c.join()
	c.rehear()
	c.settleHold()
	c.report(ctx, AgentResumed)
	c.step(StepResume, "call.resumed")
}

func (c *Call) settleHold() {
	if !c.heldAt.IsZero() {
		c.record.HeldSeconds += c.sb.db.Now().Sub(c.heldAt).Seconds()
		c.heldAt = time.Time{}
	}
}

func (c *Call) rehear() {
	if c.tape != nil {
		c.tape.Hear(SideCustomer, c.customer.Stream())
		c.tape.Hear(SideAgent, c.agentSide())
	}
}

// back joins the legs again after the agent's browser has returned; a held call stays held.
func (c *Call) back() {
	if c.state == StateTalking {
		c.join()
		c.rehear()
		return
	}
	delete(c.ears, c.far.Stream())
	c.repaint()
}

// comfort tells the caller that the agent will be back (V3.4), then plays music.
func (c *Call) comfort(ctx context.Context) {
	if c.state != StateTalking || slices.ContainsFunc(c.guests, (*guest).here) { // who talk with them
		return
	}
	a, err := c.sb.prompts.Say(ctx, sentence(c.plan.Language, sayComfort), c.plan.Language, 1)
	if err != nil {
		c.log.Error("the comfort prompt is missing", "err", err)
		return
	}
	c.customer.Stream().Play(media.Sound(a, media.SoundOptions{}))
}

// music is what the caller hears while waiting or held.
func (c *Call) music(ctx context.Context) (media.Source, error) {
	if c.plan.Music.IsZero() {
		a, err := c.sb.prompts.Music()
		if err != nil {
			return nil, err
		}
		return media.Broadcast(a), nil
	}
	a, err := c.sb.prompts.Resolve(ctx, c.record.Tenant, c.plan.Music, c.plan.Language, 1)
	if err != nil {
		return nil, err
	}
	return media.Broadcast(a), nil
}
