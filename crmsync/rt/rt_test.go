package rt_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/crmsync"
	"tandem/crmsync/crmsynctest"
	"tandem/crmsync/rt"
	"tandem/crmsync/rt/rttest"
)

func open(t *testing.T, c crmsync.Connection) crmsync.Provider {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p, err := rt.New(transport).Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func connection(s *rttest.Server) crmsync.Connection {
	return crmsync.Connection{
		Tenant: uuid.New(), Provider: rt.Name, BaseURL: s.URL + "/", Credentials: crmsync.Credentials{User: rttest.User, Password: rttest.Password},
	}
}

type rtFiles struct {
	Items []struct{ ID, Filename, Subject, ContentType string }
}

func TestRequestTracker(t *testing.T) {
	s := rttest.Start(t)
	contents := func(t *testing.T, ticket, name string) (list [][]byte) {
		var f rtFiles
		s.Get("/ticket/"+ticket+"/attachments?fields=Filename&per_page=100", &f)
		for _, a := range f.Items {
			if a.Filename == name {
				list = append(list, s.Content(a.ID))
			}
		}
		return list
	}
	notes := func(t *testing.T, ticket, text string) (n int) {
		var f rtFiles
		s.Get("/ticket/"+ticket+"/attachments?fields=ContentType&per_page=100", &f)
		for _, a := range f.Items {
			if a.ContentType == "text/plain" && strings.Contains(string(s.Content(a.ID)), text) {
				n++
			}
		}
		return n
	}
	crmsynctest.Run(t, crmsynctest.CRM{Provider: open(t, connection(s)), Contents: contents, Notes: notes, NoTicket: "999"})
	t.Run("the test button explains", func(t *testing.T) { explains(t, s) })
}

func explains(t *testing.T, s *rttest.Server) {
	for _, c := range []struct {
		name   string
		change func(*crmsync.Connection)
		want   error
	}{
		{"wrong password", func(c *crmsync.Connection) { c.Credentials.Password = "guess" }, rt.ErrRefused},
		{"wrong token", func(c *crmsync.Connection) { c.Credentials = crmsync.Credentials{Token: "1-14-guess"} }, rt.ErrRefused},
		{"no such queue", func(c *crmsync.Connection) { c.Queue = "No/where?" }, rt.ErrQueue},
		{"nobody there", func(c *crmsync.Connection) { c.BaseURL = "http://127.0.0.1:1" }, rt.ErrUnreachable},
		{"another path", func(c *crmsync.Connection) { c.BaseURL = s.URL + "/elsewhere" }, rt.ErrNotRT},
	} {
		conn := connection(s)
		c.change(&conn)
		if err := open(t, conn).Test(context.Background()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestConnectionsThatCannotWork(t *testing.T) {
	good := crmsync.Credentials{User: "u", Password: "p"}
	for _, c := range []struct {
		url  string
		auth crmsync.Credentials
		want error
	}{
		{"", good, crmsync.ErrBaseURL},
		{"rt.example.com", good, crmsync.ErrBaseURL},
		{"file:///etc/passwd", good, crmsync.ErrBaseURL},
		{"https://user:secret@rt.example.com", good, crmsync.ErrBaseURL},
		{"https://rt.example.com/?x=1", good, crmsync.ErrBaseURL},
		{"https://rt.example.com/#x", good, crmsync.ErrBaseURL},
		{"https://:443", good, crmsync.ErrBaseURL},
		{"https://rt.example.com", crmsync.Credentials{}, rt.ErrCredentials},
		{"https://rt.example.com", crmsync.Credentials{User: "u"}, rt.ErrCredentials},
		{"https://rt.example.com", crmsync.Credentials{Token: "a\r\nX: y"}, rt.ErrCredentials},
	} {
		if _, err := rt.New(http.DefaultTransport).Open(crmsync.Connection{BaseURL: c.url, Credentials: c.auth}); !errors.Is(err, c.want) {
			t.Errorf("%q %+v: %v, want %v", c.url, c.auth, err, c.want)
		}
	}
}
