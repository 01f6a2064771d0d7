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

// Plan implements calls.Queues. It goes by what a preview shows too.
func (d *queueDesk) Plan(ctx context.Context, tenant, queue uuid.UUID, channel calls.Channel, language string) (calls.Plan, error) {
	met, err := d.queues.Arrive(ctx, tenant, queue, queues.Arrival{At: d.now(), Channel: queues.Channel(channel), Language: language})
	if err != nil {
		return calls.Plan{}, err
	}
	set, path, visit, language := met.Settings, met.Path, met.Visit, met.Language
	p := calls.Plan{
		Queue: queue, Path: path, Language: language, CallerID: set.Outbound.Value.CallerID, Detect: set.Outbound.Value.Detect,
		Instead:     instead(visit.Why, visit.Instead),
		Music:       say(set.HoldMusic.Value),
		Ring:        calls.Ring(set.Notification.Value.Call),
		Whisper:     calls.Whisper{Say: say(set.Whisper.Value.Words(path[len(path)-1], language)), Speed: set.Whisper.Value.Speed},
		Countdown:   set.Countdown.Value,
		Record:      set.Record.Value == queues.RecordYes,
		Consent:     set.Record.Value == queues.RecordAsk,
		RedactLimit: time.Duration(set.RedactMax.Value) * time.Second,
		Ticket:      set.Ticket.Value,

		HoldForChoice: set.HoldForChoice.Value,
	}
	if b := set.Bot.Value; b.Works(visit.Open) {
		p.Bot = &calls.Bot{ID: b.Bot, HandOver: b.HandOver}
	}
	p.Announcements = announcements(set.Announcement.Value, say(set.Greeting.Value))
	p.Box, p.Callback = box(set.Voicemail.Value), callbackOffer(set.Callback.Value)
	for _, prompt := range append(set.Sayings(), set.Greeting.Value, visit.Instead.Prompt, set.Voicemail.Value.Greeting) {
		p.Sayings = append(p.Sayings, say(prompt))
	}
	return p, nil
}

// instead is a deflection as calls see it; nil where it lets callers wait.
func instead(why queues.Why, d queues.Deflection) *calls.Deflection {
	if d.Mode == queues.DeflectOff {
		return nil
	}
	return &calls.Deflection{Kind: calls.DeflectionKind(d.Mode), Why: calls.DeflectionWhy(why), Message: say(d.Prompt), Queue: d.Queue, Number: d.Number}
}

func announcements(a queues.Announcement, greeting calls.Say) calls.Announcements {
	out := calls.Announcements{Every: time.Duration(a.EverySeconds) * time.Second, Max: a.Max}
	for _, part := range a.Parts() {
		what := say(part.Prompt)
		if part.Play == queues.AnnounceGreeting {
			what = greeting
		}
		out.Order = append(out.Order, calls.Announcement{Kind: calls.AnnouncementKind(part.Play), Say: what})
	}
	return out
}

func box(b queues.VoicemailBox) calls.Box {
	return calls.Box{
		Greeting: say(b.Greeting), AskNumber: b.AskNumber, Withheld: say(b.Withheld), EnterNumber: say(b.EnterNumber), Accepted: say(b.Accepted),
		Max: time.Duration(b.MaxSeconds) * time.Second,
	}
}

func callbackOffer(r queues.CallbackRule) calls.CallbackOffer {
	if !r.Offer || r.Key == "" {
		return calls.CallbackOffer{}
	}
	return calls.CallbackOffer{Key: rune(r.Key[0]), After: time.Duration(r.AfterSeconds) * time.Second}
}

func say(p queues.Prompt) calls.Say { return calls.Say{Prompt: p.ID, Text: p.Text} }

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
	for _, l := range m.Rule.Languages {
		out.Languages = append(out.Languages, calls.MenuLanguage{Key: rune('0' + l.Key), Language: l.Language})
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
	item := queues.NewItem{ID: who.Call, Kind: queues.Call, Caller: who.Caller, Channel: queues.Channel(who.Channel), Language: who.Language}
	if who.Since != nil {
		item.EnqueuedAt = *who.Since
	}
	if who.Callback {
		item.Kind, item.Priority = queues.CallBack, who.Priority
	}
	w, err := d.queues.Join(ctx, tenant, queue, item)
	var refused *queues.RefusedError
	switch {
	case errors.As(err, &refused):
		return nil, instead(refused.Why, refused.Instead), nil
	case errors.Is(err, queues.ErrQueuePaused): // meanwhile
		return nil, &calls.Deflection{Kind: calls.ToMessage, Why: calls.BecausePaused}, nil
	case err != nil:
		return nil, nil, err
	}
	return newPlace(d.queues, w), nil, nil
}

// Dial implements calls.Queues.
func (d *queueDesk) Dial(ctx context.Context, tenant uuid.UUID, n calls.Dialling) (calls.Dialled, error) {
	w, o, made, err := d.queues.Dial(ctx, tenant, queues.Outgoing{ID: n.Call, Queue: n.Queue, Agent: n.Agent, Number: n.Number, Key: n.Key})
	if err != nil || w == nil {
		return calls.Dialled{Call: made}, err
	}
	return calls.Dialled{Call: made, Place: newPlace(d.queues, w), Offer: offered(o)}, nil
}

// Engage implements calls.Queues.
func (d *queueDesk) Engage(ctx context.Context, tenant, agent uuid.UUID) (calls.Offer, calls.Cause, error) {
	o, err := d.queues.Engage(ctx, tenant, agent)
	switch {
	case errors.Is(err, queues.ErrEngaged):
		return calls.Offer{}, calls.CauseBusy, nil
	case errors.Is(err, queues.ErrSignedOut), errors.Is(err, queues.ErrNoAgent):
		return calls.Offer{}, calls.CauseUnreachable, nil
	}
	return offered(o), "", err
}

// Disengage implements calls.Queues.
func (d *queueDesk) Disengage(ctx context.Context, tenant, agent uuid.UUID) error {
	return d.queues.Disengage(ctx, tenant, agent)
}

// place is a queues.Waiting as calls see it.
type place struct {
	queues  *queues.Service
	waiting *queues.Waiting
	offers  chan calls.Offer
	left    chan struct{}
	once    sync.Once
	relay   sync.WaitGroup
}

func newPlace(q *queues.Service, w *queues.Waiting) *place {
	p := &place{queues: q, waiting: w, offers: make(chan calls.Offer), left: make(chan struct{})}
	p.relay.Go(p.passOn)
	return p
}

func (p *place) passOn() {
	for o := range p.waiting.Offers() {
		select {
		case p.offers <- offered(o):
		case <-p.left:
			return
		}
	}
}

func offered(o queues.Offer) calls.Offer {
	out := calls.Offer{ID: o.ID, Agent: o.Agent, AgentName: o.AgentName, Device: o.Device, RingFor: o.RingFor, AutoAnswer: o.AutoAnswer}
	for _, other := range o.With {
		out.With = append(out.With, offered(other))
	}
	return out
}

// Offers implements calls.Place.
func (p *place) Offers() <-chan calls.Offer { return p.offers }

// Standing implements calls.Place.
func (p *place) Standing(ctx context.Context) (calls.Standing, error) {
	now, err := p.waiting.Standing(ctx)
	if err != nil {
		return calls.Standing{}, err
	}
	return calls.Standing{Position: now.Position, Wait: now.Wait, Instead: instead(now.Why, now.Instead)}, nil
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

// HandTo implements calls.Place.
func (p *place) HandTo(ctx context.Context, agent uuid.UUID, ringFor time.Duration) (calls.Offer, error) {
	o, err := p.waiting.HandTo(ctx, agent, ringFor)
	return offered(o), err
}

// HandToQueue implements calls.Place.
func (p *place) HandToQueue(ctx context.Context, queue uuid.UUID, ringFor time.Duration) (calls.Offer, error) {
	o, err := p.waiting.HandToQueue(ctx, queue, ringFor)
	return offered(o), err
}

// Leave implements calls.Place.
func (p *place) Leave(ctx context.Context, why calls.Leaving) error {
	var err error
	if why == calls.LeavesHeld {
		err = p.waiting.Release(ctx)
	} else {
		err = p.waiting.Leave(ctx, queues.LeaveReason(why)) // the names are the same
	}
	p.once.Do(func() { close(p.left) })
	p.relay.Wait()
	return err
}

// tagsOf are a caller's customer segments.
func (a *app) tagsOf(ctx context.Context, tenant uuid.UUID, caller string) ([]string, error) {
	return a.crm.TagsOf(ctx, tenant, caller)
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
