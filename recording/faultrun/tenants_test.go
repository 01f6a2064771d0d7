package faultrun

import (
	"testing"
	"time"

	"tandem/internal/storage/storagetest"
	"tandem/recording/crmsim"
)

// two gives the run a second tenant: calls are the first one's and the second one's in turn.
func (r *Run) two() {
	r.t.Helper()
	r.cfg.Tenants = append(r.cfg.Tenants, storagetest.Tenant(r.t, r.db, "b"))
}

// A tenant is deleted while its recording waits, being sent or not: its keys are gone at the commit, and not before; nothing is sent after. Another tenant's
// recording arrives.
func TestTenantDeletion(t *testing.T) {
	t.Parallel()
	for nth, name := range []string{"c20: tenant's keys destroyed, not committed", "c20: tenant's keys destroyed"} {
		play(t, row{"kill -9", "c20", name}, 2, 1, func(r *Run) {
			c, _ := r.both("c20", nth+1)
			r.proc.order("delete-tenant", c.id, c.index)
			r.dead()
			if nth == 1 {
				c.want = forgotten
			}
			r.crm.Well()
			r.resume()
		})
	}
	play(t, row{"tenant deleted", "waiting", "again and again, the other tenant's recording waits too"}, 2, 1, func(r *Run) {
		c, _ := r.both("", 0)
		c.want = forgotten
		for range 2 {
			r.delete(c)
		}
		r.crm.Well()
	})
	play(t, row{"tenant deleted", "capturing", "in mid-call"}, 2, 1, func(r *Run) {
		r.two()
		r.start("", 0)
		c, other := r.begin(), r.begin()
		r.listen(callTime / 2)
		r.delete(c)
		r.listen(callTime / 2)
		r.end(c)
		r.end(other)
		c.want = cutOff
	})
}

// both makes a call of each of two tenants, whose CRM takes nothing.
func (r *Run) both(point string, nth int) (first, second *talk) {
	r.t.Helper()
	r.two()
	r.crm.Script(down(0)...)
	r.start(point, nth)
	first, second = r.speak(), r.speak()
	r.wait("failures", func() bool { return r.failures() > 1 })
	return first, second
}

// delete deletes the tenant of a call.
func (r *Run) delete(c *talk) {
	r.t.Helper()
	before := time.Now()
	r.proc.order("delete-tenant", c.id, c.index)
	r.wait("the tenant's end", func() bool {
		at, failed := r.proc.when("delete-tenant", c.id)
		if failed != "" {
			r.t.Fatal(failed)
		}
		return at.After(before)
	})
}

// A CRM that wants to hear nothing for an hour keeps its own tenant waiting, and no other.
func TestSecondTenant(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "sending", "429 to one tenant, the other goes on"}, 2, 1, func(r *Run) {
		r.two()
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Refuse, Status: 429, RetryAfter: time.Hour})
		r.start("", 0)
		first := r.speak()
		r.wait("the pause", func() bool { return r.parked(first) })
		second := r.speak()
		r.wait("the other tenant's delivery", func() bool { return r.state(second) == "destroyed" })
		if state := r.state(first); state != "planned" {
			t.Errorf("the first tenant's recording is %s", state)
		}
	})
}
