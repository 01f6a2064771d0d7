package sip_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/sip"
	"tandem/sip/siptest"
)

// A carrier that says nothing, or that it cannot, is followed by the next, by priority; one that has said anything of the callee is not.
func TestFailover(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	silent, full, third := siptest.New(t, "silent"), siptest.New(t, "full"), siptest.New(t, "third")
	for i, c := range []*siptest.Phone{silent, full, third} {
		format := []string{"e164", "digits", "00"}[i]
		h.trunk(sip.Trunk{Name: c.User, Enabled: true, Outbound: c.Addr(), Priority: i + 1, NumberFormat: format, Codecs: []string{"PCMA"}})
	}
	leg := h.dials("trunk:+49301234567")
	if to := silent.Answer().Invite.Recipient.User; to != "+49301234567" {
		t.Errorf("the first is asked for %q", to)
	}
	second := full.Answer()
	if to := second.Invite.Recipient.User; to != "49301234567" {
		t.Errorf("the second is asked for %q", to)
	}
	second.Reply(second.Invite, 503, "Service Unavailable", "")
	last := third.Answer()
	if to := last.Invite.Recipient.User; to != "0049301234567" {
		t.Errorf("the third is asked for %q", to)
	}
	last.Reply(last.Invite, 200, "OK", third.SDP(4000, "", "8 PCMA/8000"))
	last.Request("ACK")
	if e := <-leg.Events(); e != calls.LegAnswered {
		t.Errorf("the leg tells %s", e)
	}
	leg.Hangup(calls.CauseNormal)
	last.Reply(last.Request("BYE"), 200, "OK", "")
	<-leg.Done()
	if n := h.count("tandem_sip_failovers_total"); n != 2 {
		t.Errorf("%v changes of the way are counted", n)
	}
	h.await(`SELECT count(*) = 1 FROM outbound_calls WHERE ended_at > answered_at`)
}

// A carrier that another of our networks leads to is told our address there, though the first was told another, and is heard.
func TestFailoverToAnotherNetwork(t *testing.T) {
	t.Parallel()
	own := ownAddress(t)
	h := newHouse(t, func(c *sip.Config) { c.Listen.UDP = "0.0.0.0:0" })
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	near, far := siptest.New(t, "near"), siptest.NewAt(t, "far", own+":0")
	for i, c := range []*siptest.Phone{near, far} {
		h.trunk(sip.Trunk{Name: c.User, Enabled: true, Outbound: c.Addr(), Priority: i + 1, Codecs: []string{"PCMA"}})
	}
	leg := h.dials("trunk:+49301234567")
	first := near.Answer()
	if body := string(first.Invite.Body()); !strings.Contains(body, "c=IN IP4 127.0.0.1\r\n") {
		t.Errorf("the near carrier is offered\n%s", body)
	}
	first.Reply(first.Invite, 503, "Service Unavailable", "")
	last := far.Answer()
	offer := string(last.Invite.Body())
	if !strings.Contains(offer, "c=IN IP4 "+own+"\r\n") {
		t.Fatalf("the far carrier is offered\n%s", offer)
	}
	voice := siptest.NewVoiceAt(t, own, codec.PCMA)
	defer voice.Close()
	last.Reply(last.Invite, 200, "OK", far.SDP(voice.Port(), "", "8 PCMA/8000"))
	last.Request("ACK")
	voice.Send(offer, 440)
	for limit := time.Now().Add(10 * time.Second); leg.Stream().LastHeard().IsZero(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the far carrier is not heard")
		}
	}
	leg.Hangup(calls.CauseNormal)
	last.Reply(last.Request("BYE"), 200, "OK", "")
	<-leg.Done()
}

// ownAddress is an IPv4 address of this machine's that is not its loopback's.
func ownAddress(t *testing.T) string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no network but its loopback's")
	return ""
}

// Who was reached and is busy is not called again by another carrier; a caller who gives up meanwhile calls nobody more.
func TestNoFailover(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	first, second := siptest.New(t, "first"), siptest.New(t, "second")
	h.trunk(sip.Trunk{Name: "first", Enabled: true, Outbound: first.Addr(), MaxCalls: 1})
	h.trunk(sip.Trunk{Name: "second", Enabled: true, Outbound: second.Addr(), Priority: 2, MaxCalls: 1})
	leg := h.dials("trunk:+49301234567")
	c := first.Answer()
	c.Reply(c.Invite, 486, "Busy Here", "")
	<-leg.Done()

	leg = h.dials("trunk:+49301234567")
	c = first.Answer()
	c.Reply(c.Invite, 180, "Ringing", "")
	if e := get(t, leg.Events(), "the ringing"); e != calls.LegRinging {
		t.Errorf("the leg tells %s", e)
	}
	c.Reply(c.Invite, 503, "Service Unavailable", "")
	<-leg.Done()

	leg = h.dials("trunk:+49301234567")
	c = first.Answer()
	leg.Hangup(calls.CauseCancelled)
	c.Reply(c.Invite, 503, "Service Unavailable", "")
	<-leg.Done()
	if !second.Quiet(0) {
		t.Error("the second carrier was asked")
	}
}

// A trunk carries no more calls than it may, in one second and at once; the next takes the others.
func TestTrunkLimits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	narrow, slow := siptest.New(t, "narrow"), siptest.New(t, "slow")
	h.trunk(sip.Trunk{Name: "narrow", Enabled: true, Outbound: narrow.Addr(), MaxCalls: 1})
	h.trunk(sip.Trunk{Name: "slow", Enabled: true, Outbound: slow.Addr(), Priority: 2, CallsPerSecond: 1})
	one, two := h.dials("trunk:+49301234567"), h.dials("trunk:+49301234567")
	a, b := narrow.Answer(), slow.Answer()
	if _, err := h.srv.Dialer().Dial(t.Context(), calls.Target{Tenant: h.tenant, Device: "trunk:+49301234567"}); !errors.Is(err, sip.ErrTrunksBusy) {
		t.Errorf("a third call: %v", err)
	}
	a.Reply(a.Invite, 486, "Busy Here", "")
	b.Reply(b.Invite, 486, "Busy Here", "")
	<-one.Done()
	<-two.Done()
	three := h.dials("trunk:+49301234567")
	c := narrow.Answer()
	c.Reply(c.Invite, 486, "Busy Here", "")
	<-three.Done()
	h.await(`SELECT count(*) = 0 FROM outbound_calls WHERE ended_at IS NULL`)
}

// A name without a port leads to the servers of its SRV records, in their order.
func TestSRV(t *testing.T) {
	t.Parallel()
	gone, there := siptest.New(t, "gone"), siptest.New(t, "there")
	h := newHouse(t, func(c *sip.Config) {
		c.Resolver = siptest.DNS(
			t, fmt.Sprintf("_sip._udp.carrier.test. 60 IN SRV 20 1 %d localhost.", there.Port()),
			fmt.Sprintf("_sip._udp.carrier.test. 60 IN SRV 10 1 %d localhost.", gone.Port()),
		)
	})
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	h.trunk(sip.Trunk{Name: "carrier", Enabled: true, Outbound: "carrier.test"})
	leg := h.dials("trunk:+49301234567")
	c := gone.Answer()
	if host := c.Invite.Recipient.Host; host != "carrier.test" {
		t.Errorf("the URI names %q", host)
	}
	c.Reply(c.Invite, 503, "Service Unavailable", "")
	c = there.Answer()
	c.Reply(c.Invite, 486, "Busy Here", "")
	<-leg.Done()
}

// A trunk whose transport is left to its DNS is reached as its NAPTR records say, and says so in the URI.
func TestNAPTR(t *testing.T) {
	t.Parallel()
	there := siptest.New(t, "there")
	h := newHouse(t, func(c *sip.Config) {
		c.Resolver = siptest.DNS(
			t, `carrier.test. 60 IN NAPTR 10 10 "s" "SIP+D2U" "" pool.carrier.test.`, `carrier.test. 60 IN NAPTR 20 10 "s" "SIP+D2T" "" elsewhere.test.`,
			fmt.Sprintf("pool.carrier.test. 60 IN SRV 10 1 %d localhost.", there.Port()), "elsewhere.test. 60 IN SRV 10 1 5060 localhost.",
		)
	})
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	h.trunk(sip.Trunk{Name: "carrier", Enabled: true, Outbound: "carrier.test", OutboundTransport: "auto"})
	leg := h.dials("trunk:+49301234567")
	c := there.Answer()
	if to := c.Invite.Recipient; to.Host != "carrier.test" || to.Scheme != "sip" || to.UriParams.Length() != 0 {
		t.Errorf("the URI is %s", to.String())
	}
	c.Reply(c.Invite, 486, "Busy Here", "")
	<-leg.Done()
}

// Trunks are asked whether they are there. One that does not answer is down within seconds and tried last; one that answers is up.
func TestKeepalive(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	dead, alive := siptest.New(t, "dead"), siptest.New(t, "alive")
	down := h.trunk(sip.Trunk{Name: "dead", Enabled: true, Outbound: dead.Addr(), Keepalive: 5, Priority: 1})
	up := h.trunk(sip.Trunk{Name: "alive", Enabled: true, Outbound: alive.Addr(), Keepalive: 5, Priority: 2})
	ask := alive.Answer()
	if ask.Invite.Method != gosip.OPTIONS {
		t.Fatalf("%s came", ask.Invite.Method)
	}
	ask.Reply(ask.Invite, 404, "Not Found", "") // an answer is an answer
	for range 2 {
		if dead.Answer().Invite.Method != gosip.OPTIONS {
			t.Fatal("no OPTIONS came")
		}
	}
	waitFor(t, func() bool {
		s := h.dir.TrunkStates(h.tenant)
		return s[down.ID].Reach == sip.ReachDown && s[up.ID].Reach == sip.ReachUp && s[up.ID].Status == 404
	})
	leg := h.dials("trunk:+49301234567")
	for {
		c := alive.Answer()
		if c.Invite.Method == gosip.OPTIONS {
			c.Reply(c.Invite, 200, "OK", "")
			continue
		}
		c.Reply(c.Invite, 486, "Busy Here", "")
		break
	}
	<-leg.Done()
}

// A trunk that wants it is registered with, by digest, for as long as it grants; its calls to our contact are calls to the number in To.
func TestRegistersWithTrunk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	registrar := siptest.NewAt(t, "registrar", "127.128.0.7:0") // in no network of a trunk
	tr := h.trunk(sip.Trunk{Name: "registrar", Enabled: true, Outbound: registrar.Addr(), OutboundUsername: "tandem", Register: true})
	c := registrar.Answer()
	if c.Invite.Method != gosip.REGISTER || c.Invite.To().Address.User != "tandem" {
		t.Fatalf("%s came for %s", c.Invite.Method, c.Invite.To().Address.User)
	}
	c.Reply(c.Invite, 401, "Unauthorized", "", `WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`)
	again := c.Request("REGISTER")
	if h := again.GetHeader("Authorization"); h == nil || !strings.Contains(h.Value(), "nc=00000001") {
		t.Fatal("the challenge is not answered")
	}
	c.Reply(again, 423, "Interval Too Brief", "", "Min-Expires: 600")
	longer := c.Request("REGISTER")
	if longer.GetHeader("Expires").Value() != "600" {
		t.Errorf("asked for %s s", longer.GetHeader("Expires").Value())
	}
	contact := longer.Contact().Address
	c.Reply(longer, 200, "OK", "", "Contact: <"+contact.String()+">;expires=600")
	waitFor(t, func() bool { return h.dir.TrunkStates(h.tenant)[tr.ID].Registered != nil })

	call := func(from *siptest.Phone) *siptest.Call {
		in := from.Request("INVITE", h.udp, "1001")
		in.Target = contact.String()
		in.Send("INVITE", "", "")
		return in
	}
	in := call(registrar)
	inv := get(t, h.invites, "the call")
	if inv.Number != "1001" || inv.Trunk != tr.ID {
		t.Errorf("the call is for %q by %s", inv.Number, inv.Trunk)
	}
	in.Cancel()
	if res := call(siptest.NewAt(t, "stranger", "127.128.0.8:0")).Response(401, 403); res == nil {
		t.Error("a stranger's call to the contact was taken")
	}
}

func (h *house) dials(device string) calls.Leg {
	h.t.Helper()
	leg, err := h.srv.Dialer().Dial(h.t.Context(), calls.Target{Tenant: h.tenant, Device: device})
	if err != nil {
		h.t.Fatal(err)
	}
	return leg
}
