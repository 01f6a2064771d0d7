package queues_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/queues"
)

// callsOut lets those who serve a queue call on its behalf.
func callsOut(callerID string) queues.OwnSettings {
	return queues.OwnSettings{
		Outbound: &queues.OutboundRule{Allowed: true, CallerID: callerID}, WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpMandatory},
	}
}

func (h *house) dial(q, agent uuid.UUID, key string) (w *queues.Waiting, o queues.Offer, made uuid.UUID, err error) {
	return h.s.Dial(h.ctx, h.tenant, queues.Outgoing{ID: storage.NewID(), Queue: q, Agent: agent, Number: "+49301234567", Key: key})
}

// An agent who calls has time for nothing else, until the wrap-up, which follows also where nobody was reached.
func TestDial(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", callsOut("+4930100"))
	agent := h.staff(1, q)[0]
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Away, "")) // which keeps calls from queues from them only
	_, o, made, err := h.dial(q, agent, "")
	h.ok(err)
	if o.Agent != agent || o.Item != made || o.RingFor <= 0 || o.Device != "browser" || o.AgentName == "" {
		t.Fatalf("offer %+v of %s", o, made)
	}
	if _, _, _, err := h.dial(q, agent, ""); !errors.Is(err, queues.ErrOccupied) {
		t.Errorf("the agent calls twice at once: %v", err)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Available, ""))
	w, _ := h.join(q)
	h.serve(o)
	h.ok(h.s.Ended(h.ctx, o.ID))
	if a := h.agent(agent); a.State != queues.WrapUp || len(a.Items) != 1 || a.Items[0].Kind != queues.Outbound {
		t.Fatalf("afterwards the agent is %+v", a)
	}
	select {
	case o := <-w.Offers():
		t.Errorf("a call from the queue is offered to an agent who calls: %+v", o)
	default:
	}
	_, err = h.s.FinishWrapUp(h.ctx, h.tenant, agent, queues.WrapUpNote{})
	h.ok(err)
	if next := h.offer(w); next.Agent != agent {
		t.Errorf("after the wrap-up %+v is offered", next)
	}
	if got := h.log("item.queued", "item.left"); len(got) != 1 {
		t.Errorf("a call that an agent makes has waited: %q", got)
	}
}

// What was asked for under a key is done once, and is answered with the same call.
func TestDialAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", callsOut(""))
	agent := h.staff(1, q)[0]
	_, _, first, err := h.dial(q, agent, "order 1")
	h.ok(err)
	w, _, again, err := h.dial(q, agent, "order 1")
	h.ok(err)
	if again != first || w != nil {
		t.Errorf("the same order makes %s, then %s", first, again)
	}
}

// Of many who want the same agent at once, one gets them.
func TestDialAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", callsOut(""))
	agent := h.staff(1, q)[0]
	waits, _ := h.join(q)
	won := make(chan struct{}, 9)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch _, _, _, err := h.dial(q, agent, ""); {
			case err == nil:
				won <- struct{}{}
			case !errors.Is(err, queues.ErrOccupied):
				t.Errorf("dial: %v", err)
			}
		})
	}
	all.Wait()
	select {
	case <-waits.Offers():
		won <- struct{}{}
	default:
	}
	if a := h.agent(agent); len(won) != 1 || a.Used != a.Capacity {
		t.Errorf("%d have the agent, who has %d of %d taken", len(won), a.Used, a.Capacity)
	}
}

// A call of one's own that comes to nothing is no missed offer; its customer may be put into the queue like a caller.
func TestDialToNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", callsOut(""))
	agent := h.staff(1, q)[0]
	for _, r := range []queues.OfferResult{queues.OfferDeclined, queues.OfferMissed, queues.OfferUnreachable} {
		_, o, _, err := h.dial(q, agent, "")
		h.ok(err)
		h.ok(h.s.Offered(h.ctx, o.ID, r))
		if a := h.agent(agent); a.State != queues.Idle || a.Used != 0 {
			t.Errorf("%s: the agent is %s and has %d taken", r, a.State, a.Used)
		}
	}
	w, o, call, err := h.dial(q, agent, "")
	h.ok(err)
	h.serve(o)
	second := h.staff(1, h.queue("Elsewhere", queues.OwnSettings{}))[0]
	handed, err := w.HandTo(h.ctx, second, o.RingFor)
	h.ok(err)
	h.ok(h.s.Offered(h.ctx, handed.ID, queues.OfferUnreachable))
	if a := h.agent(second); a.State != queues.Unreachable {
		t.Errorf("whom it is handed to is %s", a.State)
	}
	h.ok(h.s.Ended(h.ctx, o.ID))
	_, err = h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: call, Kind: queues.Call})
	h.ok(err)
	if it := h.queued(call); it.Kind != queues.Call {
		t.Errorf("it waits as %s", it.Kind)
	}
}

func TestDialRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q, closed, other := h.queue("Sales", callsOut("+4930100")), h.queue("In only", queues.OwnSettings{}), h.queue("Others'", callsOut(""))
	agent := h.staff(1, q, closed)[0]
	for queue, want := range map[uuid.UUID]error{closed: queues.ErrNoOutbound, other: queues.ErrNotServed, uuid.New(): queues.ErrNoQueue} {
		if _, _, _, err := h.dial(queue, agent, ""); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Offline, ""))
	if _, _, _, err := h.dial(q, agent, ""); !errors.Is(err, queues.ErrSignedOut) {
		t.Errorf("who is offline calls: %v", err)
	}
	may, err := h.s.OutboundQueues(h.ctx, h.tenant, agent)
	h.ok(err)
	if len(may) != 1 || may[0].Queue != q || may[0].CallerID != "+4930100" || may[0].Name != "Sales" {
		t.Errorf("the agent may call from %+v", may)
	}
	if _, err := h.s.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: "Wrong", Settings: callsOut("the office")}); err == nil {
		t.Error("any text is a caller id")
	}
}
