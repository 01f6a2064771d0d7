package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// Config of a Service. Zero values stand for the documented defaults.
type Config struct {
	DB      *storage.DB
	Events  *events.Log
	Bus     *events.Bus
	Keys    *storage.Keys
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Dir     string                                   // spool folder on a local disk, not shared between nodes
	Node    string                                   // name of this node, the same after a restart: its spool is its own
	Keep    time.Duration                            // default 7 days; from the first sample to the deadline
	Margin  time.Duration                            // default 1 hour: the key is destroyed this long before the deadline
	Writers int                                      // default 4: how many files are synced at the same time
	Sweep   time.Duration                            // default 1 minute: how often deadlines and losses are looked at
	Second  func(context.Context) (time.Time, error) // a clock that must agree before time destroys anything; nil: the process's monotonic clock from PostgreSQL's time on
	Copies  storage.Blobs                            // where a second copy of the spool is kept, as ciphertext; nil: nowhere
	Dead    time.Duration                            // default 5 minutes: a node that was not seen for so long is dead, and what it left is taken over from the copy
	// Used is how much of a folder's disk is used, from 0 to 1; nil: asks the kernel.
	Used func(dir string) (float64, error)
	// Secret is what a tenant's CRM connection knows and nobody else: it guards the CRM's half of the recordings' keys. Empty for tenants without a
	// CRM of their own.
	Secret   func(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) ([]byte, error)
	Crashing func(point string) // tests end the process at c1 to c20, the crash points of docs/faults.md; nil in the product
}

const (
	drainEvery  = 100 * time.Millisecond // how often taps are emptied
	chunkAfter  = 750 * time.Millisecond // a chunk's first sample waits so long; with a drain and the disk's time less than a second is ever in memory
	rowsEvery   = 500 * time.Millisecond
	formatWait  = time.Second // for the second side to say its codec
	tapSlots    = 128         // 2.5 s of packets, should the machine stall
	maxQueued   = 80          // chunks, a minute: a disk that hangs longer makes the recording incomplete
	wakeSubject = "recording.work"
)

// Service captures recordings and watches over those that wait. Uploader takes them to the CRM.
type Service struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	clock   trustedClock

	send, repair, access *storage.Releaser // who may have keys released, by what for

	mu     sync.Mutex
	active map[uuid.UUID]*Recorder
	closed bool
	rows   []chunk // on disk, not yet in the database

	due, made atomic.Int64 // of this process
	unmade    atomic.Int64 // at the last sweep

	ready chan *Recorder // have something to write
	alone chan struct{}  // closed once the spool is locked: no former process of this node uploads any more
}

// New makes a Service and its spool folder. Nothing runs until Run.
func New(cfg Config) (*Service, error) {
	if cfg.Keep == 0 {
		cfg.Keep = 7 * 24 * time.Hour
	}
	if cfg.Margin == 0 {
		cfg.Margin = time.Hour
	}
	if cfg.Writers == 0 {
		cfg.Writers = 4
	}
	if cfg.Dead == 0 {
		cfg.Dead = 5 * time.Minute
	}
	if cfg.Sweep == 0 {
		cfg.Sweep = time.Minute
	}
	if cfg.Crashing == nil {
		cfg.Crashing = func(string) {}
	}
	if cfg.Used == nil {
		cfg.Used = usedShare
	}
	if cfg.Secret == nil {
		cfg.Secret = func(context.Context, *storage.Tx, uuid.UUID) ([]byte, error) { return nil, nil }
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool folder: %w", err)
	}
	s := &Service{
		cfg: cfg, log: cfg.Log, active: map[uuid.UUID]*Recorder{},
		ready: make(chan *Recorder, 1024), alone: make(chan struct{}),
	}
	if cfg.Second == nil {
		s.cfg.Second = s.clock.sinceStart(cfg.DB)
	}
	s.metrics = newMetrics(cfg.Metrics)
	for reason, r := range map[string]**storage.Releaser{releaseSend: &s.send, releaseRepair: &s.repair, releaseAccess: &s.access} {
		var err error
		if *r, err = cfg.Keys.Releaser(reason); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run repairs what a crash has left, then drains taps, writes files and watches deadlines until ctx ends. It waits while another process
// holds the spool folder. Recordings still running at the end are on disk but for what their taps hold, and are sealed as truncated at
// the next start.
func (s *Service) Run(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var wg sync.WaitGroup
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	for range s.cfg.Writers {
		wg.Go(func() { s.write(writing) })
	}
	wg.Go(func() { s.saveRows(writing) })
	wg.Go(func() { s.copyOut(ctx) })
	wg.Go(func() {
		s.repairAll(ctx)
		s.sweep(ctx)
	})
	s.drain(ctx)
	s.shutDown()
	stopWriting()
	wg.Wait()
	return nil
}

// lock keeps two processes from repairing each other's running recordings. The kernel lets go when a process dies.
func (s *Service) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the spool's lock: %w", err)
	}
	retry := time.NewTicker(200 * time.Millisecond)
	defer retry.Stop()
	for said := false; ; said = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the spool folder: %w", errors.Join(err, f.Close()))
		}
		if !said {
			s.log.Warn("another process holds the spool folder; waiting for it", "dir", s.cfg.Dir)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-retry.C:
		}
	}
}

// drain empties the taps of all recordings.
func (s *Service) drain(ctx context.Context) {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	var list []*Recorder
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		list = s.running(list[:0])
		for _, r := range list {
			if r.drain() {
				s.wakeWriter(r)
			}
		}
		clear(list)
	}
}

func (s *Service) running(list []*Recorder) []*Recorder {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.active {
		list = append(list, r)
	}
	return list
}

// wakeWriter never blocks: a recorder whose turn does not fit now is offered again at the next tick.
func (s *Service) wakeWriter(r *Recorder) {
	if !r.offered.CompareAndSwap(false, true) {
		return
	}
	select {
	case s.ready <- r:
	default:
		r.offered.Store(false)
	}
}

// write syncs files, one after another; several of these run.
func (s *Service) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-s.ready:
			r.offered.Store(false)
			r.writeOut()
		}
	}
}

// saveRows puts the evidence of written frames into the database, many at a time. It is evidence only: a repair trusts the frames
// themselves, so that a database that is away costs no audio.
func (s *Service) saveRows(ctx context.Context) {
	tick := time.NewTicker(rowsEvery)
	defer tick.Stop()
	var rows []chunk
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-tick.C:
		}
		s.mu.Lock()
		rows, s.rows = append(rows, s.rows...), nil
		s.mu.Unlock()
		if len(rows) == 0 {
			continue
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err := insertChunks(limit, s.cfg.DB, rows)
		cancel()
		if err != nil {
			s.log.Error("the rows of recorded chunks wait for the database", "rows", len(rows), "err", err)
			continue
		}
		s.cfg.Crashing("c4")
		rows = nil
	}
}

func (s *Service) shutDown() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, r := range s.running(nil) {
		r.drain()
		r.writeOut()
	}
}

func (s *Service) forget(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.active, id)
}

// ended is forget for one that was sealed.
func (s *Service) ended(id uuid.UUID) {
	s.made.Add(1)
	s.forget(id)
}

func (s *Service) isActive(id uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active[id] != nil
}

// wake tells the uploaders that there may be work.
func (s *Service) wake() { s.cfg.Bus.Publish(wakeSubject, nil) }
