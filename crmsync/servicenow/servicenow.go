// Package servicenow delivers to ServiceNow through its Table and Attachment APIs
// (https://www.servicenow.com/docs/bundle/zurich-api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html).
package servicenow

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the vendor's name in a crmsync.Connection.
const Name = "servicenow"

// The settings: which table tickets are in, and the OAuth client.
const (
	FieldTable  = "table"
	fieldClient = "client_id"
)

// Errors for people: what the test button says.
var (
	ErrCredentials   = fault.New(fault.Invalid, "crm_credentials", "Give a user and password, or an OAuth client and sign in with it.").WithField("credentials")
	ErrTable         = fault.New(fault.Invalid, "crm_table", "Tickets are in incident or in sn_customerservice_case.").WithField(FieldTable)
	ErrUnreachable   = fault.New(fault.Unavailable, "crm_unreachable", "ServiceNow does not answer at this address.").WithField("base_url")
	ErrRefused       = fault.New(fault.Invalid, "crm_refused", "ServiceNow refuses the credentials, or this user may not read the table.").WithField("credentials")
	ErrNotServiceNow = fault.New(fault.Invalid, "crm_not_servicenow", "There is no ServiceNow with this table at this address.").WithField("base_url")
)

// limits: attachments show at once, and can be deleted. How large they may be is the instance's matter; 1 GB without a change.
var limits = recording.Limits{Settle: 5 * time.Second, Lists: true, Deletes: true}

// kind is what differs between the tables of tickets.
type kind struct {
	table   string
	people  string // the table of customers
	contact string // the ticket's field with the customer
}

func kinds() []kind {
	return []kind{{"incident", "sys_user", "caller_id"}, {"sn_customerservice_case", "customer_contact", "contact"}}
}

// New returns ServiceNow. transport makes the connections.
func New(transport http.RoundTripper) crmsync.Vendor {
	client := crmsync.HTTPClient(transport)
	base := func(c crmsync.Connection) string { return strings.TrimRight(strings.TrimSpace(c.BaseURL), "/") }
	oauth := &crmsync.OAuth{
		AuthorizeURL: func(c crmsync.Connection) string { return base(c) + "/oauth_auth.do" },
		TokenURL:     func(c crmsync.Connection) string { return base(c) + "/oauth_token.do" },
		Scopes:       []string{"useraccount"},
	}
	return crmsync.Vendor{
		Name: Name, Label: "ServiceNow", OAuth: oauth, Limits: limits, Searches: true,
		Fields: []crmsync.Field{
			{Name: crmsync.FieldBaseURL, Label: "Address", Kind: crmsync.KindURL, Required: true, Help: "https://your-instance.service-now.com"},
			{Name: FieldTable, Label: "Table", Kind: crmsync.KindText, Default: "incident", Help: "incident, or sn_customerservice_case for Customer Service Management."},
			{Name: crmsync.FieldQueue, Label: "Assignment group", Kind: crmsync.KindText, Help: "Its sys_id; empty: ServiceNow's own rules."},
			{Name: crmsync.FieldUser, Label: "User", Kind: crmsync.KindText, Help: "With a password; not needed for OAuth."},
			{Name: crmsync.FieldPassword, Label: "Password", Kind: crmsync.KindSecret},
			{Name: fieldClient, Label: "OAuth client", Kind: crmsync.KindText, Help: "Of the application registry; not needed with a password."},
			{Name: crmsync.FieldSecret, Label: "OAuth client's secret", Kind: crmsync.KindSecret},
		},
		Open: func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, oauth, c) },
	}
}

func open(client *http.Client, oauth *crmsync.OAuth, c crmsync.Connection) (*provider, error) {
	base, err := crmsync.CheckBaseURL(c.BaseURL)
	if err != nil {
		return nil, err
	}
	p := &provider{base: base, group: c.Queue}
	for _, k := range kinds() {
		if k.table == cmp.Or(strings.TrimSpace(c.Settings[FieldTable]), "incident") {
			p.kind = k
		}
	}
	if p.table == "" {
		return nil, ErrTable
	}
	byPassword := c.Credentials.User != "" && c.Credentials.Password != ""
	if !byPassword && (c.Settings[fieldClient] == "" || c.Credentials.Secret == "" && c.Credentials.Access == "") {
		return nil, ErrCredentials
	}
	authorize := crmsync.Bearer(c, oauth.Refresh(c, client))
	if byPassword {
		authorize = func(_ context.Context, r *http.Request, _ bool) error {
			r.SetBasicAuth(c.Credentials.User, c.Credentials.Password)
			return nil
		}
	}
	p.Client = crmsync.Client{Name: "ServiceNow", HTTP: client, Base: base + "/api/now", Authorize: authorize, Complaint: complaint, Tenant: c}
	return p, nil
}

type provider struct {
	crmsync.Client
	kind
	base  string // of what people see
	group string
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// Test reads a ticket, if there is any.
func (p *provider) Test(ctx context.Context) error {
	_, err := p.list(crmsync.Interactive(ctx), p.table, nil, "", url.Values{"sysparm_fields": {"sys_id"}, "sysparm_limit": {"1"}})
	return crmsync.Words{Refused: ErrRefused, Missing: ErrNotServiceNow, Unreachable: ErrUnreachable}.Explain(err)
}
