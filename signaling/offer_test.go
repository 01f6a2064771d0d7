package signaling_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media"
	"tandem/queues"
	"tandem/signaling/browsertest"
)

func TestNobodyThere(t *testing.T) {
	h := newHouse(t)
	h.dial().over(calls.CauseUnreachable)
	// A page without audio is as good as none.
	h.open()
	h.dial().over(calls.CauseUnreachable)
}

func TestOfferNotAcknowledged(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	began := time.Now()
	c := h.dial()
	p.Wait("offer")
	c.over(calls.CauseUnreachable)
	if passed := time.Since(began); passed < 900*time.Millisecond {
		t.Errorf("given up after %v", passed)
	}
	p.Wait("offer.withdrawn", "reason", "unreachable")
}

func TestOfferEnds(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	ring := func() call {
		t.Helper()
		c := h.dial()
		f := p.Wait("offer", "offer", c.target.Offer.String())
		if f.Get("card", "caller") != "+4930123" || f.Get("ring_seconds") != "20" {
			t.Errorf("offer %s", f.Data)
		}
		p.Send("offer.ack", c.offer())
		c.expect(calls.LegRinging)
		return c
	}
	c := ring()
	p.Send("offer.decline", c.offer())
	c.over(calls.CauseDeclined)
	p.Wait("offer.withdrawn", "reason", "declined")
	for cause, reason := range map[calls.Cause]string{
		calls.CauseNoAnswer: "missed", calls.CauseNormal: "caller_left", calls.CauseElsewhere: "taken", calls.CauseEndedByUs: "ended",
	} {
		c := ring()
		c.Hangup(cause)
		c.over(cause)
		p.Wait("offer.withdrawn", "offer", c.target.Offer.String(), "reason", reason)
		// An accept that crosses the withdrawal does no harm.
		p.Send("offer.accept", c.offer())
		p.Wait("offer.withdrawn", "offer", c.target.Offer.String())
	}
	// A page that goes while it rings cannot answer.
	c = ring()
	p.Leave()
	c.over(calls.CauseUnreachable)
}

func TestTalk(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	if got := p.RTC.Codecs()[0]; got != "audio/PCMU" {
		t.Errorf("the answer prefers %s", got)
	}
	c := h.dial()
	p.Wait("offer")
	p.Send("offer.ack", c.offer())
	c.expect(calls.LegRinging)
	p.Send("offer.accept", c.offer())
	p.Wait("call", "state", "connecting")
	c.expect(calls.LegAnswered)
	c.show(calls.StateWhisper)
	p.Wait("call", "state", "connecting", "stage", "whisper")
	c.show(calls.StateCountdown)
	p.Wait("call", "stage", "countdown")
	c.show(calls.StateTalking)
	f := p.Wait("call", "state", "talking")
	if f.Get("id") != c.target.Call.String() || f.Get("card", "number") != "1001" || f.Get("answered_at") == "" {
		t.Errorf("call %s", f.Data)
	}

	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	p.Send("call.mute", map[string]bool{"muted": true})
	p.Wait("call", "muted", "true")
	p.RTC.Await(0)
	p.Send("call.mute", map[string]bool{"muted": false})
	p.Wait("call", "muted", "false")
	p.RTC.Await(440)

	p.Send("call.digit", map[string]string{"digit": "5"})
	if d := <-c.Stream().Digits(); d.Key != '5' {
		t.Errorf("digit %c", d.Key)
	}
	p.Send("call.hold", nil)
	c.expect(calls.LegAskHold)
	c.show(calls.StateHeld)
	p.Wait("call", "state", "held", "held", "true")
	p.Send("call.resume", nil)
	c.expect(calls.LegAskTalk)
	c.show(calls.StateTalking)
	p.Wait("call", "state", "talking")
	p.Send("rtc.stats", map[string]float64{"packets_received": 95, "packets_lost": 5, "jitter_ms": 7, "round_trip_ms": 30})
	browsertest.Eventually(t, "the browser's report counts", func() bool { return c.Stream().Quality().Out.Lost == 5 })
	if q := c.Stream().Quality(); q.In.Packets == 0 || q.RoundTrip != 30*time.Millisecond {
		t.Errorf("quality %+v", q)
	}
	p.Send("call.hangup", nil)
	c.over(calls.CauseNormal)
	p.Wait("call", "state", "ended", "cause", "normal")

	// The next call on the same connection is heard as well.
	c = h.talk(p)
	c.Stream().Play(media.Echo())
	p.RTC.Say(660)
	p.RTC.Await(660)
	c.Hangup(calls.CauseNormal)
	c.over(calls.CauseNormal)
}

// An offer that is to be answered by itself is, once the page shows it, but only where the microphone is proven.
func TestAutoAnswer(t *testing.T) {
	h := newHouse(t)
	p := h.open()
	p.Connect()
	dial := func(auto string) call {
		to := calls.Target{Tenant: h.tenant, Call: uuid.Must(uuid.NewV7()), Device: "browser", Agent: h.agent, Offer: uuid.Must(uuid.NewV7()), AutoAnswer: true}
		leg, err := h.hub.Dialer().Dial(h.ctx, to)
		h.ok(err)
		c := call{leg, h, to}
		h.Cleanup(func() { c.Hangup(calls.CauseNormal); <-c.Done() })
		if f := p.Wait("offer", "offer", to.Offer.String()); f.Get("auto") != auto {
			t.Errorf("offer %s", f.Data)
		}
		p.Send("offer.ack", c.offer())
		c.expect(calls.LegRinging)
		return c
	}
	c := dial("")
	p.Send("offer.decline", c.offer())
	c.over(calls.CauseDeclined)
	p.Send("mic.proof", map[string]float64{"level": 0.2})
	p.Wait("agent", "microphone", "true")
	c = dial("true")
	c.expect(calls.LegAnswered)
}

// A second offer while a call is on does not disturb it.
func TestBusy(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.talk(p)
	h.dial().over(calls.CauseBusy)
	p.Send("call.hangup", nil)
	c.over(calls.CauseNormal)
}

func TestMicrophoneFirst(t *testing.T) {
	h := newHouse(t)
	p := h.open()
	set := map[string]string{"presence": "AVAILABLE"}
	p.Send("presence.set", set)
	p.Wait("error", "code", "microphone_unproven")
	p.Send("mic.proof", map[string]float64{"level": 0.3})
	p.Send("presence.set", set)
	p.Wait("error", "code", "media_not_connected")
	p.Connect()
	p.Wait("agent", "microphone", "true")
	p.Send("presence.set", set)
	p.Wait("agent", "presence", "AVAILABLE")
	p.Send("presence.set", map[string]string{"presence": "AWAY", "reason": "lunch"})
	p.Wait("agent", "presence", "AWAY", "reason", "lunch")
}

// The whole way through the queues: reserved, ringing, talking, wrap-up, notes.
func TestWrapUp(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	item := uuid.Must(uuid.NewV7())
	w, err := h.queues.Join(h.ctx, h.tenant, h.queue, queues.NewItem{ID: item, Kind: queues.Call})
	h.ok(err)
	offer := <-w.Offers()
	leg, err := h.hub.Dialer().Dial(h.ctx, calls.Target{Tenant: h.tenant, Call: item, Device: offer.Device, Agent: offer.Agent, Offer: offer.ID})
	h.ok(err)
	c := call{leg, h, calls.Target{Call: item, Offer: offer.ID}}
	p.Wait("offer")
	p.Send("offer.ack", c.offer())
	c.expect(calls.LegRinging)
	h.ok(h.queues.Offered(h.ctx, offer.ID, "alerting"))
	p.Send("offer.accept", c.offer())
	c.expect(calls.LegAnswered)
	h.ok(h.queues.Offered(h.ctx, offer.ID, "accepted"))
	c.show(calls.StateTalking)
	h.ok(h.queues.Interacting(h.ctx, offer.ID))
	p.Wait("agent", "state", "INTERACTING")
	c.Hangup(calls.CauseNormal)
	c.over(calls.CauseNormal)
	h.ok(h.queues.Ended(h.ctx, offer.ID))
	f := p.Wait("call", "state", "wrap_up")
	if f.Get("id") != item.String() || f.Get("wrap_up_until") == "" || f.Get("wrap_up", "mode") != "timed" || f.Get("answered_at") == "" {
		t.Errorf("wrap-up %s", f.Data)
	}
	p.Wait("agent", "state", "WRAP_UP")
	// A page that is loaded now finds the wrap-up too.
	p.Leave()
	p = p.Again(h.url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
	if p.Welcome.Get("call", "state") != "wrap_up" {
		t.Fatalf("welcome %s", p.Welcome.Data)
	}
	p.Send("wrapup.done", map[string]string{"disposition": "", "notes": "They will call again."})
	p.Wait("call", "state", "ended")
	p.Wait("agent", "state", "IDLE")
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.notes) != 1 || h.notes[0].Call != item || h.notes[0].Notes != "They will call again." {
		t.Errorf("notes %+v", h.notes)
	}
}
