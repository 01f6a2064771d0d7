package signaling

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/queues"
)

// agentState is what an agent's session knows of the agent.
type agentState struct {
	agent      agentView
	heard      bool // the page has measured speech at this microphone
	proven     bool // and its packets have arrived here
	wanted     int  // counts presences that were asked for
	restore    bool // the presence of before returns once the microphone is proven
	confirming bool
	reading    bool      // the agent is being read
	readAgain  bool      // and must be read again
	ending     uuid.UUID // the call that is over, until the queues have said what follows
}

// agentView is the agent as their own page shows them.
type agentView struct {
	ID         uuid.UUID       `json:"id"`
	Presence   queues.Presence `json:"presence"`
	Reason     string          `json:"reason"`
	PresenceAt time.Time       `json:"presence_since"`
	Limit      *time.Time      `json:"presence_until,omitempty"` // when the reason's longest time is over
	Next       queues.Presence `json:"next_presence,omitempty"`
	NextReason string          `json:"next_reason,omitempty"`
	WrapAsked  bool            `json:"wrap_up_asked,omitempty"` // a wrap-up follows the talk because the agent asked for one
	State      queues.State    `json:"state,omitempty"`         // empty: the user serves no queues
	Since      time.Time       `json:"since"`
	Until      *time.Time      `json:"until,omitempty"`  // the bar, or the wrap-up, ends by itself
	Microphone bool            `json:"microphone"`       // proven in this session
	Device     string          `json:"device,omitempty"` // browser, phone, number, sip
}

const (
	proofLevel   = 0.01            // RMS of full scale; the page measures speech above it
	proofFresh   = 2 * time.Second // packets must have arrived within this
	proofWithin  = 10 * time.Second
	confirmEvery = 200 * time.Millisecond
	endingEvery  = time.Second
	leaveWithin  = 5 * time.Second
)

var (
	errNotHeard = fault.New(fault.Conflict, "microphone_unproven", "Speak into the microphone first: nothing has been heard from it yet.").WithField("presence")
	errProof    = fault.New(fault.Invalid, "microphone_silent", "The microphone is too quiet; choose another one or turn it up.").WithField("level")
)

// acting is the context in which the agent does something.
func (s *session) acting(ctx context.Context) context.Context {
	return events.WithActor(auth.With(ctx, s.actor), s.user)
}

// greetAgent brings the agent's state up to date after a page came. again: the page has been here before. known: in this very session, whose
// microphone is then still the same.
func (s *session) greetAgent(again, known bool) {
	if known {
		if s.agent.State == queues.Unreachable {
			s.returnPresence()
		}
		s.refresh()
		return
	}
	wasAvailable := s.agent.Presence == queues.Available
	s.heard, s.proven, s.restore = false, false, again || wasAvailable || s.restore
	acting := s.acting(s.ctx)
	s.later(s.desk, "", func(ctx context.Context) func() {
		v, err := s.hub.need.Queues.Agent(ctx, s.tenant, s.user)
		// Whoever was available here before has not shown that this page's microphone works.
		if err == nil && v.Presence == queues.Available && v.Device == queues.Browser {
			err = s.hub.need.Queues.Gone(acting, s.tenant, s.user)
		}
		s.complain("prepare an agent's presence", err)
		return s.refresh
	})
}

// complain logs what the agent can do nothing about.
func (s *session) complain(doing string, err error) {
	if err != nil && !errors.Is(err, queues.ErrNoAgent) && s.ctx.Err() == nil {
		s.hub.log.Error("a browser session could not "+doing, "err", err)
	}
}

// refresh reads the agent again, and tells the page.
func (s *session) refresh() {
	if s.reading {
		s.readAgain = true
		return
	}
	s.reading = s.later(s.desk, "", func(ctx context.Context) func() {
		v, err := s.hub.need.Queues.Agent(ctx, s.tenant, s.user)
		var set *queues.Settings
		if i := wrappingUp(v); err == nil && i >= 0 {
			effective, bad := s.hub.need.Queues.Effective(ctx, s.tenant, v.Items[i].Queue)
			if err = bad; err == nil {
				set = &effective
			}
		}
		return func() {
			s.reading = false
			if err == nil {
				s.agentIs(v, set)
			} else if errors.Is(err, queues.ErrNoAgent) {
				s.showAgent(agentView{ID: s.user, Presence: queues.Offline})
			} else {
				s.complain("read its agent", err)
			}
			if s.readAgain {
				s.readAgain = false
				s.refresh()
			}
		}
	})
}

func wrappingUp(v queues.AgentView) int {
	return slices.IndexFunc(v.Items, func(it queues.AgentsItem) bool { return it.State == queues.WrapUp && it.Kind != queues.Chat })
}

func (s *session) agentIs(v queues.AgentView, set *queues.Settings) {
	view := agentView{ID: v.ID, Presence: v.Presence, Reason: v.Reason, PresenceAt: v.PresenceAt, State: v.State, Since: v.StateAt, Until: v.BarredUntil, Microphone: s.proven}
	view.Device, _, _ = strings.Cut(v.Device, ":")
	view.Limit, view.Next, view.NextReason = v.Until, v.Next, v.NextReason
	view.WrapAsked = slices.ContainsFunc(v.Items, func(it queues.AgentsItem) bool { return it.WrapAsked && it.State != queues.WrapUp })
	i := wrappingUp(v)
	if i >= 0 && v.State == queues.WrapUp {
		view.Until = v.Items[i].WrapUntil
	}
	came := view.Device == queues.Browser && !s.onPage()
	s.showAgent(view)
	if came { // from another device: a microphone that is proven already is good
		s.restore = true
		s.confirmMicrophone()
	}
	switch {
	case s.leg != nil && !s.ringing():
	case i >= 0 && set != nil:
		s.showWrapUp(v.Items[i], *set)
	case s.view.State == viewWrapUp:
		s.endView(s.view.Cause)
	case s.ending != uuid.Nil && !slices.ContainsFunc(v.Items, func(it queues.AgentsItem) bool { return it.Item == s.ending }):
		s.endView(s.view.Cause)
	}
	if s.view.State == viewEnded || s.view.State == viewWrapUp {
		s.ending = uuid.Nil
	}
}

func (s *session) showAgent(v agentView) {
	if !bytes.Equal(pack(s.agent), pack(v)) {
		s.agent = v
		s.event("agent", uuid.Nil, v)
	}
}

// showWrapUp shows the wrap-up of a call, be it the last or one that an earlier session left behind.
func (s *session) showWrapUp(it queues.AgentsItem, set queues.Settings) {
	v := s.view
	if v.ID != it.Item {
		v = callView{ID: it.Item}
	}
	rule := set.WrapUp.Value
	w := wrapUpView{
		Mode: rule.Mode, Seconds: rule.MaxSeconds, Until: it.WrapUntil, Dispositions: set.Dispositions.Value,
		Required: (rule.Mode == queues.WrapUpMandatory || rule.DispositionForced) && len(set.Dispositions.Value) > 0, Notes: rule.NotesForced,
	}
	if it.WrapUntil != nil && it.Extended < rule.MaxExtensions {
		w.Extend = rule.ExtendSeconds
	}
	if v.State == viewWrapUp && sameTime(v.WrapUpUntil, it.WrapUntil) {
		return
	}
	v.State, v.Stage, v.Held, v.Muted, v.Since, v.WrapUpUntil, v.WrapUp, v.Roster = viewWrapUp, "", false, false, it.StateAt, it.WrapUntil, &w, nil
	s.setView(v)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// wrapUpOf waits for what the queues say after a talk; the bus may lose the wake-up, so it asks again until they have said.
func (s *session) wrapUpOf(g *leg) {
	s.view.Cause = g.Cause()
	s.ending = g.callID()
	s.askEnding(s.ending)
}

func (s *session) askEnding(call uuid.UUID) {
	if s.ending != call {
		return
	}
	s.refresh()
	time.AfterFunc(endingEvery, func() { s.loop.do(func() { s.askEnding(call) }) })
}

func (s *session) gotPresence(f frame) error {
	d, err := decode[presenceData](f)
	if err != nil {
		return err
	}
	p := queues.Presence(strings.ToUpper(d.Presence))
	if len(d.Reason) > 100 {
		return errBadData
	}
	s.wanted++
	if p == queues.Available && s.onPage() {
		if !s.heard {
			return errNotHeard
		}
		s.available(f, d.Reason, s.wanted, time.Now().Add(mediaSoon))
		return nil
	}
	s.choose(f, p, d.Reason)
	return nil
}

const (
	// mediaSoon is how long AVAILABLE waits for the first packets of a microphone that the page has heard already: connecting takes its time.
	mediaSoon  = 3 * time.Second
	mediaAgain = 50 * time.Millisecond
)

// available makes the agent AVAILABLE as soon as packets arrive, unless another presence is chosen meanwhile.
func (s *session) available(f frame, reason string, wanted int, until time.Time) {
	switch {
	case s.wanted != wanted:
	case s.up && s.line.silentFor() <= proofFresh:
		s.choose(f, queues.Available, reason)
	case time.Now().After(until):
		s.fail(f.ID, errNoMedia)
	default:
		time.AfterFunc(mediaAgain, func() { s.loop.do(func() { s.available(f, reason, wanted, until) }) })
	}
}

func (s *session) choose(f frame, p queues.Presence, reason string) {
	s.restore = false
	s.forAgent(f, func(ctx context.Context) error {
		return s.hub.need.Queues.SetPresence(ctx, s.tenant, s.user, p, reason)
	})
}

// gotNextPresence chooses what the agent will be once they have nothing any more; no presence takes it back.
func (s *session) gotNextPresence(f frame) error {
	d, err := decode[presenceData](f)
	if err != nil {
		return err
	}
	if len(d.Reason) > 100 {
		return errBadData
	}
	s.forAgent(f, func(ctx context.Context) error {
		return s.hub.need.Queues.SetNextPresence(ctx, s.tenant, s.user, queues.Presence(strings.ToUpper(d.Presence)), d.Reason)
	})
	return nil
}

// gotWrapUpRequest asks for a wrap-up after the talk that is on, or takes that back.
func (s *session) gotWrapUpRequest(f frame) error {
	d, err := decode[askedData](f)
	if err != nil {
		return err
	}
	call := s.view.ID
	if call == uuid.Nil {
		return queues.ErrNoTalk
	}
	s.forAgent(f, func(ctx context.Context) error {
		return s.hub.need.Queues.RequestWrapUp(ctx, s.tenant, s.user, call, d.On)
	})
	return nil
}

// gotWrapUpExtend asks for more time.
func (s *session) gotWrapUpExtend(f frame) error {
	s.forAgent(f, func(ctx context.Context) error {
		return s.hub.need.Queues.ExtendWrapUp(ctx, s.tenant, s.user, uuid.Nil)
	})
	return nil
}

// forAgent does something with the queues for the agent, tells what was wrong with it, and shows the agent again.
func (s *session) forAgent(f frame, do func(ctx context.Context) error) {
	acting := s.acting(s.ctx)
	s.later(s.desk, f.ID, func(context.Context) func() {
		err := do(acting)
		return func() {
			if err != nil {
				s.fail(f.ID, err)
			}
			s.refresh()
		}
	})
}

// gotProof hears that the page has measured speech. It counts once packets arrive here too.
func (s *session) gotProof(f frame) error {
	d, err := decode[levelData](f)
	if err != nil {
		return err
	}
	if !(d.Level >= proofLevel) { // NaN is no level either
		return errProof
	}
	s.heard = true
	s.confirmMicrophone()
	return nil
}

// confirmMicrophone shows a proven microphone, and lets the presence of before return.
func (s *session) confirmMicrophone() {
	if !s.heard || s.confirming || s.customer() || s.proven && !s.restore {
		return
	}
	s.confirming = true
	s.confirm(time.Now().Add(proofWithin))
}

func (s *session) confirm(until time.Time) {
	switch {
	case !s.heard: // another page has come
		s.confirming = false
	case s.up && s.line.silentFor() < proofFresh:
		s.confirming, s.proven = false, true
		if s.restore {
			s.restore = false
			s.returnPresence()
		}
		s.refresh()
	case time.Now().After(until):
		s.confirming = false // the next connection tries again
	default:
		time.AfterFunc(confirmEvery, func() { s.loop.do(func() { s.confirm(until) }) })
	}
}

// returnPresence gives the agent back what they had set before their browser went (Q2.5).
func (s *session) returnPresence() {
	if !s.onPage() { // it is not the browser that has come back
		return
	}
	acting := s.acting(s.ctx)
	s.later(s.desk, "", func(context.Context) func() {
		_, _, err := s.hub.need.Queues.Back(acting, s.tenant, s.user)
		s.complain("return to the last presence", err)
		return s.refresh
	})
}

// gotWrapUp ends the wrap-up and keeps what the agent wrote.
func (s *session) gotWrapUp(f frame) error {
	d, err := decode[wrapData](f)
	if err != nil {
		return err
	}
	if len(d.Notes) > 20_000 || len(d.Disposition) > 200 {
		return errBadData
	}
	call := s.view.ID
	if id, err := uuid.Parse(f.Call); err == nil {
		call = id
	}
	if call == uuid.Nil {
		return queues.ErrNoWrapUp
	}
	acting := s.acting(context.WithoutCancel(s.ctx)) // what was written is kept even if the page has gone
	s.later(s.desk, f.ID, func(context.Context) func() {
		ctx, cancel := context.WithTimeout(acting, leaveWithin)
		defer cancel()
		err := s.wrapUp(ctx, call, d)
		return func() {
			if err != nil {
				s.fail(f.ID, err)
			}
			s.refresh()
		}
	})
	return nil
}

// wrapUp runs on the desk. Notes that come after the timer are kept all the same.
func (s *session) wrapUp(ctx context.Context, call uuid.UUID, d wrapData) error {
	v, err := s.hub.need.Queues.Agent(ctx, s.tenant, s.user)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(v.Items, func(it queues.AgentsItem) bool { return it.Item == call && it.State == queues.WrapUp })
	if i >= 0 {
		_, err := s.hub.need.Queues.FinishWrapUp(ctx, s.tenant, s.user, queues.WrapUpNote{Offer: v.Items[i].Offer, Disposition: d.Disposition, Notes: d.Notes})
		if err != nil && !errors.Is(err, queues.ErrNoWrapUp) {
			return err
		}
	}
	if i < 0 && d.Disposition == "" && d.Notes == "" {
		return nil
	}
	return s.hub.need.WriteNotes(ctx, s.tenant, s.user, calls.WrapUp{Call: call, Disposition: d.Disposition, Notes: d.Notes})
}
