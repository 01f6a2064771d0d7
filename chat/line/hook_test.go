package line_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest/suite"
	"tandem/chat/line"
	"tandem/chat/line/linetest"
	"tandem/internal/fault"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// opened is the demo account, with some values changed, on a platform at base.
func opened(t testing.TB, p *linetest.Platform, base string, values ...string) (chat.Channel, error) {
	t.Helper()
	return suite.Open(t, line.Maker(), p, base, values...)
}

// running is a fake that is served, and the demo account on it.
func running(t *testing.T, values ...string) (*linetest.Platform, chat.Channel) {
	t.Helper()
	p := linetest.New(began)
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		s.Close()
	})
	c, err := opened(t, p, s.URL, values...)
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func silent(t testing.TB, values ...string) chat.Channel {
	t.Helper()
	c, err := opened(t, linetest.New(began), "https://api.line.me", values...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAccept(t *testing.T) {
	p := linetest.New(began)
	one := string(p.Requests([]byte(`{"type":"message","message":{"type":"text","id":"1","text":"é"}}`))[0].Body)
	signed := func(body string) chat.Hook { return p.Sign(post("", body), false) }
	with := func(h chat.Hook, body string) chat.Hook {
		h.Body = []byte(body)
		return h
	}
	for _, c := range []struct {
		name   string
		h      chat.Hook
		kind   fault.Kind // "": accepted
		events bool
	}{
		{name: "the console's test", h: post(vectorSignature, vectorBody)},
		{name: "an event", h: signed(one), events: true},
		{name: "what nobody can read is kept", h: signed("{"), events: true},
		{name: "no signature", h: post("", vectorBody), kind: fault.Unauthorized},
		{name: "a byte changed", h: post(vectorSignature, strings.Replace(vectorBody, "01", "02", 1)), kind: fault.Forbidden},
		{name: "upper case", h: post(strings.ToUpper(vectorSignature), vectorBody), kind: fault.Forbidden},
		{name: "without padding", h: post(strings.TrimRight(vectorSignature, "="), vectorBody), kind: fault.Forbidden},
		{name: "another channel's", h: p.Sign(post("", one), true), kind: fault.Forbidden},
		{name: "other spacing", h: post(vectorSignature, strings.Replace(vectorBody, ":", ": ", 1)), kind: fault.Forbidden},
		{name: "other escapes", h: with(signed(one), strings.Replace(one, "é", `\u00e9`, 1)), kind: fault.Forbidden},
	} {
		answer, err := silent(t).Accept(c.h)
		if c.kind == "" && err != nil || c.kind != "" && (err == nil || fault.KindOf(err) != c.kind) {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
		if answer.Events != c.events {
			t.Errorf("%s: events %v", c.name, answer.Events)
		}
	}
	if _, err := silent(t, "channel_secret", "another").Accept(post(vectorSignature, vectorBody)); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("the vector at another channel: %v", err)
	}
}

func TestOpen(t *testing.T) {
	p := linetest.New(began)
	for _, c := range [][]string{{"channel_secret", ""}, {"access_token", ""}, {"base_url", "api.line.me"}, {"content_url", "ftp://x"}, {"sticker_url", ""}} {
		if _, err := opened(t, p, "https://api.line.me", c...); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v", c, err)
		}
	}
}
