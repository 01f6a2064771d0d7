// Package calls holds calls from the first INVITE to the call record: one Call with Legs, one goroutine that owns it, the numbers people
// dial and the prompts they hear.
package calls

import (
	"context"

	"github.com/google/uuid"

	"tandem/media"
)

// Direction says who began: Inbound legs called us, Outbound legs are called by us.
type Direction string

// The two directions of a Call and of a Leg.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Leg is one party's connection to a Call: a SIP dialog or a browser session. Its methods never block on the peer except Answer, and may be
// called from any goroutine; the Call's owner is the only one that does.
type Leg interface {
	ID() uuid.UUID
	Direction() Direction
	// Stream is the leg's audio. It exists from the start; packets flow once the leg is answered (or sends early media).
	Stream() *media.Stream
	// Ring tells the caller of an inbound leg that it rings (180).
	Ring() error
	// Answer accepts an inbound leg; it returns once the caller has confirmed (ACK) or the leg has ended.
	Answer(ctx context.Context) error
	// Events tells what happened to the leg, in order. It is closed after Done.
	Events() <-chan LegEvent
	// Hangup ends the leg in whatever state it is (reject, CANCEL, BYE). Idempotent; Done follows.
	Hangup(cause Cause)
	// Done is closed when the leg has ended for whatever reason, and its resources are free.
	Done() <-chan struct{}
	// Cause tells why the leg ended; valid after Done.
	Cause() Cause
}

// LegEvent is something that the far party or its device did. Digits come by the Stream.
type LegEvent string

// Leg events.
const (
	LegRinging   LegEvent = "ringing"    // outbound: the far end rings
	LegEarly     LegEvent = "early"      // outbound: it sends early media
	LegAnswered  LegEvent = "answered"   // outbound: it has answered; media flows
	LegHeld      LegEvent = "held"       // the far party put us on hold
	LegResumed   LegEvent = "resumed"    // and took us back
	LegLost      LegEvent = "lost"       // a browser is gone for now; the leg lives on (V3.4)
	LegBack      LegEvent = "back"       // and has come back, media flows again
	LegAskHold   LegEvent = "ask_hold"   // the agent pressed hold: the other party is to hear music
	LegAskTalk   LegEvent = "ask_talk"   // the agent pressed resume
	LegAskRedact LegEvent = "ask_redact" // the agent pauses the recording (V3.6)
	LegAskRecord LegEvent = "ask_record" // and lets it go on

	LegAskTransfer LegEvent = "ask_transfer" // the agent sends the other party elsewhere, or consults somebody; see Transfer
	LegAskRemove   LegEvent = "ask_remove"   // the agent sends somebody away whom they asked in; see removing
	LegAskJoin     LegEvent = "ask_join"     // whom the agent consults is to talk with the other party too
	LegAskLeave    LegEvent = "ask_leave"    // the agent leaves; those whom they asked in talk on with the other party
)

// Cause is why a leg ended, or why it is to end. sip maps it to and from response codes and Reason headers (RFC 3326).
type Cause string

// Causes.
const (
	CauseNormal      Cause = "normal"          // hung up (BYE)
	CauseCancelled   Cause = "cancelled"       // the caller gave up before the answer, or we withdrew (CANCEL, 487)
	CauseBusy        Cause = "busy"            // 486, 600
	CauseDeclined    Cause = "declined"        // 603, or the agent pressed decline
	CauseNoAnswer    Cause = "no_answer"       // rang to the end (408, 480)
	CauseUnreachable Cause = "unreachable"     // never reached the device (no session, 404, 503, time-out)
	CauseNotFound    Cause = "not_found"       // 404
	CauseForbidden   Cause = "forbidden"       // 403
	CauseNotAccepted Cause = "not_acceptable"  // 488: no common codec
	CauseCapacity    Cause = "over_capacity"   // 503 with Retry-After
	CauseDraining    Cause = "draining"        // 503: this node takes no new calls
	CauseMediaLost   Cause = "media_lost"      // no packets for too long
	CauseSessionTime Cause = "session_expired" // RFC 4028: no refresh came
	CauseElsewhere   Cause = "taken_elsewhere" // another agent was faster (Reason: SIP;cause=200)
	CauseEndedByUs   Cause = "ended_by_us"     // a person with the right to do so ended it
	CauseFailed      Cause = "failed"          // a fault in between (500)
)

// Invite is what an inbound leg's signalling said, already checked: what an untrusted trunk may not say is not in it.
type Invite struct {
	Tenant    uuid.UUID
	Trunk     uuid.UUID // uuid.Nil from a browser or a telephone of the tenant's own
	Agent     uuid.UUID // who calls, by their telephone or page; uuid.Nil: no agent
	Number    string    // what was dialled: the user part, normalised
	Caller    Party
	SignalID  string            // SIP Call-ID, for finding traces; never logged with numbers
	Headers   map[string]string // allow-listed X- headers and User-to-User, by lower-case name
	Reserved  Reserved
	Codec     string // what the caller's leg will speak once answered; "" when not known yet
	Transport string // "udp", "tcp", "tls", "ws", "wss", "browser"
}

// Party is the other end as a telephone network describes it.
type Party struct {
	Number   string `json:"number"` // E.164 with + where it is one, else the user part unchanged; empty when withheld
	Name     string `json:"name"`
	Withheld bool   `json:"withheld"`
}

// Reserved are the three profile flags of V1.6.
type Reserved struct {
	VerifiedCustomer *bool `json:"reserved_verified_customer,omitempty"`
	BadActor         *bool `json:"reserved_bad_actor,omitempty"`
	RepeatCustomer   *bool `json:"reserved_repeat_customer,omitempty"`
}

// Target is whom a Dialer is to reach.
type Target struct {
	Tenant uuid.UUID
	Call   uuid.UUID
	Device string    // "browser", "sip:user@host:port", "phone:8001" (a registered SIP phone), "number:+4930123" (an agent's telephone), "bot:id" (a virtual agent) or "trunk:+4930123" (a telephone number outside)
	Agent  uuid.UUID // the agent whose device it is, uuid.Nil for others
	Offer  uuid.UUID // the queue's offer, uuid.Nil for others
	// AutoAnswer: an agent's browser whose microphone is proven answers by itself.
	AutoAnswer bool
	From       Party  // shown to the callee; a SIP callee gets the number unchanged as From user
	CallerID   string // of "trunk:…": a number of the tenant's that is shown instead of From and of the trunk's; "": none
	Codec      string // preferred, so that packets can pass untranscoded; empty: no preference
	Card       Card   // what an agent's browser shows, and a virtual agent is told
	Ring       Ring   // and how it rings
	// Supervision is what a supervisor's browser joins a call for; nil: it is offered the call.
	Supervision *Supervision
	// TransferredBy is the extension of the telephone that sends the caller there, shown to SIP addresses but not to trunks.
	TransferredBy string
	// Language is what the caller speaks, for virtual agents.
	Language string
}

// Ring is how an agent's browser rings.
type Ring struct {
	Tone         string `json:"tone"`          // a built-in tone, the id of an uploaded one, or empty for silence
	EverySeconds int    `json:"every_seconds"` // again so often until answered or withdrawn; 0: once
}

// Card is what the agent sees of a call from the first ring on.
type Card struct {
	Number    string            `json:"number"` // the number dialled
	Caller    string            `json:"caller"` // caller's number, empty when withheld
	Name      string            `json:"name,omitempty"`
	QueuePath []string          `json:"queue_path"`
	Waited    int               `json:"waited_seconds"`
	RingFor   int               `json:"ring_seconds"`
	Reserved  Reserved          `json:"reserved"`
	Callback  bool              `json:"callback,omitempty"`  // the customer is called once the agent accepts
	Outbound  bool              `json:"outbound,omitempty"`  // the same, of a call that the agent makes or that is made for them
	Extension bool              `json:"extension,omitempty"` // a call from one agent to another, or to an agent's own number
	Data      map[string]string `json:"data,omitempty"`
	Summary   string            `json:"summary,omitempty"` // what a virtual agent says of its talk with the caller

	TransferredBy string `json:"transferred_by,omitempty"` // the agent who sent the caller here
	ConsultedBy   string `json:"consulted_by,omitempty"`   // the agent who has the caller, and asks somebody in
}

// Dialer begins an outbound leg. It returns at once; the leg's events tell how it goes, and an unreachable target is a leg that ends with
// that cause. An error means that nothing was begun.
type Dialer interface {
	Dial(ctx context.Context, to Target) (Leg, error)
}
