package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// APIKey lets a program act within Permissions, never beyond those of the user who made it.
type APIKey struct {
	ID          uuid.UUID   `json:"id" db:"api_key_id"`
	User        uuid.UUID   `json:"user" db:"user_id"`
	Name        string      `json:"name" db:"name"`
	Prefix      string      `json:"prefix" db:"prefix" doc:"the key's first characters, to recognise it"`
	Permissions Permissions `json:"permissions" db:"permissions"`
	CreatedAt   time.Time   `json:"created_at" db:"created_at"`
	ExpiresAt   *time.Time  `json:"expires_at,omitempty" db:"expires_at"`
	LastUsedAt  *time.Time  `json:"last_used_at,omitempty" db:"last_used_at"`
	RevokedAt   *time.Time  `json:"revoked_at,omitempty" db:"revoked_at"`
}

// NewAPIKey is what a key is made from.
type NewAPIKey struct {
	Name        string
	Permissions Permissions
	ExpiresAt   *time.Time
	// Secret is the key itself, where the operator has chosen it (demo.api_key); empty makes a random one.
	Secret string
}

const keyPrefix = "tdm_"

// AddAPIKey makes a key for the acting user and returns it with its secret, the only copy of it.
func (s *Service) AddAPIKey(ctx context.Context, n NewAPIKey) (APIKey, string, error) {
	a := From(ctx)
	if err := n.Permissions.check(); err != nil {
		return APIKey{}, "", err
	}
	if !a.Permissions.Cover(n.Permissions) {
		return APIKey{}, "", ErrBeyond
	}
	secret := n.Secret
	if secret == "" {
		secret = keyPrefix + newToken(a.Tenant)[22:] // the random part: 39 characters, 234 bits
	}
	k := APIKey{
		ID: storage.NewID(), User: a.User, Name: n.Name, Prefix: secret[:min(len(secret)/4, 8)],
		Permissions: n.Permissions, ExpiresAt: n.ExpiresAt,
	}
	err := s.tenant(ctx, func(tx *storage.Tx) error {
		k.CreatedAt = tx.Now
		if k.ExpiresAt != nil && !k.ExpiresAt.After(tx.Now) {
			return fault.New(fault.Invalid, "expiry_past", "The key would have expired already.").WithField("expires_at")
		}
		if err := insertKey(ctx, tx, k, hashToken(secret)); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "api_key.created", Subject: k.ID})
	})
	return k, secret, err
}

// APIKeys lists the tenant's keys after the given id, oldest first.
func (s *Service) APIKeys(ctx context.Context, after uuid.UUID, limit int) (keys []APIKey, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { keys, err = listKeys(ctx, tx, after, limit); return err })
	return keys, err
}

// RevokeAPIKey makes a key useless from now on.
func (s *Service) RevokeAPIKey(ctx context.Context, id uuid.UUID) error {
	return s.tenant(ctx, func(tx *storage.Tx) error {
		if err := revokeKey(ctx, tx, id); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "api_key.revoked", Subject: id})
	})
}

func (s *Service) renewKey(ctx context.Context, a Actor) (now Actor, err error) {
	err = s.db.Tenant(ctx, a.Tenant, func(tx *storage.Tx) error {
		hash, err := keyHash(ctx, tx, a.Key)
		if err == nil {
			now, err = actorOfKey(ctx, tx, hash)
		}
		return err
	})
	return now, err
}

// AuthenticateKey returns who acts by an API key; ErrUnauthorized when it is unknown, revoked, expired, or its user is not active.
func (s *Service) AuthenticateKey(ctx context.Context, secret string) (a Actor, err error) {
	if len(secret) < 8 || len(secret) > 200 {
		return Actor{}, ErrUnauthorized
	}
	hash := hashToken(secret)
	var tenant uuid.UUID
	// The key decides which tenant this is, as the e-mail address does in a login.
	err = s.db.Worker(ctx, func(tx *storage.Tx) error { tenant, err = tenantOfKey(ctx, tx, hash); return err })
	if err != nil {
		return Actor{}, err
	}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error { a, err = actorOfKey(ctx, tx, hash); return err })
	return a, err
}
