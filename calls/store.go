package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// The errors of this package that people see.
var (
	ErrCallNotFound     = fault.New(fault.NotFound, "call_not_found", "There is no such call.")
	ErrNumberNotFound   = fault.New(fault.NotFound, "number_not_found", "There is no such number.")
	ErrNumberTaken      = fault.New(fault.Conflict, "number_taken", "That number already leads somewhere; change or delete it first.").WithField("number")
	ErrPromptTaken      = fault.New(fault.Conflict, "prompt_name_taken", "A prompt of that name exists; choose another name.").WithField("name")
	ErrPromptTranslated = fault.New(fault.Conflict, "prompt_translated", "That prompt has a translation into this language; delete it first.").WithField("language")
	ErrPromptInUse      = fault.New(fault.Conflict, "prompt_in_use", "A number plays this prompt; point the number elsewhere first.")
)

func upsertCall(b *pgx.Batch, r *Record, body []byte) {
	b.Queue(`
		INSERT INTO calls (call_id, tenant_id, node, state, direction, started_at, connected_at, ended_at, queue_id, agent_id, number, caller, reason, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (call_id) DO UPDATE SET state = excluded.state, connected_at = excluded.connected_at, ended_at = excluded.ended_at,
			queue_id = excluded.queue_id, agent_id = excluded.agent_id, caller = excluded.caller, reason = excluded.reason, record = excluded.record`,
		r.ID, r.Tenant, r.Node, r.State, r.Direction, r.StartedAt, r.ConnectedAt, r.EndedAt, r.Queue, r.Agent, r.Number, r.Caller.Number, r.Reason, body)
}

// CallRow is a call with what was written after it ended.
type CallRow struct {
	Record
	Disposition string `json:"disposition"`
	Notes       string `json:"notes"`
	// Supervisors are those who supervise a live call; only for those who may monitor calls.
	Supervisors []Supervision `json:"supervisors,omitempty"`
}

// Filter narrows a list of calls. Zero values do not narrow.
type Filter struct {
	Live   bool    // not ended
	States []State // in one of these
	Agents []uuid.UUID
	Queues []uuid.UUID // with Agents: calls of these agents or in these queues; both nil: all
	Agent  uuid.UUID
	Queue  uuid.UUID
	Reason Reason
	Text   string // part of the caller's number
	Before uuid.UUID
	Limit  int
}

const callColumns = `record, disposition, notes`

func scanCall(row pgx.CollectableRow) (CallRow, error) {
	var c CallRow
	var body []byte
	if err := row.Scan(&body, &c.Disposition, &c.Notes); err != nil {
		return c, err
	}
	return c, json.Unmarshal(body, &c.Record)
}

// List returns calls, the newest first. Ids are in order of time, so Before pages on.
func (s *Switchboard) List(ctx context.Context, tenant uuid.UUID, f Filter) ([]CallRow, error) {
	var found []CallRow
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+callColumns+` FROM calls
			WHERE ($1::uuid[] IS NULL AND $7::uuid[] IS NULL OR agent_id = ANY($1) OR queue_id = ANY($7)) AND ($2::uuid IS NULL OR queue_id = $2)
			  AND ($3 = '' OR strpos(caller, $3) > 0) AND ($4::uuid IS NULL OR call_id < $4) AND (NOT $5 OR ended_at IS NULL)
			  AND ($8::text[] IS NULL OR state = ANY($8)) AND ($9::uuid IS NULL OR agent_id = $9) AND ($10 = '' OR reason = $10)
			ORDER BY call_id DESC LIMIT $6`,
			f.Agents, storage.Nullable(f.Queue), f.Text, storage.Nullable(f.Before), f.Live, f.Limit, f.Queues, f.States, storage.Nullable(f.Agent), f.Reason)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanCall)
		return err
	})
	return found, err
}

// Get returns one call: one that lives on this node as it is at this moment, even before its row is written, any other as it was written last.
func (s *Switchboard) Get(ctx context.Context, tenant, id uuid.UUID) (CallRow, error) {
	row, err := s.stored(ctx, tenant, id)
	if err != nil && !errors.Is(err, ErrCallNotFound) || row.EndedAt != nil {
		return row, err
	}
	if now, ok := s.present(ctx, tenant, id); ok {
		row.Record, err = now, nil
	}
	return row, err
}

func (s *Switchboard) stored(ctx context.Context, tenant, id uuid.UUID) (CallRow, error) {
	var c CallRow
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+callColumns+` FROM calls WHERE call_id = $1`, id)
		if err != nil {
			return err
		}
		c, err = pgx.CollectExactlyOneRow(rows, scanCall)
		return storage.Missing(err, ErrCallNotFound)
	})
	return c, err
}

// WrapUp is the data of the event call.wrapped_up.
type WrapUp struct {
	Call        uuid.UUID `json:"call_id"`
	Disposition string    `json:"disposition"`
	Notes       string    `json:"notes"`
}

// WriteNotes stores what the agent wrote about a call that was theirs.
func (s *Switchboard) WriteNotes(ctx context.Context, tenant, agent uuid.UUID, w WrapUp) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE calls SET disposition = $3, notes = $4 WHERE call_id = $1 AND agent_id = $2`, w.Call, agent, w.Disposition, w.Notes)
		if err != nil {
			return fmt.Errorf("write the notes of a call: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrCallNotFound
		}
		return s.log.Append(ctx, tx, "call.wrapped_up", w.Call, w)
	})
}

// endLost ends the records of calls that an earlier run of this node left open: it crashed.
func (s *Switchboard) endLost(ctx context.Context) (int, error) {
	n := 0
	err := s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id, record FROM calls WHERE node = $1 AND ended_at IS NULL FOR UPDATE`, s.cfg.Node)
		if err != nil {
			return err
		}
		type open struct {
			tenant uuid.UUID
			body   []byte
		}
		lost, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o open, err error) { return o, row.Scan(&o.tenant, &o.body) })
		if err != nil {
			return err
		}
		seen, err := nodeSeen(ctx, tx, s.cfg.Node)
		if err != nil {
			return err
		}
		for _, o := range lost {
			if err := s.closeLost(ctx, tx, o.tenant, s.cfg.Node, seen, o.body); err != nil {
				return err
			}
		}
		n = len(lost)
		return nil
	})
	return n, err
}

// nodeSeen is when a node was seen last; zero: never.
func nodeSeen(ctx context.Context, tx *storage.Tx, node string) (at time.Time, err error) {
	err = tx.QueryRow(ctx, `SELECT seen_at FROM call_nodes WHERE node = $1`, node).Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, fmt.Errorf("read when a node was seen last: %w", err)
	}
	return at, nil
}

// closeLost ends the record of a call that nobody holds any more, at the moment when its node was seen last.
func (s *Switchboard) closeLost(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, node string, seen time.Time, body []byte) error {
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("read a call record: %w", err)
	}
	r.Tenant, r.Node = tenant, node
	r.lose(seen)
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	rows := &pgx.Batch{}
	upsertCall(rows, &r, body)
	if err := tx.SendBatch(ctx, rows).Close(); err != nil {
		return fmt.Errorf("write a lost call's record: %w", err)
	}
	if err := deliverVoicemail(ctx, tx, s.log, &r); err != nil {
		return err
	}
	return s.log.AppendFor(ctx, tx, r.Tenant, "call.ended", r.ID, r)
}

// lose ends the record of a call whose node has gone, which was seen last at some moment: the call lasted until then, or until the last thing that is
// known of it.
func (r *Record) lose(at time.Time) {
	later := func(t *time.Time) {
		if t != nil && t.After(at) {
			at = *t
		}
	}
	later(&r.StateAt)
	for i := range r.Legs {
		l := &r.Legs[i]
		later(&l.StartedAt)
		later(l.AnsweredAt)
		later(l.EndedAt)
	}
	if r.State == StateHeld {
		r.HeldSeconds += at.Sub(r.StateAt).Seconds()
	}
	for i := range r.Transfers {
		if r.Transfers[i].Result == "" {
			r.Transfers[i].Result = string(CauseCancelled)
		}
	}
	r.close(at, ReasonNodeStopped)
}

// close sets the end of a record.
func (r *Record) close(at time.Time, why Reason) {
	r.State, r.Reason, r.EndedAt = StateEnded, why, &at
	if r.ConnectedAt != nil && r.TalkSeconds == 0 {
		r.TalkSeconds = at.Sub(*r.ConnectedAt).Seconds()
	}
	if r.QueuedAt != nil && r.ConnectedAt == nil {
		r.WaitSeconds = at.Sub(*r.QueuedAt).Seconds()
	}
	for i := range r.Legs {
		if r.Legs[i].EndedAt == nil {
			r.Legs[i].EndedAt = &at
		}
	}
}
