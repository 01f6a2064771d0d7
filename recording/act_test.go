package recording_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// waiting records something that the CRM refuses for good.
func waiting(t *testing.T, r *recordingtest.Rig, s *shelf) (id uuid.UUID) {
	t.Helper()
	s.misbehave(misdeed{before: failure(recording.ClassRejected)})
	call := uuid.New()
	id = made(t, r, call)
	r.Link(call, "wrong")
	r.Await("quarantine", func() bool { return r.State(id) == recording.Quarantined })
	return id
}

func TestAnotherTicket(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{MaxPart: 13_058})
	id := waiting(t, r, s)
	if err := r.Service.Move(t.Context(), uuid.New(), id, "mine"); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("moved by another tenant: %v", err)
	}
	s.misbehave(misdeed{}, misdeed{before: failure(recording.ClassRejected)})
	if err := r.Service.Move(t.Context(), r.Tenant, id, "right"); err != nil {
		t.Fatal(err)
	}
	r.Await("half of it", func() bool { return r.State(id) == recording.Quarantined && len(s.parts("right")) == 1 })
	if err := r.Service.Move(t.Context(), r.Tenant, id, "third"); !errors.Is(err, recording.ErrPartsIn) {
		t.Errorf("torn apart: %v", err)
	}
	if err := r.Service.TryNow(t.Context(), r.Tenant, id); err != nil {
		t.Fatal(err)
	}
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	if len(s.parts("right")) != 2 || len(s.parts("wrong")) != 0 {
		t.Error("not on the right ticket")
	}
	if err := r.Service.Move(t.Context(), r.Tenant, id, "third"); !errors.Is(err, recording.ErrPartsIn) {
		t.Errorf("moved when it is gone: %v", err)
	}
}

func TestDestroyNow(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	id := waiting(t, r, s)
	if err := r.Service.DestroyNow(t.Context(), r.Tenant, id); err != nil {
		t.Fatal(err)
	}
	if err := recording.Opens(r.Service, id); !errors.Is(err, storage.ErrEpochDestroyed) {
		t.Errorf("it opens: %v", err)
	}
	sweep(t, r)
	if left := spoolBytes(t, r.Dir); len(left) != 1 {
		t.Errorf("%d files left", len(left))
	}
	var reason string
	r.Scan(&reason, `SELECT data->>'reason' FROM events WHERE type = 'recording.expired'`)
	if reason != "person" {
		t.Errorf("told of %q", reason)
	}
	if err := r.Service.TryNow(t.Context(), r.Tenant, id); !errors.Is(err, recording.ErrStep) {
		t.Errorf("tried again: %v", err)
	}
}

// A tenant that goes takes its keys along: what runs, what waits and what is under way ends, and nothing is sent afterwards.
func TestTenantIsForgotten(t *testing.T) {
	r := recordingtest.New(t, nil)
	s := newShelf()
	call := uuid.New()
	held := made(t, r, call)
	running, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: uuid.New(), Customer: recordingtest.NewVoice(t, codec.PCMU, 440, nil).Stream})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Service.DeleteTenant(t.Context(), r.Tenant); err != nil {
		t.Fatal(err)
	}
	for _, id := range []uuid.UUID{held, running.ID()} {
		if st := r.State(id); st != recording.Expired {
			t.Errorf("%s", st)
		}
		if err := recording.Opens(r.Service, id); !errors.Is(err, storage.ErrEpochDestroyed) {
			t.Errorf("it opens: %v", err)
		}
	}
	if err := running.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	uploader(r, s, recording.UploaderConfig{})
	r.Link(call, "t")
	if err := r.Service.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.attempts()); n != 0 {
		t.Errorf("%d attempts", n)
	}
	if left := spoolBytes(t, r.Dir); len(left) != 1 {
		t.Errorf("%d files left", len(left))
	}
	var keys int
	r.Scan(&keys, `SELECT (SELECT count(*) FROM recording_crm_keys) + (SELECT count(*) FROM tenant_keys) + (SELECT count(*) FROM recordings WHERE wrapped_key IS NOT NULL OR crm_share IS NOT NULL)`)
	if keys != 0 {
		t.Errorf("%d keys left", keys)
	}
	if err := r.Service.Sweep(t.Context()); err != nil { // the call that ran has ended
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		rows  int
	}{{23 * time.Hour, 2}, {2 * time.Hour, 0}} {
		r.Skew(c.after)
		if err := r.Service.PurgeDeleted(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows, tenants int
		r.Scan(&rows, `SELECT count(*) FROM recordings`)
		r.Scan(&tenants, `SELECT count(*) FROM tenants`)
		if rows != c.rows || tenants != 1 {
			t.Errorf("%d recordings, %d tenants %v later", rows, tenants, c.after)
		}
	}
}
