package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/chat/web"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/media"
	"tandem/queues"
)

// Config of the hub.
type Config struct {
	RTC    RTCConfig
	Stream media.StreamConfig
	// Ports are for audio between nodes; nil: this node is alone.
	Ports *media.RTPPorts
	// Origins are pages of other hosts that may open the socket, as "https://host:port"; pages of the Host itself always may.
	Origins []string
	// Customers lets pages without a sign-in call numbers of Tenant.
	Customers bool
	Tenant    uuid.UUID
	// CustomerCalls is how many calls at once may come from one address; 0: 5.
	CustomerCalls int
	// VisitorPages is how many pages with the widget may be open from one address; 0: 500.
	VisitorPages int
	// Grace is how long a session outlives its socket, with its call (V3.4); 0: 60 s.
	Grace time.Duration
	// Renew is how often the right to be connected is checked; 0: 4 s, so that a revoked session is out within 5.
	Renew time.Duration
}

func (c Config) withDefaults() Config {
	if c.CustomerCalls == 0 {
		c.CustomerCalls = 5
	}
	if c.VisitorPages == 0 {
		c.VisitorPages = 500
	}
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.Renew == 0 {
		c.Renew = 4 * time.Second
	}
	return c
}

// Needs are the hub's neighbours. The functions are methods of auth.Service and calls.Switchboard.
type Needs struct {
	Bus      *events.Bus
	Queues   *queues.Service
	Redeem   func(ctx context.Context, ticket string) (auth.Actor, error)
	Renew    func(ctx context.Context, a auth.Actor) (auth.Actor, error)
	Incoming func(ctx context.Context, leg calls.Leg, inv calls.Invite)
	// Vouched reads what a tenant's server says, signed, of a customer (V1.6).
	Vouched    func(ctx context.Context, tenant uuid.UUID, token string) (auth.ClientClaims, error)
	WriteNotes func(ctx context.Context, tenant, agent uuid.UUID, w calls.WrapUp) error
	Within     func(ctx context.Context, scope auth.Scope) (users []uuid.UUID, all bool, err error)
	Supervise  func(ctx context.Context, call uuid.UUID, mode calls.SupervisionMode, why string) (calls.Supervision, error)
	LiveCalls  func(ctx context.Context, tenant uuid.UUID, ids []uuid.UUID) ([]calls.LiveCall, error)
	Widget     *web.Service // nil: no pages with the widget
}

// Hub holds the sessions of this node's browsers.
type Hub struct {
	id      uuid.UUID
	cfg     Config
	need    Needs
	log     *slog.Logger
	metrics *metrics
	engine  *engine
	live    *live

	visitors *visitors
	buffers  sync.Pool // for writing: an idle socket has none

	mu        sync.Mutex
	ctx       context.Context        //nolint:containedctx // of Run; nil before
	agents    map[uuid.UUID]*session // by user
	customers map[string]*session    // by resume token
	sockets   map[*socket]struct{}
	sources   map[netip.Prefix]int // customers' calls
	tasks     sync.WaitGroup       // everything that Run waits for
}

// New opens the ports for browsers' media and makes the hub; nothing is answered before Run. It registers its metrics on reg.
func New(cfg Config, need Needs, log *slog.Logger, reg prometheus.Registerer) (*Hub, error) {
	m := newMetrics(reg)
	e, err := newEngine(cfg.RTC, m, cfg.Stream.Metrics, reg)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		id: uuid.New(), cfg: cfg.withDefaults(), need: need, log: log, metrics: m, engine: e,
		agents: map[uuid.UUID]*session{}, customers: map[string]*session{}, sockets: map[*socket]struct{}{}, sources: map[netip.Prefix]int{},
	}
	h.live = &live{hub: h, floors: map[uuid.UUID]*floor{}}
	h.visitors = newVisitors(h)
	return h, nil
}

// Close frees the ports. Call it when Run has returned, or instead of Run.
func (h *Hub) Close() error { return h.engine.close() }

// Run serves browsers until ctx ends; then it ends all sessions, with their calls, and waits for them.
func (h *Hub) Run(ctx context.Context) error {
	h.mu.Lock()
	h.ctx = ctx
	h.mu.Unlock()
	h.tasks.Go(func() { h.visitors.run(ctx) })
	h.tasks.Go(func() {
		if err := h.engine.relay.Run(ctx); err != nil {
			h.log.Error("the TURN server has failed", "err", err)
		}
	})
	stopNotes, stopPages := h.need.Bus.Notes(h.note), h.need.Bus.Subscribe(openedPrefix+"*"+openedSuffix, h.pageOpened)
	<-ctx.Done()
	stopNotes()
	stopPages()
	h.mu.Lock()
	h.ctx = nil
	for s := range h.sockets {
		s.close(closeGoingAway, "the server stops")
	}
	h.mu.Unlock()
	h.tasks.Wait()
	return nil
}

// spawn runs f, which Run will wait for; false when the hub does not run.
func (h *Hub) spawn(f func(ctx context.Context)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx == nil || h.ctx.Err() != nil {
		return false
	}
	ctx := h.ctx
	h.tasks.Go(func() { f(ctx) })
	return true
}

// Dialer reaches agents in their browsers. It implements calls.Dialer for the device "browser".
type Dialer struct{ hub *Hub }

// Dialer returns the way to the browsers of this hub.
func (h *Hub) Dialer() Dialer { return Dialer{h} }

var errStopping = fault.New(fault.Unavailable, "node_stopping", "This node is stopping.")

// Dial implements calls.Dialer: it offers the call to the agent's page, at whatever node that is. An agent without one is a leg that has ended as
// unreachable.
func (d Dialer) Dial(ctx context.Context, to calls.Target) (calls.Leg, error) {
	h := d.hub
	h.mu.Lock()
	s := h.agents[to.Agent]
	h.mu.Unlock()
	if s != nil && s.tenant != to.Tenant {
		s = nil
	}
	if s == nil || !s.present.Load() {
		if g, err := h.dialElsewhere(ctx, to); g != nil || err != nil {
			return g, err
		}
	}
	g, err := h.dialHere(s, to)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// dialHere offers a call to the page of a session, nil for none; or lets it join the call that it is to supervise.
func (h *Hub) dialHere(s *session, to calls.Target) (*leg, error) {
	if to.Supervision != nil {
		return h.supervise(s, to)
	}
	l := &line{}
	if s != nil {
		l = s.line
	}
	g := h.newLeg(s, l, calls.Outbound, legOffered)
	g.target = to
	if !h.spawn(func(context.Context) { g.run() }) {
		g.stop()
		return nil, errStopping
	}
	if s == nil || !s.loop.do(func() { s.offer(g) }) {
		h.metrics.offers.WithLabelValues("unreachable").Inc()
		g.finish(calls.CauseUnreachable)
	}
	return g, nil
}

// agentSession finds or begins the one session of a user.
func (h *Hub) agentSession(a auth.Actor) (*session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.agents[a.User]; s != nil {
		return s, nil
	}
	if h.ctx == nil || h.ctx.Err() != nil {
		return nil, errStopping
	}
	s := h.newSession(a.Tenant)
	s.actor = a
	s.user = a.User
	h.agents[a.User] = s
	h.begin(s)
	return s, nil
}

// customerSession finds the session of a resume token, or begins one; from says what it is that calls, for a page with the widget.
func (h *Hub) customerSession(resume, name string, source netip.Prefix, from *web.Calling) (*session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.customers[resume]; s != nil && resume != "" {
		return s, nil
	}
	if h.ctx == nil || h.ctx.Err() != nil {
		return nil, errStopping
	}
	pages := 0
	for _, s := range h.customers {
		if s.source == source {
			pages++
		}
	}
	if pages >= pagesPerCall*h.cfg.CustomerCalls {
		return nil, errTooManyPages
	}
	tenant := h.cfg.Tenant
	if from != nil {
		tenant, name = from.Tenant, cleanName(from.Name)
	}
	s := h.newSession(tenant)
	s.name, s.source, s.from = name, source, from
	h.customers[s.resume] = s
	h.begin(s)
	return s, nil
}

// begin starts a session's goroutine; mu is held.
func (h *Hub) begin(s *session) {
	ctx := h.ctx
	h.metrics.sessions.WithLabelValues(s.kind()).Inc()
	h.tasks.Go(func() {
		defer h.metrics.sessions.WithLabelValues(s.kind()).Dec()
		s.run(ctx)
	})
}

// forget removes a session that ends; whoever connects from now on begins another.
func (h *Hub) forget(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agents[s.user] == s {
		delete(h.agents, s.user)
	}
	for token, other := range h.customers {
		if other == s {
			delete(h.customers, token)
		}
	}
}

// pagesPerCall is how many customers' pages may be open from an address for each call that it may make.
const pagesPerCall = 10

var errTooManyPages = fault.New(fault.TooMany, "too_many_pages", "Too many pages are open from your address; close some.")

var errTooManyCalls = fault.New(fault.TooMany, "too_many_calls", "Too many calls come from your address; end one first.")

// takeCall counts a customer's call; release gives its place back.
func (h *Hub) takeCall(source netip.Prefix) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sources[source] >= h.cfg.CustomerCalls {
		return nil, errTooManyCalls
	}
	h.sources[source]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.sources[source]--; h.sources[source] <= 0 {
			delete(h.sources, source)
		}
	}, nil
}

// note hands what has changed to the sessions of the tenant.
func (h *Hub) note(tenant uuid.UUID, n events.Note) {
	h.mu.Lock()
	var of []*session
	for _, s := range h.agents {
		if s.tenant == tenant {
			of = append(of, s)
		}
	}
	h.mu.Unlock()
	for _, s := range of {
		if strings.HasPrefix(n.Type, "conversation.") {
			s.chats.note(n)
		} else {
			s.push.note(n)
		}
	}
	h.live.note(tenant, n)
	if strings.HasPrefix(n.Type, "conversation.") {
		h.visitors.note(n)
	}
}

// public turns an error into what the page is told; what is nobody's fault but ours is logged.
func (h *Hub) public(err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		return f
	}
	h.log.Error("a browser's request failed", "err", err)
	return errInternal
}

var errInternal = fault.New(fault.Internal, "internal", "Something went wrong on our side; try again.")
