package calls

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/media"
	"tandem/media/sound"
)

// Reason is why a call ended, as the call record says it. Exactly one call record with one reason is written for each call.
type Reason string

// Reasons.
const (
	ReasonCallerHungUp   Reason = "caller_hung_up"  // in the talk
	ReasonAgentHungUp    Reason = "agent_hung_up"   // in the talk
	ReasonFarEndHungUp   Reason = "far_end_hung_up" // in the talk with an outside address
	ReasonLeftMenu       Reason = "abandoned_in_menu"
	ReasonLeftQueue      Reason = "abandoned_in_queue"
	ReasonLeftRinging    Reason = "abandoned_while_ringing"
	ReasonLeftWhisper    Reason = "abandoned_in_whisper"
	ReasonLeftCountdown  Reason = "abandoned_in_countdown"
	ReasonLeftDialing    Reason = "abandoned_while_dialing"
	ReasonCompleted      Reason = "completed" // a message was played to its end, or the caller left an echo or music number
	ReasonVoicemail      Reason = "voicemail"
	ReasonBot            Reason = "handled_by_bot" // the virtual agent ended the call, or the caller while talking with it
	ReasonCallback       Reason = "callback"       // the caller hung up to be called back
	ReasonClosed         Reason = "closed"         // out of hours, the message was played
	ReasonNoInput        Reason = "no_input"
	ReasonNotFound       Reason = "unknown_number"
	ReasonOverCapacity   Reason = "over_capacity"
	ReasonDraining       Reason = "draining"
	ReasonBusy           Reason = "busy"
	ReasonNoAnswer       Reason = "no_answer"
	ReasonUnreachable    Reason = "unreachable"
	ReasonAgentAway      Reason = "agent_unreachable" // who was to make the call: their device was not answered
	ReasonDeclined       Reason = "declined"
	ReasonMediaLost      Reason = "media_lost"
	ReasonEndedByPerson  Reason = "ended_by_supervisor"
	ReasonSessionExpired Reason = "session_expired"
	ReasonNodeStopped    Reason = "node_stopped" // the server was stopped, or crashed, during the call
	ReasonFailed         Reason = "failed"
)

// Record is the call record: the row of a call, and the data of the event call.ended.
type Record struct {
	ID            uuid.UUID   `json:"call_id"`
	Tenant        uuid.UUID   `json:"-"`
	Node          string      `json:"-"`
	Direction     Direction   `json:"direction"`
	State         State       `json:"state"`
	StateAt       time.Time   `json:"state_at"` // since when
	Number        string      `json:"number"`
	Caller        Party       `json:"caller"`
	Transport     string      `json:"transport"`
	Language      string      `json:"language,omitempty"` // in which the caller is spoken to
	StartedAt     time.Time   `json:"started_at"`
	AnsweredAt    *time.Time  `json:"answered_at,omitempty"`
	QueuedAt      *time.Time  `json:"queued_at,omitempty"`
	ConnectedAt   *time.Time  `json:"connected_at,omitempty"`
	EndedAt       *time.Time  `json:"ended_at,omitempty"`
	TalkSeconds   float64     `json:"talk_seconds"`
	HeldSeconds   float64     `json:"held_seconds"`
	WaitSeconds   float64     `json:"wait_seconds"` // from joining the queue to the bridge, whisper and countdown included (V2.5)
	Reason        Reason      `json:"reason,omitempty"`
	Queue         *uuid.UUID  `json:"queue_id,omitempty"`
	QueuePath     []string    `json:"queue_path"`
	Menu          *uuid.UUID  `json:"menu_id,omitempty"`           // the node of the tree whose menu the caller heard last
	MadeFor       *uuid.UUID  `json:"made_for_queue_id,omitempty"` // the queue on whose behalf an agent made the call
	Agent         *uuid.UUID  `json:"agent_id,omitempty"`
	AgentName     string      `json:"agent_name,omitempty"`
	TakenOverBy   *uuid.UUID  `json:"taken_over_by,omitempty"` // the supervisor who talked on in the agent's place
	TakenOverName string      `json:"taken_over_name,omitempty"`
	Offer         *uuid.UUID  `json:"offer_id,omitempty"`
	Recording     *uuid.UUID  `json:"recording_id,omitempty"`
	Redactions    []Redaction `json:"redactions,omitempty"`
	Ticket        bool        `json:"crm_ticket"`                // the queue asks for a ticket in the CRM
	HoldForChoice bool        `json:"hold_for_choice,omitempty"` // the CRM is told only when the agent has chosen a record, or the wrap-up is over
	Reserved      Reserved    `json:"reserved"`
	Headers       Headers     `json:"data,omitempty"`
	Bot           *uuid.UUID  `json:"bot_id,omitempty"` // the virtual agent that had the call
	BotSeconds    float64     `json:"bot_seconds,omitempty"`
	Summary       string      `json:"summary,omitempty"` // what the virtual agent says of the talk
	Legs          []LegRecord `json:"legs"`

	Deflected []DeflectionRecord `json:"deflected,omitempty"`                                         // where the queues sent the caller, in order
	Transfers []TransferRecord   `json:"transfers,omitempty"`                                         // where agents sent them, or tried to, in order
	Voicemail *VoicemailRecord   `json:"voicemail,omitempty"`                                         // the message they left
	Answerer  sound.AMDResult    `json:"answered_by,omitempty" enum:"human,machine,no_speech,unsure"` // of a call that an agent made
	BeepAt    *time.Time         `json:"beep_at,omitempty"`                                           // the beep of an answering machine was heard: it records what is said from then on
	Callback  *uuid.UUID         `json:"callback_id,omitempty"`                                       // that they asked for, or that this call is
}

// Serving are the agents who have the call or for whom it rings now.
func (r *Record) Serving() (agents []uuid.UUID) {
	for i := range r.Legs {
		if l := &r.Legs[i]; l.Party == "agent" && l.Agent != nil && l.EndedAt == nil {
			agents = append(agents, *l.Agent)
		}
	}
	return agents
}

// clone is a record that keeps what the call's owner changes in place.
func (r Record) clone() Record {
	r.Legs, r.Redactions, r.Deflected, r.Transfers = slices.Clone(r.Legs), slices.Clone(r.Redactions), slices.Clone(r.Deflected), slices.Clone(r.Transfers)
	if m := r.Voicemail; m != nil {
		r.Voicemail = new(*m)
	}
	return r
}

// DeflectionRecord is a queue that sent the caller elsewhere.
type DeflectionRecord struct {
	Kind  DeflectionKind `json:"kind"`
	Why   DeflectionWhy  `json:"why"`
	Queue *uuid.UUID     `json:"queue_id,omitempty"`
	At    time.Time      `json:"at"`
}

// VoicemailRecord is a message that a caller left.
type VoicemailRecord struct {
	Agent   *uuid.UUID    `json:"agent_id,omitempty"` // whose box it is; nil: the queue's
	Why     DeflectionWhy `json:"why"`
	Number  string        `json:"number,omitempty"` // that they typed, because their own is withheld
	LeftAt  time.Time     `json:"left_at"`
	Seconds float64       `json:"seconds"`
}

// Headers are the data that arrived with the call (V1.6).
type Headers map[string]string

// LegRecord is one leg of the call record.
type LegRecord struct {
	ID         uuid.UUID     `json:"id"`
	Direction  Direction     `json:"direction"`
	Party      string        `json:"party"` // "customer", "agent", "bot", "far_end", or "supervisor" for one who was heard
	Agent      *uuid.UUID    `json:"agent_id,omitempty"`
	Device     string        `json:"device,omitempty"` // "browser", "sip", "phone", "number", "bot"
	StartedAt  time.Time     `json:"started_at"`
	AnsweredAt *time.Time    `json:"answered_at,omitempty"`
	EndedAt    *time.Time    `json:"ended_at,omitempty"`
	Cause      Cause         `json:"cause,omitempty"`
	Codec      string        `json:"codec,omitempty"`
	Quality    media.Quality `json:"quality"`
}

// abandonment is the reason when the caller leaves in a state.
func abandonment(s State) Reason {
	switch s {
	case StateMenu:
		return ReasonLeftMenu
	case StateWaiting:
		return ReasonLeftQueue
	case StateOffering:
		return ReasonLeftRinging
	case StateWhisper:
		return ReasonLeftWhisper
	case StateCountdown:
		return ReasonLeftCountdown
	case StateDialing, StateNew:
		return ReasonLeftDialing
	case StatePlaying:
		return ReasonCompleted
	case StateBot:
		return ReasonBot
	default:
		return ReasonCallerHungUp
	}
}

// legReason is the reason when a leg ended by itself for another cause than hanging up.
func legReason(c Cause, hungUp Reason) Reason {
	switch c {
	case CauseMediaLost:
		return ReasonMediaLost
	case CauseSessionTime:
		return ReasonSessionExpired
	case CauseFailed:
		return ReasonFailed
	default:
		return hungUp
	}
}

// result is the label of tandem_calls_total: few values, so that the metric stays small.
func (r Reason) result() string {
	switch r {
	case ReasonCallerHungUp, ReasonAgentHungUp, ReasonFarEndHungUp:
		return "answered"
	case ReasonLeftMenu, ReasonLeftQueue, ReasonLeftRinging, ReasonLeftWhisper, ReasonLeftCountdown, ReasonLeftDialing:
		return "abandoned"
	case ReasonCompleted, ReasonVoicemail, ReasonCallback, ReasonBot, ReasonClosed, ReasonNoInput:
		return "handled_by_machine"
	case ReasonNotFound, ReasonOverCapacity, ReasonDraining:
		return "refused"
	default:
		return "failed"
	}
}
