package queues_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// An item goes to the agent whom a person chose, even one of other queues; the decision says who chose.
func TestAssign(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{})
	elsewhere := h.queue("Elsewhere", queues.OwnSettings{})
	chosen := h.staff(1, elsewhere)[0]
	w, item := h.join(q)
	manager := storage.NewID()
	ctx := events.WithActor(h.ctx, manager)

	h.ok(h.s.Assign(ctx, h.tenant, item, chosen))
	o := h.offer(w)
	if o.Agent != chosen || o.Item != item || o.AgentName == "" || o.RingFor <= 0 {
		t.Fatalf("offer %+v", o)
	}
	if err := h.s.Assign(ctx, h.tenant, item, chosen); !errors.Is(err, queues.ErrItemOffered) {
		t.Errorf("an item that rings is assigned again: %v", err)
	}
	h.serve(o)
	if a := h.agent(chosen); a.State != queues.Interacting || a.Used == 0 {
		t.Errorf("the chosen agent is %+v", a)
	}
	ds, err := h.s.Decisions(h.ctx, h.tenant, item)
	h.ok(err)
	// The dispatcher may have looked at the item, and found nobody, in a transaction that began a moment later and ended sooner.
	at := slices.IndexFunc(ds, func(d queues.Decision) bool { return d.Algorithm == queues.ByHand })
	if at < 0 || ds[at].Agent != chosen || ds[at].Offer != o.ID || ds[at].AssignedBy == nil || *ds[at].AssignedBy != manager {
		t.Errorf("decisions %+v", ds)
	}
	if got := h.log("item.assigned"); len(got) != 1 {
		t.Errorf("events %q", got)
	}
	if err := h.s.Assign(ctx, h.tenant, item, chosen); !errors.Is(err, queues.ErrNotWaiting) {
		t.Errorf("an item that does not wait is assigned: %v", err)
	}
}

// A refused assignment changes nothing; an offer that comes to nothing leaves the item at its place.
func TestAssignRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{})
	elsewhere := h.queue("Elsewhere", queues.OwnSettings{})
	chosen := h.staff(1, elsewhere)[0]
	w, item := h.join(q)
	since := h.queued(item).EnqueuedAt
	if err := h.s.Assign(h.ctx, h.tenant, item, uuid.New()); !errors.Is(err, queues.ErrNoAgent) {
		t.Errorf("nobody gets an item: %v", err)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, chosen, queues.Away, ""))
	if err := h.s.Assign(h.ctx, h.tenant, item, chosen); !errors.Is(err, queues.ErrAgentNotFree) {
		t.Errorf("an agent who is away gets an item: %v", err)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, chosen, queues.Available, ""))
	h.ok(h.s.Assign(h.ctx, h.tenant, item, chosen))
	o := h.offer(w)
	h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferDeclined))
	if it := h.queued(item); it.ID != item || !it.EnqueuedAt.Equal(since) || it.Agent != uuid.Nil {
		t.Errorf("after the agent declined: %+v", it)
	}
}

// An agent hands what they have to another, who may refuse; the first one is in it until theirs has ended.
func TestHandTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpMandatory}})
	elsewhere := h.queue("Elsewhere", queues.OwnSettings{})
	first, second := h.staff(1, q)[0], h.staff(1, elsewhere)[0]
	w, _ := h.join(q)
	own := h.offer(w)
	if _, err := w.HandTo(h.ctx, second, time.Minute); !errors.Is(err, queues.ErrNoTalk) {
		t.Errorf("what nobody has is handed on: %v", err)
	}
	h.serve(own)
	if _, err := w.HandTo(h.ctx, first, time.Minute); !errors.Is(err, queues.ErrAgentNotFree) {
		t.Errorf("an agent gets what they have: %v", err)
	}
	for _, result := range []queues.OfferResult{queues.OfferWithdrawn, queues.OfferAccepted} {
		o, err := w.HandTo(h.ctx, second, time.Minute)
		h.ok(err)
		if o.Agent != second || o.RingFor != time.Minute || o.Queue != q {
			t.Fatalf("offer %+v", o)
		}
		h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAlerting))
		if a := h.agent(first); a.State != queues.Interacting {
			t.Errorf("the first agent is %s while it rings", a.State)
		}
		if result == queues.OfferAccepted {
			h.ok(h.s.Ended(h.ctx, own.ID))
		}
		h.ok(h.s.Offered(h.ctx, o.ID, result))
		if result == queues.OfferAccepted {
			h.ok(h.s.Interacting(h.ctx, o.ID))
		}
	}
	if a, b := h.agent(first), h.agent(second); a.State != queues.WrapUp || b.State != queues.Interacting {
		t.Errorf("the first is %s, the second %s", a.State, b.State)
	}
	if left := h.log("item.left"); len(left) != 1 {
		t.Errorf("the item left %d times: %q", len(left), left)
	}
}

// An agent of a queue is asked in beside the one who has the item: who has been free for longest. Who leaves before the customer has met them has
// nothing to wrap up.
func TestHandToQueue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpMandatory}})
	other := h.queue("Other", queues.OwnSettings{})
	first, second := h.staff(1, q)[0], h.staff(1, other)[0]
	w, _ := h.join(q)
	own := h.offer(w)
	h.serve(own)
	if _, err := w.HandToQueue(h.ctx, q, time.Minute); !errors.Is(err, queues.ErrAgentNotFree) {
		t.Errorf("nobody is free: %v", err)
	}
	for _, met := range []bool{false, true} {
		o, err := w.HandToQueue(h.ctx, other, time.Minute)
		h.ok(err)
		if o.Agent != second {
			t.Fatalf("offer %+v", o)
		}
		h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAlerting))
		h.ok(h.s.Offered(h.ctx, o.ID, queues.OfferAccepted))
		want := queues.Idle
		if met {
			h.ok(h.s.Interacting(h.ctx, o.ID))
			h.ok(h.s.Interacting(h.ctx, o.ID))
			want = queues.WrapUp
		}
		if a := h.agent(first); a.State != queues.Interacting {
			t.Errorf("the first agent is %s beside the second", a.State)
		}
		h.ok(h.s.Ended(h.ctx, o.ID))
		if a := h.agent(second); a.State != want {
			t.Errorf("the second agent is %s afterwards, want %s", a.State, want)
		}
	}
}

// Of several who ask an agent of a queue in at the same moment, each gets one while there are any.
func TestHandToQueueRaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q, other := h.queue("Sales", queues.OwnSettings{}), h.queue("Other", queues.OwnSettings{})
	const all = 8
	h.staff(all, q)
	h.staff(all, other)
	talks := make([]*queues.Waiting, all)
	for i := range talks {
		talks[i], _ = h.join(q)
		h.serve(h.offer(talks[i]))
	}
	var asked errgroup.Group
	agents := make([]uuid.UUID, all)
	for i, w := range talks {
		asked.Go(func() error {
			o, err := w.HandToQueue(h.ctx, other, time.Minute)
			agents[i] = o.Agent
			return err
		})
	}
	h.ok(asked.Wait())
	slices.SortFunc(agents, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	if got := slices.Compact(agents); len(got) != all {
		t.Errorf("%d agents for %d who ask", len(got), all)
	}
	if _, err := talks[0].HandToQueue(h.ctx, other, time.Minute); !errors.Is(err, queues.ErrAgentNotFree) {
		t.Errorf("one more: %v", err)
	}
}

// A call that an agent had, and that comes back, has the priority that it had.
func TestPriorityOfBefore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{})
	agent := h.staff(1)[0]
	w, item := h.join(q)
	h.ok(h.s.SetPriority(h.ctx, h.tenant, item, 7))
	h.ok(h.s.Assign(h.ctx, h.tenant, item, agent))
	o := h.offer(w)
	h.serve(o)
	h.ok(h.s.Ended(h.ctx, o.ID))
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Away, ""))
	_, err := h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: item, Kind: queues.Call})
	h.ok(err)
	if it := h.queued(item); it.Priority != 7 {
		t.Errorf("it waits again with priority %d", it.Priority)
	}
}
