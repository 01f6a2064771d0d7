package calls

import (
	"context"
	"slices"
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
	// Engage keeps an agent for a call to their extension, and says where to ring them. A cause: they cannot have it.
	Engage(ctx context.Context, tenant, agent uuid.UUID) (Offer, Cause, error)
	// Disengage says that a call for which Engage kept an agent is over for them.
	Disengage(ctx context.Context, tenant, agent uuid.UUID) error
	// Dial reserves an agent for a call that they make on a queue's behalf (V3.5): they have time for nothing else meanwhile.
	Dial(ctx context.Context, tenant uuid.UUID, d Dialling) (Dialled, error)
}

// Dialling is a call that an agent is to make.
type Dialling struct {
	Call   uuid.UUID
	Queue  uuid.UUID
	Agent  uuid.UUID
	Number string
	Key    string // under which the same call may be asked for again; "": it never is
}

// Dialled is an agent reserved for a call of theirs.
type Dialled struct {
	Call  uuid.UUID // another one than was asked for where the key had made it before; there is no place and no offer then
	Place Place
	Offer Offer
}

// ErrOfferGone is Report's answer when the offer has ended meanwhile: another call may have the agent by now.
var ErrOfferGone = fault.New(fault.Conflict, "offer_gone", "This offer has ended.")

// Joining is a call that joins a queue.
type Joining struct {
	Call   uuid.UUID
	Caller string
	Since  *time.Time // an earlier place that is kept; nil: the end of the queue, or the place that the caller had until they hung up just now
	// Channel and Language are those of Plan: what happens instead may depend on them.
	Channel  Channel
	Language string
	// Callback: nobody is on the line, and the place is kept also while no node holds it. Call is then the callback's id.
	Callback bool
	Priority int
}

// Place is a call's place in a queue. The place stays the caller's own until Leave, also while agents are tried.
type Place interface {
	// Offers yields an agent whom the dispatcher has reserved for this call, or several at once; the next comes after Report of the last.
	Offers() <-chan Offer
	// Standing is how the call stands now.
	Standing(ctx context.Context) (Standing, error)
	// Report tells what became of an offer. It moves the agent's routing state. ErrOfferGone: the agent is not this call's any more.
	Report(ctx context.Context, offer uuid.UUID, step AgentStep) error
	// HandTo reserves another agent for a call that an agent has, whichever queues they serve; the first one's offer goes on until it is ended.
	// An error means that the agent cannot take it.
	HandTo(ctx context.Context, agent uuid.UUID, ringFor time.Duration) (Offer, error)
	// HandToQueue is HandTo for the agent of a queue who has been free for longest.
	HandToQueue(ctx context.Context, queue uuid.UUID, ringFor time.Duration) (Offer, error)
	// Leave gives the place up.
	Leave(ctx context.Context, why Leaving) error
}

// Leaving is why a call leaves its queue.
type Leaving string

// Reasons to leave.
const (
	LeavesHandled   Leaving = "handled"   // an agent took it
	LeavesAbandoned Leaving = "abandoned" // the caller hung up, or was cut off
	LeavesEnded     Leaving = "ended"     // somebody else ended the call, or the server stopped
	LeavesDeflected Leaving = "deflected" // the queue sends it elsewhere, or calls back
	LeavesHeld      Leaving = "held"      // a callback whose node stops: the place is kept for another
)

// Standing is how a waiting call stands. Ask for it at least every StandingEvery: that is how rules for those who wait already come to act.
type Standing struct {
	Position int            // 1 is the next in turn
	Wait     *time.Duration // estimated; nil: nobody can tell
	Instead  *Deflection    // what the queue does with the call now instead of letting it wait on; nil: it waits
}

// StandingEvery is how often a waiting call asks how it stands, whether or not it has something to announce.
const StandingEvery = 10 * time.Second

// Announcements is what those who wait hear besides the music (Q3.7). The parts are played in order; the music, wherever it stands among them,
// plays for Every. After the last part they begin again, without the greeting, Max times (0: for ever); then the music stays.
type Announcements struct {
	Order []Announcement // the music is in it at least once
	Every time.Duration
	Max   int
}

// Announcement is one part of them.
type Announcement struct {
	Kind AnnouncementKind
	Say  Say // of a prompt and of the greeting; nothing: left out
}

// AnnouncementKind is what a part says.
type AnnouncementKind string

// The parts of announcements. A position or a wait that nobody can tell is left out.
const (
	AnnounceGreeting AnnouncementKind = "greeting"
	AnnouncePosition AnnouncementKind = "position"
	AnnounceWait     AnnouncementKind = "estimated_wait"
	AnnouncePrompt   AnnouncementKind = "prompt"
	AnnounceMusic    AnnouncementKind = "music"
)

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
	// AutoAnswer says that the agent's device is to answer by itself (V2.6).
	AutoAnswer bool
	// With are offers made at the same time to other agents: all ring, and the first to accept has the call. Report says who it was.
	With []Offer
}

// answersItself says whether any of the devices that ring for the offer does (V2.6).
func (o Offer) answersItself() bool {
	return o.AutoAnswer || slices.ContainsFunc(o.With, Offer.answersItself)
}

// AgentStep is what became of an offer.
type AgentStep string

// The steps of an offer, in order; those after AgentRinging that are no progress give the place back to the queue.
const (
	AgentRinging     AgentStep = "alerting"
	AgentAccepted    AgentStep = "accepted"    // whisper and countdown follow
	AgentTalking     AgentStep = "interacting" // the bridge opens; also the acceptance, where nothing comes between
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
	Queue         uuid.UUID
	Path          []string    // names from the root down
	CallerID      string      // a number of the tenant's that customers see who are called; "": the trunk's
	Detect        bool        // whether a person or a machine answers the calls that agents make
	Instead       *Deflection // what happens instead of waiting: the queue is closed, full, or has nobody; nil: the call waits
	Sayings       []Say       // all that its announcements and deflections may say, to be made ahead
	Language      string
	Music         Say // nothing: the built-in hold music
	Announcements Announcements
	Ring          Ring // of agents' browsers
	Whisper       Whisper
	Countdown     bool
	Record        bool
	Consent       bool // recorded unless the caller presses 1
	// RedactLimit is how long an agent may pause the recording at a time.
	RedactLimit time.Duration
	Box         Box           // of voicemail
	Callback    CallbackOffer // made to those who wait
	Ticket      bool
	// HoldForChoice lets the CRM be told only when the agent has chosen a record, or the wrap-up is over.
	HoldForChoice bool
	Bot           *Bot // the virtual agent that takes the call first, as the hours are now; nil: none
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

// Box is a voicemail box: a queue's, or an agent's (V6.1). What it does not say, default sentences do.
type Box struct {
	Agent       uuid.UUID // uuid.Nil: the queue's
	Greeting    Say       // before the tone
	AskNumber   bool      // callers whose number is withheld are asked for one
	Withheld    Say       // "your number is withheld"
	EnterNumber Say       // "please enter your number"
	Accepted    Say       // "number accepted"
	Max         time.Duration
}

// CallbackOffer is what those who wait are told of callbacks (V6.2).
type CallbackOffer struct {
	Key   rune          // asks for one; 0: none is offered
	After time.Duration // of waiting, before it is announced; the key works at once
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
	BecausePaused DeflectionWhy = "paused" // the queue takes nobody new
	BecauseAsked  DeflectionWhy = "asked"  // the caller pressed a key
)

// Menu is one level of the tree of choices.
type Menu struct {
	Queue      uuid.UUID
	Language   string
	Prompt     Say // nothing: the choices are read out
	Choices    []Choice
	Languages  []MenuLanguage // asked for first; none: the menu's own
	Wait       time.Duration  // for a key, after the prompt
	MaxSilent  int            // so many silences, or
	MaxInvalid int            // so many wrong keys, and the caller gets
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
	// Redact records silence from both sides, whoever they are, until it is switched off. It returns the time in the recording.
	Redact(on bool) time.Duration
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

// Callbacks is what calls need of the callbacks that the queues keep.
type Callbacks interface {
	// Request keeps a caller's place, so that they may hang up. One who has asked already keeps the earlier place.
	Request(ctx context.Context, tenant uuid.UUID, r CallbackRequest) (uuid.UUID, error)
	// Claim makes this node the one that holds callbacks which are due and held by none, at most n of them.
	Claim(ctx context.Context, n int) ([]Callback, error)
	// Renew says that this node still holds callbacks, and returns those that are not its own any more.
	Renew(ctx context.Context, held []Callback) (gone []uuid.UUID, err error)
	// Report tells how a callback goes. ErrCallbackGone: it is not this node's any more, or was cancelled.
	Report(ctx context.Context, c Callback, step CallbackStep, call uuid.UUID) error
}

// ErrCallbackGone is the answer to acting on a callback that was cancelled, or that another node holds.
var ErrCallbackGone = fault.New(fault.Conflict, "callback_gone", "This callback has been cancelled or is being made elsewhere.")

// CallbackRequest is a caller who is to be called back.
type CallbackRequest struct {
	Call     uuid.UUID // which they hang up now
	Queue    uuid.UUID
	Number   string
	Name     string
	Language string
	Since    time.Time // their place
}

// Callback is a callback that this node holds.
type Callback struct {
	ID       uuid.UUID
	Tenant   uuid.UUID
	Queue    uuid.UUID
	Number   string
	Name     string
	Language string
	Priority int
	Since    time.Time
	Attempt  int // 1 is the first
	RingFor  time.Duration
	Epoch    int64
}

// CallbackStep is how a callback goes.
type CallbackStep string

// The steps of a callback.
const (
	CallbackReady     CallbackStep = "ready"     // the caller has hung up: their line is free
	CallbackDialing   CallbackStep = "dialing"   // an agent has accepted, the customer is rung
	CallbackConnected CallbackStep = "connected" // they talk: it is done
	CallbackMissed    CallbackStep = "missed"    // the customer did not answer
	CallbackReleased  CallbackStep = "released"  // nothing came of it; any node may go on
)
