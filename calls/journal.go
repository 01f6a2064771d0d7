package calls

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// journal writes call rows and their events to the database in batches, off the path of the call: a call never waits for a disk, and a
// row is at most one batch and journalGather late. What is not written yet is kept and tried again until it is.
type journal struct {
	db   *storage.DB
	log  *events.Log
	slog *slog.Logger

	mu      sync.Mutex
	pending []entry
	wake    chan struct{}
	done    chan struct{}
}

// entry is the whole record after one step, so that writing an entry twice, or only the last of several, is right.
type entry struct {
	record Record
	event  string
	data   any       // of the event; nil: the record
	actor  uuid.UUID // who did it; uuid.Nil: the system
}

const (
	journalBatch  = 500
	journalGather = 50 * time.Millisecond // between batches, so that steps that come fast share one
	journalPause  = time.Second           // between tries when the database is away
)

func newJournal(db *storage.DB, log *events.Log, logger *slog.Logger) *journal {
	return &journal{db: db, log: log, slog: logger, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (j *journal) add(e entry) {
	e.record = e.record.clone() // the owner goes on changing its own
	j.mu.Lock()
	j.pending = append(j.pending, e)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *journal) take() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := min(len(j.pending), journalBatch)
	batch := j.pending[:n:n]
	j.pending = j.pending[n:]
	return batch
}

// run writes until ctx ends, and then what is left, for at most the time that flush gives.
func (j *journal) run(ctx, flush context.Context) {
	defer close(j.done)
	for {
		batch := j.take()
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-j.wake:
			}
			continue
		}
		for !j.write(flush, batch) {
			if !passes(flush, journalPause) {
				j.slog.Error("call records were lost: the database did not take them before the stop", "records", len(batch))
				return
			}
		}
		passes(ctx, journalGather)
	}
}

// passes waits for d; false: ctx ended first.
func passes(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (j *journal) write(ctx context.Context, batch []entry) bool {
	err := j.db.Steady(ctx, func(tx *storage.Tx) error { return j.writeAll(ctx, tx, batch) })
	if err != nil {
		j.slog.Error("call records wait for the database", "records", len(batch), "err", err)
		return false
	}
	return true
}

// writeAll writes each call as the last of its entries has it, and the events of all.
func (j *journal) writeAll(ctx context.Context, tx *storage.Tx, batch []entry) error {
	last := make(map[uuid.UUID]int, len(batch))
	for i := range batch {
		last[batch[i].record.ID] = i
	}
	rows := &pgx.Batch{}
	log := make([]events.Entry, len(batch))
	for i := range batch {
		e := &batch[i]
		body, err := json.Marshal(e.record)
		if err != nil {
			return fmt.Errorf("encode a call record: %w", err)
		}
		if last[e.record.ID] == i {
			upsertCall(rows, &e.record, body)
		}
		log[i] = events.Entry{Tenant: e.record.Tenant, Type: e.event, Subject: e.record.ID, Data: e.data}
		if e.data == nil {
			log[i].Data = json.RawMessage(body)
		}
		if e.actor != uuid.Nil {
			log[i].Actor = &e.actor
		}
	}
	if err := j.log.Queue(ctx, tx, rows, log); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, rows).Close(); err != nil {
		return fmt.Errorf("write call records: %w", err)
	}
	for i := range batch {
		if batch[i].event == "call.ended" {
			if err := deliverVoicemail(ctx, tx, j.log, &batch[i].record); err != nil {
				return err
			}
		}
	}
	return nil
}
