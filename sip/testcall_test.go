package sip_test

import (
	"errors"
	"testing"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/sip"
	"tandem/sip/siptest"
)

// tested makes a test call in the background.
func (h *house) tested(tr sip.Trunk, number string) <-chan sip.TestCall {
	c := make(chan sip.TestCall, 1)
	go func() {
		r, err := h.srv.Dialer().TestCall(h.t.Context(), h.tenant, tr.ID, number)
		if err != nil {
			h.t.Error(err)
		}
		c <- r
	}()
	return c
}

// A test call goes by its trunk alone, whatever another has for priority; it says what the carrier answered, and hangs up by itself.
func TestTestCall(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	first, second := siptest.New(t, "first"), siptest.New(t, "second")
	h.trunk(sip.Trunk{Name: "first", Enabled: true, Outbound: first.Addr(), Priority: 1})
	tr := h.trunk(sip.Trunk{Name: "second", Enabled: true, Outbound: second.Addr(), Priority: 2, CallerID: "+493099"})

	busy := h.tested(tr, "+49 30 1234567")
	c := second.Answer()
	if c.Invite.Recipient.User != "+49301234567" || c.Invite.From().Address.User != "+493099" {
		t.Errorf("%s is called by %s", c.Invite.Recipient.User, c.Invite.From().Address.User)
	}
	c.Reply(c.Invite, 486, "Busy Here", "")
	if r := get(t, busy, "the result"); r.Result != "busy" || r.Status != 486 || r.Rang != nil || r.Answered != nil || r.Quality != nil {
		t.Errorf("busy: %+v", r)
	}

	answered := h.tested(tr, "+49301234567")
	c = second.Answer()
	c.Reply(c.Invite, 200, "OK", second.SDP(4000, "", "8 PCMA/8000"))
	c.Request("ACK")
	bye := c.Request("BYE")
	c.Reply(bye, 200, "OK", "")
	r := get(t, answered, "the result")
	if r.Result != "answered" || r.Status != 200 || r.Answered == nil || r.Codec != "PCMA" || r.Quality == nil || r.Quality.Out.Packets < 100 || r.Quality.In.Packets != 0 {
		t.Errorf("answered: %+v %+v", r, r.Quality)
	}
	if !first.Quiet(0) {
		t.Error("the other trunk was called")
	}
	h.await(`SELECT count(*) = 2 FROM events WHERE type = 'trunk.tested' AND data->>'result' IN ('busy', 'answered') AND strpos(data::text, '1234567') = 0`)
}

// The rules hold for test calls; a trunk that calls do not go out by has none.
func TestTestCallRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	carrier := siptest.New(t, "carrier")
	out := h.trunk(sip.Trunk{Name: "out", Enabled: true, Outbound: carrier.Addr()})
	in := h.trunk(sip.Trunk{Name: "in", Enabled: true, Networks: []string{"192.0.2.1"}})
	for _, c := range []struct {
		trunk  sip.Trunk
		number string
		want   error
	}{{out, "+88213000000", sip.ErrDialCountry}, {out, "nobody", sip.ErrDialNumber}, {in, "+49301234567", sip.ErrTrunkOff}} {
		if _, err := h.srv.Dialer().TestCall(t.Context(), h.tenant, c.trunk.ID, c.number); !errors.Is(err, c.want) {
			t.Errorf("%s by %s: %v", c.number, c.trunk.Name, err)
		}
	}
	if c := carrier.TryAnswer(0); c != nil && c.Invite.Method == gosip.INVITE {
		t.Error("the carrier was called")
	}
}
