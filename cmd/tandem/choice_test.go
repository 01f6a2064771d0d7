package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crmsync"
	"tandem/crmsync/zendesk/zendesktest"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip/siptest"
)

// chooser is the program with a Zendesk behind a gate, and an agent who may choose where in it a call goes.
type chooser struct {
	*process
	t     *testing.T
	db    *storage.DB
	crm   *zendesktest.Server
	gate  *gate
	agent *seat
}

const (
	supportNumber = "1001"
	salesNumber   = "1011"
)

func newChooser(t *testing.T, database, dir string) *chooser {
	t.Helper()
	c := &chooser{t: t, crm: zendesktest.New(), process: run(t, database, dir), db: open(t, database)}
	server := httptest.NewServer(c.crm.Handler())
	t.Cleanup(server.Close)
	c.gate = newGate(t, server.URL)
	c.crm.Base = c.gate.url
	ask[crmsync.Connection](c.client, "PUT", "/api/v1/crm-connection", map[string]any{
		"provider": "zendesk", "base_url": c.gate.url, "user": zendesktest.User, "token": zendesktest.Token, "append_days": 7,
	})
	rule := queues.WrapUpRule{Mode: queues.WrapUpOptional}
	for _, q := range ask[list[queues.Queue]](c.client, "GET", "/api/v1/queues", nil).Items {
		if q.Name == "Sales" {
			ask[calls.Number](c.client, "POST", "/api/v1/numbers", map[string]any{"number": salesNumber, "kind": calls.EntryQueue, "queue_id": q.ID})
		}
		if q.Name == "Support" {
			ask[queues.Queue](c.client, "PATCH", "/api/v1/queues/"+q.ID.String(), map[string]any{"set": queues.OwnSettings{
				HoldForChoice: new(true), WrapUp: &rule, Countdown: new(false), Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1},
			}})
		}
	}
	c.agent = sit(t, c.base, "agent1@demo.test")
	return c
}

// dial lets a telephone call; an empty caller withholds the number.
func (c *chooser) dial(from, number string) *caller {
	c.t.Helper()
	if from == "" {
		from = "anonymous"
	}
	p := &caller{phone: siptest.New(c.t, from), voice: siptest.NewVoice(c.t, codec.PCMU)}
	p.call = p.phone.Invite(c.sip, number, p.phone.SDP(p.voice.Port(), "", "0"))
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	return p
}

// talked is a call that the agent has talked in; they are in its wrap-up.
func (c *chooser) talked(from string) (call uuid.UUID) {
	c.t.Helper()
	c.agent.available()
	p := c.dial(from, supportNumber)
	c.agent.accept()
	c.agent.RTC.Say(agentHz)
	p.voice.WaitTone(agentHz, 20*time.Second)
	call = ask[list[calls.CallRow]](c.client, "GET", "/api/v1/calls?limit=1", nil).Items[0].ID
	p.hangUp()
	c.agent.Wait("call", "state", "wrap_up", "id", call.String())
	return call
}

// gaveUp is a call that nobody has answered, and its ticket: nobody can choose for that. It needs an agent who takes no calls.
func (c *chooser) gaveUp(from, number string) (ticket string) {
	c.t.Helper()
	p := c.dial(from, number)
	call := c.waiting(c.t, from)
	p.hangUp()
	within(c.t, 30*time.Second, "the ticket of a call that nobody has answered", func() bool {
		where := c.told(uuid.MustParse(call))
		if len(where) == 1 {
			ticket = where[0].id
		}
		return ticket != ""
	})
	return ticket
}

// mention is what a ticket says of a call.
type mention struct {
	id                      string
	requester               int64
	summaries, notes, files int
}

// told lists the tickets that say anything of a call.
func (c *chooser) told(call uuid.UUID) (list []mention) {
	c.t.Helper()
	var recording string
	if row := ask[calls.CallRow](c.client, "GET", "/api/v1/calls/"+call.String(), nil); row.Recording != nil {
		recording = row.Recording.String()
	}
	for _, ticket := range c.crm.Tickets() {
		is := mention{id: strconv.FormatInt(ticket.ID, 10), requester: ticket.Requester}
		for _, said := range ticket.Comments {
			is.summaries += strings.Count(said.Body, "Call: "+call.String())
			is.notes += strings.Count(said.Body, noteOn(call))
			for _, f := range said.Files {
				if recording != "" && strings.HasPrefix(f.Name, "rec_"+recording) {
					is.files++
				}
			}
		}
		if is.summaries+is.notes+is.files > 0 || ticket.External == crmsync.ItemTag(call) {
			list = append(list, is)
		}
	}
	return list
}

// noteOn is what the agent writes of a call.
func noteOn(call uuid.UUID) string { return "Written of " + call.String() }

// held checks that nothing is told of a call while others' calls pass.
func (c *chooser) held(call uuid.UUID) {
	c.t.Helper()
	within(c.t, 30*time.Second, "ticket, note and recording that wait", func() bool {
		return count(c.t, c.db, `SELECT (SELECT count(*) FROM crm_outbox WHERE call_id = $1) + (SELECT count(*) FROM recordings WHERE call_id = $1 AND state = 'planned' AND ticket IS NULL)`, call) == 3
	})
	c.gaveUp("+4930999999", supportNumber)
	if where := c.told(call); len(where) > 0 {
		c.t.Errorf("before the choice the CRM has %+v", where)
	}
	if status, b := c.agent.do("GET", "/api/v1/calls/"+call.String()+"/crm", nil); status != 200 || !strings.Contains(string(b), `"held":true`) {
		c.t.Errorf("the agent is not told that the call is held back: %d %s", status, b)
	}
}

func (c *chooser) choose(call uuid.UUID, kind crmsync.ChoiceKind, record string) {
	c.t.Helper()
	status, b := c.agent.do("PUT", "/api/v1/calls/"+call.String()+"/crm", map[string]any{"kind": kind, "record": record})
	if status != 200 {
		c.t.Fatalf("choosing: %d %s", status, b)
	}
}

// finish ends the wrap-up with a note; the agent takes no calls for a while.
func (c *chooser) finish(call uuid.UUID) {
	c.t.Helper()
	c.agent.Send("presence.set", map[string]string{"presence": "AWAY", "reason": "break"})
	c.agent.Wait("agent", "presence", "AWAY")
	c.agent.Send("wrapup.done", map[string]string{"notes": noteOn(call)})
	within(c.t, 20*time.Second, "the end of the wrap-up", func() bool {
		return count(c.t, c.db, `SELECT count(*) FROM queue_offers WHERE ended_at IS NULL`) == 0
	})
}

// delivered is the one ticket on which everything of a call is, once.
func (c *chooser) delivered(call uuid.UUID) mention {
	c.t.Helper()
	var where []mention
	within(c.t, 60*time.Second, "the agent's note", func() bool {
		where = c.told(call)
		return slices.ContainsFunc(where, func(m mention) bool { return m.notes > 0 })
	})
	destroyed(c.t, c.db, filepath.Join(c.dir, "spool"), call)
	where = c.told(call)
	if len(where) != 1 || where[0].summaries != 1 || where[0].notes != 1 || where[0].files != 1 {
		c.t.Fatalf("the CRM has %+v of the call", where)
	}
	return where[0]
}

// solved closes a ticket so many days ago.
func (c *chooser) solved(ticket string, days int) {
	c.crm.Change(ticket, func(t *zendesktest.Ticket) { t.Status, t.UpdatedAt = "solved", time.Now().AddDate(0, 0, -days) })
}

// before is what the CRM had before a call was told of.
type before struct {
	tickets []zendesktest.Ticket
	made    string // the ticket that was made last
}

func (b before) ticket(id string) bool {
	return slices.ContainsFunc(b.tickets, func(t zendesktest.Ticket) bool { return strconv.FormatInt(t.ID, 10) == id })
}

func (b before) contact(id int64) bool {
	return slices.ContainsFunc(b.tickets, func(t zendesktest.Ticket) bool { return t.Requester == id })
}

// Whatever the agent chooses in the wrap-up, ticket, notes and recording wait for it and go there (R5.2); without a choice they go to the newest open ticket of
// contact and leaf queue, to one that was closed a few days ago, or to a new one.
func TestWhereTheAgentsCallGoes(t *testing.T) {
	t.Parallel()
	database, dir := storagetest.NewURL(t), t.TempDir()
	c := newChooser(t, database, dir)
	const customer = "+4930700001"
	others, first := c.gaveUp("+4930700002", supportNumber), c.gaveUp(customer, supportNumber)
	was := before{made: first}
	for _, step := range []struct {
		name, caller string
		first        func()
		choose       func(call uuid.UUID)
		want         func(mention) bool
	}{
		{"another's ticket", customer, nil, func(call uuid.UUID) { c.choose(call, crmsync.ChooseTicket, others) }, func(got mention) bool { return got.id == others }},
		{"a new ticket", customer, nil, func(call uuid.UUID) { c.choose(call, crmsync.ChooseNew, "") }, func(got mention) bool { return !was.ticket(got.id) }},
		{"the newest open one of the leaf queue", customer, func() { c.gaveUp(customer, salesNumber) }, nil, func(got mention) bool { return got.id == was.made }},
		{"one that was closed three days ago", customer, func() { c.solved(first, 6); c.solved(was.made, 3) }, nil, func(got mention) bool { return got.id == was.made }},
		{"none that was closed more than seven days ago", customer, func() { c.solved(first, 30); c.solved(was.made, 8) }, nil, func(got mention) bool { return !was.ticket(got.id) }},
		{"a new contact for a withheld number", "", nil, nil, func(got mention) bool { return !was.ticket(got.id) && !was.contact(got.requester) }},
	} {
		if step.first != nil {
			step.first()
		}
		call := c.talked(step.caller)
		c.held(call)
		was.tickets = c.crm.Tickets()
		if step.choose != nil {
			step.choose(call)
		}
		c.finish(call)
		got := c.delivered(call)
		if !step.want(got) {
			t.Errorf("%s: the call went to ticket %s; there were %s, %s and %s", step.name, got.id, first, others, was.made)
		}
		if !was.ticket(got.id) {
			was.made = got.id
		}
	}
	c.killedAfterTheChoice(others, database, dir)
}

// killedAfterTheChoice chooses while the CRM is away, and the program is killed before it can tell: the next start delivers to what was chosen, once.
func (c *chooser) killedAfterTheChoice(ticket, database, dir string) {
	c.t.Helper()
	call := c.talked("+4930700003")
	c.held(call)
	c.gate.set(gateDead)
	c.choose(call, crmsync.ChooseTicket, ticket)
	c.finish(call)
	within(c.t, 30*time.Second, "a failed attempt", func() bool {
		return count(c.t, c.db, `SELECT count(*) FROM crm_outbox WHERE call_id = $1 AND leased_until IS NULL AND last_error <> ''`, call) > 0
	})
	c.kill()
	c.gate.set(gateOpen)
	c.process = run(c.t, database, dir)
	c.do("POST", "/api/v1/crm-connection/resume", struct{}{})
	if got := c.delivered(call); got.id != ticket {
		c.t.Errorf("after a crash the call is on ticket %s", got.id)
	}
}

// hanging is a CRM that takes every request and answers none.
type hanging struct {
	*httptest.Server
	mu   sync.Mutex
	open map[string]int // requests whose clients still wait, by path
}

func newHanging(t *testing.T) *hanging {
	h := &hanging{open: map[string]int{}}
	end := make(chan struct{})
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.count(r.URL.Path, 1)
		defer h.count(r.URL.Path, -1)
		select {
		case <-r.Context().Done():
		case <-end:
		}
	}))
	t.Cleanup(func() { close(end); h.Close() })
	return h
}

func (h *hanging) count(path string, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[path] += by
}

func (h *hanging) holds(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open[path] > 0
}

// Calls ring, are answered and end while a CRM still holds open what it was asked of them, and of those before them.
func TestAHangingCRMDelaysNoCall(t *testing.T) {
	t.Parallel()
	a := start(t)
	crm := newHanging(t)
	ask[crmsync.Connection](a.client(t), "PUT", "/api/v1/crm-connection", map[string]any{"provider": "zendesk", "base_url": crm.URL, "user": "u", "token": "t"})
	d := a.desk(t, "Hanging", "7201", queues.OwnSettings{Ticket: new(true)})
	agent := sit(t, a.client(t).base, "agent1@demo.test")
	agent.available()
	const who, tickets = "/api/v2/users/search", "/api/v2/tickets"
	seen := false
	for i := 0; i < 4 && !seen; i++ { // who calls is asked for five seconds: a machine that stands still as long may miss it once
		p := d.call(fmt.Sprintf("+49307100%02d", i))
		offer := agent.rings()
		within(t, 20*time.Second, "a look-up", func() bool { return crm.holds(who) })
		agent.take(offer)
		agent.RTC.Say(agentHz)
		p.voice.WaitTone(agentHz, 20*time.Second)
		seen = crm.holds(who) && crm.holds(tickets)
		p.hangUp()
		agent.Wait("call", "state", "ended")
		within(t, 20*time.Second, "the ticket's request", func() bool { return crm.holds(tickets) })
	}
	if !seen {
		t.Error("no call was answered before the CRM's requests were given up")
	}
}
