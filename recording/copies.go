package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tandem/internal/storage"
)

// With Config.Copies, what is on this node's disk is in the object store too, as ciphertext, a second or two later. Without it a disk that dies
// takes along what was not delivered.

const (
	copyEvery  = time.Second
	copyAtOnce = 8
	copyLimit  = 10 * time.Second // for one stretch of a second; more is tried again
)

// copyOut keeps the second copy until ctx ends.
func (s *Service) copyOut(ctx context.Context) {
	if s.cfg.Copies == nil {
		return
	}
	tick := time.NewTicker(copyEvery)
	defer tick.Stop()
	since := time.Now() // when everything was copied last
	for {
		began := time.Now()
		if err := s.copyRound(ctx); err == nil {
			since = began
		} else if ctx.Err() == nil {
			s.log.Error("the second copy of recordings lags behind", "by", time.Since(since).Round(time.Second), "err", err)
		}
		s.metrics.copyLag.Set(time.Since(since).Seconds())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Service) copyRound(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(copyAtOnce)
	active := s.running(nil)
	for _, r := range active {
		r.wmu.Lock()
		end := int64(0)
		if r.file != nil {
			end = r.file.offset
		}
		r.wmu.Unlock()
		g.Go(func() error { return s.copyTo(ctx, r.req.Tenant, r.id, end, false) })
	}
	var ended []*row
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO recording_nodes (node, seen_at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at`, s.cfg.Node, tx.Now); err != nil {
			return fmt.Errorf("say that this node lives: %w", err)
		}
		var err error
		ended, err = list(ctx, tx, `node = $1 AND state IN ('sealed', 'planned', 'quarantined') AND NOT copied_whole AND NOT recording_id = ANY($2)`, s.cfg.Node, s.activeIDs())
		return err
	})
	for _, r := range ended {
		g.Go(func() error {
			info, err := os.Stat(spoolName(s.cfg.Dir, r.ID))
			if errors.Is(err, fs.ErrNotExist) {
				return nil // an empty one, or destroyed meanwhile
			}
			if err != nil {
				return fmt.Errorf("look at the recording's file: %w", err)
			}
			return s.copyTo(ctx, r.Tenant, r.ID, info.Size(), true)
		})
	}
	return errors.Join(err, g.Wait())
}

// copyTo brings the copy of a file up to a length.
func (s *Service) copyTo(ctx context.Context, tenant, id uuid.UUID, end int64, whole bool) error {
	ctx, cancel := context.WithTimeout(ctx, copyLimit+sendTime(end))
	defer cancel()
	var from int64
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `SELECT copied FROM recordings WHERE recording_id = $1`, id).Scan(&from)
	})
	if err != nil {
		return fmt.Errorf("look up how far a recording is copied: %w", err)
	}
	if from >= end && !whole {
		return nil
	}
	object := fmt.Sprintf("spool/%s/%d", id, from)
	if from < end {
		f, err := os.Open(spoolName(s.cfg.Dir, id))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // delivered meanwhile
		}
		if err != nil {
			return fmt.Errorf("copy a recording: %w", err)
		}
		defer f.Close()
		if _, err := s.cfg.Copies.Put(ctx, object, io.NewSectionReader(f, from, end-from)); err != nil {
			return fmt.Errorf("copy a recording: %w", err)
		}
	}
	kept := true
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE recordings SET copied = $2, copied_whole = $3 WHERE recording_id = $1 AND node = $4 AND `+stillHere, id, end, whole, s.cfg.Node)
		if kept = err == nil && tag.RowsAffected() == 1; !kept || from == end {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO recording_copies (tenant_id, recording_id, file_offset, length, object) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			tenant, id, from, end-from, object)
		return err
	})
	if err == nil && !kept {
		return s.cfg.Copies.Delete(ctx, object) // it is over meanwhile
	}
	if err != nil {
		return fmt.Errorf("note how far a recording is copied: %w", err)
	}
	return nil
}

// dropCopies removes the second copy of a recording; its keys are gone already.
func (s *Service) dropCopies(ctx context.Context, id uuid.UUID) error {
	if s.cfg.Copies == nil {
		return nil
	}
	objects, err := s.copiesOf(ctx, id)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := s.cfg.Copies.Delete(ctx, object); err != nil {
			return fmt.Errorf("remove the copy of a recording: %w", err)
		}
	}
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM recording_copies WHERE recording_id = $1`, id)
		return err
	})
}

func (s *Service) copiesOf(ctx context.Context, id uuid.UUID) (objects []string, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT object FROM recording_copies WHERE recording_id = $1 ORDER BY file_offset`, id)
		if err != nil {
			return err
		}
		objects, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the copies of a recording: %w", err)
	}
	return objects, nil
}

// takeOver brings here what a node has left that has not been seen for a while, and what this node's own disk has lost.
func (s *Service) takeOver(ctx context.Context) error {
	if s.cfg.Copies == nil {
		return nil
	}
	var left []*row
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) (err error) {
		left, err = list(ctx, tx, `erased_at IS NULL AND (node = $1 AND copied > 0 AND `+stillHere+` AND NOT recording_id = ANY($3)
			OR node <> $1 AND node IN (SELECT node FROM recording_nodes WHERE seen_at < $2)) ORDER BY started_at LIMIT 100`,
			s.cfg.Node, tx.Now.Add(-s.cfg.Dead), s.activeIDs())
		return err
	})
	for _, r := range left {
		if _, gone := os.Stat(spoolName(s.cfg.Dir, r.ID)); r.Node == s.cfg.Node && gone == nil {
			continue
		}
		if one := s.takeOne(ctx, r); one != nil {
			err = errors.Join(err, fmt.Errorf("take over recording %s: %w", r.ID, one))
		}
	}
	return err
}

func (s *Service) takeOne(ctx context.Context, r *row) error {
	if r.State != Delivered && r.State != Expired {
		if err := s.fetchCopy(ctx, r.ID); err != nil {
			return err
		}
	}
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		now, err := get(ctx, tx, r.ID)
		if err != nil || now.Node != r.Node || now.State != r.State {
			return err // another was quicker
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET node = $2 WHERE recording_id = $1`, r.ID, s.cfg.Node); err != nil {
			return fmt.Errorf("move a recording to this node: %w", err)
		}
		now.Node = s.cfg.Node
		s.log.Warn("a recording was taken over from the second copy", "recording", r.ID, "from", r.Node, "state", r.State)
		if now.State == Capturing {
			err = s.repairIn(ctx, tx, r.ID)
		} else if now.State != Delivered && now.State != Expired && !now.CopiedWhole {
			err = s.shorten(ctx, tx, now)
		}
		if err != nil {
			return err
		}
		return s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.taken_over", r.ID, now.event())
	})
}

// shorten plans a recording anew by what the copy holds of it, unless the CRM has parts already: those it would contradict.
func (s *Service) shorten(ctx context.Context, tx *storage.Tx, r *row) error {
	key, err := s.dataKey(ctx, tx, r, s.repair)
	if err != nil {
		return err
	}
	end, err := s.scan(sealing{id: r.ID}, key)
	if err != nil || end.payload >= r.Payload {
		return err
	}
	var confirmed int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM recording_parts WHERE recording_id = $1 AND state = 'confirmed'`, r.ID).Scan(&confirmed); err != nil {
		return fmt.Errorf("count confirmed parts: %w", err)
	}
	if confirmed > 0 {
		return s.quarantineIn(ctx, tx, r.ID, errors.New("the second copy lacks the recording's end, and parts of it are on the ticket"))
	}
	if r.State == Planned {
		if err := r.step(ctx, tx, StepReplan); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM recording_parts WHERE recording_id = $1`, r.ID); err != nil {
		return fmt.Errorf("plan a recording anew: %w", err)
	}
	_, err = tx.Exec(ctx, `UPDATE recordings SET payload = $2, truncated = true, incomplete = true, incomplete_at = $2 WHERE recording_id = $1`, r.ID, end.payload)
	return err
}

// fetchCopy makes the spool file of the copy's objects.
func (s *Service) fetchCopy(ctx context.Context, id uuid.UUID) (err error) {
	objects, err := s.copiesOf(ctx, id)
	if err != nil {
		return err
	}
	name := spoolName(s.cfg.Dir, id)
	f, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return ErrSpool.Because(err)
	}
	for _, object := range objects {
		if err = s.appendObject(ctx, f, object); err != nil {
			break
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("fetch the copy of a recording: %w", err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("fetch the copy of a recording: %w", err)
	}
	return syncFolder(s.cfg.Dir)
}

func (s *Service) appendObject(ctx context.Context, f *os.File, object string) error {
	b, err := s.cfg.Copies.Get(ctx, object)
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = io.Copy(f, b)
	return err
}
