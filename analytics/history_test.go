package analytics

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// history is a hand-made event log: what queues and calls write, at times of our own. Its clock starts at noon.
type history struct {
	tenant uuid.UUID
	now    time.Time
	log    []events.Event
}

var noon = time.Date(2026, 6, 3, 12, 0, 0, 0, time.UTC)

func newHistory(at time.Time) *history { return &history{tenant: uuid.New(), now: at} }

func (h *history) pass(seconds float64) *history {
	h.now = h.now.Add(time.Duration(seconds * float64(time.Second)))
	return h
}

func (h *history) add(typ string, subject uuid.UUID, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	h.log = append(h.log, events.Event{ID: storage.NewID(), Tenant: h.tenant, At: h.now, Type: typ, Subject: subject, Data: body})
}

// talk is an item on its way through a queue.
type talk struct {
	h                         *history
	kind                      queues.Kind
	item, queue, agent, offer uuid.UUID
	state                     queues.State
	since                     time.Time
	enqueued                  time.Time
}

// enqueue lets an item join a queue whose service level is 20 s and whose short abandons are those under 5 s.
func (h *history) enqueue(queue uuid.UUID) *talk {
	t := &talk{h: h, kind: queues.Call, item: uuid.New()}
	t.join(queue)
	return t
}

// chat is enqueue for a conversation.
func (h *history) chat(queue uuid.UUID) *talk {
	t := &talk{h: h, kind: queues.Chat, item: uuid.New()}
	t.join(queue)
	return t
}

// callOut is an agent who calls a customer; seconds of talk, 0 where nobody answers.
func (h *history) callOut(queue, agent uuid.UUID, seconds float64) {
	t := &talk{h: h, kind: queues.Outbound, item: uuid.New(), queue: queue}
	t.offerTo(agent).to(queues.Connecting, queues.Interacting)
	r := calls.Record{Direction: calls.Outbound, Queue: &queue, Agent: &agent, TalkSeconds: seconds, Reason: calls.ReasonNoAnswer}
	if seconds > 0 {
		r.ConnectedAt, r.Reason = new(h.now), calls.ReasonAgentHungUp
	}
	t.finish(seconds, 5)
	h.callEnded(r)
}

func (t *talk) join(queue uuid.UUID) {
	t.queue, t.enqueued = queue, t.h.now
	t.h.add("item.queued", t.item, queues.Queued{
		Item: t.item, Kind: t.kind, Queue: queue, Channel: queues.IVR, EnqueuedAt: t.enqueued, Target: 20, ShortAbandon: 5,
	})
}

func (t *talk) offerTo(agent uuid.UUID) *talk {
	t.agent, t.offer, t.state, t.since = agent, uuid.New(), queues.Idle, t.h.now
	t.h.add("offer.made", t.item, queues.OfferMade{Offer: t.offer, Item: t.item, Kind: t.kind, Queue: t.queue, Agent: agent})
	t.to(queues.Reserved)
	return t
}

func (t *talk) to(states ...queues.State) *talk {
	for _, s := range states {
		t.h.add("agent.state", t.agent, queues.StateChanged{Agent: t.agent, Offer: t.offer, Item: t.item, Queue: t.queue, From: t.state, State: s, Since: t.since})
		t.state, t.since = s, t.h.now
	}
	return t
}

// over ends the offer.
func (t *talk) over(to queues.State, result string) *talk {
	t.to(to)
	t.h.add("offer.ended", t.item, queues.OfferEnded{
		OfferMade: queues.OfferMade{Offer: t.offer, Item: t.item, Kind: t.kind, Queue: t.queue, Agent: t.agent}, Result: result,
	})
	return t
}

func (t *talk) leave(why queues.LeaveReason) *talk {
	t.h.add("item.left", t.item, queues.Left{Item: t.item, Kind: t.kind, Queue: t.queue, Reason: why, Waited: t.h.now.Sub(t.enqueued).Seconds()})
	return t
}

// answer is accepted after ringing for so many seconds and bridged after so many more.
func (t *talk) answer(ring, whisper float64) *talk {
	t.to(queues.Alerting)
	t.h.pass(ring)
	t.to(queues.Connecting)
	t.h.pass(whisper)
	t.to(queues.Interacting)
	return t.leave(queues.LeftHandled)
}

// finish talks, wraps up and is done.
func (t *talk) finish(seconds, wrap float64) *talk {
	t.h.pass(seconds)
	t.to(queues.WrapUp)
	t.h.pass(wrap)
	return t.over(queues.Idle, "finished")
}

func (h *history) presence(agent uuid.UUID, p queues.Presence, reason string) {
	h.add("agent.presence", agent, queues.PresenceChanged{Agent: agent, Presence: p, Reason: reason})
}

// rate is a customer who says how a conversation went.
func (h *history) rate(score int, again bool) {
	h.add("conversation.rated", uuid.New(), rating{Score: score, Queue: sales, Agent: ann, Again: again})
}

func (h *history) callEnded(r calls.Record) {
	r.ID = uuid.New()
	h.add("call.ended", r.ID, r)
}

// project makes facts of a history without any database.
func project(t *testing.T, log []events.Event) *projection {
	t.Helper()
	p := newProjection()
	for _, e := range log {
		h, err := read(e)
		if err != nil {
			t.Fatal(err)
		}
		p.apply(h)
	}
	return p
}

// total adds up a queue's facts.
func (p *projection) total(queue uuid.UUID) QueueCounts {
	var sum QueueCounts
	for k, c := range p.facts.queues {
		if k.queue == queue {
			add(&sum, *c)
		}
	}
	return sum
}

// did adds up an agent's facts.
func (p *projection) did(agent uuid.UUID) AgentCounts {
	var sum AgentCounts
	for k, c := range p.facts.agents {
		if k.agent == agent {
			add(&sum, *c)
		}
	}
	return sum
}

// world is the reports on a database of their own, whose clock the test sets.
type world struct {
	*Service
	db     *storage.DB
	bus    *events.Bus
	log    *events.Log
	tenant uuid.UUID
	now    time.Time
	zone   string
}

func newWorld(t testing.TB) *world {
	w := &world{now: noon, zone: "UTC"}
	w.db = storagetest.NewAt(t, func() time.Time { return w.now })
	var err error
	if w.bus, err = events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.bus.Close)
	w.log = events.NewLog(w.bus)
	w.tenant = storagetest.Tenant(t, w.db, "a")
	quiet := slog.New(slog.DiscardHandler)
	w.Service = New(Config{
		DB: w.db, Bus: w.bus, Queues: queues.New(w.db, w.log, w.bus, quiet, prometheus.NewRegistry(), "test"), Log: quiet, Metrics: prometheus.NewRegistry(),
		Zone: func(context.Context, uuid.UUID) (string, error) { return w.zone, nil },
	})
	return w
}

// keep takes a history into the facts, in batches of so many events.
func (w *world) keep(t testing.TB, log []events.Event, batch int) {
	t.Helper()
	for len(log) > 0 {
		n := min(batch, len(log))
		part := append([]events.Event{}, log[:n]...)
		for i := range part {
			part[i].Tenant = w.tenant
		}
		if err := w.db.Worker(t.Context(), func(tx *storage.Tx) error { return w.take(t.Context(), tx, part) }); err != nil {
			t.Fatal(err)
		}
		log = log[n:]
	}
}
