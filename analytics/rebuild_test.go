package analytics

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// append writes a history into the event log at its own times.
func (w *world) append(t testing.TB, log []events.Event) {
	t.Helper()
	for _, e := range log {
		w.now = e.At
		if err := w.db.Tenant(t.Context(), w.tenant, func(tx *storage.Tx) error { return w.log.Append(t.Context(), tx, e.Type, e.Subject, e.Data) }); err != nil {
			t.Fatal(err)
		}
	}
}

// follow runs the follower until it has taken in everything.
func (w *world) follow(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for behind := true; behind; {
		err := w.db.Worker(ctx, func(tx *storage.Tx) error {
			return tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM events) AND NOT EXISTS (SELECT FROM event_cursors c WHERE follower = $1 AND NOT EXISTS (
				SELECT FROM events e WHERE (e.xid, e.seq) > (c.xid, c.seq)))`, follower).Scan(&behind)
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-limit.C:
			t.Fatal("the follower does not come to the end of the log")
		case <-tick.C:
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (w *world) report(t testing.TB) (QueueReport, AgentReport) {
	t.Helper()
	ask := Question{From: "2026-06-03", To: "2026-06-05", Interval: Quarter}
	q, err := w.QueueReport(t.Context(), w.tenant, ask)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.AgentReport(t.Context(), w.tenant, ask)
	if err != nil {
		t.Fatal(err)
	}
	return q, a
}

// busy is an hour with calls of every kind.
func busy(h *history) {
	h.presence(ann, queues.Available, "")
	for range 6 {
		h.enqueue(sales).offerTo(ann).answer(3, 4).finish(200, 30)
		c := h.enqueue(support)
		h.pass(50)
		c.offerTo(ann).to(queues.Alerting)
		h.pass(20)
		c.over(queues.Idle, "missed")
		h.pass(60)
		c.leave(queues.LeftAbandoned)
		h.pass(233)
	}
	h.presence(ann, queues.Offline, "")
}

// A rebuild makes the same facts; what the log has forgotten stays as it was, also twice.
func TestRebuild(t *testing.T) {
	w := newWorld(t)
	h := newHistory(noon)
	busy(h)
	w.append(t, h.log)
	w.follow(t)
	w.now = h.now
	queuesBefore, agentsBefore := w.report(t)
	if queuesBefore.Totals.Offered != 12 || queuesBefore.Totals.Handled != 6 || agentsBefore.Totals.Missed != 6 {
		t.Fatalf("%+v", queuesBefore.Totals)
	}
	same := func(what string) {
		t.Helper()
		q, a := w.report(t)
		if d := cmp.Diff(queuesBefore, q, cmpopts.EquateApprox(0, 1e-6)) + cmp.Diff(agentsBefore, a, cmpopts.EquateApprox(0, 1e-6)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if err := w.db.Worker(t.Context(), func(tx *storage.Tx) error { _, err := tx.Exec(t.Context(), sql, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"once", "twice"} {
		if err := w.Rebuild(t.Context(), w.tenant); err != nil {
			t.Fatal(err)
		}
		same(what)
	}
	exec(`UPDATE report_queue_intervals SET offered = offered + 1, abandoned = 0`)
	if ok, err := w.Verify(t.Context(), w.tenant, noon, noon.Add(3*time.Hour)); ok || err != nil {
		t.Errorf("wrong facts: %v, %v", ok, err)
	}
	if err := w.Rebuild(t.Context(), w.tenant); err != nil {
		t.Fatal(err)
	}
	same("after the facts were wrong")
	if ok, err := w.Verify(t.Context(), w.tenant, noon, noon.Add(3*time.Hour)); !ok || err != nil {
		t.Errorf("right facts: %v, %v", ok, err)
	}
	// Half an hour of the log is purged.
	exec(`DELETE FROM events WHERE at < $1`, noon.Add(30*time.Minute))
	same("after the purge")
	if err := w.Rebuild(t.Context(), w.tenant); err != nil {
		t.Fatal(err)
	}
	q, _ := w.report(t)
	for i, row := range q.Items {
		if row.Start.Before(noon.Add(30*time.Minute)) && cmp.Diff(queuesBefore.Items[i], row) != "" {
			t.Errorf("a fact of what is purged has changed: %+v", row)
		}
	}
	exec(`DELETE FROM events`)
	if err := w.Rebuild(t.Context(), w.tenant); err != nil {
		t.Fatal(err)
	}
	if after, _ := w.report(t); after.Totals.Offered != q.Totals.Offered {
		t.Errorf("without a log %d calls are left of %d", after.Totals.Offered, q.Totals.Offered)
	}
}

// One tenant's rebuild leaves the others alone, and facts end when they are to be kept no longer.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	h := newHistory(noon)
	busy(h)
	w.keep(t, h.log, 200)
	w.now = h.now.Add(48 * time.Hour)
	if err := w.Sweep(t.Context(), 72*time.Hour, time.Hour); err != nil {
		t.Fatal(err)
	}
	if q, _ := w.report(t); q.Totals.Offered != 12 {
		t.Errorf("%d calls are left of 12", q.Totals.Offered)
	}
	waits := 0
	if err := w.db.Worker(t.Context(), func(tx *storage.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT count(*) FROM report_visits`).Scan(&waits)
	}); err != nil || waits != 0 {
		t.Errorf("%d waits are left (%v)", waits, err)
	}
	if err := w.Sweep(t.Context(), time.Hour, time.Hour); err != nil {
		t.Fatal(err)
	}
	if q, a := w.report(t); len(q.Items) != 0 || len(a.Items) != 0 {
		t.Errorf("facts are left: %v, %v", q.Items, a.Items)
	}
}

// BenchmarkProjection measures events per second, from the log to stored facts, in batches as the follower has them.
func BenchmarkProjection(b *testing.B) {
	w := newWorld(b)
	h := newHistory(noon)
	agents := make([]uuid.UUID, 100)
	for i := range agents {
		agents[i] = uuid.New()
		h.presence(agents[i], queues.Available, "")
	}
	in := []uuid.UUID{sales, support, uuid.New(), uuid.New(), uuid.New()}
	for i := 0; len(h.log) < 20_000; i++ {
		h.enqueue(in[i%len(in)]).offerTo(agents[i%len(agents)]).answer(0.1, 0.1).finish(0.1, 0.1)
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		part := h.log[n%(len(h.log)-200):]
		w.keep(b, part[:200], 200)
		n += 200
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkTwoYears measures a report of two years by day for 50 queues, over all their facts.
func BenchmarkTwoYears(b *testing.B) {
	w := newWorld(b)
	if err := w.db.Worker(b.Context(), func(tx *storage.Tx) error {
		_, err := tx.Exec(b.Context(), `
			INSERT INTO report_queue_intervals (tenant_id, queue_id, start, offered, handled, wait_handled_seconds)
			SELECT $1, ('00000000-0000-7000-8000-' || lpad(q::text, 12, '0'))::uuid, s, 10, 9, 90
			FROM generate_series(1, 50) q, generate_series('2024-06-01'::timestamptz, '2026-06-01', '15 min') s WHERE extract(hour FROM s) BETWEEN 8 AND 17`, w.tenant)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		n := 0
		err := w.EachQueueRow(b.Context(), w.tenant, Question{From: "2024-06-01", To: "2026-06-01", Interval: Day}, func(Frame) error { return nil },
			func(QueueRow) error { n++; return nil })
		if err != nil || n != 50*730 {
			b.Fatalf("%d rows, %v", n, err)
		}
	}
}
