package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// repairAll seals what this node was recording when it died, and removes files that nothing knows. It goes on after each failure: the
// next start tries again, and the sweep meanwhile.
func (s *Service) repairAll(ctx context.Context) {
	if err := s.shortenLeases(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("uploads that a crash has cut go on when their leases run out", "err", err)
	}
	if err := s.splitOld(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("keys of an older program wait to be split", "err", err)
	}
	close(s.alone)
	if err := s.takeOver(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("recordings that a disk or a node has lost wait for their second copy", "err", err)
	}
	if err := s.sealDead(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("recordings that a crash has cut wait for their repair", "err", err)
	}
	if err := s.removeStray(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("stray files in the spool folder", "err", err)
	}
}

const deadUpload = 15 * time.Second // what a CRM may take to finish with an upload whose sender has died

// shortenLeases lets uploads that died with the former process go on soon. The spool's lock says that it is dead.
func (s *Service) shortenLeases(ctx context.Context) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE recording_parts p SET leased_until = least(p.leased_until, $2) FROM recordings r
			WHERE r.recording_id = p.recording_id AND r.node = $1 AND p.state = 'sending'`, s.cfg.Node, tx.Now.Add(deadUpload))
		if err != nil {
			return fmt.Errorf("shorten the leases of uploads: %w", err)
		}
		return nil
	})
}

func (s *Service) sealDead(ctx context.Context) error {
	var dead []*row
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) (err error) {
		dead, err = list(ctx, tx, `node = $1 AND state = 'capturing'`, s.cfg.Node)
		return err
	})
	for _, r := range dead {
		if s.isActive(r.ID) {
			continue
		}
		one := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error { return s.repairIn(ctx, tx, r.ID) })
		if one != nil {
			err = errors.Join(err, fmt.Errorf("repair recording %s: %w", r.ID, one))
		}
	}
	return err
}

// repairIn seals a recording by what its file holds: every whole frame. What the rows promise beyond that is lost, which only a failing
// disk can bring about.
func (s *Service) repairIn(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	r, err := get(ctx, tx, id)
	if err != nil || r.State != Capturing {
		return err
	}
	end := sealing{id: id, truncated: true, incomplete: r.Incomplete}
	key, err := s.dataKey(ctx, tx, r, s.repair)
	if err == nil {
		end, err = s.scan(end, key)
	}
	var promised int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(file_offset + length), 0) FROM recording_chunks WHERE recording_id = $1`, id).Scan(&promised); err != nil {
		return fmt.Errorf("read the rows of chunks: %w", err)
	}
	if err != nil {
		s.log.Error("a recording cannot be read after a crash; nothing of it is kept", "recording", id, "err", err)
		end.incomplete = true
	}
	if promised > end.whole {
		s.log.Error("a recording's file is shorter than what was written", "recording", id, "bytes", end.whole, "written", promised)
		end.incomplete = true
	}
	if r.IncompleteAt != nil {
		end.payload = min(end.payload, *r.IncompleteAt) // what was written after a failed one is no evidence
	}
	return s.seal(ctx, tx, end)
}

// scan counts the whole frames of a file and cuts off the rest.
func (s *Service) scan(end sealing, key *storage.DataKey) (sealing, error) {
	r, err := openFrames(s.cfg.Dir, end.id, key)
	if errors.Is(err, fs.ErrNotExist) {
		return end, nil // died between row and file
	}
	if err != nil {
		return end, err
	}
	defer r.Close()
	f, err := r.format()
	if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
		return end, nil
	}
	if err != nil {
		return end, err
	}
	end.format = f
	for {
		cipher, plain, err := r.next()
		if err == nil {
			_, err = r.plaintext(cipher, plain)
		}
		if err != nil {
			break
		}
		end.payload += int64(plain)
	}
	end.whole = r.offset
	return end, cutFile(spoolName(s.cfg.Dir, end.id), r.offset)
}

// removeStray removes files of recordings that are over: their rows are gone or say so. It also finishes removals that a crash interrupted.
func (s *Service) removeStray(ctx context.Context) error {
	ids, err := spooled(s.cfg.Dir)
	if err != nil || len(ids) == 0 {
		return err
	}
	var needed []uuid.UUID
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT recording_id FROM recordings WHERE recording_id = ANY($1) AND node = $2 AND `+stillHere, ids, s.cfg.Node)
		if err != nil {
			return err
		}
		needed, err = collectIDs(rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("look up the recordings on disk: %w", err)
	}
	keep := map[uuid.UUID]bool{}
	for _, id := range needed {
		keep[id] = true
	}
	for _, id := range ids {
		if !keep[id] && !s.isActive(id) {
			err = errors.Join(err, erase(s.cfg.Dir, id))
		}
	}
	return err
}
