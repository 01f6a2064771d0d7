package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// This file is what CRMs are told of conversations.

// ConversationClosed is what followers of the event log read of conversation.closed.
type ConversationClosed struct {
	Conversation uuid.UUID   `json:"conversation"`
	Reason       CloseReason `json:"reason"`
	More         closedMore  `json:"more"`
}

// closedMore is the data of the event conversation.closed beyond what all have.
type closedMore struct {
	Opened    time.Time  `json:"opened_at"`
	Customer  *time.Time `json:"customer_at,omitempty"`
	Answered  *time.Time `json:"answered_at,omitempty"`
	ClosedBy  *uuid.UUID `json:"closed_by,omitempty"`
	Ticket    *uuid.UUID `json:"ticket_id,omitempty"`
	Disposed  string     `json:"disposition,omitempty"`
	LastOwner *uuid.UUID `json:"last_owner,omitempty"`
	LastSeq   int64      `json:"last_seq"`   // of its messages
	CRM       bool       `json:"crm_ticket"` // the queue asks for a ticket in the CRM
}

// Transcript is a conversation with its messages, internal ones included.
type Transcript struct {
	Conversation
	WantsTicket bool // its queue asks for a ticket in the CRM
	Messages    []Message
}

// Transcript returns a conversation with the messages after a seq, oldest first, those of agents with their names.
func (s *Service) Transcript(ctx context.Context, tenant, id uuid.UUID, afterSeq int64) (t Transcript, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		args := Reader{Scope: auth.ScopeAll}.args(tx.Now)
		args["id"] = id
		vs, err := s.readViews(ctx, tx, access+` AND c.conversation_id = @id`, args)
		if err != nil {
			return err
		}
		if len(vs) == 0 {
			return ErrNoConversation
		}
		t.Conversation = vs[0]
		if t.WantsTicket, err = s.wantsTicket(ctx, tx, &row{queue: t.Queue}); err != nil {
			return err
		}
		_, names, err := s.cfg.Queues.NamesIn(ctx, tx)
		if err != nil {
			return err
		}
		t.Messages, err = readMessages(ctx, tx, `conversation_id = $1 AND seq > $2 ORDER BY seq`, id, afterSeq)
		for i := range t.Messages {
			if m := &t.Messages[i]; m.AuthorName == "" && m.AuthorID != nil {
				m.AuthorName = names[*m.AuthorID]
			}
		}
		return err
	})
	return t, wrap("read a conversation's transcript", err)
}

func (s *Service) wantsTicket(ctx context.Context, tx *storage.Tx, c *row) (bool, error) {
	if c.queue == nil {
		return false, nil
	}
	return s.cfg.Queues.WantsTicket(ctx, tx, *c.queue)
}

// SetTicket links a ticket to a conversation; uuid.Nil takes the link away.
func (s *Service) SetTicket(ctx context.Context, tenant, id, ticket uuid.UUID) error {
	return s.change(ctx, tenant, id, "link a ticket", func(tx *storage.Tx, c *row) error {
		return s.setTicket(ctx, tx, c, ticket)
	})
}

func (s *Service) setTicket(ctx context.Context, tx *storage.Tx, c *row, ticket uuid.UUID) error {
	c.ticket = &ticket
	if ticket == uuid.Nil {
		c.ticket = nil
	}
	if _, err := tx.Exec(ctx, `UPDATE conversations SET ticket_id = $2 WHERE conversation_id = $1`, c.id, c.ticket); err != nil {
		return err
	}
	if err := c.note(ctx, tx, "ticket", nil, events.ActorID(ctx), map[string]string{"ticket": ticket.String()}); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.changed", func(t *told) { t.What = "ticket" })
}

// LinkTicket links a ticket to a conversation that has none, and returns the one that it has then.
func (s *Service) LinkTicket(ctx context.Context, tenant, id, ticket uuid.UUID) (linked uuid.UUID, err error) {
	err = s.change(ctx, tenant, id, "link a ticket", func(tx *storage.Tx, c *row) error {
		if c.ticket == nil {
			if err := s.setTicket(ctx, tx, c, ticket); err != nil {
				return err
			}
		}
		linked = *c.ticket
		return nil
	})
	return linked, err
}

// ErrFilePending says that a file of a customer is still being fetched.
var ErrFilePending = fault.New(fault.Unavailable, "attachment_pending", "The file is still being fetched from the platform; try again.")

// File opens a file of a message; the caller closes it. ErrFilePending while it is being fetched, ErrNoAttachment when it never came or has gone.
func (s *Service) File(ctx context.Context, tenant, id uuid.UUID) (*MediaFile, error) {
	var row mediaRow
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		row, err = mediaByID(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if row.State == string(MediaPending) {
		return nil, ErrFilePending
	}
	return s.cfg.Media.OpenAttachment(ctx, tenant, id, false)
}
