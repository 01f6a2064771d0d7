package recording

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ErrFull says that the spool's disk has no room for another recording.
var ErrFull = fault.New(fault.Unavailable, "recording_spool_full", "The disk of recordings is full: this call is not recorded. Make room, or look at why the CRM takes nothing.")

// The spool's disk, as a share that is used: at the first an alarm is raised, from the second on nothing new is recorded. What is delivered is
// removed at once in any case; nothing else is ever dropped to make room.
const (
	spoolAlarm = 0.80
	spoolFull  = 0.95
)

// usedShare is how much of a folder's disk is used, for programs that are not root.
func usedShare(dir string) (float64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for the room on the spool's disk: %w", err)
	}
	free, mine := float64(st.Bavail), float64(st.Blocks-st.Bfree)
	if free+mine == 0 {
		return 0, nil
	}
	return mine / (free + mine), nil
}

// HasRoom says whether the spool's disk takes another recording. Where calls must not go on unrecorded, they are refused by it.
func (s *Service) HasRoom() bool { return s.used() < spoolFull }

// used is how much of the spool's disk is; nothing when nobody knows: a write that fails is seen in any case.
func (s *Service) used() float64 {
	used, err := s.cfg.Used(s.cfg.Dir)
	if err != nil {
		s.log.Error("nobody knows how full the spool's disk is", "err", err)
		return 0
	}
	s.metrics.spoolUsed.Set(used)
	return used
}

// watchRoom raises the alarm.
func (s *Service) watchRoom() {
	if used := s.used(); used >= spoolAlarm {
		s.log.Error("the spool's disk fills up", "used", fmt.Sprintf("%.0f %%", used*100), "nothing new is recorded from", fmt.Sprintf("%.0f %%", spoolFull*100))
	}
}

// broken notes from where on the audio of a recording is missing, at once: a repair after a crash trusts nothing beyond it either.
func (r *Recorder) broken(why error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := r.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		held, err := get(ctx, tx, r.id)
		if err != nil || held.State != Capturing {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET incomplete = true, incomplete_at = $2, last_error = $3 WHERE recording_id = $1`, r.id, r.file.durable, shortError(why)); err != nil {
			return fmt.Errorf("note that the recording is incomplete: %w", err)
		}
		held.Incomplete = true
		e := held.event()
		e.Reason = "spool"
		return r.s.cfg.Events.AppendFor(ctx, tx, r.req.Tenant, "recording.incomplete", r.id, e)
	})
	if err != nil {
		r.s.log.Error("nobody but this line tells that a recording is incomplete", "recording", r.id, "err", err)
	}
}
