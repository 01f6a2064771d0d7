// Package notify tells agents what they would miss: ring tones of their own, pushes to browsers whose page is closed, and text messages
// to their mobile telephones. It follows the event log; no other noun calls it.
package notify

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// Config of a Service. Zero values stand for the defaults.
type Config struct {
	DB      *storage.DB
	Events  *events.Log
	Bus     *events.Bus
	Keys    *storage.Keys
	Blobs   storage.Blobs
	Queues  *queues.Service // whose settings say when text messages are sent
	Enqueue func(ctx context.Context, tx *storage.Tx, job storage.Job) error
	Log     *slog.Logger
	Metrics prometheus.Registerer

	Twilio  string        // base URL of the Twilio API; default https://api.twilio.com
	Contact string        // mail address that push services can write to when something is wrong (RFC 8292)
	Private bool          // pushes may go inside the own networks; browsers choose where they go, so this is for tests
	Timeout time.Duration // of one request; default 10 s
}

// Service keeps tones, profiles and subscriptions, and sends. Nothing runs until Run; Push and Text are done as jobs.
type Service struct {
	cfg    Config
	log    *slog.Logger
	pushes *http.Client
	texts  *http.Client
	told   *prometheus.CounterVec
}

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.Twilio == "" {
		cfg.Twilio = "https://api.twilio.com"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	s := &Service{
		cfg: cfg, log: cfg.Log,
		pushes: egress.Client(cfg.Timeout, cfg.Private),
		texts:  egress.Client(cfg.Timeout, true), // the operator says where
		told: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_notifications_total", Help: "Pushes and text messages to agents, and text messages to customers, by kind and result.",
		}, []string{"kind", "result"}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(s.told)
	}
	return s
}

// Run follows the event log until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	f := events.Follower{Name: "notify", DB: s.cfg.DB, Bus: s.cfg.Bus, Log: s.log, Types: followed, Handle: s.handle}
	defer s.pushes.CloseIdleConnections()
	defer s.texts.CloseIdleConnections()
	return f.Run(ctx)
}

// key is the tenant's, for what is sealed here.
func (s *Service) key(ctx context.Context, tx *storage.Tx) (*storage.Key, error) {
	return s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
}

func sealedFor(tenant uuid.UUID, what string) string {
	return "notify " + what + " of " + tenant.String()
}
