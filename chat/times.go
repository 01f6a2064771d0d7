package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

const (
	lookEvery  = 2 * time.Second
	purgeEvery = time.Hour
	timesBatch = 100
)

// keepTimes does what becomes due: openings, ends of snoozes, time-outs, echoes that nobody claimed.
func (s *Service) keepTimes(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var purged time.Time
	for {
		for what, f := range s.dueJobs() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				s.log.Error(what+" failed and is tried again", "err", err)
			}
		}
		if time.Since(purged) > purgeEvery {
			if err := s.purgeInbox(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("old requests of platforms could not be deleted", "err", err)
			}
			purged = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// dueJobs are what is looked at again and again, by what it does.
func (s *Service) dueJobs() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"letting conversations wait whose queue has opened": s.openingDue, "waking snoozed conversations": s.snoozesDue,
		"looking at time-outs": s.timeOuts, "looking at early events": s.earlyDue, "looking at complaints": s.complaints,
		"asking about customers": s.profiles,
	}
}

// due runs f on each conversation that a query names, each in its own transaction, looked at again under its lock.
func (s *Service) due(ctx context.Context, sql string, args []any, f func(tx *storage.Tx, c *row) error) error {
	type ref struct{ Tenant, ID uuid.UUID }
	var refs []ref
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, sql, append([]any{tx.Now, timesBatch}, args...)...)
		if err != nil {
			return err
		}
		refs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ref])
		return err
	})
	if err != nil {
		return err
	}
	var failed error
	for _, r := range refs {
		failed = errors.Join(failed, s.change(ctx, r.Tenant, r.ID, "do what is due", f))
	}
	return failed
}

func (s *Service) openingDue(ctx context.Context) error {
	return s.due(ctx, `SELECT tenant_id, conversation_id FROM conversations WHERE enqueue_at <= $1 ORDER BY enqueue_at LIMIT $2`, nil, func(tx *storage.Tx, c *row) error {
		if c.enqueueAt == nil || c.enqueueAt.After(tx.Now) || c.state != Open || c.ownerKind != NoOwner || c.queue == nil {
			_, err := tx.Exec(ctx, `UPDATE conversations SET enqueue_at = NULL WHERE conversation_id = $1 AND enqueue_at <= $2`, c.id, tx.Now)
			return err
		}
		return s.enqueue(ctx, tx, c, uuid.Nil) // closed again: a holiday was entered meanwhile
	})
}

func (s *Service) snoozesDue(ctx context.Context) error {
	return s.due(ctx, `SELECT tenant_id, conversation_id FROM conversations WHERE state = 'snoozed' AND snoozed_until <= $1 ORDER BY snoozed_until LIMIT $2`, nil, func(tx *storage.Tx, c *row) error {
		if c.state != Snoozed {
			return nil
		}
		if err := s.step(ctx, tx, c, stepWake, `snoozed_until = NULL`); err != nil {
			return err
		}
		c.woken = true
		return s.route(ctx, tx, c, true)
	})
}

// timeOuts ends, or returns, what has been silent for too long: three reasons (IN-4).
func (s *Service) timeOuts(ctx context.Context) error {
	const sql = `
		SELECT c.tenant_id, c.conversation_id FROM conversations c LEFT JOIN chat_settings t USING (tenant_id)
		WHERE c.state = 'open' AND (
			c.customer_at IS NULL AND coalesce((t.settings->>'never_wrote_minutes')::int, $3) > 0
				AND c.opened_at < $1::timestamptz - make_interval(mins => coalesce((t.settings->>'never_wrote_minutes')::int, $3))
			OR c.owner_kind = 'human' AND c.agent_at > c.customer_at AND coalesce((t.settings->>'customer_silent_minutes')::int, $4) > 0
				AND greatest(c.agent_at, c.opened_at) < $1::timestamptz - make_interval(mins => coalesce((t.settings->>'customer_silent_minutes')::int, $4))
			OR c.owner_kind = 'human' AND c.unanswered > 0 AND coalesce((t.settings->>'agent_silent_minutes')::int, $5) > 0
				AND greatest(c.customer_at, c.owner_since) < $1::timestamptz - make_interval(mins => coalesce((t.settings->>'agent_silent_minutes')::int, $5)))
		ORDER BY c.last_at LIMIT $2`
	d := DefaultSettings()
	return s.due(ctx, sql, []any{d.NeverWrote, d.CustomerSilent, d.AgentSilent}, func(tx *storage.Tx, c *row) error {
		set, err := readSettings(ctx, tx)
		if err != nil || c.state != Open {
			return err
		}
		var unanswered int
		var since *time.Time
		if err := tx.QueryRow(ctx, `SELECT unanswered, owner_since FROM conversations WHERE conversation_id = $1`, c.id).Scan(&unanswered, &since); err != nil {
			return err
		}
		switch why := timedOut(c, set, unanswered, since, tx.Now); why {
		case "":
			return nil
		case ClosedAgentSilent:
			if c.queue != nil {
				return s.returns(ctx, tx, c, string(why))
			}
			return nil
		default:
			return s.close(ctx, tx, c, why, uuid.Nil, "")
		}
	})
}

// timedOut says which time-out is over, "" for none.
func timedOut(c *row, set Settings, unanswered int, ownerSince *time.Time, now time.Time) CloseReason {
	over := func(since *time.Time, mins int) bool {
		return mins > 0 && since != nil && now.Sub(*since) > minutes(mins)
	}
	switch {
	case c.customerAt == nil:
		if over(&c.openedAt, set.NeverWrote) {
			return ClosedNeverWrote
		}
	case c.ownerKind != HumanOwner:
	case unanswered > 0:
		if over(c.customerAt, set.AgentSilent) && over(ownerSince, set.AgentSilent) {
			return ClosedAgentSilent
		}
	case c.agentAt != nil && c.agentAt.After(*c.customerAt):
		if over(c.agentAt, set.CustomerSilent) && over(&c.openedAt, set.CustomerSilent) {
			return ClosedCustomerSilent
		}
	}
	return ""
}

// earlyDue stores echoes that turned out to be nobody's send of ours, and forgets what never found its message.
func (s *Service) earlyDue(ctx context.Context) error {
	type kept struct {
		id, tenant, account uuid.UUID
		event               Event
		at                  time.Time
	}
	var all []kept
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT early_id, tenant_id, account_id, event, created_at FROM chat_early
			WHERE created_at < $1::timestamptz - interval '20 seconds' AND event->'Message' IS NOT NULL AND event->>'Message' IS NOT NULL
			   OR created_at < $1::timestamptz - $2::interval LIMIT $3`, tx.Now, earlyKeep, timesBatch)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k kept, err error) {
			return k, row.Scan(&k.id, &k.tenant, &k.account, &k.event, &k.at)
		})
		return err
	})
	for _, k := range all {
		if err == nil {
			err = s.cfg.DB.Tenant(ctx, k.tenant, func(tx *storage.Tx) error {
				if _, err := tx.Exec(ctx, `DELETE FROM chat_early WHERE early_id = $1`, k.id); err != nil || k.event.Message == nil {
					return err
				}
				a, err := s.account(ctx, tx, k.account)
				if err != nil {
					return err
				}
				return (&receiver{s: s, tx: tx, account: a, e: k.event}).apply(ctx)
			})
		}
	}
	return wrap("look at early events", err)
}

// followed are the events that follow reads.
var followed = []string{"offer.made", "offer.ended", "agent.presence"}

// follow reacts to what happens elsewhere: offers that ring, agents who go.
func (s *Service) follow(ctx context.Context, tx *storage.Tx, e events.Event) error {
	switch e.Type {
	case "offer.made":
		var d queues.OfferMade
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read %s: %w", e.Type, err)
		}
		if d.Kind == queues.Chat {
			return s.offered(ctx, e.Tenant, d)
		}
	case "offer.ended":
		var d queues.OfferEnded
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read %s: %w", e.Type, err)
		}
		if d.Kind == queues.Chat {
			s.tellOffer(e.Tenant, "conversation.offer_ended", d.Item, d.Agent)
		}
	case "agent.presence":
		var d queues.PresenceChanged
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read %s: %w", e.Type, err)
		}
		if d.Presence == queues.Offline {
			return s.agentGone(ctx, e.Tenant, d.Agent)
		}
	}
	return nil
}

func (s *Service) tellOffer(tenant uuid.UUID, typ string, conversation, agent uuid.UUID) {
	if err := s.cfg.Bus.Tell(tenant, events.Note{Type: typ, Subject: conversation, Users: []uuid.UUID{agent}}); err != nil {
		s.log.Error("an offer could not be told", "err", err)
	}
}

// offered tells the agent's page, or gives the conversation to the agent where the tenant wants that.
func (s *Service) offered(ctx context.Context, tenant uuid.UUID, d queues.OfferMade) error {
	set, err := s.Settings(ctx, tenant)
	if err != nil {
		return err
	}
	if set.Automatic {
		err := s.Accept(ctx, tenant, d.Item, d.Agent)
		if err == nil || errors.Is(err, queues.ErrOfferGone) || errors.Is(err, ErrNoConversation) {
			return nil
		}
		return err
	}
	s.tellOffer(tenant, "conversation.offered", d.Item, d.Agent)
	return nil
}

// agentGone returns the open conversations of an agent who went offline.
func (s *Service) agentGone(ctx context.Context, tenant, agent uuid.UUID) error {
	var ids []uuid.UUID
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT conversation_id FROM conversations WHERE owner = $1 AND owner_kind = 'human' AND state = 'open' AND queue_id IS NOT NULL ORDER BY conversation_id`, agent)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	for _, id := range ids {
		if err == nil {
			err = s.change(ctx, tenant, id, "return a conversation", func(tx *storage.Tx, c *row) error {
				if c.owner == nil || *c.owner != agent || c.state != Open {
					return nil
				}
				return s.returns(ctx, tx, c, "agent_offline")
			})
		}
	}
	return err
}
