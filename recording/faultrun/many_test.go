package faultrun

import (
	"fmt"
	"testing"
	"time"

	"tandem/recording/crmsim"
)

// Many calls through a CRM that fails a fifth of all requests at random: a ticket for each, every part once, in order, spool empty, no key
// left; and the same while the server is killed again and again. So many voices want the machine for themselves: no other row runs meanwhile.
func TestManyCalls(t *testing.T) {
	calls, at, every := 40, 20, 4*time.Second
	if *full {
		calls, at, every = 1000, 60, 20*time.Second
	}
	name := fmt.Sprintf("%d calls", calls)
	playAlone(t, row{"CRM fails 20 %", "all", name}, 2, 7, func(r *Run) { many(r, calls, at, 0) })
	playAlone(t, row{fmt.Sprintf("CRM fails 20 %%, killed every %v", every), "all", name + ", killed"}, 2, 8, func(r *Run) { many(r, calls, at, every) })
}

func TestManyCallsAtOnce(t *testing.T) {
	playAlone(t, row{"size", "all", "100 calls at once, at its limit exactly, or few"}, 3, 1, func(r *Run) {
		r.start("", 0)
		n := 20
		if *full {
			n = 100
		}
		calls := r.beginAll(n)
		r.listen(callTime)
		r.endAll(calls)
	})
}

// many makes n calls, at most so many at the same time, and kills the server every so often; 0: never.
func many(r *Run, n, at int, every time.Duration) {
	r.t.Helper()
	// Failures put the tries of a thousand calls off to as many times: the clock goes to them in fewer steps.
	r.cfg.Settle, r.patience, r.stride = 30*time.Second, time.Duration(n)*2*time.Second, 15*time.Second
	r.crm.Script(crmsim.Random(0.2)...)
	r.start("", 0)
	next := time.Now().Add(every)
	kills := 0
	for len(r.talks) < n {
		calls := r.beginAll(min(at, n-len(r.talks)))
		r.listen(callTime)
		if every > 0 && time.Now().After(next) {
			r.kill()
			kills++
			r.resume()
			next = time.Now().Add(every)
			continue
		}
		r.endAll(calls)
	}
	for every > 0 && kills < 3 { // the uploads are cut off as well
		r.listen(time.Second)
		r.kill()
		kills++
		r.resume()
	}
	r.until("the end of every recording", func() bool {
		if every > 0 && time.Now().After(next) {
			r.kill()
			kills++
			r.resume()
			next = time.Now().Add(every)
		}
		return r.over()
	})
}
