package main

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/stage"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// publicURL is where platforms believe the demo to be.
const publicURL = "https://cc.example.test"

// platforms are all fake platforms, with the demo's accounts on them.
type platforms struct {
	t   testing.TB
	c   client
	db  *storage.DB
	all []chattest.Platform
}

// newPlatforms serves all fakes and points the demo's accounts at them.
func newPlatforms(t testing.TB, c client, db *storage.DB) *platforms {
	t.Helper()
	ps := &platforms{t: t, db: db, all: fakePlatforms(time.Now())}
	s, err := stage.New(ps.all)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		for _, p := range ps.all {
			p.Base().Close()
		}
		server.Close()
	})
	ps.serve(c)
	accounts := ask[list[chat.AccountView]](c, "GET", "/api/v1/channels", nil).Items
	for _, p := range ps.all {
		channel := p.Base().Channel
		i := slices.IndexFunc(accounts, func(a chat.AccountView) bool { return a.Channel == channel && a.Name == "demo" })
		if i < 0 {
			t.Fatalf("the demo has no account for %s", channel)
		}
		if accounts[i].Queue == nil {
			t.Errorf("the demo's account for %s has no queue", channel)
		}
		settings := p.Account(server.URL + "/" + string(channel)).Settings
		ask[chat.AccountView](c, "PATCH", "/api/v1/channels/"+accounts[i].ID.String(), map[string]any{"settings": settings})
	}
	return ps
}

// serve says which server the platforms deliver to.
func (ps *platforms) serve(c client) {
	ps.c = c
	for _, p := range ps.all {
		path := "/hooks/" + string(p.Base().Channel) + "/demo"
		p.Base().Point(publicURL+path, c.base+path)
	}
}

func (ps *platforms) count(sql string, args ...any) int {
	ps.t.Helper()
	return count(ps.t, ps.db, sql, args...)
}

// read waits until everything that was accepted is read.
func (ps *platforms) read() {
	ps.t.Helper()
	within(ps.t, time.Minute, "reading the inbox", func() bool { return ps.count(`SELECT count(*) FROM chat_inbox WHERE state = 'new'`) == 0 })
	if n := ps.count(`SELECT count(*) FROM chat_inbox WHERE state = 'unreadable'`); n > 0 {
		ps.t.Errorf("%d requests are unreadable", n)
	}
}

// deliver delivers what is queued, all of which has to be taken, and waits until it is read.
func (ps *platforms) deliver(p chattest.Platform) {
	ps.t.Helper()
	for _, e := range p.Base().Flush(ps.t.Context()) {
		if e.Status != 200 {
			ps.t.Fatalf("%s: a delivery is answered %d %s", p.Base().Channel, e.Status, e.Answer)
		}
	}
	ps.read()
}

// conversation is the only one of a customer.
func (ps *platforms) conversation(channel queues.Channel, customer string) (id uuid.UUID) {
	ps.t.Helper()
	ctx := ps.t.Context()
	err := ps.db.Worker(ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT conversation_id FROM conversations JOIN chat_people p USING (person_id) WHERE channel = $1 AND (p.key = $2 OR p.alias = $2)`, channel, customer).Scan(&id)
	})
	if err != nil {
		ps.t.Fatalf("the conversation on %s: %v", channel, err)
	}
	return id
}

func (ps *platforms) messages(channel queues.Channel, direction chat.Direction) int {
	ps.t.Helper()
	return ps.count(`SELECT count(*) FROM messages JOIN conversations USING (conversation_id) WHERE channel = $1 AND direction = $2`, channel, direction)
}

// Whatever a platform delivers, and however often: one message, one conversation, one item of the queue. What an agent answers arrives once,
// and the platforms' news of it have one outcome, in whatever order they come. What is not signed leaves nothing behind.
func TestChannels(t *testing.T) {
	t.Parallel()
	database := storagetest.NewURL(t)
	a := startAt(t, database, t.TempDir(), "TANDEM_HTTP_PUBLIC_URL="+publicURL)
	ps := newPlatforms(t, a.client(t), open(t, database))
	for _, p := range ps.all {
		t.Run(string(p.Base().Channel), func(t *testing.T) {
			one := &platforms{t: t, c: client{t, ps.c.base}, db: ps.db, all: ps.all}
			one.forged(p)
			conversation := one.said(p)
			one.answered(p, conversation)
			one.told(p, conversation)
		})
	}
}

func (ps *platforms) forged(p chattest.Platform) {
	ps.t.Helper()
	f := p.Base()
	f.SetDelivery(chattest.Delivery{Forge: true})
	if _, err := f.Play(chattest.Act{Customer: p.Customer(0), Kind: chattest.Say, Text: "not from the platform"}); err != nil {
		ps.t.Fatal(err)
	}
	for _, e := range f.Flush(ps.t.Context()) {
		if e.Status != 403 {
			ps.t.Errorf("a forged delivery is answered %d", e.Status)
		}
	}
	if n := ps.count(`SELECT count(*) FROM chat_inbox JOIN chat_accounts USING (account_id) WHERE channel = $1`, f.Channel); n != 0 {
		ps.t.Errorf("%d forged requests are stored", n)
	}
	f.SetDelivery(chattest.Delivery{})
}

// said delivers a customer's message fifty times at once.
func (ps *platforms) said(p chattest.Platform) uuid.UUID {
	ps.t.Helper()
	f, customer := p.Base(), p.Customer(0)
	f.SetDelivery(chattest.Delivery{Times: 50, Together: true})
	if _, err := f.Play(chattest.Act{Customer: customer, Name: "Ann", Kind: chattest.Say, Text: "Where is my order?"}); err != nil {
		ps.t.Fatal(err)
	}
	ps.deliver(p)
	f.SetDelivery(chattest.Delivery{})
	if n := ps.messages(f.Channel, chat.In); n != 1 {
		ps.t.Errorf("%d messages of one", n)
	}
	id := ps.conversation(f.Channel, customer)
	if n := ps.count(`SELECT count(*) FROM queue_items WHERE item_id = $1`, id); n != 1 {
		ps.t.Errorf("%d items of one conversation", n)
	}
	if n := ps.count(`SELECT count(*) FROM events WHERE type = 'conversation.opened' AND subject = $1`, id); n != 1 {
		ps.t.Errorf("the conversation was opened %d times", n)
	}
	return id
}

// write sends a message as an agent.
func (ps *platforms) write(conversation uuid.UUID, text string) chat.Message {
	ps.t.Helper()
	body := map[string]any{"text": text, "client_id": uuid.New()}
	path := "/api/v1/conversations/" + conversation.String() + "/messages"
	m := ask[chat.Message](ps.c, "POST", path, body)
	if again := ask[chat.Message](ps.c, "POST", path, body); again.ID != m.ID {
		ps.t.Error("the same message sent twice is two")
	}
	return m
}

// sent waits until the outbox is done.
func (ps *platforms) sent() {
	ps.t.Helper()
	within(ps.t, time.Minute, "sending the outbox", func() bool {
		return ps.count(`SELECT count(*) FROM chat_outbox WHERE state IN ('waiting', 'sending')`) == 0
	})
}

func (ps *platforms) answered(p chattest.Platform, conversation uuid.UUID) {
	ps.t.Helper()
	const words = "On its way & here tomorrow: 明天 👍"
	m := ps.write(conversation, words)
	ps.sent()
	got := p.Base().Received(p.Customer(0))
	if len(got) != 1 || got[0].Text != words {
		ps.t.Errorf("the customer has got %+v", got)
	}
	// "queued" is what a platform may say of what it has taken.
	if n := ps.count(`SELECT count(*) FROM messages m JOIN chat_outbox o USING (message_id) WHERE message_id = $1 AND m.status IN ('sent', 'queued') AND o.state = 'done'`, m.ID); n != 1 {
		ps.t.Error("the message is not marked as sent")
	}
}

// told has the platform tell of as many messages as there are orders of its news.
func (ps *platforms) told(p chattest.Platform, conversation uuid.UUID) {
	ps.t.Helper()
	f, code := p.Base(), harmless(p)
	before := f.Received(p.Customer(0))
	trial := before[len(before)-1].ID
	var news []chat.Status
	want := chat.StatusSent
	for _, s := range []chat.Status{chat.StatusSent, chat.StatusDelivered, chat.StatusRead, chat.StatusFailed} {
		if _, err := p.Receipt(trial, s, code); err == nil && (s != chat.StatusFailed || code != "") {
			news = append(news, s)
			want = want.Next(s)
		}
	}
	if len(news) == 0 {
		return
	}
	orders := permutations(news)
	for i := range orders {
		ps.write(conversation, fmt.Sprintf("message %d", i))
	}
	ps.sent()
	got := f.Received(p.Customer(0))[len(before):]
	if len(got) != len(orders) {
		ps.t.Fatalf("the customer has got %d messages of %d", len(got), len(orders))
	}
	f.Advance(time.Since(f.Now()) + time.Second) // watermarks are times
	for i, order := range orders {
		for _, s := range order {
			f.Report(got[i].ID, s, code)
		}
	}
	ps.deliver(p)
	n := ps.count(`SELECT count(*) FROM messages WHERE conversation_id = $1 AND direction = 'out' AND text LIKE 'message %' AND status = $2`, conversation, want)
	if n != len(orders) {
		ps.t.Errorf("%d of %d orders of %v end as %s", n, len(orders), news, want)
	}
}

// harmless is a code of a late failure that has no consequences beyond its message.
func harmless(p chattest.Platform) string {
	for _, c := range p.Codes() {
		if c.Later && c.Verdict == chat.VerdictRejected {
			return c.Code
		}
	}
	return ""
}

func permutations[T any](of []T) [][]T {
	if len(of) <= 1 {
		return [][]T{slices.Clone(of)}
	}
	var all [][]T
	for i := range of {
		for _, rest := range permutations(slices.Concat(of[:i], of[i+1:])) {
			all = append(all, append([]T{of[i]}, rest...))
		}
	}
	return all
}
