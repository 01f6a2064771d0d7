package webhooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// deliveries are read with their last try.
const deliveries = `
	SELECT d.delivery_id, d.message_id, d.type, d.state, d.attempts, coalesce(a.status, 0) AS status, coalesce(a.failure, '') AS failure, coalesce(a.millis, 0) AS millis,
		d.created_at, a.at AS tried_at, CASE WHEN d.state = 'waiting' THEN greatest(d.next_try_at, e.throttled_until) END AS next_try_at, d.body IS NOT NULL AS kept
	FROM webhook_deliveries d JOIN webhook_endpoints e USING (endpoint_id)
	LEFT JOIN LATERAL (SELECT * FROM webhook_attempts a WHERE a.delivery_id = d.delivery_id ORDER BY n DESC LIMIT 1) a ON true
	WHERE d.endpoint_id = $1`

// Deliveries lists what was sent to an endpoint or waits for it, the newest first, in one state or (empty) all: at most n, from before a delivery
// (uuid.Nil: from the newest).
func (s *Service) Deliveries(ctx context.Context, tenant, endpoint uuid.UUID, state State, before uuid.UUID, n int) (all []Delivery, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := readEndpoint(ctx, tx, endpoint); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, deliveries+` AND ($2 = '' OR d.state = $2) AND ($3::uuid = '00000000-0000-0000-0000-000000000000' OR d.delivery_id < $3) ORDER BY d.delivery_id DESC LIMIT $4`,
			endpoint, state, before, n)
		if err != nil {
			return fmt.Errorf("list the deliveries to an endpoint: %w", err)
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByName[Delivery])
		return err
	})
	return all, err
}

// Details are a delivery with what is sent, while it is kept, and its tries.
type Details struct {
	Delivery
	Body string    `json:"body,omitempty"`
	Log  []Attempt `json:"log"` // oldest first
}

// Delivery returns one in full.
func (s *Service) Delivery(ctx context.Context, tenant, endpoint, id uuid.UUID) (d Details, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, deliveries+` AND d.delivery_id = $2`, endpoint, id)
		if err != nil {
			return fmt.Errorf("read a delivery: %w", err)
		}
		if d.Delivery, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Delivery]); errors.Is(err, pgx.ErrNoRows) {
			return ErrNoDelivery
		} else if err != nil {
			return fmt.Errorf("read a delivery: %w", err)
		}
		if err := tx.QueryRow(ctx, `SELECT coalesce(body, '') FROM webhook_deliveries WHERE delivery_id = $1`, id).Scan(&d.Body); err != nil {
			return fmt.Errorf("read a delivery: %w", err)
		}
		if rows, err = tx.Query(ctx, `SELECT n, at, millis, status, failure FROM webhook_attempts WHERE delivery_id = $1 ORDER BY n`, id); err != nil {
			return fmt.Errorf("read the tries of a delivery: %w", err)
		}
		d.Log, err = pgx.CollectRows(rows, pgx.RowToStructByName[Attempt])
		return err
	})
	return d, err
}

// Replay sends a delivery again, delivered or failed, with the same webhook-id: a receiver that knows it already may pass over it. What waits
// is sent now.
func (s *Service) Replay(ctx context.Context, tenant, endpoint, id uuid.UUID) error {
	_, err := s.replay(ctx, tenant, endpoint, func(tx *storage.Tx) (int64, error) {
		var kept bool
		err := tx.QueryRow(ctx, `SELECT body IS NOT NULL FROM webhook_deliveries WHERE endpoint_id = $1 AND delivery_id = $2`, endpoint, id).Scan(&kept)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return 0, ErrNoDelivery
		case err != nil:
			return 0, err
		case !kept:
			return 0, ErrForgotten
		}
		tag, err := tx.Exec(ctx, again+` WHERE endpoint_id = $2 AND delivery_id = $3 AND leased_until IS NULL`, tx.Now, endpoint, id)
		return tag.RowsAffected(), err
	})
	return err
}

// ReplayFailed sends all that failed, and is still kept, again; it returns how many.
func (s *Service) ReplayFailed(ctx context.Context, tenant, endpoint uuid.UUID) (int64, error) {
	return s.replay(ctx, tenant, endpoint, func(tx *storage.Tx) (int64, error) {
		tag, err := tx.Exec(ctx, again+` WHERE endpoint_id = $2 AND state = 'failed' AND body IS NOT NULL`, tx.Now, endpoint)
		return tag.RowsAffected(), err
	})
}

// again begins a new round of tries.
const again = `UPDATE webhook_deliveries SET state = 'waiting', tries = 0, round_at = $1, next_try_at = $1, ended_at = NULL`

func (s *Service) replay(ctx context.Context, tenant, endpoint uuid.UUID, mark func(*storage.Tx) (int64, error)) (n int64, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := enabled(ctx, tx, endpoint); err != nil {
			return err
		}
		if n, err = mark(tx); err != nil || n == 0 {
			return err
		}
		tx.AfterCommit(s.wake)
		return s.cfg.Events.Append(ctx, tx, "webhook.replayed", endpoint, map[string]int64{"deliveries": n})
	})
	return n, err
}

// Ping sends webhook.ping to an endpoint, by the way of all events.
func (s *Service) Ping(ctx context.Context, tenant, endpoint uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := enabled(ctx, tx, endpoint); err != nil {
			return err
		}
		b, err := encode(Message{Type: TypePing, Timestamp: tx.Now, Data: Ping{endpoint}})
		if err != nil {
			return err
		}
		tx.AfterCommit(s.wake)
		return insertDeliveries(ctx, tx, []message{{tenant: tenant, endpoint: endpoint, id: storage.NewID(), typ: TypePing, body: b}})
	})
}

func enabled(ctx context.Context, tx *storage.Tx, endpoint uuid.UUID) error {
	e, err := readEndpoint(ctx, tx, endpoint)
	if err == nil && !e.Enabled {
		err = ErrDisabled
	}
	return err
}
