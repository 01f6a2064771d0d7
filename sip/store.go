package sip

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const trunkColumns = `trunk_id, tenant_id, name, networks, username, trusted, nat, headers, codecs, max_calls, enabled,
	outbound, outbound_transport, outbound_username, caller_id, data_parameters, priority, weight, calls_per_second, keepalive, register, number_format`

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
				priority, weight, calls_per_second, keepalive, register, number_format)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
			ON CONFLICT (trunk_id) DO UPDATE SET name = excluded.name, networks = excluded.networks, username = excluded.username,
				ha1_sha256 = coalesce(nullif(excluded.ha1_sha256, ''), trunks.ha1_sha256), ha1_md5 = coalesce(nullif(excluded.ha1_md5, ''), trunks.ha1_md5),
				trusted = excluded.trusted, nat = excluded.nat, headers = excluded.headers, codecs = excluded.codecs,
				max_calls = excluded.max_calls, enabled = excluded.enabled, outbound = excluded.outbound, outbound_transport = excluded.outbound_transport,
				outbound_username = excluded.outbound_username, outbound_password = coalesce(excluded.outbound_password, trunks.outbound_password),
				caller_id = excluded.caller_id, data_parameters = excluded.data_parameters, priority = excluded.priority, weight = excluded.weight,
				calls_per_second = excluded.calls_per_second, keepalive = excluded.keepalive, register = excluded.register, number_format = excluded.number_format`,
			tr.ID, tenant, tr.Name, filled(tr.Networks), tr.Username, secret.HA1SHA256, secret.HA1MD5, tr.Trusted, tr.NAT, filled(tr.Headers), filled(tr.Codecs),
			tr.MaxCalls, tr.Enabled, tx.Now, tr.Outbound, tr.OutboundTransport, tr.OutboundUsername, sealed, tr.CallerID, filled(tr.DataParameters),
			tr.Priority, tr.Weight, tr.CallsPerSecond, tr.Keepalive, tr.Register, tr.NumberFormat)
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

// readRegistered returns the addresses that registered phones send from.
func (d *Directory) readRegistered(ctx context.Context) (map[netip.Addr]bool, error) {
	found := map[netip.Addr]bool{}
	err := d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT received FROM sip_registrations WHERE expires_at > $1`, tx.Now)
		if err != nil {
			return err
		}
		var s string
		_, err = pgx.ForEachRow(rows, []any{&s}, func() error {
			if ap, err := netip.ParseAddrPort(s); err == nil {
				found[ap.Addr().Unmap()] = true
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read registrations: %w", err)
	}
	return found, nil
}

// Phone is a SIP phone that may register; Agent is whose device it is.
type Phone struct {
	ID       uuid.UUID  `json:"id" db:"phone_id"`
	Tenant   uuid.UUID  `json:"-" db:"tenant_id"`
	Username string     `json:"username" db:"username"`
	Agent    *uuid.UUID `json:"agent_id,omitempty" db:"agent_id"`
}

// PutPhone makes a phone or changes its agent and password; a phone is found by its user name. It belongs to tx's change of the password.
func (d *Directory) PutPhone(ctx context.Context, tx *storage.Tx, username string, agent uuid.UUID, password string) error {
	secret := NewSecret(username, d.realm, password)
	tag, err := tx.Exec(ctx, `UPDATE sip_phones SET agent_id = $2, ha1_sha256 = $3, ha1_md5 = $4 WHERE username = $1`, username, nullable(agent), secret.HA1SHA256, secret.HA1MD5)
	if err != nil {
		return fmt.Errorf("change the phone: %w", err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO sip_phones (phone_id, tenant_id, username, agent_id, ha1_sha256, ha1_md5, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		storage.NewID(), tx.Tenant, username, nullable(agent), secret.HA1SHA256, secret.HA1MD5, tx.Now)
	if storage.Duplicate(err, "") {
		return ErrUserTaken
	}
	return err
}

// DeletePhones removes an agent's phones: the extension is another's now, or nobody's.
func (d *Directory) DeletePhones(ctx context.Context, tx *storage.Tx, agent uuid.UUID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM sip_phones WHERE agent_id = $1`, agent); err != nil {
		return fmt.Errorf("delete the phone: %w", err)
	}
	return nil
}

func nullable(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// phoneSecret finds a phone by the user name of its digest, in whatever tenant; exists is false when there is none.
func (d *Directory) phoneSecret(ctx context.Context, username string) (p Phone, s Secret, exists bool, err error) {
	err = d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT phone_id, tenant_id, username, agent_id, ha1_sha256, ha1_md5 FROM sip_phones WHERE username = $1`, username)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&p.ID, &p.Tenant, &p.Username, &p.Agent, &s.HA1SHA256, &s.HA1MD5}, func() error { exists = true; return nil })
		return err
	})
	if err != nil {
		return p, s, false, fmt.Errorf("read the phone: %w", err)
	}
	return p, s, exists, nil
}

// Registration is where a phone is reached until it expires.
type Registration struct {
	Contact   string    `db:"contact"`
	Received  string    `db:"received"` // host:port it registered from
	Transport string    `db:"transport"`
	CallID    string    `db:"call_id"`
	CSeq      int64     `db:"cseq"`
	Expires   time.Time `db:"expires_at"`
}

const registrationColumns = `contact, received, transport, call_id, cseq, expires_at`

// registrations returns a phone's live registrations, the newest first.
func registrations(ctx context.Context, tx *storage.Tx, phone uuid.UUID) ([]Registration, error) {
	rows, err := tx.Query(ctx, `SELECT `+registrationColumns+` FROM sip_registrations WHERE phone_id = $1 AND expires_at > $2 ORDER BY registered_at DESC`, phone, tx.Now)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Registration])
}

// Registered returns where the phone with this user name is, the newest registration first; none when it is not registered.
func (d *Directory) Registered(ctx context.Context, tenant uuid.UUID, username string) ([]Registration, error) {
	var found []Registration
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var phone uuid.UUID
		err := tx.QueryRow(ctx, `SELECT phone_id FROM sip_phones WHERE username = $1`, username).Scan(&phone)
		if err != nil {
			return storage.Missing(err, ErrPhoneNotFound)
		}
		found, err = registrations(ctx, tx, phone)
		return err
	})
	return found, err
}

// register writes and removes a phone's registrations in one step; change says per contact when it expires, zero: remove.
func (d *Directory) register(ctx context.Context, p Phone, received, transport, callID string, cseq int64, change map[string]time.Duration, all bool) ([]Registration, error) {
	var now []Registration
	err := d.db.Tenant(ctx, p.Tenant, func(tx *storage.Tx) error {
		before, err := registrations(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		for _, r := range before {
			if r.CallID == callID && cseq <= r.CSeq {
				return refuse(400, "CSeq Not Rising") // RFC 3261 10.3, step 7
			}
		}
		if all {
			if _, err := tx.Exec(ctx, `DELETE FROM sip_registrations WHERE phone_id = $1`, p.ID); err != nil {
				return err
			}
		}
		for contact, life := range change {
			if _, err := tx.Exec(ctx, `DELETE FROM sip_registrations WHERE phone_id = $1 AND contact = $2`, p.ID, contact); err != nil {
				return err
			}
			if life == 0 {
				continue
			}
			_, err := tx.Exec(ctx, `INSERT INTO sip_registrations (registration_id, tenant_id, phone_id, contact, received, transport, node, call_id, cseq, registered_at, expires_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				storage.NewID(), p.Tenant, p.ID, contact, received, transport, d.node, callID, cseq, tx.Now, tx.Now.Add(life))
			if err != nil {
				return fmt.Errorf("write the registration: %w", err)
			}
		}
		tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		now, err = registrations(ctx, tx, p.ID)
		if err != nil || (len(before) > 0) == (len(now) > 0) {
			return err
		}
		return d.log.Append(ctx, tx, phoneEvent(len(now) > 0), p.ID, p)
	})
	return now, err
}

func phoneEvent(online bool) string {
	if online {
		return "sip_phone.registered"
	}
	return "sip_phone.unregistered"
}

// sweep removes expired registrations and says so for phones that have none left.
func (d *Directory) sweep(ctx context.Context) error {
	return d.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH gone AS (DELETE FROM sip_registrations WHERE expires_at <= $1 RETURNING phone_id)
			SELECT DISTINCT p.phone_id, p.tenant_id, p.username, p.agent_id FROM gone JOIN sip_phones p USING (phone_id)
			WHERE NOT EXISTS (SELECT FROM sip_registrations r WHERE r.phone_id = p.phone_id AND r.expires_at > $1)`, tx.Now)
		if err != nil {
			return err
		}
		phones, err := pgx.CollectRows(rows, pgx.RowToStructByName[Phone])
		if err != nil {
			return err
		}
		for _, p := range phones {
			if err := d.log.AppendFor(ctx, tx, p.Tenant, phoneEvent(false), p.ID, p); err != nil {
				return err
			}
		}
		if len(phones) > 0 {
			tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		}
		return nil
	})
}
