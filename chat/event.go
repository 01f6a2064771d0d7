package chat

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Event is one thing that a platform tells. Exactly one of its pointers is set.
type Event struct {
	// Key names the event within the account: one that comes again with the same key changes nothing. Events without a key must do no
	// harm when they come twice.
	Key  string
	At   time.Time // by the platform's clock; zero: it tells none
	From Person    // the customer, also of what we sent
	// To is the platform's id of the account that it is for, where one hook serves several (Meta's applications); "": the hook's own.
	To string

	Message  *Incoming
	Receipt  *Receipt
	Reaction *Reaction
	Edit     *Edit
	Unsend   *Unsend
	Typing   *Typing
	Contact  *ContactEvent
	Template *TemplateEvent
	Account  *AccountEvent
}

// Kind is what a message is.
type Kind string

// Kinds of messages.
const (
	Text        Kind = "text"
	MediaOf     Kind = "media" // Media says of what kind
	Location    Kind = "location"
	Contacts    Kind = "contacts"
	Choice      Kind = "choice" // the customer has pressed a button or chosen from a list
	Order       Kind = "order"
	Begin       Kind = "begin"       // the customer has opened the conversation without saying anything: /start, follow, a referral
	System      Kind = "system"      // told by the platform or by us
	Templated   Kind = "template"    // ours
	Offer       Kind = "options"     // ours: a text with buttons
	SmartAction Kind = "action"      // ours: a request, and what came of it
	Note        Kind = "note"        // between agents; never sent
	Unsupported Kind = "unsupported" // kept as it came
)

// Window is what a message or an action of the customer allows us to send (CH-3).
type Window string

// Windows. A channel's rule for each is in the table of window.go.
const (
	NoWindow     Window = ""        // receipts, echoes, what nobody has done
	ByMessage    Window = "message" // the customer wrote
	ByAction     Window = "action"  // WeChat: a menu click, a follow, a scan
	ByEntryPoint Window = "entry"   // WhatsApp, Messenger: the first message after an advertisement
)

// Incoming is a message of the customer, or one that somebody sent for us elsewhere (Echo).
type Incoming struct {
	ID    string // the platform's; unique in the account
	Kind  Kind
	Text  string // or caption, or the words on the button
	Media []MediaRef
	Quote string // the platform's id of the message that it answers
	Album string // messages with the same one are shown together
	// Body is what there is beside text and media, in the shapes of body.go.
	Body   Body
	Window Window
	// Echo says that the message is ours: sent by us (EchoOf, where the platform gives our id back) or by another program of the tenant,
	// which Via names.
	Echo   bool
	EchoOf uuid.UUID
	Via    string
	// Reply is a token by which the platform lets us answer for free, and until when.
	Reply      string
	ReplyUntil time.Time
	QuoteToken string // by which a message may quote this one (LINE)
	ReadToken  string // by which it may be marked as read (LINE)
	Standby    bool   // another program of the tenant owns the thread: show, do not answer
	Raw        json.RawMessage
}

// Body is what a message says beside text and media. Only what is there is set.
type Body struct {
	Location  *Place            `json:"location,omitempty"`
	Contacts  []Card            `json:"contacts,omitempty"`
	Choice    *Chosen           `json:"choice,omitempty"`
	Options   []Option          `json:"options,omitempty"`
	Template  *TemplateSend     `json:"template,omitempty"`
	Referral  map[string]string `json:"referral,omitempty"` // where the customer comes from: advertisement, deep link, story
	Order     []OrderItem       `json:"order,omitempty"`
	Link      *Link             `json:"link,omitempty"`
	Forwarded bool              `json:"forwarded,omitempty"`
	Type      string            `json:"type,omitempty"` // of an unsupported message, as the platform calls it; of a system message, its code
	// Data are the values of a system message's sentence, by name.
	Data   map[string]string `json:"data,omitempty"`
	Action *uuid.UUID        `json:"action,omitempty"` // the SmartAction
}

// Place is a location.
type Place struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// String is a place in words, for platforms that show none: its name, its address, and where a map shows it.
func (p Place) String() string {
	var lines []string
	for _, line := range []string{p.Name, p.Address} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	at := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return strings.Join(append(lines, "https://www.openstreetmap.org/?mlat="+at(p.Latitude)+"&mlon="+at(p.Longitude)), "\n")
}

// Card is somebody's address card.
type Card struct {
	Name   string   `json:"name"`
	Phones []string `json:"phones,omitempty"`
	Emails []string `json:"emails,omitempty"`
}

// Chosen is what the customer pressed.
type Chosen struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Option is a button.
type Option struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Link is a shared page.
type Link struct {
	Title string `json:"title,omitempty"`
	URL   string `json:"url"`
}

// OrderItem is a line of an order.
type OrderItem struct {
	Product  string  `json:"product"`
	Quantity float64 `json:"quantity"`
	Price    float64 `json:"price"`
	Currency string  `json:"currency"`
}

// MediaRef is a file of the customer's, where the platform has it.
type MediaRef struct {
	Kind        MediaKind         `json:"kind"`
	ID          string            `json:"id,omitempty"`  // the platform's
	URL         string            `json:"url,omitempty"` // instead of an id, or beside it
	Name        string            `json:"name,omitempty"`
	ContentType string            `json:"content_type,omitempty"` // as the platform says; looked at again
	Bytes       int64             `json:"bytes,omitempty"`        // as it says; 0: it does not
	SHA256      string            `json:"sha256,omitempty"`       // base64 or hex, where it tells
	Voice       bool              `json:"voice,omitempty"`
	Seconds     float64           `json:"seconds,omitempty"`
	Extra       map[string]string `json:"extra,omitempty"` // for Fetch
}

// Receipt is how a message of ours fares: the one with ID or Local, or all that were sent until Watermark.
type Receipt struct {
	ID        string
	Local     uuid.UUID // our id, where the platform gives it back
	Watermark time.Time
	Status    Status
	Err       *SendError        // of a failed one
	Price     map[string]string // pricing model, type, category
}

// Reaction is a customer's reaction to a message, which replaces their earlier one.
type Reaction struct {
	To    string // the platform's id of the message
	Emoji string // "": taken back
}

// Edit is a new text of a customer's message.
type Edit struct {
	Of     string
	Text   string
	Media  []MediaRef
	Number int // of the edit, where the platform counts; otherwise At decides which is newer
}

// Unsend is a message that the customer has taken back.
type Unsend struct{ Of string }

// Typing says that the customer types.
type Typing struct{ On bool }

// ContactEvent is what becomes of a customer. Zero values change nothing.
type ContactEvent struct {
	Reachable *bool  // they have blocked us, or taken it back
	Why       string // the platform's word
	// Consent to be written to, by category: "messages", "marketing".
	Consent map[string]bool
	// Was is who they were before: their id has changed.
	Was Person
	// Merged is who they were to us until they said who they are: all that was said is theirs from now on.
	Merged Person
	// Window opens without a message (a menu click).
	Window Window
}

// TemplateEvent is news of a template.
type TemplateEvent struct {
	ID       string
	Name     string
	Language string
	Status   string // APPROVED …; "": unchanged
	Quality  string // GREEN …
	Category string
	Reason   string
}

// AccountEvent is news of the account itself. State "" changes nothing.
type AccountEvent struct {
	State  AccountState
	Reason string
	Detail map[string]string // quality, limits … for the health page
}
