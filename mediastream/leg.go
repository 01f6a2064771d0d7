package mediastream

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media"
)

// leg is a talk with a bot. Its goroutines end with its context, which whoever ends the talk cancels.
type leg struct {
	s       *Service
	id      uuid.UUID
	target  calls.Target
	port    *port
	stream  *media.Stream
	log     *slog.Logger
	begun   time.Time
	running context.Context //nolint:containedctx // of the talk
	stop    context.CancelFunc

	events  chan calls.LegEvent
	done    chan struct{}
	control chan control  // what the writer sends besides audio
	acts    chan said     // changes of data, in order
	final   chan said     // the bot's last word: the first one counts
	left    chan struct{} // closed when the bot has left: nothing is sent any more

	mu     sync.Mutex
	cause  calls.Cause
	result string // label of tandem_bot_talks_total
	over   bool   // no more events
}

// control is a mark that was reached, or a key that the caller pressed.
type control struct {
	mark string
	key  rune
}

const controlRoom = 256

var _ calls.Leg = (*leg)(nil)

func (s *Service) newLeg(to calls.Target) *leg {
	ctx, stop := context.WithCancel(context.Background())
	g := &leg{
		s: s, id: storage.NewID(), target: to, begun: time.Now(), running: ctx, stop: stop, events: make(chan calls.LegEvent, 8), done: make(chan struct{}),
		control: make(chan control, controlRoom), acts: make(chan said, 16), final: make(chan said, 1), left: make(chan struct{}),
	}
	g.log = s.log.With("call", to.Call, "leg", g.id)
	g.port = newPort(g.reached, g.missed)
	g.stream = media.NewStream(g.port, s.cfg.Stream)
	return g
}

// ID implements calls.Leg.
func (g *leg) ID() uuid.UUID { return g.id }

// Direction implements calls.Leg.
func (g *leg) Direction() calls.Direction { return calls.Outbound }

// Stream implements calls.Leg.
func (g *leg) Stream() *media.Stream { return g.stream }

// Events implements calls.Leg.
func (g *leg) Events() <-chan calls.LegEvent { return g.events }

// Done implements calls.Leg.
func (g *leg) Done() <-chan struct{} { return g.done }

// Cause implements calls.Leg.
func (g *leg) Cause() calls.Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cause
}

var errOutbound = fault.New(fault.Conflict, "leg_outbound", "Only an inbound leg can be answered.")

// Ring implements calls.Leg.
func (g *leg) Ring() error { return errOutbound }

// Answer implements calls.Leg.
func (g *leg) Answer(context.Context) error { return errOutbound }

// Hangup implements calls.Leg.
func (g *leg) Hangup(cause calls.Cause) { g.finish(cause, "withdrawn") }

// SendDigit tells the bot of a key that the caller pressed.
func (g *leg) SendDigit(key rune) { g.send(control{key: key}) }

// finish ends the talk; whoever asks first says why.
func (g *leg) finish(cause calls.Cause, result string) {
	g.mu.Lock()
	if !g.over {
		g.over, g.cause = true, cause
		g.settle(result)
	}
	g.mu.Unlock()
	g.stop()
}

// settle sets how the talk ended, unless that is known; mu is held.
func (g *leg) settle(result string) {
	if g.result == "" {
		g.result = result
	}
}

func (g *leg) tell(e calls.LegEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.events <- e // one in a talk: there is room
	}
}

// send gives the writer something to say; a bot that does not read loses it.
func (g *leg) send(c control) {
	select {
	case g.control <- c:
	default:
		g.s.metrics.errors.WithLabelValues("slow_reader").Inc()
	}
}

// missed counts what the caller said and the bot did not take, unless it has left.
func (g *leg) missed(frames int) {
	select {
	case <-g.left:
	default:
		g.s.metrics.errors.WithLabelValues("slow_reader").Add(float64(frames))
	}
}

// reached hears of marks that were played, or cleared.
func (g *leg) reached(marks []placedMark) {
	for _, m := range marks {
		if m.then != nil {
			m.then()
		} else {
			g.send(control{mark: m.name})
		}
	}
}

// run is the whole talk.
func (g *leg) run(service context.Context, id uuid.UUID) {
	m := g.s.metrics
	m.active.Inc()
	defer m.active.Dec()
	defer context.AfterFunc(service, func() { g.finish(calls.CauseDraining, "withdrawn") })()
	defer func() {
		g.finish(calls.CauseNormal, "closed")
		m.talks.WithLabelValues(g.result).Inc()
		close(g.done)
		close(g.events)
	}()
	b, err := g.s.secretBot(g.running, g.target.Tenant, id)
	if err != nil {
		g.log.Error("a virtual agent is not known", "bot", id, "err", err)
		g.finish(calls.CauseUnreachable, "unreachable")
		return
	}
	conn, err := g.s.connect(g.running, b)
	if err != nil {
		if g.running.Err() == nil {
			g.log.Warn("a virtual agent cannot be reached", "bot", id, "err", err)
		}
		g.finish(calls.CauseUnreachable, "unreachable")
		return
	}
	m.connect.Observe(since(g.begun))
	g.talk(conn, b)
}

// talk lasts until the bot has left, or is to leave.
func (g *leg) talk(conn *websocket.Conn, b Bot) {
	g.stream.Negotiate(format(), media.SendRecv)
	g.port.active.Store(int64(media.Now()))
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := g.stream.Run(g.running); err != nil {
			g.log.Warn("a bot's media failed", "err", err)
		}
	})
	tasks.Go(func() { g.write(conn, b) })
	tasks.Go(g.act)
	tasks.Go(func() { g.watch(b) })
	g.tell(calls.LegAnswered)
	g.read(conn)
	g.stop()
	tasks.Wait()
}

const watchEvery = time.Second

// watch ends the talk with a bot that has said nothing for too long.
func (g *leg) watch(b Bot) {
	limit := time.Duration(b.SilenceSeconds) * time.Second
	if limit == 0 {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.running.Done():
			return
		case <-tick.C:
			if media.Now()-time.Duration(g.port.active.Load()) > limit {
				g.log.Warn("a virtual agent has been silent for too long", "bot", b.ID)
				g.finish(calls.CauseNoAnswer, "silent")
				return
			}
		}
	}
}

// parameters are what the bot is told of the call. What its settings say wins over what came with the call.
func parameters(b Bot, to calls.Target) map[string]string {
	p := map[string]string{}
	for name, value := range to.Card.Data {
		p[name] = value
	}
	for name, flag := range map[string]*bool{
		"reserved_verified_customer": to.Card.Reserved.VerifiedCustomer,
		"reserved_bad_actor":         to.Card.Reserved.BadActor,
		"reserved_repeat_customer":   to.Card.Reserved.RepeatCustomer,
	} {
		if flag != nil {
			p[name] = strconv.FormatBool(*flag)
		}
	}
	p["call_id"] = to.Call.String()
	p["from"], p["to"] = to.Card.Caller, to.Card.Number
	p["language"] = to.Language
	if n := len(to.Card.QueuePath); n > 0 {
		p["queue"] = to.Card.QueuePath[n-1]
	}
	for name, value := range b.Parameters {
		p[name] = value
	}
	return p
}
