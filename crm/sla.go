package crm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Policy is what is promised for tickets of a priority (TK-3). Times of 0 promise nothing. Tickets keep what was promised when they were made,
// or when their priority changed.
type Policy struct {
	Priority   Priority   `json:"priority" enum:"urgent,high,medium,low" db:"priority"`
	Response   int64      `json:"response_seconds" minimum:"0" maximum:"31536000" db:"response"`
	Resolution int64      `json:"resolution_seconds" minimum:"0" maximum:"31536000" db:"resolution"`
	Hours      *uuid.UUID `json:"hours_id,omitempty" db:"hours_id" doc:"only time within these opening hours counts; without it, all"`
	EscalateTo *uuid.UUID `json:"escalate_to,omitempty" db:"escalate_to" doc:"who gets a ticket whose promise is broken"`
}

var priorities = []Priority{Urgent, High, Medium, Low}

// presets hold until a tenant has set others.
var presets = map[Priority]time.Duration{Urgent: time.Hour, High: 4 * time.Hour, Medium: 24 * time.Hour, Low: 14 * 24 * time.Hour}

const longestPromise = 365 * 24 * 3600 // seconds

// Errors for people.
var (
	ErrPromise     = fault.New(fault.Invalid, "bad_sla", "A promise is between 0, for none, and 365 days; a ticket is not resolved before it is answered.").WithField("resolution_seconds")
	ErrPolicyHours = fault.New(fault.Invalid, "unknown_hours", "There are no such opening hours.").WithField("hours_id")
)

// Clock is one promise of a ticket, as people see it. Times are set while it runs, and when it has come about.
type Clock struct {
	Kind       ClockKind  `json:"kind" enum:"response,resolution"`
	Standing   SLA        `json:"standing" enum:"running,paused,at_risk,breached,met"`
	Target     float64    `json:"target_seconds"`
	Used       float64    `json:"used_seconds" doc:"until since, while it runs"`
	Since      *time.Time `json:"since,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`
	BreachedAt *time.Time `json:"breached_at,omitempty"`
	MetAt      *time.Time `json:"met_at,omitempty"`
}

// SLAEvent is the data of ticket.sla_at_risk and ticket.sla_breached.
type SLAEvent struct {
	TicketEvent
	Kind     ClockKind  `json:"kind"`
	DueAt    time.Time  `json:"due_at"`
	Assignee *uuid.UUID `json:"assignee,omitempty"`
}

// Policies are what a tenant promises, from urgent to low.
func (s *Service) Policies(ctx context.Context, tenant uuid.UUID) (all []Policy, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		all, err = policies(ctx, tx)
		return err
	})
	return all, err
}

func policies(ctx context.Context, tx *storage.Tx) (all []Policy, err error) {
	rows, err := tx.Query(ctx, `SELECT priority, response, resolution, hours_id, escalate_to FROM sla_policies`)
	if err != nil {
		return nil, fmt.Errorf("read what is promised for tickets: %w", err)
	}
	set, err := pgx.CollectRows(rows, pgx.RowToStructByName[Policy])
	if err != nil {
		return nil, fmt.Errorf("read what is promised for tickets: %w", err)
	}
	for _, p := range priorities {
		seconds := int64(presets[p] / time.Second)
		policy := Policy{Priority: p, Response: seconds, Resolution: seconds}
		if i := slices.IndexFunc(set, func(x Policy) bool { return x.Priority == p }); i >= 0 {
			policy = set[i]
		}
		all = append(all, policy)
	}
	return all, nil
}

// SetPolicy changes what is promised for new tickets of a priority.
func (s *Service) SetPolicy(ctx context.Context, tenant uuid.UUID, p Policy) error {
	if err := p.Priority.check(); err != nil {
		return err
	}
	if p.Response < 0 || p.Resolution < 0 || p.Response > longestPromise || p.Resolution > longestPromise || p.Resolution > 0 && p.Response > p.Resolution {
		return ErrPromise
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if p.Hours != nil {
			if _, err := s.cfg.Hours(ctx, tx, *p.Hours); err != nil {
				return ErrPolicyHours.Because(err)
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO sla_policies (tenant_id, priority, response, resolution, hours_id, escalate_to) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant_id, priority) DO UPDATE SET response = excluded.response, resolution = excluded.resolution, hours_id = excluded.hours_id, escalate_to = excluded.escalate_to`,
			tenant, p.Priority, p.Response, p.Resolution, p.Hours, p.EscalateTo)
		if err != nil {
			return fmt.Errorf("store what is promised for tickets: %w", err)
		}
		return s.tell(ctx, tx, "sla_policy.changed", tenant, p)
	})
}

// promise gives a ticket its clocks, or, when its priority has changed, their new targets. What was used is kept.
func (s *Service) promise(ctx context.Context, tx *storage.Tx, t *Ticket) error {
	all, err := policies(ctx, tx)
	if err != nil {
		return err
	}
	policy := all[slices.Index(priorities, t.Priority)]
	clocks, err := clocksOf(ctx, tx, t.ID)
	if err != nil {
		return err
	}
	if len(clocks) == 0 {
		clocks = []slaClock{{Kind: Response}, {Kind: Resolution}}
	}
	for i, seconds := range []int64{policy.Response, policy.Resolution} {
		k := &clocks[i]
		if err := s.on(ctx, tx, k, (*slaClock).stop); err != nil {
			return err
		}
		k.Target, k.Hours = seconds*int64(time.Second/time.Microsecond), policy.Hours
		if k.Breached == nil { // what is broken stays so, and is not warned of
			k.Warned = nil
		}
	}
	return s.runClocks(ctx, tx, t, clocks)
}

// moved lets a ticket's clocks follow its status: what is worked on has been answered, what is on hold waits, what is resolved is done.
func (s *Service) moved(ctx context.Context, tx *storage.Tx, t *Ticket, from Status) error {
	if from == ToDo {
		if err := noteAnswer(ctx, tx, t); err != nil {
			return err
		}
	}
	clocks, err := clocksOf(ctx, tx, t.ID)
	if err != nil || len(clocks) == 0 {
		return err
	}
	switch {
	case t.Status == Reopened:
		err = s.on(ctx, tx, &clocks[1], (*slaClock).again)
	case from == ToDo:
		err = s.on(ctx, tx, &clocks[0], (*slaClock).meet)
	}
	if err == nil && t.Status == Resolved {
		err = errors.Join(s.on(ctx, tx, &clocks[0], (*slaClock).meet), s.on(ctx, tx, &clocks[1], (*slaClock).meet))
	}
	if err != nil {
		return err
	}
	return s.runClocks(ctx, tx, t, clocks)
}

// answered ends the wait for a first answer.
func (s *Service) answered(ctx context.Context, tx *storage.Tx, t *Ticket) error {
	if err := noteAnswer(ctx, tx, t); err != nil {
		return err
	}
	clocks, err := clocksOf(ctx, tx, t.ID)
	if err != nil || len(clocks) == 0 || clocks[0].Met != nil {
		return err
	}
	if err := s.on(ctx, tx, &clocks[0], (*slaClock).meet); err != nil {
		return err
	}
	return s.runClocks(ctx, tx, t, clocks)
}

// noteAnswer remembers when a ticket was first answered, whatever was promised.
func noteAnswer(ctx context.Context, tx *storage.Tx, t *Ticket) error {
	if t.AnsweredAt != nil {
		return nil
	}
	t.AnsweredAt = &tx.Now
	if _, err := tx.Exec(ctx, `UPDATE tickets SET answered_at = $2 WHERE ticket_id = $1`, t.ID, tx.Now); err != nil {
		return fmt.Errorf("note a ticket's first answer: %w", err)
	}
	return nil
}

// runClocks lets clocks run or stand as the ticket's status wants it, and stores them.
func (s *Service) runClocks(ctx context.Context, tx *storage.Tx, t *Ticket, clocks []slaClock) error {
	for i := range clocks {
		k := &clocks[i]
		f := (*slaClock).start
		if t.Status == OnHold || t.Status == Resolved {
			f = (*slaClock).stop
		}
		if err := s.on(ctx, tx, k, f); err != nil {
			return err
		}
	}
	return storeClocks(ctx, tx, t, clocks)
}

// on does something to a clock by its calendar. Opening hours that are gone count as always open.
func (s *Service) on(ctx context.Context, tx *storage.Tx, k *slaClock, f func(*slaClock, Calendar, time.Time) error) error {
	var c Calendar
	if k.Hours != nil {
		var err error
		if c, err = s.cfg.Hours(ctx, tx, *k.Hours); err != nil && fault.KindOf(err) != fault.NotFound {
			return fmt.Errorf("read a promise's opening hours: %w", err)
		}
	}
	if err := f(k, c, tx.Now); err != nil {
		return fmt.Errorf("count a promise's time: %w", err)
	}
	return nil
}

// clocksOf are a ticket's clocks, that of the response first; none of a ticket to which nothing was ever promised.
func clocksOf(ctx context.Context, tx *storage.Tx, ticket uuid.UUID) ([]slaClock, error) {
	rows, err := tx.Query(ctx, `SELECT kind, target, used, hours_id, since, warn_at, due_at, warned_at, breached_at, met_at FROM ticket_clocks WHERE ticket_id = `+leadsTo+` ORDER BY kind DESC`, ticket)
	if err != nil {
		return nil, fmt.Errorf("read a ticket's promises: %w", err)
	}
	clocks, err := pgx.CollectRows(rows, pgx.RowToStructByName[slaClock])
	if err != nil {
		return nil, fmt.Errorf("read a ticket's promises: %w", err)
	}
	return clocks, nil
}

func storeClocks(ctx context.Context, tx *storage.Tx, t *Ticket, clocks []slaClock) error {
	for i := range clocks {
		k := &clocks[i]
		_, err := tx.Exec(ctx, `INSERT INTO ticket_clocks (tenant_id, ticket_id, kind, target, used, hours_id, since, warn_at, due_at, warned_at, breached_at, met_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (ticket_id, kind) DO UPDATE SET target = excluded.target, used = excluded.used, hours_id = excluded.hours_id, since = excluded.since, warn_at = excluded.warn_at,
				due_at = excluded.due_at, warned_at = excluded.warned_at, breached_at = excluded.breached_at, met_at = excluded.met_at`,
			tx.Tenant, t.ID, k.Kind, k.Target, k.Used, k.Hours, k.Since, k.WarnAt, k.DueAt, k.Warned, k.Breached, k.Met)
		if err != nil {
			return fmt.Errorf("store a ticket's promises: %w", err)
		}
	}
	t.SLA, t.DueAt = overall(clocks)
	if _, err := tx.Exec(ctx, `UPDATE tickets SET sla = $2, due_at = $3 WHERE ticket_id = $1`, t.ID, t.SLA, t.DueAt); err != nil {
		return fmt.Errorf("store how a ticket keeps its promises: %w", err)
	}
	return nil
}

// Clocks are a ticket's promises.
func (s *Service) Clocks(ctx context.Context, tenant, ticket uuid.UUID) (all []Clock, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		clocks, err := clocksOf(ctx, tx, ticket)
		all = []Clock{}
		for _, k := range clocks {
			if k.Target == 0 {
				continue
			}
			const micros = float64(time.Second / time.Microsecond)
			all = append(all, Clock{
				Kind: k.Kind, Standing: k.standing(), Target: float64(k.Target) / micros, Used: float64(k.Used) / micros, Since: k.Since,
				DueAt: k.DueAt, BreachedAt: k.Breached, MetAt: k.Met,
			})
		}
		return err
	})
	return all, err
}

// Answered says that a person has answered the customer of a call or conversation: its tickets' first answer is there.
func (s *Service) Answered(ctx context.Context, tx *storage.Tx, item uuid.UUID) error {
	rows, err := tx.Query(ctx, `SELECT ticket_id FROM ticket_calls JOIN tickets USING (ticket_id) WHERE call_id = $1 AND answered_at IS NULL ORDER BY 1`, item)
	if err != nil {
		return fmt.Errorf("look whose first answer it is: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("look whose first answer it is: %w", err)
	}
	for _, id := range ids {
		t, err := getTicket(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.answered(ctx, tx, &t); err != nil {
			return err
		}
	}
	return nil
}

// escalate gives a ticket whose promise is broken to whom the policy names.
func (s *Service) escalate(ctx context.Context, tx *storage.Tx, t *Ticket) error {
	all, err := policies(ctx, tx)
	if err != nil {
		return err
	}
	to := all[slices.Index(priorities, t.Priority)].EscalateTo
	if to == nil || t.Assignee != nil && *t.Assignee == *to {
		return nil
	}
	t.Assignee = to
	_, err = tx.Exec(ctx, `UPDATE tickets SET assignee = $2, escalated_at = coalesce(escalated_at, $3), updated_at = $3 WHERE ticket_id = $1`, t.ID, to, tx.Now)
	if err != nil {
		return fmt.Errorf("escalate a ticket: %w", err)
	}
	return s.tellTicket(ctx, tx, "ticket.changed", *t, "escalated")
}
