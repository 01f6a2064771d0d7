package recording_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// held is a CRM that takes its time until it is let go, and knows how many sends each tenant has under way.
type held struct {
	*shelf
	mu      sync.Mutex
	under   map[uuid.UUID]int
	most    map[uuid.UUID]int
	release chan struct{}
}

func (h *held) Attach(ctx context.Context, p recording.Part, audio io.Reader) (recording.Confirmation, error) {
	h.count(p.Tenant, 1)
	defer h.count(p.Tenant, -1)
	select {
	case <-h.release:
	case <-ctx.Done():
		return recording.Confirmation{}, ctx.Err()
	}
	return h.shelf.Attach(ctx, p, audio)
}

func (h *held) count(tenant uuid.UUID, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.under[tenant] += by
	h.most[tenant] = max(h.most[tenant], h.under[tenant])
}

func (h *held) now(tenant uuid.UUID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.under[tenant]
}

// copies makes n recordings of nothing much.
func copies(t *testing.T, r *recordingtest.Rig, tenant uuid.UUID, n int) {
	t.Helper()
	for range n {
		rec, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: tenant, Call: uuid.New()})
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// link puts all recordings on tickets of their own at once.
func link(t *testing.T, r *recordingtest.Rig) {
	t.Helper()
	err := r.DB.Worker(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE recordings SET ticket = recording_id::text`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A tenant with much to send has four sends at a time, and leaves the others their turn, however slow its CRM is.
func TestTenantsTakeTurns(t *testing.T) {
	r := recordingtest.New(t, nil)
	other := storagetest.Tenant(t, r.DB, "b")
	h := &held{shelf: newShelf(), under: map[uuid.UUID]int{}, most: map[uuid.UUID]int{}, release: make(chan struct{})}
	copies(t, r, r.Tenant, 8)
	copies(t, r, other, 2)
	link(t, r)
	uploader(r, h, recording.UploaderConfig{Workers: 6})
	r.Await("four of one and two of the other", func() bool { return h.now(r.Tenant) == 4 && h.now(other) == 2 })
	close(h.release)
	r.Await("all", func() bool { return len(h.attempts()) == 10 })
	if h.most[r.Tenant] != 4 {
		t.Errorf("%d sends of one tenant at a time", h.most[r.Tenant])
	}
}

// What is near its deadline goes first; what cannot be sent before it is not begun.
func TestLastDayFirst(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	copies(t, r, r.Tenant, 3)
	var ids []uuid.UUID
	r.Scan(&ids, `SELECT array_agg(recording_id ORDER BY recording_id) FROM recordings`)
	deadline := func(id uuid.UUID, d time.Duration) {
		r.Scan(new(int), `WITH r AS (UPDATE recordings SET deadline = $2 WHERE recording_id = $1 RETURNING 1) SELECT count(*) FROM r`, id, r.Now().Add(d))
	}
	deadline(ids[1], time.Hour+20*time.Second) // less than a send may take, but for the margin of an hour
	deadline(ids[2], 5*time.Hour)
	uploader(r, s, recording.UploaderConfig{Workers: 1})
	r.Await("planned", func() bool {
		var n int
		r.Scan(&n, `SELECT count(*) FROM recordings WHERE state = 'planned'`)
		return n == 3
	})
	link(t, r)
	r.Await("two of them", func() bool { return len(s.attempts()) == 2 })
	if a := s.attempts(); !has(ids[2])(a[0]) || !has(ids[0])(a[1]) {
		t.Errorf("sent in the order %v", a)
	}
	if st := r.State(ids[1]); st != recording.Planned {
		t.Errorf("what cannot be sent in time is %s", st)
	}
}

// A CRM that takes so many files in a minute gets no more, whatever waits.
func TestPace(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	s.limits.PerMinute = 2
	copies(t, r, r.Tenant, 5)
	link(t, r)
	uploader(r, s, recording.UploaderConfig{})
	for sent := 2; sent < 5; sent += 2 {
		r.Await("two more", func() bool { return len(s.attempts()) == sent })
		r.Await("their end", func() bool {
			var open int
			r.Scan(&open, `SELECT count(*) FROM recordings WHERE state <> 'destroyed'`)
			return open == 5-sent
		})
		if n := len(s.attempts()); n != sent {
			t.Fatalf("%d sends in a minute that takes 2", n)
		}
		r.Skew(time.Minute)
	}
}

// owe makes n planned recordings of a tenant, of one part each, due for as many seconds; those with the same ticket wait for one another.
func owe(t testing.TB, r *recordingtest.Rig, tenant uuid.UUID, n, tickets int) {
	t.Helper()
	var made int
	r.Scan(&made, `WITH r AS (
			INSERT INTO recordings (tenant_id, recording_id, kind, call_id, node, state, started_at, deadline, ticket)
			SELECT $1, gen_random_uuid(), 'call', gen_random_uuid(), 'node1', 'planned', $2::timestamptz - i * interval '1 second', $2::timestamptz + interval '6 days', (i % $4)::text FROM generate_series(1, $3::int) i
			RETURNING tenant_id, recording_id, started_at, deadline
		), p AS (
			INSERT INTO recording_parts (tenant_id, recording_id, part, state, next_try_at, deadline, payload_offset, payload, size, sha256, name)
			SELECT tenant_id, recording_id, 1, 'pending', started_at, deadline, 0, 100, 158, '\x00', recording_id::text FROM r RETURNING 1
		) SELECT count(*) FROM p`, tenant, r.Now(), n, tickets)
	if made != n {
		t.Fatalf("%d of %d", made, n)
	}
}

// A round takes of each tenant what it has room for, and looks first at those who have the least under way.
func TestWhoseTurnItIs(t *testing.T) {
	r := recordingtest.New(t, nil)
	few, one, parked := storagetest.Tenant(t, r.DB, "few"), storagetest.Tenant(t, r.DB, "one"), storagetest.Tenant(t, r.DB, "parked")
	owe(t, r, r.Tenant, 500, 500)
	owe(t, r, few, 2, 2)
	owe(t, r, one, 300, 1)
	owe(t, r, parked, 3, 3)
	r.Scan(new(int), `WITH l AS (INSERT INTO recording_lanes (tenant_id, parked_until, reason) VALUES ($1, $2, '') RETURNING 1) SELECT count(*) FROM l`, parked, r.Now().Add(time.Hour))
	u := recording.NewUploader(r.Service, newShelf(), recording.UploaderConfig{})
	for i, want := range []map[uuid.UUID]int{{r.Tenant: 1, few: 1, one: 1}, {r.Tenant: 2, few: 1}, {r.Tenant: 1}, {}} {
		tenants, err := recording.Claim(t.Context(), u, 3)
		got := map[uuid.UUID]int{}
		for _, id := range tenants {
			got[id]++
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("round %d: %v, %v, want %v", i+1, got, err, want)
		}
	}
}

// A round among 7,000 parts of 20 tenants that are due.
func BenchmarkClaim(b *testing.B) {
	r := recordingtest.New(b, nil)
	for i := range 20 {
		owe(b, r, storagetest.Tenant(b, r.DB, fmt.Sprintf("t%d", i)), 350, 350)
	}
	u := recording.NewUploader(r.Service, newShelf(), recording.UploaderConfig{})
	for b.Loop() {
		if tenants, err := recording.Claim(b.Context(), u, 8); err != nil || len(tenants) != 8 {
			b.Fatal(len(tenants), err)
		}
		b.StopTimer()
		r.Scan(new(int), `WITH p AS (UPDATE recording_parts SET state = 'pending', leased_until = NULL WHERE leased_until IS NOT NULL RETURNING 1) SELECT count(*) FROM p`)
		b.StartTimer()
	}
}
