package chat

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

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
