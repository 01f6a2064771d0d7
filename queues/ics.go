package queues

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/internal/fault"
)

// Holidays come as iCalendar files (RFC 5545), of which whole-day events are read: VEVENT with DTSTART, DTEND or DURATION, SUMMARY, STATUS and an
// RRULE that repeats every year on the same date.

// Limits of a file of holidays.
const (
	maxHolidays    = 2000 // dates
	maxHolidayDays = 31   // of one event
	maxCalendar    = 1 << 20
)

// ErrNoCalendar says that a file is no iCalendar file.
var ErrNoCalendar = fault.New(fault.Invalid, "calendar_invalid", "This is no iCalendar file: export the holidays as .ics.").WithField("calendar")

// Skipped is an event that is no holiday here, and why.
type Skipped struct {
	Name string `json:"name"`
	Why  string `json:"why"` // not_all_day, repeats, cancelled, dates, too_long
}

// HolidayImport is what a file of holidays holds.
type HolidayImport struct {
	Holidays []Holiday `json:"holidays"` // by date
	Skipped  []Skipped `json:"skipped"`
}

// ReadHolidays reads the whole-day events of an iCalendar file from the first day of a year on. Those that come every year are read for so many
// years.
func ReadHolidays(calendar string, from, years int) (HolidayImport, error) {
	var in HolidayImport
	if len(calendar) > maxCalendar || !strings.Contains(strings.ToUpper(calendar), "BEGIN:VCALENDAR") {
		return in, ErrNoCalendar
	}
	var e *vevent
	for line := range strings.Lines(unfold(calendar)) {
		name, params, value := contentLine(strings.TrimRight(line, "\r\n"))
		switch {
		case name == "BEGIN" && strings.EqualFold(value, "VEVENT"):
			e = &vevent{days: 1}
		case e == nil:
		case name == "END" && strings.EqualFold(value, "VEVENT"):
			in.add(*e, from, years)
			e = nil
		default:
			e.set(name, params, value)
		}
		if len(in.Holidays) > maxHolidays {
			return in, fault.Newf(fault.Invalid, "calendar_large", "The file has more than %d holidays: export fewer years.", maxHolidays).WithField("calendar")
		}
	}
	slices.SortStableFunc(in.Holidays, func(a, b Holiday) int { return cmp.Compare(a.Date, b.Date) })
	in.Holidays = slices.CompactFunc(in.Holidays, func(a, b Holiday) bool { return a.Date == b.Date })
	return in, nil
}

// vevent is an event as far as it matters.
type vevent struct {
	name  string
	start time.Time // a date, midnight UTC
	days  int
	every int       // years; 0: once
	until time.Time // of a repetition; zero: without end
	count int       // of a repetition; 0: without limit
	why   string    // it cannot be read
}

// unfold joins lines that were folded (RFC 5545 3.1).
func unfold(s string) string {
	return strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(s)
}

// contentLine splits NAME;PARAM=x:VALUE; quotes may hide colons in parameters.
func contentLine(line string) (name, params, value string) {
	quoted := false
	for i, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ':' && !quoted:
			name, params, _ = strings.Cut(line[:i], ";")
			return strings.ToUpper(name), strings.ToUpper(params), line[i+1:]
		}
	}
	return "", "", ""
}

func (e *vevent) set(name, params, value string) {
	switch name {
	case "SUMMARY":
		e.name = strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
		if r := []rune(e.name); len(r) > 200 {
			e.name = string(r[:200])
		}
	case "DTSTART":
		e.start = e.date(params, value)
	case "DTEND":
		if end := e.date(params, value); !end.IsZero() {
			e.days = int(end.Sub(e.start).Hours() / 24) // the end is not part of it
		}
	case "DURATION":
		e.duration(value)
	case "STATUS":
		if strings.EqualFold(value, "CANCELLED") {
			e.why = "cancelled"
		}
	case "RRULE":
		if err := e.repeat(value); err != nil {
			e.why = cmp.Or(e.why, "repeats")
		}
	case "RDATE", "EXDATE", "RECURRENCE-ID":
		e.why = cmp.Or(e.why, "repeats")
	}
}

// date reads a DATE; a time of day makes it no whole-day event.
func (e *vevent) date(params, value string) time.Time {
	d, err := time.Parse("20060102", value)
	if err != nil || strings.Contains(params, "VALUE=DATE-TIME") {
		e.why = cmp.Or(e.why, "not_all_day")
		return time.Time{}
	}
	return d
}

func (e *vevent) duration(value string) {
	number, unit := strings.TrimPrefix(value, "P"), 1
	switch {
	case strings.HasSuffix(number, "D"):
	case strings.HasSuffix(number, "W"):
		unit = 7
	default:
		e.why = cmp.Or(e.why, "not_all_day")
		return
	}
	n, err := strconv.ParseUint(number[:len(number)-1], 10, 8)
	if err != nil {
		e.why = cmp.Or(e.why, "dates")
		return
	}
	e.days = int(n) * unit
}

var errRepeats = errors.New("not every year on the same date")

// repeat reads an RRULE that means: every year on the date of DTSTART.
func (e *vevent) repeat(rule string) (err error) {
	e.every = 0
	every := 1
	for part := range strings.SplitSeq(rule, ";") {
		key, value, _ := strings.Cut(part, "=")
		switch strings.ToUpper(key) {
		case "FREQ":
			if !strings.EqualFold(value, "YEARLY") {
				return errRepeats
			}
		case "INTERVAL":
			if every, err = strconv.Atoi(value); err != nil || every < 1 || every > 100 {
				return errRepeats
			}
		case "COUNT":
			if e.count, err = strconv.Atoi(value); err != nil || e.count < 1 {
				return errRepeats
			}
		case "UNTIL":
			if e.until, err = time.Parse("20060102", value[:min(8, len(value))]); err != nil {
				return errRepeats
			}
		case "BYMONTH":
			if value != fmt.Sprint(int(e.start.Month())) {
				return errRepeats
			}
		case "BYMONTHDAY":
			if value != fmt.Sprint(e.start.Day()) {
				return errRepeats
			}
		case "WKST":
		default:
			return errRepeats
		}
	}
	e.every = every
	return nil
}

// add takes the dates of an event over.
func (in *HolidayImport) add(e vevent, from, years int) {
	switch {
	case e.why == "" && e.start.IsZero():
		e.why = "dates"
	case e.why == "" && e.days > maxHolidayDays:
		e.why = "too_long"
	}
	if e.why != "" {
		if len(in.Skipped) < 100 {
			in.Skipped = append(in.Skipped, Skipped{Name: e.name, Why: e.why})
		}
		return
	}
	for n := 0; ; n++ {
		first := time.Date(e.start.Year()+n*e.every, e.start.Month(), e.start.Day(), 0, 0, 0, 0, time.UTC)
		if e.count > 0 && n >= e.count || !e.until.IsZero() && first.After(e.until) || e.every > 0 && first.Year() >= from+years {
			return
		}
		if first.Day() == e.start.Day() { // 29 February comes in leap years only
			in.days(e, first, from)
		}
		if e.every == 0 {
			return
		}
	}
}

func (in *HolidayImport) days(e vevent, first time.Time, from int) {
	for d := range max(1, e.days) {
		day := first.AddDate(0, 0, d)
		if day.Year() >= from && day.Year() < 10000 {
			in.Holidays = append(in.Holidays, Holiday{Date: day.Format(time.DateOnly), Name: e.name})
		}
	}
}
