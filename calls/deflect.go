package calls

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/sound"
)

// deflect is what the caller meets instead of waiting: they hear its message, and then go where it leads.
func (c *Call) deflect(ctx context.Context, to Deflection) Reason {
	if c.place != nil && to.Kind != ToCallback { // a callback takes the place along
		c.leavePlace(ctx, LeavesDeflected)
	}
	c.record.Deflected = append(c.record.Deflected, DeflectionRecord{Kind: to.Kind, Why: to.Why, Queue: c.record.Queue, At: c.sb.db.Now()})
	c.sb.metrics.deflections.WithLabelValues(string(to.Kind), string(to.Why)).Inc()
	switch to.Kind {
	case ToVoicemail:
		return c.voicemail(ctx, to)
	case ToQueue:
		if why := c.say(ctx, to.Message); why != "" {
			return why
		}
		return c.wait(ctx, to.Queue)
	case ToNumber:
		if why := c.say(ctx, to.Message); why != "" {
			return why
		}
		return c.toNumber(ctx, to)
	case ToCallback:
		return c.toCallback(ctx, to)
	default:
		a, err := c.deflectionMessage(ctx, to)
		if err != nil {
			return c.failed("load the message of a deflection", err)
		}
		return c.playOnce(ctx, a, to.reason())
	}
}

// wentRound ends a call whose queues deflect it in a circle.
func (c *Call) wentRound(ctx context.Context) Reason {
	c.log.Warn("queues deflect their callers in a circle; look at their deflections", "queues", c.tried)
	return c.tell(ctx, sayClosed, ReasonClosed)
}

// leavePlace gives the place up before the call ends.
func (c *Call) leavePlace(ctx context.Context, why Leaving) {
	if err := c.place.Leave(ctx, why); err != nil {
		c.log.Error("a call could not leave its queue", "err", err)
	}
	c.place = nil
}

// say plays something, if it is anything, to its end; a key ends it too.
func (c *Call) say(ctx context.Context, what Say) Reason {
	if what.IsZero() {
		return ""
	}
	a, err := c.sb.prompts.Resolve(ctx, c.record.Tenant, what, c.plan.Language, 1)
	if err != nil {
		c.log.Error("a message is missing", "err", err)
		return ""
	}
	c.step(StepPlay, "")
	c.play(c.customer, a, "said")
	for {
		h := c.next(ctx)
		if h.kind == soundReached || h.kind == callerPressed {
			return ""
		}
		if why := c.common(h); why != "" {
			return why
		}
	}
}

// reason is why a call ends that got no more than a message.
func (d Deflection) reason() Reason {
	if d.Why == BecauseFull || d.Why == BecauseEmpty {
		return ReasonOverCapacity
	}
	return ReasonClosed
}

func (c *Call) deflectionMessage(ctx context.Context, to Deflection) (*sound.Asset, error) {
	what := to.Message
	if what.IsZero() {
		which := sayClosed
		if to.Why == BecauseFull || to.Why == BecauseEmpty {
			which = sayFull
		}
		what.Text = sentence(c.plan.Language, which)
	}
	return c.sb.prompts.Resolve(ctx, c.record.Tenant, what, c.plan.Language, 1)
}

// toNumber calls a telephone number for the caller: one of our own, which leads where it leads, or one outside.
func (c *Call) toNumber(ctx context.Context, to Deflection) Reason {
	if c.forwards++; c.forwards > maxForwards {
		return c.wentRound(ctx)
	}
	entry, err := c.sb.numbers.Lookup(ctx, c.record.Tenant, to.Number)
	if err == nil {
		return c.follow(ctx, entry)
	}
	leg, err := c.sb.dialer.Dial(ctx, Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: "trunk:" + to.Number, From: c.record.Caller, Codec: c.customer.Stream().Format().Codec.Name,
		Card: c.card(),
	})
	if err != nil {
		c.log.Error("a deflection's number could not be dialled", "err", err)
		c.sb.metrics.noWayOut.Inc()
		return c.tell(ctx, sayFull, to.reason())
	}
	c.addFar(leg, "far_end", "trunk", uuid.Nil)
	c.step(StepDial, "")
	c.ringback(c.customer)
	why := c.untilAnswered(ctx, c.sb.cfg.DialTimeout)
	if why == ReasonBusy || why == ReasonNoAnswer || why == ReasonUnreachable || why == ReasonDeclined {
		c.dropFar(CauseNormal)
		return c.tell(ctx, sayFull, why)
	}
	if why != "" {
		return why
	}
	c.answered(c.far)
	c.bridge(ctx, false)
	return c.talk(ctx)
}

// maxForwards bounds how often a call's deflections lead to numbers.
const maxForwards = 3

// ringback lets a party hear that another's telephone rings.
func (c *Call) ringback(leg Leg) {
	name, tone := "ringback", sound.Ringback
	if isChinese(c.plan.Language) {
		name, tone = "ringback-cn", sound.RingbackCN
	}
	a, err := c.sb.prompts.Tone(name, func() sound.PCM { return tone.PCM(8000) })
	if err != nil {
		c.log.Error("the ringback tone is missing", "err", err)
		return
	}
	leg.Stream().Play(media.Sound(a, media.SoundOptions{Loop: true}))
}

const beepLength = 400 * time.Millisecond

// voicemail records what the caller says after the greeting, until they hang up, press a key, or the time is up (V6.1). Callers whose
// number is withheld are asked for one first, where the box asks.
func (c *Call) voicemail(ctx context.Context, to Deflection) Reason {
	c.stopTape(ctx) // of a talk before: the message is a recording of its own
	box := c.plan.Box
	mail := VoicemailRecord{Agent: storage.Nullable(box.Agent), Why: to.Why}
	c.step(StepPlay, "")
	if box.AskNumber && c.unknownCaller() {
		number, why := c.askNumber(ctx, box)
		if why != "" {
			return why
		}
		mail.Number = number
	}
	greeting, err := c.voicemailGreeting(ctx, box, to)
	if err != nil {
		return c.failed("make the greeting of voicemail", err)
	}
	c.play(c.customer, greeting, "beeped")
	for {
		h := c.next(ctx)
		switch h.kind {
		case soundReached:
			c.customer.Stream().Play(media.Silence())
			c.startTape(ctx, NewTape{Customer: c.customer.Stream(), Voicemail: true})
			if c.tape == nil {
				return c.tell(ctx, sayNoVoicemail, ReasonFailed)
			}
			mail.LeftAt = c.sb.db.Now()
			c.record.Voicemail = &mail
			c.timer.Reset(cmpDuration(box.Max, c.sb.cfg.MaxVoicemail))
		case callerPressed, timeUp:
			if c.tape != nil {
				mail.Seconds = c.sb.db.Now().Sub(mail.LeftAt).Seconds()
				c.stopTape(ctx)
				return c.tell(ctx, sayThanks, ReasonVoicemail)
			}
		case callerGone:
			if c.tape == nil {
				return ReasonClosed
			}
			mail.Seconds = c.sb.db.Now().Sub(mail.LeftAt).Seconds()
			return ReasonVoicemail
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

// enterBox leads a caller straight to a voicemail box.
func (c *Call) enterBox(ctx context.Context, entry Number) Reason {
	if entry.Queue != nil {
		if err := c.follows(ctx, *entry.Queue); err != nil {
			return c.failed("read the queue's settings", err)
		}
	} else {
		own, err := c.sb.voicemails.Box(ctx, c.record.Tenant, *entry.Agent)
		if err != nil {
			return c.failed("read a voicemail box", err)
		}
		c.plan.Box, c.plan.Language = own.box(*entry.Agent), own.Language
	}
	return c.voicemail(ctx, Deflection{Kind: ToVoicemail, Why: BecauseAsked})
}

// cmpDuration is d, or def where d is nothing.
func cmpDuration(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

// unknownCaller says that nobody could call back.
func (c *Call) unknownCaller() bool {
	return c.record.Caller.Withheld || !callable.MatchString(c.record.Caller.Number)
}

// voicemailGreeting is what the deflection says, else the box, else a sentence, and the tone.
func (c *Call) voicemailGreeting(ctx context.Context, box Box, to Deflection) (*sound.Asset, error) {
	what := to.Message
	if what.IsZero() {
		what = box.Greeting
	}
	if what.IsZero() {
		which := sayLeaveMessage
		if to.Why != BecauseClosed {
			which = sayLeaveMessageBusy
		}
		what.Text = sentence(c.plan.Language, which)
	}
	a, err := c.sb.prompts.Resolve(ctx, c.record.Tenant, what, c.plan.Language, 1)
	if err != nil {
		return nil, err
	}
	beep, err := c.sb.prompts.Tone("beep", func() sound.PCM {
		return sound.Tone{Hz: []float64{1000}, On: beepLength, Level: -12}.PCM(8000)
	})
	if err != nil {
		return nil, err
	}
	return sound.Concat(a, beep)
}
