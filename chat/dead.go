package chat

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// deadShown is how many messages that were given up are listed.
const deadShown = 200

// DeadLetter is a message of an account that was given up. What it says stays in its conversation.
type DeadLetter struct {
	Message      uuid.UUID  `json:"message_id" db:"message_id"`
	Conversation uuid.UUID  `json:"conversation_id" db:"conversation_id"`
	At           *time.Time `json:"at,omitempty" db:"done_at"`
	Tries        int        `json:"tries" db:"tries"`
	Verdict      Verdict    `json:"verdict" db:"verdict"`
	Error        *Failure   `json:"error,omitempty" db:"error"`
}

// DeadLetters lists the messages of an account that were given up in the last week, newest first, at most 200: those that AccountView counts.
func (s *Service) DeadLetters(ctx context.Context, tenant, account uuid.UUID) (ds []DeadLetter, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := s.accountView(ctx, tx, account); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT o.message_id, m.conversation_id, o.done_at, o.tries, o.verdict, o.error FROM chat_outbox o JOIN messages m USING (message_id)
			WHERE o.account_id = $1 AND o.state = 'dead' AND o.done_at > $2::timestamptz - interval '7 days' ORDER BY o.done_at DESC, o.outbox_id LIMIT $3`, account, tx.Now, deadShown)
		if err != nil {
			return err
		}
		ds, err = pgx.CollectRows(rows, pgx.RowToStructByName[DeadLetter])
		return err
	})
	return ds, wrap("list messages that were given up", err)
}
