package sip

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Phone is a SIP phone that may register; Agent is whose device it is.
type Phone struct {
	ID       uuid.UUID  `json:"id" db:"phone_id"`
	Tenant   uuid.UUID  `json:"-" db:"tenant_id"`
	Username string     `json:"username" db:"username"`
	Agent    *uuid.UUID `json:"agent_id,omitempty" db:"agent_id"`
}

// PutPhone makes a phone or changes its agent and password; a phone is found by its user name. It belongs to tx's change of the password. An
// agent whose phone has a secret of its own keeps that.
func (d *Directory) PutPhone(ctx context.Context, tx *storage.Tx, username string, agent uuid.UUID, password string) error {
	var own bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sip_phones WHERE agent_id = $1 AND generated)`, storage.Nullable(agent)).Scan(&own); err != nil || own {
		return err
	}
	secret := NewSecret(username, d.realm, password)
	tag, err := tx.Exec(ctx, `UPDATE sip_phones SET agent_id = $2, ha1_sha256 = $3, ha1_md5 = $4 WHERE username = $1`, username, storage.Nullable(agent), secret.HA1SHA256, secret.HA1MD5)
	if err != nil {
		return fmt.Errorf("change the phone: %w", err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	made, err := d.insertPhone(ctx, tx, username, agent, secret, false)
	if err == nil && !made {
		err = ErrUserTaken
	}
	return err
}

// insertPhone makes a phone; false: the user name is taken, perhaps in another tenant.
func (d *Directory) insertPhone(ctx context.Context, tx *storage.Tx, username string, agent uuid.UUID, secret Secret, generated bool) (bool, error) {
	tag, err := tx.Exec(ctx, `
		INSERT INTO sip_phones (phone_id, tenant_id, username, agent_id, ha1_sha256, ha1_md5, generated, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (username) DO NOTHING`,
		storage.NewID(), tx.Tenant, username, storage.Nullable(agent), secret.HA1SHA256, secret.HA1MD5, generated, tx.Now)
	if err != nil {
		return false, fmt.Errorf("write the phone: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// DeletePhones removes an agent's phones: the extension is another's now, or nobody's.
func (d *Directory) DeletePhones(ctx context.Context, tx *storage.Tx, agent uuid.UUID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM sip_phones WHERE agent_id = $1`, agent); err != nil {
		return fmt.Errorf("delete the phone: %w", err)
	}
	return nil
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

// Telephone is an agent's SIP account, and where it is registered.
type Telephone struct {
	Username  string         `json:"username" doc:"empty: the agent has none yet"`
	Generated bool           `json:"generated" doc:"its secret was made here; otherwise it is the password that the agent signs in with"`
	Contacts  []Registration `json:"contacts" doc:"where it is registered now, the newest first"`
}

// Telephone returns an agent's SIP account; one without a user name where there is none.
func (d *Directory) Telephone(ctx context.Context, tenant, agent uuid.UUID) (t Telephone, err error) {
	err = d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		p, generated, err := phoneOf(ctx, tx, agent)
		if err != nil || p == nil {
			return err
		}
		t.Username, t.Generated = p.Username, generated
		t.Contacts, err = registrations(ctx, tx, p.ID)
		return err
	})
	t.Contacts = filled(t.Contacts)
	return t, err
}

// phoneOf is an agent's phone; nil: they have none. One with a secret of its own comes first.
func phoneOf(ctx context.Context, tx *storage.Tx, agent uuid.UUID) (p *Phone, generated bool, err error) {
	rows, err := tx.Query(ctx, `SELECT phone_id, tenant_id, username, agent_id, generated FROM sip_phones WHERE agent_id = $1 ORDER BY generated DESC, created_at, phone_id LIMIT 1`, agent)
	if err != nil {
		return nil, false, err
	}
	var found Phone
	_, err = pgx.ForEachRow(rows, []any{&found.ID, &found.Tenant, &found.Username, &found.Agent, &generated}, func() error { p = &found; return nil })
	return p, generated, err
}

// PhoneAccount is what a telephone is set up with. The secret is not kept, and cannot be shown again.
type PhoneAccount struct {
	Username   string      `json:"username"`
	Secret     string      `json:"secret" doc:"shown this once"`
	Realm      string      `json:"realm"`
	Transports []Transport `json:"transports" doc:"how this node is reached; the most private way comes first"`
}

// Transport is a way by which SIP is spoken here.
type Transport struct {
	Name string `json:"name" enum:"udp,tcp,tls,ws,wss"`
	Port int    `json:"port"`
}

// SecretRenewed is the data of the event sip_phone.secret_renewed.
type SecretRenewed struct {
	Agent    uuid.UUID `json:"agent_id"`
	Username string    `json:"username"`
}

// RenewSecret gives an agent's SIP account, which is made where there is none, a new secret of 130 random bits; extension is the user name that a
// new one gets if nobody has it. Whatever is registered by the old secret is registered no more.
func (d *Directory) RenewSecret(ctx context.Context, tenant, agent uuid.UUID, extension string) (PhoneAccount, error) {
	a := PhoneAccount{Secret: rand.Text(), Realm: d.realm, Transports: d.transports}
	err := d.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		p, _, err := phoneOf(ctx, tx, agent)
		switch {
		case err != nil:
			return err
		case p == nil:
			a.Username, err = d.newAccount(ctx, tx, agent, extension, a.Secret)
		default:
			a.Username = p.Username
			err = d.replaceSecret(ctx, tx, *p, a.Secret)
		}
		if err != nil {
			return err
		}
		tx.AfterCommit(func() { d.bus.Publish(directoryChanged, nil) })
		return d.log.Append(ctx, tx, "sip_phone.secret_renewed", agent, SecretRenewed{Agent: agent, Username: a.Username})
	})
	return a, err
}

// newAccount makes a phone. Digests do not tell of which tenant somebody is, so an extension that another tenant has gets a random end.
func (d *Directory) newAccount(ctx context.Context, tx *storage.Tx, agent uuid.UUID, extension, password string) (username string, err error) {
	username = extension
	for range 3 {
		if username != "" {
			made, err := d.insertPhone(ctx, tx, username, agent, NewSecret(username, d.realm, password), true)
			if err != nil || made {
				return username, err
			}
		}
		username = strings.TrimPrefix(extension+"-"+strings.ToLower(rand.Text()[:8]), "-")
	}
	return "", ErrUserTaken
}

func (d *Directory) replaceSecret(ctx context.Context, tx *storage.Tx, p Phone, password string) error {
	secret := NewSecret(p.Username, d.realm, password)
	if _, err := tx.Exec(ctx, `UPDATE sip_phones SET ha1_sha256 = $2, ha1_md5 = $3, generated = true WHERE phone_id = $1`, p.ID, secret.HA1SHA256, secret.HA1MD5); err != nil {
		return fmt.Errorf("change the phone's secret: %w", err)
	}
	tag, err := tx.Exec(ctx, `DELETE FROM sip_registrations WHERE phone_id = $1`, p.ID)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return d.tellPresence(ctx, tx, p, false)
}

// tellPresence says that a phone is registered now where it was not, or the reverse.
func (d *Directory) tellPresence(ctx context.Context, tx *storage.Tx, p Phone, there bool) error {
	if p.Agent != nil {
		if err := d.presence(ctx, tx, p.Tenant, *p.Agent, "phone:"+p.Username, there); err != nil {
			return err
		}
	}
	event := "sip_phone.unregistered"
	if there {
		event = "sip_phone.registered"
	}
	return d.log.AppendFor(ctx, tx, p.Tenant, event, p.ID, p)
}
