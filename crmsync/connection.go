package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Own is the name of Tandem's own tickets, the CRM of tenants that have set no other.
const Own = "own"

// Connection is how a tenant's CRM is reached.
type Connection struct {
	Tenant      uuid.UUID   `json:"-"`
	Provider    string      `json:"provider"` // "own", "rt"
	BaseURL     string      `json:"base_url"`
	Queue       string      `json:"queue"`        // where new tickets go, if the CRM has queues
	DataRecords []string    `json:"data_records"` // which flags and data of a call go onto its ticket; nil, to be stored: as before
	Credentials Credentials `json:"-"`
	Stored      bool        `json:"credentials_stored"` // of what Connection returns: there are credentials
}

// Credentials open a CRM: a user with a password, or a token. They are stored sealed and never shown again.
type Credentials struct {
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
}

// IsZero says that there are none.
func (c Credentials) IsZero() bool { return c == Credentials{} }

// Errors for people.
var (
	ErrProvider = fault.New(fault.Invalid, "unknown_crm", "This CRM is not known.").WithField("provider")
	ErrBaseURL  = fault.New(fault.Invalid, "bad_base_url", "The address must be like https://rt.example.com, without user, password or query.").WithField("base_url")
)

// CheckBaseURL accepts an http or https address without user, query and fragment, and returns it without a slash at its end. Providers
// that have a base URL use it.
func CheckBaseURL(text string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return "", ErrBaseURL
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func sealContext(tenant uuid.UUID) string { return "crm connection of " + tenant.String() }

// Connection returns a tenant's connection, without its credentials; Tandem's own tickets when none was set.
func (s *Service) Connection(ctx context.Context, tenant uuid.UUID) (c Connection, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = s.connection(ctx, tx)
		c.Stored, c.Credentials = !c.Credentials.IsZero(), Credentials{}
		return err
	})
	return c, err
}

func (s *Service) connection(ctx context.Context, tx *storage.Tx) (Connection, error) {
	c := Connection{Tenant: tx.Tenant, Provider: Own, DataRecords: defaultRecords()}
	var sealed []byte
	err := tx.QueryRow(ctx, `SELECT provider, base_url, queue, data_records, credentials FROM crm_connections WHERE tenant_id = $1`, tx.Tenant).
		Scan(&c.Provider, &c.BaseURL, &c.Queue, &c.DataRecords, &sealed)
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
		c, err := s.complete(ctx, tx, c)
		if err != nil {
			return err
		}
		if err := checkRecords(c.DataRecords); err != nil {
			return err
		}
		if _, err := s.open(c); err != nil {
			return err
		}
		key, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		plain, err := json.Marshal(c.Credentials)
		if err != nil {
			return fmt.Errorf("write the CRM's credentials: %w", err)
		}
		sealed, err := key.Seal(plain, sealContext(tenant))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO crm_connections (tenant_id, provider, base_url, queue, credentials, updated_at, data_records) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (tenant_id) DO UPDATE SET provider = excluded.provider, base_url = excluded.base_url, queue = excluded.queue,
				credentials = excluded.credentials, updated_at = excluded.updated_at, data_records = excluded.data_records`,
			tenant, c.Provider, c.BaseURL, c.Queue, sealed, tx.Now, c.DataRecords)
		if err != nil {
			return fmt.Errorf("store the CRM connection: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE crm_outbox SET next_try_at = $2 WHERE tenant_id = $1`, tenant, tx.Now); err != nil {
			return fmt.Errorf("wake the CRM's outbox: %w", err)
		}
		if err := s.cfg.Events.Append(ctx, tx, "crm_connection.changed", tenant, map[string]string{"provider": c.Provider}); err != nil {
			return err
		}
		tx.AfterCommit(s.wake)
		return s.cfg.Recordings.Unpark(ctx, tx)
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
	if c.Credentials.IsZero() {
		if stored.Provider == c.Provider && strings.TrimRight(stored.BaseURL, "/") == strings.TrimRight(strings.TrimSpace(c.BaseURL), "/") {
			c.Credentials = stored.Credentials
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
	return p.Test(ctx)
}

func (s *Service) open(c Connection) (Provider, error) {
	open := s.cfg.Providers[c.Provider]
	if open == nil {
		return nil, ErrProvider
	}
	return open(c)
}

// provider opens what a tenant uses now, and returns its name.
func (s *Service) provider(ctx context.Context, tenant uuid.UUID) (p Provider, name string, err error) {
	var c Connection
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err = s.connection(ctx, tx)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	p, err = s.open(c)
	return p, c.Provider, err
}
