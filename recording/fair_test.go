package recording_test

import (
	"context"
	"io"
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
