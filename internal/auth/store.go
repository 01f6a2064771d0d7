package auth

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// credentials is what a login is checked against; the zero value is an unknown user.
type credentials struct {
	Tenant       uuid.UUID `db:"tenant_id"`
	ID           uuid.UUID `db:"user_id"`
	Active       bool      `db:"active"`
	PasswordHash string    `db:"password_hash"`
	Known        bool      `db:"known"`
}

func findCredentials(ctx context.Context, tx *storage.Tx, email string, network []byte) (credentials, error) {
	rows, err := tx.Query(ctx, `
		SELECT tenant_id, user_id, active, password_hash,
			EXISTS (SELECT FROM known_networks k WHERE k.user_id = u.user_id AND k.network_hash = $2) AS known
		FROM users u WHERE lower(email) = lower($1)`, email, network)
	if err != nil {
		return credentials{}, err
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[credentials])
	if errors.Is(err, pgx.ErrNoRows) {
		return credentials{}, nil
	}
	return c, err
}

type counter struct {
	Failures     int       `db:"failures"`
	BlockedUntil time.Time `db:"blocked_until"`
	LastAt       time.Time `db:"last_at"`
}

func lockCounter(ctx context.Context, tx *storage.Tx, key []byte) (counter, error) {
	rows, err := tx.Query(ctx, `
		INSERT INTO login_throttle (key, failures, blocked_until, last_at) VALUES ($1, 0, $2, $2)
		ON CONFLICT (key) DO UPDATE SET key = excluded.key
		RETURNING failures, blocked_until, last_at`, key, tx.Now)
	if err != nil {
		return counter{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[counter])
}

func storeCounter(ctx context.Context, tx *storage.Tx, key []byte, failures int, until time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE login_throttle SET failures = $2, blocked_until = $3, last_at = $4 WHERE key = $1`, key, failures, until, tx.Now)
	return err
}

func insertSession(ctx context.Context, tx *storage.Tx, id, user uuid.UUID, hash []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO sessions (session_id, tenant_id, user_id, token_hash, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5)`,
		id, tx.Tenant, user, hash, tx.Now)
	return err
}

func rememberLogin(ctx context.Context, tx *storage.Tx, user uuid.UUID, network []byte) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO known_networks (tenant_id, user_id, network_hash, last_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, network_hash) DO UPDATE SET last_at = excluded.last_at`, tx.Tenant, user, network, tx.Now)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE users SET last_login_at = $2 WHERE user_id = $1`, user, tx.Now)
	return err
}

type sessionTimes struct{ Created, Seen time.Time }

// actorColumns are those of an actor but session and permissions; u is the user.
const actorColumns = `u.tenant_id, u.user_id, u.name, u.email, u.locale, coalesce(u.extension, ''), u.totp_confirmed,
	ARRAY(SELECT r.name FROM user_roles ur JOIN roles r USING (role_id) WHERE ur.user_id = u.user_id ORDER BY r.name),
	EXISTS (SELECT FROM user_roles ur JOIN roles r USING (role_id) WHERE ur.user_id = u.user_id AND r.require_totp),
	ARRAY(SELECT team_id FROM team_members m WHERE m.user_id = u.user_id),
	(SELECT coalesce(jsonb_agg(p), '[]') FROM user_roles ur JOIN roles r USING (role_id), jsonb_array_elements(r.permissions) p WHERE ur.user_id = u.user_id)`

func actorFields(a *Actor) []any {
	return []any{&a.Tenant, &a.User, &a.Name, &a.Email, &a.Locale, &a.Extension, &a.TOTP, &a.Roles, &a.TOTPNeeded, &a.Teams, &a.Permissions}
}

func actorOfSession(ctx context.Context, tx *storage.Tx, hash []byte) (a Actor, at sessionTimes, err error) {
	err = tx.QueryRow(ctx, `SELECT `+actorColumns+`, s.session_id, s.created_at, s.seen_at
		FROM sessions s JOIN users u USING (user_id) WHERE s.token_hash = $1 AND u.active`, hash).
		Scan(append(actorFields(&a), &a.Session, &at.Created, &at.Seen)...)
	return a, at, storage.Missing(err, ErrUnauthorized)
}

func sessionHash(ctx context.Context, tx *storage.Tx, id uuid.UUID) (hash []byte, err error) {
	err = tx.QueryRow(ctx, `SELECT token_hash FROM sessions WHERE session_id = $1`, id).Scan(&hash)
	return hash, storage.Missing(err, ErrUnauthorized)
}

func touchSession(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `UPDATE sessions SET seen_at = $2 WHERE session_id = $1`, id, tx.Now)
	return err
}

func endSession(ctx context.Context, tx *storage.Tx, hash []byte) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash)
	return err
}

func endSessionID(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE session_id = $1`, id)
	return err
}

// endSessions ends a user's sessions, except one.
func endSessions(ctx context.Context, tx *storage.Tx, user, except uuid.UUID) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1 AND session_id <> $2`, user, except)
	return err
}

func insertTicket(ctx context.Context, tx *storage.Tx, hash []byte, session uuid.UUID, until time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO tickets_ws (ticket_hash, tenant_id, session_id, expires_at) VALUES ($1, $2, $3, $4)`, hash, tx.Tenant, session, until)
	return err
}

// takeTicket uses a ticket up and returns its session's token hash.
func takeTicket(ctx context.Context, tx *storage.Tx, hash []byte) (session []byte, err error) {
	err = tx.QueryRow(ctx, `
		WITH taken AS (DELETE FROM tickets_ws WHERE ticket_hash = $1 RETURNING session_id, expires_at)
		SELECT s.token_hash FROM taken JOIN sessions s USING (session_id) WHERE expires_at > $2`, hash, tx.Now).Scan(&session)
	return session, storage.Missing(err, ErrUnauthorized)
}

func sweep(ctx context.Context, tx *storage.Tx, idle, absolute time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM sessions WHERE created_at < $1 OR seen_at < $2`, absolute, idle)
	batch.Queue(`DELETE FROM tickets_ws WHERE expires_at < $1`, tx.Now)
	batch.Queue(`DELETE FROM login_throttle WHERE last_at < $1 AND blocked_until < $2`, tx.Now.Add(-forgetFailures), tx.Now)
	batch.Queue(`DELETE FROM known_networks WHERE last_at < $1`, tx.Now.AddDate(0, 0, -90))
	return tx.SendBatch(ctx, batch).Close()
}

// insertKey writes a key. A secret that an operator has chosen comes again at each start: the row of the same secret is replaced.
func insertKey(ctx context.Context, tx *storage.Tx, k APIKey, hash []byte) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO api_keys (api_key_id, tenant_id, user_id, name, prefix, key_hash, permissions, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (key_hash) DO UPDATE SET api_key_id = excluded.api_key_id, user_id = excluded.user_id, name = excluded.name, prefix = excluded.prefix,
			permissions = excluded.permissions, created_at = excluded.created_at, expires_at = excluded.expires_at, last_used_at = NULL, revoked_at = NULL`,
		k.ID, tx.Tenant, k.User, k.Name, k.Prefix, hash, k.Permissions, k.CreatedAt, k.ExpiresAt)
	return err
}

func listKeys(ctx context.Context, tx *storage.Tx, after uuid.UUID, limit int) ([]APIKey, error) {
	rows, err := tx.Query(ctx, `
		SELECT api_key_id, user_id, name, prefix, permissions, created_at, expires_at, last_used_at, revoked_at
		FROM api_keys WHERE api_key_id > $1 ORDER BY api_key_id LIMIT $2`, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[APIKey])
}

func revokeKey(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	tag, err := tx.Exec(ctx, `UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE api_key_id = $1`, id, tx.Now)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNoKey
	}
	return err
}

func tenantOfKey(ctx context.Context, tx *storage.Tx, hash []byte) (tenant uuid.UUID, err error) {
	err = tx.QueryRow(ctx, `SELECT tenant_id FROM api_keys WHERE key_hash = $1`, hash).Scan(&tenant)
	return tenant, storage.Missing(err, ErrUnauthorized)
}

func keyHash(ctx context.Context, tx *storage.Tx, id uuid.UUID) (hash []byte, err error) {
	err = tx.QueryRow(ctx, `SELECT key_hash FROM api_keys WHERE api_key_id = $1`, id).Scan(&hash)
	return hash, storage.Missing(err, ErrUnauthorized)
}

// actorOfKey narrows the key's permissions to what its user may still do.
func actorOfKey(ctx context.Context, tx *storage.Tx, hash []byte) (a Actor, err error) {
	var granted Permissions
	var lastUsed *time.Time
	err = tx.QueryRow(ctx, `SELECT `+actorColumns+`, k.api_key_id, k.permissions, k.last_used_at
		FROM api_keys k JOIN users u USING (user_id)
		WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) AND u.active`, hash, tx.Now).
		Scan(append(actorFields(&a), &a.Key, &granted, &lastUsed)...)
	if err != nil {
		return Actor{}, storage.Missing(err, ErrUnauthorized)
	}
	a.Permissions, a.TOTPNeeded = a.Permissions.narrow(granted), false
	if lastUsed == nil || tx.Now.Sub(*lastUsed) > seenEvery {
		_, err = tx.Exec(ctx, `UPDATE api_keys SET last_used_at = $2 WHERE api_key_id = $1`, a.Key, tx.Now)
	}
	return a, err
}
