package chat

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Messages returns the last messages before a seq (0: the last of all), oldest first; with afterRev above 0, all that are new or have changed since.
func (s *Service) Messages(ctx context.Context, tenant, id uuid.UUID, beforeSeq, afterRev int64, limit int) (ms []Message, err error) {
	if limit <= 0 || limit > 500 {
		limit = 100
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if afterRev > 0 {
			ms, err = readMessages(ctx, tx, `conversation_id = $1 AND rev > $2 ORDER BY rev LIMIT $3`, id, afterRev, limit)
			return err
		}
		ms, err = readMessages(ctx, tx, `message_id IN (SELECT message_id FROM messages WHERE conversation_id = $1 AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3) ORDER BY seq`, id, beforeSeq, limit)
		return err
	})
	return ms, wrap("read messages", err)
}

func readMessage(ctx context.Context, tx *storage.Tx, id uuid.UUID) (Message, error) {
	ms, err := readMessages(ctx, tx, `message_id = $1`, id)
	if err == nil && len(ms) == 0 {
		err = ErrNoMessage
	}
	if err != nil {
		return Message{}, err
	}
	return ms[0], nil
}

func readMessages(ctx context.Context, tx *storage.Tx, where string, args ...any) ([]Message, error) {
	rows, err := tx.Query(ctx, `
		SELECT message_id, conversation_id, seq, rev, at, direction, author_kind, author, author_name, kind, text, body, album, status, status_at, error, edited_at, unsent_at, mentions, client_id,
			quote, quote_external, (SELECT jsonb_build_object('text', left(q.text, 200), 'author', q.author_kind, 'id', q.message_id) FROM messages q WHERE q.message_id = m.quote),
			coalesce((SELECT jsonb_agg(jsonb_build_object('ours', by_us, 'emoji', emoji) ORDER BY by_us) FROM chat_reactions r WHERE r.message_id = m.message_id AND emoji <> ''), '[]')
		FROM messages m WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	ms, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Message, err error) {
		var quote *uuid.UUID
		var external string
		var q, reactions []byte
		err = row.Scan(&m.ID, &m.Conversation, &m.Seq, &m.Rev, &m.At, &m.Direction, &m.Author, &m.AuthorID, &m.AuthorName, &m.Kind, &m.Text, &m.Body, &m.Album, &m.Status, &m.StatusAt,
			&m.Error, &m.EditedAt, &m.UnsentAt, &m.Mentions, &m.Client, &quote, &external, &q, &reactions)
		if err != nil {
			return m, err
		}
		m.Attachments = []Attachment{}
		if q != nil {
			m.Quote = &Quoted{}
			err = json.Unmarshal(q, m.Quote)
		} else if external != "" {
			m.Quote = &Quoted{}
		}
		if err == nil {
			err = json.Unmarshal(reactions, &m.Reactions)
		}
		return m, err
	})
	if err != nil {
		return nil, err
	}
	return ms, attachTo(ctx, tx, ms)
}

// Happened is a step of a conversation.
type Happened struct {
	At     time.Time         `json:"at"`
	What   string            `json:"what"`
	Queue  *uuid.UUID        `json:"queue_id,omitempty"`
	Agent  *uuid.UUID        `json:"agent_id,omitempty"`
	Actor  *uuid.UUID        `json:"actor_id,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Steps returns what happened to a conversation, oldest first.
func (s *Service) Steps(ctx context.Context, tenant, id uuid.UUID) (hs []Happened, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT at, what, queue_id, agent, actor, detail FROM conversation_steps WHERE conversation_id = $1 ORDER BY at, step_id`, id)
		if err != nil {
			return err
		}
		hs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Happened])
		return err
	})
	return hs, wrap("read a conversation's steps", err)
}

// TextOf is what a message says; empty: nothing, or it is no more.
func TextOf(ctx context.Context, tx *storage.Tx, message uuid.UUID) (text string, err error) {
	err = tx.QueryRow(ctx, `SELECT text FROM messages WHERE message_id = $1 AND unsent_at IS NULL`, message).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return text, wrap("read a message", err)
}

// FileOf says to which conversation a file belongs, uuid.Nil before it is sent, and who has uploaded it.
func (s *Service) FileOf(ctx context.Context, tenant, attachment uuid.UUID) (conversation, uploader uuid.UUID, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		message, by, err := s.cfg.Media.MessageOf(ctx, tx, attachment)
		if uploader = by; err != nil || message == uuid.Nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT conversation_id FROM messages WHERE message_id = $1`, message).Scan(&conversation)
	})
	return conversation, uploader, wrap("look whose a file is", err)
}
