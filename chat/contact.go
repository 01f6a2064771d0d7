package chat

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/queues"
)

// MoveContact gives a contact's conversations, and the names under which they write, to another contact; with only, no others than these. It is
// what the crm package needs to merge contacts, and to bring them apart again.
func MoveContact(ctx context.Context, tx *storage.Tx, from, into uuid.UUID, only []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		WITH c AS (UPDATE conversations SET contact_id = $2 WHERE contact_id = $1 AND ($3::uuid[] IS NULL OR conversation_id = ANY ($3)) RETURNING conversation_id AS id),
		     p AS (UPDATE chat_people SET contact_id = $2 WHERE contact_id = $1 AND ($3::uuid[] IS NULL OR person_id = ANY ($3)) RETURNING person_id AS id)
		SELECT id::text FROM c UNION ALL SELECT id::text FROM p`, from, into, only)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Past is a conversation in the history of a contact.
type Past struct {
	ID        uuid.UUID
	Channel   queues.Channel
	State     State
	Owner     *uuid.UUID
	LastText  string
	CreatedAt time.Time
}

// Of lists those conversations of a contact that the reader may see, the newest first: with ids below before, begun since a time.
func (s *Service) Of(ctx context.Context, tenant uuid.UUID, r Reader, contact, before uuid.UUID, since time.Time, limit int) (list []Past, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		args := r.ofContact(tx.Now, contact, before, limit)
		args["since"] = since
		rows, err := tx.Query(ctx, `SELECT c.conversation_id, c.channel, c.state, c.owner, c.last_text, c.created_at FROM conversations c
			WHERE c.contact_id = @contact AND c.conversation_id < @before AND c.created_at >= @since AND `+access+` ORDER BY c.conversation_id DESC LIMIT @limit`, args)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Past])
		return err
	})
	return list, wrap("list a contact's conversations", err)
}

func (r Reader) ofContact(now time.Time, contact, before uuid.UUID, limit int) pgx.NamedArgs {
	args := r.args(now)
	args["contact"], args["before"], args["limit"] = contact, before, limit
	return args
}

// SentFile is a file of a conversation in the history of a contact.
type SentFile struct {
	ID           uuid.UUID
	Conversation uuid.UUID
	Name         string
	ContentType  string
	Bytes        int64
	Preview      bool
	At           time.Time
}

// FilesOf lists the files of those conversations of a contact that the reader may see, the newest first, with ids below before.
func (s *Service) FilesOf(ctx context.Context, tenant uuid.UUID, r Reader, contact, before uuid.UUID, limit int) (list []SentFile, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT f.attachment_id, c.conversation_id, f.name, f.content_type, f.bytes, f.preview_bytes > 0, f.created_at
			FROM conversations c JOIN messages m USING (conversation_id) JOIN chat_media f USING (message_id)
			WHERE c.contact_id = @contact AND f.attachment_id < @before AND f.state = 'stored' AND f.original IS NULL AND m.unsent_at IS NULL AND `+access+`
			ORDER BY f.attachment_id DESC LIMIT @limit`, r.ofContact(tx.Now, contact, before, limit))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SentFile])
		return err
	})
	return list, wrap("list the files of a contact's conversations", err)
}
