package salesforce_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/salesforce"
	"tandem/crmsync/salesforce/salesforcetest"
	"tandem/recording"
)

// noCase is an id that no case has.
const noCase = "500000000000000999"

func open(t testing.TB, c crmsync.Connection) crmsync.Provider {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p, err := salesforce.New(transport).Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func byKey(o *salesforcetest.Org) crmsync.Connection {
	return crmsync.Connection{
		Tenant: uuid.New(), Provider: salesforce.Name, BaseURL: o.URL + "/", Settings: map[string]string{"client_id": salesforcetest.ClientID},
		Credentials: crmsync.Credentials{User: salesforcetest.User, Secret: o.Key},
	}
}

func byRefresh(o *salesforcetest.Org) crmsync.Connection {
	c := byKey(o)
	c.Credentials = crmsync.Credentials{Secret: salesforcetest.ClientSecret, Refresh: salesforcetest.Refresh}
	return c
}

func crm(p crmsync.Provider, o *salesforcetest.Org) crmsynctest.CRM {
	const sobjects = "/services/data/v64.0/sobjects/"
	return crmsynctest.CRM{
		Provider: p, NoTicket: noCase, Faults: &o.Faults, Expire: o.Expire,
		Contents: func(_ *testing.T, ticket, name string) [][]byte { return o.Files(ticket, name) },
		Notes: func(_ *testing.T, ticket, text string) (n int) {
			for _, c := range o.Comments(ticket) {
				n += strings.Count(c, text)
			}
			return n
		},
		TicketRequest: "PATCH " + sobjects + "Case/", FileRequest: "POST " + sobjects + "ContentVersion", NoteRequest: "POST " + sobjects + "CaseComment",
		Field: [2]string{"Priority", "High"}, FieldOf: func(_ *testing.T, ticket, field string) string { return o.Field(ticket, field) },
	}
}

func TestSalesforce(t *testing.T) {
	for name, connection := range map[string]func(*salesforcetest.Org) crmsync.Connection{"JWT": byKey, "signed in": byRefresh} {
		t.Run(name, func(t *testing.T) {
			o := salesforcetest.Start(t)
			crmsynctest.Run(t, crm(open(t, connection(o)), o))
		})
	}
}

func class(err error) recording.Class {
	var e *recording.SendError
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

func TestTestButtonExplains(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*salesforcetest.Org, *crmsync.Connection)
		want   string
	}{
		{"good", func(*salesforcetest.Org, *crmsync.Connection) {}, ""},
		{"good with a queue", func(_ *salesforcetest.Org, c *crmsync.Connection) { c.Queue = "Calls" }, ""},
		{"good with a key on one line", func(_ *salesforcetest.Org, c *crmsync.Connection) {
			c.Credentials.Secret = strings.ReplaceAll(c.Credentials.Secret, "\n", "")
		}, ""},
		{"another user", func(_ *salesforcetest.Org, c *crmsync.Connection) { c.Credentials.User = "x@acme.example" }, "refuses the access"},
		{"not approved", func(o *salesforcetest.Org, _ *crmsync.Connection) { o.Approved = false }, "pre-authorized"},
		{"not signed in", func(_ *salesforcetest.Org, c *crmsync.Connection) {
			c.Credentials = crmsync.Credentials{Secret: salesforcetest.ClientSecret}
		}, "refuses the access"},
		{"no such queue", func(_ *salesforcetest.Org, c *crmsync.Connection) { c.Queue = "It's" }, "no queue"},
		{"no field for the call", func(_ *salesforcetest.Org, c *crmsync.Connection) { c.Settings["item_field"] = "Missing__c" }, "Case.Missing__c is missing"},
		{"a field that is not unique", func(_ *salesforcetest.Org, c *crmsync.Connection) { c.Settings["item_field"] = "Plain__c" }, "Case.Plain__c must be"},
		{"a mapped field that is not there", func(_ *salesforcetest.Org, c *crmsync.Connection) {
			c.Mapping = []crmsync.Map{{From: crmsync.FactAgent, To: "Agent__c"}}
		}, "Case.Agent__c is missing"},
		{"an API in another place", func(o *salesforcetest.Org, _ *crmsync.Connection) { o.Instance = "http://169.254.169.254" }, "does not belong"},
		{"the day's requests are spent", func(o *salesforcetest.Org, _ *crmsync.Connection) { o.Used = 1000 }, "limit"},
		{"nobody there", func(_ *salesforcetest.Org, c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, "does not answer"},
		{"another program there", func(o *salesforcetest.Org, c *crmsync.Connection) { c.BaseURL = o.URL + "/elsewhere" }, "no Salesforce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := salesforcetest.Start(t)
			conn := byKey(o)
			c.change(o, &conn)
			err := open(t, conn).Test(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestConnectionsThatCannotWork(t *testing.T) {
	o := salesforcetest.Start(t)
	for name, c := range map[string]struct {
		change func(*crmsync.Connection)
		want   error
	}{
		"no address":          {func(c *crmsync.Connection) { c.BaseURL = "ftp://x" }, crmsync.ErrBaseURL},
		"no app":              {func(c *crmsync.Connection) { c.Settings = nil }, salesforce.ErrCredentials},
		"no secret":           {func(c *crmsync.Connection) { c.Credentials.Secret = "" }, salesforce.ErrCredentials},
		"no key":              {func(c *crmsync.Connection) { c.Credentials.Secret = "consumer-secret" }, salesforce.ErrKey},
		"SOQL in a field":     {func(c *crmsync.Connection) { c.Settings["contact_field"] = "Id = '' OR Name" }, salesforce.ErrField},
		"a path in a field":   {func(c *crmsync.Connection) { c.Settings["item_field"] = "../Account" }, salesforce.ErrField},
		"SOQL in a spare one": {func(c *crmsync.Connection) { c.Settings["external_field"] = "x'" }, salesforce.ErrField},
	} {
		conn := byKey(o)
		c.change(&conn)
		if _, err := salesforce.New(http.DefaultTransport).Open(conn); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A contact that is there is taken, however its number is written, and the one that the call's data name before any other.
func TestContactsThatAreThere(t *testing.T) {
	o := salesforcetest.Start(t)
	conn := byKey(o)
	conn.Settings["external_field"] = "Customer_No__c"
	p := open(t, conn)
	national := o.Add("Contact", map[string]any{"LastName": "Lovelace", "Phone": "(415) 555-0132"})
	mobile := o.Add("Contact", map[string]any{"LastName": "Byron", "MobilePhone": "0049 89 1", "HomePhone": "+49 89 1234567"})
	named := o.Add("Contact", map[string]any{"LastName": "Babbage", "Customer_No__c": "K-1' OR Name != '"})
	for _, c := range []struct {
		who  crmsync.Customer
		want string
	}{
		{crmsynctest.NewCall("+14155550132").Customer, national},
		{crmsynctest.NewCall("+49891234567").Customer, mobile},
		{crmsync.Customer{Item: uuid.New(), Phone: "+14155550132", External: "K-1' OR Name != '"}, named},
		{crmsync.Customer{Item: uuid.New(), Phone: "+14155550132", External: `K-1\`}, national},
		{crmsync.Customer{Item: uuid.New(), Channel: "whatsapp", Identity: "4989", Phone: "+49891234567"}, mobile},
	} {
		if id, err := p.EnsureContact(t.Context(), c.who); err != nil || id != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.who, id, err, c.want)
		}
	}
	conn.Settings["external_field"] = ""
	if id, err := open(t, conn).EnsureContact(t.Context(), crmsync.Customer{Item: uuid.New(), External: national}); err != nil || id != national {
		t.Errorf("by record id: %s, %v", id, err)
	}
}

// Cases go to the queue that is set, bear their leaf queue, and are told of when they are closed or deleted.
func TestCases(t *testing.T) {
	o := salesforcetest.Start(t)
	conn := byKey(o)
	conn.Queue = "Calls"
	p := open(t, conn)
	call, queue := crmsynctest.NewCall("+49891234567"), uuid.New()
	call.Queue, call.Title = &queue, strings.Repeat("ü", 300)
	id, err := p.EnsureTicket(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if o.Field(id, "OwnerId")[:3] != "00G" || o.Field(id, "Tandem_Queue__c") != crmsync.QueueTag(&queue) || o.Field(id, "Tandem_Item__c") != crmsync.ItemTag(call.Item) {
		t.Errorf("owner %s, queue %s, item %s", o.Field(id, "OwnerId"), o.Field(id, "Tandem_Queue__c"), o.Field(id, "Tandem_Item__c"))
	}
	o.Set(id, "IsClosed", true)
	o.Set(id, "ClosedDate", "2026-11-21T19:55:22.000+0000")
	list, err := p.Tickets(t.Context(), o.Field(id, "ContactId"))
	if err != nil || len(list) != 1 || list[0].Open || list[0].ClosedAt.Format("15:04:05") != "19:55:22" || list[0].Queue != queue || list[0].URL != o.URL+"/"+id {
		t.Errorf("%+v, %v", list, err)
	}
	o.Delete(id)
	if again, err := p.EnsureTicket(t.Context(), call); err != nil || again == id {
		t.Errorf("after it was deleted: %s, %v", again, err)
	}
	for _, bad := range []string{"", "42", "500000000000000' OR Id != '", "../Account/0010000000000000AA"} {
		if _, err := p.Attachments(t.Context(), bad, "x"); class(err) != recording.ClassGone {
			t.Errorf("a case called %q: %v", bad, err)
		}
	}
}

// A note that is too long for a comment goes on in a file, and there is one of each whatever happens.
func TestLongNotes(t *testing.T) {
	o := salesforcetest.Start(t)
	p := open(t, byKey(o))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	note := crmsync.Note{Key: "conversation 1 7", Title: "Conversation", Body: strings.Repeat("界", 3000)}
	o.Faults.Add(crmsynctest.Fault{On: "POST /services/data/v64.0/sobjects/CaseComment", Status: 503})
	if err := p.AddNote(t.Context(), ticket, note); class(err) != recording.ClassRetry {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.AddNote(t.Context(), ticket, note); err != nil {
			t.Fatal(err)
		}
	}
	comments := o.Comments(ticket)
	if len(comments) != 1 {
		t.Fatalf("%d comments", len(comments))
	}
	_, name, _ := strings.Cut(comments[0], "The whole note is in ")
	if files := o.Files(ticket, strings.TrimSuffix(name, ".")); len(files) != 1 || !bytes.HasSuffix(files[0], []byte(note.Body)) {
		t.Errorf("%d files called %q", len(files), name)
	}
}

// The day's last fifth of requests is kept for people; a limit that is reached parks all.
func TestLimits(t *testing.T) {
	o := salesforcetest.Start(t)
	p := open(t, byKey(o))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	attach := func(ctx context.Context) error {
		_, err := p.Attach(ctx, ticket, crmsync.File{Name: "a.wav", ContentType: "audio/x-wav", Size: 1}, strings.NewReader("a"))
		return err
	}
	o.Used = 799
	if err := attach(t.Context()); err != nil { // whose answer says that 801 are spent
		t.Fatal(err)
	}
	asked := o.Used
	if err := attach(t.Context()); class(err) != recording.ClassThrottled || o.Used != asked {
		t.Errorf("%v after %d requests", err, o.Used-asked)
	}
	if err := attach(crmsync.Interactive(t.Context())); err != nil {
		t.Errorf("for somebody who waits: %v", err)
	}
	o.Used = 1000
	if err := attach(crmsync.Interactive(t.Context())); class(err) != recording.ClassThrottled {
		t.Errorf("with nothing left: %v", err)
	}
}

// Where the app has a limit of its own, the one that is nearer counts; what cannot be read counts for nothing.
func TestLimitsOfTheApp(t *testing.T) {
	for info, spent := range map[string]bool{
		"api-usage=10/1000; per-app-api-usage=240/250(appName=tandem)": true, "api-usage=900/1000; per-app-api-usage=1/250(appName=tandem)": true,
		"api-usage=799/1000; per-app-api-usage=1/250(appName=tandem)": false, "api-usage=1200/1000": true, "api-usage=": false, "api-usage=x/y": false, "api-usage=5/0": false,
	} {
		o := salesforcetest.Start(t)
		p := open(t, byKey(o))
		header := http.Header{"Sforce-Limit-Info": {info}}
		o.Faults.Add(crmsynctest.Fault{On: "GET /services/data/", Status: 200, Header: header, Body: `{"done":true,"records":[]}`})
		if _, err := p.Tickets(t.Context(), noCase); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Tickets(t.Context(), noCase); (class(err) == recording.ClassThrottled) != spent {
			t.Errorf("%q: %v", info, err)
		}
	}
}

// Salesforce says by code what its status does not.
func TestCodes(t *testing.T) {
	o := salesforcetest.Start(t)
	p := open(t, byKey(o))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]recording.Class{
		"REQUEST_LIMIT_EXCEEDED": recording.ClassThrottled, "STORAGE_LIMIT_EXCEEDED": recording.ClassThrottled, "UNABLE_TO_LOCK_ROW": recording.ClassRetry,
		"INVALID_CROSS_REFERENCE_KEY": recording.ClassGone, "INSUFFICIENT_ACCESS": recording.ClassUnauthorized, "FIELD_CUSTOM_VALIDATION_EXCEPTION": recording.ClassRejected,
	} {
		o.Faults.Add(crmsynctest.Fault{On: "POST", Status: 400, Body: `[{"errorCode":"` + code + `","message":"+4989555000"}]`})
		err := p.AddNote(t.Context(), ticket, crmsync.Note{Key: code, Title: "t", Body: "b"})
		if class(err) != want || strings.Contains(err.Error(), "555000") || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// A session that has ended is renewed once, a rotated refresh token is stored, and access that was taken back opens the breaker.
func TestTokensAreRenewed(t *testing.T) {
	o := salesforcetest.Start(t)
	o.Rotates = true
	conn := byRefresh(o)
	stored := conn.Credentials
	conn.Renew = func(ctx context.Context, _ string, get func(context.Context, crmsync.Credentials) (crmsync.Credentials, error)) (crmsync.Credentials, error) {
		fresh, err := get(ctx, stored)
		if err == nil {
			stored = fresh
		}
		return fresh, err
	}
	p := open(t, conn)
	call := crmsynctest.NewCall("")
	for range 3 {
		if _, err := p.EnsureTicket(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		o.Expire()
	}
	if n := o.Faults.Asked("POST /services/oauth2/token"); n != 3 {
		t.Errorf("%d tokens for three sessions", n)
	}
	if stored.Refresh == salesforcetest.Refresh || stored.Instance != o.URL || stored.Secret != salesforcetest.ClientSecret {
		t.Errorf("stored: %+v", stored)
	}
	stored.Refresh = "revoked"
	before := o.Faults.Asked("POST /services/oauth2/token")
	if _, err := p.EnsureTicket(t.Context(), call); class(err) != recording.ClassUnauthorized {
		t.Errorf("access was taken back: %v", err)
	}
	if n := o.Faults.Asked("POST /services/oauth2/token") - before; n != 1 {
		t.Errorf("asked %d times for a token", n)
	}
}

// The API is asked only where it belongs to the domain that was signed in to, and the token goes nowhere else.
func TestInstances(t *testing.T) {
	const login = "https://login.salesforce.com"
	for instance, ours := range map[string]bool{
		"https://acme.my.salesforce.com": true, "https://acme--dev.sandbox.my.salesforce.com/": true, login: true, "https://ACME.my.SalesForce.com": true,
		"": false, "http://acme.my.salesforce.com": false, "https://acme.my.salesforce.com:8443": false, "https://salesforce.com.evil.test": false,
		"https://evil.test/login.salesforce.com": false, "https://login.salesforce.com@evil.test": false, "https://acme.my.salesforce.com/x": false,
		"https://169.254.169.254": false, "https://[::1]": false, "https://com": false,
	} {
		var asked []string
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			body := `{"done":true,"records":[]}`
			if r.URL.Path == "/services/oauth2/token" {
				body = `{"access_token":"t","token_type":"Bearer","instance_url":"` + instance + `"}`
			} else {
				asked = append(asked, r.URL.Host)
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
		p, err := salesforce.New(transport).Open(crmsync.Connection{
			BaseURL: login, Settings: map[string]string{"client_id": "c"}, Credentials: crmsync.Credentials{Secret: "s", Refresh: "r"},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Tickets(t.Context(), noCase)
		if ours && (err != nil || len(asked) != 1) || !ours && (!errors.Is(err, salesforce.ErrInstance) || len(asked) > 0) {
			t.Errorf("%q: %v, asked %v", instance, err, asked)
		}
	}
}

// The token endpoint's trouble says nothing about tickets.
func TestTokenEndpointFails(t *testing.T) {
	for status, want := range map[int]recording.Class{404: recording.ClassUnauthorized, 410: recording.ClassUnauthorized, 429: recording.ClassThrottled, 503: recording.ClassRetry} {
		o := salesforcetest.Start(t)
		o.Faults.Add(crmsynctest.Fault{On: "POST /services/oauth2/token", Status: status})
		if _, err := open(t, byKey(o)).Attachments(t.Context(), noCase, "x"); class(err) != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}
