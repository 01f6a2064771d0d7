package calls

import (
	"context"

	"github.com/google/uuid"

	"tandem/media"
)

// wait keeps the caller in a queue until an agent has talked with them, or they leave, or the queue deflects them.
func (c *Call) wait(ctx context.Context, queue uuid.UUID) Reason {
	if err := c.follows(ctx, queue); err != nil {
		return c.failed("read the queue's settings", err)
	}
	if c.plan.Instead != nil {
		return c.deflect(ctx, *c.plan.Instead)
	}
	if c.plan.Consent {
		if why := c.askConsent(ctx); why != "" {
			return why
		}
	}
	return c.enter(ctx)
}

// follows makes a queue the one whose plan the call follows.
func (c *Call) follows(ctx context.Context, queue uuid.UUID) error {
	plan, err := c.sb.queues.Plan(ctx, c.record.Tenant, queue, c.channel(), c.plan.Language)
	if err != nil {
		return err
	}
	c.plan = plan
	c.record.Queue, c.record.QueuePath, c.record.Ticket = &plan.Queue, plan.Path, plan.Ticket
	return nil
}

func (c *Call) channel() Channel {
	if c.record.Transport == "browser" {
		return ChannelWeb
	}
	return ChannelIVR
}

// enter joins the queue of the plan.
func (c *Call) enter(ctx context.Context) Reason {
	place, instead, err := c.sb.queues.Join(ctx, c.record.Tenant, c.plan.Queue, Joining{Call: c.record.ID, Caller: c.record.Caller.Number, Since: c.record.QueuedAt})
	if err != nil {
		return c.failed("join the queue", err)
	}
	if instead != nil {
		return c.deflect(ctx, *instead)
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
			if why := c.announce(ctx); why != "" {
				return why
			}
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

// announce tells the caller how they stand, or what the queue does with them now.
func (c *Call) announce(ctx context.Context) Reason {
	now, err := c.place.Standing(ctx)
	if err != nil || now.Position < 1 {
		c.log.Error("the position in the queue is not known", "err", err)
		return ""
	}
	if now.Instead != nil {
		return c.deflect(ctx, *now.Instead)
	}
	a, err := c.sb.prompts.Say(ctx, positionSentence(c.plan.Language, now.Position), c.plan.Language, 1)
	if err != nil {
		c.log.Error("the position could not be spoken", "err", err)
		return ""
	}
	c.play(c.customer, a, "announced")
	return ""
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
