package calls

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// journal writes call rows and their events to the database in batches, off the path of the call: a call never waits for a disk, and a
// row is at most one batch late. What is not written yet is kept and tried again until it is.
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
	journalBatch = 500
	journalPause = time.Second // between tries when the database is away
)

func newJournal(db *storage.DB, log *events.Log, logger *slog.Logger) *journal {
	return &journal{db: db, log: log, slog: logger, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (j *journal) add(e entry) {
	// The owner goes on changing its record; the journal needs the record as it is now.
	e.record.Legs = append([]LegRecord(nil), e.record.Legs...)
	e.record.Redactions = append([]Redaction(nil), e.record.Redactions...)
	e.record.Deflected = append([]DeflectionRecord(nil), e.record.Deflected...)
	if m := e.record.Voicemail; m != nil {
		e.record.Voicemail = new(*m)
	}
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
			timer := time.NewTimer(journalPause)
			select {
			case <-flush.Done():
				timer.Stop()
				j.slog.Error("call records were lost: the database did not take them before the stop", "records", len(batch))
				return
			case <-timer.C:
			}
		}
	}
}

func (j *journal) write(ctx context.Context, batch []entry) bool {
	err := j.db.Worker(ctx, func(tx *storage.Tx) error {
		for i := range batch {
			if err := j.writeOne(ctx, tx, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		j.slog.Error("call records wait for the database", "records", len(batch), "err", err)
		return false
	}
	return true
}

func (j *journal) writeOne(ctx context.Context, tx *storage.Tx, e *entry) error {
	body, err := json.Marshal(e.record)
	if err != nil {
		return err
	}
	if err := upsertCall(ctx, tx, &e.record, body); err != nil {
		return err
	}
	if e.event == "call.ended" {
		if err := deliverVoicemail(ctx, tx, j.log, &e.record); err != nil {
			return err
		}
	}
	data := e.data
	if data == nil {
		data = json.RawMessage(body)
	}
	return j.log.AppendFor(events.WithActor(ctx, e.actor), tx, e.record.Tenant, e.event, e.record.ID, data)
}
