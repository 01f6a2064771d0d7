package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const toneColumns = `tone_id, name, blob, size, seconds, created_at, changed_at`

func listTones(ctx context.Context, tx *storage.Tx) ([]Tone, error) {
	rows, err := tx.Query(ctx, `SELECT `+toneColumns+` FROM notify_tones ORDER BY lower(name)`)
	if err != nil {
		return nil, fmt.Errorf("list the ring tones: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Tone])
}

func loadTone(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Tone, error) {
	rows, err := tx.Query(ctx, `SELECT `+toneColumns+` FROM notify_tones WHERE tone_id = $1`, id)
	if err != nil {
		return Tone{}, fmt.Errorf("read a ring tone: %w", err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Tone])
	return t, storage.Missing(err, ErrNoTone)
}

func insertTone(ctx context.Context, tx *storage.Tx, t Tone) error {
	_, err := tx.Exec(ctx, `INSERT INTO notify_tones (tenant_id, tone_id, name, blob, size, seconds, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.Tenant, t.ID, t.Name, t.Blob, t.Size, t.Seconds, t.CreatedAt, t.ChangedAt)
	if storage.Duplicate(err, "") {
		return ErrToneTaken
	}
	if err != nil {
		return fmt.Errorf("write the ring tone: %w", err)
	}
	return nil
}

// updateTone returns the name of the blob that is no longer used.
func updateTone(ctx context.Context, tx *storage.Tx, t Tone) (before string, err error) {
	err = tx.QueryRow(ctx, `SELECT blob FROM notify_tones WHERE tone_id = $1 FOR UPDATE`, t.ID).Scan(&before)
	if err != nil {
		return "", storage.Missing(err, ErrNoTone)
	}
	_, err = tx.Exec(ctx, `UPDATE notify_tones SET blob = $2, size = $3, seconds = $4, changed_at = $5 WHERE tone_id = $1`, t.ID, t.Blob, t.Size, t.Seconds, t.ChangedAt)
	if err != nil {
		return "", fmt.Errorf("change the ring tone: %w", err)
	}
	return before, nil
}

func deleteTone(ctx context.Context, tx *storage.Tx, id uuid.UUID) (blob string, err error) {
	err = tx.QueryRow(ctx, `DELETE FROM notify_tones WHERE tone_id = $1 RETURNING blob`, id).Scan(&blob)
	return blob, storage.Missing(err, ErrNoTone)
}

// loadProfile returns the defaults where there is none. active is false for a user who may not sign in.
func loadProfile(ctx context.Context, tx *storage.Tx, user uuid.UUID) (p Profile, active bool, err error) {
	var rules []byte
	p.Language, active = "en", true
	err = tx.QueryRow(ctx, `SELECT mobile, language, rules, active FROM notify_profiles WHERE user_id = $1`, user).Scan(&p.Mobile, &p.Language, &rules, &active)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, false, fmt.Errorf("read a profile: %w", err)
	}
	if rules != nil {
		if err := json.Unmarshal(rules, &p.Rules); err != nil {
			return p, false, fmt.Errorf("read a profile's rules: %w", err)
		}
	}
	p.Rules, err = complete(p.Rules)
	return p, active, err
}

func saveProfile(ctx context.Context, tx *storage.Tx, user uuid.UUID, p Profile) error {
	rules, err := json.Marshal(p.Rules)
	if err != nil {
		return fmt.Errorf("write a profile's rules: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO notify_profiles (tenant_id, user_id, mobile, language, rules, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, user_id) DO UPDATE SET mobile = excluded.mobile, language = excluded.language, rules = excluded.rules, changed_at = excluded.changed_at`,
		tx.Tenant, user, p.Mobile, p.Language, rules, tx.Now)
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	return nil
}

// setActive notes that a user may, or may not any more, sign in. tenant is named because followers are bound to none.
func setActive(ctx context.Context, tx *storage.Tx, tenant, user uuid.UUID, active bool) error {
	_, err := tx.Exec(ctx, `UPDATE notify_profiles SET active = $3 WHERE tenant_id = $1 AND user_id = $2`, tenant, user, active)
	if err != nil {
		return fmt.Errorf("note that a user may sign in: %w", err)
	}
	return nil
}

// countWays says how many browsers a user has subscribed, and whether the tenant can send text messages.
func countWays(ctx context.Context, tx *storage.Tx, user uuid.UUID) (browsers int, texting bool, err error) {
	err = tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM notify_subscriptions WHERE user_id = $1), EXISTS (SELECT FROM notify_sms)`, user).Scan(&browsers, &texting)
	if err != nil {
		return 0, false, fmt.Errorf("count the ways to tell a user: %w", err)
	}
	return browsers, texting, nil
}

// ways are how a user can be told.
type ways struct {
	profile           Profile
	active            bool
	browsers, texting bool
}

// waysOf looks with one statement: it is asked for each offer. tenant is named because followers are bound to none.
func waysOf(ctx context.Context, tx *storage.Tx, tenant, user uuid.UUID) (w ways, err error) {
	var rules []byte
	err = tx.QueryRow(ctx, `
		SELECT coalesce(p.mobile, ''), p.rules, coalesce(p.active, true),
			EXISTS (SELECT FROM notify_subscriptions s WHERE s.tenant_id = $1 AND s.user_id = $2), EXISTS (SELECT FROM notify_sms n WHERE n.tenant_id = $1)
		FROM (SELECT) AS one LEFT JOIN notify_profiles p ON p.tenant_id = $1 AND p.user_id = $2`, tenant, user).
		Scan(&w.profile.Mobile, &rules, &w.active, &w.browsers, &w.texting)
	if err != nil {
		return w, fmt.Errorf("look how a user can be told: %w", err)
	}
	if rules != nil {
		if err := json.Unmarshal(rules, &w.profile.Rules); err != nil {
			return w, fmt.Errorf("read a profile's rules: %w", err)
		}
	}
	w.profile.Rules, err = complete(w.profile.Rules)
	return w, err
}

// subscriptionRow is a browser that may be pushed to.
type subscriptionRow struct {
	ID       uuid.UUID `db:"subscription_id"`
	Sealed   []byte    `db:"sealed"`
	Language string    `db:"language"`
}

func listSubscriptions(ctx context.Context, tx *storage.Tx, user uuid.UUID) ([]subscriptionRow, error) {
	rows, err := tx.Query(ctx, `SELECT subscription_id, sealed, language FROM notify_subscriptions WHERE user_id = $1 ORDER BY subscription_id`, user)
	if err != nil {
		return nil, fmt.Errorf("list the browsers to push to: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[subscriptionRow])
}

// saveSubscription keeps the newest maxBrowsers of the user: the oldest are those of machines long gone.
func saveSubscription(ctx context.Context, tx *storage.Tx, user uuid.UUID, hash, sealed []byte, language string) error {
	_, err := tx.Exec(ctx, `INSERT INTO notify_subscriptions (tenant_id, subscription_id, user_id, endpoint_hash, sealed, language, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant_id, endpoint_hash) DO UPDATE SET user_id = excluded.user_id, sealed = excluded.sealed, language = excluded.language, created_at = excluded.created_at`,
		tx.Tenant, storage.NewID(), user, hash, sealed, language, tx.Now)
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM notify_subscriptions WHERE user_id = $1 AND subscription_id NOT IN
			(SELECT subscription_id FROM notify_subscriptions WHERE user_id = $1 ORDER BY created_at DESC, subscription_id DESC LIMIT $2)`, user, maxBrowsers)
	}
	if err != nil {
		return fmt.Errorf("write a push subscription: %w", err)
	}
	return nil
}

func deleteSubscription(ctx context.Context, tx *storage.Tx, user uuid.UUID, hash []byte) error {
	if _, err := tx.Exec(ctx, `DELETE FROM notify_subscriptions WHERE user_id = $1 AND endpoint_hash = $2`, user, hash); err != nil {
		return fmt.Errorf("delete a push subscription: %w", err)
	}
	return nil
}

func deleteExpired(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM notify_subscriptions WHERE subscription_id = $1`, id); err != nil {
		return fmt.Errorf("delete an expired push subscription: %w", err)
	}
	return nil
}

func deleteSubscriptionsOf(ctx context.Context, tx *storage.Tx, tenant, user uuid.UUID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM notify_subscriptions WHERE tenant_id = $1 AND user_id = $2`, tenant, user); err != nil {
		return fmt.Errorf("delete a user's push subscriptions: %w", err)
	}
	return nil
}

// loadPushKeys returns nothing where there are none yet.
func loadPushKeys(ctx context.Context, tx *storage.Tx) (public string, sealed []byte, err error) {
	err = tx.QueryRow(ctx, `SELECT public, private FROM notify_push_keys WHERE tenant_id = $1`, tx.Tenant).Scan(&public, &sealed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", nil, fmt.Errorf("read the push keys: %w", err)
	}
	return public, sealed, nil
}

// insertPushKeys lets the first win.
func insertPushKeys(ctx context.Context, tx *storage.Tx, public string, sealed []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO notify_push_keys (tenant_id, public, private, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.Tenant, public, sealed, tx.Now)
	if err != nil {
		return fmt.Errorf("write the push keys: %w", err)
	}
	return nil
}

func loadAccount(ctx context.Context, tx *storage.Tx) (a Account, sealed []byte, err error) {
	err = tx.QueryRow(ctx, `SELECT account, sender, token FROM notify_sms WHERE tenant_id = $1`, tx.Tenant).Scan(&a.Account, &a.Sender, &sealed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return a, nil, fmt.Errorf("read the SMS account: %w", err)
	}
	a.Stored = sealed != nil
	return a, sealed, nil
}

func saveAccount(ctx context.Context, tx *storage.Tx, a Account, sealed []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO notify_sms (tenant_id, account, sender, token, changed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id) DO UPDATE SET account = excluded.account, sender = excluded.sender, token = excluded.token, changed_at = excluded.changed_at`,
		tx.Tenant, a.Account, a.Sender, sealed, tx.Now)
	if err != nil {
		return fmt.Errorf("write the SMS account: %w", err)
	}
	return nil
}

func deleteAccount(ctx context.Context, tx *storage.Tx) error {
	if _, err := tx.Exec(ctx, `DELETE FROM notify_sms WHERE tenant_id = $1`, tx.Tenant); err != nil {
		return fmt.Errorf("delete the SMS account: %w", err)
	}
	return nil
}

// claimText says whether a text message may be sent now: it never was tried, or the provider is known not to have taken it. From here on
// nobody else may.
func claimText(ctx context.Context, tx *storage.Tx, subject uuid.UUID, kind Kind, user uuid.UUID) (bool, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO notify_texts (tenant_id, subject, kind, user_id, state, at) VALUES ($1, $2, $3, $4, 'sending', $5)
		ON CONFLICT (tenant_id, subject, kind) DO UPDATE SET state = 'sending' WHERE notify_texts.state = 'retry'`, tx.Tenant, subject, kind, user, tx.Now)
	if err != nil {
		return false, fmt.Errorf("claim a text message: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// recentTexts counts what was sent to a user, or may have been, since an instant.
func recentTexts(ctx context.Context, tx *storage.Tx, user uuid.UUID, since time.Time) (n int, err error) {
	// One at a time for each user: two nodes must not both see room for the last one.
	_, err = tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "notify texts of "+user.String())
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT count(*) FROM notify_texts WHERE user_id = $1 AND at > $2 AND state IN ('sending', 'sent')`, user, since).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("count recent text messages: %w", err)
	}
	return n, nil
}

func setText(ctx context.Context, tx *storage.Tx, subject uuid.UUID, kind Kind, state string) error {
	if _, err := tx.Exec(ctx, `UPDATE notify_texts SET state = $3 WHERE subject = $1 AND kind = $2`, subject, kind, state); err != nil {
		return fmt.Errorf("note how a text message went: %w", err)
	}
	return nil
}

// forgetTexts deletes what no limit and no second attempt will ask for again.
func forgetTexts(ctx context.Context, tx *storage.Tx, before time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM notify_texts WHERE at < $1`, before); err != nil {
		return fmt.Errorf("forget old text messages: %w", err)
	}
	return nil
}
