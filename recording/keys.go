package recording

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// The key of a recording is in two shares (spec R6.4). One is sealed to the CRM's key pair of its tenant, whose private half is kept under the
// tenant's key and the secret of the CRM connection. The other is under the key of the day on which it began, and is opened on a signed order
// only: the uploader's for what it has leased, or the break-glass way's.

const (
	releaseSend   = "send"   // to cut and to deliver
	releaseRepair = "repair" // to find the last whole frame after a crash
	releaseAccess = "access" // the break-glass way
	releaseFor    = time.Minute
)

// crmKey is the line of recording_crm_keys.
type crmKey struct {
	ID     uuid.UUID `db:"key_id"`
	Public []byte    `db:"public_key"`
	Kept   []byte    `db:"kept"`
	Access []byte    `db:"access_key"`
}

const crmKeyColumns = `key_id, public_key, kept, access_key`

func keptPurpose(id uuid.UUID) string { return "crm key of recordings " + id.String() }

func oneCRMKey(ctx context.Context, tx *storage.Tx, where string, args ...any) (*crmKey, error) {
	rows, err := tx.Query(ctx, `SELECT `+crmKeyColumns+` FROM recording_crm_keys WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the CRM's key: %w", err)
	}
	k, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByName[crmKey])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the CRM's key: %w", err)
	}
	return k, nil
}

const currentKey = `tenant_id = $1 AND retired_at IS NULL`

// sealingKey is what a tenant's recordings are sealed to now; it is made at the first recording.
func (s *Service) sealingKey(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (uuid.UUID, *storage.SealingKey, error) {
	k, err := oneCRMKey(ctx, tx, currentKey, tenant)
	if err == nil && k == nil {
		if err = s.makeCRMKey(ctx, tx, tenant, nil); err == nil {
			k, err = oneCRMKey(ctx, tx, currentKey, tenant)
		}
	}
	if err != nil {
		return uuid.Nil, nil, err
	}
	public, err := storage.ReadSealingKey(k.Public)
	return k.ID, public, err
}

// makeCRMKey makes a key pair, unless another transaction is first.
func (s *Service) makeCRMKey(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, access []byte) error {
	key, err := storage.NewOpeningKey()
	if err != nil {
		return err
	}
	under, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
	if err != nil {
		return err
	}
	secret, err := s.cfg.Secret(ctx, tx, tenant)
	if err != nil {
		return fmt.Errorf("ask for the CRM connection's secret: %w", err)
	}
	id := storage.NewID()
	kept, err := key.Keep(under, secret, keptPurpose(id))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO recording_crm_keys (tenant_id, key_id, public_key, kept, access_key, made_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id) WHERE retired_at IS NULL DO NOTHING`, tenant, id, key.Public(), kept, access, tx.Now)
	if err != nil {
		return fmt.Errorf("store the CRM's key: %w", err)
	}
	return nil
}

// Reconnected is told in the transaction that changes a tenant's CRM connection: what is held stays openable with the new secret, and with
// nothing else. Uploads that waited for the connection go on.
func (s *Service) Reconnected(ctx context.Context, tx *storage.Tx, before, after []byte) error {
	rows, err := tx.Query(ctx, `SELECT `+crmKeyColumns+` FROM recording_crm_keys WHERE tenant_id = $1 FOR UPDATE`, tx.Tenant)
	if err != nil {
		return fmt.Errorf("read the CRM's keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByName[crmKey])
	if err != nil {
		return fmt.Errorf("read the CRM's keys: %w", err)
	}
	under, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return err
	}
	for _, k := range keys {
		opened, err := storage.OpenKept(k.Kept, under, before, keptPurpose(k.ID))
		if err != nil {
			return fmt.Errorf("open the CRM's key with the former secret: %w", err)
		}
		kept, err := opened.Keep(under, after, keptPurpose(k.ID))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE recording_crm_keys SET kept = $2 WHERE key_id = $1`, k.ID, kept); err != nil {
			return fmt.Errorf("store the CRM's key: %w", err)
		}
	}
	return s.Unpark(ctx, tx)
}

// dataKey opens both shares of a recording's key. The releaser says with what right.
func (s *Service) dataKey(ctx context.Context, tx *storage.Tx, r *row, by *storage.Releaser) (*storage.DataKey, error) {
	if r.DayShare == nil {
		return nil, storage.ErrEpochDestroyed
	}
	if r.CRMShare == nil || r.CRMKey == nil {
		return nil, fmt.Errorf("the recording's key is not in shares: %w", storage.ErrWrongKey)
	}
	k, err := oneCRMKey(ctx, tx, `key_id = $1`, *r.CRMKey)
	if err == nil && k == nil {
		err = storage.ErrWrongKey
	}
	if err != nil {
		return nil, err
	}
	under, err := s.cfg.Keys.Tenant(ctx, tx, r.Tenant)
	if err != nil {
		return nil, err
	}
	secret, err := s.cfg.Secret(ctx, tx, r.Tenant)
	if err != nil {
		return nil, fmt.Errorf("ask for the CRM connection's secret: %w", err)
	}
	opening, err := storage.OpenKept(k.Kept, under, secret, keptPurpose(k.ID))
	if err != nil {
		return nil, err
	}
	first, err := opening.Open(r.CRMShare, keyContext(r.ID))
	if err != nil {
		return nil, err
	}
	now := s.cfg.DB.Now()
	order, err := by.Sign(keyContext(r.ID), now.Add(releaseFor))
	if err != nil {
		return nil, err
	}
	second, err := s.cfg.Keys.OpenShare(order, r.StartedAt, now, r.DayShare, keyContext(r.ID))
	if err != nil {
		return nil, err
	}
	s.metrics.releases.WithLabelValues(by.Reason()).Inc()
	return storage.JoinKey(first, second)
}

// splitOld splits the keys of recordings that an older program holds.
func (s *Service) splitOld(ctx context.Context) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		old, err := list(ctx, tx, `wrapped_key IS NOT NULL AND crm_share IS NULL FOR UPDATE`)
		if err != nil {
			return err
		}
		for _, r := range old {
			if err := s.splitOne(ctx, tx, r); err != nil && !errors.Is(err, storage.ErrEpochDestroyed) && !errors.Is(err, storage.ErrWrongKey) {
				return fmt.Errorf("split the key of recording %s: %w", r.ID, err)
			} else if err != nil {
				s.log.Error("the key of a recording cannot be split, nor can it be read", "recording", r.ID, "err", err)
			}
		}
		return nil
	})
}

func (s *Service) splitOne(ctx context.Context, tx *storage.Tx, r *row) error {
	tenant, err := s.cfg.Keys.Tenant(ctx, tx, r.Tenant)
	if err != nil {
		return err
	}
	day, err := s.cfg.Keys.EpochKey(r.StartedAt)
	if err != nil {
		return err
	}
	id, crm, err := s.sealingKey(ctx, tx, r.Tenant)
	if err != nil {
		return err
	}
	shares, err := storage.SplitWrapped(r.DayShare, keyContext(r.ID), crm, day, tenant, day)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE recordings SET wrapped_key = $2, crm_share = $3, crm_key_id = $4 WHERE recording_id = $1`, r.ID, shares.Day, shares.CRM, id)
	return err
}

// dropKeys is what destroys both shares of rows; what follows says of which.
const dropKeys = `UPDATE recordings SET wrapped_key = NULL, crm_share = NULL WHERE `
