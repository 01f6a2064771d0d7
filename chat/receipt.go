package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// receipt takes over how our messages fare: one by id, or all until a time.
func (r *receiver) receipt(ctx context.Context, n Receipt) error {
	if !n.Watermark.IsZero() {
		if n.ID != "" {
			if err := r.receiptOf(ctx, n); err != nil {
				return err
			}
		}
		return r.watermark(ctx, n)
	}
	return r.receiptOf(ctx, n)
}

// receiptOf is a receipt for one message. One that overtook the answer to the send waits for it.
func (r *receiver) receiptOf(ctx context.Context, n Receipt) error {
	outbox, message, err := r.sent(ctx, n)
	if errors.Is(err, pgx.ErrNoRows) && n.ID != "" {
		if err := one(ctx, r.tx, r.account.ID, n.ID); err != nil {
			return err
		}
		outbox, message, err = r.sent(ctx, n)
	}
	matched := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return wrap("find the message of a receipt", err)
	}
	if err := r.keepReceipt(ctx, n, matched); err != nil {
		return err
	}
	if !matched {
		return r.receiptElsewhere(ctx, n)
	}
	if n.ID != "" {
		if _, err := r.tx.Exec(ctx, `UPDATE chat_outbox SET external_id = $2 WHERE outbox_id = $1 AND external_id IS NULL`, outbox, n.ID); err != nil {
			return err
		}
	}
	return r.s.fare(ctx, r.tx, outbox, message, n, r.e.At)
}

// sent finds what a receipt is about.
func (r *receiver) sent(ctx context.Context, n Receipt) (outbox, message uuid.UUID, err error) {
	err = r.tx.QueryRow(ctx, `SELECT outbox_id, message_id FROM chat_outbox WHERE account_id = $1 AND ($2 <> '' AND external_id = $2 OR outbox_id = $3) LIMIT 1`,
		r.account.ID, n.ID, n.Local).Scan(&outbox, &message)
	return outbox, message, err
}

// receiptElsewhere is a receipt for a message that another program sent for us.
func (r *receiver) receiptElsewhere(ctx context.Context, n Receipt) error {
	var message, conversation uuid.UUID
	var status Status
	err := r.tx.QueryRow(ctx, `SELECT message_id, conversation_id, status FROM messages WHERE account_id = $1 AND external_id = $2 AND direction = 'out'`, r.account.ID, n.ID).
		Scan(&message, &conversation, &status)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil || status.Next(n.Status) == status {
		return err
	}
	c, err := lockConversation(ctx, r.tx, conversation)
	if err != nil {
		return err
	}
	return r.s.setStatus(ctx, r.tx, c, message, status.Next(n.Status), r.e.At, n.Err)
}

func (r *receiver) keepReceipt(ctx context.Context, n Receipt, matched bool) error {
	detail := map[string]any{}
	if n.Err != nil {
		detail["verdict"], detail["code"], detail["detail"] = n.Err.Verdict, n.Err.Code, n.Err.Detail
	}
	if len(n.Price) > 0 {
		detail["price"] = n.Price
	}
	body, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("encode a receipt: %w", err)
	}
	id := n.ID
	if id == "" {
		id = n.Local.String()
	}
	_, err = r.tx.Exec(ctx, `INSERT INTO chat_receipts (receipt_id, tenant_id, account_id, external_id, status, at, detail, matched, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		storage.NewID(), r.tx.Tenant, r.account.ID, id, n.Status, r.e.At, body, matched, r.tx.Now)
	return wrap("keep a receipt", err)
}

// watermark is a receipt for everything that was sent to the customer until a time.
func (r *receiver) watermark(ctx context.Context, n Receipt) error {
	p, err := r.person(ctx)
	if err != nil {
		return err
	}
	rows, err := r.tx.Query(ctx, `SELECT outbox_id, message_id FROM chat_outbox WHERE person_id = $1 AND state = 'done' AND done_at <= $2 AND status NOT IN ('read', 'played', $3) ORDER BY seq DESC LIMIT 200`,
		p.id, n.Watermark.Add(watermarkSlack), n.Status)
	if err != nil {
		return err
	}
	type sent struct{ Outbox, Message uuid.UUID }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sent])
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := r.s.fare(ctx, r.tx, one.Outbox, one.Message, n, r.e.At); err != nil {
			return err
		}
	}
	return nil
}

// watermarkSlack is by how much our clock, which says when a send was answered, may be behind the platform's.
const watermarkSlack = 2 * time.Second

// fare moves one part of a message on, and the message with it: it has come as far as its slowest part.
func (s *Service) fare(ctx context.Context, tx *storage.Tx, outbox, message uuid.UUID, n Receipt, at time.Time) error {
	var conversation uuid.UUID
	if err := tx.QueryRow(ctx, `SELECT conversation_id FROM messages WHERE message_id = $1`, message).Scan(&conversation); err != nil {
		return err
	}
	c, err := lockConversation(ctx, tx, conversation)
	if err != nil {
		return err
	}
	var part Status
	if err := tx.QueryRow(ctx, `SELECT status FROM chat_outbox WHERE outbox_id = $1 FOR UPDATE`, outbox).Scan(&part); err != nil {
		return err
	}
	next := part.Next(n.Status)
	if next == part {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE chat_outbox SET status = $2 WHERE outbox_id = $1`, outbox, next); err != nil {
		return err
	}
	if len(n.Price) > 0 {
		if _, err := tx.Exec(ctx, `UPDATE messages SET price = $2 WHERE message_id = $1`, message, n.Price); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `SELECT status FROM chat_outbox WHERE message_id = $1`, message)
	if err != nil {
		return err
	}
	parts, err := pgx.CollectRows(rows, pgx.RowTo[Status])
	if err != nil {
		return err
	}
	if n.Status == StatusFailed && n.Err != nil {
		if err := s.failedLater(ctx, tx, c, n.Err); err != nil {
			return err
		}
	}
	return s.setStatus(ctx, tx, c, message, slowest(parts), at, n.Err)
}

// slowest is how far a message in parts has come; one part that failed fails it.
func slowest(parts []Status) Status {
	is := StatusPlayed
	for _, p := range parts {
		if p == StatusFailed {
			return StatusFailed
		}
		if statusRank[p] < statusRank[is] {
			is = p
		}
	}
	return is
}

// setStatus writes a message's status where it is another one, and tells.
func (s *Service) setStatus(ctx context.Context, tx *storage.Tx, c *row, message uuid.UUID, status Status, at time.Time, why *SendError) error {
	var failure *Failure
	if status == StatusFailed && why != nil {
		failure = &Failure{Verdict: why.Verdict, Code: why.Code, Detail: clean(why.Detail)}
	}
	tag, err := tx.Exec(ctx, `UPDATE messages SET status = $2, status_at = $3, error = CASE WHEN $2 = 'failed' THEN coalesce($4, error) END WHERE message_id = $1 AND status <> $2`, message, status, at, failure)
	if err != nil || tag.RowsAffected() == 0 {
		return wrap("write a message's status", err)
	}
	if err := touch(ctx, tx, message); err != nil {
		return err
	}
	return s.tell(ctx, tx, c, "conversation.updated", func(t *told) {
		if t.Message, t.Direction = message, Out; status == StatusFailed {
			t.Measure = &measure{Failed: true}
		}
	})
}

// failedLater draws the consequences of a failure that the platform told only later.
func (s *Service) failedLater(ctx context.Context, tx *storage.Tx, c *row, why *SendError) error {
	a, err := s.account(ctx, tx, c.account)
	if err != nil {
		return err
	}
	return s.consequences(ctx, tx, a, c.person, why)
}

// consequences are what a failed send says about the customer or the account.
func (s *Service) consequences(ctx context.Context, tx *storage.Tx, a *account, person uuid.UUID, why *SendError) (err error) {
	switch why.Verdict {
	case VerdictUnreachable:
		_, err = tx.Exec(ctx, `UPDATE chat_people SET reachable = false, unreachable = $2 WHERE person_id = $1`, person, why.Code)
	case VerdictOptedOut:
		_, err = tx.Exec(ctx, `UPDATE chat_people SET consent = consent || '{"messages": false}' WHERE person_id = $1`, person)
	case VerdictWindow: // the platform knows better than our clock
		_, err = tx.Exec(ctx, `UPDATE chat_people SET window_kind = '', window_sends = 0 WHERE person_id = $1`, person)
	case VerdictReauthorise:
		err = s.setState(ctx, tx, a, AccountReauthorise, clean(why.Detail))
	case VerdictPaused:
		err = s.setState(ctx, tx, a, AccountPaused, clean(why.Detail))
	}
	return wrap("note what a failed send means", err)
}
