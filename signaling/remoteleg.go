package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/media"
)

// remoteLeg is a calls.Leg at a page of another node.
type remoteLeg struct {
	hub    *Hub
	id     uuid.UUID
	audio  *nodeAudio
	events chan calls.LegEvent
	done   chan struct{}
	hangup chan struct{} // closed when this side ends it

	mu      sync.Mutex
	cause   calls.Cause
	over    bool
	asked   *remoteTransfer // that the call has not taken up yet
	removed uuid.UUID
}

// dialElsewhere reaches an agent whose page is at another node; nil: it is at none.
func (h *Hub) dialElsewhere(ctx context.Context, to calls.Target) (calls.Leg, error) {
	if h.cfg.Ports == nil {
		return nil, nil
	}
	audio, err := h.newNodeAudio()
	if err != nil {
		return nil, err
	}
	g := &remoteLeg{
		hub: h, id: storage.NewID(), audio: audio,
		events: make(chan calls.LegEvent, maxLegEvents), done: make(chan struct{}), hangup: make(chan struct{}),
	}
	said, stop := listenTo[fromPage](h, fromPageSubject(g.id)) // before the page can say anything
	answer, err := h.askPage(ctx, remoteOffer{Leg: g.id, Target: to, Media: audio.here()})
	if err == nil && answer != nil && answer.Refused != nil {
		err = answer.Refused
	}
	if err == nil && answer != nil {
		err = audio.connect(answer.Media)
	}
	if err != nil || answer == nil {
		stop()
		return nil, errors.Join(err, audio.port.Close())
	}
	if !h.spawn(func(hub context.Context) { g.run(hub, said, stop) }) {
		stop()
		return nil, errors.Join(errStopping, audio.port.Close())
	}
	return g, nil
}

// askPage asks all other nodes for the agent's page; nil: nobody has it.
func (h *Hub) askPage(ctx context.Context, o remoteOffer) (*remoteAnswer, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, remoteWithin)
	defer cancel()
	reply, err := h.need.Bus.Ask(ctx, pageSubject(o.Target.Agent), body)
	if err != nil {
		return nil, nil // nobody answers: the page is nowhere, or at a node that has gone
	}
	var a remoteAnswer
	if err := json.Unmarshal(reply, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// run owns the leg until either side has ended it, or the other node is silent for too long.
func (g *remoteLeg) run(hub context.Context, said <-chan fromPage, stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(hub))
	var work sync.WaitGroup
	work.Go(func() { g.audio.run(ctx, g.hub) })
	beat := time.NewTicker(remoteBeat)
	defer beat.Stop()
	heard := time.Now()
	for !g.ended() {
		select {
		case m := <-said:
			heard = time.Now()
			g.did(m)
		case <-beat.C:
			g.tell(toPage{})
			if time.Since(heard) > remoteSilence {
				g.end(calls.CauseUnreachable)
			}
		case <-g.hangup:
		}
	}
	g.tell(toPage{Hangup: g.Cause()})
	stop()
	cancel()
	work.Wait()
	close(g.done)
	close(g.events)
}

// did is what the page, or its user, did.
func (g *remoteLeg) did(m fromPage) {
	switch {
	case m.Ended != "":
		g.end(m.Ended)
		return
	case m.Key != 0:
		g.audio.stream.InjectDigit(m.Key)
	case m.Event == calls.LegAnswered:
		g.audio.speak(m.Codec)
	}
	if m.Event == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.Transfer != nil {
		g.asked = m.Transfer
	}
	if m.Remove != uuid.Nil {
		g.removed = m.Remove
	}
	select {
	case g.events <- m.Event:
	default:
		g.hub.log.Warn("a leg's event is lost: its call does not read", "leg", g.id, "event", string(m.Event))
	}
}

func (g *remoteLeg) tell(m toPage) { g.hub.publish(toPageSubject(g.id), m) }

// end ends the leg, whoever asks first gives the cause.
func (g *remoteLeg) end(cause calls.Cause) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.cause, g.over = cause, true
		close(g.hangup)
	}
}

func (g *remoteLeg) ended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over
}

// ID implements calls.Leg.
func (g *remoteLeg) ID() uuid.UUID { return g.id }

// Direction implements calls.Leg.
func (g *remoteLeg) Direction() calls.Direction { return calls.Outbound }

// Stream implements calls.Leg.
func (g *remoteLeg) Stream() *media.Stream { return g.audio.stream }

// Ring implements calls.Leg.
func (g *remoteLeg) Ring() error { return errOutbound }

// Answer implements calls.Leg.
func (g *remoteLeg) Answer(context.Context) error { return errOutbound }

// Events implements calls.Leg.
func (g *remoteLeg) Events() <-chan calls.LegEvent { return g.events }

// Hangup implements calls.Leg.
func (g *remoteLeg) Hangup(cause calls.Cause) { g.end(cause) }

// Done implements calls.Leg.
func (g *remoteLeg) Done() <-chan struct{} { return g.done }

// Cause implements calls.Leg.
func (g *remoteLeg) Cause() calls.Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cause
}

// Show tells the page where the call stands.
func (g *remoteLeg) Show(st calls.State) { g.tell(toPage{Show: st}) }

// ShowRecording tells the page whether the call is recorded.
func (g *remoteLeg) ShowRecording(recorded bool, pausedUntil *time.Time) {
	g.tell(toPage{Recording: &remoteRecording{recorded, pausedUntil}})
}

// ShowAnswerer tells the page who has answered.
func (g *remoteLeg) ShowAnswerer(who media.Answerer) {
	g.tell(toPage{Answerer: who.Who, Beep: who.Beep})
}

// ShowRoster tells the page who is in the call.
func (g *remoteLeg) ShowRoster(r calls.Roster) { g.tell(toPage{Roster: &r}) }

// ShowSupervision tells the page how its supervision stands.
func (g *remoteLeg) ShowSupervision(v calls.Supervision) { g.tell(toPage{Supervision: &v}) }

// ShowData tells the page what the call carries now.
func (g *remoteLeg) ShowData(d calls.Data) { g.tell(toPage{Data: &d}) }

// Transfer is where the page's user wants the other party sent.
func (g *remoteLeg) Transfer() (calls.Transfer, bool) {
	g.mu.Lock()
	t := g.asked
	g.asked = nil
	g.mu.Unlock()
	if t == nil {
		return calls.Transfer{}, false
	}
	goes := func(state transferState, refused calls.Cause) {
		g.tell(toPage{Transfer: &remoteProgress{t.Serial, state, refused}})
	}
	return calls.Transfer{
		Agent: t.Agent, Queue: t.Queue, Number: t.Number, Name: t.Name, Hold: t.Hold, Consult: t.Consult,
		Ringing: func() { goes(transferRinging, "") },
		Here:    func() { goes(transferHere, "") },
		Done:    func(refused calls.Cause) { goes(transferDone, refused) },
	}, true
}

// Remove is the leg of whom the page's user has sent away last.
func (g *remoteLeg) Remove() uuid.UUID {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.removed
}
