package crmsync

import (
	"context"
	"fmt"
	"time"

	"tandem/internal/egress"
	"tandem/internal/storage"
)

// longestWait is more than anything waits for its next try: what is further off was put off by a clock that has been put right since.
const longestWait = egress.LongestWish + time.Hour

// sweep brings back what a wrong clock has put off, and ends what has waited for a choice for too long.
func (s *Service) sweep(ctx context.Context) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		far := tx.Now.Add(longestWait)
		for _, one := range []struct {
			sql  string
			args []any
		}{
			{`UPDATE crm_outbox SET next_try_at = $1 WHERE next_try_at > $2`, []any{tx.Now, far}},
			{`UPDATE crm_outbox SET leased_until = $1 WHERE leased_until > $2`, []any{tx.Now, far}},
			{`UPDATE crm_health SET parked_until = $1 WHERE parked_until > $2`, []any{tx.Now, far}},
			{`UPDATE crm_choices SET held_at = NULL WHERE held_at < $1 OR held_at > $2`, []any{tx.Now.Add(-longestHold), tx.Now.Add(longestHold)}},
		} {
			tag, err := tx.Exec(ctx, one.sql, one.args...)
			if err != nil {
				return fmt.Errorf("look for what waits for too long: %w", err)
			}
			if tag.RowsAffected() > 0 {
				tx.AfterCommit(s.wake)
			}
		}
		return nil
	})
}
