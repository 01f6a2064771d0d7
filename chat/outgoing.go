package chat

import (
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Author is who wrote a message.
type Author string

// Authors.
const (
	ByCustomer Author = "customer"
	ByAgent    Author = "agent"
	ByBot      Author = "bot"
	BySystem   Author = "system" // greetings, after-hours texts
	ByApp      Author = "app"    // sent for us elsewhere: the platform's own inbox, a telephone
)

// Outgoing is a message to send: a text, a file, or one of the pointers; a file may carry Text as its caption. It fits the channel's limits.
type Outgoing struct {
	ID     uuid.UUID // the same for each attempt: the retry key, where the platform has one
	Doubt  bool      // an earlier attempt may have been taken
	To     Person
	Kind   Kind
	Text   string
	Media  *OutgoingMedia
	Body   Body
	Quote  string // the platform's id of the message that is answered
	Author Author
	Name   string // of the agent, where the platform shows it
	// Tag is what the window needs: "HUMAN_AGENT".
	Tag        string
	QuoteToken string
	Reply      string // token for a free answer; the same for each attempt
	ReplyUntil time.Time
	// React, Edit and Unsend name the platform's id of the message that they change; Text is the emoji ("": taken back) or the new text.
	React, Edit, Unsend string
}

// OutgoingMedia is a file that goes out. It has the platform's size and type.
type OutgoingMedia struct {
	Kind        MediaKind
	Name        string
	ContentType string
	Bytes       int64
	Seconds     float64
	Voice       bool
	Open        func() (io.ReadCloser, error)
	URL         string // signed, on our PublicURL, where Traits.ByURL
	Link        bool   // the channel does not take such a file: its URL goes as text
	Preview     string // of a picture or video: a JPEG of at most 1 MB, where Traits.ByURL
}

// Sent is what a platform answers.
type Sent struct {
	ID         string // "": it gives none
	Status     Status // StatusSent, unless it says that it has only queued the message
	QuoteToken string
	Segments   int  // SMS
	Pushed     bool // counted against a quota of pushes (LINE)
}

// Signal is a sign of life to the customer.
type Signal struct {
	To        Person
	Kind      SignalKind
	Message   string // the platform's id of the last message of the customer
	ReadToken string
	LastAt    time.Time // when the customer last wrote
}

// SignalKind is what a Signal says.
type SignalKind string

// Signals.
const (
	SignalTyping SignalKind = "typing"
	SignalQuiet  SignalKind = "quiet" // typing has ended
	SignalRead   SignalKind = "read"
)

// Verdict is what to do after a failed send.
type Verdict string

// Verdicts.
const (
	VerdictRetry       Verdict = "retry"          // the platform's trouble: again, with back-off
	VerdictDoubt       Verdict = "doubt"          // nobody knows whether it was sent: again only where a retry key makes that safe
	VerdictThrottled   Verdict = "throttled"      // the whole account is to slow down
	VerdictPair        Verdict = "pair_throttled" // only this customer's messages
	VerdictWindow      Verdict = "window_closed"
	VerdictUnreachable Verdict = "unreachable" // blocked, unknown, gone: their messages fail until they come back
	VerdictOptedOut    Verdict = "opted_out"   // consent is off
	VerdictRejected    Verdict = "rejected"    // this message will never be taken
	VerdictQuota       Verdict = "quota"       // nothing more this month or day
	VerdictReauthorise Verdict = "needs_reauthorisation"
	VerdictPaused      Verdict = "account_paused" // locked, unpaid, restricted: nothing goes until an administrator has seen to it
)

// SendError is a failed send, as the platform explains it.
type SendError struct {
	Verdict Verdict
	Code    string        // the platform's, "131047" or "10/2018278"
	Detail  string        // the platform's words, for people
	After   time.Duration // the platform's wish, 0: none
	Err     error         // of the transport
}

// Error implements error. The platform's words are not part of it: they may quote the message.
func (e *SendError) Error() string {
	s := string(e.Verdict)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the transport's error.
func (e *SendError) Unwrap() error { return e.Err }

// Media is an opened file; the caller closes Body.
type Media struct {
	Body        io.ReadCloser
	Name        string
	ContentType string
	Bytes       int64 // 0: not told
}

// Errors of media.
var (
	ErrMediaLater    = errors.New("the platform has not got the file ready yet")
	ErrMediaGone     = fault.New(fault.NotFound, "media_gone", "The platform no longer has this file.")
	ErrMediaTooLarge = fault.New(fault.TooLarge, "media_too_large", "The file is larger than the platform gives out.")
)
