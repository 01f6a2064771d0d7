package crmsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/egress"
	"tandem/internal/storage"
	"tandem/recording"
)

// Health is how a tenant's CRM does.
type Health struct {
	SucceededAt  *time.Time `json:"succeeded_at,omitempty" db:"succeeded_at"`
	FailedAt     *time.Time `json:"failed_at,omitempty" db:"failed_at"`
	LastError    string     `json:"last_error" db:"last_error"`
	ParkedUntil  *time.Time `json:"parked_until,omitempty" db:"parked_until"`   // the CRM has asked for a pause, or refuses us
	RefusedSince *time.Time `json:"refused_since,omitempty" db:"refused_since"` // its credentials; one try an hour
	Succeeded    int        `json:"succeeded" db:"succeeded"`                   // requests of the last 24 hours
	Failed       int        `json:"failed" db:"failed"`
	Waiting      int        `json:"waiting" db:"waiting"` // rows of the outbox
	OldestAt     *time.Time `json:"oldest_at,omitempty" db:"oldest_at"`
}

// Health tells how a tenant's CRM does.
func (s *Service) Health(ctx context.Context, tenant uuid.UUID) (h Health, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT h.succeeded_at, h.failed_at, coalesce(h.last_error, '') AS last_error, CASE WHEN h.parked_until > $1 THEN h.parked_until END AS parked_until, h.refused_since,
				a.succeeded, a.failed, o.waiting, o.oldest_at
			FROM (SELECT coalesce(sum(succeeded), 0)::int AS succeeded, coalesce(sum(failed), 0)::int AS failed FROM crm_attempts WHERE hour > $2) a
			CROSS JOIN (SELECT count(*)::int AS waiting, min(created_at) AS oldest_at FROM crm_outbox) o
			LEFT JOIN crm_health h ON true`, tx.Now, tx.Now.Add(-24*time.Hour))
		if err != nil {
			return fmt.Errorf("read how the CRM does: %w", err)
		}
		h, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Health])
		return err
	})
	return h, err
}

// probeEvery is how often credentials that are refused are tried.
const probeEvery = time.Hour

// heard notes what came of a request to a tenant's CRM. One that asks for a pause is not asked by anybody of the tenant until then; of one that refuses
// the credentials people are told.
func (s *Service) heard(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, why error) error {
	if err := count(ctx, tx, tenant, why == nil); err != nil {
		return err
	}
	if why == nil {
		_, err := tx.Exec(ctx, `INSERT INTO crm_health (tenant_id, succeeded_at) VALUES ($1, $2)
			ON CONFLICT (tenant_id) DO UPDATE SET succeeded_at = $2, parked_until = NULL, refused_since = NULL`, tenant, tx.Now)
		return err
	}
	var parked, refused *time.Time
	switch class(why) {
	case recording.ClassThrottled:
		until := tx.Now.Add(max(time.Minute, s.wish(why)))
		parked = &until
	case recording.ClassUnauthorized:
		until := tx.Now.Add(max(probeEvery, s.wish(why)))
		parked, refused = &until, &tx.Now
	}
	var news bool
	err := tx.QueryRow(ctx, `WITH old AS (SELECT refused_since FROM crm_health WHERE tenant_id = $1)
		INSERT INTO crm_health (tenant_id, failed_at, last_error, parked_until, refused_since) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id) DO UPDATE SET failed_at = $2, last_error = $3, parked_until = greatest(crm_health.parked_until, $4), refused_since = coalesce(crm_health.refused_since, $5)
		RETURNING $5::timestamptz IS NOT NULL AND NOT EXISTS (SELECT FROM old WHERE refused_since IS NOT NULL)`,
		tenant, tx.Now, short(why), parked, refused).Scan(&news)
	if err != nil {
		return fmt.Errorf("note how the CRM does: %w", err)
	}
	if !news {
		return nil
	}
	s.log.Error("a CRM refuses its credentials; nothing is told to it until they are changed", "tenant", tenant)
	s.refusals.Inc()
	return s.cfg.Events.AppendFor(ctx, tx, tenant, "crm_connection.refused", tenant, struct{}{})
}

func count(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, ok bool) error {
	done, failed := 0, 1
	if ok {
		done, failed = 1, 0
	}
	var fresh bool // the hour's first
	err := tx.QueryRow(ctx, `INSERT INTO crm_attempts (tenant_id, hour, succeeded, failed) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, hour) DO UPDATE SET succeeded = crm_attempts.succeeded + $3, failed = crm_attempts.failed + $4 RETURNING xmax = 0`,
		tenant, tx.Now.Truncate(time.Hour), done, failed).Scan(&fresh)
	if err == nil && fresh {
		_, err = tx.Exec(ctx, `DELETE FROM crm_attempts WHERE tenant_id = $1 AND hour < $2`, tenant, tx.Now.Add(-48*time.Hour))
	}
	if err != nil {
		return fmt.Errorf("count the requests to the CRM: %w", err)
	}
	return nil
}

// unpark lets a tenant's CRM be asked again at once.
func unpark(ctx context.Context, tx *storage.Tx) error {
	if _, err := tx.Exec(ctx, `UPDATE crm_health SET parked_until = NULL, refused_since = NULL WHERE tenant_id = $1`, tx.Tenant); err != nil {
		return fmt.Errorf("let the CRM be asked again: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE crm_outbox SET next_try_at = $2, quarantined = false WHERE tenant_id = $1`, tx.Tenant, tx.Now); err != nil {
		return fmt.Errorf("wake the CRM's outbox: %w", err)
	}
	return nil
}

// wish is the pause that a CRM has asked for.
func (s *Service) wish(why error) time.Duration {
	var e *recording.SendError
	if errors.As(why, &e) {
		return min(e.RetryAfter, egress.LongestWish)
	}
	return 0
}
