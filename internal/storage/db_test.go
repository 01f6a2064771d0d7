package storage_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

func tenantsSeen(t *testing.T, query func(context.Context, func(*storage.Tx) error) error) int {
	t.Helper()
	n := -1
	err := query(context.Background(), func(tx *storage.Tx) error {
		return tx.QueryRow(context.Background(), "SELECT count(*) FROM tenants").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRowLevelSecurity(t *testing.T) {
	db := storagetest.New(t)
	ctx := context.Background()
	a := storagetest.Tenant(t, db, "a")
	b := storagetest.Tenant(t, db, "b")

	if n, m := tenantsSeen(t, db.Worker), tenantsSeen(t, db.Steady); n != 2 || m != 2 {
		t.Fatalf("workers see %d and %d tenants, want 2", n, m)
	}
	if n := tenantsSeen(t, func(ctx context.Context, f func(*storage.Tx) error) error { return db.Tenant(ctx, a, f) }); n != 1 {
		t.Fatalf("tenant a sees %d tenants, want 1", n)
	}
	// No tenant set, no rows: also outside any transaction of ours.
	var n int
	if err := db.Pool().QueryRow(ctx, "SELECT count(*) FROM tenants").Scan(&n); err != nil || n != 0 {
		t.Fatalf("without a tenant %d rows are seen (%v), want 0", n, err)
	}
	err := db.Tenant(ctx, a, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, "UPDATE tenants SET name = 'stolen' WHERE tenant_id = $1", b)
		if err == nil && tag.RowsAffected() != 0 {
			t.Error("tenant a changed tenant b")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Tenant(ctx, a, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO tenants (tenant_id, slug, name, created_at) VALUES ($1, 'c', 'c', now())", uuid.New())
		return err
	})
	if err == nil {
		t.Fatal("tenant a inserted a row of another tenant")
	}
	if err := db.Tenant(ctx, uuid.Nil, func(*storage.Tx) error { return nil }); err == nil {
		t.Fatal("a tenant transaction without a tenant must fail")
	}
}

// Every table that has a tenant_id must have row-level security enabled and forced.
func TestEveryTenantTableIsIsolated(t *testing.T) {
	db := storagetest.New(t)
	err := db.Worker(context.Background(), func(tx *storage.Tx) error {
		rows, err := tx.Query(context.Background(), `
			SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace`)
		if err != nil {
			return err
		}
		defer rows.Close()
		seen := 0
		for rows.Next() {
			var table string
			var isolated bool
			if err := rows.Scan(&table, &isolated); err != nil {
				return err
			}
			seen++
			if !isolated {
				t.Errorf("table %s has a tenant_id but no forced row-level security: call isolate_tenant('%s') in its migration", table, table)
			}
		}
		if seen == 0 {
			t.Error("no table has a tenant_id")
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRollbackAndAfterCommit(t *testing.T) {
	db := storagetest.New(t)
	ctx := context.Background()
	stop := errors.New("stop")
	ran := 0
	err := db.Worker(ctx, func(tx *storage.Tx) error {
		tx.AfterCommit(func() { ran++ })
		if _, err := tx.Exec(ctx, "INSERT INTO tenants (tenant_id, slug, name, created_at) VALUES ($1, 'x', 'x', $2)", storage.NewID(), tx.Now); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) || ran != 0 || tenantsSeen(t, db.Worker) != 0 {
		t.Fatalf("err=%v ran=%d: a failed transaction must leave nothing and run nothing", err, ran)
	}
	if err := db.Worker(ctx, func(tx *storage.Tx) error { tx.AfterCommit(func() { ran++ }); return nil }); err != nil || ran != 1 {
		t.Fatalf("err=%v ran=%d, want AfterCommit once", err, ran)
	}
}
