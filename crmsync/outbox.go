package crmsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/recording"
)

const (
	kindTicket = "ticket"
	kindNote   = "note"
	kindAnswer = "answer" // what a customer answered to an agent's request
	kindFile   = "file"   // that they sent
	kindClosed = "conversation"
	kindMedia  = "media" // a file of a conversation's messages
)

// job is one row of the outbox, leased.
type job struct {
	Tenant   uuid.UUID       `db:"tenant_id"`
	ID       uuid.UUID       `db:"outbox_id"`
	Item     uuid.UUID       `db:"call_id"` // the call or conversation
	Kind     string          `db:"kind"`
	Body     json.RawMessage `db:"body"`
	Epoch    int64           `db:"epoch"`
	Attempts int             `db:"attempts"`
}

// work empties the outbox. Whatever a lost worker had begun is begun again when its lease has run out; providers do each thing once.
func (s *Service) work(ctx context.Context) {
	wake, stop := s.cfg.Bus.Wake(wakeSubject)
	defer stop()
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	sweep := time.NewTicker(s.cfg.Sweep)
	defer sweep.Stop()
	for {
		n, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("the CRM's outbox tries again", "err", err)
		}
		if n > 0 && ctx.Err() == nil {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-poll.C:
		case <-sweep.C:
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("the sweep of the CRM's outbox tries again", "err", err)
			}
		}
	}
}

func (s *Service) round(ctx context.Context) (int, error) {
	jobs, err := s.claim(ctx)
	var wg sync.WaitGroup
	for _, j := range jobs {
		wg.Go(func() { s.attempt(ctx, j) })
	}
	wg.Wait()
	return len(jobs), err
}

// claim leases the oldest row of each call, conversation and customer that is due. A tenant takes at most half of the workers, so that a slow CRM leaves
// room, and one worker to try credentials that were refused. A CRM that has asked for a pause gets it; a call for which a record may still be chosen waits.
func (s *Service) claim(ctx context.Context) (jobs []job, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH due AS (
				SELECT outbox_id, row_number() OVER (PARTITION BY o.tenant_id ORDER BY next_try_at, outbox_id) AS turn,
					CASE WHEN h.refused_since IS NULL THEN $3 ELSE 1 END AS most
				FROM crm_outbox o LEFT JOIN crm_health h USING (tenant_id)
				WHERE next_try_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) AND (h.parked_until IS NULL OR h.parked_until <= $1)
				AND NOT EXISTS (SELECT FROM crm_outbox e WHERE e.tenant_id = o.tenant_id AND e.call_id = o.call_id AND e.outbox_id < o.outbox_id)
				AND NOT EXISTS (SELECT FROM crm_choices c WHERE c.tenant_id = o.tenant_id AND c.call_id = o.call_id AND c.held_at IS NOT NULL)
				AND (o.order_key = '' OR NOT EXISTS (SELECT FROM crm_outbox e
					WHERE e.tenant_id = o.tenant_id AND e.order_key = o.order_key AND e.order_key <> '' AND e.outbox_id < o.outbox_id AND NOT e.quarantined))
			)
			UPDATE crm_outbox SET epoch = epoch + 1, attempts = attempts + 1, leased_until = $2
			WHERE outbox_id IN (SELECT o.outbox_id FROM crm_outbox o JOIN due USING (outbox_id) WHERE turn <= most ORDER BY turn LIMIT $4 FOR UPDATE OF o SKIP LOCKED)
			AND (leased_until IS NULL OR leased_until <= $1)
			RETURNING tenant_id, outbox_id, call_id, kind, body, epoch, attempts`,
			tx.Now, tx.Now.Add(2*s.cfg.Timeout), max(1, s.cfg.Workers/2), s.cfg.Workers)
		if err != nil {
			return fmt.Errorf("look for work for the CRMs: %w", err)
		}
		jobs, err = pgx.CollectRows(rows, pgx.RowToStructByName[job])
		return err
	})
	return jobs, err
}

func (s *Service) attempt(ctx context.Context, j job) {
	limit, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	then, err := s.do(limit, j)
	cancel()
	result := "ok"
	if err != nil {
		result = string(class(err))
		if ctx.Err() == nil {
			s.log.Warn("a CRM was not told; tried again later", "kind", j.Kind, "item", j.Item, "attempts", j.Attempts, "err", err)
		}
	}
	s.told.WithLabelValues(j.Kind, result).Inc()
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.finish(keep, j, then, err); err != nil {
		s.log.Error("what a CRM was told is not noted; the lease will run out", "item", j.Item, "err", err)
	}
}

// after is what is to be written in the transaction in which a row of the outbox is done with.
type after func(context.Context, *storage.Tx) error

func (s *Service) do(ctx context.Context, j job) (after, error) {
	switch j.Kind {
	case kindTicket:
		return nil, s.ticket(ctx, j)
	case kindAnswer, kindFile:
		return nil, s.answer(ctx, j)
	case kindClosed:
		return s.closed(ctx, j)
	case kindMedia:
		return nil, s.media(ctx, j)
	}
	return nil, s.addNote(ctx, j)
}

func (s *Service) addNote(ctx context.Context, j job) error {
	var n Note
	if err := json.Unmarshal(j.Body, &n); err != nil {
		return &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	ref, err := s.TicketOf(ctx, j.Tenant, j.Item)
	if err != nil {
		return err
	}
	p, ticket, err := s.on(ctx, j.Tenant, ref)
	if err != nil {
		return err
	}
	if err = p.AddNote(ctx, ticket, n); class(err) != recording.ClassGone {
		return err
	}
	if p, ticket, err = s.another(ctx, j); err != nil {
		return err
	}
	return p.AddNote(ctx, ticket, n)
}

// another is the ticket of a call whose ticket is gone: the one it was merged into, or a new one.
func (s *Service) another(ctx context.Context, j job) (Provider, string, error) {
	err := s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		if err := forgetChoice(ctx, tx, j.Tenant, j.Item); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT call FROM crm_call_tickets WHERE call_id = $1`, j.Item).Scan(&j.Body)
	})
	if err != nil {
		return nil, "", fmt.Errorf("read of a call whose ticket is gone: %w", err)
	}
	p, name, ticket, err := s.resolve(ctx, j)
	if err != nil {
		return nil, "", err
	}
	err = s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE crm_call_tickets SET provider = $2, ticket = $3 WHERE call_id = $1`, j.Item, name, ticket)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("note the call's other ticket: %w", err)
	}
	return p, ticket, nil
}

// resolve finds or makes the ticket that a call goes to.
func (s *Service) resolve(ctx context.Context, j job) (p Provider, name, ticket string, err error) {
	var c Call
	if err := json.Unmarshal(j.Body, &c); err != nil {
		return nil, "", "", &recording.SendError{Class: recording.ClassRejected, Err: err}
	}
	p, conn, err := s.provider(ctx, j.Tenant)
	if err != nil {
		return nil, "", "", err
	}
	m := c.Matter()
	m.Fields = conn.fields(c.Facts)
	chosen, err := s.begin(ctx, j.Tenant, j.Item, conn.Provider)
	if err != nil {
		return nil, "", "", err
	}
	ticket, err = follow(ctx, p, conn, m, chosen)
	if class(err) == recording.ClassGone && chosen.Record != "" {
		err = errors.Join(&recording.SendError{Class: recording.ClassRetry, Err: err}, s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
			return forgetChoice(ctx, tx, j.Tenant, j.Item)
		}))
	}
	return p, conn.Provider, ticket, err
}

// ticket makes the call's ticket and lets its recordings go there.
func (s *Service) ticket(ctx context.Context, j job) error {
	_, name, ticket, err := s.resolve(ctx, j)
	if err != nil {
		return err
	}
	return s.cfg.DB.Tenant(ctx, j.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO crm_call_tickets (tenant_id, call_id, provider, ticket, call, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant_id, call_id) DO NOTHING`, j.Tenant, j.Item, name, ticket, j.Body, tx.Now)
		if err != nil {
			return fmt.Errorf("note the call's ticket: %w", err)
		}
		var ref string
		err = tx.QueryRow(ctx, `SELECT provider || ':' || ticket FROM crm_call_tickets WHERE tenant_id = $1 AND call_id = $2`, j.Tenant, j.Item).Scan(&ref)
		if err != nil {
			return fmt.Errorf("read the call's ticket: %w", err)
		}
		return s.cfg.Recordings.LinkTicket(ctx, tx, j.Tenant, j.Item, ref)
	})
}

// TicketOf returns the ticket of a call or conversation as "provider:id", empty when it has none yet.
func (s *Service) TicketOf(ctx context.Context, tenant, call uuid.UUID) (ref string, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT provider || ':' || ticket FROM crm_call_tickets WHERE call_id = $1`, call).Scan(&ref)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read the call's ticket: %w", err)
		}
		return nil
	})
	return ref, err
}

// finish removes what is done, with what is to be written then, and puts off what is not. What a CRM refuses for good is dropped when it is a
// note or a file, so that those behind it are told; a ticket is tried on, because a recording or a transcript hangs on it, and shown as one that needs
// a person. A note for a ticket that is gone is dropped too.
func (s *Service) finish(ctx context.Context, j job, then after, why error) error {
	refused, hopeless := false, false
	switch class(why) {
	case recording.ClassRejected, recording.ClassGone, recording.ClassTooLarge:
		refused = why != nil
		hopeless = refused && j.Kind != kindTicket && j.Kind != kindClosed
	}
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		if err := s.heard(ctx, tx, j.Tenant, why); err != nil {
			return err
		}
		if why == nil || hopeless {
			tag, err := tx.Exec(ctx, `DELETE FROM crm_outbox WHERE outbox_id = $1 AND epoch = $2`, j.ID, j.Epoch)
			if err != nil || tag.RowsAffected() == 0 || then == nil {
				return err
			}
			return then(ctx, tx)
		}
		_, err := tx.Exec(ctx, `UPDATE crm_outbox SET leased_until = NULL, next_try_at = $3, last_error = $4, quarantined = $5 WHERE outbox_id = $1 AND epoch = $2`,
			j.ID, j.Epoch, tx.Now.Add(s.pause(j.Attempts, why)), short(why), refused)
		return err
	})
}

// pause is full jitter over an interval that doubles; a longer wish of the CRM wins, up to 6 hours.
func (s *Service) pause(attempts int, why error) time.Duration {
	most := min(float64(s.cfg.Base)*math.Pow(2, float64(max(attempts-1, 0))), float64(s.cfg.Cap))
	return max(rand.N(time.Duration(most))+1, s.wish(why))
}

func short(err error) string {
	text := []rune(err.Error())
	return string(text[:min(len(text), 300)])
}

// Pending is what a tenant's CRM has not been told yet, for the settings page.
type Pending struct {
	ID          uuid.UUID `json:"id" db:"outbox_id"`
	Call        uuid.UUID `json:"call_id" db:"call_id"` // or conversation
	Kind        string    `json:"kind" db:"kind" enum:"ticket,note,answer,file,conversation,media"`
	Attempts    int       `json:"attempts" db:"attempts"`
	NextTryAt   time.Time `json:"next_try_at" db:"next_try_at"`
	LastError   string    `json:"last_error" db:"last_error"`
	CreatedAt   time.Time `json:"created_at" db:"created_at"`
	Quarantined bool      `json:"quarantined" db:"quarantined"` // the CRM refuses it for good: somebody has to see to it
}

// Pending lists what waits for a tenant's CRM, oldest first, at most 100.
func (s *Service) Pending(ctx context.Context, tenant uuid.UUID) (list []Pending, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT outbox_id, call_id, kind, attempts, greatest(next_try_at, parked_until) AS next_try_at, o.last_error, created_at, quarantined
			FROM crm_outbox o LEFT JOIN crm_health USING (tenant_id) ORDER BY outbox_id LIMIT 100`)
		if err != nil {
			return fmt.Errorf("list what waits for the CRM: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[Pending])
		return err
	})
	return list, err
}
