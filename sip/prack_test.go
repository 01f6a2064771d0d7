package sip

import (
	"strconv"
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/sip/siptest"
)

// rackFor is the RAck header that confirms a response.
func rackFor(t *testing.T, res *gosip.Response) string {
	t.Helper()
	h := res.GetHeader("RSeq")
	if h == nil || !headerHas(res, "Require", "100rel") {
		t.Fatalf("not reliable:\n%s", res)
	}
	return "RAck: " + h.Value() + " " + res.CSeq().Value()
}

// A caller that requires 100rel gets every 18x reliably: repeated, confirmed once, in the order of RSeq.
func TestReliableRinging(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Require: 100rel")
	leg := r.next()
	leg.d.provisional(180, "Ringing", nil)
	leg.d.provisional(182, "Queued", nil) // waits for the PRACK of the first
	first := c.Response(180)
	again := c.Response(180)
	if first.GetHeader("RSeq").Value() != again.GetHeader("RSeq").Value() {
		t.Error("a repetition has another RSeq")
	}
	c.Send("PRACK", "", "", "RAck: 4711 1 INVITE")
	c.Response(481)
	c.Send("PRACK", "", "", "RAck: nonsense")
	c.Response(400)
	c.Send("PRACK", "", "", rackFor(t, first))
	c.Response(200)
	second := c.Response(182)
	a, _ := strconv.Atoi(first.GetHeader("RSeq").Value())
	if b, _ := strconv.Atoi(second.GetHeader("RSeq").Value()); b != a+1 {
		t.Errorf("RSeq %d after %d", b, a)
	}
	c.Send("PRACK", "", "", rackFor(t, first))
	c.Response(481) // confirmed already
	c.Send("PRACK", "", "", rackFor(t, second))
	c.Response(200)
	if !c.Silent(8 * testT1) {
		t.Error("repeated although confirmed")
	}
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.accept(ans, false, func(b []byte) { leg.acked <- b })
	if res := c.Response(200); len(res.Body()) == 0 {
		t.Error("the answer is missing: ringing had none")
	}
	c.Ack("")
	get(t, leg.acked, "ACK")
}

// Early media goes reliably to a caller that only supports 100rel; the 2xx waits for its PRACK and says nothing twice. UPDATE works from
// then on, before the answer.
func TestReliableEarlyMedia(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Supported: timer, 100rel")
	leg := r.next()
	leg.d.provisional(180, "Ringing", nil)
	if res := c.Response(180); res.GetHeader("RSeq") != nil {
		t.Error("ringing alone need not be reliable")
	}
	c.Send("UPDATE", "application/sdp", p.SDP(4010, "", pcmu))
	if res := c.Response(500); res.GetHeader("Retry-After") == nil { // their offer in the INVITE has no answer yet (RFC 3311 5.2)
		t.Error("500 without Retry-After")
	}
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.provisional(183, "Session Progress", ans)
	leg.d.accept(ans, false, func(b []byte) { leg.acked <- b })
	res := c.Response(183)
	for range 2 {
		if c.Response(183).StatusCode != 183 { // repeated; a 2xx would be fatal
			t.Fatal("not repeated")
		}
	}
	c.Send("PRACK", "application/sdp", p.SDP(4020, "sendonly", pcmu), rackFor(t, res))
	var held, ok *gosip.Response
	for held == nil || ok == nil {
		switch res := c.Response(200); res.CSeq().MethodName {
		case gosip.PRACK:
			ok = res
		default:
			held = res
		}
	}
	if !strings.Contains(string(ok.Body()), "a=recvonly") {
		t.Errorf("the PRACK's offer is not answered:\n%s", ok)
	}
	if len(held.Body()) > 0 {
		t.Errorf("the 2xx repeats the answer:\n%s", held)
	}
	c.Ack("")
	get(t, leg.acked, "ACK")
}

func TestEarlyUpdateByThem(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Supported: 100rel")
	leg := r.next()
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.provisional(183, "Session Progress", ans)
	c.Send("PRACK", "", "", rackFor(t, c.Response(183)))
	c.Response(200)
	c.Send("UPDATE", "application/sdp", p.SDP(4030, "inactive", pcmu))
	if res := c.Response(200); !strings.Contains(string(res.Body()), "a=inactive") {
		t.Errorf("UPDATE's answer:\n%s", res)
	}
	c.RemoteTag = ""
	c.Cancel()
	c.AckRefusal(c.Response(487, 200))
	get(t, leg.ended, "end")
}

// An INVITE without a description that requires 100rel gets our offer with the first 18x; the PRACK brings the answer.
func TestReliableOffer(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", "", "Require: 100rel")
	leg := r.next()
	leg.d.provisional(180, "Ringing", nil)
	res := c.Response(180)
	if !strings.Contains(string(res.Body()), "m=audio") {
		t.Fatalf("no offer:\n%s", res)
	}
	c.Send("PRACK", "application/sdp", p.SDP(4044, "", pcmu), rackFor(t, res))
	c.Response(200)
	if at := get(t, leg.sound, "answer"); at.Port() != 4044 {
		t.Errorf("sound goes to %v", at)
	}
	leg.d.accept(leg.n.current, true, func(b []byte) { leg.acked <- b })
	if res := c.Response(200); len(res.Body()) > 0 {
		t.Errorf("a second offer:\n%s", res)
	}
	c.Ack("")
	get(t, leg.acked, "ACK")
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done

	bad := p.Invite(r.addr, "1003", "", "Require: 100rel")
	leg = r.next()
	leg.d.provisional(180, "Ringing", nil)
	bad.Send("PRACK", "application/sdp", p.SDP(4044, "", "97 SPEEX/8000"), rackFor(t, bad.Response(180)))
	bad.Response(200)
	bad.AckRefusal(bad.Response(488))
	get(t, leg.ended, "end")
}

// Without a PRACK the call has failed after 64·T1; a caller that gives up is not rung any further.
func TestNoPrack(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Require: 100rel")
	leg := r.next()
	leg.d.provisional(180, "Ringing", nil)
	c.AckRefusal(c.Response(504))
	if e := get(t, leg.ended, "end"); e.status != 504 {
		t.Errorf("ended %+v", e)
	}
	<-leg.d.done

	c = p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Require: 100rel")
	leg = r.next()
	leg.d.provisional(180, "Ringing", nil)
	c.Response(180)
	c.RemoteTag = ""
	c.Cancel()
	c.AckRefusal(c.Response(487, 200))
	get(t, leg.ended, "end")
	<-leg.d.done
	for m := c.TryNext(8 * testT1); m != nil; m = c.TryNext(8 * testT1) {
		if res, ok := m.(*gosip.Response); ok && res.StatusCode == 180 {
			t.Fatal("still rung after the end")
		}
	}
}

// We confirm each reliable 18x once and in order; a gap waits for its repetition. The callee's UPDATE changes the session before the
// answer, and the 2xx does not change it back.
func TestPrackByUs(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	if !supports100rel(c.Invite) {
		t.Fatalf("the INVITE does not offer 100rel:\n%s", c.Invite)
	}
	ring := func(seq int, sdp string) {
		c.Reply(c.Invite, 183, "Session Progress", sdp, "Require: 100rel", "RSeq: "+strconv.Itoa(seq), "Allow: INVITE, ACK, BYE, UPDATE, PRACK")
	}
	confirmed := func(want string) {
		t.Helper()
		prack := c.Request("PRACK")
		if got := prack.GetHeader("RAck").Value(); got != want {
			t.Fatalf("RAck %q, want %q", got, want)
		}
		c.Reply(prack, 200, "OK", "")
	}
	ring(7, p.SDP(4000, "", pcmu))
	confirmed("7 1 INVITE")
	if at := get(t, leg.sound, "early media"); at.Port() != 4000 {
		t.Errorf("sound goes to %v", at)
	}
	ring(7, p.SDP(4000, "", pcmu)) // repeated: confirmed already
	ring(9, "")                    // ahead: waits for 8
	ring(8, "")
	confirmed("8 1 INVITE")
	ring(9, "")
	confirmed("9 1 INVITE")

	c.Send("UPDATE", "application/sdp", p.SDP(4010, "sendonly", pcmu))
	if res := c.Response(200); !strings.Contains(string(res.Body()), "a=recvonly") {
		t.Errorf("UPDATE's answer:\n%s", res)
	}
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	c.Request("ACK")
	get(t, leg.answered, "answer")
	if at := leg.n.now.remote; at.Port() != 4010 || leg.n.now.send || !leg.n.now.recv {
		t.Errorf("sound goes to %v", at)
	}
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// Our offer in an early dialog is an UPDATE; one that crosses theirs is made again.
func TestEarlyUpdateByUs(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Send("UPDATE", "application/sdp", p.SDP(4000, "", pcmu))
	c.Response(491) // our offer in the INVITE is open (RFC 3311 5.2)
	c.Reply(c.Invite, 183, "Session Progress", p.SDP(4000, "", pcmu), "Require: 100rel", "RSeq: 1", "Allow: INVITE, ACK, BYE, UPDATE, PRACK")
	c.Reply(c.Request("PRACK"), 200, "OK", "")
	done := make(chan error, 1)
	leg.d.reoffer(false, func(err error) { done <- err })
	ours := c.Request("UPDATE")
	c.Send("UPDATE", "application/sdp", p.SDP(4010, "", pcmu))
	c.Response(491)
	c.Reply(ours, 500, "Server Internal Error", "", "Retry-After: 0")
	c.Reply(c.Request("UPDATE"), 200, "OK", p.SDP(4020, "", pcmu))
	if err := get(t, done, "end of the UPDATE"); err != nil {
		t.Error(err)
	}
	leg.d.hangup(0, "")
	cancel := c.Request("CANCEL")
	c.Reply(cancel, 200, "OK", "")
	c.Reply(c.Invite, 487, "Request Terminated", "")
	<-leg.d.done
}

// Forks sound one after the other, the newest last; the first to answer has the call with its own description, the other is hung up.
func TestForkedEarlyMedia(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	early := func(tag string, port int, seq string) {
		t.Helper()
		c.ReplyAs(tag, c.Invite, 183, "Session Progress", p.SDP(port, "", pcmu), "Require: 100rel", "RSeq: "+seq)
		prack := c.Request("PRACK")
		if to, _ := prack.To().Params.Get("tag"); to != tag || prack.GetHeader("RAck").Value() != seq+" 1 INVITE" {
			t.Errorf("PRACK of fork %s:\n%s", tag, prack)
		}
		c.Reply(prack, 200, "OK", "")
		if at := get(t, leg.sound, "early media"); int(at.Port()) != port {
			t.Errorf("sound goes to %v, want port %d", at, port)
		}
	}
	early("one", 4001, "20")
	early("two", 4002, "5") // another fork, another sequence
	c.ReplyAs("three", c.Invite, 180, "Ringing", "")
	c.ReplyAs("one", c.Invite, 200, "OK", "")
	if ack := c.Request("ACK"); ack.To().Params.GetOr("tag", "") != "one" {
		t.Errorf("ACK:\n%s", ack)
	}
	if at := get(t, leg.sound, "answer"); at.Port() != 4001 {
		t.Errorf("sound goes to %v, want the answering fork's", at)
	}
	c.ReplyAs("two", c.Invite, 200, "OK", p.SDP(4002, "", pcmu))
	if ack := c.Request("ACK"); ack.To().Params.GetOr("tag", "") != "two" {
		t.Errorf("ACK:\n%s", ack)
	}
	bye := c.Request("BYE")
	if bye.To().Params.GetOr("tag", "") != "two" {
		t.Errorf("BYE:\n%s", bye)
	}
	c.Reply(bye, 200, "OK", "")
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// A 421 that asks for what we have is obeyed once.
func TestExtensionRequired(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 421, "Extension Required", "", "Require: 100rel")
	again := c.Request("INVITE")
	if !headerHas(again, "Require", "100rel") {
		t.Errorf("not required:\n%s", again)
	}
	c.Reply(again, 421, "Extension Required", "", "Require: 100rel")
	if e := get(t, leg.ended, "end"); e.status != 421 {
		t.Errorf("ended %+v", e)
	}
}

func FuzzRAck(f *testing.F) {
	f.Add("776656 1 INVITE")
	f.Add("4294967295 2147483647 UPDATE")
	f.Fuzz(func(t *testing.T, v string) {
		r, ok := parseRAck(v)
		if !ok {
			return
		}
		plain := strconv.FormatUint(uint64(r.rseq), 10) + " " + strconv.FormatUint(uint64(r.cseq), 10) + " " + r.method
		if again, ok := parseRAck(plain); !ok || again != r || r.rseq == 0 || !isToken(r.method) {
			t.Errorf("%q: %+v, %+v", v, r, again)
		}
	})
}
