package signaling_test

import (
	"context"
	"testing"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/media"
	"tandem/signaling"
	"tandem/signaling/browsertest"
)

// switchboard is a small one: it answers, brings the agent, and lets both hear each other until one leaves.
func (h *house) switchboard(ctx context.Context, leg calls.Leg, inv calls.Invite) {
	defer func() {
		leg.Hangup(calls.CauseNormal)
		<-leg.Done()
	}()
	screen := leg.(interface{ Show(calls.State) }) //nolint:forcetypeassert // that is what is tested
	if inv.Transport != "browser" || inv.Tenant != h.tenant || inv.Number != "1001" || inv.Caller.Name != "Jo" {
		h.Errorf("invite %+v", inv)
	}
	screen.Show(calls.StateNew)
	if err := leg.Answer(ctx); err != nil {
		h.Logf("not answered: %v", err)
		return
	}
	screen.Show(calls.StateWaiting)
	c := h.dial()
	c.expect(calls.LegRinging)
	c.expect(calls.LegAnswered)
	media.Apply(map[*media.Stream]media.Source{leg.Stream(): media.Forward(c.Stream()), c.Stream(): media.Forward(leg.Stream())})
	screen.Show(calls.StateTalking)
	c.show(calls.StateTalking)
	select {
	case <-leg.Done():
	case <-c.Done():
	}
	c.Hangup(calls.CauseNormal)
	<-c.Done()
}

func TestCustomerCallsAgent(t *testing.T) {
	h := newHouse(t)
	h.incoming = h.switchboard
	agent := h.ready()
	customer := browsertest.Open(t, h.url, map[string]any{"customer": true, "name": " Jo\n"})
	customer.Send("call.start", map[string]string{"number": "1001"})
	customer.Wait("call", "state", "connecting", "stage", "dialing")
	customer.Connect() // the microphone is allowed only now
	customer.Wait("call", "stage", "waiting")
	id := agent.Wait("offer").Get("offer")
	agent.Send("offer.accept", map[string]string{"offer": id})
	customer.Wait("call", "state", "talking")
	agent.Wait("call", "state", "talking")
	customer.RTC.Say(440)
	agent.RTC.Say(880)
	agent.RTC.Await(440)
	customer.RTC.Await(880)
	customer.Send("call.hangup", nil)
	customer.Wait("call", "state", "ended")
	agent.Wait("call", "state", "ended")
}

func TestCustomerLeaves(t *testing.T) {
	h := newHouse(t)
	answered, ended := make(chan struct{}), make(chan calls.Cause, 1)
	h.incoming = func(ctx context.Context, leg calls.Leg, _ calls.Invite) {
		if err := leg.Answer(ctx); err != nil {
			t.Errorf("answer: %v", err)
		}
		close(answered)
		<-leg.Done()
		ended <- leg.Cause()
	}
	p := browsertest.Open(t, h.url, map[string]any{"customer": true})
	p.Connect()
	p.Send("call.start", map[string]string{"number": "1003"})
	<-answered
	p.Leave()
	if cause := <-ended; cause != calls.CauseNormal {
		t.Errorf("ended as %s", cause)
	}
}

func TestCustomersAreLimited(t *testing.T) {
	h := newHouse(t, func(c *signaling.Config) { c.CustomerCalls = 2 })
	open := func() *browsertest.Page {
		return browsertest.Open(t, h.url, map[string]any{"customer": true})
	}
	start := func(p *browsertest.Page, number string) { p.Send("call.start", map[string]string{"number": number}) }
	first, second, third := open(), open(), open()
	start(first, "1001")
	start(second, "1001")
	first.Wait("call", "state", "connecting")
	second.Wait("call", "state", "connecting")
	start(third, "1001")
	third.Wait("error", "code", "too_many_calls")
	start(first, "1002")
	first.Wait("error", "code", "already_calling")
	first.Send("call.hangup", nil)
	first.Wait("call", "state", "ended")
	browsertest.Eventually(t, "there is room again", func() bool {
		start(third, "1001")
		return third.Has("call", "state", "connecting")
	})
	start(open(), "sip:x@evil.test")
	p := open()
	start(p, "sip:x@evil.test")
	p.Wait("error", "code", "number_invalid")
	// Agents' frames are not for customers.
	p.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	p.Wait("error", "code", "unknown_frame")
}

func TestNoCustomersWanted(t *testing.T) {
	h := newHouse(t, func(c *signaling.Config) { c.Customers = false })
	p := browsertest.Dial(t, h.url)
	p.Send("hello", map[string]any{"customer": true})
	p.Wait("error", "code", "web_calls_off")
	if code := p.Closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
}

// An agent dials a number of the tenant's, as the panel on a CRM's page asks for: under their own name, one call at a time, and not while calls from queues may
// come or without the right to.
func TestAgentDials(t *testing.T) {
	h := newHouse(t)
	invited := make(chan calls.Invite, 1)
	h.incoming = func(ctx context.Context, leg calls.Leg, inv calls.Invite) {
		invited <- inv
		if err := leg.Answer(ctx); err != nil {
			t.Errorf("answer: %v", err)
		}
		leg.Stream().Play(media.Echo())
		leg.(interface{ Show(calls.State) }).Show(calls.StateTalking) //nolint:forcetypeassert // that is what is tested
		<-leg.Done()
	}
	dial := func(p *browsertest.Page, number string) { p.Send("call.start", map[string]string{"number": number}) }
	p := h.ready()
	dial(p, "1003")
	p.Wait("error", "code", "dial_available")
	p.Send("presence.set", map[string]string{"presence": "AWAY"})
	p.Wait("agent", "presence", "AWAY")
	dial(p, "sip:x@evil.test")
	p.Wait("error", "code", "number_invalid")
	dial(p, "1003")
	p.Wait("call", "state", "connecting", "stage", "dialing")
	if inv := <-invited; inv.Tenant != h.tenant || inv.Number != "1003" || inv.Caller.Name != "Agent" || inv.Transport != "browser" {
		t.Errorf("invite %+v", inv)
	}
	p.Wait("call", "state", "talking")
	p.RTC.Say(440)
	p.RTC.Await(440)
	dial(p, "1004")
	p.Wait("error", "code", "already_calling")
	p.Send("call.hangup", nil)
	p.Wait("call", "state", "ended")

	reader := browsertest.Open(t, h.url, map[string]any{"ticket": h.ticket(h.agent, may(auth.ScopeOwn, "calls", "read"))})
	dial(reader, "1003")
	reader.Wait("error", "code", "forbidden")
	if len(invited) > 0 {
		t.Errorf("a call came all the same: %+v", <-invited)
	}
}
