// Package recording keeps calls from their first sample until a CRM has them: captured by wall clock from taps, written encrypted,
// cut into parts, uploaded in order, confirmed by reading back, and destroyed. What is not delivered in seven days is destroyed as well.
package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/media"
	"tandem/media/sound"
)

// Kind says what was recorded.
type Kind string

// The kinds. A call is stereo, customer left and agents right; a voicemail is the customer alone, mono.
const (
	KindCall      Kind = "call"
	KindVoicemail Kind = "voicemail"
)

// Side is a channel of the file.
type Side int

// The sides.
const (
	Customer Side = iota // left
	Agent                // right
)

// NewRecording says what Start is to record. Kind may be empty: a call. Streams given here are heard from the moment Start is called, while
// its row and file are still being made; a side without one is silent until Hear.
type NewRecording struct {
	Tenant   uuid.UUID
	Call     uuid.UUID
	Queue    uuid.UUID // uuid.Nil: none
	Kind     Kind
	Customer *media.Stream
	Agent    *media.Stream
}

// Part is one file as the CRM receives it.
type Part struct {
	Tenant      uuid.UUID
	Recording   uuid.UUID
	Call        uuid.UUID
	Kind        Kind
	Ticket      string // as LinkTicket was told
	Number      int    // 1 is the first
	Of          int    // how many there are
	Name        string // rec_<id>_p<k>_<sha256-12>.wav; the same at every attempt
	ContentType string
	Size        int64 // bytes, header included
	SHA256      [32]byte
	StartedAt   time.Time // of the recording
	Truncated   bool      // the recording lacks its last second or more
}

// Confirmation is a CRM's word that it has stored a part.
type Confirmation struct {
	ID string // the CRM's id of the attachment, empty when it gives none
}

// Attachment is what a CRM says it holds. Size is negative when it does not tell.
type Attachment struct {
	ID   string
	Name string
	Size int64
	At   time.Time
}

// Limits is what a tenant's CRM allows.
type Limits struct {
	MaxSize   int64         // largest attachment in bytes, 0: none known
	Settle    time.Duration // how long a new attachment may be missing from the list
	PerMinute int           // requests with a file that it takes in a minute, 0: not known

	Idempotent bool // what is sent twice under the same key is stored once
	Lists      bool // it tells what it holds. With neither, a part may arrive twice: at least once
	Deletes    bool // surplus attachments can be removed
}

// Destination is where recordings go: each tenant's CRM. Errors are *SendError where the reason is known; any other one leaves open
// whether the part has arrived.
type Destination interface {
	// Limits returns what the tenant's CRM allows.
	Limits(ctx context.Context, tenant uuid.UUID) (Limits, error)
	// Attach puts a part on its ticket. It reads audio to its end, p.Size bytes, or fails.
	Attach(ctx context.Context, p Part, audio io.Reader) (Confirmation, error)
	// Find lists the attachments of the part's ticket that bear the part's name, oldest first.
	Find(ctx context.Context, p Part) ([]Attachment, error)
	// Remove deletes a surplus or damaged attachment; ErrCannotRemove where the CRM does not let us.
	Remove(ctx context.Context, p Part, a Attachment) error
}

// ErrCannotRemove is Remove's answer for a CRM that deletes nothing.
var ErrCannotRemove = errors.New("the CRM does not delete attachments")

// Class sorts failures by what to do about them (spec R6.3).
type Class string

// The classes.
const (
	ClassRetry        Class = "retry"        // certainly not stored; try again later
	ClassDoubt        Class = "doubt"        // may have been stored: look first
	ClassThrottled    Class = "throttled"    // the CRM asks for a pause (429, quota): the whole tenant waits
	ClassUnauthorized Class = "unauthorized" // credentials are refused (401, 403): the tenant waits, one try an hour
	ClassGone         Class = "gone"         // the ticket is gone (404, 410)
	ClassTooLarge     Class = "too_large"    // 413: cut smaller while nothing is confirmed
	ClassRejected     Class = "rejected"     // 400, 422: trying again is of no use
)

// SendError is a failure that a Destination understands. RetryAfter is what the CRM asked for, 0 if nothing.
type SendError struct {
	Class      Class
	RetryAfter time.Duration
	Err        error
}

func (e *SendError) Error() string { return string(e.Class) + ": " + e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// Errors for people.
var (
	ErrNotFound = fault.New(fault.NotFound, "recording_not_found", "There is no such recording.")
	ErrSpool    = fault.New(fault.Unavailable, "recording_spool", "The recording cannot be written; check the disk of this node.")
	ErrClosed   = fault.New(fault.Unavailable, "recording_stopped", "This node is shutting down and records no more calls.")
)

// Event is the data of recording.* events; Subject is the recording. It holds nothing personal.
type Event struct {
	Recording  uuid.UUID `json:"recording_id"`
	Call       uuid.UUID `json:"call_id"`
	Kind       Kind      `json:"kind"`
	Seconds    float64   `json:"seconds,omitempty"`
	Parts      int       `json:"parts,omitempty"`
	Days       int       `json:"days,omitempty"`
	Truncated  bool      `json:"truncated,omitempty"`
	Incomplete bool      `json:"incomplete,omitempty"`
	Reason     string    `json:"reason,omitempty"`
}

// row is a line of the table recordings.
type row struct {
	Tenant       uuid.UUID  `db:"tenant_id"`
	ID           uuid.UUID  `db:"recording_id"`
	Kind         Kind       `db:"kind"`
	Call         uuid.UUID  `db:"call_id"`
	Node         string     `db:"node"`
	State        State      `db:"state"`
	DayShare     []byte     `db:"wrapped_key"`
	CRMShare     []byte     `db:"crm_share"`
	CRMKey       *uuid.UUID `db:"crm_key_id"`
	Encoding     int        `db:"encoding"`
	Rate         int        `db:"rate"`
	Channels     int        `db:"channels"`
	Payload      int64      `db:"payload"`
	StartedAt    time.Time  `db:"started_at"`
	Deadline     time.Time  `db:"deadline"`
	Truncated    bool       `db:"truncated"`
	Incomplete   bool       `db:"incomplete"`
	IncompleteAt *int64     `db:"incomplete_at"`
	Ticket       *string    `db:"ticket"`
	PartLimit    int64      `db:"part_limit"`
	Warned       int        `db:"warned"`
	CopiedWhole  bool       `db:"copied_whole"`
	ErasedAt     *time.Time `db:"erased_at"`
}

const rowColumns = `tenant_id, recording_id, kind, call_id, node, state, wrapped_key, crm_share, crm_key_id, encoding, rate, channels, payload, started_at, deadline, truncated, incomplete, incomplete_at,
	ticket, part_limit, warned, copied_whole, erased_at`

func (r *row) format() sound.Format {
	return sound.Format{Encoding: sound.Encoding(r.Encoding), Rate: r.Rate, Channels: r.Channels}
}

func (r *row) event() Event {
	e := Event{Recording: r.ID, Call: r.Call, Kind: r.Kind, Truncated: r.Truncated, Incomplete: r.Incomplete}
	if r.Rate > 0 && r.Channels > 0 {
		e.Seconds = float64(r.Payload/int64(r.format().BlockAlign())) / float64(r.Rate)
	}
	return e
}

// keyContext binds the shares of a data key to their recording.
func keyContext(id uuid.UUID) string { return "recording " + id.String() }

func partName(id uuid.UUID, part int, sum [32]byte) string {
	return fmt.Sprintf("rec_%s_p%d_%x.wav", id, part, sum[:6])
}
