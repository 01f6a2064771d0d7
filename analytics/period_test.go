package analytics

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tandem/internal/fault"
)

func load(t testing.TB, zone string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Each row is a period as people write it, and the intervals that it has, in UTC.
func TestPeriods(t *testing.T) {
	for _, row := range []struct {
		name, zone, from, to string
		interval             Interval
		n                    int
		starts               []string // the first ones
		end                  string
	}{
		{"a day", "Europe/Berlin", "2026-06-03", "2026-06-04", Day, 1, []string{"2026-06-02T22:00"}, "2026-06-03T22:00"},
		{
			"clocks go forward: 23 hours", "Europe/Berlin", "2026-03-29", "2026-03-30", Hour, 23,
			[]string{"2026-03-28T23:00", "2026-03-29T00:00", "2026-03-29T01:00"},
			"2026-03-29T22:00",
		},
		{
			"clocks go back: 25 hours, 02:00 twice", "Europe/Berlin", "2026-10-25", "2026-10-26", Hour, 25,
			[]string{"2026-10-24T22:00", "2026-10-24T23:00", "2026-10-25T00:00", "2026-10-25T01:00"},
			"2026-10-25T23:00",
		},
		{
			"days of 24, 23 and 24 hours", "Europe/Berlin", "2026-03-28", "2026-03-31", Day, 3,
			[]string{"2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00"},
			"2026-03-30T22:00",
		},
		{"clocks jump over midnight: the day begins at one", "America/Santiago", "2026-09-06", "2026-09-07", Day, 1, []string{"2026-09-06T04:00"}, "2026-09-07T03:00"},
		{
			"clocks are put back over midnight: the day has 24 hours, the one before 25", "America/Santiago", "2026-04-04", "2026-04-06", Day, 2,
			[]string{"2026-04-04T03:00", "2026-04-05T04:00"},
			"2026-04-06T04:00",
		},
		{"half an hour of summer time", "Australia/Lord_Howe", "2026-10-04", "2026-10-05", Day, 1, []string{"2026-10-03T13:30"}, "2026-10-04T13:00"},
		{"hours of a zone three quarters off", "Asia/Kathmandu", "2026-06-03T08:00", "2026-06-03T10:00", Hour, 2, []string{"2026-06-03T02:15", "2026-06-03T03:15"}, "2026-06-03T04:15"},
		{"half-hours", "Asia/Kathmandu", "2026-06-03T08:00", "2026-06-03T09:00", Half, 2, []string{"2026-06-03T02:15", "2026-06-03T02:45"}, "2026-06-03T03:15"},
		{"a broken first hour", "UTC", "2026-06-03T08:20", "2026-06-03T09:20", Hour, 2, []string{"2026-06-03T08:15", "2026-06-03T09:00"}, "2026-06-03T09:30"},
		{"instants", "UTC", "2026-06-03T08:00:00+02:00", "2026-06-03T07:00:00Z", Quarter, 4, []string{"2026-06-03T06:00"}, "2026-06-03T07:00"},
		{"all of it", "UTC", "2025-01-01", "2027-01-01", Total, 1, []string{"2025-01-01T00:00"}, "2027-01-01T00:00"},
		{"two years of days", "Europe/Berlin", "2025-01-01", "2027-01-01", Day, 730, []string{"2024-12-31T23:00"}, "2026-12-31T23:00"},
	} {
		zone := load(t, row.zone)
		from, err := instant(row.from, zone)
		if err != nil {
			t.Fatal(err)
		}
		to, err := instant(row.to, zone)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPeriod(from, to, row.interval, zone)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		var starts []string
		for _, s := range p.starts[:min(len(p.starts), len(row.starts))] {
			starts = append(starts, s.Format("2006-01-02T15:04"))
		}
		if end := p.end.Format("2006-01-02T15:04"); len(p.starts) != row.n || !slices.Equal(starts, row.starts) || end != row.end {
			t.Errorf("%s: %d intervals %v … until %s", row.name, len(p.starts), starts, end)
		}
	}
}

func TestPeriodsRefused(t *testing.T) {
	for _, row := range []struct {
		from, to string
		interval Interval
		want     *fault.Error
	}{
		{"2026-06-03", "2026-06-03", Day, ErrPeriod},
		{"yesterday", "2026-06-03", Day, ErrPeriod},
		{"2026-06-01", "2026-06-40", Day, ErrPeriod},
		{"2024-01-01", "2026-06-03", Day, ErrPeriodLong},
		{"2026-01-01", "2026-06-03", Quarter, ErrPeriodLong},
		{"2026-01-01", "2026-06-03", "7m", ErrInterval},
	} {
		from, err := instant(row.from, time.UTC)
		if err == nil {
			var to time.Time
			if to, err = instant(row.to, time.UTC); err == nil {
				_, err = newPeriod(from, to, row.interval, time.UTC)
			}
		}
		if !errors.Is(err, row.want) {
			t.Errorf("%s to %s by %s: %v", row.from, row.to, row.interval, err)
		}
	}
}

func FuzzInstant(f *testing.F) {
	for _, s := range []string{"2026-06-03", "2026-06-03T08:00", "2026-06-03T08:00:00Z", "9999-12-31", "0000-01-01", ""} {
		f.Add(s)
	}
	zone := load(f, "America/Santiago")
	f.Fuzz(func(t *testing.T, s string) {
		at, err := instant(s, zone)
		if err != nil {
			return
		}
		if p, err := newPeriod(at, at.Add(time.Hour), Hour, zone); err == nil && (p.starts[0].After(at) || p.end.Before(at.Add(time.Hour))) {
			t.Errorf("%s: %v until %v", s, p.starts, p.end)
		}
	})
}
