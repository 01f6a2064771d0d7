package faultrun

import (
	"slices"
	"testing"
	"time"

	"tandem/recording/crmsim"
)

// unwell are the CRM's faults that end by themselves: every part ends on its ticket once, in order.
var unwell = []struct {
	name   string
	settle time.Duration
	script []crmsim.Fault
}{
	{"500 three times", 0, []crmsim.Fault{{Do: crmsim.Refuse, Status: 500, Times: 3}}},
	{"stored, then 502", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Lose, Status: 502, Times: 2}}},
	{"stored, connection cut before the answer", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Lose, Times: 2}}},
	{"stored, no answer in time", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Hold, Times: 1}}},
	{"the list shows nothing for 30 s", 30 * time.Second, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Hide, For: 30 * time.Second}}},
	{"the list fails", 0, []crmsim.Fault{{Op: crmsim.OpList, Do: crmsim.Refuse, Status: 500, Times: 4}}},
	{"200, but nothing stored of it", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Shrink, Times: 2}}},
	{"200, but too little stored", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Shrink, Bytes: 14_999, Times: 1}, {Op: crmsim.OpAttach, Skip: 1, Do: crmsim.Shrink, Bytes: 44, Times: 1}}},
	{"cut before the first byte", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Cut, Times: 2}}},
	{"cut in the header", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Cut, Bytes: 43, Times: 2}}},
	{"cut in the middle", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Cut, Bytes: 8_000, Times: 2}}},
	{"answered twice over", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Twice}}},
	{"answered with another's id", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Mislead}}},
	{"answered as the part before", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Former}, {Op: crmsim.OpList, Do: crmsim.Former, Skip: 1, Times: 3}}},
	{"429", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Refuse, Status: 429, Times: 4}}},
	{"429 with Retry-After", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Refuse, Status: 429, RetryAfter: 10 * time.Minute, Times: 2}}},
	{"daily quota gone", 0, []crmsim.Fault{{Op: crmsim.OpAttach, Do: crmsim.Refuse, Status: 429, RetryAfter: time.Hour, Until: 20 * time.Hour}}},
	{"a fifth of everything, at random", 30 * time.Second, crmsim.Random(0.2)},
	{"half of everything, at random", 30 * time.Second, crmsim.Random(0.5)},
}

func TestUnwellCRM(t *testing.T) {
	t.Parallel()
	for _, c := range unwell {
		for _, parts := range few([]int{1, 2, 3}) {
			for seed := range seeds() {
				play(t, row{"CRM", "sending", c.name}, parts, seed, func(r *Run) {
					r.cfg.Settle, r.cfg.Timeout = c.settle, 20*time.Second // what is answered at all is heard, on a slow machine too
					if slices.ContainsFunc(c.script, func(f crmsim.Fault) bool { return f.Do == crmsim.Hold }) {
						r.cfg.Timeout = 700 * time.Millisecond
					}
					r.crm.Script(c.script...)
					r.start("", 0)
					r.speak()
					r.until("the end of the faults", r.over)
					noHotLoop(r)
				})
			}
		}
	}
}

// noHotLoop: a CRM that says "too many" hears of no part for a minute.
func noHotLoop(r *Run) {
	r.t.Helper()
	var quietUntil time.Time
	for _, q := range r.crm.Requests() {
		if q.Op != crmsim.OpAttach && q.Op != crmsim.OpList {
			continue
		}
		if q.At.Before(quietUntil) {
			r.t.Errorf("asked again %v before a minute is over", quietUntil.Sub(q.At))
		}
		if q.Status == 429 {
			quietUntil = q.At.Add(59 * time.Second)
		}
	}
}

// An answer that comes when the lease is over and another has been quicker changes nothing.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "confirm", "answer for an older epoch"}, 2, 1, func(r *Run) {
		r.cfg.Timeout = time.Minute
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Do: crmsim.Hold, Times: 1})
		r.start("", 0)
		r.speak()
		r.wait("the part to be stored", func() bool { return r.files() == 1 })
		r.page.advance(10 * time.Minute)
		r.wait("the second worker", func() bool { return r.files() == 2 })
		r.crm.Release()
	})
}

// files is how many files all tickets hold.
func (r *Run) files() (n int) {
	for _, t := range r.crm.Tickets() {
		n += len(t.Files)
	}
	return n
}

// A token that is withdrawn between two parts: an hour's rest, then the second part, with the new token.
func TestTokenRotated(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "c13", "401 mid-way, token rotated"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Skip: 1, Times: 1, Do: crmsim.Refuse, Status: 401})
		r.start("", 0)
		c := r.speak()
		r.until("the rest", func() bool { return r.parked(c) })
		r.crm.SetToken("token-2")
		before := len(r.crm.Requests())
		r.until("another refusal", func() bool { return len(r.crm.Requests()) > before })
		r.setToken("token-2")
	})
}

func (r *Run) parked(*talk) bool {
	r.t.Helper()
	var n int
	r.scan(&n, `SELECT count(*) FROM recording_lanes`)
	return n > 0
}

// Too large: cut smaller while nothing is confirmed, else a person is told.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	play(t, row{"CRM", "send", "413 on part 1"}, 1, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Times: 1, Do: crmsim.Refuse, Status: 413})
		r.start("", 0)
		r.speakFor(6 * time.Second)
		r.until("two parts", func() bool { return r.files() == 2 })
	})
	play(t, row{"CRM", "send", "413 on part 2"}, 2, 1, func(r *Run) {
		r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Skip: 1, Do: crmsim.Refuse, Status: 413})
		r.start("", 0)
		c := r.speak()
		c.want, c.parts = quarantined, 1
	})
}

// A ticket that is no longer there: another place, as long as nothing is on it; else a person decides.
func TestTicketGone(t *testing.T) {
	t.Parallel()
	for _, state := range []crmsim.TicketState{crmsim.Closed, crmsim.Merged, crmsim.Deleted} {
		for parts, name := range []string{"before part 1", "behind part 1"} {
			play(t, row{"ticket " + string(state), "send", name}, 2, 1, func(r *Run) {
				r.crm.Script(crmsim.Fault{Op: crmsim.OpAttach, Skip: parts, Times: 1, Do: crmsim.Refuse, Status: 503})
				r.start("", 0)
				c := r.speak()
				r.wait("a failure", func() bool { return r.failures() > 0 })
				r.crm.Change(c.id.String(), state)
				if parts > 0 {
					c.want, c.parts = quarantined, 1
				}
			})
		}
	}
}

// failures is how many requests the CRM has refused.
func (r *Run) failures() (n int) {
	for _, q := range r.crm.Requests() {
		if q.Status >= 400 {
			n++
		}
	}
	return n
}
