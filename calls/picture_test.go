package calls

import (
	"reflect"
	"slices"
	"testing"
)

// The rows are the table of media 6.2, and what follows from it for several supervisors.
func TestPicture(t *testing.T) {
	const c, a = customerParty, agentParty
	g, h := guestParty(0), guestParty(1)
	for _, tt := range []struct {
		name string
		s    scene
		want map[party][]party
	}{
		{"talking", scene{state: StateTalking}, map[party][]party{c: {a}, a: {c}}},
		{"monitor", scene{state: StateTalking, supervised: []SupervisionMode{Monitor}}, map[party][]party{c: {a}, a: {c}, 0: {c, a}}},
		{"coach", scene{state: StateTalking, supervised: []SupervisionMode{Coach}}, map[party][]party{c: {a}, a: {c, 0}, 0: {c, a}}},
		{"barge", scene{state: StateTalking, supervised: []SupervisionMode{Barge}}, map[party][]party{c: {a, 0}, a: {c, 0}, 0: {c, a}}},
		{
			"monitor, coach and two barges",
			scene{state: StateTalking, supervised: []SupervisionMode{Monitor, Coach, Barge, Barge}},
			map[party][]party{c: {a, 2, 3}, a: {c, 1, 2, 3}, 0: {c, a, 2, 3}, 1: {c, a, 2, 3}, 2: {c, a, 3}, 3: {c, a, 2}},
		},
		{"held", scene{state: StateHeld, supervised: []SupervisionMode{Monitor}}, map[party][]party{a: nil, 0: nil}},
		{"held, coached", scene{state: StateHeld, supervised: []SupervisionMode{Coach, Monitor}}, map[party][]party{a: {0}, 0: {a}, 1: nil}},
		{"waiting", scene{state: StateWaiting, supervised: []SupervisionMode{Monitor, Barge}}, map[party][]party{0: nil, 1: nil}},
		{"whisper", scene{state: StateWhisper, supervised: []SupervisionMode{Coach}}, map[party][]party{0: nil}},
		{"with a virtual agent", scene{state: StateBot, supervised: []SupervisionMode{Monitor, Coach}}, map[party][]party{0: {c, a}, 1: nil}},
		{"joining", scene{state: StateCountdown, joining: true, supervised: []SupervisionMode{Monitor}}, map[party][]party{c: {a}, a: {c}, 0: {c, a}}},
		{"joining a virtual agent", scene{state: StateBot, joining: true, supervised: []SupervisionMode{Coach}}, map[party][]party{c: {a}, a: {c}, 0: nil}},
		{"consulting", scene{state: StateHeld, guests: []guestState{guestConsulted}}, map[party][]party{a: {g}, g: {a}}},
		{
			"consulting, listened to",
			scene{state: StateHeld, guests: []guestState{guestConsulted}, supervised: []SupervisionMode{Monitor, Coach}},
			map[party][]party{a: {g, 1}, g: {a}, 0: nil, 1: {a, g}},
		},
		{"conference", scene{state: StateTalking, guests: []guestState{guestJoined, guestJoined}}, map[party][]party{c: {a, g, h}, a: {c, g, h}, g: {c, a, h}, h: {c, a, g}}},
		{
			"conference, supervised",
			scene{state: StateTalking, guests: []guestState{guestJoined}, supervised: []SupervisionMode{Monitor, Coach, Barge}},
			map[party][]party{c: {a, g, 2}, a: {c, g, 1, 2}, g: {c, a, 2}, 0: {c, a, g, 2}, 1: {c, a, g, 2}, 2: {c, a, g}},
		},
		{"conference, held", scene{state: StateHeld, guests: []guestState{guestJoined, guestConsulted}}, map[party][]party{a: {g, h}, g: {a, h}, h: {a, g}}},
		{
			"redacting",
			scene{state: StateTalking, redacting: true, supervised: []SupervisionMode{Monitor, Barge}},
			map[party][]party{c: {a, 1}, a: {c, 1}, 0: nil, 1: {c, a}},
		},
	} {
		got := picture(tt.s)
		for p, heard := range got {
			got[p] = slices.Sorted(slices.Values(heard))
		}
		for p, heard := range tt.want {
			tt.want[p] = slices.Sorted(slices.Values(heard))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Whatever the state and whoever supervises: who monitors is heard by nobody, and changes nothing for customer and agent.
func TestMonitoringChangesNothing(t *testing.T) {
	modes := []SupervisionMode{Monitor, Coach, Barge}
	for state := range steps {
		for _, first := range modes {
			for _, redacting := range []bool{false, true} {
				without := picture(scene{state: state, redacting: redacting, supervised: []SupervisionMode{first}})
				with := picture(scene{state: state, redacting: redacting, supervised: []SupervisionMode{first, Monitor, Monitor}})
				delete(with, 1)
				delete(with, 2)
				if !reflect.DeepEqual(with, without) {
					t.Errorf("%s, %s: %v with monitors, %v without", state, first, with, without)
				}
			}
		}
	}
}
