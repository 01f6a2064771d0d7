// Package queues holds what waits and who serves it: the tree of queues with inherited settings, waiting items, agents with their states,
// and the one dispatcher that brings them together.
package queues

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"tandem/internal/events"
	"tandem/internal/storage"
)

const (
	// shards is how many dispatchers an installation has; a tenant belongs to one. Never change it: rows carry the number.
	shards = 4
	// safetyPass is how often everything is looked at without a wake-up, which the bus may lose.
	safetyPass = time.Second
	// offerLease is how long a reservation outlives its node; with the safety pass an item is offered again after at most 5 s.
	offerLease = 4 * time.Second
	// shardLease is how long a shard waits for a dispatcher that has gone.
	shardLease = 3 * time.Second
	// nodeLost is how long a node may be silent before what it held is given up.
	nodeLost = 5 * time.Second
	// unreachableFor is how long an agent whose device was not reached gets no offers, unless it comes back earlier.
	unreachableFor = 15 * time.Second
	// ringGrace is how much longer than its ring time an offer may take before it counts as missed without its node saying so.
	ringGrace = 10 * time.Second
)

// Service is the package's API and, by Run, its dispatcher and timers.
type Service struct {
	db      *storage.DB
	log     *events.Log
	bus     *events.Bus
	logger  *slog.Logger
	metrics *metrics
	node    uuid.UUID // this process: a restart is another node
	name    string

	mu        sync.Mutex
	local     map[uuid.UUID]*Waiting   // items of this node
	offers    map[uuid.UUID]localOffer // offers made to them, until they end
	standings map[uuid.UUID]*queueStanding
	loads     map[uuid.UUID]knownLoad // by queue
	asking    singleflight.Group      // for standings
	owed      map[uuid.UUID]func(context.Context) error
}

// New returns a service; node names this process for people. It registers its metrics on reg.
func New(db *storage.DB, log *events.Log, bus *events.Bus, logger *slog.Logger, reg prometheus.Registerer, node string) *Service {
	return &Service{
		db: db, log: log, bus: bus, logger: logger, metrics: newMetrics(reg), node: storage.NewID(), name: node,
		local: make(map[uuid.UUID]*Waiting), offers: make(map[uuid.UUID]localOffer), standings: make(map[uuid.UUID]*queueStanding), loads: make(map[uuid.UUID]knownLoad),
		owed: make(map[uuid.UUID]func(context.Context) error),
	}
}

// Run keeps this node's offers alive and dispatches the shards that fall to it, until ctx ends. Items can be joined before it runs; they
// are served once some node's Run does.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.keepNode(ctx) })
	for n := range int16(shards) {
		d := &dispatcher{s: s, shard: n, logger: s.logger.With("shard", n)}
		g.Go(func() error { return d.run(ctx) })
	}
	return g.Wait()
}

func shardOf(tenant uuid.UUID) int16 {
	return int16(binary.BigEndian.Uint16(tenant[14:]) % shards)
}

func wakeSubject(shard int16) string { return "queues.wake." + strconv.Itoa(int(shard)) }

func freedSubject(shard int16) string { return "queues.freed." + strconv.Itoa(int(shard)) }

// wakeAfter wakes the tenant's dispatcher once tx has committed.
func (s *Service) wakeAfter(tx *storage.Tx, tenant uuid.UUID) {
	tx.AfterCommit(func() { s.bus.Publish(wakeSubject(shardOf(tenant)), nil) })
}

// freedAfter is wakeAfter where an agent has become free and nothing waits that did not before: of use only to what waits already.
func (s *Service) freedAfter(tx *storage.Tx, tenant uuid.UUID) {
	tx.AfterCommit(func() { s.bus.Publish(freedSubject(shardOf(tenant)), nil) })
}

type metrics struct {
	dispatch   prometheus.Histogram
	wait       prometheus.Histogram
	waiting    *prometheus.GaugeVec
	offers     *prometheus.CounterVec
	violations prometheus.Counter
	lost       prometheus.Counter
	callbacks  *prometheus.CounterVec
	estimates  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		dispatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tandem_dispatch_seconds", Help: "From the wake-up that made a match possible to the reservation being stored.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5},
		}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tandem_queue_wait_seconds", Help: "How long items waited until they were connected or left.",
			Buckets: []float64{.1, .5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800},
		}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tandem_queue_waiting", Help: "Items that wait for an agent, by dispatcher shard."}, []string{"shard"}),
		offers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tandem_offers_total", Help: "Offers by how they ended."}, []string{"result"}),
		violations: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tandem_queue_idle_violations_total", Help: "Times that an item was seen waiting for more than 1 s beside an eligible idle agent.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "tandem_queue_node_lost_total", Help: "Items whose node was lost."}),
		callbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_callbacks_total", Help: "Callbacks by what became of them: dialing, connected, missed (and tried again), given_up, cancelled.",
		}, []string{"result"}),
		estimates: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tandem_queue_wait_estimate_error_seconds",
			Help:    "By how much items that were handled waited longer, or shorter, than was estimated when they joined.",
			Buckets: []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800},
		}, []string{"waited"}),
	}
	reg.MustRegister(m.dispatch, m.wait, m.waiting, m.offers, m.violations, m.lost, m.estimates, m.callbacks)
	return m
}

// estimateError notes an error of an estimated wait in seconds: above 0, the wait was longer.
func (m *metrics) estimateError(e float64) {
	waited := "longer"
	if e < 0 {
		waited = "shorter"
	}
	m.estimates.WithLabelValues(waited).Observe(math.Abs(e))
}

func offersSubject(node uuid.UUID) string { return "queues.offers." + node.String() }
