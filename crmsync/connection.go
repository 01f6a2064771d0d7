package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Own is the name of Tandem's own tickets, the CRM of tenants that have set no other.
const Own = "own"

// Connection is how a tenant's CRM is reached.
type Connection struct {
	Tenant      uuid.UUID         `json:"-"`
	Provider    string            `json:"provider"` // a vendor's name: "own", "rt"
	BaseURL     string            `json:"base_url"`
	Queue       string            `json:"queue"`                                 // where new tickets go, if the CRM has queues
	Settings    map[string]string `json:"settings"`                              // the vendor's other fields that are no secrets, by name
	Mapping     []Map             `json:"mapping"`                               // what else is written into a ticket's fields; nil, to be stored: as before
	AppendDays  int               `json:"append_days" minimum:"0" maximum:"365"` // a call goes to the open ticket of its contact and queue, or one closed at most so many days ago; 0: each has its own; negative, to be stored: as before
	ContactData string            `json:"contact_data"`                          // the datum of a call that names its contact in the CRM; empty: known by number alone
	DataRecords []string          `json:"data_records"`                          // which flags and data of a call go onto its ticket; nil, to be stored: as before
	Credentials Credentials       `json:"-"`
	Stored      bool              `json:"credentials_stored"` // of what Connection returns: there are credentials
	Authorized  bool              `json:"authorized"`         // of what Connection returns: OAuth has given access

	// Renew lets get fetch new tokens, unless the stored access token is another than stale: then somebody else has fetched them just now, and those
	// are returned. It holds a lock meanwhile, so that a refresh token is spent once, and stores what get returns. It is set by the Service; nil while
	// a connection is tried that is not stored.
	Renew func(ctx context.Context, stale string, get func(ctx context.Context, now Credentials) (Credentials, error)) (Credentials, error) `json:"-"`
}

// Credentials open a CRM: those of the vendor's fields that are to be kept secret, and what OAuth has given. They are stored sealed and never
// shown again.
type Credentials struct {
	User      string    `json:"user,omitempty"`
	Password  string    `json:"password,omitempty"`
	Token     string    `json:"token,omitempty"`
	Secret    string    `json:"secret,omitempty"`    // of an OAuth client, or a private key as PEM
	Refresh   string    `json:"refresh,omitempty"`   // token
	Access    string    `json:"access,omitempty"`    // token
	ExpiresAt time.Time `json:"expires_at,omitzero"` // of Access; zero: not known
	Instance  string    `json:"instance,omitempty"`  // where Access is good, if the vendor has said so with it
}

// IsZero says that there are none.
func (c Credentials) IsZero() bool { return c == Credentials{} }

// Errors for people.
var (
	ErrProvider   = fault.New(fault.Invalid, "unknown_crm", "This CRM is not known.").WithField("provider")
	ErrAppendDays = fault.New(fault.Invalid, "bad_append_days", "Say for how many days calls go to a closed ticket, 0 to 365.").WithField("append_days")
)

func sealContext(tenant uuid.UUID) string { return "crm connection of " + tenant.String() }

// Connection returns a tenant's connection, without its credentials; Tandem's own tickets when none was set.
func (s *Service) Connection(ctx context.Context, tenant uuid.UUID) (c Connection, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = s.connection(ctx, tx)
		c.Stored, c.Authorized, c.Credentials = !c.Credentials.IsZero(), c.Credentials.Access != "", Credentials{}
		return err
	})
	return c, err
}

func (s *Service) connection(ctx context.Context, tx *storage.Tx) (Connection, error) {
	c := Connection{Tenant: tx.Tenant, Provider: Own, Settings: map[string]string{}, Mapping: []Map{}, DataRecords: defaultRecords()}
	var sealed []byte
	err := tx.QueryRow(ctx, `SELECT provider, base_url, queue, settings, mapping, append_days, contact_data, data_records, credentials FROM crm_connections WHERE tenant_id = $1`, tx.Tenant).
		Scan(&c.Provider, &c.BaseURL, &c.Queue, &c.Settings, &c.Mapping, &c.AppendDays, &c.ContactData, &c.DataRecords, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read the CRM connection: %w", err)
	}
	if sealed == nil {
		return c, nil
	}
	key, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return c, err
	}
	plain, err := key.Open(sealed, sealContext(tx.Tenant))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(plain, &c.Credentials); err != nil {
		return c, fmt.Errorf("read the CRM's credentials: %w", err)
	}
	return c, nil
}

// SetConnection stores a tenant's connection. Without credentials the stored ones stay, as long as provider and address are the same:
// they are not to be sent elsewhere by somebody who does not know them.
func (s *Service) SetConnection(ctx context.Context, tenant uuid.UUID, c Connection) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		before, err := s.Secret(ctx, tx, tenant)
		if err != nil {
			return err
		}
		c, err := s.complete(ctx, tx, c)
		if err != nil {
			return err
		}
		if err := errors.Join(checkRecords(c.DataRecords), checkMapping(c.Mapping)); err != nil {
			return err
		}
		c.Settings = s.vendors[c.Provider].settings(c.Settings)
		if _, err := s.open(c); err != nil {
			return err
		}
		sealed, err := s.seal(ctx, tx, c.Credentials)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO crm_connections (tenant_id, provider, base_url, queue, credentials, updated_at, data_records, settings, mapping, append_days, contact_data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (tenant_id) DO UPDATE SET provider = excluded.provider, base_url = excluded.base_url, queue = excluded.queue, credentials = excluded.credentials,
				updated_at = excluded.updated_at, data_records = excluded.data_records, settings = excluded.settings, mapping = excluded.mapping,
				append_days = excluded.append_days, contact_data = excluded.contact_data`,
			tenant, c.Provider, c.BaseURL, c.Queue, sealed, tx.Now, c.DataRecords, c.Settings, c.Mapping, c.AppendDays, c.ContactData)
		if err != nil {
			return fmt.Errorf("store the CRM connection: %w", err)
		}
		if err := s.cfg.Events.Append(ctx, tx, "crm_connection.changed", tenant, map[string]string{"provider": c.Provider}); err != nil {
			return err
		}
		if err := unpark(ctx, tx); err != nil {
			return err
		}
		tx.AfterCommit(s.wake)
		after, err := s.Secret(ctx, tx, tenant)
		if err != nil {
			return err
		}
		return s.cfg.Recordings.Reconnected(ctx, tx, before, after)
	})
}

func (s *Service) complete(ctx context.Context, tx *storage.Tx, c Connection) (Connection, error) {
	c.Tenant = tx.Tenant
	stored, err := s.connection(ctx, tx)
	if err != nil {
		return c, err
	}
	if c.DataRecords == nil {
		c.DataRecords = stored.DataRecords
	}
	if c.Mapping == nil {
		c.Mapping = stored.Mapping
	}
	if c.AppendDays < 0 {
		c.AppendDays = stored.AppendDays
	}
	if c.AppendDays > 365 {
		return c, ErrAppendDays
	}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	if c.Credentials.IsZero() {
		if stored.Provider == c.Provider && strings.TrimRight(stored.BaseURL, "/") == strings.TrimRight(strings.TrimSpace(c.BaseURL), "/") {
			c.Credentials, c.Renew = stored.Credentials, s.renewer(stored)
		}
	}
	return c, nil
}

// Test tries a connection, stored or not, and changes nothing: for the button on the settings page.
func (s *Service) Test(ctx context.Context, tenant uuid.UUID, c Connection) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		c, err = s.complete(ctx, tx, c)
		return err
	})
	if err != nil {
		return err
	}
	p, err := s.open(c)
	if err != nil {
		return err
	}
	return p.Test(Interactive(ctx))
}

func (s *Service) open(c Connection) (Provider, error) {
	v, ok := s.vendors[c.Provider]
	if !ok {
		return nil, ErrProvider
	}
	return v.Open(c)
}

// provider opens what a tenant uses now.
func (s *Service) provider(ctx context.Context, tenant uuid.UUID) (p Provider, c Connection, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = s.connection(ctx, tx)
		return err
	})
	if err != nil {
		return nil, c, err
	}
	c.Renew = s.renewer(c)
	p, err = s.open(c)
	return p, c, err
}

// fields are what is said of a call, as the vendor's fields.
func (c Connection) fields(facts map[string]string) map[string]string {
	out := make(map[string]string, len(c.Mapping))
	for _, m := range c.Mapping {
		if v := facts[m.From]; v != "" {
			out[m.To] = v
		}
	}
	return out
}
