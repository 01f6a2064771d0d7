package auth

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Tenant is one customer organisation of the installation.
type Tenant struct {
	ID       uuid.UUID `json:"id" db:"tenant_id"`
	Slug     string    `json:"slug" db:"slug"`
	Name     string    `json:"name" db:"name"`
	Locale   string    `json:"locale" db:"locale"`
	TimeZone string    `json:"time_zone" db:"time_zone"`
}

// ErrNoTenant says that there is no such tenant.
var ErrNoTenant = fault.New(fault.NotFound, "tenant_not_found", "There is no such tenant.")

// Tenant returns one tenant.
func (s *Service) Tenant(ctx context.Context, id uuid.UUID) (t Tenant, err error) {
	err = s.db.Tenant(ctx, id, func(tx *storage.Tx) error { t, err = readTenant(ctx, tx, "tenant_id = $1", id); return err })
	return t, err
}

// TenantBySlug finds a tenant by its short name, across tenants: for operators' commands, never for a request.
func (s *Service) TenantBySlug(ctx context.Context, slug string) (t Tenant, err error) {
	err = s.db.Worker(ctx, func(tx *storage.Tx) error { t, err = readTenant(ctx, tx, "slug = $1", slug); return err })
	return t, err
}

// TenantIDs returns all tenants, the oldest first: for work that is done for each, never for a request.
func (s *Service) TenantIDs(ctx context.Context) (ids []uuid.UUID, err error) {
	err = s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id FROM tenants ORDER BY tenant_id`)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids, err
}

func readTenant(ctx context.Context, tx *storage.Tx, where string, arg any) (Tenant, error) {
	rows, err := tx.Query(ctx, `SELECT tenant_id, slug, name, locale, time_zone FROM tenants WHERE `+where, arg)
	if err != nil {
		return Tenant{}, err
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Tenant])
	return t, storage.Missing(err, ErrNoTenant)
}
