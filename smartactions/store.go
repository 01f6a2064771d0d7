package smartactions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const columns = `action_id, item_kind, item_id, agent_id, kind, prompt, max_files, state, delivery, delivery_code, delivery_detail, answer, verification, created_at, opened_at, ended_at, expires_at`

func insert(ctx context.Context, tx *storage.Tx, a *Action, tokenHash []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO smartactions (tenant_id, action_id, item_kind, item_id, agent_id, kind, prompt, max_files, state, token_hash, delivery, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		tx.Tenant, a.ID, a.ItemKind, a.Item, a.Agent, a.Kind, a.Prompt, a.Max, a.State, tokenHash, a.Delivery, a.CreatedAt, a.ExpiresAt)
	if err != nil {
		return fmt.Errorf("write an action: %w", err)
	}
	return nil
}

func collect(ctx context.Context, tx *storage.Tx, where string, args ...any) ([]Action, error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM smartactions WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read actions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Action])
	if err != nil {
		return nil, fmt.Errorf("read actions: %w", err)
	}
	return list, withFiles(ctx, tx, list)
}

func withFiles(ctx context.Context, tx *storage.Tx, list []Action) error {
	at := map[uuid.UUID]*Action{}
	var ids []uuid.UUID
	for i := range list {
		list[i].Files = []File{}
		at[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	rows, err := tx.Query(ctx, `SELECT action_id, n, name, content_type, size FROM smartaction_files WHERE action_id = ANY ($1) ORDER BY n`, ids)
	if err != nil {
		return fmt.Errorf("read the files of actions: %w", err)
	}
	var id uuid.UUID
	var f File
	_, err = pgx.ForEachRow(rows, []any{&id, &f.N, &f.Name, &f.ContentType, &f.Size}, func() error {
		at[id].Files = append(at[id].Files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the files of actions: %w", err)
	}
	return nil
}

func load(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Action, error) {
	list, err := collect(ctx, tx, `action_id = $1`, id)
	if err != nil {
		return Action{}, err
	}
	if len(list) == 0 {
		return Action{}, ErrNotFound
	}
	return list[0], nil
}

// tenantOf finds whose link it is: the link does not say, so that it stays short enough to be read out.
func tenantOf(ctx context.Context, tx *storage.Tx, tokenHash []byte) (tenant, action uuid.UUID, err error) {
	err = tx.QueryRow(ctx, `SELECT tenant_id, action_id FROM smartactions WHERE token_hash = $1`, tokenHash).Scan(&tenant, &action)
	if errors.Is(err, pgx.ErrNoRows) {
		return tenant, action, ErrLink
	}
	if err != nil {
		return tenant, action, fmt.Errorf("look for a link: %w", err)
	}
	return tenant, action, nil
}

// locked reads an action that is to change, and the hash of the key of the browser that opened it.
func locked(ctx context.Context, tx *storage.Tx, id uuid.UUID) (a Action, keyHash []byte, err error) {
	err = tx.QueryRow(ctx, `SELECT key_hash FROM smartactions WHERE action_id = $1 FOR UPDATE`, id).Scan(&keyHash)
	if err != nil {
		return a, nil, storage.Missing(err, ErrNotFound)
	}
	a, err = load(ctx, tx, id)
	return a, keyHash, err
}

// step moves an action on and says so in the log. The state of a is the new one afterwards.
func (s *Service) step(ctx context.Context, tx *storage.Tx, a *Action, step Step, verb string) error {
	if a.late(tx.Now) && step != StepExpire {
		return ErrOver
	}
	next, err := a.State.Next(step)
	if err != nil {
		return err
	}
	a.State = next
	if next.Open() {
		a.OpenedAt = &tx.Now
	} else {
		a.EndedAt = &tx.Now
	}
	_, err = tx.Exec(ctx, `UPDATE smartactions SET state = $2, opened_at = $3, ended_at = $4, challenge = NULL, answer = $5, verification = $6 WHERE action_id = $1`,
		a.ID, a.State, a.OpenedAt, a.EndedAt, a.Answer, a.Verified)
	if err != nil {
		return fmt.Errorf("change an action: %w", err)
	}
	tx.AfterCommit(func() { s.count(a.Kind, verb) })
	return s.tell(ctx, tx, verb, a)
}

func setKey(ctx context.Context, tx *storage.Tx, id uuid.UUID, hash []byte) error {
	if _, err := tx.Exec(ctx, `UPDATE smartactions SET key_hash = $2 WHERE action_id = $1`, id, hash); err != nil {
		return fmt.Errorf("bind an action to its browser: %w", err)
	}
	return nil
}

func setDelivery(ctx context.Context, tx *storage.Tx, a *Action) error {
	_, err := tx.Exec(ctx, `UPDATE smartactions SET delivery = $2, delivery_code = $3, delivery_detail = $4 WHERE action_id = $1`, a.ID, a.Delivery, a.DeliveryCode, a.DeliveryDetail)
	if err != nil {
		return fmt.Errorf("note what became of a link: %w", err)
	}
	return nil
}

// stored is a file's row.
type stored struct {
	File
	Blob uuid.UUID `db:"blob_id"`
	Key  []byte    `db:"wrapped_key"`
}

// putFile writes a file's row and returns the blob that it replaces, if there is one.
func putFile(ctx context.Context, tx *storage.Tx, action uuid.UUID, f stored) (before uuid.UUID, err error) {
	err = tx.QueryRow(ctx, `SELECT blob_id FROM smartaction_files WHERE action_id = $1 AND n = $2`, action, f.N).Scan(&before)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return before, fmt.Errorf("look for a customer's file: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO smartaction_files (tenant_id, action_id, n, blob_id, name, content_type, size, wrapped_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (action_id, n) DO UPDATE SET blob_id = excluded.blob_id, name = excluded.name, content_type = excluded.content_type, size = excluded.size,
			wrapped_key = excluded.wrapped_key, created_at = excluded.created_at`,
		tx.Tenant, action, f.N, f.Blob, f.Name, f.ContentType, f.Size, f.Key, tx.Now)
	if err != nil {
		return before, fmt.Errorf("write a customer's file: %w", err)
	}
	return before, nil
}

func loadFile(ctx context.Context, tx *storage.Tx, action uuid.UUID, n int) (f stored, err error) {
	rows, err := tx.Query(ctx, `SELECT n, name, content_type, size, blob_id, wrapped_key FROM smartaction_files WHERE action_id = $1 AND n = $2`, action, n)
	if err != nil {
		return f, fmt.Errorf("read a customer's file: %w", err)
	}
	f, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[stored])
	return f, storage.Missing(err, ErrNoFile)
}

// ceremony is what is kept between the nonce and the device's answer.
type ceremony struct {
	Contact  uuid.UUID            `json:"contact"`
	Register bool                 `json:"register"`
	Session  webauthn.SessionData `json:"session"`
}

func setChallenge(ctx context.Context, tx *storage.Tx, action uuid.UUID, c ceremony) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write a nonce: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE smartactions SET challenge = $2 WHERE action_id = $1`, action, body); err != nil {
		return fmt.Errorf("write a nonce: %w", err)
	}
	return nil
}

// takeChallenge reads a nonce and forgets it, so that whatever answers it is looked at once; ErrVerify when there is none.
func takeChallenge(ctx context.Context, tx *storage.Tx, action uuid.UUID) (c ceremony, err error) {
	var body []byte
	err = tx.QueryRow(ctx, `SELECT challenge FROM smartactions WHERE action_id = $1`, action).Scan(&body)
	if err != nil {
		return c, fmt.Errorf("read a nonce: %w", err)
	}
	if body == nil {
		return c, ErrVerify
	}
	if _, err := tx.Exec(ctx, `UPDATE smartactions SET challenge = NULL WHERE action_id = $1`, action); err != nil {
		return c, fmt.Errorf("forget a nonce: %w", err)
	}
	return c, json.Unmarshal(body, &c)
}

// device is a registered device of a contact.
type device struct {
	Credential   webauthn.Credential `db:"credential"`
	RegisteredIn uuid.UUID           `db:"registered_in"`
	CreatedAt    time.Time           `db:"created_at"`
}

// devices are those that have signed a nonce before, and what was registered in the action itself: whoever breaks off a first use leaves no
// device behind that would be known the next time.
func devices(ctx context.Context, tx *storage.Tx, contact, action uuid.UUID) ([]device, error) {
	rows, err := tx.Query(ctx, `SELECT credential, registered_in, created_at FROM smartaction_credentials
		WHERE contact_id = $1 AND (used_at IS NOT NULL OR registered_in = $2) ORDER BY created_at`, contact, action)
	if err != nil {
		return nil, fmt.Errorf("read a contact's devices: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[device])
	if err != nil {
		return nil, fmt.Errorf("read a contact's devices: %w", err)
	}
	return list, nil
}

// MoveContact gives a contact's devices to another contact; with only, no others than these. It is what the crm package needs to merge contacts,
// and to bring them apart again.
func MoveContact(ctx context.Context, tx *storage.Tx, from, into uuid.UUID, only []string) ([]string, error) {
	rows, err := tx.Query(ctx, `UPDATE smartaction_credentials SET contact_id = $2 WHERE contact_id = $1 AND ($3::text[] IS NULL OR encode(credential_id, 'hex') = ANY ($3))
		RETURNING encode(credential_id, 'hex')`, from, into, only)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func addDevice(ctx context.Context, tx *storage.Tx, contact, action uuid.UUID, c *webauthn.Credential) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write a device: %w", err)
	}
	tag, err := tx.Exec(ctx, `INSERT INTO smartaction_credentials (tenant_id, credential_id, contact_id, registered_in, credential, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		tx.Tenant, c.ID, contact, action, body, tx.Now)
	if err != nil {
		return fmt.Errorf("write a device: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrVerify // somebody else's
	}
	return nil
}

func usedDevice(ctx context.Context, tx *storage.Tx, c *webauthn.Credential) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write a device: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE smartaction_credentials SET credential = $2, used_at = $3 WHERE credential_id = $1`, c.ID, body, tx.Now); err != nil {
		return fmt.Errorf("write a device: %w", err)
	}
	return nil
}
