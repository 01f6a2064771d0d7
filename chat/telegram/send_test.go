package telegram_test

import (
	"encoding/json"
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
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		to      string
		verdict chat.Verdict
		code    string
		after   time.Duration
	}{
		{400, `{"ok":false,"error_code":400,"description":"Bad Request: message text is empty"}`, "9", chat.VerdictRejected, "400", 0},
		{400, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`, "9", chat.VerdictUnreachable, "400/chat_not_found", 0},
		{400, `{"ok":false,"error_code":400,"description":"Bad Request: PEER_ID_INVALID"}`, "9", chat.VerdictUnreachable, "400/peer_invalid", 0},
		{400, `{"ok":false,"error_code":400,"description":"Bad Request: have no rights to send a message"}`, "-9", chat.VerdictUnreachable, "400/no_rights", 0},
		{401, `{"ok":false,"error_code":401,"description":"Unauthorized"}`, "9", chat.VerdictReauthorise, "401", 0},
		{404, `{"ok":false,"error_code":404,"description":"Not Found"}`, "9", chat.VerdictReauthorise, "404", 0},
		{403, `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`, "9", chat.VerdictUnreachable, "403/blocked", 0},
		{403, `{"ok":false,"error_code":403,"description":"Forbidden: bot can't initiate conversation with a user"}`, "9", chat.VerdictUnreachable, "403/not_started", 0},
		{403, `{"ok":false,"error_code":403,"description":"Forbidden: user is deactivated"}`, "9", chat.VerdictUnreachable, "403/deactivated", 0},
		{403, `{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked from the group chat"}`, "-9", chat.VerdictUnreachable, "403", 0},
		{409, `{"ok":false,"error_code":409,"description":"Conflict"}`, "9", chat.VerdictRetry, "409", 0},
		{413, `{"ok":false,"error_code":413,"description":"Request Entity Too Large"}`, "9", chat.VerdictRejected, "413", 0},
		{429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}`, "9", chat.VerdictThrottled, "429", 5 * time.Second},
		{429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 31","parameters":{"retry_after":31}}`, "-9", chat.VerdictPair, "429", 31 * time.Second},
		{429, `{"ok":false,"error_code":429,"parameters":{"retry_after":99999999999}}`, "9", chat.VerdictThrottled, "429", 24 * time.Hour},
		{500, `{"ok":false,"error_code":500,"description":"Internal Server Error"}`, "9", chat.VerdictRetry, "500", 0},
		{502, `<h1>Bad Gateway</h1>`, "9", chat.VerdictRetry, "502", 0},
		{504, `<h1>Gateway Timeout</h1>`, "9", chat.VerdictDoubt, "504", 0},
		{200, `<h1>Hotel Wi-Fi</h1>`, "9", chat.VerdictDoubt, "", 0},
		{200, `{"ok":true,"result":"odd"}`, "9", chat.VerdictDoubt, "", 0},
	} {
		p, _ := running(t)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body) // the client's trouble
		}))
		ch, err := opened(t, p, s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: c.to}, Text: "x"})
		s.Close()
		var e *chat.SendError
		if !errors.As(err, &e) || e.Verdict != c.verdict || e.Code != c.code || e.After != c.after {
			t.Errorf("%d %s: %v, want %s %s", c.status, c.body, err, c.verdict, c.code)
		}
	}
}

// Who blocks the bot cannot be written to, until they come back.
func TestBlocked(t *testing.T) {
	p, c := running(t)
	send := func() error {
		_, err := c.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: p.Customer(0)}, Text: "x"})
		return err
	}
	for _, a := range []chattest.ActKind{chattest.Block, chattest.Unblock} {
		_, event, err := p.Act(chattest.Act{Customer: p.Customer(0), Kind: a})
		if err != nil {
			t.Fatal(err)
		}
		events, err := c.Decode(p.Signed(event)[0])
		there := a == chattest.Unblock
		if err != nil || len(events) != 1 || events[0].Contact == nil || *events[0].Contact.Reachable != there {
			t.Errorf("%s: %+v, %v", a, events, err)
		}
		var e *chat.SendError
		if err := send(); there != (err == nil) || err != nil && (!errors.As(err, &e) || e.Verdict != chat.VerdictUnreachable) {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// A supergroup is found by the id of the group that it was.
func TestMigrated(t *testing.T) {
	p, c := running(t)
	p.Migrate("-5", -1005)
	sent, err := c.Send(t.Context(), chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: "-5"}, Text: "x"})
	if err != nil || !strings.HasPrefix(sent.ID, "-1005/") || len(p.Received("-1005")) != 1 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// calls are the bodies of calls that were made, by method.
func calls(t *testing.T, log []chattest.Entry) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, e := range log {
		var body map[string]any
		if err := json.Unmarshal(e.Request, &body); err != nil {
			t.Errorf("%s: %v", e.Operation, err)
		}
		all[e.Operation] = body
	}
	return all
}

// Each file goes by the method of its kind; text is never markup; a chat of a business account is written to through it.
func TestMethods(t *testing.T) {
	file := func(k chat.MediaKind, contentType string, voice bool) chat.Outgoing {
		return chat.Outgoing{Media: &chat.OutgoingMedia{
			Kind: k, Name: "a file", ContentType: contentType, Bytes: 1, Seconds: 2, Voice: voice,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil },
		}}
	}
	large := file(chat.Image, "image/jpeg", false)
	large.Media.Bytes = 11 << 20
	large.Media.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Repeat("x", 11<<20))), nil
	}
	for _, c := range []struct {
		name, method string
		m            chat.Outgoing
	}{
		{"text", "sendMessage", chat.Outgoing{Text: "*a* <b>_c_"}},
		{"photo", "sendPhoto", file(chat.Image, "image/png", false)},
		{"large photo", "sendDocument", large},
		{"gif", "sendAnimation", file(chat.Image, "image/gif", false)},
		{"video", "sendVideo", file(chat.Video, "video/mp4", false)},
		{"strange video", "sendDocument", file(chat.Video, "video/webm", false)},
		{"voice", "sendVoice", file(chat.Audio, "audio/ogg; codecs=opus", true)},
		{"music", "sendAudio", file(chat.Audio, "audio/mpeg", false)},
		{"document", "sendDocument", file(chat.File, "application/pdf", false)},
		{"sticker", "sendSticker", file(chat.Sticker, "image/webp", false)},
		{"place", "sendLocation", chat.Outgoing{Body: chat.Body{Location: &chat.Place{Latitude: 1, Longitude: 2}}}},
		{"venue", "sendVenue", chat.Outgoing{Body: chat.Body{Location: &chat.Place{Latitude: 1, Longitude: 2, Name: "Shop", Address: "Street 1"}}}},
		{"card", "sendContact", chat.Outgoing{Body: chat.Body{Contacts: []chat.Card{{Name: "Bob", Phones: []string{"+1"}}}}}},
		{"cards", "sendMessage", chat.Outgoing{Body: chat.Body{Contacts: []chat.Card{{Name: "Bob"}, {Name: "Eve"}}}}},
		{"link", "sendMessage", chat.Outgoing{Text: "see", Body: chat.Body{Link: &chat.Link{URL: "https://example.test"}}}},
	} {
		p, ch := running(t)
		c.m.ID, c.m.To = uuid.New(), chat.Person{ID: "BC1/9"}
		sent, err := ch.Send(t.Context(), c.m)
		if err != nil || sent.ID != "BC1/9/1" {
			t.Errorf("%s: %+v, %v", c.name, sent, err)
		}
		body, ok := calls(t, p.Log())[c.method]
		if !ok || body["business_connection_id"] != "BC1" || body["parse_mode"] != nil {
			t.Errorf("%s: not by %s: %v", c.name, c.method, body)
		}
	}
	for name, m := range map[string]chat.Outgoing{
		"nothing":   {},
		"too large": {Media: &chat.OutgoingMedia{Kind: chat.File, Bytes: 51 << 20}},
		"edit":      {Edit: "nobody's", Text: "x"},
		"unsend":    {Unsend: "9"},
		"react":     {React: "a/b", Text: "x"},
	} {
		_, ch := running(t)
		m.To = chat.Person{ID: "9"}
		var e *chat.SendError
		if _, err := ch.Send(t.Context(), m); !errors.As(err, &e) || e.Verdict != chat.VerdictRejected {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Changes that have been made before are no errors, and a file has its caption changed.
func TestChanges(t *testing.T) {
	p, c := running(t)
	to := chat.Person{ID: p.Customer(0)}
	send := func(m chat.Outgoing) chat.Sent {
		t.Helper()
		m.ID, m.To = uuid.New(), to
		sent, err := c.Send(t.Context(), m)
		if err != nil {
			t.Errorf("%+v: %v", m, err)
		}
		return sent
	}
	text := send(chat.Outgoing{Text: "a"}).ID
	file := send(chat.Outgoing{Text: "a", Media: &chat.OutgoingMedia{
		Kind: chat.File, Name: "a.pdf", Bytes: 1, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil },
	}}).ID
	for range 2 {
		send(chat.Outgoing{Edit: text, Text: "b"})
		send(chat.Outgoing{Edit: file, Text: "b"})
	}
	for _, r := range p.Received(to.ID) {
		if r.Text != "b" || !r.Edited {
			t.Errorf("%+v", r)
		}
	}
	send(chat.Outgoing{React: text, Text: ""})
	send(chat.Outgoing{Unsend: text})
	send(chat.Outgoing{Unsend: to.ID + "/99"})
	long := strings.Repeat("i", 65)
	send(chat.Outgoing{Text: "which?", Body: chat.Body{Options: []chat.Option{{ID: long, Title: "Long"}, {Title: "No id"}}}})
	all := p.Received(to.ID)
	for _, o := range all[len(all)-1].Options {
		if len(o.ID) > 64 || !strings.HasPrefix(o.ID, "#") {
			t.Errorf("a button gives back %q", o.ID)
		}
	}
}

func TestAccountAndSignals(t *testing.T) {
	p, c := running(t)
	hooker, ok := c.(chat.Hooker)
	if !ok {
		t.Fatal("the hook cannot be set")
	}
	const hook = "https://cc.example.test/hooks/telegram/demo"
	if err := hooker.SetHook(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	set := calls(t, p.Log())["setWebhook"]
	if set["secret_token"] != "telegram-secret" || !strings.Contains(strings.Join(p.Updates(), " "), "message_reaction") {
		t.Errorf("the hook is set as %v", set)
	}
	h, err := c.Check(t.Context())
	if err != nil || h.Name != "Demo" || h.Detail["id"] != "@demo_bot" || h.Detail["hook"] != hook || h.Detail["last_error"] == "" || h.Detail["pending"] != "0" {
		t.Errorf("%+v, %v", h, err)
	}
	for _, s := range []chat.Signal{
		{To: chat.Person{ID: "9"}, Kind: chat.SignalTyping},
		{To: chat.Person{ID: "9"}, Kind: chat.SignalQuiet},
		{To: chat.Person{ID: "9"}, Kind: chat.SignalRead, Message: "9/1"},
		{To: chat.Person{ID: "BC1/9"}, Kind: chat.SignalRead, Message: "BC1/9/1"},
	} {
		if err := c.Signal(t.Context(), s); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	made := calls(t, p.Log())
	if made["sendChatAction"]["action"] != "typing" || made["readBusinessMessage"]["business_connection_id"] != "BC1" {
		t.Errorf("signals: %v", made)
	}
	if who, err := c.Person(t.Context(), chat.Person{ID: "404"}); err != nil || who.ID != "404" || who.Name != "" {
		t.Errorf("a stranger: %+v, %v", who, err)
	}
}

// A large file is not even asked for. A path that has expired is asked for anew, and one that leads elsewhere leads nowhere.
func TestFetch(t *testing.T) {
	p, c := running(t)
	if _, err := c.Fetch(t.Context(), chat.MediaRef{ID: "x", Bytes: 20<<20 + 1}); !errors.Is(err, chat.ErrMediaTooLarge) || len(p.Log()) > 0 {
		t.Errorf("too large: %v", err)
	}
	path := "files/1"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/getFile") {
			_, _ = io.WriteString(w, `{"ok":true,"result":{"file_path":"`+path+`"}}`) // the client's trouble
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/file/bot") {
			t.Errorf("asked for %s", r.URL.Path)
		}
		http.NotFound(w, r)
	}))
	defer s.Close()
	c, err := opened(t, p, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, path = range []string{"files/1", "../../bot1/getMe", "/etc/passwd", "a?b#c"} {
		var e *chat.SendError
		if _, err := c.Fetch(t.Context(), chat.MediaRef{ID: "x"}); !errors.As(err, &e) || e.Verdict != chat.VerdictRetry {
			t.Errorf("%s: %v", path, err)
		}
	}
	path = ""
	if _, err := c.Fetch(t.Context(), chat.MediaRef{ID: "x"}); !errors.Is(err, chat.ErrMediaLater) {
		t.Errorf("no path: %v", err)
	}
}
