package media

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets []int // in each paceSpan
		want    []bool
	}{
		{"few packets wake the loop", []int{0, 10, tickFrom - 1}, []bool{false, false, false}},
		{"many wait for the tick", []int{tickFrom, 1000}, []bool{true, true}},
		{"a few less do not change it", []int{tickFrom, tickBelow, tickBelow - 1}, []bool{true, true, false}},
		{"silence ends it", []int{1000, 0}, []bool{true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			for i, n := range c.packets {
				now := time.Duration(i) * paceSpan
				if p.after(n, now+paceSpan/2) != p.ticking {
					t.Fatal("the answer is not the state")
				}
				if got := p.after(0, now+paceSpan); got != c.want[i] {
					t.Errorf("after span %d with %d packets: ticking %v, want %v", i, n, got, c.want[i])
				}
			}
		})
	}
}

func TestPaceCountsByTime(t *testing.T) {
	var p pace
	if p.after(tickFrom, 100*paceSpan) {
		t.Error("as many packets as one span needs, in a hundred spans, make the loop tick")
	}
}
