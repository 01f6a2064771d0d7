package sip

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/sip/siptest"
)

func filler() gosip.Header { return gosip.NewHeader("X-Filler", strings.Repeat("y", 1400)) }

// A request above 1300 bytes goes by TCP (RFC 3261 18.1.1); a peer that has none gets it by UDP after all, without a call being lost.
func TestLargeRequestWithoutTCP(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p, filler())
	c := p.Answer()
	if via := c.Invite.Via(); via.Transport != "UDP" {
		t.Errorf("arrived by UDP with Via %s", via.Value())
	}
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	c.Request("ACK")
	get(t, leg.answered, "answer")
	leg.d.hangup(0, "", filler())
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
	r.counts("tandem_sip_large_requests_total", 1) // the BYE did not try again
}

func TestLargeRequestByTCP(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	l, err := net.Listen("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	leg := r.dial(p, filler())
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(siptest.Wait))
	in := bufio.NewReader(conn)
	var head []string
	for line := "-"; line != ""; head = append(head, line) {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		line = strings.TrimRight(line, "\r\n")
	}
	var answer strings.Builder
	answer.WriteString("SIP/2.0 486 Busy Here\r\n")
	for _, line := range head {
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "Via":
			if !strings.HasPrefix(strings.TrimSpace(value), "SIP/2.0/TCP ") {
				t.Errorf("arrived by TCP with %s", line)
			}
			fallthrough
		case "From", "Call-ID", "CSeq":
			answer.WriteString(line + "\r\n")
		case "To":
			answer.WriteString(line + ";tag=x\r\n")
		}
	}
	answer.WriteString("Content-Length: 0\r\n\r\n")
	if _, err := conn.Write([]byte(answer.String())); err != nil {
		t.Fatal(err)
	}
	if e := get(t, leg.ended, "end"); e.status != 486 {
		t.Errorf("ended %+v", e)
	}
	if !p.Quiet(5 * testT1) {
		t.Error("the INVITE came by UDP too")
	}
}

// challenge is a challenge as header lines; the password is the rig's.
func challenge(name, realm, nonce, more string) string {
	return name + `: Digest realm="` + realm + `", nonce="` + nonce + `", algorithm=SHA-256, qop="auth"` + more
}

// A proxy's and the server's challenge are both answered, and those within the dialog too; a wrong password is not tried twice.
func TestChallenges(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 407, "Who?", "", challenge("Proxy-Authenticate", "proxy", "n1", ""))
	second := c.Request("INVITE")
	c.Reply(second, 401, "Who?", "", challenge("WWW-Authenticate", "server", "n2", ""))
	third := c.Request("INVITE")
	if third.GetHeader("Proxy-Authorization") == nil || third.GetHeader("Authorization") == nil {
		t.Errorf("one of the two answers is missing:\n%s", third)
	}
	c.Reply(third, 200, "OK", p.SDP(4000, "", pcmu))
	ack := c.Request("ACK")
	if ack.GetHeader("Authorization") == nil {
		t.Error("the ACK lacks the INVITE's credentials")
	}
	get(t, leg.answered, "answer")
	leg.d.hangup(0, "")
	bye := c.Request("BYE")
	c.Reply(bye, 401, "Who?", "", challenge("WWW-Authenticate", "server", "n2", ""))
	bye = c.Request("BYE")
	if got := bye.GetHeader("Authorization").Value(); !strings.Contains(got, "nc=00000002") {
		t.Errorf("the nonce's second use is %s", got)
	}
	c.Reply(bye, 401, "Old", "", challenge("WWW-Authenticate", "server", "n3", ", stale=true"))
	bye = c.Request("BYE")
	if got := bye.GetHeader("Authorization").Value(); !strings.Contains(got, `nonce="n3"`) {
		t.Errorf("the new nonce is not used: %s", got)
	}
	c.Reply(bye, 401, "Old", "", challenge("WWW-Authenticate", "server", "n4", ", stale=true"))
	<-leg.d.done // two tries are all
	if !c.Silent(5 * testT1) {
		t.Error("a third try")
	}

	leg = r.dial(p)
	c = p.Answer()
	c.Reply(c.Invite, 401, "Who?", "", challenge("WWW-Authenticate", "server", "n1", ""))
	c.Reply(c.Request("INVITE"), 401, "No", "", challenge("WWW-Authenticate", "server", "n2", ""))
	if e := get(t, leg.ended, "end"); e.status != 401 {
		t.Errorf("a wrong password: %+v", e)
	}
	leg = r.dial(p)
	c = p.Answer()
	c.Reply(c.Invite, 401, "Who?", "", strings.Replace(challenge("WWW-Authenticate", "server", "n1", ""), `"auth"`, `"auth-int"`, 1))
	if e := get(t, leg.ended, "end"); e.status != 401 {
		t.Errorf("auth-int alone: %+v", e)
	}
}

// A peer that moves its Contact elsewhere draws no digest there (security row 3).
func TestNoDigestElsewhere(t *testing.T) {
	r := newRig(t)
	p, thief := siptest.New(t, "uas"), siptest.NewAt(t, "thief", "127.0.0.9:0")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	c.Request("ACK")
	get(t, leg.answered, "answer")
	c.Send("INVITE", "application/sdp", p.SDP(4000, "", pcmu), "Contact: <sip:thief@"+thief.Addr()+">")
	c.Response(200)
	there := thief.Watch(c.CallID)
	c.Ack("")
	leg.d.mail.post(func() { leg.d.flow = hop{} })
	leg.d.hangup(0, "")
	bye := there.Request("BYE") // the target was refreshed (RFC 3261 12.2.2)
	there.Reply(bye, 401, "Who?", "", challenge("WWW-Authenticate", "server", "n1", ""))
	<-leg.d.done
	if !there.Silent(5 * testT1) {
		t.Error("a digest was given away")
	}
}

func TestHopHost(t *testing.T) {
	for addr, want := range map[string]string{"192.0.2.1:5060": "192.0.2.1", "[2001:db8::1]:5060": "2001:db8::1", "sip.example.test:5061": "sip.example.test", "": ""} {
		if got := (hop{addr: addr}).host(); got != want {
			t.Errorf("%q: %q", addr, got)
		}
	}
}

// The least interval that a peer names is taken over, at first and in a refresh (RFC 4028 7.3).
func TestIntervalTooSmall(t *testing.T) {
	r := newRig(t)
	r.s.timing.minSE = time.Second
	r.s.timing.sessionExpires = 2 * time.Second
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 422, "Session Interval Too Small", "", "Min-SE: 3")
	again := c.Request("INVITE")
	if se, least := again.GetHeader("Session-Expires").Value(), again.GetHeader("Min-SE").Value(); se != "3" || least != "3" {
		t.Errorf("asked again for %s, at least %s", se, least)
	}
	c.Reply(again, 200, "OK", p.SDP(4000, "", pcmu), "Session-Expires: 1;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE")
	c.Request("ACK")
	update := c.Request("UPDATE")
	c.Reply(update, 422, "Session Interval Too Small", "", "Min-SE: 4")
	update = c.Request("UPDATE")
	if se, least := update.GetHeader("Session-Expires").Value(), update.GetHeader("Min-SE").Value(); se != "4;refresher=uac" || least != "4" {
		t.Errorf("refreshed with %s, at least %s", se, least)
	}
	c.Reply(update, 200, "OK", "", "Session-Expires: 4;refresher=uac", "Require: timer")
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// The refresher may change: a re-INVITE of theirs makes it us, and ours hands it back (RFC 4028 7.4, 9).
func TestRefresherChanges(t *testing.T) {
	r := newRig(t)
	r.s.timing.minSE = time.Second
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Supported: timer", "Session-Expires: 600;refresher=uac")
	leg := r.next()
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.accept(ans, false, func(b []byte) { leg.acked <- b })
	c.Response(200)
	c.Ack("")
	get(t, leg.acked, "ACK")
	c.Send("INVITE", "application/sdp", p.SDP(4000, "", pcmu), "Supported: timer", "Session-Expires: 1;refresher=uas")
	if got := c.Response(200).GetHeader("Session-Expires").Value(); got != "1;refresher=uas" {
		t.Errorf("granted %s", got)
	}
	c.Ack("")
	ours := c.Request("INVITE") // without UPDATE in Allow
	if got := ours.GetHeader("Session-Expires").Value(); got != "1;refresher=uac" {
		t.Errorf("we refresh with %s", got)
	}
	c.Reply(ours, 200, "OK", p.SDP(4000, "", pcmu), "Session-Expires: 600;refresher=uas", "Require: timer")
	c.Request("ACK")
	weRenew := make(chan bool, 1)
	leg.d.mail.post(func() { weRenew <- leg.d.timer.weRenew })
	if get(t, weRenew, "role") {
		t.Error("we are the refresher still")
	}
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// What is refused changes nothing: neither media by their 422, nor our own description by their 488.
func TestRefusedOfferChangesNothing(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c, leg := r.up(p)
	c.Send("INVITE", "application/sdp", p.SDP(4010, "inactive", pcmu), "Supported: timer", "Session-Expires: 20")
	c.AckRefusal(c.Response(422))
	was := make(chan string, 1)
	leg.d.mail.post(func() { was <- leg.n.now.remote.String() + string(leg.n.current) })
	before := get(t, was, "state")
	if !strings.HasPrefix(before, "127.0.0.1:4000") {
		t.Errorf("media goes to %s", before)
	}
	done := make(chan error, 2)
	leg.d.reoffer(false, func(err error) { done <- err })
	ours := c.Request("INVITE")
	c.Reply(ours, 488, "Not Acceptable Here", "")
	if get(t, done, "end of the re-INVITE") == nil {
		t.Error("a refusal is not told")
	}
	leg.d.mail.post(func() { was <- leg.n.now.remote.String() + string(leg.n.current) })
	if after := get(t, was, "state"); after != before || string(ours.Body()) == before {
		t.Errorf("a refused offer changed\n%s\nto\n%s", before, after)
	}
	leg.d.reoffer(true, func(err error) { done <- err })
	refresh := c.Request("INVITE")
	if !strings.HasSuffix(before, string(refresh.Body())) {
		t.Errorf("the refresh says\n%s\nwhat holds is\n%s", refresh.Body(), before)
	}
	c.Reply(refresh, 200, "OK", p.SDP(4000, "", pcmu))
	c.Request("ACK")
	if err := get(t, done, "end of the refresh"); err != nil {
		t.Error(err)
	}
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}
