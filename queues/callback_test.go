package queues_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/queues"
)

// hold claims the one callback that is due.
func (h *house) hold(s *queues.Service) queues.HeldCallback {
	h.Helper()
	held, err := s.ClaimCallbacks(h.ctx, 10)
	h.ok(err)
	if len(held) != 1 {
		h.Fatalf("%d callbacks are due, want 1", len(held))
	}
	return held[0]
}

func (h *house) joinCallback(s *queues.Service, c queues.HeldCallback) *queues.Waiting {
	h.Helper()
	w, err := s.Join(h.ctx, h.tenant, c.Queue, queues.NewItem{ID: c.ID, Kind: queues.CallBack, Caller: c.Number, Priority: c.Priority, EnqueuedAt: c.EnqueuedAt})
	h.ok(err)
	return w
}

// A callback keeps the place that its caller had, before those who came later, and survives the node that held it.
func TestCallbackKeepsItsPlace(t *testing.T) {
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{MaxWaiting: new(1)})
	since := h.db.Now().Add(-time.Minute)
	later, _ := h.join(q)
	first, err := h.s.RequestCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: "+49 30 123-4567", Since: since})
	h.ok(err)
	again, err := h.s.RequestCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: "+49301234567"})
	h.ok(err)
	if again.ID != first.ID || !again.EnqueuedAt.Equal(first.EnqueuedAt) {
		t.Errorf("who asks twice waits twice: %+v", again)
	}
	held := h.hold(h.s)
	if more, err := h.s.ClaimCallbacks(h.ctx, 10); err != nil || len(more) != 0 {
		t.Errorf("another could claim it too: %v %v", more, err)
	}
	w := h.joinCallback(h.s, held)
	if at, err := w.Standing(h.ctx); err != nil || at.Position != 1 {
		t.Errorf("standing %+v %v, want the first", at, err)
	}

	// The node stops; another one goes on at the same place.
	h.ok(w.Release(h.ctx))
	h.ok(h.s.CallbackReleased(h.ctx, held))
	if err := h.s.CallbackDialing(h.ctx, held, uuid.New()); err != nil && !errors.Is(err, queues.ErrCallbackGone) {
		t.Error(err)
	}
	other, _ := h.service()
	h.run(other)
	var next queues.HeldCallback
	h.eventually("the other node's turn", func() bool {
		all, err := other.ClaimCallbacks(h.ctx, 10)
		h.ok(err)
		if len(all) == 1 {
			next = all[0]
		}
		return len(all) == 1
	})
	if next.Epoch <= held.Epoch || !next.EnqueuedAt.Equal(since) {
		t.Errorf("held anew as %+v", next)
	}
	if err := h.s.CallbackDialing(h.ctx, held, uuid.New()); !errors.Is(err, queues.ErrCallbackGone) {
		t.Errorf("the old holder may still dial: %v", err)
	}
	w = h.joinCallback(other, next)
	h.staff(1, q)
	o := h.offer(w)
	if o.Item != first.ID {
		t.Errorf("the agent is offered %s", o.Item)
	}
	call := uuid.New()
	h.ok(other.Offered(h.ctx, o.ID, queues.OfferAccepted))
	h.ok(other.CallbackDialing(h.ctx, next, call))
	if err := h.s.CancelCallback(h.ctx, h.tenant, first.ID, "x"); !errors.Is(err, queues.ErrCallbackOver) {
		t.Errorf("one that is being dialled can be cancelled: %v", err)
	}
	h.ok(other.Interacting(h.ctx, o.ID))
	h.ok(other.CallbackConnected(h.ctx, next, call))
	if c, err := h.s.Callback(h.ctx, h.tenant, first.ID); err != nil || c.State != queues.CallbackDone || *c.Call != call {
		t.Errorf("in the end %+v %v", c, err)
	}
	h.ok(later.Leave(h.ctx, queues.LeftAbandoned))
}

// Who does not answer is tried as often as is set, and then given up.
func TestCallbackAttempts(t *testing.T) {
	h := newHouse(t)
	rule := queues.CallbackRule{Key: "1", Attempts: 2, RetrySeconds: 0, RingSeconds: 30}
	q := h.queue("Sales", queues.OwnSettings{Callback: &rule})
	c, err := h.s.RequestCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: "0301234"})
	h.ok(err)
	for n, want := range []queues.CallbackState{queues.CallbackWaiting, queues.CallbackGivenUp} {
		held := h.hold(h.s)
		if held.RingFor != 30*time.Second || held.Attempts != n {
			t.Errorf("attempt %d: %+v", n+1, held)
		}
		call := uuid.New()
		h.ok(h.s.CallbackDialing(h.ctx, held, call))
		h.ok(h.s.CallbackMissed(h.ctx, held, call))
		got, err := h.s.Callback(h.ctx, h.tenant, c.ID)
		h.ok(err)
		if got.State != want || got.Attempts != n+1 {
			t.Errorf("after attempt %d: %+v", n+1, got)
		}
	}
	if held, err := h.s.ClaimCallbacks(h.ctx, 10); err != nil || len(held) != 0 {
		t.Errorf("one that was given up is due: %v %v", held, err)
	}
}

// A callback that is cancelled leaves its queue at once, and its holder hears of it.
func TestCallbackIsCancelled(t *testing.T) {
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{})
	c, err := h.s.RequestCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: "0301234"})
	h.ok(err)
	held := h.hold(h.s)
	h.joinCallback(h.s, held)
	h.ok(h.s.CancelCallback(h.ctx, h.tenant, c.ID, "asked"))
	if gone, err := h.s.RenewCallbacks(h.ctx, map[uuid.UUID]int64{held.ID: held.Epoch}); err != nil || len(gone) != 1 {
		t.Errorf("the holder does not hear of it: %v %v", gone, err)
	}
	if page, err := h.s.Queued(h.ctx, h.tenant, queues.QueuedFilter{Queue: q}); err != nil || len(page.Items) != 0 {
		t.Errorf("it still waits: %v %v", page.Items, err)
	}
	if err := h.s.CancelCallback(h.ctx, h.tenant, c.ID, "again"); !errors.Is(err, queues.ErrCallbackOver) {
		t.Errorf("cancelled twice: %v", err)
	}
}

// While its queue is closed nobody is called.
func TestCallbackWaitsForOpening(t *testing.T) {
	h := newHouse(t)
	never, err := h.s.PutHours(h.ctx, h.tenant, queues.Hours{Name: "Never", Zone: "UTC"})
	h.ok(err)
	q := h.queue("Night", queues.OwnSettings{Hours: &never.ID})
	_, err = h.s.RequestCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: "0301234"})
	h.ok(err)
	if held, err := h.s.ClaimCallbacks(h.ctx, 10); err != nil || len(held) != 0 {
		t.Errorf("somebody is called outside hours: %v %v", held, err)
	}
}

// A slot takes as many calls as are set; a call can be moved and cancelled by who has its token.
func TestScheduledCalls(t *testing.T) {
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{Schedule: &queues.ScheduleRule{On: true, SlotMinutes: 30, Capacity: 1, DaysAhead: 2, Priority: 7}})
	slots, err := h.s.Slots(h.ctx, h.tenant, q)
	h.ok(err)
	if len(slots) < 90 || slots[0].Free != 1 {
		t.Fatalf("%d slots, the first %+v", len(slots), slots[0])
	}
	c, token, err := h.s.ScheduleCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: "0301234", Name: "Ada"}, slots[3].At)
	h.ok(err)
	if c.State != queues.CallbackScheduled || c.Priority != 7 || !c.EnqueuedAt.Equal(slots[3].At) {
		t.Errorf("scheduled as %+v", c)
	}
	for name, row := range map[string]struct {
		number string
		at     time.Time
		want   error
	}{
		"a full slot":      {"0305555", slots[3].At, queues.ErrSlotFull},
		"the same number":  {"0301234", slots[5].At, queues.ErrScheduledTwice},
		"no slot":          {"0305555", slots[3].At.Add(time.Minute), queues.ErrSlot},
		"no number at all": {"Ada", slots[4].At, queues.ErrCallbackNumber},
	} {
		if _, _, err := h.s.ScheduleCallback(h.ctx, h.tenant, queues.NewCallback{Queue: q, Number: row.number}, row.at); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	if found, err := h.s.CallbackByToken(h.ctx, token); err != nil || found.ID != c.ID {
		t.Errorf("by its token: %+v %v", found, err)
	}
	if _, err := h.s.CallbackByToken(h.ctx, "x"); !errors.Is(err, queues.ErrNoCallback) {
		t.Errorf("by a wrong token: %v", err)
	}
	moved, err := h.s.RescheduleCallback(h.ctx, h.tenant, c.ID, slots[4].At)
	h.ok(err)
	if free, err := h.s.Slots(h.ctx, h.tenant, q); err != nil || !free[3].At.Equal(slots[3].At) || !free[4].At.Equal(slots[5].At) || !moved.NotBefore.Equal(slots[4].At) {
		t.Errorf("after the move: %+v %v", moved, err)
	}
	// Its time comes.
	h.ok(h.db.Tenant(h.ctx, h.tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(h.ctx, `UPDATE queue_callbacks SET not_before = now() - interval '1 s'`)
		return err
	}))
	if held := h.hold(h.s); held.ID != c.ID || held.State != queues.CallbackWaiting {
		t.Errorf("at its time %+v", held)
	}
	if _, err := h.s.RescheduleCallback(h.ctx, h.tenant, c.ID, slots[6].At); !errors.Is(err, queues.ErrCallbackOver) {
		t.Errorf("moved while it is made: %v", err)
	}
}
