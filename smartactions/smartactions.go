// Package smartactions lets an agent ask the customer of a call or a conversation for something while they talk (V3.7): a verification by
// fingerprint or PIN, photos, a screenshot, a video, a text. The customer answers on a page that a single-use link opens.
package smartactions

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/chat/attach"
	"tandem/internal/events"
	"tandem/internal/storage"
)

// Delivery is a link on its way to the customer. Text is what they read, and ends with URL.
type Delivery struct {
	Tenant   uuid.UUID
	Action   uuid.UUID
	Item     uuid.UUID
	ItemKind ItemKind
	Number   string // the caller's; empty when there is none to write to
	Text     string
	URL      string
}

// Tenant is what customers see of a tenant.
type Tenant struct {
	Name     string
	Language string // "en" or "zh"
}

// Config of a Service. Zero values stand for the defaults.
type Config struct {
	DB      *storage.DB
	Events  *events.Log
	Keys    *storage.Keys
	Blobs   storage.Blobs
	Cleaner *attach.Cleaner // what customers send goes through it
	Log     *slog.Logger
	Metrics prometheus.Registerer

	// Send brings a link to the customer. Its errors are for the agent, who may read the link out instead.
	Send func(ctx context.Context, d Delivery) error
	// Contact is the contact at the other end of an item, to whom devices belong; ErrNoContact when nobody knows them.
	Contact func(ctx context.Context, tenant uuid.UUID, kind ItemKind, item uuid.UUID) (uuid.UUID, error)
	// Tenant says what customers see of a tenant.
	Tenant func(ctx context.Context, tenant uuid.UUID) (Tenant, error)
	// Embedders are the origins of pages that may show the customer's page in a frame, for a conversation's actions. Nil: none may.
	Embedders func(ctx context.Context, tenant, conversation uuid.UUID) ([]string, error)
	// URL is the address under which customers reach this installation, without a slash at its end.
	URL func() string

	Expire time.Duration // how long a link is good; default 15 min
	Keep   time.Duration // how long what was answered is kept here; default 30 days. The ticket's copies stay
}

// Service asks customers and keeps what they answer.
type Service struct {
	cfg  Config
	log  *slog.Logger
	told *prometheus.CounterVec
}

// New makes a Service; nothing runs until Run.
func New(cfg Config) *Service {
	if cfg.Expire == 0 {
		cfg.Expire = 15 * time.Minute
	}
	if cfg.Keep == 0 {
		cfg.Keep = 30 * 24 * time.Hour
	}
	s := &Service{
		cfg: cfg, log: cfg.Log,
		told: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_smartactions_total", Help: "What customers were asked for, by kind and what came of it.",
		}, []string{"kind", "result"}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(s.told)
	}
	return s
}

const (
	sweepEvery = 5 * time.Second
	purgeEvery = time.Hour
)

// Run ends what has expired, and forgets what is old, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	sweep, purge := time.NewTicker(sweepEvery), time.NewTicker(purgeEvery)
	defer sweep.Stop()
	defer purge.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			err = s.expire(ctx)
		case <-purge.C:
			err = s.purge(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("what customers were asked for is not tidied up; tried again", "err", err)
		}
	}
}

// Event is the data of the events action.requested, action.opened, action.done, action.declined, action.expired and action.cancelled.
type Event struct {
	Item     uuid.UUID `json:"item"`
	ItemKind ItemKind  `json:"item_kind"`
	Agent    uuid.UUID `json:"agent"`
	Kind     Kind      `json:"kind"`
	Files    []int     `json:"files,omitempty"` // their numbers
}

func (s *Service) tell(ctx context.Context, tx *storage.Tx, verb string, a *Action) error {
	e := Event{Item: a.Item, ItemKind: a.ItemKind, Agent: a.Agent, Kind: a.Kind}
	for _, f := range a.Files {
		e.Files = append(e.Files, f.N)
	}
	return s.cfg.Events.AppendTo(ctx, tx, []uuid.UUID{a.Agent}, "action."+verb, a.ID, e)
}

func (s *Service) count(k Kind, result string) { s.told.WithLabelValues(string(k), result).Inc() }
