package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// BusConfig joins this node to others. Both empty: one process, no port opened.
type BusConfig struct {
	Listen string   // host:port for other nodes of the cluster
	Routes []string // nats-route URLs of the others
}

// Bus wakes whoever waits for something, on this node and on the others. Messages may be lost: whoever is woken looks into the database,
// and looks there from time to time anyway.
type Bus struct {
	server *server.Server
	conn   *nats.Conn
	log    *slog.Logger
}

// NewBus starts the embedded NATS server and connects to it in process.
func NewBus(cfg BusConfig, log *slog.Logger) (*Bus, error) {
	opts := &server.Options{DontListen: true, NoSigs: true, NoLog: true, MaxPayload: 1 << 20, ServerName: "tandem-" + rand.Text()}
	if cfg.Listen != "" {
		// The server joins its routes only once it listens for clients too: on loopback, and nobody else knows the token.
		opts.DontListen, opts.Host, opts.Port = false, "127.0.0.1", server.RANDOM_PORT
		opts.Authorization = rand.Text()
		host, port, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("bus.listen: %w", err)
		}
		p, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("bus.listen: %w", err)
		}
		opts.Cluster = server.ClusterOpts{Name: "tandem", Host: host, Port: p}
	}
	for _, r := range cfg.Routes {
		u, err := url.Parse(r)
		if err != nil {
			return nil, fmt.Errorf("bus.routes: %w", err)
		}
		opts.Routes = append(opts.Routes, u)
	}
	if len(opts.Routes) > 0 && cfg.Listen == "" {
		return nil, errors.New("bus.routes needs bus.listen, so that the other nodes reach this one")
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("make the bus: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, errors.New("the bus does not start")
	}
	c, err := nats.Connect("", nats.InProcessServer(s), nats.Token(opts.Authorization), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	return &Bus{server: s, conn: c, log: log}, nil
}

// Close leaves the bus and waits until its server has stopped.
func (b *Bus) Close() {
	b.conn.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// Publish sends a message to every subscriber of subject; it never blocks and never fails the caller.
func (b *Bus) Publish(subject string, data []byte) {
	if err := b.conn.Publish(subject, data); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.log.Warn("a bus message was not sent", "subject", subject, "err", err)
	}
}

// Subscribe calls f for each message on subject (NATS wildcards allowed), one at a time; f must be quick. stop ends it.
func (b *Bus) Subscribe(subject string, f func(subject string, data []byte)) (stop func()) {
	sub, err := b.conn.Subscribe(subject, func(m *nats.Msg) { f(m.Subject, m.Data) })
	if err != nil {
		b.log.Error("a bus subscription failed; only polling remains", "subject", subject, "err", err)
		return func() {}
	}
	return func() { _ = sub.Unsubscribe() }
}

// Wake returns a channel that gets a token after messages on any of the subjects; tokens merge.
func (b *Bus) Wake(subjects ...string) (wake <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	stops := make([]func(), len(subjects))
	for i, subject := range subjects {
		stops[i] = b.Subscribe(subject, func(string, []byte) {
			select {
			case c <- struct{}{}:
			default:
			}
		})
	}
	return c, func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// Answer serves requests on subject; of several nodes' servers of one subject one gets each request.
func (b *Bus) Answer(subject string, f func(data []byte) []byte) (stop func()) {
	sub, err := b.conn.QueueSubscribe(subject, "answer", func(m *nats.Msg) { _ = m.Respond(f(m.Data)) })
	if err != nil {
		b.log.Error("a bus subscription failed", "subject", subject, "err", err)
		return func() {}
	}
	return func() { _ = sub.Unsubscribe() }
}

// AnswerEach is Answer for requests that take their time: each has a goroutine of its own. stop waits for those under way.
func (b *Bus) AnswerEach(subject string, f func(data []byte) []byte) (stop func()) {
	var mu sync.Mutex
	var under sync.WaitGroup
	stopped := false
	sub, err := b.conn.QueueSubscribe(subject, "answer", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			under.Go(func() { _ = m.Respond(f(m.Data)) })
		}
	})
	if err != nil {
		b.log.Error("a bus subscription failed", "subject", subject, "err", err)
		return func() {}
	}
	return func() {
		_ = sub.Unsubscribe()
		mu.Lock()
		stopped = true
		mu.Unlock()
		under.Wait()
	}
}

// Ask sends a request to whoever answers subject, on any node.
func (b *Bus) Ask(ctx context.Context, subject string, data []byte) ([]byte, error) {
	m, err := b.conn.RequestWithContext(ctx, subject, data)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", subject, err)
	}
	return m.Data, nil
}
