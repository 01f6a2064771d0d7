package queues

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// DefaultRetention is for how many days a tenant that has set nothing keeps what is over: items that left, ended offers, decisions, alarms.
const DefaultRetention = 30

// purgeBatch is how many rows one transaction removes, so that none holds the tables for long.
const purgeBatch = 5000

// Retention returns for how many days a tenant keeps what is over.
func (s *Service) Retention(ctx context.Context, tenant uuid.UUID) (days int, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT days FROM queue_retention WHERE tenant_id = $1`, tenant).Scan(&days)
		if errors.Is(err, pgx.ErrNoRows) {
			days, err = DefaultRetention, nil
		}
		return err
	})
	return days, wrap("read for how long a queue's past is kept", err)
}

// SetRetention sets it: 1 to 3650 days.
func (s *Service) SetRetention(ctx context.Context, tenant uuid.UUID, days int) error {
	if days < 1 || days > 3650 {
		return invalid("days", "A queue's past is kept for 1 to 3650 days.")
	}
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO queue_retention (tenant_id, days) VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET days = excluded.days`, tenant, days); err != nil {
			return err
		}
		return s.log.Append(ctx, tx, "queue.changed", tenant, struct{}{})
	})
	return wrap("set for how long a queue's past is kept", err)
}

// Purge removes, of all tenants, what is over for longer than it is kept. It returns how many rows went.
func (s *Service) Purge(ctx context.Context) (gone int64, err error) {
	const old = ` < $1::timestamptz - make_interval(days => coalesce((SELECT days FROM queue_retention r WHERE r.tenant_id = x.tenant_id), $2)) LIMIT $3`
	for _, sql := range []string{
		`DELETE FROM queue_decisions WHERE decision_id IN (SELECT decision_id FROM queue_decisions x WHERE at` + old + `)`,
		`DELETE FROM queue_offers WHERE offer_id IN (SELECT offer_id FROM queue_offers x WHERE state = 'IDLE' AND ended_at` + old + `)`,
		// An item goes after its offers, which refer to it.
		`DELETE FROM queue_items WHERE item_id IN (
			SELECT item_id FROM queue_items x WHERE state = 'left' AND NOT EXISTS (SELECT FROM queue_offers o WHERE o.item_id = x.item_id) AND left_at` + old + `)`,
		`DELETE FROM queue_alarms WHERE alarm_id IN (SELECT alarm_id FROM queue_alarms x WHERE at` + old + `)`,
	} {
		n, err := s.purge(ctx, sql, func(now time.Time) []any { return []any{now, DefaultRetention, purgeBatch} })
		gone += n
		if err != nil {
			return gone, wrap("purge", err)
		}
	}
	n, err := s.purge(ctx, `DELETE FROM queue_work WHERE offer_id IN (SELECT offer_id FROM queue_work WHERE began_at < $1 LIMIT $2)`,
		func(now time.Time) []any { return []any{now.Add(-workWindow - time.Hour), purgeBatch} })
	return gone + n, wrap("purge", err)
}

// purge repeats a statement until it removes less than a batch.
func (s *Service) purge(ctx context.Context, sql string, args func(now time.Time) []any) (gone int64, err error) {
	for {
		var n int64
		err := s.db.Worker(ctx, func(tx *storage.Tx) error {
			tag, err := tx.Exec(ctx, sql, args(tx.Now)...)
			n = tag.RowsAffected()
			return err
		})
		gone += n
		if err != nil || n < purgeBatch {
			return gone, err
		}
	}
}
