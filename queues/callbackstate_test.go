package queues

import (
	"testing"
	"time"
)

func TestCallbackStates(t *testing.T) {
	steps := []callbackStep{cDue, cDial, cConnect, cRetry, cGiveUp, cRelease, cMove, cCancel}
	const no = CallbackState("-")
	// One row a state, one column a step, in the order above.
	for from, row := range map[CallbackState][]CallbackState{
		CallbackScheduled: {CallbackWaiting, no, no, no, no, no, CallbackScheduled, CallbackCancelled},
		CallbackWaiting:   {no, CallbackDialing, no, no, no, CallbackWaiting, no, CallbackCancelled},
		CallbackDialing:   {no, no, CallbackDone, CallbackWaiting, CallbackGivenUp, CallbackWaiting, no, no},
		CallbackDone:      {no, no, no, no, no, no, no, no},
		CallbackGivenUp:   {no, no, no, no, no, no, no, no},
		CallbackCancelled: {no, no, no, no, no, no, no, no},
	} {
		for i, step := range steps {
			got, err := from.next(step)
			switch want := row[i]; {
			case want == no && (err == nil || got != from):
				t.Errorf("%s + %s = %s, %v; want an error", from, step, got, err)
			case want != no && (err != nil || got != want):
				t.Errorf("%s + %s = %s, %v; want %s", from, step, got, err, want)
			}
		}
	}
}

// Slots are whole, lie within the hours, and are the same whenever one looks; when daylight saving moves the clock there are more of them,
// or fewer.
func TestSlots(t *testing.T) {
	berlin := Hours{Name: "h", Zone: "Europe/Berlin", Week: week(Period{From: 60, To: 240})} // 01:00 to 04:00
	for _, c := range []struct {
		name  string
		day   time.Time // midnight UTC
		slots int       // of half an hour
		first string
	}{
		{"an ordinary day", time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), 6, "2026-05-31T23:00:00Z"},
		{"an hour is skipped", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), 4, "2026-03-29T00:00:00Z"},
		{"an hour comes twice", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), 8, "2026-10-24T23:00:00Z"},
	} {
		from := c.day.Add(-6 * time.Hour)
		spans, err := berlin.Spans(from, from.Add(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		slots := cutSlots(spans, from, from, 30*time.Minute)
		if len(slots) != c.slots || slots[0].At.Format(time.RFC3339) != c.first {
			t.Errorf("%s: %d slots from %v, want %d from %s", c.name, len(slots), slots, c.slots, c.first)
		}
		for i, s := range slots {
			open, err := berlin.OpenAt(s.At)
			if last, err2 := berlin.OpenAt(s.Until.Add(-time.Minute)); !open || !last || err != nil || err2 != nil {
				t.Errorf("%s: slot %d at %s is not within the hours", c.name, i, s.At)
			}
		}
		if early := cutSlots(spans, from, slots[1].At.Add(time.Second), 30*time.Minute); len(early) != c.slots-2 || early[0].At != slots[2].At {
			t.Errorf("%s: what has begun can be chosen: %v", c.name, early)
		}
	}
	start := time.Date(2026, 6, 1, 10, 7, 0, 0, time.UTC)
	always := []Span{{From: start, Until: start.Add(2 * time.Hour)}}
	if slots := cutSlots(always, start, start, 15*time.Minute); len(slots) != 7 || slots[0].At.Minute() != 15 {
		t.Errorf("a queue that is always open has %v", slots)
	}
}

func week(p Period) (all [7][]Period) {
	for i := range all {
		all[i] = []Period{p}
	}
	return all
}
