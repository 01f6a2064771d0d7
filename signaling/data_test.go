package signaling_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/signaling/browsertest"
)

// What a call carries changes on the agent's page at once: while it rings, and in the talk.
func TestDataOnTheCard(t *testing.T) {
	h := newHouse(t)
	p := h.ready()
	c := h.dial()
	show := c.Leg.(interface{ ShowData(calls.Data) }) //nolint:forcetypeassert // that is what is tested
	p.Wait("offer")
	show.ShowData(calls.Data{Reserved: calls.Reserved{BadActor: new(true)}, Data: calls.Headers{"order": "1"}, Summary: "S"})
	f := p.Wait("offer")
	if f.Get("card", "reserved", "reserved_bad_actor") != "true" || f.Get("card", "data", "order") != "1" || f.Get("card", "summary") != "S" || f.Get("card", "caller") != "+4930123" {
		t.Errorf("the offer's card is %s", f.Data)
	}
	p.Send("offer.accept", c.offer())
	c.expect(calls.LegRinging)
	c.expect(calls.LegAnswered)
	c.show(calls.StateTalking)
	p.Wait("call", "state", "talking")
	show.ShowData(calls.Data{Reserved: calls.Reserved{VerifiedCustomer: new(true)}, Data: calls.Headers{"order": "2"}})
	f = p.Wait("call", "state", "talking")
	if f.Get("card", "reserved", "reserved_verified_customer") != "true" || f.Get("card", "reserved", "reserved_bad_actor") != "" || f.Get("card", "data", "order") != "2" {
		t.Errorf("the call's card is %s", f.Data)
	}
}

// A page says data of its customer; flags are believed only when the tenant's server has signed them.
func TestDataOfCustomers(t *testing.T) {
	h := newHouse(t)
	invites := make(chan calls.Invite, 1)
	h.incoming = func(_ context.Context, leg calls.Leg, inv calls.Invite) {
		invites <- inv
		leg.Hangup(calls.CauseNormal)
		<-leg.Done()
	}
	secret, err := h.identity.MakeClientSecret(auth.With(t.Context(), auth.System(h.tenant)))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(key string) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"exp": time.Now().Add(time.Minute).Unix(), "reserved_verified_customer": true, "data": map[string]string{"tier": "gold"},
		}).SignedString([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, one := range []struct {
		name  string
		start map[string]any
		code  string // of the refusal
		want  calls.Data
	}{
		{name: "data alone", start: map[string]any{"data": map[string]string{"tier": "silver"}}, want: calls.Data{Data: calls.Headers{"tier": "silver"}}},
		{name: "a flag as data", start: map[string]any{"data": map[string]string{"reserved_verified_customer": "true"}}, code: "data_name_invalid"},
		{
			name: "signed", start: map[string]any{"data": map[string]string{"tier": "silver", "page": "home"}, "token": sign(secret.Secret)},
			want: calls.Data{Reserved: calls.Reserved{VerifiedCustomer: new(true)}, Data: calls.Headers{"tier": "gold", "page": "home"}},
		},
		{name: "signed by another", start: map[string]any{"token": sign("somebody else")}, code: "client_token_invalid"},
	} {
		t.Run(one.name, func(t *testing.T) {
			customer := browsertest.Open(t, h.url, map[string]any{"customer": true, "name": "Jo"})
			customer.Connect()
			one.start["number"] = "1001"
			customer.Send("call.start", one.start)
			if one.code != "" {
				if f := customer.Wait("error"); f.Get("code") != one.code {
					t.Errorf("refused with %s, want %s", f.Data, one.code)
				}
				return
			}
			select {
			case inv := <-invites:
				got, err := json.Marshal(calls.Data{Reserved: inv.Reserved, Data: inv.Headers})
				want, err2 := json.Marshal(one.want)
				if err != nil || err2 != nil || string(got) != string(want) {
					t.Errorf("the call carries %s, want %s", got, want)
				}
			case <-time.After(30 * time.Second):
				t.Error("no call came")
			}
		})
	}
}
