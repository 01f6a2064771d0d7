package chat_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/events"
	"tandem/internal/storage"
)

// BenchmarkInbound posts signed updates of 200 customers to the hook, 32 at a time, until each message is stored and agents' pages are told. Beside
// the speed, which depends on what else the machine does, it says what a message takes of a processor here and in PostgreSQL.
func BenchmarkInbound(b *testing.B) {
	h := newHouse(b, chat.Telegram)
	const customers, posts = 200, 32
	hooks := make([]chat.Hook, b.N)
	for i := range hooks {
		h.pass(time.Second) // each message is a later one: windows and lists move on with it
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
	began, here, there := time.Now(), processor(b, os.Getpid()), h.databaseProcessor(b)
	var all sync.WaitGroup
	for lane := range posts {
		all.Go(func() {
			for i := lane; i < len(hooks); i += posts {
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
	took := time.Since(began)
	b.ReportMetric(float64(b.N)/took.Seconds(), "msgs/s")
	b.ReportMetric(float64((processor(b, os.Getpid())-here).Microseconds())/float64(b.N), "cpu-us/msg")
	b.ReportMetric(float64((h.databaseProcessor(b)-there).Microseconds())/float64(b.N), "pg-cpu-us/msg")
}

// databaseProcessor is the processor time that PostgreSQL has used for the test's database.
func (h *house) databaseProcessor(b *testing.B) (sum time.Duration) {
	var pids []int
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(h.ctx, `SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database() OR backend_type IN ('walwriter', 'checkpointer', 'background writer')`).Scan(&pids)
	}))
	for _, pid := range pids {
		sum += processor(b, pid)
	}
	return sum
}

// processor is the processor time that a process has used (proc(5)).
func processor(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	var sum time.Duration
	for _, ticks := range strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))[11:13] {
		n, err := strconv.Atoi(ticks)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(n) * 10 * time.Millisecond // USER_HZ is 100
	}
	return sum
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
