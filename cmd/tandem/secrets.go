package main

import (
	"context"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/storage"
)

// sealer keeps small secrets (second factors) under their tenant's key.
type sealer struct {
	db   *storage.DB
	keys *storage.Keys
}

func (s *sealer) key(ctx context.Context, tenant uuid.UUID) (k *storage.Key, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error { k, err = s.keys.Tenant(ctx, tx, tenant); return err })
	return k, err
}

// Seal implements auth.Sealer.
func (s *sealer) Seal(ctx context.Context, tenant uuid.UUID, plain, about []byte) ([]byte, error) {
	k, err := s.key(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return k.Seal(plain, string(about))
}

// Open implements auth.Sealer.
func (s *sealer) Open(ctx context.Context, tenant uuid.UUID, sealed, about []byte) ([]byte, error) {
	k, err := s.key(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return k.Open(sealed, string(about))
}

// phonePassword gives a user's SIP phone, named by their extension, the same password. Without one the extension has changed: the old
// phone's digests name another user, so the password has to be set anew.
func (a *app) phonePassword(ctx context.Context, tx *storage.Tx, u auth.User, password string) error {
	if password == "" {
		return a.trunks.DeletePhones(ctx, tx, u.ID)
	}
	if u.Extension == "" {
		return nil
	}
	return a.trunks.PutPhone(ctx, tx, u.Extension, u.ID, password)
}
