package crmsync

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Errors of signing in to a CRM.
var (
	ErrNoOAuth    = fault.New(fault.Conflict, "crm_no_oauth", "This CRM is not signed in to; give its credentials instead.")
	ErrNoClient   = fault.New(fault.Invalid, "crm_no_client", "Store the OAuth client's id first.").WithField("client_id")
	ErrNoSession  = fault.New(fault.Conflict, "crm_needs_session", "Only somebody who is signed in with a browser can give access to a CRM.")
	ErrState      = fault.New(fault.Invalid, "crm_state", "This sign-in to the CRM is not yours, is over, or took longer than ten minutes; begin again.").WithField("state")
	ErrNotGranted = fault.New(fault.Conflict, "crm_not_granted", "The CRM has not given access; begin again.")
)

const (
	authorizeFor = 10 * time.Minute
	exchangeFor  = 15 * time.Second
)

// redirectPath is where CRMs send people back to.
const redirectPath = "/api/v1/crm-connection/callback"

// RedirectURL is what a CRM's OAuth client must be told.
func (s *Service) RedirectURL() string { return s.cfg.PublicURL + redirectPath }

// Authorize begins to give access to the CRM that is stored, for somebody's session, and returns the CRM's address to go to.
func (s *Service) Authorize(ctx context.Context, tenant, session uuid.UUID) (address string, err error) {
	if session == uuid.Nil {
		return "", ErrNoSession
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err := s.connection(ctx, tx)
		if err != nil {
			return err
		}
		client, err := s.oauth(c)
		if err != nil {
			return err
		}
		key, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		state, verifier := rand.Text(), oauth2.GenerateVerifier()
		sealed, err := key.Seal([]byte(verifier), sealContext(tenant))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM crm_authorizations WHERE expires_at < $1 OR session_id = $2`, tx.Now, session); err != nil {
			return fmt.Errorf("forget sign-ins to CRMs: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO crm_authorizations (tenant_id, state, session_id, provider, base_url, verifier, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			tenant, hashed(state), session, c.Provider, c.BaseURL, sealed, tx.Now.Add(authorizeFor))
		if err != nil {
			return fmt.Errorf("begin to sign in to the CRM: %w", err)
		}
		address = client.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
		return nil
	})
	return address, err
}

func hashed(state string) []byte {
	sum := sha256.Sum256([]byte(state))
	return sum[:]
}

func (s *Service) oauth(c Connection) (*oauth2.Config, error) {
	v, ok := s.vendors[c.Provider]
	if !ok || v.OAuth == nil {
		return nil, ErrNoOAuth
	}
	if c.Settings["client_id"] == "" {
		return nil, ErrNoClient
	}
	client := v.OAuth.client(c)
	client.RedirectURL = s.RedirectURL()
	return client, nil
}

// Authorized takes what a CRM has sent a person back with, and stores the tokens that it is exchanged for. A state is good once, in the session that
// began with it.
func (s *Service) Authorized(ctx context.Context, tenant, session uuid.UUID, state, code string) error {
	c, verifier, err := s.began(ctx, tenant, session, state)
	if err != nil {
		return err
	}
	if code == "" {
		return ErrNotGranted
	}
	client, err := s.oauth(c)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, s.cfg.HTTP), exchangeFor)
	defer cancel()
	tokens, err := client.Exchange(limit, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return ErrNotGranted.Because(TokenRefused(err))
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		now, err := s.connection(ctx, tx)
		if err != nil {
			return err
		}
		if now.Provider != c.Provider || now.BaseURL != c.BaseURL {
			return ErrState
		}
		sealed, err := s.seal(ctx, tx, now.Credentials.with(tokens))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE crm_connections SET credentials = $2, updated_at = $3 WHERE tenant_id = $1`, tenant, sealed, tx.Now); err != nil {
			return fmt.Errorf("store the CRM's tokens: %w", err)
		}
		if err := s.cfg.Events.Append(ctx, tx, "crm_connection.authorized", tenant, map[string]string{"provider": c.Provider}); err != nil {
			return err
		}
		return s.resume(ctx, tx)
	})
}

// began is the connection and verifier with which a sign-in began. It is over then, whatever becomes of it.
func (s *Service) began(ctx context.Context, tenant, session uuid.UUID, state string) (c Connection, verifier string, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var sealed []byte
		var provider, base string
		err := tx.QueryRow(ctx, `DELETE FROM crm_authorizations WHERE state = $1 AND session_id = $2 AND expires_at > $3 RETURNING provider, base_url, verifier`,
			hashed(state), session, tx.Now).Scan(&provider, &base, &sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrState
		}
		if err != nil {
			return fmt.Errorf("look for the sign-in to the CRM: %w", err)
		}
		key, err := s.cfg.Keys.Tenant(ctx, tx, tenant)
		if err != nil {
			return err
		}
		plain, err := key.Open(sealed, sealContext(tenant))
		if err != nil {
			return err
		}
		verifier = string(plain)
		if c, err = s.connection(ctx, tx); err == nil && (c.Provider != provider || c.BaseURL != base) {
			err = ErrState
		}
		return err
	})
	return c, verifier, err
}

// resume lets everything that waits for the tenant's CRM be tried at once.
func (s *Service) resume(ctx context.Context, tx *storage.Tx) error {
	if err := unpark(ctx, tx); err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return s.cfg.Recordings.Unpark(ctx, tx)
}

// Resume lets everything that waits for the tenant's CRM be tried at once: for the button on the settings page.
func (s *Service) Resume(ctx context.Context, tenant uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.resume(ctx, tx) })
}

// Vendors are the CRMs there are, in the order of Config.
func (s *Service) Vendors() []Vendor { return s.cfg.Vendors }
