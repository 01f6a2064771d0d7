package crm_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/crm"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// office is a desk whose clock stands until it is moved, with opening hours from 9 to 17 on weekdays in Berlin, but for 25 December.
type office struct {
	*desk
	t     *testing.T
	log   *events.Log
	now   time.Time
	hours uuid.UUID
}

func newOffice(t *testing.T, at string) *office {
	t.Helper()
	o := &office{t: t, now: instant(t, at)}
	var q *queues.Service
	o.desk = openOn(t, storagetest.NewAt(t, func() time.Time { return o.now }), func(c *crm.Config) {
		o.log = c.Events
		q = queues.New(c.DB, c.Events, c.Bus, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), "node")
		c.Hours = func(ctx context.Context, tx *storage.Tx, id uuid.UUID) (crm.Calendar, error) {
			plan, err := q.HoursIn(ctx, tx, id)
			return func(from, until time.Time) (spans []crm.Span, err error) {
				open, err := plan.Spans(from, until)
				for _, s := range open {
					spans = append(spans, crm.Span(s))
				}
				return spans, err
			}, err
		}
	})
	week := queues.Hours{Name: "Office", Zone: "Europe/Berlin", Holidays: []queues.Holiday{{Date: "2026-12-25", Name: "Christmas"}}}
	for day := time.Monday; day <= time.Friday; day++ {
		week.Week[day] = []queues.Period{{From: 9 * 60, To: 17 * 60}}
	}
	made, err := q.PutHours(t.Context(), o.Tenant, week)
	if err != nil {
		t.Fatal(err)
	}
	o.hours = made.ID
	return o
}

func instant(t *testing.T, at string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

// promise sets what is promised for urgent tickets.
func (o *office) promise(p crm.Policy) {
	o.t.Helper()
	p.Priority = crm.Urgent
	if err := o.SetPolicy(o.t.Context(), o.Tenant, p); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) urgent() crm.Ticket {
	o.t.Helper()
	t, err := o.CreateTicket(o.t.Context(), o.Tenant, crm.NewTicket{Title: "The tent leaks", Priority: crm.Urgent})
	if err != nil {
		o.t.Fatal(err)
	}
	return t
}

func (o *office) to(t crm.Ticket, s crm.Status) crm.Ticket {
	o.t.Helper()
	t, err := o.ChangeTicket(o.t.Context(), o.Tenant, t.ID, crm.TicketChange{Status: &s})
	if err != nil {
		o.t.Fatal(err)
	}
	return t
}

// at moves the clock and looks at the promises.
func (o *office) at(at string) {
	o.t.Helper()
	o.now = instant(o.t, at)
	if err := o.Watch(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

// told is what was said of promises, "response ticket.sla_breached", in order.
func (o *office) told() (all []string) {
	o.t.Helper()
	err := o.DB.Tenant(o.t.Context(), o.Tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(o.t.Context(), `SELECT type, data FROM events WHERE type LIKE 'ticket.sla%' ORDER BY seq`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var typ string
			var data []byte
			var e crm.SLAEvent
			if err := rows.Scan(&typ, &data); err != nil {
				return err
			}
			if err := json.Unmarshal(data, &e); err != nil {
				return err
			}
			all = append(all, string(e.Kind)+" "+typ)
		}
		return rows.Err()
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

func (o *office) clock(t crm.Ticket, kind crm.ClockKind) crm.Clock {
	o.t.Helper()
	all, err := o.Clocks(o.t.Context(), o.Tenant, t.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, c := range all {
		if c.Kind == kind {
			return c
		}
	}
	o.t.Fatalf("no clock for the %s: %v", kind, all)
	return crm.Clock{}
}

// Times of business hours run over weekends, holidays and the change of the clocks.
func TestPromiseEnds(t *testing.T) {
	o := newOffice(t, "2026-10-01T10:00:00+02:00")
	for _, c := range []struct {
		name, made string
		seconds    int64
		business   bool
		due        string
	}{
		{"all hours", "2026-11-27T16:30:00+01:00", 4 * 3600, false, "2026-11-27T20:30:00+01:00"},
		{"all hours, over the change of the clocks", "2026-10-25T00:30:00+02:00", 4 * 3600, false, "2026-10-25T03:30:00+01:00"},
		{"within the day", "2026-11-27T10:00:00+01:00", 4 * 3600, true, "2026-11-27T14:00:00+01:00"},
		{"to the last minute", "2026-11-27T13:00:00+01:00", 4 * 3600, true, "2026-11-27T17:00:00+01:00"},
		{"over the weekend", "2026-11-27T16:30:00+01:00", 4 * 3600, true, "2026-11-30T12:30:00+01:00"},
		{"made on a Sunday", "2026-11-29T12:00:00+01:00", 3600, true, "2026-11-30T10:00:00+01:00"},
		{"made after closing", "2026-11-26T22:00:00+01:00", 3600, true, "2026-11-27T10:00:00+01:00"},
		{"over a holiday and the weekend", "2026-12-24T16:00:00+01:00", 2 * 3600, true, "2026-12-28T10:00:00+01:00"},
		{"over the change of the clocks", "2026-10-23T16:00:00+02:00", 2 * 3600, true, "2026-10-26T10:00:00+01:00"},
		{"over the change in spring", "2027-03-26T16:00:00+01:00", 2 * 3600, true, "2027-03-29T10:00:00+02:00"},
		{"fourteen days of eight hours", "2026-11-02T09:00:00+01:00", 10 * 8 * 3600, true, "2026-11-13T17:00:00+01:00"},
	} {
		o.now = instant(t, c.made)
		p := crm.Policy{Resolution: c.seconds}
		if c.business {
			p.Hours = &o.hours
		}
		o.promise(p)
		if got := o.clock(o.urgent(), crm.Resolution); got.DueAt == nil || !got.DueAt.Equal(instant(t, c.due)) {
			t.Errorf("%s: due at %v, want %s", c.name, got.DueAt, c.due)
		}
	}
}

func TestPromiseOnHold(t *testing.T) {
	o := newOffice(t, "2026-11-27T10:00:00+01:00") // a Friday
	o.promise(crm.Policy{Response: 3600, Resolution: 4 * 3600, Hours: &o.hours})
	ticket := o.urgent()
	if ticket.SLA != crm.SLARunning || !ticket.DueAt.Equal(instant(t, "2026-11-27T11:00:00+01:00")) {
		t.Errorf("made: %s, due at %v", ticket.SLA, ticket.DueAt)
	}

	o.at("2026-11-27T10:30:00+01:00")
	ticket = o.to(ticket, crm.InProgress) // answered
	if c := o.clock(ticket, crm.Response); c.Standing != crm.SLAMet || c.Used != 1800 || c.MetAt == nil {
		t.Errorf("the response: %+v", c)
	}
	o.at("2026-11-27T12:00:00+01:00")
	ticket = o.to(ticket, crm.OnHold)
	if c := o.clock(ticket, crm.Resolution); c.Standing != crm.SLAPaused || c.Used != 2*3600 || c.DueAt != nil || ticket.SLA != crm.SLAPaused {
		t.Errorf("on hold: %+v, %s", c, ticket.SLA)
	}
	o.at("2026-12-07T16:00:00+01:00") // nothing is broken meanwhile
	ticket = o.to(ticket, crm.InProgress)
	if c := o.clock(ticket, crm.Resolution); !c.DueAt.Equal(instant(t, "2026-12-08T10:00:00+01:00")) {
		t.Errorf("two hours are left on Monday at four: %v", c.DueAt)
	}
	if got := o.told(); len(got) > 0 {
		t.Errorf("told: %v", got)
	}
	ticket = o.to(ticket, crm.Resolved)
	if c := o.clock(ticket, crm.Resolution); c.Standing != crm.SLAMet || ticket.SLA != crm.SLAMet || ticket.DueAt != nil {
		t.Errorf("resolved: %+v, %s", c, ticket.SLA)
	}
	ticket = o.to(ticket, crm.Reopened)
	if c := o.clock(ticket, crm.Resolution); c.Standing != crm.SLARunning || c.MetAt != nil {
		t.Errorf("reopened: %+v", c)
	}
	if c := o.clock(ticket, crm.Response); c.Standing != crm.SLAMet {
		t.Errorf("reopened, the response: %+v", c)
	}
}

func TestPromiseIsBrokenOnce(t *testing.T) {
	o := newOffice(t, "2026-11-27T10:00:00+01:00")
	chief := uuid.New()
	o.promise(crm.Policy{Response: 3600, Resolution: 7200, EscalateTo: &chief})
	ticket := o.urgent()
	for _, step := range []struct {
		at   string
		told []string
	}{
		{"2026-11-27T10:47:59+01:00", nil},
		{"2026-11-27T10:48:00+01:00", []string{"response ticket.sla_at_risk"}},
		{"2026-11-27T10:59:59+01:00", []string{"response ticket.sla_at_risk"}},
		{"2026-11-27T11:00:00+01:00", []string{"response ticket.sla_at_risk", "response ticket.sla_breached"}},
		{"2026-11-27T15:00:00+01:00", []string{"response ticket.sla_at_risk", "response ticket.sla_breached", "resolution ticket.sla_breached"}}, // nobody looked in time: no warning any more
		{"2026-11-28T15:00:00+01:00", []string{"response ticket.sla_at_risk", "response ticket.sla_breached", "resolution ticket.sla_breached"}},
	} {
		o.at(step.at)
		if got := o.told(); !slices.Equal(got, step.told) {
			t.Errorf("%s: told %v, want %v", step.at, got, step.told)
		}
	}
	got, err := o.Ticket(t.Context(), o.Tenant, ticket.ID)
	if err != nil || got.SLA != crm.SLABreached || got.Assignee == nil || *got.Assignee != chief {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
	high := crm.High // which is promised four hours, of which five are gone
	if _, err := o.ChangeTicket(t.Context(), o.Tenant, ticket.ID, crm.TicketChange{Priority: &high}); err != nil {
		t.Fatal(err)
	}
	o.at("2026-11-29T15:00:00+01:00")
	if got := o.told(); len(got) != 3 {
		t.Errorf("told again after the priority has changed: %v", got)
	}
}

func TestWhoWasAnswered(t *testing.T) {
	o := newOffice(t, "2026-11-27T10:00:00+01:00")
	call := uuid.New()
	open := func(answered bool) crm.Ticket {
		n := crm.NewTicket{Title: "x", Priority: crm.Urgent, Call: call, Answered: answered}
		ticket, err := o.CreateTicket(t.Context(), o.Tenant, n)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	if c := o.clock(open(true), crm.Response); c.Standing != crm.SLAMet {
		t.Errorf("made of a talk: %+v", c)
	}
	waits := open(false)
	if c := o.clock(waits, crm.Response); c.Standing != crm.SLARunning {
		t.Errorf("made of a message left: %+v", c)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	say := func(typ string, item uuid.UUID, data map[string]string) {
		t.Helper()
		err := o.DB.Tenant(ctx, o.Tenant, func(tx *storage.Tx) error { return o.log.Append(ctx, tx, typ, item, data) })
		if err != nil {
			t.Fatal(err)
		}
	}
	say("conversation.updated", call, map[string]string{"direction": "in", "author": "contact"})
	say("call.connected", uuid.New(), nil)
	say("conversation.updated", call, map[string]string{"direction": "out", "author": "agent"})
	looks := time.NewTicker(10 * time.Millisecond)
	defer looks.Stop()
	for late := time.After(20 * time.Second); o.clock(waits, crm.Response).Standing != crm.SLAMet; {
		select {
		case <-looks.C:
		case <-late:
			t.Fatal("who was answered by an agent still waits for an answer")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPoliciesAreChecked(t *testing.T) {
	o := newOffice(t, "2026-11-27T10:00:00+01:00")
	all, err := o.Policies(t.Context(), o.Tenant)
	if err != nil || len(all) != 4 || all[0].Resolution != 3600 || all[1].Resolution != 4*3600 || all[2].Resolution != 24*3600 || all[3].Resolution != 14*24*3600 {
		t.Errorf("the presets: %v, %v", all, err)
	}
	nobody := uuid.New()
	for name, p := range map[string]crm.Policy{
		"no priority":       {Priority: "soon"},
		"negative":          {Priority: crm.Low, Response: -1},
		"resolved unheard":  {Priority: crm.Low, Response: 7200, Resolution: 3600},
		"too long":          {Priority: crm.Low, Resolution: 366 * 24 * 3600},
		"hours of nobody's": {Priority: crm.Low, Resolution: 3600, Hours: &nobody},
	} {
		if err := o.SetPolicy(t.Context(), o.Tenant, p); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	o.promise(crm.Policy{})
	if ticket := o.urgent(); ticket.SLA != crm.SLANone || ticket.DueAt != nil {
		t.Errorf("nothing is promised: %+v", ticket)
	}
}
