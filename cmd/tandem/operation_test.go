package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/gorilla/websocket"

	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/signaling/browsertest"
	"tandem/sip/siptest"
)

// echo is a call to 1003, which sends back what it hears.
func echo(t testing.TB, server, user string) *caller {
	t.Helper()
	p := &caller{phone: siptest.New(t, user), voice: siptest.NewVoice(t, codec.PCMU)}
	p.call = p.phone.Invite(server, "1003", p.phone.SDP(p.voice.Port(), "", "0"))
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	p.voice.WaitTone(customerHz, 10*time.Second)
	return p
}

// refused makes a call that is to be refused.
func refused(t testing.TB, server, user, number string, status int) *gosip.Response {
	t.Helper()
	p := siptest.New(t, user)
	call := p.Invite(server, number, p.SDP(40000, "", "0"))
	res := call.Response(status)
	call.AckRefusal(res)
	return res
}

func retryAfter(res *gosip.Response) bool {
	h := res.GetHeader("Retry-After")
	return h != nil && h.Value() != ""
}

// logs waits for a line of the log.
func (p *process) logs(text string) {
	p.t.Helper()
	within(p.t, 20*time.Second, "the log line "+text, func() bool { return strings.Contains(p.logged(), text) })
}

func (p *process) ends(code int) {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		p.t.Fatal("the program does not end")
	}
	if p.code != code {
		p.t.Errorf("the program ended with %d, want %d", p.code, code)
	}
}

// SIGTERM: no new calls, no readiness, the call that is on goes on, and the program ends with it.
func TestDrain(t *testing.T) {
	t.Parallel()
	p := run(t, storagetest.NewURL(t), t.TempDir())
	on := echo(t, p.sip, "+4930600001")
	if status, _ := p.do("GET", "/readyz", nil); status != http.StatusOK {
		t.Errorf("readyz before: %d", status)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logs(`msg="draining: new calls are refused, a second signal ends now" calls=1`)
	if status, _ := p.do("GET", "/readyz", nil); status != http.StatusServiceUnavailable {
		t.Errorf("readyz while draining: %d", status)
	}
	if status, _ := p.do("GET", "/healthz", nil); status != http.StatusOK {
		t.Errorf("healthz while draining: %d", status)
	}
	if res := refused(t, p.sip, "+4930600002", "1003", 503); !retryAfter(res) {
		t.Error("503 without Retry-After")
	}
	on.voice.Forget()
	on.voice.Tone(farHz)
	on.voice.WaitTone(farHz, 10*time.Second)
	on.hangUp()
	p.ends(0)
	if !strings.Contains(p.logged(), "drained: no call remains") {
		t.Error("the log does not say that no call remained")
	}
}

// A second signal ends the calls, with their records, and the program.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	database := storagetest.NewURL(t)
	p := run(t, database, t.TempDir())
	on := echo(t, p.sip, "+4930600003")
	for _, said := range []string{"calls=1", ""} {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		p.logs(said)
	}
	on.hungUp()
	p.ends(0)
	db := open(t, database)
	if n := count(t, db, `SELECT count(*) FROM events WHERE type = 'call.ended' AND data->>'reason' = 'node_stopped'`); n != 1 {
		t.Errorf("%d calls ended by the stop", n)
	}
}

func (c client) metric(name string) string {
	c.t.Helper()
	_, b := c.do("GET", "/metrics", nil)
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// One call too many is refused with 503 and Retry-After, an unknown number with 404; the metric counts both.
func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	a := start(t, "TANDEM_CALLS_MAX=1")
	c := a.client(t)
	on := echo(t, a.sipAddr(), "+4930700001")
	if res := refused(t, a.sipAddr(), "+4930700002", "1003", 503); !retryAfter(res) {
		t.Error("503 without Retry-After")
	}
	const refusals = `tandem_calls_total{direction="inbound",result="refused"}`
	if n := c.metric(refusals); n != "1" {
		t.Errorf("%q refused calls after one over capacity", n)
	}
	on.hangUp()
	a.ended(t, on.phone.User)
	within(t, 10*time.Second, "the end of the call", func() bool { return a.board.Active() == 0 })
	refused(t, a.sipAddr(), "+4930700003", "4711", 404)
	within(t, 10*time.Second, "the metric of the unknown number", func() bool { return c.metric(refusals) == "2" })
	echo(t, a.sipAddr(), "+4930700004").hangUp()
}

// canaries are what must never be seen where it does not belong.
type canaries struct {
	t    testing.TB
	list map[string]string
}

func (c canaries) absent(where, text string) {
	c.t.Helper()
	for name, canary := range c.list {
		if i := strings.Index(text, canary); i >= 0 {
			c.t.Errorf("%s in %s: …%s…", name, where, text[max(0, i-200):min(len(text), i+len(canary)+40)])
		}
	}
}

// Numbers, names, notes, passwords, digests, keys and tokens, sent through every door, good and bad: none of them is in the log at its
// most talkative, in a metric, or in an answer that says no.
func TestNothingPersonalIsLogged(t *testing.T) {
	t.Parallel()
	p := run(t, storagetest.NewURL(t), t.TempDir(), "TANDEM_LOG_LEVEL=debug")
	c := canaries{t, map[string]string{
		"caller's number": "4930987654", "unknown number": "8088123321", "name": "Canaria Zwitscher", "note": "canary-note", "password": "canary-password",
		"key": "canary-key", "token": "canary-token", "header": "canary-header", "e-mail": "canary@example.test", "API key": testKey, "demo password": demoPassword,
	}}
	canariesBySIP(t, p, c)
	canariesByAPI(t, p, c)
	canariesBySocket(t, p, c)

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(0)
	if !strings.Contains(p.logged(), "level=DEBUG") {
		t.Error("nothing was logged at level debug")
	}
	c.absent("the log", p.logged())
}

func canariesBySIP(t *testing.T, p *process, c canaries) {
	who := "+" + c.list["caller's number"]
	ph := siptest.New(t, who)
	voice := siptest.NewVoice(t, codec.PCMU)
	extra := []string{
		fmt.Sprintf(`P-Asserted-Identity: "%s" <sip:%s@example.test>`, c.list["name"], who),
		"X-Note: " + c.list["header"], "User-to-User: " + c.list["header"] + ";encoding=ascii",
	}
	for _, number := range []string{"1003", "1000"} { // echo; a menu, with a key pressed
		call := ph.Invite(p.sip, number, ph.SDP(voice.Port(), "", "0"), extra...)
		voice.Send(string(call.Response(200).Body()), customerHz)
		call.Ack("")
		call.Send("INFO", "application/dtmf-relay", "Signal=7\r\nDuration=100\r\n")
		call.Response(200)
		call.Send("BYE", "", "")
		call.Response(200)
	}
	unknown := ph.Invite(p.sip, c.list["unknown number"], ph.SDP(voice.Port(), "", "0"), extra...)
	res := unknown.Response(404)
	unknown.AckRefusal(res)
	bad := ph.Invite(p.sip, "1003", "v=0\r\no="+c.list["name"]+"\r\nm=audio none\r\n", extra...)
	res = bad.Response()
	bad.AckRefusal(res)
	c.absent("a SIP answer's reason", res.Reason)
	ph.Raw(p.sip, []byte("INVITE "+who+" "+c.list["name"]+"\r\nFrom: <sip:"+who+"\r\n\r\n"))

	register := ph.Request("REGISTER", p.sip, "8001")
	register.Resend()
	register.Authorize(register.Response(401), "REGISTER", "8001", c.list["password"], "MD5")
	register.Response()
	_, digest, _ := strings.Cut(register.LastHeader("Authorization"), `response="`)
	c.list["digest"], _, _ = strings.Cut(digest, `"`)
	if len(c.list["digest"]) != 32 {
		t.Errorf("no digest in %q", register.LastHeader("Authorization"))
	}
}

func canariesByAPI(t *testing.T, p *process, c canaries) {
	request := func(want int, method, path string, body any, header ...string) []byte {
		t.Helper()
		status, b := p.do(method, path, body, header...)
		if status != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, status, b, want)
		}
		if status >= 400 {
			c.absent("the answer to "+method+" "+path, string(b))
		}
		return b
	}
	login := func(password string) map[string]string {
		return map[string]string{"email": c.list["e-mail"], "password": password}
	}
	request(401, "POST", "/api/v1/login", login(c.list["password"]), "Authorization", "")
	request(401, "GET", "/api/v1/calls", nil, "Authorization", "Bearer "+c.list["key"])
	request(401, "GET", "/api/v1/calls", nil, "Authorization", "", "Cookie", "session="+c.list["token"])
	request(422, "POST", "/api/v1/contacts", map[string]any{"name": c.list["name"], "canary": c.list["note"]})
	request(422, "POST", "/api/v1/numbers", map[string]any{"number": c.list["unknown number"], "kind": c.list["note"]})
	request(404, "GET", "/api/v1/nothing/"+c.list["caller's number"], nil)
	request(200, "GET", "/api/v1/contacts?search="+c.list["caller's number"], nil)
	request(200, "PUT", "/api/v1/crm-connection", map[string]any{"provider": "rt", "base_url": "http://127.0.0.1:9", "user": "u", "password": c.list["password"]})
	request(200, "PUT", "/api/v1/crm-connection", map[string]any{"provider": "own"})
	ticket := ask[struct{ ID string }](p.client, "POST", "/api/v1/tickets", map[string]any{"title": c.list["name"]})
	if status, b := p.do("POST", "/api/v1/tickets/"+ticket.ID+"/notes", map[string]any{"body": c.list["note"]}); status > 299 {
		t.Errorf("a note: %d %s", status, b)
	}
	req, err := http.NewRequest(http.MethodPost, p.base+"/api/v1/login", strings.NewReader(`{"email": "`+c.list["e-mail"]+`", "password": "`+c.list["password"]))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil || res.StatusCode/100 != 4 {
		t.Errorf("half a body: %s, %v", res.Status, err)
	}
	c.absent("the answer to half a body", b.String())
	c.absent("the metrics", string(request(200, "GET", "/metrics", nil)))
}

// canariesBySocket signs an agent in, and lets the token of the session be seen nowhere.
func canariesBySocket(t *testing.T, p *process, c canaries) {
	socket := "ws" + strings.TrimPrefix(p.base, "http") + "/ws"
	stranger := browsertest.Dial(t, socket)
	stranger.Send("hello", map[string]any{"ticket": c.list["token"]})
	if code := stranger.Closed(); code != 4401 {
		t.Errorf("a wrong ticket closes with %d", code)
	}
	req, err := http.NewRequest(http.MethodPost, p.base+"/api/v1/login", strings.NewReader(`{"email": "agent1@demo.test", "password": "`+demoPassword+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cookies := res.Cookies()
	if len(cookies) == 0 {
		t.Fatalf("no session: %s", res.Status)
	}
	c.list["session"] = cookies[0].Value
	_, b := p.do("POST", "/api/v1/ws-ticket", map[string]any{}, "Authorization", "", "Cookie", cookies[0].String(), "Origin", p.base)
	_, ticket, _ := strings.Cut(string(b), `"ticket":"`)
	ticket, _, _ = strings.Cut(ticket, `"`)
	if ticket == "" {
		t.Fatalf("no ticket: %s", b)
	}
	c.list["ticket"] = ticket
	agent := browsertest.Open(t, socket, map[string]any{"ticket": ticket})
	agent.Send("wrapup.done", map[string]any{"disposition": c.list["name"], "notes": c.list["note"]})
	agent.Send(c.list["note"], map[string]any{"number": c.list["caller's number"]})
	agent.Write(websocket.TextMessage, []byte(`{"v":1,"type":"presence","data":"`+c.list["name"]+`"}`))
	agent.Wait("error")
	agent.Leave()
	customer := browsertest.Open(t, socket, map[string]any{"customer": true, "name": c.list["name"]})
	customer.Send("call.start", map[string]any{"number": c.list["unknown number"]})
	customer.Leave()
}
