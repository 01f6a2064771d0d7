package faultrun

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crmsync"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/crmsim"
	"tandem/recording/recordingtest"
)

// nodeEnv holds the nodeConfig of a process under test, as JSON.
const nodeEnv = "FAULTRUN_NODE"

// nodeConfig is what a process under test is told at its start.
type nodeConfig struct {
	Database, Keys, Spool, Page string
	CRM, Token                  string      // URL of the CRM, name of the file with its token
	Tenants                     []uuid.UUID // have the calls in turn
	CrashAt                     string      // a crash point
	Nth                         int         // how often it is reached
	MaxPart                     int64
	Settle                      time.Duration
	Timeout                     time.Duration // of the CRM's client
	Mutant                      mutant
	Zone                        string // in which the process lives; empty: the machine's
	FileLimit                   int64  // bytes that no file may outgrow; 0: none
	Master                      string // file of the master key; empty: in the folder of keys
	Secret                      []byte // of the CRM connection
	Copies                      string // folder of the second copy; empty: none
	Name                        string // of the node; empty: node1
}

// node is the process under test: recordings, their upload and the CRM's outbox, as the server has them. It does what its input says and
// answers on its output, a line each.
type node struct {
	cfg   nodeConfig
	page  *page
	under *recordingtest.Node
	rec   *recording.Service
	out   sync.Mutex
	hits  atomic.Int64
	syncs syncWatch
	calls map[uuid.UUID]*call
}

// call is one call of this process; one that a former process had is empty.
type call struct {
	mu     sync.Mutex
	rec    *recording.Recorder
	voices []*recordingtest.Voice
}

// Node is the main function of a process under test. It says false in every other process.
func Node() bool {
	text := os.Getenv(nodeEnv)
	if text == "" {
		return false
	}
	n := &node{calls: map[uuid.UUID]*call{}}
	if err := json.Unmarshal([]byte(text), &n.cfg); err != nil {
		n.fatal(err)
	}
	if err := n.run(context.Background()); err != nil {
		n.fatal(err)
	}
	return true
}

func (n *node) fatal(err error) {
	fmt.Fprintln(os.Stderr, "the process under test:", err)
	os.Exit(2)
}

func (n *node) say(words ...any) {
	n.out.Lock()
	defer n.out.Unlock()
	fmt.Fprintln(os.Stdout, words...)
}

func (n *node) run(ctx context.Context) error {
	var err error
	if n.page, err = mapPage(n.cfg.Page); err != nil {
		return err
	}
	go n.watchStalls()
	if n.cfg.FileLimit > 0 {
		signal.Ignore(syscall.SIGXFSZ) // the write fails instead
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(n.cfg.FileLimit), Max: uint64(n.cfg.FileLimit)}); err != nil {
			return fmt.Errorf("limit the size of files: %w", err)
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if n.under, err = recordingtest.OpenNode(n.cfg.Database, n.cfg.Keys, n.cfg.Master, n.cfg.Spool, log, n.page.now); err != nil {
		return err
	}
	cfg := n.under.Config()
	cfg.Second = func(context.Context) (time.Time, error) { return n.page.other(), nil }
	cfg.Sweep = 300 * time.Millisecond
	cfg.Crashing = n.crash
	if n.cfg.Name != "" {
		cfg.Node = n.cfg.Name
	}
	if n.cfg.Copies != "" {
		if cfg.Copies, err = storage.OpenBlobs(ctx, "file:"+n.cfg.Copies); err != nil {
			return err
		}
	}
	cfg.Secret = func(context.Context, *storage.Tx, uuid.UUID) ([]byte, error) { return n.cfg.Secret, nil }
	if n.rec, err = recording.New(cfg); err != nil {
		return err
	}
	crm := n.crm()
	uploader := recording.NewUploader(n.rec, n.cfg.Mutant.destination(n, crm), recording.UploaderConfig{MaxPart: n.cfg.MaxPart, Poll: 100 * time.Millisecond})
	for _, run := range []func(context.Context) error{n.rec.Run, crm.Run, uploader.Run} {
		go func() {
			if err := run(ctx); err != nil {
				n.fatal(err)
			}
		}()
	}
	n.say("ready")
	return n.obey(ctx, os.Stdin)
}

func (n *node) crm() *crmsync.Service {
	access := crmsim.Access{
		URL: n.cfg.CRM, Timeout: n.cfg.Timeout, Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		Limits: recording.Limits{Settle: n.cfg.Settle, Lists: true, Deletes: true},
		Token: func() string {
			b, _ := os.ReadFile(n.cfg.Token) // an unreadable one is refused by the CRM
			return string(b)
		},
	}
	return crmsync.New(crmsync.Config{
		DB: n.under.DB, Events: n.under.Events, Bus: n.under.Bus, Keys: n.under.Keys, Recordings: n.rec, Log: n.under.Log,
		Vendors: []crmsync.Vendor{access.Vendor(crmsync.Own)}, Poll: 200 * time.Millisecond,
	})
}

// watchStalls notes how long the machine keeps the process from running: audio cannot be captured meanwhile.
func (n *node) watchStalls() {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := time.Now(); ; {
		<-tick.C
		now := time.Now()
		n.page.stalled(now.Sub(last) - every)
		last = now
	}
}

// syncWatch measures syncs of the disk: from c2 to c3.
type syncWatch struct {
	mu    sync.Mutex
	under int
	since time.Time
}

func (w *syncWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.under++; w.under == 1 {
		w.since = time.Now()
	}
}

func (w *syncWatch) end() (d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.under--
	return time.Since(w.since)
}

// crash ends the process when it gets to its point for the nth time.
func (n *node) crash(at string) {
	switch at {
	case "c2":
		n.syncs.begin()
	case "c3":
		n.page.stalled(n.syncs.end())
		n.page.synced.Store(spoolSize(n.cfg.Spool))
	}
	if at != n.cfg.CrashAt || n.hits.Add(1) != int64(max(n.cfg.Nth, 1)) {
		return
	}
	n.say("died", time.Now().UnixNano())
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal is there
}

// spoolSize is the size of the only recording's file.
func spoolSize(dir string) (size int64) {
	names, _ := filepath.Glob(filepath.Join(dir, "*.rec"))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			size = info.Size()
		}
	}
	return size
}

// obey does what each line of the input says, until the runner closes it.
func (n *node) obey(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	var wg sync.WaitGroup
	defer wg.Wait()
	for lines.Scan() {
		var verb, name string
		var index int
		if _, err := fmt.Sscan(lines.Text(), &verb, &name, &index); err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		id, err := uuid.Parse(name)
		if err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		c := n.calls[id]
		if c == nil {
			c = &call{}
			n.calls[id] = c
		}
		wg.Go(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err := n.do(ctx, verb, id, index, c); err != nil {
				n.say("failed", id, strings.ReplaceAll(err.Error(), "\n", " "))
				return
			}
			n.say("done", verb, id, time.Now().UnixNano())
		})
	}
	return lines.Err()
}

func (n *node) do(ctx context.Context, verb string, id uuid.UUID, index int, c *call) error {
	switch verb {
	case "start":
		return n.start(ctx, id, index, c)
	case "end":
		return n.end(ctx, id, index, c)
	case "sweep":
		return n.rec.Sweep(ctx)
	case "break":
		return breakSpool(n.cfg.Spool, badFiles[index])
	case "deafen":
		n.under.Bus.Close()
		return nil
	case "access":
		return n.access(ctx, n.tenant(0), id, index)
	case "delete-tenant":
		return n.rec.DeleteTenant(ctx, n.tenant(index))
	}
	return fmt.Errorf("no such order: %s", verb)
}

// tenant is whose the call with that index is.
func (n *node) tenant(index int) uuid.UUID { return n.cfg.Tenants[index%len(n.cfg.Tenants)] }

// start begins a call: both sides say which second it is.
func (n *node) start(ctx context.Context, id uuid.UUID, index int, c *call) (err error) {
	for side := range 2 {
		c.voices = append(c.voices, recordingtest.SpeakSeconds(codec.PCMU, func(second int) float64 { return tone(index, side, second) }, nil))
	}
	c.rec, err = n.rec.Start(ctx, recording.NewRecording{Tenant: n.tenant(index), Call: id, Customer: c.voices[0].Stream, Agent: c.voices[1].Stream})
	return err
}

// end is the end of a call: its recording is sealed, if this process has it, and the log tells of the call, as the server's calls do.
func (n *node) end(ctx context.Context, id uuid.UUID, index int, c *call) error {
	if c.rec != nil {
		if err := c.rec.Stop(ctx); err != nil {
			return err
		}
	}
	for _, v := range c.voices {
		_ = v.Close()
	}
	return n.under.DB.Tenant(ctx, n.tenant(index), func(tx *storage.Tx) error {
		r := calls.Record{
			ID: id, Direction: calls.Inbound, Number: "1001", Caller: calls.Party{Number: fmt.Sprintf("%s%04d", callerNumber, index)}, StartedAt: tx.Now, EndedAt: &tx.Now,
			Reason: calls.ReasonCallerHungUp, Ticket: true,
		}
		return n.under.Events.Append(ctx, tx, "call.ended", id, r)
	})
}

// callerNumber and four digits is personal data: it must not be in what recordings tell of themselves.
const callerNumber = "+4989123456"

// badFile fails with EIO whatever is read or written at its beginning: nothing is ever mapped there.
const badFile = "/proc/self/mem"

// badFiles are a full disk, one that takes all and syncs nothing, and one that fails.
var badFiles = [...]string{"/dev/full", "/dev/null", badFile}

// breakSpool puts a bad file in the place of every open recording.
func breakSpool(dir, name string) error {
	bad, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("break the spool: %w", err)
	}
	defer bad.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("break the spool: %w", err)
	}
	for _, e := range open {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		var fd int
		if _, bad := fmt.Sscan(e.Name(), &fd); err != nil || bad != nil || filepath.Dir(to) != dir || !strings.HasSuffix(to, ".rec") {
			continue
		}
		if err := syscall.Dup3(int(bad.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			return fmt.Errorf("break the spool: %w", err)
		}
	}
	return nil
}
