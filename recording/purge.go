package recording

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"tandem/internal/egress"
	"tandem/internal/storage"
)

// warnDays are the ages, in days, at which a recording that is still here raises an alarm.
var warnDays = [...]int{1, 3, 5, 6}

// sweep looks each minute for what is overdue: deadlines, removals that were interrupted, losses.
func (s *Service) sweep(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Sweep)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the sweep of recordings failed in part and tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep is one round: warn, destroy by time, finish removals, seal what is dead, count. Run calls it every minute.
func (s *Service) Sweep(ctx context.Context) error {
	now, err := s.trustedNow(ctx)
	if err != nil {
		return err // without a time nothing is destroyed; the next round tries again
	}
	s.watchRoom()
	return errors.Join(s.bringBack(ctx), s.warn(ctx, now), s.expire(ctx, now), s.takeOver(ctx), s.finishRemovals(ctx), s.destroyEpochs(now), s.sealAbandoned(ctx), s.count(ctx, now))
}

// longestWait is more than anything waits for its next try: what is further off was put off by a clock that has been put right since.
const longestWait = egress.LongestWish + time.Hour

// bringBack lets what a wrong clock has put off go on now.
func (s *Service) bringBack(ctx context.Context) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		for _, sql := range [...]string{
			`UPDATE recordings SET next_plan_at = $1 WHERE state = 'sealed' AND next_plan_at > $2`,
			`UPDATE recording_parts SET next_try_at = $1 WHERE state <> 'confirmed' AND next_try_at > $2`,
			`UPDATE recording_parts SET leased_until = $1 WHERE state = 'sending' AND leased_until > $2`,
			`UPDATE recording_lanes SET parked_until = $1 WHERE parked_until > $2`,
		} {
			if _, err := tx.Exec(ctx, sql, tx.Now, tx.Now.Add(longestWait)); err != nil {
				return fmt.Errorf("bring back what a wrong clock has put off: %w", err)
			}
		}
		return nil
	})
}

const stillHere = `state IN ('capturing', 'sealed', 'planned', 'quarantined')`

// warn raises the alarms of days 1, 3, 5 and 6, each once.
func (s *Service) warn(ctx context.Context, now time.Time) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		old, err := list(ctx, tx, stillHere+` AND started_at <= $1 FOR UPDATE SKIP LOCKED`, now.AddDate(0, 0, -warnDays[0]))
		if err != nil {
			return err
		}
		for _, r := range old {
			day := 0
			for _, d := range warnDays {
				if !now.Before(r.StartedAt.Add(time.Duration(d) * 24 * time.Hour)) {
					day = d
				}
			}
			if day <= r.Warned {
				continue
			}
			if _, err := tx.Exec(ctx, `UPDATE recordings SET warned = $2 WHERE recording_id = $1`, r.ID, day); err != nil {
				return fmt.Errorf("note the warning: %w", err)
			}
			e := r.event()
			e.Days = day
			if err := s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.delayed", r.ID, e); err != nil {
				return err
			}
			tx.AfterCommit(func() {
				s.metrics.warnings.WithLabelValues(strconv.Itoa(day)).Inc()
				s.log.Warn("a recording is not on its ticket", "recording", r.ID, "days", day, "state", r.State)
			})
		}
		return nil
	})
}

// expire destroys the keys of what has reached its deadline, whoever's node it is on. From the commit on nobody can read it.
func (s *Service) expire(ctx context.Context, now time.Time) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		due, err := list(ctx, tx, stillHere+` AND deadline <= $1 FOR UPDATE SKIP LOCKED`, now.Add(s.cfg.Margin))
		if err != nil {
			return err
		}
		for _, r := range due {
			if err := s.expireIn(ctx, tx, r, "deadline"); err != nil {
				return err
			}
			tx.AfterCommit(func() { s.cfg.Crashing("c18") })
		}
		return nil
	})
}

// finishRemovals erases what is delivered or expired and still has its file, or may have.
func (s *Service) finishRemovals(ctx context.Context) error {
	var over []*row
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) (err error) {
		over, err = list(ctx, tx, `node = $1 AND erased_at IS NULL AND state IN ('delivered', 'expired')`, s.cfg.Node)
		return err
	})
	for _, r := range over {
		err = errors.Join(err, s.destroy(ctx, r.ID))
	}
	return err
}

// destroy makes an end of a delivered or expired recording: first the key, then the file, then the word about it. Each step can be made
// again after a crash.
func (s *Service) destroy(ctx context.Context, id uuid.UUID) error {
	s.cfg.Crashing("c15")
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		// Old versions of the row still hold the wrap until PostgreSQL vacuums them; the day's key is what makes those worthless.
		_, err := tx.Exec(ctx, dropKeys+`recording_id = $1 AND state IN ('delivered', 'expired')`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("destroy the recording's key: %w", err)
	}
	s.cfg.Crashing("c16")
	if err := erase(s.cfg.Dir, id); err != nil {
		return err
	}
	if err := s.dropCopies(ctx, id); err != nil {
		return err
	}
	s.cfg.Crashing("c17")
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil || r.ErasedAt != nil {
			return err
		}
		if r.State == Delivered {
			if err := r.step(ctx, tx, StepDestroy); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET erased_at = $2 WHERE recording_id = $1`, id, tx.Now); err != nil {
			return fmt.Errorf("note the removal: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM recording_access WHERE recording_id = $1`, id); err != nil {
			return fmt.Errorf("remove what was asked for the recording: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM recording_chunks WHERE recording_id = $1`, id); err != nil {
			return fmt.Errorf("remove the rows of chunks: %w", err)
		}
		return s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.destroyed", id, r.event())
	})
}

// destroyEpochs destroys the keys of days whose last recording has passed its deadline. They are the backstop: whatever copy of a row or
// file turns up later opens no more.
func (s *Service) destroyEpochs(now time.Time) error {
	days, err := s.cfg.Keys.Epochs()
	for _, day := range days {
		if now.Before(day.Add(24*time.Hour + s.cfg.Keep - s.cfg.Margin)) {
			continue
		}
		err = errors.Join(err, s.cfg.Keys.DestroyEpoch(day))
		s.cfg.Crashing("c19")
	}
	return err
}

// sealAbandoned seals captures of this node that nobody runs any more: their process died while the database was away, or their call
// could not write its record.
func (s *Service) sealAbandoned(ctx context.Context) error {
	for _, r := range s.running(nil) {
		if r.stoppedFor() > time.Minute {
			if err := r.Stop(ctx); err != nil {
				return fmt.Errorf("seal an abandoned recording: %w", err)
			}
		}
	}
	return s.sealDead(ctx)
}

// count compares what was begun with what was made, and tells how old the oldest is.
func (s *Service) count(ctx context.Context, now time.Time) error {
	var waiting, missing int
	var oldest *time.Time
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*), min(started_at),
				count(*) FILTER (WHERE state = 'capturing' AND node = $1 AND NOT recording_id = ANY($2) AND started_at > $3)
			FROM recordings WHERE `+stillHere, s.cfg.Node, s.activeIDs(), now.AddDate(0, 0, -1)).Scan(&waiting, &oldest, &missing)
	})
	if err != nil {
		return fmt.Errorf("count recordings: %w", err)
	}
	s.metrics.waiting.Set(float64(waiting))
	s.metrics.missing.Set(float64(missing))
	s.metrics.oldest.Set(0)
	if oldest != nil {
		s.metrics.oldest.Set(now.Sub(*oldest).Seconds())
	}
	s.reconcile(missing)
	return nil
}

// reconcile compares what was due with what was made: whatever is neither running nor made has failed, and is told of when it grows.
func (s *Service) reconcile(missing int) {
	made, running := s.made.Load(), int64(len(s.activeIDs()))
	unmade := max(s.due.Load()-made-running, 0)
	s.metrics.unmade.Set(float64(unmade))
	if grown := unmade > s.unmade.Swap(unmade); grown || missing > 0 {
		s.log.Error("recordings that were due are missing", "since the start of this process", unmade, "begun and lost", missing)
	}
}

func (s *Service) activeIDs() []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(s.active))
	for id := range s.active {
		ids = append(ids, id)
	}
	return ids
}
