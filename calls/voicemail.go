package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// VoicemailState is how far a message has got.
type VoicemailState string

// The states of a message.
const (
	MailUnread   VoicemailState = "unread"
	MailRead     VoicemailState = "read"     // somebody has listened to it
	MailAssigned VoicemailState = "assigned" // somebody sees to it
	MailDone     VoicemailState = "done"
)

// MailStep is what somebody does with a message.
type MailStep string

// The steps.
const (
	MailListen MailStep = "listen"
	MailAssign MailStep = "assign"
	MailGive   MailStep = "release" // back to everybody
	MailFinish MailStep = "finish"
	MailReopen MailStep = "reopen"
)

var mailSteps = map[VoicemailState]map[MailStep]VoicemailState{
	MailUnread:   {MailListen: MailRead, MailAssign: MailAssigned, MailFinish: MailDone},
	MailRead:     {MailListen: MailRead, MailAssign: MailAssigned, MailFinish: MailDone},
	MailAssigned: {MailListen: MailAssigned, MailAssign: MailAssigned, MailGive: MailRead, MailFinish: MailDone},
	MailDone:     {MailListen: MailDone, MailReopen: MailRead},
}

// Next is the state after a step; ErrMailStep says that the step cannot be taken there.
func (s VoicemailState) Next(step MailStep) (VoicemailState, error) {
	if to, ok := mailSteps[s][step]; ok {
		return to, nil
	}
	return s, ErrMailStep
}

// Errors of voicemail that people see.
var (
	ErrVoicemailNotFound = fault.New(fault.NotFound, "voicemail_not_found", "There is no such message.")
	ErrMailStep          = fault.New(fault.Conflict, "voicemail_step", "The message does not allow this now: somebody else was quicker.")
)

// Voicemail is a message that a caller left, for the agents of a queue or for one agent (V6.1). Its id is that of the call.
type Voicemail struct {
	ID        uuid.UUID      `json:"id" db:"voicemail_id"`
	Call      uuid.UUID      `json:"call_id" db:"call_id"`
	Recording uuid.UUID      `json:"recording_id" db:"recording_id"`
	Queue     *uuid.UUID     `json:"queue_id,omitempty" db:"queue_id"`
	Agent     *uuid.UUID     `json:"agent_id,omitempty" db:"agent_id"` // whose own box it is
	Number    string         `json:"number" db:"number"`               // at which they can be reached
	Name      string         `json:"name" db:"name"`
	Withheld  bool           `json:"withheld" db:"withheld"` // the number, if any, was typed
	Why       DeflectionWhy  `json:"why" db:"why"`
	Seconds   float64        `json:"seconds" db:"seconds"`
	LeftAt    time.Time      `json:"left_at" db:"left_at"`
	State     VoicemailState `json:"state" db:"state"`
	Assigned  *uuid.UUID     `json:"assigned_to,omitempty" db:"assigned_to"`
	ChangedAt time.Time      `json:"changed_at" db:"changed_at"`
	ChangedBy *uuid.UUID     `json:"changed_by,omitempty" db:"changed_by"`
}

const voicemailColumns = `voicemail_id, voicemail_id AS call_id, recording_id, queue_id, agent_id, number, name, withheld, why, seconds, left_at, state,
	assigned_to, changed_at, changed_by`

// MailEvent is the data of voicemail.* events: nothing personal.
type MailEvent struct {
	Voicemail uuid.UUID      `json:"voicemail"`
	Queue     *uuid.UUID     `json:"queue,omitempty"`
	Agent     *uuid.UUID     `json:"agent,omitempty"`
	Why       DeflectionWhy  `json:"why"`
	State     VoicemailState `json:"state"`
	Seconds   float64        `json:"seconds"`
}

// Voicemails are the messages of all boxes.
type Voicemails struct {
	db  *storage.DB
	log *events.Log
}

// NewVoicemails returns the boxes.
func NewVoicemails(db *storage.DB, log *events.Log) *Voicemails { return &Voicemails{db: db, log: log} }

// deliverVoicemail puts the message of a call that has ended into its box, in the transaction of the call's record.
func deliverVoicemail(ctx context.Context, tx *storage.Tx, log *events.Log, r *Record) error {
	m := r.Voicemail
	if m == nil || r.Recording == nil {
		return nil
	}
	number, withheld := r.Caller.Number, r.Caller.Withheld || !callable.MatchString(r.Caller.Number)
	switch {
	case m.Number != "":
		number, withheld = m.Number, true
	case r.Caller.Withheld:
		number = ""
	}
	queue := r.Queue
	if m.Agent != nil {
		queue = nil
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO voicemails (voicemail_id, tenant_id, recording_id, queue_id, agent_id, number, name, withheld, why, seconds, left_at, state, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'unread', $12) ON CONFLICT DO NOTHING`,
		r.ID, r.Tenant, *r.Recording, queue, m.Agent, number, nameUnless(r.Caller), withheld, m.Why, m.Seconds, m.LeftAt, tx.Now)
	if err != nil {
		return fmt.Errorf("deliver a voicemail: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil // the journal writes twice when it does not know whether it wrote
	}
	return log.AppendFor(ctx, tx, r.Tenant, "voicemail.left", r.ID, MailEvent{r.ID, queue, m.Agent, m.Why, MailUnread, m.Seconds})
}

func nameUnless(p Party) string {
	if p.Withheld {
		return ""
	}
	return p.Name
}

// MailFilter narrows a list of messages; zero values do not narrow.
type MailFilter struct {
	Queues []uuid.UUID // with Agents: of these queues and of these agents' boxes; both nil: all
	Agents []uuid.UUID
	Queue  uuid.UUID
	States []VoicemailState
	Before uuid.UUID
	Limit  int
}

// List returns messages, the newest first.
func (v *Voicemails) List(ctx context.Context, tenant uuid.UUID, f MailFilter) (found []Voicemail, err error) {
	err = v.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+voicemailColumns+` FROM voicemails
			WHERE ($1::uuid[] IS NULL AND $2::uuid[] IS NULL OR queue_id = ANY ($1) OR agent_id = ANY ($2)) AND ($3::uuid IS NULL OR queue_id = $3)
				AND ($4::text[] IS NULL OR state = ANY ($4)) AND ($5::uuid IS NULL OR voicemail_id < $5)
			ORDER BY voicemail_id DESC LIMIT $6`, f.Queues, f.Agents, storage.Nullable(f.Queue), f.States, storage.Nullable(f.Before), f.Limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[Voicemail])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list voicemails: %w", err)
	}
	return found, nil
}

// Get returns one message.
func (v *Voicemails) Get(ctx context.Context, tenant, id uuid.UUID) (m Voicemail, err error) {
	err = v.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		m, err = readVoicemail(ctx, tx, id, "")
		return err
	})
	return m, err
}

func readVoicemail(ctx context.Context, tx *storage.Tx, id uuid.UUID, lock string) (Voicemail, error) {
	rows, err := tx.Query(ctx, `SELECT `+voicemailColumns+` FROM voicemails WHERE voicemail_id = $1 `+lock, id)
	if err != nil {
		return Voicemail{}, fmt.Errorf("read a voicemail: %w", err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Voicemail])
	return m, storage.Missing(err, ErrVoicemailNotFound)
}

// Step moves a message on. by is who does it; to whom it is assigned is meant by MailAssign alone.
func (v *Voicemails) Step(ctx context.Context, tenant, id uuid.UUID, step MailStep, by, to uuid.UUID) (m Voicemail, err error) {
	err = v.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if m, err = readVoicemail(ctx, tx, id, "FOR UPDATE"); err != nil {
			return err
		}
		was := m
		if m.State, err = m.State.Next(step); err != nil {
			return err
		}
		switch step {
		case MailAssign:
			m.Assigned = &to
		case MailGive, MailReopen:
			m.Assigned = nil
		default:
		}
		if was.State == m.State && step != MailAssign {
			return nil
		}
		m.ChangedAt, m.ChangedBy = tx.Now, storage.Nullable(by)
		_, err = tx.Exec(ctx, `UPDATE voicemails SET state = $2, assigned_to = $3, changed_at = $4, changed_by = $5 WHERE voicemail_id = $1`,
			id, m.State, m.Assigned, m.ChangedAt, m.ChangedBy)
		if err != nil {
			return fmt.Errorf("change a voicemail: %w", err)
		}
		return v.log.Append(ctx, tx, "voicemail.changed", id, MailEvent{id, m.Queue, m.Agent, m.Why, m.State, m.Seconds})
	})
	return m, err
}

// AgentBox is an agent's own voicemail box. What it does not say, default sentences do.
type AgentBox struct {
	Language    string    `json:"language,omitempty" enum:"en,zh"`
	Greeting    string    `json:"greeting,omitempty" maxLength:"2000" doc:"a text to speak"`
	Prompt      uuid.UUID `json:"prompt,omitzero" doc:"a recording instead of the text"`
	AskNumber   bool      `json:"ask_number" doc:"callers whose number is withheld are asked for one"`
	WithheldSay string    `json:"withheld,omitempty" maxLength:"500"`
	EnterSay    string    `json:"enter_number,omitempty" maxLength:"500"`
	AcceptedSay string    `json:"accepted,omitempty" maxLength:"500"`
	MaxSeconds  int       `json:"max_seconds,omitempty" minimum:"0" maximum:"3600"`
}

func (b AgentBox) box(agent uuid.UUID) Box {
	return Box{
		Agent: agent, Greeting: Say{Prompt: b.Prompt, Text: b.Greeting}, AskNumber: b.AskNumber, Withheld: Say{Text: b.WithheldSay},
		EnterNumber: Say{Text: b.EnterSay}, Accepted: Say{Text: b.AcceptedSay}, Max: time.Duration(b.MaxSeconds) * time.Second,
	}
}

// Box returns an agent's box; one that was never set up says default sentences.
func (v *Voicemails) Box(ctx context.Context, tenant, agent uuid.UUID) (b AgentBox, err error) {
	err = v.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var body []byte
		err := tx.QueryRow(ctx, `SELECT box FROM voicemail_boxes WHERE agent_id = $1`, agent).Scan(&body)
		if errors.Is(err, pgx.ErrNoRows) {
			b = AgentBox{AskNumber: true}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a voicemail box: %w", err)
		}
		return json.Unmarshal(body, &b)
	})
	return b, err
}

// PutBox sets an agent's box up.
func (v *Voicemails) PutBox(ctx context.Context, tenant, agent uuid.UUID, b AgentBox) error {
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encode a voicemail box: %w", err)
	}
	return v.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO voicemail_boxes (agent_id, tenant_id, box, changed_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (agent_id) DO UPDATE SET box = excluded.box, changed_at = excluded.changed_at WHERE voicemail_boxes.tenant_id = excluded.tenant_id`,
			agent, tenant, body, tx.Now)
		if err != nil {
			return fmt.Errorf("write a voicemail box: %w", err)
		}
		return v.log.Append(ctx, tx, "voicemail_box.changed", agent, struct{}{})
	})
}
