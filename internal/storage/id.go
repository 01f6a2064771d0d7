package storage

import "github.com/google/uuid"

// NewID returns a UUIDv7 (RFC 9562): ids sort by the time they were made.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
