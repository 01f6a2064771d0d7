package recording

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem/internal/egress"
	"tandem/internal/storage"
)

const (
	leastPark    = time.Minute // a CRM that said "too many" hears from us at most once a minute
	breakerPause = time.Hour   // between tries with credentials that were refused
	smallestPart = 64 << 10    // no CRM's limit is taken to be smaller
)

// failed decides by the class of a failure what becomes of the part.
func (u *Uploader) failed(ctx context.Context, l *lease, why error) (kept string, err error) {
	known := &SendError{Class: ClassDoubt, Err: why} // of what we do not understand the part may have arrived
	errors.As(why, &known)
	kept = string(known.Class)
	settle := time.Duration(0)
	if limits, err := u.dest.Limits(ctx, l.part.Tenant); err == nil {
		settle = limits.Settle
	}
	err = u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, l.row.ID)
		if err != nil {
			return err
		}
		step := PartFail
		if known.Class == ClassDoubt {
			step = PartDoubt
		}
		wait := max(u.cfg.pause(l.attempts), min(known.RetryAfter, egress.LongestWish))
		if step == PartDoubt {
			wait = max(wait, settle)
		}
		ours, err := l.store(ctx, tx, step, `last_error = $5, next_try_at = $6`, shortError(why), tx.Now.Add(wait))
		if err != nil {
			return err
		}
		if !ours || r.State != Planned {
			kept = "fenced"
			return nil
		}
		return u.consequence(ctx, tx, l, r, known)
	})
	return kept, err
}

// consequence is what a failure means beyond its part.
func (u *Uploader) consequence(ctx context.Context, tx *storage.Tx, l *lease, r *row, why *SendError) error {
	switch why.Class {
	case ClassThrottled:
		return u.park(ctx, tx, l, min(max(why.RetryAfter, leastPark, u.cfg.pause(l.attempts)), egress.LongestWish), why)
	case ClassUnauthorized:
		return u.park(ctx, tx, l, breakerPause, why)
	case ClassRejected:
		return u.s.quarantineIn(ctx, tx, r.ID, why)
	case ClassTooLarge, ClassGone:
		var confirmed int
		err := tx.QueryRow(ctx, `SELECT count(*) FROM recording_parts WHERE recording_id = $1 AND state = 'confirmed'`, r.ID).Scan(&confirmed)
		if err != nil {
			return fmt.Errorf("count confirmed parts: %w", err)
		}
		if confirmed > 0 || why.Class == ClassTooLarge && l.part.Size <= smallestPart {
			return u.s.quarantineIn(ctx, tx, r.ID, why)
		}
		if why.Class == ClassTooLarge {
			return u.cutSmaller(ctx, tx, r, l.part.Size/2)
		}
		return u.unlink(ctx, tx, r)
	}
	return nil
}

// park stops all sending to the tenant's CRM for a while.
func (u *Uploader) park(ctx context.Context, tx *storage.Tx, l *lease, wait time.Duration, why error) error {
	_, err := tx.Exec(ctx, `INSERT INTO recording_lanes (tenant_id, parked_until, reason) VALUES ($1, $2, $3)
		ON CONFLICT (tenant_id) DO UPDATE SET parked_until = greatest(recording_lanes.parked_until, excluded.parked_until), reason = excluded.reason`,
		l.part.Tenant, tx.Now.Add(wait), shortError(why))
	if err != nil {
		return fmt.Errorf("park the tenant's uploads: %w", err)
	}
	u.s.log.Warn("a CRM takes no recordings for now", "tenant", l.part.Tenant, "for", wait, "err", why)
	return nil
}

// Unpark lets a tenant's uploads go on at once: its connection was changed or tested well.
func (s *Service) Unpark(ctx context.Context, tx *storage.Tx) error {
	if _, err := tx.Exec(ctx, `DELETE FROM recording_lanes WHERE tenant_id = $1`, tx.Tenant); err != nil {
		return fmt.Errorf("resume the tenant's uploads: %w", err)
	}
	// Parts in doubt keep their time: the CRM's list may not show them yet.
	if _, err := tx.Exec(ctx, `UPDATE recording_parts SET next_try_at = $2 WHERE tenant_id = $1 AND state = 'pending' AND next_try_at > $2`, tx.Tenant, tx.Now); err != nil {
		return fmt.Errorf("bring the tenant's uploads forward: %w", err)
	}
	tx.AfterCommit(s.wake)
	return nil
}

// cutSmaller plans anew with half the size.
func (u *Uploader) cutSmaller(ctx context.Context, tx *storage.Tx, r *row, limit int64) error {
	if err := r.step(ctx, tx, StepReplan); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE recordings SET part_limit = $2, next_plan_at = NULL WHERE recording_id = $1`, r.ID, max(limit, smallestPart))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM recording_parts WHERE recording_id = $1`, r.ID)
	}
	if err != nil {
		return fmt.Errorf("cut the recording smaller: %w", err)
	}
	return nil
}

// unlink takes the recording off a ticket that is gone, so that whoever links tickets finds another one.
func (u *Uploader) unlink(ctx context.Context, tx *storage.Tx, r *row) error {
	if _, err := tx.Exec(ctx, `UPDATE recordings SET ticket = NULL WHERE recording_id = $1`, r.ID); err != nil {
		return fmt.Errorf("take the recording off its ticket: %w", err)
	}
	return u.s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.unlinked", r.ID, r.event())
}
