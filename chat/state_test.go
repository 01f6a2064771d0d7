package chat

import (
	"slices"
	"testing"
)

// Every step in every state: what is not in the table cannot happen.
func TestStates(t *testing.T) {
	t.Parallel()
	table := map[State]map[step]State{
		Open:    {customerWrites: Open, stepSnooze: Snoozed, stepClose: Closed},
		Snoozed: {customerWrites: Open, stepSnooze: Snoozed, stepWake: Open, stepClose: Closed},
		Closed:  {customerWrites: Open, stepReopen: Open},
	}
	for _, from := range []State{Open, Snoozed, Closed, "odd"} {
		for _, st := range append(slices.Clone(steps), "odd") {
			want, may := table[from][st]
			if !may {
				want = from
			}
			if to, err := from.next(st); to != want || (err == nil) != may {
				t.Errorf("%s %s: %s, %v; want %s", from, st, to, err, want)
			}
		}
	}
}
