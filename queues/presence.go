package queues

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ErrPresenceNeeded says which presences there are.
var ErrPresenceNeeded = fault.New(fault.Invalid, "presence_invalid", "Presence is OFFLINE, AVAILABLE, AWAY or BUSY.").WithField("presence")

// PresenceChanged is the data of the event agent.presence; the event's actor is who did it.
type PresenceChanged struct {
	Agent      uuid.UUID `json:"agent"`
	Presence   Presence  `json:"presence"`
	Reason     string    `json:"reason,omitempty"`
	From       Presence  `json:"from"`
	FromReason string    `json:"from_reason,omitempty"`
	Productive bool      `json:"productive"` // whether the new reason counts as work
	Since      time.Time `json:"since"`      // when From began
}

// PresenceOverrun is the data of the event agent.presence_overrun: somebody has been away or busy for longer than their reason allows.
type PresenceOverrun struct {
	Agent    uuid.UUID `json:"agent"`
	Presence Presence  `json:"presence"`
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"` // when it should have been over
}

// NextPresence is the data of the event agent.next_presence; no presence: the choice was taken back, or has come true.
type NextPresence struct {
	Agent    uuid.UUID `json:"agent"`
	Presence Presence  `json:"presence,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// SetPresence sets an agent's presence, by themselves or by another (events.WithActor says who). reason is one of the tenant's own words
// for this presence, or free. It also lifts NOT_RESPONDING and UNREACHABLE: whoever says something responds. Only the
// device itself ends what DeviceIs has noted of it.
func (s *Service) SetPresence(ctx context.Context, tenant, agent uuid.UUID, p Presence, reason string) error {
	if !p.valid() {
		return ErrPresenceNeeded
	}
	err := s.changePresence(ctx, tenant, agent, func(r *presenceRow) {
		r.set(p, reason)
	})
	return wrap("set presence", err)
}

// SetNextPresence chooses the presence that an agent will have once they have nothing any more, and until then keeps further offers from
// them unless it is AVAILABLE (Q2.4). Without an item it is the presence at once; "" takes the choice back.
func (s *Service) SetNextPresence(ctx context.Context, tenant, agent uuid.UUID, p Presence, reason string) error {
	if p != "" && !p.valid() {
		return ErrPresenceNeeded
	}
	err := s.changePresence(ctx, tenant, agent, func(r *presenceRow) {
		switch {
		case p == "":
			r.next, r.nextReason = "", ""
		case r.used > 0:
			r.next, r.nextReason = p, reason
		default:
			r.set(p, reason)
		}
	})
	return wrap("choose the next presence", err)
}

// Gone makes an agent OFFLINE whose device has gone; what they had set returns with Back.
func (s *Service) Gone(ctx context.Context, tenant, agent uuid.UUID) error {
	err := s.changePresence(ctx, tenant, agent, func(r *presenceRow) { r.presence, r.reason = Offline, "" })
	return wrap("set presence", err)
}

// Back returns an agent to the presence they had set before their device went (Q2.5), or to that of a call to their extension, and says which. It
// lifts UNREACHABLE, since the device is here, but not NOT_RESPONDING.
func (s *Service) Back(ctx context.Context, tenant, agent uuid.UUID) (p Presence, reason string, err error) {
	err = s.changePresence(ctx, tenant, agent, func(r *presenceRow) {
		r.presence, r.reason = r.lastPresence, r.lastReason
		if r.engaged { // their page was loaded again in a call
			r.presence, r.reason = Busy, engaged
		}
		p, reason = r.presence, r.reason
		if r.barred == Unreachable {
			r.barred = ""
		}
	})
	return p, reason, wrap("return to the last presence", err)
}

type presenceRow struct {
	presence, lastPresence, next   Presence
	reason, lastReason, nextReason string
	barred                         State // "" for none
	away                           bool  // UNREACHABLE until the device is back, which no wish changes
	engaged                        bool  // in a call to their extension
	used                           int
}

// set makes p the presence that somebody wants.
func (r *presenceRow) set(p Presence, reason string) {
	r.presence, r.reason, r.lastPresence, r.lastReason = p, reason, p, reason
	r.next, r.nextReason = "", ""
	if !r.away {
		r.barred = ""
	}
}

func (s *Service) changePresence(ctx context.Context, tenant, agent uuid.UUID, change func(*presenceRow)) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error { return s.changePresenceIn(ctx, tx, tenant, agent, change) })
}

// changePresenceIn is changePresence in a transaction, which may be a worker's.
func (s *Service) changePresenceIn(ctx context.Context, tx *storage.Tx, tenant, agent uuid.UUID, change func(*presenceRow)) error {
	var r presenceRow
	var since time.Time
	err := tx.QueryRow(ctx, `
		SELECT presence, reason, last_presence, last_reason, next_presence, next_reason, barred,
			barred = 'UNREACHABLE' AND barred_until IS NULL, engaged_by IS NOT NULL, used, presence_at FROM queue_agents
		WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, agent).
		Scan(&r.presence, &r.reason, &r.lastPresence, &r.lastReason, &r.next, &r.nextReason, &r.barred, &r.away, &r.engaged, &r.used, &since)
	if err != nil {
		return storage.Missing(err, ErrNoAgent)
	}
	from := r
	change(&r)
	same := from.presence == r.presence && from.reason == r.reason
	word, err := readWord(ctx, tx, tenant, r.presence, r.reason)
	if err != nil {
		return err
	}
	began := since
	if !same {
		began = tx.Now
	}
	_, err = tx.Exec(ctx, `
		UPDATE queue_agents SET presence = $2, reason = $3, last_presence = $4, last_reason = $5, presence_at = $6, barred = $7,
			barred_until = CASE WHEN $7 = '' OR $12 THEN NULL ELSE barred_until END,
			missed = CASE WHEN $7 = '' THEN 0 ELSE missed END, unreached = CASE WHEN $7 = '' THEN 0 ELSE unreached END,
			next_presence = $8, next_reason = $9, presence_until = $10, overrun = CASE WHEN $11 THEN overrun ELSE false END
		WHERE agent_id = $1`, agent, r.presence, r.reason, r.lastPresence, r.lastReason, began, r.barred, r.next, r.nextReason, word.until(began), same, r.away)
	if err != nil {
		return err
	}
	s.wakeAfter(tx, tenant)
	if from.barred != r.barred {
		if err := s.log.AppendFor(ctx, tx, tenant, "agent.state", agent, StateChanged{Agent: agent, From: cmp.Or(from.barred, Idle), State: cmp.Or(r.barred, Idle)}); err != nil {
			return err
		}
	}
	if from.next != r.next || from.nextReason != r.nextReason {
		next := NextPresence{Agent: agent, Presence: r.next, Reason: r.nextReason}
		if err := s.log.AppendFor(ctx, tx, tenant, "agent.next_presence", agent, next); err != nil || same {
			return err
		}
	}
	if same {
		return nil
	}
	return s.log.AppendFor(ctx, tx, tenant, "agent.presence", agent, PresenceChanged{
		Agent: agent, Presence: r.presence, Reason: r.reason, From: from.presence, FromReason: from.reason, Productive: word.Productive, Since: since,
	})
}

// applyNext gives an agent who has nothing any more the presence that they chose for now.
func (s *Service) applyNext(ctx context.Context, tx *storage.Tx, tenant, agent uuid.UUID) error {
	return s.changePresenceIn(ctx, tx, tenant, agent, func(r *presenceRow) {
		if r.used == 0 && r.next != "" {
			r.presence, r.reason, r.lastPresence, r.lastReason = r.next, r.nextReason, r.next, r.nextReason
			r.next, r.nextReason = "", ""
		}
	})
}

// tellOverruns says of whom the longest time of their reason is over, once.
func (d *dispatcher) tellOverruns(ctx context.Context) error {
	err := d.s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH due AS (SELECT agent_id FROM queue_agents WHERE shard = $1 AND presence_until <= $2 AND NOT overrun FOR UPDATE SKIP LOCKED)
			UPDATE queue_agents a SET overrun = true FROM due WHERE a.agent_id = due.agent_id
			RETURNING a.tenant_id, a.agent_id, a.presence, a.reason, a.presence_at, a.presence_until`, d.shard, tx.Now)
		if err != nil {
			return err
		}
		var all []events.Entry
		var tenant uuid.UUID
		var o PresenceOverrun
		if _, err := pgx.ForEachRow(rows, []any{&tenant, &o.Agent, &o.Presence, &o.Reason, &o.Since, &o.Until}, func() error {
			all = append(all, events.Entry{Tenant: tenant, Type: "agent.presence_overrun", Subject: o.Agent, Data: o})
			return nil
		}); err != nil {
			return err
		}
		return d.s.log.AppendAll(ctx, tx, all)
	})
	return wrap("tell of presences that last too long", err)
}

// Word is a tenant's own word for a presence (Q2.1).
type Word struct {
	ID         uuid.UUID `json:"id"`
	Name       string    `json:"name"`
	Presence   Presence  `json:"presence"`
	Colour     string    `json:"colour"`      // "#rrggbb"
	Productive bool      `json:"productive"`  // counts as work in reports
	MaxMinutes int       `json:"max_minutes"` // then it is an overrun; 0: no limit
}

// until is when the longest time of what began then is over; nil: never.
func (w Word) until(began time.Time) *time.Time {
	if w.MaxMinutes == 0 {
		return nil
	}
	t := began.Add(time.Duration(w.MaxMinutes) * time.Minute)
	return &t
}

// readWord returns the tenant's word by which somebody is away or busy. What is none of them is free text: it has no limit, and only
// AVAILABLE counts as work.
func readWord(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, p Presence, reason string) (Word, error) {
	w := Word{Presence: p, Productive: p == Available}
	if reason == "" {
		return w, nil
	}
	err := tx.QueryRow(ctx, `
		SELECT productive, max_minutes FROM queue_presences WHERE tenant_id = $1 AND presence = $2 AND lower(name) = lower($3)`, tenant, p, reason).
		Scan(&w.Productive, &w.MaxMinutes)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return w, err
}

// Errors of presences.
var (
	ErrNoWord    = fault.New(fault.NotFound, "presence_not_found", "There is no such presence.")
	ErrWordTaken = fault.New(fault.Conflict, "presence_name_taken", "There is a presence of this name already.").WithField("name")
)

// Words returns the tenant's own presences, in their order.
func (s *Service) Words(ctx context.Context, tenant uuid.UUID) (ws []Word, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT presence_id, name, presence, colour, productive, max_minutes FROM queue_presences ORDER BY position, lower(name)`)
		if err != nil {
			return err
		}
		ws, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Word, err error) {
			return w, row.Scan(&w.ID, &w.Name, &w.Presence, &w.Colour, &w.Productive, &w.MaxMinutes)
		})
		return err
	})
	return ws, wrap("read presences", err)
}

// PutWord makes a presence, where ID is uuid.Nil, or changes it. Who has it now keeps its name and limit until they set another.
func (s *Service) PutWord(ctx context.Context, tenant uuid.UUID, w Word) (Word, error) {
	if err := w.validate(); err != nil {
		return Word{}, err
	}
	fresh := w.ID == uuid.Nil
	if fresh {
		w.ID = storage.NewID()
	}
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		sql := `UPDATE queue_presences SET name = $3, presence = $4, colour = $5, productive = $6, max_minutes = $7 WHERE presence_id = $1 AND tenant_id = $2`
		if fresh {
			sql = `INSERT INTO queue_presences (presence_id, tenant_id, name, presence, colour, productive, max_minutes, position)
				VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(position), 0) + 1 FROM queue_presences))`
		}
		tag, err := tx.Exec(ctx, sql, w.ID, tx.Tenant, w.Name, w.Presence, w.Colour, w.Productive, w.MaxMinutes)
		switch {
		case storage.Duplicate(err, "queue_presences_name"):
			return ErrWordTaken.Because(err)
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return ErrNoWord
		}
		return s.log.Append(ctx, tx, "queue.changed", w.ID, struct{}{})
	})
	if err != nil {
		return Word{}, fmt.Errorf("store a presence: %w", err)
	}
	return w, nil
}

// DeleteWord removes a presence.
func (s *Service) DeleteWord(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM queue_presences WHERE presence_id = $1`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNoWord
		}
		return s.log.Append(ctx, tx, "queue.changed", id, struct{}{})
	})
	return wrap("remove a presence", err)
}

func (w *Word) validate() error {
	switch {
	case !validName(&w.Name):
		return invalid("name", "A presence needs a name of at most 100 letters.")
	case w.Presence != Available && w.Presence != Away && w.Presence != Busy:
		return invalid("presence", "A presence stands for AVAILABLE, AWAY or BUSY.")
	case !validColour(w.Colour):
		return invalid("colour", "The colour is written #rrggbb.")
	case w.MaxMinutes < 0 || w.MaxMinutes > 1440:
		return invalid("max_minutes", "The longest time is up to 1440 minutes, 0 for no limit.")
	}
	return nil
}
