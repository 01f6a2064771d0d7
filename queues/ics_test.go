package queues

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const someHolidays = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\\, both\r\n  days\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1\r\nSUMMARY:New Year\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\nDTSTART:20240229\nRRULE:FREQ=YEARLY\nSUMMARY:Leap\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261003\nDURATION:P1D\nSUMMARY;LANGUAGE=\"de:DE\":Einheit\nBEGIN:VALARM\nTRIGGER:-PT15M\nEND:VALARM\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20261224T140000\nSUMMARY:Afternoon\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261105\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\nSUMMARY:Thanksgiving\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261110\nSTATUS:CANCELLED\nSUMMARY:Not this year\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260601\nDTEND;VALUE=DATE:20260901\nSUMMARY:Summer\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nDTSTART;VALUE=DATE:20250501\nSUMMARY:Last year\nEND:VEVENT\n" +
	"BEGIN:VEVENT\nSUMMARY:Never\nEND:VEVENT\nEND:VCALENDAR\n"

func TestReadHolidays(t *testing.T) {
	got, err := ReadHolidays(someHolidays, 2026, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := HolidayImport{
		Holidays: []Holiday{
			{Date: "2026-01-01", Name: "New Year"},
			{Date: "2026-10-03", Name: "Einheit"},
			{Date: "2026-12-25", Name: "Christmas, both days"},
			{Date: "2026-12-26", Name: "Christmas, both days"},
			{Date: "2027-01-01", Name: "New Year"},
			{Date: "2028-01-01", Name: "New Year"},
			{Date: "2028-02-29", Name: "Leap"},
		},
		Skipped: []Skipped{
			{"Afternoon", "not_all_day"},
			{"Thanksgiving", "repeats"},
			{"Not this year", "cancelled"},
			{"Summer", "too_long"},
			{"Never", "dates"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "hello", "BEGIN:VCARD\nEND:VCARD", "BEGIN:VCALENDAR\n" + strings.Repeat("x", maxCalendar)} {
		if _, err := ReadHolidays(bad, 2026, 3); err == nil {
			t.Errorf("%.20q is read", bad)
		}
	}
}

func FuzzReadHolidays(f *testing.F) {
	f.Add(someHolidays)
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY;COUNT=9999999;INTERVAL=1;UNTIL=20300101T000000Z\nEND:VEVENT")
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTEND:20260101\nDTSTART:00010101\nDURATION:P255W\nDTEND:99991231\nEND:VEVENT")
	f.Fuzz(func(t *testing.T, text string) {
		in, err := ReadHolidays(text, 2026, 3)
		if err != nil {
			return
		}
		if len(in.Holidays) > maxHolidays+maxHolidayDays*3 || len(in.Skipped) > 100 {
			t.Errorf("%d holidays, %d skipped", len(in.Holidays), len(in.Skipped))
		}
		for i, h := range in.Holidays {
			d, err := time.Parse(time.DateOnly, h.Date)
			if err != nil || d.Year() < 2026 || i > 0 && in.Holidays[i-1].Date >= h.Date {
				t.Errorf("holiday %d is %+v (%v)", i, h, err)
			}
		}
	})
}
