package calls

import (
	"context"

	"github.com/google/uuid"

	"tandem/media"
)

// choose lets the caller walk the menu tree and returns the queue they chose; or why the call ended.
func (c *Call) choose(ctx context.Context, root uuid.UUID) (uuid.UUID, Reason) {
	path := []uuid.UUID{root}
	silent, invalid := 0, 0
	for {
		m, err := c.sb.queues.Menu(ctx, c.record.Tenant, path[len(path)-1])
		if err != nil {
			return uuid.Nil, c.failed("read the menu", err)
		}
		if c.record.Language == "" {
			if why := c.chooseLanguage(ctx, m); why != "" {
				return uuid.Nil, why
			}
		}
		if c.record.Language != "" {
			m.Language = c.record.Language
		}
		c.plan.Language, c.record.Menu = m.Language, &m.Queue
		c.step(StepMenu, "call.menu")
		key, why := c.askKey(ctx, m)
		if why != "" {
			return uuid.Nil, why
		}
		choice, ok := m.choice(key)
		switch {
		case ok && !choice.Message.IsZero():
			silent, invalid = 0, 0
			if why := c.inform(ctx, choice.Message); why != "" {
				return uuid.Nil, why
			}
		case ok && choice.SubMenu:
			path, silent, invalid = append(path, choice.Queue), 0, 0
		case ok:
			return choice.Queue, ""
		case key == '0' && m.Zero == MenuUp && len(path) > 1:
			path, silent, invalid = path[:len(path)-1], 0, 0
		case key == '0' && m.Zero == MenuQueue:
			return m.ZeroQueue, ""
		case key == 0:
			c.sb.metrics.menu.WithLabelValues("none").Inc()
			silent++
		default:
			c.sb.metrics.menu.WithLabelValues("invalid").Inc()
			invalid++
		}
		if silent >= m.MaxSilent || invalid >= m.MaxInvalid {
			return c.giveUpChoosing(ctx, m)
		}
	}
}

func (m Menu) choice(key rune) (Choice, bool) {
	for _, ch := range m.Choices {
		if ch.Key == key {
			return ch, true
		}
	}
	return Choice{}, false
}

// askKey plays the menu and waits for a key; 0 (not '0') means that none came. A key interrupts the prompt.
func (c *Call) askKey(ctx context.Context, m Menu) (rune, Reason) {
	a, err := c.sb.prompts.Menu(ctx, c.record.Tenant, m)
	if err != nil {
		return 0, c.failed("speak the menu", err)
	}
	defer c.timer.Stop()
	c.play(c.customer, a, "asked")
	for {
		h := c.next(ctx)
		switch h.kind {
		case callerPressed:
			c.customer.Stream().Play(media.Silence())
			if _, ok := m.choice(h.key); ok {
				c.sb.metrics.menu.WithLabelValues("choice").Inc()
			}
			return h.key, ""
		case soundReached:
			c.customer.Stream().Play(media.Silence())
			c.timer.Reset(m.Wait)
		case timeUp:
			return 0, ""
		default:
			if why := c.common(h); why != "" {
				return 0, why
			}
		}
	}
}

// inform plays a choice's message; the menu follows again.
func (c *Call) inform(ctx context.Context, message Say) Reason {
	a, err := c.sb.prompts.Resolve(ctx, c.record.Tenant, message, c.plan.Language, 1)
	if err != nil {
		return c.failed("play a menu's message", err)
	}
	c.play(c.customer, a, "informed")
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

// giveUpChoosing is what a caller who chose nothing gets (V1.2).
func (c *Call) giveUpChoosing(ctx context.Context, m Menu) (uuid.UUID, Reason) {
	switch m.Final {
	case MenuFirst, MenuLast:
		if q := m.edge(m.Final == MenuFirst); q != uuid.Nil {
			return q, ""
		}
	case MenuQueue:
		if m.FinalQueue != uuid.Nil {
			return m.FinalQueue, ""
		}
	case MenuVoicemail:
		if err := c.follows(ctx, m.Queue); err != nil {
			return uuid.Nil, c.failed("read the queue's settings", err)
		}
		return uuid.Nil, c.deflect(ctx, Deflection{Kind: ToVoicemail, Why: BecauseAsked})
	default:
	}
	return uuid.Nil, c.tell(ctx, sayGoodbye, ReasonNoInput)
}

// edge is the first or last choice that is a queue.
func (m Menu) edge(first bool) uuid.UUID {
	found := uuid.Nil
	for _, ch := range m.Choices {
		if ch.SubMenu || !ch.Message.IsZero() {
			continue
		}
		found = ch.Queue
		if first {
			break
		}
	}
	return found
}
