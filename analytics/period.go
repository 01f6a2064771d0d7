package analytics

import (
	"slices"
	"time"

	"tandem/internal/fault"
)

// Interval is the length of a report's rows.
type Interval string

// Intervals. Days begin at midnight in the report's zone: one of 23 or 25 hours is a day. Total makes one row of the whole period.
const (
	Quarter Interval = "15m"
	Half    Interval = "30m"
	Hour    Interval = "1h"
	Day     Interval = "1d"
	Total   Interval = "total"
)

// Errors of a report's period.
var (
	ErrPeriod     = fault.New(fault.Invalid, "period_invalid", "Give from and to as a date (2026-03-29), a local time (2026-03-29T08:00) or an instant (2026-03-29T06:00:00Z); to lies after from.").WithField("from")
	ErrPeriodLong = fault.New(fault.Invalid, "period_too_long", "That is more than 3,000 intervals, or more than two years: choose a shorter period or a longer interval.").WithField("interval")
	ErrInterval   = fault.New(fault.Invalid, "interval_unknown", "The interval is 15m, 30m, 1h, 1d or total.").WithField("interval")
)

const (
	mostIntervals = 3000
	longestPeriod = 2*366*24*time.Hour + 24*time.Hour
)

// instant reads a date or a local time in a zone, or an instant.
func instant(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse("2006-01-02", text); err == nil {
		y, m, d := t.Date()
		return dayStart(y, m, d, zone), nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, ErrPeriod
}

// dayStart is the first instant of a day in a zone. Where clocks jump over midnight that is later than 00:00; where they are put back
// over it, the earlier of the two midnights.
func dayStart(y int, m time.Month, d int, zone *time.Location) time.Time {
	// time.Date does not say which of two midnights it chooses, nor which side of the gap for one that does not exist: look for the day from
	// before it, on the way to its noon.
	noon := time.Date(y, m, d, 12, 0, 0, 0, zone)
	y, m, d = noon.Date()
	for at := noon.Add(-16 * time.Hour).Truncate(quarter); at.Before(noon); at = at.Add(quarter) {
		if ay, am, ad := at.In(zone).Date(); ay == y && am == m && ad == d {
			return at
		}
	}
	return noon
}

// period is the time of a report: the starts of its intervals, and its end.
type period struct {
	starts []time.Time
	end    time.Time
}

// newPeriod cuts the time from from to to. Its ends are moved outwards to quarters of an hour, since facts are kept by them.
func newPeriod(from, to time.Time, interval Interval, zone *time.Location) (period, error) {
	if !from.Before(to) {
		return period{}, ErrPeriod
	}
	if to.Sub(from) > longestPeriod {
		return period{}, ErrPeriodLong
	}
	from = slotOf(from)
	if up := slotOf(to); up.Before(to) {
		to = up.Add(quarter)
	}
	p := period{end: to.UTC()}
	for at := from; at.Before(to); {
		if len(p.starts) == mostIntervals {
			return period{}, ErrPeriodLong
		}
		p.starts = append(p.starts, at.UTC())
		next, err := after(at, interval, zone)
		if err != nil {
			return period{}, err
		}
		at = next
		if interval == Total {
			break
		}
	}
	return p, nil
}

// after is the start of the interval that follows the one at lies in. Hours and half-hours are those that clocks in the zone show; in the
// hour that comes twice each of the two is one of its own.
func after(at time.Time, interval Interval, zone *time.Location) (time.Time, error) {
	switch interval {
	case Quarter:
		return at.Add(quarter), nil
	case Half, Hour:
		length := 30
		if interval == Hour {
			length = 60
		}
		// The offset may change within the interval (Lord Howe Island moves by half an hour): step by quarters.
		for next := at.Add(quarter); ; next = next.Add(quarter) {
			if next.In(zone).Minute()%length == 0 || next.Sub(at) >= time.Duration(length)*time.Minute {
				return next, nil
			}
		}
	case Day:
		y, m, d := at.In(zone).Date()
		return dayStart(y, m, d+1, zone), nil
	case Total:
		return at, nil
	}
	return at, ErrInterval
}

// Intervals are the names of all intervals.
func Intervals() []Interval { return []Interval{Quarter, Half, Hour, Day, Total} }

// index is the interval that start lies in.
func (p period) index(start time.Time) int {
	i, exact := slices.BinarySearchFunc(p.starts, start, time.Time.Compare)
	if !exact {
		i--
	}
	return i
}
