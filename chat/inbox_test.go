package chat_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
)

// signed has a customer say something and returns the platform's request.
func (h *house) signed(n int, text string) chat.Hook {
	h.Helper()
	_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(n), Name: "Ann", Kind: chattest.Say, Text: text})
	h.ok(err)
	return h.f.Signed(event)[0]
}

// take posts a request, which has to be accepted.
func (h *house) take(s *chat.Service, r chat.Hook) {
	h.Helper()
	if code := h.post(s, r); code != http.StatusOK {
		h.Errorf("answered %d", code)
	}
}

// Messages of many customers that are read together stay in each customer's order, whether their conversations begin, go on, are put aside or were closed.
func TestReadTogetherInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	const customers, each = 24, 12
	for n := range customers / 2 { // half of them are known
		h.take(h.s, h.signed(n, "0"))
	}
	h.ok(h.s.ReadDue(h.ctx))
	for i, v := range h.all() {
		switch i % 3 {
		case 0:
			h.ok(h.s.Snooze(h.ctx, h.tenant, v.ID, nil))
		case 1:
			h.ok(h.s.Close(h.ctx, h.tenant, v.ID, chat.ClosedByAgent, everything.User, "", ""))
		}
	}
	for i := range each {
		for n := range customers {
			h.take(h.s, h.signed(n, fmt.Sprint(i+1)))
		}
	}
	h.ok(h.s.ReadDue(h.ctx))
	all := h.all()
	if len(all) != customers {
		t.Errorf("%d conversations", len(all))
	}
	for _, v := range all {
		var want []string
		if texts := h.texts(v.ID); len(texts) > each {
			want = append(want, "0")
		}
		for i := range each {
			want = append(want, fmt.Sprint(i+1))
		}
		if got := h.texts(v.ID); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
		if v.Waiting == nil || v.Unanswered < each {
			t.Errorf("waiting since %v, %d unanswered", v.Waiting, v.Unanswered)
		}
	}
	if n, m := h.events("conversation.message"), h.count(`SELECT count(*) FROM messages WHERE direction = 'in'`); n != m || m != customers/2+customers*each {
		t.Errorf("%d events of %d messages", n, m)
	}
}

// One message that the database refuses keeps no other from being taken in.
func TestOneBadMessageOfMany(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.WhatsApp)
	const customers = 20
	for n := range customers {
		h.take(h.s, h.signed(n, "hello"))
	}
	h.ok(h.s.ReadDue(h.ctx))
	long := make([]byte, 8000) // as an id it is too long for an index, and random, so that it cannot be packed
	_, _ = rand.Read(long)
	for n := range customers {
		id, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(n), Kind: chattest.Say, Text: "again"})
		h.ok(err)
		if n == customers/2 {
			event = bytes.ReplaceAll(event, []byte(id), []byte(id+hex.EncodeToString(long)))
		}
		h.take(h.s, h.f.Signed(event)[0])
	}
	h.ok(h.s.ReadDue(h.ctx))
	if n := h.count(`SELECT count(*) FROM messages WHERE text = 'again'`); n != customers-1 {
		t.Errorf("%d messages", n)
	}
	if n := h.count(`SELECT count(*) FROM chat_inbox WHERE state = 'new' AND tries = 1`); n != 1 {
		t.Errorf("%d requests are to be tried again", n)
	}
}

// Requests that come at the same time are stored together: each that is answered is there, and is read once.
func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	const customers, each = 30, 8
	var hooks []chat.Hook
	for n := range customers {
		for range each {
			hooks = append(hooks, h.signed(n, "hello"))
		}
	}
	other := h.service()
	var all sync.WaitGroup
	for i, hook := range hooks {
		s := []*chat.Service{h.s, other}[i%2]
		all.Go(func() { h.take(s, hook) })
	}
	all.Wait()
	if n := h.count(`SELECT count(*) FROM chat_inbox`); n != len(hooks) {
		t.Errorf("%d requests are stored", n)
	}
	all.Go(func() { h.ok(other.ReadDue(h.ctx)) })
	h.ok(h.s.ReadDue(h.ctx))
	all.Wait()
	if c, m := h.count(`SELECT count(*) FROM conversations`), h.count(`SELECT count(*) FROM messages WHERE direction = 'in'`); c != customers || m != len(hooks) {
		t.Errorf("%d conversations, %d messages", c, m)
	}
}

// A node that knows an account goes by what it has become, wherever it was changed: another secret, and its end.
func TestKnownAccountChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	other := h.service()
	h.take(other, h.signed(0, "hello")) // now it knows the account
	old := h.signed(0, "signed with the old secret")
	secret := "another-secret"
	_, err := h.s.ChangeAccount(h.ctx, h.tenant, h.account, chat.AccountChange{Secrets: map[string]*string{"secret_token": &secret}})
	h.ok(err)
	if code := h.post(other, old); code != http.StatusForbidden {
		t.Errorf("the old secret is answered %d", code)
	}
	fresh := old
	fresh.Header = old.Header.Clone()
	fresh.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	h.take(other, fresh)
	if n := h.count(`SELECT count(*) FROM chat_inbox`); n != 2 {
		t.Errorf("%d requests are stored", n)
	}
	h.ok(h.s.ArchiveAccount(h.ctx, h.tenant, h.account))
	if code := h.post(other, fresh); code != http.StatusNotFound {
		t.Errorf("an account that has ended answers %d", code)
	}
}
