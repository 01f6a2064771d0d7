package crmsync

import (
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/recording"
)

// Vendor is one kind of CRM: what its connection asks for, what it can do, and the way to open it for a tenant. Each vendor's folder exports
// New(transport http.RoundTripper) Vendor, where transport keeps requests to where they may go.
type Vendor struct {
	Name   string // in a Connection, an address and a reference to a ticket: "zendesk"
	Label  string // its own name: "Zendesk"
	Fields []Field
	OAuth  *OAuth           // nil: it is not signed in to by OAuth
	Limits recording.Limits // as its Providers say, before there is a connection
	// Searches says that its Providers are Searchers.
	Searches bool
	Open     Open
}

// settings are those of the given that the vendor has fields for, without those that a Connection keeps elsewhere.
func (v Vendor) settings(given map[string]string) map[string]string {
	out := make(map[string]string)
	for _, f := range v.Fields {
		switch f.Name {
		case FieldBaseURL, FieldQueue, FieldUser, FieldPassword, FieldToken, FieldSecret:
		default:
			if value := strings.TrimSpace(given[f.Name]); value != "" {
				out[f.Name] = value
			}
		}
	}
	return out
}

// Kind is how a field is typed in.
type Kind string

// The kinds.
const (
	KindText   Kind = "text"
	KindSecret Kind = "secret" // never shown again
	KindURL    Kind = "url"
)

// The fields that a Connection has places of their own for; all others are in its Settings. User, Password, Token and Secret are credentials.
const (
	FieldBaseURL  = "base_url"
	FieldQueue    = "queue"
	FieldUser     = "user"
	FieldPassword = "password"
	FieldToken    = "token"
	FieldSecret   = "secret"
)

// Field is something that the connection page asks for. Its texts are crm.fields.<vendor>.<name>; Label and Help are the English ones.
type Field struct {
	Name     string `json:"name"`
	Label    string `json:"label"`
	Kind     Kind   `json:"kind" enum:"text,secret,url"`
	Required bool   `json:"required"`
	Default  string `json:"default,omitempty"`
	Help     string `json:"help,omitempty"`
}

// OAuth is how a vendor is signed in to: the authorization-code flow (RFC 6749, section 4.1) with PKCE (RFC 7636). The client's id is the setting
// "client_id", its secret Credentials.Secret.
type OAuth struct {
	AuthorizeURL func(c Connection) string
	TokenURL     func(c Connection) string
	Scopes       []string
}

// Names of what is said of a call or conversation, for Map.From; "header:" with a name is a datum that came with a call.
const (
	FactNumber     = "number" // dialled, or ours that was written to
	FactCaller     = "caller"
	FactCallerName = "caller_name"
	FactQueue      = "queue"
	FactQueuePath  = "queue_path"
	FactAgent      = "agent"
	FactStartedAt  = "started_at" // RFC 3339, UTC
	FactWait       = "wait_seconds"
	FactTalk       = "talk_seconds"
	FactDirection  = "direction"
	FactHeader     = "header:"
)

// Map puts something that is said of a call into a field of the vendor's tickets.
type Map struct {
	From string `json:"from" maxLength:"100"`
	To   string `json:"to" maxLength:"100"`
}

// Ticket is a ticket as its vendor tells of it.
type Ticket struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Queue     uuid.UUID `json:"queue_id"` // the leaf queue, as EnsureTicket wrote it; uuid.Nil: not known
	Open      bool      `json:"open"`
	ClosedAt  time.Time `json:"closed_at,omitzero"` // of one that is not open; where the vendor does not tell, its last change
	UpdatedAt time.Time `json:"updated_at"`
	URL       string    `json:"url,omitempty"` // for a person's browser
}

const (
	queueTag = "tandem-queue-"
	itemTag  = "tandem-item-"
)

// QueueTag is how a ticket remembers its leaf queue where the vendor has tags or a text of our own; empty for none.
func QueueTag(queue *uuid.UUID) string {
	if queue == nil {
		return ""
	}
	return queueTag + queue.String()
}

// ItemTag is how a ticket remembers its call or conversation.
func ItemTag(item uuid.UUID) string { return itemTag + item.String() }

// TaggedQueue is the queue that one of the tags names, uuid.Nil when none does.
func TaggedQueue(tags ...string) uuid.UUID {
	for _, tag := range tags {
		if text, ok := strings.CutPrefix(tag, queueTag); ok {
			if id, err := uuid.Parse(text); err == nil {
				return id
			}
		}
	}
	return uuid.Nil
}

// ErrBaseURL refuses what is no address of a CRM.
var ErrBaseURL = fault.New(fault.Invalid, "bad_base_url", "The address must be like https://rt.example.com, without user, password or query.").WithField("base_url")

// CheckBaseURL accepts an http or https address without user, query and fragment, and returns it without a slash at its end. Providers
// that have a base URL use it.
func CheckBaseURL(text string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return "", ErrBaseURL
	}
	return strings.TrimRight(u.String(), "/"), nil
}
