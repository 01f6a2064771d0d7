package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/signaling/browsertest"
	"tandem/sip"
	"tandem/sip/siptest"
)

// webPhone is a SIP telephone in a real browser (web/e2e/webphone.ts).
type webPhone struct {
	*browsertest.Browser
	t testing.TB
}

// webPages serves a page with the libraries of web phones.
func webPages(t testing.TB) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "webphone.js")
	bundle := exec.Command("node_modules/.bin/rolldown", "e2e/webphone.ts", "--file", script, "--format", "iife")
	bundle.Dir = "../../web"
	if out, err := bundle.CombinedOutput(); err != nil {
		t.Fatalf("bundle the web phones; run make web/node_modules/.stamp: %v\n%s", err, out)
	}
	js, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>Web phone</title><body><script>%s</script>", strings.ReplaceAll(string(js), "</script", `<\/script`))
	}))
	t.Cleanup(page.Close)
	return page.URL
}

// newWebPhone registers a telephone at server ("wss://…") by a library ("jssip", "sipjs"); it speaks a tone by
// one codec, and answers by itself.
func newWebPhone(t testing.TB, page, library, server, codec string, hz float64, account sip.PhoneAccount) *webPhone {
	t.Helper()
	p := &webPhone{browsertest.New(t, hz), t}
	t.Cleanup(func() {
		if t.Failed() {
			var said []string
			p.Eval("[...webPhone.all, ...webPhone.said]", &said)
			t.Logf("the web phone says %q, its page %q", said, p.Problems())
		}
	})
	p.Goto(page)
	p.Eval(fmt.Sprintf("webPhone.speak(%q)", codec), nil)
	p.Eval(fmt.Sprintf("void (webPhone.now = webPhone.libraries[%q]({ server: %q, user: %q, secret: %q }))", library, server, account.Username, account.Secret), nil)
	p.says("registered")
	return p
}

// does calls a method of the telephone.
func (p *webPhone) does(what string) {
	p.t.Helper()
	p.Eval("void webPhone.now."+what, nil)
}

// says waits until something has happened, and forgets all that did.
func (p *webPhone) says(what string) {
	p.t.Helper()
	var said []string
	within(p.t, patient, what+" at the web phone", func() bool {
		p.Eval("webPhone.said", &said)
		return slices.Contains(said, what)
	})
	for _, bad := range []string{"disconnected", "failed"} {
		if slices.Contains(said, bad) {
			p.t.Errorf("the web phone's connection is %s: %q", bad, said)
		}
	}
	p.Eval("void webPhone.all.push(...webPhone.said.splice(0))", nil)
}

// An agent's SIP telephone is a web phone of the libraries that people use, by WS and WSS, with Opus and with G.711: it is rung by a queue's caller, is held, and
// calls itself; sound passes both ways.
func TestWebPhones(t *testing.T) {
	t.Parallel()
	cert, key := siptest.CertificateFiles(t)
	a := start(t, "TANDEM_SIP_WS=127.0.0.1:0", "TANDEM_SIP_WSS=127.0.0.1:0", "TANDEM_TLS_CERT="+cert, "TANDEM_TLS_KEY="+key)
	s, agent := a.ownDesk(t, "5701")
	page := webPages(t)
	for _, c := range []struct{ library, network, codec, record string }{{"jssip", "wss", "opus", "opus"}, {"sipjs", "ws", "pcmu", "PCMU"}} {
		t.Run(c.library+" by "+c.network, func(t *testing.T) {
			var account sip.PhoneAccount
			s.change(t, "POST", "/api/v1/me/phone/secret", nil, &account)
			s.change(t, "PUT", "/api/v1/me/device", map[string]any{"kind": "phone"}, new(map[string]any))
			s.Wait("agent", "device", "phone")
			s.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
			s.Wait("agent", "presence", "AVAILABLE")
			phone := newWebPhone(t, page, c.library, c.network+"://"+a.sip.Addr(c.network).String(), c.codec, agentHz, account)
			a.is(t, agent, queues.Idle)

			p := a.callTo(t, "5701", codec.PCMU)
			phone.says("rung by " + p.phone.User)
			p.voice.WaitTone(agentHz, patient)
			phone.WaitTone(customerHz, patient)
			phone.does("hold(true)")
			p.voice.WaitNoTone(agentHz, patient)
			phone.does("hold(false)")
			p.voice.WaitTone(agentHz, patient)
			phone.WaitTone(customerHz, patient)
			phone.does("hangUp()")
			phone.says("ended")
			p.hungUp()
			row := a.ended(t, p.phone.User)
			if row.Reason != calls.ReasonAgentHungUp || row.Recording == nil || row.Legs[1].Device != "phone" || row.Legs[1].Codec != c.record {
				t.Errorf("record: %s, recording %v, legs %+v", row.Reason, row.Recording, row.Legs)
			}
			s.Wait("call", "state", "wrap_up")
			s.Send("wrapup.done", map[string]string{})
			a.is(t, agent, queues.Idle)

			phone.does(`call("1003")`) // the echo
			phone.says("talking")
			phone.WaitTone(agentHz, patient)
			phone.does("hangUp()")
			phone.says("ended")
		})
	}
}

// A web phone calls a colleague's extension; the colleague sends it on.
func TestWebPhoneCallsAnExtension(t *testing.T) {
	t.Parallel()
	a := start(t, "TANDEM_SIP_WS=127.0.0.1:0")
	s, agent := a.ownDesk(t, "5702")
	a.knowPhonesOnly(t)
	var account sip.PhoneAccount
	s.change(t, "POST", "/api/v1/me/phone/secret", nil, &account)
	phone := newWebPhone(t, webPages(t), "jssip", "ws://"+a.sip.Addr("ws").String(), "opus", agentHz, account)
	other, voice := siptest.New(t, "8002"), siptest.NewVoice(t, codec.PCMU)
	signOn(other, a.sipAddr(), "8002", demoPassword, "120")
	s.Send("presence.set", map[string]string{"presence": "AWAY"})
	s.Wait("agent", "presence", "AWAY")

	phone.does(`call("8002")`)
	in := rung(t, other)
	if user := in.Invite.From().Address.User; user != account.Username {
		t.Errorf("8002 is called by %q", user)
	}
	answerAs(in, voice, benHz)
	phone.says("talking")
	phone.WaitTone(benHz, patient)
	voice.WaitTone(agentHz, patient)
	a.presents(t, agent, queues.Busy)
	refer(in, "1003") // the echo
	told(t, in, 200)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	phone.WaitTone(agentHz, patient)
	phone.does("hangUp()")
	phone.says("ended")
	a.presents(t, agent, queues.Away)
}
