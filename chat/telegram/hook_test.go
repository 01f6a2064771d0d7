package telegram_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/telegram"
	"tandem/chat/telegram/telegramtest"
	"tandem/internal/fault"
)

var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// opened is the demo account, with some values changed, on a platform at base.
func opened(t testing.TB, p *telegramtest.Platform, base string, values ...string) (chat.Channel, error) {
	t.Helper()
	return suite.Open(t, telegram.Maker(), p, base, values...)
}

// running is a fake that is served, and the demo account on it.
func running(t *testing.T) (*telegramtest.Platform, chat.Channel) {
	t.Helper()
	p := telegramtest.New(began)
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		s.Close()
	})
	c, err := opened(t, p, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func silent(t testing.TB) chat.Channel {
	t.Helper()
	c, err := opened(t, telegramtest.New(began), "https://api.telegram.org")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAccept(t *testing.T) {
	for _, c := range []struct {
		name   string
		secret string
		kind   fault.Kind // "": accepted
	}{
		{name: "ours", secret: "telegram-secret"},
		{name: "none", kind: fault.Unauthorized},
		{name: "upper case", secret: "TELEGRAM-SECRET", kind: fault.Forbidden},
		{name: "a byte changed", secret: "telegram-secreT", kind: fault.Forbidden},
		{name: "a part", secret: "telegram-secre", kind: fault.Forbidden},
		{name: "more", secret: "telegram-secret ", kind: fault.Forbidden},
		{name: "the bot's token", secret: telegramtest.BotToken, kind: fault.Forbidden},
	} {
		answer, err := silent(t).Accept(post(c.secret, string(fixtures[0])))
		if c.kind == "" && (err != nil || !answer.Events || len(answer.Body) > 0) || c.kind != "" && (err == nil || fault.KindOf(err) != c.kind || answer.Events) {
			t.Errorf("%s: %+v, %v", c.name, answer, err)
		}
	}
}

// A pressed button is answered in the hook's own answer.
func TestAcceptAnswersCallbacks(t *testing.T) {
	p, c := running(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		if err := r.Write(&b); err != nil {
			t.Error(err)
		}
		_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
		answer, err := c.Accept(chat.Hook{Method: r.Method, Header: r.Header, Body: []byte(body)})
		if err != nil || answer.Type != "application/json" || !answer.Events {
			t.Errorf("%+v, %v", answer, err)
		}
		w.Header().Set("Content-Type", answer.Type)
		_, _ = w.Write(answer.Body) // the fake's trouble
	}))
	defer hook.Close()
	p.Point("https://cc.example.test/hooks/telegram/demo", hook.URL)
	if _, err := p.Play(chattest.Act{Customer: p.Customer(0), Kind: chattest.Press, Text: "yes"}); err != nil {
		t.Fatal(err)
	}
	p.Flush(t.Context())
	if got := p.CallbacksAnswered(); len(got) != 1 || got[0] == "" {
		t.Errorf("answered: %v", got)
	}
}

func TestOpen(t *testing.T) {
	for _, c := range [][]string{{"bot_token", ""}, {"bot_token", "123/../x"}, {"secret_token", ""}, {"secret_token", "ä"}, {"secret_token", strings.Repeat("x", 257)}, {"base_url", "x"}} {
		if _, err := opened(t, telegramtest.New(began), "https://api.telegram.org", c...); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}
