package calls

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/media"
)

// What calls need of their neighbours on the same level; cmd/tandem joins them.

// Queues is what a call needs of the queues.
type Queues interface {
	// Plan is what is to happen with a call in a queue now. language is what the caller chose, "" for the tenant's own.
	Plan(ctx context.Context, tenant, queue uuid.UUID, channel Channel, language string) (Plan, error)
	// Menu is the menu whose root is a queue (V1.2).
	Menu(ctx context.Context, tenant, root uuid.UUID) (Menu, error)
	// Join makes the call wait, or says what happens instead because the queue is full by now.
	Join(ctx context.Context, tenant, queue uuid.UUID, who Joining) (Place, *Deflection, error)
}

// ErrOfferGone is Report's answer when the offer has ended meanwhile: another call may have the agent by now.
var ErrOfferGone = fault.New(fault.Conflict, "offer_gone", "This offer has ended.")

// Joining is a call that joins a queue.
type Joining struct {
	Call   uuid.UUID
	Caller string
	Since  *time.Time // an earlier place that is kept; nil: the end of the queue
}

// Place is a call's place in a queue. The place stays the caller's own until Leave, also while agents are tried.
type Place interface {
	// Offers yields an agent whom the dispatcher has reserved for this call; the next comes after Report of the last.
	Offers() <-chan Offer
	// Standing is how the call stands now.
	Standing(ctx context.Context) (Standing, error)
	// Report tells what became of an offer. It moves the agent's routing state. ErrOfferGone: the agent is not this call's any more.
	Report(ctx context.Context, offer uuid.UUID, step AgentStep) error
	// Leave gives the place up; handled says whether an agent took the call.
	Leave(ctx context.Context, handled bool) error
}

// Standing is how a waiting call stands.
type Standing struct {
	Position int            // 1 is the next in turn
	Wait     *time.Duration // estimated; nil: nobody can tell
	Instead  *Deflection    // what the queue does with the call now instead of letting it wait on; nil: it waits
}

// Channel is how a caller reached us, as far as queues tell them apart (Q1.1, Q4.2).
type Channel string

// The channels of calls.
const (
	ChannelIVR    Channel = "ivr"    // the telephone network
	ChannelWeb    Channel = "web"    // a web page
	ChannelMobile Channel = "mobile" // a mobile app
)

// Offer is an agent reserved for the call.
type Offer struct {
	ID        uuid.UUID
	Agent     uuid.UUID
	AgentName string
	Device    string // see Target.Device
	RingFor   time.Duration
}

// AgentStep is what became of an offer.
type AgentStep string

// The steps of an offer, in order; those after AgentRinging that are no progress give the place back to the queue.
const (
	AgentRinging     AgentStep = "alerting"
	AgentAccepted    AgentStep = "accepted"    // whisper and countdown follow
	AgentTalking     AgentStep = "interacting" // the bridge is open
	AgentHolding     AgentStep = "held"
	AgentResumed     AgentStep = "resumed"
	AgentLost        AgentStep = "lost" // the browser is gone for now
	AgentBack        AgentStep = "back"
	AgentEnded       AgentStep = "ended"       // the talk is over: wrap-up
	AgentDeclined    AgentStep = "declined"    // pressed decline
	AgentMissed      AgentStep = "missed"      // let it ring
	AgentUnreachable AgentStep = "unreachable" // the device was never reached
	AgentLeft        AgentStep = "left"        // hung up in whisper or countdown, or was lost for good
	AgentWithdrawn   AgentStep = "withdrawn"   // the caller left first
)

// Plan is the effective settings of a queue for one call.
type Plan struct {
	Queue     uuid.UUID
	Path      []string    // names from the root down
	Instead   *Deflection // what happens instead of waiting: the queue is closed, full, or has nobody; nil: the call waits
	Sayings   []Say       // all that its deflections may say, to be made ahead
	Language  string
	Greeting  Say           // nothing: none
	Music     Say           // nothing: the built-in hold music
	Announce  time.Duration // position announcement every so often, 0: never
	Whisper   Whisper
	Countdown bool
	Record    bool
	Consent   bool // recorded unless the caller presses 1
	Ticket    bool
}

// Say is something to be said: a prompt, else a text to speak, else nothing.
type Say struct {
	Prompt uuid.UUID
	Text   string
}

// IsZero says that there is nothing to say.
func (s Say) IsZero() bool { return s == Say{} }

// Whisper is what the agent hears before the bridge opens (V2.3); nothing: no whisper.
type Whisper struct {
	Say
	Speed float64 // of a text
}

// Deflection is what a caller meets instead of waiting (Q3.6, Q4.3).
type Deflection struct {
	Kind    DeflectionKind
	Why     DeflectionWhy
	Message Say       // said first, whatever the kind; nothing: a default sentence for messages and voicemail
	Queue   uuid.UUID // of ToQueue
	Number  string    // of ToNumber
}

// DeflectionKind is where a deflected caller goes.
type DeflectionKind string

// Where deflected callers go.
const (
	ToMessage   DeflectionKind = "message" // and hang up
	ToVoicemail DeflectionKind = "voicemail"
	ToQueue     DeflectionKind = "queue"    // another one, which may deflect in turn
	ToNumber    DeflectionKind = "number"   // a telephone number outside
	ToCallback  DeflectionKind = "callback" // they are called back at their turn
)

// DeflectionWhy is why a caller is deflected.
type DeflectionWhy string

// Why callers are deflected.
const (
	BecauseClosed DeflectionWhy = "after_hours"
	BecauseFull   DeflectionWhy = "over_capacity"
	BecauseEmpty  DeflectionWhy = "no_agents"
	BecauseAsked  DeflectionWhy = "asked" // the caller pressed a key
)

// Menu is one level of the tree of choices.
type Menu struct {
	Queue      uuid.UUID
	Language   string
	Prompt     Say // nothing: the choices are read out
	Choices    []Choice
	Wait       time.Duration // for a key, after the prompt
	MaxSilent  int           // so many silences, or
	MaxInvalid int           // so many wrong keys, and the caller gets
	Final      MenuAction
	FinalQueue uuid.UUID
	Zero       MenuAction
	ZeroQueue  uuid.UUID
}

// Choice is a key of a menu.
type Choice struct {
	Key     rune
	Name    string
	Queue   uuid.UUID
	SubMenu bool // it has choices of its own
	Message Say  // not nothing: it is played, and the menu follows again
}

// MenuAction is what a menu does with key 0, and with callers who choose nothing (V1.2).
type MenuAction string

// The menu actions.
const (
	MenuNothing   MenuAction = "nothing"
	MenuUp        MenuAction = "up"
	MenuFirst     MenuAction = "first"
	MenuLast      MenuAction = "last"
	MenuQueue     MenuAction = "queue"
	MenuVoicemail MenuAction = "voicemail"
	MenuHangUp    MenuAction = "hang_up"
)

// Recording is what a call needs of the recorder.
type Recording interface {
	Start(ctx context.Context, r NewTape) (Tape, error)
}

// NewTape says what is to be recorded.
type NewTape struct {
	Tenant    uuid.UUID
	Call      uuid.UUID
	Queue     uuid.UUID // uuid.Nil: none
	Voicemail bool
	Customer  *media.Stream // heard from the first instant of Start, however long it takes
	Agent     *media.Stream // nil for a voicemail
}

// Tape is a running recording. A tape that fails never harms the call.
type Tape interface {
	ID() uuid.UUID
	// Hear records what a side says from now on; Unhear records silence.
	Hear(side Side, s *media.Stream)
	Unhear(side Side)
	// Stop seals the recording.
	Stop(ctx context.Context) error
}

// Side is a channel of the stereo recording.
type Side int

// The sides: customer left, agents right.
const (
	SideCustomer Side = iota
	SideAgent
)
