package calls

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Config of the switchboard.
type Config struct {
	Node          string        // this node's name; the same after a restart
	MaxCalls      int           // more are refused with 503; 0: 2000
	LostGrace     time.Duration // how long a call waits for an agent's browser to come back (V3.4); 0: 60 s
	ComfortAfter  time.Duration // after which the customer hears that the agent will be back; 0: 3 s
	MaxVoicemail  time.Duration // 0: 3 min
	DialTimeout   time.Duration // for addresses outside; 0: 60 s
	MaxCallLength time.Duration // 0: 12 h; a call can never be stuck for ever
	StuckAfter    time.Duration // a call older than this is flagged as stuck; 0: 2 h
	Tags          Tags          // of callers, for numbers that route by them; nil: nobody has any
	Private       bool          // lookups may ask services inside the server's own network
	Bus           *events.Bus   // over which calls of other nodes are ended and supervised
	Rights        Rights        // of supervisors
	Room          func() bool   // for one call more; nil: always
	MayCall       MayCall       // what diallers ask
	Extensions    Extensions    // of agents; nil: there are none
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.LostGrace, time.Minute)
	def(&c.ComfortAfter, 3*time.Second)
	def(&c.MaxVoicemail, 3*time.Minute)
	def(&c.DialTimeout, time.Minute)
	def(&c.MaxCallLength, 12*time.Hour)
	def(&c.StuckAfter, 2*time.Hour)
	if c.Tags == nil {
		c.Tags = func(context.Context, uuid.UUID, string) ([]string, error) { return nil, nil }
	}
	if c.Extensions == nil {
		c.Extensions = func(context.Context, uuid.UUID, string) (uuid.UUID, error) { return uuid.Nil, nil }
	}
	if c.MaxCalls == 0 {
		c.MaxCalls = 2000
	}
	return c
}

// Switchboard makes inbound legs into Calls and knows the calls of this node.
type Switchboard struct {
	cfg        Config
	db         *storage.DB
	log        *events.Log
	slog       *slog.Logger
	numbers    *Numbers
	find       finder
	prompts    *Prompts
	queues     Queues
	recording  Recording
	dialer     Dialer
	callbacks  Callbacks
	voicemails *Voicemails
	bus        *events.Bus
	journal    *journal
	metrics    metrics

	mu       sync.Mutex
	live     map[uuid.UUID]*Call
	byLeg    map[uuid.UUID]*Call // by each leg that they have or had
	draining bool
	stopping chan struct{} // closed when every call is to end
	owners   sync.WaitGroup
}

type metrics struct {
	active prometheus.Gauge
	total  *prometheus.CounterVec
	menu   *prometheus.CounterVec
	setup  prometheus.Histogram

	supervised  prometheus.Gauge
	deflections *prometheus.CounterVec
	lookups     *prometheus.CounterVec
	noWayOut    prometheus.Counter
	transfers   *prometheus.CounterVec
	dialled     *prometheus.CounterVec
	answerers   *prometheus.CounterVec
	extensions  *prometheus.CounterVec
}

// NewSwitchboard joins what a call needs. It starts nothing.
func NewSwitchboard(cfg Config, db *storage.DB, log *events.Log, logger *slog.Logger, reg prometheus.Registerer,
	numbers *Numbers, prompts *Prompts, queues Queues, recording Recording, dialer Dialer, callbacks Callbacks,
) *Switchboard {
	s := &Switchboard{
		cfg: cfg.withDefaults(), db: db, log: log, slog: logger, numbers: numbers, prompts: prompts, queues: queues, recording: recording,
		dialer: dialer, callbacks: callbacks, voicemails: NewVoicemails(db, log), bus: cfg.Bus, journal: newJournal(db, log, logger), live: map[uuid.UUID]*Call{}, byLeg: map[uuid.UUID]*Call{}, stopping: make(chan struct{}),
		metrics: metrics{
			active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_calls_active", Help: "Calls that have not ended."}),
			total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_calls_total", Help: "Calls ended, by direction and result."},
				[]string{"direction", "result"}),
			menu: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_menu_inputs_total", Help: "What callers did in menus: choice, none, invalid."},
				[]string{"input"}),
			setup: prometheus.NewHistogram(prometheus.HistogramOpts{
				Name: "tandem_call_answer_seconds", Help: "From the INVITE to the answer.",
				Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5, 30},
			}),
			supervised: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_supervisions_active", Help: "Supervisors who listen to calls or speak in them."}),
			deflections: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_deflections_total", Help: "Callers sent elsewhere, by where to and why."},
				[]string{"to", "why"}),
			lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_lookups_total", Help: "Lookups of callers at outside services: answered, failed."},
				[]string{"result"}),
			noWayOut: prometheus.NewCounter(prometheus.CounterOpts{
				Name: "tandem_outbound_failed_total", Help: "Calls to telephone numbers that no trunk took: look at the outbound trunk.",
			}),
			transfers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_call_transfers_total", Help: "Callers whom agents sent elsewhere, by where to and result."},
				[]string{"to", "result"}),
			dialled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_agent_calls_total", Help: "Calls that agents made, by result: answered, or why not."},
				[]string{"result"}),
			answerers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_answerers_total", Help: "Who answered calls that agents made, as they greet: human, machine, no_speech, unsure; and beep where a machine was heard to record."},
				[]string{"who"}),
			extensions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_extension_calls_total", Help: "Calls to agents' extensions, by result: answered, or why not."},
				[]string{"result"}),
		},
	}
	s.find = finder{tags: s.cfg.Tags, client: egress.Client(lookupTime, cfg.Private)}
	reg.MustRegister(s.metrics.active, s.metrics.total, s.metrics.menu, s.metrics.setup, s.metrics.supervised, s.metrics.deflections, s.metrics.lookups, s.metrics.noWayOut,
		s.metrics.transfers, s.metrics.dialled, s.metrics.answerers, s.metrics.extensions)
	return s
}

// Run writes call records until ctx ends; then it refuses new calls, hangs up those that are left, and writes what is still to be written.
// Calls that a crash of this node cut off are closed first.
func (s *Switchboard) Run(ctx context.Context) error {
	if n, err := s.endLost(ctx); err != nil {
		return err
	} else if n > 0 {
		s.slog.Warn("closed the records of calls that the last stop cut off", "calls", n)
	}
	journalCtx, stopJournal := context.WithCancel(context.WithoutCancel(ctx))
	flush, cancelFlush := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelFlush()
	go s.journal.run(journalCtx, flush)
	var beating sync.WaitGroup
	beating.Go(func() { s.beat(journalCtx) })
	beating.Go(func() { s.watchRights(journalCtx) })
	beating.Go(func() {
		if _, err := holdMusic(); err != nil {
			s.slog.Error("there is no hold music", "err", err)
		}
	})
	stopAnswers, stopOrders := s.endForOthers(journalCtx), s.superviseForOthers(journalCtx)

	var calling sync.WaitGroup
	calling.Go(func() { s.callBackAll(ctx) })

	<-ctx.Done()
	s.Drain()
	close(s.stopping)
	calling.Wait()
	s.owners.Wait()
	stopAnswers()
	stopOrders()
	stopJournal()
	beating.Wait()
	giveUp := time.AfterFunc(10*time.Second, cancelFlush)
	defer giveUp.Stop()
	<-s.journal.done
	return nil
}

// Drain makes the switchboard refuse new calls; those that are there go on.
func (s *Switchboard) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// Active is how many calls have not ended on this node.
func (s *Switchboard) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// Incoming takes an inbound leg over: it makes the Call and owns it until it has ended. The caller's goroutine becomes the owner.
func (s *Switchboard) Incoming(ctx context.Context, leg Leg, inv Invite) {
	c := newCall(s, leg, inv)
	if cause, why := s.admit(c); why != "" {
		s.metrics.total.WithLabelValues(string(Inbound), why.result()).Inc()
		leg.Hangup(cause)
		drainLeg(leg)
		return
	}
	s.own(ctx, c)
	<-leg.Done() // it may have gone on in another call
}

func (s *Switchboard) own(ctx context.Context, c *Call) {
	defer s.forget(c)
	c.run(ctx)
}

// admit refuses calls over capacity, or registers c among the live ones.
func (s *Switchboard) admit(c *Call) (Cause, Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return CauseDraining, ReasonDraining
	case len(s.live) >= s.cfg.MaxCalls, s.cfg.Room != nil && !s.cfg.Room():
		return CauseCapacity, ReasonOverCapacity
	}
	s.enlist(c)
	return "", ""
}

// enlist puts a call among the live ones, until forget; s.mu is held.
func (s *Switchboard) enlist(c *Call) {
	s.live[c.record.ID] = c
	for _, l := range c.record.Legs {
		if l.ID != uuid.Nil { // a customer who is yet to be called
			s.byLeg[l.ID] = c
		}
	}
	s.owners.Add(1)
	s.metrics.active.Inc()
}

func (s *Switchboard) forget(c *Call) {
	s.mu.Lock()
	delete(s.live, c.record.ID)
	for _, l := range c.record.Legs {
		if s.byLeg[l.ID] == c { // and not another call's by now
			delete(s.byLeg, l.ID)
		}
	}
	s.mu.Unlock()
	s.metrics.active.Dec()
	s.owners.Done()
}

// ErrNotLive is the answer to acting on a call that has ended or is not on this node.
var ErrNotLive = fault.New(fault.Conflict, "call_ended", "The call has ended.")

// liveCall is a tenant's call that lives on this node; ErrCallNotFound, or ErrNotLive.
func (s *Switchboard) liveCall(ctx context.Context, tenant, id uuid.UUID) (*Call, error) {
	if c := s.here(tenant, id); c != nil {
		return c, nil
	}
	if _, err := s.stored(ctx, tenant, id); err != nil {
		return nil, err
	}
	return nil, ErrNotLive
}

// here is a tenant's call that lives on this node, or nil.
func (s *Switchboard) here(tenant, id uuid.UUID) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.live[id]; c != nil && c.record.Tenant == tenant {
		return c
	}
	return nil
}

// know notes that a live call has a leg. One that is not live yet, a callback whose agent is rung, has its legs noted when it is.
func (s *Switchboard) know(leg uuid.UUID, c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[c.record.ID] == c {
		s.byLeg[leg] = c
	}
}

// callWith is a tenant's call on this node that has a leg, or nil.
func (s *Switchboard) callWith(tenant, leg uuid.UUID) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byLeg[leg]; c != nil && c.record.Tenant == tenant {
		return c
	}
	return nil
}

// Lookup tells what an address dialled in a tenant leads to; ok is false for an unknown number.
func (s *Switchboard) lookup(ctx context.Context, c *Call) (Number, bool) {
	find := s.numbers.Lookup
	if c.inside { // extensions are nobody else's to call
		find = s.reached
	}
	n, err := find(ctx, c.record.Tenant, c.record.Number)
	if err != nil && !errors.Is(err, ErrNumberNotFound) {
		s.slog.Error("a number could not be looked up", "call", c.record.ID, "err", err)
	}
	return n, err == nil
}

// drainLeg waits until a leg that was hung up is gone.
func drainLeg(leg Leg) {
	for range leg.Events() {
		continue // the events no longer matter
	}
	<-leg.Done()
}
