package analytics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/storage"
)

// rebuildBatch is how many events are projected at a time.
const rebuildBatch = 2000

// RebuildLater has a tenant's facts made anew soon.
func (s *Service) RebuildLater(ctx context.Context, tenant uuid.UUID) error {
	return wrap("order a rebuild of the reports", s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.cfg.Later(ctx, tx, tenant) }))
}

// Rebuild makes a tenant's facts anew from the event log, in one transaction: until it is over the old ones are shown, and no tenant's
// grow. Facts older than the oldest event are kept.
func (s *Service) Rebuild(ctx context.Context, tenant uuid.UUID) error {
	n := 0
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		var to position
		// The lock holds the follower up: it may not add what is counted here.
		err := tx.QueryRow(ctx, `SELECT xid::text, seq FROM event_cursors WHERE follower = $1 FOR UPDATE`, follower).Scan(&to.xid, &to.seq)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it has not begun
		}
		if err != nil {
			return err
		}
		floor, err := wipe(ctx, tx, tenant)
		if err != nil {
			return fmt.Errorf("clear the facts: %w", err)
		}
		n, err = replay(ctx, tx, tenant, uuid.Nil, to, func(of []happened) error { return enter(ctx, tx, of, floor) })
		return err
	})
	if err == nil {
		s.cfg.Log.Info("the reports were made anew", "tenant", tenant, "events", n)
	}
	return wrap("make the reports anew", err)
}

// wipe removes what the log can make anew, and returns the time before which facts are kept.
func wipe(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (floor time.Time, err error) {
	oldest, err := oldestEvent(ctx, tx, tenant)
	if err != nil {
		return floor, err
	}
	var older bool
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM report_queue_intervals WHERE tenant_id = $1 AND start < $2)
		    OR EXISTS (SELECT FROM report_agent_intervals WHERE tenant_id = $1 AND start < $2)`, tenant, slotOf(oldest)).Scan(&older)
	if err != nil {
		return floor, err
	}
	if older {
		floor = slotOf(oldest).Add(quarter)
	}
	for _, table := range []string{"report_queue_intervals", "report_agent_intervals", "report_agent_reasons"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE tenant_id = $1 AND start >= $2`, tenant, floor); err != nil {
			return floor, err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM report_visits WHERE tenant_id = $1 AND coalesce(left_at >= $2, true)`, tenant, floor); err != nil {
		return floor, err
	}
	for _, table := range []string{"report_offers", "report_agents"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE tenant_id = $1`, tenant); err != nil {
			return floor, err
		}
	}
	return floor, nil
}

// oldestEvent is when the log of a tenant begins; now when it is empty.
func oldestEvent(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) (at time.Time, err error) {
	err = tx.QueryRow(ctx, `SELECT at FROM events WHERE tenant_id = $1 ORDER BY event_id LIMIT 1`, tenant).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return tx.Now, nil
	}
	return at, err
}

// position is a place in the event log.
type position struct {
	xid string
	seq int64
}

// replay hands a tenant's events with an id of at least from, up to a place in the log, to f, batch by batch, and says how many there were.
func replay(ctx context.Context, tx *storage.Tx, tenant, from uuid.UUID, to position, f func([]happened) error) (n int, err error) {
	at := position{xid: "0"}
	for {
		rows, err := tx.Query(ctx, `
			SELECT event_id, tenant_id, at, type, subject, actor, data, xid::text, seq FROM events
			WHERE tenant_id = $1 AND (xid, seq) > ($2::text::xid8, $3) AND (xid, seq) <= ($4::text::xid8, $5) AND event_id >= $6
			ORDER BY events.xid, seq LIMIT $7`, tenant, at.xid, at.seq, to.xid, to.seq, from, rebuildBatch)
		if err != nil {
			return n, err
		}
		var batch []events.Event
		var e events.Event
		if _, err := pgx.ForEachRow(rows, []any{&e.ID, &e.Tenant, &e.At, &e.Type, &e.Subject, &e.Actor, &e.Data, &at.xid, &at.seq}, func() error {
			one := e
			one.Data = append([]byte{}, e.Data...)
			batch = append(batch, one)
			return nil
		}); err != nil {
			return n, err
		}
		of, err := readAll(batch)
		if err != nil {
			return n, err
		}
		if len(of) > 0 {
			if err := f(of); err != nil {
				return n, err
			}
		}
		if n += len(batch); len(batch) < rebuildBatch {
			return n, nil
		}
	}
}

// headStart is how much earlier than its period a recount begins, for those who waited already then.
const headStart = 24 * time.Hour

// Verify counts a period of quarters of an hour anew from the event log and says whether the queues' facts are the same (AN-7). It is
// true too of what the log has forgotten.
func (s *Service) Verify(ctx context.Context, tenant uuid.UUID, from, to time.Time) (same bool, err error) {
	stored, counted := map[uuid.UUID]QueueCounts{}, map[uuid.UUID]QueueCounts{}
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		var end position
		err := tx.QueryRow(ctx, `SELECT xid::text, seq FROM event_cursors WHERE follower = $1 FOR UPDATE`, follower).Scan(&end.xid, &end.seq)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		oldest, err := oldestEvent(ctx, tx, tenant)
		if err != nil || oldest.After(from) {
			return err // forgotten, or not lived yet
		}
		rows, err := tx.Query(ctx, `SELECT queue_id, `+sums(columns[QueueCounts]())+`
			FROM report_queue_intervals WHERE tenant_id = $1 AND start >= $2 AND start < $3 GROUP BY queue_id`, tenant, from, to)
		if err != nil {
			return err
		}
		if stored, err = collectCounts(rows); err != nil {
			return err
		}
		p := newProjection()
		_, err = replay(ctx, tx, tenant, firstID(from.Add(-headStart)), end, func(of []happened) error {
			for _, h := range of {
				p.apply(h)
				if r, ok := h.data.(*calls.Record); ok {
					delete(p.visits, r.ID) // it goes nowhere any more
				}
			}
			return nil
		})
		for slot, c := range p.facts.queues {
			if !slot.start.Before(from) && slot.start.Before(to) {
				sum := counted[slot.queue]
				add(&sum, *c)
				counted[slot.queue] = sum
			}
		}
		return err
	})
	if err != nil {
		return false, wrap("count the reports anew", err)
	}
	return maps.EqualFunc(stored, counted, alike), nil
}

// firstID is the least id that a thing made at an instant or later may have (UUIDv7: milliseconds first).
func firstID(at time.Time) (id uuid.UUID) {
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

// alike says whether two counts are the same, but for what is lost in adding seconds in another order.
func alike(a, b QueueCounts) bool {
	x, y := pointers(&a), pointers(&b)
	for i := range x {
		switch v := x[i].(type) {
		case *int64:
			if *v != *y[i].(*int64) {
				return false
			}
		case *float64:
			if abs(*v-*y[i].(*float64)) > 0.01 {
				return false
			}
		}
	}
	return true
}

// Sweep removes facts of all tenants that are older than keep, and single waits older than keepWaits.
func (s *Service) Sweep(ctx context.Context, keep, keepWaits time.Duration) error {
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		for _, sql := range []string{
			`DELETE FROM report_queue_intervals WHERE start < $1`, `DELETE FROM report_agent_intervals WHERE start < $1`, `DELETE FROM report_agent_reasons WHERE start < $1`,
		} {
			if _, err := tx.Exec(ctx, sql, tx.Now.Add(-keep)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `DELETE FROM report_visits WHERE left_at < $1`, tx.Now.Add(-min(keep, keepWaits)))
		return err
	})
	return wrap("remove old facts", err)
}
