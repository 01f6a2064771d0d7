package chat

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// Transfer is where a conversation is to go.
type Transfer struct {
	Queue *uuid.UUID `json:"queue_id,omitempty"`
	Agent *uuid.UUID `json:"agent_id,omitempty"`
	Note  string     `json:"note,omitempty"`

	Assigned bool `json:"-"` // by somebody who decides who works on what
}

func (t Transfer) what() string {
	if t.Assigned {
		return "assigned"
	}
	return "transferred"
}

// ErrTransfer asks for a target.
var ErrTransfer = fault.New(fault.Invalid, "transfer_target", "Choose a queue or an agent.")

// Transfer hands a conversation on: to a queue at its place, or to one agent, at whom it rings. A transfer that comes to nothing leaves it waiting.
func (s *Service) Transfer(ctx context.Context, tenant, id uuid.UUID, t Transfer) error {
	if (t.Queue == nil) == (t.Agent == nil) || len(t.Note) > 4000 {
		return ErrTransfer
	}
	return s.change(ctx, tenant, id, "transfer a conversation", func(tx *storage.Tx, c *row) error {
		if c.state == Closed {
			return ErrClosed
		}
		from := c.owner
		if t.Queue != nil {
			c.queue = t.Queue
		}
		if c.queue == nil {
			return ErrTransfer
		}
		if _, err := s.cfg.Queues.Receive(ctx, tx, *c.queue, c.channel, c.language); err != nil { // another tenant's, or a folder
			return err
		}
		if c.state == Snoozed {
			if err := s.step(ctx, tx, c, stepWake, `snoozed_until = NULL`); err != nil {
				return err
			}
		}
		if err := s.release(ctx, tx, c); err != nil {
			return err
		}
		detail := map[string]string{"queue": c.queue.String()}
		if t.Agent != nil {
			detail["agent"] = t.Agent.String()
		}
		if t.Note != "" {
			if err := s.noteIn(ctx, tx, c, t.Note); err != nil {
				return err
			}
		}
		if err := c.note(ctx, tx, "transferred", from, events.ActorID(ctx), detail); err != nil {
			return err
		}
		if err := s.systemLine(ctx, tx, c, "transferred", detail, from); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, c, "conversation.changed", func(told *told) { told.What = t.what() }); err != nil {
			return err
		}
		if t.Agent == nil {
			return s.enqueue(ctx, tx, c, uuid.Nil)
		}
		if err := s.join(ctx, tx, c, uuid.Nil); err != nil {
			return err
		}
		return s.cfg.Queues.OfferChat(ctx, tx, c.id, *t.Agent)
	})
}

func (s *Service) noteIn(ctx context.Context, tx *storage.Tx, c *row, text string) error {
	_, err := c.write(ctx, tx, &newMessage{at: tx.Now, direction: Internal, author: ByAgent, authorID: events.ActorID(ctx), authorName: auth.From(ctx).Name, kind: Note, text: clean(text)})
	return err
}

// release takes a conversation from its owner and out of its queue; it keeps its place and is nobody's.
func (s *Service) release(ctx context.Context, tx *storage.Tx, c *row) error {
	if err := s.cfg.Queues.LeaveChat(ctx, tx, c.id); err != nil {
		return err
	}
	if c.waitingSince == nil {
		c.waitingSince = &tx.Now
	}
	c.owner, c.ownerKind = nil, NoOwner
	_, err := tx.Exec(ctx, `UPDATE conversations SET owner_kind = 'none', owner = NULL, owner_since = NULL, queue_id = $2, waiting_since = $3 WHERE conversation_id = $1`, c.id, c.queue, c.waitingSince)
	return err
}

// returns gives a conversation back to its queue, for the same agent first (IN-4).
func (s *Service) returns(ctx context.Context, tx *storage.Tx, c *row, why string) error {
	if c.owner == nil || c.queue == nil {
		return nil
	}
	was := *c.owner
	if err := s.release(ctx, tx, c); err != nil {
		return err
	}
	if err := c.note(ctx, tx, "returned", &was, nil, map[string]string{"why": why}); err != nil {
		return err
	}
	if err := s.systemLine(ctx, tx, c, "returned", map[string]string{"why": why}, &was); err != nil {
		return err
	}
	if err := s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What, t.Measure = "returned", &measure{By: was, Returned: why} }, was); err != nil {
		return err
	}
	if c.state == Snoozed {
		return nil
	}
	return s.enqueue(ctx, tx, c, was)
}

// resume gives a conversation that was put aside back to its owner, if they can have it now; otherwise it waits, for them first.
func (s *Service) resume(ctx context.Context, tx *storage.Tx, c *row) error {
	if c.queue == nil || c.owner == nil {
		return nil
	}
	was := *c.owner
	c.waitingSince = &tx.Now
	if err := s.join(ctx, tx, c, was); err != nil || c.queue == nil {
		return err
	}
	err := s.cfg.Queues.TakeChat(ctx, tx, c.id, was)
	if errors.Is(err, queues.ErrAgentNotFree) || errors.Is(err, queues.ErrNoAgent) {
		c.owner, c.ownerKind = nil, NoOwner
		_, err = tx.Exec(ctx, `UPDATE conversations SET owner_kind = 'none', owner = NULL, owner_since = NULL, waiting_since = $2 WHERE conversation_id = $1`, c.id, tx.Now)
	}
	return err
}
