package queues

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Errors of wrap-ups.
var (
	ErrNoWrapUp      = fault.New(fault.Conflict, "no_wrap_up", "There is nothing to wrap up (any more).")
	ErrDisposition   = fault.New(fault.Invalid, "disposition_unknown", "Choose one of the queue's dispositions.").WithField("disposition")
	ErrNoDisposition = fault.New(fault.Invalid, "disposition_required", "This queue needs a disposition before the wrap-up can end.").WithField("disposition")
	ErrNoNotes       = fault.New(fault.Invalid, "notes_required", "This queue needs notes before the wrap-up can end.").WithField("notes")
	ErrNoExtension   = fault.New(fault.Conflict, "no_extension", "This wrap-up cannot be extended (any more).")
	ErrNoTalk        = fault.New(fault.Conflict, "no_interaction", "There is no interaction to wrap up after.")
)

// Finished is a wrap-up that its agent has ended: what the caller is to keep with the item.
type Finished struct {
	Offer       uuid.UUID
	Item        uuid.UUID
	Queue       uuid.UUID
	Agent       uuid.UUID
	Disposition string
	Notes       string
}

// WrapUpNote is what an agent says at the end. Offer may be uuid.Nil: the agent's oldest wrap-up.
type WrapUpNote struct {
	Offer       uuid.UUID
	Disposition string // "" for none
	Notes       string
}

// FinishWrapUp ends an agent's wrap-up. Disposition and notes are checked against the queue's rule and handed back: the item's own
// package keeps them. ErrNoWrapUp when the timer was quicker.
func (s *Service) FinishWrapUp(ctx context.Context, tenant, agent uuid.UUID, w WrapUpNote) (Finished, error) {
	var f Finished
	err := s.wrappingUp(ctx, tenant, agent, w.Offer, func(tx *storage.Tx, a *assignment, set Settings) error {
		if err := checkNote(set, w); err != nil {
			return err
		}
		f = Finished{Offer: a.offer, Item: a.item, Queue: a.queue, Agent: agent, Disposition: w.Disposition, Notes: w.Notes}
		return s.move(ctx, tx, a, moveDetail{result: "finished", disposition: w.Disposition}, hFinish)
	})
	if err != nil {
		return Finished{}, fmt.Errorf("finish wrap-up: %w", err)
	}
	return f, nil
}

// ExtendWrapUp gives an agent more time, as the queue allows.
func (s *Service) ExtendWrapUp(ctx context.Context, tenant, agent, offer uuid.UUID) error {
	err := s.wrappingUp(ctx, tenant, agent, offer, func(tx *storage.Tx, a *assignment, set Settings) error {
		rule := set.WrapUp.Value
		var until time.Time
		err := tx.QueryRow(ctx, `
			UPDATE queue_offers SET wrap_until = greatest(wrap_until, $2) + make_interval(secs => $3), extended = extended + 1
			WHERE offer_id = $1 AND wrap_until IS NOT NULL AND extended < $4 AND $3 > 0 RETURNING wrap_until`,
			a.offer, tx.Now, rule.ExtendSeconds, rule.MaxExtensions).Scan(&until)
		if err != nil {
			return storage.Missing(err, ErrNoExtension)
		}
		// The same state, until later: live screens fetch it again.
		return s.log.AppendFor(ctx, tx, a.tenant, "agent.state", agent, StateChanged{Agent: agent, Offer: a.offer, Item: a.item, Queue: a.queue, From: WrapUp, State: WrapUp, Since: a.stateAt})
	})
	return wrap("extend wrap-up", err)
}

// wrappingUp runs f on an agent's wrap-up, the oldest where offer is uuid.Nil.
func (s *Service) wrappingUp(ctx context.Context, tenant, agent, offer uuid.UUID, f func(*storage.Tx, *assignment, Settings) error) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT offer_id FROM queue_offers WHERE agent_id = $1 AND state = 'WRAP_UP' AND ($2::uuid = '00000000-0000-0000-0000-000000000000' OR offer_id = $2)
			ORDER BY state_at LIMIT 1`, agent, offer).Scan(&offer)
		if err != nil {
			return storage.Missing(err, ErrNoWrapUp)
		}
		a, err := lockAssignment(ctx, tx, offer)
		if err != nil {
			return err
		}
		if a.state != WrapUp {
			return ErrNoWrapUp
		}
		set, err := effective(ctx, tx, a.queue)
		if err != nil {
			return err
		}
		return f(tx, a, set)
	})
}

// Attended says whether an agent still has an item: talks about it, or wraps it up. The transaction may be a worker's.
func (s *Service) Attended(ctx context.Context, tx *storage.Tx, item uuid.UUID) (yes bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue_offers WHERE item_id = $1 AND state NOT IN ('RESERVED', 'ALERTING', 'IDLE'))`, item).Scan(&yes)
	return yes, wrap("look whether an agent has an item", err)
}

// RequestWrapUp asks, during an interaction, for a wrap-up after it, also where the queue has none; on false it takes that back.
func (s *Service) RequestWrapUp(ctx context.Context, tenant, agent, item uuid.UUID, on bool) error {
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE queue_offers SET wrap_asked = $3 WHERE agent_id = $1 AND item_id = $2 AND state IN ('CONNECTING', 'INTERACTING', 'HELD', 'RECOVERING')`, agent, item, on)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNoTalk
		}
		return err
	})
	return wrap("ask for a wrap-up", err)
}

// after is what follows an interaction under a queue's rule: nothing, or a wrap-up until a time (nil: until the agent says so).
func (r WrapUpRule) after(asked bool, now time.Time) (wrap bool, until *time.Time) {
	if (r.Mode == WrapUpNone || r.Mode == WrapUpRequested) && !asked {
		return false, nil
	}
	if r.MaxSeconds > 0 && r.Mode != WrapUpMandatory {
		t := now.Add(time.Duration(r.MaxSeconds) * time.Second)
		until = &t
	}
	return true, until
}

func checkNote(set Settings, w WrapUpNote) error {
	codes, rule := set.Dispositions.Value, set.WrapUp.Value
	switch {
	case w.Disposition == "" && len(codes) > 0 && (rule.DispositionForced || rule.Mode == WrapUpMandatory):
		return ErrNoDisposition
	case strings.TrimSpace(w.Notes) == "" && rule.NotesForced:
		return ErrNoNotes
	case w.Disposition != "" && len(codes) > 0 && !slices.Contains(codes, w.Disposition):
		return ErrDisposition
	}
	return nil
}
