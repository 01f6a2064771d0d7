package chat

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// Config of a Service.
type Config struct {
	DB      *storage.DB
	Events  *events.Log
	Bus     *events.Bus
	Keys    *storage.Keys
	Queues  *queues.Service
	CRM     *crm.Service
	Media   *MediaStore
	Makers  []Maker
	Client  *http.Client // for the channels
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// PublicURL is where platforms reach this installation, without a slash at its end.
	PublicURL string
	// Reached is called at named points between steps; tests stop there. Nil in the program.
	Reached func(point string)
}

// Service keeps accounts and conversations, and by Run reads what came in and sends what goes out.
type Service struct {
	cfg     Config
	log     *slog.Logger
	makers  map[queues.Channel]Maker
	metrics *metrics
	sends   underway
	known   *known
	intake  *intake
	seed    maphash.Seed // of the inbox's lanes

	mu    sync.Mutex
	looks map[look]time.Time // who reads others' conversations, and when that was last noted
}

type metrics struct {
	messages *prometheus.CounterVec
	hooks    *prometheus.CounterVec
	sending  prometheus.Histogram
	inbox    prometheus.Gauge
	outbox   prometheus.Gauge
	dead     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_messages_total", Help: "Messages by channel, direction (in, out) and result: stored, duplicate, unreadable, sent, failed.",
		}, []string{"channel", "direction", "result"}),
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_channel_hooks_total", Help: "Requests to channels' hooks, by how they were answered: accepted, refused, failed.",
		}, []string{"channel", "result"}),
		sending: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tandem_channel_send_seconds", Help: "How long platforms take for one message.", Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30},
		}),
		inbox:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_channel_inbox_waiting", Help: "Requests of platforms that wait to be read."}),
		outbox: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_channel_outbox_waiting", Help: "Messages that wait to be sent."}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_channel_dead_total", Help: "Messages that were given up, by channel and verdict.",
		}, []string{"channel", "verdict"}),
	}
	reg.MustRegister(m.messages, m.hooks, m.sending, m.inbox, m.outbox, m.dead)
	return m
}

// New makes a Service; nothing is read or sent before Run.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, log: cfg.Log, makers: make(map[queues.Channel]Maker), metrics: newMetrics(cfg.Metrics), known: newKnown(), looks: make(map[look]time.Time), sends: newUnderway(), seed: maphash.MakeSeed()}
	s.intake = &intake{db: cfg.DB, bus: cfg.Bus, doors: make(map[uuid.UUID]*door)}
	for _, m := range cfg.Makers {
		s.makers[m.Channel] = m
	}
	return s
}

func (s *Service) reached(point string) {
	if s.cfg.Reached != nil {
		s.cfg.Reached(point)
	}
}

// Run reads the inbox, sends the outbox, and does what becomes due, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.readInbox(ctx) })
	g.Go(func() error { return s.sendOutbox(ctx) })
	g.Go(func() error { return s.keepTimes(ctx) })
	g.Go(func() error {
		f := events.Follower{Name: "chat", DB: s.cfg.DB, Bus: s.cfg.Bus, Log: s.log, Types: followed, Handle: s.follow}
		return f.Run(ctx)
	})
	if s.cfg.Media != nil {
		g.Go(func() error { return s.cfg.Media.Run(ctx, s.openAccount, s.mediaChanged) })
	}
	return g.Wait()
}

const (
	wakeInbox  = "chat.inbox"
	wakeOutbox = "chat.outbox"
	pollEvery  = time.Second // the bus may lose a wake-up
)

// loop runs step whenever it is woken, by the bus or by again, and at once while there is more.
func (s *Service) loop(ctx context.Context, subject, what string, again <-chan struct{}, step func(context.Context) (more bool, err error)) error {
	wake, stop := s.cfg.Bus.Wake(subject)
	defer stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		more, err := step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.log.Error(what+" failed and is tried again", "err", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-again:
		case <-tick.C:
		}
	}
}
