package storagetest

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Server is a PostgreSQL of a test's own, which the test may kill, start again, or have replaced by its standby.
type Server struct {
	t        testing.TB
	dir      string // of its data and its socket
	bin      string
	attr     *syscall.SysProcAttr
	settings []string
	process  *os.Process
	ended    chan struct{}
}

// NewPair returns a running PostgreSQL with a migrated, empty database, a standby that has each commit before it is answered, and the address that
// leads to whichever of the two takes writes. Both end with the test.
func NewPair(t testing.TB) (primary, standby *Server, address string) {
	t.Helper()
	primary, standby = newServer(t), newServer(t)
	if err := initdb(primary.bin, primary.dir, primary.attr); err != nil {
		t.Fatal(err)
	}
	primary.Start()
	if err := storage.Migrate(context.Background(), primary.url(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("prepare the test database server: %v", err)
	}
	primary.signal(syscall.SIGINT)
	if out, err := exec.Command("cp", "-a", primary.data(), standby.data()).CombinedOutput(); err != nil {
		t.Fatalf("copy the database: %v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(standby.data(), "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	primary.settings = []string{"-c", "synchronous_standby_names=*"}
	standby.settings = []string{"-c", "primary_conninfo=user=postgres host=" + primary.dir}
	primary.Start()
	standby.Start()
	return primary, standby, "postgres:///postgres?user=postgres&target_session_attrs=read-write&host=" + url.QueryEscape(primary.dir+","+standby.dir)
}

func newServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t}
	var err error
	if s.bin, err = binaries(); err != nil {
		t.Fatal(err)
	}
	if s.dir, err = os.MkdirTemp("", "tandem-pg-"); err != nil { // t.TempDir's names are too long for a socket
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	if s.attr, err = unprivileged(s.dir); err != nil {
		t.Fatal(err)
	}
	s.attr.Pdeathsig = syscall.SIGQUIT
	t.Cleanup(s.Kill)
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) url() string {
	return "postgres:///postgres?user=postgres&host=" + url.QueryEscape(s.dir)
}

// Start starts the server, which recovers from whatever has ended it, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	args := append([]string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=32MB"}, s.settings...)
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.SysProcAttr, cmd.Dir = s.attr, s.dir
	started := make(chan error)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // the kernel ends the server when the thread that started it ends
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is the test's doing
		}
	}()
	if err := <-started; err != nil {
		s.t.Fatalf("start the database server: %v", err)
	}
	s.process, s.ended = cmd.Process, ended
	if err := waitReady(s.url()); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the server as pg_ctl stop -m immediate does: sessions are cut off, and nothing is written any more.
func (s *Server) Kill() { s.signal(syscall.SIGQUIT) }

func (s *Server) signal(how syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Signal(how) // fails when it has ended
	<-s.ended
	s.process = nil
}

// Promote makes a standby take writes.
func (s *Server) Promote() {
	s.t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, s.url())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "SELECT pg_promote()"); err != nil {
		s.t.Fatalf("promote the standby: %v", err)
	}
}
