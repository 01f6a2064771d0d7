package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/auth"
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
	var name string
	if err := tx.QueryRow(ctx, `SELECT coalesce(nullif(name, ''), nullif(username, ''), phone) FROM chat_people WHERE person_id = $1`, c.person).Scan(&name); err != nil {
		return err
	}
	err := s.cfg.Queues.Enqueue(ctx, tx, *c.queue, queues.NewItem{
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
	if err := s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = "returned" }, was); err != nil {
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
			snoozed_until = NULL, disposition = '' WHERE conversation_id = $1`, c.id, tx.Now)
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
		UPDATE conversations SET state = 'closed', closed_at = $2, close_reason = $3, closed_by = $4, disposition = $5, enqueue_at = NULL, waiting_since = NULL, snoozed_until = NULL, unanswered = 0
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

// SetCollaborators says who else works on a conversation.
func (s *Service) SetCollaborators(ctx context.Context, tenant, id uuid.UUID, users []uuid.UUID) error {
	if len(users) > 20 {
		return fault.New(fault.Invalid, "too_many_collaborators", "At most 20 people work on one conversation.").WithField("agents")
	}
	slices.SortFunc(users, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	users = slices.Compact(users)
	return s.change(ctx, tenant, id, "set the collaborators", func(tx *storage.Tx, c *row) error {
		if _, err := tx.Exec(ctx, `UPDATE conversation_people SET collaborator = false WHERE conversation_id = $1 AND user_id <> ALL ($2)`, id, users); err != nil {
			return err
		}
		for _, u := range users {
			if _, err := tx.Exec(ctx, `INSERT INTO conversation_people (conversation_id, user_id, tenant_id, collaborator) VALUES ($1, $2, $3, true)
				ON CONFLICT (conversation_id, user_id) DO UPDATE SET collaborator = true`, id, u, tenant); err != nil {
				return err
			}
		}
		body, err := json.Marshal(users)
		if err != nil {
			return err
		}
		if err := c.note(ctx, tx, "collaborators", nil, events.ActorID(ctx), map[string]string{"users": string(body)}); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = "collaborators" })
	})
}

// AddNote writes an internal note; whoever it mentions may read the conversation for 48 hours (IN-3).
func (s *Service) AddNote(ctx context.Context, tenant, id uuid.UUID, client *uuid.UUID, author, text string, mentions []uuid.UUID) (m Message, err error) {
	if text = clean(text); text == "" || length(text, Characters) > longestMessage || len(mentions) > 20 {
		return m, ErrNothing
	}
	err = s.change(ctx, tenant, id, "write a note", func(tx *storage.Tx, c *row) error {
		n := &newMessage{id: storage.NewID(), at: tx.Now, direction: Internal, author: ByAgent, authorID: events.ActorID(ctx), authorName: author, kind: Note, text: text, client: client, mentions: mentions}
		fresh, err := c.write(ctx, tx, n)
		if err != nil {
			return err
		}
		if !fresh && client != nil {
			if err := tx.QueryRow(ctx, `SELECT message_id FROM messages WHERE conversation_id = $1 AND client_id = $2`, id, *client).Scan(&n.id); err != nil {
				return err
			}
		}
		for _, u := range mentions {
			if _, err := tx.Exec(ctx, `INSERT INTO conversation_people (conversation_id, user_id, tenant_id, mentioned_until, mentioned_at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (conversation_id, user_id) DO UPDATE SET mentioned_until = excluded.mentioned_until, mentioned_at = excluded.mentioned_at`,
				id, u, tenant, tx.Now.Add(mentionLasts), tx.Now); err != nil {
				return err
			}
		}
		if err := s.tell(ctx, tx, c, "conversation.updated", func(t *told) { t.Message, t.Direction, t.Author = n.id, Internal, ByAgent }); err != nil {
			return err
		}
		m, err = readMessage(ctx, tx, n.id)
		return err
	})
	return m, err
}

const mentionLasts = 48 * time.Hour
