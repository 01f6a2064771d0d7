// Package hubspot delivers to HubSpot's Service Hub: tickets, notes and files
// (https://developers.hubspot.com/docs/api-reference/overview).
package hubspot

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the vendor's name in a crmsync.Connection.
const Name = "hubspot"

const (
	defaultBase = "https://api.hubapi.com"
	version     = "2026-03" // of every path; HubSpot keeps a dated version for 18 months at least
)

// Settings.
const (
	clientID         = "client_id"
	stage            = "stage"
	externalProperty = "external_property"
)

// Errors for people: what the test button says.
var (
	ErrCredentials = fault.New(fault.Invalid, "crm_credentials", "Give an access token (of a service key or private app), or an app's client ID and client secret to sign in with.").WithField("credentials")
	ErrProperty    = fault.New(fault.Invalid, "crm_property_name", "A property's internal name has lower-case letters, digits and underscores, like customer_number.").WithField(externalProperty)
	ErrUnreachable = fault.New(fault.Unavailable, "crm_unreachable", "HubSpot does not answer.").WithField("base_url")
	ErrRefused     = fault.New(fault.Invalid, "crm_refused", "HubSpot refuses the access: the token was revoked, or the app was removed. Make a new token, or sign in again.").WithField("credentials")
	ErrNotOne      = fault.New(fault.Invalid, "crm_not_hubspot", "There is no HubSpot at this address.").WithField("base_url")
	ErrThrottled   = fault.New(fault.Unavailable, "crm_throttled", "HubSpot's limit of API requests is reached; the daily one ends at midnight in the account's time zone.")
	ErrPipeline    = fault.New(fault.Invalid, "crm_queue", "HubSpot has no ticket pipeline with this name or ID.").WithField("queue")
	ErrStage       = fault.New(fault.Invalid, "crm_stage", "The ticket pipeline has no status with this name or ID.").WithField(stage)
)

// limits: what was written is read back at once by its id and by its associations; 10 s are for the replicas behind them. Only searches lag
// longer, and nothing that must be there once is looked for by a search.
var limits = recording.Limits{MaxSize: 2_000_000_000, Settle: 10 * time.Second, Lists: true, Deletes: true}

// scopes are what we need, and sign in for.
var scopes = []string{
	"oauth", "tickets", "files", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read", "crm.schemas.contacts.write",
}

// New returns HubSpot. transport makes the connections; it must not follow a proxy that the environment names.
func New(transport http.RoundTripper) crmsync.Vendor {
	client, quotas := crmsync.HTTPClient(transport), new(crmsync.Quotas)
	v := crmsync.Vendor{
		Name: Name, Label: "HubSpot", Limits: limits, Searches: true, Fields: fields,
		OAuth: &crmsync.OAuth{
			AuthorizeURL: func(crmsync.Connection) string { return "https://app.hubspot.com/oauth/authorize" },
			TokenURL:     func(c crmsync.Connection) string { return base(c) + "/oauth/" + version + "/token" },
			Scopes:       scopes,
		},
	}
	v.Open = func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, quotas, v.OAuth, c) }
	return v
}

var fields = []crmsync.Field{
	{Name: crmsync.FieldToken, Label: "Access token", Kind: crmsync.KindSecret, Help: "Of a service key or private app; or sign in with a client ID and secret."},
	{Name: clientID, Label: "Client ID", Kind: crmsync.KindText},
	{Name: crmsync.FieldSecret, Label: "Client secret", Kind: crmsync.KindSecret},
	{Name: crmsync.FieldQueue, Label: "Pipeline of new tickets", Kind: crmsync.KindText, Help: "Its name or ID; empty: the first."},
	{Name: stage, Label: "Status of new tickets", Kind: crmsync.KindText, Help: "Its name or ID; empty: the pipeline's first open one."},
	{Name: externalProperty, Label: "Contact property with the customer number", Kind: crmsync.KindText, Help: "Where the call's data name the contact; empty: its record ID."},
}

func base(c crmsync.Connection) string {
	if c.BaseURL == "" {
		return defaultBase
	}
	return strings.TrimRight(c.BaseURL, "/")
}

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

func open(client *http.Client, quotas *crmsync.Quotas, oauth *crmsync.OAuth, c crmsync.Connection) (*provider, error) {
	address, err := crmsync.CheckBaseURL(base(c))
	if err != nil {
		return nil, err
	}
	if c.Credentials.Token == "" && (c.Settings[clientID] == "" || c.Credentials.Secret == "") || strings.ContainsAny(c.Credentials.Token, "\r\n") {
		return nil, ErrCredentials
	}
	if name := c.Settings[externalProperty]; name != "" && !propertyName.MatchString(name) {
		return nil, ErrProperty
	}
	p := &provider{conn: c}
	p.Client = crmsync.Client{Name: "HubSpot", HTTP: client, Base: address, Complaint: complaint, Refused: refused, Quota: quota, Shared: quotas, Tenant: c}
	if p.Authorize = crmsync.Bearer(c, oauth.Refresh(c, client)); c.Credentials.Token != "" {
		p.Authorize = func(_ context.Context, r *http.Request, _ bool) error {
			r.Header.Set("Authorization", "Bearer "+c.Credentials.Token)
			return nil
		}
	}
	return p, nil
}

type provider struct {
	crmsync.Client
	conn crmsync.Connection
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// Test looks whether the access is enough, and whether there is what tickets are written with. Properties of our own that are missing are made
// with the first ticket; a test changes nothing.
func (p *provider) Test(ctx context.Context) error {
	ctx = crmsync.Interactive(ctx)
	if err := p.granted(ctx); err != nil {
		return err
	}
	for _, own := range properties {
		known, err := p.property(ctx, own.object, own.name)
		if err != nil {
			return words.Explain(err)
		}
		if known != nil && own.unique && !known.HasUniqueValue {
			return missing("property %s of %s must require unique values; rename the one that is there", own.name, own.object)
		}
	}
	for _, m := range p.conn.Mapping {
		if err := p.needs(ctx, "tickets", m.To); err != nil {
			return err
		}
	}
	if name := p.conn.Settings[externalProperty]; name != "" {
		if err := p.needs(ctx, "contacts", name); err != nil {
			return err
		}
	}
	if _, _, err := p.where(ctx); err != nil {
		return words.Explain(err)
	}
	return nil
}

// needs looks for a property that somebody has named.
func (p *provider) needs(ctx context.Context, kind, name string) error {
	known, err := p.property(ctx, kind, name)
	if err != nil {
		return words.Explain(err)
	}
	if known == nil {
		return missing("property %s of %s is not there; make it, or name another", name, kind)
	}
	return nil
}

// granted looks whether a token has the scopes that we need. Those of OAuth have what they were signed in for.
func (p *provider) granted(ctx context.Context) error {
	if p.conn.Credentials.Token == "" {
		return nil
	}
	var token struct{ Scopes []string }
	err := p.JSON(ctx, http.MethodPost, "/oauth/v2/private-apps/get/access-token-info", map[string]string{"tokenKey": p.conn.Credentials.Token}, &token)
	if isClass(err, recording.ClassGone) || isClass(err, recording.ClassRejected) {
		return nil // a service key: there is nobody to ask
	}
	if err != nil {
		return words.Explain(err)
	}
	var lacking []string
	for _, s := range scopes {
		if s != "oauth" && !slices.Contains(token.Scopes, s) {
			lacking = append(lacking, s)
		}
	}
	if len(lacking) > 0 {
		return fault.Newf(fault.Invalid, "crm_scopes", "The access token lacks the scopes %s; add them to the app.", strings.Join(lacking, ", ")).WithField("credentials")
	}
	return nil
}

func missing(format string, args ...any) *fault.Error {
	return fault.Newf(fault.Invalid, "crm_missing", "HubSpot's "+format+".", args...).WithField("settings")
}

var words = crmsync.Words{
	Refused: ErrRefused, Missing: ErrNotOne, NotOne: ErrNotOne, Throttled: ErrThrottled, Unreachable: ErrUnreachable, Known: []*fault.Error{ErrPipeline, ErrStage},
}
