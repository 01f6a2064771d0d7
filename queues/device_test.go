package queues_test

import (
	"slices"
	"strings"
	"testing"

	"tandem/internal/storage"
	"tandem/queues"
)

// An agent chooses a telephone: calls are offered while it is registered, whatever else they say of themselves; its ring time is their own.
func TestDeviceComesAndGoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{Missed: &queues.MissedRule{Threshold: 1}})
	agent := h.staff(1, q)[0]
	registered := func(device string, there bool) {
		t.Helper()
		h.ok(h.inTx(func(tx *storage.Tx) error { return h.s.DeviceIs(h.ctx, tx, h.tenant, agent, device, there) }))
	}
	h.ok(h.s.ChooseDevice(h.ctx, h.tenant, agent, queues.Device{Address: "phone:8001", RingSeconds: 45}))
	if a := h.agent(agent); a.Device != "phone:8001" || a.State != queues.Unreachable || a.BarredUntil != nil || a.Presence != queues.Available {
		t.Fatalf("not registered: %+v", a)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Available, ""))
	registered("phone:8002", true) // somebody else's
	if a := h.agent(agent); a.State != queues.Unreachable {
		t.Fatalf("a wish makes the telephone be there: %+v", a)
	}
	w, _ := h.join(q)
	registered("phone:8001", true)
	o := h.offer(w)
	if o.Device != "phone:8001" || o.RingFor.Seconds() != 45 {
		t.Errorf("offer %+v", o)
	}
	// It goes while it rings: the offer that fails for it sets no time after which it would be back.
	registered("phone:8001", false)
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferUnreachable))
	if a := h.agent(agent); a.State != queues.Unreachable || a.BarredUntil != nil {
		t.Errorf("gone while it rang: %+v", a)
	}
	registered("phone:8001", true)
	o = h.offer(w)
	if o.Device != "phone:8001" {
		t.Errorf("offered again on %s", o.Device)
	}
	// Or the offer fails first, and it is known only then that it has gone.
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferUnreachable))
	registered("phone:8001", false)
	if a := h.agent(agent); a.State != queues.Unreachable || a.BarredUntil != nil {
		t.Errorf("gone after an offer that failed: %+v", a)
	}
	// Or the agent is not asked any more, because they have missed an offer, when it goes.
	registered("phone:8001", true)
	o = h.offer(w)
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferMissed))
	if a := h.agent(agent); a.State != queues.NotResponding {
		t.Fatalf("missed an offer: %+v", a)
	}
	registered("phone:8001", false)
	if a := h.agent(agent); a.State != queues.Unreachable || a.BarredUntil != nil {
		t.Errorf("gone after a missed offer: %+v", a)
	}
	registered("phone:8001", true)
	if lines := h.log("agent.state"); slices.Contains(lines, "agent.state ") {
		t.Errorf("a state without a name: %s", lines)
	}
}

// Whoever comes back to the browser is offline until their page says more; what they had set is not forgotten. Numbers are in E.164.
func TestChooseDevice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.staff(1, h.queue("Q", queues.OwnSettings{}))[0]
	choose := func(address string, ring int) error {
		return h.s.ChooseDevice(h.ctx, h.tenant, agent, queues.Device{Address: address, RingSeconds: ring, There: true})
	}
	for _, wrong := range []queues.Device{{Address: "number:015123456789"}, {Address: "number:+"}, {Address: "phone:"}, {Address: "fax:1"}, {Address: "browser", RingSeconds: 5}} {
		if choose(wrong.Address, wrong.RingSeconds) == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
	h.ok(choose("number:+4915123456789", 30))
	if a := h.agent(agent); a.State != queues.Idle || a.Presence != queues.Available {
		t.Errorf("at a number: %+v", a)
	}
	if d, err := h.s.DeviceOf(h.ctx, h.tenant, agent); err != nil || d.Address != "number:+4915123456789" || d.RingSeconds != 30 {
		t.Errorf("device %+v, %v", d, err)
	}
	h.ok(choose("browser", 0))
	if a := h.agent(agent); a.Presence != queues.Offline {
		t.Errorf("back in the browser: %+v", a)
	}
	if p, _, err := h.s.Back(h.ctx, h.tenant, agent); err != nil || p != queues.Available {
		t.Errorf("the page is there: %s, %v", p, err)
	}
	var kept string
	h.ok(h.inTx(func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT string_agg(data::text, ' ') FROM events WHERE type = 'agent.device_chosen'`).Scan(&kept)
	}))
	if strings.Contains(kept, "4915123456789") || !strings.Contains(kept, `"number"`) {
		t.Errorf("what is kept of the choice: %s", kept)
	}
	if err := h.s.ChooseDevice(h.ctx, h.tenant, storage.NewID(), queues.Device{Address: "browser"}); err == nil {
		t.Error("a stranger has a device")
	}
}
