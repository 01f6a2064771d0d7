package queues

import "testing"

// The 16 rows of Q4.6: the switch of deflection, the box "allow transfer to queues after hours", and the four sorts of closed queues; with the
// rows that the rule leaves out besides.
func TestTransferTargets(t *testing.T) {
	const yes, no = true, false
	sorts := []struct {
		name  string
		queue target
	}{
		{"closed, with deflection", target{deflects: true}},
		{"closed, without deflection, an agent signed in", target{signedIn: true}},
		{"closed, virtual agent around the clock", target{bot: BotAlways}},
		{"closed, virtual agent in hours only", target{bot: BotInHours}},
	}
	rows := 0
	for _, c := range []struct {
		deflection, allowed bool
		seen                [4]bool
	}{
		{yes, yes, [4]bool{yes, yes, yes, no}},
		{no, yes, [4]bool{yes, yes, yes, no}},
		{yes, no, [4]bool{no, no, no, no}},
		{no, no, [4]bool{no, no, no, no}},
	} {
		for i, s := range sorts {
			rows++
			q := s.queue
			q.deflection, q.allowed = c.deflection, c.allowed
			if q.visible() != c.seen[i] {
				t.Errorf("deflection %v, allowed %v, %s: seen %v", c.deflection, c.allowed, s.name, q.visible())
			}
			q.open = true
			if !q.visible() {
				t.Errorf("deflection %v, allowed %v, %s, but open: not seen", c.deflection, c.allowed, s.name)
			}
		}
		nobody := target{deflection: c.deflection, allowed: c.allowed}
		if nobody.visible() {
			t.Errorf("deflection %v, allowed %v: a closed queue without anything is seen", c.deflection, c.allowed)
		}
		never := target{deflection: c.deflection, allowed: c.allowed, deflects: true, signedIn: true, bot: BotInHours}
		if never.visible() {
			t.Errorf("deflection %v, allowed %v: a closed queue whose virtual agent works in hours only is seen", c.deflection, c.allowed)
		}
	}
	if rows != 16 {
		t.Errorf("%d rows", rows)
	}
}
