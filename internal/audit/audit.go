// Package audit keeps who did what to what: an append-only log with a hash chain for each tenant. Rows hold ids and names of fields,
// never personal data, so that erasing a person leaves the log whole.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/storage"
)

// Entry is something to be remembered. Data holds ids, names of fields and settings, never personal data.
type Entry struct {
	Action  string // "user.changed", as events are named
	Subject uuid.UUID
	Data    map[string]any
}

// Row is a line of the log. Actor is nil for the system.
type Row struct {
	Seq     int64           `json:"seq" db:"seq"`
	At      time.Time       `json:"at" db:"at"`
	Actor   *uuid.UUID      `json:"actor,omitempty" db:"actor" doc:"the user who did it; none for the system"`
	Action  string          `json:"action" db:"action" example:"user.changed"`
	Subject uuid.UUID       `json:"subject" db:"subject"`
	Data    json.RawMessage `json:"data" db:"data"`
	Hash    []byte          `json:"-" db:"hash"`
}

// Write adds an entry to tx's tenant's log: it is there if and only if the change is. The actor is ctx's. Writers of one tenant wait for
// each other until they commit, so write it last.
func Write(ctx context.Context, tx *storage.Tx, e Entry) error {
	return write(ctx, tx, tx.Tenant, events.ActorID(ctx), e)
}

func write(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, actor *uuid.UUID, e Entry) error {
	data := []byte("{}")
	if e.Data != nil {
		var err error
		if data, err = json.Marshal(e.Data); err != nil {
			return fmt.Errorf("encode an audit entry: %w", err)
		}
	}
	head, err := lockHead(ctx, tx, tenant)
	if err != nil {
		return fmt.Errorf("read the end of the audit log: %w", err)
	}
	r := Row{Seq: head.Seq + 1, At: tx.Now, Actor: actor, Action: e.Action, Subject: e.Subject, Data: data}
	r.Hash = r.chain(tenant, head.Hash)
	if err := insert(ctx, tx, tenant, r); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// chain is the row's hash: SHA-256 over the hash before it and every field, each with its length.
func (r Row) chain(tenant uuid.UUID, before []byte) []byte {
	actor := uuid.Nil
	if r.Actor != nil {
		actor = *r.Actor
	}
	h := sha256.New()
	for _, field := range [][]byte{
		before, tenant[:], binary.BigEndian.AppendUint64(nil, uint64(r.Seq)), binary.BigEndian.AppendUint64(nil, uint64(r.At.UnixMicro())),
		actor[:], []byte(r.Action), r.Subject[:], r.Data,
	} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		h.Write(field)
	}
	return h.Sum(nil)
}

// Verdict says whether a log is whole. Bad is the first row that does not fit, 0 when all do.
type Verdict struct {
	OK   bool  `json:"ok"`
	Rows int64 `json:"rows" doc:"rows that fit"`
	Bad  int64 `json:"bad_seq,omitempty" doc:"the first row that does not fit, or is missing"`
}

// Verify walks a tenant's log from its first row.
func Verify(ctx context.Context, db *storage.DB, tenant uuid.UUID) (v Verdict, err error) {
	err = db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		v = Verdict{}
		head, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		var before []byte
		for {
			rows, err := read(ctx, tx, v.Rows)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.Seq != v.Rows+1 || !bytes.Equal(r.Hash, r.chain(tenant, before)) {
					v.Bad = v.Rows + 1
					return nil
				}
				v.Rows, before = r.Seq, r.Hash
			}
			if len(rows) < verifyBatch {
				break
			}
		}
		if v.Rows != head.Seq || !bytes.Equal(before, head.Hash) {
			v.Bad = v.Rows + 1
			return nil
		}
		v.OK = true
		return nil
	})
	if err != nil {
		return Verdict{}, fmt.Errorf("verify the audit log: %w", err)
	}
	return v, nil
}

// Filter narrows a list. Zero values do not narrow. Before pages on: only older rows.
type Filter struct {
	Action  string
	Actor   uuid.UUID
	Subject uuid.UUID
	Before  int64
	Limit   int
}

// List returns rows, the newest first.
func List(ctx context.Context, db *storage.DB, tenant uuid.UUID, f Filter) (rows []Row, err error) {
	err = db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err = list(ctx, tx, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	return rows, nil
}

// Auth returns the auth.Config.Record that audits what auth tells, and appends it to the event log for those who follow it.
func Auth(log *events.Log) func(context.Context, *storage.Tx, auth.Fact) error {
	return func(ctx context.Context, tx *storage.Tx, f auth.Fact) error {
		var actor *uuid.UUID
		if f.Actor != uuid.Nil {
			actor = &f.Actor
			ctx = events.WithActor(ctx, f.Actor)
		}
		if err := log.AppendFor(ctx, tx, f.Tenant, f.Type, f.Subject, f.Data); err != nil {
			return err
		}
		return write(ctx, tx, f.Tenant, actor, Entry{Action: f.Type, Subject: f.Subject, Data: f.Data})
	}
}
