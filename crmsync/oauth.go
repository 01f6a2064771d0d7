package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"tandem/internal/storage"
	"tandem/recording"
)

// Fetch gets new tokens for credentials, and returns the credentials with them.
type Fetch func(ctx context.Context, now Credentials) (Credentials, error)

// Bearer is a Client's Authorize for access tokens (RFC 6750). They are fetched when there is none, when one is about to end, and when the CRM
// has refused one.
func Bearer(c Connection, get Fetch) func(ctx context.Context, r *http.Request, refused bool) error {
	var mu sync.Mutex
	now := c.Credentials
	return func(ctx context.Context, r *http.Request, refused bool) error {
		mu.Lock()
		defer mu.Unlock()
		ends := !now.ExpiresAt.IsZero() && time.Until(now.ExpiresAt) < time.Minute
		if now.Access == "" || ends || refused && r.Header.Get("Authorization") == "Bearer "+now.Access {
			fresh, err := c.renew(ctx, now, get)
			if err != nil {
				return err
			}
			now = fresh
		}
		r.Header.Set("Authorization", "Bearer "+now.Access)
		return nil
	}
}

func (c Connection) renew(ctx context.Context, now Credentials, get Fetch) (Credentials, error) {
	if c.Renew == nil {
		return get(ctx, now)
	}
	return c.Renew(ctx, now.Access, get)
}

// client is a connection's, as golang.org/x/oauth2 knows it.
func (o *OAuth) client(c Connection) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.Settings["client_id"], ClientSecret: c.Credentials.Secret, Scopes: o.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: o.AuthorizeURL(c), TokenURL: o.TokenURL(c), AuthStyle: oauth2.AuthStyleInParams},
	}
}

// Refresh is Bearer's way to new tokens by the refresh token (RFC 6749, section 6).
func (o *OAuth) Refresh(c Connection, client *http.Client) Fetch {
	return func(ctx context.Context, now Credentials) (Credentials, error) {
		if now.Refresh == "" {
			return now, &recording.SendError{Class: recording.ClassUnauthorized, Err: errors.New("nobody has given access yet, or it has ended")}
		}
		ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
		t, err := o.client(c).TokenSource(ctx, &oauth2.Token{RefreshToken: now.Refresh}).Token()
		if err != nil {
			return now, TokenRefused(err)
		}
		return now.with(t), nil
	}
}

func (c Credentials) with(t *oauth2.Token) Credentials {
	c.Access, c.ExpiresAt = t.AccessToken, t.Expiry
	if t.RefreshToken != "" {
		c.Refresh = t.RefreshToken
	}
	return c
}

// TokenRefused is what an error of golang.org/x/oauth2 means for trying again. Nothing of the answer is in it but its code.
func TokenRefused(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		e := Refused(refused.Response.StatusCode, refused.Response.Header, fmt.Errorf("ask for access: the CRM answered %s %s", refused.Response.Status, refused.ErrorCode))
		if known := new(recording.SendError); errors.As(e, &known) && known.Class == recording.ClassRejected { // invalid_grant is 400
			known.Class = recording.ClassUnauthorized
			return known
		}
		return e
	}
	return &recording.SendError{Class: recording.ClassRetry, Err: fmt.Errorf("ask for access: %w", withoutURL(err))}
}

// renewer is Connection.Renew for what is stored.
func (s *Service) renewer(stored Connection) func(ctx context.Context, stale string, get func(context.Context, Credentials) (Credentials, error)) (Credentials, error) {
	return func(ctx context.Context, stale string, get func(context.Context, Credentials) (Credentials, error)) (now Credentials, err error) {
		err = s.cfg.DB.Tenant(ctx, stored.Tenant, func(tx *storage.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT FROM crm_connections WHERE tenant_id = $1 FOR UPDATE`, stored.Tenant); err != nil {
				return fmt.Errorf("lock the CRM connection: %w", err)
			}
			c, err := s.connection(ctx, tx)
			if err != nil {
				return err
			}
			now = c.Credentials
			if c.Provider != stored.Provider || c.BaseURL != stored.BaseURL {
				return &recording.SendError{Class: recording.ClassRetry, Err: errors.New("the connection was changed meanwhile")}
			}
			if now.Access != stale && now.Access != "" {
				return nil
			}
			if now, err = get(ctx, now); err != nil {
				return err
			}
			sealed, err := s.seal(ctx, tx, now)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE crm_connections SET credentials = $2 WHERE tenant_id = $1`, stored.Tenant, sealed); err != nil {
				return fmt.Errorf("store the CRM's tokens: %w", err)
			}
			return nil
		})
		return now, err
	}
}

func (s *Service) seal(ctx context.Context, tx *storage.Tx, c Credentials) ([]byte, error) {
	key, err := s.cfg.Keys.Tenant(ctx, tx, tx.Tenant)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the CRM's credentials: %w", err)
	}
	return key.Seal(plain, sealContext(tx.Tenant))
}
