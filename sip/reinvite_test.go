package sip

import (
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/sip/siptest"
)

func TestReinviteByThem(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c, leg := r.up(p)
	offer := func(sdp, want string) *gosip.Response {
		t.Helper()
		c.Send("INVITE", "application/sdp", sdp)
		res := c.Response(200)
		c.Ack("")
		if !strings.Contains(string(res.Body()), want) {
			t.Errorf("answer to %q lacks %q:\n%s", sdp, want, res.Body())
		}
		return res
	}
	offer(p.SDP(4000, "sendonly", pcmu), "a=recvonly")
	offer(p.SDP(4000, "inactive", pcmu), "a=inactive")
	offer(p.SDP(4000, "recvonly", pcmu), "a=sendonly")
	offer(p.SDP(4000, "sendrecv", pcmu), "a=sendrecv")
	offer(p.SDP(4010, "sendrecv", "8 PCMA/8000", pcmu), "m=audio 40000 RTP/AVP 8\r\n")
	offer(strings.Replace(p.SDP(4010, "", "8 PCMA/8000"), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1), "a=recvonly")
	c.Send("INVITE", "application/sdp", p.SDP(4010, "", "97 SPEEX/8000"))
	c.AckRefusal(c.Response(488))
	c.Send("INVITE", "application/sdp", "v=0 nonsense")
	if res := c.Response(400); res.GetHeader("Warning") == nil {
		t.Error("400 without Warning")
	}
	c.Send("INVITE", "", "")
	res := c.Response(200)
	if !strings.Contains(string(res.Body()), "m=audio") {
		t.Fatalf("no offer in the 2xx:\n%s", res)
	}
	c.Ack(p.SDP(4020, "", pcmu))
	c.Send("UPDATE", "application/sdp", p.SDP(4020, "sendonly", pcmu))
	if res := c.Response(200); !strings.Contains(string(res.Body()), "a=recvonly") {
		t.Errorf("UPDATE's answer:\n%s", res)
	}
	c.Send("BYE", "", "")
	c.Response(200)
	<-leg.d.done
}

func TestReinviteByUs(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c, leg := r.up(p)
	done := make(chan error, 4)
	leg.d.reoffer(false, func(err error) { done <- err })
	inv := c.Request("INVITE")
	// glare: our re-INVITE is open, theirs is refused with 491
	c.Send("INVITE", "application/sdp", p.SDP(4000, "", pcmu))
	c.AckRefusal(c.Response(491))
	c.Reply(inv, 491, "Request Pending", "")
	c.Request("ACK")
	inv = c.Request("INVITE") // after a random pause
	c.Reply(inv, 200, "OK", p.SDP(4040, "", pcmu))
	c.Request("ACK")
	if err := get(t, done, "end of the re-INVITE"); err != nil {
		t.Error(err)
	}
	leg.d.reoffer(false, func(err error) { done <- err })
	c.Reply(c.Request("INVITE"), 488, "Not Acceptable Here", "")
	if err := get(t, done, "end of the re-INVITE"); err == nil {
		t.Error("a refused re-INVITE must be reported")
	}
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// A session whose refresher falls silent is ended with BYE (RFC 4028 10).
func TestSessionExpires(t *testing.T) {
	r := newRig(t)
	r.s.timing.minSE = time.Second
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu), "Supported: timer", "Session-Expires: 1;refresher=uac")
	leg := r.next()
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.accept(ans, false, nil)
	if res := c.Response(200); res.GetHeader("Session-Expires").Value() != "1;refresher=uac" {
		t.Errorf("granted %v", res.GetHeader("Session-Expires"))
	}
	c.Ack("")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	if e := get(t, leg.ended, "end"); e.text != "session expired" {
		t.Errorf("ended %+v", e)
	}
	<-leg.d.done
}

// A refused refresh does not end a call that works; a lost dialog does.
func TestRefusedRefresh(t *testing.T) {
	r := newRig(t)
	r.s.timing.minSE = time.Second
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu), "Session-Expires: 1;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, CANCEL, UPDATE")
	c.Request("ACK")
	c.Reply(c.Request("UPDATE"), 501, "Not Implemented", "")
	again := c.Request("INVITE") // UPDATE is refused, so a re-INVITE that changes nothing
	if string(again.Body()) != string(c.Invite.Body()) {
		t.Errorf("a refresh changes the session:\n%s\n%s", c.Invite.Body(), again.Body())
	}
	c.Reply(again, 488, "Not Acceptable Here", "")
	c.Request("ACK")
	last := c.Request("INVITE")
	select {
	case e := <-leg.ended:
		t.Fatalf("a refused refresh ended the call: %+v", e)
	default:
	}
	c.Reply(last, 481, "Call/Transaction Does Not Exist", "")
	if e := get(t, leg.ended, "end"); e.status != 481 {
		t.Errorf("ended %+v", e)
	}
}
