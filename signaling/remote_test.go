package signaling_test

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/media"
	"tandem/queues"
	"tandem/signaling"
	"tandem/signaling/browsertest"
)

// A node that has shown a call of an agent's on another device, and ends, leaves the agent alone whose page is at another.
func TestNodeWithoutThePageEnds(t *testing.T) {
	var cfg signaling.Config
	h := newHouse(t, func(c *signaling.Config) { cfg = *c })
	h.ready()
	other, err := signaling.New(cfg, signaling.Needs{Bus: h.bus, Queues: h.queues}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	h.ok(err)
	ctx, stop := context.WithCancel(h.ctx)
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	to := calls.Target{Tenant: h.tenant, Agent: h.agent, Call: uuid.New(), Offer: uuid.New(), Device: "phone:8001"}
	var far calls.Leg
	browsertest.Eventually(t, "a node that runs", func() bool {
		far, err = other.Dialer().Dial(ctx, to)
		return err == nil
	})
	<-other.Accompany(far, to).Done()
	stop()
	h.ok(<-ended)
	h.ok(other.Close())
	if v, err := h.queues.Agent(h.ctx, h.tenant, h.agent); err != nil || v.Presence != queues.Available {
		t.Errorf("the agent is %s (%v)", v.Presence, err)
	}
}

// newTwoNodes is a house whose agent's page is at one node, and whose calls come from another, where elsewhere is the address for pages.
func newTwoNodes(t *testing.T, change ...func(*signaling.Config)) (h *house, page *browsertest.Page, elsewhere string) {
	t.Helper()
	ports, err := media.NewRTPPorts(media.RTPConfig{IP: netip.MustParseAddr("127.0.0.1"), MinPort: 38000, MaxPort: 38999})
	if err != nil {
		t.Fatal(err)
	}
	var cfg signaling.Config
	h = newHouse(t, append(change, func(c *signaling.Config) {
		c.Ports = ports
		cfg = *c
	})...)
	h.run(ports.Run)
	page = h.ready()
	h.hub, elsewhere = h.serve(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	return h, page, elsewhere
}

// A call of another node is the page's as any: it rings, is declined, withdrawn or taken, heard and spoken to, and all that the page can do with a call
// comes to the call's node.
func TestPageAtAnotherNode(t *testing.T) {
	h, p, _ := newTwoNodes(t)
	ring := func() call {
		t.Helper()
		c := h.dial()
		p.Wait("offer", "offer", c.target.Offer.String())
		p.Send("offer.ack", c.offer())
		c.expect(calls.LegRinging)
		return c
	}
	c := ring()
	p.Send("offer.decline", c.offer())
	c.over(calls.CauseDeclined)
	c = ring()
	c.Hangup(calls.CauseNoAnswer)
	c.over(calls.CauseNoAnswer)
	p.Wait("offer.withdrawn", "offer", c.target.Offer.String(), "reason", "missed")

	c = h.talk(p)
	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	p.Send("call.digit", map[string]string{"digit": "5"})
	if d := <-c.Stream().Digits(); d.Key != '5' {
		t.Errorf("digit %c", d.Key)
	}
	p.Send("call.hold", nil)
	c.expect(calls.LegAskHold)
	c.show(calls.StateHeld)
	p.Wait("call", "state", "held")
	p.Send("call.resume", nil)
	c.expect(calls.LegAskTalk)
	c.show(calls.StateTalking)
	p.Wait("call", "state", "talking")
	c.Leg.(interface{ ShowData(calls.Data) }).ShowData(calls.Data{Summary: "A refund."})
	p.Wait("call", "card.summary", "A refund.")

	p.Send("call.consult", map[string]string{"number": "5550"})
	c.expect(calls.LegAskTransfer)
	tr, ok := c.Leg.(interface{ Transfer() (calls.Transfer, bool) }).Transfer()
	if !ok || tr.Number != "5550" || !tr.Consult || !tr.Hold {
		t.Fatalf("transfer %+v", tr)
	}
	tr.Ringing()
	p.Wait("call", "transfer.state", "ringing")
	tr.Here()
	p.Wait("call", "transfer.state", "here")
	advisor := uuid.New()
	c.Leg.(interface{ ShowRoster(calls.Roster) }).ShowRoster(calls.Roster{Leads: true, Parties: []calls.Participant{{ID: advisor, Party: "far_end"}}})
	p.Wait("call", "roster.leads", "true")
	p.Send("call.remove", map[string]any{"party": advisor})
	c.expect(calls.LegAskRemove)
	if got := c.Leg.(interface{ Remove() uuid.UUID }).Remove(); got != advisor {
		t.Errorf("%s is sent away", got)
	}
	tr.Done(calls.CauseCancelled)
	p.Wait("call", "transfer.state", "failed", "transfer.cause", "cancelled")
	c.Leg.(interface{ ShowRoster(calls.Roster) }).ShowRoster(calls.Roster{})
	c.Leg.(interface{ ShowData(calls.Data) }).ShowData(calls.Data{Summary: "Alone again."})
	p.Wait("call", "card.summary", "Alone again.", "roster", "")
	p.Send("call.hangup", nil)
	c.over(calls.CauseNormal)

	p.Leave()
	browsertest.Eventually(t, "nobody to reach", func() bool {
		c := h.dial()
		<-c.Done()
		return c.Cause() == calls.CauseUnreachable
	})
}

// sessions is how many agents have a session at the node with metrics in h.reg.
func (h *house) sessions() (n float64) {
	h.Helper()
	all, err := h.reg.Gather()
	h.ok(err)
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tandem_browser_sessions" {
				n += m.GetGauge().GetValue()
			}
		}
	}
	return n
}

// An agent whose page is opened at another node goes on there: whatever becomes of the page before, they stay what they are, and are rung once.
func TestPageMovesToAnotherNode(t *testing.T) {
	for what, leave := range map[string]func(p *browsertest.Page){"both open": func(*browsertest.Page) {}, "the first was lost": (*browsertest.Page).Drop} {
		t.Run(what, func(t *testing.T) {
			h, first, elsewhere := newTwoNodes(t, func(c *signaling.Config) { c.Grace = 3 * time.Second })
			leave(first)
			second := h.readyAt(elsewhere)
			browsertest.Eventually(t, "no session where the page was", func() bool { return h.sessions() == 0 })
			if v, err := h.queues.Agent(h.ctx, h.tenant, h.agent); err != nil || v.Presence != queues.Available {
				t.Errorf("the agent is %s (%v)", v.Presence, err)
			}
			if code := first.Closed(); what == "both open" && code != 4403 {
				t.Errorf("the first page was closed with %d", code)
			}
			h.talk(second).Hangup(calls.CauseNormal)
		})
	}
}

// A call keeps its page while another is open at another node, and the newer page takes its place after the call.
func TestPageInACallStays(t *testing.T) {
	h, first, elsewhere := newTwoNodes(t)
	c := h.talk(first)
	second := h.openAt(elsewhere)
	c.Stream().Play(media.Echo())
	first.RTC.Say(440)
	first.RTC.Await(440)
	first.Send("call.hangup", nil)
	c.over(calls.CauseNormal)
	if code := first.Closed(); code != 4403 {
		t.Errorf("the page was closed with %d", code)
	}
	second.Send("ping", nil)
	second.Wait("pong")
}

// A supervisor's page at another node than the call joins it as one beside it does.
func TestListeningAtAnotherNode(t *testing.T) {
	h, p, _ := newTwoNodes(t)
	c := h.listen(calls.Monitor)
	p.Wait("supervise", "state", "connecting", "call", c.target.Call.String())
	c.expect(calls.LegAnswered)
	c.is(calls.SupervisionOn, "")
	p.Wait("supervise", "state", "on", "mode", "monitor")
	c.Stream().Play(media.Echo())
	p.RTC.Say(440)
	p.RTC.Await(440)
	p.Send("supervise.stop", map[string]string{"call": c.target.Call.String()})
	c.over(calls.CauseNormal)
	p.Wait("supervise", "state", "ended", "cause", "stopped")

	talk := h.talk(p)
	if _, err := h.tryListen(calls.Monitor); refusedAs(err) != "in_call" {
		t.Errorf("listening in a call of one's own: %v", err)
	}
	talk.Hangup(calls.CauseNormal)
	talk.over(calls.CauseNormal)
	p.Leave()
	browsertest.Eventually(t, "nobody to listen", func() bool {
		_, err := h.tryListen(calls.Monitor)
		return refusedAs(err) == "no_session"
	})
}
