package recordingtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/sound"
	"tandem/recording"
)

// Node is what a recording.Service stands on.
type Node struct {
	DB     *storage.DB
	Bus    *events.Bus
	Events *events.Log
	Keys   *storage.Keys
	Log    *slog.Logger
	Dir    string // of the spool
	skew   atomic.Int64
}

// OpenNode opens a migrated database, a key folder and a bus of its own; master is the file of the master key, empty: in the folder. now is its clock;
// nil: one that Skew moves.
func OpenNode(url, keys, master, dir string, log *slog.Logger, now func() time.Time) (*Node, error) {
	n := &Node{Dir: dir, Log: log}
	if now == nil {
		now = n.Now
	}
	var err error
	if n.DB, err = storage.Open(context.Background(), storage.Config{URL: url, Now: now}); err != nil {
		return nil, err
	}
	if n.Bus, err = events.NewBus(events.BusConfig{}, log); err != nil {
		return nil, err
	}
	n.Events = events.NewLog(n.Bus)
	n.Keys, err = storage.OpenKeysWith(keys, master)
	return n, err
}

// Config is what a Service on this node is made of: its second clock moves with Skew.
func (n *Node) Config() recording.Config {
	return recording.Config{
		DB: n.DB, Events: n.Events, Bus: n.Bus, Keys: n.Keys, Log: n.Log, Dir: n.Dir, Node: "node1",
		Second: func(context.Context) (time.Time, error) { return n.Now(), nil },
	}
}

// Rig is a node in a test, with a recording.Service that runs until the test ends or Stop is called.
type Rig struct {
	*Node
	T        testing.TB
	URL      string // of the database
	KeyDir   string
	Tenant   uuid.UUID
	Service  *recording.Service
	Stop     func()
	Registry *prometheus.Registry
}

// New makes a Rig; change may alter the configuration of its Service.
func New(t testing.TB, change func(*recording.Config)) *Rig {
	t.Helper()
	r := &Rig{T: t, URL: storagetest.NewURL(t), KeyDir: filepath.Join(t.TempDir(), "keys")}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	var err error
	if r.Node, err = OpenNode(r.URL, r.KeyDir, "", t.TempDir(), log, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.DB.Close)
	t.Cleanup(r.Bus.Close)
	r.Tenant = storagetest.Tenant(t, r.DB, "a")
	r.Restart(change)
	return r
}

// Restart makes a new Service on the same node and runs it.
func (r *Rig) Restart(change func(*recording.Config)) {
	r.T.Helper()
	cfg := r.Config()
	r.Registry = prometheus.NewRegistry()
	cfg.Metrics = r.Registry
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Service, err = recording.New(cfg); err != nil {
		r.T.Fatal(err)
	}
	r.Stop = r.Run(r.Service.Run)
}

// Now is the time of everything stored: the true one and Skew.
func (n *Node) Now() time.Time { return time.Now().Add(time.Duration(n.skew.Load())) }

// Skew moves the clocks.
func (n *Node) Skew(d time.Duration) { n.skew.Add(int64(d)) }

// Run runs something until the test ends, and returns a function that ends it sooner.
func (r *Rig) Run(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			r.T.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	r.T.Cleanup(stop)
	return stop
}

// Record records two voices for a time and returns the recording's id.
func (r *Rig) Record(call uuid.UUID, d time.Duration, customer, agent *Voice) uuid.UUID {
	r.T.Helper()
	rec, err := r.Service.Start(context.Background(), recording.NewRecording{Tenant: r.Tenant, Call: call})
	if err != nil {
		r.T.Fatal(err)
	}
	rec.Hear(recording.Customer, customer.Stream)
	rec.Hear(recording.Agent, agent.Stream)
	<-time.After(d)
	if err := rec.Stop(context.Background()); err != nil {
		r.T.Fatal(err)
	}
	return rec.ID()
}

// Link puts a call's recordings on a ticket.
func (r *Rig) Link(call uuid.UUID, ticket string) {
	r.T.Helper()
	err := r.DB.Tenant(context.Background(), r.Tenant, func(tx *storage.Tx) error {
		return r.Service.LinkTicket(context.Background(), tx, r.Tenant, call, ticket)
	})
	if err != nil {
		r.T.Fatal(err)
	}
}

// Scan reads one value from the database.
func (r *Rig) Scan(dest any, sql string, args ...any) {
	r.T.Helper()
	err := r.DB.Worker(context.Background(), func(tx *storage.Tx) error { return tx.QueryRow(context.Background(), sql, args...).Scan(dest) })
	if err != nil {
		r.T.Fatal(err)
	}
}

// State is the state of a recording.
func (r *Rig) State(id uuid.UUID) (state recording.State) {
	r.T.Helper()
	r.Scan(&state, `SELECT state FROM recordings WHERE recording_id = $1`, id)
	return state
}

// Await waits until ok says true.
func (r *Rig) Await(what string, ok func() bool) {
	r.T.Helper()
	Await(r.T, what, ok)
}

// Await waits until ok says true, at most a minute.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// Join reads parts of a recording, each of which must be a WAV file by itself, and joins their channels.
func Join(t testing.TB, parts ...[]byte) (channels [][]int16, f sound.Format) {
	t.Helper()
	channels, f, err := Decode(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return channels, f
}

// Decode is Join for those who judge errors themselves.
func Decode(parts ...[]byte) (channels [][]int16, f sound.Format, err error) {
	for i, p := range parts {
		w, err := sound.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil, f, fmt.Errorf("part %d: %w", i+1, err)
		}
		f = w.Format()
		if channels == nil {
			channels = make([][]int16, f.Channels)
		}
		buf := make([]int16, 4096*f.Channels)
		for {
			n, err := w.ReadPCM(buf)
			for j, s := range buf[:n] {
				channels[j%f.Channels] = append(channels[j%f.Channels], s)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, f, fmt.Errorf("part %d: %w", i+1, err)
			}
		}
	}
	return channels, f, nil
}
