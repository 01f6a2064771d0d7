package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// conversations of the test with kills, on each channel, and how much is said in each.
const (
	killedCustomers = 5
	killedEach      = 25
)

// killing is a server that is killed again and again, beside platforms that are not.
type killing struct {
	*platforms
	t             *testing.T
	database, dir string
	server        *process
}

func (k *killing) start() {
	k.t.Helper()
	k.server = run(k.t, k.database, k.dir, "TANDEM_HTTP_PUBLIC_URL="+publicURL)
}

// again kills the server as it stands, and starts it anew.
func (k *killing) again() {
	k.t.Helper()
	k.server.kill()
	k.revive()
}

// revive starts the server that was killed, at another address.
func (k *killing) revive() {
	k.t.Helper()
	k.expireLeases()
	k.start()
	k.serve(k.server.client)
}

// reaches waits until a count is at least n.
func (k *killing) reaches(n int, sql string) {
	k.t.Helper()
	within(k.t, time.Minute, fmt.Sprintf("%d of %s", n, sql), func() bool { return k.count(sql) >= n })
}

// hold keeps everybody else from a table until released.
func (k *killing) hold(table string) (release func()) {
	k.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	held, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- k.db.Worker(ctx, func(tx *storage.Tx) error {
			if _, err := tx.Exec(ctx, `LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`); err != nil {
				return err
			}
			close(held)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	select {
	case <-held:
	case err := <-done:
		cancel()
		k.t.Fatalf("hold %s: %v", table, err)
	}
	return func() {
		cancel()
		<-done // the error is our own
	}
}

// deliverAll delivers and repeats, as platforms do, until stopped.
func (k *killing) deliverAll() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, p := range k.all {
		all.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				p.Base().Flush(ctx)
				p.Base().Advance(2 * time.Second)
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// The program is killed again and again while platforms deliver a thousand messages in random order, each twice: between storing a request
// and reading it, in the middle of reading, and while platforms have taken our messages but not answered. In the end everything is there
// once.
func TestChannelsKilled(t *testing.T) {
	t.Parallel()
	k := &killing{t: t, database: storagetest.NewURL(t), dir: t.TempDir()}
	k.start()
	k.platforms = newPlatforms(t, k.server.client, open(t, k.database))
	want := k.sayAll()

	stop := k.deliverAll()
	k.reaches(100, `SELECT count(*) FROM chat_inbox`)
	k.again() // while requests are under way
	k.reaches(300, `SELECT count(*) FROM messages WHERE direction = 'in'`)
	release := k.hold("chat_seen")
	k.reaches(50, `SELECT count(*) FROM chat_inbox WHERE state = 'new'`)
	k.server.kill() // requests are stored, and none is read
	release()
	k.revive()
	k.reaches(600, `SELECT count(*) FROM messages WHERE direction = 'in'`)
	k.again() // in the middle of reading
	within(t, 2*time.Minute, "everything's delivery", func() bool {
		pending := 0
		for _, p := range k.all {
			pending += p.Base().Pending()
		}
		return pending == 0
	})
	stop()
	for _, p := range k.all { // what a flush was about to deliver when it was stopped
		k.deliver(p)
	}
	k.read()
	k.compare(want)
	k.killedWhileSending()
}

// sayAll queues what customers say, and returns the messages' ids by channel.
func (k *killing) sayAll() map[queues.Channel][]string {
	k.t.Helper()
	want := map[queues.Channel][]string{}
	for n, p := range k.all {
		f := p.Base()
		f.SetDelivery(chattest.Delivery{Times: 2, Shuffle: uint64(n + 1), Batch: 3})
		for i := range killedEach {
			for customer := range killedCustomers {
				f.Advance(time.Millisecond)
				id, err := f.Play(chattest.Act{Customer: p.Customer(customer), Kind: chattest.Say, Text: fmt.Sprintf("number %d", i)})
				if err != nil {
					k.t.Fatal(err)
				}
				want[f.Channel] = append(want[f.Channel], id)
			}
		}
	}
	return want
}

// compare compares what platforms have delivered with what the database has.
func (k *killing) compare(want map[queues.Channel][]string) {
	k.t.Helper()
	for _, channel := range slices.Sorted(maps.Keys(want)) {
		got := k.strings(`SELECT external_id FROM messages JOIN conversations USING (conversation_id) WHERE channel = $1 AND direction = 'in' ORDER BY 1`, channel)
		ids := slices.Sorted(slices.Values(want[channel]))
		if !slices.Equal(slices.Sorted(slices.Values(got)), ids) {
			k.t.Errorf("%s: %d messages, want %d, or others", channel, len(got), len(ids))
		}
	}
	conversations := len(k.all) * killedCustomers
	for what, sql := range map[string]string{
		"conversations": `SELECT count(*) FROM conversations`,
		"people":        `SELECT count(*) FROM chat_people`,
		"items":         `SELECT count(*) FROM queue_items`,
		"openings":      `SELECT count(*) FROM events WHERE type = 'conversation.opened'`,
	} {
		if n := k.count(sql); n != conversations {
			k.t.Errorf("%d %s, want %d", n, what, conversations)
		}
	}
}

func (k *killing) strings(sql string, args ...any) (all []string) {
	k.t.Helper()
	ctx := k.t.Context()
	err := k.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return all
}

// killedWhileSending kills the server when all platforms have taken a message and answered none. What cannot be repeated safely is given up,
// visibly; nothing arrives twice, and what comes after it arrives.
func (k *killing) killedWhileSending() {
	k.t.Helper()
	first := map[queues.Channel]chat.Message{}
	for _, p := range k.all {
		f := p.Base()
		f.SetDelivery(chattest.Delivery{})
		f.Always(p.Customer(0), chattest.Behaviour{Misdeed: chattest.Delay, After: 1000 * time.Hour})
		id := k.conversation(f.Channel, p.Customer(0))
		first[f.Channel] = k.write(id, "the first")
		k.write(id, "the second")
	}
	for _, p := range k.all {
		within(k.t, time.Minute, "the first message on "+string(p.Base().Channel), func() bool { return len(p.Base().Received(p.Customer(0))) == 1 })
	}
	k.server.kill()
	for _, p := range k.all {
		p.Base().Always(p.Customer(0), chattest.Behaviour{})
	}
	k.revive()
	k.sent()
	for _, p := range k.all {
		var texts []string
		for _, g := range p.Base().Received(p.Customer(0)) {
			texts = append(texts, g.Text)
		}
		if !slices.Equal(texts, []string{"the first", "the second"}) {
			k.t.Errorf("%s: the customer has got %q", p.Base().Channel, texts)
		}
		m := first[p.Base().Channel]
		if n := k.count(`SELECT count(*) FROM messages WHERE message_id = $1 AND (status = 'sent' OR status = 'failed' AND error->>'verdict' = 'doubt')`, m.ID); n != 1 {
			k.t.Errorf("%s: what became of the first message is not told", p.Base().Channel)
		}
	}
}

// expireLeases has what the killed server was reading and sending taken over at once.
func (k *killing) expireLeases() {
	k.t.Helper()
	ctx := k.t.Context()
	err := k.db.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE chat_inbox SET next_at = received_at WHERE state = 'new'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE chat_outbox SET lease_until = created_at WHERE state = 'sending'`)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
}
