package chat_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/internal/auth"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// follows runs the services, on the clock of the test, until the test ends.
func (h *house) follows() {
	h.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- h.queues.Run(ctx) }()
	go func() { done <- h.s.Run(ctx) }()
	h.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				h.Errorf("run: %v", err)
			}
		}
	})
}

// eventually polls a condition.
func (h *house) eventually(what string, cond func() bool) {
	h.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			h.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// After hours the customer is told once, and waits for the opening.
func TestAfterHours(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	week := [7][]queues.Period{}
	for d := range week {
		week[d] = []queues.Period{{From: 12 * 60, To: 18 * 60}} // it is 10:00
	}
	hours, err := h.queues.PutHours(h.ctx, h.tenant, queues.Hours{Name: "Day", Zone: "UTC", Week: week})
	h.ok(err)
	q, err := h.queues.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: "Day", Settings: queues.OwnSettings{Hours: &hours.ID, DeflectionMessaging: &queues.TextReply{On: true, Text: "We are closed."}}})
	h.ok(err)
	_, err = h.s.ChangeAccount(h.ctx, h.tenant, h.account, chat.AccountChange{Queue: &q.ID})
	h.ok(err)
	h.says(0, "one")
	h.says(0, "two")
	h.pass(time.Minute)
	h.sendAll()
	if got := h.got(0); len(got) != 1 || got[0] != "We are closed." {
		t.Errorf("told %v", got)
	}
	if v := h.only(); v.Waiting != nil || v.Opens == nil || !v.Opens.Equal(began.Add(2*time.Hour)) || v.Unanswered != 2 {
		t.Errorf("waiting %v, opens %v, %d unanswered", v.Waiting, v.Opens, v.Unanswered)
	}
	// Closed and come again: the text follows what the customer says.
	id := h.only().ID
	h.ok(h.s.Close(h.ctx, h.tenant, id, chat.ClosedByAgent, everything.User, "", ""))
	h.says(0, "three")
	if texts := h.texts(id); texts[len(texts)-1] != "We are closed." {
		t.Errorf("%q", texts)
	}
	h.pass(2 * time.Hour)
	h.timesDue()
	if v := h.only(); v.Waiting == nil || v.Opens != nil {
		t.Errorf("opened: waiting %v, opens %v", v.Waiting, v.Opens)
	}
}

// Offers: one declined goes to the next, one accepted is an agent's; who goes offline gives theirs back, and is asked first when they return.
func TestOffers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	h.follows()
	a, b := h.agent("Ann"), h.agent("Bo")
	h.says(0, "hello")
	h.eventually("it is read", func() bool { return len(h.all()) == 1 })
	id := h.only().ID
	ringsAt := func(agent uuid.UUID) bool {
		rs, err := h.queues.RingingAt(h.ctx, h.tenant, agent)
		h.ok(err)
		return len(rs) == 1 && rs[0].Item == id
	}
	h.eventually("it rings", func() bool { return ringsAt(a) || ringsAt(b) })
	first, second := a, b
	if !ringsAt(a) {
		first, second = b, a
	}
	if err := h.s.Accept(h.ctx, h.tenant, id, second); !errors.Is(err, queues.ErrOfferGone) {
		t.Errorf("another agent accepts: %v", err)
	}
	h.ok(h.s.Decline(h.ctx, h.tenant, id, first))
	h.eventually("it rings at the other", func() bool { return ringsAt(second) })
	h.ok(h.s.Accept(h.ctx, h.tenant, id, second))
	h.ok(h.s.Accept(h.ctx, h.tenant, id, second)) // pressed twice
	if v := h.only(); v.Owner == nil || *v.Owner != second || v.Waiting != nil || h.used(second) != 25 {
		t.Fatalf("accepted: %+v, %d used", v.Owner, h.used(second))
	}
	h.ok(h.queues.SetPresence(h.ctx, h.tenant, second, queues.Offline, ""))
	h.eventually("it is back in the queue", func() bool { v := h.only(); return v.Owner == nil && v.Waiting != nil })
	if n := h.used(second); n != 0 {
		t.Errorf("%d of the agent's capacity is still used", n)
	}
}

// A transfer goes to a queue at its place, or to an agent, and leaves it waiting when that comes to nothing.
func TestTransfers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	h.says(0, "hello")
	id := h.only().ID
	a, b := h.agent("Ann"), h.agent("Bo")
	h.ok(h.s.Take(h.ctx, h.tenant, id, a))
	if err := h.s.Take(h.ctx, h.tenant, id, b); !errors.Is(err, chat.ErrNotOwner) {
		t.Errorf("taken from its owner: %v", err)
	}
	other := storagetest.Tenant(t, h.db, "other")
	theirs, err := h.queues.CreateQueue(h.ctx, other, queues.NewQueue{Name: "Theirs"})
	h.ok(err)
	for name, to := range map[string]chat.Transfer{
		"nowhere": {}, "both": {Queue: &h.queue, Agent: &b}, "unknown queue": {Queue: new(uuid.New())}, "another tenant's": {Queue: &theirs.ID}, "unknown agent": {Agent: new(uuid.New())},
	} {
		if err := h.s.Transfer(h.ctx, h.tenant, id, to); err == nil {
			t.Errorf("%s: transferred", name)
		}
		if v := h.only(); v.Owner == nil || *v.Owner != a {
			t.Fatalf("%s: lost its owner", name)
		}
	}
	h.ok(h.s.Transfer(h.ctx, h.tenant, id, chat.Transfer{Agent: &b, Note: "please"}))
	if v := h.only(); v.Owner != nil || len(v.OfferedTo) != 1 || v.OfferedTo[0] != b || h.used(a) != 0 {
		t.Errorf("transferred: %+v", v)
	}
	h.ok(h.s.Decline(h.ctx, h.tenant, id, b))
	if v := h.only(); v.Waiting == nil || v.Owner != nil {
		t.Errorf("declined: %+v", v)
	}
	second, err := h.queues.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: "Second"})
	h.ok(err)
	since := h.only().Waiting
	h.pass(time.Minute)
	h.ok(h.s.Transfer(h.ctx, h.tenant, id, chat.Transfer{Queue: &second.ID}))
	if v := h.only(); v.Queue == nil || *v.Queue != second.ID || !v.Waiting.Equal(*since) {
		t.Errorf("in its new queue: %+v since %v, not %v", v.Queue, v.Waiting, since)
	}
	h.ok(h.s.Snooze(h.ctx, h.tenant, id, nil))
	h.ok(h.s.Transfer(h.ctx, h.tenant, id, chat.Transfer{Queue: &h.queue}))
	if v := h.only(); v.State != chat.Open || v.Waiting == nil {
		t.Errorf("a snoozed one that is transferred: %s", v.State)
	}
}

// A snoozed conversation is its agent's again when it wakes, if they can have it; otherwise it waits.
func TestSnoozing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	ids := h.meets(2)
	a := h.agent("Ann")
	for i, id := range ids {
		h.ok(h.s.Take(h.ctx, h.tenant, id, a))
		h.ok(h.s.Snooze(h.ctx, h.tenant, id, new(h.db.Now().Add(time.Duration(i+1)*time.Hour))))
	}
	if err := h.s.Snooze(h.ctx, h.tenant, ids[0], new(h.db.Now())); err == nil {
		t.Error("snoozed until now")
	}
	if n := h.used(a); n != 0 {
		t.Errorf("snoozed ones use %d", n)
	}
	state := func(id uuid.UUID) chat.Conversation {
		v, err := h.s.Conversation(h.ctx, h.tenant, everything, id)
		h.ok(err)
		return v
	}
	h.pass(time.Hour + time.Second)
	h.timesDue()
	if v := state(ids[0]); v.State != chat.Open || v.Owner == nil || h.used(a) != 25 {
		t.Errorf("kept: %s, %v, %d used", v.State, v.Owner, h.used(a))
	}
	if v := state(ids[1]); v.State != chat.Snoozed {
		t.Errorf("woken too early: %s", v.State)
	}
	h.ok(h.queues.SetPresence(h.ctx, h.tenant, a, queues.Offline, ""))
	h.pass(time.Hour)
	h.timesDue()
	if v := state(ids[1]); v.State != chat.Open || v.Owner != nil || v.Waiting == nil {
		t.Errorf("returned: %s, %v", v.State, v.Owner)
	}
}

// Who is silent for too long: the agent's conversation goes back, the customer's is closed.
func TestSilence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	set := chat.DefaultSettings()
	set.AgentSilent, set.CustomerSilent = 10, 60
	_, err := h.s.SetSettings(h.ctx, h.tenant, set)
	h.ok(err)
	h.says(0, "hello")
	id := h.only().ID
	a := h.agent("Ann")
	h.ok(h.s.Take(h.ctx, h.tenant, id, a))
	h.pass(10 * time.Minute)
	h.timesDue()
	if h.only().Owner == nil {
		t.Fatal("returned too early")
	}
	h.pass(time.Second)
	h.timesDue()
	if v := h.only(); v.Owner != nil || v.Waiting == nil || v.State != chat.Open {
		t.Errorf("the agent's silence: %+v", v.Owner)
	}
	h.ok(h.s.Take(h.ctx, h.tenant, id, a))
	h.write(id, "here")
	h.pass(60 * time.Minute)
	h.timesDue()
	if h.only().State != chat.Open {
		t.Fatal("closed too early")
	}
	h.pass(time.Second)
	h.timesDue()
	if v := h.only(); v.State != chat.Closed || v.CloseReason != chat.ClosedCustomerSilent {
		t.Errorf("the customer's silence: %s %s", v.State, v.CloseReason)
	}
}

// Who sees what (IN-7): their own, their queues' waiting, their team's, all; a mention shows it for 48 hours; nothing of another tenant.
func TestAccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	id := h.meets(1)[0]
	a := h.agent("Ann")
	h.ok(h.s.Take(h.ctx, h.tenant, id, a))
	stranger := uuid.New()
	other := storagetest.Tenant(t, h.db, "other")
	see := func(tenant uuid.UUID, r chat.Reader) bool {
		h.Helper()
		page, err := h.s.Conversations(h.ctx, tenant, r, chat.Filter{})
		h.ok(err)
		_, one := h.s.Conversation(h.ctx, tenant, r, id)
		may := h.s.May(h.ctx, tenant, r, id)
		if (one == nil) != (may == nil) || (len(page.Items) == 1) != (one == nil) || one != nil && !errors.Is(one, chat.ErrNoConversation) {
			t.Errorf("list %d, one %v, may %v", len(page.Items), one, may)
		}
		return one == nil
	}
	own := chat.Reader{User: stranger, Scope: auth.ScopeOwn}
	for name, tc := range map[string]struct {
		r    chat.Reader
		want bool
	}{
		"owner":        {chat.Reader{User: a, Scope: auth.ScopeOwn}, true},
		"stranger":     {own, false},
		"same queue":   {chat.Reader{User: stranger, Scope: auth.ScopeOwn, Queues: []uuid.UUID{h.queue}}, false},
		"team":         {chat.Reader{User: stranger, Scope: auth.ScopeTeam, Users: []uuid.UUID{a}}, true},
		"another team": {chat.Reader{User: stranger, Scope: auth.ScopeTeam, Users: []uuid.UUID{uuid.New()}}, false},
		"all":          {everything, true},
	} {
		if see(h.tenant, tc.r) != tc.want {
			t.Errorf("%s: not %t", name, tc.want)
		}
	}
	if see(other, everything) {
		t.Error("another tenant sees it")
	}
	_, err := h.s.AddNote(h.ctx, h.tenant, id, nil, "Ann", "@you", []uuid.UUID{stranger})
	h.ok(err)
	h.pass(48*time.Hour - time.Second)
	if !see(h.tenant, own) {
		t.Error("a mention does not show it")
	}
	h.pass(2 * time.Second)
	if see(h.tenant, own) {
		t.Error("a mention shows it for more than 48 hours")
	}
	h.ok(h.s.Transfer(h.ctx, h.tenant, id, chat.Transfer{Queue: &h.queue}))
	if !see(h.tenant, chat.Reader{User: stranger, Scope: auth.ScopeOwn, Queues: []uuid.UUID{h.queue}}) {
		t.Error("who serves the queue does not see what waits")
	}
	m := h.messages(id)[0]
	for name, err := range map[string]error{
		"close": h.s.Close(h.ctx, other, id, chat.ClosedByAgent, stranger, "", ""), "take": h.s.Take(h.ctx, other, id, stranger), "snooze": h.s.Snooze(h.ctx, other, id, nil),
		"react": h.s.React(h.ctx, other, id, m.ID, "👍"), "read": h.s.Read(h.ctx, other, id, stranger, 1),
	} {
		if !errors.Is(err, chat.ErrNoConversation) {
			t.Errorf("%s by another tenant: %v", name, err)
		}
	}
	if _, err := h.s.Send(h.ctx, other, id, chat.NewMessage{Text: "x"}); !errors.Is(err, chat.ErrNoConversation) {
		t.Errorf("sent by another tenant: %v", err)
	}
	if ms, err := h.s.Messages(h.ctx, other, id, 0, 0, 10); err != nil || len(ms) != 0 {
		t.Errorf("read by another tenant: %d, %v", len(ms), err)
	}
}

// Words, their beginnings, and pairs of Chinese characters find a conversation.
func TestSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	for i, text := range []string{"My invoice number is 4711", "我的订单没有到", "Où est ma commande?", "100% _real_ O'Brien"} {
		h.says(i, text)
	}
	for query, want := range map[string]int{
		"invoice": 1, "INVOICE 4711": 1, "invo": 1, "voice": 0, "订单": 1, "订": 1, "没有到": 1, "单我": 0, "commande": 1, "où": 1, "o'brien": 1, "4711 x": 0, "ann": 4, "%": 0, "_": 0, "'": 0, "& | !": 0, `\`: 0,
	} {
		page, err := h.s.Conversations(h.ctx, h.tenant, everything, chat.Filter{Search: query})
		if err != nil || len(page.Items) != want {
			t.Errorf("%q: %d found, %v; want %d", query, len(page.Items), err, want)
		}
	}
}

// Whoever waits is called by their id until the platform has told their name.
func TestNamesInTheQueue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.LINE)
	h.says(0, "hello")
	waiting := func(name string) int {
		return h.count(`SELECT count(*) FROM queue_items WHERE caller = $1 AND state <> 'left'`, name)
	}
	if waiting(h.p.Customer(0)[:24]) != 1 {
		t.Error("nobody waits by their id")
	}
	h.timesDue()
	if waiting("Ann") != 1 {
		t.Error("nobody waits by the name that the platform has told")
	}
}
