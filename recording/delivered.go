package recording

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// DeliveredPart is a part that the CRM has.
type DeliveredPart struct {
	Recording uuid.UUID `db:"recording_id"`
	Number    int       `db:"part"`
	Name      string    `db:"name"`
	Size      int64     `db:"size"`
	Ticket    string    `db:"ticket"` // as LinkTicket was told
}

// Delivered returns the parts of recordings that the CRM has in whole, in order; those that are still on their way are missing (R4.1).
func (s *Service) Delivered(ctx context.Context, tenant uuid.UUID, recordings []uuid.UUID) (map[uuid.UUID][]DeliveredPart, error) {
	found := make(map[uuid.UUID][]DeliveredPart)
	if len(recordings) == 0 {
		return found, nil
	}
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT p.recording_id, p.part, p.name, p.size, r.ticket FROM recording_parts p JOIN recordings r USING (recording_id)
			WHERE r.recording_id = ANY ($1) AND r.state IN ('delivered', 'destroyed') AND r.ticket IS NOT NULL AND p.state = 'confirmed' ORDER BY p.part`, recordings)
		if err != nil {
			return err
		}
		parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[DeliveredPart])
		for _, p := range parts {
			found[p.Recording] = append(found[p.Recording], p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list delivered recordings: %w", err)
	}
	return found, nil
}
