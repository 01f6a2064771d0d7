// Package zendesk delivers to Zendesk through its Ticketing API (https://developer.zendesk.com/api-reference/ticketing/introduction/).
package zendesk

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
const Name = "zendesk"

// Errors for people: what the test button says.
var (
	ErrCredentials = fault.New(fault.Invalid, "crm_credentials", "Give the agent's e-mail address and an API token, or an OAuth client and sign in with it.").WithField("credentials")
	ErrUnreachable = fault.New(fault.Unavailable, "crm_unreachable", "Zendesk does not answer at this address.").WithField("base_url")
	ErrRefused     = fault.New(fault.Invalid, "crm_refused", "Zendesk refuses the credentials.").WithField("credentials")
	ErrNotZendesk  = fault.New(fault.Invalid, "crm_not_zendesk", "There is no Zendesk at this address.").WithField("base_url")
	ErrRole        = fault.New(fault.Invalid, "crm_role", "This Zendesk user is neither agent nor administrator.").WithField("user")
)

// limits: files of at most 50 MB; what was attached shows at once in the ticket's comments, and can be redacted.
var limits = recording.Limits{MaxSize: 50_000_000, Settle: 5 * time.Second, Lists: true, Deletes: true}

// New returns Zendesk. transport makes the connections.
func New(transport http.RoundTripper) crmsync.Vendor {
	client, quotas := crmsync.HTTPClient(transport), new(crmsync.Quotas)
	oauth := &crmsync.OAuth{
		AuthorizeURL: func(c crmsync.Connection) string { return trimmed(c) + "/oauth/authorizations/new" },
		TokenURL:     func(c crmsync.Connection) string { return trimmed(c) + "/oauth/tokens" },
		Scopes:       []string{"read", "write"},
	}
	return crmsync.Vendor{
		Name: Name, Label: "Zendesk", OAuth: oauth, Limits: limits, Searches: true,
		Fields: []crmsync.Field{
			{Name: crmsync.FieldBaseURL, Label: "Address", Kind: crmsync.KindURL, Required: true, Help: "https://your-name.zendesk.com"},
			{Name: crmsync.FieldQueue, Label: "Group", Kind: crmsync.KindText, Help: "The number of the group that gets new tickets; empty: Zendesk's default."},
			{Name: crmsync.FieldUser, Label: "Agent's e-mail address", Kind: crmsync.KindText, Help: "With an API token; not needed for OAuth."},
			{Name: crmsync.FieldToken, Label: "API token", Kind: crmsync.KindSecret},
			{Name: "client_id", Label: "OAuth client", Kind: crmsync.KindText, Help: "Its unique identifier; not needed with an API token."},
			{Name: crmsync.FieldSecret, Label: "OAuth client's secret", Kind: crmsync.KindSecret},
		},
		Open: func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, quotas, oauth, c) },
	}
}

func trimmed(c crmsync.Connection) string {
	return strings.TrimRight(strings.TrimSpace(c.BaseURL), "/")
}

func open(client *http.Client, quotas *crmsync.Quotas, oauth *crmsync.OAuth, c crmsync.Connection) (*provider, error) {
	base, err := crmsync.CheckBaseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	byToken := c.Credentials.User != "" && c.Credentials.Token != ""
	if !byToken && (c.Settings["client_id"] == "" || c.Credentials.Secret == "" && c.Credentials.Access == "") {
		return nil, ErrCredentials
	}
	authorize := crmsync.Bearer(c, oauth.Refresh(c, client))
	if byToken {
		authorize = func(_ context.Context, r *http.Request, _ bool) error {
			r.SetBasicAuth(c.Credentials.User+"/token", c.Credentials.Token)
			return nil
		}
	}
	p := &provider{base: base, group: c.Queue}
	p.Client = crmsync.Client{
		Name: "Zendesk", HTTP: client, Base: base, Authorize: authorize, Complaint: complaint, Refused: refused,
		Quota: quota, QuotaAge: time.Minute, Shared: quotas, Tenant: c,
	}
	return p, nil
}

type provider struct {
	crmsync.Client
	base  string
	group string
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// Test asks who we are.
func (p *provider) Test(ctx context.Context) error {
	var me struct {
		User struct {
			ID   crmsync.Number `json:"id"`
			Role string         `json:"role"`
		} `json:"user"`
	}
	err := p.JSON(crmsync.Interactive(ctx), http.MethodGet, "/api/v2/users/me", nil, &me)
	switch {
	case err == nil && me.User.ID == "":
		return ErrRefused // Zendesk answers strangers too
	case err == nil && me.User.Role != "agent" && me.User.Role != "admin":
		return ErrRole
	}
	return crmsync.Words{Refused: ErrRefused, Missing: ErrNotZendesk, Unreachable: ErrUnreachable}.Explain(err)
}
