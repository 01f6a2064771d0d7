package viber_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/viber/vibertest"
)

// Viber answers 200 whatever it thinks: the status in the answer is the error.
func TestErrors(t *testing.T) {
	type want struct {
		status  int
		body    string
		verdict chat.Verdict
		code    string
	}
	var all []want
	for verdict, statuses := range map[chat.Verdict][]int{
		chat.VerdictReauthorise: {2, 15}, chat.VerdictUnreachable: {5, 6, 11}, chat.VerdictPaused: {7, 8, 9, 10}, chat.VerdictPair: {12},
		chat.VerdictRejected: {1, 3, 4, 13, 14, 16, 17, 18, 19, 20}, chat.VerdictRetry: {-1, 21, 99},
	} {
		for _, n := range statuses {
			all = append(all, want{200, fmt.Sprintf(`{"status":%d,"status_message":"no","message_token":5741311803571721091}`, n), verdict, fmt.Sprint(n)})
		}
	}
	all = append(
		all,
		want{302, "", chat.VerdictRetry, "http/302"},
		want{400, "", chat.VerdictRejected, "http/400"},
		want{401, "", chat.VerdictReauthorise, "http/401"},
		want{429, "", chat.VerdictThrottled, "http/429"},
		want{503, "<h1>Service Unavailable</h1>", chat.VerdictRetry, "http/503"},
		want{504, "", chat.VerdictDoubt, "http/504"},
		want{200, "<h1>Hotel Wi-Fi</h1>", chat.VerdictDoubt, ""},
		want{200, "{}", chat.VerdictDoubt, ""},
	)
	for _, c := range all {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body) // the client's trouble
		}))
		ch, err := opened(t, vibertest.New(began), s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: "01AB=="}, Text: "x"})
		s.Close()
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != c.verdict || e.Code != c.code {
			t.Errorf("%d %s: %v, want %s %s", c.status, c.body, err, c.verdict, c.code)
		}
	}
}

// Ids of 64 bits come through as they are, whether they are numbers or strings.
func TestTokens(t *testing.T) {
	for _, token := range []string{`5741311803571721087`, `"5741311803571721087"`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":0,"status_message":"ok","message_token":`+token+`}`) // the client's trouble
		}))
		c, err := opened(t, vibertest.New(began), s.URL)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := c.Send(t.Context(), chat.Outgoing{To: chat.Person{ID: "01AB=="}, Text: "x"})
		s.Close()
		if err != nil || sent.ID != "5741311803571721087" {
			t.Errorf("%s: %+v, %v", token, sent, err)
		}
	}
}

// What is too much for Viber is refused before it is sent, and what it does not show goes as a file.
func TestWords(t *testing.T) {
	p, c := running(t)
	to := chat.Person{ID: p.Customer(0)}
	if _, err := p.Play(chattest.Act{Customer: to.ID, Name: "Ann", Kind: chattest.Say, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	options := func(n int, title string) chat.Body {
		var b chat.Body
		for i := range n {
			b.Options = append(b.Options, chat.Option{ID: fmt.Sprint(i), Title: title})
		}
		return b
	}
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	defer files.Close()
	file := func(k chat.MediaKind, contentType string) *chat.OutgoingMedia {
		return &chat.OutgoingMedia{Kind: k, Name: strings.Repeat("n", 300) + ".webm", ContentType: contentType, Bytes: 1, URL: files.URL}
	}
	sized := file(chat.File, "application/pdf")
	sized.Bytes = 51 << 20
	far := file(chat.File, "application/pdf")
	far.URL += "/" + strings.Repeat("x", 2000)
	unknown := file(chat.File, "application/pdf")
	unknown.Bytes = 0
	for _, w := range []struct {
		name string
		m    chat.Outgoing
		want func(chattest.Received) bool // nil: refused
	}{
		{"an agent's name", chat.Outgoing{Text: "x", Name: strings.Repeat("名", 30)}, func(r chattest.Received) bool { return r.Name == strings.Repeat("名", 28) }},
		{"nobody's name", chat.Outgoing{Text: "x"}, func(r chattest.Received) bool { return r.Name == "Demo" }},
		{"twelve options", chat.Outgoing{Text: "x", Body: options(12, "Yes")}, func(r chattest.Received) bool { return len(r.Options) == 12 }},
		{"thirteen options", chat.Outgoing{Text: "x", Body: options(13, "Yes")}, nil},
		{"long options", chat.Outgoing{Text: "x", Body: options(12, strings.Repeat("x", 400))}, nil},
		{
			"a strange video",
			chat.Outgoing{Media: file(chat.Video, "video/webm")},
			func(r chattest.Received) bool {
				return r.Files[0].Kind == chat.File && len(r.Files[0].Name) == 245 && strings.HasSuffix(r.Files[0].Name, ".webm")
			},
		},
		{"a large file", chat.Outgoing{Media: sized}, nil},
		{"a file of no size", chat.Outgoing{Media: unknown}, nil},
		{"a file far away", chat.Outgoing{Media: far}, nil},
		{"text below a file", chat.Outgoing{Text: "x", Media: file(chat.File, "application/pdf")}, nil},
		{"a long text", chat.Outgoing{Text: strings.Repeat("x", 31<<10)}, nil},
		{"angle brackets", chat.Outgoing{Text: strings.Repeat("<", 7000)}, func(r chattest.Received) bool { return len(r.Text) == 7000 }},
		{"a place", chat.Outgoing{Body: chat.Body{Location: &chat.Place{Latitude: 1, Longitude: 2}}}, func(r chattest.Received) bool { return r.Kind == chat.Location }},
		{"a card", chat.Outgoing{Body: chat.Body{Contacts: []chat.Card{{Name: "Bob", Phones: []string{"+1"}}}}}, func(r chattest.Received) bool { return r.Text == "Bob +1" }},
		{"cards", chat.Outgoing{Body: chat.Body{Contacts: []chat.Card{{Name: "Bob"}, {Name: "Eve"}}}}, func(r chattest.Received) bool { return r.Text == "Bob\nEve" }},
		{"a link", chat.Outgoing{Text: "see", Body: chat.Body{Link: &chat.Link{URL: "https://example.test"}}}, func(r chattest.Received) bool { return r.Text == "see\nhttps://example.test" }},
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

// A hundred messages may go to somebody who does not answer; their word makes it a hundred again.
func TestUnanswered(t *testing.T) {
	p, c := running(t)
	hear := func() {
		if _, err := p.Play(chattest.Act{Customer: p.Customer(0), Kind: chattest.Say, Text: "hi"}); err != nil {
			t.Fatal(err)
		}
	}
	send := func() error {
		_, err := c.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: p.Customer(0)}, Text: "x"})
		return err
	}
	var e *chat.SendError
	if err := send(); !errors.As(err, &e) || e.Verdict != chat.VerdictUnreachable {
		t.Errorf("to a stranger: %v", err)
	}
	hear()
	for range 100 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(); !errors.As(err, &e) || e.Verdict != chat.VerdictPair {
		t.Errorf("one more: %v", err)
	}
	hear()
	if err := send(); err != nil {
		t.Errorf("after a word: %v", err)
	}
}

// The platform tries the hook while it is set; a hook that refuses is not set.
func TestAccountAndHook(t *testing.T) {
	const hook = "https://cc.example.test/hooks/viber/demo"
	p, c := running(t)
	hooker, ok := c.(chat.Hooker)
	if !ok {
		t.Fatal("the hook cannot be set")
	}
	if err := hooker.SetHook(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	h, err := c.Check(t.Context())
	if err != nil || h.Name != "Demo" || h.Detail["hook"] != hook || h.Detail["subscribers"] != "0" {
		t.Errorf("%+v, %v", h, err)
	}
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	p.Point(hook, refusing.URL)
	if err := hooker.SetHook(t.Context(), hook); err == nil {
		t.Error("a hook that refuses is set")
	}
	if _, err := p.Play(chattest.Act{Customer: p.Customer(0), Name: "Ann", Kind: chattest.Say, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"Ann", "Ann", ""} { // twice in twelve hours
		if who, err := c.Person(t.Context(), chat.Person{ID: p.Customer(0)}); err != nil || who.Name != name || who.ID != p.Customer(0) {
			t.Errorf("asked the %d. time: %+v, %v", i+1, who, err)
		}
	}
	if err := c.Signal(t.Context(), chat.Signal{To: chat.Person{ID: p.Customer(0)}, Kind: chat.SignalTyping}); err != nil {
		t.Error(err)
	}
}

// Files are fetched from the platform's hosts over TLS, and from nowhere else.
func TestFetch(t *testing.T) {
	c := silent(t)
	for _, address := range []string{
		"", "x", "http://dl-media.viber.com/1", "https://viber.com.example.test/1", "https://notviber.com/1", "https://dl-media.viber.com:8443/1",
		"https://user@dl-media.viber.com/1", "http://169.254.169.254/", "https://127.0.0.1/", "file:///etc/passwd", "https://[::1]/", "http://chatapi.viber.com/1",
	} {
		if _, err := c.Fetch(t.Context(), chat.MediaRef{URL: address}); !errors.Is(err, chat.ErrMediaGone) {
			t.Errorf("%q: %v", address, err)
		}
	}
	status := http.StatusForbidden
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer s.Close()
	c, err := opened(t, vibertest.New(began), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, status = range []int{403, 404, 410} {
		if _, err := c.Fetch(t.Context(), chat.MediaRef{URL: s.URL + "/1"}); !errors.Is(err, chat.ErrMediaGone) {
			t.Errorf("%d: %v", status, err)
		}
	}
	status = http.StatusBadGateway
	var e *chat.SendError
	if _, err := c.Fetch(t.Context(), chat.MediaRef{URL: s.URL + "/1"}); !errors.As(err, &e) || e.Verdict != chat.VerdictRetry {
		t.Errorf("a gateway: %v", err)
	}
}
