package calls

import (
	"context"
	"time"

	"tandem/media"
	"tandem/media/sound"
)

// deflect is what the caller meets instead of waiting: a message, and where the queue says so voicemail.
func (c *Call) deflect(ctx context.Context, to Deflection) Reason {
	a, err := c.deflectionMessage(ctx, to)
	if err != nil {
		return c.failed("load the message of a deflection", err)
	}
	if to.Kind != ToVoicemail {
		return c.playOnce(ctx, a, to.reason())
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

const beepLength = 400 * time.Millisecond

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
		switch {
		case to.Kind == ToVoicemail:
			which = sayLeaveMessage
		case to.Why == BecauseFull:
			which = sayFull
		}
		what.Text = sentence(c.plan.Language, which)
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
