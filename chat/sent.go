package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// mine locks the customer, the conversation and the row, in the order of everybody; nil when another node has the row by now.
func (o sending) mine(ctx context.Context, tx *storage.Tx) (*row, error) {
	if _, err := personOf(ctx, tx, o.person); err != nil && !errors.Is(err, pgx.ErrNoRows) { // united with another one meanwhile
		return nil, err
	}
	c, err := lockConversationOf(ctx, tx, o.message)
	if err != nil {
		return nil, err
	}
	var epoch int64
	err = tx.QueryRow(ctx, `SELECT epoch FROM chat_outbox WHERE outbox_id = $1 AND state = 'sending' FOR UPDATE`, o.id).Scan(&epoch)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && epoch != o.epoch {
		return nil, nil
	}
	return c, err
}

// sentOne stores that the platform has taken a message, with the receipts that overtook its answer.
func (s *Service) sentOne(ctx context.Context, a *account, o sending, sent Sent) error {
	status := sent.Status
	if status == "" {
		status = StatusSent
	}
	err := s.cfg.DB.Tenant(ctx, o.tenant, func(tx *storage.Tx) error {
		c, err := o.mine(ctx, tx)
		if err != nil || c == nil {
			return err
		}
		o.person = c.person // who may have been united with another one meanwhile
		if sent.ID != "" {
			if err := one(ctx, tx, o.account, sent.ID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE chat_outbox SET state = 'done', done_at = $2, lease_until = NULL, external_id = coalesce(nullif($3, ''), external_id) WHERE outbox_id = $1`, o.id, tx.Now, sent.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE chat_people SET window_sends = window_sends + 1, held_until = NULL WHERE person_id = $1`, o.person); err != nil {
			return err
		}
		if o.part >= alteration {
			return nil
		}
		if o.part == 0 {
			if _, err := tx.Exec(ctx, `UPDATE messages SET external_id = nullif($2, ''), quote_token = $3 WHERE message_id = $1 AND external_id IS NULL`, o.message, sent.ID, sent.QuoteToken); err != nil {
				return err
			}
		}
		if o.draft.Kind == Templated {
			if err := countOpening(ctx, tx, o); err != nil {
				return err
			}
		}
		if err := s.fare(ctx, tx, o.id, o.message, Receipt{ID: sent.ID, Status: status}, tx.Now); err != nil {
			return err
		}
		return s.overtaken(ctx, tx, a, o, sent.ID)
	})
	if err == nil {
		s.metrics.messages.WithLabelValues(string(a.Channel), "out", "sent").Inc()
	}
	return err
}

// overtaken lets receipts, echoes and changes have their effect that came before the answer to the send.
func (s *Service) overtaken(ctx context.Context, tx *storage.Tx, a *account, o sending, external string) error {
	if external == "" {
		return nil
	}
	rows, err := tx.Query(ctx, `UPDATE chat_receipts SET matched = true WHERE account_id = $1 AND external_id IN ($2, $3) AND NOT matched RETURNING status, coalesce(at, created_at), detail`, o.account, external, o.id.String())
	if err != nil {
		return err
	}
	type news struct {
		Status Status
		At     time.Time
		Detail json.RawMessage
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[news])
	if err != nil {
		return err
	}
	for _, n := range all {
		rec := Receipt{ID: external, Status: n.Status}
		var detail struct {
			Verdict Verdict
			Code    string
			Detail  string
			Price   map[string]string
		}
		if err := json.Unmarshal(n.Detail, &detail); err != nil {
			return fmt.Errorf("read a receipt: %w", err)
		}
		if rec.Price = detail.Price; detail.Verdict != "" {
			rec.Err = &SendError{Verdict: detail.Verdict, Code: detail.Code, Detail: detail.Detail}
		}
		if err := s.fare(ctx, tx, o.id, o.message, rec, n.At); err != nil {
			return err
		}
	}
	return (&receiver{s: s, tx: tx, account: a}).early(ctx, external)
}

// countOpening counts a customer to whom we have written outside the window: the platform's limit counts each once in 24 hours.
func countOpening(ctx context.Context, tx *storage.Tx, o sending) error {
	_, err := tx.Exec(ctx, `INSERT INTO chat_openings (account_id, person_id, tenant_id, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id, person_id) DO UPDATE SET at = excluded.at WHERE chat_openings.at < excluded.at - interval '24 hours'`, o.account, o.person, o.tenant, tx.Now)
	return err
}

// notSent stores a failed try, and what follows by its verdict.
func (s *Service) notSent(ctx context.Context, a *account, o sending, why *SendError) error {
	wait := max(why.After, min(longestWait, time.Second<<min(o.tries-1, 20)))
	dead := false
	err := s.cfg.DB.Tenant(ctx, o.tenant, func(tx *storage.Tx) error {
		dead = false
		c, err := o.mine(ctx, tx)
		if err != nil || c == nil {
			return err
		}
		o.person = c.person
		if a != nil {
			if err := s.consequences(ctx, tx, a, o.person, why); err != nil {
				return err
			}
		}
		again := func(at time.Time, tries int) error {
			_, err := tx.Exec(ctx, `UPDATE chat_outbox SET state = 'waiting', lease_until = NULL, next_at = $2, tries = $3, verdict = $4, error = $5 WHERE outbox_id = $1`,
				o.id, at, tries, why.Verdict, failureOf(why))
			return err
		}
		switch why.Verdict {
		case VerdictReauthorise, VerdictPaused: // waits for an administrator; that is no try
			return again(tx.Now, o.tries-1)
		case VerdictThrottled:
			if err := slow(ctx, tx, o, wait); err != nil {
				return err
			}
			return again(tx.Now.Add(wait), min(o.tries, sendTries-1))
		case VerdictPair:
			// 4^X seconds, as the platform asks; this customer's other messages wait with it.
			wait = max(why.After, min(longestWait, time.Second<<min(2*(o.tries-1), 20)))
			if _, err := tx.Exec(ctx, `UPDATE chat_people SET held_until = $2 WHERE person_id = $1`, o.person, tx.Now.Add(wait)); err != nil {
				return err
			}
			return again(tx.Now.Add(wait), min(o.tries, sendTries-1))
		case VerdictDoubt:
			if a != nil && a.traits.Repeats && o.tries < sendTries {
				return again(tx.Now.Add(wait), o.tries)
			}
		case VerdictRetry:
			if o.tries < sendTries {
				return again(tx.Now.Add(wait), o.tries)
			}
		}
		dead = true
		return s.giveUp(ctx, tx, c, o, why)
	})
	if err == nil && dead {
		channel := "unknown"
		if a != nil {
			channel = string(a.Channel)
		}
		s.metrics.messages.WithLabelValues(channel, "out", "failed").Inc()
		s.metrics.dead.WithLabelValues(channel, string(why.Verdict)).Inc()
	}
	return err
}

func failureOf(why *SendError) Failure {
	return Failure{Verdict: why.Verdict, Code: why.Code, Detail: clean(why.Detail)}
}

// giveUp ends a message: the agent sees why, and may send it again. Its later parts do not go alone.
func (s *Service) giveUp(ctx context.Context, tx *storage.Tx, c *row, o sending, why *SendError) error {
	_, err := tx.Exec(ctx, `
		UPDATE chat_outbox SET state = 'dead', status = 'failed', lease_until = NULL, done_at = $2, verdict = $3, error = $4
		WHERE message_id = $1 AND state IN ('waiting', 'sending') AND (outbox_id = $5 OR part > $6 AND part < $7)`, o.message, tx.Now, why.Verdict, failureOf(why), o.id, o.part, alteration)
	if err != nil || o.part >= alteration {
		return wrap("give a message up", err)
	}
	return s.setStatus(ctx, tx, c, o.message, StatusFailed, tx.Now, why)
}
