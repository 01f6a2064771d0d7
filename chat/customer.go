package chat

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/queues"
)

// Thread is what a customer sees, on a channel of our own, of what was said: the latest conversations, the newest first, and their messages.
type Thread struct {
	Conversations []ThreadConversation
	Messages      []Message
}

// ThreadConversation is a conversation as its customer sees it.
type ThreadConversation struct {
	ID        uuid.UUID
	State     State
	Rev       int64
	CreatedAt time.Time
	OwnerKind OwnerKind
	Owner     *uuid.UUID
	Queue     *uuid.UUID
	Waiting   bool
	Opens     *time.Time
	ReadSeq   int64 // how far its owner has read
}

const (
	threadConversations = 5
	threadMessages      = 200
)

// AccountNamed finds an account that works by its name, which is unique on its channel, whoever's it is; and its queue.
func (s *Service) AccountNamed(ctx context.Context, channel queues.Channel, name string) (found Account, queue *uuid.UUID, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		a, err := s.accountByName(ctx, tx, channel, name)
		if err != nil {
			return err
		}
		if !a.enabled {
			return ErrNoAccount
		}
		found, queue = a.Account, a.queue
		return nil
	})
	return found, queue, wrap("find an account", err)
}

// ThreadOf reads what has changed for a customer since the revisions that their page has; nil: everything. Notes, and what happened inside
// the house, are not for them; neither is what could not be sent.
func (s *Service) ThreadOf(ctx context.Context, tenant, account uuid.UUID, key string, since map[uuid.UUID]int64) (t Thread, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT c.conversation_id, c.state, c.rev, c.created_at, c.owner_kind, c.owner, c.queue_id, c.owner_kind = 'none' AND c.waiting_since IS NOT NULL AND c.enqueue_at IS NULL AND c.state = 'open', c.enqueue_at,
				coalesce((SELECT read_seq FROM conversation_people w WHERE w.conversation_id = c.conversation_id AND w.user_id = c.owner), 0)
			FROM conversations c JOIN chat_people p USING (person_id)
			WHERE p.account_id = $1 AND p.key = $2 ORDER BY c.created_at DESC, c.conversation_id DESC LIMIT $3`, account, key, threadConversations)
		if err != nil {
			return err
		}
		if t.Conversations, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ThreadConversation]); err != nil {
			return err
		}
		for _, c := range t.Conversations {
			if rev, known := since[c.ID]; known && rev >= c.Rev {
				continue
			}
			found, err := threadOf(ctx, tx, c.ID, since[c.ID])
			if err != nil {
				return err
			}
			t.Messages = append(found, t.Messages...)
		}
		return nil
	})
	return t, wrap("read a customer's conversations", err)
}

// shownTo is what customers see of their conversations' messages.
const shownTo = `direction IN ('in', 'out') AND status <> 'failed' AND kind <> 'note'`

func threadOf(ctx context.Context, tx *storage.Tx, conversation uuid.UUID, rev int64) ([]Message, error) {
	return readMessages(ctx, tx, `message_id IN (
		SELECT message_id FROM messages WHERE conversation_id = $1 AND rev > $2 AND `+shownTo+` ORDER BY seq DESC LIMIT $3) ORDER BY seq`, conversation, rev, threadMessages)
}

// MayOpen refuses a file that is no part of what a customer sees.
func (s *Service) MayOpen(ctx context.Context, tenant, account uuid.UUID, key string, attachment uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		message, _, err := s.cfg.Media.MessageOf(ctx, tx, attachment)
		if err != nil {
			return err
		}
		var may bool
		err = tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM messages m JOIN conversations c USING (conversation_id) JOIN chat_people p USING (person_id)
				WHERE m.message_id = $3 AND p.account_id = $1 AND p.key = $2 AND m.unsent_at IS NULL AND m.direction IN ('in', 'out') AND m.kind <> 'note')`, account, key, message).Scan(&may)
		if err == nil && !may {
			err = ErrNoAttachment
		}
		return err
	})
}

// SeenBy notes that a customer's page has everything up to a message, or that they have read it.
func (s *Service) SeenBy(ctx context.Context, tenant, account uuid.UUID, key string, upto uuid.UUID, status Status) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		// The customer is locked first, as everywhere.
		if _, err := tx.Exec(ctx, `SELECT FROM chat_people WHERE account_id = $1 AND key = $2 FOR UPDATE`, account, key); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT o.outbox_id, o.message_id FROM chat_people p
			JOIN conversations c USING (person_id)
			JOIN messages last ON last.conversation_id = c.conversation_id AND last.message_id = $3
			JOIN messages m ON m.conversation_id = c.conversation_id AND m.seq <= last.seq AND m.direction = 'out' AND m.status NOT IN ('read', 'failed')
			JOIN chat_outbox o ON o.message_id = m.message_id
			WHERE p.account_id = $1 AND p.key = $2 ORDER BY m.seq DESC, o.seq LIMIT 200`, account, key, upto)
		if err != nil {
			return err
		}
		type part struct{ Outbox, Message uuid.UUID }
		parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[part])
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := s.fare(ctx, tx, p.Outbox, p.Message, Receipt{Status: status}, tx.Now); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("note what a customer has seen", err)
}

// WrittenBy finds a customer's own message by the id that their page gave it; ErrNoMessage when it is not theirs.
func (s *Service) WrittenBy(ctx context.Context, tenant, account uuid.UUID, key, client string) (conversation, message uuid.UUID, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return storage.Missing(tx.QueryRow(ctx, `
			SELECT m.conversation_id, m.message_id FROM messages m JOIN conversations c USING (conversation_id) JOIN chat_people p USING (person_id)
			WHERE m.account_id = $1 AND m.external_id = $3 AND p.account_id = $1 AND p.key = $2`, account, key, client).Scan(&conversation, &message), ErrNoMessage)
	})
	return conversation, message, wrap("find a customer's message", err)
}

// ExternalOf is the id by which a customer's message can quote one of theirs or ours; "": there is none.
func (s *Service) ExternalOf(ctx context.Context, tenant, account uuid.UUID, key string, message uuid.UUID) (external string, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT coalesce(m.external_id, (SELECT o.external_id FROM chat_outbox o WHERE o.message_id = m.message_id ORDER BY o.part LIMIT 1), '')
			FROM messages m JOIN conversations c USING (conversation_id) JOIN chat_people p USING (person_id)
			WHERE m.message_id = $3 AND p.account_id = $1 AND p.key = $2`, account, key, message).Scan(&external)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return external, wrap("find a quoted message", err)
}

// Describe adds to what is known of a customer's conversation: data, and the flags that somebody vouches for (V1.6). Nothing when they have none.
func (s *Service) Describe(ctx context.Context, tenant, account uuid.UUID, key string, data map[string]string, flags calls.Reserved) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var person uuid.UUID
		err := tx.QueryRow(ctx, `SELECT person_id FROM chat_people WHERE account_id = $1 AND key = $2 FOR UPDATE`, account, key).Scan(&person)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := openConversation(ctx, tx, person)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if data == nil {
			data = map[string]string{}
		}
		if _, err := tx.Exec(ctx, `UPDATE conversations SET data = data || $2, reserved = reserved || $3 WHERE conversation_id = $1 AND (data || $2, reserved || $3) IS DISTINCT FROM (data, reserved)`,
			c.id, data, flags); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, "conversation.changed", nil)
	})
	return wrap("describe a customer", err)
}

// EndBy closes a customer's conversation: they have left it.
func (s *Service) EndBy(ctx context.Context, tenant, account uuid.UUID, key string) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var person uuid.UUID
		err := tx.QueryRow(ctx, `SELECT person_id FROM chat_people WHERE account_id = $1 AND key = $2 FOR UPDATE`, account, key).Scan(&person)
		if err != nil {
			return storage.Missing(err, ErrNoConversation)
		}
		c, err := openConversation(ctx, tx, person)
		if err != nil {
			return storage.Missing(err, ErrNoConversation)
		}
		return s.close(ctx, tx, c, ClosedByCustomer, uuid.Nil, "")
	})
	return wrap("end a conversation", err)
}
