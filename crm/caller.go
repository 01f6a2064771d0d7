package crm

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// FindCaller returns the contact with a caller's number and makes none: the zero Contact says that there is none.
func (s *Service) FindCaller(ctx context.Context, tenant uuid.UUID, number string) (c Contact, err error) {
	if number == "" {
		return c, nil
	}
	kind, value := s.identity(number)
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `SELECT contact_id FROM contact_identities WHERE kind = $1 AND value = $2`, kind, value).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			c, err = getContact(ctx, tx, id)
		}
		return err
	})
	return c, err
}

// FindNamed returns the oldest contact of which an attribute of the tenant's own, given by its key, has the value, whatever its case. It makes none: the
// zero Contact says that there is none.
func (s *Service) FindNamed(ctx context.Context, tenant uuid.UUID, attribute, value string) (c Contact, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `SELECT contact_id FROM contact_words JOIN contacts USING (contact_id)
			WHERE word = $1 AND lower(custom->>$2) = lower($3) ORDER BY contact_id LIMIT 1`, facet("custom."+attribute, value), attribute, value).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			c, err = getContact(ctx, tx, id)
		}
		if err != nil {
			return fmt.Errorf("look for a contact by an attribute: %w", err)
		}
		return nil
	})
	return c, err
}
