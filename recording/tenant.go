package recording

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// What of a deleted tenant's rows stays: who did what, for good; what the nodes need to remove their files and to write that down, for a day.
var (
	staysForGood = []string{"tenants", "audit", "audit_heads"}
	staysForADay = append([]string{"events", "recordings", "recording_chunks", "recording_parts", "recording_copies"}, staysForGood...)
)

// DeleteTenant deletes a tenant in one transaction: the keys of whatever is held are destroyed, so that nothing of it is sent or heard from the commit on,
// and so is the tenant's key, for all else that was encrypted; then its rows go. The nodes remove the files of recordings within a minute.
func (s *Service) DeleteTenant(ctx context.Context, tenant uuid.UUID) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		held, err := list(ctx, tx, stillHere+` FOR UPDATE`)
		if err != nil {
			return err
		}
		for _, r := range held {
			if err := s.expireIn(ctx, tx, r, "tenant deleted"); err != nil {
				return err
			}
		}
		if err := s.cfg.Keys.DestroyTenant(ctx, tx, tenant); err != nil {
			return err
		}
		if err := storage.PurgeTenant(ctx, tx, staysForADay...); err != nil {
			return err
		}
		s.cfg.Crashing("c20")
		return s.cfg.Events.Append(ctx, tx, "tenant.deleted", tenant, struct{}{})
	})
	if err != nil {
		return err
	}
	s.cfg.Crashing("c20")
	return nil
}

// PurgeDeleted removes what is left of tenants that were deleted a day ago, once their recordings' files are gone.
func (s *Service) PurgeDeleted(ctx context.Context) error {
	var gone []uuid.UUID
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id FROM tenants t WHERE deleted_at < $1
			AND NOT EXISTS (SELECT FROM recordings r WHERE r.tenant_id = t.tenant_id AND erased_at IS NULL)`, tx.Now.Add(-24*time.Hour))
		if err != nil {
			return err
		}
		gone, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	if err != nil {
		return fmt.Errorf("list deleted tenants: %w", err)
	}
	for _, t := range gone {
		err = errors.Join(err, s.cfg.DB.Tenant(ctx, t, func(tx *storage.Tx) error { return storage.PurgeTenant(ctx, tx, staysForGood...) }))
	}
	return err
}
