package chat

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// route puts a conversation that nobody has into its queue (IN-4); counts says whether the customer has said something by now.
func (s *Service) route(ctx context.Context, tx *storage.Tx, c *row, said bool) error {
	if c.woken && c.ownerKind == HumanOwner {
		return s.resume(ctx, tx, c)
	}
	if c.placed(said) {
		return nil
	}
	waits, err := s.waits(ctx, tx, c.id)
	if err != nil || waits {
		return err
	}
	return s.enqueue(ctx, tx, c, c.preferred)
}

// placed says that there is nothing to route: somebody has the conversation, it has no queue or its queue is closed, or nothing was said yet.
func (c *row) placed(said bool) bool {
	return c.ownerKind != NoOwner || c.queue == nil || c.enqueueAt != nil || !said
}

// waits says whether a conversation is an item of its queue.
func (s *Service) waits(ctx context.Context, tx *storage.Tx, id uuid.UUID) (bool, error) {
	items, err := s.cfg.Queues.ItemsIn(ctx, tx, []uuid.UUID{id})
	return len(items) > 0, err
}

// enqueue lets a conversation wait: now, or from when its queue opens. Its place is that of before, if it had one.
func (s *Service) enqueue(ctx context.Context, tx *storage.Tx, c *row, preferred uuid.UUID) error {
	r, err := s.cfg.Queues.Receive(ctx, tx, *c.queue, c.channel, c.language)
	if errors.Is(err, queues.ErrNoQueue) || errors.Is(err, queues.ErrNotLeaf) {
		return s.leaveUnassigned(ctx, tx, c)
	}
	if err != nil {
		return err
	}
	if c.waitingSince == nil {
		c.waitingSince = &tx.Now
	}
	c.queue, c.enqueueAt = &r.Queue, nil
	if r.Opens != nil && r.Opens.After(tx.Now) {
		c.enqueueAt = r.Opens
	}
	if _, err := tx.Exec(ctx, `UPDATE conversations SET queue_id = $2, enqueue_at = $3, waiting_since = $4 WHERE conversation_id = $1`, c.id, c.queue, c.enqueueAt, c.waitingSince); err != nil {
		return err
	}
	if !r.Open && r.Text != "" {
		if err := s.afterHours(ctx, tx, c, r.Text); err != nil {
			return err
		}
	}
	if c.enqueueAt != nil {
		if err := s.cfg.Queues.Dequeue(ctx, tx, c.id, queues.LeftTransferred); err != nil {
			return err
		}
		return c.note(ctx, tx, "waits_for_opening", nil, nil, map[string]string{"opens_at": c.enqueueAt.Format(time.RFC3339)})
	}
	return s.join(ctx, tx, c, preferred)
}

// leaveUnassigned is for a conversation whose queue has gone: people find it in their views.
func (s *Service) leaveUnassigned(ctx context.Context, tx *storage.Tx, c *row) error {
	s.log.Warn("a conversation has no queue to wait in; it is in the view of those that nobody has", "conversation", c.id)
	c.queue = nil
	_, err := tx.Exec(ctx, `UPDATE conversations SET queue_id = NULL WHERE conversation_id = $1`, c.id)
	return err
}

func (s *Service) join(ctx context.Context, tx *storage.Tx, c *row, preferred uuid.UUID) error {
	name, err := called(ctx, tx, c.person)
	if err != nil {
		return err
	}
	err = s.cfg.Queues.Enqueue(ctx, tx, *c.queue, queues.NewItem{
		ID: c.id, Channel: c.channel, Language: c.language, Caller: name, Priority: c.priority, EnqueuedAt: *c.waitingSince, Preferred: preferred,
	})
	if errors.Is(err, queues.ErrNotLeaf) || errors.Is(err, queues.ErrNoQueue) {
		return s.leaveUnassigned(ctx, tx, c)
	}
	if err != nil {
		return err
	}
	if err := c.note(ctx, tx, "queued", nil, nil, nil); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = "queued" })
}

// afterHours answers a customer once for each time that they come to a closed queue.
func (s *Service) afterHours(ctx context.Context, tx *storage.Tx, c *row, text string) error {
	if c.afterHoursAt != nil && c.afterHoursAt.After(c.openedAt) && tx.Now.Sub(*c.afterHoursAt) < afterHoursAgain {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE conversations SET after_hours_at = $2 WHERE conversation_id = $1`, c.id, tx.Now); err != nil {
		return err
	}
	_, err := s.sendIn(ctx, tx, c.id, NewMessage{Text: text, Author: BySystem})
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Illegal { // no window: nothing can be said
		return nil
	}
	return err
}

const afterHoursAgain = 8 * time.Hour

// own makes somebody the owner.
func (s *Service) own(ctx context.Context, tx *storage.Tx, c *row, agent uuid.UUID, what string) error {
	c.owner, c.ownerKind, c.enqueueAt = &agent, HumanOwner, nil
	c.waitingSince = nil
	_, err := tx.Exec(ctx, `
		UPDATE conversations SET owner_kind = 'human', owner = $2, owner_since = $3, enqueue_at = NULL, waiting_since = NULL WHERE conversation_id = $1`, c.id, agent, tx.Now)
	if err != nil {
		return err
	}
	if err := c.note(ctx, tx, what, &agent, events.ActorID(ctx), nil); err != nil {
		return err
	}
	if err := s.systemLine(ctx, tx, c, "agent_joined", nil, &agent); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = what })
}

// systemLine writes what happened into the conversation; pages translate it by its code.
func (s *Service) systemLine(ctx context.Context, tx *storage.Tx, c *row, code string, data map[string]string, author *uuid.UUID) error {
	m := &newMessage{at: tx.Now, direction: Internal, author: BySystem, authorID: author, kind: System, body: Body{Type: code, Data: data}}
	_, err := c.write(ctx, tx, m)
	return err
}

// Accept gives a conversation to an agent at whom it rings.
func (s *Service) Accept(ctx context.Context, tenant, id, agent uuid.UUID) error {
	return s.change(ctx, tenant, id, "accept a conversation", func(tx *storage.Tx, c *row) error {
		if c.owner != nil && *c.owner == agent {
			return nil // pressed twice
		}
		if err := s.cfg.Queues.AcceptChat(ctx, tx, id, agent); err != nil {
			return err
		}
		return s.own(ctx, tx, c, agent, "accepted")
	})
}

// Decline says no for an agent at whom it rings.
func (s *Service) Decline(ctx context.Context, tenant, id, agent uuid.UUID) error {
	return s.change(ctx, tenant, id, "decline a conversation", func(tx *storage.Tx, c *row) error {
		return s.cfg.Queues.DeclineChat(ctx, tx, id, agent)
	})
}

// Take gives a conversation that nobody has to an agent who wants it.
func (s *Service) Take(ctx context.Context, tenant, id, agent uuid.UUID) error {
	return s.change(ctx, tenant, id, "take a conversation", func(tx *storage.Tx, c *row) error {
		switch {
		case c.owner != nil && *c.owner == agent && c.ownerKind == HumanOwner:
			return nil
		case c.ownerKind == HumanOwner:
			return ErrNotOwner
		case c.state == Closed:
			return ErrClosed
		}
		err := s.give(ctx, tx, c, agent, "taken")
		if errors.Is(err, queues.ErrAgentNotFree) || errors.Is(err, queues.ErrNoAgent) {
			return ErrCannotTake.Because(err)
		}
		return err
	})
}

// give makes an agent the owner at once, with the capacity that it takes of them where they serve queues.
func (s *Service) give(ctx context.Context, tx *storage.Tx, c *row, agent uuid.UUID, what string) error {
	if c.queue != nil {
		waits, err := s.waits(ctx, tx, c.id)
		if err != nil {
			return err
		}
		if !waits {
			if c.waitingSince == nil {
				c.waitingSince = &tx.Now
			}
			if err := s.cfg.Queues.Enqueue(ctx, tx, *c.queue, queues.NewItem{ID: c.id, Channel: c.channel, Priority: c.priority, EnqueuedAt: *c.waitingSince}); err != nil {
				return err
			}
		}
		if err := s.cfg.Queues.TakeChat(ctx, tx, c.id, agent); err != nil {
			return err
		}
	}
	return s.own(ctx, tx, c, agent, what)
}

// change runs f on a locked conversation, the customer locked before it.
func (s *Service) change(ctx context.Context, tenant, id uuid.UUID, what string, f func(tx *storage.Tx, c *row) error) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, _, _, err := s.lockAll(ctx, tx, id)
		if err != nil {
			return err
		}
		return f(tx, c)
	})
	return wrap(what, err)
}
