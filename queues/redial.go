package queues

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// comesBack says whether an item was in the queue before, so that it is turned away no more: it comes back from an agent or a transfer, or its
// caller had a place until they hung up and calls again soon enough (Q3.6). In that case it gets the place, and the priority if that was
// higher. A place is taken over once; callers who withhold their number have none.
func comesBack(ctx context.Context, tx *storage.Tx, set Settings, queue uuid.UUID, n *NewItem) (bool, error) {
	var before bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue_items WHERE item_id = $1 AND queue_id = $2)`, n.ID, queue).Scan(&before); err != nil || before {
		return before, err
	}
	if n.Kind != Call || n.Caller == "" || !n.EnqueuedAt.IsZero() || set.RedialSeconds.Value == 0 {
		return false, nil
	}
	var since time.Time
	var priority int
	err := tx.QueryRow(ctx, `
		UPDATE queue_items SET resumed_by = $3 WHERE item_id = (
			SELECT item_id FROM queue_items
			WHERE queue_id = $1 AND caller = $2 AND left_reason = 'abandoned' AND left_at >= $4 AND kind = 'call' AND resumed_by IS NULL AND item_id <> $3
			ORDER BY left_at DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING enqueued_at, priority`, queue, n.Caller, n.ID, tx.Now.Add(-time.Duration(set.RedialSeconds.Value)*time.Second)).Scan(&since, &priority)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	n.EnqueuedAt, n.Priority = since, max(n.Priority, priority)
	return err == nil, err
}
