package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// tokens takes a token of the account and one of the pair, or says how long to wait. Buckets are rows: nodes share them.
func (s *Service) tokens(ctx context.Context, tx *storage.Tx, o *sending) (time.Duration, error) {
	a, err := s.account(ctx, tx, o.account)
	if err != nil {
		return 0, err
	}
	var takes []func() error
	for _, b := range []struct {
		key  string
		rate Rate
	}{{o.account.String() + "/" + o.person.String(), a.traits.Pair}, {o.account.String(), a.traits.Rate}} {
		wait, take, err := bucket(ctx, tx, o.tenant, b.key, b.rate)
		if err != nil || wait > 0 {
			return wait, err
		}
		takes = append(takes, take)
	}
	for _, take := range takes { // from both, or from none
		if err := take(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// bucket is a generic cell rate algorithm (ITU-T I.371): tat is when the bucket would be full again. take takes what need not be waited for.
func bucket(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, key string, r Rate) (wait time.Duration, take func() error, err error) {
	if r.Per == 0 {
		return 0, func() error { return nil }, nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO chat_rates (key, tenant_id, tat) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, key, tenant, tx.Now); err != nil {
		return 0, nil, err
	}
	var tat time.Time
	if err := tx.QueryRow(ctx, `SELECT tat FROM chat_rates WHERE key = $1 FOR UPDATE`, key).Scan(&tat); err != nil {
		return 0, nil, err
	}
	if tat.Before(tx.Now) {
		tat = tx.Now
	}
	next := tat.Add(r.Per)
	if wait := next.Sub(tx.Now) - time.Duration(max(1, r.Burst))*r.Per; wait > 0 {
		return wait, nil, nil
	}
	return 0, func() error {
		_, err := tx.Exec(ctx, `UPDATE chat_rates SET tat = $2 WHERE key = $1`, key, next)
		return err
	}, nil
}

// slow empties the account's bucket for a while.
func slow(ctx context.Context, tx *storage.Tx, o sending, wait time.Duration) error {
	_, err := tx.Exec(ctx, `UPDATE chat_outbox SET next_at = greatest(next_at, $2) WHERE account_id = $1 AND state = 'waiting'`, o.account, tx.Now.Add(wait))
	return err
}
