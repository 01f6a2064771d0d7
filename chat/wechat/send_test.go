package wechat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/wechat/wechattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// live is the demo account on a platform that is there, below a path as all fakes together are.
func live(t *testing.T, settings ...string) (*wechattest.Platform, chat.Channel) {
	t.Helper()
	p := wechattest.New(began)
	api := httptest.NewServer(http.StripPrefix("/wechat", p))
	t.Cleanup(func() {
		p.Close()
		api.Close()
	})
	return p, opened(t, p, api.URL+"/wechat", settings...)
}

func text(s string) chat.Outgoing {
	return chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: "oUSER1"}, Kind: chat.Text, Text: s, Author: chat.ByAgent}
}

// asked counts calls of the platform's API.
func asked(p *wechattest.Platform, operation string) int {
	n := 0
	for _, e := range p.Log() {
		if e.Operation == operation {
			n++
		}
	}
	return n
}

func refusal(t *testing.T, err error) *chat.SendError {
	t.Helper()
	var e *chat.SendError
	if !errors.As(err, &e) {
		t.Fatalf("%v is no SendError", err)
	}
	return e
}

func TestTokenIsFetchedOnce(t *testing.T) {
	p, c := live(t)
	send := func() {
		t.Helper()
		var all sync.WaitGroup
		errs := make([]error, 50)
		for i := range errs {
			all.Go(func() { _, errs[i] = c.Send(t.Context(), text("hello")) })
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	send()
	if n := asked(p, "stable_token"); n != 1 {
		t.Errorf("50 messages ask for a token %d times", n)
	}
	p.Expire(false)
	send()
	if n := asked(p, "stable_token"); n != 2 {
		t.Errorf("50 messages with a token that has ended ask %d times more, want 1", n-1)
	}
	p.Advance(115 * time.Minute)
	send()
	if n := asked(p, "stable_token"); n != 2 {
		t.Errorf("the token is asked for %d times in its life", n-1)
	}
	p.Advance(2 * time.Minute)
	send()
	if n := asked(p, "stable_token"); n != 3 {
		t.Errorf("the token is renewed %d times before it ends", n-2)
	}
	if n := len(p.Received("oUSER1")); n != 200 {
		t.Errorf("%d messages arrive", n)
	}
}

// A token that the platform refuses and yet gives out again is forced to change, as rarely as the platform allows.
func TestTokenForced(t *testing.T) {
	p, c := live(t)
	if _, err := c.Send(t.Context(), text("one")); err != nil {
		t.Fatal(err)
	}
	p.Expire(true)
	if _, err := c.Send(t.Context(), text("two")); err != nil {
		t.Fatal(err)
	}
	if n := asked(p, "stable_token"); n != 3 {
		t.Errorf("asked %d times, want 3: the first, once more, forced", n)
	}
	p.Expire(true)
	_, err := c.Send(t.Context(), text("three"))
	if e := refusal(t, err); e.Verdict != chat.VerdictReauthorise || e.Code != "42001" {
		t.Errorf("forced twice within 30 s: %v", e)
	}
	p.Advance(31 * time.Second)
	if _, err := c.Send(t.Context(), text("four")); err != nil {
		t.Errorf("forced again: %v", err)
	}
}

// Whoever waits for a token that cannot be had is told so by the one request.
func TestTokenRefused(t *testing.T) {
	p, c := live(t)
	p.Revoke(true)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.Send(t.Context(), text("hello")); refusal(t, err).Verdict != chat.VerdictReauthorise {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := c.Send(gone, text("hello")); refusal(t, err).Verdict != chat.VerdictRetry {
		t.Errorf("a caller who has gone: %v", err)
	}
	p.Revoke(false)
	if _, err := c.Send(t.Context(), text("hello")); err != nil {
		t.Error(err)
	}
}

func TestSend(t *testing.T) {
	p, c := live(t, "kf_account", "ann@demo")
	m := text(`a <b> & "c" 你好` + "\u2028👍")
	sent, err := c.Send(t.Context(), m)
	if err != nil || sent != (chat.Sent{Status: chat.StatusSent}) {
		t.Errorf("%+v, %v", sent, err)
	}
	m = text("Which one?")
	m.Kind, m.Body.Options = chat.Offer, []chat.Option{{ID: "1", Title: "A & B"}, {ID: "2", Title: "没有"}}
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	got := p.Received("oUSER1")
	if len(got) != 2 || got[0].Name != "ann@demo" || got[1].Kind != chat.Offer || !slices.Equal(got[1].Options, m.Body.Options) {
		t.Errorf("%+v", got)
	}
	for in, want := range map[string]string{
		"line\u2028separator":     "line\u2028separator",
		"broken \xff":             "broken \ufffd",
		"control\x01\x00":         "control",
		`a path \u0041 \\u0042 \`: `a path \u0041 \\u0042 \`,
		"tab\tand\nline":          "tab\tand\nline",
	} {
		if _, err := c.Send(t.Context(), text(in)); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if all := p.Received("oUSER1"); all[len(all)-1].Text != want {
			t.Errorf("%q arrives as %q", in, all[len(all)-1].Text)
		}
	}
	m = text("")
	m.Kind, m.Body.Location = chat.Location, &chat.Place{Latitude: 31.25, Longitude: -121.5, Name: "外滩"}
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	m = text("看这里")
	m.Body.Link = &chat.Link{URL: "https://example.test/a"}
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	got = p.Received("oUSER1")
	if got = got[len(got)-2:]; got[0].Text != "外滩\nhttps://www.openstreetmap.org/?mlat=31.25&mlon=-121.5" || got[1].Text != "看这里\nhttps://example.test/a" {
		t.Errorf("%+v", got)
	}
	log := p.Log()
	for name, change := range map[string]func(*chat.Outgoing){
		"nothing":    func(m *chat.Outgoing) { m.Text = "" },
		"a reaction": func(m *chat.Outgoing) { m.React = "x" },
		"an edit":    func(m *chat.Outgoing) { m.Edit = "x" },
		"a document": func(m *chat.Outgoing) { m.Media = &chat.OutgoingMedia{Kind: chat.File} },
	} {
		m := text("x")
		change(&m)
		if _, err := c.Send(t.Context(), m); refusal(t, err).Verdict != chat.VerdictRejected {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.Log()) != len(log) {
		t.Error("what cannot be sent is asked of the platform")
	}
}

func TestQuotaAndWindow(t *testing.T) {
	p, c := live(t)
	p.Meter(true)
	code := func() string {
		_, err := c.Send(t.Context(), text("hello"))
		if err == nil {
			return ""
		}
		e := refusal(t, err)
		return fmt.Sprintf("%s %s", e.Code, e.Verdict)
	}
	expect := func(what string, want ...string) {
		t.Helper()
		for i, w := range want {
			if got := code(); got != w {
				t.Errorf("%s, %d: %q, want %q", what, i, got, w)
			}
		}
	}
	const many, late = "45047 window_closed", "45015 window_closed"
	expect("nothing was said", late)
	p.Play(chattest.Act{Customer: "oUSER1", Kind: chattest.Say, Text: "hi"})
	expect("a message", "", "", "", "", "", many)
	p.Play(chattest.Act{Customer: "oUSER1", Kind: chattest.Say, Text: "hi"})
	p.Advance(48 * time.Hour)
	expect("48 hours later", "")
	p.Advance(time.Second)
	expect("48 hours and a second later", late)
	p.Click("oUSER1", "HELP")
	expect("a click", "", "", "", many)
	p.Click("oUSER1", "HELP")
	p.Advance(61 * time.Second)
	expect("a minute after a click", late)
	p.Play(chattest.Act{Customer: "oUSER1", Kind: chattest.Block})
	expect("unfollowed", "43004 unreachable")
	p.Play(chattest.Act{Customer: "oUSER1", Kind: chattest.Unblock})
	expect("followed again", "")
}

func TestTyping(t *testing.T) {
	p, c := live(t)
	for _, k := range []struct {
		kind chat.SignalKind
		ago  time.Duration
		want int
	}{
		{chat.SignalTyping, 0, 1},
		{chat.SignalTyping, 30 * time.Second, 1},
		{chat.SignalTyping, 31 * time.Second, 0},
		{chat.SignalQuiet, 10 * time.Second, 1},
		{chat.SignalRead, 0, 0},
	} {
		before := asked(p, "typing")
		if err := c.Signal(t.Context(), chat.Signal{To: chat.Person{ID: "oUSER1"}, Kind: k.kind, LastAt: p.Now().Add(-k.ago)}); err != nil {
			t.Error(err)
		}
		if n := asked(p, "typing") - before; n != k.want {
			t.Errorf("%s after %v: %d calls, want %d", k.kind, k.ago, n, k.want)
		}
	}
	if err := c.Signal(t.Context(), chat.Signal{To: chat.Person{ID: "oUSER1"}, Kind: chat.SignalTyping}); err != nil || asked(p, "typing") != 3 {
		t.Errorf("to somebody who has never written: %v", err)
	}
	for _, code := range []string{"45080", "45081"} {
		p.Next("oUSER1", chattest.Behaviour{Misdeed: chattest.Refuse, Code: code})
		if err := c.Signal(t.Context(), chat.Signal{To: chat.Person{ID: "oUSER1"}, Kind: chat.SignalTyping, LastAt: p.Now()}); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestMedia(t *testing.T) {
	p, c := live(t)
	m := text("")
	m.Kind = chat.MediaOf
	opens := 0
	m.Media = &chat.OutgoingMedia{Kind: chat.Video, Name: "账单 \"x\".mp4", ContentType: "video/mp4", Bytes: 5, Open: func() (io.ReadCloser, error) {
		opens++
		return io.NopCloser(strings.NewReader("video")), nil
	}}
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	p.Expire(false) // the file is opened anew after the token has been
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := p.Received("oUSER1")
	if len(got) != 2 || string(got[1].Files[0].Data) != "video" || opens != 3 {
		t.Errorf("%+v, opened %d times", got, opens)
	}
	_, event, err := p.Act(chattest.Act{Customer: "oUSER1", Kind: chattest.Give, File: &chattest.File{Kind: chat.Video, ContentType: "video/mp4", Data: []byte("theirs")}})
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.Decode(p.Signed(event)[0])
	if err != nil {
		t.Fatal(err)
	}
	p.Expire(false)
	theirs, err := c.Fetch(t.Context(), events[0].Message.Media[0])
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Body.Close()
	if b, err := io.ReadAll(theirs.Body); string(b) != "theirs" || theirs.ContentType != "video/mp4" {
		t.Errorf("%q %s %v", b, theirs.ContentType, err)
	}
	m.Media.Open = func() (io.ReadCloser, error) { return nil, errors.New("the disk is away") }
	if _, err := c.Send(t.Context(), m); refusal(t, err).Verdict != chat.VerdictRetry {
		t.Errorf("a file that does not open: %v", err)
	}
}

// Where a video's URL leads elsewhere, nobody goes.
func TestVideoElsewhere(t *testing.T) {
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if r.URL.Path == "/cgi-bin/stable_token" {
			io.WriteString(w, `{"access_token":"T","expires_in":7200}`)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, `{"video_url":%q}`, r.URL.Query().Get("media_id"))
	}))
	defer api.Close()
	c := opened(t, wechattest.New(began), api.URL)
	for _, address := range []string{
		"http://169.254.169.254/x", "http://127.0.0.1:1/x", "http://notqq.com/x", "http://qq.com.evil.test/x", "https://a@qq.com/x", "http://qq.com:8080/x", "file:///etc/passwd", "//qq.com/x", "%",
	} {
		if m, err := c.Fetch(t.Context(), chat.MediaRef{Kind: chat.Video, ID: address}); err == nil {
			m.Body.Close()
			t.Errorf("%s is fetched", address)
		}
	}
	for _, path := range asked {
		if !strings.HasPrefix(path, "/cgi-bin/") {
			t.Errorf("%s is asked for", path)
		}
	}
	if _, err := c.Fetch(t.Context(), chat.MediaRef{Kind: chat.Image, URL: "http://169.254.169.254/x"}); !errors.Is(err, chat.ErrMediaGone) {
		t.Errorf("a file without an id: %v", err)
	}
}

func TestTemplates(t *testing.T) {
	p, c := live(t)
	all, err := c.(chat.Templater).Templates(t.Context())
	if err != nil || len(all) != 1 || !slices.Equal(all[0].Components[1].Variables, []string{"body.number"}) {
		t.Fatalf("%+v, %v", all, err)
	}
	m := text("")
	m.Kind, m.Body.Template = chat.Templated, &chat.TemplateSend{Name: all[0].Name, Values: map[string]string{"body.number": "42"}}
	sent, err := c.Send(t.Context(), m)
	if err != nil || sent.ID == "" {
		t.Fatalf("%+v, %v", sent, err)
	}
	if got := p.Received("oUSER1"); len(got) != 1 || got[0].Text != "Order 42" || got[0].Key != m.ID.String() {
		t.Errorf("%+v", got)
	}
	p.Next("oUSER1", chattest.Behaviour{Misdeed: chattest.Refuse, Code: "48001"})
	if _, err := c.Send(t.Context(), m); refusal(t, err).Verdict != chat.VerdictRejected {
		t.Errorf("templates that were not granted: %v", err)
	}
	event, err := p.Receipt(sent.ID, chat.StatusDelivered, "")
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.Decode(p.Signed(event)[0])
	if err != nil || len(events) != 1 || events[0].Receipt == nil || events[0].Receipt.ID != sent.ID || events[0].Receipt.Status != chat.StatusDelivered {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestPersonAndCheck(t *testing.T) {
	_, c := live(t)
	got, err := c.Person(t.Context(), chat.Person{ID: "oUSER1"})
	if want := (chat.Person{ID: "oUSER1", Alias: "u-oUSER1", Name: "Customer oUSER1", Language: "zh-CN"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	h, err := c.Check(t.Context())
	if err != nil || h.Detail["remain"] != "499988" {
		t.Errorf("%+v, %v", h, err)
	}
}
