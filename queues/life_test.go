package queues_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
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

// serve takes an offer to the interaction.
func (h *house) serve(o queues.Offer) {
	h.Helper()
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAlerting))
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAccepted))
	h.ok(h.s.Interacting(h.ctx, o.ID))
}

func TestLongestIdleAndOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	none := queues.WrapUpRule{Mode: queues.WrapUpNone}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &none})
	agents := h.staff(3, q)
	var served []uuid.UUID
	for range 5 {
		w, _ := h.join(q)
		o := h.offer(w)
		served = append(served, o.Agent)
		h.serve(o)
		h.ok(h.s.Ended(h.ctx, o.ID))
	}
	if want := []uuid.UUID{agents[0], agents[1], agents[2], agents[0], agents[1]}; !slices.Equal(served, want) {
		t.Errorf("served by %v, want %v", served, want)
	}
	// Nobody free: the later one with the higher priority is next, then the oldest.
	for _, a := range agents {
		h.ok(h.s.SetPresence(h.ctx, h.tenant, a, queues.Away, "lunch"))
	}
	first, _ := h.join(q)
	second, _ := h.join(q)
	id := storage.NewID()
	urgent, err := h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: id, Kind: queues.Call, Priority: 5})
	h.ok(err)
	for i, w := range []*queues.Waiting{urgent, first, second} {
		if st, err := w.Standing(h.ctx); err != nil || st.Position != i+1 {
			t.Errorf("place %d %v, want %d", st.Position, err, i+1)
		}
	}
	for _, w := range []*queues.Waiting{urgent, first, second} {
		h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[2], queues.Available, ""))
		o := h.offer(w)
		h.serve(o)
		h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[2], queues.Away, ""))
		h.ok(h.s.Ended(h.ctx, o.ID))
	}
}

func TestPlaceIsKeptWhenTheAgentLeavesEarly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	h.staff(1, q)
	w, item := h.join(q)
	o := h.offer(w)
	behind, _ := h.join(q)
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAccepted)) // whisper
	before := h.queued(item)
	h.ok(h.s.Ended(h.ctx, o.ID)) // the agent hangs up in it
	o = h.offer(w)               // and gets the same caller again, not the one behind
	if after := h.queued(item); !after.EnqueuedAt.Equal(before.EnqueuedAt) || after.Priority != before.Priority {
		t.Errorf("before %+v, after %+v", before, after)
	}
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAccepted))
	// The customer hangs up in the whisper: one leave, the agent is free for the next.
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	h.ok(h.s.Ended(h.ctx, o.ID))
	h.offer(behind)
	if got := h.log("item.left"); !slices.Equal(got, []string{"item.left abandoned"}) {
		t.Errorf("leaves %q", got)
	}
	if err := h.s.Offered(h.ctx, o.ID, queues.OfferAccepted); !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("accepting a withdrawn offer: %v", err)
	}
}

func (h *house) queued(item uuid.UUID) queues.QueuedItem {
	h.Helper()
	page, err := h.s.Queued(h.ctx, h.tenant, queues.QueuedFilter{})
	h.ok(err)
	for _, it := range page.Items {
		if it.ID == item {
			return it
		}
	}
	h.Fatal("the item does not wait")
	return queues.QueuedItem{}
}

func TestMissedAndUnreachable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	missed := queues.MissedRule{Threshold: 2, NotRespondingSeconds: 1}
	q := h.queue("Q", queues.OwnSettings{Missed: &missed})
	agent := h.staff(1, q)[0]
	w, _ := h.join(q)
	h.ok(h.s.Offered(h.ctx, h.offer(w).ID, queues.OfferMissed))
	o := h.offer(w) // once is not enough
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAlerting))
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferDeclined))
	if a := h.agent(agent); a.State != queues.NotResponding || a.Missed != 2 || a.Unreached != 0 {
		t.Fatalf("after two missed %+v", a)
	}
	o = h.offer(w) // the time is over
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferUnreachable))
	if a := h.agent(agent); a.State != queues.Unreachable || a.Missed != 2 || a.Unreached != 1 {
		t.Fatalf("after one unreachable %+v", a)
	}
	if _, _, err := h.s.Back(h.ctx, h.tenant, agent); err != nil { // the device is here again
		t.Fatal(err)
	}
	o = h.offer(w)
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferWithdrawn))
	if a := h.agent(agent); a.Missed != 2 || a.Unreached != 1 {
		t.Errorf("a withdrawn offer counts: %+v", a)
	}
}

func TestNotRespondingUntilSomeoneSaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	agent := h.staff(1, q)[0]
	w, _ := h.join(q)
	h.ok(h.s.Offered(h.ctx, h.offer(w).ID, queues.OfferMissed))
	if _, _, err := h.s.Back(h.ctx, h.tenant, agent); err != nil {
		t.Fatal(err)
	}
	if a := h.agent(agent); a.State != queues.NotResponding || a.BarredUntil != nil {
		t.Fatalf("a reload lifts it: %+v", a)
	}
	manager := storage.NewID()
	h.ok(h.s.SetPresence(events.WithActor(h.ctx, manager), h.tenant, agent, queues.Available, ""))
	h.offer(w)
}

func TestPresence(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.staff(1)[0]
	manager := storage.NewID()
	h.ok(h.s.SetPresence(events.WithActor(h.ctx, manager), h.tenant, agent, queues.Away, "training"))
	h.ok(h.s.Gone(h.ctx, h.tenant, agent))
	if a := h.agent(agent); a.Presence != queues.Offline {
		t.Fatalf("gone, but %s", a.Presence)
	}
	if p, reason, err := h.s.Back(h.ctx, h.tenant, agent); err != nil || p != queues.Away || reason != "training" {
		t.Fatalf("back as %s %q, %v", p, reason, err)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Offline, "")) // said so: nothing returns
	h.ok(h.s.Gone(h.ctx, h.tenant, agent))
	if p, _, err := h.s.Back(h.ctx, h.tenant, agent); err != nil || p != queues.Offline {
		t.Fatalf("back as %s, %v", p, err)
	}
	var actor *uuid.UUID
	h.ok(h.db.Tenant(h.ctx, h.tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT actor FROM events WHERE type = 'agent.presence' AND data->>'reason' = 'training' ORDER BY seq LIMIT 1`).Scan(&actor)
	}))
	if actor == nil || *actor != manager {
		t.Errorf("the event names %v", actor)
	}
	if err := h.s.SetPresence(h.ctx, h.tenant, agent, "ASLEEP", ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a presence that does not exist: %v", err)
	}
	other := storagetest.Tenant(t, h.db, "other")
	if err := h.s.SetPresence(h.ctx, other, agent, queues.Available, ""); !errors.Is(err, queues.ErrNoAgent) {
		t.Errorf("another tenant's agent: %v", err)
	}
}

func TestWrapUpModes(t *testing.T) {
	t.Parallel()
	codes := []string{"sold", "lost"}
	for _, c := range []struct {
		name string
		rule queues.WrapUpRule
		want queues.State
		ends bool // by itself
		bare error
	}{
		{"none", queues.WrapUpRule{Mode: queues.WrapUpNone}, queues.Idle, true, queues.ErrNoWrapUp},
		{"optional", queues.WrapUpRule{Mode: queues.WrapUpOptional}, queues.WrapUp, false, nil},
		{"timed", queues.WrapUpRule{Mode: queues.WrapUpTimed, MaxSeconds: 1}, queues.WrapUp, true, nil},
		{"mandatory", queues.WrapUpRule{Mode: queues.WrapUpMandatory, MaxSeconds: 1}, queues.WrapUp, false, queues.ErrNoDisposition},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			q := h.queue("Q", queues.OwnSettings{WrapUp: &c.rule, Dispositions: &codes})
			agent := h.staff(1, q)[0]
			end := func() {
				w, _ := h.join(q)
				o := h.offer(w)
				h.serve(o)
				h.ok(h.s.Ended(h.ctx, o.ID))
			}
			end()
			if a := h.agent(agent); a.State != c.want || (a.Used != 0) != (c.want == queues.WrapUp) {
				t.Fatalf("%s with %d used, want %s", a.State, a.Used, c.want)
			}
			if _, err := h.s.FinishWrapUp(h.ctx, h.tenant, agent, queues.WrapUpNote{}); !errors.Is(err, c.bare) {
				t.Fatalf("finishing without a disposition: %v, want %v", err, c.bare)
			}
			if c.want == queues.Idle {
				return
			}
			if c.bare == nil {
				end()
			}
			if _, err := h.s.FinishWrapUp(h.ctx, h.tenant, agent, queues.WrapUpNote{Disposition: "stolen"}); !errors.Is(err, queues.ErrDisposition) {
				t.Errorf("a disposition that does not exist: %v", err)
			}
			if c.ends {
				h.eventually("the wrap-up ends", func() bool { return h.agent(agent).State == queues.Idle })
				return
			}
			_, err := h.s.FinishWrapUp(h.ctx, h.tenant, agent, queues.WrapUpNote{Disposition: "lost"})
			h.ok(err)
		})
	}
}

func TestCapacityAcrossKinds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	agent := h.staff(1, q)[0]
	join := func(kind queues.Kind, ch queues.Channel) *queues.Waiting {
		w, err := h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: storage.NewID(), Kind: kind, Channel: ch})
		h.ok(err)
		return w
	}
	var chats []queues.Offer
	for range 4 {
		chats = append(chats, h.offer(join(queues.Chat, queues.Web)))
	}
	call, fifth := join(queues.Call, ""), join(queues.Chat, "")
	if a := h.agent(agent); a.Used != 100 {
		t.Fatalf("four chats take %d", a.Used)
	}
	h.ok(h.s.Offered(h.ctx, chats[0].ID, queues.OfferAccepted))
	h.ok(h.s.Interacting(h.ctx, chats[0].ID))
	h.ok(h.s.Ended(h.ctx, chats[0].ID))       // no wrap-up follows a chat
	chats = append(chats[1:], h.offer(fifth)) // the call came first, but the agent has no room for it
	for _, o := range chats {
		h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAccepted))
		h.ok(h.s.Interacting(h.ctx, o.ID))
		h.ok(h.s.Ended(h.ctx, o.ID))
	}
	h.offer(call)
	if a := h.agent(agent); a.Used != 100 {
		t.Errorf("a call takes %d", a.Used)
	}
}

func TestOverCapacityAndPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	two := 2
	q := h.queue("Q", queues.OwnSettings{MaxWaiting: &two})
	joined := make(chan error, 8)
	for range cap(joined) {
		go func() {
			_, err := h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: storage.NewID(), Kind: queues.Call})
			joined <- err
		}()
	}
	in := 0
	for range cap(joined) {
		switch err := <-joined; {
		case err == nil:
			in++
		case !errors.Is(err, queues.ErrQueueFull):
			t.Errorf("join: %v", err)
		}
	}
	if in != 2 {
		t.Errorf("%d of 8 got in, want 2", in)
	}
	paused := true
	p := h.queue("P", queues.OwnSettings{})
	agent := h.staff(1, p)[0]
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Away, ""))
	w, _ := h.join(p)
	if _, err := h.s.UpdateQueue(h.ctx, h.tenant, p, queues.QueueChange{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.Join(h.ctx, h.tenant, p, queues.NewItem{ID: storage.NewID(), Kind: queues.Call}); !errors.Is(err, queues.ErrQueuePaused) {
		t.Errorf("joining a paused queue: %v", err)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Available, ""))
	h.offer(w) // those who wait already are served
}

// TestRaces has many callers hang up and many agents answer, decline and leave at random moments, on two nodes. In the end nobody and
// nothing is stuck, and each item has left exactly once for each time it has waited.
func TestRaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second, _ := h.service()
	h.run(second)
	missed := queues.MissedRule{Threshold: 1000}
	none := queues.WrapUpRule{Mode: queues.WrapUpNone}
	q := h.queue("Q", queues.OwnSettings{Missed: &missed, WrapUp: &none})
	agents := h.staff(4, q)
	var busy sync.Map // agent → item, as the callers see it
	var callers errgroup.Group
	callers.SetLimit(16)
	const all = 200
	for n := range all {
		s := []*queues.Service{h.s, second}[n%2]
		callers.Go(func() error { return h.caller(s, q, n, &busy) })
	}
	h.ok(callers.Wait())
	h.eventually("all agents are idle", func() bool {
		for _, a := range agents {
			if v := h.agent(a); v.State != queues.Idle || v.Used != 0 {
				return false
			}
		}
		return true
	})
	if n := len(h.log("item.left")); n != all {
		t.Errorf("%d leaves of %d items", n, all)
	}
	if page, err := h.s.Queued(h.ctx, h.tenant, queues.QueuedFilter{}); err != nil || len(page.Items) != 0 {
		t.Errorf("%d still wait, %v", len(page.Items), err)
	}
}

// caller waits, is offered to agents who do what chance says, and leaves in the end.
func (h *house) caller(s *queues.Service, q uuid.UUID, n int, busy *sync.Map) error {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	id := storage.NewID()
	w, err := s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: id, Kind: queues.Call})
	if err != nil {
		return err
	}
	if rng.IntN(6) == 0 {
		return w.Leave(h.ctx, queues.LeftAbandoned)
	}
	for {
		var o queues.Offer
		select {
		case o = <-w.Offers():
		case <-time.After(patience):
			return fmt.Errorf("item %d got no offer", n)
		}
		if other, taken := busy.LoadOrStore(o.Agent, id); taken {
			return fmt.Errorf("agent %s has %s and is offered to %s", o.Agent, other, id)
		}
		done, err := h.oneOffer(s, w, o, rng, func() { busy.Delete(o.Agent) })
		if done || err != nil {
			return err
		}
	}
}

func (h *house) oneOffer(s *queues.Service, w *queues.Waiting, o queues.Offer, rng *rand.Rand, free func()) (done bool, err error) {
	end := func(step func() error) error { free(); return step() } // once the step is done the agent may be another's
	say := func(r queues.OfferResult) error { return s.Offered(h.ctx, o.ID, r) }
	what := rng.IntN(8)
	if what == 0 {
		return false, end(func() error { return say(queues.OfferMissed) })
	}
	if err := say(queues.OfferAlerting); err != nil {
		return false, err
	}
	switch what {
	case 1:
		return false, end(func() error { return say(queues.OfferDeclined) })
	case 2:
		return true, end(func() error { return w.Leave(h.ctx, queues.LeftAbandoned) })
	}
	if err := say(queues.OfferAccepted); err != nil {
		return false, err
	}
	switch what {
	case 3:
		return true, end(func() error { return w.Leave(h.ctx, queues.LeftAbandoned) })
	case 4:
		return false, end(func() error { return s.Ended(h.ctx, o.ID) })
	}
	if err := s.Interacting(h.ctx, o.ID); err != nil {
		return false, err
	}
	return true, end(func() error { return s.Ended(h.ctx, o.ID) })
}

func TestStepsOutOfTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	agent := h.staff(1, q)[0]
	w, _ := h.join(q)
	o := h.offer(w)
	if err := h.s.Held(h.ctx, o.ID); !errors.Is(err, queues.ErrOfferState) {
		t.Errorf("holding before accepting: %v", err)
	}
	h.serve(o)
	if err := h.s.Resumed(h.ctx, o.ID); !errors.Is(err, queues.ErrOfferState) {
		t.Errorf("resuming what is not held: %v", err)
	}
	if err := h.s.Offered(h.ctx, o.ID, queues.OfferMissed); !errors.Is(err, queues.ErrOfferState) {
		t.Errorf("missing in the talk: %v", err)
	}
	if a := h.agent(agent); a.State != queues.Interacting {
		t.Errorf("the agent is %s", a.State)
	}
	h.ok(h.s.Ended(h.ctx, o.ID))
	if err := h.s.Held(h.ctx, o.ID); !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("holding after the end: %v", err)
	}
	if err := h.s.Offered(h.ctx, storage.NewID(), queues.OfferAccepted); !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("an offer that never was: %v", err)
	}
}

// Ends that could not be stored when they happened are stored later: their owners do not come back.
func TestEndsAreOwed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	none := queues.WrapUpRule{Mode: queues.WrapUpNone}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &none})
	agents := h.staff(2, q)
	w1, _ := h.join(q)
	o1 := h.offer(w1)
	h.serve(o1)
	w2, _ := h.join(q)
	h.offer(w2)
	away, cancel := context.WithCancel(h.ctx)
	cancel() // as good as a database that does not answer
	if h.s.Ended(away, o1.ID) == nil || w2.Leave(away, queues.LeftAbandoned) == nil {
		t.Fatal("stored without a database")
	}
	h.eventually("both agents are idle", func() bool {
		return h.agent(agents[0]).State == queues.Idle && h.agent(agents[1]).State == queues.Idle
	})
	if left := h.log("item.left"); !slices.Equal(left, []string{"item.left handled", "item.left abandoned"}) {
		t.Errorf("leaves %q", left)
	}
}
