package queues

import (
	"encoding/json"
	"testing"
	"time"
)

func TestOpenAt(t *testing.T) {
	day := []Period{{9 * 60, 12 * 60}, {13 * 60, 17*60 + 30}}
	night := []Period{{22 * 60, 6 * 60}}
	office := Hours{Zone: "Europe/Berlin", Week: [7][]Period{1: day, 2: day, 3: day, 4: day, 5: day}, Holidays: []Holiday{
		{Date: "2026-12-24", Periods: []Period{{9 * 60, 12 * 60}}},
		{Date: "2026-12-25"},
	}}
	nights := Hours{Zone: "Europe/Berlin", Week: [7][]Period{night, night, night, night, night, night, nil}, Holidays: []Holiday{{Date: "2026-12-25"}}}
	everyNight := Hours{Zone: "Europe/Berlin", Week: [7][]Period{night, night, night, night, night, night, night}}
	always := Hours{Zone: "UTC", Week: [7][]Period{{{0, 1440}}, {{0, 1440}}, {{0, 1440}}, {{0, 1440}}, {{0, 1440}}, {{0, 1440}}, {{0, 1440}}}}
	small := Hours{Zone: "America/New_York", Week: [7][]Period{0: {{2*60 + 15, 2*60 + 45}}}}
	for _, c := range []struct {
		name  string
		hours Hours
		at    string
		want  bool
	}{
		{"before", office, "2026-11-23T08:59:59+01:00", false},
		{"opens", office, "2026-11-23T09:00:00+01:00", true},
		{"lunch", office, "2026-11-23T12:00:00+01:00", false},
		{"afternoon", office, "2026-11-23T13:00:00+01:00", true},
		{"closes", office, "2026-11-23T17:30:00+01:00", false},
		{"weekend", office, "2026-11-22T10:00:00+01:00", false},
		{"asked from elsewhere", office, "2026-11-23T02:30:00-05:00", false},
		{"asked from elsewhere, open", office, "2026-11-23T03:30:00-06:00", true},
		{"half holiday, open", office, "2026-12-24T11:00:00+01:00", true},
		{"half holiday, closed", office, "2026-12-24T14:00:00+01:00", false},
		{"holiday", office, "2026-12-25T11:00:00+01:00", false},
		{"summer time", office, "2026-07-06T07:30:00Z", true},
		{"winter time", office, "2026-01-05T07:30:00Z", false},
		{"winter time, open", office, "2026-01-05T08:30:00Z", true},
		{"night begins", nights, "2026-11-23T22:00:00+01:00", true},
		{"night goes on", nights, "2026-11-24T05:59:00+01:00", true},
		{"night ends", nights, "2026-11-24T06:00:00+01:00", false},
		{"Friday's night ends on Saturday", nights, "2026-11-28T03:00:00+01:00", true},
		{"Saturday has no night", nights, "2026-11-28T23:00:00+01:00", false},
		{"so Sunday has no morning", nights, "2026-11-29T03:00:00+01:00", false},
		{"the night before a holiday runs out", nights, "2026-12-25T03:00:00+01:00", true},
		{"a holiday's own night", nights, "2026-12-25T23:00:00+01:00", false},
		{"and its morning after", nights, "2026-12-26T03:00:00+01:00", false},
		// 2026-03-29 02:00 CET is 03:00 CEST; 2026-10-25 03:00 CEST is 02:00 CET.
		{"spring night, before the gap", everyNight, "2026-03-29T01:59:00+01:00", true},
		{"spring night is short, still open", everyNight, "2026-03-29T05:59:00+02:00", true},
		{"spring night is over by the wall", everyNight, "2026-03-29T06:00:00+02:00", false},
		{"autumn night, first 02:30", everyNight, "2026-10-25T02:30:00+02:00", true},
		{"autumn night, second 02:30", everyNight, "2026-10-25T02:30:00+01:00", true},
		{"autumn night is long, still open", everyNight, "2026-10-25T05:59:00+01:00", true},
		{"autumn night is over by the wall", everyNight, "2026-10-25T06:00:00+01:00", false},
		{"all day, last second", always, "2026-02-28T23:59:59Z", true},
		{"all day, midnight", always, "2026-03-01T00:00:00Z", true},
		// New York: 2026-11-01 02:00 EDT is 01:00 EST, 02:30 comes once; 2026-03-08 02:00 EST is 03:00 EDT, 02:30 never comes.
		{"skipped hour never opens", small, "2026-03-08T07:30:00Z", false},
		{"ordinary Sunday opens", small, "2026-03-15T06:30:00Z", true},
		{"the hour after the repeated one", small, "2026-11-01T07:30:00Z", true},
		{"the repeated hour is 01:30", small, "2026-11-01T06:30:00Z", false},
		{"a zone that is half an hour off", Hours{Zone: "Asia/Kolkata", Week: office.Week}, "2026-11-23T03:30:00Z", true},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.hours.OpenAt(at); err != nil || got != c.want {
			t.Errorf("%s (%s): %v %v, want %v", c.name, c.at, got, err, c.want)
		}
	}
	// An hour that comes twice is open twice.
	twice := Hours{Zone: "Europe/Berlin", Week: [7][]Period{0: {{2 * 60, 3 * 60}}}}
	for _, at := range []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"} {
		instant, _ := time.Parse(time.RFC3339, at)
		if open, err := twice.OpenAt(instant); !open || err != nil {
			t.Errorf("%s: closed (%v)", at, err)
		}
	}
	if _, err := (Hours{Zone: "Mars/Olympus"}).OpenAt(time.Now()); err == nil {
		t.Error("a zone that does not exist is accepted")
	}
}

func TestHoursAreChecked(t *testing.T) {
	good := Hours{Name: "x", Zone: "Asia/Shanghai", Week: [7][]Period{1: {{0, 24 * 60}}}, Holidays: []Holiday{{Date: "2026-10-01"}}}
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Hours){
		"no name":       func(h *Hours) { h.Name = "" },
		"zone":          func(h *Hours) { h.Zone = "Nowhere" },
		"empty zone":    func(h *Hours) { h.Zone = "" },
		"date":          func(h *Hours) { h.Holidays = []Holiday{{Date: "1.10.2026"}} },
		"from midnight": func(h *Hours) { h.Week[2] = []Period{{24 * 60, 60}} },
		"holiday":       func(h *Hours) { h.Holidays = []Holiday{{Date: "2026-10-01", Periods: []Period{{-1, 60}}}} },
	} {
		bad := good
		spoil(&bad)
		if bad.validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseClock(f *testing.F) {
	for _, s := range []string{"00:00", "09:30", "24:00", "24:01", "9:30", "0x:10", "", "+1:00", "12-30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseClock(s)
		if err == nil && (c.String() != s || c < 0 || c > 24*60) {
			t.Errorf("%q is %d, written %q", s, c, c)
		}
		b, _ := json.Marshal(s)
		var again Clock
		if (json.Unmarshal(b, &again) == nil) != (err == nil) && json.Valid(b) && string(b) == `"`+s+`"` {
			t.Errorf("JSON reads %q differently", s)
		}
	})
}
