package faultrun

import (
	"fmt"
	"testing"
)

// crashes are the crash points on a recording's way, and which time a process gets there is its last.
var crashes = []struct {
	point, what string
	nth         int
	parts       []int // with how many it can be reached
}{
	{"c1", "row written, no file", 1, []int{1}},
	{"c2", "chunk written, not synced", 2, []int{1, 2, 3}},
	{"c3", "chunk synced, no row", 2, []int{1, 2, 3}},
	{"c4", "rows of chunks written", 2, []int{1, 2, 3}},
	{"c5", "call ended, not sealed", 1, []int{1, 2, 3}},
	{"c6", "sealed, not planned", 1, []int{1, 2, 3}},
	{"c7", "half the parts planned", 1, []int{1, 2, 3}},
	{"c8", "lease taken", 1, []int{1, 2, 3}},
	{"c9", "request begun", 1, []int{1, 2, 3}},
	{"c10", "half the body sent", 1, []int{1, 2, 3}},
	{"c11", "stored, not read back", 1, []int{1, 2, 3}},
	{"c12", "read back, not noted", 1, []int{1, 2, 3}},
	{"c13", "part 1 confirmed", 1, []int{2, 3}},
	{"c14", "last part confirmed, not delivered", 0, []int{1, 2, 3}},
	{"c15", "delivered, key there", 1, []int{1, 2, 3}},
	{"c16", "key gone, file there", 1, []int{1, 2, 3}},
	{"c17", "file gone, not noted", 1, []int{1, 2, 3}},
}

func TestCrash(t *testing.T) {
	t.Parallel()
	for _, c := range crashes {
		for _, parts := range few(c.parts) {
			for seed := range seeds() {
				play(t, row{"kill -9", c.point, fmt.Sprintf("%s: %s", c.point, c.what)}, parts, seed, func(r *Run) {
					r.start(c.point, nthOf(c.nth, parts, seed))
					talk := r.speak()
					if c.point == "c1" {
						talk.want = empty
					}
					r.dead()
					r.resume()
				})
			}
		}
	}
}

// nthOf is the time at which a point is deadly; 0 stands for once for each part, and what is reached many times is deadly at another one
// with each seed.
func nthOf(nth, parts int, seed uint64) int {
	switch nth {
	case 0:
		return parts
	case 1:
		return 1
	}
	return nth + int(seed%2)
}
