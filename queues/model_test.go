package queues

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// site is a database with nodes that do nothing by themselves: the test takes every step.
type site struct {
	ctx context.Context
	db  *storage.DB
	bus *events.Bus
}

func newSite(t testing.TB) *site {
	t.Helper()
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return &site{ctx: t.Context(), db: storagetest.New(t), bus: bus}
}

func (st *site) service() *Service {
	return New(st.db, events.NewLog(st.bus), st.bus, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), "node")
}

// dispatcher returns s's dispatcher of a tenant's shard, which takes the shard over even from one that lives.
func (st *site) dispatcher(t fataler, s *Service, tenant uuid.UUID) *dispatcher {
	st.exec(t, `UPDATE queue_shards SET expires_at = '1970-01-01' WHERE shard = $1`, shardOf(tenant))
	d := &dispatcher{s: s, shard: shardOf(tenant), logger: slog.New(slog.DiscardHandler)}
	if _, err := d.look(st.ctx); err != nil || d.epoch == 0 {
		t.Fatalf("no lease: epoch %d, %v", d.epoch, err)
	}
	return d
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (st *site) exec(t fataler, sql string, args ...any) {
	t.Helper()
	if err := st.db.Worker(st.ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(st.ctx, sql, args...)
		return err
	}); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// count returns one number.
func (st *site) count(t fataler, sql string, args ...any) (n int) {
	t.Helper()
	if err := st.db.Worker(st.ctx, func(tx *storage.Tx) error { return tx.QueryRow(st.ctx, sql, args...).Scan(&n) }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// world is a tenant in the property test.
type world struct {
	*rapid.T
	*site
	tenant   uuid.UUID
	queues   []uuid.UUID
	agents   []uuid.UUID
	nodes    []*Service
	d        *dispatcher
	holder   int
	items    []uuid.UUID
	waitings map[uuid.UUID]*Waiting
	queued   map[uuid.UUID]int // how often an item has begun to wait
}

// TestNothingIsLost takes two nodes through random joins, answers, hang-ups, presences, priorities, hand-overs of the dispatcher and
// crashes, with queues of every algorithm and both offer modes. After every step the database must hold together, and every decision must
// be the one that the rows call for.
func TestNothingIsLost(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "15"); err != nil { // each step is a transaction
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", f.DefValue) }()
	}
	st := newSite(t)
	slug := 0
	rapid.Check(t, func(rt *rapid.T) {
		slug++
		w := &world{T: rt, site: st, tenant: storagetest.Tenant(t, st.db, fmt.Sprint("t", slug)), waitings: make(map[uuid.UUID]*Waiting), queued: make(map[uuid.UUID]int)}
		w.build()
		defer w.exec(w, `DELETE FROM queue_nodes`)
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			w.step()
			w.holdsTogether()
		}
		w.decide()
		w.holdsTogether()
	})
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v", err)
	}
}

func (w *world) build() {
	w.nodes = []*Service{w.service(), w.service()}
	w.d = w.dispatcher(w, w.nodes[0], w.tenant)
	skill, err := w.nodes[0].PutSkill(w.ctx, w.tenant, uuid.Nil, "German")
	w.ok(err)
	for range rapid.IntRange(1, 5).Draw(w.T, "agents") {
		id := storage.NewID()
		w.agents = append(w.agents, id)
		w.ok(w.nodes[0].PutAgent(w.ctx, w.tenant, Agent{ID: id, Name: "A", Device: "browser", AlwaysAvailable: rapid.Bool().Draw(w.T, "always")}))
		w.ok(w.nodes[0].SetPresence(w.ctx, w.tenant, id, Available, ""))
		if level := rapid.IntRange(0, 5).Draw(w.T, "level"); level > 0 {
			w.ok(w.nodes[0].SetAgentSkills(w.ctx, w.tenant, id, []SkillNeed{{skill.ID, level}}))
		}
	}
	for n := range rapid.IntRange(1, 2).Draw(w.T, "queues") {
		wrap := WrapUpRule{Mode: rapid.SampledFrom([]WrapUpMode{WrapUpNone, WrapUpOptional, WrapUpRequested}).Draw(w.T, "wrap-up")}
		algorithm := rapid.SampledFrom(algorithms).Draw(w.T, "algorithm")
		mode := rapid.SampledFrom([]OfferMode{OfferOne, OfferOne, OfferAll}).Draw(w.T, "mode")
		skills := SkillRule{Match: MatchAll, Required: []SkillNeed{{skill.ID, 3}}}
		q, err := w.nodes[0].CreateQueue(w.ctx, w.tenant, NewQueue{Name: fmt.Sprint("Q", n), Settings: OwnSettings{WrapUp: &wrap, Algorithm: &algorithm, OfferMode: &mode, Skills: &skills}})
		w.ok(err)
		w.queues = append(w.queues, q.ID)
		members := rapid.Permutation(w.agents).Draw(w.T, "order")[:rapid.IntRange(1, len(w.agents)).Draw(w.T, "members")]
		w.ok(w.nodes[0].SetMembers(w.ctx, w.tenant, q.ID, members))
	}
}

func (w *world) step() {
	switch rapid.IntRange(0, 14).Draw(w.T, "what") {
	case 0, 1, 2:
		w.join()
	case 3, 4:
		w.decide()
	case 5, 6, 7:
		w.talk()
	case 8:
		if wt := w.someItem(); wt != nil {
			w.ok(wt.Leave(w.ctx, LeftAbandoned))
		}
	case 9:
		agent := rapid.SampledFrom(w.agents).Draw(w.T, "agent")
		w.ok(w.nodes[0].SetPresence(w.ctx, w.tenant, agent, w.presence(), ""))
		_, err := w.nodes[0].FinishWrapUp(w.ctx, w.tenant, agent, WrapUpNote{})
		if !errors.Is(err, ErrNoWrapUp) {
			w.ok(err)
		}
	case 10:
		w.holder = 1 - w.holder
		w.d = w.dispatcher(w, w.nodes[w.holder], w.tenant)
	case 11:
		w.crash(rapid.IntRange(0, 1).Draw(w.T, "node"))
	case 12:
		w.ok(w.nodes[0].SetNextPresence(w.ctx, w.tenant, rapid.SampledFrom(w.agents).Draw(w.T, "agent"), w.presence(), ""))
	case 13:
		if wt := w.someItem(); wt != nil {
			if err := w.nodes[0].SetPriority(w.ctx, w.tenant, wt.id, rapid.IntRange(0, 3).Draw(w.T, "priority")); !errors.Is(err, ErrNotWaiting) {
				w.ok(err)
			}
		}
	case 14:
		if wt := w.someItem(); wt != nil {
			if err := w.nodes[0].RequestWrapUp(w.ctx, w.tenant, rapid.SampledFrom(w.agents).Draw(w.T, "agent"), wt.id, true); !errors.Is(err, ErrNoTalk) {
				w.ok(err)
			}
		}
	}
}

func (w *world) presence() Presence {
	return rapid.SampledFrom([]Presence{Available, Available, Available, Away, Busy, Offline}).Draw(w.T, "presence")
}

func (w *world) join() {
	id := storage.NewID()
	kind := rapid.SampledFrom([]Kind{Call, Call, Chat}).Draw(w.T, "kind")
	if len(w.items) > 0 && rapid.IntRange(0, 3).Draw(w.T, "again") == 0 {
		id = rapid.SampledFrom(w.items).Draw(w.T, "item")
		if w.count(w, `SELECT count(*) FROM queue_items WHERE item_id = $1 AND kind = 'chat'`, id) == 1 {
			kind = Chat
		} else {
			kind = Call
		}
	} else {
		w.items = append(w.items, id)
	}
	node := rapid.SampledFrom(w.nodes).Draw(w.T, "node")
	wt, err := node.Join(w.ctx, w.tenant, rapid.SampledFrom(w.queues).Draw(w.T, "queue"), NewItem{ID: id, Kind: kind, Priority: rapid.IntRange(0, 1).Draw(w.T, "priority")})
	w.ok(err)
	w.waitings[id] = wt
	w.queued[id]++
}

func (w *world) someItem() *Waiting {
	if len(w.items) == 0 {
		return nil
	}
	return w.waitings[rapid.SampledFrom(w.items).Draw(w.T, "item")]
}

// talk takes some item's offer one step on, as far as the state machine lets it.
func (w *world) talk() {
	wt := w.someItem()
	if wt == nil {
		return
	}
	var offers []uuid.UUID
	err := w.db.Worker(w.ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(w.ctx, `SELECT offer_id FROM queue_offers WHERE item_id = $1 ORDER BY made_at DESC, offer_id DESC LIMIT 3`, wt.id)
		if err != nil {
			return err
		}
		offers, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	w.ok(err)
	if len(offers) == 0 {
		return
	}
	offer := rapid.SampledFrom(offers).Draw(w.T, "offer")
	s := wt.s
	switch rapid.IntRange(0, 9).Draw(w.T, "step") {
	case 0, 1:
		err = s.Offered(w.ctx, offer, OfferAlerting)
	case 2, 3:
		err = s.Offered(w.ctx, offer, OfferAccepted)
	case 4, 5:
		err = s.Interacting(w.ctx, offer)
	case 6:
		err = s.Ended(w.ctx, offer)
	case 7:
		err = s.Offered(w.ctx, offer, rapid.SampledFrom([]OfferResult{OfferMissed, OfferDeclined, OfferUnreachable, OfferWithdrawn}).Draw(w.T, "result"))
	case 8:
		err = s.Lost(w.ctx, offer)
	case 9:
		err = s.Recovered(w.ctx, offer)
	}
	if !errors.Is(err, ErrOfferGone) && !errors.Is(err, ErrOfferState) {
		w.ok(err)
	}
}

// crash loses a node with all it held; another takes its place.
func (w *world) crash(n int) {
	old := w.nodes[n]
	w.nodes[n] = w.service()
	for id, wt := range w.waitings {
		if wt.s == old {
			delete(w.waitings, id)
		}
	}
	if n == w.holder {
		w.d = w.dispatcher(w, w.nodes[n], w.tenant)
	}
	w.ok(w.nodes[1-n].giveUp(w.ctx, shardOf(w.tenant), old.node, time.Time{}))
	if n := w.count(w, `SELECT count(*) FROM queue_items WHERE node = $1 AND state <> 'left'`, old.node); n != 0 {
		w.Fatalf("the lost node still holds %d items", n)
	}
	if n := w.count(w, `SELECT count(*) FROM queue_offers WHERE node = $1 AND state NOT IN ('WRAP_UP', 'IDLE')`, old.node); n != 0 {
		w.Fatalf("the lost node still holds %d offers", n)
	}
}

// called is what the rows call for: the first item that somebody can take, and who does, in the order of its queue's algorithm.
func (w *world) called() (item uuid.UUID, agents []uuid.UUID) {
	w.ok(w.db.Worker(w.ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(w.ctx, `
			SELECT i.item_id, a.agent_id, q.settings->>'offer_mode' = 'all'
			FROM queue_items i JOIN queues q USING (queue_id) JOIN queue_members m USING (queue_id) JOIN queue_agents a USING (agent_id)
			LEFT JOIN queue_agent_skills k USING (agent_id)
			CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(seconds), 0) AS talk FROM queue_work x WHERE x.agent_id = a.agent_id) d
			WHERE i.tenant_id = $1 AND i.state = 'waiting' AND i.node <> $2 AND a.barred = '' AND a.used + i.weight <= a.capacity
			  AND (a.always_available AND i.kind <> 'chat' OR a.presence = 'AVAILABLE') AND a.next_presence IN ('', 'AVAILABLE')
			  AND (q.settings->>'algorithm' <> 'skills' OR k.level >= 3)
			ORDER BY i.priority DESC, i.enqueued_at, i.item_id,
				CASE q.settings->>'algorithm' WHEN 'round_robin' THEN extract(epoch FROM a.offered_at) WHEN 'fewest_interactions' THEN d.n
					WHEN 'least_talk' THEN d.talk WHEN 'ordered_list' THEN m.position WHEN 'skills' THEN -k.level ELSE 0 END,
				a.idle_since, a.agent_id`, w.tenant, uuid.Nil)
		if err != nil {
			return err
		}
		var of, agent uuid.UUID
		var all bool
		_, err = pgx.ForEachRow(rows, []any{&of, &agent, &all}, func() error {
			if item == uuid.Nil || of == item && all {
				item, agents = of, append(agents, agent)
			}
			return nil
		})
		return err
	}))
	return item, agents
}

// decide lets the dispatcher decide one at a time, and compares each decision with what the rows say.
func (w *world) decide() {
	for {
		item, agents := w.called()
		var offers []made
		w.ok(w.db.Worker(w.ctx, func(tx *storage.Tx) error {
			if err := w.d.refresh(w.ctx, tx); err != nil {
				return err
			}
			ms, none := w.d.pic.decide(1), w.d.pic.nobody(mostNobody)
			var err error
			if offers, err = w.d.store(w.ctx, tx, ms); err != nil {
				return err
			}
			return w.d.storeNobody(w.ctx, tx, none)
		}))
		if item == uuid.Nil && len(offers) == 0 {
			return
		}
		var got []uuid.UUID
		for _, m := range offers {
			for _, o := range append([]Offer{m.Offer}, m.Offer.With...) {
				got = append(got, o.Agent)
			}
		}
		if len(offers) != 1 || offers[0].Offer.Item != item || !slices.Equal(got, agents) {
			w.Fatalf("decided %+v, want item %s for agents %s", offers, item, agents)
		}
		for _, s := range w.nodes {
			if s.node == offers[0].Node {
				s.receive(offers[0])
			}
		}
	}
}

// holdsTogether checks what must be true between any two transactions.
func (w *world) holdsTogether() {
	for what, sql := range map[string]string{
		"an item has two agents": `SELECT count(*) FROM (SELECT FROM queue_offers WHERE tenant_id = $1 AND state IN ('CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING') GROUP BY item_id HAVING count(*) > 1) x`,
		"an item rings while an agent has it": `SELECT count(*) FROM queue_offers o JOIN queue_offers p USING (item_id) WHERE o.tenant_id = $1
			AND o.state IN ('RESERVED', 'ALERTING') AND p.state IN ('CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING')`,
		"what was chosen for later has not come true": `SELECT count(*) FROM queue_agents WHERE tenant_id = $1 AND used = 0 AND next_presence <> ''`,
		"an agent's load is not that of their items": `SELECT count(*) FROM queue_agents a WHERE tenant_id = $1
			AND used <> (SELECT coalesce(sum(weight), 0) FROM queue_offers o WHERE o.agent_id = a.agent_id AND state <> 'IDLE')`,
		"an agent has too much": `SELECT count(*) FROM queue_agents WHERE tenant_id = $1 AND used > capacity`,
		"an item is offered without an offer, or has one while it waits": `SELECT count(*) FROM queue_items i WHERE tenant_id = $1 AND state <> 'left'
			AND (state = 'offering') <> EXISTS (SELECT FROM queue_offers o WHERE o.item_id = i.item_id AND state IN ('RESERVED', 'ALERTING', 'CONNECTING', 'RECOVERING'))`,
		"an agent talks to an item that waits": `SELECT count(*) FROM queue_offers o JOIN queue_items i USING (item_id) WHERE o.tenant_id = $1
			AND o.state IN ('INTERACTING', 'HELD') AND i.state <> 'left'`,
		"an offer has no decision": `SELECT count(*) FROM queue_offers o WHERE tenant_id = $1
			AND NOT EXISTS (SELECT FROM queue_decisions d WHERE d.item_id = o.item_id AND d.decision->>'offer' = o.offer_id::text)`,
	} {
		if n := w.count(w, sql, w.tenant); n != 0 {
			w.Fatalf("%s: %d", what, n)
		}
	}
	for id, joined := range w.queued {
		here := w.count(w, `SELECT count(*) FROM queue_items WHERE item_id = $1`, id)
		waits := w.count(w, `SELECT count(*) FROM queue_items WHERE item_id = $1 AND state <> 'left'`, id)
		left := w.count(w, `SELECT count(*) FROM events WHERE subject = $1 AND type = 'item.left'`, id)
		// Joining while waiting moves the item without a leave between.
		if here != 1 || left+waits > joined || waits == 0 && left == 0 {
			w.Fatalf("item %s: %d rows, joined %d times, left %d times, waits %d", id, here, joined, left, waits)
		}
	}
}

func TestOldEpochIsRefused(t *testing.T) {
	st := newSite(t)
	tenant := storagetest.Tenant(t, st.db, "t")
	a, b := st.service(), st.service()
	q, err := a.CreateQueue(st.ctx, tenant, NewQueue{Name: "Q"})
	if err != nil {
		t.Fatal(err)
	}
	agent := storage.NewID()
	if err := errors.Join(a.PutAgent(st.ctx, tenant, Agent{ID: agent, Name: "A", Device: "browser", AlwaysAvailable: true}), a.SetMembers(st.ctx, tenant, q.ID, []uuid.UUID{agent})); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Join(st.ctx, tenant, q.ID, NewItem{ID: storage.NewID(), Kind: Call}); err != nil {
		t.Fatal(err)
	}
	old := st.dispatcher(t, a, tenant)
	var fresh *dispatcher
	err = st.db.Worker(st.ctx, func(tx *storage.Tx) error {
		if err := old.refresh(st.ctx, tx); err != nil {
			return err
		}
		ms := old.pic.decide(10)
		if len(ms) != 1 {
			t.Fatalf("%d decisions", len(ms))
		}
		fresh = st.dispatcher(t, b, tenant) // between the old holder's decision and its write
		_, err := old.store(st.ctx, tx, ms)
		return err
	})
	if !errors.Is(err, errShardLost) {
		t.Fatalf("the old holder's write: %v", err)
	}
	if n := st.count(t, `SELECT count(*) FROM queue_offers`); n != 0 {
		t.Fatalf("%d offers of the old holder", n)
	}
	if _, _, err := old.step(st.ctx); !errors.Is(err, errShardLost) {
		t.Fatalf("the old holder's next look: %v", err)
	}
	offers, _, err := fresh.step(st.ctx)
	if err != nil || len(offers) != 1 || fresh.epoch != old.epoch+1 {
		t.Fatalf("the new holder: %v, %v, epoch %d after %d", offers, err, fresh.epoch, old.epoch)
	}
	if _, err := old.look(st.ctx); err != nil || old.epoch != 0 {
		t.Errorf("the old holder renewed its lease: epoch %d, %v", old.epoch, err)
	}
}

// An item or an agent that somebody is changing just now is left out of the pass, not waited for, and seen again afterwards.
func TestLockedRowsAreNotWaitedFor(t *testing.T) {
	st := newSite(t)
	tenant := storagetest.Tenant(t, st.db, "t")
	s := st.service()
	q, err := s.CreateQueue(st.ctx, tenant, NewQueue{Name: "Q"})
	if err != nil {
		t.Fatal(err)
	}
	agent, item := storage.NewID(), storage.NewID()
	if err := errors.Join(s.PutAgent(st.ctx, tenant, Agent{ID: agent, Name: "A", Device: "browser", AlwaysAvailable: true}), s.SetMembers(st.ctx, tenant, q.ID, []uuid.UUID{agent})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(st.ctx, tenant, q.ID, NewItem{ID: item, Kind: Call}); err != nil {
		t.Fatal(err)
	}
	d := st.dispatcher(t, s, tenant)
	err = st.db.Tenant(st.ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(st.ctx, `SELECT FROM queue_items WHERE item_id = $1 FOR UPDATE`, item); err != nil {
			return err
		}
		offers, _, err := d.step(st.ctx)
		if len(offers) != 0 {
			t.Errorf("a locked item was offered: %+v", offers)
		}
		return errors.Join(err, errors.New("roll back"))
	})
	if err == nil || err.Error() != "roll back" {
		t.Fatal(err)
	}
	// Nothing has changed, so that nothing but the dispatcher's own note brings the item back.
	if offers, _, err := d.step(st.ctx); err != nil || len(offers) != 1 {
		t.Fatalf("after the lock: %v %v", offers, err)
	}
}

func TestSilenceIsJudgedByChangesSeen(t *testing.T) {
	st := newSite(t)
	tenant := storagetest.Tenant(t, st.db, "t")
	s, other := st.service(), st.service()
	q, err := s.CreateQueue(st.ctx, tenant, NewQueue{Name: "Q"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Join(st.ctx, tenant, q.ID, NewItem{ID: storage.NewID(), Kind: Call}); err != nil {
		t.Fatal(err)
	}
	waits := func() int { return st.count(t, `SELECT count(*) FROM queue_items WHERE state <> 'left'`) }
	d := st.dispatcher(t, s, tenant)
	look := func(age time.Duration) {
		t.Helper()
		for node, is := range d.silent {
			is.since = is.since.Add(-age)
			d.silent[node] = is
		}
		v, err := d.look(st.ctx)
		if err == nil {
			err = d.sweep(st.ctx, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// A clock far behind does not matter, only whether it moves.
	st.exec(t, `INSERT INTO queue_nodes (node, name, seen_at) VALUES ($1, 'x', '2001-01-01')`, other.node)
	look(0)
	look(nodeLost - time.Second)
	st.exec(t, `UPDATE queue_nodes SET seen_at = '2001-01-02' WHERE node = $1`, other.node)
	look(time.Minute)
	look(nodeLost - time.Second)
	if waits() != 1 {
		t.Fatal("a living node was given up")
	}
	look(time.Second)
	if waits() != 0 {
		t.Fatal("a silent node was not given up")
	}
	// It was alive after all: its caller waits again, where they were.
	if err := other.beat(st.ctx, false); err != nil {
		t.Fatal(err)
	}
	if waits() != 1 {
		t.Error("the call of a node that is back does not wait again")
	}
}
