package faultrun

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/recording/crmsim"
)

// What somebody who runs the machines can lay hands on while a recording waits: a program started on copies of it delivers nothing to a CRM of their own,
// and quarantines the recording, because a factor is missing. With all of them it delivers, so the others fail for that reason alone.
func TestOperator(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		take  func(t *testing.T, cfg *nodeConfig)
		opens bool
	}{
		{"database, disk and environment", func(t *testing.T, cfg *nodeConfig) { cfg.Master, cfg.Secret = masterKey(t), nil }, false},
		{"all but the master key", func(t *testing.T, cfg *nodeConfig) { cfg.Master = masterKey(t) }, false},
		{"all but the CRM's secret", func(_ *testing.T, cfg *nodeConfig) { cfg.Secret = nil }, false},
		{"all but the disk's keys of days", func(t *testing.T, cfg *nodeConfig) { cfg.Keys = filepath.Join(t.TempDir(), "keys") }, false},
		{"all", func(*testing.T, *nodeConfig) {}, true},
	} {
		play(t, row{"operator", "waiting", "operator with " + c.name}, 2, 1, func(r *Run) {
			r.cfg.Master, r.cfg.Secret = masterKey(t), []byte("typed in by an administrator")
			r.failing("", 0, down(0)...)
			r.kill()
			thief := r.steal(func(cfg *nodeConfig) { c.take(t, cfg) })
			thief.start("", 0)
			thief.until("an end", func() (over bool) {
				thief.scan(&over, `SELECT state IN ('quarantined', 'destroyed') FROM recordings`)
				return over
			})
			thief.kill()
			if opened := thief.files() > 0; opened != c.opens {
				t.Errorf("opened: %v, want %v", opened, c.opens)
			}
			r.crm.Well()
			r.resume()
		})
	}
}

// masterKey makes a master key outside of everything that a run has on disk.
func masterKey(t *testing.T) (file string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "memory")
	if _, err := storage.OpenKeys(dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "master")
}

// steal makes a run of copies: of the database and the disk, with the process's settings, which may be changed, and a CRM of its own.
func (r *Run) steal(change func(*nodeConfig)) *Run {
	r.t.Helper()
	thief := &Run{t: r.t, dir: r.t.TempDir(), stride: r.stride, cfg: r.cfg}
	thief.cfg.Database = r.copyDatabase()
	for _, dir := range []*string{&thief.cfg.Keys, &thief.cfg.Spool} {
		from := *dir
		*dir = filepath.Join(thief.dir, filepath.Base(from))
		if err := os.CopyFS(*dir, os.DirFS(from)); err != nil {
			r.t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(*dir, 0o700)); err != nil {
			r.t.Fatal(err)
		}
	}
	thief.cfg.Page, thief.cfg.Token = filepath.Join(thief.dir, "page"), filepath.Join(thief.dir, "token")
	thief.equip(1)
	thief.page.advance(time.Duration(r.page.skew.Load()))
	change(&thief.cfg)
	return thief
}

// copyDatabase copies the run's database, which no process uses now.
func (r *Run) copyDatabase() (copied string) {
	r.t.Helper()
	ctx := context.Background()
	u, err := url.Parse(r.cfg.Database)
	if err != nil {
		r.t.Fatal(err)
	}
	name := strings.Trim(u.Path, "/")
	u.Path = "/postgres"
	admin, err := pgx.Connect(ctx, u.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_, err := admin.Exec(ctx, "DROP DATABASE "+name+"_stolen WITH (FORCE)")
		if err = errors.Join(err, admin.Close(ctx)); err != nil {
			r.t.Error(err)
		}
	})
	r.wait("a copy of the database", func() bool {
		r.db.Reset()
		_, err := admin.Exec(ctx, "CREATE DATABASE "+name+"_stolen TEMPLATE "+name)
		return err == nil
	})
	u.Path = "/" + name + "_stolen"
	return u.String()
}

// Each factor of the break-glass way alone is missing once: refused, and told in the log; with all of them it opens.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	play(t, row{"break-glass", "waiting", "permission, CRM signature or second factor missing"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Refuse, Status: 500})
		r.start("", 0)
		r.ask(uuid.Nil, 0)
		c := r.speak()
		r.wait("a failure", func() bool { return r.failures() > 0 })
		rec := r.found(c)
		for missing := range len(factors) + 1 {
			r.ask(rec.ID, missing)
		}
		var refused []string
		var heard int
		r.scan(&refused, `SELECT array_agg(data->>'reason' ORDER BY seq) FROM events WHERE type = 'recording.access_refused'`)
		r.scan(&heard, `SELECT count(*) FROM events WHERE type = 'recording.access_begun'`)
		if !slices.Equal(refused, factors[:]) || heard != 1 {
			t.Errorf("refused for want of %v, heard %d times", refused, heard)
		}
	})
}

// ask goes the break-glass way and fails the test when it does not end as it should.
func (r *Run) ask(id uuid.UUID, missing int) {
	r.t.Helper()
	before := time.Now()
	r.proc.order("access", id, missing)
	r.wait("an answer", func() bool {
		at, failed := r.proc.when("access", id)
		if failed != "" {
			r.t.Fatal(failed)
		}
		return at.After(before)
	})
}
