package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/egress"
	"tandem/internal/storage"
)

// countTo bounds the counting of deliveries for the list of endpoints.
const countTo = 1000

// readEndpoints reads one endpoint, or all of the tenant.
func readEndpoints(ctx context.Context, tx *storage.Tx, id *uuid.UUID) ([]Endpoint, error) {
	rows, err := tx.Query(ctx, `
		SELECT endpoint_id, url, description, events, personal, enabled, disabled_why, failing_since, CASE WHEN old_until > $2 THEN old_until END AS old_until, created_at,
			(SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.endpoint_id AND d.state = 'waiting' LIMIT $3) w) AS waiting,
			(SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.endpoint_id AND d.state = 'failed' LIMIT $3) f) AS failed
		FROM webhook_endpoints e WHERE $1::uuid IS NULL OR endpoint_id = $1 ORDER BY endpoint_id`, id, tx.Now, countTo)
	if err != nil {
		return nil, fmt.Errorf("read the endpoints of webhooks: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Endpoint])
}

func readEndpoint(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Endpoint, error) {
	all, err := readEndpoints(ctx, tx, &id)
	if err == nil && len(all) == 0 {
		err = ErrNoEndpoint
	}
	if err != nil {
		return Endpoint{}, err
	}
	return all[0], nil
}

func insertEndpoint(ctx context.Context, tx *storage.Tx, e Endpoint, secret []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO webhook_endpoints (tenant_id, endpoint_id, url, description, events, personal, enabled, disabled_why, enabled_at, secret, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)`,
		tx.Tenant, e.ID, e.URL, e.Description, e.Events, e.Personal, e.Enabled, e.DisabledWhy, tx.Now, secret)
	if err != nil {
		return fmt.Errorf("store an endpoint of webhooks: %w", err)
	}
	return nil
}

// updateEndpoint stores a changed endpoint; again says that it has just been switched on.
func updateEndpoint(ctx context.Context, tx *storage.Tx, e Endpoint, again bool) error {
	_, err := tx.Exec(ctx, `UPDATE webhook_endpoints SET url = $2, description = $3, events = $4, personal = $5, enabled = $6, disabled_why = $7, failing_since = $8,
			throttled_until = CASE WHEN url = $2 THEN throttled_until END, enabled_at = CASE WHEN $9 THEN $10 ELSE enabled_at END WHERE endpoint_id = $1`,
		e.ID, e.URL, e.Description, e.Events, e.Personal, e.Enabled, e.DisabledWhy, e.FailingSince, again, tx.Now)
	if err != nil {
		return fmt.Errorf("change an endpoint of webhooks: %w", err)
	}
	return nil
}

// one says by ErrNoEndpoint that a statement found none.
func one(n int64, err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n == 0 {
		return ErrNoEndpoint
	}
	return nil
}

func deleteEndpoint(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	tag, err := tx.Exec(ctx, `DELETE FROM webhook_endpoints WHERE endpoint_id = $1`, id)
	return one(tag.RowsAffected(), err, "remove an endpoint of webhooks")
}

func rotateSecret(ctx context.Context, tx *storage.Tx, id uuid.UUID, secret []byte, until time.Time) error {
	tag, err := tx.Exec(ctx, `UPDATE webhook_endpoints SET old_secret = secret, old_until = $3, secret = $2 WHERE endpoint_id = $1`, id, secret, until)
	return one(tag.RowsAffected(), err, "replace the secret of an endpoint")
}

// failWaiting ends what waits for an endpoint that is switched off. What is on its way just now is not noted any more.
func failWaiting(ctx context.Context, tx *storage.Tx, endpoint uuid.UUID) error {
	_, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET state = 'failed', ended_at = $2, leased_until = NULL, epoch = epoch + 1 WHERE endpoint_id = $1 AND state = 'waiting'`, endpoint, tx.Now)
	if err != nil {
		return fmt.Errorf("end what waits for an endpoint: %w", err)
	}
	return nil
}

// follower is an endpoint as the follower of the log needs it.
type follower struct {
	Tenant   uuid.UUID `db:"tenant_id"`
	ID       uuid.UUID `db:"endpoint_id"`
	Events   []string  `db:"events"`
	Personal bool      `db:"personal"`
	Since    time.Time `db:"enabled_at"`
}

func readFollowers(ctx context.Context, tx *storage.Tx, tenants []uuid.UUID) ([]follower, error) {
	rows, err := tx.Query(ctx, `SELECT tenant_id, endpoint_id, events, personal, enabled_at FROM webhook_endpoints WHERE enabled AND tenant_id = ANY($1)`, tenants)
	if err != nil {
		return nil, fmt.Errorf("read who hears of events: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[follower])
}

// message is a delivery to be made.
type message struct {
	tenant, endpoint, id uuid.UUID
	typ                  string
	body                 []byte
}

func insertDeliveries(ctx context.Context, tx *storage.Tx, all []message) error {
	batch := &pgx.Batch{}
	for _, m := range all {
		batch.Queue(`INSERT INTO webhook_deliveries (tenant_id, delivery_id, endpoint_id, message_id, type, body, state, round_at, next_try_at, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $7, $7)`, m.tenant, storage.NewID(), m.endpoint, m.id, m.typ, string(m.body), tx.Now)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write to the outbox of webhooks: %w", err)
	}
	return nil
}

// job is a delivery, leased.
type job struct {
	Tenant    uuid.UUID `db:"tenant_id"`
	ID        uuid.UUID `db:"delivery_id"`
	Endpoint  uuid.UUID `db:"endpoint_id"`
	Message   uuid.UUID `db:"message_id"`
	Type      string    `db:"type"`
	Body      string    `db:"body"`
	Epoch     int64     `db:"epoch"`
	Attempts  int       `db:"attempts"`
	Tries     int       `db:"tries"`
	Round     time.Time `db:"round_at"`
	URL       string    `db:"url"`
	Secret    []byte    `db:"secret"`
	OldSecret []byte    `db:"old_secret"`
}

// perEndpoint is how many requests one endpoint gets at the same time.
const perEndpoint = 4

// claim leases what is due, at most n. An endpoint has perEndpoint requests at the same time and a tenant at most most, so that one that hangs
// leaves room for the others.
func claim(ctx context.Context, tx *storage.Tx, n, most int, lease time.Duration) ([]job, error) {
	rows, err := tx.Query(ctx, `
		WITH busy AS (SELECT tenant_id, endpoint_id, count(*) AS n FROM webhook_deliveries WHERE leased_until > $1 GROUP BY 1, 2),
		due AS (
			SELECT d.delivery_id, row_number() OVER (PARTITION BY e.tenant_id ORDER BY d.next_try_at) AS turn,
				coalesce((SELECT sum(b.n) FROM busy b WHERE b.tenant_id = e.tenant_id), 0) AS taken
			FROM webhook_endpoints e CROSS JOIN LATERAL (
				SELECT delivery_id, next_try_at FROM webhook_deliveries
				WHERE endpoint_id = e.endpoint_id AND state = 'waiting' AND next_try_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
				ORDER BY next_try_at LIMIT greatest(0, $4 - coalesce((SELECT b.n FROM busy b WHERE b.endpoint_id = e.endpoint_id), 0))
			) d
			WHERE e.enabled AND (e.throttled_until IS NULL OR e.throttled_until <= $1)
		),
		taken AS (
			SELECT delivery_id FROM webhook_deliveries JOIN due USING (delivery_id)
			WHERE turn + taken <= $5 AND state = 'waiting' AND (leased_until IS NULL OR leased_until <= $1)
			ORDER BY turn LIMIT $3 FOR UPDATE OF webhook_deliveries SKIP LOCKED
		)
		UPDATE webhook_deliveries d SET epoch = epoch + 1, attempts = attempts + 1, tries = tries + 1, leased_until = $2
		FROM taken, webhook_endpoints e WHERE d.delivery_id = taken.delivery_id AND e.endpoint_id = d.endpoint_id
		RETURNING d.tenant_id, d.delivery_id, d.endpoint_id, d.message_id, d.type, coalesce(d.body, '') AS body, d.epoch, d.attempts, d.tries, d.round_at, e.url, e.secret,
			CASE WHEN e.old_until > $1 THEN e.old_secret END AS old_secret`,
		tx.Now, tx.Now.Add(lease), n, perEndpoint, most)
	if err != nil {
		return nil, fmt.Errorf("look for webhooks to send: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[job])
}

// note writes down a try and what becomes of its delivery; false when somebody else has the delivery by now.
func note(ctx context.Context, tx *storage.Tx, j job, o outcome, began time.Time, took time.Duration, state State, next time.Time) (bool, error) {
	var ended *time.Time
	if state != Waiting {
		ended, next = &tx.Now, tx.Now
	}
	tag, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET state = $3, next_try_at = $4, ended_at = $5, leased_until = NULL WHERE delivery_id = $1 AND epoch = $2 AND state = 'waiting'`,
		j.ID, j.Epoch, state, next, ended)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO webhook_attempts (tenant_id, delivery_id, n, at, millis, status, failure) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		j.Tenant, j.ID, j.Attempts, began, took.Milliseconds(), o.status, o.failure)
	return err == nil, err
}

// answeredBy notes at an endpoint how it took a delivery, and returns since when it has taken nothing.
func answeredBy(ctx context.Context, tx *storage.Tx, j job, o outcome) (failing *time.Time, err error) {
	var throttled *time.Time
	if o.retryAfter > 0 {
		throttled = new(tx.Now.Add(min(o.retryAfter, egress.LongestWish)))
	}
	err = tx.QueryRow(ctx, `UPDATE webhook_endpoints SET failing_since = CASE WHEN $2 THEN NULL ELSE coalesce(failing_since, $3) END, throttled_until = CASE WHEN $2 THEN NULL ELSE coalesce($4, throttled_until) END
		WHERE endpoint_id = $1 RETURNING failing_since`, j.Endpoint, o.failure == "", tx.Now, throttled).Scan(&failing)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("note how an endpoint does: %w", err)
	}
	return failing, nil
}

// switchOff disables an endpoint; false when it was already.
func switchOff(ctx context.Context, tx *storage.Tx, endpoint uuid.UUID, why Disabled) (bool, error) {
	tag, err := tx.Exec(ctx, `UPDATE webhook_endpoints SET enabled = false, disabled_why = $2 WHERE endpoint_id = $1 AND enabled`, endpoint, why)
	if err != nil {
		return false, fmt.Errorf("switch an endpoint off: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	return true, failWaiting(ctx, tx, endpoint)
}

// forget drops bodies and deliveries that ended long ago, and secrets that no longer sign.
func forget(ctx context.Context, tx *storage.Tx, bodies, keep time.Duration) error {
	for _, q := range []struct {
		sql  string
		time time.Time
	}{
		{`UPDATE webhook_deliveries SET body = NULL WHERE ended_at <= $1 AND body IS NOT NULL`, tx.Now.Add(-bodies)},
		{`DELETE FROM webhook_deliveries WHERE ended_at <= $1`, tx.Now.Add(-keep)},
		{`UPDATE webhook_endpoints SET old_secret = NULL, old_until = NULL WHERE old_until <= $1`, tx.Now},
	} {
		if _, err := tx.Exec(ctx, q.sql, q.time); err != nil {
			return fmt.Errorf("forget old deliveries of webhooks: %w", err)
		}
	}
	return nil
}

// oldestWaiting is the age of the oldest delivery that waits, 0 when none does.
func oldestWaiting(ctx context.Context, tx *storage.Tx) (time.Duration, error) {
	var at *time.Time
	if err := tx.QueryRow(ctx, `SELECT min(round_at) FROM webhook_deliveries WHERE state = 'waiting'`).Scan(&at); err != nil {
		return 0, fmt.Errorf("look for the oldest webhook: %w", err)
	}
	if at == nil {
		return 0, nil
	}
	return max(0, tx.Now.Sub(*at)), nil
}
