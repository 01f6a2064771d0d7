package crmsync_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/own"
	"tandem/crmsync/zendesk"
	"tandem/crmsync/zendesk/zendesktest"
	"tandem/internal/storage"
	"tandem/recording/recordingtest"
)

// office is a node whose CRM is a Zendesk.
type office struct {
	*node
	zendesk *zendesktest.Server
	url     string
	queue   uuid.UUID

	attended atomic.Bool // an agent still has the calls
}

func newOffice(t *testing.T, change func(*crmsync.Connection)) *office {
	t.Helper()
	o := &office{node: &node{Rig: recordingtest.New(t, nil)}, zendesk: zendesktest.New(), queue: uuid.New()}
	var transport *http.Transport
	o.url, transport = crmsynctest.Serve(t, o.zendesk.Handler())
	o.zendesk.Base = o.url
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.crm = crm.New(crm.Config{DB: o.DB, Events: o.Events, Keys: o.Keys, Blobs: blobs, Log: o.Log})
	o.sync = crmsync.New(crmsync.Config{
		DB: o.DB, Events: o.Events, Bus: o.Bus, Keys: o.Keys, Recordings: o.Service, Log: o.Log, Base: 5 * time.Millisecond, Poll: 10 * time.Millisecond,
		Vendors: []crmsync.Vendor{own.New(o.crm), zendesk.New(transport)}, HTTP: crmsync.HTTPClient(transport), PublicURL: "https://cc.example.test",
		Sweep: 20 * time.Millisecond, LookupFor: 200 * time.Millisecond,
		Attended: func(context.Context, *storage.Tx, uuid.UUID) (bool, error) { return o.attended.Load(), nil },
	})
	o.connect(change)
	o.Run(o.sync.Run)
	return o
}

func (o *office) connect(change func(*crmsync.Connection)) {
	o.T.Helper()
	c := crmsync.Connection{Provider: zendesk.Name, BaseURL: o.url, Credentials: crmsync.Credentials{User: zendesktest.User, Token: zendesktest.Token}}
	if change != nil {
		change(&c)
	}
	if err := o.sync.SetConnection(context.Background(), o.Tenant, c); err != nil {
		o.T.Fatal(err)
	}
}

// ended tells of a call that has ended, and returns its ticket once it has one.
func (o *office) ended(caller string, queue uuid.UUID, data calls.Headers) string {
	o.T.Helper()
	call := storage.NewID()
	o.tell("call.ended", call, calls.Record{
		ID: call, Number: "1001", Caller: calls.Party{Number: caller, Withheld: caller == ""}, StartedAt: time.Now(), Queue: &queue, QueuePath: []string{"Demo", "Support"}, Ticket: true, Headers: data,
	})
	return o.ticketOf(call)
}

func (o *office) told() {
	o.T.Helper()
	o.Await("an empty outbox", func() bool {
		var left int
		o.Scan(&left, `SELECT count(*) FROM crm_outbox`)
		return left == 0
	})
}

// Calls of one contact and queue go to one ticket while it is open, and for some days after; those of others and of withheld numbers do not.
func TestCallsGoToTheTicketThereIs(t *testing.T) {
	o := newOffice(t, func(c *crmsync.Connection) { c.AppendDays = 7 })
	const caller = "+4989123456"
	first := o.ended(caller, o.queue, nil)
	if again := o.ended(caller, o.queue, nil); again != first {
		t.Errorf("the second call has ticket %s, the first %s", again, first)
	}
	if other := o.ended(caller, uuid.New(), nil); other == first {
		t.Error("a call to another queue goes there, too")
	}
	if other := o.ended("+4989123457", o.queue, nil); other == first {
		t.Error("somebody else's call goes there, too")
	}
	if a, b := o.ended("", o.queue, nil), o.ended("", o.queue, nil); a == b {
		t.Error("two withheld numbers share a ticket")
	}
	o.told()
	o.zendesk.Change(first, func(t *zendesktest.Ticket) { t.Status = "solved" })
	if again := o.ended(caller, o.queue, nil); again != first {
		t.Error("a ticket that was solved just now is not taken")
	}
	o.told()
	notes := 0
	for _, ticket := range o.zendesk.Tickets() {
		if strconv.FormatInt(ticket.ID, 10) == first {
			for _, c := range ticket.Comments {
				if strings.Contains(c.Body, "Number dialled: 1001") {
					notes++
				}
			}
		}
	}
	if notes != 3 {
		t.Errorf("%d calls are noted on the ticket", notes)
	}
	o.zendesk.Change(first, func(t *zendesktest.Ticket) { t.Status = "closed" })
	if again := o.ended(caller, o.queue, nil); again == first {
		t.Error("a ticket that takes nothing is taken")
	}
}

// Without the setting each call has its own; data name the contact and fill fields.
func TestCallsHaveTheirOwnTickets(t *testing.T) {
	o := newOffice(t, func(c *crmsync.Connection) {
		c.ContactData = "Customer-ID"
		c.Mapping = []crmsync.Map{{From: "header:tier", To: zendesktest.FieldID}, {From: crmsync.FactTalk, To: "not-a-number"}}
	})
	a := o.ended("+4989123456", o.queue, calls.Headers{"customer-id": "C-7", "tier": "gold"})
	b := o.ended("+4930999999", o.queue, calls.Headers{"customer-id": "C-7"})
	if a == b {
		t.Error("two calls share a ticket")
	}
	tickets := o.zendesk.Tickets()
	if len(tickets) != 2 || tickets[0].Requester != tickets[1].Requester || len(tickets[0].Fields) != 1 || tickets[0].Fields[0].Value != "gold" {
		t.Errorf("%+v", tickets)
	}
}

// A CRM that refuses the credentials is asked once an hour and people are told once; it is asked again at once when they are changed. A CRM that wants a
// pause gets it. Meanwhile calls end as ever, and everything arrives in order.
func TestRefusalsAndPausesParkTheCRM(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t, func(c *crmsync.Connection) { c.Credentials.Token = "old" })
	const caller = "+4989123456"
	var all []uuid.UUID
	for range 3 {
		call := storage.NewID()
		all = append(all, call)
		o.tell("call.ended", call, calls.Record{ID: call, Number: "1001", Caller: calls.Party{Number: caller}, StartedAt: time.Now(), Ticket: true})
	}
	o.Await("a refusal", func() bool {
		h, err := o.sync.Health(ctx, o.Tenant)
		return err == nil && h.RefusedSince != nil && h.Waiting == 6
	})
	asked := o.zendesk.Faults.Asked("GET")
	h, err := o.sync.Health(ctx, o.Tenant)
	if err != nil || h.Waiting != 6 || h.Failed != 1 || h.Succeeded != 0 || h.ParkedUntil == nil || time.Until(*h.ParkedUntil) < 50*time.Minute || !strings.Contains(h.LastError, "unauthorized") {
		t.Errorf("%+v, %v", h, err)
	}
	o.zendesk.Faults.Add(crmsynctest.Fault{On: "POST /api/v2/tickets", Status: 429, Header: http.Header{"Retry-After": {"120"}}})
	o.connect(nil)
	o.Await("a pause", func() bool {
		h, err = o.sync.Health(ctx, o.Tenant)
		return err == nil && h.RefusedSince == nil && h.ParkedUntil != nil
	})
	if wait := time.Until(*h.ParkedUntil); wait > 2*time.Minute || wait < time.Minute {
		t.Errorf("parked for %v", wait)
	}
	if list, err := o.sync.Pending(ctx, o.Tenant); err != nil || len(list) != 6 || list[0].NextTryAt.Before(*h.ParkedUntil) {
		t.Errorf("%+v, %v", list, err)
	}
	if n := o.zendesk.Faults.Asked("GET"); n > asked+4 {
		t.Errorf("%d requests while it was parked", n-asked)
	}
	o.connect(nil)
	o.told()
	var last int64
	for _, call := range all {
		id, err := strconv.ParseInt(o.ticketOf(call), 10, 64)
		if err != nil || id <= last {
			t.Errorf("ticket %d after %d: %v", id, last, err)
		}
		last = id
	}
	var events int
	if o.Scan(&events, `SELECT count(*) FROM events WHERE type = 'crm_connection.refused'`); events != 1 {
		t.Errorf("%d alerts", events)
	}
}

// A note for a ticket that was merged goes to the other.
func TestNotesFollowAMergedTicket(t *testing.T) {
	o := newOffice(t, nil)
	into := o.ended("+4989123457", o.queue, nil)
	call := storage.NewID()
	o.tell("call.ended", call, calls.Record{ID: call, Number: "1001", Caller: calls.Party{Number: "+4989123456"}, StartedAt: time.Now(), Ticket: true})
	first := o.ticketOf(call)
	o.told()
	o.zendesk.Change(first, func(t *zendesktest.Ticket) {
		t.Status, t.Tags = "closed", append(t.Tags, "closed_by_merge")
		t.Comments = append(t.Comments, zendesktest.Comment{ID: 1, Body: "This request was closed and merged into request #" + into})
	})
	o.tell("call.wrapped_up", call, calls.WrapUp{Call: call, Notes: "Wants a refund."})
	o.Await("the other ticket", func() bool { return o.ticketOf(call) == into })
	o.told()
	for _, ticket := range o.zendesk.Tickets() {
		if n := len(ticket.Comments); strconv.FormatInt(ticket.ID, 10) == into && !strings.Contains(ticket.Comments[n-1].Body, "Wants a refund.") {
			t.Errorf("%+v", ticket.Comments)
		}
	}
}
