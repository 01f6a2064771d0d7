package hubspot_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/hubspot"
	"tandem/crmsync/hubspot/hubspottest"
	"tandem/recording"
)

func open(t testing.TB, c crmsync.Connection) crmsync.Provider {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p, err := hubspot.New(transport).Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func byToken(a *hubspottest.Account) crmsync.Connection {
	return crmsync.Connection{Tenant: uuid.New(), Provider: hubspot.Name, BaseURL: a.URL, Settings: map[string]string{}, Credentials: crmsync.Credentials{Token: hubspottest.Token}}
}

func byRefresh(a *hubspottest.Account) crmsync.Connection {
	c := byToken(a)
	c.Settings["client_id"], c.Credentials = hubspottest.ClientID, crmsync.Credentials{Secret: hubspottest.ClientSecret, Refresh: hubspottest.Refresh}
	return c
}

const objects = "/crm/objects/2026-03/"

func crm(p crmsync.Provider, a *hubspottest.Account) crmsynctest.CRM {
	return crmsynctest.CRM{
		Provider: p, NoTicket: "999999", Faults: &a.Faults, Hide: a.Hide,
		Contents: func(_ *testing.T, ticket, name string) [][]byte { return a.Files(ticket, name) },
		Notes: func(_ *testing.T, ticket, text string) (n int) {
			for _, body := range a.Notes(ticket) {
				n += strings.Count(body, text)
			}
			return n
		},
		TicketRequest: "POST " + objects + "tickets", FileRequest: "POST " + objects + "notes", BytesRequest: "POST /files/", NoteRequest: "POST " + objects + "notes",
		Field: [2]string{"hs_ticket_priority", "HIGH"}, FieldOf: func(_ *testing.T, ticket, field string) string { return a.Property("tickets", ticket, field) },
	}
}

func TestHubSpot(t *testing.T) {
	t.Run("token", func(t *testing.T) {
		a := hubspottest.Start(t)
		crmsynctest.Run(t, crm(open(t, byToken(a)), a))
	})
	t.Run("signed in", func(t *testing.T) {
		a := hubspottest.Start(t)
		c := crm(open(t, byRefresh(a)), a)
		c.Expire = a.Expire
		crmsynctest.Run(t, c)
	})
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
		change func(*hubspottest.Account, *crmsync.Connection)
		want   string
	}{
		{"good", func(*hubspottest.Account, *crmsync.Connection) {}, ""},
		{"good by service key", func(a *hubspottest.Account, _ *crmsync.Connection) { a.Service = true }, ""},
		{"good by sign-in", func(a *hubspottest.Account, c *crmsync.Connection) { *c = byRefresh(a) }, ""},
		{"good with names", func(_ *hubspottest.Account, c *crmsync.Connection) {
			c.Queue, c.Settings["stage"], c.Settings["external_property"] = "support", "Waiting", "customer_number"
		}, ""},
		{"another token", func(_ *hubspottest.Account, c *crmsync.Connection) { c.Credentials.Token = "pat-guess" }, "refuses the access"},
		{"signed out", func(a *hubspottest.Account, c *crmsync.Connection) {
			*c = byRefresh(a)
			c.Credentials.Refresh = "revoked"
		}, "refuses the access"},
		{"too little access", func(a *hubspottest.Account, _ *crmsync.Connection) { a.Scopes = a.Scopes[1:4] }, "lacks the scopes tickets, crm.schemas"},
		{"no such pipeline", func(_ *hubspottest.Account, c *crmsync.Connection) { c.Queue = "Sales" }, "no ticket pipeline"},
		{"no such status", func(_ *hubspottest.Account, c *crmsync.Connection) { c.Settings["stage"] = "Asked" }, "no status"},
		{"a property of ours that is not unique", func(a *hubspottest.Account, _ *crmsync.Connection) { a.Define("tickets", "tandem_item", false) }, "unique"},
		{"a mapped property that is not there", func(_ *hubspottest.Account, c *crmsync.Connection) {
			c.Mapping = []crmsync.Map{{From: crmsync.FactAgent, To: "agent"}}
		}, "property agent of tickets"},
		{"no property for the number", func(_ *hubspottest.Account, c *crmsync.Connection) { c.Settings["external_property"] = "k_nr" }, "property k_nr of contacts"},
		{"the day's requests are spent", func(a *hubspottest.Account, _ *crmsync.Connection) { a.Left = 0 }, "limit"},
		{"nobody there", func(_ *hubspottest.Account, c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, "does not answer"},
		{"another program there", func(a *hubspottest.Account, c *crmsync.Connection) { c.BaseURL = a.URL + "/elsewhere" }, "no HubSpot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := hubspottest.Start(t)
			conn := byToken(a)
			c.change(a, &conn)
			err := open(t, conn).Test(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if a.Defined("tickets", "tandem_queue") {
				t.Error("the test has changed something")
			}
		})
	}
}

func TestConnectionsThatCannotWork(t *testing.T) {
	good := crmsync.Credentials{Token: "pat"}
	for name, c := range map[string]struct {
		conn crmsync.Connection
		want error
	}{
		"an address of a file":     {crmsync.Connection{BaseURL: "file:///etc/passwd", Credentials: good}, crmsync.ErrBaseURL},
		"nothing":                  {crmsync.Connection{}, hubspot.ErrCredentials},
		"a secret without its app": {crmsync.Connection{Credentials: crmsync.Credentials{Secret: "s"}}, hubspot.ErrCredentials},
		"a header in the token":    {crmsync.Connection{Credentials: crmsync.Credentials{Token: "a\r\nX: y"}}, hubspot.ErrCredentials},
		"no property's name":       {crmsync.Connection{Credentials: good, Settings: map[string]string{"external_property": "../x"}}, hubspot.ErrProperty},
	} {
		if _, err := hubspot.New(http.DefaultTransport).Open(c.conn); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A contact that is there is taken, however its number is written, and the one that the call's data name before any other; a number of another
// country with the same digits is somebody else's.
func TestContactsThatAreThere(t *testing.T) {
	a := hubspottest.Start(t)
	conn := byToken(a)
	conn.Settings["external_property"] = "customer_number"
	p := open(t, conn)
	abroad := a.Add("contacts", map[string]string{"lastname": "Elsewhere", "phone": "+1 415 555 0132"})
	written := a.Add("contacts", map[string]string{"lastname": "Lovelace", "phone": "(0)415 5550132"})
	mobile := a.Add("contacts", map[string]string{"lastname": "Byron", "mobilephone": "+49891234567"})
	named := a.Add("contacts", map[string]string{"lastname": "Babbage", "customer_number": `K-1"}]}`})
	for _, c := range []struct {
		who  crmsync.Customer
		want string
	}{
		{crmsynctest.NewCall("+494155550132").Customer, written},
		{crmsynctest.NewCall("+14155550132").Customer, abroad},
		{crmsynctest.NewCall("+49891234567").Customer, mobile},
		{crmsync.Customer{Item: uuid.New(), Phone: "+14155550132", External: `K-1"}]}`}, named},
		{crmsync.Customer{Item: uuid.New(), Phone: "+14155550132", External: "K-2"}, abroad},
		{crmsync.Customer{Item: uuid.New(), Channel: "whatsapp", Identity: "4989", Phone: "+49891234567"}, mobile},
	} {
		if id, err := p.EnsureContact(t.Context(), c.who); err != nil || id != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.who, id, err, c.want)
		}
	}
	conn.Settings = nil
	for external, want := range map[string]string{named: named, "999999": mobile, "../x": mobile} {
		who := crmsync.Customer{Item: uuid.New(), Phone: "+49891234567", External: external}
		if id, err := open(t, conn).EnsureContact(t.Context(), who); err != nil || id != want {
			t.Errorf("by record id %q: %s, %v", external, id, err)
		}
	}
}

// A contact that was made a moment ago is found while searches do not show it.
func TestSearchesLag(t *testing.T) {
	a := hubspottest.Start(t)
	p := open(t, byToken(a))
	a.Hide(true)
	var ids []string
	for range 2 {
		id, err := p.EnsureContact(t.Context(), crmsynctest.NewCall("+49891234567").Customer)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[1] {
		t.Errorf("contacts %v for one number", ids)
	}
}

// Tickets go where the connection says, bear their leaf queue, and properties of our own are made with the first.
func TestTickets(t *testing.T) {
	a := hubspottest.Start(t)
	conn := byToken(a)
	conn.Queue, conn.Settings["stage"] = "Support", "waiting"
	p := open(t, conn)
	call, queue := crmsynctest.NewCall("+49891234567"), uuid.New()
	call.Queue = &queue
	id, err := p.EnsureTicket(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if a.Property("tickets", id, "hs_pipeline_stage") != "2" || a.Property("tickets", id, "tandem_queue") != crmsync.QueueTag(&queue) {
		t.Errorf("stage %s, queue %s", a.Property("tickets", id, "hs_pipeline_stage"), a.Property("tickets", id, "tandem_queue"))
	}
	a.Set("tickets", id, "hs_pipeline_stage", "4")
	a.Set("tickets", id, "closed_date", "2026-11-21T19:55:22Z")
	contact := a.Linked("tickets", id, "contacts")[0]
	list, err := p.Tickets(t.Context(), contact)
	if err != nil || len(list) != 1 || list[0].Open || list[0].ClosedAt.Format("15:04:05") != "19:55:22" || list[0].URL != "https://app-eu1.hubspot.com/contacts/4242/record/0-5/"+id {
		t.Errorf("%+v, %v", list, err)
	}
	for _, bad := range []string{"", "../contacts/1", "1?x=y", "0x1"} {
		if _, err := p.Attachments(t.Context(), bad, "x"); class(err) != recording.ClassGone {
			t.Errorf("a ticket called %q: %v", bad, err)
		}
	}
}

func attach(t *testing.T, p crmsync.Provider, ticket string, size int) error {
	t.Helper()
	_, err := p.Attach(t.Context(), ticket, crmsync.File{Name: "a b&.wav", ContentType: "audio/x-wav", Size: int64(size)}, bytes.NewReader(make([]byte, size)))
	return err
}

// A file whose note was not written is not stored again, and goes only with the last note that carries it.
func TestFilesWithoutNotes(t *testing.T) {
	a := hubspottest.Start(t)
	p := open(t, byToken(a))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	a.Faults.Add(crmsynctest.Fault{On: "POST " + objects + "notes", Status: 503})
	if err := attach(t, p, ticket, 10); class(err) != recording.ClassRetry {
		t.Fatal(err)
	}
	for range 2 {
		if err := attach(t, p, ticket, 10); err != nil {
			t.Fatal(err)
		}
	}
	list, err := p.Attachments(t.Context(), ticket, "a b&.wav")
	if err != nil || len(list) != 2 || a.Stored() != 1 {
		t.Fatalf("%+v, %v, %d files", list, err, a.Stored())
	}
	for i, left := range []int{1, 0} {
		if err := p.RemoveAttachment(t.Context(), ticket, list[i].ID); err != nil || a.Stored() != left {
			t.Errorf("removed %d: %v, %d files", i, err, a.Stored())
		}
	}
	if err := p.RemoveAttachment(t.Context(), ticket, list[0].ID); err != nil {
		t.Errorf("removed again: %v", err)
	}
}

// An account that pays nothing takes 20 MB and calls more a bad request: the recording is cut smaller.
func TestFreeAccounts(t *testing.T) {
	a := hubspottest.Start(t)
	a.Largest = 20_000_000
	p := open(t, byToken(a))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := attach(t, p, ticket, 20_000_001); class(err) != recording.ClassTooLarge {
		t.Errorf("too large: %v", err)
	}
	if err := attach(t, p, ticket, 20_000_000); err != nil {
		t.Errorf("just right: %v", err)
	}
}

func TestLongNotes(t *testing.T) {
	a := hubspottest.Start(t)
	p := open(t, byToken(a))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	note := crmsync.Note{Key: "conversation 1 7", Title: "Conversation", Body: strings.Repeat("<界>\n", 20_000)}
	for range 2 {
		if err := p.AddNote(t.Context(), ticket, note); err != nil {
			t.Fatal(err)
		}
	}
	if notes := a.Notes(ticket); len(notes) != 1 || strings.Contains(notes[0], "<界>") || a.Stored() != 1 {
		t.Errorf("%d notes, %d files", len(notes), a.Stored())
	}
}

// Each limit has its own time; the day's last fifth is kept for people.
func TestLimits(t *testing.T) {
	a := hubspottest.Start(t)
	p := open(t, byToken(a))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	for policy, want := range map[string]float64{"TEN_SECONDLY_ROLLING": 10, "DAILY": 3600} {
		a.Faults.Add(crmsynctest.Fault{Status: 429, Body: `{"errorType":"RATE_LIMIT","policyName":"` + policy + `"}`})
		_, err := p.Attachments(t.Context(), ticket, "x")
		var e *recording.SendError
		if !errors.As(err, &e) || e.Class != recording.ClassThrottled || e.RetryAfter.Seconds() != want || !strings.Contains(err.Error(), policy) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	a.Left = 200
	if _, err := p.Attachments(t.Context(), ticket, "x"); class(err) != recording.ClassThrottled { // the first of its requests leaves 199
		t.Errorf("with 199 left: %v", err)
	}
	if _, err := p.Attachments(crmsync.Interactive(t.Context()), ticket, "x"); err != nil {
		t.Errorf("for somebody who waits: %v", err)
	}
}

// Files are fetched from where HubSpot says, without the token, and not from everywhere.
func TestSignedAddresses(t *testing.T) {
	a := hubspottest.Start(t)
	p := open(t, byToken(a))
	ticket, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := attach(t, p, ticket, 10); err != nil {
		t.Fatal(err)
	}
	list, err := p.Attachments(t.Context(), ticket, "a b&.wav")
	if err != nil {
		t.Fatal(err)
	}
	a.Signed = "http://169.254.169.254"
	if r, err := p.Read(t.Context(), ticket, list[0].ID); err == nil {
		t.Error("read from elsewhere", r.Close())
	}
}

// What HubSpot says of a failure names codes and scopes, never what was sent.
func TestFailuresTellNothing(t *testing.T) {
	a := hubspottest.Start(t)
	p := open(t, byToken(a))
	a.Faults.Add(crmsynctest.Fault{On: "POST " + objects + "tickets", Status: 403, Body: `{"category":"MISSING_SCOPES","message":"+4989555000 Ada","errors":[{"context":{"requiredGranularScopes":["tickets"]}}]}`})
	_, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall("+4989555000"))
	if class(err) != recording.ClassUnauthorized || !strings.Contains(err.Error(), "MISSING_SCOPES tickets") || strings.Contains(err.Error(), "Ada") {
		t.Errorf("%v", err)
	}
}

// What HubSpot, or whoever stands in its place, answers may be anything.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"id":"5","results":[{"id":7,"to":[{"toObjectId":8}],"properties":{"hs_note_body":"x","hs_attachment_ids":"1;;2"}}],"size":3,"createdAt":"2026-11-21T19:55:22Z"}`))
	f.Add([]byte(`{"results":[{"to":[{"toObjectId":"8"}],"paging":{"next":{"after":"1"}}}]}`))
	f.Add([]byte(`{"results":[{"id":-1}]}`))
	f.Add([]byte(`{"results":[{"stages":[{"id":"1","displayOrder":-1}]}],"id":"1"}`))
	f.Add([]byte(`{"properties":null}`))
	f.Add([]byte(`[]`))
	var body []byte
	answer := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})
	p, err := hubspot.New(answer).Open(crmsync.Connection{Credentials: crmsync.Credentials{Token: "t"}})
	if err != nil {
		f.Fatal(err)
	}
	digits := func(id string) bool { return id != "" && strings.Trim(id, "0123456789") == "" }
	f.Fuzz(func(t *testing.T, b []byte) {
		body = b
		if list, err := p.Attachments(t.Context(), "1", "x.wav"); err == nil {
			if slices.ContainsFunc(list, func(a recording.Attachment) bool {
				note, file, _ := strings.Cut(a.ID, "-")
				return !digits(note) || !digits(file)
			}) {
				t.Errorf("%+v", list)
			}
		}
		if id, err := p.EnsureTicket(t.Context(), crmsynctest.NewCall("+4989555000")); err == nil && !digits(id) {
			t.Errorf("ticket %q", id)
		}
		_, _ = p.Tickets(t.Context(), "1")
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
