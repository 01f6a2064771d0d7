// Package mediastream reaches virtual agents: programs that talk with callers over a WebSocket in the message format of Twilio's Media
// Streams (bidirectional, <Connect><Stream>), which voice-bot frameworks speak. A bot is a calls.Leg whose audio is a media.Port, so that
// bridging, recording and supervision work as with any other leg. docs/bots.md describes the protocol and what Tandem adds to it.
package mediastream

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/calls"
	"tandem/internal/egress"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media"
)

// Calls is what bots may do with the calls they have.
type Calls interface {
	ChangeData(ctx context.Context, tenant, call uuid.UUID, change calls.DataChange) (calls.Data, error)
	HandOver(ctx context.Context, tenant, call uuid.UUID, h calls.HandOver) error
	EndByBot(ctx context.Context, tenant, call uuid.UUID) error
}

// Config of a Service.
type Config struct {
	DB      *storage.DB
	Events  *events.Log
	Keys    *storage.Keys
	Stream  media.StreamConfig
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Private allows bots inside the server's own networks, and without TLS.
	Private bool
}

// Service keeps tenants' bots and reaches them.
type Service struct {
	cfg     Config
	calls   Calls
	log     *slog.Logger
	metrics *metrics

	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // of Run; nil before
	tasks sync.WaitGroup
}

type metrics struct {
	active  prometheus.Gauge
	talks   *prometheus.CounterVec
	errors  *prometheus.CounterVec
	connect prometheus.Histogram
}

// New makes a Service; no bot is reached before Run. what is calls.Switchboard.
func New(cfg Config, what Calls) *Service {
	s := &Service{cfg: cfg, calls: what, log: cfg.Log, metrics: &metrics{
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tandem_bot_streams", Help: "Virtual agents that are talking, or being reached."}),
		talks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_bot_talks_total", Help: "Talks with virtual agents, by how they ended: handed_over, closed, ended, unreachable, failed, silent, withdrawn.",
		}, []string{"result"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tandem_bot_errors_total", Help: "What virtual agents did wrong: message, audio_full, marks_full, slow_reader, refused.",
		}, []string{"kind"}),
		connect: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tandem_bot_connect_seconds", Help: "From dialling a virtual agent to its stream.", Buckets: []float64{.01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
	}}
	cfg.Metrics.MustRegister(s.metrics.active, s.metrics.talks, s.metrics.errors, s.metrics.connect)
	return s
}

// Run lets bots be reached until ctx ends; then it ends all talks and waits for them.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.tasks.Wait()
	return nil
}

// spawn runs f, which Run will wait for; false when the service does not run.
func (s *Service) spawn(f func(ctx context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ctx.Err() != nil {
		return false
	}
	ctx := s.ctx
	s.tasks.Go(func() { f(ctx) })
	return true
}

var (
	errStopping = fault.New(fault.Unavailable, "node_stopping", "This node is stopping.")
	errDevice   = fault.New(fault.Invalid, "bot_device_invalid", "That is no virtual agent; write bot: and its id.")
)

// Dial implements calls.Dialer for devices "bot:id". It returns at once; a bot that cannot be reached is a leg that ends as unreachable.
func (s *Service) Dial(_ context.Context, to calls.Target) (calls.Leg, error) {
	id, err := uuid.Parse(strings.TrimPrefix(to.Device, calls.DeviceBot))
	if err != nil {
		return nil, errDevice
	}
	g := s.newLeg(to)
	if !s.spawn(func(ctx context.Context) { g.run(ctx, id) }) {
		g.stop()
		return nil, errStopping
	}
	return g, nil
}

// connect opens a bot's WebSocket. What it says of itself in the handshake beyond Twilio's signature is the user agent.
func (s *Service) connect(ctx context.Context, b Bot) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, b.connectWithin())
	defer cancel()
	network := &net.Dialer{}
	if !s.cfg.Private {
		network.Control = egress.Control
	}
	// No proxy of the environment: it would reach what we must not.
	d := websocket.Dialer{NetDialContext: network.DialContext, HandshakeTimeout: b.connectWithin(), ReadBufferSize: 8 << 10, WriteBufferSize: 4 << 10}
	header := http.Header{"User-Agent": {"Tandem media stream"}}
	if b.token != "" {
		header.Set("X-Twilio-Signature", signature(b.URL, b.token))
	}
	conn, res, err := d.DialContext(ctx, b.URL, header)
	if res != nil && res.Body != nil {
		_ = res.Body.Close()
	}
	if err != nil {
		return nil, connectError(res, err)
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

const frequency = 8000 // of the audio, samples a second

// since is a time of the metrics.
func since(t time.Time) float64 { return time.Since(t).Seconds() }
