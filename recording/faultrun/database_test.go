package faultrun

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/recording/crmsim"
)

// PostgreSQL ends every session and takes none for a while: capture goes on, and nothing is sent twice.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	play(t, row{"PostgreSQL", "capturing", "all sessions ended, none taken for 3 s"}, 2, 1, func(r *Run) {
		r.start("", 0)
		c := r.begin()
		r.listen(time.Second)
		back := r.databaseAway()
		r.listen(3 * time.Second)
		back()
		r.listen(time.Second)
		r.end(c)
	})
	play(t, row{"PostgreSQL", "sending", "all sessions ended while the CRM stores a part"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Do: crmsim.Hold, Times: 2})
		r.cfg.Timeout = time.Minute
		r.start("", 0)
		r.speak()
		for n := 1; n <= 2; n++ {
			r.until("a part to be stored", func() bool { return r.files() >= n })
			back := r.databaseAway()
			r.crm.Release()
			r.listen(2 * time.Second)
			back()
		}
	})
}

// databaseAway ends all sessions of the run's database and lets none begin until back is called.
func (r *Run) databaseAway() (back func()) {
	r.t.Helper()
	u, err := url.Parse(r.cfg.Database)
	if err != nil {
		r.t.Fatal(err)
	}
	name := filepath.Base(u.Path)
	u.Path = "/postgres"
	allow := func(yes bool) {
		ctx := context.Background()
		c, err := pgx.Connect(ctx, u.String())
		if err != nil {
			r.t.Fatal(err)
		}
		defer c.Close(ctx)
		if _, err := c.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %v", name, yes)); err != nil {
			r.t.Fatal(err)
		}
		if _, err := c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
			r.t.Fatal(err)
		}
	}
	allow(false)
	return func() {
		allow(true)
		r.db.Reset()
	}
}

// The server is killed and starts again with its crash recovery: in mid-call, and while the CRM stores each of the parts.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	var server database
	own := func(t testing.TB) string {
		server.start(t)
		return server.url
	}
	playAt(t, row{"PostgreSQL", "capturing, sending", "server killed, starts again"}, own, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Do: crmsim.Hold, Times: 2})
		r.cfg.Timeout = time.Minute
		r.start("", 0)
		c := r.begin()
		r.listen(time.Second)
		server.kill(t)
		server.answers(r)
		r.listen(2 * time.Second) // the process's connections are looked at before they are used again
		r.end(c)
		for n := 1; n <= 2; n++ {
			r.until("a part to be stored", func() bool { return r.files() >= n })
			server.kill(t)
			r.crm.Release()
			server.answers(r)
		}
		sentOnce(r)
	})
}

// database is a PostgreSQL of its own, as the server runs it.
type database struct{ dir, url string }

func (d *database) start(t testing.TB) {
	t.Helper()
	var err error
	if d.dir, err = os.MkdirTemp("", "faultrun"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d.dir) })
	if err := os.Chmod(d.dir, 0o711); err != nil { // PostgreSQL has a user of its own when we are root
		t.Fatal(err)
	}
	p := storage.NewPrivate(storage.PrivateConfig{Dir: d.dir, Log: slog.New(slog.DiscardHandler)})
	if d.url, err = p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := storage.Migrate(context.Background(), d.url, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// kill ends the server as the kernel does when memory is short.
func (d *database) kill(t testing.TB) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(strings.SplitN(string(b), "\n", 2)[0], &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// answers waits until the server has recovered.
func (d *database) answers(r *Run) {
	r.t.Helper()
	r.wait("the database", func() bool {
		c, err := pgx.Connect(context.Background(), d.url)
		if err != nil {
			return false
		}
		return c.Close(context.Background()) == nil
	})
	r.db.Reset()
}

// The network between process and database is cut for half a minute, and then goes on with what was under way.
func TestPartition(t *testing.T) {
	t.Parallel()
	const away = 30 * time.Second
	play(t, row{"PostgreSQL", "capturing", "network cut for 30 s"}, 2, 1, func(r *Run) {
		r.cfg.MaxPart = 300_000
		wire := r.throughWire()
		r.start("", 0)
		c := r.begin()
		r.listen(time.Second)
		wire.cut()
		before := spoolSize(r.cfg.Spool)
		r.listen(away)
		written := spoolSize(r.cfg.Spool)
		if least := int64((away - time.Second).Seconds() * 16_000); written-before < least-int64(time.Duration(r.page.stall.Load()).Seconds()*16_000) {
			t.Errorf("only %d bytes were recorded without a database, want %d", written-before, least)
		}
		wire.mend()
		r.wait("the rows of chunks", func() bool {
			var known int64
			r.scan(&known, `SELECT coalesce(max(file_offset + length), 0) FROM recording_chunks`)
			return known >= written
		})
		r.end(c)
		r.until("the end", r.over)
		sentOnce(r)
	})
	play(t, row{"PostgreSQL", "sending", "network cut for 30 s while the CRM stores a part"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Do: crmsim.Hold, Times: 1})
		r.cfg.Timeout = time.Minute
		wire := r.throughWire()
		r.start("", 0)
		r.speak()
		r.until("a part to be stored", func() bool { return r.files() == 1 })
		wire.cut()
		r.crm.Release()
		r.listen(away)
		wire.mend()
		r.until("the end", r.over)
		sentOnce(r)
	})
}

// throughWire puts a wire between the next process and its database.
func (r *Run) throughWire() *wire {
	r.t.Helper()
	w, through, err := newWire(r.cfg.Database)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(w.close)
	r.cfg.Database = through
	return w
}

// sentOnce: the CRM has been given no part twice, not even for a time.
func sentOnce(r *Run) {
	r.t.Helper()
	times := map[string]int{}
	for _, q := range r.crm.Requests() {
		if q.Op == crmsim.OpAttach && q.Stored {
			if times[q.Name]++; times[q.Name] > 1 {
				r.t.Errorf("%s was sent again", q.Name)
			}
		}
	}
}
