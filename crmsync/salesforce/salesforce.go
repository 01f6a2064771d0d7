// Package salesforce delivers to Salesforce's Service Cloud: cases, their comments and files
// (https://developer.salesforce.com/docs/platform/api-rest/guide/intro-rest.html).
package salesforce

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"tandem/crmsync"
	"tandem/internal/fault"
	"tandem/recording"
)

// Name is the vendor's name in a crmsync.Connection.
const Name = "salesforce"

// version of the REST API. An org offers each one for years after it has appeared.
const version = "v64.0"

// defaultLogin is where production orgs sign in.
const defaultLogin = "https://login.salesforce.com"

// The settings that name custom fields, and what the fields are called unless an administrator has said otherwise.
const (
	itemField    = "item_field"     // of Case: the call or conversation
	queueField   = "queue_field"    // of Case: the leaf queue
	contactField = "contact_field"  // of Contact: whom we made it for
	customField  = "external_field" // of Contact: the customer's number in a system of the house
)

var fieldNames = map[string]string{itemField: "Tandem_Item__c", queueField: "Tandem_Queue__c", contactField: "Tandem_Contact__c", customField: ""}

// Errors for people: what the test button says.
var (
	ErrCredentials = fault.New(fault.Invalid, "crm_credentials", "Give the connected app's consumer key with either a user and the private key (PEM), or the consumer secret to sign in with.").WithField("credentials")
	ErrKey         = fault.New(fault.Invalid, "crm_key", "The private key is no RSA key in PEM; paste the whole file, from BEGIN to END.").WithField("secret")
	ErrField       = fault.New(fault.Invalid, "crm_field_name", "A field's API name has letters, digits and underscores, like Tandem_Item__c.").WithField("settings")
	ErrUnreachable = fault.New(fault.Unavailable, "crm_unreachable", "Salesforce does not answer at this address.").WithField("base_url")
	ErrRefused     = fault.New(fault.Invalid, "crm_refused", "Salesforce refuses the access. Look at the consumer key, the user and its permission to use the API, and whether the address is that of the production org or the sandbox.").WithField("credentials")
	ErrApproval    = fault.New(fault.Invalid, "crm_not_approved", "This user is not approved for the connected app. Set its permitted users to “Admin approved users are pre-authorized” and give it the user's profile or permission set.").WithField("user")
	ErrInstance    = fault.New(fault.Invalid, "crm_instance", "Salesforce names an address for its API that does not belong to the address it is signed in to.").WithField("base_url")
	ErrNotOne      = fault.New(fault.Invalid, "crm_not_salesforce", "There is no Salesforce at this address.").WithField("base_url")
	ErrThrottled   = fault.New(fault.Unavailable, "crm_throttled", "Salesforce's limit of API requests is reached; it eases within 24 hours.")
	ErrQueue       = fault.New(fault.Invalid, "crm_queue", "Salesforce has no queue with this developer name, or this user may not see it.").WithField("queue")
)

// limits: a file of a multipart request may have 2 GB (as base64 in JSON it would be 37.5 MB, which is why files never go that way), and SOQL
// reads what was committed.
var limits = recording.Limits{MaxSize: 2_000_000_000, Lists: true, Deletes: true}

// New returns Salesforce. transport makes the connections; it must not follow a proxy that the environment names.
func New(transport http.RoundTripper) crmsync.Vendor {
	client, quotas := crmsync.HTTPClient(transport), new(crmsync.Quotas)
	login := func(path string) func(crmsync.Connection) string {
		return func(c crmsync.Connection) string { return strings.TrimRight(or(c.BaseURL, defaultLogin), "/") + path }
	}
	v := crmsync.Vendor{
		Name: Name, Label: "Salesforce", Limits: limits, Searches: true, Fields: fields,
		OAuth: &crmsync.OAuth{AuthorizeURL: login("/services/oauth2/authorize"), TokenURL: login("/services/oauth2/token"), Scopes: []string{"api", "refresh_token"}},
	}
	v.Open = func(c crmsync.Connection) (crmsync.Provider, error) { return open(client, quotas, v.OAuth, c) }
	return v
}

var fields = []crmsync.Field{
	{Name: crmsync.FieldBaseURL, Label: "Sign-in address", Kind: crmsync.KindURL, Default: defaultLogin, Help: "https://test.salesforce.com for a sandbox, or the org's My Domain."},
	{Name: "client_id", Label: "Consumer key", Kind: crmsync.KindText, Required: true, Help: "Of the connected app."},
	{Name: crmsync.FieldUser, Label: "User", Kind: crmsync.KindText, Help: "For the JWT bearer flow; leave it empty to sign in."},
	{Name: crmsync.FieldSecret, Label: "Private key or consumer secret", Kind: crmsync.KindSecret, Help: "The private key (PEM) with a user; else the consumer secret."},
	{Name: crmsync.FieldQueue, Label: "Queue of new cases", Kind: crmsync.KindText, Help: "Its developer name; empty: the org's assignment rules decide."},
	{Name: itemField, Label: "Case field for the call", Kind: crmsync.KindText, Default: fieldNames[itemField], Help: "Text of 60 characters, unique, external ID."},
	{Name: queueField, Label: "Case field for the queue", Kind: crmsync.KindText, Default: fieldNames[queueField], Help: "Text of 60 characters."},
	{Name: contactField, Label: "Contact field for the caller", Kind: crmsync.KindText, Default: fieldNames[contactField], Help: "Text of 60 characters, unique, external ID."},
	{Name: customField, Label: "Contact field with the customer number", Kind: crmsync.KindText, Help: "Where the call's data name the contact; empty: its record id."},
}

var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)

func open(client *http.Client, quotas *crmsync.Quotas, oauth *crmsync.OAuth, c crmsync.Connection) (*provider, error) {
	login, err := crmsync.CheckBaseURL(or(c.BaseURL, defaultLogin))
	if err != nil {
		return nil, err
	}
	if c.Settings["client_id"] == "" || c.Credentials.Secret == "" {
		return nil, ErrCredentials
	}
	if c.Credentials.User != "" {
		if _, err := jwt.ParseRSAPrivateKeyFromPEM(pemOf(c.Credentials.Secret)); err != nil {
			return nil, ErrKey
		}
	}
	p := &provider{queue: c.Queue, fields: make(map[string]string), mapping: c.Mapping}
	for name, usual := range fieldNames {
		if p.fields[name] = or(c.Settings[name], usual); p.fields[name] != "" && !fieldName.MatchString(p.fields[name]) {
			return nil, ErrField.WithField(name)
		}
	}
	s := &session{conn: c, login: login, http: client, now: c.Credentials, oauth: oauth}
	p.Client = crmsync.Client{
		Name: "Salesforce", HTTP: client, Authorize: s.authorize, Complaint: complaint, Refused: refused, Quota: quota, Shared: quotas, Tenant: c,
	}
	p.session = s
	return p, nil
}

func or(text, usual string) string {
	if text = strings.TrimSpace(text); text == "" {
		return usual
	}
	return text
}

type provider struct {
	crmsync.Client
	session *session
	queue   string
	fields  map[string]string // API names of custom fields, by setting
	mapping []crmsync.Map
}

// Limits are the same for all.
func (p *provider) Limits() recording.Limits { return limits }

// Test signs in and looks whether there is everything that cases and contacts are written with.
func (p *provider) Test(ctx context.Context) error {
	ctx = crmsync.Interactive(ctx)
	written := map[string][]string{"ContentVersion": {"VersionData", "FirstPublishLocationId"}, "Contact": {}, "Case": {p.fields[queueField]}}
	for _, m := range p.mapping {
		written["Case"] = append(written["Case"], m.To)
	}
	for _, o := range []struct{ object, key string }{{"Case", p.fields[itemField]}, {"Contact", p.fields[contactField]}, {"ContentVersion", ""}} {
		if err := p.describe(ctx, o.object, o.key, written[o.object]); err != nil {
			return err
		}
	}
	if p.queue != "" {
		if _, err := p.owner(ctx); err != nil {
			return words(ErrQueue).Explain(err)
		}
	}
	return nil
}

const longestDescription = 32 << 20 // bytes: objects with hundreds of fields and long pick lists

// describe looks whether an object can be made, its records be found by key, and its fields be written.
func (p *provider) describe(ctx context.Context, object, key string, written []string) error {
	var d struct {
		Createable bool
		Fields     []struct {
			Name                           string
			Createable, Unique, ExternalID bool
			Length                         int
		}
	}
	err := p.Send(ctx, crmsync.Request{Method: http.MethodGet, Path: sobjects + object + "/describe", Answer: &d, Most: longestDescription})
	if err != nil {
		return words(missing(object, "may not be seen by this user; give it access to the object")).Explain(err)
	}
	if !d.Createable {
		return missing(object, "may not be made by this user; give it access to the object")
	}
	found := make(map[string]bool)
	for _, f := range d.Fields {
		found[strings.ToLower(f.Name)] = f.Createable
		if strings.EqualFold(f.Name, key) && (!f.Unique || !f.ExternalID || f.Length < longestKey) {
			return missing(object+"."+key, "must be a text of 60 characters or more that is unique and an external ID")
		}
	}
	for _, name := range append(written, key) {
		if name != "" && !found[strings.ToLower(name)] {
			return missing(object+"."+name, "is missing, or this user may not write it; make the field or give access to it")
		}
	}
	return nil
}

func missing(what, how string) *fault.Error {
	return fault.Newf(fault.Invalid, "crm_missing", "%s %s.", what, how).WithField("settings")
}

func words(missing *fault.Error) crmsync.Words {
	return crmsync.Words{
		Refused: ErrRefused, Missing: missing, NotOne: ErrNotOne, Throttled: ErrThrottled, Unreachable: ErrUnreachable, Known: []*fault.Error{ErrApproval, ErrInstance, ErrNotOne},
	}
}
