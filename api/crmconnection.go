package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/crmsync"
	"tandem/internal/auth"
	"tandem/internal/fault"
)

func (s *Server) connectionRoutes() []route {
	return []route{
		on(s, "GET", "/crm-connection", "read:crm-connection", "get-crm-connection", "Where tickets and recordings go", s.getConnection),
		on(s, "PUT", "/crm-connection", "write:crm-connection", "put-crm-connection", "Change where tickets and recordings go", s.putConnection),
		on(s, "POST", "/crm-connection/test", "write:crm-connection", "test-crm-connection", "Try a connection without storing it", s.testConnection),
		on(s, "GET", "/crm-connection/vendors", "read:crm-connection", "list-crm-vendors", "The CRMs there are, and what each asks for", s.listVendors),
		on(s, "GET", "/crm-connection/health", "read:crm-connection", "get-crm-health", "How the CRM does", s.crmHealth),
		on(s, "GET", "/crm-connection/waiting", "read:crm-connection", "list-crm-waiting", "What the CRM has not been told yet, the oldest first, at most 100", s.crmWaiting),
		on(s, "POST", "/crm-connection/resume", "write:crm-connection", "resume-crm", "Try everything that waits at once", s.resumeCRM),
		on(s, "GET", "/crm-connection/facts", "read:crm-connection", "get-crm-facts", "What can be written into the CRM's fields, as the last call has it", s.crmFacts),
		on(s, "POST", "/crm-connection/authorize", "write:crm-connection", "authorize-crm", "Begin to give access to the CRM by OAuth; answers with the address to go to", s.authorizeCRM),
		on(s, "GET", "/crm-connection/callback", "write:crm-connection", "crm-callback", "Where the CRM sends people back to", s.crmCallback),
	}
}

// ConnectionInput is a connection to a CRM as it is to be. Without credentials the stored ones stay, while provider and address are the
// same.
type ConnectionInput struct {
	Provider string            `json:"provider" maxLength:"50" doc:"a vendor's name, as /crm-connection/vendors lists them"`
	BaseURL  string            `json:"base_url,omitempty" maxLength:"500"`
	Queue    string            `json:"queue,omitempty" maxLength:"200" doc:"the CRM's queue for new tickets"`
	Settings map[string]string `json:"settings,omitempty" doc:"the vendor's other fields that are no secrets, by name"`
	User     string            `json:"user,omitempty" maxLength:"200"`
	Password string            `json:"password,omitempty" maxLength:"500"`
	Token    string            `json:"token,omitempty" maxLength:"1000"`
	Secret   string            `json:"secret,omitempty" maxLength:"10000" doc:"an OAuth client's secret, or a private key as PEM"`
	// What is left out of the following stays as it is.
	DataRecords *[]string      `json:"data_records,omitempty" maxItems:"64" doc:"which flags and data of a call go onto its ticket, by name; * for all data"`
	Mapping     *[]crmsync.Map `json:"mapping,omitempty" maxItems:"50" doc:"what is written into fields of new tickets"`
	AppendDays  *int           `json:"append_days,omitempty" minimum:"0" maximum:"365" doc:"a call goes to the open ticket of its contact and queue, or one closed at most so many days ago; 0: each has its own"`
	ContactData *string        `json:"contact_data,omitempty" maxLength:"64" doc:"the datum of a call that names its contact in the CRM"`
	// What was read may be written back as it is: these are the server's to say.
	Stored     bool `json:"credentials_stored,omitempty" doc:"as it was read; nothing is written"`
	Authorized bool `json:"authorized,omitempty" doc:"as it was read; nothing is written"`
}

func (c ConnectionInput) connection(stored crmsync.Connection) crmsync.Connection {
	out := crmsync.Connection{
		Provider: c.Provider, BaseURL: c.BaseURL, Queue: c.Queue, Settings: c.Settings, AppendDays: stored.AppendDays, ContactData: stored.ContactData,
		Credentials: crmsync.Credentials{User: c.User, Password: c.Password, Token: c.Token, Secret: c.Secret},
	}
	if c.DataRecords != nil {
		out.DataRecords = append([]string{}, *c.DataRecords...)
	}
	if c.Mapping != nil {
		out.Mapping = append([]crmsync.Map{}, *c.Mapping...)
	}
	if c.AppendDays != nil {
		out.AppendDays = *c.AppendDays
	}
	if c.ContactData != nil {
		out.ContactData = *c.ContactData
	}
	return out
}

func (s *Server) getConnection(ctx context.Context, _ *struct{}) (*One[crmsync.Connection], error) {
	return one(s.CRMSync.Connection(ctx, tenant(ctx)))
}

func (s *Server) putConnection(ctx context.Context, in *With[ConnectionInput]) (*One[crmsync.Connection], error) {
	stored, err := s.CRMSync.Connection(ctx, tenant(ctx))
	if err != nil {
		return nil, err
	}
	if err := s.CRMSync.SetConnection(ctx, tenant(ctx), in.Body.connection(stored)); err != nil {
		return nil, err
	}
	return one(s.CRMSync.Connection(ctx, tenant(ctx)))
}

// ConnectionTest is how a trial went.
type ConnectionTest struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail" doc:"what went wrong"`
	Millis int64  `json:"millis"`
}

// testConnection answers 200 also when the CRM refuses: the trial itself went well. What is wrong with the input is an error as ever.
func (s *Server) testConnection(ctx context.Context, in *With[ConnectionInput]) (*One[ConnectionTest], error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := time.Now()
	err := s.CRMSync.Test(ctx, tenant(ctx), in.Body.connection(crmsync.Connection{}))
	if fault.KindOf(err) == fault.Invalid {
		return nil, err
	}
	t := ConnectionTest{OK: err == nil, Millis: time.Since(began).Milliseconds()}
	if err != nil {
		t.Detail = err.Error()
	}
	return one(t, nil)
}

// CRMVendor is a CRM that can be connected.
type CRMVendor struct {
	Name        string          `json:"name"`
	Label       string          `json:"label"`
	Fields      []crmsync.Field `json:"fields"`
	OAuth       bool            `json:"oauth" doc:"it can be signed in to"`
	AtLeastOnce bool            `json:"at_least_once" doc:"it neither knows what it is sent twice nor tells what it has: a file may arrive twice"`
	LargestFile int64           `json:"largest_file" doc:"bytes; 0: none known"`
	Searches    bool            `json:"searches" doc:"its contacts and tickets are found by words; others by telephone or customer number alone"`
	RedirectURL string          `json:"redirect_url,omitempty" doc:"what its OAuth client must be told"`
}

func (s *Server) listVendors(context.Context, *struct{}) (*List[CRMVendor], error) {
	var list []CRMVendor
	for _, v := range s.CRMSync.Vendors() {
		one := CRMVendor{
			Name: v.Name, Label: v.Label, Fields: append([]crmsync.Field{}, v.Fields...), OAuth: v.OAuth != nil, LargestFile: v.Limits.MaxSize, Searches: v.Searches,
			AtLeastOnce: !v.Limits.Idempotent && !v.Limits.Lists,
		}
		if one.OAuth {
			one.RedirectURL = s.CRMSync.RedirectURL()
		}
		list = append(list, one)
	}
	return cut(list, "", nil)
}

func (s *Server) crmHealth(ctx context.Context, _ *struct{}) (*One[crmsync.Health], error) {
	return one(s.CRMSync.Health(ctx, tenant(ctx)))
}

func (s *Server) crmWaiting(ctx context.Context, _ *struct{}) (*List[crmsync.Pending], error) {
	list, err := s.CRMSync.Pending(ctx, tenant(ctx))
	return cut(list, "", err)
}

func (s *Server) resumeCRM(ctx context.Context, _ *struct{}) (*Nothing, error) {
	return nothing(s.CRMSync.Resume(ctx, tenant(ctx)))
}

// CRMFacts are what can be said of the last call that has ended.
type CRMFacts struct {
	Call  *uuid.UUID        `json:"call_id,omitempty" doc:"none: there was no call yet"`
	Facts map[string]string `json:"facts" doc:"by the names that a mapping uses"`
}

func (s *Server) crmFacts(ctx context.Context, _ *struct{}) (*One[CRMFacts], error) {
	last, err := s.Calls.List(ctx, tenant(ctx), calls.Filter{States: []calls.State{calls.StateEnded}, Limit: 1})
	if err != nil {
		return nil, err
	}
	out := CRMFacts{Facts: crmsync.Facts(&calls.Record{})}
	if len(last) > 0 {
		out.Call, out.Facts = &last[0].ID, crmsync.Facts(&last[0].Record)
	}
	return one(out, nil)
}

// CRMAddress is where a person gives access to their CRM.
type CRMAddress struct {
	URL string `json:"url"`
}

func (s *Server) authorizeCRM(ctx context.Context, _ *struct{}) (*One[CRMAddress], error) {
	address, err := s.CRMSync.Authorize(ctx, tenant(ctx), auth.From(ctx).Session)
	return one(CRMAddress{address}, err)
}

type crmAnswer struct {
	Code  string `query:"code" maxLength:"4000"`
	State string `query:"state" maxLength:"200"`
}

// Elsewhere leads a browser to another page.
type Elsewhere struct {
	Status   int
	Location string `header:"Location"`
}

// crmCallback leads back to the connection page, whatever came of it: a person sees this in their browser.
func (s *Server) crmCallback(ctx context.Context, in *crmAnswer) (*Elsewhere, error) {
	q := url.Values{"authorized": {"yes"}}
	if err := s.CRMSync.Authorized(ctx, tenant(ctx), auth.From(ctx).Session, in.State, in.Code); err != nil {
		code := "internal"
		if known := new(fault.Error); errors.As(err, &known) {
			code = known.Code
		}
		q.Set("authorized", code)
	}
	return &Elsewhere{Status: http.StatusSeeOther, Location: "/admin/crm?" + q.Encode()}, nil
}
