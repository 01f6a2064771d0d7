// Package webhook delivers to any program that takes signed requests: the CRM of those whose CRM has no folder here. The requests are signed as
// Standard Webhooks says (https://www.standardwebhooks.com); what they hold is in docs/crm.md.
package webhook

import (
	"context"
	"net/http"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the vendor's name in a crmsync.Connection.
const Name = "webhook"

// FieldReads is the setting that says whether the receiver answers questions about what it holds.
const FieldReads = "reads"

// Errors for people: what the test button says.
var (
	ErrSecret      = fault.New(fault.Invalid, "crm_credentials", "Give the secret by which requests are signed: whsec_ and 24 to 64 bytes in base64.").WithField("secret")
	ErrReads       = fault.New(fault.Invalid, "crm_webhook_reads", "Say yes or no.").WithField(FieldReads)
	ErrRefused     = fault.New(fault.Invalid, "crm_refused", "The receiver refuses the signature; is the secret the same there?").WithField("secret")
	ErrNotThere    = fault.New(fault.Invalid, "crm_webhook_unknown", "The receiver does not take a ping at this address.").WithField("base_url")
	ErrUnreachable = fault.New(fault.Unavailable, "crm_unreachable", "Nobody answers at this address.").WithField("base_url")
)

// limits of a receiver that answers no questions: parts arrive at least once. Every request has an id by which it can tell what it knows.
var limits = recording.Limits{}

// reading are those of one that answers them.
var reading = recording.Limits{Lists: true, Deletes: true}

// New returns the webhook. transport makes the connections.
func New(transport http.RoundTripper) crmsync.Vendor {
	client, taken := crmsync.HTTPClient(transport), &memory{}
	return crmsync.Vendor{
		Name: Name, Label: "Signed webhook", Limits: limits,
		Fields: []crmsync.Field{
			{Name: crmsync.FieldBaseURL, Label: "Address", Kind: crmsync.KindURL, Required: true, Help: "https://crm.example.com/tandem"},
			{Name: crmsync.FieldSecret, Label: "Secret", Kind: crmsync.KindSecret, Required: true, Help: "whsec_ and 24 to 64 bytes in base64"},
			{Name: FieldReads, Label: "Receiver answers questions", Kind: crmsync.KindText, Default: "no", Help: "yes: it lists what it holds, and everything arrives exactly once; no: at least once."},
		},
		Open: func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, taken, c) },
	}
}

func open(client *http.Client, taken *memory, c crmsync.Connection) (*provider, error) {
	base, err := crmsync.CheckBaseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	signer, err := standardwebhooks.NewWebhook(c.Credentials.Secret)
	if n := len(strings.TrimPrefix(c.Credentials.Secret, "whsec_")); err != nil || n < 32 || n > 88 {
		return nil, ErrSecret
	}
	p := &provider{tenant: c.Tenant, signer: signer, taken: taken}
	switch strings.ToLower(strings.TrimSpace(c.Settings[FieldReads])) {
	case "yes":
		p.reads = true
	case "no", "":
	default:
		return nil, ErrReads
	}
	p.Client = crmsync.Client{
		Name: "the webhook's receiver", HTTP: client, Base: base, Tenant: c,
		Authorize: func(context.Context, *http.Request, bool) error { return nil }, // signed when they are written
	}
	return p, nil
}

// Limits depend on whether the receiver answers questions.
func (p *provider) Limits() recording.Limits {
	if p.reads {
		return reading
	}
	return limits
}

// Test sends a ping.
func (p *provider) Test(ctx context.Context) error {
	err := p.event(ctx, "ping", "", struct{}{}, nil)
	return crmsync.Words{Refused: ErrRefused, Missing: ErrNotThere, Unreachable: ErrUnreachable}.Explain(err)
}
