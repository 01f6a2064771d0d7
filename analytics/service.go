package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// Config is what reports stand on.
type Config struct {
	DB      *storage.DB
	Bus     *events.Bus
	Queues  *queues.Service // for names, and for what waits at the moment
	Zone    func(ctx context.Context, tenant uuid.UUID) (string, error)
	Later   func(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) error // have Rebuild called, once tx has committed
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Service is the package's API and, by Run, the follower that makes the facts.
type Service struct {
	cfg     Config
	metrics *metrics

	mu     sync.Mutex
	grown  map[uuid.UUID]bool // tenants whose pages are to be told
	lives  map[uuid.UUID]Live // the newest of each tenant
	asking singleflight.Group // for lives
}

type metrics struct {
	events prometheus.Counter
	behind prometheus.Gauge
}

// New returns a service and registers its metrics.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, grown: map[uuid.UUID]bool{}, lives: map[uuid.UUID]Live{}, metrics: &metrics{
		events: prometheus.NewCounter(prometheus.CounterOpts{Name: "tandem_report_events_total", Help: "Events that were taken into the reports by this node."}),
		behind: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_report_behind_seconds", Help: "Age of the last event when this node took it into the reports."}),
	}}
	cfg.Metrics.MustRegister(s.metrics.events, s.metrics.behind)
	return s
}

// Note is the type of the notes that tell pages of new facts.
const Note = "report.changed"

const (
	follower  = "analytics"
	tellEvery = 500 * time.Millisecond
)

// Run makes facts of the events as they come, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	f := &events.Follower{Name: follower, DB: s.cfg.DB, Bus: s.cfg.Bus, Log: s.cfg.Log, Types: followed, Batch: s.take}
	g.Go(func() error { return f.Run(ctx) })
	g.Go(func() error { return s.tell(ctx) })
	return g.Wait()
}

// take projects a batch of events, in the transaction that also moves the cursor.
func (s *Service) take(ctx context.Context, tx *storage.Tx, batch []events.Event) error {
	of, err := readAll(batch)
	if err != nil || len(of) == 0 {
		return err
	}
	if err := enter(ctx, tx, of, time.Time{}); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		s.metrics.events.Add(float64(len(of)))
		s.metrics.behind.Set(tx.Now.Sub(of[len(of)-1].At).Seconds())
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, h := range of {
			s.grown[h.Tenant] = true
		}
	})
	return nil
}

// enter adds events to the facts; what would lie before floor is not added.
func enter(ctx context.Context, tx *storage.Tx, of []happened, floor time.Time) error {
	p := newProjection()
	if err := p.load(ctx, tx, of); err != nil {
		return fmt.Errorf("read what events are about: %w", err)
	}
	for _, h := range of {
		p.apply(h)
	}
	p.notBefore(floor)
	return p.save(ctx, tx)
}

// tell sends, twice a second at most, a note for each tenant whose facts have changed.
func (s *Service) tell(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s.mu.Lock()
		grown := s.grown
		s.grown = map[uuid.UUID]bool{}
		s.mu.Unlock()
		for tenant := range grown {
			if err := s.cfg.Bus.Tell(tenant, events.Note{Type: Note, Subject: tenant}); err != nil {
				return err
			}
		}
	}
}

// ErrZone says that a time zone is unknown.
var ErrZone = fault.New(fault.Invalid, "zone_unknown", "There is no such time zone: give its IANA name, such as Europe/Berlin.").WithField("zone")

// zone is the time zone of that name, or, without one, the tenant's.
func (s *Service) zone(ctx context.Context, tenant uuid.UUID, name string) (*time.Location, error) {
	if name == "" {
		own, err := s.cfg.Zone(ctx, tenant)
		if err != nil {
			return nil, fmt.Errorf("find the tenant's time zone: %w", err)
		}
		name = own
	}
	if name == "Local" { // the server's own, which is nobody's business
		return nil, ErrZone
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, ErrZone.Because(err)
	}
	return l, nil
}
