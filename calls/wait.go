package calls

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/media"
)

// wait keeps the caller in a queue until an agent has talked with them, or they leave, or the queue deflects them.
func (c *Call) wait(ctx context.Context, queue uuid.UUID) Reason {
	if slices.Contains(c.tried, queue) {
		return c.wentRound(ctx)
	}
	c.tried = append(c.tried, queue)
	if err := c.follows(ctx, queue); err != nil {
		return c.failed("read the queue's settings", err)
	}
	if c.plan.Bot != nil {
		next, why := c.converse(ctx)
		if why != "" {
			return why
		}
		if next != queue {
			return c.wait(ctx, next)
		}
		if err := c.follows(ctx, queue); err != nil { // the talk may have lasted beyond the hours
			return c.failed("read the queue's settings", err)
		}
	}
	return c.forPeople(ctx)
}

// forPeople lets the caller wait for the people of the plan's queue, where it takes them.
func (c *Call) forPeople(ctx context.Context) Reason {
	if c.plan.Instead != nil {
		return c.deflect(ctx, *c.plan.Instead)
	}
	if c.plan.Consent {
		if why := c.askConsent(ctx); why != "" {
			return why
		}
	}
	if !c.plan.Record {
		c.stopTape(ctx) // of a talk with a virtual agent, where that was recorded
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
	c.record.Queue, c.record.QueuePath, c.record.Ticket, c.record.Language = &plan.Queue, plan.Path, plan.Ticket, plan.Language
	c.record.HoldForChoice = plan.HoldForChoice
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
	place, instead, err := c.sb.queues.Join(ctx, c.record.Tenant, c.plan.Queue, Joining{
		Call: c.record.ID, Caller: c.record.Caller.Number, Since: c.waitsSince(), Channel: c.channel(), Language: c.plan.Language,
	})
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
	return c.inQueue(ctx)
}

// waitsSince is the caller's place in the queue: when they came, or were sent on by an agent; nil: they were in none yet.
func (c *Call) waitsSince() *time.Time {
	if c.sent != nil {
		return c.sent
	}
	return c.record.QueuedAt
}

// inQueue plays music and announcements and tries the agents that the dispatcher offers, one after another.
func (c *Call) inQueue(ctx context.Context) Reason {
	a := newAnnouncer(c)
	a.next(ctx)
	for {
		var h happening
		if c.pending != nil { // an agent came while the caller gave a number
			h, c.pending = happening{kind: offered, offer: *c.pending}, nil
		} else {
			h = c.next(ctx)
		}
		switch h.kind {
		case offered:
			// Announcements stop at accept, not at the offer: the caller goes on hearing what they hear.
			c.timer.Stop()
			if why := c.try(ctx, h.offer); why != "" {
				return why
			}
			a.again()
		case callerPressed:
			if h.key != 0 && h.key == c.plan.Callback.Key {
				if why := c.askCallback(ctx); why != "" {
					return why
				}
				if c.pending == nil {
					a.resume(ctx)
				}
			}
		case soundReached:
			a.next(ctx)
		case timeUp:
			if why := a.due(ctx); why != "" {
				return why
			}
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

func (c *Call) playMusic(ctx context.Context) {
	if c.customer == nil { // a callback: they are not on the line yet
		return
	}
	music, err := c.music(ctx)
	if err != nil {
		c.log.Error("there is no hold music", "err", err)
		music = media.Silence()
	}
	c.customer.Stream().Play(music)
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
	if c.consent != nil { // asked where a virtual agent took the call
		c.plan.Record = *c.consent
		return ""
	}
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
				c.consent = new(false)
				return ""
			}
		case soundReached:
			c.consent = new(true)
			return ""
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}
