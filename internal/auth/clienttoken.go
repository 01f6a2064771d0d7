package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ClientSecret says whether a tenant has a secret by which its own servers vouch for what a customer's page says. The secret itself is shown
// once.
type ClientSecret struct {
	Exists    bool       `json:"exists"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
	Secret    string     `json:"secret,omitempty" doc:"only in the answer that made it"`
}

// ClientClaims are what a tenant's server says of a customer in a signed token (V1.6).
type ClientClaims struct {
	VerifiedCustomer *bool             `json:"reserved_verified_customer,omitempty"`
	BadActor         *bool             `json:"reserved_bad_actor,omitempty"`
	RepeatCustomer   *bool             `json:"reserved_repeat_customer,omitempty"`
	Data             map[string]string `json:"data,omitempty"`
	jwt.RegisteredClaims
}

const (
	maxClientToken  = 16 << 10 // bytes
	clientTokenLife = time.Hour
	clientLeeway    = 30 * time.Second // for clocks that are off
)

// ErrClientToken is the answer to a token that vouches for nothing.
var ErrClientToken = fault.New(fault.Invalid, "client_token_invalid",
	"The signed data are not valid: use HS256 with the tenant's client secret, and an exp at most an hour ahead.").WithField("token")

func clientSecretContext(tenant uuid.UUID) []byte {
	return []byte("client_secrets.secret/" + tenant.String())
}

// ClientSecret tells whether the acting user's tenant has one.
func (s *Service) ClientSecret(ctx context.Context) (c ClientSecret, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT created_at FROM client_secrets WHERE tenant_id = $1`, tx.Tenant).Scan(&c.CreatedAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		c.Exists = err == nil
		return err
	})
	return c, err
}

// MakeClientSecret makes a new one; tokens signed with the old one are worth nothing from now on.
func (s *Service) MakeClientSecret(ctx context.Context) (ClientSecret, error) {
	a := From(ctx)
	secret := rand.Text() + rand.Text()
	sealed := []byte(secret)
	if s.cfg.Secrets != nil {
		var err error
		if sealed, err = s.cfg.Secrets.Seal(ctx, a.Tenant, sealed, clientSecretContext(a.Tenant)); err != nil {
			return ClientSecret{}, fmt.Errorf("seal the client secret: %w", err)
		}
	}
	c := ClientSecret{Exists: true, Secret: secret}
	err := s.tenant(ctx, func(tx *storage.Tx) error {
		c.CreatedAt = &tx.Now
		_, err := tx.Exec(ctx, `INSERT INTO client_secrets (tenant_id, secret, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (tenant_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at`, tx.Tenant, sealed, tx.Now)
		if err != nil {
			return fmt.Errorf("store the client secret: %w", err)
		}
		return s.record(ctx, tx, Fact{Type: "client_secret.made", Subject: tx.Tenant, Data: map[string]any{}})
	})
	return c, err
}

// ReadClientToken checks a token (JWT, RFC 7519, HS256) that a customer's page was given by the tenant's server.
func (s *Service) ReadClientToken(ctx context.Context, tenant uuid.UUID, token string) (ClientClaims, error) {
	var c ClientClaims
	if len(token) > maxClientToken {
		return c, ErrClientToken
	}
	var sealed []byte
	now := time.Time{}
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		now = tx.Now
		err := tx.QueryRow(ctx, `SELECT secret FROM client_secrets WHERE tenant_id = $1`, tenant).Scan(&sealed)
		return storage.Missing(err, ErrClientToken)
	})
	if err != nil {
		return c, err
	}
	secret := sealed
	if s.cfg.Secrets != nil {
		if secret, err = s.cfg.Secrets.Open(ctx, tenant, sealed, clientSecretContext(tenant)); err != nil {
			return c, fmt.Errorf("open the client secret: %w", err)
		}
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithLeeway(clientLeeway),
		jwt.WithTimeFunc(func() time.Time { return now }))
	if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
		return ClientClaims{}, ErrClientToken.Because(err)
	}
	if c.ExpiresAt.Time.After(now.Add(clientTokenLife + clientLeeway)) {
		return ClientClaims{}, ErrClientToken
	}
	return c, nil
}
