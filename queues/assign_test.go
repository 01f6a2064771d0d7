package queues_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

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
