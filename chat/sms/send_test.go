package sms_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/sms/smstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const customer = "+14155551000"

// live is the demo account on a platform that is there, below a path as all fakes together are.
func live(t *testing.T, settings ...string) (*smstest.Platform, chat.Channel) {
	t.Helper()
	p := smstest.New(began)
	api := httptest.NewServer(http.StripPrefix("/sms", p))
	t.Cleanup(func() {
		p.Close()
		api.Close()
	})
	return p, opened(t, p, api.URL+"/sms", settings...)
}

func text(s string) chat.Outgoing {
	return chat.Outgoing{ID: uuid.New(), To: chat.Person{ID: customer}, Kind: chat.Text, Text: s, Author: chat.ByAgent}
}

func refusal(t *testing.T, err error) *chat.SendError {
	t.Helper()
	var e *chat.SendError
	if !errors.As(err, &e) {
		t.Fatalf("%v is no SendError", err)
	}
	return e
}

// request is the form of the last message that the platform was asked to take.
func request(t *testing.T, p *smstest.Platform) url.Values {
	t.Helper()
	form := url.Values{}
	for _, e := range p.Log() {
		if e.Operation == "create" {
			form, _ = url.ParseQuery(string(e.Request)) // the fake's own
		}
	}
	return form
}

func TestSend(t *testing.T) {
	p, c := live(t)
	m := text(strings.Repeat("好", 71))
	sent, err := c.Send(t.Context(), m)
	if err != nil || sent.ID == "" || sent.Status != chat.StatusQueued || sent.Segments != 2 {
		t.Errorf("%+v, %v", sent, err)
	}
	form := request(t, p)
	if form.Get("From") != smstest.Number || form.Has("MessagingServiceSid") || form.Get("StatusCallback") != smstest.HookURL+"?local="+m.ID.String() {
		t.Errorf("%v", form)
	}
	p, c = live(t, "messaging_service_sid", "MG1", "public_url", "")
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if form := request(t, p); form.Has("From") || form.Get("MessagingServiceSid") != "MG1" || form.Get("StatusCallback") != "https://cc.example.test/hooks/sms/demo?local="+m.ID.String() {
		t.Errorf("by a service: %v", form)
	}
	m.Text, m.Body.Link = "look", &chat.Link{URL: "https://example.test/a"}
	if _, err := c.Send(t.Context(), m); err != nil || request(t, p).Get("Body") != "look\nhttps://example.test/a" {
		t.Errorf("a link: %v", err)
	}
	m.Text, m.Body.Link = "", nil
	if _, err := c.Send(t.Context(), m); refusal(t, err).Verdict != chat.VerdictRejected {
		t.Errorf("nothing: %v", err)
	}
}

// A message that was taken and whose callback comes before the answer is known by our own id.
func TestCallbackBringsOurID(t *testing.T) {
	p, c := live(t)
	p.Point(smstest.HookURL, "")
	m := text("hello")
	sent, err := c.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	event, err := p.Receipt(sent.ID, chat.StatusDelivered, "")
	if err != nil {
		t.Fatal(err)
	}
	h := p.Signed(event)[0]
	if _, err := c.Accept(h); err != nil {
		t.Fatal(err)
	}
	events, err := c.Decode(h)
	if err != nil || len(events) != 1 || events[0].Receipt.Local != m.ID || events[0].Receipt.ID != sent.ID {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestOptOut(t *testing.T) {
	p, c := live(t)
	p.Play(chattest.Act{Customer: customer, Kind: chattest.Block})
	_, err := c.Send(t.Context(), text("hello"))
	if e := refusal(t, err); e.Verdict != chat.VerdictOptedOut || e.Code != "21610" {
		t.Errorf("after STOP: %v", e)
	}
	p.Play(chattest.Act{Customer: customer, Kind: chattest.Unblock})
	if _, err := c.Send(t.Context(), text("hello")); err != nil {
		t.Errorf("after START: %v", err)
	}
}

// An answer that is lost: the platform is asked what it has taken.
func TestLostAnswer(t *testing.T) {
	for _, k := range []struct {
		name    string
		first   []chattest.Misdeed // of the call, and of the look-up
		before  time.Duration      // the same words went out so long before; 0: they did not
		service bool
		want    chat.Verdict // "": it went out
		arrive  int
	}{
		{name: "taken", first: []chattest.Misdeed{chattest.Reset}, arrive: 1},
		{name: "taken by a service", first: []chattest.Misdeed{chattest.Reset}, service: true, arrive: 1},
		{name: "taken, and the look-up fails", first: []chattest.Misdeed{chattest.Reset, chattest.Down}, want: chat.VerdictDoubt, arrive: 1},
		{name: "taken, and the look-up is lost", first: []chattest.Misdeed{chattest.Reset, chattest.Reset}, want: chat.VerdictDoubt, arrive: 1},
		{name: "taken, the same as a while ago", first: []chattest.Misdeed{chattest.Reset}, before: time.Minute, arrive: 2},
		{name: "not tried", first: []chattest.Misdeed{chattest.Down}, want: chat.VerdictRetry},
	} {
		t.Run(k.name, func(t *testing.T) {
			var settings []string
			if k.service {
				settings = []string{"messaging_service_sid", "MG1"}
			}
			p, c := live(t, settings...)
			var earlier chat.Sent
			if k.before > 0 {
				earlier, _ = c.Send(t.Context(), text("hello")) // looked at below
				p.Advance(k.before)
			}
			for _, m := range k.first {
				p.Next(customer, chattest.Behaviour{Misdeed: m})
			}
			sent, err := c.Send(t.Context(), text("hello"))
			if k.want == "" && (err != nil || sent.ID == "" || sent.ID == earlier.ID) || k.want != "" && refusal(t, err).Verdict != k.want {
				t.Errorf("%+v, %v, want %q", sent, err, k.want)
			}
			if n := len(p.Received(customer)); n != k.arrive {
				t.Errorf("%d arrive, want %d", n, k.arrive)
			}
		})
	}
}

// expiring is a context whose time is up when the test says so.
type expiring struct {
	context.Context
	over chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.over }

func (e expiring) Err() error {
	select {
	case <-e.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// One that was not taken may be sent again, even where an older one says the same.
func TestLostRequest(t *testing.T) {
	for _, before := range []bool{false, true} {
		p, c := live(t)
		if before {
			if _, err := c.Send(t.Context(), text("hello")); err != nil {
				t.Fatal(err)
			}
			p.Advance(time.Minute)
		}
		p.Next(customer, chattest.Behaviour{Misdeed: chattest.Drop})
		ctx := expiring{context.Background(), make(chan struct{})}
		go func() {
			defer close(ctx.over)
			p.AwaitHeld(t.Context())
		}()
		_, err := c.Send(ctx, text("hello"))
		<-ctx.over
		if refusal(t, err).Verdict != chat.VerdictRetry {
			t.Errorf("an older one %v: %v", before, err)
		}
	}
}

func TestMessagesAtOnce(t *testing.T) {
	p, c := live(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			m := text("hello")
			m.To.ID = fmt.Sprintf("+1415555%04d", i)
			p.Next(m.To.ID, chattest.Behaviour{Misdeed: chattest.Reset})
			if sent, err := c.Send(t.Context(), m); err != nil || sent.ID == "" {
				t.Errorf("%+v, %v", sent, err)
			}
		})
	}
	all.Wait()
}

func TestRefusals(t *testing.T) {
	for _, k := range []struct {
		status int
		header string
		body   string
		want   chat.SendError
	}{
		{http.StatusTooManyRequests, "7", `{"code":20429,"message":"slow down"}`, chat.SendError{Verdict: chat.VerdictThrottled, Code: "20429", Detail: "slow down", After: 7 * time.Second}},
		{http.StatusTooManyRequests, "x", `<html>`, chat.SendError{Verdict: chat.VerdictThrottled, Code: "429"}},
		{http.StatusTooManyRequests, "", `{"code":63038}`, chat.SendError{Verdict: chat.VerdictQuota, Code: "63038"}},
		{http.StatusUnauthorized, "", `{}`, chat.SendError{Verdict: chat.VerdictReauthorise, Code: "401"}},
		{http.StatusNotFound, "", `{"code":20404}`, chat.SendError{Verdict: chat.VerdictReauthorise, Code: "20404"}},
		{http.StatusBadRequest, "", `nonsense`, chat.SendError{Verdict: chat.VerdictRejected, Code: "400"}},
		{http.StatusBadGateway, "", `nonsense`, chat.SendError{Verdict: chat.VerdictDoubt, Code: "502"}},
		{http.StatusServiceUnavailable, "2", ``, chat.SendError{Verdict: chat.VerdictRetry, Code: "503", After: 2 * time.Second}},
		{http.StatusBadRequest, "", `{"code":63016}`, chat.SendError{Verdict: chat.VerdictWindow, Code: "63016"}},
		{http.StatusMovedPermanently, "", ``, chat.SendError{Verdict: chat.VerdictRejected, Code: "301"}},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.Header().Set("Retry-After", k.header)
			w.Header().Set("Location", "http://127.0.0.1:1")
			w.WriteHeader(k.status)
			io.WriteString(w, k.body)
		}))
		_, err := opened(t, smstest.New(began), api.URL).Send(t.Context(), text("hello"))
		if e := refusal(t, err); *e != k.want {
			t.Errorf("%d %s: %+v, want %+v", k.status, k.body, *e, k.want)
		}
		api.Close()
	}
}

func TestFetch(t *testing.T) {
	var shown []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		shown = append(shown, r.URL.Path+" "+password)
		switch r.URL.Path {
		case "/file":
			io.WriteString(w, "data")
		case "/hop":
			w.Header().Set("Location", "/file")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "/round":
			w.Header().Set("Location", "/round")
			w.WriteHeader(http.StatusFound)
		case "/inside":
			w.Header().Set("Location", "http://169.254.169.254/latest")
			w.WriteHeader(http.StatusFound)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/large":
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case "/denied":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer api.Close()
	c := opened(t, smstest.New(began), api.URL)
	for path, want := range map[string]error{"/gone": chat.ErrMediaGone, "/large": chat.ErrMediaTooLarge, "/round": nil, "/inside": nil, "/denied": nil, "/broken": nil} {
		if _, err := c.Fetch(t.Context(), chat.MediaRef{URL: api.URL + path}); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, address := range []string{
		"", "%", "http://api.twilio.com/x", "https://api.twilio.com:8443/x", "https://u@api.twilio.com/x", "https://twilio.com.evil.test/x", "https://nottwilio.com/x",
		"file:///etc/passwd", "http://127.0.0.1:1/x", "https://[::ffff:169.254.169.254]/x",
	} {
		if _, err := c.Fetch(t.Context(), chat.MediaRef{URL: address}); err == nil {
			t.Errorf("%q is fetched", address)
		}
	}
	shown = nil
	m, err := c.Fetch(t.Context(), chat.MediaRef{URL: api.URL + "/hop"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if b, err := io.ReadAll(m.Body); err != nil || string(b) != "data" || m.Bytes != 4 || fmt.Sprint(shown) != "[/hop twilio-auth-token /file twilio-auth-token]" {
		t.Errorf("%q %d %v %v", b, m.Bytes, shown, err)
	}
}

func TestPicture(t *testing.T) {
	p, c := live(t)
	_, event, err := p.Act(chattest.Act{Customer: customer, Kind: chattest.Give, File: &chattest.File{Kind: chat.Image, Name: "a.png", ContentType: "image/png", Data: []byte("picture")}})
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.Decode(p.Signed(event)[0])
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Fetch(t.Context(), events[0].Message.Media[0])
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if b, err := io.ReadAll(m.Body); string(b) != "picture" || m.Name != "a.png" || m.ContentType != "image/png" {
		t.Errorf("%q %+v %v", b, m, err)
	}
}

func TestCheck(t *testing.T) {
	_, c := live(t)
	h, err := c.Check(t.Context())
	if err != nil || h.Name != "Demo" || h.Detail["status"] != "active" {
		t.Errorf("%+v, %v", h, err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"status":"suspended"}`) }))
	defer api.Close()
	if _, err := opened(t, smstest.New(began), api.URL).Check(t.Context()); refusal(t, err).Verdict != chat.VerdictPaused {
		t.Errorf("a suspended account: %v", err)
	}
}
