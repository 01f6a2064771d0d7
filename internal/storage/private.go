package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
)

// PrivateConfig says where the private PostgreSQL lives.
type PrivateConfig struct {
	Dir string       // data.dir; made with mode 0711 when missing
	Log *slog.Logger // never gets statements or their values
}

// Private is the PostgreSQL server that a node runs for itself when database.url is empty. It listens on a unix socket only, lets in
// nobody but the operating-system user of this process, and runs as a user of its own when this process is root, whom PostgreSQL refuses.
// It needs Linux: leftovers of a killed server are found through /proc.
type Private struct {
	cfg    PrivateConfig
	place  place
	server serverPrograms
	lock   *os.File
	log    *serverLog
	child  *child // nil when none was started
}

// NewPrivate returns a server that is not started.
func NewPrivate(cfg PrivateConfig) *Private {
	return &Private{cfg: cfg, log: &serverLog{log: cfg.Log}}
}

// Start makes the cluster if there is none, starts PostgreSQL and waits until it answers, however long its crash recovery takes; ctx
// bounds the wait. It returns the URL of the database tandem, whose owner, also tandem, is no superuser. A server left behind by a
// killed process is stopped first. Errors that people can mend are *fault.Error. After an error nothing runs; call Start at most once.
func (p *Private) Start(ctx context.Context) (string, error) {
	if err := p.prepare(ctx); err != nil {
		p.unlock()
		return "", err
	}
	p.child = &child{failed: make(chan error, 1), stop: make(chan struct{}), quit: make(chan struct{}), stopped: make(chan struct{})}
	go p.supervise(p.child)
	if err := p.ready(ctx); err != nil {
		return "", errors.Join(err, p.Stop(context.WithoutCancel(ctx)))
	}
	p.cfg.Log.Info("private PostgreSQL runs", "version", p.server.major, "folder", p.place.base)
	return p.url("tandem", "tandem"), nil
}

// child is how Start and Stop talk to the goroutine that owns the PostgreSQL process.
type child struct {
	failed  chan error    // takes the first unwanted end, for Start
	stop    chan struct{} // closed: shut down, do not start again
	quit    chan struct{} // closed: end at once
	stopped chan struct{} // closed when no process runs and none will
}

// Stop shuts PostgreSQL down in its fast mode: clients are cut off, everything is written. It waits for the end; when ctx is done
// first, PostgreSQL is ended at once and recovers at the next start. It is a no-op when nothing runs.
func (p *Private) Stop(ctx context.Context) error {
	c := p.child
	if c == nil {
		return nil
	}
	p.child = nil
	defer p.unlock()
	close(c.stop)
	select {
	case <-c.stopped:
		return nil
	case <-ctx.Done():
		close(c.quit)
		<-c.stopped
		return fmt.Errorf("stop the private PostgreSQL: ended at once: %w", ctx.Err())
	}
}

// prepare leaves a locked place with a cluster that our programs can serve and that nobody serves.
func (p *Private) prepare(ctx context.Context) (err error) {
	if p.place, err = findPlace(ctx, p.cfg.Dir, p.cfg.Log); err != nil {
		return err
	}
	if p.lock, err = p.place.lock(); err != nil {
		return err
	}
	if err := p.place.clearLeftovers(ctx, p.cfg.Log); err != nil {
		return err
	}
	major, err := p.place.clusterVersion()
	if err != nil {
		return err
	}
	if p.server, err = findServer(ctx, major, p.place.credential); err != nil {
		return err
	}
	if major == 0 {
		p.cfg.Log.Info("making a new database", "folder", p.place.base, "postgresql", p.server.major)
		if err := p.initdb(ctx); err != nil {
			return err
		}
	}
	return p.place.writeAccessFiles()
}

// initdb works in a folder that gets its final name only when complete, so that an interruption leaves nothing half made.
func (p *Private) initdb(ctx context.Context) error {
	fresh, err := p.place.newDataFolder()
	if err != nil {
		return err
	}
	cmd := p.command(ctx, "initdb", "--pgdata="+fresh, "--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the database folder with initdb: %w: %s", err, out)
	}
	if err := os.Rename(fresh, p.place.data()); err != nil {
		return fmt.Errorf("put the new database folder into its place: %w", err)
	}
	return syncDir(p.place.base)
}

// supervise owns the process: starts it, waits for it, and starts it again should it die while it is wanted.
func (p *Private) supervise(c *child) {
	// The kernel ends the process when the *thread* that started it ends, so this goroutine keeps its thread.
	runtime.LockOSThread()
	defer close(c.stopped)
	for {
		err := p.serve(c)
		if closed(c.stop) {
			return
		}
		select {
		case c.failed <- err: // nobody reads but Start; the buffer takes the first
		default:
		}
		p.cfg.Log.Error("private PostgreSQL ended; starting it again", "err", err)
		timer := time.NewTimer(time.Second)
		select {
		case <-c.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := p.place.clearLeftovers(context.Background(), p.cfg.Log); err != nil {
			p.cfg.Log.Error("private PostgreSQL left something behind", "err", err)
		}
	}
}

// serve runs one PostgreSQL process to its end.
func (p *Private) serve(c *child) error {
	args := []string{"-D", p.place.data()}
	for _, s := range p.settings() {
		args = append(args, "-c", s)
	}
	cmd := p.command(context.Background(), "postgres", args...)
	// Its own group: a Ctrl-C in the terminal must not take the database away from a server that is still draining.
	cmd.SysProcAttr.Setpgid = true
	// When this process is killed, the kernel asks PostgreSQL for a fast shutdown.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGINT
	cmd.Stderr = p.log
	cmd.WaitDelay = 5 * time.Second // for orphans that hold the pipe of a killed postmaster
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-c.stop:
		_ = cmd.Process.Signal(syscall.SIGINT) // fails only when it has ended
		select {
		case err = <-ended:
		case <-c.quit:
			_ = cmd.Process.Signal(syscall.SIGQUIT)
			err = <-ended
		}
	}
	return fmt.Errorf("postgres ended (%w); it said last: %s", err, p.log.last())
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// settings are those that differ from PostgreSQL's own or on which our promises rest.
func (p *Private) settings() []string {
	return []string{
		"listen_addresses=",
		"unix_socket_directories=" + p.place.socket,
		"unix_socket_permissions=0700",
		"hba_file=" + filepath.Join(p.place.base, hbaFile),
		"ident_file=" + filepath.Join(p.place.base, identFile),
		"max_connections=100",
		"shared_buffers=128MB",
		"fsync=on",
		"full_page_writes=on",
		"synchronous_commit=on",
		"jit=off",
		"timezone=UTC",
		// systemd removes a user's POSIX shared memory at logout; files in the data folder stay.
		"dynamic_shared_memory_type=mmap",
		"logging_collector=off",
		"log_destination=stderr",
		"log_timezone=UTC",
		"log_line_prefix=",
		"lc_messages=C",
		// Statements and their values stay out of the log: errors of statements rank below LOG and are the caller's to report.
		"log_min_messages=log",
		"log_min_error_statement=panic",
		"log_statement=none",
		"log_min_duration_statement=-1",
		"log_autovacuum_min_duration=-1",
		"log_error_verbosity=terse",
		"log_checkpoints=off",
	}
}

func (p *Private) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.server.dir, program), args...)
	cmd.Dir = p.place.base
	// Not ours: PGDATA, PGOPTIONS and the like would change what is started.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + p.place.base}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.place.credential}
	return cmd
}

// URL is that of the database tandem, once Start has returned: also when it refused because another server uses the folder.
func (p *Private) URL() string { return p.url("tandem", "tandem") }

func (p *Private) url(user, database string) string {
	q := url.Values{"host": {p.place.socket}, "user": {user}, "sslmode": {"disable"}}
	return "postgres:///" + database + "?" + q.Encode()
}

// ready waits for an answer and makes the role and the database tandem if they are missing.
func (p *Private) ready(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	tell := time.NewTicker(10 * time.Second)
	defer tell.Stop()
	for {
		c, err := pgx.Connect(ctx, p.url("postgres", "postgres"))
		if err == nil {
			err = createDatabase(ctx, c)
			return errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
		select {
		case end := <-p.child.failed:
			return fault.New(fault.Unavailable, "database_start", "The private PostgreSQL does not start.").Because(end)
		case <-ctx.Done():
			return fmt.Errorf("wait for the private PostgreSQL: %w (last: %w)", ctx.Err(), err)
		case <-tell.C:
			p.cfg.Log.Info("waiting for the private PostgreSQL", "it_said", p.log.last())
		case <-tick.C:
		}
	}
}

func createDatabase(ctx context.Context, c *pgx.Conn) error {
	for _, step := range []struct{ check, make string }{
		{"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tandem')", "CREATE ROLE tandem LOGIN CREATEROLE"},
		{"SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'tandem')", "CREATE DATABASE tandem OWNER tandem"},
	} {
		var exists bool
		if err := c.QueryRow(ctx, step.check).Scan(&exists); err != nil {
			return fmt.Errorf("look for the database tandem: %w", err)
		}
		if exists {
			continue
		}
		if _, err := c.Exec(ctx, step.make); err != nil {
			return fmt.Errorf("make the database tandem: %w", err)
		}
	}
	return nil
}

func (p *Private) unlock() {
	if p.lock != nil {
		_ = p.lock.Close() // closing gives up the flock
		p.lock = nil
	}
}
