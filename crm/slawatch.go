package crm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tandem/internal/events"
	"tandem/internal/storage"
)

const (
	watchEvery = 5 * time.Second
	watchBatch = 100
)

// Run warns of tickets' promises that are about to be broken, tells of those that are, and sees who was answered; it makes contacts found that
// were written past this package, and forgets merges that can be undone no more. It ends with ctx.
func (s *Service) Run(ctx context.Context) error {
	follower := events.Follower{Name: "crm", DB: s.cfg.DB, Bus: s.cfg.Bus, Log: s.cfg.Log, Types: followed, Handle: s.follow}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return follower.Run(ctx) })
	g.Go(func() error {
		s.watchAgain(ctx)
		return nil
	})
	return g.Wait()
}

func (s *Service) watchAgain(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Watch(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("tickets' promises could not be looked at; tried again", "err", err)
		}
		if err := s.SendSurveys(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("tickets' customers could not be asked; tried again", "err", err)
		}
		if err := errors.Join(s.Index(ctx), s.Forget(ctx)); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("contacts could not be looked after; tried again", "err", err)
		}
	}
}

// eachDue does something about all that is due now: rows of tenant and id that a worker sees, no more than $2 of them at time $1. What was done
// is due no more.
func (s *Service) eachDue(ctx context.Context, what, sql string, do func(ctx context.Context, tenant, id uuid.UUID) error) error {
	type ref struct{ Tenant, ID uuid.UUID }
	for {
		var due []ref
		err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
			rows, err := tx.Query(ctx, sql, tx.Now, watchBatch)
			if err != nil {
				return err
			}
			due, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ref])
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		for _, d := range due {
			if err := do(ctx, d.Tenant, d.ID); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		if len(due) < watchBatch {
			return nil
		}
	}
}

// Watch looks once at the promises that have come about: each is warned of once, and told as broken once.
func (s *Service) Watch(ctx context.Context) error {
	return s.eachDue(ctx, "tell of tickets' promises", `SELECT DISTINCT tenant_id, ticket_id FROM ticket_clocks
		WHERE since IS NOT NULL AND (warned_at IS NULL AND warn_at <= $1 OR breached_at IS NULL AND due_at <= $1) LIMIT $2`,
		func(ctx context.Context, tenant, id uuid.UUID) error {
			return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.tellDue(ctx, tx, id) })
		})
}

// tellDue warns of a ticket's promises, and tells of broken ones, looked at again under the ticket's lock.
func (s *Service) tellDue(ctx context.Context, tx *storage.Tx, id uuid.UUID) error {
	t, err := getTicket(ctx, tx, id)
	if err != nil {
		return err
	}
	clocks, err := clocksOf(ctx, tx, id)
	if err != nil {
		return err
	}
	broken := false
	for i := range clocks {
		k := &clocks[i]
		warn, breach := k.due(tx.Now)
		typ := "ticket.sla_at_risk"
		if breach {
			typ, broken = "ticket.sla_breached", true
		}
		if !warn && !breach {
			continue
		}
		e := SLAEvent{TicketEvent: TicketEvent{Ticket: t.ID, Number: t.Number, Status: t.Status}, Kind: k.Kind, DueAt: *k.DueAt, Assignee: t.Assignee}
		if err := s.tell(ctx, tx, typ, t.ID, e); err != nil {
			return err
		}
		s.promises.WithLabelValues(string(k.Kind), map[bool]string{true: "breached", false: "at_risk"}[breach]).Inc()
	}
	if err := storeClocks(ctx, tx, &t, clocks); err != nil {
		return err
	}
	if broken {
		return s.escalate(ctx, tx, &t)
	}
	return nil
}

// followed are the events that follow reads.
var followed = []string{"call.connected", "conversation.message", "conversation.updated"}

// follow sees in the log that somebody has answered a customer, and what customers say.
func (s *Service) follow(ctx context.Context, tx *storage.Tx, e events.Event) error {
	switch e.Type {
	case "call.connected":
	case "conversation.message":
		return s.heard(ctx, tx, e)
	case "conversation.updated":
		var said struct{ Direction, Author string }
		if err := json.Unmarshal(e.Data, &said); err != nil || said.Direction != "out" || said.Author != "agent" {
			return nil //nolint:nilerr // what cannot be read was no answer
		}
	default:
		return nil
	}
	return s.Answered(ctx, tx.For(e.Tenant), e.Subject)
}
