package crmsync_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/zendesk"
	"tandem/crmsync/zendesk/zendesktest"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// talked tells of a call that an agent has talked in, up to its end; the wrap-up goes on.
func (o *office) talked(caller string) calls.Record {
	o.T.Helper()
	now, agent := time.Now(), uuid.New()
	r := calls.Record{
		ID: storage.NewID(), Number: "1001", Caller: calls.Party{Number: caller}, StartedAt: now, ConnectedAt: &now, Queue: &o.queue, QueuePath: []string{"Demo", "Support"}, Agent: &agent,
		Ticket: true, HoldForChoice: true,
	}
	o.tell("call.connected", r.ID, r)
	o.tell("call.ended", r.ID, r)
	return r
}

// held waits until a call is known to be held back, with all that there is to tell of it.
func (o *office) held(call uuid.UUID) {
	o.T.Helper()
	o.Await("a call that is held back", func() bool {
		c, err := o.sync.ChoiceOf(context.Background(), o.Tenant, call)
		var waiting int
		o.Scan(&waiting, `SELECT count(*) FROM crm_outbox WHERE call_id = $1`, call)
		return err == nil && c.Held && waiting == 2
	})
}

func (o *office) choose(call uuid.UUID, kind crmsync.ChoiceKind, record string) error {
	return o.sync.Choose(context.Background(), o.Tenant, call, crmsync.Choice{Kind: kind, Record: record, Label: "as shown"})
}

// Nothing of a call is told before its agent has chosen or wrapped up; then it goes where they chose, and they can choose no more.
func TestCallsWaitForTheChoice(t *testing.T) {
	o := newOffice(t, func(c *crmsync.Connection) { c.AppendDays = 7 })
	o.attended.Store(true)
	const caller = "+4989123456"
	mine, other := o.ended(caller, o.queue, nil), o.ended("+4989123457", o.queue, nil)
	otherContact := ""
	for _, x := range o.zendesk.Tickets() {
		if strconv.FormatInt(x.ID, 10) == other {
			otherContact = strconv.FormatInt(x.Requester, 10)
		}
	}
	for _, step := range []struct {
		name   string
		choose func(call uuid.UUID) error
		want   func(ticket string) bool
	}{
		{"another ticket", func(call uuid.UUID) error { return o.choose(call, crmsync.ChooseTicket, other) }, func(x string) bool { return x == other }},
		{"another contact", func(call uuid.UUID) error { return o.choose(call, crmsync.ChooseContact, otherContact) }, func(x string) bool { return x == other }},
		{"a new ticket", func(call uuid.UUID) error { return o.choose(call, crmsync.ChooseNew, "") }, func(x string) bool { return x != mine && x != other }},
		{"what goes by itself", func(call uuid.UUID) error { return o.choose(call, crmsync.ChooseAutomatic, "") }, func(x string) bool { return x != "" && x != other }},
		{"nothing", func(call uuid.UUID) error { o.tell("offer.ended", call, struct{}{}); return nil }, func(x string) bool { return x != "" && x != other }},
	} {
		r := o.talked(caller)
		o.held(r.ID)
		asked := o.zendesk.Faults.Asked("POST")
		o.ended("+4989000000", uuid.New(), nil) // others' calls pass
		if ref, err := o.sync.TicketOf(context.Background(), o.Tenant, r.ID); err != nil || ref != "" || o.zendesk.Faults.Asked("POST") == asked {
			t.Errorf("%s: the call is told of while it is held back: %q, %v", step.name, ref, err)
		}
		if err := step.choose(r.ID); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := o.ticketOf(r.ID); !step.want(got) {
			t.Errorf("%s: the call goes to %s", step.name, got)
		}
		o.told()
		if err := o.choose(r.ID, crmsync.ChooseNew, ""); !errors.Is(err, crmsync.ErrChosenLate) {
			t.Errorf("%s: choosing too late is %v", step.name, err)
		}
	}
	var events int
	if o.Scan(&events, `SELECT count(*) FROM events WHERE type = 'call.record_chosen'`); events != 4 {
		t.Errorf("%d choices in the log", events)
	}
	if err := o.choose(o.talked(caller).ID, crmsync.ChooseTicket, "99999999"); !errors.Is(err, crmsync.ErrNoRecord) {
		t.Errorf("a ticket that is not there is %v", err)
	}
}

// A ticket that was chosen and is deleted before the call is told of holds nothing up: the call goes where it would have gone by itself.
func TestAChosenTicketIsGone(t *testing.T) {
	o := newOffice(t, nil)
	o.attended.Store(true)
	other := o.ended("+4989123457", o.queue, nil)
	o.told()
	r := o.talked("+4989123456")
	o.held(r.ID)
	o.connect(func(c *crmsync.Connection) { c.Credentials.Token = "old" }) // nothing gets through
	if err := o.choose(r.ID, crmsync.ChooseTicket, other); err != nil {
		t.Fatal(err)
	}
	o.zendesk.Change(other, func(x *zendesktest.Ticket) { x.Status = "deleted" })
	o.connect(nil)
	o.told()
	if got := o.ticketOf(r.ID); got == other {
		t.Error("the call is on a ticket that is gone")
	}
}

// The parts of a recording wait for the choice, too, and not for ever: a hold ends after half a day, which is far from their deadline.
func TestRecordingsWaitForTheChoice(t *testing.T) {
	o := newOffice(t, nil)
	o.attended.Store(true)
	other := o.ended("+4989123457", o.queue, nil)
	o.Run(recording.NewUploader(o.Service, o.sync, recording.UploaderConfig{Base: 10 * time.Millisecond, Poll: 20 * time.Millisecond}).Run)
	files := func(ticket string) (n int) {
		for _, x := range o.zendesk.Tickets() {
			for _, c := range x.Comments {
				if strconv.FormatInt(x.ID, 10) == ticket {
					n += len(c.Files)
				}
			}
		}
		return n
	}
	record := func() (call, rec uuid.UUID) {
		call = storage.NewID()
		rec = o.Record(call, time.Second, recordingtest.NewVoice(t, codec.PCMA, 440, nil), recordingtest.NewVoice(t, codec.PCMU, 1000, nil))
		now, agent := time.Now(), uuid.New()
		r := calls.Record{ID: call, Number: "1001", Caller: calls.Party{Number: "+4989123456"}, StartedAt: now, ConnectedAt: &now, Agent: &agent, Recording: &rec, HoldForChoice: true}
		o.tell("call.connected", call, r)
		o.tell("call.ended", call, r)
		o.held(call)
		return call, rec
	}
	call, rec := record()
	o.ended("+4989000000", uuid.New(), nil) // others' calls pass
	if n := o.zendesk.Faults.Asked("POST /api/v2/uploads"); n != 0 {
		t.Errorf("%d files are sent while the call is held back", n)
	}
	if err := o.choose(call, crmsync.ChooseTicket, other); err != nil {
		t.Fatal(err)
	}
	o.Await("delivery", func() bool { return o.State(rec) == recording.Destroyed })
	if n := files(other); n != 1 {
		t.Errorf("%d files on the ticket that was chosen", n)
	}
	call, rec = record()
	var held bool
	o.Scan(&held, `UPDATE crm_choices SET held_at = held_at - interval '13 hours' WHERE call_id = $1 RETURNING true`, call)
	o.Await("delivery after the longest hold", func() bool { return o.State(rec) == recording.Destroyed })
}

// A clock that was a month ahead puts nothing off by a month once it is right again.
func TestClockJumpPutsNothingOff(t *testing.T) {
	o := newOffice(t, nil)
	o.zendesk.Faults.Add(crmsynctest.Fault{On: "POST /api/v2/tickets", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"120"}}})
	o.Skew(30 * 24 * time.Hour)
	call := storage.NewID()
	o.tell("call.ended", call, calls.Record{ID: call, Number: "1001", Caller: calls.Party{Number: "+4989123456"}, StartedAt: time.Now(), Ticket: true})
	o.Await("a pause", func() bool {
		h, err := o.sync.Health(context.Background(), o.Tenant)
		return err == nil && h.ParkedUntil != nil
	})
	o.attended.Store(true)
	r := o.talked("+4989123457")
	o.held(r.ID)
	o.Skew(-30 * 24 * time.Hour)
	o.ticketOf(call)
	o.ticketOf(r.ID)
}

// Who calls is looked up beside the call: nothing is made, a CRM that hangs is said to be silent, and what was found is asked for once.
func TestLookup(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t, func(c *crmsync.Connection) { c.ContactData = "Customer-ID" })
	look := func(number string, data calls.Headers) (l crmsync.Lookup) {
		t.Helper()
		o.Await("a look-up", func() bool {
			var err error
			l, err = o.sync.Lookup(ctx, o.Tenant, &calls.Record{ID: uuid.New(), Caller: calls.Party{Number: number, Withheld: number == ""}, Headers: data}, 100*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			return l.State != crmsync.LookupLooking
		})
		return l
	}
	if l := look("+4989123400", nil); l.State != crmsync.LookupUnknown || l.Contact != nil || len(o.zendesk.Tickets()) != 0 || l.Label != "Zendesk" {
		t.Errorf("a stranger: %+v", l)
	}
	ticket := o.ended("+4989123456", o.queue, nil)
	if l := look("+4989123456", nil); l.State != crmsync.LookupKnown || l.Contact == nil || len(l.Tickets) != 1 || l.Tickets[0].ID != ticket || !strings.HasPrefix(l.Contact.URL, o.url) {
		t.Errorf("somebody known: %+v", l)
	}
	named := o.ended("+4989123458", o.queue, calls.Headers{"customer-id": "C-7"})
	if l := look("", calls.Headers{"customer-id": "C-7"}); len(l.Tickets) != 1 || l.Tickets[0].ID != named {
		t.Errorf("by the customer number: %+v", l)
	}
	asked := o.zendesk.Faults.Asked("GET /api/v2/users/")
	if look("+4989123456", nil); o.zendesk.Faults.Asked("GET /api/v2/users/") != asked {
		t.Error("what was found a moment ago is asked for again")
	}
	if l := look("", nil); l.State != crmsync.LookupUnknown {
		t.Errorf("a withheld number: %+v", l)
	}
	found, err := o.sync.Search(ctx, o.Tenant, "+49 89 123456")
	if err != nil || len(found.Contacts) != 1 || len(found.Tickets) != 1 || found.Tickets[0].ID != ticket {
		t.Errorf("a search: %+v, %v", found, err)
	}

	hung := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}))
	defer dead.Close()
	defer close(hung)
	o.connect(func(c *crmsync.Connection) { c.BaseURL = dead.URL; c.Provider = zendesk.Name })
	if l, err := o.sync.Lookup(ctx, o.Tenant, &calls.Record{Caller: calls.Party{Number: "+4989123401"}}, time.Millisecond); err != nil || l.State != crmsync.LookupLooking {
		t.Errorf("a CRM that hangs: %+v, %v", l, err)
	}
	if l := look("+4989123401", nil); l.State != crmsync.LookupSilent {
		t.Errorf("a CRM that hangs, after a while: %+v", l)
	}
}
