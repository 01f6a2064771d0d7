package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media"
)

// leg is a call in a browser: offered to an agent (outbound), or begun by a customer's page (inbound). The session's goroutine moves its
// state; the call's owner uses the methods of calls.Leg.
type leg struct {
	s       *session // nil: the agent has none, and the leg has ended already
	id      uuid.UUID
	dir     calls.Direction
	target  calls.Target // outbound
	number  string       // inbound: what was dialled
	reached string       // inbound: the colleague whose extension that is; "": nobody's
	data    calls.Data   // inbound: what the page, and who vouches for it, say
	begun   time.Time
	port    *port
	stream  *media.Stream
	log     *slog.Logger
	stop    context.CancelFunc
	running context.Context //nolint:containedctx // ends the stream

	elsewhere calls.Leg // on another device, which this one shows on the agent's page; nil: the talk is on the page

	events    chan calls.LegEvent
	connected chan struct{} // closed when audio first flows
	done      chan struct{}

	mu    sync.Mutex
	cause calls.Cause
	over  bool            // no more events
	asked *calls.Transfer // that the call has not taken up yet
	away  uuid.UUID       // the leg of whom the agent has sent away last

	// owned by the session's goroutine
	state  legState
	timer  *time.Timer // of the acknowledgement, then of the audio
	shown  calls.State // what the call told last
	since  time.Time   // of what is shown
	bridge time.Time   // when the talk began
	muted  bool
	// what the page shows of the recording: on, paused, or nothing
	recording   string
	pausedUntil *time.Time
	transferred *transferView // the last one asked for; nil: none
	roster      *calls.Roster // nil: a call of two
	answerer    media.Answerer
	started     bool   // inbound: the switchboard has it
	lost        uint64 // packets that the browser missed, as it says
}

// maxLegEvents is more than a call sees.
const maxLegEvents = 64

// newLeg makes a leg on a line; the hub runs it.
func (h *Hub) newLeg(s *session, l *line, dir calls.Direction, state legState) *leg {
	ctx, cancel := context.WithCancel(context.Background())
	p := newPort(l)
	now := time.Now()
	g := &leg{
		s: s, id: storage.NewID(), dir: dir, begun: now, since: now, port: p, stream: media.NewStream(p, h.cfg.Stream), log: h.log, stop: cancel, running: ctx,
		events: make(chan calls.LegEvent, maxLegEvents), connected: make(chan struct{}), done: make(chan struct{}), state: state,
	}
	return g
}

// run lets the stream live until the leg has ended, and then frees what it held.
func (g *leg) run() {
	if err := g.stream.Run(g.running); err != nil {
		g.log.Warn("a browser leg's media failed", "leg", g.id, "err", err)
	}
	if err := g.port.Close(); err != nil {
		g.log.Debug("closing a browser's port", "err", err)
	}
	close(g.done)
	close(g.events)
}

// ID implements calls.Leg.
func (g *leg) ID() uuid.UUID { return g.id }

// Direction implements calls.Leg.
func (g *leg) Direction() calls.Direction { return g.dir }

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

// Ring implements calls.Leg. The page is told by Show.
func (g *leg) Ring() error {
	if g.dir != calls.Inbound {
		return errOutbound
	}
	return nil
}

// Answer implements calls.Leg: it waits until the page's audio is connected, 5 s at most.
func (g *leg) Answer(ctx context.Context) error {
	if g.dir != calls.Inbound {
		return errOutbound
	}
	g.s.loop.do(func() { g.s.accepted(g) })
	select {
	case <-g.connected:
		return nil
	case <-g.done:
		return fault.Newf(fault.Conflict, "leg_ended", "The caller has gone (%s).", g.Cause())
	case <-ctx.Done():
		return fmt.Errorf("answer a browser's call: %w", ctx.Err())
	}
}

// Hangup implements calls.Leg.
func (g *leg) Hangup(cause calls.Cause) { g.finish(cause) }

// Show tells the page where the call stands.
func (g *leg) Show(st calls.State) {
	if g.s != nil {
		g.s.loop.do(func() { g.s.show(g, st) })
	}
}

// ShowRecording tells an agent's page whether the call is recorded, and until when at most that is paused.
func (g *leg) ShowRecording(recorded bool, pausedUntil *time.Time) {
	if g.s != nil {
		g.s.loop.do(func() { g.s.showRecording(g, recorded, pausedUntil) })
	}
}

// ShowAnswerer tells an agent's page whether a person or a machine has answered their call, and whether the machine records.
func (g *leg) ShowAnswerer(who media.Answerer) {
	if g.s != nil {
		g.s.loop.do(func() { g.s.showAnswerer(g, who) })
	}
}

// ShowColleague tells the page of an agent who calls which colleague that is; "": none any more.
func (g *leg) ShowColleague(name string) {
	if g.dir == calls.Inbound {
		g.s.loop.do(func() { g.s.showColleague(g, name) })
	}
}

// finish ends the leg, whoever asks first gives the cause. The session hears of it before Done.
func (g *leg) finish(cause calls.Cause) {
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		return
	}
	g.cause, g.over = cause, true
	g.mu.Unlock()
	if g.s != nil {
		// From the session's own goroutine too: it must not wait for itself.
		if !g.s.loop.try(func() { g.s.legEnded(g) }) {
			g.s.hub.tasks.Go(func() { g.s.loop.do(func() { g.s.legEnded(g) }) })
		}
	}
	g.stop()
}

func (g *leg) ended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over
}

// tell hands an event to the call, never waiting for it.
func (g *leg) tell(e calls.LegEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	select {
	case g.events <- e:
	default:
		g.log.Warn("a leg's event is lost: its call does not read", "leg", g.id, "event", string(e))
	}
}

// callID is what the page knows the call by.
func (g *leg) callID() uuid.UUID {
	if g.dir == calls.Inbound {
		return g.id
	}
	return g.target.Call
}

// move takes one step; false when the state does not allow it. The session's goroutine calls it.
func (g *leg) move(step legStep) bool {
	next, err := g.state.next(step)
	if err != nil || g.ended() && step != stepEnd {
		return false
	}
	g.state = next
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	return true
}

// within ends the leg as unreachable unless it has moved by then.
func (g *leg) within(d time.Duration, late func()) {
	state := g.state
	g.timer = time.AfterFunc(d, func() {
		g.s.loop.do(func() {
			if g.state == state && !g.ended() {
				late()
			}
		})
	})
}
