package signaling

import (
	"context"
	"maps"
	"regexp"
	"time"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/queues"
)

var (
	errNumber  = fault.New(fault.Invalid, "number_invalid", "Give a number of 1 to 40 digits, letters or + . - _ * #.").WithField("number")
	errServing = fault.New(fault.Conflict, "dial_available", "Calls from queues may come at any moment; choose away or busy before you dial.").WithField("number")
	errCalling = fault.New(fault.Conflict, "already_calling", "You are in a call already; hang up first.")
	dialable   = regexp.MustCompile(`^\+?[0-9A-Za-z_.*#-]{1,40}$`)
)

// startWithin is how long a call waits for the page's audio: people take their time to allow the microphone.
const startWithin = 30 * time.Second

// gotStart begins a call of a customer, or of an agent to a number of the tenant's: the page shows it at once, the switchboard gets it when audio is
// connected.
func (s *session) gotStart(f frame) error {
	d, err := decode[startData](f)
	if s.from != nil && err == nil { // the widget's settings say what is called, and the visitor's row what is known
		return s.begin(s.from.Number, s.from.Data)
	}
	switch {
	case err != nil:
		return err
	case !dialable.MatchString(d.Number):
		return errNumber
	case s.leg != nil:
		return errCalling
	case !s.customer():
		if s.agent.Presence == queues.Available {
			return errServing
		}
		return s.begin(d.Number, calls.Data{})
	}
	data, err := dataOf(d.Data)
	if err != nil {
		return err
	}
	if d.Token == "" {
		return s.begin(d.Number, data)
	}
	s.later(s.desk, f.ID, func(ctx context.Context) func() {
		claims, err := s.hub.need.Vouched(ctx, s.tenant, d.Token)
		if err == nil {
			err = vouch(&data, claims)
		}
		return func() {
			if err == nil {
				err = s.begin(d.Number, data)
			}
			if err != nil {
				s.fail(f.ID, err)
			}
		}
	})
	return nil
}

// dataOf is what a page says of its customer. The flags are not for it to say.
func dataOf(values map[string]string) (calls.Data, error) {
	change := calls.DataChange{Data: calls.DataValues{}}
	for name, value := range values {
		change.Data[name] = &value
	}
	return calls.Data{Data: maps.Clone(values)}, change.Check()
}

// vouch adds what the tenant's server says; it wins over the page.
func vouch(data *calls.Data, c auth.ClientClaims) error {
	signed, err := dataOf(c.Data)
	if err != nil {
		return err
	}
	if data.Data == nil {
		data.Data = map[string]string{}
	}
	maps.Copy(data.Data, signed.Data)
	data.Reserved = calls.Reserved{VerifiedCustomer: c.VerifiedCustomer, BadActor: c.BadActor, RepeatCustomer: c.RepeatCustomer}
	return nil
}

// begin begins a customer's call.
func (s *session) begin(number string, data calls.Data) error {
	if s.leg != nil {
		return errCalling
	}
	release := func() {}
	if s.customer() { // agents have one call each
		var err error
		if release, err = s.hub.takeCall(s.source); err != nil {
			return err
		}
	}
	g := s.hub.newLeg(s, s.line, calls.Inbound, legRinging)
	g.number, g.data = number, data
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
	caller := calls.Party{Name: s.name}
	if !s.customer() {
		caller = calls.Party{Number: s.actor.Extension, Name: s.actor.Name}
	}
	inv := calls.Invite{
		Tenant: s.tenant, Agent: s.user, Number: g.number, Caller: caller, SignalID: g.id.String(), Transport: "browser",
		Headers: g.data.Data, Reserved: g.data.Reserved,
	}
	if !s.hub.spawn(func(ctx context.Context) { s.hub.need.Incoming(ctx, g, inv) }) {
		g.finish(calls.CauseDraining)
	}
}
