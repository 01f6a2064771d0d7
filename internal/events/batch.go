package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"tandem/internal/storage"
)

// Entry is one event of AppendAll.
type Entry struct {
	Tenant  uuid.UUID
	Type    string
	Subject uuid.UUID
	Data    any
	Users   []uuid.UUID // whose pages hear of it as of something of their own
	Actor   *uuid.UUID  // who did it; nil: as the context says
}

// AppendAll is AppendFor and AppendTo for many events, in their order, with one statement: for whoever commits many changes at once.
func (l *Log) AppendAll(ctx context.Context, tx *storage.Tx, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	if err := l.Queue(ctx, tx, b, entries); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("append %d events: %w", len(entries), err)
	}
	return nil
}

// Queue is AppendAll as one statement of a batch that the caller sends in tx, so that changes and their events share a round trip.
func (l *Log) Queue(ctx context.Context, tx *storage.Tx, b *pgx.Batch, entries []Entry) error {
	// Plain bytes: pgx writes a slice of uuid.UUID by way of strings, many times slower.
	ids, tenants, subjects := make([][16]byte, len(entries)), make([][16]byte, len(entries)), make([][16]byte, len(entries))
	types, bodies, posted := make([]string, len(entries)), make([]string, len(entries)), make([][]byte, len(entries))
	actors := make([]pgtype.UUID, len(entries))
	for i, e := range entries {
		if e.Actor == nil {
			e.Actor = ActorID(ctx)
		}
		if e.Actor != nil {
			actors[i] = pgtype.UUID{Bytes: *e.Actor, Valid: true}
		}
		body, err := json.Marshal(e.Data)
		if err != nil {
			return fmt.Errorf("encode event %s: %w", e.Type, err)
		}
		if posted[i], err = json.Marshal(Note{Type: e.Type, Subject: e.Subject, Users: e.Users}); err != nil {
			return fmt.Errorf("encode the note of event %s: %w", e.Type, err)
		}
		ids[i], tenants[i], subjects[i], types[i], bodies[i] = storage.NewID(), e.Tenant, e.Subject, e.Type, string(body)
	}
	b.Queue(`
		INSERT INTO events (event_id, tenant_id, at, type, subject, actor, data)
		SELECT id, tenant, $1, type, subject, actor, data::jsonb
		FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[]) WITH ORDINALITY AS e (id, tenant, type, subject, actor, data, n)
		ORDER BY n`,
		tx.Now, ids, tenants, types, subjects, actors, bodies)
	tx.AfterCommit(func() {
		for i, e := range entries {
			if !slices.Contains(types[:i], e.Type) {
				l.bus.Publish(appended+e.Type, nil)
			}
			l.bus.Publish(notes+e.Tenant.String(), posted[i])
		}
	})
	return nil
}
