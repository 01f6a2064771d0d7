package chat_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/events"
)

// BenchmarkInbound posts signed updates of 200 customers to the hook, eight at a time, until each message is stored and agents' pages are told.
func BenchmarkInbound(b *testing.B) {
	h := newHouse(b, chat.Telegram)
	const customers = 200
	hooks := make([]chat.Hook, b.N)
	for i := range hooks {
		_, event, err := h.p.Act(chattest.Act{Customer: h.p.Customer(i % customers), Name: "Ann", Kind: chattest.Say, Text: fmt.Sprint("message ", i)})
		h.ok(err)
		hooks[i] = h.f.Signed(event)[0]
	}
	told := make(chan struct{}, b.N)
	stop := h.bus.Notes(func(_ uuid.UUID, n events.Note) {
		if n.Type == "conversation.message" {
			told <- struct{}{}
		}
	})
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.s.Run(ctx) }()
	defer func() {
		cancel()
		h.ok(<-done)
	}()
	b.ResetTimer()
	began := time.Now()
	var all sync.WaitGroup
	for lane := range 8 {
		all.Go(func() {
			for i := lane; i < len(hooks); i += 8 {
				if code := h.post(h.s, hooks[i]); code != http.StatusOK {
					b.Errorf("answered %d", code)
				}
			}
		})
	}
	all.Wait()
	for range b.N {
		<-told
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "msgs/s")
}

// BenchmarkInbox lists the first page of 10,000 open conversations, as an agent's page does, and looks for a word in them.
func BenchmarkInbox(b *testing.B) {
	h := newHouse(b, chat.Telegram)
	const many = 10_000
	h.exec(`INSERT INTO contacts (tenant_id, contact_id, created_at, updated_at) SELECT $1, md5('c' || n)::uuid, $2, $2 FROM generate_series(1, $3::int) n`, h.tenant, began, many)
	h.exec(`INSERT INTO chat_people (person_id, tenant_id, account_id, contact_id, key, name, created_at) SELECT md5('p' || n)::uuid, $1, $2, md5('c' || n)::uuid, n::text, 'Customer ' || n, $3 FROM generate_series(1, $4::int) n`,
		h.tenant, h.account, began, many)
	h.exec(`INSERT INTO conversations (conversation_id, tenant_id, account_id, channel, person_id, contact_id, state, queue_id, last_at, opened_at, created_at, last_seq)
		SELECT md5('v' || n)::uuid, $1, $2, 'telegram', md5('p' || n)::uuid, md5('c' || n)::uuid, 'open', $3, $4::timestamptz + n * interval '1 second', $4, $4, 5 FROM generate_series(1, $5::int) n`,
		h.tenant, h.account, h.queue, began, many)
	h.exec(`INSERT INTO messages (message_id, tenant_id, conversation_id, account_id, seq, rev, at, created_at, direction, author_kind, kind, text, words)
		SELECT md5('m' || n || '/' || k)::uuid, $1, md5('v' || n)::uuid, $2, k, k, $3, $3, 'in', 'customer', 'text', 'order ' || n, to_tsvector('simple', 'order ' || n) FROM generate_series(1, $4::int) n, generate_series(1, 5) k`,
		h.tenant, h.account, began, many)
	h.exec(`ANALYZE`)
	for name, f := range map[string]chat.Filter{"list": {}, "search": {Search: "4711"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, err := h.s.Conversations(h.ctx, h.tenant, everything, f)
				if err != nil || len(page.Items) == 0 {
					b.Fatalf("%d, %v", len(page.Items), err)
				}
			}
		})
	}
}
