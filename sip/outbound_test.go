package sip_test

import (
	"context"
	"errors"
	"testing"

	"github.com/icholy/digest"

	"tandem/calls"
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

func TestOutboundAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for address, want := range map[string]string{
		"sip.example.test": "sip.example.test:5060", "192.0.2.7:5080": "192.0.2.7:5080", "[2001:db8::1]:5070": "[2001:db8::1]:5070",
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
