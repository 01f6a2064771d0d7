package smartactions

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Kind is what a customer is asked for.
type Kind string

// What customers can be asked for.
const (
	Verification Kind = "verification" // that they are who they were the last time: fingerprint, face or PIN of their device
	Photos       Kind = "photos"       // up to MaxPhotos
	Screenshot   Kind = "screenshot"
	Video        Kind = "video"
	Text         Kind = "text"
)

// ItemKind is where an action belongs.
type ItemKind string

// Where actions belong.
const (
	OnCall         ItemKind = "call"
	OnConversation ItemKind = "conversation"
)

// Limits of what customers send.
const (
	MaxPhotos      = 4
	MaxPhotoBytes  = 15 << 20
	MaxVideoBytes  = 25 << 20
	MaxText        = 2000 // characters
	maxPrompt      = 500
	mostForOneItem = 50
)

// files is how many files an action of the kind may have; 0: none.
func (k Kind) files(asked int) (int, error) {
	switch k {
	case Photos:
		if asked == 0 {
			asked = MaxPhotos
		}
		if asked < 1 || asked > MaxPhotos {
			return 0, ErrMax
		}
		return asked, nil
	case Screenshot, Video:
		return 1, nil
	case Verification, Text:
		return 0, nil
	}
	return 0, ErrKind
}

// DeliveryState is what became of the link's way to the customer.
type DeliveryState string

// What becomes of links.
const (
	Sending DeliveryState = "sending"
	Sent    DeliveryState = "sent"
	Failed  DeliveryState = "failed" // the agent reads it out
)

// Action is something that a customer was asked for.
type Action struct {
	ID             uuid.UUID     `json:"id" db:"action_id"`
	ItemKind       ItemKind      `json:"item_kind" db:"item_kind"`
	Item           uuid.UUID     `json:"item_id" db:"item_id" doc:"the call or conversation"`
	Agent          uuid.UUID     `json:"agent_id" db:"agent_id" doc:"who asked"`
	Kind           Kind          `json:"kind" db:"kind"`
	Prompt         string        `json:"prompt" db:"prompt" doc:"what the agent wrote to the customer"`
	Max            int           `json:"max" db:"max_files" doc:"how many files the customer may send"`
	State          State         `json:"state" db:"state"`
	Delivery       DeliveryState `json:"delivery" db:"delivery" doc:"what became of the link's way to the customer"`
	DeliveryCode   string        `json:"delivery_code,omitempty" db:"delivery_code" doc:"why the link was not sent, for programs"`
	DeliveryDetail string        `json:"delivery_detail,omitempty" db:"delivery_detail" doc:"why the link was not sent, and what to do"`
	Answer         string        `json:"answer,omitempty" db:"answer" doc:"the text that the customer wrote"`
	Verified       *Verified     `json:"verification,omitempty" db:"verification"`
	CreatedAt      time.Time     `json:"created_at" db:"created_at"`
	OpenedAt       *time.Time    `json:"opened_at,omitempty" db:"opened_at"`
	EndedAt        *time.Time    `json:"ended_at,omitempty" db:"ended_at"`
	ExpiresAt      time.Time     `json:"expires_at" db:"expires_at"`
	Files          []File        `json:"files" db:"-"`
}

// late says whether an open action's time has come; in a moment the sweep says so too.
func (a *Action) late(now time.Time) bool { return a.State.Open() && !a.ExpiresAt.After(now) }

// Verified is the result of a verification: the device's signature over our nonce was good.
type Verified struct {
	FirstUse bool      `json:"first_use" doc:"the device was registered just now: it proves who the customer is from the next time on"`
	Since    time.Time `json:"since" doc:"when the device was registered"`
}

// File is a file that a customer sent, as we encoded it.
type File struct {
	N           int    `json:"n" db:"n"`
	Name        string `json:"name" db:"name"`
	ContentType string `json:"content_type" db:"content_type"`
	Size        int64  `json:"size" db:"size"`
}

// Errors that agents see.
var (
	ErrNotFound  = fault.New(fault.NotFound, "action_not_found", "There is no such request to a customer.")
	ErrNoFile    = fault.New(fault.NotFound, "action_file_not_found", "The customer has sent no such file, or it is no longer kept here; look on the ticket.")
	ErrKind      = fault.New(fault.Invalid, "action_kind", "Ask for a verification, photos, a screenshot, a video or a text.").WithField("kind")
	ErrMax       = fault.Newf(fault.Invalid, "action_max", "Ask for 1 to %d photos.", MaxPhotos).WithField("max")
	ErrPrompt    = fault.Newf(fault.Invalid, "action_prompt", "Write at most %d characters to the customer.", maxPrompt).WithField("prompt")
	ErrTooMany   = fault.Newf(fault.TooMany, "too_many_actions", "This customer was asked %d times already.", mostForOneItem)
	ErrOver      = fault.New(fault.Conflict, "action_over", "This request has ended already.")
	ErrNoContact = fault.New(fault.Conflict, "action_no_contact", "Nobody knows who this caller is (the number is withheld), so no device can prove it; ask for something else.")
)

// Errors that customers see. ErrLink is the one answer for a link that was never made, has expired, was cancelled or used, or was opened in
// another browser: it tells nobody which.
var (
	ErrLink     = fault.New(fault.NotFound, "link_invalid", "This link is no longer valid. Ask for a new one.")
	ErrFiles    = fault.New(fault.Illegal, "too_many_files", "That is more than was asked for; send fewer files.")
	ErrNoAnswer = fault.New(fault.Illegal, "nothing_sent", "Nothing was sent yet.")
	ErrText     = fault.Newf(fault.Invalid, "action_text", "Write 1 to %d characters.", MaxText).WithField("text")
	ErrVerify   = fault.New(fault.Illegal, "verification_failed", "Your device could not be verified. Try again.")
	ErrCutOff   = fault.New(fault.Unavailable, "upload_cut_off", "The file did not arrive whole; send it again.")

	ErrNoPicture = fault.New(fault.Illegal, "no_picture", "Only pictures (.png, .jpg) can be sent here.")
	ErrNoVideo   = fault.New(fault.Illegal, "no_video", "Only videos (.mp4, .mov) can be sent here.")
)

// NewAction is what an agent asks for.
type NewAction struct {
	ItemKind ItemKind
	Item     uuid.UUID
	Agent    uuid.UUID
	Kind     Kind
	Prompt   string
	Max      int    // photos; 0: as many as there may be
	Number   string // the caller's; empty when withheld or unknown
}

func (n *NewAction) check() (files int, err error) {
	n.Prompt = strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(n.Prompt, "\x00", ""), ""))
	if len([]rune(n.Prompt)) > maxPrompt {
		return 0, ErrPrompt
	}
	return n.Kind.files(n.Max)
}

// letters can be told apart when they are read out: no i, l, o, u (Crockford's base 32).
var letters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newSecret makes 128 random bits in 26 letters, and the hash by which they are known.
func newSecret() (secret string, hash []byte) {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	secret = letters.EncodeToString(b[:])
	return secret, hashOf(secret)
}

func hashOf(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}
