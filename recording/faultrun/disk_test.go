package faultrun

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/recording/crmsim"
)

// A disk that takes nothing more, or syncs nothing: the call goes on, and what was safe before is delivered.
func TestBadDisk(t *testing.T) {
	t.Parallel()
	for index, name := range []string{"full (ENOSPC)", "syncs nothing", "fails (EIO)"} {
		play(t, row{"disk", "capturing", name}, 1, 1, func(r *Run) {
			r.start("", 0)
			c := r.begin()
			r.listen(callTime)
			r.proc.order("break", uuid.Nil, index)
			r.listen(time.Second)
			r.end(c)
			r.until("the end", r.over)
			var told int
			r.scan(&told, `SELECT count(*) FROM events WHERE type = 'recording.incomplete'`)
			if rec := r.found(c); rec == nil || !rec.Incomplete || told != 1 {
				t.Error("nobody is told that it is incomplete")
			}
		})
	}
}

// The spool's disk is gone: without a second copy the recording is lost, and a person is told.
func TestDiskGone(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"capturing", "sealed"} {
		play(t, row{"node's disk gone", at, "reported as lost while " + at}, 1, 1, func(r *Run) {
			r.crm.Script(crmsim.Fault{Op: crmsim.OpTicket, Times: 1, Do: crmsim.Refuse, Status: 500})
			r.start(map[string]string{"sealed": "c6"}[at], 1)
			c := r.begin()
			r.listen(callTime)
			if at == "sealed" {
				r.end(c)
				r.dead()
			}
			for name := range r.copySpool() {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			c.want = quarantined
			if at == "sealed" {
				r.resume()
			} else {
				r.end(c)
			}
		})
	}
}

// A spool on a small disk of its own: what is on it when it is full is delivered and makes room; nothing is begun meanwhile, and no call is harmed.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	play(t, row{"disk", "capturing", "of its own, 80 %: alarm, 95 %: nothing new, full (ENOSPC)"}, 1, 1, func(r *Run) {
		own := r.ownDisk(64 << 10)
		r.start("", 0)
		c := r.begin()
		var from *int64
		r.wait("a full disk", func() bool {
			r.scan(&from, `SELECT max(incomplete_at) FROM recordings`)
			return from != nil
		})
		if own {
			c := r.begin()
			if c.refused == "" {
				t.Error("a call is recorded on a full disk")
			}
			c.want = unrecorded
			r.end(c)
			r.wait("an alarm", func() bool { return r.logged("the spool's disk fills up") })
		}
		r.end(c)
		r.until("the end", r.over)
		var kept int64
		r.scan(&kept, `SELECT payload FROM recordings WHERE call_id = $1`, c.id)
		if rec := r.found(c); rec == nil || !rec.Incomplete || kept != *from || kept < 30_000 {
			t.Errorf("%d bytes are kept, incomplete from %d on", kept, *from)
		}
		r.speakFor(time.Second)
	})
	play(t, row{"disk", "c2", "of its own, full when the process comes back"}, 2, 1, func(r *Run) {
		r.ownDisk(64 << 10)
		r.start("c2", 3)
		r.speak()
		r.dead()
		r.fillDisk()
		r.resume()
	})
	play(t, row{"disk", "re-plan", "of its own, full, and 413 on part 1"}, 1, 1, func(r *Run) {
		r.ownDisk(160 << 10)
		r.crm.Script(crmsim.Fault{Op: crmsim.OpTicket, Times: 1, Do: crmsim.Refuse, Status: 500}, crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Refuse, Status: 413})
		r.start("", 0)
		r.speakFor(6 * time.Second)
		r.fillDisk()
		r.until("two parts", func() bool { return r.files() == 2 })
	})
}

// ownDisk gives the next process a spool on a file system of its own. Where mounting is not ours to do no file may grow beyond that size instead.
func (r *Run) ownDisk(size int64) (own bool) {
	r.t.Helper()
	if err := os.Mkdir(r.cfg.Spool, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Mount("faultrun", r.cfg.Spool, "tmpfs", 0, "mode=0700,size="+strconv.FormatInt(size, 10)); err != nil {
		r.t.Logf("no disk of its own, but a limit on files: %v", err)
		r.cfg.FileLimit = size
		return false
	}
	r.t.Cleanup(func() {
		if err := syscall.Unmount(r.cfg.Spool, syscall.MNT_DETACH); err != nil {
			r.t.Error(err)
		}
	})
	return true
}

// fillDisk leaves no room on the spool's own disk.
func (r *Run) fillDisk() {
	r.t.Helper()
	if r.cfg.FileLimit > 0 {
		return // to grow is forbidden in any case
	}
	f, err := os.Create(filepath.Join(r.cfg.Spool, ".ballast"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		r.t.Fatal(err)
	}
}

// A disk that cannot be read for a while: what is to be cut or sent waits, and nobody takes it for lost.
func TestUnreadableDisk(t *testing.T) {
	t.Parallel()
	play(t, row{"disk", "planning, sending", "cannot be read for a while (EIO)"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Refuse, Status: 500})
		r.start("c6", 1)
		c := r.speak()
		r.dead()
		mend := r.unreadable()
		r.resume()
		r.wait("a plan that fails", func() bool { return r.lastError(c) != "" })
		mend()
		r.until("a failure", func() bool { return r.failures() > 0 })
		mend = r.unreadable()
		tries := func() (n int) {
			r.scan(&n, `SELECT coalesce(max(attempts), 0) FROM recording_parts`)
			return n
		}
		before := tries()
		r.until("a send that fails", func() bool { return tries() > before+1 })
		mend()
	})
}

// unreadable puts something that answers EIO in the place of the spool's only file, until mend is called.
func (r *Run) unreadable() (mend func()) {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.cfg.Spool, "*.rec"))
	if err != nil || len(names) != 1 {
		r.t.Fatalf("%v %v", names, err)
	}
	away := filepath.Join(r.dir, "away")
	if err := os.Rename(names[0], away); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(badFile, names[0]); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := os.Rename(away, names[0]); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *Run) lastError(c *talk) (text string) {
	r.t.Helper()
	r.scan(&text, `SELECT last_error FROM recordings WHERE call_id = $1`, c.id)
	return text
}
