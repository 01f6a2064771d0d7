package recording

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// What a person may do with a recording that waits.

// Errors for who acts on what waits.
var (
	ErrBusy    = fault.New(fault.Conflict, "recording_busy", "A part is being sent just now; try again in a minute.")
	ErrPartsIn = fault.New(fault.Conflict, "recording_parts_delivered", "Parts are on the ticket already; the rest goes there too.")
)

// TryNow lets a recording that waits be tried again at once; one in quarantine leaves it.
func (s *Service) TryNow(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.tryNow(ctx, tx, r)
	})
}

func (s *Service) tryNow(ctx context.Context, tx *storage.Tx, r *row) error {
	switch r.State {
	case Quarantined:
		if err := r.step(ctx, tx, StepRelease); err != nil {
			return err
		}
	case Sealed, Planned:
	default:
		return ErrStep
	}
	if _, err := tx.Exec(ctx, `UPDATE recordings SET last_error = '', next_plan_at = NULL WHERE recording_id = $1`, r.ID); err != nil {
		return fmt.Errorf("release the recording: %w", err)
	}
	// Parts in doubt keep their time: the CRM's list may not show them yet. So does a tenant whose CRM asked for a pause.
	if _, err := tx.Exec(ctx, `UPDATE recording_parts SET next_try_at = $2 WHERE recording_id = $1 AND state = 'pending' AND next_try_at > $2`, r.ID, tx.Now); err != nil {
		return fmt.Errorf("bring the upload forward: %w", err)
	}
	tx.AfterCommit(s.wake)
	return s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.retried", r.ID, r.event())
}

// Move puts a recording of which the CRM has nothing yet onto another ticket, as LinkTicket names them, and lets it be tried at once.
func (s *Service) Move(ctx context.Context, tenant, id uuid.UUID, ticket string) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		var sending, tried int
		err = tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state IN ('sending', 'sent')), count(*) FILTER (WHERE state = 'confirmed') FROM recording_parts WHERE recording_id = $1`,
			id).Scan(&sending, &tried)
		switch {
		case err != nil:
			return fmt.Errorf("look at the parts: %w", err)
		case tried > 0:
			return ErrPartsIn
		case sending > 0:
			return ErrBusy
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET ticket = $2 WHERE recording_id = $1`, id, ticket); err != nil {
			return fmt.Errorf("move the recording to another ticket: %w", err)
		}
		if err := s.cfg.Events.Append(ctx, tx, "recording.moved", id, r.event()); err != nil {
			return err
		}
		return s.tryNow(ctx, tx, r)
	})
}

// DestroyNow ends a recording before its deadline: its keys are gone with the commit, its file with the next sweep.
func (s *Service) DestroyNow(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State == Capturing {
			return ErrStep
		}
		return s.expireIn(ctx, tx, r, "person")
	})
}

// expireIn destroys the keys of a recording that is held: from the commit on nobody can read it.
func (s *Service) expireIn(ctx context.Context, tx *storage.Tx, r *row, reason string) error {
	if err := r.step(ctx, tx, StepExpire); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, dropKeys+`recording_id = $1`, r.ID); err != nil {
		return fmt.Errorf("destroy the recording's keys: %w", err)
	}
	e := r.event()
	e.Reason = reason
	tx.AfterCommit(func() {
		s.metrics.expired.Inc()
		s.log.Error("a recording was destroyed undelivered", "recording", r.ID, "call", r.Call, "reason", reason)
	})
	return s.cfg.Events.AppendFor(ctx, tx, r.Tenant, "recording.expired", r.ID, e)
}

// Exists is ErrNotFound for a recording that the tenant does not have.
func (s *Service) Exists(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := get(ctx, tx, id)
		return err
	})
}
