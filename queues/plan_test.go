package queues_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/queues"
)

func text(s string) queues.Prompt { return queues.Prompt{Text: s} }

// switchOn switches deflection of calls and chats on, with what they need.
func (h *house) switchOn() {
	h.Helper()
	_, err := h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{
		DeflectCalls: new(true), DeflectChats: new(true),
		Deflection:    &queues.Deflection{Mode: queues.DeflectMessage, Prompt: text("We are closed.")},
		DeflectionWeb: &queues.ClientDeflection{Message: "We are closed.", ScheduledCall: true, Email: "help@example.com"},
	}, nil)
	h.ok(err)
}

// hours makes opening hours: the same periods every day.
func (h *house) hours(name, zone string, holidays []queues.Holiday, periods ...queues.Period) *uuid.UUID {
	h.Helper()
	plan := queues.Hours{Name: name, Zone: zone, Holidays: holidays}
	for d := range plan.Week {
		plan.Week[d] = periods
	}
	made, err := h.s.PutHours(h.ctx, h.tenant, plan)
	h.ok(err)
	return &made.ID
}

func (h *house) preview(queue uuid.UUID, a queues.Arrival) queues.Outcome {
	h.Helper()
	out, err := h.s.Preview(h.ctx, h.tenant, queue, a)
	h.ok(err)
	return out
}

func when(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// What callers meet, over zones, daylight saving both ways, holidays, nights and channels.
func TestDeflectionByTheClock(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	h.switchOn()
	nine := queues.Period{From: 9 * 60, To: 17 * 60}
	berlin := h.hours("Berlin", "Europe/Berlin", []queues.Holiday{{Date: "2026-12-25", Name: "Christmas"}, {Date: "2026-12-24", Name: "Eve", Periods: []queues.Period{{From: 9 * 60, To: 12 * 60}}}}, nine)
	nights := h.hours("New York nights", "America/New_York", nil, queues.Period{From: 22 * 60, To: 6 * 60})
	web := h.hours("Web", "Asia/Tokyo", nil, nine)
	night := h.queue("Night", queues.OwnSettings{Hours: nights, Deflection: &queues.Deflection{Mode: queues.DeflectVoicemail, Prompt: text("Speak.")}})
	day := h.queue("Day", queues.OwnSettings{
		Hours: berlin, HoursOverrides: &[]queues.HoursOverride{{Channel: queues.Web, Hours: *web}, {Language: "zh", Hours: *web}},
		Deflection: &queues.Deflection{Mode: queues.DeflectQueue, Queue: night, Prompt: text("We connect you.")},
	})
	plain := h.queue("Plain", queues.OwnSettings{Hours: berlin})
	own := h.queue("Own voicemail", queues.OwnSettings{Hours: berlin, Deflection: &queues.Deflection{Mode: queues.DeflectVoicemail}})
	waits := h.queue("Waits", queues.OwnSettings{Hours: berlin, Deflection: &queues.Deflection{Mode: queues.DeflectOff}})
	number := h.queue("Number", queues.OwnSettings{Hours: berlin, Deflection: &queues.Deflection{Mode: queues.DeflectNumber, Number: "+4930123456"}})
	app := h.queue("App", queues.OwnSettings{Hours: berlin, DeflectionMobile: &queues.ClientDeflection{Message: "Speak to us.", Voicemail: true}})
	for _, c := range []struct {
		name    string
		queue   uuid.UUID
		at      string
		channel queues.Channel
		lang    string
		end     queues.DeflectionMode
		visits  []uuid.UUID
		holiday string
	}{
		{"open", day, "2026-11-23T10:00:00+01:00", "", "", queues.DeflectOff, []uuid.UUID{day}, ""},
		{"closed, and the night desk is open in New York", day, "2026-11-23T04:00:00+01:00", "", "", queues.DeflectOff, []uuid.UUID{day, night}, ""},
		{"closed, and so is the night desk", day, "2026-11-23T20:00:00+01:00", "", "", queues.DeflectVoicemail, []uuid.UUID{day, night}, ""},
		{"asked in another zone", day, "2026-11-22T22:00:00-05:00", "", "", queues.DeflectOff, []uuid.UUID{day, night}, ""},
		{"holiday", day, "2026-12-25T10:00:00+01:00", "", "", queues.DeflectOff, []uuid.UUID{day, night}, "Christmas"},
		{"half a holiday, open", day, "2026-12-24T10:00:00+01:00", "", "", queues.DeflectOff, []uuid.UUID{day}, "Eve"},
		{"half a holiday, closed", plain, "2026-12-24T13:00:00+01:00", "", "", queues.DeflectMessage, []uuid.UUID{plain}, "Eve"},
		{"before the clock goes forward", plain, "2026-03-28T08:30:00+01:00", "", "", queues.DeflectMessage, []uuid.UUID{plain}, ""},
		{"after it, the same hour of the world is open", plain, "2026-03-29T07:30:00Z", "", "", queues.DeflectOff, []uuid.UUID{plain}, ""},
		{"before the clock goes back", plain, "2026-10-24T07:30:00Z", "", "", queues.DeflectOff, []uuid.UUID{plain}, ""},
		{"after it", plain, "2026-10-25T07:30:00Z", "", "", queues.DeflectMessage, []uuid.UUID{plain}, ""},
		{"the night over the end of summer in New York, first 01:30", night, "2026-11-01T05:30:00Z", "", "", queues.DeflectOff, []uuid.UUID{night}, ""},
		{"second 01:30", night, "2026-11-01T06:30:00Z", "", "", queues.DeflectOff, []uuid.UUID{night}, ""},
		{"and it ends at six by the wall", night, "2026-11-01T11:00:00Z", "", "", queues.DeflectVoicemail, []uuid.UUID{night}, ""},
		{"the night over its beginning", night, "2026-03-08T09:59:00Z", "", "", queues.DeflectOff, []uuid.UUID{night}, ""},
		{"is an hour shorter", night, "2026-03-08T10:00:00Z", "", "", queues.DeflectVoicemail, []uuid.UUID{night}, ""},
		{"the web has Tokyo's hours", day, "2026-11-23T01:00:00Z", queues.Web, "", queues.DeflectOff, []uuid.UUID{day}, ""},
		{"and so has Chinese", day, "2026-11-23T01:00:00Z", queues.IVR, "zh", queues.DeflectOff, []uuid.UUID{day}, ""},
		{"but not English", day, "2026-11-23T01:00:00Z", queues.IVR, "en", queues.DeflectVoicemail, []uuid.UUID{day, night}, ""},
		{"voicemail with the greeting above", own, "2026-11-23T20:00:00+01:00", "", "", queues.DeflectVoicemail, []uuid.UUID{own}, ""},
		{"deflection off: they wait", waits, "2026-11-23T20:00:00+01:00", "", "", queues.DeflectOff, []uuid.UUID{waits}, ""},
		{"number", number, "2026-11-23T20:00:00+01:00", "", "", queues.DeflectNumber, []uuid.UUID{number}, ""},
		{"an app's voicemail", app, "2026-11-23T20:00:00+01:00", queues.Mobile, "", queues.DeflectVoicemail, []uuid.UUID{app}, ""},
		{"is not the telephone's", app, "2026-11-23T20:00:00+01:00", queues.IVR, "", queues.DeflectMessage, []uuid.UUID{app}, ""},
	} {
		a := queues.Arrival{At: when(t, c.at), Channel: c.channel, Language: c.lang}
		out := h.preview(c.queue, a)
		var visits []uuid.UUID
		for _, v := range out.Visits {
			visits = append(visits, v.Queue)
		}
		if out.End != c.end || !slices.Equal(visits, c.visits) || out.Visits[0].Hours.Holiday != c.holiday {
			t.Errorf("%s: ends with %s after %+v", c.name, out.End, out.Visits)
		}
		// What a call goes by is the preview's first step.
		if r, err := h.s.Arrive(h.ctx, h.tenant, c.queue, a); err != nil || r.Visit.Why != out.Visits[0].Why || r.Visit.Instead != out.Visits[0].Instead {
			t.Errorf("%s: a call meets %+v (%v)", c.name, r.Visit, err)
		}
	}
	v := h.preview(own, queues.Arrival{At: when(t, "2026-11-23T20:00:00+01:00")}).Visits[0]
	if v.Instead.Prompt.Text != "We are closed." || !v.Default || v.Origin != queues.FromOwn || v.Hours.Origin != queues.FromOwn || v.Opens == nil || !v.Opens.Equal(when(t, "2026-11-24T09:00:00+01:00")) {
		t.Errorf("the default greeting: %+v", v)
	}
	if v := h.preview(plain, queues.Arrival{At: when(t, "2026-11-23T20:00:00+01:00")}).Visits[0]; v.Origin != queues.FromGlobal {
		t.Errorf("the global deflection comes from %s", v.Origin)
	}
	_, err := h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{DeflectCalls: new(false)}, nil)
	h.ok(err)
	if out := h.preview(own, queues.Arrival{At: when(t, "2026-11-23T20:00:00+01:00")}); out.End != queues.DeflectOff || !out.Visits[0].SwitchedOff || out.Visits[0].Open {
		t.Errorf("with the switch off: %+v", out)
	}
}

// A circle of deflections ends with a message for all who meet it, wherever they come in; so does one that leads to nothing.
func TestDeflectionsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	h.switchOn()
	never := h.hours("Never", "UTC", nil)
	to := func(q uuid.UUID) *queues.Deflection { return &queues.Deflection{Mode: queues.DeflectQueue, Queue: q} }
	var q [3]uuid.UUID
	for i := range q {
		q[i] = h.queue(string(rune('A'+i)), queues.OwnSettings{Hours: never})
	}
	before := h.queue("Before", queues.OwnSettings{Hours: never, Deflection: to(q[0])})
	for i := range q {
		_, err := h.s.UpdateQueue(h.ctx, h.tenant, q[i], queues.QueueChange{Set: queues.OwnSettings{Deflection: to(q[(i+1)%3])}})
		h.ok(err)
	}
	for _, each := range []uuid.UUID{q[0], q[1], q[2], before} {
		if out := h.preview(each, queues.Arrival{At: time.Now()}); out.End != queues.DeflectMessage || len(out.Visits) != 1 || out.Visits[0].Problem != queues.ProblemLoop {
			t.Errorf("a circle: %+v", out)
		}
	}
	_, err := h.s.UpdateQueue(h.ctx, h.tenant, q[2], queues.QueueChange{Reset: []string{"hours"}})
	h.ok(err)
	if out := h.preview(before, queues.Arrival{At: time.Now()}); out.End != queues.DeflectOff || len(out.Visits) != 4 {
		t.Errorf("a chain: %+v", out)
	}
	h.ok(h.s.ArchiveQueue(h.ctx, h.tenant, q[2]))
	if out := h.preview(q[1], queues.Arrival{At: time.Now()}); out.End != queues.DeflectMessage || out.Visits[0].Problem != queues.ProblemGone {
		t.Errorf("to an archived queue: %+v", out)
	}
	_, err = h.s.UpdateQueue(h.ctx, h.tenant, q[0], queues.QueueChange{Set: queues.OwnSettings{Deflection: to(q[0])}})
	h.refused(err, "setting_invalid")
	// A crowd can close a circle too: B is full and sends to A, which is closed and sends to B.
	_, err = h.s.UpdateQueue(h.ctx, h.tenant, q[1], queues.QueueChange{
		Set: queues.OwnSettings{Empty: &queues.EmptyPolicy{Join: queues.EmptyRule{When: queues.EmptySignedOut, Do: *to(q[0])}, Leave: queues.EmptyRule{When: queues.EmptyNever}}}, Reset: []string{"hours", "deflection"},
	})
	h.ok(err)
	if out := h.preview(q[0], queues.Arrival{At: time.Now(), Crowd: true}); len(out.Visits) != 2 || out.End != queues.DeflectMessage || out.Visits[1].Problem != queues.ProblemLoop {
		t.Errorf("a circle by the crowd: %+v", out)
	}
	if out := h.preview(q[0], queues.Arrival{At: time.Now()}); len(out.Visits) != 2 || out.End != queues.DeflectOff {
		t.Errorf("without looking at the crowd: %+v", out)
	}
}

func (h *house) refused(err error, code string) {
	h.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		h.Errorf("refused with %v, want %s", err, code)
	}
}

func TestDeflectionNeedsItsGreeting(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	global := func(set queues.OwnSettings, reset ...string) error {
		_, err := h.s.SetGlobal(h.ctx, h.tenant, set, reset)
		return err
	}
	message := &queues.Deflection{Mode: queues.DeflectMessage, Prompt: text("Closed.")}
	const code = "deflection_without_greeting"
	h.refused(global(queues.OwnSettings{DeflectCalls: new(true)}), code)
	h.refused(global(queues.OwnSettings{DeflectChats: new(true)}), code)
	h.refused(global(queues.OwnSettings{Deflection: &queues.Deflection{Mode: queues.DeflectVoicemail, Prompt: text("  ")}}), code)
	_, err := h.s.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: "Q", Settings: queues.OwnSettings{Deflection: &queues.Deflection{Mode: queues.DeflectMessage}}})
	h.refused(err, code)
	h.refused(global(queues.OwnSettings{DeflectionWeb: &queues.ClientDeflection{ScheduledCall: true}}), code)
	h.refused(global(queues.OwnSettings{DeflectionSMS: &queues.TextReply{On: true}}), code)
	h.refused(global(queues.OwnSettings{DeflectionMessaging: &queues.TextReply{On: true, Text: " "}}), code)

	h.ok(global(queues.OwnSettings{DeflectCalls: new(true), Deflection: message}))
	h.refused(global(queues.OwnSettings{Deflection: &queues.Deflection{Mode: queues.DeflectOff}}), code)
	h.refused(global(queues.OwnSettings{}, "deflection"), code)
	h.ok(global(queues.OwnSettings{RingSeconds: new(30)}))
	q := h.queue("Q", queues.OwnSettings{Deflection: &queues.Deflection{Mode: queues.DeflectMessage}})
	h.ok(global(queues.OwnSettings{DeflectChats: new(true), DeflectionWeb: &queues.ClientDeflection{Message: "Closed."}}))
	h.refused(global(queues.OwnSettings{}, "deflection_web"), code)
	h.ok(global(queues.OwnSettings{DeflectCalls: new(false), DeflectChats: new(false)}, "deflection"))

	change := func(set queues.OwnSettings) error {
		_, err := h.s.UpdateQueue(h.ctx, h.tenant, q, queues.QueueChange{Set: set})
		return err
	}
	for name, set := range map[string]queues.OwnSettings{
		"the switch for calls": {DeflectCalls: new(true)}, "the switch for chats": {DeflectChats: new(true)},
		"the web": {DeflectionWeb: &queues.ClientDeflection{}}, "transfers": {TransferAfterHours: new(true)},
	} {
		t.Log(name)
		h.refused(change(set), "setting_global")
	}
	for name, set := range map[string]queues.OwnSettings{
		"callback outside hours":   {Deflection: &queues.Deflection{Mode: queues.DeflectCallback}},
		"no queue":                 {Deflection: &queues.Deflection{Mode: queues.DeflectQueue}},
		"no number":                {Deflection: &queues.Deflection{Mode: queues.DeflectNumber, Number: "+49"}},
		"letters":                  {Deflection: &queues.Deflection{Mode: queues.DeflectNumber, Number: "sip:x@y"}},
		"queue beside others":      {DeflectionMobile: &queues.ClientDeflection{Message: "m", Queue: uuid.New(), Email: "a@b.test"}},
		"address":                  {DeflectionMobile: &queues.ClientDeflection{Message: "m", Email: "Ada <a@b.test>"}},
		"an override for everyone": {HoursOverrides: &[]queues.HoursOverride{{}}},
		"two for the same":         {HoursOverrides: &[]queues.HoursOverride{{Channel: queues.Web}, {Channel: queues.Web, Hours: uuid.New()}}},
		"a rule without condition": {Overcapacity: &[]queues.OverRule{{Do: *message}}},
		"empty without action":     {Empty: &queues.EmptyPolicy{Join: queues.EmptyRule{When: queues.EmptySignedOut, Do: queues.Deflection{Mode: queues.DeflectOff}}, Leave: queues.EmptyRule{When: queues.EmptyNever}}},
		"too often":                {Announcement: &queues.Announcement{On: true, EverySeconds: 5}},
		"a prompt of nothing":      {Announcement: &queues.Announcement{On: true, EverySeconds: 30, Order: []queues.AnnouncementPart{{Play: queues.AnnouncePrompt}}}},
		"two greetings":            {Announcement: &queues.Announcement{On: true, EverySeconds: 30, Order: []queues.AnnouncementPart{{Play: queues.AnnounceGreeting}, {Play: queues.AnnounceGreeting}}}},
		"redial":                   {RedialSeconds: new(-1)},
	} {
		t.Log(name)
		h.refused(change(set), "setting_invalid")
	}
	h.refused(global(queues.OwnSettings{DeflectionWeb: &queues.ClientDeflection{Message: "m", Voicemail: true}}), "setting_invalid")
}

// What a page or an app shows: the normal buttons, or only what is chosen.
func TestOffering(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	h.switchOn()
	never := h.hours("Never", "UTC", nil)
	night := h.queue("Night", queues.OwnSettings{})
	open := h.queue("Open", queues.OwnSettings{})
	app := queues.ClientDeflection{Message: "Later.", ScheduledCall: true, Email: "app@example.com", Number: "+4930123456", Voicemail: true}
	closed := h.queue("Closed", queues.OwnSettings{Hours: never, DeflectionMobile: &app})
	passOn := h.queue("Pass on", queues.OwnSettings{Hours: never, DeflectionMobile: &queues.ClientDeflection{Message: "We connect you.", Queue: night}})
	off := h.node(queues.NewQueue{Name: "Off", Off: []queues.Channel{queues.Web}})
	for _, c := range []struct {
		name       string
		queue      uuid.UUID
		channel    queues.Channel
		call, chat bool
		kinds      []queues.OptionOf
	}{
		{"open", open, queues.Web, true, true, nil},
		{"closed, web", closed, queues.Web, false, false, []queues.OptionOf{queues.OfferScheduledCall, queues.OfferEmail}},
		{"closed, app", closed, queues.Mobile, false, false, []queues.OptionOf{queues.OfferScheduledCall, queues.OfferEmail, queues.OfferNumber, queues.OfferVoicemail}},
		{"another queue, app", passOn, queues.Mobile, false, false, []queues.OptionOf{queues.OfferQueue}},
		{"another queue, web", passOn, queues.Web, false, false, []queues.OptionOf{queues.OfferScheduledCall, queues.OfferEmail}},
		{"switched off for the web", off, queues.Web, false, false, nil},
		{"but not for apps", off, queues.Mobile, true, true, nil},
	} {
		o, err := h.s.Offering(h.ctx, h.tenant, c.queue, time.Now(), queues.Client{Channel: c.channel, AppVersion: "1.2", DeviceType: "phone"})
		h.ok(err)
		var kinds []queues.OptionOf
		for _, each := range o.Options {
			kinds = append(kinds, each.Kind)
			if each.Kind == queues.OfferEmail && (each.Address == "" || (each.Draft != nil) != (c.channel == queues.Mobile)) {
				t.Errorf("%s: mail %+v", c.name, each)
			}
		}
		if o.Call != c.call || o.Chat != c.chat || !slices.Equal(kinds, c.kinds) {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
	_, err := h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{DeflectChats: new(false)}, nil)
	h.ok(err)
	if o, err := h.s.Offering(h.ctx, h.tenant, closed, time.Now(), queues.Client{Channel: queues.Web}); err != nil || o.Call || !o.Chat || len(o.Options) != 2 {
		t.Errorf("with chats not deflected: %+v %v", o, err)
	}
}

func TestTransferTargetsNow(t *testing.T) {
	t.Parallel()
	h := quietHouse(t)
	h.switchOn()
	never := h.hours("Never", "UTC", nil)
	wait := &queues.Deflection{Mode: queues.DeflectOff}
	menu := h.node(queues.NewQueue{Name: "Menu"})
	open := h.node(queues.NewQueue{Name: "Open", Parent: menu})
	deflects := h.queue("Deflects", queues.OwnSettings{Hours: never})
	alone := h.queue("Alone", queues.OwnSettings{Hours: never, Deflection: wait})
	staffed := h.queue("Staffed", queues.OwnSettings{Hours: never, Deflection: wait})
	h.staff(1, staffed)
	seen := func() (ids []uuid.UUID) {
		targets, err := h.s.TransferTargets(h.ctx, h.tenant, queues.IVR)
		h.ok(err)
		for _, each := range targets {
			ids = append(ids, each.Queue)
			if each.Queue == open && (len(each.Path) != 2 || each.Path[0] != "Menu") {
				t.Errorf("path %v", each.Path)
			}
		}
		return ids
	}
	if ids := seen(); !slices.Equal(ids, []uuid.UUID{open}) {
		t.Errorf("not allowed: %v", ids)
	}
	_, err := h.s.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{TransferAfterHours: new(true)}, nil)
	h.ok(err)
	ids := seen()
	if len(ids) != 3 || slices.Contains(ids, alone) || !slices.Contains(ids, deflects) || !slices.Contains(ids, staffed) {
		t.Errorf("allowed: %v", ids)
	}
}
