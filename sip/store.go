package sip

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const trunkColumns = `trunk_id, tenant_id, name, networks, username, trusted, nat, headers, codecs, max_calls, enabled,
	outbound, outbound_transport, outbound_username, caller_id, data_parameters, priority, weight, calls_per_second, keepalive, register, number_format, encryption, refer`

// Trunks lists a tenant's trunks by name.
func (d *Directory) Trunks(ctx context.Context, tenant uuid.UUID) ([]Trunk, error) {
	var found []Trunk
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+trunkColumns+` FROM trunks ORDER BY name`)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[Trunk])
		return err
	})
	return found, err
}

// Trunk returns one trunk.
func (d *Directory) Trunk(ctx context.Context, tenant, id uuid.UUID) (Trunk, error) {
	var found Trunk
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+trunkColumns+` FROM trunks WHERE trunk_id = $1`, id)
		if err != nil {
			return err
		}
		found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Trunk])
		return storage.Missing(err, ErrTrunkNotFound)
	})
	return found, err
}

// Passwords are those of a trunk; an empty one keeps what there is.
type Passwords struct {
	Inbound  string // which the trunk gives us
	Outbound string // which we give the trunk
}

// PutTrunk makes a trunk (a nil ID) or changes one.
func (d *Directory) PutTrunk(ctx context.Context, tenant uuid.UUID, tr Trunk, password Passwords) (Trunk, error) {
	if err := tr.check(); err != nil {
		return tr, err
	}
	if tr.ID == uuid.Nil {
		tr.ID = storage.NewID()
	} else if _, err := d.Trunk(ctx, tenant, tr.ID); err != nil {
		return tr, err
	}
	tr.Tenant = tenant
	var secret Secret
	if password.Inbound != "" {
		secret = NewSecret(tr.Username, d.realm, password.Inbound)
	}
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		sealed, err := d.seal(ctx, tx, tr.ID, password.Outbound)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO trunks (trunk_id, tenant_id, name, networks, username, ha1_sha256, ha1_md5, trusted, nat, headers, codecs, max_calls, enabled, created_at,
				outbound, outbound_transport, outbound_username, outbound_password, caller_id, data_parameters,
				priority, weight, calls_per_second, keepalive, register, number_format, encryption, refer)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)
			ON CONFLICT (trunk_id) DO UPDATE SET name = excluded.name, networks = excluded.networks, username = excluded.username,
				ha1_sha256 = coalesce(nullif(excluded.ha1_sha256, ''), trunks.ha1_sha256), ha1_md5 = coalesce(nullif(excluded.ha1_md5, ''), trunks.ha1_md5),
				trusted = excluded.trusted, nat = excluded.nat, headers = excluded.headers, codecs = excluded.codecs,
				max_calls = excluded.max_calls, enabled = excluded.enabled, outbound = excluded.outbound, outbound_transport = excluded.outbound_transport,
				outbound_username = excluded.outbound_username, outbound_password = coalesce(excluded.outbound_password, trunks.outbound_password),
				caller_id = excluded.caller_id, data_parameters = excluded.data_parameters, priority = excluded.priority, weight = excluded.weight,
				calls_per_second = excluded.calls_per_second, keepalive = excluded.keepalive, register = excluded.register, number_format = excluded.number_format,
				encryption = excluded.encryption, refer = excluded.refer`,
			tr.ID, tenant, tr.Name, filled(tr.Networks), tr.Username, secret.HA1SHA256, secret.HA1MD5, tr.Trusted, tr.NAT, filled(tr.Headers), filled(tr.Codecs),
			tr.MaxCalls, tr.Enabled, tx.Now, tr.Outbound, tr.OutboundTransport, tr.OutboundUsername, sealed, tr.CallerID, filled(tr.DataParameters),
			tr.Priority, tr.Weight, tr.CallsPerSecond, tr.Keepalive, tr.Register, tr.NumberFormat, tr.Encryption, tr.Refer)
		switch {
		case storage.Duplicate(err, "trunks_tenant_id_name_key"):
			return ErrTrunkTaken
		case storage.Duplicate(err, "trunks_username"):
			return ErrUserTaken
		case err != nil:
			return fmt.Errorf("write the trunk: %w", err)
		}
		tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		return d.log.Append(ctx, tx, "trunk.changed", tr.ID, tr)
	})
	return tr, err
}

func filled[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// DeleteTrunk takes a trunk away; its next request is a stranger's.
func (d *Directory) DeleteTrunk(ctx context.Context, tenant, id uuid.UUID) error {
	return d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM trunks WHERE trunk_id = $1`, id)
		if err != nil {
			return fmt.Errorf("delete the trunk: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrTrunkNotFound
		}
		tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		return d.log.Append(ctx, tx, "trunk.deleted", id, struct{}{})
	})
}

// readTrunks reads every tenant's trunks with what is needed to check a digest.
func (d *Directory) readTrunks(ctx context.Context) ([]Trunk, error) {
	var found []Trunk
	err := d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+trunkColumns+`, ha1_sha256, ha1_md5 FROM trunks ORDER BY trunk_id`)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Trunk, error) {
			r, err := pgx.RowToStructByName[struct {
				Trunk
				SHA256 string `db:"ha1_sha256"`
				MD5    string `db:"ha1_md5"`
			}](row)
			r.secret = Secret{HA1SHA256: r.SHA256, HA1MD5: r.MD5}
			return r.Trunk, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read trunks: %w", err)
	}
	return found, nil
}
