package main

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// dialFrom is a call from a telephone that is registered at its own address, to whatever it dials.
func (a *app) dialFrom(t *testing.T, phone *siptest.Phone, secret, number string) *siptest.Call {
	t.Helper()
	c := phone.Invite(a.sipAddr(), number, phone.SDP(siptest.NewVoice(t, codec.PCMU).Port(), "", "0"))
	res := c.Response(401)
	c.AckRefusal(res)
	c.Authorize(res, "INVITE", phone.User, secret, "SHA-256")
	return c
}

// presents waits until an agent has a presence.
func (a *app) presents(t testing.TB, agent uuid.UUID, want queues.Presence) {
	t.Helper()
	within(t, patient, "an agent who is "+string(want), func() bool {
		v, err := a.queues.Agent(context.Background(), a.tenant, agent)
		return err == nil && v.Presence == want
	})
}

// An agent whose extension was called is free as soon as they have left, wherever the caller goes on: in their voicemail box, or where they sent them.
func TestExtensionIsLeft(t *testing.T) {
	t.Parallel()
	a := start(t)
	s, agent := a.ownDesk(t, "5805")
	if _, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: "5806", Kind: calls.EntryAgent, Agent: &agent, Voicemail: true}); err != nil {
		t.Fatal(err)
	}
	s.available()
	for _, reply := range []string{"offer.decline", "offer.accept"} {
		t.Run(reply, func(t *testing.T) {
			p := &caller{phone: siptest.New(t, "+49305806"), voice: siptest.NewVoice(t, codec.PCMU)}
			p.call = p.phone.Invite(a.sipAddr(), "5806", p.phone.SDP(p.voice.Port(), "", "0"))
			offer := s.rings()
			a.presents(t, agent, queues.Busy)
			s.Send(reply, map[string]string{"offer": offer})
			answer := p.call.Response(200)
			p.call.Ack("")
			p.voice.Send(string(answer.Body()), customerHz)
			if reply == "offer.accept" {
				s.Wait("call", "state", "talking")
				s.Send("call.transfer", map[string]string{"number": "1003"})
			}
			a.presents(t, agent, queues.Available)
			p.hangUp()
		})
		s.Forget()
	}
}

// An agent's extension rings on the device of their choice, from another agent's telephone and from a number of its own; who cannot be reached is told so by the
// call's refusal, or has a voicemail box. Queues offer the agent nothing meanwhile.
func TestExtensions(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	s, agent := a.ownDesk(t, "5801")
	for _, n := range []calls.Number{{Number: "5802", Kind: calls.EntryAgent, Agent: &agent, Record: true}, {Number: "5803", Kind: calls.EntryAgent, Agent: &agent, Voicemail: true}} {
		if _, err := a.numbers.Put(ctx, a.tenant, n); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(number string, status int) {
		t.Helper()
		p := siptest.New(t, "+49305800")
		c := p.Invite(a.sipAddr(), number, p.SDP(4000, "", "0"))
		c.AckRefusal(c.Response(status))
	}
	refused("5802", 480) // offline
	s.RTC.Say(agentHz)
	s.available()
	refused("8002", 404) // an extension is nobody's outside

	p := &caller{phone: siptest.New(t, "+49305801"), voice: siptest.NewVoice(t, codec.PCMU)}
	p.call = p.phone.Invite(a.sipAddr(), "5802", p.phone.SDP(p.voice.Port(), "", "0"))
	s.Send("offer.accept", map[string]string{"offer": s.rings()})
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	p.voice.WaitTone(agentHz, patient)
	a.presents(t, agent, queues.Busy)
	refused("5802", 486)
	p.hangUp()
	if row := a.ended(t, p.phone.User); row.Reason != calls.ReasonCallerHungUp || row.Recording == nil || row.Agent == nil || *row.Agent != agent {
		t.Errorf("record: %s, recording %v, agent %v", row.Reason, row.Recording, row.Agent)
	}
	a.presents(t, agent, queues.Available)
	s.Send("presence.set", map[string]string{"presence": "OFFLINE"})
	s.Wait("agent", "presence", "OFFLINE")
	mail := siptest.New(t, "+49305803")
	c := mail.Invite(a.sipAddr(), "5803", mail.SDP(4000, "", "0")) // the box answers
	c.Response(200)
	c.Ack("")
	c.Send("BYE", "", "")
	c.Response(200)

	// A telephone sends its queue's caller to an extension.
	_, sender := a.queueWith(t, "Sent on", "5804", "phone:9801", atOnce())
	from, other := a.telephone(t, "9801", sender), siptest.New(t, "8002")
	signOn(other, a.sipAddr(), "8002", demoPassword, "120")
	p = a.callTo(t, "5804", codec.PCMU)
	d := rung(t, from)
	answerAs(d, siptest.NewVoice(t, codec.PCMU), agentHz)
	p.voice.WaitTone(agentHz, patient)
	refer(d, "8002")
	sent := rung(t, other)
	answerAs(sent, siptest.NewVoice(t, codec.PCMU), benHz)
	told(t, d, 200)
	d.Reply(d.Request("BYE"), 200, "OK", "")
	p.voice.WaitTone(benHz, patient)
	p.hangUp()
	sent.Reply(sent.Request("BYE"), 200, "OK", "")

	// From one agent's telephone to another's, neither of which is taken for a trunk.
	trunks, err := a.trunks.Trunks(ctx, a.tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range trunks {
		tr.Networks = []string{"192.0.2.1/32"}
		if _, err := a.trunks.PutTrunk(ctx, a.tenant, tr, sip.Passwords{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.trunks.Load(ctx); err != nil {
		t.Fatal(err)
	}
	desk := siptest.New(t, "8001")
	signOn(desk, a.sipAddr(), "8001", demoPassword, "120")
	out := a.dialFrom(t, desk, demoPassword, "8002")
	in := rung(t, other)
	if user := in.Invite.From().Address.User; user != "8001" {
		t.Errorf("8002 is called by %q", user)
	}
	answerAs(in, siptest.NewVoice(t, codec.PCMU), agentHz)
	out.Response(200)
	out.Ack("")
	in.Send("BYE", "", "")
	in.Response(200)
	out.Reply(out.Request("BYE"), 200, "OK", "")
	if row := a.ended(t, "8001"); row.Number != "8002" || row.Reason != calls.ReasonAgentHungUp || row.Recording != nil {
		t.Errorf("record: to %s, %s, recording %v", row.Number, row.Reason, row.Recording)
	}
	out = a.dialFrom(t, desk, demoPassword, "8099")
	out.AckRefusal(out.Response(404))

	// Who calls a colleague is busy as well.
	s.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	s.Wait("agent", "presence", "AVAILABLE")
	var account sip.PhoneAccount
	s.change(t, "POST", "/api/v1/me/phone/secret", nil, &account)
	own := siptest.New(t, account.Username)
	signOn(own, a.sipAddr(), account.Username, account.Secret, "120")
	out = a.dialFrom(t, own, account.Secret, "8002")
	in = rung(t, other)
	answerAs(in, siptest.NewVoice(t, codec.PCMU), agentHz)
	out.Response(200)
	out.Ack("")
	a.presents(t, agent, queues.Busy)
	out.Send("BYE", "", "")
	out.Response(200)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	a.presents(t, agent, queues.Available)
}

// Who is in a call to their extension is busy to the next, also when they are always available to queues.
func TestExtensionIsBusy(t *testing.T) {
	t.Parallel()
	a := start(t)
	_, agent := a.queueWith(t, "Always", "5811", "phone:9811", atOnce())
	if _, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: "5812", Kind: calls.EntryAgent, Agent: &agent}); err != nil {
		t.Fatal(err)
	}
	desk := a.telephone(t, "9811", agent)
	refused := func() {
		t.Helper()
		p := siptest.New(t, "+49305812")
		c := p.Invite(a.sipAddr(), "5812", p.SDP(4000, "", "0"))
		c.AckRefusal(c.Response(486))
	}
	p := &caller{phone: siptest.New(t, "+49305811"), voice: siptest.NewVoice(t, codec.PCMU)}
	p.call = p.phone.Invite(a.sipAddr(), "5812", p.phone.SDP(p.voice.Port(), "", "0"))
	in := rung(t, desk)
	refused()
	answerAs(in, siptest.NewVoice(t, codec.PCMU), agentHz)
	p.call.Response(200)
	p.call.Ack("")
	refused()
	p.hangUp()
	in.Reply(in.Request("BYE"), 200, "OK", "")
	a.ended(t, p.phone.User)
	p.call = p.phone.Invite(a.sipAddr(), "5812", p.phone.SDP(p.voice.Port(), "", "0"))
	in = rung(t, desk)
	in.Reply(in.Invite, 180, "Ringing", "")
	p.call.Cancel()
	in.Reply(in.Request("CANCEL"), 200, "OK", "")
	in.Reply(in.Invite, 487, "Request Terminated", "")
}
