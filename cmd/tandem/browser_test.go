package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/signaling/browsertest"
	"tandem/sip/siptest"
)

// signIn opens the agent's desktop in a browser whose microphone plays a tone.
func (a *app) signIn(t testing.TB, email string, hz float64) *browsertest.Browser {
	t.Helper()
	return a.signInBy(browsertest.New(t, hz), email)
}

func (a *app) signInBy(b *browsertest.Browser, email string) *browsertest.Browser {
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
	if b.Sees("Ready for calls") {
		return
	}
	// The page heard the microphone before the server did, and was told so: whoever sits there presses again.
	b.Click("button", "Go available")
	b.See("Ready for calls")
}

const (
	customerHz = 440
	agentHz    = 620
)

// The main job, from a SIP phone to an agent's browser: music, offer, whisper, countdown, talk, wrap-up, with each codec of SIP phones.
func TestFirstCall(t *testing.T) {
	a := start(t)
	b := a.signIn(t, "agent1@demo.test", agentHz)
	goAvailable(b)
	for _, c := range []codec.Codec{codec.PCMU, codec.PCMA, codec.G722, codec.Opus} {
		t.Run(c.Name, func(t *testing.T) {
			p := a.callIn(t, c)
			b.Wait("button", "Accept")
			b.Click("button", "Accept")
			b.See("Announcement: only you hear it")
			if h := b.Hear(500 * time.Millisecond); h.Level < 0.005 {
				t.Errorf("the agent hears no whisper: %+v", h)
			}
			b.See("The call starts in 3, 2, 1")
			if hz, level := siptest.Frequency(p.voice.Last(time.Second), 8000); level < 100 {
				t.Errorf("the caller hears no music during the countdown: %.0f Hz at %.0f", hz, level)
			}
			b.See("In the call")
			b.WaitTone(customerHz, 10*time.Second)
			p.voice.WaitTone(agentHz, 10*time.Second)
			b.Click("button", "Hang up")
			p.hungUp()
			b.See("Wrap-up")
			row := a.ended(t, p.phone.User)
			if row.Reason != calls.ReasonAgentHungUp || row.Recording == nil || row.AgentName != "Anna Agent" || row.Legs[0].Codec != c.Name {
				t.Errorf("record: %s, recording %v, agent %q, codec %s", row.Reason, row.Recording, row.AgentName, row.Legs[0].Codec)
			}
			finishWrapUp(b)
		})
	}
	if p := b.Problems(); len(p) > 0 {
		t.Errorf("the page had errors: %v", p)
	}
}

// The agent holds, resumes, mutes and presses keys; then the page is reloaded in mid-call: same call, one recording, sound both ways again.
func TestAgentControlsAndReload(t *testing.T) {
	a := start(t)
	b := a.signIn(t, "agent1@demo.test", agentHz)
	goAvailable(b)
	p := a.callIn(t, codec.PCMU)
	b.Wait("button", "Accept")
	b.Press("Alt+a")
	b.See("In the call")
	p.voice.WaitTone(agentHz, 10*time.Second)

	b.Click("button", "Hold")
	b.See("On hold")
	p.voice.WaitNoTone(agentHz, 10*time.Second)
	b.Click("button", "Resume")
	p.voice.WaitTone(agentHz, 10*time.Second)
	b.Click("button", "Mute")
	b.See("You are muted")
	p.voice.WaitNoTone(agentHz, 10*time.Second)
	b.Click("button", "Unmute")
	p.voice.WaitTone(agentHz, 10*time.Second)
	b.Click("button", "Keypad")
	b.Click("button", "5")
	within(t, 10*time.Second, "the agent's key at the caller's phone", func() bool { return p.voice.Events() > 0 })

	p.voice.Forget()
	from := time.Now()
	b.Reload()
	b.See("In the call")
	b.WaitTone(customerHz, 20*time.Second)
	p.voice.WaitTone(agentHz, 20*time.Second)
	t.Logf("sound both ways, as measured at both ends, %s after the reload began", time.Since(from).Round(10*time.Millisecond))
	p.hangUp()
	row := a.ended(t, p.phone.User)
	if row.Reason != calls.ReasonCallerHungUp || row.Recording == nil || len(row.Legs) != 2 || row.HeldSeconds == 0 {
		t.Errorf("record: %s, recording %v, %d legs, held %.1f s", row.Reason, row.Recording, len(row.Legs), row.HeldSeconds)
	}
	b.See("Wrap-up")
}

// A customer calls from the web page; the agent answers in another browser.
func TestCallFromTheWeb(t *testing.T) {
	a := start(t)
	agent := a.signIn(t, "agent2@demo.test", agentHz)
	goAvailable(agent)
	customer := browsertest.New(t, customerHz)
	customer.Goto("http://" + a.listener.Addr().String() + "/demo")
	customer.Click("button", "Call us")
	customer.See("Listen to the menu")
	customer.Click("button", "2")
	agent.Wait("button", "Accept")
	agent.Click("button", "Accept")
	agent.See("In the call")
	agent.WaitTone(customerHz, 10*time.Second)
	customer.WaitTone(agentHz, 10*time.Second)
	if direct, other := a.pagePackets(t, "direct"), a.pagePackets(t, "connection"); direct < 10*other {
		t.Errorf("%v packets came by the direct path, %v by the other", direct, other)
	}
	customer.Click("button", "Hang up")
	agent.See("Wrap-up")
	if p := append(agent.Problems(), customer.Problems()...); len(p) > 0 {
		t.Errorf("the pages had errors: %v", p)
	}
}

// pagePackets is how many RTP packets came from pages by a path.
func (a *app) pagePackets(t *testing.T, path string) float64 {
	t.Helper()
	_, body := a.client(t).do("GET", "/metrics", nil)
	_, after, _ := strings.Cut(string(body), `tandem_browser_rtp_packets_total{path="`+path+`"} `)
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseFloat(line, 64)
	if err != nil {
		t.Errorf("packets of pages by %s: %q", path, line)
	}
	return n
}

// caller is a SIP phone in a call to Support.
type caller struct {
	phone *siptest.Phone
	voice *siptest.Voice
	call  *siptest.Call
}

var lines = map[string][]string{
	"PCMU": {"0", "101 telephone-event/8000"}, "PCMA": {"8", "101 telephone-event/8000"}, "G722": {"9 G722/8000"}, "opus": {"111 opus/48000/2"},
}

func (a *app) callIn(t *testing.T, c codec.Codec) *caller {
	t.Helper()
	return a.callTo(t, "1001", c)
}

func (a *app) callTo(t *testing.T, number string, c codec.Codec) *caller {
	t.Helper()
	p := &caller{phone: siptest.New(t, "+4930123456"), voice: siptest.NewVoice(t, c)}
	p.call = p.phone.Invite(a.sipAddr(), number, p.phone.SDP(p.voice.Port(), "", lines[c.Name]...))
	answer := p.call.Response(200)
	p.call.Ack("")
	p.voice.Send(string(answer.Body()), customerHz)
	return p
}

func (p *caller) hangUp() {
	p.call.Send("BYE", "", "")
	p.call.Response(200)
}

func (p *caller) hungUp() { p.call.Reply(p.call.Request("BYE"), 200, "OK", "") }

func finishWrapUp(b *browsertest.Browser) {
	b.Click("button", "Finish wrap-up")
	b.See("Ready for calls")
}
