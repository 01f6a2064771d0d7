package webhooks

import (
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	const tryFor = 72 * time.Hour
	round := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	status := outcome{status: 500, failure: FailureStatus}
	wish := func(d time.Duration) outcome { return outcome{status: 429, failure: FailureStatus, retryAfter: d} }
	for _, c := range []struct {
		name  string
		o     outcome
		tries int
		now   time.Duration
		luck  float64
		state State
		in    time.Duration // from now
	}{
		{"taken", outcome{status: 204}, 1, 0, 0, Delivered, 0},
		{"gone", outcome{status: 410, failure: FailureGone}, 1, 0, 0, Failed, 0},
		{"first failure, soon", status, 1, 0, 0, Waiting, 4 * time.Second},
		{"first failure, late", status, 1, 0, 1, Waiting, 6 * time.Second},
		{"second", status, 2, 0, 0.5, Waiting, 5 * time.Minute},
		{"third", status, 3, 0, 0.5, Waiting, 30 * time.Minute},
		{"ninth", status, 9, 0, 0.5, Waiting, 24 * time.Hour},
		{"tenth", status, 10, 0, 0.5, Waiting, 24 * time.Hour},
		{"no answer", outcome{failure: FailureTimeout}, 1, 0, 0.5, Waiting, 5 * time.Second},
		{"a wish", wish(time.Minute), 1, 0, 0.5, Waiting, time.Minute},
		{"a wish shorter than the pause", wish(time.Second), 2, 0, 0.5, Waiting, 5 * time.Minute},
		{"a wish too long", wish(100 * time.Hour), 1, 0, 0.5, Waiting, 6 * time.Hour},
		{"the last try is at the end", status, 9, 60 * time.Hour, 0.5, Waiting, 12 * time.Hour},
		{"over", status, 10, 72 * time.Hour, 0.5, Failed, 0},
	} {
		now := round.Add(c.now)
		state, at := c.o.next(c.tries, round, now, tryFor, c.luck)
		if state != c.state || state == Waiting && at.Sub(now) != c.in {
			t.Errorf("%s: %s in %v", c.name, state, at.Sub(now))
		}
	}
	var all time.Duration
	for _, s := range steps[:8] {
		all += s
	}
	if all > tryFor {
		t.Errorf("the steps take %v", all)
	}
}
