package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
)

// ErrTenantDeleted says that nothing is kept for a tenant any more.
var ErrTenantDeleted = fault.New(fault.NotFound, "tenant_deleted", "This tenant has been deleted.")

// PurgeTenant deletes the rows of tx's tenant from every table but those named: rows that others refer to go after the others.
func PurgeTenant(ctx context.Context, tx *Tx, keep ...string) error {
	rows, err := tx.Query(ctx, `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relname = ANY ($1) ORDER BY c.oid DESC`, keep)
	if err != nil {
		return fmt.Errorf("list the tables of tenants: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the tables of tenants: %w", err)
	}
	for len(tables) > 0 {
		var referred []string
		for _, table := range tables {
			switch err := emptyTable(ctx, tx, table); {
			case Referenced(err):
				referred = append(referred, table)
			case err != nil:
				return fmt.Errorf("delete the tenant's rows of %s: %w", table, err)
			}
		}
		if slices.Equal(referred, tables) {
			return fmt.Errorf("delete the tenant's rows of %s: other rows refer to them", strings.Join(tables, ", "))
		}
		tables = referred
	}
	return nil
}

// emptyTable leaves the transaction usable when it fails.
func emptyTable(ctx context.Context, tx *Tx, table string) error {
	return pgx.BeginFunc(ctx, tx.Tx, func(inner pgx.Tx) error {
		_, err := inner.Exec(ctx, "DELETE FROM "+pgx.Identifier{table}.Sanitize()+" WHERE tenant_id = $1", tx.Tenant)
		return err
	})
}
