package calls

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/media"
)

// Bot is the virtual agent that callers of a queue meet before its people (Q5.1).
type Bot struct {
	ID       uuid.UUID
	HandOver uuid.UUID // the queue that it hands over to, unless it names another; uuid.Nil: the same queue
}

// DeviceBot is the beginning of Target.Device for a virtual agent; its id follows.
const DeviceBot = "bot:"

// ErrNotWithBot is the answer to handing over a call that no virtual agent has.
var ErrNotWithBot = fault.New(fault.Conflict, "call_not_with_bot", "No virtual agent has this call (any more).")

// botMusicAfter is how long a caller hears nothing while the bot is being reached; most answer sooner.
const botMusicAfter = time.Second

// HandOver takes a call away from its virtual agent and lets it wait for people.
func (s *Switchboard) HandOver(ctx context.Context, tenant, id uuid.UUID, h HandOver) error {
	if err := h.Check(); err != nil {
		return err
	}
	return s.askBotStage(ctx, tenant, id, func(c *Call) (*happening, error) {
		if h.Summary != "" {
			c.record.Summary = h.Summary
		}
		if err := c.changeData(h.DataChange); err != nil {
			return nil, err
		}
		return &happening{kind: botHandsOver, queue: h.Queue}, nil
	})
}

// EndByBot hangs a call up for its virtual agent: the matter is settled.
func (s *Switchboard) EndByBot(ctx context.Context, tenant, id uuid.UUID) error {
	return s.askBotStage(ctx, tenant, id, func(*Call) (*happening, error) { return &happening{kind: botEnds}, nil })
}

func (s *Switchboard) askBotStage(ctx context.Context, tenant, id uuid.UUID, f func(*Call) (*happening, error)) error {
	c, err := s.liveCall(ctx, tenant, id)
	if err != nil {
		return err
	}
	refused := error(ErrNotWithBot)
	err = c.ask(ctx, func() (h *happening) {
		if c.state == StateBot {
			h, refused = f(c)
		}
		return h
	})
	if err != nil {
		return err
	}
	return refused
}

// converse lets the caller talk with the plan's virtual agent. It returns the queue in which the caller is to wait for people, or why the
// call ended. A bot that cannot be reached, or fails, is one that hands over.
func (c *Call) converse(ctx context.Context) (next uuid.UUID, why Reason) {
	bot := *c.plan.Bot
	next = c.plan.Queue
	if bot.HandOver != uuid.Nil {
		next = bot.HandOver
	}
	if c.plan.Consent {
		if why := c.askConsent(ctx); why != "" {
			return next, why
		}
	}
	leg, err := c.sb.dialer.Dial(ctx, c.botTarget(bot))
	if err != nil {
		c.log.Error("a virtual agent could not be dialled", "bot", bot.ID, "err", err)
		return next, ""
	}
	began := c.sb.db.Now()
	c.record.Bot = &bot.ID
	c.customer.Stream().Play(media.Silence())
	c.addFar(leg, "bot", "bot", uuid.Nil)
	c.step(StepBot, "call.bot")
	asked, why := c.talkWithBot(ctx)
	c.record.BotSeconds += c.sb.db.Now().Sub(began).Seconds()
	if why != "" {
		return next, why
	}
	// The caller hears music before anything is looked up: nothing that the bot still says, and no silence.
	c.playMusic(ctx)
	if c.tape != nil {
		c.tape.Unhear(SideAgent) // what the caller says goes on being recorded
	}
	c.dropFar(CauseNormal)
	c.note("call.bot_left")
	return c.known(ctx, asked, next), ""
}

// known is the queue that the bot asked for, if there is such a one, else the other.
func (c *Call) known(ctx context.Context, asked, other uuid.UUID) uuid.UUID {
	if asked == uuid.Nil {
		return other
	}
	if _, err := c.sb.queues.Plan(ctx, c.record.Tenant, asked, c.channel(), c.plan.Language); err != nil {
		c.log.Warn("a virtual agent handed over to a queue that cannot be; the caller goes to that of the settings", "err", err)
		return other
	}
	return asked
}

func (c *Call) botTarget(b Bot) Target {
	return Target{
		Tenant: c.record.Tenant, Call: c.record.ID, Device: DeviceBot + b.ID.String(), From: c.record.Caller, Language: c.plan.Language, Card: c.card(),
	}
}

// talkWithBot lasts until the bot or the caller leaves. An empty reason means that the caller is to wait for people, in the queue that the
// bot asked for, if it did.
func (c *Call) talkWithBot(ctx context.Context) (asked uuid.UUID, why Reason) {
	c.timer.Reset(botMusicAfter)
	defer c.timer.Stop()
	for {
		h := c.next(ctx)
		switch h.kind {
		case farDid:
			if h.event == LegAnswered {
				c.timer.Stop()
				c.botAnswered(ctx)
			}
		case farGone:
			return uuid.Nil, ""
		case botHandsOver:
			return h.queue, ""
		case botEnds:
			return uuid.Nil, ReasonBot
		case callerPressed:
			press(c.far, h.key)
		case farPressed:
			press(c.customer, h.key)
		case timeUp:
			c.playMusic(ctx)
		default:
			if why := c.common(h); why != "" {
				return uuid.Nil, why
			}
		}
	}
}

func (c *Call) botAnswered(ctx context.Context) {
	c.answered(c.far)
	c.join()
	if c.plan.Record && c.tape == nil {
		c.startTape(ctx, NewTape{Customer: c.customer.Stream(), Agent: c.far.Stream()})
	} else {
		c.rehear()
	}
	c.note("call.bot_connected")
}
