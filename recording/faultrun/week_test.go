package faultrun

import (
	"testing"
	"time"

	"tandem/recording/crmsim"
)

const day = 24 * time.Hour

// pass lets time go by in steps of three hours, each with a sweep and whatever else is due.
func (r *Run) pass(d time.Duration) {
	r.t.Helper()
	const step = 3 * time.Hour
	for ; d > 0; d -= step {
		r.page.advance(min(d, step))
		r.sweep()
	}
}

// sweep has the process sweep, and waits for it unless it dies of it.
func (r *Run) sweep() {
	r.t.Helper()
	before := time.Now()
	id := r.cfg.Tenants[0]
	r.proc.order("sweep", id, 0)
	r.wait("a sweep", func() bool {
		at, failed := r.proc.when("sweep", id)
		if failed != "" {
			r.t.Fatal(failed)
		}
		_, dead := r.proc.dead()
		return dead || at.After(before)
	})
}

// down is a CRM that answers nothing well once it has made the tickets.
func down(until time.Duration) []crmsim.Fault {
	return []crmsim.Fault{
		{Op: crmsim.OpAttach, Until: until, Do: crmsim.Refuse, Status: 500},
		{Op: crmsim.OpList, Until: until, Do: crmsim.Refuse, Status: 500},
		{Op: crmsim.OpNote, From: time.Hour, Until: until, Do: crmsim.Refuse, Status: 500},
	}
}

func TestDownForSixDays(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "sending", "500 for 6 days, then well"}, 3, 1, func(r *Run) {
		r.failing("", 0, down(6*day)...)
		r.pass(6 * day)
	})
}

// Seven days with a dead CRM: destroyed on time, told of on its ticket when the CRM is back, and no copy of anything opens.
func TestDownForAWeek(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "sending", "down for more than 7 days"}, 2, 1, func(r *Run) {
		c := r.deadline("", 0)
		r.pass(3 * day)
		copied := r.copySpool()
		if len(copied) != 1 {
			t.Errorf("%d files in the spool on day 3", len(copied))
		}
		r.expires(c, 4*day)
		r.kill()
		r.putBack(copied) // the node comes back on day 9 with its old disk
		r.crm.Well()
		r.resume()
		r.until("the old disk to be cleared", func() bool { return len(r.copySpool()) == 0 })
	})
}

// deadline makes a call whose CRM takes nothing, in a process that may die at a point; its recording is to expire.
func (r *Run) deadline(point string, nth int) *talk {
	r.t.Helper()
	c := r.failing(point, nth, down(0)...)
	c.want = expired
	c.parts = 0
	return c
}

// failing makes a call, in a process that may die at a point, and waits until the CRM's faults show.
func (r *Run) failing(point string, nth int, faults ...crmsim.Fault) *talk {
	r.t.Helper()
	r.crm.Script(faults...)
	r.start(point, nth)
	c := r.speak()
	r.wait("a failure", func() bool { return r.failures() > 0 })
	return c
}

// expires lets a recording's time run out, of which there is so much left, and two days more.
func (r *Run) expires(c *talk, left time.Duration) {
	r.t.Helper()
	r.pass(left - 90*time.Minute)
	if state := r.state(c); state != "planned" {
		r.t.Errorf("%s before its time", state)
	}
	r.pass(time.Hour)
	r.wait("its end at the deadline", func() bool { return r.state(c) == "expired" })
	r.pass(2 * day)
}

func (r *Run) state(c *talk) (state string) {
	r.t.Helper()
	r.scan(&state, `SELECT state FROM recordings WHERE call_id = $1`, c.id)
	return state
}

func TestCrashAtTheDeadline(t *testing.T) {
	t.Parallel()
	play(t, row{"kill -9", "c18", "c18: in the sweep, key destroyed, not committed"}, 2, 1, func(r *Run) {
		r.deadline("c18", 1)
		r.pass(7 * day)
		r.dead()
		r.resume()
		r.sweep()
		r.pass(2 * day)
		r.crm.Well()
	})
	play(t, row{"kill -9", "c19", "c19: a day's key made, no row"}, 2, 1, func(r *Run) {
		r.start("c19", 1)
		r.speak().want = unrecorded
		r.dead()
		r.resume()
	})
	play(t, row{"kill -9", "c19", "c19: a day's key destroyed"}, 2, 1, func(r *Run) {
		// From noon on: the key of a day that ends soon would be gone at the recording's deadline, before the process that is to die of it.
		r.page.advance(r.page.now().Truncate(day).Add(36 * time.Hour).Sub(r.page.now()))
		r.deadline("", 0)
		r.pass(7 * day)
		r.wait("its end at the deadline", func() bool { return r.state(r.talks[0]) == "expired" })
		r.kill()
		r.page.advance(2 * day)
		r.start("c19", 1)
		r.dead()
		r.resume()
		r.sweep()
		r.crm.Well()
	})
}
