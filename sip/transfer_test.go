package sip_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage/storagetest"
	"tandem/sip"
	"tandem/sip/siptest"
)

// replacing is the Replaces header that names a call as the server knows it.
func replacing(c *siptest.Call, more string) string {
	return "Replaces: " + c.CallID + ";to-tag=" + c.RemoteTag + ";from-tag=" + c.LocalTag + more
}

// An INVITE with Replaces takes a leg's place: the call goes on with the newcomer, the other is hung up (RFC 3891).
func TestReplaces(t *testing.T) {
	h := newHouse(t)
	h.trunk(sip.Trunk{Name: "stranger", Networks: []string{"127.9.0.0/16"}, Enabled: true})
	foreign := storagetest.Tenant(t, h.db, "foreign")
	if _, err := h.dir.PutTrunk(t.Context(), foreign, sip.Trunk{Name: "theirs", Networks: []string{"127.10.0.0/16"}, Trusted: true, Enabled: true}, sip.Passwords{}); err != nil {
		t.Fatal(err)
	}
	if err := h.dir.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, other := siptest.New(t, "100"), siptest.New(t, "200")
	audio, theirs := siptest.NewAudio(t), siptest.NewAudio(t)
	c := p.Invite(h.udp, "1003", p.SDP(audio.Port(), "", pcmu))
	audio.Follow(c.Response(200).Body())
	c.Ack("")
	leg := get(t, h.legs, "leg")
	audio.Tone(440)
	audio.Hears(440)

	stranger := siptest.NewAt(t, "666", "127.9.0.1:0")
	stranger.Invite(h.udp, "1003", stranger.SDP(4000, "", pcmu), replacing(c, "")).Response(403)
	beyond := siptest.NewAt(t, "777", "127.10.0.1:0")
	beyond.Invite(h.udp, "1003", beyond.SDP(4000, "", pcmu), replacing(c, "")).Response(481) // another tenant's call
	for _, bad := range []struct {
		header string
		status int
	}{
		{"Replaces: " + c.CallID + ";to-tag=x;from-tag=" + c.LocalTag, 481},
		{"Replaces: " + c.CallID + ";to-tag=" + c.RemoteTag + ";from-tag=x", 481},
		{"Replaces: " + c.CallID, 400},
		{replacing(c, ";early-only"), 486},
	} {
		if res := other.Invite(h.udp, "1003", other.SDP(4000, "", pcmu), bad.header).Response(); res.StatusCode != bad.status {
			t.Errorf("%s: %d, want %d", bad.header, res.StatusCode, bad.status)
		}
	}
	refused := other.Invite(h.udp, "1003", other.SDP(4000, "", "97 SPEEX/8000"), replacing(c, ""))
	if res := refused.Response(); res.StatusCode != 488 {
		t.Errorf("no common codec: %d", res.StatusCode)
	}
	audio.Forget()
	audio.Tone(500)
	audio.Hears(500) // what was refused has changed nothing

	n := other.Invite(h.udp, "1003", other.SDP(theirs.Port(), "", pcma), "Require: replaces", replacing(c, ""))
	theirs.Follow(n.Response(200).Body())
	n.Ack("")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	audio.Mute(true)
	theirs.Tone(700)
	theirs.Hears(700)
	select {
	case again := <-h.legs:
		t.Errorf("a second leg %v was made", again.ID())
	case <-leg.Done():
		t.Error("the leg has ended with its first dialog")
	default:
	}
	leg.Hangup(calls.CauseNormal)
	n.Reply(n.Request("BYE"), 200, "OK", "")
	<-leg.Done()
	if again := other.Invite(h.udp, "1003", other.SDP(4000, "", pcmu), replacing(c, "")).Response(); again.StatusCode != 481 {
		t.Errorf("a call that is over: %d", again.StatusCode)
	}
}

// A ringing telephone is replaced by the one that picks its call up.
func TestPickup(t *testing.T) {
	h := newHouse(t)
	desk, other := siptest.New(t, "desk"), siptest.New(t, "200")
	h.setFar("sip:desk@" + desk.Addr())
	caller := siptest.New(t, "100")
	a := caller.Invite(h.udp, "1900", caller.SDP(4000, "", pcmu))
	ringing := desk.Answer()
	ringing.Reply(ringing.Invite, 180, "Ringing", "")
	a.Response(180)
	// As the desk sees it, their tag is the one they gave, ours the one in From.
	picked := other.Invite(h.udp, "1900", other.SDP(4002, "", pcmu), replacing(ringing, ";early-only"))
	picked.Response(200)
	picked.Ack("")
	cancel := ringing.Request("CANCEL")
	ringing.Reply(cancel, 200, "OK", "")
	ringing.Reply(ringing.Invite, 487, "Request Terminated", "")
	a.Response(200)
	a.Ack("")
	a.Send("BYE", "", "")
	a.Response(200)
	picked.Reply(picked.Request("BYE"), 200, "OK", "")
	far := get(t, h.dialed, "far leg")
	<-far.Done()
}

// An agent's registered telephone may ask for a transfer; a trunk, or anybody else, is declined (security row 4).
func TestWhoMayTransfer(t *testing.T) {
	h := newHouse(t)
	p := siptest.New(t, "100")
	c := p.Invite(h.udp, "1003", p.SDP(4000, "", pcmu))
	c.Response(200)
	c.Ack("")
	c.Send("REFER", "", "", "Refer-To: <sip:1900@tandem>")
	c.Response(603)
	outside := p.Request("REFER", h.udp, "1003", "Refer-To: <sip:1900@tandem>")
	outside.Resend()
	outside.Response(603)
	if n := h.count("tandem_sip_transfers_total"); n != 2 {
		t.Errorf("%v transfers counted", n)
	}

	h.phone("8001")
	desk := siptest.NewAt(t, "8001", "127.200.0.1:0")
	reg := register(desk, h.udp, "8001", "Expires: 120")
	reg.Authorize(reg.Response(401), "REGISTER", "8001", "demo-demo", "SHA-256")
	reg.Response(200)
	dial := func(agent uuid.UUID) (calls.Leg, *siptest.Call) {
		t.Helper()
		leg, err := h.srv.Dialer().Dial(context.Background(), calls.Target{Tenant: h.tenant, Device: "phone:8001", Agent: agent})
		if err != nil {
			t.Fatal(err)
		}
		d := desk.Answer()
		d.Reply(d.Invite, 200, "OK", desk.SDP(4000, "", pcmu))
		d.Request("ACK")
		return leg, d
	}
	leg, d := dial(uuid.Nil)
	d.Send("REFER", "", "", "Refer-To: <sip:1900@tandem>")
	d.Response(603) // nobody's telephone
	leg.Hangup(calls.CauseNormal)
	h.trunk(sip.Trunk{Name: "exchange", Networks: []string{"127.9.0.0/16"}, Refer: true, Enabled: true})
	exchange := siptest.NewAt(t, "700", "127.9.0.1:0")
	e := exchange.Invite(h.udp, "1003", exchange.SDP(4000, "", pcmu))
	e.Response(200)
	e.Ack("")
	e.Send("REFER", "", "", "Refer-To: <sip:somebody@tandem?Replaces="+url.QueryEscape(strings.TrimPrefix(replacing(c, ""), "Replaces: "))+">")
	e.Response(202)
	e.Send("REFER", "", "", "Refer-To: <sip:1900@tandem>")
	e.Response(491) // one at a time

	leg, d = dial(uuid.New())
	d.Send("REFER", "", "", "Refer-To: <sip:1900@tandem?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>")
	d.Response(404) // no call of ours is that
	d.Send("REFER", "", "", "Refer-To: <sip:+49-30-1900@tandem>")
	d.Response(202)
	trying := d.Request("NOTIFY")
	d.Reply(trying, 200, "OK", "")
	for e := get(t, leg.Events(), "event"); e != calls.LegAskTransfer; e = get(t, leg.Events(), "event") {
	}
	d.Send("REFER", "", "", "Refer-To: <sip:1901@tandem>")
	d.Response(491) // one at a time
	asked, ok := leg.(interface {
		Transfer() (calls.Transfer, bool)
	}).Transfer()
	if !ok || asked.Number != "+49301900" {
		t.Fatalf("asked for %+v", asked)
	}
	asked.Done(calls.CauseNotFound)
	last := d.Request("NOTIFY")
	d.Reply(last, 200, "OK", "")
	if string(last.Body()) != "SIP/2.0 404 Not Found\r\n" {
		t.Errorf("the end is told as %q", last.Body())
	}
	leg.Hangup(calls.CauseNormal)
	d.Reply(d.Request("BYE"), 200, "OK", "")
	<-leg.Done()
}

// A peer that answers a key by INFO with 481 has lost the call.
func TestKeyIntoALostDialog(t *testing.T) {
	h := newHouse(t)
	p := siptest.New(t, "uas")
	leg, err := h.srv.Dialer().Dial(context.Background(), calls.Target{Tenant: h.tenant, Device: "sip:uas@" + p.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	c := p.Answer()
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu), "Allow: INVITE, ACK, BYE, INFO")
	c.Request("ACK")
	for e := get(t, leg.Events(), "event"); e != calls.LegAnswered; e = get(t, leg.Events(), "event") {
	}
	leg.(interface{ SendDigit(rune) }).SendDigit('5')
	c.Reply(c.Request("INFO"), 481, "Call/Transaction Does Not Exist", "")
	select {
	case <-leg.Done():
	case <-time.After(siptest.Wait):
		t.Fatal("the leg lives on")
	}
}
