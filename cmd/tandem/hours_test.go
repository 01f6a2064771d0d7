package main

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/queues"
	"tandem/sip/siptest"
)

// dayOf makes opening hours of the whole day, or none, for today and the days around it.
func (a *app) dayOf(t *testing.T, name string, open bool, holidays ...queues.Holiday) *uuid.UUID {
	t.Helper()
	h := queues.Hours{Name: name, Zone: "Europe/Berlin", Holidays: holidays}
	for d := range h.Week {
		if open {
			h.Week[d] = []queues.Period{{From: 0, To: 24 * 60}}
		}
	}
	made, err := a.queues.PutHours(context.Background(), a.tenant, h)
	if err != nil {
		t.Fatal(err)
	}
	return &made.ID
}

// waits says whether a call waits in a queue within the time that calls may take.
func (a *app) waits(t *testing.T, caller string, queue uuid.UUID) {
	t.Helper()
	within(t, wait, caller+" in the queue", func() bool {
		rows, err := a.board.List(context.Background(), a.tenant, calls.Filter{Live: true, Text: caller, Limit: 1})
		return err == nil && len(rows) == 1 && rows[0].State != calls.StateMenu && rows[0].QueuedAt != nil && rows[0].Queue != nil && *rows[0].Queue == queue
	})
}

func hangUp(c *siptest.Call) {
	c.Send("BYE", "", "")
	c.Response(200)
}

// What the preview says is what a telephone meets: open, closed, on a holiday, with another queue behind, and in a circle.
func TestPreviewIsWhatCallsMeet(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var holiday []queues.Holiday // today, and tomorrow for a test at midnight
	for d := range 2 {
		holiday = append(holiday, queues.Holiday{Date: time.Now().In(berlin).AddDate(0, 0, d).Format(time.DateOnly), Name: "A feast"})
	}
	opens, never, feast := a.dayOf(t, "Day and night", true), a.dayOf(t, "Never here", false), a.dayOf(t, "Feast", true, holiday...)
	message := &queues.Deflection{Mode: queues.DeflectMessage, Prompt: queues.Prompt{Text: "Closed."}}
	free, _ := a.queueWith(t, "Around the clock", "5301", "sip:nobody@127.0.0.1:9", queues.OwnSettings{Hours: opens})
	to := &queues.Deflection{Mode: queues.DeflectQueue, Queue: free}
	round, _ := a.queueWith(t, "Round", "5305", "sip:nobody@127.0.0.1:9", queues.OwnSettings{Hours: never})
	back, _ := a.queueWith(t, "Back", "5306", "sip:nobody@127.0.0.1:9", queues.OwnSettings{Hours: never, Deflection: &queues.Deflection{Mode: queues.DeflectQueue, Queue: round}})
	_, err = a.queues.UpdateQueue(ctx, a.tenant, round, queues.QueueChange{Set: queues.OwnSettings{Deflection: &queues.Deflection{Mode: queues.DeflectQueue, Queue: back}}})
	if err != nil {
		t.Fatal(err)
	}
	closed, _ := a.queueWith(t, "Closed", "5302", "sip:nobody@127.0.0.1:9", queues.OwnSettings{Hours: never, Deflection: message})
	feasts, _ := a.queueWith(t, "On a feast", "5303", "sip:nobody@127.0.0.1:9", queues.OwnSettings{Hours: feast, Deflection: message})
	onward, _ := a.queueWith(t, "Onward", "5304", "sip:nobody@127.0.0.1:9", queues.OwnSettings{Hours: never, Deflection: to})
	for i, c := range []struct {
		name, number string
		queue        uuid.UUID
		end          queues.DeflectionMode
		in           uuid.UUID // where they wait
	}{
		{"open", "5301", free, queues.DeflectOff, free},
		{"closed", "5302", closed, queues.DeflectMessage, uuid.Nil},
		{"holiday", "5303", feasts, queues.DeflectMessage, uuid.Nil},
		{"another queue", "5304", onward, queues.DeflectOff, free},
		{"a circle", "5305", round, queues.DeflectMessage, uuid.Nil},
	} {
		out, err := a.queues.Preview(ctx, a.tenant, c.queue, queues.Arrival{At: a.db.Now(), Crowd: true})
		if err != nil || out.End != c.end {
			t.Errorf("%s: the preview says %+v (%v)", c.name, out, err)
		}
		caller := "4930530" + string(rune('0'+i))
		call := a.hear(t, caller, c.number)
		if c.in != uuid.Nil {
			a.waits(t, caller, c.in)
			hangUp(call)
		} else {
			farewell(t, call)
		}
		row := a.ended(t, caller)
		if (row.Reason == calls.ReasonClosed) != (c.in == uuid.Nil) {
			t.Errorf("%s: the call ended as %s", c.name, row.Reason)
		}
		if c.name == "holiday" && out.Visits[0].Hours.Holiday != "A feast" {
			t.Errorf("the holiday is %+v", out.Visits[0].Hours)
		}
	}
}

// A full queue sends the next caller to another one; who hangs up and calls again at once is where they were, although it is full.
func TestOverflowAndRedial(t *testing.T) {
	t.Parallel()
	a := start(t)
	other, _ := a.queueWith(t, "Other", "5312", "sip:nobody@127.0.0.1:9", queues.OwnSettings{})
	full, _ := a.queueWith(t, "Full", "5311", "sip:nobody@127.0.0.1:9", queues.OwnSettings{
		Overcapacity: &[]queues.OverRule{{Ahead: 2, Do: queues.Deflection{Mode: queues.DeflectQueue, Queue: other}}},
	})
	for _, q := range []uuid.UUID{full, other} {
		if err := a.queues.SetMembers(context.Background(), a.tenant, q, nil); err != nil {
			t.Fatal(err)
		}
	}
	first := a.hear(t, "49305311", "5311")
	a.waits(t, "49305311", full)
	second := a.hear(t, "49305312", "5311")
	a.waits(t, "49305312", full)
	third := a.hear(t, "49305313", "5311")
	a.waits(t, "49305313", other)
	hangUp(first)
	if row := a.ended(t, "49305311"); row.Reason != calls.ReasonLeftQueue {
		t.Errorf("the first ended as %s", row.Reason)
	}
	fourth := a.hear(t, "49305314", "5311")
	a.waits(t, "49305314", full)
	again := a.hear(t, "49305311", "5311")
	a.waits(t, "49305311", full)
	page, err := a.queues.Queued(context.Background(), a.tenant, queues.QueuedFilter{Queue: full})
	if err != nil || len(page.Items) != 3 || page.Items[0].Caller != "49305311" {
		t.Errorf("the queue is %+v (%v)", page.Items, err)
	}
	for _, c := range []*siptest.Call{second, third, fourth, again} {
		hangUp(c)
	}
}
