package audit_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tandem/internal/audit"
	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

func open(t *testing.T) (*storage.DB, *pgx.Conn, uuid.UUID) {
	t.Helper()
	url := storagetest.NewURL(t)
	db, err := storage.Open(t.Context(), storage.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	owner, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close(context.WithoutCancel(t.Context())) })
	return db, owner, storagetest.Tenant(t, db, "one")
}

func add(ctx context.Context, db *storage.DB, tenant uuid.UUID) error {
	return db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return audit.Write(ctx, tx, audit.Entry{Action: "thing.changed", Subject: uuid.New(), Data: map[string]any{"b": 1, "a": "x"}})
	})
}

func verdict(t *testing.T, db *storage.DB, tenant uuid.UUID) audit.Verdict {
	t.Helper()
	v, err := audit.Verify(t.Context(), db, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyNamesTheFirstBadRow(t *testing.T) {
	for _, c := range []struct {
		name, tamper string
		bad          int64
	}{
		{"untouched", ``, 0},
		{"edited", `UPDATE audit SET action = 'nothing' WHERE seq = 3`, 3},
		{"another actor", `UPDATE audit SET actor = gen_random_uuid() WHERE seq = 2`, 2},
		{"data edited", `UPDATE audit SET data = '{}' WHERE seq = 5`, 5},
		{"moved in time", `UPDATE audit SET at = at - interval '1 second' WHERE seq = 4`, 4},
		{"deleted in the middle", `DELETE FROM audit WHERE seq = 3`, 3},
		{"deleted at the end", `DELETE FROM audit WHERE seq = 6`, 6},
		{"reordered", `UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3); UPDATE audit SET seq = -seq WHERE seq < 0`, 2},
		{"all gone", `DELETE FROM audit`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, owner, tenant := open(t)
			for range 6 {
				if err := add(t.Context(), db, tenant); err != nil {
					t.Fatal(err)
				}
			}
			// Only a superuser who switches the triggers off gets this far.
			if _, err := owner.Exec(t.Context(), `SET session_replication_role = replica; `+c.tamper); err != nil {
				t.Fatal(err)
			}
			if v := verdict(t, db, tenant); v.Bad != c.bad || v.OK != (c.bad == 0) {
				t.Fatalf("%+v, want bad row %d", v, c.bad)
			}
		})
	}
}

func TestRowsCannotBeChanged(t *testing.T) {
	db, owner, tenant := open(t)
	if err := add(t.Context(), db, tenant); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`UPDATE audit SET action = 'x'`, `DELETE FROM audit`, `TRUNCATE audit`} {
		for name, try := range map[string]func(context.Context, func(*storage.Tx) error) error{
			"app":    func(ctx context.Context, f func(*storage.Tx) error) error { return db.Tenant(ctx, tenant, f) },
			"worker": db.Worker,
		} {
			if err := try(t.Context(), func(tx *storage.Tx) error { _, err := tx.Exec(t.Context(), sql); return err }); err == nil || !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("%s as %s: %v", sql, name, err)
			}
		}
		if _, err := owner.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s as the owner: %v", sql, err)
		}
	}
}

func TestManyWritersMakeOneChain(t *testing.T) {
	db, _, tenant := open(t)
	g, ctx := errgroup.WithContext(t.Context())
	for range 8 {
		g.Go(func() error {
			for range 10 {
				if err := add(ctx, db, tenant); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, db, tenant); !v.OK || v.Rows != 80 {
		t.Fatalf("%+v", v)
	}
}

func TestWhatIsAudited(t *testing.T) {
	db, _, tenant := open(t)
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	log := events.NewLog(bus)
	agent, manager := uuid.New(), uuid.New()
	for _, e := range []struct {
		actor   uuid.UUID
		typ     string
		subject uuid.UUID
		data    map[string]any
	}{
		{agent, "agent.presence", agent, map[string]any{"presence": "AVAILABLE"}},
		{manager, "agent.presence", agent, map[string]any{"presence": "AWAY", "reason": "lunch with Ada"}},
		{manager, "queue.changed", uuid.New(), map[string]any{"name": "Ada's queue"}},
		{uuid.Nil, "call.ended", uuid.New(), map[string]any{"caller": "+15550100"}},
		{uuid.Nil, "recording.expired", uuid.New(), map[string]any{"reason": "crm_down", "days": 7}},
	} {
		ctx := events.WithActor(t.Context(), e.actor)
		err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return log.Append(ctx, tx, e.typ, e.subject, e.data) })
		if err != nil {
			t.Fatal(err)
		}
	}
	err = db.Tenant(t.Context(), tenant, func(tx *storage.Tx) error {
		return audit.Auth(log)(t.Context(), tx, auth.Fact{Tenant: tenant, Actor: manager, Type: "user.changed", Subject: agent, Data: map[string]any{"fields": []string{"name"}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- audit.Follow(db, bus, slog.New(slog.DiscardHandler)).Run(ctx) }()
	want := map[string]bool{"agent.presence": true, "queue.changed": true, "recording.expired": true, "user.changed": true}
	var rows []audit.Row
	for deadline := time.Now().Add(20 * time.Second); len(rows) < len(want) && time.Now().Before(deadline); {
		if rows, err = audit.List(t.Context(), db, tenant, audit.Filter{Limit: 50}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if !want[r.Action] {
			t.Errorf("%s is audited", r.Action)
		}
		delete(want, r.Action)
		if strings.Contains(string(r.Data), "Ada") {
			t.Errorf("%s holds personal data: %s", r.Action, r.Data)
		}
	}
	if len(want) > 0 {
		t.Errorf("not audited: %v", want)
	}
	if v := verdict(t, db, tenant); !v.OK {
		t.Errorf("%+v", v)
	}
}
