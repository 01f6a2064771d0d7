// Package events holds the event log, which is written in the same transaction as the change it tells of and followed by everything that
// reacts to changes, and the bus, which only wakes and never carries truth.
package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Event is one thing that happened. Type is "noun.verb" (call.ended); Subject is the id of the noun; Data is the JSON of the struct that
// the noun's package documents for that type.
type Event struct {
	ID      uuid.UUID       `json:"id"`
	Tenant  uuid.UUID       `json:"-"`
	At      time.Time       `json:"at"`
	Type    string          `json:"type"`
	Subject uuid.UUID       `json:"subject"`
	Actor   *uuid.UUID      `json:"actor,omitempty"` // the user who did it, nil for the system
	Data    json.RawMessage `json:"data"`
}

// appended, with the type behind it, is the bus subject that wakes the followers of a type.
const appended = "events.appended."

// Log appends events and wakes their followers.
type Log struct{ bus *Bus }

// NewLog returns a log that wakes followers over the bus.
func NewLog(bus *Bus) *Log { return &Log{bus: bus} }

// Append writes an event into tx: it exists if and only if the change does. In a Worker transaction name the tenant by AppendFor.
func (l *Log) Append(ctx context.Context, tx *storage.Tx, typ string, subject uuid.UUID, data any) error {
	return l.AppendFor(ctx, tx, tx.Tenant, typ, subject, data)
}

// AppendFor is Append for a given tenant.
func (l *Log) AppendFor(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, typ string, subject uuid.UUID, data any) error {
	return l.AppendAll(ctx, tx, []Entry{{Tenant: tenant, Type: typ, Subject: subject, Data: data}})
}

// AppendTo is Append, and the pages of users hear of it as of something of their own.
func (l *Log) AppendTo(ctx context.Context, tx *storage.Tx, users []uuid.UUID, typ string, subject uuid.UUID, data any) error {
	return l.AppendAll(ctx, tx, []Entry{{Tenant: tx.Tenant, Type: typ, Subject: subject, Data: data, Users: users}})
}

// Note tells that an event was appended; screens that show its subject look again.
type Note struct {
	Type    string    `json:"type"`
	Subject uuid.UUID `json:"subject"`
	// Users are those whom it concerns, beyond who may read the subject.
	Users []uuid.UUID `json:"users,omitempty"`
}

const notes = "notes."

// Tell sends a note about something that is no event of the log.
func (b *Bus) Tell(tenant uuid.UUID, n Note) error {
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode a note: %w", err)
	}
	b.Publish(notes+tenant.String(), body)
	return nil
}

// Notes calls f for each event appended on any node, soon after its commit. Notes may be lost.
func (b *Bus) Notes(f func(tenant uuid.UUID, n Note)) (stop func()) {
	return b.Subscribe(notes+"*", func(subject string, data []byte) {
		tenant, err := uuid.Parse(strings.TrimPrefix(subject, notes))
		var n Note
		if err != nil || json.Unmarshal(data, &n) != nil {
			b.log.Warn("a note on the bus makes no sense", "subject", subject)
			return
		}
		f(tenant, n)
	})
}

type actorKey struct{}

// WithActor marks what is done under ctx as done by a user.
func WithActor(ctx context.Context, user uuid.UUID) context.Context {
	return context.WithValue(ctx, actorKey{}, user)
}

// ActorID returns the acting user, nil for the system.
func ActorID(ctx context.Context) *uuid.UUID {
	if id, ok := ctx.Value(actorKey{}).(uuid.UUID); ok && id != uuid.Nil {
		return &id
	}
	return nil
}
