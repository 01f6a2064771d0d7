package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media"
	"tandem/queues"
	"tandem/recording"
)

// This file joins neighbours that may not know each other: calls with queues and recording.

// queueDesk is the queues as calls see them.
type queueDesk struct {
	queues   *queues.Service
	language func(ctx context.Context, tenant uuid.UUID) (string, error)
	now      func() time.Time
}

// Plan implements calls.Queues.
func (d *queueDesk) Plan(ctx context.Context, tenant, queue uuid.UUID, _ calls.Channel, _ string) (calls.Plan, error) {
	set, err := d.queues.Effective(ctx, tenant, queue)
	if err != nil {
		return calls.Plan{}, err
	}
	path, err := d.queues.Path(ctx, tenant, queue)
	if err != nil {
		return calls.Plan{}, err
	}
	open, closed, err := d.queues.Open(ctx, tenant, queue, d.now())
	if err != nil {
		return calls.Plan{}, err
	}
	language, err := d.language(ctx, tenant)
	if err != nil {
		return calls.Plan{}, err
	}
	p := calls.Plan{
		Queue: queue, Path: path, Language: language,
		Sayings:   []calls.Say{say(set.Deflection.Value.Prompt)},
		Greeting:  say(set.Greeting.Value),
		Music:     say(set.HoldMusic.Value),
		Whisper:   whisper(set.Whisper.Value, path[len(path)-1], language),
		Countdown: set.Countdown.Value,
		Record:    set.Record.Value == queues.RecordYes,
		Consent:   set.Record.Value == queues.RecordAsk,
		Ticket:    set.Ticket.Value,
	}
	if !open && closed.Mode != queues.DeflectOff {
		p.Instead = &calls.Deflection{Kind: calls.DeflectionKind(closed.Mode), Why: calls.BecauseClosed, Message: say(closed.Prompt)}
	}
	if a := set.Announcement.Value; a.On {
		p.Announce = time.Duration(a.EverySeconds) * time.Second
	}
	return p, nil
}

func say(p queues.Prompt) calls.Say { return calls.Say{Prompt: p.ID, Text: p.Text} }

// whisper is what the agent hears: for the queue's name "{Call type} from {Queue name}" (V2.3).
func whisper(w queues.Whisper, queue, language string) calls.Whisper {
	switch w.Mode {
	case queues.WhisperQueueName:
		text := "Call from " + queue
		if language == "zh" {
			text = queue + "来电"
		}
		return calls.Whisper{Say: calls.Say{Text: text}, Speed: w.Speed}
	case queues.WhisperText:
		return calls.Whisper{Say: calls.Say{Text: w.Text}, Speed: w.Speed}
	case queues.WhisperRecording:
		return calls.Whisper{Say: calls.Say{Prompt: w.Prompt}, Speed: w.Speed}
	default:
		return calls.Whisper{}
	}
}

// Menu implements calls.Queues.
func (d *queueDesk) Menu(ctx context.Context, tenant, root uuid.UUID) (calls.Menu, error) {
	m, err := d.queues.Menu(ctx, tenant, root)
	if err != nil {
		return calls.Menu{}, err
	}
	language, err := d.language(ctx, tenant)
	if err != nil {
		return calls.Menu{}, err
	}
	out := calls.Menu{
		Queue: m.Queue, Language: language, Prompt: say(m.Prompt),
		Wait: time.Duration(m.Rule.WaitSeconds) * time.Second, MaxSilent: m.Rule.MaxNoInput, MaxInvalid: m.Rule.MaxInvalid,
		Final: calls.MenuAction(m.Rule.Final), FinalQueue: m.Rule.FinalQueue, Zero: calls.MenuAction(m.Rule.Zero), ZeroQueue: m.Rule.ZeroQueue,
	}
	for _, o := range m.Options {
		ch := calls.Choice{Key: rune('0' + o.Key), Name: o.Name, Queue: o.Queue, SubMenu: o.Kind == queues.OptionMenu}
		if o.Kind == queues.OptionMessage {
			ch.Message = say(o.Prompt)
		}
		out.Choices = append(out.Choices, ch)
	}
	return out, nil
}

// Join implements calls.Queues.
func (d *queueDesk) Join(ctx context.Context, tenant, queue uuid.UUID, who calls.Joining) (calls.Place, *calls.Deflection, error) {
	item := queues.NewItem{ID: who.Call, Kind: queues.Call, Caller: who.Caller}
	if who.Since != nil {
		item.EnqueuedAt = *who.Since
	}
	w, err := d.queues.Join(ctx, tenant, queue, item)
	if errors.Is(err, queues.ErrQueueFull) {
		return nil, &calls.Deflection{Kind: calls.ToMessage, Why: calls.BecauseFull}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p := &place{queues: d.queues, waiting: w, offers: make(chan calls.Offer), left: make(chan struct{})}
	p.relay.Go(p.passOn)
	return p, nil, nil
}

// place is a queues.Waiting as calls see it.
type place struct {
	queues  *queues.Service
	waiting *queues.Waiting
	offers  chan calls.Offer
	left    chan struct{}
	relay   sync.WaitGroup
}

func (p *place) passOn() {
	for o := range p.waiting.Offers() {
		select {
		case p.offers <- calls.Offer{ID: o.ID, Agent: o.Agent, AgentName: o.AgentName, Device: o.Device, RingFor: o.RingFor}:
		case <-p.left:
			return
		}
	}
}

// Offers implements calls.Place.
func (p *place) Offers() <-chan calls.Offer { return p.offers }

// Standing implements calls.Place.
func (p *place) Standing(context.Context) (calls.Standing, error) {
	n, ok := p.waiting.Place()
	if !ok {
		return calls.Standing{}, queues.ErrNotWaiting
	}
	return calls.Standing{Position: n}, nil
}

// Report implements calls.Place.
func (p *place) Report(ctx context.Context, offer uuid.UUID, step calls.AgentStep) error {
	err := p.report(ctx, offer, step)
	if errors.Is(err, queues.ErrOfferGone) {
		return calls.ErrOfferGone
	}
	return err
}

func (p *place) report(ctx context.Context, offer uuid.UUID, step calls.AgentStep) error {
	switch step {
	case calls.AgentTalking:
		return p.queues.Interacting(ctx, offer)
	case calls.AgentHolding:
		return p.queues.Held(ctx, offer)
	case calls.AgentResumed:
		return p.queues.Resumed(ctx, offer)
	case calls.AgentLost:
		return p.queues.Lost(ctx, offer)
	case calls.AgentBack:
		return p.queues.Recovered(ctx, offer)
	case calls.AgentEnded, calls.AgentLeft:
		return p.queues.Ended(ctx, offer)
	default: // the names of the others are the same
		return p.queues.Offered(ctx, offer, queues.OfferResult(step))
	}
}

// Leave implements calls.Place.
func (p *place) Leave(ctx context.Context, handled bool) error {
	reason := queues.LeftAbandoned
	if handled {
		reason = queues.LeftHandled
	}
	err := p.waiting.Leave(ctx, reason)
	close(p.left)
	p.relay.Wait()
	return err
}

// recorder is the recording as calls see it.
type recorder struct{ service *recording.Service }

// Start implements calls.Recording.
func (r recorder) Start(ctx context.Context, n calls.NewTape) (calls.Tape, error) {
	kind := recording.KindCall
	if n.Voicemail {
		kind = recording.KindVoicemail
	}
	rec, err := r.service.Start(ctx, recording.NewRecording{
		Tenant: n.Tenant, Call: n.Call, Queue: n.Queue, Kind: kind, Customer: n.Customer, Agent: n.Agent,
	})
	if err != nil {
		return nil, err
	}
	return tape{rec}, nil
}

type tape struct{ *recording.Recorder }

func (t tape) Hear(side calls.Side, s *media.Stream) {
	t.Recorder.Hear(sideOf(side), s)
}

func (t tape) Unhear(side calls.Side) { t.Recorder.Unhear(sideOf(side)) }

func sideOf(side calls.Side) recording.Side {
	if side == calls.SideAgent {
		return recording.Agent
	}
	return recording.Customer
}
