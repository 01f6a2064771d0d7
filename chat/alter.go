package chat

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// alter sends a change of a message: a reaction, an edit, an unsend.
func (s *Service) alter(ctx context.Context, tenant, conversation, message uuid.UUID, can func(Traits) bool, ours bool, change func(tx *storage.Tx, external string) (draft, error)) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, a, p, err := s.lockAll(ctx, tx, conversation)
		if err != nil {
			return err
		}
		if !can(a.traits) {
			return ErrNotOnHere
		}
		external, _, err := quoted(ctx, tx, conversation, message)
		if err != nil {
			return cmpMissing(err)
		}
		if external == "" {
			return ErrNotOnHere
		}
		var direction Direction
		if err := tx.QueryRow(ctx, `SELECT direction FROM messages WHERE message_id = $1`, message).Scan(&direction); err != nil {
			return err
		}
		if ours && direction != Out {
			return ErrNotOnHere
		}
		d, err := change(tx, external)
		if err != nil {
			return err
		}
		if err := touch(ctx, tx, message); err != nil {
			return err
		}
		if err := s.enqueueDraft(ctx, tx, c, p, message, alteration, d); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, "conversation.updated", func(t *told) { t.Message = message })
	})
	return wrap("change a message", err)
}

// alteration marks rows of the outbox that change a message and are no part of it.
const alteration = 1000

func cmpMissing(err error) error {
	if errors.Is(err, ErrQuote) {
		return ErrNoMessage
	}
	return err
}

// React sets our reaction to a message; "" takes it back.
func (s *Service) React(ctx context.Context, tenant, conversation, message uuid.UUID, emoji string) error {
	if len(emoji) > 64 {
		return fault.New(fault.Invalid, "reaction_invalid", "A reaction is one emoji.").WithField("emoji")
	}
	return s.alter(ctx, tenant, conversation, message, func(t Traits) bool { return t.React }, false, func(tx *storage.Tx, external string) (draft, error) {
		var err error
		if emoji == "" {
			_, err = tx.Exec(ctx, `DELETE FROM chat_reactions WHERE message_id = $1 AND by_us`, message)
		} else {
			_, err = tx.Exec(ctx, `INSERT INTO chat_reactions (message_id, tenant_id, by_us, emoji, at) VALUES ($1, $2, true, $3, $4)
				ON CONFLICT (message_id, by_us) DO UPDATE SET emoji = excluded.emoji, at = excluded.at`, message, tenant, clean(emoji), tx.Now)
		}
		return draft{Kind: Text, React: external, Text: emoji, Author: ByAgent}, err
	})
}

// Edit changes the text of a message that we have sent, where the channel can.
func (s *Service) Edit(ctx context.Context, tenant, conversation, message uuid.UUID, text string) error {
	text = strings.TrimSpace(clean(text))
	if text == "" {
		return ErrNothing
	}
	return s.alter(ctx, tenant, conversation, message, func(t Traits) bool { return t.Edit && length(text, t.Unit) <= t.TextLimit }, true, func(tx *storage.Tx, external string) (draft, error) {
		_, err := tx.Exec(ctx, `UPDATE messages SET text = $2, words = to_tsvector('simple', $3), edited_at = $4 WHERE message_id = $1`, message, text, storage.Words(text), tx.Now)
		return draft{Kind: Text, Edit: external, Text: text, Author: ByAgent}, err
	})
}

// Unsend takes a message back that we have sent, where the channel can.
func (s *Service) Unsend(ctx context.Context, tenant, conversation, message uuid.UUID) error {
	return s.alter(ctx, tenant, conversation, message, func(t Traits) bool { return t.Unsend }, true, func(tx *storage.Tx, external string) (draft, error) {
		_, err := tx.Exec(ctx, `UPDATE messages SET unsent_at = $2 WHERE message_id = $1`, message, tx.Now)
		return draft{Kind: Text, Unsend: external, Author: ByAgent}, err
	})
}
