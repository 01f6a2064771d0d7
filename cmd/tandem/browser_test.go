package main

import (
	"context"
	"testing"
	"time"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/signaling/browsertest"
	"tandem/sip/siptest"
)

// signIn opens the agent's desktop in a browser whose microphone plays a tone.
func (a *app) signIn(t testing.TB, email string, hz float64) *browsertest.Browser {
	t.Helper()
	b := browsertest.New(t, hz)
	b.Goto("http://" + a.listener.Addr().String() + "/login")
	b.Fill("E-mail", email)
	b.Fill("Password", demoPassword)
	b.Click("button", "Sign in")
	return b
}

// goAvailable switches the phone on and proves the microphone.
func goAvailable(b *browsertest.Browser) {
	b.Click("button", "Go online")
	b.See("Your microphone works")
	b.Click("button", "Go available")
	b.See("Ready for calls")
}

const (
	customerHz = 440
	agentHz    = 620
)

func TestFirstCall(t *testing.T) {
	a := start(t)
	b := a.signIn(t, "agent1@demo.test", agentHz)
	b.Screenshot("/tmp/shot-a.png")
	goAvailable(b)
	b.Screenshot("/tmp/shot-b.png")
	for _, c := range []struct {
		codec codec.Codec
		line  string
	}{{codec.PCMU, "0"}, {codec.PCMA, "8"}, {codec.G722, "9 G722/8000"}, {codec.Opus, "111 opus/48000/2"}} {
		t.Run(c.codec.Name, func(t *testing.T) { a.firstCall(t, b, c.codec, c.line) })
	}
	if p := b.Problems(); len(p) > 0 {
		t.Errorf("the page had errors: %v", p)
	}
}

func (a *app) firstCall(t *testing.T, b *browsertest.Browser, c codec.Codec, line string) {
	phone := siptest.New(t, "+4930123456")
	voice := siptest.NewVoice(t, c)
	call := phone.Invite(a.sipAddr(), "1001", phone.SDP(voice.Port(), "", line))
	answer := call.Response(200)
	call.Ack("")
	voice.Send(string(answer.Body()), customerHz)
	b.Wait("button", "Accept")
	b.Screenshot("/tmp/shot-c.png")
	if n := voice.Packets(); n == 0 {
		t.Error("the caller hears nothing while waiting")
	}
	b.Click("button", "Accept")
	b.See("Announcement: only you hear it")
	b.See("The call starts in 3, 2, 1")
	b.Screenshot("/tmp/shot-d.png")
	b.See("In the call")
	b.WaitTone(customerHz, 10*time.Second)
	voice.WaitTone(agentHz, 10*time.Second)
	b.Screenshot("/tmp/shot-e.png")
	b.Click("button", "Hang up")
	call.Reply(call.Request("BYE"), 200, "OK", "")
	b.See("Wrap-up")
	b.Screenshot("/tmp/shot-f.png")
	row := a.ended(t, "+4930123456")
	if row.Reason != calls.ReasonAgentHungUp || row.Recording == nil || row.AgentName != "Anna Agent" {
		t.Errorf("record: %s, recording %v, agent %q", row.Reason, row.Recording, row.AgentName)
	}
	b.Click("button", "Finish wrap-up")
	b.See("Ready for calls")
	_ = context.Background()
	_ = queues.Idle
}
