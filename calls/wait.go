package calls

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"tandem/media"
	"tandem/media/sound"
)

// wait keeps the caller in a queue until an agent has talked with them, or they leave, or the queue is closed.
func (c *Call) wait(ctx context.Context, queue uuid.UUID) Reason {
	plan, err := c.sb.queues.Plan(ctx, c.record.Tenant, queue)
	if err != nil {
		return c.failed("read the queue's settings", err)
	}
	c.plan = plan
	c.record.Queue, c.record.QueuePath, c.record.Ticket = &plan.Queue, plan.Path, plan.Ticket
	if !plan.Open {
		return c.deflect(ctx)
	}
	if plan.Consent {
		if why := c.askConsent(ctx); why != "" {
			return why
		}
	}
	return c.enter(ctx)
}

// enter joins the queue of the plan.
func (c *Call) enter(ctx context.Context) Reason {
	place, err := c.sb.queues.Join(ctx, c.record.Tenant, c.plan.Queue, Joining{Call: c.record.ID, Caller: c.record.Caller.Number, Since: c.record.QueuedAt})
	if errors.Is(err, ErrQueueFull) {
		return c.tell(ctx, sayFull, ReasonOverCapacity)
	}
	if err != nil {
		return c.failed("join the queue", err)
	}
	c.place = place
	if c.record.QueuedAt == nil {
		now := c.sb.db.Now()
		c.record.QueuedAt = &now
	}
	c.step(StepQueue, "call.queued")
	c.greet(ctx)
	return c.inQueue(ctx)
}

// inQueue plays music and announcements and tries the agents that the dispatcher offers, one after another.
func (c *Call) inQueue(ctx context.Context) Reason {
	c.announceLater()
	for {
		h := c.next(ctx)
		switch h.kind {
		case offered:
			// Announcements stop at accept, not at the offer: the caller goes on hearing what they hear.
			c.timer.Stop()
			if why := c.try(ctx, h.offer); why != "" {
				return why
			}
			c.announceLater()
		case soundReached:
			c.playMusic(ctx)
		case timeUp:
			c.announcePosition(ctx)
			c.announceLater()
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

func (c *Call) announceLater() {
	if c.plan.Announce > 0 {
		c.timer.Reset(c.plan.Announce)
	}
}

// greet plays the queue's greeting; the music follows it.
func (c *Call) greet(ctx context.Context) {
	if c.plan.Greeting.IsZero() {
		c.playMusic(ctx)
		return
	}
	a, err := c.sb.prompts.Resolve(ctx, c.record.Tenant, c.plan.Greeting, c.plan.Language, 1)
	if err != nil {
		c.log.Error("a queue's greeting is missing", "err", err)
		c.playMusic(ctx)
		return
	}
	c.play(c.customer, a, "greeted")
}

func (c *Call) playMusic(ctx context.Context) {
	music, err := c.music(ctx)
	if err != nil {
		c.log.Error("there is no hold music", "err", err)
		music = media.Silence()
	}
	c.customer.Stream().Play(music)
}

func (c *Call) announcePosition(ctx context.Context) {
	n, err := c.place.Position(ctx)
	if err != nil || n < 1 {
		c.log.Error("the position in the queue is not known", "err", err)
		return
	}
	a, err := c.sb.prompts.Say(ctx, positionSentence(c.plan.Language, n), c.plan.Language, 1)
	if err != nil {
		c.log.Error("the position could not be spoken", "err", err)
		return
	}
	c.play(c.customer, a, "announced")
}

// tell speaks a sentence and then ends the call.
func (c *Call) tell(ctx context.Context, what sayable, then Reason) Reason {
	a, err := c.sb.prompts.Say(ctx, sentence(c.plan.Language, what), c.plan.Language, 1)
	if err != nil {
		return c.failed("speak a sentence", err)
	}
	return c.playOnce(ctx, a, then)
}

// askConsent lets the caller decline the recording by pressing 1 (V5.1).
func (c *Call) askConsent(ctx context.Context) Reason {
	a, err := c.sb.prompts.Say(ctx, sentence(c.plan.Language, sayConsent), c.plan.Language, 1)
	if err != nil {
		return c.failed("ask for consent", err)
	}
	c.plan.Record = true
	c.step(StepPlay, "")
	c.play(c.customer, a, "asked")
	for {
		h := c.next(ctx)
		switch h.kind {
		case callerPressed:
			if h.key == '1' {
				c.plan.Record = false
				return ""
			}
		case soundReached:
			return ""
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

// deflect is what the caller meets when the queue is closed: a message, and where the queue says so voicemail.
func (c *Call) deflect(ctx context.Context) Reason {
	a, err := c.deflectionMessage(ctx)
	if err != nil {
		return c.failed("load the message for closed hours", err)
	}
	if !c.plan.Closed.Voicemail {
		return c.playOnce(ctx, a, ReasonClosed)
	}
	beep, err := c.sb.prompts.Tone("beep", func() sound.PCM {
		return sound.Tone{Hz: []float64{1000}, On: beepLength, Level: -12}.PCM(8000)
	})
	if err != nil {
		return c.failed("make the beep", err)
	}
	whole, err := sound.Concat(a, beep)
	if err != nil {
		return c.failed("join message and beep", err)
	}
	return c.voicemail(ctx, whole)
}

func (c *Call) deflectionMessage(ctx context.Context) (*sound.Asset, error) {
	what := c.plan.Closed.Message
	if what.IsZero() {
		what.Text = sentence(c.plan.Language, sayClosed)
		if c.plan.Closed.Voicemail {
			what.Text = sentence(c.plan.Language, sayLeaveMessage)
		}
	}
	return c.sb.prompts.Resolve(ctx, c.record.Tenant, what, c.plan.Language, 1)
}

// voicemail records what the caller says after the greeting, until they hang up, press a key, or the time is up.
func (c *Call) voicemail(ctx context.Context, greeting *sound.Asset) Reason {
	c.step(StepPlay, "")
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
			c.timer.Reset(c.sb.cfg.MaxVoicemail)
		case callerPressed, timeUp:
			if c.tape != nil {
				return ReasonVoicemail
			}
		case callerGone:
			if c.tape != nil {
				return ReasonVoicemail
			}
			return ReasonClosed
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}
