package sip

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const dialRulesColumns = `country, countries, special, allowed, blocked, internal_digits, calls_per_second, max_calls, minutes_per_day, spend_per_day, rates`

// readDialRules returns a tenant's; lock says how its row is locked, "" not at all.
func readDialRules(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, lock string) (DialRules, error) {
	rows, err := tx.Query(ctx, `SELECT `+dialRulesColumns+` FROM dial_rules WHERE tenant_id = $1 `+lock, tenant)
	if err != nil {
		return DialRules{}, fmt.Errorf("read the outbound rules: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[DialRules])
	if err != nil {
		return DialRules{}, fmt.Errorf("read the outbound rules: %w", err)
	}
	if len(found) == 0 {
		return DialRules{Countries: []string{}, Allowed: []string{}, Blocked: []string{}, Rates: []Rate{}}, nil
	}
	return found[0], nil
}

// DialRules returns a tenant's, and what calls have used of the day's limits.
func (d *Directory) DialRules(ctx context.Context, tenant uuid.UUID) (r DialRules, u Usage, err error) {
	err = d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if r, err = readDialRules(ctx, tx, tenant, ""); err != nil {
			return err
		}
		u, err = readUsage(ctx, tx, tenant, tx.Now)
		return err
	})
	return r, u, err
}

// Permitted brings a dialled number to E.164 and says whether the tenant's rules let calls to it out; the day's limits are asked at each call.
func (d *Directory) Permitted(ctx context.Context, tenant uuid.UUID, dialled string) (string, error) {
	r, _, err := d.DialRules(ctx, tenant)
	if err != nil {
		return "", err
	}
	to, err := r.judge(dialled)
	return to.number, err
}

// PutDialRules replaces a tenant's.
func (d *Directory) PutDialRules(ctx context.Context, tenant uuid.UUID, r DialRules) error {
	if err := r.check(); err != nil {
		return err
	}
	return d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO dial_rules (tenant_id, `+dialRulesColumns+`, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (tenant_id) DO UPDATE SET country = excluded.country, countries = excluded.countries, special = excluded.special, allowed = excluded.allowed,
				blocked = excluded.blocked, internal_digits = excluded.internal_digits, calls_per_second = excluded.calls_per_second, max_calls = excluded.max_calls,
				minutes_per_day = excluded.minutes_per_day, spend_per_day = excluded.spend_per_day, rates = excluded.rates, changed_at = excluded.changed_at`,
			tenant, r.Country, filled(r.Countries), r.Special, filled(r.Allowed), filled(r.Blocked), r.Internal, r.CallsPerSecond, r.MaxCalls, r.MinutesPerDay,
			r.SpendPerDay, filled(r.Rates), tx.Now)
		if err != nil {
			return fmt.Errorf("write the outbound rules: %w", err)
		}
		return d.log.Append(ctx, tx, "dial_rules.changed", tenant, r)
	})
}

// Usage is what a tenant's outbound calls have used.
type Usage struct {
	Calls   int     `json:"calls" doc:"now"`
	Second  int     `json:"-"` // begun in the last second
	Minutes float64 `json:"minutes" doc:"today, in the tenant's time zone"`
	Spend   float64 `json:"spend" doc:"today, by the rates"`
}

// unseen is how long a call counts whose node says nothing of it: longer than a slow database keeps meters waiting.
const unseen = time.Minute

// readUsage adds up the day; calls of a node that was killed count until it was last heard of.
func readUsage(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, now time.Time) (u Usage, err error) {
	err = tx.QueryRow(ctx, `
		WITH today AS (SELECT date_trunc('day', $2::timestamptz AT TIME ZONE time_zone) AT TIME ZONE time_zone AS began FROM tenants WHERE tenant_id = $1),
		counted AS (
			SELECT started_at, per_minute, ended_at IS NULL AND seen_at > $2::timestamptz - $3::interval AS live,
				CASE WHEN answered_at IS NULL THEN 0
					ELSE greatest(extract(epoch FROM least(coalesce(ended_at, $2), seen_at + $3::interval) - greatest(answered_at, began)), 0) / 60 END AS minutes
			FROM outbound_calls, today
			WHERE tenant_id = $1 AND started_at > began - interval '1 day' AND coalesce(ended_at, $2) > began)
		SELECT count(*) FILTER (WHERE live), count(*) FILTER (WHERE started_at > $2::timestamptz - interval '1 second'),
			coalesce(sum(minutes), 0)::float8, coalesce(sum(minutes * per_minute), 0)::float8 FROM counted`,
		tenant, now, unseen).Scan(&u.Calls, &u.Second, &u.Minutes, &u.Spend)
	if err != nil {
		return u, fmt.Errorf("add up outbound calls: %w", err)
	}
	return u, nil
}

// refuses says whether the limits let no further call begin.
func (r DialRules) refuses(u Usage) error {
	if r.CallsPerSecond > 0 && u.Second >= r.CallsPerSecond || r.MaxCalls > 0 && u.Calls >= r.MaxCalls {
		return ErrDialRate
	}
	return r.spent(u)
}

// spent says whether the day's limits are reached, which ends the calls that go on as well.
func (r DialRules) spent(u Usage) error {
	if r.MinutesPerDay > 0 && u.Minutes >= float64(r.MinutesPerDay) || r.SpendPerDay > 0 && u.Spend >= r.SpendPerDay {
		return ErrDialSpent
	}
	return nil
}
