package signaling

import (
	"context"
	"regexp"
	"time"

	"tandem/calls"
	"tandem/internal/fault"
)

var (
	errNumber  = fault.New(fault.Invalid, "number_invalid", "Give a number of 1 to 40 digits, letters or + . - _ * #.").WithField("number")
	errCalling = fault.New(fault.Conflict, "already_calling", "You are in a call already; hang up first.")
	dialable   = regexp.MustCompile(`^\+?[0-9A-Za-z_.*#-]{1,40}$`)
)

// startWithin is how long a call waits for the page's audio: people take their time to allow the microphone.
const startWithin = 30 * time.Second

// gotStart begins a customer's call: the page shows it at once, the switchboard gets it when audio is connected.
func (s *session) gotStart(f frame) error {
	d, err := decode[startData](f)
	switch {
	case err != nil:
		return err
	case !dialable.MatchString(d.Number):
		return errNumber
	case s.leg != nil:
		return errCalling
	}
	release, err := s.hub.takeCall(s.source)
	if err != nil {
		return err
	}
	g := s.hub.newLeg(s, s.line, calls.Inbound, legRinging)
	g.number = d.Number
	if !s.hub.spawn(func(context.Context) { defer release(); g.run() }) {
		release()
		g.stop()
		return errStopping
	}
	s.leg = g
	s.negotiate(g)
	s.showCall(g, viewConnecting, "dialing")
	g.within(startWithin, func() {
		s.fail("", errNoMedia)
		g.finish(calls.CauseUnreachable)
	})
	s.connected()
	return nil
}

// startWaiting hands a customer's call to the switchboard once audio is connected.
func (s *session) startWaiting() {
	g := s.leg
	if g == nil || g.dir != calls.Inbound || g.started || g.ended() {
		return
	}
	g.started = true
	if g.timer != nil {
		g.timer.Stop()
	}
	inv := calls.Invite{
		Tenant: s.tenant, Number: g.number, Caller: calls.Party{Name: s.name}, SignalID: g.id.String(), Transport: "browser", Headers: map[string]string{},
	}
	if !s.hub.spawn(func(ctx context.Context) { s.hub.need.Incoming(ctx, g, inv) }) {
		g.finish(calls.CauseDraining)
	}
}
