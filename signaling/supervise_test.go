package signaling_test

import (
	"errors"
	"testing"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media"
)

// listen lets the agent's page join a call as a supervisor.
func (h *house) listen(mode calls.SupervisionMode) call {
	h.Helper()
	c, err := h.tryListen(mode)
	h.ok(err)
	h.Cleanup(func() { c.Hangup(calls.CauseNormal); <-c.Done() })
	return c
}

func (h *house) tryListen(mode calls.SupervisionMode) (call, error) {
	id := storage.NewID()
	v := &calls.Supervision{ID: storage.NewID(), Call: id, Supervisor: h.agent, Mode: mode, State: calls.SupervisionConnecting}
	to := calls.Target{Tenant: h.tenant, Call: id, Device: "browser", Agent: h.agent, Card: calls.Card{Number: "1001"}, Supervision: v}
	leg, err := h.hub.Dialer().Dial(h.ctx, to)
	return call{leg, h, to}, err
}

// is tells the page how its supervision stands, as a call's owner does.
func (c call) is(state calls.SupervisionState, cause calls.SupervisionEnd) {
	v := *c.target.Supervision
	v.State, v.Cause = state, cause
	c.Leg.(interface{ ShowSupervision(calls.Supervision) }).ShowSupervision(v) //nolint:forcetypeassert // that is what is tested
}

func refusedAs(err error) string {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// One call after another is listened to in one session and one connection, without an offer and without negotiating.
func TestListening(t *testing.T) {
	h := newHouse(t)
	if _, err := h.tryListen(calls.Monitor); refusedAs(err) != "no_session" {
		t.Errorf("listening without a page: %v", err)
	}
	p := h.ready()
	first := h.listen(calls.Monitor)
	p.Wait("supervise", "state", "connecting", "call", first.target.Call.String())
	first.expect(calls.LegAnswered)
	first.is(calls.SupervisionOn, "")
	p.Wait("supervise", "state", "on", "mode", "monitor")
	first.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)

	second := h.listen(calls.Coach)
	p.Wait("supervise", "state", "connecting", "call", second.target.Call.String())
	first.over(calls.CauseNormal)
	second.expect(calls.LegAnswered)
	second.Stream().Play(media.Echo())
	p.RTC.Say(660)
	p.RTC.Await(660)
	p.Send("supervise.stop", map[string]string{"call": first.target.Call.String()}) // crossed: it is over already
	p.Send("ping", nil)
	p.Wait("pong")
	if p.Has("supervise", "state", "ended") {
		t.Error("the page is told of the end of a call that it has left")
	}
	p.Send("supervise.stop", map[string]string{"call": second.target.Call.String()})
	second.over(calls.CauseNormal)
	p.Wait("supervise", "state", "ended", "cause", "stopped")
	for _, typ := range []string{"negotiate", "offer", "call"} {
		if p.Has(typ) {
			t.Errorf("the page was sent %s", typ)
		}
	}

	// The call's end, and a permission that is revoked, are told as what they are.
	third := h.listen(calls.Monitor)
	third.expect(calls.LegAnswered)
	third.is(calls.SupervisionEnded, calls.SupervisionCallEnded)
	third.Hangup(calls.CauseNormal)
	p.Wait("supervise", "state", "ended", "cause", "call_ended")
	fourth := h.listen(calls.Monitor)
	fourth.expect(calls.LegAnswered)
	fourth.Hangup(calls.CauseForbidden)
	p.Wait("supervise", "state", "ended", "cause", "forbidden")
}

// A supervisor who also serves queues: an offer rings while they listen, and accepting it ends the listening.
func TestOfferWhileListening(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	ear := h.listen(calls.Monitor)
	ear.expect(calls.LegAnswered)
	ear.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	c := h.dial()
	p.Wait("offer", "offer", c.target.Offer.String())
	p.Send("offer.ack", c.offer())
	c.expect(calls.LegRinging)
	p.RTC.Say(550)
	p.RTC.Await(550) // still the call that is listened to
	p.Send("offer.accept", c.offer())
	c.expect(calls.LegAnswered)
	ear.over(calls.CauseBusy)
	p.Wait("supervise", "state", "ended", "cause", "own_call")
	c.Stream().Play(media.Echo())
	p.RTC.Say(660)
	p.RTC.Await(660)
	if _, err := h.tryListen(calls.Monitor); refusedAs(err) != "in_call" {
		t.Errorf("listening in a call of one's own: %v", err)
	}
	c.Hangup(calls.CauseNormal)
	c.over(calls.CauseNormal)
}

// A call that is taken over becomes the session's own, with a call's controls and end.
func TestTakenOver(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.listen(calls.Barge)
	c.expect(calls.LegAnswered)
	c.is(calls.SupervisionEnded, calls.SupervisionTakenOver)
	c.show(calls.StateTalking)
	p.Wait("supervise", "state", "ended", "cause", "taken_over")
	if f := p.Wait("call", "state", "talking"); f.Get("id") != c.target.Call.String() || f.Get("card", "number") != "1001" {
		t.Errorf("call %s", f.Data)
	}
	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	p.Send("call.hold", nil)
	c.expect(calls.LegAskHold)
	p.Send("call.hangup", nil)
	c.over(calls.CauseNormal)
	p.Wait("call", "state", "ended", "cause", "normal")
}

// A page that lost its socket learns on its return what it listens to.
func TestListeningResumes(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.listen(calls.Monitor)
	c.expect(calls.LegAnswered)
	c.is(calls.SupervisionOn, "")
	p.Wait("supervise", "state", "on")
	c.Stream().Play(media.Echo())
	p.Drop()
	next := p.Again(h.url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
	next.Adopt(p)
	if got := next.Welcome.Get("supervise", "call"); got != c.target.Call.String() {
		t.Errorf("welcome %s", next.Welcome.Data)
	}
	next.RTC.Say(440)
	next.RTC.Await(440)
}
