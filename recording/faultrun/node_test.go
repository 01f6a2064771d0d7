package faultrun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/recording/crmsim"
)

// What an operating system has not synced is gone when it crashes: the file ends at its last sync, or somewhere behind it, or in zeros.
func TestSystemCrash(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"c2", "c3"} {
		for tail, name := range []string{"ends at the last sync", "ends in half a chunk", "ends in zeros"} {
			play(t, row{"OS crash", point, point + ": the file " + name}, 2, 1, func(r *Run) {
				r.start(point, 3)
				r.speak()
				r.dead()
				r.tear(tail)
				r.resume()
			})
		}
	}
	play(t, row{"OS crash", "c12", "c12: read back, not noted"}, 2, 1, func(r *Run) {
		r.start("c12", 1)
		r.speak()
		r.dead()
		r.resume()
	})
	play(t, row{"OS crash", "c17", "c17: the file's removal was not synced"}, 2, 1, func(r *Run) {
		r.start("c16", 1)
		r.speak()
		r.dead()
		files := r.copySpool()
		r.start("c17", 1)
		r.dead()
		r.putBack(files)
		r.resume()
		r.until("the file to be removed again", func() bool { return len(r.copySpool()) == 0 })
	})
}

// tear makes of the spool's file what a crash leaves of it.
func (r *Run) tear(how int) {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.cfg.Spool, "*.rec"))
	if err != nil || len(names) != 1 {
		r.t.Fatalf("%v %v", names, err)
	}
	synced := r.page.synced.Load()
	info, err := os.Stat(names[0])
	if err != nil {
		r.t.Fatal(err)
	}
	end := synced
	if how > 0 {
		end = synced + max(info.Size()-synced, 5000)/2
	}
	if err := os.Truncate(names[0], synced+(end-synced)*int64(2-max(how, 1))); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Truncate(names[0], end); err != nil { // what is added to the end is zeros
		r.t.Fatal(err)
	}
}

// The disk dies with its node, and there is a second copy: another node delivers from it, and leaves nothing there.
func TestSecondCopy(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"capturing", "sealed"} {
		play(t, row{"node's disk gone", at, "second copy used, " + at}, 1, 1, func(r *Run) {
			r.cfg.Copies = filepath.Join(r.dir, "copies")
			r.crm.Script(down(time.Minute)...)
			r.start("", 0)
			c := r.begin()
			r.listen(callTime)
			if at == "sealed" {
				r.end(c)
			}
			r.wait("the copy", func() (copied bool) {
				r.scan(&copied, `SELECT CASE WHEN $1 THEN copied_whole ELSE copied > 12000 END FROM recordings`, at == "sealed")
				return copied
			})
			r.kill()
			c.durable = 0 // what was written in the last two seconds may be on the lost disk alone
			for name := range r.copySpool() {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			r.page.advance(6 * time.Minute) // the node is taken for dead
			r.secondSpool()
			r.cfg.Name = "node2"
			r.resume()
			r.until("the end", r.over)
			if left := readAll(t, r.cfg.Copies); len(left) != 0 {
				t.Errorf("%d objects are left of the copy", len(left))
			}
		})
	}
}

// A backup of the database from before the delivery: nothing is sent again, and nothing opens.
func TestBackupRestored(t *testing.T) {
	t.Parallel()
	play(t, row{"backup restored", "day 9", "a row of day 3, its file and its wrapped key"}, 2, 1, func(r *Run) {
		c := r.deadline("", 0)
		r.pass(3 * day)
		var key []byte
		r.scan(&key, `SELECT wrapped_key FROM recordings`)
		files := r.copySpool()
		r.pass(6 * day)
		r.wait("its end", func() bool { return r.state(c) == "expired" })
		r.kill()
		r.putBack(files)
		var old int
		r.scan(&old, `WITH old AS (UPDATE recordings SET state = 'planned', wrapped_key = $1, erased_at = NULL, warned = 6,
			deadline = deadline + interval '30 days' RETURNING 1), parts AS (UPDATE recording_parts SET deadline = deadline + interval '30 days') SELECT count(*) FROM old`, key)
		r.crm.Well()
		r.resume()
		r.until("a person is told", func() bool { return r.state(c) == "quarantined" })
		c.want = restored
	})
}

// Keys that cannot be read for a while: no call is recorded without one, and what waits goes on waiting.
func TestKeysAway(t *testing.T) {
	t.Parallel()
	play(t, row{"keys away", "start, send", "no recording without a key; sends wait"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 2, Do: crmsim.Refuse, Status: 500})
		r.start("", 0)
		r.speak()
		r.wait("a failure", func() bool { return r.failures() > 0 })
		away := filepath.Join(r.dir, "away")
		if err := os.Rename(r.cfg.Keys, away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.cfg.Keys, nil, 0o600); err != nil { // what is there answers nothing
			t.Fatal(err)
		}
		c := r.begin()
		if c.refused == "" {
			t.Error("a call is recorded without a key")
		}
		c.want = unrecorded
		r.page.advance(time.Hour)
		r.listen(2 * time.Second)
		if err := os.Remove(r.cfg.Keys); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, r.cfg.Keys); err != nil {
			t.Fatal(err)
		}
		r.end(c)
	})
}

// Keys that cannot be reached when a day's key is to be destroyed: destroyed as soon as they are back.
func TestKeysAwayAtTheEnd(t *testing.T) {
	t.Parallel()
	play(t, row{"keys away", "destroy", "a day's key outlives its recordings until the keys are back"}, 2, 1, func(r *Run) {
		c := r.deadline("", 0)
		r.pass(7 * day)
		r.wait("its end at the deadline", func() bool { return r.state(c) == "expired" })
		away := filepath.Join(r.dir, "away")
		if err := os.Rename(r.cfg.Keys, away); err != nil {
			t.Fatal(err)
		}
		r.page.advance(2 * day)
		r.wait("an alarm", func() bool { return r.logged("the sweep of recordings failed in part") })
		if err := os.Rename(away, r.cfg.Keys); err != nil {
			t.Fatal(err)
		}
		r.sweep()
		r.crm.Well()
	})
}

// logged says whether the processes have logged something.
func (r *Run) logged(text string) bool {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Contains(string(b), text)
}

// Nobody is woken: the work is found all the same.
func TestBusGone(t *testing.T) {
	t.Parallel()
	play(t, row{"bus", "all", "gone"}, 2, 1, func(r *Run) {
		r.start("", 0)
		c := r.begin()
		r.proc.order("deafen", uuid.Nil, 0)
		r.listen(callTime)
		r.end(c)
	})
}

// Two processes believe that they are the node: the first stands still in the middle of an upload while the other, with a copy of the
// spool, goes on; then it wakes up.
func TestSplitBrain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		hold crmsim.Op
	}{{"paused behind the request", crmsim.OpAttach}, {"paused behind the reading back", crmsim.OpList}} {
		play(t, row{"two uploaders", "c9-c12", c.name}, 2, 1, func(r *Run) {
			r.cfg.Timeout = time.Minute
			r.crm.Script(crmsim.Fault{Op: c.hold, Times: 1, Do: crmsim.Hold})
			r.start("", 0)
			r.speak()
			r.wait("the upload", func() bool { return r.files() == 1 && (c.hold == crmsim.OpAttach || r.listed()) })
			first := r.proc
			first.signal(syscall.SIGSTOP)
			r.crm.Release()
			r.secondSpool()
			r.page.advance(10 * time.Minute)
			r.start("", 0)
			r.until("the second one's end", r.over)
			second := r.proc
			first.signal(syscall.SIGCONT)
			r.listen(time.Second)
			_ = second.in.Close()
			<-second.exited
			first.kill()
			for _, r.cfg.Spool = range slices.Backward(r.spools) { // each of the two tidies up its own folder, at its start
				r.start("", 0)
				r.wait("an empty folder", func() bool { return len(r.copySpool()) == 0 })
				_ = r.proc.in.Close()
				<-r.proc.exited
			}
		})
	}
}

// listed says whether the CRM has been asked for its list.
func (r *Run) listed() bool {
	for _, q := range r.crm.Requests() {
		if q.Op == crmsim.OpList {
			return true
		}
	}
	return false
}

// secondSpool gives the next process a spool of its own with the same files.
func (r *Run) secondSpool() {
	r.t.Helper()
	files := r.copySpool()
	r.cfg.Spool = filepath.Join(r.dir, "second")
	r.spools = append(r.spools, r.cfg.Spool)
	if err := os.Mkdir(r.cfg.Spool, 0o700); err != nil {
		r.t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(r.cfg.Spool, filepath.Base(name)), []byte(data), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// A call that ends as it begins.
func TestNoLength(t *testing.T) {
	t.Parallel()
	play(t, row{"size", "all", "a call of no length"}, 1, 1, func(r *Run) {
		r.start("", 0)
		r.end(r.begin())
	})
}
