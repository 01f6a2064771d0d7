package crmsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/recording"
)

// This file lets agents choose where in the CRM a call goes (R5.2), and holds back what is to be told of it until they have, or their wrap-up is over.

// ChoiceKind is what somebody has chosen for a call.
type ChoiceKind string

// The kinds. An empty one: nothing was chosen yet.
const (
	ChooseAutomatic ChoiceKind = "automatic" // what Tandem would choose
	ChooseContact   ChoiceKind = "contact"   // a ticket of this contact, by the connection's rule
	ChooseTicket    ChoiceKind = "ticket"    // this one
	ChooseNew       ChoiceKind = "new"       // a ticket of its own
)

// Choice is where a call goes in the CRM.
type Choice struct {
	Kind   ChoiceKind `json:"kind,omitempty"`
	Record string     `json:"record,omitempty"` // the contact's or ticket's id, as the CRM has it
	Label  string     `json:"label,omitempty"`  // the record as it was shown
	Held   bool       `json:"held"`             // nothing is told until something is chosen or the wrap-up is over
	Begun  bool       `json:"begun"`            // it is too late to choose
}

// Errors of choosing.
var (
	ErrChosenLate = fault.New(fault.Conflict, "crm_choice_late", "The CRM is being told of this call already; change the ticket in the CRM.")
	ErrNoRecord   = fault.New(fault.Illegal, "crm_record_unknown", "The CRM has no such record any more; choose another.").WithField("record")
	ErrNoTicket   = fault.New(fault.Conflict, "crm_no_ticket_wanted", "This call goes to no ticket: its queue asks for none.")
)

// chosen is the data of the event call.record_chosen.
type chosen struct {
	Kind     ChoiceKind `json:"kind"`
	Provider string     `json:"provider"`
	Record   string     `json:"record,omitempty"`
}

// existsFor is how long choosing waits for the CRM to say whether a record is there.
const existsFor = 3 * time.Second

// Choose stores where a call goes. It is refused once the CRM is being told of the call.
func (s *Service) Choose(ctx context.Context, tenant, call uuid.UUID, c Choice) error {
	p, conn, err := s.provider(ctx, tenant)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(Interactive(ctx), existsFor)
	defer cancel()
	switch c.Kind {
	case ChooseTicket:
		_, err = p.Attachments(limit, c.Record, "-")
	case ChooseContact:
		_, err = p.Tickets(limit, c.Record)
	default:
		c.Record, c.Label = "", ""
	}
	// A CRM that does not answer keeps nobody from choosing.
	if err != nil && (class(err) == recording.ClassGone || class(err) == recording.ClassRejected) {
		return ErrNoRecord.Because(err)
	}
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO crm_choices (tenant_id, call_id, kind, provider, record, label, chosen_by, chosen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (tenant_id, call_id) DO UPDATE SET held_at = NULL, kind = excluded.kind, provider = excluded.provider, record = excluded.record,
				label = excluded.label, chosen_by = excluded.chosen_by, chosen_at = excluded.chosen_at
			WHERE crm_choices.begun_at IS NULL`,
			tenant, call, c.Kind, conn.Provider, c.Record, c.Label, events.ActorID(ctx), tx.Now)
		if err != nil {
			return fmt.Errorf("store which record was chosen: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrChosenLate
		}
		tx.AfterCommit(s.wake)
		return s.cfg.Events.Append(ctx, tx, "call.record_chosen", call, chosen{c.Kind, conn.Provider, c.Record})
	})
}

// ChoiceOf returns what was chosen for a call.
func (s *Service) ChoiceOf(ctx context.Context, tenant, call uuid.UUID) (c Choice, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT kind, record, label, held_at IS NOT NULL, begun_at IS NOT NULL FROM crm_choices WHERE call_id = $1`, call).
			Scan(&c.Kind, &c.Record, &c.Label, &c.Held, &c.Begun)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read which record was chosen: %w", err)
		}
		return nil
	})
	return c, err
}

// begin takes what was chosen for a call and lets nobody choose any more. What was chosen in a CRM that the tenant has left counts no longer.
func (s *Service) begin(ctx context.Context, tenant, call uuid.UUID, provider string) (c Choice, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var of string
		err := tx.QueryRow(ctx, `INSERT INTO crm_choices (tenant_id, call_id, begun_at) VALUES ($1, $2, $3)
			ON CONFLICT (tenant_id, call_id) DO UPDATE SET held_at = NULL, begun_at = coalesce(crm_choices.begun_at, excluded.begun_at)
			RETURNING kind, provider, record`, tenant, call, tx.Now).Scan(&c.Kind, &of, &c.Record)
		if err != nil {
			return fmt.Errorf("take which record was chosen: %w", err)
		}
		if of != provider {
			c = Choice{}
		}
		return nil
	})
	return c, err
}

// forgetChoice lets a call go where it would have gone by itself, because the chosen record is gone.
func forgetChoice(ctx context.Context, tx *storage.Tx, tenant, call uuid.UUID) error {
	_, err := tx.Exec(ctx, `UPDATE crm_choices SET kind = 'automatic', record = '', label = '' WHERE tenant_id = $1 AND call_id = $2`, tenant, call)
	if err != nil {
		return fmt.Errorf("forget a record that is gone: %w", err)
	}
	return nil
}

// hold keeps back what is to be told of a call that an agent talks in now, where its queue says so.
func (s *Service) hold(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, r *calls.Record) error {
	if !r.HoldForChoice || r.Agent == nil || !r.Ticket && r.Recording == nil {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO crm_choices (tenant_id, call_id, held_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, tenant, r.ID, tx.Now)
	if err != nil {
		return fmt.Errorf("hold back what is told of a call: %w", err)
	}
	return nil
}

// release lets a call be told of, whether something was chosen or not.
func (s *Service) release(ctx context.Context, tx *storage.Tx, tenant, call uuid.UUID) error {
	tag, err := tx.Exec(ctx, `UPDATE crm_choices SET held_at = NULL WHERE tenant_id = $1 AND call_id = $2 AND held_at IS NOT NULL`, tenant, call)
	if err != nil {
		return fmt.Errorf("let a call be told of: %w", err)
	}
	if tag.RowsAffected() > 0 {
		tx.AfterCommit(s.wake)
	}
	return nil
}

// releaseUnless is release for a call that no agent has any more: a call may be connected in the log later than its agent has left it.
func (s *Service) releaseUnless(ctx context.Context, tx *storage.Tx, tenant, call uuid.UUID) error {
	if s.cfg.Attended != nil {
		if busy, err := s.cfg.Attended(ctx, tx, call); err != nil || busy {
			return err
		}
	}
	return s.release(ctx, tx, tenant, call)
}

// longestHold is how long a choice is waited for, in a wrap-up that nobody ends: far less than recordings are kept.
const longestHold = 12 * time.Hour
