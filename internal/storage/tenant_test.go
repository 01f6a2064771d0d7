package storage_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

// A tenant's rows go, those that others refer to as well; what is named stays, and so does all of another tenant.
func TestPurgeTenant(t *testing.T) {
	ctx, db := context.Background(), storagetest.New(t)
	insert := `WITH p AS (INSERT INTO prompts (tenant_id, prompt_id, name, kind, created_at) VALUES ($1, $2, 'welcome', 'speech', $3) RETURNING prompt_id)
		INSERT INTO numbers (tenant_id, number_id, number, kind, prompt_id, created_at) SELECT $1, $2, '1000', 'message', prompt_id, $3 FROM p`
	purge := func(tenant uuid.UUID, keep ...string) {
		t.Helper()
		if err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return storage.PurgeTenant(ctx, tx, keep...) }); err != nil {
			t.Fatal(err)
		}
	}
	count := func(table string) (n int) {
		t.Helper()
		err := db.Worker(ctx, func(tx *storage.Tx) error { return tx.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n) })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var tenants []uuid.UUID
	for _, slug := range []string{"a", "b"} {
		tenant := storagetest.Tenant(t, db, slug)
		tenants = append(tenants, tenant)
		err := db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
			_, err := tx.Exec(ctx, insert, tenant, storage.NewID(), tx.Now)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	purge(tenants[0], "tenants", "audit", "audit_heads")
	if p, n, all := count("prompts"), count("numbers"), count("tenants"); p != 1 || n != 1 || all != 2 {
		t.Errorf("%d prompts, %d numbers, %d tenants", p, n, all)
	}
	purge(tenants[0], "tenants", "audit", "audit_heads")
}
