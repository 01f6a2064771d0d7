package chat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/whatsapp/whatsapptest"
)

// The same event once, twice and fifty times at the same time: one message, one conversation, one item (channels.md 13.2).
func TestDuplicates(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	for i, times := range []int{1, 2, 50} {
		_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(i), Kind: chattest.Say, Text: "hello"})
		h.ok(err)
		hook := h.f.Signed(event)[0]
		var all sync.WaitGroup
		for range times {
			all.Go(func() {
				if code := h.post(h.s, hook); code != http.StatusOK {
					t.Errorf("answered %d", code)
				}
			})
		}
		all.Wait()
		// Two nodes read them.
		other := h.service()
		all.Go(func() { h.ok(other.ReadDue(h.ctx)) })
		h.ok(h.s.ReadDue(h.ctx))
		all.Wait()
	}
	for what, sql := range map[string]string{
		"messages": `SELECT count(*) FROM messages WHERE direction = 'in'`, "conversations": `SELECT count(*) FROM conversations`, "items": `SELECT count(*) FROM queue_items`,
		"people": `SELECT count(*) FROM chat_people`, "contacts": `SELECT count(*) FROM contacts`, "events": `SELECT count(*) FROM events WHERE type = 'conversation.message'`,
	} {
		if n := h.count(sql); n != 3 {
			t.Errorf("%d %s, not 3", n, what)
		}
	}
	if n := h.count(`SELECT count(*) FROM chat_inbox WHERE state <> 'done'`); n != 0 {
		t.Errorf("%d requests are not read", n)
	}
}

// A thousand events of ten customers in random order, many of them twice: one message of each.
func TestManyInRandomOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	const customers, each = 10, 100
	var all [][]byte
	for n := range customers {
		for i := range each {
			_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(n), Kind: chattest.Say, Text: fmt.Sprint(n, "/", i)})
			h.ok(err)
			all = append(all, event)
			if i%5 == 0 {
				all = append(all, event)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for batch := range slices.Chunk(all, 12) { // 3 entries of 2 changes, and more
		for _, hook := range h.f.Signed(batch...) {
			if code := h.post(h.s, hook); code != http.StatusOK {
				t.Fatalf("answered %d", code)
			}
		}
	}
	h.ok(h.s.ReadDue(h.ctx))
	if n := h.count(`SELECT count(*) FROM conversations`); n != customers {
		t.Errorf("%d conversations", n)
	}
	if n := h.count(`SELECT count(DISTINCT text) FROM messages WHERE direction = 'in'`); n != customers*each {
		t.Errorf("%d texts", n)
	}
	if n := h.count(`SELECT count(*) FROM messages WHERE direction = 'in'`); n != customers*each {
		t.Errorf("%d messages", n)
	}
	if n := h.count(`SELECT count(*) FROM conversations WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.conversation_id = conversations.conversation_id)`); n != 0 {
		t.Errorf("%d conversations have gaps", n)
	}
}

// Two first messages in the same instant, read by two nodes, are one conversation.
func TestTwoFirstMessages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	other := h.service()
	for n := range 8 {
		var all sync.WaitGroup
		for i, s := range []*chat.Service{h.s, other} {
			e := chat.Event{Key: fmt.Sprint(n, i), At: began, From: chat.Person{ID: h.p.Customer(n)}, Message: &chat.Incoming{ID: fmt.Sprint("m", n, i), Kind: chat.Text, Text: "hello", Window: chat.ByMessage}}
			all.Go(func() { h.ok(s.Receive(h.ctx, h.tenant, h.account, e)) })
		}
		all.Wait()
	}
	if c, m := h.count(`SELECT count(*) FROM conversations`), h.count(`SELECT count(*) FROM messages`); c != 8 || m != 16 {
		t.Errorf("%d conversations with %d messages", c, m)
	}
}

// A node that dies between storing and reading, or while it reads: the message is there once.
func TestReadAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	type died struct{}
	for i, point := range []string{"kept", "received"} {
		f := func(at string) {
			if at == point {
				panic(died{})
			}
		}
		_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(i), Kind: chattest.Say, Text: point})
		h.ok(err)
		hook := h.f.Signed(event)[0]
		die := func(do func()) {
			defer func() {
				if r := recover(); r != (died{}) {
					t.Errorf("%s: did not stop there: %v", point, r)
				}
			}()
			do()
		}
		h.reached.Store(&f)
		if point == "kept" {
			die(func() { h.post(h.s, hook) })
		} else {
			if h.post(h.s, hook) != http.StatusOK {
				t.Fatal("refused")
			}
			die(func() { h.ok(h.s.ReadFirst(h.ctx)) })
		}
		h.reached.Store(nil)
		if h.post(h.s, hook) != http.StatusOK { // the platform repeats it
			t.Fatal("refused")
		}
		h.pass(time.Minute)
		h.ok(h.s.ReadDue(h.ctx))
	}
	if n := h.count(`SELECT count(*) FROM messages WHERE direction = 'in'`); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// Forged, unknown and unreadable requests.
func TestHookRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(0), Kind: chattest.Say, Text: "hello"})
	h.ok(err)
	plain := h.p.Requests(event)[0]
	for name, tc := range map[string]struct {
		hook chat.Hook
		want int
	}{
		"forged":   {h.p.Sign(plain, true), http.StatusForbidden},
		"unsigned": {plain, http.StatusUnauthorized},
	} {
		if code := h.post(h.s, tc.hook); code != tc.want {
			t.Errorf("%s: %d", name, code)
		}
	}
	odd := plain
	odd.Body = []byte(`{"object":`)
	if code := h.post(h.s, h.p.Sign(odd, false)); code != http.StatusOK {
		t.Errorf("a body that nobody can read is answered %d; the platform would repeat it for ever", code)
	}
	h.ok(h.s.ReadDue(h.ctx))
	if n := h.count(`SELECT count(*) FROM chat_inbox WHERE state = 'unreadable'`); n != 1 {
		t.Errorf("%d unreadable requests are kept", n)
	}
	if n := h.count(`SELECT count(*) FROM messages`); n != 0 {
		t.Errorf("%d messages", n)
	}
	h.ok(h.s.ArchiveAccount(h.ctx, h.tenant, h.account))
	if code := h.post(h.s, h.p.Sign(plain, false)); code != http.StatusNotFound {
		t.Errorf("an archived account's hook answers %d", code)
	}
}

// NUL, halves of characters and broken UTF-8 in whatever a platform may say.
func TestBadText(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	const bad = "a\x00b\xff\xed\xa0\x80c"
	raws := []string{`{"x":"\u0000"}`, `{"x":"\\u0000"}`, `{"\u0000x":["\ud800"]}`, `{"n":1e999999}`, "{\"x\":\"\xff\"}", `{`, `"\\\\u0000\u0000"`}
	for i, raw := range raws {
		h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{
			Key: bad + fmt.Sprint(i), At: began, From: chat.Person{ID: fmt.Sprint("p", i, bad), Name: bad, Username: bad, Language: bad, Avatar: bad},
			Message: &chat.Incoming{
				ID: bad + fmt.Sprint(i), Kind: chat.Unsupported, Text: bad, Quote: bad, Album: bad, Via: bad, Reply: bad, ReplyUntil: began, QuoteToken: bad, ReadToken: bad, Raw: json.RawMessage(raw),
				Body: chat.Body{Type: bad, Referral: map[string]string{bad: bad}, Contacts: []chat.Card{{Name: bad}}},
			},
		}))
	}
	last := h.all()[0].ID
	id := h.messages(last)[0]
	if id.Text != "ab\uFFFDc" && id.Text != "ab\uFFFD\uFFFDc" {
		t.Errorf("text %q", id.Text)
	}
	n := len(raws) - 1
	from := chat.Person{ID: fmt.Sprint("p", n, bad)}
	h.ok(h.s.Receive(h.ctx, h.tenant, h.account,
		chat.Event{At: began, From: from, Edit: &chat.Edit{Of: bad + fmt.Sprint(n), Text: "x" + bad}},
		chat.Event{At: began, From: from, Edit: &chat.Edit{Of: "later" + bad, Text: bad}}, // kept until the message comes
		chat.Event{At: began, From: from, Reaction: &chat.Reaction{To: bad + fmt.Sprint(n), Emoji: bad}},
		chat.Event{At: began, From: from, Receipt: &chat.Receipt{ID: bad, Status: chat.StatusFailed, Err: &chat.SendError{Verdict: chat.VerdictRejected, Code: bad, Detail: bad}}},
		chat.Event{At: began, From: from, Contact: &chat.ContactEvent{Reachable: new(false), Why: bad, Consent: map[string]bool{bad: true}}},
		chat.Event{At: began, From: from, Account: &chat.AccountEvent{State: chat.AccountPaused, Reason: bad, Detail: map[string]string{bad: bad}}},
		chat.Event{At: began, Template: &chat.TemplateEvent{Name: bad, Status: bad, Reason: bad}},
	))
	if n := h.count(`SELECT count(*) FROM messages WHERE edited_at IS NOT NULL`); n != 1 {
		t.Errorf("%d edited", n)
	}
	if _, err := h.s.Send(h.ctx, h.tenant, last, chat.NewMessage{Text: "\x00"}); err == nil {
		t.Error("nothing but NUL is sent")
	}
}

// Edits, unsends and reactions that come before their message, and edits out of order (channels.md 13.16).
func TestChangesBeforeTheirMessage(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	msg := func() chat.Event {
		return chat.Event{Key: "m", At: at(0), Message: &chat.Incoming{ID: "m", Kind: chat.Text, Text: "first", Window: chat.ByMessage}}
	}
	edit := func(s, number int, text string) chat.Event {
		return chat.Event{Key: fmt.Sprint("e", s, number), At: at(s), Edit: &chat.Edit{Of: "m", Text: text, Number: number}}
	}
	react := func(s int, emoji string) chat.Event {
		return chat.Event{Key: fmt.Sprint("r", s), At: at(s), Reaction: &chat.Reaction{To: "m", Emoji: emoji}}
	}
	unsend := chat.Event{Key: "u", At: at(9), Unsend: &chat.Unsend{Of: "m"}}
	for _, tc := range []struct {
		name   string
		events []chat.Event
		text   string
		emoji  string
		unsent bool
	}{
		{"by time", []chat.Event{edit(1, 0, "second"), edit(2, 0, "third")}, "third", "", false},
		{"by number", []chat.Event{edit(5, 1, "second"), edit(4, 2, "third")}, "third", "", false},
		{"reactions", []chat.Event{react(1, "👍"), react(2, "❤"), edit(1, 0, "second")}, "second", "❤", false},
		{"taken back", []chat.Event{react(1, "👍"), react(2, "")}, "first", "", false},
		{"unsent", []chat.Event{edit(1, 0, "second"), unsend}, "", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, chat.Telegram)
			customer := 0
			everyOrder(append([]chat.Event{msg()}, tc.events...), func(list []chat.Event) {
				customer++
				rename := func(id string) string { return fmt.Sprint(id, "-", customer) }
				for _, e := range list {
					e.From.ID, e.Key = fmt.Sprint(customer), rename(e.Key)
					switch {
					case e.Message != nil:
						m := *e.Message
						m.ID, e.Message = rename(m.ID), &m
					case e.Edit != nil:
						d := *e.Edit
						d.Of, e.Edit = rename(d.Of), &d
					case e.Reaction != nil:
						r := *e.Reaction
						r.To, e.Reaction = rename(r.To), &r
					default:
						e.Unsend = &chat.Unsend{Of: rename(e.Unsend.Of)}
					}
					h.ok(h.s.Receive(h.ctx, h.tenant, h.account, e, e))
				}
			})
			if len(h.all()) != customer {
				t.Fatalf("%d conversations of %d", len(h.all()), customer)
			}
			for _, c := range h.all() {
				ms := h.messages(c.ID)
				if len(ms) != 1 || ms[0].Text != tc.text || (ms[0].UnsentAt != nil) != tc.unsent {
					t.Fatalf("%+v", ms)
				}
				emoji := ""
				for _, r := range ms[0].Reactions {
					emoji += r.Emoji
				}
				if emoji != tc.emoji {
					t.Errorf("reactions %q, want %q", emoji, tc.emoji)
				}
			}
			if n := h.count(`SELECT count(*) FROM chat_early`); n != 0 {
				t.Errorf("%d events are still kept", n)
			}
		})
	}
}

func everyOrder[T any](list []T, f func([]T)) {
	if len(list) < 2 {
		f(list)
		return
	}
	for i, first := range list {
		rest := slices.Concat(list[:i], list[i+1:])
		everyOrder(rest, func(more []T) { f(append([]T{first}, more...)) })
	}
}

// What customers take back goes, or stays where the tenant keeps it.
func TestKeepUnsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	for n, keep := range []bool{false, true} {
		set := chat.DefaultSettings()
		set.KeepUnsent = keep
		_, err := h.s.SetSettings(h.ctx, h.tenant, set)
		h.ok(err)
		id := h.says(n, "secret words")
		h.play(chattest.Act{Customer: h.p.Customer(n), Kind: chattest.Unsend, To: id})
		c := h.all()[0]
		m := h.messages(c.ID)[0]
		found, err := h.s.Conversations(h.ctx, h.tenant, everything, chat.Filter{Search: "secret"})
		h.ok(err)
		if (m.Text != "") != keep || m.UnsentAt == nil || (c.LastText != "") != keep || len(found.Items) != n {
			t.Errorf("keep %t: %q, list %q, %d found", keep, m.Text, c.LastText, len(found.Items))
		}
	}
}

// A closed conversation opens again, unless too many days have passed; a snoozed one wakes.
func TestReopening(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	set := chat.DefaultSettings()
	set.ReopenDays = 7
	_, err := h.s.SetSettings(h.ctx, h.tenant, set)
	h.ok(err)
	h.says(0, "one")
	first := h.only().ID
	agent := h.agent("Bo")
	h.ok(h.s.Take(h.ctx, h.tenant, first, agent))
	h.ok(h.s.Close(h.ctx, h.tenant, first, chat.ClosedByAgent, agent, "done", ""))
	h.ok(h.s.Close(h.ctx, h.tenant, first, chat.ClosedByAgent, agent, "done", "")) // changes nothing
	if n := h.events("conversation.closed"); n != 1 {
		t.Errorf("closed %d times", n)
	}
	h.pass(6 * 24 * time.Hour)
	h.says(0, "two")
	if v := h.only(); v.State != chat.Open || v.OwnerKind != chat.NoOwner || v.Waiting == nil || v.ClosedAt != nil || v.Disposition != "" {
		t.Errorf("reopened: %+v", v)
	}
	h.ok(h.s.Snooze(h.ctx, h.tenant, first, nil))
	if v := h.only(); v.State != chat.Snoozed || v.Waiting != nil {
		t.Errorf("snoozed: %+v", v)
	}
	h.says(0, "three")
	if v := h.only(); v.State != chat.Open || v.Waiting == nil {
		t.Errorf("woken: %+v", v)
	}
	h.ok(h.s.Close(h.ctx, h.tenant, first, chat.ClosedByAgent, agent, "", ""))
	h.pass(8 * 24 * time.Hour)
	h.says(0, "four")
	all := h.all()
	if len(all) != 2 || all[0].ID == first || all[0].State != chat.Open || all[1].State != chat.Closed {
		t.Errorf("%d conversations", len(all))
	}
	if err := h.s.Reopen(h.ctx, h.tenant, first); err == nil {
		t.Error("a second one is opened beside an open one")
	}
}

// A greeting without a word waits for nobody; one that goes on does.
func TestBegin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	h.play(chattest.Act{Customer: h.p.Customer(0), Name: "Ann", Kind: chattest.Begin})
	if v := h.only(); v.Waiting != nil || v.Unanswered != 0 {
		t.Errorf("begun: %+v", v)
	}
	h.pass(31 * time.Minute)
	h.timesDue()
	if v := h.only(); v.State != chat.Closed || v.CloseReason != chat.ClosedNeverWrote {
		t.Errorf("never wrote: %s %s", v.State, v.CloseReason)
	}
	h.play(chattest.Act{Customer: h.p.Customer(0), Name: "Ann", Kind: chattest.Begin})
	h.says(0, "hello")
	if v := h.only(); v.Waiting == nil || v.Unanswered != 1 || v.State != chat.Open {
		t.Errorf("said: %+v", v)
	}
}

// Who is known by a user id alone is the one whose number shows up later; both histories stay (channels.md 13.15).
func TestPeopleUnite(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	say := func(key string, from chat.Person, text string) {
		h.pass(time.Second)
		h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: key, At: h.db.Now(), From: from, Message: &chat.Incoming{ID: key, Kind: chat.Text, Text: text, Window: chat.ByMessage}}))
	}
	say("1", chat.Person{Alias: "US.1"}, "by id")
	say("2", chat.Person{ID: "15551230000", Phone: "+15551230000"}, "by number")
	if n := len(h.all()); n != 2 {
		t.Fatalf("%d conversations before they are one", n)
	}
	byID := h.count(`SELECT count(*) FROM contacts`)
	h.write(h.all()[0].ID, "an answer that waits")
	say("3", chat.Person{ID: "15551230000", Alias: "US.1", Phone: "+15551230000", Name: "Ann"}, "both")
	all := h.all()
	if len(all) != 2 || all[0].Contact != all[1].Contact || h.count(`SELECT count(*) FROM chat_people`) != 1 {
		t.Fatalf("not one: %+v", all)
	}
	open := 0
	for _, c := range all {
		if c.State == chat.Open {
			open++
		} else if c.CloseReason != chat.ClosedMerged {
			t.Errorf("closed as %s", c.CloseReason)
		}
	}
	if open != 1 {
		t.Errorf("%d are open", open)
	}
	if n := h.count(`SELECT count(*) FROM messages WHERE direction = 'in'`); n != 3 {
		t.Errorf("%d messages", n)
	}
	if n := h.count(`SELECT count(*) FROM contacts`); n != byID-1 {
		t.Errorf("%d contacts remain of %d", n, byID)
	}
	h.sendAll()
	if got := h.f.Received("15551230000"); len(got) != 1 {
		t.Errorf("the answer is lost: %v", got)
	}
	say("4", chat.Person{Alias: "US.1"}, "by id again")
	say("5", chat.Person{ID: "15551230000"}, "by number again")
	if n := len(h.all()); n != 2 {
		t.Errorf("%d conversations", n)
	}
}

// Who has opted out under one name has under both.
func TestUnitedConsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	hi := func(key string) *chat.Incoming {
		return &chat.Incoming{ID: key, Kind: chat.Text, Text: "hi", Window: chat.ByMessage}
	}
	h.ok(h.s.Receive(h.ctx, h.tenant, h.account,
		chat.Event{Key: "1", At: began, From: chat.Person{Alias: "US.1"}, Message: hi("1")},
		chat.Event{Key: "2", At: began, From: chat.Person{ID: "15551230000"}, Message: hi("2")},
		chat.Event{Key: "3", At: began, From: chat.Person{ID: "15551230000"}, Contact: &chat.ContactEvent{Consent: map[string]bool{"messages": false}}},
		chat.Event{Key: "4", At: began, From: chat.Person{ID: "15551230000", Alias: "US.1"}, Receipt: &chat.Receipt{ID: "x", Watermark: began, Status: chat.StatusRead}},
	))
	for _, c := range h.all() {
		if v, err := h.s.Conversation(h.ctx, h.tenant, everything, c.ID); err != nil || v.Composer.Why != chat.VerdictOptedOut {
			t.Errorf("%+v, %v", v.Composer, err)
		}
	}
}

// A customer who changes their number keeps their conversation.
func TestNumberChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	h.says(0, "old number")
	id := h.only().ID
	h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: "c", At: began, From: chat.Person{ID: "15559990000", Phone: "+15559990000"}, Contact: &chat.ContactEvent{Was: chat.Person{ID: h.p.Customer(0)}}}))
	h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: "m", At: began, From: chat.Person{ID: "15559990000"}, Message: &chat.Incoming{ID: "m", Kind: chat.Text, Text: "new number", Window: chat.ByMessage}}))
	if v := h.only(); v.ID != id || v.Person.ID != "15559990000" || len(h.texts(id)) != 2 {
		t.Errorf("%+v", v.Person)
	}
	h.write(id, "there you are")
	h.sendAll()
	if got := h.f.Received("15559990000"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// Numbers that some countries write in two ways name one person.
func TestNumberVariants(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	for i, pair := range [][2]string{{"5511987654321", "551187654321"}, {"5491123456789", "541123456789"}, {"5215512345678", "525512345678"}} {
		for j, id := range pair {
			h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: fmt.Sprint(i, j), At: began, From: chat.Person{ID: id}, Message: &chat.Incoming{ID: fmt.Sprint(i, j), Kind: chat.Text, Text: "hi", Window: chat.ByMessage}}))
		}
		if n := len(h.all()); n != i+1 {
			t.Errorf("%v are two people", pair)
		}
	}
}

// An echo of what another program sent is shown; one of our own that comes before its answer is not shown twice (channels.md 13.5).
func TestEchoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	p, ok := h.p.(*whatsapptest.Platform)
	if !ok {
		t.Fatal("no WhatsApp")
	}
	h.says(0, "hello")
	id := h.only().ID
	_, event := p.Echo(p.Customer(0), "from the telephone")
	h.f.Emit(event, event)
	h.deliver()
	ms := h.messages(id)
	if len(ms) != 2 || ms[1].Author != chat.ByApp || ms[1].Direction != chat.Out {
		t.Fatalf("%+v", ms)
	}
	// While a message of ours is under way its echo may come before its answer.
	m := h.write(id, "ours")
	batch, err := h.s.Claim(h.ctx)
	h.ok(err)
	echo := func(key, ext, text string) {
		h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: key, At: h.db.Now(), From: chat.Person{ID: p.Customer(0)}, Message: &chat.Incoming{ID: ext, Kind: chat.Text, Text: text, Echo: true, Via: "phone"}}))
	}
	h.beforeAnswer(func(ext string) {
		echo("e1", ext, "ours")
		echo("e2", "other", "another one from the telephone")
	})
	for _, o := range batch {
		h.s.Transmit(h.ctx, o)
	}
	h.reached.Store(nil)
	h.pass(chat.EchoKeep + time.Second)
	h.timesDue()
	if got := h.message(id, m.ID); got.Status != chat.StatusSent {
		t.Errorf("ours is %s", got.Status)
	}
	texts := h.texts(id)
	slices.Sort(texts)
	if len(texts) != 4 {
		t.Errorf("%q", texts)
	}
}

// A closed conversation that only an echo touches waits for nobody.
func TestEchoReopensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	h.says(0, "hello")
	id := h.only().ID
	h.ok(h.s.Close(h.ctx, h.tenant, id, chat.ClosedByAgent, everything.User, "", ""))
	h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: "e", At: began, From: chat.Person{ID: h.p.Customer(0)}, Message: &chat.Incoming{ID: "e", Kind: chat.Text, Text: "bye", Echo: true}}))
	if v := h.only(); v.Waiting != nil {
		t.Error("it waits for an agent")
	}
}

// Receipts in all orders, before and after the answer, of messages in one part and in several.
func TestReceiptsInAllOrders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Messenger)
	h.says(0, "hello")
	id := h.only().ID
	news := []chat.Status{chat.StatusSent, chat.StatusDelivered, chat.StatusRead, chat.StatusFailed}
	n := 0
	everyOrder(news, func(list []chat.Status) {
		n++
		text := fmt.Sprint("text ", n)
		parts := 1
		if n%4 == 0 { // two parts
			text += " " + longText(2100)
			parts = 2
		}
		m := h.write(id, text)
		if n%3 == 0 { // two of them overtake the answer
			h.beforeAnswer(func(ext string) {
				for i, st := range list[:2] {
					h.receipt(fmt.Sprint(n, ext, "early", i), ext, st)
				}
			})
		}
		h.sendAll()
		h.reached.Store(nil)
		if h.count(`SELECT count(*) FROM chat_outbox WHERE message_id = $1 AND state = 'done'`, m.ID) != parts {
			t.Fatalf("%s is not sent in %d parts", text[:8], parts)
		}
		for i, ext := range h.externals(m.ID) {
			for j, st := range list {
				h.receipt(fmt.Sprint(n, i, j), ext, st)
				if i == 0 && parts == 2 && n%3 != 0 && h.message(id, m.ID).Status == chat.StatusRead {
					t.Error("read before its second part is")
				}
			}
		}
		if got := h.message(id, m.ID); got.Status != chat.StatusRead || got.Error != nil {
			t.Errorf("%v: %s, %+v", list, got.Status, got.Error)
		}
	})
	if n != 24 {
		t.Errorf("%d orders", n)
	}
	if n := h.count(`SELECT count(*) FROM chat_receipts WHERE NOT matched`); n != 0 {
		t.Errorf("%d receipts found nothing", n)
	}
}

func longText(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = "abcdefghi "[i%10]
	}
	return string(text)
}

// beforeAnswer runs do after the platform has taken a message of ours for the first customer, before that is stored.
func (h *house) beforeAnswer(do func(external string)) {
	f := func(point string) {
		if got := h.f.Received(h.p.Customer(0)); point == "sent" && len(got) > 0 {
			do(got[len(got)-1].ID)
		}
	}
	h.reached.Store(&f)
}

func (h *house) receipt(key, external string, st chat.Status) {
	h.Helper()
	r := &chat.Receipt{ID: external, Status: st}
	if st == chat.StatusFailed {
		r.Err = &chat.SendError{Verdict: chat.VerdictRejected, Code: "1", Detail: "no"}
	}
	h.ok(h.s.Receive(h.ctx, h.tenant, h.account, chat.Event{Key: key, At: h.db.Now(), From: chat.Person{ID: h.p.Customer(0)}, Receipt: r}))
}
