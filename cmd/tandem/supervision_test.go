package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/signaling/browsertest"
	"tandem/sip/siptest"
)

const supervisorHz = 1700

// seat is a person at their page.
type seat struct {
	*browsertest.Page
	client client
	cookie string
}

// sit signs a person in and opens their page; audio is connected.
func sit(t testing.TB, base, email string) *seat {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": demoPassword})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/api/v1/login", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if len(res.Cookies()) == 0 {
		t.Fatalf("%s cannot sign in: %s", email, res.Status)
	}
	s := &seat{client: client{t, base}, cookie: res.Cookies()[0].String()}
	status, b := s.do("POST", "/api/v1/ws-ticket", map[string]any{})
	var ticket struct{ Ticket string }
	if err := json.Unmarshal(b, &ticket); err != nil || ticket.Ticket == "" {
		t.Fatalf("no ticket for %s: %d %s", email, status, b)
	}
	s.Page = browsertest.Open(t, "ws"+strings.TrimPrefix(base, "http")+"/ws", map[string]any{"ticket": ticket.Ticket})
	s.Connect()
	return s
}

// do is a request of this person.
func (s *seat) do(method, path string, body any) (int, []byte) {
	s.client.t.Helper()
	return s.client.do(method, path, body, "Authorization", "", "Cookie", s.cookie, "Origin", s.client.base)
}

// available brings an agent's page into its queues.
func (s *seat) available() {
	s.Send("mic.proof", map[string]float64{"level": 0.2})
	s.Wait("agent", "microphone", "true")
	s.Send("presence.set", map[string]string{"presence": "AVAILABLE"})
	s.Wait("agent", "presence", "AVAILABLE")
}

// accept takes the next call, up to the talk.
func (s *seat) accept() (call string) { return s.take(s.rings()) }

// rings waits for the next offer, and says at once that it has come: one that is not acknowledged is withdrawn after a second.
func (s *seat) rings() (offer string) {
	offer = s.Wait("offer").Get("offer")
	s.Send("offer.ack", map[string]string{"offer": offer})
	return offer
}

func (s *seat) take(offer string) (call string) {
	s.Send("offer.accept", map[string]string{"offer": offer})
	return s.Wait("call", "state", "talking").Get("id")
}

func (s *seat) supervise(frame, call, mode string) {
	s.Send(frame, map[string]string{"call": call, "mode": mode, "why": "quality check"})
}

// hears waits until each tone is heard, or is not.
func (s *seat) hears(t testing.TB, when string, want map[float64]bool) {
	t.Helper()
	s.RTC.Forget()
	within(t, 20*time.Second, fmt.Sprintf("%s: %v at a page, where %v", when, want, s.strengths(want)), func() bool {
		for hz, there := range want {
			if level := s.RTC.Strength(hz); there && level < 2000 || !there && level > 100 {
				return false
			}
		}
		return len(s.RTC.Trace()) > 20
	})
}

func (s *seat) strengths(want map[float64]bool) (levels []string) {
	for hz := range want {
		levels = append(levels, fmt.Sprintf("%.0f Hz: %.0f", hz, s.RTC.Strength(hz)))
	}
	return levels
}

// phoneHears is the same for a telephone, of half a second from now on.
func phoneHears(t testing.TB, when string, v *siptest.Voice, want map[float64]bool) {
	t.Helper()
	v.Forget()
	var levels map[float64]float64
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: levels at the phone %.0f", when, levels)
		}
	})
	within(t, 20*time.Second, fmt.Sprintf("%s: %v at the phone", when, want), func() bool {
		pcm := v.Last(500 * time.Millisecond)
		if len(pcm) < 4000 {
			return false
		}
		levels = map[float64]float64{}
		for hz := range want {
			levels[hz] = siptest.Strength(pcm, 8000, hz)
		}
		for hz, there := range want {
			// A browser's noise suppression takes most of a tone.
			if level := siptest.Strength(pcm, 8000, hz); there && level < 400 || !there && level > 100 {
				return false
			}
		}
		return true
	})
}

// steady checks that a leg's packets are one stream: no other SSRC, no number left out, time in frames. Where a sender was held up for 200 ms (a busy
// machine), silence was sent in between, as it is without supervisors, and time goes on by as much.
func steady(t testing.TB, what string, trace []siptest.Arrival) {
	t.Helper()
	if len(trace) < 25 {
		t.Errorf("%s: %d packets", what, len(trace))
		return
	}
	late := 0
	for i, p := range trace[1:] {
		before := trace[i]
		step := p.Timestamp - before.Timestamp
		if step > 160 {
			late++
		}
		if p.SSRC != before.SSRC || p.Sequence != before.Sequence+1 || step < 160 || step%80 != 0 {
			t.Fatalf("%s: packet %+v came after %+v", what, p, before)
		}
	}
	if late > len(trace)/10 {
		t.Errorf("%s: time jumps at %d of %d packets", what, late, len(trace))
	}
}

func traceOf(s *seat) []siptest.Arrival {
	var out []siptest.Arrival
	for _, p := range s.RTC.Trace() {
		out = append(out, siptest.Arrival(p))
	}
	return out
}

// widest is the longest time between two packets.
func widest(trace []siptest.Arrival) (gap time.Duration) {
	for i := 1; i < len(trace); i++ {
		gap = max(gap, trace[i].At.Sub(trace[i-1].At))
	}
	return gap
}

// audited waits for the audit rows of a call's supervision.
func audited(t testing.TB, c client, call string, action string, want int) (rows string) {
	t.Helper()
	within(t, 20*time.Second, fmt.Sprintf("%d audit rows of %s", want, action), func() bool {
		_, b := c.do("GET", "/api/v1/audit?action="+action, nil)
		rows = string(b)
		return strings.Count(rows, `"subject":"`+call+`"`) == want
	})
	return rows
}

// servesOnly makes a queue of one agent, without whisper and countdown, and a number that leads to it.
func (a *app) servesOnly(t testing.TB, name, number string) {
	t.Helper()
	ctx, off := context.Background(), false
	queue, _ := a.queueWith(t, "Of "+name, number, "browser", queues.OwnSettings{Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, Countdown: &off})
	all, err := a.queues.Agents(ctx, a.tenant, queues.AgentFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all.Items, func(v queues.AgentView) bool { return v.Name == name })
	if err := a.queues.SetMembers(ctx, a.tenant, queue, []uuid.UUID{all.Items[i].ID}); err != nil {
		t.Fatal(err)
	}
}

// A supervisor listens to a telephone's call with an agent, coaches, barges in, and takes it over. While they only listen, both legs are as without
// them: SSRC, sequence numbers and timestamps, and no signalling.
func TestSupervision(t *testing.T) {
	t.Parallel()
	a := start(t)
	base := a.client(t).base
	agent, boss := sit(t, base, "agent1@demo.test"), sit(t, base, "supervisor@demo.test")
	a.servesOnly(t, "Anna Agent", "5501")
	agent.available()
	p := a.callTo(t, "5501", codec.PCMU)
	call := agent.accept()
	agent.RTC.Say(agentHz)
	boss.RTC.Say(supervisorHz)
	p.voice.WaitTone(agentHz, 20*time.Second)
	agent.hears(t, "alone", map[float64]bool{customerHz: true, supervisorHz: false})
	p.voice.Forget()
	agent.RTC.Forget()

	boss.supervise("supervise.start", call, "monitor")
	on := boss.Wait("supervise", "state", "on")
	if on.Get("mode") != "monitor" || on.Get("call") != call {
		t.Errorf("supervise %s", on.Data)
	}
	boss.RTC.Forget()
	within(t, 20*time.Second, "both parties at the supervisor", func() bool {
		return boss.RTC.Strength(customerHz) > 2000 && boss.RTC.Strength(agentHz) > 2000
	})
	hearMore(t, p.voice, 2*time.Second)
	unaware(t, p, agent)
	_, b := boss.do("GET", "/api/v1/calls/"+call, nil)
	if !strings.Contains(string(b), "Sam Supervisor") {
		t.Errorf("the supervisor does not see who listens: %s", b)
	}
	if _, b := agent.do("GET", "/api/v1/calls/"+call, nil); strings.Contains(string(b), "Sam Supervisor") {
		t.Errorf("the agent sees who listens: %s", b)
	}

	for _, who := range []*seat{agent, boss} { // neither role may end others' calls
		if status, b := who.do("POST", "/api/v1/calls/"+call+"/end", map[string]string{"reason": "test"}); status != 403 {
			t.Errorf("ending the call without the permission: %d %s", status, b)
		}
	}
	agent.Send("call.hold", nil)
	agent.Wait("call", "state", "held")
	boss.hears(t, "held", map[float64]bool{customerHz: false, agentHz: false})
	agent.Send("call.resume", nil)
	agent.Wait("call", "state", "talking")
	boss.hears(t, "resumed", map[float64]bool{customerHz: true, agentHz: true})

	boss.tries(t, call, p, agent, agentHz)
	boss.supervise("supervise.mode", call, "take_over")
	boss.Wait("supervise", "state", "ended", "cause", "taken_over")
	boss.Wait("call", "id", call, "state", "talking")
	agent.Wait("call", "state", "wrap_up")
	phoneHears(t, "taken over", p.voice, map[float64]bool{agentHz: false, supervisorHz: true})
	boss.hears(t, "taken over", map[float64]bool{customerHz: true, agentHz: false})
	boss.Send("call.hangup", nil)
	p.hungUp()
	boss.Wait("call", "id", call, "state", "ended")
	row := a.ended(t, p.phone.User)
	if row.AgentName != "Anna Agent" || row.TakenOverName != "Sam Supervisor" || row.Reason != calls.ReasonAgentHungUp || len(row.Legs) != 3 ||
		row.Legs[2].Party != "supervisor" {
		t.Errorf("the record: %s, %q, then %q, legs %+v", row.Reason, row.AgentName, row.TakenOverName, row.Legs)
	}
	if rows := audited(t, a.client(t), call, "call.supervised", 1); !strings.Contains(rows, "quality check") {
		t.Errorf("the audit row has no reason: %s", rows)
	}
	audited(t, a.client(t), call, "call.supervision_changed", 5)
	audited(t, a.client(t), call, "call.supervision_ended", 1)
}

// unaware checks that neither customer nor agent can tell, since they last forgot, that somebody listens.
func unaware(t testing.TB, p *caller, agent *seat) {
	t.Helper()
	steady(t, "the customer's leg, before and while the supervisor listens", p.voice.Trace())
	steady(t, "the agent's leg, before and while the supervisor listens", traceOf(agent))
	for what, level := range map[string]float64{
		"customer": siptest.Strength(p.voice.Last(time.Second), 8000, supervisorHz), "agent": agent.RTC.Strength(supervisorHz),
	} {
		if level > 200 {
			t.Errorf("the %s hears the silent supervisor at level %.0f", what, level)
		}
	}
	if m := p.call.TryNext(10 * time.Millisecond); m != nil {
		t.Errorf("the customer's phone was sent %s", m.String())
	}
	for _, frame := range agent.Seen() {
		if strings.Contains(frame, "supervis") || strings.HasPrefix(frame, "negotiate") || strings.HasPrefix(frame, "rtc.") {
			t.Errorf("the agent's page was told %s", frame)
		}
	}
}

// tries takes part in a call that they listen to in one mode after another, and is heard by those who are to hear them.
func (s *seat) tries(t testing.TB, call string, p *caller, agent *seat, hz float64) {
	t.Helper()
	for _, step := range []struct {
		mode             string
		customer, agents bool
	}{{"coach", false, true}, {"barge", true, true}, {"monitor", false, false}, {"barge", true, true}} {
		p.voice.Forget()
		agent.RTC.Forget()
		s.supervise("supervise.mode", call, step.mode)
		s.Wait("supervise", "mode", step.mode, "state", "on")
		hearMore(t, p.voice, time.Second)
		t.Logf("to %s: the longest time between two packets is %s at the customer, %s at the agent", step.mode,
			widest(p.voice.Trace()).Round(time.Millisecond), widest(traceOf(agent)).Round(time.Millisecond))
		phoneHears(t, step.mode, p.voice, map[float64]bool{hz: true, supervisorHz: step.customer})
		agent.hears(t, step.mode, map[float64]bool{customerHz: true, supervisorHz: step.agents})
		s.hears(t, step.mode, map[float64]bool{customerHz: true, hz: true, supervisorHz: false})
	}
}

// An agent whose call is taken over while it rings at whom they ask in: that one is left alone, and so is the agent.
func TestTakenOverWhileItRings(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5506", "5507")
	boss := sit(t, o.client(t).base, "supervisor@demo.test")
	boss.RTC.Say(supervisorHz)
	p, call := o.talk(t, "+49305506")
	boss.supervise("supervise.start", call, "monitor")
	boss.Wait("supervise", "state", "on")
	o.ben.Forget()
	o.anna.Send("call.consult", map[string]any{"agent": o.to.two})
	offer := o.ben.rings()
	o.anna.Wait("call", "id", call, "transfer.state", "ringing")
	boss.supervise("supervise.mode", call, "take_over")
	boss.Wait("call", "id", call, "state", "talking")
	o.ben.Wait("offer.withdrawn", "offer", offer)
	o.anna.wrapped(t, call)
	phoneHears(t, "taken over", p.voice, map[float64]bool{agentHz: false, supervisorHz: true})
	o.from.free()
	p.hangUp()
	if got, want := transfersOf(o.ended(t, p.phone.User)), "Anna Agent attended agent Ben Agent cancelled"; got != want {
		t.Errorf("transfers %s", got)
	}
}

// Twenty people listen to one call; who loses the permission hears no more, and the others do.
func TestManyListenersAndRevocation(t *testing.T) {
	t.Parallel()
	a := start(t)
	c := a.client(t)
	p := newTalk(t, c, "+4930555111", "2911", codec.PCMA, nil)
	p.connect(a.sipAddr(), "2911", codec.PCMA)
	hearMore(t, p.voice, time.Second)
	call := ask[list[calls.CallRow]](c, "GET", "/api/v1/calls?state=connected&search=30555111", nil).Items[0].ID.String()
	role := a.roleOf(t, auth.Permission{Verb: "monitor", Resource: "calls", Scope: auth.ScopeAll}, auth.Permission{Verb: "read", Resource: "calls", Scope: auth.ScopeAll})
	var ears []*seat
	for n := range 20 {
		s := sit(t, c.base, a.userWith(t, fmt.Sprintf("ear%d@demo.test", n), role))
		s.supervise("supervise.start", call, "monitor")
		ears = append(ears, s)
	}
	p.voice.Forget()
	for _, s := range ears {
		s.Wait("supervise", "state", "on")
	}
	for n, s := range ears {
		s.hears(t, fmt.Sprintf("listener %d", n), map[float64]bool{customerHz: true, farHz: true})
	}
	hearMore(t, p.voice, 500*time.Millisecond)
	steady(t, "the customer's leg with 20 listeners", p.voice.Trace())
	ears[0].supervise("supervise.mode", call, "barge")
	if e := ears[0].Wait("error"); e.Get("code") != "forbidden" {
		t.Errorf("barging in without the permission: %s", e.Data)
	}
	ears[0].supervise("supervise.stop", call, "")
	ears[0].Wait("supervise", "state", "ended", "cause", "stopped")

	began := time.Now()
	a.demote(t, role)
	for _, s := range ears[1:] {
		s.Wait("supervise", "state", "ended", "cause", "forbidden")
	}
	t.Logf("19 listeners were cut off %s after their role changed", time.Since(began).Round(time.Millisecond))
	for _, s := range ears[1:] {
		s.RTC.Forget()
	}
	hearMore(t, p.voice, 500*time.Millisecond)
	for n, s := range ears[1:] {
		if level := s.RTC.Strength(customerHz); level > 0 {
			t.Errorf("listener %d goes on hearing the customer at level %.0f", n+1, level)
		}
	}
	p.hangUp()
	p.farCall.Reply(p.farCall.Request("BYE"), 200, "OK", "")
	a.ended(t, p.phone.User)
}

// acting is a context of the demo's administrator.
func (a *app) acting(t testing.TB) context.Context {
	t.Helper()
	s, err := a.auth.Login(context.Background(), auth.Login{Email: "admin@demo.test", Password: demoPassword})
	if err != nil {
		t.Fatal(err)
	}
	return auth.With(context.Background(), s.Actor)
}

func (a *app) roleOf(t testing.TB, p ...auth.Permission) uuid.UUID {
	t.Helper()
	r, err := a.auth.SaveRole(a.acting(t), auth.Role{Name: "Listeners", Permissions: p})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// demote leaves a role nothing but reading.
func (a *app) demote(t testing.TB, role uuid.UUID) {
	t.Helper()
	_, err := a.auth.SaveRole(a.acting(t), auth.Role{ID: role, Name: "Listeners", Permissions: auth.Permissions{{Verb: "read", Resource: "calls", Scope: auth.ScopeAll}}})
	if err != nil {
		t.Fatal(err)
	}
}

func (a *app) userWith(t testing.TB, email string, role uuid.UUID) string {
	t.Helper()
	password := demoPassword
	_, err := a.auth.AddUser(a.acting(t), auth.UserChange{Email: &email, Name: &email, Password: &password, Roles: &[]uuid.UUID{role}})
	if err != nil {
		t.Fatal(err)
	}
	return email
}

// The program is killed while somebody listens: that they did is in the audit log of the next start.
func TestKilledWhileListening(t *testing.T) {
	t.Parallel()
	database, dir := storagetest.NewURL(t), t.TempDir()
	first := run(t, database, dir)
	p := newTalk(t, first.client, "+4930555222", "2912", codec.PCMU, nil)
	p.connect(first.sip, "2912", codec.PCMU)
	hearMore(t, p.voice, time.Second)
	call := first.call().ID.String()
	boss := sit(t, first.base, "admin@demo.test")
	boss.supervise("supervise.start", call, "monitor")
	boss.hears(t, "listening", map[float64]bool{customerHz: true, farHz: true})
	first.kill()
	second := run(t, database, dir)
	rows := audited(t, second.client, call, "call.supervised", 1)
	if !strings.Contains(rows, `"mode":"monitor"`) || !strings.Contains(rows, "quality check") {
		t.Errorf("the audit row: %s", rows)
	}
}

// How much later than the other party a supervisor hears what is said: from silence to a tone, at the far end's phone and at the supervisor's page.
func BenchmarkListening(b *testing.B) {
	a := start(b)
	c := a.client(b)
	p := newTalk(b, c, "+4930555333", "2913", codec.PCMU, nil)
	p.connect(a.sipAddr(), "2913", codec.PCMU)
	p.farVoice.Tone(0)
	hearMore(b, p.voice, time.Second)
	call := ask[list[calls.CallRow]](c, "GET", "/api/v1/calls?state=connected&search=30555333", nil).Items[0].ID.String()
	boss := sit(b, c.base, "admin@demo.test")
	boss.RTC.Say(0)
	boss.supervise("supervise.start", call, "monitor")
	boss.hears(b, "listening", map[float64]bool{customerHz: true})
	var added []time.Duration
	for b.Loop() {
		p.voice.Tone(0)
		within(b, 20*time.Second, "silence", func() bool { return boss.RTC.Hears(0) })
		p.farVoice.Forget()
		boss.RTC.Forget()
		p.voice.Tone(customerHz)
		var there, here time.Time
		within(b, 20*time.Second, "the tone at both", func() bool {
			there, here = begins(p.farVoice.Trace()), begins(traceOf(boss))
			return !there.IsZero() && !here.IsZero()
		})
		added = append(added, here.Sub(there))
	}
	slices.Sort(added)
	b.ReportMetric(float64(added[len(added)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(added[len(added)*99/100].Microseconds())/1000, "ms-p99")
}

// From the frame that asks for it until the agent hears the supervisor, the event in the log included.
func BenchmarkCoach(b *testing.B) {
	a := start(b)
	c := a.client(b)
	p := newTalk(b, c, "+4930555444", "2914", codec.PCMU, nil)
	p.connect(a.sipAddr(), "2914", codec.PCMU)
	hearMore(b, p.farVoice, time.Second)
	call := ask[list[calls.CallRow]](c, "GET", "/api/v1/calls?state=connected&search=30555444", nil).Items[0].ID.String()
	boss := sit(b, c.base, "admin@demo.test")
	boss.RTC.Say(supervisorHz)
	boss.supervise("supervise.start", call, "monitor")
	boss.hears(b, "listening", map[float64]bool{customerHz: true})
	p.voice.Tone(0)
	var took []time.Duration
	for b.Loop() {
		boss.supervise("supervise.mode", call, "monitor")
		within(b, 20*time.Second, "silence", func() bool { return siptest.Strength(p.farVoice.Last(200*time.Millisecond), 8000, supervisorHz) < 50 })
		p.farVoice.Forget()
		asked := time.Now()
		boss.supervise("supervise.mode", call, "coach")
		within(b, 20*time.Second, "the supervisor at the agent", func() bool { return !begins(p.farVoice.Trace()).IsZero() })
		took = append(took, begins(p.farVoice.Trace()).Sub(asked))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

// begins is when the first loud packet came.
func begins(trace []siptest.Arrival) (at time.Time) {
	if i := slices.IndexFunc(trace, func(p siptest.Arrival) bool { return p.Loud }); i >= 0 {
		at = trace[i].At
	}
	return at
}

// A supervisor in Chromium listens to a telephone's call with an agent in another Chromium, coaches and barges in, by the supervisor's screen.
func TestSupervisorInTheBrowser(t *testing.T) {
	a := start(t)
	agent := a.signIn(t, "agent1@demo.test", agentHz)
	goAvailable(agent)
	p := a.callIn(t, codec.PCMU)
	agent.Wait("button", "Accept")
	agent.Click("button", "Accept")
	agent.See("In the call")
	p.voice.WaitTone(agentHz, 20*time.Second)
	boss := a.signIn(t, "supervisor@demo.test", supervisorHz)
	boss.Wait("button", "Account")
	boss.Goto("http://" + a.listener.Addr().String() + "/supervisor?tab=connected")
	p.voice.Forget()
	boss.Click("button", "Listen")
	boss.See("You are listening to")
	boss.See("Nobody hears you")
	p.voice.Tone(0)
	boss.WaitTone(agentHz, 20*time.Second)
	hearMore(t, p.voice, time.Second)
	steady(t, "the customer's leg, before and while the supervisor listens", p.voice.Trace())
	phoneHears(t, "monitor", p.voice, map[float64]bool{agentHz: true, supervisorHz: false})

	boss.Click("button", "Actions")
	boss.Click("menuitem", "Coach")
	boss.See("Only Anna Agent hears you")
	agent.WaitTone(supervisorHz, 20*time.Second) // the customer is silent
	phoneHears(t, "coach", p.voice, map[float64]bool{agentHz: true, supervisorHz: false})
	boss.Click("button", "Actions")
	boss.Click("menuitem", "Barge in")
	boss.See("Anna Agent and the caller hear you")
	phoneHears(t, "barge", p.voice, map[float64]bool{agentHz: true, supervisorHz: true})
	boss.Click("button", "Stop monitoring")
	boss.Gone("You are listening to")
	phoneHears(t, "alone again", p.voice, map[float64]bool{agentHz: true, supervisorHz: false})
	p.hangUp()
	agent.See("Wrap-up")
	if problems := append(agent.Problems(), boss.Problems()...); len(problems) > 0 {
		t.Errorf("the pages had errors: %v", problems)
	}
}
