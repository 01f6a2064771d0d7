package queues_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/queues"
)

func (h *house) inTx(f func(tx *storage.Tx) error) error { return h.db.Tenant(h.ctx, h.tenant, f) }

// ringing waits until a conversation rings at an agent.
func (h *house) ringing(agent uuid.UUID) queues.Ringing {
	h.Helper()
	var rs []queues.Ringing
	h.eventually("a conversation rings", func() bool {
		var err error
		rs, err = h.s.RingingAt(h.ctx, h.tenant, agent)
		h.ok(err)
		return len(rs) > 0
	})
	return rs[0]
}

// A conversation waits, rings and is served by rows alone: no node has it.
func TestChatItem(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{Missed: &queues.MissedRule{Threshold: 3}})
	agent := h.staff(1, q)[0]
	item := storage.NewID()
	h.ok(h.inTx(func(tx *storage.Tx) error {
		return h.s.Enqueue(h.ctx, tx, q, queues.NewItem{ID: item, Channel: "line"})
	}))
	r := h.ringing(agent)
	if r.Item != item || r.Queue != q || !r.Until.After(r.Since) {
		t.Errorf("ringing %+v", r)
	}
	h.ok(h.inTx(func(tx *storage.Tx) error { return h.s.DeclineChat(h.ctx, tx, item, agent) }))
	r = h.ringing(agent)
	h.ok(h.inTx(func(tx *storage.Tx) error { return h.s.AcceptChat(h.ctx, tx, r.Item, agent) }))
	if a := h.agent(agent); a.State != queues.Interacting || a.Used != 25 || a.Items[0].Kind != queues.Chat {
		t.Errorf("agent %+v", a)
	}
	err := h.inTx(func(tx *storage.Tx) error { return h.s.AcceptChat(h.ctx, tx, r.Item, agent) })
	if !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("accepted twice: %v", err)
	}
	h.ok(h.inTx(func(tx *storage.Tx) error { return h.s.LeaveChat(h.ctx, tx, item) }))
	if a := h.agent(agent); a.State == queues.Interacting {
		t.Errorf("after the end: %+v", a)
	}
}

// A transaction that fails leaves no item behind; an agent takes what waits; telephones are not asked to write.
func TestChatTaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{})
	phone := storage.NewID()
	h.ok(h.s.PutAgent(h.ctx, h.tenant, queues.Agent{ID: phone, Name: "Phone", Device: "sip:1@example.test", AlwaysAvailable: true}))
	h.ok(h.s.SetMembers(h.ctx, h.tenant, q, []uuid.UUID{phone}))
	item := storage.NewID()
	boom := errors.New("boom")
	if err := h.inTx(func(tx *storage.Tx) error {
		h.ok(h.s.Enqueue(h.ctx, tx, q, queues.NewItem{ID: item}))
		return boom
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if p, err := h.s.Queued(h.ctx, h.tenant, queues.QueuedFilter{Queue: q}); err != nil || len(p.Items) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	h.ok(h.inTx(func(tx *storage.Tx) error { return h.s.Enqueue(h.ctx, tx, q, queues.NewItem{ID: item}) }))
	writer := h.staff(1, h.queue("Elsewhere", queues.OwnSettings{}))[0]
	h.ok(h.inTx(func(tx *storage.Tx) error { return h.s.TakeChat(h.ctx, tx, item, writer) }))
	if a := h.agent(writer); a.State != queues.Interacting {
		t.Errorf("agent %+v", a)
	}
	if a := h.agent(phone); a.Missed != 0 || a.State != queues.Idle {
		t.Errorf("the telephone %+v", a)
	}
}

// An offer that nobody answers is missed, and the conversation keeps its place.
func TestChatMissed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Sales", queues.OwnSettings{RingSeconds: new(5)})
	agent := h.staff(1, q)[0]
	item := storage.NewID()
	since := time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
	h.ok(h.inTx(func(tx *storage.Tx) error {
		return h.s.Enqueue(h.ctx, tx, q, queues.NewItem{ID: item, EnqueuedAt: since})
	}))
	h.ringing(agent)
	h.eventually("the agent does not respond", func() bool { return h.agent(agent).State == queues.NotResponding })
	if it := h.queued(item); !it.EnqueuedAt.Equal(since) || h.agent(agent).Missed != 1 {
		t.Errorf("%+v", it)
	}
}
