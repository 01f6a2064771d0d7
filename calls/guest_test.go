package calls

import "testing"

func TestGuestStates(t *testing.T) {
	all := []guestState{guestAsked, guestConsulted, guestJoined, guestLeft}
	steps := []guestStep{guestAnswers, guestJoins, guestLeaves}
	// One row a state, one column a step, in the order above; "-" is illegal.
	table := map[guestState][]guestState{
		guestAsked:     {guestConsulted, "-", guestLeft},
		guestConsulted: {"-", guestJoined, guestLeft},
		guestJoined:    {"-", "-", guestLeft},
		guestLeft:      {"-", "-", "-"},
	}
	for _, from := range all {
		for i, step := range steps {
			got, err := from.next(step)
			want := table[from][i]
			if legal := want != "-"; legal != (err == nil) || legal && got != want || !legal && got != from {
				t.Errorf("%s + %s = %s, %v; want %s", from, step, got, err, want)
			}
		}
	}
}
