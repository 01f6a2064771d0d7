package calls

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// History chooses the calls with a customer: from or to one of their numbers, and those of Also.
type History struct {
	Numbers []string // as calls have them, E.164 where it is one
	Also    []uuid.UUID
	Agents  []uuid.UUID
	Queues  []uuid.UUID // with Agents: calls of these agents or in these queues; both nil: all
	Before  uuid.UUID   // ids below it
	Since   time.Time
	Limit   int
}

// History returns the calls with a customer, the newest first.
func (s *Switchboard) History(ctx context.Context, tenant uuid.UUID, h History) ([]CallRow, error) {
	const reach = ` AND call_id < $3 AND started_at >= $4 AND ($5::uuid[] IS NULL AND $6::uuid[] IS NULL OR agent_id = ANY ($5) OR queue_id = ANY ($6)) ORDER BY call_id DESC LIMIT $7`
	var found []CallRow
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		// One index each, put together: a condition with OR would read all calls.
		rows, err := tx.Query(ctx, `SELECT `+callColumns+` FROM calls WHERE call_id IN (
				(SELECT call_id FROM calls WHERE caller = ANY ($1) AND caller <> '' `+reach+`)
				UNION (SELECT call_id FROM calls WHERE number = ANY ($1) AND direction = 'outbound' `+reach+`)
				UNION (SELECT call_id FROM calls WHERE call_id = ANY ($2) `+reach+`))
			ORDER BY call_id DESC LIMIT $7`, h.Numbers, h.Also, h.Before, h.Since, h.Agents, h.Queues, h.Limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanCall)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a customer's calls: %w", err)
	}
	return found, nil
}
