package viber_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/viber"
	"tandem/chat/viber/vibertest"
	"tandem/internal/fault"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// opened is the demo account, with some values changed, on a platform at base.
func opened(t testing.TB, p *vibertest.Platform, base string, values ...string) (chat.Channel, error) {
	t.Helper()
	return suite.Open(t, viber.Maker(), p, base, append([]string{"media_hosts", "viber.com"}, values...)...)
}

// running is a fake that is served, and the demo account on it, whose hook only accepts.
func running(t *testing.T, values ...string) (*vibertest.Platform, chat.Channel) {
	t.Helper()
	p := vibertest.New(began)
	s := httptest.NewServer(p)
	var c chat.Channel
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer, err := c.Accept(chat.Hook{Method: r.Method, Header: r.Header, Query: r.URL.Query(), Body: body})
		if err != nil {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		_, _ = w.Write(answer.Body) // the fake's trouble
	}))
	t.Cleanup(func() {
		p.Close()
		s.Close()
		hook.Close()
	})
	p.Point("https://cc.example.test/hooks/viber/demo", hook.URL)
	var err error
	if c, err = opened(t, p, s.URL, values...); err != nil {
		t.Fatal(err)
	}
	return p, c
}

func silent(t testing.TB, values ...string) chat.Channel {
	t.Helper()
	c, err := opened(t, vibertest.New(began), "https://chatapi.viber.com", values...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAccept(t *testing.T) {
	p := vibertest.New(began)
	signed := func(body string) chat.Hook { return p.Sign(post("", body), false) }
	inQuery := func(sig string) chat.Hook {
		h := post("", vectorBody)
		h.Query.Set("sig", sig)
		return h
	}
	with := func(h chat.Hook, body string) chat.Hook {
		h.Body = []byte(body)
		return h
	}
	text := string(fixtures[0])
	for _, c := range []struct {
		name   string
		h      chat.Hook
		kind   fault.Kind // "": accepted
		events bool
	}{
		{name: "the platform's trial", h: post(vectorSignature, vectorBody)},
		{name: "signed in the query", h: inQuery(vectorSignature)},
		{name: "an event", h: signed(text), events: true},
		{name: "what nobody can read is kept", h: signed("{"), events: true},
		{name: "no signature", h: post("", vectorBody), kind: fault.Unauthorized},
		{name: "a byte changed", h: post(vectorSignature, strings.Replace(vectorBody, "1", "2", 1)), kind: fault.Forbidden},
		{name: "upper case", h: post(strings.ToUpper(vectorSignature), vectorBody), kind: fault.Forbidden},
		{name: "upper case in the query", h: inQuery(strings.ToUpper(vectorSignature)), kind: fault.Forbidden},
		{name: "another bot's", h: p.Sign(post("", vectorBody), true), kind: fault.Forbidden},
		{name: "other spacing", h: post(vectorSignature, strings.Replace(vectorBody, ":", ": ", 1)), kind: fault.Forbidden},
		{name: "other escapes", h: with(signed(text), strings.Replace(text, `"hi"`, `"\u0068i"`, 1)), kind: fault.Forbidden},
	} {
		answer, err := silent(t).Accept(c.h)
		if c.kind == "" && err != nil || c.kind != "" && (err == nil || fault.KindOf(err) != c.kind) {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
		if answer.Events != c.events || len(answer.Body) > 0 {
			t.Errorf("%s: %+v", c.name, answer)
		}
	}
	if _, err := silent(t, "auth_token", "another").Accept(post(vectorSignature, vectorBody)); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("the vector at another bot: %v", err)
	}
}

// Who opens the conversation for the first time reads the welcome, which is the hook's answer; who has subscribed does not, again.
func TestWelcome(t *testing.T) {
	for _, c := range []struct {
		name    string
		welcome string
		before  chattest.ActKind
		want    int
	}{
		{name: "a stranger", welcome: "Welcome <you>!", want: 1},
		{name: "a subscriber", welcome: "Welcome <you>!", before: chattest.Say},
		{name: "no welcome"},
	} {
		p, _ := running(t, "welcome", c.welcome, "sender_name", "Tandem's own very long name indeed")
		if c.before != "" {
			if _, err := p.Play(chattest.Act{Customer: p.Customer(0), Kind: c.before, Text: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Play(chattest.Act{Customer: p.Customer(0), Kind: chattest.Begin, Text: "ad_7"}); err != nil {
			t.Fatal(err)
		}
		p.Flush(t.Context())
		got := p.Received(p.Customer(0))
		if len(got) != c.want || c.want > 0 && (got[0].Text != c.welcome || got[0].Name != "Tandem's own very long name ") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, c := range [][]string{{"auth_token", ""}, {"base_url", "chatapi.viber.com"}} {
		if _, err := opened(t, vibertest.New(began), "https://chatapi.viber.com", c...); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}
