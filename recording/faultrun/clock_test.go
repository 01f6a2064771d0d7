package faultrun

import (
	"net/url"
	"testing"
	"time"
	_ "time/tzdata" // the processes live in a zone of their own, wherever they run

	"tandem/recording/crmsim"
)

// jumps are what a clock does when it is set.
var jumps = []struct {
	name string
	by   time.Duration
}{{"+30 days", 30 * day}, {"-30 days", -30 * day}, {"+1 hour (NTP step)", time.Hour}}

// The node's clock jumps and is put right again, while a recording waits, is made, or is being sent: nothing is destroyed and nothing sent twice.
func TestClock(t *testing.T) {
	t.Parallel()
	for _, c := range jumps {
		play(t, row{"clock", "waiting", "the node's clock jumps " + c.name + ", waiting"}, 2, 1, func(r *Run) {
			talk := r.failing("", 0, crmsim.Fault{Op: crmsim.OpAttach, Times: 2, Do: crmsim.Refuse, Status: 500})
			r.jump(c.by, talk, func() {})
		})
		play(t, row{"clock", "capturing", "the node's clock jumps " + c.name + ", capturing"}, 2, 1, func(r *Run) {
			r.start("", 0)
			talk := r.begin()
			r.listen(callTime / 2)
			r.jump(c.by, talk, func() {})
			r.listen(callTime / 2)
			r.end(talk)
		})
		play(t, row{"clock", "sending", "the node's clock jumps " + c.name + ", sending"}, 2, 1, func(r *Run) {
			r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Hold})
			r.cfg.Timeout = time.Minute
			r.start("", 0)
			talk := r.speak()
			r.until("a part to be stored", func() bool { return r.files() == 1 })
			r.jump(c.by, talk, func() {
				r.crm.Release()
				r.listen(time.Second)
			})
		})
	}
}

// jump sets the node's clock by so much, lets the process look at it, does something, and sets the clock right.
func (r *Run) jump(by time.Duration, c *talk, meanwhile func()) {
	r.t.Helper()
	r.jumps = append(r.jumps, by)
	r.page.skew.Add(int64(by))
	r.sweep()
	if s := r.state(c); s == "expired" {
		r.t.Errorf("it is %s", s)
	}
	meanwhile()
	r.page.skew.Add(-int64(by))
	r.sweep()
}

// Daylight saving begins or ends in mid-call, for the process and its database: the recording has its length, and lives for seven times 24 hours.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	const zone = "Europe/Berlin"
	for name, change := range map[string]time.Time{
		"begins": time.Date(2032, 3, 28, 1, 0, 0, 0, time.UTC), "ends": time.Date(2032, 10, 31, 1, 0, 0, 0, time.UTC),
	} {
		play(t, row{"clock", "any", "daylight saving " + name}, 2, 1, func(r *Run) {
			r.cfg.Zone = zone
			r.cfg.Database += "&timezone=" + url.QueryEscape(zone)
			r.page.advance(time.Until(change.Add(-time.Hour)))
			r.crm.Close() // its time begins with the run's
			r.crm = crmsim.New(1, r.page.now)
			r.cfg.CRM = r.crm.URL()
			r.watched.start(r)
			r.crm.Script(down(0)...)
			r.start("", 0)
			r.page.advance(change.Sub(r.page.now()) - 6*time.Second)
			c := r.begin()
			if !r.page.now().Before(change) {
				t.Error("the call begins behind the change")
			}
			r.wait("the change", func() bool { return r.page.now().After(change.Add(time.Second)) })
			r.end(c)
			c.want = expired
			r.wait("a failure", func() bool { return r.failures() > 0 })
			r.expires(c, 7*day)
			r.crm.Well()
		})
	}
}
