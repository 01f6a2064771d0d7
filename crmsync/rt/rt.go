// Package rt delivers to Request Tracker 5 through its REST2 interface (https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html).
package rt

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the provider's name in a crmsync.Connection.
const Name = "rt"

// defaultQueue exists in every fresh RT.
const defaultQueue = "General"

// Errors for people: what the test button says.
var (
	ErrCredentials = fault.New(fault.Invalid, "crm_credentials", "Give a user and password, or a token of RT's authentication tokens.").WithField("credentials")
	ErrUnreachable = fault.New(fault.Unavailable, "crm_unreachable", "Request Tracker does not answer at this address.").WithField("base_url")
	ErrRefused     = fault.New(fault.Invalid, "crm_refused", "Request Tracker refuses the user, password or token.").WithField("credentials")
	ErrNotRT       = fault.New(fault.Invalid, "crm_not_rt", "There is no Request Tracker 5 with REST2 at this address.").WithField("base_url")
	ErrQueue       = fault.New(fault.Invalid, "crm_queue", "Request Tracker has no such queue, or this user may not create tickets in it.").WithField("queue")
)

// limits: RT stores what its web server lets through, and lists it at once.
var limits = recording.Limits{Settle: time.Second, Lists: true}

// New returns Request Tracker. transport makes the connections; it must not follow a proxy that the environment names.
func New(transport http.RoundTripper) crmsync.Vendor {
	client := crmsync.HTTPClient(transport)
	return crmsync.Vendor{
		Name: Name, Label: "Request Tracker 5", Limits: limits, Searches: true,
		Fields: []crmsync.Field{
			{Name: crmsync.FieldBaseURL, Label: "Address", Kind: crmsync.KindURL, Required: true, Help: "For example https://rt.example.com"},
			{Name: crmsync.FieldQueue, Label: "Queue", Kind: crmsync.KindText, Default: defaultQueue},
			{Name: crmsync.FieldToken, Label: "Token", Kind: crmsync.KindSecret, Help: "Of RT's authentication tokens; or give user and password."},
			{Name: crmsync.FieldUser, Label: "User", Kind: crmsync.KindText},
			{Name: crmsync.FieldPassword, Label: "Password", Kind: crmsync.KindSecret},
		},
		Open: func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, c) },
	}
}

func open(client *http.Client, c crmsync.Connection) (*provider, error) {
	base, err := crmsync.CheckBaseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	if c.Credentials.Token == "" && (c.Credentials.User == "" || c.Credentials.Password == "") || strings.ContainsAny(c.Credentials.Token, "\r\n") {
		return nil, ErrCredentials
	}
	if c.Queue == "" {
		c.Queue = defaultQueue
	}
	p := &provider{base: base, queue: c.Queue}
	p.Client = crmsync.Client{Name: "RT", HTTP: client, Base: base + "/REST/2.0", Authorize: authorize(c.Credentials), Complaint: complaint}
	return p, nil
}

type provider struct {
	crmsync.Client
	base  string // of what people see
	queue string
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// Test signs in and looks for the queue.
func (p *provider) Test(ctx context.Context) error {
	var version struct {
		Version string
	}
	if err := p.get(ctx, "/rt", nil, &version); err != nil {
		return words(ErrNotRT).Explain(err)
	}
	if version.Version == "" {
		return ErrNotRT
	}
	var queue struct {
		Name string
	}
	if err := p.get(ctx, "/queue/"+url.PathEscape(p.queue), nil, &queue); err != nil {
		return words(ErrQueue).Explain(err)
	}
	return nil
}

func words(missing *fault.Error) crmsync.Words {
	return crmsync.Words{Refused: ErrRefused, Missing: missing, NotOne: ErrNotRT, Unreachable: ErrUnreachable}
}
