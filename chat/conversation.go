package chat

import (
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/queues"
)

// Conversation is all that a customer and we say to each other on one account, until it is closed (IN-1), as agents see it.
type Conversation struct {
	ID      uuid.UUID      `json:"id"`
	Channel queues.Channel `json:"channel"`
	Account AccountRef     `json:"account"`
	Contact uuid.UUID      `json:"contact_id"`
	Person  Person         `json:"person"`
	State   State          `json:"state"`

	OwnerKind OwnerKind  `json:"owner_kind"`
	Owner     *uuid.UUID `json:"owner_id,omitempty"`
	OwnerName string     `json:"owner_name,omitempty"`
	Queue     *uuid.UUID `json:"queue_id,omitempty"`
	QueuePath []string   `json:"queue_path"`
	// Waiting says since when it waits in its queue; missing when it does not. OfferedTo are the agents it rings at.
	Waiting   *time.Time  `json:"waiting_since,omitempty"`
	Opens     *time.Time  `json:"opens_at,omitempty"` // the queue is closed; it waits from then on
	OfferedTo []uuid.UUID `json:"offered_to,omitempty"`
	Priority  int         `json:"priority"`
	Language  string      `json:"language"`

	Collaborators []uuid.UUID `json:"collaborators"`
	MentionUntil  *time.Time  `json:"mention_until,omitempty"` // the asking user may read it until then, because of a mention

	LastAt        time.Time `json:"last_at"`
	LastText      string    `json:"last_text"`
	LastDirection Direction `json:"last_direction"`
	Unread        int       `json:"unread"`     // messages that the asking user has not read
	Unanswered    int       `json:"unanswered"` // messages of the customer since the last answer
	Rev           int64     `json:"rev"`        // grows with each change of its messages

	SnoozedUntil *time.Time        `json:"snoozed_until,omitempty"`
	Ticket       *uuid.UUID        `json:"ticket_id,omitempty"`
	OpenedAt     time.Time         `json:"opened_at"`
	CreatedAt    time.Time         `json:"created_at"`
	ClosedAt     *time.Time        `json:"closed_at,omitempty"`
	CloseReason  CloseReason       `json:"close_reason,omitempty"`
	Disposition  string            `json:"disposition,omitempty"`
	FirstReplyAt *time.Time        `json:"first_reply_at,omitempty"`
	Reachable    bool              `json:"reachable"`
	Composer     *Composer         `json:"composer,omitempty"` // in the answer about one conversation only
	Reserved     calls.Reserved    `json:"reserved"`
	Data         map[string]string `json:"data,omitempty"`
}

// AccountRef names an account.
type AccountRef struct {
	ID    uuid.UUID    `json:"id"`
	Name  string       `json:"name"`
	Label string       `json:"label"`
	State AccountState `json:"state"`
}

// State of a conversation.
type State string

// States. A customer's message opens a snoozed or closed one again.
const (
	Open    State = "open"
	Snoozed State = "snoozed"
	Closed  State = "closed"
)

// OwnerKind is who answers: nobody yet, a virtual agent, or a human; never two.
type OwnerKind string

// Owners.
const (
	NoOwner    OwnerKind = "none"
	BotOwner   OwnerKind = "bot"
	HumanOwner OwnerKind = "human"
)

// CloseReason says why a conversation ended.
type CloseReason string

// Reasons.
const (
	ClosedByAgent        CloseReason = "agent"        // an agent closed it
	ClosedBySupervisor   CloseReason = "ended"        // somebody with the right to end others' conversations did
	ClosedByCustomer     CloseReason = "customer"     // the customer left the widget's conversation
	ClosedAgentSilent    CloseReason = "agent_silent" // no answer for too long
	ClosedCustomerSilent CloseReason = "customer_silent"
	ClosedNeverWrote     CloseReason = "never_wrote" // the customer opened it and said nothing
	ClosedMerged         CloseReason = "merged"      // its messages are part of another one now
)

// Direction of a message.
type Direction string

// Directions.
const (
	In       Direction = "in"
	Out      Direction = "out"
	Internal Direction = "internal" // notes, and what happened to the conversation
)

// Message is one message of a conversation, as agents see it.
type Message struct {
	ID           uuid.UUID    `json:"id"`
	Conversation uuid.UUID    `json:"conversation_id"`
	Seq          int64        `json:"seq"` // in its conversation, as they came
	Rev          int64        `json:"rev"` // of its last change
	At           time.Time    `json:"at"`
	Direction    Direction    `json:"direction"`
	Author       Author       `json:"author"`
	AuthorID     *uuid.UUID   `json:"author_id,omitempty"`
	AuthorName   string       `json:"author_name,omitempty"`
	Kind         Kind         `json:"kind"`
	Text         string       `json:"text"`
	Body         Body         `json:"body"`
	Attachments  []Attachment `json:"attachments"`
	Quote        *Quoted      `json:"quote,omitempty"`
	Album        string       `json:"album,omitempty"`
	Status       Status       `json:"status,omitempty"` // of those that went out
	StatusAt     *time.Time   `json:"status_at,omitempty"`
	Error        *Failure     `json:"error,omitempty"`
	Reactions    []Reacted    `json:"reactions,omitempty"`
	EditedAt     *time.Time   `json:"edited_at,omitempty"`
	UnsentAt     *time.Time   `json:"unsent_at,omitempty"` // its text and files are gone, unless the tenant keeps them
	Mentions     []uuid.UUID  `json:"mentions,omitempty"`
	Client       *uuid.UUID   `json:"client_id,omitempty"`
}

// Attachment is a file of a message.
type Attachment struct {
	ID          uuid.UUID `json:"id"`
	Kind        MediaKind `json:"kind"`
	Name        string    `json:"name"`
	ContentType string    `json:"content_type"`
	Bytes       int64     `json:"bytes"`
	Width       int       `json:"width,omitempty"`
	Height      int       `json:"height,omitempty"`
	Seconds     float64   `json:"seconds,omitempty"`
	Voice       bool      `json:"voice,omitempty"`
	State       string    `json:"state"` // pending, stored, failed, too_large, gone
	Preview     bool      `json:"preview,omitempty"`
}

// Quoted is the message that another one answers.
type Quoted struct {
	ID     *uuid.UUID `json:"id,omitempty"` // missing: we have not got it
	Text   string     `json:"text"`
	Author Author     `json:"author,omitempty"`
}

// Reacted is a reaction to a message.
type Reacted struct {
	Ours  bool   `json:"ours"`
	Emoji string `json:"emoji"`
}

// Failure is why a message was not delivered.
type Failure struct {
	Verdict Verdict `json:"verdict"`
	Code    string  `json:"code,omitempty"`
	Detail  string  `json:"detail,omitempty"` // the platform's words
}

// Composer says what can be written now (CH-3).
type Composer struct {
	Open   bool       `json:"open"`             // free text goes
	Why    Verdict    `json:"why,omitempty"`    // it does not: window_closed, opted_out, unreachable, quota, needs_reauthorisation, account_paused
	Until  *time.Time `json:"until,omitempty"`  // the window's end
	Left   *int       `json:"left,omitempty"`   // messages that may still be sent in it
	Tag    string     `json:"tag,omitempty"`    // that a message of an agent will carry
	Offers []string   `json:"offers,omitempty"` // what still works: "template", "tag", "push"
	Quota  *Quota     `json:"quota,omitempty"`  // of the account
	Traits Traits     `json:"traits"`
}

// Quota is how much of an allowance is used.
type Quota struct {
	Name  string `json:"name"` // "unique_recipients", "pushes"
	Used  int    `json:"used"`
	Limit int    `json:"limit"` // 0: none
}

// Errors of conversations.
var (
	ErrNoConversation = fault.New(fault.NotFound, "conversation_not_found", "There is no such conversation.")
	ErrNoMessage      = fault.New(fault.NotFound, "message_not_found", "There is no such message.")
	ErrClosed         = fault.New(fault.Conflict, "conversation_closed", "This conversation is closed; reopen it first.")
	ErrCannotTake     = fault.New(fault.Conflict, "cannot_take", "Go available first; if you are, you have no capacity left: close or hand on something.")
	ErrNotOwner       = fault.New(fault.Conflict, "conversation_not_yours", "This conversation belongs to somebody else; take it first.")
)
