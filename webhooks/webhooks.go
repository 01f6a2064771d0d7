// Package webhooks tells a tenant's other programs what happens, as Standard Webhooks says (https://www.standardwebhooks.com): it follows the
// event log, keeps what is to be told in an outbox, signs it, and tries for three days. docs/webhooks.md has what receivers need to know.
package webhooks

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/storage"
)

// Config of a Service. Zero values stand for the defaults.
type Config struct {
	DB           *storage.DB
	Events       *events.Log
	Bus          *events.Bus
	Keys         *storage.Keys
	Guard        egress.Guard // where endpoints may be
	Log          *slog.Logger
	Metrics      prometheus.Registerer
	Workers      int           // requests at the same time; default 16
	Timeout      time.Duration // of a request; default 15 s
	Poll         time.Duration // how often the outbox is looked at without being woken; default 2 s
	TryFor       time.Duration // until a delivery has failed; default 3 days
	DisableAfter time.Duration // without any success, until an endpoint is switched off; default 5 days
	Overlap      time.Duration // for which a secret that was replaced still signs; default 24 h
	KeepBodies   time.Duration // of deliveries that ended; default 7 days
	Keep         time.Duration // the deliveries themselves; default 30 days
}

// Service keeps endpoints and delivers to them.
type Service struct {
	cfg    Config
	log    *slog.Logger
	client *http.Client
	sent   *prometheus.CounterVec
	oldest prometheus.Gauge
}

const wakeSubject = "webhooks.work"

// New makes a Service; nothing runs until Run.
func New(cfg Config) *Service {
	defaults(&cfg.Timeout, 15*time.Second)
	defaults(&cfg.Poll, 2*time.Second)
	defaults(&cfg.TryFor, 3*24*time.Hour)
	defaults(&cfg.DisableAfter, 5*24*time.Hour)
	defaults(&cfg.Overlap, 24*time.Hour)
	defaults(&cfg.KeepBodies, 7*24*time.Hour)
	defaults(&cfg.Keep, 30*24*time.Hour)
	if cfg.Workers == 0 {
		cfg.Workers = 16
	}
	s := &Service{
		cfg: cfg, log: cfg.Log, client: cfg.Guard.Client(cfg.Timeout),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_webhook_deliveries_total", Help: "Tries to deliver events to tenants' endpoints, by what came of them.",
		}, []string{"result"}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tandem_webhook_oldest_seconds", Help: "Age of the oldest event that waits for an endpoint.",
		}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(s.sent, s.oldest)
	}
	return s
}

func defaults(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Run follows the log, empties the outbox and forgets what is old, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	follower := events.Follower{Name: "webhooks", DB: s.cfg.DB, Bus: s.cfg.Bus, Log: s.log, Types: Types(), Batch: s.follow}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := follower.Run(ctx); err != nil {
			s.log.Error("endpoints no longer hear of events", "err", err)
		}
	})
	wg.Go(func() { s.sweep(ctx) })
	s.work(ctx)
	wg.Wait()
	return nil
}

func (s *Service) wake() { s.cfg.Bus.Publish(wakeSubject, nil) }

const sweepEvery = time.Minute

// sweep forgets what is old, and says how long the oldest has waited.
func (s *Service) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the deliveries of webhooks are not swept", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep is one round of what Run does each minute.
func (s *Service) Sweep(ctx context.Context) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		if err := forget(ctx, tx, s.cfg.KeepBodies, s.cfg.Keep); err != nil {
			return err
		}
		age, err := oldestWaiting(ctx, tx)
		if err == nil {
			s.oldest.Set(age.Seconds())
		}
		return err
	})
}
