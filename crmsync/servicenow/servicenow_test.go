package servicenow_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/servicenow"
	"tandem/crmsync/servicenow/servicenowtest"
	"tandem/recording"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is a ServiceNow and the way to open it with a change of the connection.
func start(t *testing.T) (*servicenowtest.Server, func(func(*crmsync.Connection)) (crmsync.Provider, error)) {
	t.Helper()
	s := servicenowtest.New()
	url, transport := crmsynctest.Serve(t, s.Handler())
	return s, crmsynctest.Opener(servicenow.New(transport), crmsync.Connection{
		Tenant: uuid.New(), Provider: servicenow.Name, BaseURL: url + "/",
		Credentials: crmsync.Credentials{User: servicenowtest.User, Password: servicenowtest.Password},
	})
}

func suite(t *testing.T, s *servicenowtest.Server, p crmsync.Provider, table string) crmsynctest.CRM {
	t.Helper()
	return crmsynctest.CRM{
		Provider: p, NoTicket: strings.Repeat("0", 32), Faults: &s.Faults,
		Contents: func(_ *testing.T, ticket, name string) [][]byte { return s.Contents(ticket, name) },
		Notes: func(_ *testing.T, ticket, text string) int {
			return strings.Count(s.Row(table, ticket)["work_notes"], text)
		},
		TicketRequest: "POST /api/now/table/" + table, FileRequest: "POST /api/now/attachment/file", NoteRequest: "PATCH /api/now/table/" + table,
		Field: [2]string{"u_agent", "Ada"}, FieldOf: func(_ *testing.T, ticket, field string) string { return s.Row(table, ticket)[field] },
	}
}

func TestIncidents(t *testing.T) {
	s, open := start(t)
	p, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	crmsynctest.Run(t, suite(t, s, p, "incident"))
}

func TestCasesByOAuth(t *testing.T) {
	s, open := start(t)
	access, refresh := s.Grant()
	p, err := open(func(c *crmsync.Connection) {
		c.Settings = map[string]string{servicenow.FieldTable: "sn_customerservice_case", "client_id": servicenowtest.ClientID}
		c.Credentials = crmsync.Credentials{Secret: servicenowtest.Secret, Access: access, Refresh: refresh}
	})
	if err != nil {
		t.Fatal(err)
	}
	crm := suite(t, s, p, "sn_customerservice_case")
	crm.Expire = s.Expire
	crmsynctest.Run(t, crm)
}

// What customers are called cannot change what is asked for.
func TestInjection(t *testing.T) {
	s, open := start(t)
	p, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range s.Rows("sys_user") {
		known[r["sys_id"]] = true
	}
	for _, evil := range []string{"x^ORuser_nameISNOTEMPTY", "x^NQuser_nameISNOTEMPTY", "^ORuser_name=abel.tuter", "javascript:gs.getUserID()", "x\r\n^ORsys_idISNOTEMPTY", "^^^^ORphone=555"} {
		for _, c := range []crmsync.Customer{
			{Item: uuid.New(), Channel: "viber", Account: "demo", Identity: evil, Name: "E"},
			{Item: uuid.New(), Identity: "+49891", Phone: "+49891", External: evil},
		} {
			if id, err := p.EnsureContact(t.Context(), c); err == nil && known[id] {
				t.Errorf("%+v finds somebody else", c)
			}
		}
		ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall("+49892"))
		if err != nil {
			t.Fatal(err)
		}
		file := crmsync.File{Name: "a.wav", ContentType: "audio/x-wav", Size: 1}
		if _, err := p.Attach(t.Context(), ticket, file, bytes.NewReader([]byte{1})); err != nil {
			t.Fatal(err)
		}
		if list, err := p.Attachments(t.Context(), ticket, evil); err == nil && len(list) > 0 {
			t.Errorf("files named %q: %+v", evil, list)
		}
		if list, err := p.Tickets(t.Context(), evil); err == nil && len(list) > 0 {
			t.Errorf("tickets of %q: %+v", evil, list)
		}
	}
	number := crmsync.Customer{Item: uuid.New(), Phone: "+49^ORphone=555", Identity: "+49^ORphone=555"}
	if id, err := p.EnsureContact(t.Context(), number); err != nil || known[id] {
		t.Errorf("a number finds somebody else: %v", err)
	}
}

// What ServiceNow says that it stored must be all of it; the rest is found by its size and removed.
func TestShortFile(t *testing.T) {
	s, open := start(t)
	p, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	s.Cut(3)
	var e *recording.SendError
	file := crmsync.File{Name: "x.wav", ContentType: "audio/x-wav", Size: 10}
	if _, err := p.Attach(t.Context(), ticket, file, bytes.NewReader(make([]byte, 10))); !errors.As(err, &e) || e.Class != recording.ClassDoubt {
		t.Fatal(err)
	}
	list, err := p.Attachments(t.Context(), ticket, "x.wav")
	if err != nil || len(list) != 1 || list[0].Size != 7 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := p.RemoveAttachment(t.Context(), ticket, list[0].ID); err != nil {
		t.Error(err)
	}
}

func TestConnections(t *testing.T) {
	_, open := start(t)
	for _, c := range []struct {
		name   string
		change func(*crmsync.Connection)
		opens  error
		tests  error
	}{
		{"good", nil, nil, nil},
		{"no password", func(c *crmsync.Connection) { c.Credentials.Password = "" }, servicenow.ErrCredentials, nil},
		{"another table", func(c *crmsync.Connection) { c.Settings[servicenow.FieldTable] = "sys_user" }, servicenow.ErrTable, nil},
		{"no address", func(c *crmsync.Connection) { c.BaseURL = "acme" }, crmsync.ErrBaseURL, nil},
		{"another password", func(c *crmsync.Connection) { c.Credentials.Password = "guess" }, nil, servicenow.ErrRefused},
		{"another path", func(c *crmsync.Connection) { c.BaseURL += "elsewhere" }, nil, servicenow.ErrNotServiceNow},
		{"nobody", func(c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, nil, servicenow.ErrUnreachable},
	} {
		p, err := open(c.change)
		if !errors.Is(err, c.opens) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if err := p.Test(t.Context()); !errors.Is(err, c.tests) || (err == nil) != (c.tests == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
