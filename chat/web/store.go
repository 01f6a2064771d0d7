package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// readWidget reads an account's widget; made says whether there is one yet.
func readWidget(ctx context.Context, tx *storage.Tx, account uuid.UUID) (set Settings, secret []byte, version int, err error) {
	var raw []byte
	err = tx.QueryRow(ctx, `SELECT settings, secret, version FROM widgets WHERE account_id = $1`, account).Scan(&raw, &secret, &version)
	if err != nil {
		return set, nil, 0, err
	}
	set = Defaults() // settings that are newer than the row have their default
	if err := json.Unmarshal(raw, &set); err != nil {
		return set, nil, 0, fmt.Errorf("read a widget's settings: %w", err)
	}
	return set, secret, version, nil
}

func writeWidget(ctx context.Context, tx *storage.Tx, account uuid.UUID, set Settings, secret []byte) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO widgets (account_id, tenant_id, settings, secret, changed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id) DO UPDATE SET settings = excluded.settings, secret = excluded.secret, version = widgets.version + 1, changed_at = excluded.changed_at`,
		account, tx.Tenant, set, secret, tx.Now)
	return err
}

// lockVisitor reads a visitor of an account, and holds the row until the transaction ends.
func lockVisitor(ctx context.Context, tx *storage.Tx, account, id uuid.UUID) (v Visitor, hash []byte, merged bool, err error) {
	v = Visitor{ID: id, Tenant: tx.Tenant, Account: account}
	var customer *string
	err = tx.QueryRow(ctx, `
		SELECT secret_hash, person_key, customer, name, email, language, mobile, data, reserved, merged FROM widget_visitors
		WHERE visitor_id = $1 AND account_id = $2 FOR UPDATE`, id, account).
		Scan(&hash, &v.Key, &customer, &v.Name, &v.Email, &v.Language, &v.Mobile, &v.Data, &v.Reserved, &merged)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, make([]byte, 32), false, ErrVisitor
	}
	if customer != nil {
		v.Customer = *customer
	}
	return v, hash, merged, err
}

func saveVisitor(ctx context.Context, tx *storage.Tx, v Visitor, merged bool) error {
	_, err := tx.Exec(ctx, `
		UPDATE widget_visitors SET person_key = $2, customer = NULLIF($3, ''), name = $4, email = $5, language = $6, data = $7, reserved = $8,
			merged = $9 AND $3 <> '', seen_at = $10
		WHERE visitor_id = $1`, v.ID, v.Key, v.Customer, v.Name, v.Email, v.Language, v.Data, v.Reserved, merged, tx.Now)
	return err
}

func addVisitor(ctx context.Context, tx *storage.Tx, v Visitor, hash []byte) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO widget_visitors (visitor_id, tenant_id, account_id, secret_hash, person_key, customer, name, email, language, mobile, merged, created_at, seen_at)
		VALUES ($1, $2, $3, $4, $5, NULLIF($6, ''), $7, $8, $9, $10, $6 <> '', $11, $11)`,
		v.ID, tx.Tenant, v.Account, hash, v.Key, v.Customer, v.Name, v.Email, v.Language, v.Mobile, tx.Now)
	return err
}

func setMerged(ctx context.Context, tx *storage.Tx, visitor uuid.UUID) error {
	_, err := tx.Exec(ctx, `UPDATE widget_visitors SET merged = true WHERE visitor_id = $1`, visitor)
	return err
}

// rating is the data of the event conversation.rated.
type rating struct {
	Score int        `json:"score"`
	Queue *uuid.UUID `json:"queue,omitempty"`
	Agent *uuid.UUID `json:"agent,omitempty"` // who had the conversation last
	Again bool       `json:"again,omitempty"` // the customer had rated it already since it was opened; reports count the first time
}

func writeRating(ctx context.Context, tx *storage.Tx, conversation uuid.UUID, score int, comment string) (rating, error) {
	r := rating{Score: score}
	err := tx.QueryRow(ctx, `
		SELECT queue_id, owner, EXISTS (SELECT FROM conversation_ratings r WHERE r.conversation_id = c.conversation_id AND rated_at >= opened_at)
		FROM conversations c WHERE conversation_id = $1 FOR UPDATE`, conversation).Scan(&r.Queue, &r.Agent, &r.Again)
	if err != nil {
		return r, err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO conversation_ratings (conversation_id, tenant_id, score, comment, rated_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (conversation_id) DO UPDATE SET score = excluded.score, comment = excluded.comment, rated_at = excluded.rated_at`,
		conversation, tx.Tenant, score, comment, tx.Now)
	return r, err
}

func rated(ctx context.Context, tx *storage.Tx, conversation uuid.UUID) (score int, err error) {
	err = tx.QueryRow(ctx, `SELECT score FROM conversation_ratings WHERE conversation_id = $1`, conversation).Scan(&score)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return score, err
}

func describeVisitor(ctx context.Context, tx *storage.Tx, v Visitor) error {
	_, err := tx.Exec(ctx, `UPDATE widget_visitors SET data = $2, reserved = $3 WHERE visitor_id = $1`, v.ID, v.Data, v.Reserved)
	return err
}
