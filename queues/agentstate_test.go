package queues

import "testing"

func TestEveryTransition(t *testing.T) {
	legal := map[State]map[happening]State{
		Idle:     {hReserve: Reserved},
		Reserved: {hAlert: Alerting, hAccept: Connecting, hMiss: Idle, hMissMany: NotResponding, hUnreach: Unreachable, hWithdraw: Idle, hExpire: Idle},
		Alerting: {hAccept: Connecting, hMiss: Idle, hMissMany: NotResponding, hUnreach: Unreachable, hWithdraw: Idle, hExpire: Idle},
		Connecting: {
			hInteract: Interacting, hWithdraw: Idle, hExpire: Idle, hEnd: Idle, hLose: Recovering,
		},
		Interacting:   {hHold: Held, hLose: Recovering, hEnd: Idle, hEndWrap: WrapUp},
		Held:          {hResume: Interacting, hLose: Recovering, hEnd: Idle, hEndWrap: WrapUp},
		Recovering:    {hRecover: Interacting, hInteract: Interacting, hReconnect: Connecting, hEnd: Idle, hEndWrap: WrapUp, hWithdraw: Idle},
		WrapUp:        {hFinish: Idle},
		NotResponding: {hRelease: Idle},
		Unreachable:   {hRelease: Idle},
	}
	if len(legal) != len(states) {
		t.Fatalf("the table has %d states of %d", len(legal), len(states))
	}
	for _, s := range states {
		for _, h := range happenings {
			got, err := s.next(h)
			want, ok := legal[s][h]
			switch {
			case ok && (err != nil || got != want):
				t.Errorf("%s + %s = %s, %v; want %s", s, h, got, err, want)
			case !ok && (err == nil || got != s):
				t.Errorf("%s + %s = %s, %v; want an error and %s", s, h, got, err, s)
			}
		}
	}
}

func TestShownState(t *testing.T) {
	for _, c := range []struct {
		name   string
		barred State
		items  []State
		want   State
	}{
		{"nothing", "", nil, Idle},
		{"barred", NotResponding, nil, NotResponding},
		{"wrap-up hides a bar", Unreachable, []State{WrapUp}, WrapUp},
		{"talk hides all", NotResponding, []State{WrapUp, Interacting, Alerting}, Interacting},
		{"ringing before wrap-up", "", []State{WrapUp, Reserved}, Reserved},
	} {
		var items []AgentsItem
		for _, s := range c.items {
			items = append(items, AgentsItem{State: s})
		}
		if got, _ := overall(c.barred, epoch, items); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
