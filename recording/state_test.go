package recording

import (
	"errors"
	"testing"
	"time"
)

func timeZero() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestStates(t *testing.T) {
	steps := []Step{StepSeal, StepPlan, StepReplan, StepDeliver, StepDestroy, StepExpire, StepQuarantine, StepRelease}
	for from, row := range map[State][8]State{
		Capturing:   {Sealed, "", "", "", "", Expired, "", ""},
		Sealed:      {"", Planned, "", "", "", Expired, Quarantined, ""},
		Planned:     {"", "", Sealed, Delivered, "", Expired, Quarantined, ""},
		Delivered:   {"", "", "", "", Destroyed, "", "", ""},
		Quarantined: {"", "", "", "", "", Expired, "", Sealed},
		Destroyed:   {},
		Expired:     {},
	} {
		for i, step := range steps {
			got, err := from.Next(step)
			if want := row[i]; want == "" && (!errors.Is(err, ErrStep) || got != from) || want != "" && (err != nil || got != want) {
				t.Errorf("%s, %s: %s, %v; want %q", from, step, got, err, want)
			}
		}
	}
}

func TestPartStates(t *testing.T) {
	steps := []PartStep{PartLease, PartFail, PartDoubt, PartConfirm}
	for from, row := range map[PartState][4]PartState{
		PartPending:   {PartSending, "", "", ""},
		PartSending:   {PartSending, PartPending, PartSent, PartConfirmed},
		PartSent:      {PartSending, "", "", ""},
		PartConfirmed: {},
	} {
		for i, step := range steps {
			got, err := from.Next(step)
			if want := row[i]; want == "" && (!errors.Is(err, ErrStep) || got != from) || want != "" && (err != nil || got != want) {
				t.Errorf("%s, %s: %s, %v; want %q", from, step, got, err, want)
			}
		}
	}
}

func TestTrustedTime(t *testing.T) {
	at := timeZero()
	day := 24 * time.Hour
	for _, c := range []struct {
		name              string
		now, second, mark time.Duration
		want              time.Duration
		doubt             bool
	}{
		{"all agree", 0, 0, -time.Minute, 0, false},
		{"small step of NTP", 4 * time.Minute, 0, -time.Minute, 4 * time.Minute, false},
		{"jump ahead", 30 * day, 0, -time.Minute, 0, true},
		{"jump back", -30 * day, 0, -time.Minute, 0, true},
		{"jump back, second clock too", -30 * day, -30 * day, 0, 0, false},
		{"an hour ahead", time.Hour, 0, -time.Minute, 0, true},
		{"time passes on both", 7 * day, 7 * day, 0, 7 * day, false},
	} {
		got, doubt := trust(at.Add(c.now), at.Add(c.second), at.Add(c.mark))
		if !got.Equal(at.Add(c.want)) || doubt != c.doubt {
			t.Errorf("%s: %v, %v", c.name, got.Sub(at), doubt)
		}
	}
}

func TestPauseGrowsToItsCap(t *testing.T) {
	c := UploaderConfig{Base: 30 * time.Second, Factor: 2, Cap: time.Hour}
	for attempt, most := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 5: 8 * time.Minute, 8: time.Hour, 1000: time.Hour} {
		var longest, sum time.Duration
		for range 2000 {
			p := c.pause(attempt)
			longest, sum = max(longest, p), sum+p
		}
		if mean := sum / 2000; longest > most+1 || longest < most*9/10 || mean < most*4/10 || mean > most*6/10 {
			t.Errorf("attempt %d: up to %v, %v on average", attempt, longest, mean)
		}
	}
}
