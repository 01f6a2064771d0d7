package queues

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
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

func TestSpans(t *testing.T) {
	night := []Period{{22 * 60, 6 * 60}}
	nights := Hours{Zone: "Europe/Berlin", Week: [7][]Period{night, night, night, night, night, night, night}}
	split := Hours{Zone: "Europe/Berlin", Week: [7][]Period{1: {{9 * 60, 12 * 60}, {13 * 60, 17 * 60}}, 4: {{9 * 60, 17 * 60}}}, Holidays: []Holiday{
		{Date: "2026-12-24", Periods: []Period{{9 * 60, 11 * 60}}},
	}}
	daily := []Period{{0, 24 * 60}}
	for _, c := range []struct {
		name        string
		hours       Hours
		from, until string
		want        []string
	}{
		{"a Monday with lunch", split, "2026-11-23T10:00:00+01:00", "2026-11-24T00:00:00+01:00", []string{
			"2026-11-23T10:00:00+01:00/2026-11-23T12:00:00+01:00", "2026-11-23T13:00:00+01:00/2026-11-23T17:00:00+01:00",
		}},
		{"half a holiday", split, "2026-12-24T00:00:00+01:00", "2026-12-26T00:00:00+01:00", []string{"2026-12-24T09:00:00+01:00/2026-12-24T11:00:00+01:00"}},
		{"the short night of spring", nights, "2026-03-28T12:00:00+01:00", "2026-03-29T12:00:00+02:00", []string{"2026-03-28T22:00:00+01:00/2026-03-29T06:00:00+02:00"}},
		{"the long night of autumn", nights, "2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00", []string{"2026-10-24T22:00:00+02:00/2026-10-25T06:00:00+01:00"}},
		{"the hour that spring skips", Hours{Zone: "Europe/Berlin", Week: [7][]Period{0: {{2 * 60, 3 * 60}}}}, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", nil},
		{"half of it", Hours{Zone: "Europe/Berlin", Week: [7][]Period{0: {{2*60 + 30, 3*60 + 30}}}}, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", []string{
			"2026-03-29T03:00:00+02:00/2026-03-29T03:30:00+02:00",
		}},
		{"the hour that autumn repeats", Hours{Zone: "Europe/Berlin", Week: [7][]Period{0: {{2*60 + 15, 2*60 + 45}}}}, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", []string{
			"2026-10-25T02:15:00+02:00/2026-10-25T02:45:00+02:00", "2026-10-25T02:15:00+01:00/2026-10-25T02:45:00+01:00",
		}},
		{"around the clock", Hours{Zone: "Asia/Kolkata", Week: [7][]Period{daily, daily, daily, daily, daily, daily, daily}}, "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z", []string{
			"2026-11-23T00:00:00Z/2026-11-25T00:00:00Z",
		}},
	} {
		at := func(s string) time.Time {
			v, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		got, err := c.hours.Spans(at(c.from), at(c.until))
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %v %v", c.name, got, err)
			continue
		}
		for i, want := range c.want {
			from, until, _ := strings.Cut(want, "/")
			if !got[i].From.Equal(at(from)) || !got[i].Until.Equal(at(until)) {
				t.Errorf("%s: %v, want %s", c.name, got[i], want)
			}
		}
	}
}

// Spans say the same as OpenAt at every minute, also where zones do odd things: half hours, and an island that skipped a day.
func TestSpansAgreeWithOpenAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "Africa/Casablanca", "UTC"}).Draw(t, "zone")
		h := Hours{Zone: zone}
		minute := rapid.IntRange(0, 24*60-1)
		for d := range h.Week {
			for range rapid.IntRange(0, 2).Draw(t, "periods") {
				h.Week[d] = append(h.Week[d], Period{Clock(minute.Draw(t, "from")), Clock(minute.Draw(t, "to"))})
			}
		}
		days := []string{"2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2011-12-29", "2026-02-15", "2026-03-22"}
		day, err := time.Parse(time.DateOnly, rapid.SampledFrom(days).Draw(t, "day"))
		if err != nil {
			t.Fatal(err)
		}
		from, until := day.Add(-12*time.Hour), day.Add(48*time.Hour)
		spans, err := h.Spans(from, until)
		if err != nil {
			t.Fatal(err)
		}
		zoned, err := h.zone()
		if err != nil {
			t.Fatal(err)
		}
		for at := from; at.Before(until); at = at.Add(7 * time.Minute) {
			open := h.decideIn(zoned, at).Period != nil
			within := slices.ContainsFunc(spans, func(s Span) bool { return !at.Before(s.From) && at.Before(s.Until) })
			if open != within {
				t.Fatalf("at %s it is open: %v, by the spans: %v", at, open, within)
			}
		}
	})
}

func TestWhichHoursHold(t *testing.T) {
	general, web, chinese, both, own := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	global := OwnSettings{Hours: &general, HoursOverrides: &[]HoursOverride{
		{Channel: Web, Hours: web}, {Language: "zh", Hours: chinese}, {Channel: Web, Language: "zh", Hours: both}, {Channel: SMS},
	}}
	leaf := OwnSettings{HoursOverrides: &[]HoursOverride{{Channel: Mobile, Hours: own}}}
	none := OwnSettings{}
	for _, c := range []struct {
		levels   []OwnSettings
		channel  Channel
		language string
		want     uuid.UUID
		origin   Origin
	}{
		{[]OwnSettings{none, none}, IVR, "en", uuid.Nil, FromGlobal},
		{[]OwnSettings{global, none}, IVR, "en", general, FromGlobal},
		{[]OwnSettings{global, none}, Web, "en", web, FromGlobal},
		{[]OwnSettings{global, none}, IVR, "zh", chinese, FromGlobal},
		{[]OwnSettings{global, none}, Web, "zh", both, FromGlobal},
		{[]OwnSettings{global, none}, SMS, "zh", uuid.Nil, FromGlobal}, // always open, and a channel says more than a language
		{[]OwnSettings{global, leaf}, Mobile, "en", own, FromOwn},
		{[]OwnSettings{global, leaf}, Web, "en", web, FromGlobal},
		{[]OwnSettings{global, {Hours: &own}}, Web, "zh", own, FromOwn}, // the nearest decides
		{[]OwnSettings{global, {Hours: &own}, none}, Web, "zh", own, FromParent},
	} {
		got := hoursFor(c.levels, c.channel, c.language)
		if got.Hours != c.want || got.Origin != c.origin {
			t.Errorf("%s %s: %+v, want %s from %s", c.channel, c.language, got, c.want, c.origin)
		}
	}
}
