package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// start runs the whole program, with demo data, on free ports and a database of its own, until the test ends. Settings are like
// TANDEM_CALLS_MAX=1.
func start(t testing.TB, settings ...string) *app {
	return startAt(t, storagetest.NewURL(t), t.TempDir(), settings...)
}

// startAt is start on a given database and data folder, for restarts.
func startAt(t testing.TB, database, dir string, settings ...string) *app {
	t.Helper()
	a, stop := startStoppable(t, database, dir, settings...)
	t.Cleanup(stop)
	return a
}

const testKey = "demo-key-for-tests-0123456789"

// environment is what a server of a test is told: free ports, a database, a folder.
func environment(database, dir string, settings ...string) []string {
	return append([]string{
		"TANDEM_HTTP_ADDR=127.0.0.1:0", "TANDEM_SIP_UDP=127.0.0.1:0", "TANDEM_SIP_TCP=127.0.0.1:0", "TANDEM_WEBRTC_UDP=127.0.0.1:0",
		"TANDEM_MEDIA_IP=127.0.0.1", "TANDEM_DATA_DIR=" + dir, "TANDEM_DATABASE_URL=" + database, "TANDEM_DEMO_API_KEY=" + testKey,
	}, settings...)
}

func startStoppable(t testing.TB, database, dir string, settings ...string) (*app, func()) {
	t.Helper()
	cfg, err := loadConfig("", environment(database, dir, settings...))
	if err != nil {
		t.Fatal(err)
	}
	level := slog.LevelWarn
	if os.Getenv("TANDEM_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	ready := make(chan struct{})
	a := &app{
		cfg: cfg, demo: true, drain: make(chan struct{}), ready: func(*app) { close(ready) },
		log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: level})),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx) }()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		t.Fatalf("the server does not start: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the server does not become ready")
	}
	stopped := false
	return a, func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the server ended with %v", err)
		}
	}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// sipAddr is where phones reach the server.
func (a *app) sipAddr() string { return a.sip.Addr("udp").String() }

// follow yields the types of the events of a subject as they are committed.
type follow struct {
	notes chan events.Note
	stop  func()
}

func (a *app) followAll(t testing.TB) *follow {
	f := &follow{notes: make(chan events.Note, 10000)}
	f.stop = a.bus.Notes(func(_ uuid.UUID, n events.Note) { f.notes <- n })
	t.Cleanup(f.stop)
	return f
}

// ended waits for the one record of the newest call of a caller and checks that nothing but it was written.
func (a *app) ended(t testing.TB, caller string) calls.CallRow {
	t.Helper()
	var row calls.CallRow
	within(t, 20*time.Second, "a call record of "+caller, func() bool {
		rows, err := a.board.List(context.Background(), a.tenant, calls.Filter{Text: caller, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].EndedAt != nil {
			row = rows[0]
			return true
		}
		return false
	})
	var n int
	err := a.db.Worker(context.Background(), func(tx *storage.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT count(*) FROM events WHERE type = 'call.ended' AND subject = $1`, row.ID).Scan(&n)
	})
	if err != nil || n != 1 {
		t.Fatalf("call.ended was written %d times (%v), want once", n, err)
	}
	return row
}

// within polls until cond holds.
func within(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("%s did not come within %s", what, limit)
		case <-tick.C:
		}
	}
}

// queueWith makes a queue with one agent whose device is given, and a number that leads to it.
func (a *app) queueWith(t testing.TB, name, number, device string, set queues.OwnSettings) (queue, agent uuid.UUID) {
	t.Helper()
	ctx := context.Background()
	q, err := a.queues.CreateQueue(ctx, a.tenant, queues.NewQueue{Name: name, Settings: set})
	if err != nil {
		t.Fatal(err)
	}
	agent = uuid.New()
	if err := a.queues.PutAgent(ctx, a.tenant, queues.Agent{ID: agent, Name: "Agent of " + name, Device: device, AlwaysAvailable: true}); err != nil {
		t.Fatal(err)
	}
	if err := a.queues.SetMembers(ctx, a.tenant, q.ID, []uuid.UUID{agent}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.numbers.Put(ctx, a.tenant, calls.Number{Number: number, Name: name, Kind: calls.EntryQueue, Queue: &q.ID}); err != nil {
		t.Fatal(err)
	}
	return q.ID, agent
}
