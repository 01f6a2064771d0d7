package signaling_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/calls"
	"tandem/chat"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media"
	"tandem/queues"
	"tandem/signaling"
	"tandem/signaling/browsertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a tenant with an agent, queues that run, and a hub behind a web server.
type house struct {
	testing.TB
	ctx      context.Context
	db       *storage.DB
	bus      *events.Bus
	log      *events.Log
	queues   *queues.Service
	hub      *signaling.Hub
	needs    signaling.Needs
	identity *auth.Service
	chat     *chat.Service
	url      string
	reg      *prometheus.Registry
	tenant   uuid.UUID
	agent    uuid.UUID
	queue    uuid.UUID

	mu      sync.Mutex
	actors  map[string]auth.Actor // by ticket
	revoked map[uuid.UUID]bool    // sessions
	notes   []calls.WrapUp
	rights  map[uuid.UUID]auth.Permissions // that a user has from now on
	mates   map[uuid.UUID][]uuid.UUID      // of teams
	// incoming is what the switchboard does with a customer's call.
	incoming func(ctx context.Context, leg calls.Leg, inv calls.Invite)
}

func newHouse(t testing.TB, change ...func(*signaling.Config)) *house {
	t.Helper()
	h := &house{TB: t, ctx: t.Context(), db: storagetest.New(t), actors: map[string]auth.Actor{}, revoked: map[uuid.UUID]bool{}, rights: map[uuid.UUID]auth.Permissions{}, mates: map[uuid.UUID][]uuid.UUID{}, reg: prometheus.NewRegistry()}
	h.tenant = storagetest.Tenant(t, h.db, "t")
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	bus, err := events.NewBus(events.BusConfig{}, logger)
	h.ok(err)
	t.Cleanup(bus.Close)
	h.bus, h.log = bus, events.NewLog(bus)
	h.queues = queues.New(h.db, h.log, bus, logger, prometheus.NewRegistry(), "node")
	h.run(h.queues.Run)
	clock := media.NewClock()
	h.run(clock.Run)
	cfg := signaling.Config{
		RTC: signaling.RTCConfig{UDP: []string{"127.0.0.1:0"}}, Stream: media.StreamConfig{Clock: clock, Log: logger},
		Customers: true, Tenant: h.tenant, Grace: 30 * time.Second, Renew: 50 * time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	board := calls.NewSwitchboard(calls.Config{Node: "node"}, h.db, h.log, logger, prometheus.NewRegistry(), nil, nil, nil, nil, nil, nil)
	h.identity, err = auth.New(h.db, auth.Config{})
	h.ok(err)
	h.needs = signaling.Needs{
		Vouched: h.identity.ReadClientToken, Widget: h.shop(),
		Bus: bus, Queues: h.queues, Redeem: h.redeem, Renew: h.renew, WriteNotes: h.keep, Within: h.within, LiveCalls: board.Live,
		Incoming: func(ctx context.Context, leg calls.Leg, inv calls.Invite) { h.incoming(ctx, leg, inv) },
	}
	h.hub, h.url = h.serve(cfg, logger, h.reg)
	h.agent = storage.NewID()
	h.ok(h.queues.PutAgent(h.ctx, h.tenant, queues.Agent{ID: h.agent, Name: "Agent", Device: "browser"}))
	q, err := h.queues.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: "Support"})
	h.ok(err)
	h.queue = q.ID
	h.ok(h.queues.SetMembers(h.ctx, h.tenant, h.queue, []uuid.UUID{h.agent}))
	return h
}

// serve begins a hub, and says where its pages connect.
func (h *house) serve(cfg signaling.Config, logger *slog.Logger, reg *prometheus.Registry) (hub *signaling.Hub, url string) {
	h.Helper()
	hub, err := signaling.New(cfg, h.needs, logger, reg)
	h.ok(err)
	h.Cleanup(func() { h.ok(hub.Close()) })
	web := httptest.NewServer(hub)
	h.Cleanup(web.Close)
	h.run(hub.Run)
	return hub, "ws" + strings.TrimPrefix(web.URL, "http") + "/ws"
}

// run runs f until the test ends.
func (h *house) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	h.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.Errorf("run: %v", err)
		}
	})
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func may(scope auth.Scope, resource string, verbs ...string) (p auth.Permissions) {
	for _, v := range verbs {
		p = append(p, auth.Permission{Verb: v, Resource: resource, Scope: scope})
	}
	return p
}

// ticket lets a user with these rights open a socket once.
func (h *house) ticket(user uuid.UUID, rights ...auth.Permissions) string {
	a := auth.Actor{Tenant: h.tenant, User: user, Session: storage.NewID(), Name: "Agent"}
	for _, r := range rights {
		a.Permissions = append(a.Permissions, r...)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := storage.NewID().String()
	h.actors[t] = a
	return t
}

var agentRights = append(append(may(auth.ScopeOwn, "calls", "read", "write"), may(auth.ScopeOwn, "agents", "read", "presence")...), may(auth.ScopeAll, "tickets", "read")...)

func (h *house) redeem(_ context.Context, ticket string) (auth.Actor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.actors[ticket]
	if !ok {
		return auth.Actor{}, auth.ErrUnauthorized
	}
	delete(h.actors, ticket)
	return a, nil
}

func (h *house) renew(_ context.Context, a auth.Actor) (auth.Actor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.revoked[a.User] {
		return auth.Actor{}, auth.ErrUnauthorized
	}
	if p, ok := h.rights[a.User]; ok {
		a.Permissions = p
	}
	return a, nil
}

func (h *house) within(ctx context.Context, scope auth.Scope) (users []uuid.UUID, all bool, err error) {
	me := auth.From(ctx).User
	if scope == auth.ScopeTeam {
		return h.mates[me], false, nil
	}
	return []uuid.UUID{me}, scope == auth.ScopeAll, nil
}

func (h *house) keep(_ context.Context, _, _ uuid.UUID, w calls.WrapUp) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, w)
	return nil
}

// open opens the agent's page.
func (h *house) open() *browsertest.Page {
	h.Helper()
	return h.openAt(h.url)
}

func (h *house) openAt(url string) *browsertest.Page {
	h.Helper()
	return browsertest.Open(h, url, map[string]any{"ticket": h.ticket(h.agent, agentRights)})
}

// ready opens the agent's page with audio, makes the agent available, and lets the page say a tone.
func (h *house) ready() *browsertest.Page {
	h.Helper()
	return h.readyAt(h.url)
}

func (h *house) readyAt(url string) *browsertest.Page {
	h.Helper()
	p := h.openAt(url)
	p.Connect()
	p.Send("mic.proof", map[string]float64{"level": 0.2})
	p.Wait("agent", "microphone", "true")
	p.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	p.Wait("agent", "presence", "AVAILABLE")
	return p
}

// call is an offered call, as its owner sees it.
type call struct {
	calls.Leg
	h      *house
	target calls.Target
}

// dial offers a call to the agent's browser.
func (h *house) dial() call {
	h.Helper()
	to := calls.Target{
		Tenant: h.tenant, Call: storage.NewID(), Device: "browser", Agent: h.agent, Offer: storage.NewID(),
		Card: calls.Card{Number: "1001", Caller: "+4930123", QueuePath: []string{"Support"}, RingFor: 20},
	}
	leg, err := h.hub.Dialer().Dial(h.ctx, to)
	h.ok(err)
	h.Cleanup(func() { leg.Hangup(calls.CauseNormal); <-leg.Done() })
	return call{leg, h, to}
}

// expect waits for the leg's next event; "" is its end.
func (c call) expect(want calls.LegEvent) {
	c.h.Helper()
	select {
	case got := <-c.Events():
		if got != want {
			c.h.Fatalf("event %q, want %q (cause %q)", got, want, c.Cause())
		}
	case <-time.After(browsertest.Patience):
		c.h.Fatalf("no event %q", want)
	}
}

func (c call) over(cause calls.Cause) {
	c.h.Helper()
	c.expect("")
	<-c.Done()
	if c.Cause() != cause {
		c.h.Fatalf("the leg ended as %q, want %q", c.Cause(), cause)
	}
}

func (c call) offer() map[string]string { return map[string]string{"offer": c.target.Offer.String()} }

// talk brings the call to the page and opens the bridge.
func (h *house) talk(p *browsertest.Page) call {
	h.Helper()
	c := h.dial()
	p.Wait("offer", "offer", c.target.Offer.String())
	p.Send("offer.ack", c.offer())
	c.expect(calls.LegRinging)
	p.Send("offer.accept", c.offer())
	c.expect(calls.LegAnswered)
	c.show(calls.StateTalking)
	p.Wait("call", "state", "talking")
	return c
}

func (c call) show(st calls.State) {
	c.Leg.(interface{ Show(calls.State) }).Show(st) //nolint:forcetypeassert // that is what is tested
}
