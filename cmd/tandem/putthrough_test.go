package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/sip"
	"tandem/sip/siptest"
)

// replacing is the Replaces of a Refer-To, escaped, that names a call as the server knows it.
func replacing(c *siptest.Call) string {
	return url.QueryEscape(c.CallID + ";to-tag=" + c.RemoteTag + ";from-tag=" + c.LocalTag)
}

// putThrough asks for an attended transfer: the other party of c is to have the place of the user of instead.
func putThrough(c, instead *siptest.Call, status int) {
	c.Send("REFER", "", "", "Refer-To: <sip:somebody@tandem?Replaces="+replacing(instead)+">")
	c.Response(status)
}

// switchboards are two queues with a telephone each, and a private exchange whose extensions calls lead to.
type switchboards struct {
	*app
	one, two           *siptest.Phone
	oneVoice, twoVoice *siptest.Voice
	exchange           *siptest.Phone
	exchangeVoice      *siptest.Voice
}

const exchangeHz = 1500

// newSwitchboards serves queues at the two numbers, by the telephones of these extensions, and an extension of the exchange, which may refer or may not.
func newSwitchboards(t *testing.T, refer bool) *switchboards {
	t.Helper()
	a, ctx := start(t), context.Background()
	_, one := a.queueWith(t, "One", "5401", "phone:9401", atOnce())
	_, two := a.queueWith(t, "Two", "5402", "phone:9402", atOnce())
	s := &switchboards{app: a, exchange: carrier(t, a.trunks, a.tenant)}
	for _, v := range []**siptest.Voice{&s.oneVoice, &s.twoVoice, &s.exchangeVoice} {
		*v = siptest.NewVoice(t, codec.PCMU)
	}
	s.one, s.two = a.telephone(t, "9401", one), a.telephone(t, "9402", two)
	trunks, err := a.trunks.Trunks(ctx, a.tenant)
	if err == nil {
		trunks[0].Refer = refer
		_, err = a.trunks.PutTrunk(ctx, a.tenant, trunks[0], sip.Passwords{})
	}
	if err == nil {
		err = a.trunks.Load(ctx)
	}
	if err == nil {
		err = a.trunks.PutDialRules(ctx, a.tenant, sip.DialRules{Country: "DE", Countries: []string{"DE"}, Internal: 4, CallsPerSecond: 10, MaxCalls: 10})
	}
	if err == nil {
		_, err = a.numbers.Put(ctx, a.tenant, calls.Number{Number: "5403", Kind: calls.EntryAddress, Address: "sip:7001@" + s.exchange.Addr(), Record: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// customer calls from a telephone of their own.
func (s *switchboards) customer(t *testing.T, user, number string, by *siptest.Phone, voice *siptest.Voice, hz float64) (*caller, *siptest.Call) {
	t.Helper()
	p := &caller{phone: siptest.New(t, user), voice: siptest.NewVoice(t, codec.PCMU)}
	return p, s.call(t, p, number, by, voice, hz)
}

// call calls a queue, or the exchange, and is answered by a telephone.
func (s *switchboards) call(t *testing.T, p *caller, number string, by *siptest.Phone, voice *siptest.Voice, hz float64) *siptest.Call {
	t.Helper()
	p.call = p.phone.Invite(s.sipAddr(), number, p.phone.SDP(p.voice.Port(), "", "0"))
	connect := func() {
		p.voice.Send(string(p.call.Response(200).Body()), customerHz)
		p.call.Ack("")
	}
	if by != s.exchange { // the queue answers
		connect()
	}
	d := rung(t, by)
	answerAs(d, voice, hz)
	if by == s.exchange {
		connect()
	}
	p.voice.WaitTone(hz, patient)
	return d
}

// A telephone transfers attended by itself: it holds its caller, calls a colleague, and joins the two. Each call has its recording.
func TestPutThroughByTelephone(t *testing.T) {
	t.Parallel()
	s := newSwitchboards(t, false)
	p, desk := s.customer(t, "+49305411", "5401", s.one, s.oneVoice, agentHz)
	desk.Send("INVITE", "application/sdp", s.one.SDP(s.oneVoice.Port(), "sendonly", "0"))
	desk.Response(200)
	desk.Ack("")

	consult := &caller{phone: s.one, voice: siptest.NewVoice(t, codec.PCMU)}
	putThrough(desk, &siptest.Call{CallID: "nobody's", RemoteTag: "a", LocalTag: "b"}, 404)
	ringing := s.one.Invite(s.sipAddr(), "5403", s.one.SDP(4000, "", "0"))
	out := s.exchange.Answer()
	out.Reply(out.Invite, 180, "Ringing", "")
	ringing.Learn(ringing.Response(180))
	putThrough(desk, ringing, 202)
	told(t, desk, 603) // nobody has answered there yet
	ringing.Cancel()
	out.Reply(out.Request("CANCEL"), 200, "OK", "")
	out.Reply(out.Invite, 487, "Request Terminated", "")

	other := s.call(t, consult, "5402", s.two, s.twoVoice, benHz)
	s.twoVoice.Forget()
	putThrough(desk, consult.call, 202)
	told(t, desk, 200)
	desk.Reply(desk.Request("BYE"), 200, "OK", "")
	consult.hungUp()
	p.voice.WaitTone(benHz, patient)
	s.twoVoice.WaitTone(customerHz, patient)
	p.hangUp()
	other.Reply(other.Request("BYE"), 200, "OK", "")

	rows := map[string]calls.CallRow{}
	within(t, patient, "two records of the caller", func() bool {
		all, err := s.board.List(context.Background(), s.tenant, calls.Filter{Text: "+49305411", Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.EndedAt != nil {
				rows[r.Number] = r
			}
		}
		return len(rows) == 2
	})
	first, second := rows["5401"], rows["5402"]
	if first.Reason != calls.ReasonAgentHungUp || len(first.Transfers) != 1 || first.Transfers[0].Name != "Agent of Two" || first.Transfers[0].Result != "done" {
		t.Errorf("the first call ended as %s with transfers %+v", first.Reason, first.Transfers)
	}
	if second.Reason != calls.ReasonCallerHungUp || second.AgentName != "Agent of Two" || second.Caller.Number != "+49305411" {
		t.Errorf("the second call ended as %s, %s with %s", second.Reason, second.AgentName, second.Caller.Number)
	}
	if first.Recording == nil || second.Recording == nil || *first.Recording == *second.Recording {
		t.Errorf("recordings %v and %v", first.Recording, second.Recording)
	}
}

// A private exchange whose REFER is honoured sends on whom it got from us, where the outbound rules let it, and joins two calls; one whose REFER
// is not is declined.
func TestPutThroughByTrunk(t *testing.T) {
	t.Parallel()
	s := newSwitchboards(t, true)
	third, thirdVoice := s.exchange, siptest.NewVoice(t, codec.PCMU)
	p, ext := s.customer(t, "+49305421", "5403", s.exchange, s.exchangeVoice, exchangeHz)
	refer(ext, "+88213000001")
	told(t, ext, 403)
	refer(ext, "+49305555")
	out := third.Answer()
	if to := out.Invite.Recipient.User; to != "+49305555" {
		t.Errorf("the transfer calls %q", to)
	}
	answerAs(out, thirdVoice, benHz)
	told(t, ext, 200)
	ext.Reply(ext.Request("BYE"), 200, "OK", "")
	p.voice.WaitTone(benHz, patient)
	p.hangUp()
	out.Reply(out.Request("BYE"), 200, "OK", "")
	oneRecording(t, s.app, s.ended(t, "+49305421"), customerHz, exchangeHz, benHz)

	// An extension has a call from us; SIPp, of the same exchange, calls an agent and puts them through.
	p, ext = s.customer(t, "+49305422", "5403", s.exchange, s.exchangeVoice, exchangeHz)
	wait := runSIPp(t, s.app, "sipp_refer_replaces", "5401", "-key", "replaces", replacing(ext))
	desk := rung(t, s.one)
	s.oneVoice.Forget()
	answerAs(desk, s.oneVoice, agentHz)
	wait()
	ext.Reply(ext.Request("BYE"), 200, "OK", "")
	p.voice.WaitTone(agentHz, patient)
	s.oneVoice.WaitTone(customerHz, patient)
	p.hangUp()
	desk.Reply(desk.Request("BYE"), 200, "OK", "")
}

// runSIPp runs a scenario of testdata against the server; the returned function waits for its end.
func runSIPp(t *testing.T, a *app, scenario, service string, args ...string) (wait func()) {
	t.Helper()
	file, err := filepath.Abs("testdata/" + scenario + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "sipp", append([]string{
		"-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(freePort(t)), "-mp", strconv.Itoa(freePort(t)), "-s", service, "-m", "1", "-nostdin",
		"-timeout", "50s", "-timeout_error", "-trace_err", "-error_file", dir + "/errors", a.sipAddr(),
	}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TERM=dumb")
	if err := cmd.Start(); err != nil {
		t.Fatalf("SIPp is missing; run scripts/setup.sh test, or apt-get install sip-tester: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			errs, _ := os.ReadFile(dir + "/errors")
			t.Fatalf("SIPp: %v\n%s", err, errs)
		}
	}
}
