package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

func newBus(t *testing.T) *events.Bus {
	t.Helper()
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

func follow(t *testing.T, db *storage.DB, bus *events.Bus, handle func(context.Context, *storage.Tx, events.Event) error) {
	t.Helper()
	followTypes(t, db, bus, nil, handle)
}

func followTypes(t *testing.T, db *storage.DB, bus *events.Bus, types []string, handle func(context.Context, *storage.Tx, events.Event) error) {
	t.Helper()
	f := &events.Follower{Name: "test", DB: db, Bus: bus, Log: slog.New(slog.DiscardHandler), Types: types, Handle: handle}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func receive(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
		return ""
	}
}

// A transaction that begins first and commits last must not be skipped by a follower that has already seen the later one.
func TestFollowerSkipsNoLateCommit(t *testing.T) {
	db, bus := storagetest.New(t), newBus(t)
	tenant := storagetest.Tenant(t, db, "a")
	log := events.NewLog(bus)
	ctx := context.Background()
	seen := make(chan string, 10)
	follow(t, db, bus, func(_ context.Context, _ *storage.Tx, e events.Event) error { seen <- e.Type; return nil })

	err := db.Tenant(ctx, tenant, func(slow *storage.Tx) error {
		if err := log.Append(ctx, slow, "slow.first", uuid.New(), nil); err != nil {
			return err
		}
		return db.Tenant(ctx, tenant, func(quick *storage.Tx) error {
			return log.Append(ctx, quick, "quick.second", uuid.New(), nil)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := receive(t, seen), receive(t, seen); a != "slow.first" || b != "quick.second" {
		t.Fatalf("seen %s, %s", a, b)
	}
}

func TestFollowerRetriesAndMovesOnce(t *testing.T) {
	db, bus := storagetest.New(t), newBus(t)
	tenant := storagetest.Tenant(t, db, "a")
	log := events.NewLog(bus)
	ctx := events.WithActor(context.Background(), uuid.New())
	seen := make(chan string, 10)
	failed := false
	follow(t, db, bus, func(_ context.Context, _ *storage.Tx, e events.Event) error {
		if !failed {
			failed = true
			return errors.New("not yet")
		}
		if e.Actor == nil || e.Tenant != tenant || string(e.Data) != `{"n": 1}` {
			t.Errorf("event %+v", e)
		}
		seen <- e.Type
		return nil
	})
	err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return log.Append(ctx, tx, "thing.done", uuid.New(), map[string]int{"n": 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := receive(t, seen); got != "thing.done" {
		t.Fatal(got)
	}
	select {
	case s := <-seen:
		t.Fatalf("%s came twice", s)
	default:
	}
}

// A follower is handed events of its types and passes the others, however many there are.
func TestFollowerOfTypes(t *testing.T) {
	db, bus := storagetest.New(t), newBus(t)
	tenant := storagetest.Tenant(t, db, "a")
	log := events.NewLog(bus)
	ctx := context.Background()
	seen := make(chan string, 10)
	write := func(types ...string) {
		t.Helper()
		err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
			entries := make([]events.Entry, len(types))
			for i, typ := range types {
				entries[i] = events.Entry{Tenant: tenant, Type: typ, Subject: uuid.New()}
			}
			return log.AppendAll(ctx, tx, entries)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write("thing.done", "thing.begun", "thingy.done", "noun.any", "noun.other")
	write(slices.Repeat([]string{"thing.begun"}, 500)...)
	write("thing.done")
	followTypes(t, db, bus, []string{"thing.done", "noun.*"}, func(_ context.Context, _ *storage.Tx, e events.Event) error { seen <- e.Type; return nil })
	for _, want := range []string{"thing.done", "noun.any", "noun.other", "thing.done"} {
		if got := receive(t, seen); got != want {
			t.Fatalf("%s instead of %s", got, want)
		}
	}
	write("thing.begun", "noun.later")
	if got := receive(t, seen); got != "noun.later" {
		t.Fatal(got)
	}
	write("thing.begun")
	for behind, deadline := 1, time.Now().Add(20*time.Second); behind > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the follower has not passed what is not for it")
		}
		err := db.Worker(ctx, func(tx *storage.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) FROM events e, event_cursors c WHERE (e.xid, e.seq) > (c.xid, c.seq)`).Scan(&behind)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case s := <-seen:
		t.Fatalf("%s came too", s)
	default:
	}
}

// Transactions are followed in the order of their numbers, also where these grow by a digit: 9999 comes before 10000.
func TestFollowerOrdersByNumber(t *testing.T) {
	db, bus := storagetest.New(t), newBus(t)
	tenant := storagetest.Tenant(t, db, "a")
	log := events.NewLog(bus)
	ctx := context.Background()
	err := db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE TEMPORARY TABLE burnt (n bigint) ON COMMIT DROP;
			DO $$
			DECLARE
				now bigint := pg_current_xact_id()::text::bigint;
				border bigint := 10 ^ length((now + 10)::text);
			BEGIN
				FOR i IN 1 .. border - now - 10 LOOP
					BEGIN -- a transaction below this one, with a number of its own
						INSERT INTO burnt VALUES (i);
					EXCEPTION WHEN division_by_zero THEN NULL;
					END;
				END LOOP;
			END $$`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const n = 40
	for i := range n {
		if err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return log.Append(ctx, tx, fmt.Sprint("thing.", i), uuid.New(), nil) }); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(chan string, 2*n)
	follow(t, db, bus, func(_ context.Context, _ *storage.Tx, e events.Event) error { seen <- e.Type; return nil })
	for i := range n {
		if got := receive(t, seen); got != fmt.Sprint("thing.", i) {
			t.Fatalf("event %d is %s", i, got)
		}
	}
}

func TestBusAsksAcrossNodes(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	a, err := events.NewBus(events.BusConfig{Listen: "127.0.0.1:16222"}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := events.NewBus(events.BusConfig{Listen: "127.0.0.1:16223", Routes: []string{"nats-route://127.0.0.1:16222"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	defer a.Answer("echo", func(d []byte) []byte { return append([]byte("re:"), d...) })()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		reply, err := b.Ask(ctx, "echo", []byte("x"))
		if err == nil && string(reply) == "re:x" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("node b gets no answer from node a: %v", err)
		}
	}
}

// Requests that take their time do not wait for each other, and whoever stops answering waits for them.
func TestBusAnswersEach(t *testing.T) {
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	met, late := make(chan string), make(chan string)
	stop := bus.AnswerEach("slow", func(d []byte) []byte {
		switch string(d) {
		case "one":
			met <- "one"
		case "two":
			<-met
		default:
			late <- "begun"
			<-late
		}
		return d
	})
	answers := make(chan string, 3)
	ask := func(what string) {
		reply, err := bus.Ask(t.Context(), "slow", []byte(what))
		answers <- fmt.Sprint(string(reply), err)
	}
	go ask("one")
	go ask("two")
	for range 2 {
		if got := receive(t, answers); got != "one<nil>" && got != "two<nil>" {
			t.Errorf("answered %s", got)
		}
	}
	go ask("three")
	<-late
	stopped := make(chan string, 1)
	go func() {
		stop()
		stopped <- "stopped"
	}()
	select {
	case <-stopped:
		t.Error("stopped while a request is under way")
	case late <- "go on":
	}
	receive(t, stopped)
	if got := receive(t, answers); got != "three<nil>" {
		t.Errorf("answered %s", got)
	}
}
