package calls

import (
	"context"
	"regexp"
	"strings"
	"time"

	"tandem/media"
	"tandem/media/sound"
)

// Callers type numbers with the keys of their telephone.

const (
	keyPause   = 5 * time.Second // after the last key
	maxDigits  = 20
	numberAsks = 2
)

// callable is a number that a telephone network could reach.
var callable = regexp.MustCompile(`^\+?[0-9]{3,15}$`)

// enter plays a sound and collects what the caller types, up to most keys or to #; * begins anew. Nothing typed is "". An agent who is
// offered meanwhile interrupts it: c.pending is set.
func (c *Call) typed(ctx context.Context, a *sound.Asset, most int) (keys string, why Reason) {
	defer c.timer.Stop()
	c.timer.Stop()
	c.play(c.customer, a, "asked")
	for {
		h := c.next(ctx)
		switch h.kind {
		case callerPressed:
			c.hush()
			switch h.key {
			case '#':
				return keys, ""
			case '*':
				keys = ""
			default:
				keys += string(h.key)
			}
			if len(keys) == most {
				return keys, ""
			}
			c.timer.Reset(keyPause)
		case soundReached:
			c.hush()
			c.timer.Reset(keyPause)
		case timeUp:
			return keys, ""
		case offered:
			c.pending = &h.offer
			return "", ""
		default:
			if why := c.common(h); why != "" {
				return "", why
			}
		}
	}
}

// hush ends what is being played to the caller; its end is no news any more.
func (c *Call) hush() {
	c.serial++
	c.customer.Stream().Play(media.Silence())
}

// askNumber asks a caller for the number at which they can be reached; "" when they give none.
func (c *Call) askNumber(ctx context.Context, box Box) (string, Reason) {
	language := c.plan.Language
	first, err := c.words(ctx, box.Withheld, sayWithheld)
	if err != nil {
		return "", c.failed("ask for a number", err)
	}
	again, err := c.words(ctx, box.EnterNumber, sayEnterNumber)
	if err != nil {
		return "", c.failed("ask for a number", err)
	}
	ask := again
	if c.record.Caller.Withheld || c.record.Caller.Number == "" {
		if ask, err = sound.Concat(first, again); err != nil {
			return "", c.failed("ask for a number", err)
		}
	}
	for range numberAsks {
		keys, why := c.typed(ctx, ask, maxDigits)
		if why != "" || c.pending != nil {
			return "", why
		}
		if !callable.MatchString(keys) {
			ask = again
			continue
		}
		accepted, err := c.words(ctx, box.Accepted, sayAccepted)
		if err != nil {
			return "", c.failed("confirm a number", err)
		}
		read, err := c.sb.prompts.Say(ctx, digitsSentence(language, keys), language, 1)
		if err != nil {
			return "", c.failed("confirm a number", err)
		}
		if why := c.playThrough(ctx, read, accepted); why != "" || c.pending != nil {
			return "", why
		}
		return keys, ""
	}
	return "", ""
}

// playThrough plays sounds one after another. An offer interrupts it.
func (c *Call) playThrough(ctx context.Context, sounds ...*sound.Asset) Reason {
	all, err := sound.Concat(sounds...)
	if err != nil {
		return c.failed("join sentences", err)
	}
	c.play(c.customer, all, "said")
	for {
		h := c.next(ctx)
		switch h.kind {
		case soundReached, callerPressed:
			return ""
		case offered:
			c.pending = &h.offer
			return ""
		default:
			if why := c.common(h); why != "" {
				return why
			}
		}
	}
}

// words are what a setting says, else a sentence of ours.
func (c *Call) words(ctx context.Context, set Say, ours sayable) (*sound.Asset, error) {
	if set.IsZero() {
		set.Text = sentence(c.plan.Language, ours)
	}
	return c.sb.prompts.Resolve(ctx, c.record.Tenant, set, c.plan.Language, 1)
}

// digitsSentence reads a number out, digit by digit.
func digitsSentence(language, number string) string {
	digits := strings.Join(strings.Split(strings.TrimPrefix(number, "+"), ""), " ")
	if isChinese(language) {
		return "号码是 " + digits + "。"
	}
	return "The number is " + digits + "."
}
