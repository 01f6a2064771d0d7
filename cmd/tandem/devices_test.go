package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// ownDesk is an agent at their page, alone in a queue of their own.
func (a *app) ownDesk(t testing.TB, number string) (s *seat, agent uuid.UUID) {
	t.Helper()
	ctx := context.Background()
	s = sit(t, "http://"+a.listener.Addr().String(), "agent1@demo.test")
	var me struct{ ID uuid.UUID }
	s.get(t, "/api/v1/me", &me)
	queue, _ := a.queueWith(t, "Desk", number, "browser", queues.OwnSettings{
		Countdown: new(false), Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpOptional},
		Dispositions: new([]string{"Solved"}), Record: new(queues.RecordYes),
	})
	if err := a.queues.SetMembers(ctx, a.tenant, queue, []uuid.UUID{me.ID}); err != nil {
		t.Fatal(err)
	}
	return s, me.ID
}

func (s *seat) get(t testing.TB, path string, to any) {
	t.Helper()
	status, body := s.do("GET", path, nil)
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, to); err != nil {
		t.Fatal(err)
	}
}

// change sends a change that must succeed.
func (s *seat) change(t testing.TB, method, path string, body, to any) {
	t.Helper()
	status, answer := s.do(method, path, body)
	if status != 200 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if err := json.Unmarshal(answer, to); err != nil {
		t.Fatal(err)
	}
}

// is waits until an agent is in a state.
func (a *app) is(t testing.TB, agent uuid.UUID, want queues.State) {
	t.Helper()
	within(t, patient, "an agent who is "+string(want), func() bool {
		v, err := a.queues.Agent(context.Background(), a.tenant, agent)
		return err == nil && v.State == want
	})
}

// signOn registers a telephone with a server, or ends that with "0".
func signOn(p *siptest.Phone, server, user, secret, expires string) {
	c := p.Request("REGISTER", server, user)
	c.LocalURI = "sip:" + user + "@tandem"
	c.RemoteURI, c.Target = c.LocalURI, "sip:tandem"
	c.Seq = 0
	c.Send("REGISTER", "", "", "Expires: "+expires, "User-Agent: Desk/1.0")
	c.Authorize(c.Response(401), "REGISTER", user, secret, "SHA-256")
	c.Response(200)
}

// An agent takes calls on a SIP telephone that they have set up themselves. It rings and speaks; everything else is done on the page, which need not
// be there. Without a telephone they are unreachable, whatever they say.
func TestAgentOnASIPTelephone(t *testing.T) {
	t.Parallel()
	a := start(t)
	s, agent := a.ownDesk(t, "5601")
	if status, body := s.do("PUT", "/api/v1/me/device", map[string]any{"kind": "phone"}); status != 409 {
		t.Fatalf("a telephone that there is not: %d %s", status, body)
	}
	var account sip.PhoneAccount
	s.change(t, "POST", "/api/v1/me/phone/secret", nil, &account)
	var device map[string]any
	s.change(t, "PUT", "/api/v1/me/device", map[string]any{"kind": "phone", "ring_seconds": 40}, &device)
	s.change(t, "PUT", "/api/v1/me/device", device, &device) // what was read can be written
	s.Wait("agent", "device", "phone")
	s.Send("presence.set", map[string]string{"presence": "AVAILABLE"}) // no microphone is asked for
	s.Wait("agent", "presence", "AVAILABLE")
	a.is(t, agent, queues.Unreachable)
	desk := siptest.New(t, account.Username)
	signOn(desk, a.sipAddr(), account.Username, account.Secret, "120")
	a.is(t, agent, queues.Idle)
	var telephone sip.Telephone
	s.get(t, "/api/v1/me/phone", &telephone)
	if len(telephone.Contacts) != 1 || telephone.Contacts[0].UserAgent != "Desk/1.0" || telephone.Contacts[0].Received != desk.Addr() {
		t.Errorf("telephone %+v", telephone)
	}

	p, voice := a.callTo(t, "5601", codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	in := rung(t, desk)
	in.Reply(in.Invite, 180, "Ringing", "")
	offer := s.Wait("offer", "device", "phone")
	if offer.Get("card", "caller") != p.phone.User {
		t.Errorf("the page shows %s", offer.Data)
	}
	s.Send("offer.accept", map[string]string{"offer": offer.Get("offer")}) // which is for the telephone to say
	answerAs(in, voice, agentHz)
	call := s.Wait("call", "state", "talking")
	if call.Get("device") != "phone" || call.Get("card", "caller") != p.phone.User {
		t.Errorf("the page shows %s", call.Data)
	}
	p.voice.WaitTone(agentHz, patient)
	voice.WaitTone(customerHz, patient)
	s.Send("call.hold", nil)
	s.Wait("call", "state", "held")
	p.voice.WaitNoTone(agentHz, patient)
	s.Send("call.resume", nil)
	s.Wait("call", "state", "talking")
	p.voice.WaitTone(agentHz, patient)
	s.Send("call.mute", map[string]bool{"muted": true})
	p.voice.WaitNoTone(agentHz, patient)
	s.Send("call.mute", map[string]bool{"muted": false})
	p.voice.WaitTone(agentHz, patient)
	s.Send("call.digit", map[string]string{"digit": "5"})
	within(t, patient, "a key of the page at the caller's telephone", func() bool { return p.voice.Events() > 0 })
	s.Send("call.hangup", nil)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	p.hungUp()
	s.Wait("call", "state", "wrap_up")
	s.Send("wrapup.done", map[string]string{"disposition": "Solved", "notes": "By telephone."})
	a.is(t, agent, queues.Idle)
	row := a.ended(t, p.phone.User)
	if row.Reason != calls.ReasonAgentHungUp || row.Recording == nil || row.Legs[1].Device != "phone" {
		t.Errorf("record: %s, recording %v, legs %+v", row.Reason, row.Recording, row.Legs)
	}
	within(t, patient, "what was written on the page", func() bool {
		row := a.ended(t, p.phone.User)
		return row.Disposition == "Solved" && row.Notes == "By telephone."
	})

	// The page goes; the telephone rings all the same, and the page that comes in the middle of the call shows it.
	s.Leave()
	p = a.callTo(t, "5601", codec.PCMU)
	in = rung(t, desk)
	voice.Forget()
	answerAs(in, voice, agentHz)
	voice.WaitTone(customerHz, patient)
	again := sit(t, "http://"+a.listener.Addr().String(), "agent1@demo.test")
	if again.Welcome.Get("call", "device") != "phone" {
		t.Errorf("the page that comes in the middle is told %s", again.Welcome.Data)
	}
	again.Send("call.hangup", nil)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	p.hungUp()
	again.Wait("call", "state", "wrap_up")
	again.Send("wrapup.done", map[string]string{})
	signOn(desk, a.sipAddr(), account.Username, account.Secret, "0")
	a.is(t, agent, queues.Unreachable)
}

// mobile is an agent at a telephone number, which the carrier rings.
func (a *app) mobile(t testing.TB, s *seat) (network *siptest.Phone) {
	t.Helper()
	network = carrier(t, a.trunks, a.tenant)
	if err := a.trunks.PutDialRules(context.Background(), a.tenant, sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 10, MaxCalls: 10}); err != nil {
		t.Fatal(err)
	}
	var device struct{ Number string }
	s.change(t, "PUT", "/api/v1/me/device", map[string]any{"kind": "number", "number": "0151 23456789", "ring_seconds": 60}, &device)
	if device.Number != "+4915123456789" {
		t.Errorf("the number is kept as %s", device.Number)
	}
	s.Wait("agent", "device", "number")
	return network
}

// takes answers a telephone and presses 1 when the question is heard.
func takes(t testing.TB, in *siptest.Call) *siptest.Voice {
	t.Helper()
	voice := siptest.NewVoice(t, codec.PCMU)
	answerAs(in, voice, agentHz)
	asked(t, voice)
	pressed(in, "1")
	return voice
}

func asked(t testing.TB, voice *siptest.Voice) {
	t.Helper()
	within(t, patient, "the question", func() bool { _, level := siptest.Frequency(voice.Heard(), 8000); return level > 100 })
}

// Who calls the extension of an agent on a mobile gets them by the first press of the key.
func TestExtensionAtATelephoneNumber(t *testing.T) {
	t.Parallel()
	a := start(t)
	s, agent := a.ownDesk(t, "5603")
	network := a.mobile(t, s)
	if _, err := a.numbers.Put(context.Background(), a.tenant, calls.Number{Number: "5604", Kind: calls.EntryAgent, Agent: &agent}); err != nil {
		t.Fatal(err)
	}
	s.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	s.Wait("agent", "presence", "AVAILABLE")
	p := &caller{phone: siptest.New(t, "+49305604"), voice: siptest.NewVoice(t, codec.PCMU)}
	p.call = p.phone.Invite(a.sipAddr(), "5604", p.phone.SDP(p.voice.Port(), "", "0"))
	in := rung(t, network)
	voice := takes(t, in)
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	voice.WaitTone(customerHz, patient)
	p.hangUp()
	in.Reply(in.Request("BYE"), 200, "OK", "")
}

// A telephone that is asked to take a call ends with all that it held, also when nobody has looked at what it did. It runs
// beside no other test, because it looks at all goroutines.
func TestAskedTelephoneEnds(t *testing.T) {
	a := start(t)
	ctx := context.Background()
	asks, err := a.prompts.AskToTake(ctx, "en", "")
	if err != nil {
		t.Fatal(err)
	}
	far := siptest.New(t, "far")
	leg, err := a.sip.Dialer().Dial(ctx, calls.Target{Tenant: a.tenant, Device: "sip:far@" + far.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	leg = calls.AskFirst(leg, asks)
	in := far.Answer()
	in.Reply(in.Invite, 180, "Ringing", "")
	in.Reply(in.Invite, 486, "Busy Here", "")
	in.Request("ACK")
	<-leg.Done()
	within(t, patient, "nothing to be left of it", func() bool {
		var all strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&all, 2)
		return !strings.Contains(all.String(), "calls.(*taken)")
	})
}

// An agent takes calls on a mobile: by the outbound rules, and with a key, so that a mailbox that picks up gets nobody.
func TestAgentAtATelephoneNumber(t *testing.T) {
	t.Parallel()
	a := start(t)
	s, agent := a.ownDesk(t, "5602")
	network := a.mobile(t, s)
	for number, code := range map[string]string{"+88213000001": "dial_country", "call me": "dial_number"} {
		status, body := s.do("PUT", "/api/v1/me/device", map[string]any{"kind": "number", "number": number})
		var problem struct{ Code string }
		if _ = json.Unmarshal(body, &problem); status < 400 || problem.Code != code {
			t.Errorf("%s: %d %s", number, status, body)
		}
	}
	available := func() {
		t.Helper()
		s.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
		s.Wait("agent", "presence", "AVAILABLE")
	}
	available()
	a.is(t, agent, queues.Idle)

	p, mailbox := a.callTo(t, "5602", codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	in := rung(t, network)
	if user := in.Invite.Recipient.User; user != "+4915123456789" {
		t.Errorf("the carrier is asked for %s", user)
	}
	answerAs(in, mailbox, 1000) // and greets, and presses nothing
	asked(t, mailbox)
	in.Send("BYE", "", "")
	in.Response(200)
	s.Wait("offer.withdrawn", "reason", "missed")
	a.is(t, agent, queues.NotResponding)
	p.voice.WaitNoTone(1000, patient)

	available() // and rung in the same moment, by who waits
	in, voice := rung(t, network), siptest.NewVoice(t, codec.PCMU)
	answerAs(in, voice, agentHz)
	asked(t, voice)
	pressed(in, "5")
	pressed(in, "1")
	s.Wait("call", "state", "talking")
	p.voice.WaitTone(agentHz, patient)
	voice.WaitTone(customerHz, patient)
	s.Send("call.hangup", nil)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	p.hungUp()
	row := a.ended(t, p.phone.User)
	if got := fmt.Sprint(row.Legs[1].Device, row.Legs[2].Device); got != "numbernumber" || row.Legs[1].Cause != calls.CauseNoAnswer {
		t.Errorf("legs %+v", row.Legs)
	}
}
