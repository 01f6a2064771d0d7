package sip_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/icholy/digest"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/sip"
	"tandem/sip/siptest"
)

// A call to a telephone number goes to the outbound trunk, answers its challenge with the password that only the key opens, and shows
// the trunk's caller id.
func TestOutboundTrunk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := context.Background()
	target := calls.Target{Tenant: h.tenant, Device: "trunk:+49301234567", From: calls.Party{Number: "4711"}}
	if _, err := h.srv.Dialer().Dial(ctx, target); !errors.Is(err, sip.ErrNoOutbound) {
		t.Errorf("without an outbound trunk: %v", err)
	}
	carrier := siptest.New(t, "carrier")
	h.trunk(sip.Trunk{Name: "carrier", Enabled: true, Outbound: carrier.Addr(), OutboundUsername: "tandem", CallerID: "+4930999"})
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	for _, code := range []int{401, 407} {
		leg, err := h.srv.Dialer().Dial(ctx, target)
		if err != nil {
			t.Fatal(err)
		}
		c := carrier.Answer()
		if to, from := c.Invite.Recipient.User, c.Invite.From().Address.User; to != "+49301234567" || from != "+4930999" {
			t.Errorf("the carrier is asked for %q by %q", to, from)
		}
		challenge, answer := "WWW-Authenticate", "Authorization"
		if code == 407 {
			challenge, answer = "Proxy-Authenticate", "Proxy-Authorization"
		}
		ch := digest.Challenge{Realm: "carrier.test", Nonce: "abc", Algorithm: "SHA-256", QOP: []string{"auth"}}
		c.Reply(c.Invite, code, "Who?", "", challenge+": "+ch.String())
		again := c.Request("INVITE")
		cred, err := digest.ParseCredentials(again.GetHeader(answer).Value())
		if err != nil {
			t.Fatal(err)
		}
		want, err := digest.Digest(&ch, digest.Options{
			Method: "INVITE", URI: cred.URI, Count: cred.Nc, Username: "tandem", Password: "way-out", Cnonce: cred.Cnonce,
		})
		if err != nil || want.Response != cred.Response || cred.Username != "tandem" {
			t.Errorf("%d: the answer is %s of %q, want %s (%v)", code, cred.Response, cred.Username, want.Response, err)
		}
		c.Reply(again, 486, "Busy Here", "")
		<-leg.Done()
		if leg.Cause() != calls.CauseBusy {
			t.Errorf("the leg ended as %s", leg.Cause())
		}
	}
}

// No door leads past the rules: neither a telephone number nor an address at the carrier, however written.
func TestOutboundRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	carrier := siptest.New(t, "carrier")
	h.trunk(sip.Trunk{Name: "carrier", Enabled: true, Outbound: carrier.Addr()})
	doors := map[string]func(number string) string{
		"telephone": func(n string) string { return "trunk:" + n },
		"address":   func(n string) string { return "sip:" + n + "@" + carrier.Addr() },
		"transport": func(n string) string { return "sip:" + n + "@" + carrier.Addr() + ";transport=tcp" },
	}
	dial := func(device string) (calls.Leg, error) {
		return h.srv.Dialer().Dial(t.Context(), calls.Target{Tenant: h.tenant, Device: device})
	}
	refusedAll := func(when string, want error, numbers ...string) {
		t.Helper()
		for door, device := range doors {
			for _, n := range numbers {
				if _, err := dial(device(n)); !errors.Is(err, want) {
					t.Errorf("%s, %s: %q: %v, want %v", when, door, n, err, want)
				}
			}
		}
	}
	refusedAll("without rules", sip.ErrDialCountry, "+49301234567", "+442079460000")
	h.rules(sip.DialRules{Country: "DE", Countries: []string{"DE"}, MaxCalls: 1})
	refusedAll("with rules", sip.ErrDialCountry, "+442079460000", "00442079460000", "%2B442079460000")
	if !h.says(`SELECT count(*) = 15 FROM events WHERE type = 'outbound.refused'`) {
		t.Error("not each refusal is in the event log")
	}
	for door, device := range doors {
		leg, err := dial(device("030-1234567"))
		if err != nil {
			t.Fatalf("%s: %v", door, err)
		}
		c := carrier.Answer()
		if to := c.Invite.Recipient.User; to != "+49301234567" {
			t.Errorf("%s: the carrier is asked for %q", door, to)
		}
		refusedAll("while one goes out", sip.ErrDialRate, "+49301234567")
		c.Reply(c.Invite, 486, "Busy Here", "")
		<-leg.Done()
		h.await(`SELECT count(*) = 0 FROM outbound_calls WHERE ended_at IS NULL`)
	}
}

// A day's limit lets no call begin, and ends those that go on.
func TestOutboundSpent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	carrier := siptest.New(t, "carrier")
	h.trunk(sip.Trunk{Name: "carrier", Enabled: true, Outbound: carrier.Addr()})
	h.rules(sip.DialRules{Countries: []string{"DE"}, SpendPerDay: 5, Rates: []sip.Rate{{Prefix: "+49", PerMinute: 1e9}}})
	target := calls.Target{Tenant: h.tenant, Device: "trunk:+49301234567"}
	leg, err := h.srv.Dialer().Dial(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	c := carrier.Answer()
	c.Reply(c.Invite, 200, "OK", carrier.SDP(4000, "", pcmu))
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.Done()
	if leg.Cause() != calls.CauseForbidden {
		t.Errorf("the call was ended as %s", leg.Cause())
	}
	h.await(`SELECT count(*) = 1 FROM outbound_calls WHERE ended_at > answered_at`)
	if _, err := h.srv.Dialer().Dial(t.Context(), target); !errors.Is(err, sip.ErrDialSpent) {
		t.Errorf("another call: %v", err)
	}
	if !h.says(`SELECT count(*) = 1 FROM events WHERE type = 'outbound.cut'`) {
		t.Error("the cut is not in the event log")
	}
	if _, u, err := h.dir.DialRules(t.Context(), h.tenant); err != nil || u.Calls != 0 || u.Spend < 5 {
		t.Errorf("used: %+v, %v", u, err)
	}
}

// A call that ends in the last moment of a node, or with the node, has ended for the limits too.
func TestOutboundUntilTheEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	carrier := siptest.New(t, "carrier")
	h.trunk(sip.Trunk{Name: "carrier", Enabled: true, Outbound: carrier.Addr()})
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	node, _, stop := h.another()
	dial := func() (calls.Leg, *siptest.Call) {
		leg, err := node.Dialer().Dial(t.Context(), calls.Target{Tenant: h.tenant, Device: "trunk:+49301234567"})
		if err != nil {
			t.Fatal(err)
		}
		return leg, carrier.Answer()
	}
	talk := func() (calls.Leg, *siptest.Call) {
		leg, c := dial()
		c.Reply(c.Invite, 200, "OK", carrier.SDP(4000, "", pcmu))
		c.Request("ACK")
		return leg, c
	}
	ends, c := talk()
	up, _ := talk()
	_, ringing := dial()
	ringing.Reply(ringing.Invite, 180, "Ringing", "")
	h.await(`SELECT count(*) = 2 FROM outbound_calls WHERE answered_at IS NOT NULL`) // and for a while nothing is written
	ends.Hangup(calls.CauseNormal)
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-ends.Done()
	stop()
	<-up.Done()
	if !h.says(`SELECT count(*) = 2 FROM outbound_calls WHERE ended_at > answered_at`) || !h.says(`SELECT count(*) = 1 FROM outbound_calls WHERE answered_at IS NULL AND ended_at IS NOT NULL`) {
		t.Error("calls go on in the database")
	}
	if _, u, err := h.dir.DialRules(t.Context(), h.tenant); err != nil || u.Calls != 0 {
		t.Errorf("used: %+v, %v", u, err)
	}
}

// says asks the database a question that yes answers.
func (h *house) says(question string) (yes bool) {
	h.t.Helper()
	err := h.db.Worker(h.t.Context(), func(tx *storage.Tx) error { return tx.QueryRow(h.t.Context(), question).Scan(&yes) })
	if err != nil {
		h.t.Fatal(err)
	}
	return yes
}

// await is says, until the answer is yes.
func (h *house) await(question string) {
	h.t.Helper()
	waitFor(h.t, func() bool { return h.says(question) })
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(siptest.Wait); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not become so")
		}
	}
}

func (h *house) rules(r sip.DialRules) {
	h.t.Helper()
	if err := h.dir.PutDialRules(h.t.Context(), h.tenant, r); err != nil {
		h.t.Fatal(err)
	}
}

func TestOutboundAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for address, want := range map[string]string{
		"sip.example.test": "sip.example.test", "192.0.2.7": "192.0.2.7:5060", "192.0.2.7:5080": "192.0.2.7:5080", "[2001:db8::1]:5070": "[2001:db8::1]:5070",
		"host:0": "", "a b:5060": "", "sip:host": "", "host:5060;lr": "",
	} {
		tr, err := h.dir.PutTrunk(context.Background(), h.tenant, sip.Trunk{Name: "out " + address, Outbound: address}, sip.Passwords{})
		if (err == nil) != (want != "") || err == nil && tr.Outbound != want {
			t.Errorf("%q became %q (%v), want %q", address, tr.Outbound, err, want)
		}
	}
	if _, err := h.dir.PutTrunk(context.Background(), h.tenant, sip.Trunk{Name: "number", Outbound: "h", CallerID: "Anna"}, sip.Passwords{}); err == nil {
		t.Error("a caller id that is no number was taken")
	}
}
