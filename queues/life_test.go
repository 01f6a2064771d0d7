package queues_test

import (
	"slices"
	"testing"

	"tandem/queues"
)

func TestFromJoinToWrapUp(t *testing.T) {
	h := newHouse(t)
	codes := []string{"sold"}
	q := h.queue("Sales", queues.OwnSettings{Dispositions: &codes})
	agent := h.staff(1, q)[0]
	w, item := h.join(q)
	o := h.offer(w)
	if o.Agent != agent || o.Item != item || o.AgentName != "Agent 1" || o.Device != "browser" || o.RingFor.Seconds() != 20 {
		t.Fatalf("offer %+v", o)
	}
	for _, step := range []struct {
		do   func() error
		want queues.State
	}{
		{func() error { return nil }, queues.Reserved},
		{func() error { return h.s.Offered(h.ctx, o.ID, queues.OfferAlerting) }, queues.Alerting},
		{func() error { return h.s.Offered(h.ctx, o.ID, queues.OfferAccepted) }, queues.Connecting},
		{func() error { return h.s.Interacting(h.ctx, o.ID) }, queues.Interacting},
		{func() error { return h.s.Held(h.ctx, o.ID) }, queues.Held},
		{func() error { return h.s.Lost(h.ctx, o.ID) }, queues.Recovering},
		{func() error { return h.s.Recovered(h.ctx, o.ID) }, queues.Interacting},
		{func() error { return h.s.Ended(h.ctx, o.ID) }, queues.WrapUp},
		{func() error { return h.s.Ended(h.ctx, o.ID) }, queues.WrapUp},
	} {
		h.ok(step.do())
		if got := h.agent(agent).State; got != step.want {
			t.Fatalf("agent is %s, want %s", got, step.want)
		}
	}
	f, err := h.s.FinishWrapUp(h.ctx, h.tenant, agent, queues.WrapUpNote{Disposition: "sold", Notes: "two"})
	h.ok(err)
	if f.Item != item || f.Queue != q || f.Offer != o.ID || f.Disposition != "sold" || f.Notes != "two" {
		t.Fatalf("finished %+v", f)
	}
	if a := h.agent(agent); a.State != queues.Idle || a.Used != 0 || len(a.Items) != 0 {
		t.Fatalf("after the wrap-up %+v", a)
	}
	want := []string{
		"item.queued", "offer.made", "agent.state RESERVED", "agent.state ALERTING", "agent.state CONNECTING", "agent.state INTERACTING",
		"item.left handled", "agent.state HELD", "agent.state RECOVERING", "agent.state INTERACTING", "agent.state WRAP_UP", "agent.state IDLE", "offer.ended finished",
	}
	if got := h.log("item.queued", "item.left", "offer.made", "offer.ended", "agent.state"); !slices.Equal(got, want) {
		t.Errorf("events %q\nwant %q", got, want)
	}
	ds, err := h.s.Decisions(h.ctx, h.tenant, item)
	h.ok(err)
	if len(ds) != 1 || ds[0].Agent != agent || ds[0].Offer != o.ID || ds[0].Waiting != 1 || len(ds[0].First) != 0 {
		t.Errorf("decisions %+v", ds)
	}
	if _, open := <-w.Offers(); open {
		t.Error("an item that is handled gets another offer")
	}
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
}
