package recording

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// planned is one part of a plan.
type planned struct {
	offset, payload, size int64
	sum                   [32]byte
	name                  string
}

// planAll cuts every sealed recording of this node into parts.
func (u *Uploader) planAll(ctx context.Context) error {
	var sealed []*row
	err := u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) (err error) {
		sealed, err = list(ctx, tx, `node = $1 AND state = 'sealed' AND coalesce(next_plan_at, started_at) <= $2 ORDER BY started_at LIMIT 100`, u.s.cfg.Node, tx.Now)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range sealed {
		if err := u.planOne(ctx, r); err != nil && ctx.Err() == nil {
			u.s.log.Error("a recording cannot be cut into parts now", "recording", r.ID, "err", err)
			if err := u.postponePlan(ctx, r, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// postponePlan keeps the reason and tries again later; a recording that cannot be read at all needs a person.
func (u *Uploader) postponePlan(ctx context.Context, r *row, why error) error {
	if unreadable(why) {
		return u.quarantine(ctx, r.ID, why)
	}
	return u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE recordings SET next_plan_at = $2, last_error = $3 WHERE recording_id = $1 AND state = 'sealed'`,
			r.ID, tx.Now.Add(u.cfg.Base), shortError(why))
		return err
	})
}

// unreadable says that a recording's audio will never be readable again. Any other failure to open it passes: keys or a disk that are away
// for a while.
func unreadable(why error) bool {
	return errors.Is(why, storage.ErrWrongKey) || errors.Is(why, storage.ErrEpochDestroyed) || errors.Is(why, storage.ErrTruncated) ||
		errors.Is(why, fs.ErrNotExist) || errors.Is(why, io.ErrUnexpectedEOF)
}

// planOne cuts one recording. Parts of an earlier plan stay if the CRM has confirmed any of them.
func (u *Uploader) planOne(ctx context.Context, r *row) error {
	limits, err := u.dest.Limits(ctx, r.Tenant)
	if err != nil {
		return fmt.Errorf("ask for the CRM's limits: %w", err)
	}
	u.paces.set(r.Tenant, limits.PerMinute)
	limit := u.cfg.MaxPart
	for _, l := range [...]int64{limits.MaxSize, r.PartLimit} {
		if l > 0 {
			limit = min(limit, l)
		}
	}
	parts, err := u.cut(ctx, r, limit)
	if err != nil {
		return err
	}
	u.s.cfg.Crashing("c6")
	return u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if err := r.step(ctx, tx, StepPlan); errors.Is(err, ErrStep) {
			return nil // another worker was quicker, or the deadline
		} else if err != nil {
			return err
		}
		if err := u.savePlan(ctx, tx, r, parts); err != nil {
			return err
		}
		tx.AfterCommit(u.nudge)
		return u.deliverIfDone(ctx, tx, r)
	})
}

// cut reads the recording once, to know the checksum of each part.
func (u *Uploader) cut(ctx context.Context, r *row, limit int64) ([]planned, error) {
	if r.Payload == 0 {
		return nil, nil // an empty recording makes no attachment
	}
	key, err := u.key(ctx, r)
	if err != nil {
		return nil, err
	}
	f := r.format()
	sizes, err := f.Split(r.Payload, limit)
	if err != nil {
		return nil, err
	}
	var parts []planned
	offset := int64(0)
	for i, size := range sizes {
		p := planned{offset: offset, payload: size, size: size + f.HeaderSize()}
		a, err := openAudio(u.s.cfg.Dir, r.ID, key, f, offset, size)
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, a)
		if err = errors.Join(err, a.Close()); err == nil && n != p.size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("read part %d: %w", i+1, err)
		}
		copy(p.sum[:], sum.Sum(nil))
		p.name = partName(r.ID, i+1, p.sum)
		parts = append(parts, p)
		offset += size
	}
	return parts, nil
}

func (u *Uploader) key(ctx context.Context, r *row) (key *storage.DataKey, err error) {
	err = u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		key, err = u.s.dataKey(ctx, tx, r, u.s.send)
		return err
	})
	return key, err
}

func (u *Uploader) savePlan(ctx context.Context, tx *storage.Tx, r *row, parts []planned) error {
	var confirmed int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM recording_parts WHERE recording_id = $1 AND state = 'confirmed'`, r.ID).Scan(&confirmed)
	if err != nil {
		return fmt.Errorf("look at the former plan: %w", err)
	}
	if confirmed > 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `DELETE FROM recording_parts WHERE recording_id = $1`, r.ID); err != nil {
		return fmt.Errorf("remove the former plan: %w", err)
	}
	for i, p := range parts {
		if i == len(parts)/2 {
			u.s.cfg.Crashing("c7")
		}
		_, err := tx.Exec(ctx, `INSERT INTO recording_parts (tenant_id, recording_id, part, state, next_try_at, deadline, payload_offset, payload, size, sha256, name)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			r.Tenant, r.ID, i+1, PartPending, tx.Now, r.Deadline, p.offset, p.payload, p.size, p.sum[:], p.name)
		if err != nil {
			return fmt.Errorf("write the plan: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE recordings SET last_error = '', next_plan_at = NULL WHERE recording_id = $1`, r.ID); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// deliverIfDone moves a recording on once no part is open. A recording without parts is delivered at once.
func (u *Uploader) deliverIfDone(ctx context.Context, tx *storage.Tx, r *row) error {
	var open, all int
	err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state <> 'confirmed'), count(*) FROM recording_parts WHERE recording_id = $1`, r.ID).Scan(&open, &all)
	if err != nil {
		return fmt.Errorf("count the open parts: %w", err)
	}
	if open > 0 {
		return nil
	}
	if err := r.step(ctx, tx, StepDeliver); err != nil {
		return err
	}
	e := r.event()
	e.Parts = all
	if err := u.s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.delivered", r.ID, e); err != nil {
		return err
	}
	tx.AfterCommit(func() { u.delivered(r.ID) })
	return nil
}

// quarantine takes a recording out of the queue until a person has acted; the deadline goes on.
func (u *Uploader) quarantine(ctx context.Context, id uuid.UUID, why error) error {
	return u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error { return u.s.quarantineIn(ctx, tx, id, why) })
}

func (s *Service) quarantineIn(ctx context.Context, tx *storage.Tx, id uuid.UUID, why error) error {
	r, err := get(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := r.step(ctx, tx, StepQuarantine); errors.Is(err, ErrStep) {
		return nil // it has expired meanwhile
	} else if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE recordings SET last_error = $2 WHERE recording_id = $1`, id, shortError(why)); err != nil {
		return fmt.Errorf("quarantine the recording: %w", err)
	}
	e := r.event()
	e.Reason = shortError(why)
	s.log.Error("a recording needs a person: it is in quarantine", "recording", id, "err", why)
	return s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.failed", id, e)
}

// shortError is what is kept of an error for the admin page.
func shortError(err error) string {
	const most = 300
	text := []rune(err.Error())
	return string(text[:min(len(text), most)])
}

// sendTime is how long an upload may take: 30 s and 100 kB/s (spec R6.3).
func sendTime(size int64) time.Duration {
	return 30*time.Second + time.Duration(size/100_000)*time.Second
}
