// Package chat holds conversations by text: the channels that carry them, what comes in and goes out by them, their windows, and who
// answers whom. Each channel is a folder of its own with the same files: hook (verify), decode, send, media, account.
package chat

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tandem/queues"
)

// Channels by the names that queues, routes and metrics know them by.
const (
	WhatsApp  queues.Channel = "whatsapp"
	Messenger queues.Channel = "messenger"
	Instagram queues.Channel = "instagram"
	WeChat    queues.Channel = "wechat"
	LINE      queues.Channel = "line"
	Telegram  queues.Channel = "telegram"
	Viber     queues.Channel = "viber"
	SMS       queues.Channel = queues.SMS
	Web       queues.Channel = queues.Web // our own widget
)

// Channel is one account on one platform. Its methods may be called at the same time. Accept and Decode do no I/O.
type Channel interface {
	// Accept checks that a request to the account's hook comes from the platform, over the raw bytes, before anything is read of it, and
	// says what it is answered. fault.Unauthorized (401) is a signature that is missing, fault.Forbidden (403) one that is wrong.
	Accept(r Hook) (Answer, error)
	// Decode reads everything that an accepted request brings, in its order. What it does not know becomes an Unsupported message; an
	// error means that the body as a whole is not what the platform sends, and is kept for people to look at.
	Decode(r Hook) ([]Event, error)
	// Send sends one message. An error is a *SendError. It is called for one message of a recipient at a time.
	Send(ctx context.Context, m Outgoing) (Sent, error)
	// Signal tells the customer that somebody types or has read, where the platform can; nothing otherwise. Losing one does no harm.
	Signal(ctx context.Context, s Signal) error
	// Fetch opens a file that a customer has sent. ErrMediaLater, ErrMediaGone and ErrMediaTooLarge say what is special; anything else
	// is tried again.
	Fetch(ctx context.Context, ref MediaRef) (Media, error)
	// Person asks the platform about a customer; what it does not tell stays empty.
	Person(ctx context.Context, p Person) (Person, error)
	// Check tries the account without changing anything, and says what the platform tells of it.
	Check(ctx context.Context) (Health, error)
}

// Hooker is a Channel whose platform lets us say where the hook is.
type Hooker interface {
	// SetHook has the platform send events to url from now on. It tries the hook: some call it while the request runs.
	SetHook(ctx context.Context, url string) error
}

// Maker makes channels of one kind; each channel's folder exports one.
type Maker struct {
	Channel queues.Channel
	// Fields are what an account of the kind is set up with; Open finds them in Account.Settings and Account.Secrets.
	Fields []Field
	Traits Traits
	// Variants are other spellings of a customer's id that may name the same person (WhatsApp's numbers of some countries). Nil: none.
	Variants func(id string) []string
	Open     func(a Account, n Needs) (Channel, error)
}

// Field is one value of an account.
type Field struct {
	Name     string `json:"name"`
	Secret   bool   `json:"secret,omitempty"` // sealed; never shown again
	Required bool   `json:"required,omitempty"`
	Default  string `json:"default,omitempty"` // base URLs have one: the platform's own
}

// Needs are what channels stand on.
type Needs struct {
	Client *http.Client     // refuses private addresses, follows no redirects; the owner decides what is private
	Now    func() time.Time // the database's clock
	// PublicURL is where platforms reach this installation, without a slash at its end; "" when nobody has said.
	PublicURL string
}

// Account is a tenant's account on a platform.
type Account struct {
	ID       uuid.UUID
	Tenant   uuid.UUID
	Channel  queues.Channel
	Name     string            // in its hook's path: /hooks/{channel}/{name}
	Settings map[string]string // by Field.Name, defaults filled in
	Secrets  map[string]string
}

// Hook is a request to an account's hook, as it was received.
type Hook struct {
	Method string      `json:"method"`
	URL    string      `json:"url"` // the public one: PublicURL, path and query as they were sent
	Query  url.Values  `json:"query"`
	Header http.Header `json:"header"`
	Body   []byte      `json:"-"`
}

// Answer is how a hook is answered. Nothing of a request without Events is stored.
type Answer struct {
	Events bool   // Decode is to read the body, later
	Type   string // Content-Type; "": text/plain
	Body   []byte
}

// Unit is what a platform counts text in.
type Unit string

// Units.
const (
	Characters Unit = "characters" // code points
	Bytes      Unit = "bytes"      // of UTF-8
	UTF16      Unit = "utf16"      // code units
)

// Traits are what a platform can do and how much it takes (channels.md 1.1).
type Traits struct {
	TextLimit int  `json:"text_limit"`
	Unit      Unit `json:"unit"`
	Caption   int  `json:"caption"` // in the same unit; 0: media carry no text, which is sent after them
	// Media are the largest sizes in bytes and the types that go out as they are; anything else is converted, or sent as a link.
	Media map[MediaKind]MediaRule `json:"media"`
	ByURL bool                    `json:"by_url"` // the platform fetches media from us, by a signed link
	Hook  bool                    `json:"hook"`   // the platform can be told where the hook is: the channel is a Hooker

	Sent      bool `json:"sent"` // the platform tells of it
	Delivered bool `json:"delivered"`
	Read      bool `json:"read"`

	MarkRead  bool `json:"mark_read"`
	Typing    bool `json:"typing"`
	TypingIn  bool `json:"typing_in"`
	React     bool `json:"react"` // we can
	Quote     bool `json:"quote"`
	Edit      bool `json:"edit"` // of what we have sent
	Unsend    bool `json:"unsend"`
	Options   int  `json:"options"` // buttons below a text
	Templates bool `json:"templates"`
	Repeats   bool `json:"-"` // the same Outgoing.ID sent twice arrives once: after a doubt it may be sent again

	Rate Rate `json:"-"` // of the whole account
	Pair Rate `json:"-"` // to one customer
}

// MediaRule is what goes out of one kind of media.
type MediaRule struct {
	Bytes int64    `json:"bytes"`
	Types []string `json:"types"`
}

// Rate is a token bucket; the zero value bounds nothing.
type Rate struct {
	Per   time.Duration // one message
	Burst int
}

// MediaKind is how a file is shown.
type MediaKind string

// Kinds of media.
const (
	Image   MediaKind = "image"
	Video   MediaKind = "video"
	Audio   MediaKind = "audio"
	File    MediaKind = "file"
	Sticker MediaKind = "sticker"
)

// Person is a customer as a platform knows them.
type Person struct {
	ID       string `json:"id,omitempty"`    // by which they are written to: wa_id, PSID, openid, chat id, E.164 …
	Alias    string `json:"alias,omitempty"` // a second id that names the same person: WhatsApp's user_id. One of the two may be missing.
	Phone    string `json:"phone,omitempty"` // E.164, where the platform vouches for it
	Name     string `json:"name,omitempty"`
	Username string `json:"username,omitempty"`
	Language string `json:"language,omitempty"`
	Country  string `json:"country,omitempty"` // ISO 3166
	Avatar   string `json:"avatar,omitempty"`  // the platform's URL of it
}

// Health is what a platform says of an account.
type Health struct {
	Name   string            `json:"name,omitempty"`   // of the account, there
	Detail map[string]string `json:"detail,omitempty"` // quality, quotas, the hook's last error …
}
