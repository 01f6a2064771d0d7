package main

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// dialFrom is a call from a telephone that is registered at its own address, to whatever it dials.
func (a *app) dialFrom(t *testing.T, phone *siptest.Phone, secret, number string) *siptest.Call {
	t.Helper()
	return a.dialBy(t, phone, secret, number, siptest.NewVoice(t, codec.PCMU))
}

func (a *app) dialBy(t *testing.T, phone *siptest.Phone, secret, number string, voice *siptest.Voice) *siptest.Call {
	t.Helper()
	c := phone.Invite(a.sipAddr(), number, phone.SDP(voice.Port(), "", "0"))
	res := c.Response(401)
	c.AckRefusal(res)
	c.Authorize(res, "INVITE", phone.User, secret, "SHA-256")
	return c
}

// knowPhonesOnly lets no trunk be known by its address, which here is the telephones' too.
func (a *app) knowPhonesOnly(t testing.TB) {
	t.Helper()
	ctx := context.Background()
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
	a.knowPhonesOnly(t)
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

// An agent at their page calls a colleague's extension, who sees by which extension, and sends them on.
func TestPageCallsAnExtension(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	err := a.db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE users SET extension = '8003' WHERE email = 'agent1@demo.test'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s, agent := a.ownDesk(t, "5817")
	s.RTC.Say(agentHz)
	s.Send("presence.set", map[string]string{"presence": "AWAY"})
	s.Wait("agent", "presence", "AWAY")
	s.Send("call.start", map[string]string{"number": "8099"})
	s.Wait("call", "state", "ended", "cause", "not_found")

	phone, voice := siptest.New(t, "8002"), siptest.NewVoice(t, codec.PCMU)
	signOn(phone, a.sipAddr(), "8002", demoPassword, "120")
	s.Send("call.start", map[string]string{"number": "8002"})
	in := rung(t, phone)
	if user := in.Invite.From().Address.User; user != "8003" {
		t.Errorf("8002 is called by %q", user)
	}
	s.Wait("call", "state", "connecting", "card.name", "Phone 8002")
	a.presents(t, agent, queues.Busy)
	answerAs(in, voice, benHz)
	s.Wait("call", "state", "talking", "card.extension", "true")
	voice.WaitTone(agentHz, patient)
	s.RTC.Await(benHz)
	s.Send("call.transfer", map[string]string{"number": "1003"}) // the echo
	s.Wait("call", "state", "ended")
	a.presents(t, agent, queues.Away)
	voice.Forget()
	voice.WaitTone(benHz, patient)
	in.Send("BYE", "", "")
	in.Response(200)
}

// Either of two agents sends the other elsewhere: to an agent, an extension, a queue, a number, by their page or their telephone. Everybody who was asked is free
// as soon as they have nothing more to do with the call.
func TestExtensionCallIsSentOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5813", "5814")
	anna, ben := o.anna, o.ben
	if _, err := o.numbers.Put(context.Background(), o.tenant, calls.Number{Number: "5815", Kind: calls.EntryAgent, Agent: &o.to.two}); err != nil {
		t.Fatal(err)
	}
	o.knowPhonesOnly(t)
	one, two := siptest.New(t, "8001"), siptest.New(t, "8002")
	oneVoice, twoVoice := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	const oneHz, twoHz = 700, 1100
	for _, p := range []*siptest.Phone{one, two} {
		signOn(p, o.sipAddr(), p.User, demoPassword, "120")
	}
	talks := func(c *siptest.Call) {
		t.Helper()
		oneVoice.Send(string(c.Response(200).Body()), oneHz)
		c.Ack("")
	}
	hangUp := func(c *siptest.Call) {
		t.Helper()
		c.Send("BYE", "", "")
		c.Response(200)
	}
	asked := func(s *seat, where ...string) (offer string) {
		t.Helper()
		offer = s.Wait("offer", where...).Get("offer")
		s.Send("offer.ack", map[string]string{"offer": offer})
		return offer
	}
	free := func(agents ...uuid.UUID) {
		t.Helper()
		for _, agent := range agents {
			o.presents(t, agent, queues.Available)
		}
	}

	t.Run("by the telephone that was called", func(t *testing.T) {
		c := o.dialBy(t, one, demoPassword, "8002", oneVoice)
		in := rung(t, two)
		answerAs(in, twoVoice, twoHz)
		talks(c)
		oneVoice.WaitTone(twoHz, patient)
		refer(in, "5815")
		offer := asked(ben, "card.transferred_by", "Phone 8002", "card.caller", "8001")
		o.presents(t, o.to.two, queues.Busy)
		ben.Send("offer.decline", map[string]string{"offer": offer})
		told(t, in, 603)
		free(o.to.two)
		phoneHears(t, "declined", oneVoice, map[float64]bool{twoHz: true})
		ben.Forget()
		refer(in, "5815")
		call := ben.accept()
		told(t, in, 200)
		in.Reply(in.Request("BYE"), 200, "OK", "")
		phoneHears(t, "at the next agent", oneVoice, map[float64]bool{twoHz: false, benHz: true})
		o.presents(t, o.to.two, queues.Busy)

		ben.Send("call.transfer", map[string]any{"queue": o.from.queue})
		free(o.to.two)
		if got := anna.accept(); got != call {
			t.Fatalf("another call: %s", got)
		}
		phoneHears(t, "in a queue", oneVoice, map[float64]bool{agentHz: true, benHz: false})
		hangUp(c)
		anna.wrapped(t, call)
		row := o.row(t, call)
		want := "Phone 8002 blind agent 5815 declined, Phone 8002 blind agent 5815 done, Ben Agent blind queue Front done"
		if got := transfersOf(row); got != want || row.AgentName != "Anna Agent" {
			t.Errorf("transfers %s, agent %s", got, row.AgentName)
		}
		o.from.free()
	})

	t.Run("by the page that was called", func(t *testing.T) {
		ben.Forget()
		anna.Forget()
		c := o.dialBy(t, one, demoPassword, "5815", oneVoice)
		ben.Send("offer.accept", map[string]string{"offer": asked(ben)})
		talks(c)
		call := ben.Wait("call", "state", "talking").Get("id")
		oneVoice.WaitTone(benHz, patient)
		ben.Send("call.consult", map[string]any{"agent": o.from.first})
		asked(anna, "card.consulted_by", "Ben Agent")
		ben.Wait("call", "id", call, "state", "held", "transfer.state", "ringing")
		ben.Send("call.resume", nil)
		ben.Wait("call", "id", call, "state", "talking", "transfer.cause", "cancelled")
		free(o.from.first)
		anna.Forget()
		ben.Send("call.consult", map[string]any{"agent": o.from.first})
		anna.accept()
		anna.hears(t, "consulted", map[float64]bool{benHz: true, oneHz: false})
		ben.Send("call.leave", nil)
		ben.Wait("call", "id", call, "state", "ended")
		phoneHears(t, "handed over", oneVoice, map[float64]bool{agentHz: true, benHz: false})
		free(o.to.two)
		anna.Send("call.transfer", map[string]any{"number": "8002"})
		in := rung(t, two)
		answerAs(in, twoVoice, twoHz)
		anna.Wait("call", "id", call, "state", "ended")
		phoneHears(t, "at an extension", oneVoice, map[float64]bool{twoHz: true, agentHz: false})
		free(o.from.first)
		in.Send("BYE", "", "")
		in.Response(200)
		c.Reply(c.Request("BYE"), 200, "OK", "")
	})

	t.Run("by the telephone that calls", func(t *testing.T) {
		ben.Forget()
		c := o.dialBy(t, one, demoPassword, "8002", oneVoice)
		in := rung(t, two)
		answerAs(in, twoVoice, twoHz)
		talks(c)
		twoVoice.WaitTone(oneHz, patient)
		refer(c, "+88213000001")
		told(t, c, 403)
		phoneHears(t, "refused", twoVoice, map[float64]bool{oneHz: true})
		refer(c, "5815")
		call := ben.take(asked(ben, "card.transferred_by", "8001", "card.name", "Phone 8002", "card.caller", "8002"))
		told(t, c, 200)
		c.Reply(c.Request("BYE"), 200, "OK", "")
		phoneHears(t, "at the next agent", twoVoice, map[float64]bool{oneHz: false, benHz: true})

		// Who was called and sent on sends the next one on.
		refer(in, "+49305815")
		out, far := o.network.Answer(), siptest.NewVoice(t, codec.PCMU)
		answerAs(out, far, outsideHz)
		told(t, in, 200)
		in.Reply(in.Request("BYE"), 200, "OK", "")
		ben.hears(t, "outside", map[float64]bool{outsideHz: true, twoHz: false})
		o.presents(t, o.to.two, queues.Busy)
		out.Send("BYE", "", "")
		out.Response(200)
		ben.Wait("call", "id", call, "state", "ended")
		free(o.to.two)
	})
}
