// Package events holds the event log, which is written in the same transaction as the change it tells of and followed by everything that
// reacts to changes, and the bus, which only wakes and never carries truth.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

// Appended is the bus subject that wakes the followers.
const Appended = "events.appended"

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

// Follower hands every event, in order, to Handle, in the transaction that also moves the cursor: an effect in that transaction happens
// exactly once. Of several nodes one follows at a time. Handle must be quick; work that takes long becomes rows of its own.
type Follower struct {
	Name   string // never change: the cursor hangs on it
	DB     *storage.DB
	Bus    *Bus
	Log    *slog.Logger
	Handle func(ctx context.Context, tx *storage.Tx, e Event) error
	// Batch, when set, is called instead of Handle, with up to 200 events at once, for whoever reads and writes much for each.
	Batch func(ctx context.Context, tx *storage.Tx, batch []Event) error

	enrolled bool // the cursor is there
}

const (
	followBatch = 200
	// followPause lets events that come fast gather, so that a busy log costs a follower ten transactions a second and not one for each event.
	followPause = 100 * time.Millisecond
	pollEvery   = 2 * time.Second // the bus may lose a wake-up
	retryAfter  = 500 * time.Millisecond
)

// Run follows until ctx ends. An event whose Handle fails is tried again, and holds up those behind it.
func (f *Follower) Run(ctx context.Context) error {
	wake, stop := f.Bus.Wake(Appended)
	defer stop()
	for {
		n, err := f.step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			f.Log.Error("a follower of the event log failed and tries again", "follower", f.Name, "err", err)
		}
		wait := pollEvery
		switch {
		case err != nil:
			wait = retryAfter
		case n == followBatch:
			continue
		case n > 0:
			pause(ctx, followPause, nil)
		}
		pause(ctx, wait, wake)
	}
}

// pause waits for d, or until it is woken.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

var errBusy = errors.New("another node follows")

func (f *Follower) step(ctx context.Context) (int, error) {
	n := 0
	err := f.DB.Worker(ctx, func(tx *storage.Tx) error {
		n = 0
		batch, err := f.next(ctx, tx)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := f.hand(ctx, tx, batch); err != nil {
			return err
		}
		last := batch[len(batch)-1]
		n = len(batch)
		_, err = tx.Exec(ctx, `UPDATE event_cursors SET xid = $2::text::xid8, seq = $3 WHERE follower = $1`, f.Name, last.XID, last.Seq)
		return err
	})
	f.enrolled = f.enrolled || err == nil
	if errors.Is(err, errBusy) {
		return 0, nil
	}
	return n, err
}

func (f *Follower) hand(ctx context.Context, tx *storage.Tx, batch []logRow) error {
	if f.Batch != nil {
		all := make([]Event, len(batch))
		for i, row := range batch {
			all[i] = row.Event
		}
		return f.Batch(ctx, tx, all)
	}
	for _, row := range batch {
		if err := f.Handle(ctx, tx, row.Event); err != nil {
			return fmt.Errorf("handle %s: %w", row.Type, err)
		}
	}
	return nil
}

type logRow struct {
	Event
	XID string
	Seq int64
}

func (f *Follower) next(ctx context.Context, tx *storage.Tx) ([]logRow, error) {
	if !f.enrolled {
		if _, err := tx.Exec(ctx, `INSERT INTO event_cursors (follower, xid, seq) VALUES ($1, '0', 0) ON CONFLICT DO NOTHING`, f.Name); err != nil {
			return nil, err
		}
	}
	var xid string
	var seq int64
	err := tx.QueryRow(ctx, `SELECT xid::text, seq FROM event_cursors WHERE follower = $1 FOR UPDATE SKIP LOCKED`, f.Name).Scan(&xid, &seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT event_id, tenant_id, at, type, subject, actor, data, xid::text, seq FROM events
		WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY events.xid, seq LIMIT $3`, xid, seq, followBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r logRow, err error) {
		// As bytes: a json.RawMessage would be parsed to be copied.
		return r, row.Scan(&r.ID, &r.Tenant, &r.At, &r.Type, &r.Subject, &r.Actor, (*[]byte)(&r.Data), &r.XID, &r.Seq)
	})
}
