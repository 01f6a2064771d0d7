package sip_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/sip"
	"tandem/sip/siptest"
)

// What a trunk's data parameters say of a call stands in the INVITE that goes out; flags go to trusted trunks only.
func TestDataParameters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	carrier := siptest.New(t, "carrier")
	trunk := h.trunk(sip.Trunk{
		Name: "carrier", Enabled: true, Outbound: carrier.Addr(),
		DataParameters: []sip.DataParameter{
			{Field: "X-Centre", Type: "fixed", Source: "Berlin"},
			{Field: "X-Call", Type: "dynamic", Source: "call", SourceField: "id"},
			{Field: "X-Queue", Type: "dynamic", Source: "call", SourceField: "queue"},
			{Field: "X-Order", Type: "dynamic", Source: "data", SourceField: "order"},
			{Field: "X-Missing", Type: "dynamic", Source: "data", SourceField: "missing"},
			{Field: "X-Verified", Type: "dynamic", Source: "reserved", SourceField: "reserved_verified_customer"},
			{Field: "User-to-User", Type: "dynamic", Source: "data", SourceField: "uui"},
			{Field: "X-Evil", Type: "dynamic", Source: "data", SourceField: "evil"},
		},
	})
	target := calls.Target{
		Tenant: h.tenant, Call: uuid.New(), Device: "trunk:+49301234567", From: calls.Party{Number: "4711"},
		Card: calls.Card{
			QueuePath: []string{"Main", "Support"}, Reserved: calls.Reserved{VerifiedCustomer: new(true)},
			Data: map[string]string{"order": "4711", "uui": "Hi", "evil": "a\r\nX-Injected: 1"},
		},
	}
	h.rules(sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 10, MaxCalls: 10})
	for _, trusted := range []bool{false, true} {
		trunk.Trusted = trusted
		trunk = h.trunk(trunk)
		leg, err := h.srv.Dialer().Dial(context.Background(), target)
		if err != nil {
			t.Fatal(err)
		}
		c := carrier.Answer()
		want := map[string]string{
			"X-Centre": "Berlin", "X-Call": target.Call.String(), "X-Queue": "Support", "X-Order": "4711", "User-to-User": "4869;encoding=hex",
			"X-Missing": "", "X-Evil": "", "X-Injected": "", "X-Verified": map[bool]string{true: "true"}[trusted],
		}
		for name, value := range want {
			got := ""
			if x := c.Invite.GetHeader(name); x != nil {
				got = x.Value()
			}
			if got != value {
				t.Errorf("trusted %v: %s is %q, want %q", trusted, name, got, value)
			}
		}
		c.Reply(c.Invite, 486, "Busy Here", "")
		<-leg.Done()
	}
	for _, bad := range []sip.DataParameter{
		{Field: "Via", Type: "fixed", Source: "x"},
		{Field: "X-", Type: "fixed"},
		{Field: "X-A B", Type: "fixed"},
		{Field: "X-A", Type: "other"},
		{Field: "X-A", Type: "dynamic", Source: "call", SourceField: "secret"},
		{Field: "X-A", Type: "dynamic", Source: "data"},
		{Field: "X-A", Type: "dynamic", Source: "reserved", SourceField: "order"},
		{Field: "X-A", Type: "fixed", Source: "a\nb"},
	} {
		tr := trunk
		tr.DataParameters = []sip.DataParameter{bad}
		if _, err := h.dir.PutTrunk(context.Background(), h.tenant, tr, sip.Passwords{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v is taken: %v", bad, err)
		}
	}
}
