package queues_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/queues"
)

func (h *house) worker(sql string, args ...any) {
	h.Helper()
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(h.ctx, sql, args...)
		return err
	}))
}

func TestDispatcherHandOver(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	second, _ := h.service()
	q := h.queue("Q", queues.OwnSettings{})
	h.staff(2, q)
	stop := h.run(h.s)
	w, _ := h.join(q)
	h.offer(w)
	h.run(second)
	// The node that dispatched stops; the other takes over at once.
	stop()
	w2, err := second.Join(h.ctx, h.tenant, q, queues.NewItem{ID: storage.NewID(), Kind: queues.Call})
	h.ok(err)
	h.offer(w2)
}

func TestOfferReachesAnotherNode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second, _ := h.service()
	q := h.queue("Q", queues.OwnSettings{})
	h.staff(1, q)
	h.eventually("the first node dispatches", func() bool { return h.holders() == 4 })
	h.run(second)
	id := storage.NewID()
	w, err := second.Join(h.ctx, h.tenant, q, queues.NewItem{ID: id, Kind: queues.Call})
	h.ok(err)
	o := h.offer(w)
	h.ok(second.Offered(h.ctx, o.ID, queues.OfferAccepted))
	h.ok(second.Interacting(h.ctx, o.ID))
}

func (h *house) holders() (n int) {
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT count(*) FROM queue_shards`).Scan(&n)
	}))
	return n
}

// A dispatcher that dies without a word is replaced when its lease runs out.
func TestDispatcherDies(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	h.staff(1, q)
	h.worker(`INSERT INTO queue_shards SELECT n, $1, 7, now() + interval '2 seconds' FROM generate_series(0, 3) n`, storage.NewID())
	w, _ := h.join(q)
	h.run(h.s)
	h.offer(w)
	var epoch int
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT epoch FROM queue_offers`).Scan(&epoch)
	}))
	if epoch != 8 {
		t.Errorf("epoch %d, want 8", epoch)
	}
}

// A call's node dies while an agent's device rings, another while agent and customer talk: both calls have left once, both agents go on.
func TestNodeDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.eventually("the first node dispatches", func() bool { return h.holders() == 4 })
	none := queues.WrapUpRule{Mode: queues.WrapUpOptional}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &none})
	agents := h.staff(2, q)
	dead, _ := h.service()
	stop := h.run(dead)
	join := func(kind queues.Kind) *queues.Waiting {
		w, err := dead.Join(h.ctx, h.tenant, q, queues.NewItem{ID: storage.NewID(), Kind: kind})
		h.ok(err)
		return w
	}
	talking, ringing := join(queues.Call), join(queues.Call)
	o := h.offer(talking)
	h.ok(dead.Offered(h.ctx, o.ID, queues.OfferAccepted))
	h.ok(dead.Interacting(h.ctx, o.ID))
	o2 := h.offer(ringing)
	h.ok(dead.Offered(h.ctx, o2.ID, queues.OfferAlerting))
	mine, _ := h.join(q)
	stop()
	// The reservation ends with its lease, and the agent goes to the next in line, who is the lost one until its node is given up.
	got := h.offer(mine)
	if got.Agent != o2.Agent {
		t.Errorf("offered to %s, want %s", got.Agent, o2.Agent)
	}
	h.eventually("the agent who talked is in wrap-up", func() bool { return h.agent(agents[0]).State == queues.WrapUp })
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		var early bool
		err := tx.QueryRow(h.ctx, `SELECT (data->>'lost')::timestamptz < at - interval '1 second' FROM events WHERE type = 'agent.state' AND data->>'state' = 'WRAP_UP'`).Scan(&early)
		if !early {
			t.Errorf("the talk does not end when its node was seen last (%v)", err)
		}
		return err
	}))
	if left := h.log("item.left"); !slices.Equal(left, []string{"item.left handled", "item.left node_lost"}) {
		t.Errorf("leaves %q", left)
	}
}

// A chat outlives its node, at its place.
func TestChatOutlivesItsNode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.eventually("the first node dispatches", func() bool { return h.holders() == 4 })
	q := h.queue("Q", queues.OwnSettings{})
	agent := h.staff(1, q)[0]
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Away, ""))
	dead, _ := h.service()
	stop := h.run(dead)
	n := queues.NewItem{ID: storage.NewID(), Kind: queues.Chat}
	_, err := dead.Join(h.ctx, h.tenant, q, n)
	h.ok(err)
	before := h.queued(n.ID)
	stop()
	h.eventually("its node is given up", func() bool {
		var node uuid.UUID
		h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error { return tx.QueryRow(h.ctx, `SELECT node FROM queue_items`).Scan(&node) }))
		return node == uuid.Nil
	})
	w, err := h.s.Join(h.ctx, h.tenant, q, n)
	h.ok(err)
	if after := h.queued(n.ID); !after.EnqueuedAt.Equal(before.EnqueuedAt) {
		t.Errorf("it waits since %s, was %s", after.EnqueuedAt, before.EnqueuedAt)
	}
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agent, queues.Available, ""))
	h.offer(w)
	if left := h.log("item.left"); len(left) != 0 {
		t.Errorf("leaves %q", left)
	}
}

func TestWrapUpTimerSurvivesRestart(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	stop := h.run(h.s)
	timed := queues.WrapUpRule{Mode: queues.WrapUpTimed, MaxSeconds: 2}
	q := h.queue("Q", queues.OwnSettings{WrapUp: &timed})
	agent := h.staff(1, q)[0]
	w, _ := h.join(q)
	o := h.offer(w)
	h.serve(o)
	h.ok(h.s.Ended(h.ctx, o.ID))
	stop()
	if a := h.agent(agent); a.State != queues.WrapUp || len(a.Items) != 1 || a.Items[0].WrapUntil == nil {
		t.Fatalf("%+v", a)
	}
	again, _ := h.service()
	h.run(again)
	h.eventually("the wrap-up ends", func() bool { return h.agent(agent).State == queues.Idle })
}

// The owner of a call that does not run any more never says what became of an offer; the others do not suffer from it.
func TestOfferNobodyTakes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	agent := h.staff(1, q)[0]
	w, item := h.join(q)
	o := h.offer(w)
	h.worker(`UPDATE queue_offers SET made_at = made_at - interval '1 hour' WHERE offer_id = $1`, o.ID) // it has rung for that long
	again := h.offer(w)
	if again.ID == o.ID || again.Agent != agent || again.Item != item {
		t.Errorf("offered again as %+v", again)
	}
	if a := h.agent(agent); a.Missed != 0 {
		t.Errorf("the agent is blamed: %+v", a)
	}
}

// Whose page is loaded again in a call to their extension is offered nothing until it is over.
func TestBackInACallToAnExtension(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.staff(1, h.queue("Q", queues.OwnSettings{}))[0]
	_, err := h.s.Engage(h.ctx, h.tenant, agent)
	h.ok(err)
	h.ok(h.s.Gone(h.ctx, h.tenant, agent))
	if p, _, err := h.s.Back(h.ctx, h.tenant, agent); err != nil || p != queues.Busy {
		t.Errorf("back in the call the agent is %s, %v", p, err)
	}
	h.ok(h.s.Disengage(h.ctx, h.tenant, agent))
	if a := h.agent(agent); a.Presence != queues.Available {
		t.Errorf("after the call the agent is %s", a.Presence)
	}
}

// An agent who is archived in a call to their extension has no presence to return to, which stops nobody.
func TestArchivedInACallToAnExtension(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agent := h.staff(1, h.queue("Q", queues.OwnSettings{}))[0]
	_, err := h.s.Engage(h.ctx, h.tenant, agent)
	h.ok(err)
	h.ok(h.s.ArchiveAgent(h.ctx, h.tenant, agent))
	h.ok(h.s.Disengage(h.ctx, h.tenant, agent))
}

// Agents whose extension is called are kept by a node: when it dies they are what they were before, unless they have chosen anew.
func TestNodeOfExtensionDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.eventually("the first node dispatches", func() bool { return h.holders() == 4 })
	agents := h.staff(3, h.queue("Q", queues.OwnSettings{}))
	dead, _ := h.service()
	stop := h.run(dead)
	for _, agent := range agents[:2] {
		_, err := dead.Engage(h.ctx, h.tenant, agent)
		h.ok(err)
	}
	_, err := h.s.Engage(h.ctx, h.tenant, agents[2])
	h.ok(err)
	h.ok(h.s.SetPresence(h.ctx, h.tenant, agents[1], queues.Away, "Lunch"))
	stop()
	h.eventually("the first agent is available again", func() bool { return h.agent(agents[0]).Presence == queues.Available })
	if a := h.agent(agents[1]); a.Presence != queues.Away || a.Reason != "Lunch" {
		t.Errorf("who has chosen another presence is %s, %s", a.Presence, a.Reason)
	}
	if a := h.agent(agents[2]); a.Presence != queues.Busy {
		t.Errorf("who is in a call of a living node is %s", a.Presence)
	}
	h.ok(h.s.Disengage(h.ctx, h.tenant, agents[2]))
	if a := h.agent(agents[2]); a.Presence != queues.Available {
		t.Errorf("after the call the agent is %s", a.Presence)
	}
}

// The bus only wakes: with none between two nodes, everything still happens, a little later.
func TestWithoutTheBus(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.eventually("the first node dispatches", func() bool { return h.holders() == 4 })
	deaf := *h
	deaf.bus = newBus(t)
	second, _ := deaf.service()
	h.run(second)
	q := h.queue("Q", queues.OwnSettings{})
	h.staff(1, q)
	w, err := second.Join(h.ctx, h.tenant, q, queues.NewItem{ID: storage.NewID(), Kind: queues.Call})
	h.ok(err)
	o := h.offer(w)
	h.ok(second.Offered(h.ctx, o.ID, queues.OfferAccepted))
	h.ok(second.Interacting(h.ctx, o.ID))
	h.ok(second.Ended(h.ctx, o.ID))
}

func TestRunEndsAtAnyInstant(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	q := h.queue("Q", queues.OwnSettings{})
	h.staff(1, q)
	w, _ := h.join(q)
	for ms := range 25 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(ms*ms/2)*time.Millisecond)
		if err := h.s.Run(ctx); err != nil {
			t.Fatalf("stopped after %d ms: %v", ms*ms/2, err)
		}
		cancel()
	}
	h.run(h.s)
	o := h.offer(w)
	h.serve(o)
}
