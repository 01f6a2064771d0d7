package calls

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/sound"
)

// Call is one voice interaction. Everything in it is owned by the goroutine that runs it; others ask it.
type Call struct {
	sb            *Switchboard
	log           *slog.Logger
	record        Record
	state         State
	customer      Leg
	far           Leg   // the agent's leg, or an outside address; nil: none
	gone          []Leg // legs that were hung up and may still be ending
	guests        []*guest
	rings         *rung    // whom a transfer or a consultation asks; nil: nobody
	rostered      bool     // their pages show that they are more than two
	mixdown       *mixdown // of agent and guests, for the tape; nil: nobody but the agent was there yet
	place         Place
	offer         uuid.UUID // the offer being tried or talked on
	tape          Tape
	plan          Plan
	heldAt        time.Time
	codec         string    // of the caller's leg
	inside        bool      // the caller is an agent, or at a telephone of the tenant's own
	caller        uuid.UUID // the agent who calls; uuid.Nil: nobody
	byExtension   bool      // the far leg is that of an agent who was called at their extension, for no queue
	callee        Party     // who that is
	engaged       uuid.UUID // they, where they are kept for this call; uuid.Nil: nobody
	callerEngaged uuid.UUID // caller, where they are kept for this call too

	supervisors []*supervisor
	overseen    atomic.Pointer[[]overseer] // the supervisors, for others
	mixer       *media.Mixer               // of those who hear more than one party; nil: nobody did yet
	ears        map[*media.Stream]string   // whom the picture let a stream hear last

	consent *bool // the caller's answer about recording; nil: not asked
	ending  bool  // somebody ends it; guarded by the switchboard's mu

	tried     []uuid.UUID // queues that the caller was led to
	forwards  int         // deflections to numbers
	sent      *time.Time  // when an agent sent the caller on to where they are; nil: nobody did
	pending   *Offer      // came while the caller typed
	away      bool        // the agent was lost before the talk, or while it rang at whom they consult, and is not back
	unwritten bool        // nothing is known of the call outside yet

	asks     chan func() *happening // run by the owner, between two happenings
	heard    chan legHappening      // what the legs besides the caller's did
	over     chan struct{}          // closed when the call ends: nobody asks or hears any more
	watchers sync.WaitGroup
	watching map[Leg]watcher
	unheard  []legHappening // came while a watcher was stopped
	marks    chan mark
	serial   int // of the sound being played; marks of earlier ones are stale
	timer    *time.Timer
	patience *time.Timer // for the first guest whose page is lost
}

// watcher reads a leg's events.
type watcher struct{ stop, stopped chan struct{} }

// legHappening is what a leg did; no event: it is gone.
type legHappening struct {
	leg   Leg
	event LegEvent
}

type mark struct {
	serial int
	name   string
}

// What the owner waits for.
type happeningKind int

const (
	callerGone happeningKind = iota
	callerDid
	callerPressed
	farGone
	farDid
	farPressed
	otherDid // a leg that is neither the caller's nor the far one
	otherGone
	customerTaken // they talk on in another call
	offered
	soundReached
	timeUp
	guestTimeUp
	endAsked
	botHandsOver
	botEnds
	nodeStops
)

type happening struct {
	kind  happeningKind
	leg   Leg // of otherDid and otherGone
	event LegEvent
	key   rune
	offer Offer
	mark  string
	queue uuid.UUID // of botHandsOver; uuid.Nil: none named
}

func newCall(sb *Switchboard, leg Leg, inv Invite) *Call {
	now := sb.db.Now()
	id := storage.NewID()
	device := "sip"
	if inv.Transport == "browser" {
		device = "browser"
	}
	c := makeCall(sb, Record{
		ID: id, Tenant: inv.Tenant, Direction: leg.Direction(), Number: inv.Number, Caller: inv.Caller,
		Transport: inv.Transport, StartedAt: now, StateAt: now, Reserved: inv.Reserved, Headers: inv.Headers,
		Legs: []LegRecord{{ID: leg.ID(), Direction: leg.Direction(), Party: "customer", Device: device, StartedAt: now}},
	})
	c.customer, c.codec, c.caller, c.inside = leg, inv.Codec, inv.Agent, inv.Trunk == uuid.Nil && (device == "sip" || inv.Agent != uuid.Nil)
	return c
}

// makeCall makes a call with nobody on the line.
func makeCall(sb *Switchboard, r Record) *Call {
	r.Node, r.State, r.QueuePath = sb.cfg.Node, StateNew, []string{}
	timer, patience := time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	timer.Stop()
	patience.Stop()
	return &Call{
		sb: sb, log: sb.slog.With("call", r.ID), state: StateNew, record: r,
		asks: make(chan func() *happening), heard: make(chan legHappening), over: make(chan struct{}), watching: map[Leg]watcher{}, ears: map[*media.Stream]string{}, marks: make(chan mark, 16), timer: timer, patience: patience,
	}
}

// ask lets the call's owner run f, and waits until it has. What f returns happens to the call next; nil is nothing. ErrNotLive: the call
// ends already.
func (c *Call) ask(ctx context.Context, f func() *happening) error {
	done := make(chan struct{})
	run := func() *happening {
		defer close(done)
		return f()
	}
	select {
	case c.asks <- run:
		<-done
		return nil
	case <-c.over:
		return ErrNotLive
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch lets the owner hear what a leg does, until the leg is gone. After the call's end nobody listens, and the leg is only waited for.
func (c *Call) watch(leg Leg) {
	w := watcher{make(chan struct{}), make(chan struct{})}
	c.watching[leg] = w
	c.watchers.Go(func() {
		defer close(w.stopped)
		for {
			select {
			case e, open := <-leg.Events(): // the end has no event
				select {
				case c.heard <- legHappening{leg, e}:
				case <-c.over:
				}
				if !open {
					<-leg.Done()
					return
				}
			case <-w.stop:
				return
			}
		}
	})
}

// unwatch leaves a leg's events to another reader.
func (c *Call) unwatch(leg Leg) {
	w := c.watching[leg]
	delete(c.watching, leg)
	close(w.stop)
	for {
		select {
		case h := <-c.heard:
			c.unheard = append(c.unheard, h)
		case <-w.stopped:
			return
		}
	}
}

// run is the whole life of the call.
func (c *Call) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.sb.cfg.MaxCallLength)
	defer cancel()
	entry, known := c.sb.lookup(ctx, c)
	if !known {
		c.finish(ctx, ReasonNotFound)
		return
	}
	c.note("call.started")
	c.direct(ctx, &entry)
	c.finish(ctx, c.follow(ctx, entry))
}

// follow leads the call to where its number points, and returns why it ended.
func (c *Call) follow(ctx context.Context, entry Number) Reason {
	switch entry.Kind {
	case EntryAddress:
		return c.bridgeOut(ctx, entry)
	case EntryAgent:
		return c.callAgent(ctx, entry)
	default:
	}
	if why := c.answer(ctx); why != "" {
		return why
	}
	switch entry.Kind {
	case EntryQueue:
		return c.wait(ctx, *entry.Queue)
	case EntryMenu:
		queue, why := c.choose(ctx, *entry.Queue)
		if why != "" {
			return why
		}
		return c.wait(ctx, queue)
	case EntryVoicemail:
		return c.enterBox(ctx, entry)
	case EntryEcho:
		return c.playFor(ctx, media.Echo())
	case EntryMusic:
		a, err := c.sb.prompts.Music()
		if err != nil {
			return c.failed("make the hold music", err)
		}
		return c.playFor(ctx, media.Broadcast(a))
	case EntryMessage:
		a, err := c.sb.prompts.Load(ctx, c.record.Tenant, *entry.Prompt, "")
		if err != nil {
			return c.failed("load a message", err)
		}
		return c.playOnce(ctx, a, ReasonCompleted)
	default:
		return c.failed("follow a number", ErrNumberNotFound)
	}
}

// answer accepts the caller's leg; a non-empty reason means that it came to nothing.
func (c *Call) answer(ctx context.Context) Reason {
	if c.record.AnsweredAt != nil {
		return "" // the call was led on from elsewhere
	}
	if err := c.customer.Answer(ctx); err != nil {
		select {
		case <-c.customer.Done():
			return legReason(c.customer.Cause(), ReasonLeftDialing)
		default:
			return c.failed("answer the caller", err)
		}
	}
	now := c.sb.db.Now()
	c.record.AnsweredAt = &now
	c.record.Legs[0].AnsweredAt = &now
	c.record.Legs[0].Codec = c.customer.Stream().Format().Codec.Name
	c.sb.metrics.setup.Observe(now.Sub(c.record.StartedAt).Seconds())
	return ""
}

// playFor plays until somebody ends the call.
func (c *Call) playFor(ctx context.Context, src media.Source) Reason {
	c.step(StepPlay, "")
	c.customer.Stream().Play(src)
	for {
		if why := c.common(c.next(ctx)); why != "" {
			return why
		}
	}
}

// playOnce plays a sound to its end and then ends the call for the given reason.
func (c *Call) playOnce(ctx context.Context, a *sound.Asset, then Reason) Reason {
	c.step(StepPlay, "")
	c.play(c.customer, a, "end")
	for {
		h := c.next(ctx)
		if h.kind == soundReached || h.kind == callerGone {
			return then
		}
		if why := c.common(h); why != "" {
			return why
		}
	}
}

// play plays a sound on a leg; its end, and the marks in it, come back as happenings.
func (c *Call) play(leg Leg, a *sound.Asset, done string, marks ...string) {
	c.serial++
	serial := c.serial
	report := func(name string) func() {
		return func() {
			select {
			case c.marks <- mark{serial, name}:
			default:
			}
		}
	}
	opt := media.SoundOptions{Done: report(done), Marks: map[string]func(){}}
	for _, m := range marks {
		opt.Marks[m] = report(m)
	}
	leg.Stream().Play(media.Sound(a, opt))
}

// next waits for the next thing that happens to the call.
func (c *Call) next(ctx context.Context) happening {
	var offers <-chan Offer
	if c.place != nil {
		offers = c.place.Offers()
	}
	for {
		for len(c.unheard) > 0 {
			h := c.unheard[0]
			c.unheard = c.unheard[1:]
			if h, ok := c.legDid(h); ok {
				return h
			}
		}
		var did <-chan LegEvent
		var digits, farDigits <-chan media.Digit // of those who are there now: whoever asks may change that
		if c.customer != nil {
			did, digits = c.customer.Events(), c.customer.Stream().Digits()
		}
		if c.far != nil && c.hasAnswered(c.far) { // the keys of one that rings are its own (AskFirst)
			farDigits = c.far.Stream().Digits()
		}
		select {
		case e, open := <-did:
			if !open {
				return happening{kind: callerGone}
			}
			return happening{kind: callerDid, event: e}
		case d := <-digits:
			return happening{kind: callerPressed, key: d.Key}
		case h := <-c.heard:
			if h, ok := c.legDid(h); ok {
				return h
			}
		case d := <-farDigits:
			return happening{kind: farPressed, key: d.Key}
		case o, open := <-offers:
			if !open {
				offers = nil
				continue
			}
			return happening{kind: offered, offer: o}
		case m := <-c.marks:
			if m.serial != c.serial {
				continue
			}
			return happening{kind: soundReached, mark: m.name}
		case <-c.timer.C:
			return happening{kind: timeUp}
		case <-c.patience.C:
			return happening{kind: guestTimeUp}
		case run := <-c.asks:
			if h := run(); h != nil {
				return *h
			}
		case <-c.sb.stopping:
			return happening{kind: nodeStops}
		case <-ctx.Done():
			return happening{kind: nodeStops}
		}
	}
}

// legDid says what it means to the call that a leg did something; false: nothing.
func (c *Call) legDid(h legHappening) (happening, bool) {
	switch {
	case slices.Contains(c.gone, h.leg) || c.overseerDid(h):
		return happening{}, false
	case h.leg == c.customer && h.event == "":
		return happening{kind: callerGone}, true
	case h.leg == c.customer:
		return happening{kind: callerDid, event: h.event}, true
	case h.leg == c.far && h.event == "":
		return happening{kind: farGone}, true
	case h.leg == c.far:
		return happening{kind: farDid, event: h.event}, true
	case h.event == "":
		return happening{kind: otherGone, leg: h.leg}, true
	default:
		return happening{kind: otherDid, leg: h.leg, event: h.event}, true
	}
}

// common handles what every stage handles alike: a reason to end, or nothing.
func (c *Call) common(h happening) Reason {
	switch h.kind {
	case callerGone:
		return legReason(c.customer.Cause(), abandonment(c.state))
	case callerDid: // who asks for more than this stage knows
		declineTransfer(c.customer)
		return ""
	case customerTaken:
		return c.farHungUp()
	case endAsked:
		return ReasonEndedByPerson
	case nodeStops:
		return ReasonNodeStopped
	default:
		return ""
	}
}

// step moves the state and, when an event is named, writes the record.
func (c *Call) step(s Step, event string) {
	next, err := c.state.Next(s)
	if err != nil {
		c.log.Error("a call took an impossible step", "err", err)
		return
	}
	if next != c.state {
		c.record.StateAt = c.sb.db.Now()
	}
	c.state, c.record.State = next, next
	c.show()
	if len(c.supervisors) > 0 || len(c.guests) > 0 {
		c.repaint()
	}
	if event != "" {
		c.note(event)
	}
}

func (c *Call) note(event string) {
	if c.unwritten {
		return
	}
	c.sb.journal.add(entry{record: c.record, event: event})
}

func (c *Call) failed(doing string, err error) Reason {
	c.log.Error("a call failed", "doing", doing, "err", err)
	return ReasonFailed
}

// screen is a Leg whose user has one, and wants to see where the call stands.
type screen interface{ Show(s State) }

func (c *Call) show() {
	for _, leg := range []Leg{c.customer, c.far} {
		if s, ok := leg.(screen); ok {
			s.Show(c.state)
		}
	}
	c.showRoster()
}
