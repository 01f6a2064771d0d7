// Package freshdesk delivers to Freshdesk through its API, version 2 (https://developers.freshdesk.com/api/).
package freshdesk

import (
	"context"
	"net/http"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the vendor's name in a crmsync.Connection.
const Name = "freshdesk"

// Errors for people: what the test button says.
var (
	ErrCredentials  = fault.New(fault.Invalid, "crm_credentials", "Give the API key of an agent's profile.").WithField("token")
	ErrUnreachable  = fault.New(fault.Unavailable, "crm_unreachable", "Freshdesk does not answer at this address.").WithField("base_url")
	ErrRefused      = fault.New(fault.Invalid, "crm_refused", "Freshdesk refuses the API key.").WithField("token")
	ErrNotFreshdesk = fault.New(fault.Invalid, "crm_not_freshdesk", "There is no Freshdesk at this address.").WithField("base_url")
)

// limits: 20 MB for all files of one note, the form around them included, so each note has one file. Notes show at once; searches lag by minutes.
var limits = recording.Limits{MaxSize: 19_900_000, Settle: 5 * time.Second, Lists: true, Deletes: true}

// New returns Freshdesk. transport makes the connections.
func New(transport http.RoundTripper) crmsync.Vendor {
	client, quotas := crmsync.HTTPClient(transport), new(crmsync.Quotas)
	return crmsync.Vendor{
		Name: Name, Label: "Freshdesk", Limits: limits, Searches: true,
		Fields: []crmsync.Field{
			{Name: crmsync.FieldBaseURL, Label: "Address", Kind: crmsync.KindURL, Required: true, Help: "https://your-name.freshdesk.com"},
			{Name: crmsync.FieldToken, Label: "API key", Kind: crmsync.KindSecret, Required: true, Help: "Of an agent's profile settings."},
			{Name: crmsync.FieldQueue, Label: "Group", Kind: crmsync.KindText, Help: "The number of the group that gets new tickets; empty: none."},
		},
		Open: func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, quotas, c) },
	}
}

func open(client *http.Client, quotas *crmsync.Quotas, c crmsync.Connection) (*provider, error) {
	base, err := crmsync.CheckBaseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	if c.Credentials.Token == "" || strings.ContainsAny(c.Credentials.Token, ":\r\n") {
		return nil, ErrCredentials
	}
	p := &provider{base: base, group: c.Queue}
	p.Client = crmsync.Client{
		Name: "Freshdesk", HTTP: client, Base: base + "/api/v2", Complaint: complaint, Refused: refused, Quota: quota, QuotaAge: time.Minute, Shared: quotas, Tenant: c,
		Authorize: func(_ context.Context, r *http.Request, _ bool) error {
			r.SetBasicAuth(c.Credentials.Token, "X") // Freshdesk wants any password
			return nil
		},
	}
	return p, nil
}

type provider struct {
	crmsync.Client
	base  string // of what people see
	group string
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// Test asks who we are.
func (p *provider) Test(ctx context.Context) error {
	var me thing
	err := p.JSON(crmsync.Interactive(ctx), http.MethodGet, "/agents/me", nil, &me)
	if err == nil && me.ID == "" {
		return ErrNotFreshdesk
	}
	return crmsync.Words{Refused: ErrRefused, Missing: ErrNotFreshdesk, Unreachable: ErrUnreachable}.Explain(err)
}
