// Package faultrun breaks recordings in every way of the fault matrix and looks, from outside only, whether its promises hold. See docs/faults.md.
package faultrun

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/recording/crmsim"
)

// fate is what is to become of a call's recording.
type fate string

const (
	delivered   fate = "delivered"
	expired     fate = "expired"     // destroyed undelivered, on time
	empty       fate = "empty"       // nothing was recorded, and the log says so
	unrecorded  fate = "unrecorded"  // there is no recording, and its start said so
	quarantined fate = "quarantined" // waits for a person, who is told; destroyed on time
	forgotten   fate = "forgotten"   // its tenant was deleted: destroyed at once, and nobody outside is told of it
	cutOff      fate = "cut off"     // the same in mid-call
	restored    fate = "restored"    // expired, and come back with a backup: nothing of it opens, and a person is told
)

// talk is a call as the runner knows it.
type talk struct {
	id             uuid.UUID
	index          int
	started, ended time.Time // by the true clock
	hungUp         time.Time // when the process was told to end it
	cut            bool      // its process died in mid-call
	durable        int64     // bytes of audio that the rows of chunks told of when it died
	refused        string    // why it is not recorded
	want           fate
	parts          int // how many are on its ticket when only some may be; 0: all
	forged         *forgery
}

// Run is one run: a database, a spool, keys, a CRM and processes under test, one after another.
type Run struct {
	t      testing.TB
	dir    string // everything that is on disk
	spools []string
	page   *page
	db     *storage.DB
	crm    *crmsim.CRM
	cfg    nodeConfig
	proc   *process
	talks  []*talk

	began     time.Time     // by the run's clock
	restarted time.Time     // the last process, by the run's clock
	idle      time.Duration // without any process, by the run's clock
	deadSince time.Time
	watched   watched
	stats     stats
	patience  time.Duration // 0: the usual one
	stride    time.Duration // how far the clock is moved beyond what is due, so that what follows soon is due too
	leaps     []leap
	jumps     []time.Duration // of the node's clock alone, each taken back later
	inherited []string        // leases that a former process has left
}

// stats are what a run measures.
type stats struct {
	lost   time.Duration // most audio missing behind a kill
	stall  time.Duration
	copies int // of parts that were stored more than once, for a time
}

// newRun makes everything but a process on a database that is migrated and empty. parts is how many a call of callTime is cut into.
func newRun(t testing.TB, url string, parts int, seed uint64) *Run {
	t.Helper()
	r := &Run{t: t, dir: t.TempDir(), stride: 2 * time.Second}
	r.cfg = nodeConfig{
		Database: url, Keys: filepath.Join(r.dir, "keys"), Spool: filepath.Join(r.dir, "spool"), Page: filepath.Join(r.dir, "page"), Token: filepath.Join(r.dir, "token"),
		MaxPart: partSize(parts), Timeout: 2 * time.Second,
	}
	r.equip(seed)
	r.cfg.Tenants = []uuid.UUID{storagetest.Tenant(t, r.db, "a")}
	return r
}

// equip gives the run its clock, its own way to the database and its CRM.
func (r *Run) equip(seed uint64) {
	r.t.Helper()
	r.spools = []string{r.cfg.Spool}
	var err error
	if r.page, err = mapPage(r.cfg.Page); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := r.page.unmap(); err != nil {
			r.t.Error(err)
		}
	})
	if r.db, err = storage.Open(context.Background(), storage.Config{URL: r.cfg.Database, Now: r.page.now, MaxConns: 2}); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.db.Close)
	r.crm = crmsim.New(seed, r.page.now)
	r.t.Cleanup(func() { r.crm.Close() }) // the one that is there then
	r.setToken("token-1")
	r.cfg.CRM = r.crm.URL()
	r.began = r.page.now()
	r.watched.start(r)
	r.t.Cleanup(func() {
		if r.proc != nil {
			r.proc.kill()
		}
	})
}

// callTime is how long calls last: at 16,000 bytes a second it makes the parts asked for.
const callTime = 2400 * time.Millisecond

func partSize(parts int) int64 {
	switch parts {
	case 2:
		return 25_000
	case 3:
		return 15_000
	}
	return 1_000_000
}

func (r *Run) setToken(token string) {
	r.t.Helper()
	if err := os.WriteFile(r.cfg.Token, []byte(token), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start starts a process that is to die when it gets to a crash point for the nth time; an empty one: it lives.
func (r *Run) start(crashAt string, nth int) {
	r.t.Helper()
	cfg := r.cfg
	cfg.CrashAt, cfg.Nth = crashAt, nth
	if !r.deadSince.IsZero() {
		r.idle += r.page.now().Sub(r.deadSince)
		r.deadSince = time.Time{}
	}
	r.restarted = r.page.now()
	r.scan(&r.inherited, `SELECT coalesce(array_agg(lease), '{}') FROM (SELECT recording_id || ' ' || part || ' ' || epoch AS lease FROM recording_parts WHERE leased_until IS NOT NULL
		UNION ALL SELECT outbox_id || ' ' || epoch FROM crm_outbox WHERE leased_until IS NOT NULL) AS leased`)
	var err error
	if r.proc, err = spawn(r.dir, cfg); err != nil {
		r.t.Fatal(err)
	}
	r.wait("a ready process", func() bool {
		_, dead := r.proc.dead()
		return dead || r.proc.ready()
	})
}

// begin starts the next call. Its process may die meanwhile.
func (r *Run) begin() *talk {
	r.t.Helper()
	return r.beginAll(1)[0]
}

// beginAll starts the next calls at the same time.
func (r *Run) beginAll(n int) []*talk {
	r.t.Helper()
	first := len(r.talks)
	for range n {
		c := &talk{id: storage.NewID(), index: len(r.talks), want: delivered}
		r.talks = append(r.talks, c)
		r.proc.order("start", c.id, c.index)
	}
	for _, c := range r.talks[first:] {
		r.wait("the start of a call", func() bool {
			c.started, c.refused = r.proc.when("start", c.id)
			_, dead := r.proc.dead()
			return dead || !c.started.IsZero() || c.refused != ""
		})
	}
	return r.talks[first:]
}

// end hangs up; the log hears of it now or, when the process dies of it, from the next one.
func (r *Run) end(c *talk) {
	r.t.Helper()
	r.endAll([]*talk{c})
}

// endAll hangs up at the same time.
func (r *Run) endAll(calls []*talk) {
	r.t.Helper()
	p := r.proc
	for _, c := range calls {
		c.hungUp = time.Now()
		p.order("end", c.id, c.index)
	}
	for _, c := range calls {
		r.wait("the end of a call", func() bool {
			at, failed := p.when("end", c.id)
			_, dead := p.dead()
			if failed != "" && c.refused == "" {
				r.t.Fatalf("the end of a call: %s", failed)
			}
			if c.ended.IsZero() && !at.IsZero() {
				c.ended = c.hungUp
			}
			return dead || !at.IsZero()
		})
	}
}

// speak makes a call of callTime, unless the process dies before.
func (r *Run) speak() *talk {
	r.t.Helper()
	return r.speakFor(callTime)
}

func (r *Run) speakFor(d time.Duration) *talk {
	r.t.Helper()
	c := r.begin()
	r.listen(d)
	if _, dead := r.proc.dead(); !dead {
		r.end(c)
	}
	return c
}

// listen lets calls go on for a while, or until the process dies.
func (r *Run) listen(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.proc.exited:
	}
}

// dead waits for the process's death and notes what it had in hand. Without one the point was never reached.
func (r *Run) dead() {
	r.t.Helper()
	r.until("the process's death", func() bool {
		_, dead := r.proc.dead()
		return dead
	})
	r.autopsy()
}

// kill kills the process now.
func (r *Run) kill() {
	r.proc.kill()
	r.autopsy()
}

func (r *Run) autopsy() {
	r.t.Helper()
	at, _ := r.proc.dead()
	r.deadSince = r.page.now()
	for _, c := range r.talks {
		if c.started.IsZero() || !c.ended.IsZero() {
			continue
		}
		r.scan(&c.cut, `SELECT bool_or(state = 'capturing') FROM recordings WHERE call_id = $1`, c.id)
		if c.ended = c.hungUp; c.cut {
			c.ended = at
			// Of a frame 8 bytes are its head, and its stream has 40 in front and 16 for each segment of 4,096; frame 0 is no audio.
			r.scan(&c.durable, `SELECT coalesce(sum(length - 48 - 16 * ceil((length - 8) / 4096.0)), 0)::bigint FROM recording_chunks JOIN recordings USING (recording_id) WHERE call_id = $1 AND chunk > 0`, c.id)
		}
	}
}

// resume starts a process that lives; it hears of the ends of the calls that the former one has cut.
func (r *Run) resume() {
	r.t.Helper()
	r.start("", 0)
	var untold []*talk
	for _, c := range r.talks {
		var told bool
		r.scan(&told, `SELECT EXISTS (SELECT FROM events WHERE type = 'call.ended' AND subject = $1)`, c.id)
		if !told && (c.cut || !c.ended.IsZero() || c.started.IsZero()) {
			untold = append(untold, c)
		}
	}
	r.endAll(untold)
}

// scan reads one value from the database.
func (r *Run) scan(to any, sql string, args ...any) {
	r.t.Helper()
	err := r.db.Worker(context.Background(), func(tx *storage.Tx) error { return tx.QueryRow(context.Background(), sql, args...).Scan(to) })
	if err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// finish waits until every recording has come to its fate, ends the process and returns the promises that are broken.
func (r *Run) finish() []string {
	r.t.Helper()
	r.until("the end of every recording", r.over)
	if r.proc != nil {
		_ = r.proc.in.Close()
		<-r.proc.exited
	}
	return r.check()
}

// lostNotes are a ticket's notes of recordings that were lost.
func lostNotes(t crmsim.Ticket) (notes []crmsim.Note) {
	for _, n := range t.Notes {
		if strings.HasPrefix(n.Key, "expired ") {
			notes = append(notes, n)
		}
	}
	return notes
}

// over says whether nothing is left to do.
func (r *Run) over() bool {
	var open, notes int
	r.scan(&open, `SELECT count(*) FROM recordings WHERE NOT (state IN ('destroyed', 'expired') AND erased_at IS NOT NULL OR state = 'quarantined')`)
	r.scan(&notes, `SELECT count(*) FROM crm_outbox`)
	return open == 0 && notes == 0 && r.told()
}

// told says whether every call has its ticket, and what was lost its note.
func (r *Run) told() bool {
	tickets := r.crm.Tickets()
	return !slices.ContainsFunc(r.talks, func(c *talk) bool {
		return c.want != forgotten && c.want != cutOff && !slices.ContainsFunc(tickets, func(t crmsim.Ticket) bool {
			return t.Key == c.id.String() && (len(lostNotes(t)) > 0 || c.want != expired && c.want != restored)
		})
	})
}

// story is what the database, the CRM and the process tell of the run, for whoever looks for a fault's cause.
func (r *Run) story() string {
	var rows string
	r.scan(&rows, `SELECT coalesce(string_agg(line, E'\n'), '') FROM (
		SELECT 'recording ' || recording_id || ' ' || state || ' ' || last_error AS line FROM recordings
		UNION ALL SELECT 'part ' || part || ' ' || state || ' next ' || next_try_at || ' leased ' || coalesce(leased_until::text, '') || ' ' || last_error FROM recording_parts
		UNION ALL SELECT 'parked ' || parked_until || ' ' || reason FROM recording_lanes
		UNION ALL SELECT 'outbox ' || kind || ' next ' || next_try_at || ' leased ' || coalesce(leased_until::text, '') || ' ' || last_error FROM crm_outbox
		UNION ALL (SELECT type || ' ' || subject FROM events ORDER BY seq)) AS lines`)
	log, _ := os.ReadFile(filepath.Join(r.dir, "log"))
	requests := r.crm.Requests()
	return fmt.Sprintf("now %v\n%s\n%+v\n%s", r.page.now(), rows, requests[max(0, len(requests)-10):], log[max(0, len(log)-4000):])
}
