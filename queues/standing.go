package queues

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// queueStanding is how one queue stands, read about once a second however many ask. It is not changed once it is made.
type queueStanding struct {
	read  time.Time
	place map[uuid.UUID]int
	load  load
	set   Settings
}

const standingFresh = time.Second

// Standing is how an item that waits stands.
type Standing struct {
	Position int            // how many steps it is from being served: 1 is next
	Wait     *time.Duration // estimated; nil: nobody can tell
	Why      Why            // it is to wait no longer; "": it waits on
	Instead  Deflection
}

// Standing says how the item stands; it is up to a second old. ErrNotWaiting: it does not wait.
func (w *Waiting) Standing(ctx context.Context) (Standing, error) {
	return w.s.StandingOf(ctx, w.tenant, w.queue, w.id)
}

// StandingOf says how an item of a queue stands, whoever holds it: Waiting.Standing for conversations.
func (s *Service) StandingOf(ctx context.Context, tenant, queue, item uuid.UUID) (Standing, error) {
	q, err := s.standing(ctx, tenant, queue, item)
	if err != nil {
		return Standing{}, wrap("read how a queue stands", err)
	}
	position, ok := q.place[item]
	if !ok {
		return Standing{}, ErrNotWaiting
	}
	st := Standing{Position: position, Wait: q.load.estimate(position)}
	st.Why, st.Instead = crowded(q.set, q.load, position-1, true)
	return st, nil
}

func (s *Service) standing(ctx context.Context, tenant, queue, item uuid.UUID) (*queueStanding, error) {
	s.mu.Lock()
	known := s.standings[queue]
	s.mu.Unlock()
	if known != nil && time.Since(known.read) < standingFresh {
		if _, ok := known.place[item]; ok {
			return known, nil
		}
	}
	read, err, _ := s.asking.Do(queue.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second) // others may go by the answer
		defer cancel()
		return s.readStanding(ctx, tenant, queue)
	})
	if err != nil {
		return nil, err
	}
	q := read.(*queueStanding) //nolint:forcetypeassert // what readStanding returns
	s.mu.Lock()
	s.standings[queue] = q
	s.mu.Unlock()
	return q, nil
}

func (s *Service) readStanding(ctx context.Context, tenant, queue uuid.UUID) (*queueStanding, error) {
	q := &queueStanding{read: time.Now(), place: make(map[uuid.UUID]int)}
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		if q.set, err = effective(ctx, tx, queue); err != nil {
			return err
		}
		if q.load, err = readLoad(ctx, tx, queue, NewItem{}); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT item_id, priority, enqueued_at FROM queue_items WHERE queue_id = $1 AND state <> 'left'`, queue)
		if err != nil {
			return err
		}
		order, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r itemRow, err error) {
			return r, row.Scan(&r.id, &r.priority, &r.enqueuedAt)
		})
		q.set.Ageing.Value.sort(order, tx.Now)
		for i, r := range order {
			q.place[r.id] = i + 1
		}
		return err
	})
	return q, err
}
