package chat_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/queues"
)

// meets has n customers write, and returns their conversations in that order.
func (h *house) meets(n int) (ids []uuid.UUID) {
	h.Helper()
	for i := range n {
		h.says(i, "hello")
		ids = append(ids, h.all()[0].ID)
		h.pass(time.Second)
	}
	return ids
}

// A customer gets what was written in its order, whatever fails in between; others do not wait for them.
func TestInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	ids := h.meets(2)
	h.f.Next(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Refuse, Code: "131016"}, chattest.Behaviour{Misdeed: chattest.Refuse, Code: "131016"})
	var want []string
	for i := range 4 {
		want = append(want, fmt.Sprint("text ", i))
		h.write(ids[0], want[i])
	}
	h.write(ids[1], "to the other")
	if h.sendAll(); len(h.got(0)) != 0 || len(h.got(1)) != 1 {
		t.Fatalf("after the first try: %v, %v", h.got(0), h.got(1))
	}
	tries := 1
	for range 100 {
		if len(h.got(0)) == len(want) {
			break
		}
		h.pass(time.Second)
		tries += min(1, h.sendAll())
	}
	if !slices.Equal(h.got(0), want) || tries < 3 {
		t.Errorf("got %v after %d tries", h.got(0), tries)
	}
}

// A retry waits longer each time, and ends: a dead letter that the agent may send again.
func TestBackOffAndDeadLetter(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	id := h.meets(1)[0]
	h.f.Always(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Refuse, Code: "131016"})
	m := h.write(id, "hello")
	var waits []time.Duration
	last := h.db.Now()
	for tries := 0; tries < chat.SendTries; {
		if n := h.sendDue(); n > 0 {
			waits = append(waits, h.db.Now().Sub(last))
			last = h.db.Now()
			tries += n
			continue
		}
		h.pass(time.Second)
	}
	if !slices.IsSorted(waits) || waits[len(waits)-1] < 5*time.Minute {
		t.Errorf("waits %v", waits)
	}
	got := h.message(id, m.ID)
	if got.Status != chat.StatusFailed || got.Error == nil || got.Error.Code != "131016" {
		t.Fatalf("%s %+v", got.Status, got.Error)
	}
	dead, err := h.s.DeadLetters(h.ctx, h.tenant, h.account)
	h.ok(err)
	if v, err := h.s.Account(h.ctx, h.tenant, h.account); err != nil || len(dead) != 1 || dead[0].Message != m.ID || dead[0].Tries != chat.SendTries || v.Dead != 1 {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
	h.f.Always(h.p.Customer(0), chattest.Behaviour{})
	if _, err := h.s.Retry(h.ctx, h.tenant, id, m.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.Retry(h.ctx, h.tenant, id, m.ID); err == nil {
		t.Error("a message that waits is retried")
	}
	h.sendAll()
	if got := h.message(id, m.ID); got.Status != chat.StatusSent || got.Error != nil || len(h.got(0)) != 1 {
		t.Errorf("%s %+v", got.Status, got.Error)
	}
}

// A refused part fails the message, and its later parts do not go alone; the retry sends what has not gone.
func TestRetryParts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	id := h.meets(1)[0]
	h.f.Next(h.p.Customer(0), chattest.Behaviour{}, chattest.Behaviour{Misdeed: chattest.Refuse, Code: "131009"})
	m := h.write(id, longText(10_000)) // three parts
	h.sendAll()
	if got := h.message(id, m.ID); got.Status != chat.StatusFailed || len(h.got(0)) != 1 {
		t.Fatalf("%s, %d parts", got.Status, len(h.got(0)))
	}
	_, err := h.s.Retry(h.ctx, h.tenant, id, m.ID)
	h.ok(err)
	h.sendAll()
	if got := h.message(id, m.ID); got.Status != chat.StatusSent || strings.Join(h.got(0), " ") != m.Text {
		t.Errorf("%s, %d parts", got.Status, len(h.got(0)))
	}
}

// The whole account slows down when the platform says so, and goes on.
func TestThrottledAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	ids := h.meets(3)
	h.f.Next("", chattest.Behaviour{Misdeed: chattest.Refuse, Code: "130429"})
	for _, id := range ids {
		h.write(id, "hello")
	}
	h.sendAll()
	for range 10 {
		h.pass(time.Second)
		h.sendAll()
	}
	for i := range ids {
		if len(h.got(i)) != 1 {
			t.Errorf("customer %d has got %v", i, h.got(i))
		}
	}
}

// One customer's limit is asked for with 4^X seconds; the platform never sees more than its bucket, and others get theirs (channels.md 13.7).
func TestThrottledPair(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	ids := h.meets(2)
	const refusals = 4
	for range refusals {
		h.f.Next(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Refuse, Code: "131056"})
	}
	for i := range 3 {
		h.write(ids[0], fmt.Sprint(i))
	}
	var at []time.Time
	other := 0
	for s := 0; s < 200 && len(h.got(0)) < 3; s++ {
		before := h.calls(h.p.Customer(0))
		if s%10 == 0 {
			h.write(ids[1], fmt.Sprint(other))
			other++
		}
		h.sendDue()
		if h.calls(h.p.Customer(0)) > before {
			at = append(at, h.db.Now())
		}
		if len(h.got(1)) != other {
			t.Fatalf("the other customer waits: %d of %d", len(h.got(1)), other)
		}
		h.pass(time.Second)
	}
	if len(h.got(0)) != 3 || len(at) < refusals+1 {
		t.Fatalf("got %v after %d calls", h.got(0), len(at))
	}
	for i, want := range []time.Duration{1, 4, 16, 64} {
		if gap := at[i+1].Sub(at[i]); gap < want*time.Second || gap > (want+1)*time.Second {
			t.Errorf("try %d came after %s, not %d s", i+2, gap, want)
		}
	}
}

// calls counts the platform's calls about a customer.
func (h *house) calls(customer string) (n int) {
	for _, e := range h.f.Log() {
		if e.Operation != "hook" && e.To == customer {
			n++
		}
	}
	return n
}

// The account's and the pair's buckets hold whoever sends, and a message that waits for one takes nothing from the other.
func TestBuckets(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram) // 30 a second, and one a second for each chat
	ids := h.meets(2)
	for i := range 5 {
		h.write(ids[0], fmt.Sprint(i))
		h.write(ids[1], fmt.Sprint(i))
	}
	other := h.service()
	for s := range 5 {
		for range 3 {
			h.sendDue()
			_, err := other.SendDue(h.ctx)
			h.ok(err)
		}
		if a, b := len(h.got(0)), len(h.got(1)); a != s+1 || b != s+1 {
			t.Errorf("second %d: %d and %d", s, a, b)
		}
		h.pass(time.Second)
	}
}

// Who blocks the account cannot be reached until they come back (channels.md 13.8).
func TestBlocked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	id := h.meets(1)[0]
	h.f.Next(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Refuse, Code: "403/blocked"})
	m := h.write(id, "are you there?")
	h.sendAll()
	if got := h.message(id, m.ID); got.Status != chat.StatusFailed || got.Error.Verdict != chat.VerdictUnreachable {
		t.Errorf("%s %+v", got.Status, got.Error)
	}
	if v := h.only(); v.Reachable || v.Composer.Open || v.Composer.Why != chat.VerdictUnreachable {
		t.Errorf("%+v", v.Composer)
	}
	if _, err := h.s.Send(h.ctx, h.tenant, id, chat.NewMessage{Text: "again"}); err == nil {
		t.Error("sent to somebody who cannot be reached")
	}
	h.play(chattest.Act{Customer: h.p.Customer(0), Kind: chattest.Unblock})
	if v := h.only(); !v.Reachable || !v.Composer.Open {
		t.Errorf("back: %+v", v.Composer)
	}
	h.play(chattest.Act{Customer: h.p.Customer(0), Kind: chattest.Block})
	if v := h.only(); v.Reachable {
		t.Error("blocked, and told so")
	}
	h.play(chattest.Act{Customer: h.p.Customer(0), Kind: chattest.Unblock})
	h.says(0, "here I am")
	h.pass(time.Minute)
	h.write(id, "good")
	h.sendAll()
	if got := h.got(0); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// A token that has expired: what goes out waits, what comes in is stored, one event tells of it, and a new token lets all go (channels.md 13.17).
func TestReauthorise(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	ids := h.meets(3)
	h.f.Revoke(true)
	for _, id := range ids {
		h.write(id, "hello")
	}
	for range 5 {
		h.sendAll()
		h.pass(time.Minute)
	}
	v, err := h.s.Account(h.ctx, h.tenant, h.account)
	h.ok(err)
	if v.State != chat.AccountReauthorise || v.Waiting != 3 || h.events("channel.state") != 1 {
		t.Errorf("%s, %d wait, %d events", v.State, v.Waiting, h.events("channel.state"))
	}
	h.says(0, "still here?")
	if ms := h.messages(ids[0]); ms[len(ms)-1].Text != "still here?" {
		t.Error("what comes in is not stored")
	}
	h.f.Revoke(false)
	token := h.p.Account("").Secrets["access_token"]
	_, err = h.s.ChangeAccount(h.ctx, h.tenant, h.account, chat.AccountChange{Secrets: map[string]*string{"access_token": &token}})
	h.ok(err)
	h.sendAll()
	for i := range ids {
		if got := h.got(i); len(got) != 1 {
			t.Errorf("customer %d has got %v", i, got)
		}
	}
}

// When nobody knows whether a message was taken, it goes again only where the platform knows our key.
func TestDoubt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		channel queues.Channel
		token   bool // with a reply token
		status  chat.Status
	}{
		{chat.Telegram, false, chat.StatusFailed},
		{chat.WhatsApp, false, chat.StatusFailed},
		{chat.LINE, false, chat.StatusSent},
		{chat.LINE, true, chat.StatusSent},
	} {
		t.Run(fmt.Sprint(tc.channel, tc.token), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tc.channel)
			id := h.meets(1)[0]
			if !tc.token {
				h.exec(`UPDATE chat_people SET reply_token = ''`)
			}
			h.f.Next(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Reset})
			m := h.write(id, "once")
			for range 10 {
				h.sendAll()
				h.pass(time.Second)
			}
			if got := h.message(id, m.ID); got.Status != tc.status || len(h.got(0)) != 1 {
				t.Errorf("%s, %v", got.Status, h.got(0))
			}
		})
	}
}

// A node that dies while it sends: after its lease another one takes over, and what the first still has to say is not heard.
func TestLease(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		channel queues.Channel
		status  chat.Status
		got     int
	}{{chat.LINE, chat.StatusSent, 1}, {chat.Telegram, chat.StatusFailed, 0}} {
		t.Run(string(tc.channel), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tc.channel)
			id := h.meets(1)[0]
			m := h.write(id, "hello")
			other := h.service()
			batch, err := h.s.Claim(h.ctx)
			h.ok(err)
			if len(batch) != 1 {
				t.Fatalf("took %d", len(batch))
			}
			if n, err := other.SendDue(h.ctx); err != nil || n != 0 {
				t.Errorf("taken twice: %d, %v", n, err)
			}
			h.pass(chat.SendLease + time.Second)
			_, err = other.SendDue(h.ctx)
			h.ok(err)
			before := h.message(id, m.ID)
			if before.Status != tc.status || len(h.got(0)) != tc.got {
				t.Fatalf("%s, %v", before.Status, h.got(0))
			}
			h.f.Always(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Refuse, Code: "400"})
			h.s.Transmit(h.ctx, batch[0])
			if after := h.message(id, m.ID); after.Status != before.Status || after.Rev != before.Rev {
				t.Errorf("the old node was heard: %+v", after)
			}
		})
	}
}

// A page that repeats its request gets the same message.
func TestClientID(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	id := h.meets(1)[0]
	client := uuid.New()
	first, err := h.s.Send(h.ctx, h.tenant, id, chat.NewMessage{Client: &client, Text: "once"})
	h.ok(err)
	again, err := h.s.Send(h.ctx, h.tenant, id, chat.NewMessage{Client: &client, Text: "once"})
	h.ok(err)
	note, err := h.s.AddNote(h.ctx, h.tenant, id, new(uuid.New()), "Bo", "note", nil)
	h.ok(err)
	same, err := h.s.AddNote(h.ctx, h.tenant, id, note.Client, "Bo", "note", nil)
	h.ok(err)
	h.pass(time.Minute)
	h.sendAll()
	if first.ID != again.ID || note.ID != same.ID || len(h.got(0)) != 1 {
		t.Errorf("%s and %s, %s and %s, %v", first.ID, again.ID, note.ID, same.ID, h.got(0))
	}
}

// What is written outside the window is refused; a template goes, with all its variables, while the platform's tier lasts.
func TestTemplates(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	ids := h.meets(3)
	_, err := h.s.SyncTemplates(h.ctx, h.tenant, h.account)
	h.ok(err)
	h.exec(`UPDATE chat_accounts SET detail = '{"messaging_limit": "2"}'`)
	ts, err := h.s.Templates(h.ctx, h.tenant, h.account)
	h.ok(err)
	var send *chat.TemplateSend
	for _, c := range ts {
		values := map[string]string{}
		plain := c.Status == "APPROVED"
		for _, part := range c.Components {
			plain = plain && len(part.Buttons) == 0 && len(part.Cards) == 0 && (part.Type != "HEADER" || part.Format == "TEXT")
			for _, v := range part.Variables {
				values[v] = "Ann"
			}
		}
		if plain && len(values) > 0 {
			send = &chat.TemplateSend{Name: c.Name, Language: c.Language, Values: values}
		}
	}
	if send == nil {
		t.Fatal("the platform has no template with variables")
	}
	h.pass(25 * time.Hour)
	if _, err := h.s.Send(h.ctx, h.tenant, ids[0], chat.NewMessage{Text: "hello"}); err == nil {
		t.Error("sent outside the window")
	}
	missing := *send
	missing.Values = map[string]string{}
	unknown := *send
	unknown.Name = "no_such_template"
	for _, bad := range []chat.TemplateSend{missing, unknown} {
		if _, err := h.s.Send(h.ctx, h.tenant, ids[0], chat.NewMessage{Template: &bad}); err == nil {
			t.Errorf("sent %+v", bad)
		}
	}
	for i, may := range []bool{true, true, false} {
		v := *send
		m, err := h.s.Send(h.ctx, h.tenant, ids[i], chat.NewMessage{Template: &v})
		if (err == nil) != may {
			t.Errorf("customer %d: %v", i, err)
		}
		if may && !strings.Contains(m.Text, "Ann") {
			t.Errorf("preview %q", m.Text)
		}
	}
	h.sendAll()
	v := *send
	if _, err := h.s.Send(h.ctx, h.tenant, ids[0], chat.NewMessage{Template: &v}); err != nil {
		t.Errorf("one who counts already: %v", err)
	}
	h.pass(25 * time.Hour)
	if _, err := h.s.Send(h.ctx, h.tenant, ids[2], chat.NewMessage{Template: &v}); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// After an advertisement the window lasts 72 hours once somebody has answered within a day, however often they write after that.
func TestEntryPoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	h.play(chattest.Act{Customer: h.p.Customer(0), Name: "Ann", Kind: chattest.Begin, Text: "ad_7"})
	id := h.only().ID
	for _, after := range []time.Duration{time.Hour, 29 * time.Hour, 40 * time.Hour} { // 1 h, 30 h, 70 h
		h.pass(after)
		h.write(id, "answer")
		h.sendAll()
	}
	if n := len(h.got(0)); n != 3 {
		t.Errorf("got %d", n)
	}
	h.pass(2 * time.Hour)
	if _, err := h.s.Send(h.ctx, h.tenant, id, chat.NewMessage{Text: "late"}); err == nil {
		t.Error("sent after 72 hours")
	}
}

// The window is looked at again when a message goes.
func TestWindowAtSending(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	id := h.meets(1)[0]
	m := h.write(id, "hello")
	h.pass(25 * time.Hour)
	h.sendAll()
	if got := h.message(id, m.ID); got.Status != chat.StatusFailed || got.Error.Verdict != chat.VerdictWindow || h.calls(h.p.Customer(0)) != 0 {
		t.Errorf("%s %+v", got.Status, got.Error)
	}
	if code := h.post(h.s, h.f.Signed([]byte(`{}`))[0]); code != http.StatusOK {
		t.Errorf("the hook answers %d", code)
	}
}
