package signaling

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
)

// superviseState is what a session knows of the other people's call that it listens to. Its leg is beside the session's own: both have the one line
// of the browser, and only one of them at a time is negotiated.
type superviseState struct {
	listening  *leg      // nil: to none
	joined     uuid.UUID // the last supervision that was this session's
	supervised superviseView
}

// superviseView is a supervision as its page shows it.
type superviseView struct {
	Call  uuid.UUID              `json:"call"`
	Mode  calls.SupervisionMode  `json:"mode"`
	State calls.SupervisionState `json:"state"`
	Since time.Time              `json:"since"`
	Cause string                 `json:"cause,omitempty"`
}

const (
	listenWithin = 10 * time.Second // from the wish to audio
	listenGrace  = 5 * time.Second  // without a socket
)

var (
	errNoPage = fault.New(fault.Conflict, "no_session", "What you listen to plays in Tandem's page in your browser; open it first.")
	errInCall = fault.New(fault.Conflict, "in_call", "You are in a call of your own; end it first.")
)

// supervise makes the leg by which a supervisor's page joins a call.
func (h *Hub) supervise(s *session, to calls.Target) (*leg, error) {
	if s == nil {
		return nil, errNoPage
	}
	g := h.newLeg(s, s.line, calls.Outbound, legAccepted)
	g.target = to
	if !h.spawn(func(context.Context) { g.run() }) {
		g.stop()
		return nil, errStopping
	}
	refused := make(chan error, 1)
	if !s.loop.do(func() { refused <- s.listen(g) }) {
		g.finish(calls.CauseUnreachable)
		return nil, errNoPage
	}
	var err error
	select {
	case err = <-refused:
	case <-s.loop.over:
		err = errNoPage
	}
	if err != nil {
		g.finish(calls.CauseUnreachable)
		return nil, err
	}
	return g, nil
}

// listen joins a call; one that was listened to before is left.
func (s *session) listen(g *leg) error {
	switch {
	case s.sock == nil:
		return errNoPage
	case s.leg != nil && !s.leg.ended():
		return errInCall
	}
	if old := s.listening; old != nil {
		s.listening = nil
		old.finish(calls.CauseNormal)
	}
	s.listening, s.joined = g, g.target.Supervision.ID
	g.within(listenWithin, func() { g.finish(calls.CauseUnreachable) })
	v := g.target.Supervision
	s.showSupervised(superviseView{Call: v.Call, Mode: v.Mode, State: calls.SupervisionConnecting, Since: v.Since})
	s.connected()
	return nil
}

// listens begins listening once audio is connected.
func (s *session) listens() {
	g := s.listening
	if g == nil || g.state != legAccepted || !g.move(stepMedia) {
		return
	}
	s.negotiate(g)
	close(g.connected)
	g.tell(calls.LegAnswered)
}

func (s *session) showSupervised(v superviseView) {
	if v != s.supervised {
		s.supervised = v
		s.event("supervise", v.Call, v)
	}
}

// ShowSupervision tells the page how its supervision stands.
func (g *leg) ShowSupervision(v calls.Supervision) {
	if g.s != nil {
		g.s.loop.do(func() { g.s.supervisionIs(g, v) })
	}
}

func (s *session) supervisionIs(g *leg, v calls.Supervision) {
	if s.listening != g || g.ended() && v.State != calls.SupervisionEnded {
		return
	}
	if v.State == calls.SupervisionEnded {
		s.listening = nil
		if v.Cause == calls.SupervisionTakenOver { // from here on it is this session's own call
			s.leg, g.since = g, time.Now()
		}
	}
	s.showSupervised(superviseView{Call: v.Call, Mode: v.Mode, State: v.State, Since: v.Since, Cause: string(v.Cause)})
}

// listenEnded hears that the leg has ended, for whatever reason.
func (s *session) listenEnded(g *leg) {
	s.listening = nil
	v := s.supervised
	v.State, v.Cause = calls.SupervisionEnded, string(calls.SupervisionEndOf(g.Cause()))
	s.showSupervised(v)
}

// leaveLater ends a supervision whose page does not come back.
func (s *session) leaveLater() {
	g := s.listening
	if g == nil {
		return
	}
	time.AfterFunc(listenGrace, func() {
		s.loop.do(func() {
			if s.sock == nil && s.listening == g {
				g.finish(calls.CauseUnreachable)
			}
		})
	})
}

// gotSupervise begins a supervision, or changes its mode.
func (s *session) gotSupervise(f frame) error {
	d, err := decode[superviseData](f)
	if err != nil {
		return err
	}
	acting := s.acting(s.ctx)
	s.later(s.desk, f.ID, func(context.Context) func() {
		v, err := s.hub.need.Supervise(acting, d.Call, d.Mode, d.Why)
		return func() {
			if err == nil && f.Type == "supervise.start" && v.ID != s.joined {
				err = calls.ErrSupervising // by a page of before, whose end is not known there yet
			}
			if err != nil {
				s.fail(f.ID, err)
				s.notSupervised(d, err)
			}
		}
	})
	return nil
}

// notSupervised puts the page right about a supervision that was refused.
func (s *session) notSupervised(d superviseData, err error) {
	if s.listening != nil && s.supervised.Call == d.Call {
		s.event("supervise", d.Call, s.supervised)
		return
	}
	cause := "internal"
	if f := (*fault.Error)(nil); errors.As(err, &f) && f.Kind != fault.Internal {
		cause = f.Code
	}
	s.event("supervise", d.Call, superviseView{Call: d.Call, Mode: d.Mode, State: calls.SupervisionEnded, Since: time.Now(), Cause: cause})
	if g := s.listening; g != nil { // the page has left it for the other
		g.finish(calls.CauseNormal)
	}
}

func (s *session) gotSuperviseStop(f frame) error {
	d, err := decode[superviseData](f)
	if err != nil {
		return err
	}
	if g := s.listening; g != nil && (d.Call == uuid.Nil || d.Call == s.supervised.Call) {
		g.finish(calls.CauseNormal)
	}
	return nil
}
