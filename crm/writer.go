package crm

import (
	"context"

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
