package queues

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ErrHoursInUse says that a queue still goes by these opening hours.
var ErrHoursInUse = fault.New(fault.Conflict, "hours_in_use", "A queue, or the global settings, go by these opening hours: choose others there first.")

// ServedBy returns the queues that at least one of the agents serves.
func (s *Service) ServedBy(ctx context.Context, tenant uuid.UUID, agents []uuid.UUID) (ids []uuid.UUID, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT queue_id FROM queue_members WHERE agent_id = ANY ($1)`, agents)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids, wrap("look up the agents' queues", err)
}

// Hours returns one plan of opening hours.
func (s *Service) Hours(ctx context.Context, tenant, id uuid.UUID) (h Hours, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return storage.Missing(tx.QueryRow(ctx, `SELECT plan FROM queue_hours WHERE hours_id = $1`, id).Scan(&h), ErrNoHours)
	})
	return h, wrap("read opening hours", err)
}

// DeleteHours removes opening hours that no queue goes by.
func (s *Service) DeleteHours(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		var used bool
		err := tx.QueryRow(ctx, `
			WITH own AS (SELECT settings FROM queues WHERE archived_at IS NULL UNION ALL SELECT settings FROM queue_globals)
			SELECT EXISTS (SELECT FROM own WHERE settings->>'hours' = $1
				OR settings->'hours_overrides' @> jsonb_build_array(jsonb_build_object('hours', $1::text)))`, id.String()).Scan(&used)
		if err != nil {
			return err
		}
		if used {
			return ErrHoursInUse
		}
		tag, err := tx.Exec(ctx, `DELETE FROM queue_hours WHERE hours_id = $1`, id)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNoHours
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete opening hours: %w", err)
	}
	return nil
}
