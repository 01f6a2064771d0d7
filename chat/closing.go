package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// Snooze puts a conversation aside until a time, or until the customer writes. The agent keeps it, without its taking capacity.
func (s *Service) Snooze(ctx context.Context, tenant, id uuid.UUID, until *time.Time) error {
	return s.change(ctx, tenant, id, "snooze a conversation", func(tx *storage.Tx, c *row) error {
		if until != nil && !until.After(tx.Now) {
			return fault.New(fault.Invalid, "snooze_past", "Choose a time that is still to come.").WithField("until")
		}
		if err := s.cfg.Queues.LeaveChat(ctx, tx, c.id); err != nil {
			return err
		}
		if err := s.cfg.Queues.Dequeue(ctx, tx, c.id, queues.LeftEnded); err != nil {
			return err
		}
		return s.step(ctx, tx, c, stepSnooze, `snoozed_until = $3`, until)
	})
}

// Reopen opens a closed or snoozed conversation; it is its last owner's again, or waits.
func (s *Service) Reopen(ctx context.Context, tenant, id uuid.UUID) error {
	return s.change(ctx, tenant, id, "reopen a conversation", func(tx *storage.Tx, c *row) error {
		if c.state == Snoozed {
			if err := s.step(ctx, tx, c, stepWake, `snoozed_until = NULL`); err != nil {
				return err
			}
			c.woken = true
			return s.route(ctx, tx, c, true)
		}
		if other, err := openConversation(ctx, tx, c.person); err == nil {
			return fault.Newf(fault.Conflict, "conversation_open", "The customer has an open conversation already.").Because(fmt.Errorf("conversation %s", other.id))
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := s.reopen(ctx, tx, c, stepReopen); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = "reopened" })
	})
}

// reopen opens a closed conversation; whoever had it last is preferred.
func (s *Service) reopen(ctx context.Context, tx *storage.Tx, c *row, by step) (err error) {
	if c.state, err = c.state.next(by); err != nil {
		return ErrClosed.Because(err)
	}
	last := c.owner
	c.owner, c.ownerKind, c.openedAt, c.waitingSince, c.closeReason = nil, NoOwner, tx.Now, nil, ""
	_, err = tx.Exec(ctx, `
		UPDATE conversations SET state = 'open', owner_kind = 'none', owner = NULL, opened_at = $2, closed_at = NULL, close_reason = '', closed_by = NULL, waiting_since = NULL,
			snoozed_until = NULL, disposition = '', responded = false WHERE conversation_id = $1`, c.id, tx.Now)
	if err != nil {
		return err
	}
	if err := c.note(ctx, tx, "reopened", nil, events.ActorID(ctx), nil); err != nil {
		return err
	}
	if c.queue == nil {
		if err := tx.QueryRow(ctx, `SELECT queue_id FROM chat_accounts WHERE account_id = $1`, c.account).Scan(&c.queue); err != nil || c.queue == nil {
			return err
		}
	}
	if last != nil {
		c.preferred = *last
	}
	if by == customerWrites { // waits once what the customer says is written
		return nil
	}
	return s.enqueue(ctx, tx, c, c.preferred)
}

// step takes a conversation through one transition and writes set ("column = $3"), whose value is args.
func (s *Service) step(ctx context.Context, tx *storage.Tx, c *row, by step, set string, args ...any) error {
	to, err := c.state.next(by)
	if err != nil {
		return ErrClosed.Because(err)
	}
	c.state = to
	if _, err := tx.Exec(ctx, `UPDATE conversations SET state = $2, `+set+` WHERE conversation_id = $1`, append([]any{c.id, to}, args...)...); err != nil {
		return err
	}
	if err := c.note(ctx, tx, string(by), c.owner, events.ActorID(ctx), nil); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = string(by) })
}

// Errors of closing.
var (
	ErrDisposition = fault.New(fault.Invalid, "disposition_needed", "Choose one of the queue's dispositions.").WithField("disposition")
	ErrNotes       = fault.New(fault.Invalid, "notes_needed", "Write a few words on how it went.").WithField("notes")
)

// endsWell checks what an agent says of a conversation that they close.
func (s *Service) endsWell(ctx context.Context, tx *storage.Tx, c *row, why CloseReason, disposition, notes string) error {
	if why != ClosedByAgent || c.queue == nil {
		return nil
	}
	e, err := s.cfg.Queues.EndingOf(ctx, tx, *c.queue)
	switch {
	case errors.Is(err, queues.ErrNoQueue):
		return nil
	case err != nil:
		return err
	case e.Disposition && disposition == "", disposition != "" && len(e.Dispositions) > 0 && !slices.Contains(e.Dispositions, disposition):
		return ErrDisposition
	case e.Notes && notes == "":
		return ErrNotes
	}
	return nil
}

// Close ends a conversation. Closing a closed one changes nothing.
func (s *Service) Close(ctx context.Context, tenant, id uuid.UUID, why CloseReason, by uuid.UUID, disposition, notes string) error {
	if len(disposition) > 100 || len(notes) > 4000 {
		return fault.New(fault.Invalid, "too_long", "That text is too long.").WithField("notes")
	}
	return s.change(ctx, tenant, id, "close a conversation", func(tx *storage.Tx, c *row) error {
		if c.state == Closed {
			return nil
		}
		if err := s.endsWell(ctx, tx, c, why, disposition, notes); err != nil {
			return err
		}
		if notes != "" {
			if err := s.noteIn(ctx, tx, c, notes); err != nil {
				return err
			}
		}
		return s.close(ctx, tx, c, why, by, disposition)
	})
}

func (s *Service) close(ctx context.Context, tx *storage.Tx, c *row, why CloseReason, by uuid.UUID, disposition string) error {
	to, err := c.state.next(stepClose)
	if err != nil {
		return ErrClosed.Because(err)
	}
	if err := s.cfg.Queues.Dequeue(ctx, tx, c.id, leaveReason(why)); err != nil {
		return err
	}
	if err := s.cfg.Queues.LeaveChat(ctx, tx, c.id); err != nil {
		return err
	}
	c.state, c.closeReason, c.enqueueAt = to, why, nil
	var actor *uuid.UUID
	if by != uuid.Nil {
		actor = &by
	}
	_, err = tx.Exec(ctx, `
		UPDATE conversations SET state = 'closed', closed_at = $2, close_reason = $3, closed_by = $4, disposition = $5, enqueue_at = NULL, waiting_since = NULL, snoozed_until = NULL, unanswered = 0, unanswered_since = NULL
		WHERE conversation_id = $1`, c.id, tx.Now, why, actor, disposition)
	if err != nil {
		return err
	}
	if err := c.note(ctx, tx, "closed", c.owner, actor, map[string]string{"reason": string(why)}); err != nil {
		return err
	}
	if err := s.systemLine(ctx, tx, c, "closed", map[string]string{"reason": string(why)}, actor); err != nil {
		return err
	}
	crm, err := s.wantsTicket(ctx, tx, c)
	if err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.closed", func(t *told) {
		t.Reason = why
		t.More = closedMore{Opened: c.openedAt, Customer: c.customerAt, Answered: c.agentAt, ClosedBy: actor, Ticket: c.ticket, Disposed: disposition, LastOwner: c.owner, LastSeq: c.lastSeq, CRM: crm}
	})
}

// leaveReason says to the queues why one that waited is over.
func leaveReason(why CloseReason) queues.LeaveReason {
	switch why {
	case ClosedBySupervisor, ClosedByAgent, ClosedMerged:
		return queues.LeftEnded
	}
	return queues.LeftAbandoned
}
