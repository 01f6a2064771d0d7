package crm

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Writer is somebody who writes to us by a messaging channel for the first time.
type Writer struct {
	Name     string
	Phone    string // E.164, where the channel vouches for it: a contact with this number is the same person
	Language string
	Country  string
	Channel  string
}

// EnsureWriter returns the contact of somebody who writes, made in the caller's transaction when there is none with their number. Without a
// number, or a name alone, nobody is taken for somebody else.
func (s *Service) EnsureWriter(ctx context.Context, tx *storage.Tx, w Writer) (uuid.UUID, error) {
	name := clip(w.Name)
	if w.Phone != "" {
		c, err := s.ensureCaller(ctx, tx, Caller{Number: w.Phone, Name: name})
		return c.ID, err
	}
	if name == "" {
		name = w.Channel + " user"
	}
	c, err := s.createContact(ctx, tx, ContactChange{FirstName: &name})
	return c.ID, err
}

// NameWriter gives a contact that was made without a name the one that a channel has told since.
func (s *Service) NameWriter(ctx context.Context, tx *storage.Tx, contact uuid.UUID, name string) error {
	first, last, _ := strings.Cut(clip(name), " ")
	tag, err := tx.Exec(ctx, `UPDATE contacts SET first_name = $2, last_name = $3, updated_at = $4 WHERE contact_id = $1 AND last_name = '' AND (first_name = '' OR first_name LIKE '% user')`,
		contact, first, last, tx.Now)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return s.renamed(ctx, tx, contact)
}

// Rename gives a contact that is still called by a name of ours the name that is known now.
func (s *Service) Rename(ctx context.Context, tx *storage.Tx, contact uuid.UUID, was, name string) error {
	tag, err := tx.Exec(ctx, `UPDATE contacts SET first_name = $3, updated_at = $4 WHERE contact_id = $1 AND first_name = $2 AND last_name = ''`, contact, clip(was), clip(name), tx.Now)
	if err != nil {
		return fmt.Errorf("rename a contact: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return s.renamed(ctx, tx, contact)
}

func (s *Service) renamed(ctx context.Context, tx *storage.Tx, contact uuid.UUID) error {
	if err := reindex(ctx, tx, contact); err != nil {
		return err
	}
	return s.tell(ctx, tx, "contact.changed", contact, map[string]uuid.UUID{"contact_id": contact})
}
