package webhooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crm"
	"tandem/internal/events"
	"tandem/queues"
	"tandem/recording"
)

// Message is the body of every delivery. Fields are added to it and to the data, never taken away or given another meaning; receivers pass
// over what they do not know.
type Message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it happened
	Data      any       `json:"data"`
}

// Call is the data of call.started, call.queued, call.connected and call.ended. Caller, CallerName and Summary are for endpoints that may be told
// of persons.
type Call struct {
	ID          uuid.UUID       `json:"call_id"`
	Direction   calls.Direction `json:"direction"`
	State       calls.State     `json:"state"`
	Queue       *uuid.UUID      `json:"queue_id,omitempty"`
	QueuePath   []string        `json:"queue_path,omitempty"`
	Agent       *uuid.UUID      `json:"agent_id,omitempty"`
	Recording   *uuid.UUID      `json:"recording_id,omitempty"`
	Callback    *uuid.UUID      `json:"callback_id,omitempty"`
	StartedAt   time.Time       `json:"started_at"`
	AnsweredAt  *time.Time      `json:"answered_at,omitempty"`
	ConnectedAt *time.Time      `json:"connected_at,omitempty"`
	EndedAt     *time.Time      `json:"ended_at,omitempty"`
	WaitSeconds float64         `json:"wait_seconds"`
	TalkSeconds float64         `json:"talk_seconds"`
	HeldSeconds float64         `json:"held_seconds"`
	Reason      calls.Reason    `json:"reason,omitempty"` // why it ended
	Voicemail   bool            `json:"voicemail,omitempty"`
	Number      string          `json:"number,omitempty"` // dialled; of calls to customers only where Caller is
	Caller      string          `json:"caller,omitempty"` // E.164 where it is known; empty when withheld
	CallerName  string          `json:"caller_name,omitempty"`
	Summary     string          `json:"summary,omitempty"` // of a virtual agent
}

// WrapUp is the data of call.wrapped_up. Notes are for endpoints that may be told of persons.
type WrapUp struct {
	Call        uuid.UUID `json:"call_id"`
	Disposition string    `json:"disposition"`
	Notes       string    `json:"notes,omitempty"`
}

// Voicemail is the data of voicemail.left.
type Voicemail struct {
	Call    uuid.UUID  `json:"call_id"` // and the id of the message
	Queue   *uuid.UUID `json:"queue_id,omitempty"`
	Agent   *uuid.UUID `json:"agent_id,omitempty"`
	Seconds float64    `json:"seconds"`
}

// Recording is the data of the events of recordings.
type Recording struct {
	ID         uuid.UUID      `json:"recording_id"`
	Call       uuid.UUID      `json:"call_id"`
	Kind       recording.Kind `json:"kind"`
	Seconds    float64        `json:"seconds,omitempty"`
	Parts      int            `json:"parts,omitempty"`
	Days       int            `json:"days,omitempty"` // that it has waited (recording.delayed)
	Truncated  bool           `json:"truncated,omitempty"`
	Incomplete bool           `json:"incomplete,omitempty"`
	Reason     string         `json:"reason,omitempty"`
}

// Ticket is the data of the events of tickets.
type Ticket struct {
	ID     uuid.UUID  `json:"ticket_id"`
	Number int64      `json:"number"`
	Status crm.Status `json:"status"`
	Change string     `json:"change,omitempty"` // what of it: fields, note, attachment, call, contact, escalated, merged, rated
}

// TicketPromise is the data of ticket.sla_at_risk and ticket.sla_breached.
type TicketPromise struct {
	Ticket
	Kind  crm.ClockKind `json:"kind"` // what was promised: response, resolution
	DueAt time.Time     `json:"due_at"`
}

// Conversation is the data of the events of conversations; what was written is for those who ask the API.
type Conversation struct {
	ID        uuid.UUID      `json:"conversation_id"`
	Channel   queues.Channel `json:"channel"`
	State     string         `json:"state"`
	Contact   uuid.UUID      `json:"contact_id,omitzero"`
	Queue     uuid.UUID      `json:"queue_id,omitzero"`
	Agent     uuid.UUID      `json:"agent_id,omitzero"`
	Message   uuid.UUID      `json:"message_id,omitzero"`
	Direction string         `json:"direction,omitempty"`
	Change    string         `json:"change,omitempty"`
	Reason    string         `json:"reason,omitempty"` // why it was closed
}

// Rating is the data of conversation.rated.
type Rating struct {
	Conversation uuid.UUID `json:"conversation_id"`
	Score        int       `json:"score"` // 1 to 5
}

// Presence is the data of agent.presence: what agents say of themselves.
type Presence struct {
	Agent    uuid.UUID       `json:"agent_id"`
	Presence queues.Presence `json:"presence"`
	Reason   string          `json:"reason,omitempty"`
	From     queues.Presence `json:"from"`
	Since    time.Time       `json:"since"` // when From began
}

// AgentState is the data of agent.state: what the dispatcher says of agents.
type AgentState struct {
	Agent uuid.UUID    `json:"agent_id"`
	State queues.State `json:"state"`
	From  queues.State `json:"from"`
	Item  uuid.UUID    `json:"item_id,omitzero"` // the call or conversation
	Queue uuid.UUID    `json:"queue_id,omitzero"`
	Since time.Time    `json:"since,omitzero"` // when From began
}

// Ping is the data of webhook.ping.
type Ping struct {
	Endpoint uuid.UUID `json:"endpoint_id"`
}

// TypePing is the event that the test button sends; every endpoint gets it.
const TypePing = "webhook.ping"

// makers turn events of the log into what receivers are promised; personal says whether they may be told of persons.
var makers = map[string]func(e events.Event, personal bool) (any, error){
	"call.started": call, "call.queued": call, "call.connected": call, "call.ended": call,
	"call.wrapped_up": wrapUp, "voicemail.left": voicemail,
	"recording.started": ofRecording, "recording.sealed": ofRecording, "recording.delivered": ofRecording, "recording.delayed": ofRecording,
	"recording.expired": ofRecording, "recording.failed": ofRecording,
	"ticket.created": ticket, "ticket.changed": ticket, "ticket.sla_at_risk": promise, "ticket.sla_breached": promise,
	"conversation.message": conversation, "conversation.changed": conversation, "conversation.closed": conversation, "conversation.rated": rating,
	"agent.presence": presence, "agent.state": agentState,
}

// Types are the events that endpoints can ask for, in alphabetical order.
func Types() []string {
	all := make([]string, 0, len(makers))
	for typ := range makers {
		all = append(all, typ)
	}
	slices.Sort(all)
	return all
}

// body is an event as it is signed and sent.
func body(e events.Event, personal bool) ([]byte, error) {
	data, err := makers[e.Type](e, personal)
	if err != nil {
		return nil, fmt.Errorf("read event %s: %w", e.Type, err)
	}
	return encode(Message{Type: e.Type, Timestamp: e.At.UTC(), Data: data})
}

func encode(m Message) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", m.Type, err)
	}
	return b, nil
}

func read[T any](e events.Event) (v T, err error) { return v, json.Unmarshal(e.Data, &v) }

func call(e events.Event, personal bool) (any, error) {
	r, err := read[calls.Record](e)
	c := Call{
		ID: e.Subject, Direction: r.Direction, State: r.State, Queue: r.Queue, QueuePath: r.QueuePath, Agent: r.Agent, Recording: r.Recording, Callback: r.Callback,
		StartedAt: r.StartedAt, AnsweredAt: r.AnsweredAt, ConnectedAt: r.ConnectedAt, EndedAt: r.EndedAt,
		WaitSeconds: r.WaitSeconds, TalkSeconds: r.TalkSeconds, HeldSeconds: r.HeldSeconds, Reason: r.Reason, Voicemail: r.Voicemail != nil,
	}
	if personal || r.Direction == calls.Inbound {
		c.Number = r.Number
	}
	if personal {
		c.Summary = r.Summary
	}
	if personal && !r.Caller.Withheld {
		c.Caller, c.CallerName = r.Caller.Number, r.Caller.Name
	}
	return c, err
}

func wrapUp(e events.Event, personal bool) (any, error) {
	w, err := read[calls.WrapUp](e)
	if !personal {
		w.Notes = ""
	}
	return WrapUp(w), err
}

func voicemail(e events.Event, _ bool) (any, error) {
	m, err := read[calls.MailEvent](e)
	return Voicemail{Call: m.Voicemail, Queue: m.Queue, Agent: m.Agent, Seconds: m.Seconds}, err
}

func ofRecording(e events.Event, _ bool) (any, error) {
	r, err := read[recording.Event](e)
	return Recording{
		ID: r.Recording, Call: r.Call, Kind: r.Kind, Seconds: r.Seconds, Parts: r.Parts, Days: r.Days, Truncated: r.Truncated, Incomplete: r.Incomplete, Reason: r.Reason,
	}, err
}

func ticket(e events.Event, _ bool) (any, error) {
	t, err := read[crm.TicketEvent](e)
	return Ticket{ID: t.Ticket, Number: t.Number, Status: t.Status, Change: t.Change}, err
}

func promise(e events.Event, _ bool) (any, error) {
	p, err := read[crm.SLAEvent](e)
	return TicketPromise{Ticket: Ticket{ID: p.Ticket, Number: p.Number, Status: p.Status}, Kind: p.Kind, DueAt: p.DueAt}, err
}

func conversation(e events.Event, _ bool) (any, error) {
	t, err := read[struct {
		Channel   queues.Channel `json:"channel"`
		State     string         `json:"state"`
		Contact   uuid.UUID      `json:"contact"`
		Queue     uuid.UUID      `json:"queue"`
		Agent     uuid.UUID      `json:"agent"`
		Message   uuid.UUID      `json:"message"`
		Direction string         `json:"direction"`
		What      string         `json:"what"`
		Reason    string         `json:"reason"`
	}](e)
	return Conversation{
		ID: e.Subject, Channel: t.Channel, State: t.State, Contact: t.Contact, Queue: t.Queue, Agent: t.Agent, Message: t.Message, Direction: t.Direction, Change: t.What, Reason: t.Reason,
	}, err
}

func rating(e events.Event, _ bool) (any, error) {
	r, err := read[struct {
		Score int `json:"score"`
	}](e)
	return Rating{Conversation: e.Subject, Score: r.Score}, err
}

func presence(e events.Event, _ bool) (any, error) {
	p, err := read[queues.PresenceChanged](e)
	return Presence{Agent: p.Agent, Presence: p.Presence, Reason: p.Reason, From: p.From, Since: p.Since}, err
}

func agentState(e events.Event, _ bool) (any, error) {
	c, err := read[queues.StateChanged](e)
	return AgentState{Agent: c.Agent, State: c.State, From: c.From, Item: c.Item, Queue: c.Queue, Since: c.Since}, err
}
