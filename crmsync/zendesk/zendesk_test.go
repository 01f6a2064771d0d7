package zendesk_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/zendesk"
	"tandem/crmsync/zendesk/zendesktest"
	"tandem/recording"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type rig struct {
	*zendesktest.Server
	connection crmsync.Connection
	provider   crmsync.Provider
}

func start(t *testing.T, change func(*rig)) *rig {
	t.Helper()
	r := &rig{Server: zendesktest.New()}
	url, transport := crmsynctest.Serve(t, r.Handler())
	r.Base = url
	r.connection = crmsync.Connection{
		Tenant: uuid.New(), Provider: zendesk.Name, BaseURL: url + "/", Credentials: crmsync.Credentials{User: zendesktest.User, Token: zendesktest.Token},
	}
	if change != nil {
		change(r)
	}
	p, err := zendesk.New(transport).Open(r.connection)
	if err != nil {
		t.Fatal(err)
	}
	r.provider = p
	return r
}

func byOAuth(r *rig) {
	access, refresh := r.Grant()
	r.connection.Settings = map[string]string{"client_id": zendesktest.ClientID}
	r.connection.Credentials = crmsync.Credentials{Secret: zendesktest.Secret, Access: access, Refresh: refresh}
}

func (r *rig) ticket(id string) (found zendesktest.Ticket) {
	for _, t := range r.Tickets() {
		if strconv.FormatInt(t.ID, 10) == id {
			found = t
		}
	}
	return found
}

func (r *rig) suite() crmsynctest.CRM {
	return crmsynctest.CRM{
		Provider: r.provider, NoTicket: "999999",
		Contents: func(_ *testing.T, ticket, name string) (list [][]byte) {
			for _, c := range r.ticket(ticket).Comments {
				for _, f := range c.Files {
					if f.Name == name {
						list = append(list, f.Content)
					}
				}
			}
			return list
		},
		Notes: func(t *testing.T, ticket, text string) (n int) {
			for _, c := range r.ticket(ticket).Comments {
				if c.Public {
					t.Error("a comment is public")
				}
				if strings.Contains(c.Body, text) {
					n++
				}
			}
			return n
		},
		Faults: &r.Faults, TicketRequest: "POST /api/v2/tickets", FileRequest: "PUT /api/v2/tickets/", BytesRequest: "POST /api/v2/uploads", NoteRequest: "PUT /api/v2/tickets/",
		Hide:  func(on bool) { r.Hidden = on },
		Field: [2]string{zendesktest.FieldID, "gold"},
		FieldOf: func(_ *testing.T, ticket, field string) string {
			for _, f := range r.ticket(ticket).Fields {
				if strconv.FormatInt(f.ID, 10) == field {
					return f.Value
				}
			}
			return ""
		},
	}
}

func TestZendeskByToken(t *testing.T) { crmsynctest.Run(t, start(t, nil).suite()) }

func TestZendeskByOAuth(t *testing.T) {
	r := start(t, byOAuth)
	c := r.suite()
	c.Expire = r.EndAccess
	crmsynctest.Run(t, c)
}

func class(err error) recording.Class {
	var e *recording.SendError
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

// An access token that nobody can renew ends the tenant's requests.
func TestRefreshTokenIsSpentOnce(t *testing.T) {
	r := start(t, byOAuth)
	r.connection.Credentials.Refresh = "refresh-of-somebody"
	r.EndAccess()
	p, err := zendesk.New(http.DefaultTransport).Open(r.connection)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.EnsureTicket(context.Background(), crmsynctest.NewCall("")); class(err) != recording.ClassUnauthorized {
		t.Errorf("%v", err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// The upload's token ends between its two steps: nothing is attached, and the file goes up again.
func TestUploadTokenEnds(t *testing.T) {
	ctx, r := context.Background(), start(t, nil)
	ticket, err := r.provider.EnsureTicket(ctx, crmsynctest.NewCall("+4989123456"))
	if err != nil {
		t.Fatal(err)
	}
	f := crmsync.File{Name: "rec.wav", ContentType: "audio/x-wav", Size: 4}
	r.Faults.Add(crmsynctest.Fault{On: "PUT /api/v2/tickets/", Status: 422, Body: `{"error":"AttachmentNotFound"}`})
	if _, err := r.provider.Attach(ctx, ticket, f, bytes.NewReader(make([]byte, 4))); class(err) != recording.ClassRetry {
		t.Fatal(err)
	}
	if _, err := r.provider.Attach(ctx, ticket, f, bytes.NewReader(make([]byte, 4))); err != nil {
		t.Fatal(err)
	}
	if list, err := r.provider.Attachments(ctx, ticket, "rec.wav"); err != nil || len(list) != 1 || r.Faults.Asked("POST /api/v2/uploads") != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// What is left of the minute's requests is for people once four fifths are spent.
func TestQuotaIsKeptForPeople(t *testing.T) {
	ctx, r := context.Background(), start(t, nil)
	r.Faults.Add(crmsynctest.Fault{Status: 503, Header: http.Header{"X-Rate-Limit": {"700"}, "X-Rate-Limit-Remaining": {"139"}}})
	if _, err := r.provider.Attachments(ctx, "1", "x"); class(err) != recording.ClassRetry {
		t.Fatal(err)
	}
	_, err := r.provider.EnsureTicket(ctx, crmsynctest.NewCall("+4989123456"))
	var e *recording.SendError
	if !errors.As(err, &e) || e.Class != recording.ClassThrottled || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Fatal(err)
	}
	if _, err := r.provider.EnsureContact(crmsync.Interactive(ctx), crmsynctest.NewCall("+4989123456").Customer); err != nil {
		t.Errorf("somebody waits: %v", err)
	}
}

// A ticket that is merged is followed; of one that is closed there is a follow-up; a deleted one is made again.
func TestTicketsThatTakeNothing(t *testing.T) {
	ctx, r := context.Background(), start(t, nil)
	for _, c := range []struct {
		name   string
		change func(other string) func(*zendesktest.Ticket)
		merged bool
	}{
		{"merged", func(other string) func(*zendesktest.Ticket) {
			return func(t *zendesktest.Ticket) {
				t.Status, t.Tags = "closed", append(t.Tags, "closed_by_merge")
				t.Comments = append(t.Comments, zendesktest.Comment{ID: 1, Body: `This request was closed and merged into request #` + other + ` "Hello".`})
			}
		}, true},
		{"closed", func(string) func(*zendesktest.Ticket) {
			return func(t *zendesktest.Ticket) { t.Status = "closed" }
		}, false},
		{"deleted", func(string) func(*zendesktest.Ticket) {
			return func(t *zendesktest.Ticket) { t.Status = "deleted" }
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := crmsynctest.NewCall("+4989123456")
			first, err := r.provider.EnsureTicket(ctx, call)
			if err != nil {
				t.Fatal(err)
			}
			other, err := r.provider.EnsureTicket(ctx, crmsynctest.NewCall("+4989123456"))
			if err != nil {
				t.Fatal(err)
			}
			r.Change(first, c.change(other))
			if err := r.provider.AddNote(ctx, first, crmsync.Note{Key: "k", Title: "t", Body: "b"}); class(err) != recording.ClassGone {
				t.Errorf("the first still takes notes: %v", err)
			}
			if _, err := r.provider.Attach(ctx, first, crmsync.File{Name: "x.wav", Size: 1}, strings.NewReader("x")); class(err) != recording.ClassGone {
				t.Errorf("the first still takes files: %v", err)
			}
			second, err := r.provider.EnsureTicket(ctx, call)
			if err != nil || second == first || c.merged != (second == other) {
				t.Errorf("%s, then %s, %v; the other is %s", first, second, err, other)
			}
			if again, err := r.provider.EnsureTicket(ctx, call); err != nil || again != second {
				t.Errorf("then %s, %v", again, err)
			}
		})
	}
}

func TestButtonExplains(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*crmsync.Connection)
		want   error
	}{
		"wrong token":   {func(c *crmsync.Connection) { c.Credentials.Token = "guess" }, zendesk.ErrRefused},
		"nobody there":  {func(c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, zendesk.ErrUnreachable},
		"another path":  {func(c *crmsync.Connection) { c.BaseURL += "elsewhere" }, zendesk.ErrNotZendesk},
		"no token":      {func(c *crmsync.Connection) { c.Credentials.Token = "" }, zendesk.ErrCredentials},
		"no address":    {func(c *crmsync.Connection) { c.BaseURL = "example" }, crmsync.ErrBaseURL},
		"as it is good": {func(*crmsync.Connection) {}, nil},
	} {
		r := start(t, nil)
		c.change(&r.connection)
		transport := &http.Transport{}
		p, err := zendesk.New(transport).Open(r.connection)
		if err == nil {
			err = p.Test(context.Background())
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		transport.CloseIdleConnections()
	}
}
