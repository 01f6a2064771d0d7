package storage

import "github.com/google/uuid"

// NewID returns a UUIDv7 (RFC 9562): ids sort by the time they were made.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Nullable is an id as a column takes it that may be NULL: uuid.Nil is.
func Nullable(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
