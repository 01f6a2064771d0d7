package sip

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/sip/siptest"
)

// rig is a stack on loopback whose owner is the test: the dialog layer without trunks, legs and media.
type rig struct {
	t     *testing.T
	s     *stack
	addr  string
	reg   *prometheus.Registry
	calls chan *rigCall
	slow  chan struct{} // closed: an INVITE to "slow" is looked at
}

// counts waits until a metric, over all its labels, has a value.
func (r *rig) counts(name string, want float64) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	got := -1.0
	for deadline := time.Now().Add(siptest.Wait); time.Now().Before(deadline); <-tick.C {
		families, err := r.reg.Gather()
		if err != nil {
			r.t.Fatal(err)
		}
		got = 0
		for _, f := range families {
			if f.GetName() == name {
				for _, m := range f.GetMetric() {
					got += m.GetCounter().GetValue()
				}
			}
		}
		if got == want {
			return
		}
	}
	r.t.Fatalf("%s is %v, want %v", name, got, want)
}

// rigCall is a dialog with its hooks recorded in channels.
type rigCall struct {
	d        *dialog
	n        *negotiator
	progress chan int
	sound    chan netip.AddrPort // where the newest description wants its packets
	referred chan referral
	refuseTo *refusal // what REFER gets
	answered chan *gosip.Response
	acked    chan []byte
	digits   chan byte
	ended    chan end
}

func newRig(t *testing.T) *rig {
	t.Helper()
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	in := newIngress(m, newSources())
	in.known = func(netip.Addr) bool { return true }
	in.gate = func(*rawMessage, netip.AddrPort) *refusal { return nil }
	tr, err := newTransport(Listen{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"}, netip.Addr{}, in, m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, reg: reg, calls: make(chan *rigCall, 16), slow: make(chan struct{})}
	r.s = newStack(tr, m, slog.New(slog.DiscardHandler), timing{t1: testT1, t2: testT2, sessionExpires: 1800 * time.Second, minSE: 90 * time.Second})
	r.s.outside = func(req *gosip.Request, tx *gosip.ServerTx) {
		if req.Recipient.User == "crash" {
			panic("a defect in whoever serves requests")
		}
		if req.Recipient.User == "slow" {
			<-r.slow
		}
		c := r.newCall()
		d, err := r.s.newUAS(req, tx, "tandem", c.hooks())
		if err != nil {
			r.s.t.reply(req, tx, asRefusal(err))
			return
		}
		c.d = d
		if len(req.Body()) == 0 {
			d.opening = c.n.makeOffer()
		}
		r.s.start(d)
		r.calls <- c
	}
	a, _ := tr.addr("udp")
	r.addr = a.String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.s.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return r
}

func (r *rig) newCall() *rigCall {
	return &rigCall{
		n: newNegotiator(netip.MustParseAddrPort("127.0.0.1:40000"), 1, nil, security{}), progress: make(chan int, 64), sound: make(chan netip.AddrPort, 16), referred: make(chan referral, 4), answered: make(chan *gosip.Response, 4),
		acked: make(chan []byte, 4), digits: make(chan byte, 16), ended: make(chan end, 4),
	}
}

func (c *rigCall) hooks() hooks {
	return hooks{
		progress: func(status int, body []byte) {
			if len(body) > 0 {
				_ = c.heed(body)
			}
			c.progress <- status
		},
		answered: func(res *gosip.Response) { c.answered <- res },
		refused:  func() { c.n.refused() },
		refer: func(r referral) *refusal {
			if r.target.User == "quick" { // over before it is accepted
				r.report(200, "OK")
			}
			if c.refuseTo == nil {
				c.referred <- r
			}
			return c.refuseTo
		},
		replace: func(newcomer) *refusal { return refuse(481, "Gone") },
		offer:   c.n.answer,
		makeOffer: func(repeat bool) []byte {
			if repeat {
				return c.n.repeat()
			}
			return c.n.makeOffer()
		},
		answer: c.heed,
		info: func(ct string, body []byte) int {
			digit, _, ok := parseDTMF(ct, body)
			if !ok {
				return 415
			}
			c.digits <- digit
			return 200
		},
		ended: func(e end) { c.ended <- e },
	}
}

// heed takes an answer of theirs.
func (c *rigCall) heed(body []byte) error {
	err := c.n.accept(body)
	if err == nil {
		c.sound <- c.n.now.remote
	}
	return err
}

func (r *rig) next() *rigCall { return get(r.t, r.calls, "a call") }

func (r *rig) dial(p *siptest.Phone, headers ...gosip.Header) *rigCall {
	r.t.Helper()
	c := r.callTo(p, headers...)
	r.s.start(c.d)
	c.d.begin(c.n.makeOffer())
	return c
}

// callTo is a call of ours that has not begun.
func (r *rig) callTo(p *siptest.Phone, headers ...gosip.Header) *rigCall {
	r.t.Helper()
	c := r.newCall()
	var target gosip.Uri
	if err := gosip.ParseUri("sip:"+p.User+"@"+p.Addr(), &target); err != nil {
		r.t.Fatal(err)
	}
	c.d = r.s.newUAC(outgoing{
		target: target, to: target, from: gosip.FromHeader{Address: gosip.Uri{Scheme: "sip", User: "100", Host: "tandem.test"}},
		contact: "tandem", headers: headers, cred: &Credentials{User: "u", Password: "p"},
	}, c.hooks())
	return c
}

func get[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(siptest.Wait):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

const pcmu = "0 PCMU/8000"

// up brings up a call from the phone to the rig.
func (r *rig) up(p *siptest.Phone) (*siptest.Call, *rigCall) {
	r.t.Helper()
	c := p.Invite(r.addr, "1003", p.SDP(4000, "sendrecv", pcmu))
	leg := r.next()
	ans, err := leg.n.answer(leg.d.invite.Body())
	if err != nil {
		r.t.Fatal(err)
	}
	leg.d.accept(ans, false, func(b []byte) { leg.acked <- b })
	c.Response(200)
	c.Ack("")
	get(r.t, leg.acked, "ACK")
	return c, leg
}

func TestCallIn(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "sendrecv", pcmu))
	leg := r.next()
	leg.d.provisional(180, "Ringing", nil)
	ringing := c.Response(180)
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.accept(ans, false, func(b []byte) { leg.acked <- b })
	ok := c.Response(200)
	if a, b := ringing.To().Value(), ok.To().Value(); a != b || !strings.Contains(a, "tag=") {
		t.Errorf("To tags differ: %s, %s", a, b)
	}
	c.Ack("")
	get(t, leg.acked, "ACK")
	c.Send("BYE", "", "", `Reason: Q.850;cause=16;text="done"`)
	c.Response(200)
	if e := get(t, leg.ended, "end"); e.status != 200 || e.byUs || e.q850 != 16 {
		t.Errorf("ended %+v", e)
	}
	c.Send("BYE", "", "")
	c.Response(481)
}

func TestHangupByUs(t *testing.T) {
	r := newRig(t)
	c, leg := r.up(siptest.New(t, "100"))
	leg.d.hangup(0, "")
	bye := c.Request("BYE")
	c.Reply(bye, 200, "OK", "")
	<-leg.d.done
}

// D6: 180, 200 to CANCEL and 487 bear one tag.
func TestCancelOneTag(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu))
	leg := r.next()
	leg.d.provisional(180, "Ringing", nil)
	ringing := c.Response(180)
	c.RemoteTag = ""
	c.Cancel()
	ok := c.Response(200)
	gone := c.Response(487)
	c.AckRefusal(gone)
	if ringing.To().Value() != ok.To().Value() || ok.To().Value() != gone.To().Value() {
		t.Errorf("tags differ: %s, %s, %s", ringing.To().Value(), ok.To().Value(), gone.To().Value())
	}
	if e := get(t, leg.ended, "end"); e.status != 487 || e.byUs {
		t.Errorf("ended %+v", e)
	}
	leg.d.accept(nil, false, nil) // too late: nothing may be sent
	if !c.Silent(5 * testT1) {
		t.Error("something was sent after the cancelled call's end")
	}
}

// A CANCEL whose INVITE is still being looked at, by a database that is slow, waits for it.
func TestCancelAheadOfItsInvite(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "slow", p.SDP(4000, "", pcmu))
	c.Cancel()
	if m := c.TryNext(4 * parkTime); m != nil && m.(*gosip.Response).StatusCode != 100 {
		t.Errorf("CANCEL was answered before its INVITE was known: %s", m)
	}
	close(r.slow)
	leg := r.next()
	c.Response(200)
	c.AckRefusal(c.Response(487))
	if e := get(t, leg.ended, "end"); e.status != 487 || e.byUs {
		t.Errorf("ended %+v", e)
	}
}

// D5: 2xx repeated at T1, 2·T1, 4·T1 … T2 and BYE at 64·T1.
func TestLostACK(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu))
	leg := r.next()
	ans, _ := leg.n.answer(leg.d.invite.Body())
	began := time.Now()
	leg.d.accept(ans, false, nil)
	n := 0
	for {
		switch m := c.Next().(type) {
		case *gosip.Response:
			if m.StatusCode == 200 {
				n++
			}
			continue
		case *gosip.Request:
			if m.Method != gosip.BYE {
				t.Fatalf("got %s", m.Method)
			}
			c.Reply(m, 200, "OK", "")
		}
		break
	}
	if took := time.Since(began); took < 60*testT1 {
		t.Errorf("BYE after %v, want about %v", took, 64*testT1)
	}
	if n < 8 || n > 16 { // 0,1,3,7,15 then every 8 T1: 11 times
		t.Errorf("%d answers, want about 11", n)
	}
	if e := get(t, leg.ended, "end"); e.status != 408 {
		t.Errorf("ended %+v", e)
	}
	<-leg.d.done
}

// A hang-up before the ACK waits for it (RFC 3261 15.1.1).
func TestByeWaitsForACK(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "100")
	c := p.Invite(r.addr, "1003", p.SDP(4000, "", pcmu))
	leg := r.next()
	ans, _ := leg.n.answer(leg.d.invite.Body())
	leg.d.accept(ans, false, nil)
	c.Response(200)
	leg.d.hangup(0, "")
	get(t, leg.ended, "end")
	for range 3 {
		if _, isReq := c.Next().(*gosip.Request); isReq {
			t.Fatal("BYE before the ACK")
		}
	}
	c.Ack("")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// D1: any number of provisional responses.
func TestTwelveProvisional(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	for range 12 {
		c.Reply(c.Invite, 180, "Ringing", "")
	}
	for range 12 {
		get(t, leg.progress, "180")
	}
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	c.Request("ACK")
	get(t, leg.answered, "answer")
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// A call that is given up before its INVITE is sent rings nowhere: one of several telephones whose neighbour was quicker.
func TestGivenUpBeforeTheInvite(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.callTo(p)
	leg.d.hangup(0, "")
	r.s.start(leg.d)
	leg.d.begin(leg.n.makeOffer())
	if e := get(t, leg.ended, "end"); e.status != 487 || !e.byUs {
		t.Errorf("ended %+v", e)
	}
	if !p.Quiet(5 * testT1) {
		t.Error("the telephone is called")
	}
	get(t, leg.d.done, "the dialog's end")
}

// D2: CANCEL crosses 200: ACK, then BYE.
func TestCancelCrosses200(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 180, "Ringing", "")
	get(t, leg.progress, "180")
	leg.d.hangup(0, "")
	get(t, leg.ended, "end")
	cancel := c.Request("CANCEL")
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	c.Reply(cancel, 200, "OK", "")
	c.Request("ACK")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// CANCEL waits for the first provisional response, and a 200 without one is hung up too.
func TestGiveUpBeforeRinging(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	leg.d.hangup(0, "")
	get(t, leg.ended, "end")
	c.Reply(c.Invite, 100, "Trying", "")
	cancel := c.Request("CANCEL")
	c.Reply(cancel, 200, "OK", "")
	c.Reply(c.Invite, 487, "Request Terminated", "")
	c.Request("ACK")
	<-leg.d.done
}

// D3: CANCEL carries nothing of the 18x's route set.
func TestCancelIgnoresRecordRoute(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 180, "Ringing", "", "Record-Route: <sip:"+p.Addr()+";lr>")
	get(t, leg.progress, "180")
	leg.d.hangup(0, "")
	cancel := c.Request("CANCEL")
	if len(cancel.GetHeaders("Route")) > 0 || branchOf(cancel) != branchOf(c.Invite) || cancel.CSeq().SeqNo != c.Invite.CSeq().SeqNo {
		t.Errorf("CANCEL is not built from the INVITE:\n%s", cancel)
	}
	if _, tagged := cancel.To().Params.Get("tag"); tagged {
		t.Error("CANCEL has a To tag, the INVITE had none")
	}
	c.Reply(cancel, 200, "OK", "")
	c.Reply(c.Invite, 487, "Request Terminated", "")
	<-leg.d.done
}

// D4: a second 200 from another fork gets its own ACK and BYE; the first call stays.
func TestForked200(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	ack := c.Request("ACK")
	c.ReplyAs("fork2", c.Invite, 200, "OK", p.SDP(4002, "", pcmu))
	ack2, bye2 := c.Request("ACK"), c.Request("BYE")
	for _, req := range []*gosip.Request{ack2, bye2} {
		if tag, _ := req.To().Params.Get("tag"); tag != "fork2" {
			t.Errorf("%s to the second fork has tag %q", req.Method, tag)
		}
	}
	if tag, _ := ack.To().Params.Get("tag"); tag != c.LocalTag {
		t.Errorf("the first ACK has tag %q", tag)
	}
	c.Reply(bye2, 200, "OK", "")
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu)) // repetition of the first: acknowledged again
	if tag, _ := c.Request("ACK").To().Params.Get("tag"); tag != c.LocalTag {
		t.Errorf("the repeated ACK has tag %q", tag)
	}
	select {
	case e := <-leg.ended:
		t.Fatalf("the first fork's call ended: %+v", e)
	default:
	}
	leg.d.hangup(0, "")
	c.Reply(c.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// A 2xx that comes after everything is over is still acknowledged and hung up.
func TestLate200AfterEnd(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 180, "Ringing", "")
	get(t, leg.progress, "180")
	leg.d.hangup(0, "")
	c.Reply(c.Request("CANCEL"), 200, "OK", "")
	<-leg.d.done // 64·T1 without a final response
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu))
	c.Request("ACK")
	c.Reply(c.Request("BYE"), 200, "OK", "")
}

// The route set is the Record-Route of the 2xx in reverse, and a new Contact of theirs is where the next request goes.
func TestRoutesAndTargetRefresh(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	c.Reply(c.Invite, 200, "OK", p.SDP(4000, "", pcmu), "Record-Route: <sip:inner.example;lr>", "Record-Route: <sip:"+p.Addr()+";lr>")
	for _, req := range []*gosip.Request{c.Request("ACK"), func() *gosip.Request { leg.d.hangup(0, ""); return c.Request("BYE") }()} {
		routes := req.GetHeaders("Route")
		if len(routes) != 2 || !strings.Contains(routes[0].Value(), p.Addr()) || !strings.Contains(routes[1].Value(), "inner.example") {
			t.Errorf("%s has routes %v", req.Method, routes)
		}
		if req.Method == gosip.BYE {
			c.Reply(req, 200, "OK", "")
		}
	}
	<-leg.d.done

	caller := siptest.New(t, "100")
	in, leg := r.up(caller)
	moved := siptest.New(t, "moved")
	in.Send("UPDATE", "", "", "Contact: <sip:moved@"+moved.Addr()+">")
	in.Response(200)
	there := moved.Watch(in.CallID)
	leg.d.hangup(0, "")
	there.Reply(there.Request("BYE"), 200, "OK", "")
	<-leg.d.done
}

// Challenges are answered twice at most, with rising CSeq.
func TestDigestClient(t *testing.T) {
	r := newRig(t)
	p := siptest.New(t, "uas")
	leg := r.dial(p)
	c := p.Answer()
	key := [32]byte{1}
	ch := newChallenger("elsewhere", key)
	var auth []string
	for _, h := range ch.headers("Proxy-Authenticate", netip.MustParseAddr("127.0.0.1"), false, time.Now()) {
		auth = append(auth, h.Name()+": "+h.Value())
	}
	c.Reply(c.Invite, 407, "Proxy Authentication Required", "", auth...)
	c.Request("ACK")
	again := c.Request("INVITE")
	h := again.GetHeader("Proxy-Authorization")
	if h == nil || again.CSeq().SeqNo != c.Invite.CSeq().SeqNo+1 || branchOf(again) == branchOf(c.Invite) {
		t.Fatalf("no fresh INVITE with credentials:\n%s", again)
	}
	cred := ch.pick([]string{h.Value()})
	if got := ch.verify(cred, "INVITE", netip.MustParseAddr("127.0.0.1"), NewSecret("u", "elsewhere", "p"), true, time.Now()); got != authenticated {
		t.Errorf("credentials: %v", got)
	}
	if cred.Algorithm != algSHA256 {
		t.Errorf("algorithm %s, want the strongest", cred.Algorithm)
	}
	c.Reply(again, 486, "Busy Here", "")
	if e := get(t, leg.ended, "end"); e.status != 486 {
		t.Errorf("ended %+v", e)
	}
}

// Requests of a dialog run in the order of CSeq even when they arrive swapped; a number used already is refused.
func TestOrderInDialog(t *testing.T) {
	r := newRig(t)
	c, leg := r.up(siptest.New(t, "100"))
	c.SendAs("INFO", 3, "application/dtmf-relay", "Signal=2\r\nDuration=100\r\n")
	c.SendAs("INFO", 2, "application/dtmf-relay", "Signal=1\r\nDuration=100\r\n")
	if a, b := get(t, leg.digits, "digit"), get(t, leg.digits, "digit"); a != '1' || b != '2' {
		t.Errorf("digits %c%c, want 12", a, b)
	}
	c.Response(200)
	c.Response(200)
	c.SendAs("INFO", 2, "application/dtmf", "5")
	c.Response(500)
	c.SendAs("INFO", 9, "application/dtmf", "#") // a gap is legal, the digit only waits a moment
	if d := get(t, leg.digits, "digit"); d != '#' {
		t.Errorf("digit %c", d)
	}
	c.Response(200)
	c.SendAs("INFO", 10, "text/plain", "hello")
	c.Response(415)
	c.SendAs("OPTIONS", 11, "", "")
	c.Response(200)
	c.SendAs("MESSAGE", 12, "", "")
	if res := c.Response(405); res.GetHeader("Allow") == nil {
		t.Error("405 without Allow")
	}
	c.SendAs("INFO", 13, "application/dtmf", "5", "Require: nothing-we-know")
	if res := c.Response(420); res.GetHeader("Unsupported").Value() != "nothing-we-know" {
		t.Error("420 without Unsupported")
	}
}

// A panic, wherever a message leads to one, is counted and ends one call at most.
func TestPanicEndsOneDialogOnly(t *testing.T) {
	r := newRig(t)
	c, leg := r.up(siptest.New(t, "100"))
	var ran atomic.Bool
	leg.d.mail.post(func() { ran.Store(true); panic("boom") })
	<-leg.d.done
	if !ran.Load() {
		t.Fatal("not run")
	}
	c.Send("INFO", "application/dtmf", "1")
	c.Response(481)
	if e := get(t, leg.ended, "end"); e.status != 500 {
		t.Errorf("ended %+v", e)
	}
	siptest.New(t, "102").Invite(r.addr, "crash", "")
	r.counts("tandem_sip_panics_total", 2)
	_, other := r.up(siptest.New(t, "101"))
	other.d.mail.post(other.d.abandon)
	<-other.d.done
}
