package crm_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/crm"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// asked is a desk whose questions to customers are caught.
func asked(t *testing.T) (*desk, *[]crm.Ask, *error) {
	var list []crm.Ask
	var fails error
	d := openOn(t, storagetest.New(t), func(c *crm.Config) {
		c.Ask = func(_ context.Context, _ uuid.UUID, q crm.Ask) error {
			if fails == nil {
				list = append(list, q)
			}
			return fails
		}
	})
	return d, &list, &fails
}

func (d *desk) move(t *testing.T, ticket uuid.UUID, to ...crm.Status) {
	t.Helper()
	for _, s := range to {
		if _, err := d.ChangeTicket(t.Context(), d.Tenant, ticket, crm.TicketChange{Status: &s}); err != nil {
			t.Fatal(err)
		}
	}
}

// TK-6: one question for each resolve, in the newest conversation, answered once.
func TestSurveyAfterResolve(t *testing.T) {
	d, list, fails := asked(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	talk := uuid.New()
	ticket := d.ticket(t, crm.NewTicket{Title: "Lamp", Call: talk, Conversation: true})
	byCall := d.ticket(t, crm.NewTicket{Title: "A call's", Call: uuid.New()})
	d.move(t, ticket.ID, crm.Resolved, crm.Reopened)
	must(d.SendSurveys(ctx))
	if len(*list) != 0 {
		t.Fatal("somebody was asked although that is off")
	}
	if err := d.SetTicketSettings(ctx, d.Tenant, crm.TicketSettings{Survey: "stars"}); !errors.Is(err, crm.ErrScale) {
		t.Errorf("%v", err)
	}
	must(d.SetTicketSettings(ctx, d.Tenant, crm.TicketSettings{Survey: crm.ScaleFaces}))
	d.move(t, byCall.ID, crm.Resolved)
	d.move(t, ticket.ID, crm.Resolved)
	must(d.SendSurveys(ctx))
	must(d.SendSurveys(ctx))
	if len(*list) != 1 || (*list)[0].Conversation != talk {
		t.Fatalf("%+v", *list)
	}
	token := (*list)[0].Token
	if q, err := d.Question(ctx, token); err != nil || q != (crm.Question{Scale: crm.ScaleFaces}) {
		t.Errorf("%+v, %v", q, err)
	}
	for _, score := range []int{0, 2, 6} {
		if err := d.Answer(ctx, token, score, ""); !errors.Is(err, crm.ErrScore) {
			t.Errorf("%d: %v", score, err)
		}
	}
	must(d.Answer(ctx, token, 5, " Thanks! "))
	if err := d.Answer(ctx, token, 1, ""); !errors.Is(err, crm.ErrSurveyAnswered) {
		t.Errorf("answered twice: %v", err)
	}
	if _, err := d.Question(ctx, strings.ToUpper(token)); !errors.Is(err, crm.ErrNoSurvey) {
		t.Errorf("%v", err)
	}

	// What cannot be sent now is tried again, what cannot be sent at all is not.
	must(d.SetTicketSettings(ctx, d.Tenant, crm.TicketSettings{Survey: crm.ScaleNumbers}))
	*fails = errors.New("busy")
	d.move(t, ticket.ID, crm.Reopened, crm.Resolved)
	must(d.SendSurveys(ctx))
	*fails = fault.New(fault.Illegal, "window_closed", "x")
	d.due(t)
	must(d.SendSurveys(ctx))
	*fails = nil
	d.due(t)
	must(d.SendSurveys(ctx))
	if len(*list) != 1 {
		t.Errorf("what cannot be sent was sent: %+v", *list)
	}
	all, err := d.Surveys(ctx, d.Tenant, ticket.ID)
	if err != nil || len(all) != 2 || all[0].Score == nil || *all[0].Score != 5 || all[0].Comment != "Thanks!" || all[1].SentAt != nil || all[1].Score != nil {
		t.Errorf("%+v, %v", all, err)
	}
	must(d.DB.Tenant(ctx, d.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ticket_surveys SET expires_at = $1`, tx.Now.Add(-time.Second))
		return err
	}))
	if _, err := d.Question(ctx, token); !errors.Is(err, crm.ErrNoSurvey) {
		t.Errorf("an old one: %v", err)
	}
}

// due lets the waits of all questions be over.
func (d *desk) due(t *testing.T) {
	t.Helper()
	err := d.DB.Tenant(t.Context(), d.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE ticket_surveys SET next_at = $1 WHERE next_at IS NOT NULL`, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TK-6: who cannot be asked in a conversation is asked by e-mail, where the tenant wants it.
func TestSurveyByMail(t *testing.T) {
	var list []crm.Ask
	closed := false
	d := openOn(t, storagetest.New(t), func(c *crm.Config) {
		c.Mails = true
		c.Ask = func(_ context.Context, _ uuid.UUID, q crm.Ask) error {
			if closed && q.Conversation != uuid.Nil {
				return fault.New(fault.Illegal, "window_closed", "x")
			}
			list = append(list, q)
			return nil
		}
	})
	ctx := t.Context()
	ada, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{Email: ptr("ada@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	bob, err := d.CreateContact(ctx, d.Tenant, crm.ContactChange{Phone: ptr("+4930123456")})
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(n crm.NewTicket) []crm.Ask {
		t.Helper()
		list, n.Title = nil, "t"
		d.move(t, d.ticket(t, n).ID, crm.Resolved)
		for range 2 { // what the conversation does not take, the mail does the next time
			if err := d.SendSurveys(ctx); err != nil {
				t.Fatal(err)
			}
		}
		return list
	}
	set := func(mail bool) {
		t.Helper()
		if err := d.SetTicketSettings(ctx, d.Tenant, crm.TicketSettings{Survey: crm.ScaleNumbers, Mail: mail}); err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	if got := resolve(crm.NewTicket{Contact: &ada.ID}); len(got) != 0 {
		t.Errorf("by mail although that is off: %+v", got)
	}
	set(true)
	got := resolve(crm.NewTicket{Contact: &ada.ID})
	if len(got) != 1 || got[0].Mail != "ada@example.com" || got[0].Conversation != uuid.Nil {
		t.Fatalf("%+v", got)
	}
	if err := d.Answer(ctx, got[0].Token, 4, ""); err != nil {
		t.Error(err)
	}
	if got := resolve(crm.NewTicket{Contact: &bob.ID}); len(got) != 0 {
		t.Errorf("without an address: %+v", got)
	}
	talk := uuid.New()
	if got := resolve(crm.NewTicket{Contact: &ada.ID, Call: talk, Conversation: true}); len(got) != 1 || got[0].Conversation != talk || got[0].Mail != "" {
		t.Errorf("in the conversation: %+v", got)
	}
	closed = true
	if got := resolve(crm.NewTicket{Contact: &ada.ID, Call: talk, Conversation: true}); len(got) != 1 || got[0].Mail != "ada@example.com" {
		t.Errorf("after the conversation: %+v", got)
	}
	if got := resolve(crm.NewTicket{Contact: &bob.ID, Call: talk, Conversation: true}); len(got) != 0 {
		t.Errorf("neither way: %+v", got)
	}
	without := open(t)
	if err := without.SetTicketSettings(ctx, without.Tenant, crm.TicketSettings{Survey: crm.ScaleNumbers, Mail: true}); !errors.Is(err, crm.ErrSurveyMail) {
		t.Errorf("where no mail can be sent: %v", err)
	}
}

// TK-7: the figures of a period, by type and agent.
func TestTicketReport(t *testing.T) {
	d, list, _ := asked(t)
	ctx := t.Context()
	if err := d.SetTicketSettings(ctx, d.Tenant, crm.TicketSettings{Survey: crm.ScaleNumbers}); err != nil {
		t.Fatal(err)
	}
	ann, ben := uuid.New(), uuid.New()
	day := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	// Times in hours from the beginning of the day; -1: never.
	for _, c := range []struct {
		typ                      crm.Type
		agent                    *uuid.UUID
		made, answered, resolved float64
		escalated, broken        bool
		score                    int
	}{
		{crm.Bug, &ann, 1, 2, 5, false, false, 5},
		{crm.Bug, &ann, 1, 4, 3, true, true, 2},
		{crm.Refund, &ben, 2, -1, -1, false, false, 0},
		{crm.Refund, &ben, -10, -9, 2, false, false, 4},
		{crm.General, nil, 23, -1, 25, false, false, 0},
		{crm.General, nil, 30, -1, -1, false, false, 0},
	} {
		ticket := d.ticket(t, crm.NewTicket{Title: "t", Type: c.typ, Assignee: c.agent, Call: uuid.New(), Conversation: true})
		if c.score > 0 {
			d.move(t, ticket.ID, crm.Resolved)
			if err := d.SendSurveys(ctx); err != nil {
				t.Fatal(err)
			}
			if err := d.Answer(ctx, (*list)[len(*list)-1].Token, c.score, ""); err != nil {
				t.Fatal(err)
			}
		}
		at := func(hours float64) *time.Time {
			if hours == -1 {
				return nil
			}
			when := day.Add(time.Duration(hours * float64(time.Hour)))
			return &when
		}
		err := d.DB.Tenant(ctx, d.Tenant, func(tx *storage.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE tickets SET created_at = $2::timestamptz, answered_at = $3, resolved_at = $4, escalated_at = CASE WHEN $5 THEN $2::timestamptz END, sla = CASE WHEN $6 THEN 'breached' ELSE 'met' END WHERE ticket_id = $1`,
				ticket.ID, at(c.made), at(c.answered), at(c.resolved), c.escalated, c.broken)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `UPDATE ticket_surveys SET answered_at = $1 WHERE answered_at IS NOT NULL`, day.Add(time.Hour))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.TicketReport(ctx, d.Tenant, day, day.Add(24*time.Hour), "UTC", nil)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 0.001 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	if x := r.Totals; x.Created != 4 || x.Resolved != 3 || x.Escalated != 1 || x.Broken != 1 || x.Rated != 3 {
		t.Errorf("%+v", x)
	}
	near("first response", r.Totals.FirstResponse, 2*3600)
	near("resolution", r.Totals.Resolution, (4+2+12)*3600/3.0)
	near("FCR", r.Totals.FirstContact, 2.0/3)
	near("CSAT", r.Totals.Satisfied, 2.0/3)
	if len(r.Days) != 1 || r.Days[0] != (crm.TicketDay{Day: "2026-03-29", Created: 4, Resolved: 3}) {
		t.Errorf("%+v", r.Days)
	}
	// Berlin's clocks go on an hour at 1 o'clock UTC, and its days begin at 23 o'clock, then at 22 o'clock.
	berlin, err := d.TicketReport(ctx, d.Tenant, day.Add(-time.Hour), day.Add(46*time.Hour), "Europe/Berlin", nil)
	if err != nil || !slices.Equal(berlin.Days, []crm.TicketDay{{Day: "2026-03-29", Created: 3, Resolved: 3}, {Day: "2026-03-30", Created: 2, Resolved: 1}}) {
		t.Errorf("%+v, %v", berlin.Days, err)
	}
	table := r.Table(func(id uuid.UUID) string { return map[uuid.UUID]string{ann: "Ann"}[id] })
	if len(table) != 1+1+3+3+1 || table[1][1] != "2026-03-29" || table[5][2] != "Ann" || !slices.Equal(table[8], []string{"total", "", "", "4", "3", "1", "1", "7200", "21600", "0.6667", "3", "0.6667"}) {
		t.Errorf("%q", table)
	}
	if len(r.Types) != 3 || *r.Types[0].Type != crm.Bug || r.Types[0].Created != 2 || r.Types[2].Created != 1 {
		t.Errorf("%+v", r.Types)
	}
	if len(r.Agents) != 3 || *r.Agents[0].Agent != ann || r.Agents[0].Resolved != 2 {
		t.Errorf("%+v", r.Agents)
	}
	if r, err = d.TicketReport(ctx, d.Tenant, day, day.Add(24*time.Hour), "UTC", []uuid.UUID{ben}); err != nil || r.Totals.Created != 1 || r.Totals.Resolved != 1 || len(r.Types) != 1 {
		t.Errorf("one agent's: %+v, %v", r, err)
	}
	if r, err = d.TicketReport(ctx, d.Tenant, day.AddDate(1, 0, 0), day.AddDate(2, 0, 0), "UTC", nil); err != nil || r.Totals.Created != 0 || r.Totals.FirstContact != nil || len(r.Types) != 0 {
		t.Errorf("an empty period: %+v, %v", r, err)
	}
}
