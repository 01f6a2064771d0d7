package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// typing tells the agents' pages; nothing is stored.
func (r *receiver) typing(ctx context.Context) error {
	p, err := r.person(ctx)
	if err != nil || !r.e.Typing.On {
		return err
	}
	c, err := openConversation(ctx, r.tx, p.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	users, err := audiences(ctx, r.tx, c)
	if err != nil {
		return err
	}
	r.tx.AfterCommit(func() {
		if err := r.s.cfg.Bus.Tell(c.tenant, events.Note{Type: "conversation.typing", Subject: c.id, Users: users[c.id]}); err != nil {
			r.s.log.Error("a customer's typing could not be told", "err", err)
		}
	})
	return nil
}

// change is a reaction, an edit or an unsend of a message, which may not have come yet.
func (r *receiver) change(ctx context.Context) error {
	var of string
	switch {
	case r.e.Reaction != nil:
		of = r.e.Reaction.To
	case r.e.Edit != nil:
		of = r.e.Edit.Of
	default:
		of = r.e.Unsend.Of
	}
	message, conversation, err := r.known(ctx, of)
	if errors.Is(err, pgx.ErrNoRows) {
		if err := one(ctx, r.tx, r.account.ID, of); err != nil {
			return err
		}
		if message, conversation, err = r.known(ctx, of); errors.Is(err, pgx.ErrNoRows) {
			return r.keepEarly(ctx, of)
		}
	}
	if err != nil {
		return wrap("find the message that changes", err)
	}
	c, err := lockConversation(ctx, r.tx, conversation)
	if err != nil {
		return err
	}
	if err := r.changeOne(ctx, message); err != nil {
		return err
	}
	if err := touch(ctx, r.tx, message); err != nil {
		return err
	}
	return r.s.tell(ctx, r.tx, c, "conversation.updated", func(t *told) { t.Message = message })
}

// known finds a message by the platform's id of it.
func (r *receiver) known(ctx context.Context, external string) (message, conversation uuid.UUID, err error) {
	err = r.tx.QueryRow(ctx, `
		SELECT message_id, conversation_id FROM messages WHERE account_id = $1 AND external_id = $2
		UNION SELECT m.message_id, m.conversation_id FROM chat_outbox o JOIN messages m USING (message_id) WHERE o.account_id = $1 AND o.external_id = $2 LIMIT 1`,
		r.account.ID, external).Scan(&message, &conversation)
	return message, conversation, err
}

// one lets what is told of platforms' messages wait for the transaction that makes their ids known, and the other way round: what finds nobody
// is kept for sure before, or looked for for sure after, the message is there. Whoever holds it locks nothing else but what is new.
func one(ctx context.Context, tx *storage.Tx, account uuid.UUID, external ...string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || id, 1)) FROM unnest($2::text[]) AS id`, account.String(), slices.Sorted(slices.Values(external)))
	return wrap("wait for what is told of a message", err)
}

func (r *receiver) changeOne(ctx context.Context, message uuid.UUID) error {
	switch e := r.e; {
	case e.Reaction != nil: // one that was taken back stays as "", so that an older one that comes late has no effect
		_, err := r.tx.Exec(ctx, `INSERT INTO chat_reactions (message_id, tenant_id, by_us, emoji, at) VALUES ($1, $2, false, $3, $4)
			ON CONFLICT (message_id, by_us) DO UPDATE SET emoji = excluded.emoji, at = excluded.at WHERE chat_reactions.at <= excluded.at`, message, r.tx.Tenant, e.Reaction.Emoji, e.At)
		return err
	case e.Edit != nil:
		tag, err := r.tx.Exec(ctx, `
			UPDATE messages SET text = $2, words = to_tsvector('simple', $3), edited_at = $4, edit_number = greatest(edit_number, $5)
			WHERE message_id = $1 AND unsent_at IS NULL AND CASE WHEN $5 > 0 THEN edit_number < $5 ELSE edited_at IS NULL OR edited_at <= $4 END`,
			message, e.Edit.Text, storage.Words(e.Edit.Text), e.At, e.Edit.Number)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return r.attach(ctx, message, e.Edit.Media)
	}
	return r.unsend(ctx, message)
}

// unsend marks a message as taken back; its text goes unless the tenant keeps such.
func (r *receiver) unsend(ctx context.Context, message uuid.UUID) error {
	set, err := readSettings(ctx, r.tx)
	if err != nil {
		return err
	}
	_, err = r.tx.Exec(ctx, `
		UPDATE messages SET unsent_at = coalesce(unsent_at, $2), text = CASE WHEN $3 THEN text ELSE '' END, body = CASE WHEN $3 THEN body ELSE '{}' END,
			raw = CASE WHEN $3 THEN raw END, words = CASE WHEN $3 THEN words END
		WHERE message_id = $1`, message, r.e.At, set.KeepUnsent)
	if err != nil || set.KeepUnsent || r.s.cfg.Media == nil {
		return err
	}
	_, err = r.tx.Exec(ctx, `UPDATE conversations c SET last_text = '' FROM messages m WHERE m.message_id = $1 AND c.conversation_id = m.conversation_id AND c.last_seq = m.seq`, message)
	if err != nil {
		return err
	}
	return r.s.cfg.Media.forget(ctx, r.tx, message)
}

// keepEarly keeps an event until the message that it is about has come.
func (r *receiver) keepEarly(ctx context.Context, of string) error {
	body, err := json.Marshal(r.e)
	if err != nil {
		return fmt.Errorf("encode an early event: %w", err)
	}
	_, err = r.tx.Exec(ctx, `INSERT INTO chat_early (early_id, tenant_id, account_id, external_id, event, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		storage.NewID(), r.tx.Tenant, r.account.ID, of, rawOf(body), r.tx.Now)
	return wrap("keep an early event", err)
}

// early lets events have their effect that came before the messages with these ids.
func (r *receiver) early(ctx context.Context, external ...string) error {
	external = slices.DeleteFunc(external, func(id string) bool { return id == "" })
	if len(external) == 0 {
		return nil
	}
	if err := one(ctx, r.tx, r.account.ID, external...); err != nil {
		return err
	}
	rows, err := r.tx.Query(ctx, `DELETE FROM chat_early WHERE account_id = $1 AND external_id = ANY ($2) RETURNING event`, r.account.ID, external)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[Event])
	if err != nil {
		return wrap("read early events", err)
	}
	slices.SortFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	for _, e := range all {
		if e.Message != nil {
			continue // the echo of this very message
		}
		if err := (&receiver{s: r.s, tx: r.tx, account: r.account, e: e}).change(ctx); err != nil {
			return err
		}
	}
	return nil
}
