package storage_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

type markJob struct {
	Mark string `json:"mark"`
}

func (markJob) Kind() string { return "test_mark" }

type tickJob struct{}

func (tickJob) Kind() string { return "test_tick" }

type rareJob struct{}

func (rareJob) Kind() string { return "test_rare" }

// node is a Jobs that runs; stop may be called twice.
func node(t *testing.T, db *storage.DB, work ...storage.Work) (jobs *storage.Jobs, stop func()) {
	t.Helper()
	jobs, err := storage.NewJobs(db, slog.New(slog.DiscardHandler), work...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- jobs.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run the jobs: %v", err)
		}
	})
	t.Cleanup(stop)
	return jobs, stop
}

func marks() (storage.Work, <-chan string) {
	seen := make(chan string, 100)
	return storage.Does(func(_ context.Context, j markJob) error { seen <- j.Mark; return nil }), seen
}

func next[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatalf("%s did not come", what)
	}
	return v
}

func TestJobIsDoneWithItsTransaction(t *testing.T) {
	db := storagetest.New(t)
	before := goleak.IgnoreCurrent()
	work, seen := marks()
	jobs, stop := node(t, db, work)
	ctx := context.Background()
	undone := errors.New("undone")
	err := db.Worker(ctx, func(tx *storage.Tx) error {
		return errors.Join(jobs.Enqueue(ctx, tx, markJob{"rolled back"}), undone)
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	tenant := storagetest.Tenant(t, db, "one")
	for mark, run := range map[string]func(func(*storage.Tx) error) error{
		"by a worker":  func(f func(*storage.Tx) error) error { return db.Worker(ctx, f) },
		"by a request": func(f func(*storage.Tx) error) error { return db.Tenant(ctx, tenant, f) },
	} {
		if err := run(func(tx *storage.Tx) error { return jobs.Enqueue(ctx, tx, markJob{mark}) }); err != nil {
			t.Fatalf("%s: %v", mark, err)
		}
		if got := next(t, "the job", seen); got != mark {
			t.Errorf("did %q, want %q", got, mark)
		}
	}
	// Requests may say what is to be done, and not take it back.
	err = db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM river.river_job`)
		return err
	})
	if err == nil {
		t.Error("a request could delete jobs")
	}
	stop()
	var kept int
	err = db.Worker(ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM river.river_job WHERE args->>'mark' = 'rolled back'`).Scan(&kept)
	})
	if err != nil || kept != 0 {
		t.Errorf("%d jobs of a transaction that rolled back (%v)", kept, err)
	}
	goleak.VerifyNone(t, before)
}

func TestFailedJobIsLoggedAndDoneAgain(t *testing.T) {
	db := storagetest.New(t)
	var log bytes.Buffer
	tries := make(chan struct{}, 10)
	jobs, err := storage.NewJobs(db, slog.New(slog.NewTextHandler(&log, nil)), storage.Does(func(context.Context, markJob) error {
		tries <- struct{}{}
		if len(tries) == 1 {
			return errors.New("no luck today")
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- jobs.Run(ctx) }()
	if err := db.Worker(ctx, func(tx *storage.Tx) error { return jobs.Enqueue(ctx, tx, markJob{"x"}) }); err != nil {
		t.Error(err)
	}
	limit := time.After(time.Minute)
	for len(tries) < 2 && !t.Failed() {
		select {
		case <-limit:
			t.Error("the job is not tried again")
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if said := log.String(); !strings.Contains(said, "no luck today") || strings.Contains(said, "INFO") {
		t.Errorf("logged: %s", said)
	}
}

func TestPeriodicJobIsDoneOnce(t *testing.T) {
	db := storagetest.New(t)
	var rare atomic.Int64
	ticks := make(chan struct{}, 100)
	work := []storage.Work{
		storage.Every(200*365*24*time.Hour, 0, func(context.Context, rareJob) error { rare.Add(1); return nil }),
		storage.Every(time.Second, 0, func(context.Context, tickJob) error { ticks <- struct{}{}; return nil }),
	}
	_, stopA := node(t, db, work...)
	_, stopB := node(t, db, work...)
	for range 2 {
		next(t, "the periodic job", ticks)
	}
	stopA()
	stopB()
	for len(ticks) > 0 {
		<-ticks
	}
	// A node that starts later in the same period looks again, and finds that it is done.
	_, stopC := node(t, db, work...)
	for range 2 {
		next(t, "the periodic job, after a restart", ticks)
	}
	stopC()
	if n := rare.Load(); n != 1 {
		t.Errorf("done %d times in its period, want once", n)
	}
}

// jobsProcess makes this test binary a node on the named database, which takes a job and never ends it.
const jobsProcess = "TANDEM_TEST_JOBS_PROCESS"

func takeJobForEver(url string) {
	db, err := storage.Open(context.Background(), storage.Config{URL: url})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	jobs, err := storage.NewJobs(db, slog.New(slog.DiscardHandler), storage.Does(func(ctx context.Context, _ markJob) error {
		fmt.Println("taken")
		<-ctx.Done()
		return ctx.Err()
	}))
	if err == nil {
		err = jobs.Run(context.Background())
	}
	fmt.Println("error", err)
	os.Exit(1)
}

func TestJobOfAKilledNodeIsDoneByAnother(t *testing.T) {
	url := storagetest.NewURL(t)
	ctx := context.Background()
	db, err := storage.Open(ctx, storage.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	work, seen := marks()
	jobs, err := storage.NewJobs(db, slog.New(slog.DiscardHandler), work)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Worker(ctx, func(tx *storage.Tx) error { return jobs.Enqueue(ctx, tx, markJob{"rescued"}) }); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), jobsProcess+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(io.LimitReader(out, 100)).ReadString('\n')
	if kerr := cmd.Process.Kill(); kerr != nil {
		t.Fatal(kerr)
	}
	_ = cmd.Wait() // "signal: killed"
	if err != nil || strings.TrimSpace(said) != "taken" {
		t.Fatalf("the node says %q, %v", said, err)
	}
	// As if the time after which a job counts as lost were over, and with it the killed leader's term.
	err = db.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE river.river_leader SET expires_at = now() - interval '1 minute'`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE river.river_job SET attempted_at = attempted_at - interval '61 seconds' WHERE state = 'running'`)
		if err == nil && tag.RowsAffected() != 1 {
			err = fmt.Errorf("%d jobs are running", tag.RowsAffected())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	node(t, db, work)
	if got := next(t, "the killed node's job", seen); got != "rescued" {
		t.Errorf("did %q", got)
	}
}

func TestJobsEndAtAnyInstant(t *testing.T) {
	db := storagetest.New(t)
	if err := db.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	work, _ := marks()
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond} {
		jobs, err := storage.NewJobs(db, slog.New(slog.DiscardHandler), work)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), after)
		if err := jobs.Run(ctx); err != nil {
			t.Errorf("ended after %s: %v", after, err)
		}
		cancel()
	}
	goleak.VerifyNone(t, before)
}
