package queues

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// maxRedial is the most that redial_seconds can be.
const maxRedial = time.Hour

// comesBack says whether an item's caller had a place until they hung up and calls again soon enough (Q3.6), so that they are turned away no more:
// the item gets the place, and the priority if that was higher. A place is taken over once; callers who withhold their number have none.
func comesBack(ctx context.Context, tx *storage.Tx, set Settings, queue uuid.UUID, n *NewItem) (bool, error) {
	if !n.mayComeBack() || set.RedialSeconds.Value == 0 {
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

func (n *NewItem) mayComeBack() bool {
	return n.Kind == Call && n.Caller != "" && n.EnqueuedAt.IsZero()
}

// queueComesBack looks, as part of a batch, whether there is such a place at all: hardly anybody calls again within an hour.
func queueComesBack(b *pgx.Batch, tx *storage.Tx, queue uuid.UUID, n *NewItem, found *bool) {
	b.Queue(`SELECT EXISTS (SELECT FROM queue_items WHERE queue_id = $1 AND caller = $2 AND left_reason = 'abandoned' AND left_at >= $3)`,
		queue, n.Caller, tx.Now.Add(-maxRedial)).QueryRow(func(row pgx.Row) error { return row.Scan(found) })
}
