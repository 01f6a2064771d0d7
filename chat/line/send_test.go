package line_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/line/linetest"
)

// meet has the first customer write, and returns the message.
func meet(t *testing.T, p *linetest.Platform, c chat.Channel) chat.Event {
	t.Helper()
	_, event, err := p.Act(chattest.Act{Customer: p.Customer(0), Name: "Ann", Kind: chattest.Say, Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(p.Signed(event)[0])
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	return got[0]
}

func answer(e chat.Event, text string) chat.Outgoing {
	return chat.Outgoing{ID: uuid.New(), To: e.From, Kind: chat.Text, Text: text, Reply: e.Message.Reply, ReplyUntil: e.Message.ReplyUntil}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		header  string // Retry-After
		verdict chat.Verdict
		code    string
	}{
		{400, `{"message":"The request body has 1 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"}]}`, "", chat.VerdictRejected, "400"},
		{400, `{"message":"The property, 'to', in the request body is invalid (line: -, column: -)"}`, "", chat.VerdictUnreachable, "400/to"},
		{400, `{"message":"The request body has 1 error(s)","details":[{"message":"invalid","property":"to"}]}`, "", chat.VerdictUnreachable, "400/to"},
		{400, `{"message":"Invalid reply token"}`, "", chat.VerdictRejected, "400/reply_token"},
		{401, `{"message":"Authentication failed"}`, "", chat.VerdictReauthorise, "401"},
		{403, `{"message":"Not available for your account"}`, "", chat.VerdictPaused, "403"},
		{404, `{"message":"Not found"}`, "", chat.VerdictUnreachable, "404"},
		{413, ``, "", chat.VerdictRejected, "413"},
		{429, `{"message":"The API rate limit has been exceeded. Try again later."}`, "7", chat.VerdictThrottled, "429"},
		{429, `{"message":"You have reached your monthly limit."}`, "", chat.VerdictQuota, "429/monthly"},
		{500, `{"message":"Internal error"}`, "", chat.VerdictRetry, "500"},
		{503, `<h1>Service Unavailable</h1>`, "", chat.VerdictRetry, "503"},
		{200, `<h1>Hotel Wi-Fi</h1>`, "", chat.VerdictDoubt, ""},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body) // the client's trouble
		}))
		ch, err := opened(t, linetest.New(began), s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: "U1"}, Text: "x"})
		s.Close()
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != c.verdict || e.Code != c.code {
			t.Errorf("%d %s: %v, want %s %s", c.status, c.body, err, c.verdict, c.code)
			continue
		}
		if c.header != "" && e.After != 7*time.Second {
			t.Errorf("%d: after %v", c.status, e.After)
		}
	}
}

// A reply is free and once; without a good token it is a push, with one that has expired not even tried.
func TestReplyThenPush(t *testing.T) {
	p, c := running(t)
	from := meet(t, p, c)
	sent, err := c.Send(t.Context(), answer(from, "free"))
	if err != nil || sent.Pushed || sent.ID == "" || sent.QuoteToken == "" {
		t.Errorf("a reply: %+v, %v", sent, err)
	}
	if sent, err = c.Send(t.Context(), answer(from, "token used")); err != nil || !sent.Pushed {
		t.Errorf("with a used token: %+v, %v", sent, err)
	}
	from = meet(t, p, c)
	p.Advance(51 * time.Second)
	if sent, err = c.Send(t.Context(), answer(from, "token expired")); err != nil || !sent.Pushed {
		t.Errorf("with an expired token: %+v, %v", sent, err)
	}
	var calls []string
	for _, e := range p.Log() {
		calls = append(calls, e.Operation)
	}
	if got := strings.Join(calls, " "); got != "reply reply push push" {
		t.Errorf("calls: %s", got)
	}
	for i, r := range p.Received(p.Customer(0)) {
		if r.Free != (i == 0) {
			t.Errorf("%q: free is %v", r.Text, r.Free)
		}
	}
}

// Whatever becomes of a reply or a push, its repetition arrives once.
func TestRepeats(t *testing.T) {
	for _, c := range []struct {
		misdeed chattest.Misdeed
		reply   bool
		late    bool // the repetition comes when the token has expired
		want    int  // messages that arrive
	}{
		{misdeed: chattest.Reset, reply: true, want: 1},
		{misdeed: chattest.Down, reply: true, want: 1},
		{misdeed: chattest.Reset, reply: true, late: true, want: 1},
		{misdeed: chattest.Reset, want: 1},
		{misdeed: chattest.Down, want: 1},
	} {
		p, ch := running(t)
		m := answer(meet(t, p, ch), "once")
		if !c.reply {
			m.Reply = ""
		}
		p.Next(p.Customer(0), chattest.Behaviour{Misdeed: c.misdeed})
		_, err := ch.Send(t.Context(), m)
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != chat.VerdictDoubt && e.Verdict != chat.VerdictRetry {
			t.Errorf("%+v: %v", c, err)
		}
		if c.late {
			p.Advance(2 * time.Minute)
		}
		_, err = ch.Send(t.Context(), m)
		if c.late != (err != nil) {
			t.Errorf("%+v, again: %v", c, err)
		}
		if c.late && (!errors.As(err, &e) || e.Verdict != chat.VerdictDoubt) {
			t.Errorf("%+v: nobody can know, but: %v", c, err)
		}
		if got := p.Received(p.Customer(0)); len(got) != c.want {
			t.Errorf("%+v: %d arrive", c, len(got))
		}
	}
}

// A month's pushes can be used up; replies go on. What is left is shown.
func TestQuota(t *testing.T) {
	p, c := running(t)
	p.SetQuota(1)
	push := func() error {
		_, err := c.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: p.Customer(0)}, Text: "x"})
		return err
	}
	if err := push(); err != nil {
		t.Fatal(err)
	}
	var e *chat.SendError
	if err := push(); !errors.As(err, &e) || e.Verdict != chat.VerdictQuota {
		t.Errorf("beyond the quota: %v", err)
	}
	if sent, err := c.Send(t.Context(), answer(meet(t, p, c), "free")); err != nil || sent.Pushed {
		t.Errorf("a reply: %+v, %v", sent, err)
	}
	h, err := c.Check(t.Context())
	if err != nil || h.Name != "Demo" || h.Detail["quota"] != "1" || h.Detail["used"] != "1" || h.Detail["remain"] != "0" || h.Detail["hook"] != "none" {
		t.Errorf("%+v, %v", h, err)
	}
	hooker, ok := c.(chat.Hooker)
	if !ok {
		t.Fatal("the hook cannot be set")
	}
	const hook = "https://cc.example.test/hooks/line/demo"
	if err := hooker.SetHook(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	if h, err = c.Check(t.Context()); err != nil || h.Detail["hook"] != hook || h.Detail["hook_active"] != "true" {
		t.Errorf("%+v, %v", h, err)
	}
}

// What has no form of its own goes as text, and labels are cut to LINE's lengths.
func TestWords(t *testing.T) {
	p, c := running(t)
	to := chat.Person{ID: p.Customer(0)}
	long := strings.Repeat("名", 19) + "👍"
	options := make([]chat.Option, 14)
	for _, w := range []struct {
		name string
		m    chat.Outgoing
		want func(chattest.Received) bool
	}{
		{
			"a file",
			chat.Outgoing{Text: "your bill", Media: &chat.OutgoingMedia{Kind: chat.File, Name: "a.pdf", URL: "https://cc.example.test/m/1"}},
			func(r chattest.Received) bool { return r.Text == "your bill\na.pdf\nhttps://cc.example.test/m/1" },
		},
		{
			"a video without a picture",
			chat.Outgoing{Media: &chat.OutgoingMedia{Kind: chat.Video, Name: "a.mp4", URL: "https://cc.example.test/m/2"}},
			func(r chattest.Received) bool { return r.Text == "a.mp4\nhttps://cc.example.test/m/2" },
		},
		{
			"a card",
			chat.Outgoing{Body: chat.Body{Contacts: []chat.Card{{Name: "Bob", Phones: []string{"+1"}}}}},
			func(r chattest.Received) bool { return r.Text == "Bob\n+1" },
		},
		{
			"a link",
			chat.Outgoing{Text: "see", Body: chat.Body{Link: &chat.Link{URL: "https://example.test"}}},
			func(r chattest.Received) bool { return r.Text == "see\nhttps://example.test" },
		},
		{
			"a place",
			chat.Outgoing{Body: chat.Body{Location: &chat.Place{Latitude: 1, Longitude: 2}}},
			func(r chattest.Received) bool { return r.Kind == chat.Location },
		},
		{
			"an agent's name",
			chat.Outgoing{Text: "x", Name: long},
			func(r chattest.Received) bool { return r.Name == strings.Repeat("名", 19) },
		},
		{
			"an option with a long id",
			chat.Outgoing{Text: "x", Body: chat.Body{Options: []chat.Option{{ID: strings.Repeat("i", 290), Title: "One"}}}},
			func(r chattest.Received) bool { return r.Options[0].ID == strings.Repeat("i", 290) },
		},
		{"too many options", chat.Outgoing{Text: "x", Body: chat.Body{Options: options}}, nil},
		{"nothing", chat.Outgoing{}, nil},
		{"an edit", chat.Outgoing{Text: "x", Edit: "1"}, nil},
	} {
		w.m.ID, w.m.To = uuid.New(), to
		before := len(p.Received(to.ID))
		_, err := c.Send(t.Context(), w.m)
		got := p.Received(to.ID)[before:]
		var e *chat.SendError
		switch {
		case w.want == nil && (!errors.As(err, &e) || e.Verdict != chat.VerdictRejected || len(got) > 0):
			t.Errorf("%s: %v", w.name, err)
		case w.want != nil && (err != nil || len(got) != 1 || !w.want(got[0])):
			t.Errorf("%s: %+v, %v", w.name, got, err)
		}
	}
}

func TestPersonAndSignals(t *testing.T) {
	p, c := running(t)
	from := meet(t, p, c)
	if who, err := c.Person(t.Context(), from.From); err != nil || who.Name != "Ann" || who.Language != "en" || who.Avatar == "" {
		t.Errorf("a friend: %+v, %v", who, err)
	}
	for id, name := range map[string]string{p.Customer(1): "", "C00000000000000000000000000000001": "Family", "R00000000000000000000000000000001": ""} {
		if who, err := c.Person(t.Context(), chat.Person{ID: id}); err != nil || who.Name != name || who.ID != id {
			t.Errorf("%s: %+v, %v", id[:1], who, err)
		}
	}
	if err := c.Signal(t.Context(), chat.Signal{To: from.From, Kind: chat.SignalRead, ReadToken: from.Message.ReadToken}); err != nil {
		t.Error(err)
	}
	if read := p.Read(); len(read) != 1 || read[0] != from.Message.ID {
		t.Errorf("read: %v", read)
	}
	if err := c.Signal(t.Context(), chat.Signal{To: from.From, Kind: chat.SignalTyping}); err != nil {
		t.Error(err)
	}
	if log := p.Log(); log[len(log)-1].Operation != "loading" || log[len(log)-1].Status != http.StatusAccepted {
		t.Errorf("typing: %+v", log[len(log)-1])
	}
}

// A sticker's picture comes without the token; a film that cannot be converted is gone.
func TestFetch(t *testing.T) {
	p, _ := running(t)
	failed := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/stickershop/") && r.Header.Get("Authorization") != "" {
			t.Error("the shop sees the token")
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/transcoding") && failed:
			_, _ = io.WriteString(w, `{"status":"failed"}`) // the client's trouble
		case strings.HasSuffix(r.URL.Path, "/transcoding"):
			_, _ = io.WriteString(w, `{"status":"processing"}`) // likewise
		case strings.HasSuffix(r.URL.Path, "/content"):
			w.WriteHeader(http.StatusAccepted)
		default:
			_, _ = io.WriteString(w, "PNG") // likewise
		}
	}))
	defer s.Close()
	c, err := opened(t, p, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Fetch(t.Context(), chat.MediaRef{Kind: chat.Sticker, ID: "1988"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(m.Body)
	if err = errors.Join(err, m.Body.Close()); err != nil || string(b) != "PNG" {
		t.Errorf("a sticker: %q, %v", b, err)
	}
	for _, want := range []error{chat.ErrMediaLater, chat.ErrMediaGone} {
		if _, err := c.Fetch(context.Background(), chat.MediaRef{Kind: chat.Video, ID: "1"}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		failed = true
	}
}
