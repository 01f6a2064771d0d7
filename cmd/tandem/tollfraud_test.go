package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// till is the tenant's carrier: it notes what it is asked for and lets nobody through.
type till struct {
	*siptest.Phone
	mu    sync.Mutex
	asked []string
}

func newTill(t testing.TB, a *app) *till {
	t.Helper()
	k := &till{Phone: carrier(t, a.trunks, a.tenant)}
	eachCall(t, k.Phone, func(c *siptest.Call) {
		k.mu.Lock()
		k.asked = append(k.asked, c.Invite.Recipient.User)
		k.mu.Unlock()
		c.Reply(c.Invite, 486, "Busy Here", "")
	})
	return k
}

// since is what the till was asked for after the first n.
func (k *till) since(n int) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.asked[n:])
}

// fraud is the program with a carrier, and the doors by which calls may go out.
type fraud struct {
	t    *testing.T
	a    *app
	till *till
	n    int // of numbers tried

	desk    *siptest.Phone // an agent's telephone, of its own queue
	talking *siptest.Call  // in a call
	page    *seat          // an agent in a call at their page
	back    uuid.UUID      // a queue that calls customers back
	out     uuid.UUID      // a queue whose agent, caller, calls customers
	caller  uuid.UUID
	route   calls.Number
}

// door makes one attempt by one way, and returns once it is over, or has been seen by the gate.
type door struct {
	name string
	try  func(f *fraud, number string)
	few  bool // it takes long: some spellings are tried
}

var doors = []door{
	{"the transfer key of a telephone", (*fraud).refer, false},
	{"the transfer of a page", (*fraud).transfer, false},
	{"a consultation", (*fraud).consult, false},
	{"a conference", (*fraud).add, false},
	{"an agent who calls", (*fraud).order, false},
	{"an agent's telephone number", (*fraud).ringNumber, true},
	{"a telephone that dials", (*fraud).dial, false},
	{"a trunk that dials", (*fraud).callIn, false},
	{"a number that leads to an address", (*fraud).throughRoute, false},
	{"an agent's device", (*fraud).ringDevice, true},
	{"a queue that deflects", (*fraud).deflect, true},
	{"a callback", (*fraud).callback, true},
}

// Each door, with a number in each spelling: one that the rules forbid never reaches the carrier, and is counted and told; one that they allow reaches
// it in its one form, or not at all.
func TestTollFraud(t *testing.T) {
	t.Parallel()
	f := newFraud(t)
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			f.t = t
			for _, country := range []string{"882", "49"} {
				for i, spelt := range spellings(country, d.few) {
					f.attempt(d, country, i, spelt)
				}
			}
		})
	}
	f.t = t
	t.Run("numbers hidden in others", func(t *testing.T) {
		f.t = t
		for _, number := range siptest.Misspellings("+88213000000") {
			f.refer(number)
			f.throughRoute(number)
		}
	})
	f.t = t
	for name, try := range map[string]func(){
		"a telephone's contact": f.contact, "a redirection": f.redirect, "a trunk's REFER": f.referFromTrunk, "a caller's number": f.callerAsksBack,
		"a message's number": f.voicemail,
	} {
		t.Run(name, func(t *testing.T) { f.t = t; try() })
	}
	f.t = t
	if out := f.till.since(0); slices.ContainsFunc(out, func(n string) bool { return !strings.HasPrefix(n, "+4930") }) {
		t.Errorf("the carrier was asked for %q", out)
	}
	refused, told := f.refused(), count(t, f.a.db, `SELECT count(*) FROM events WHERE type = 'outbound.refused'`)
	if refused == 0 || refused != told {
		t.Errorf("%d refusals are counted, %d are in the audit log", refused, told)
	}
}

func spellings(country string, few bool) []func(national string) string {
	var all []func(string) string
	for i := range siptest.Spellings("1", "234567") {
		if !few || i%7 == 0 {
			all = append(all, func(national string) string { return siptest.Spellings(country, national)[i] })
		}
	}
	return all
}

// attempt tries a number of its own.
func (f *fraud) attempt(d door, country string, i int, spelt func(national string) string) {
	f.t.Helper()
	f.n++
	national := map[string]string{"882": "13%06d", "49": "305%06d"}[country]
	national = fmt.Sprintf(national, f.n)
	number, before := spelt(national), len(f.till.since(0))
	d.try(f, number)
	for _, asked := range f.till.since(before) {
		if want := "+" + country + national; country != "49" || asked != want {
			f.t.Errorf("%q (%d) reaches the carrier as %q, want %q or nothing", number, i, asked, want)
		}
	}
	dialled := !slices.Contains([]string{"a telephone that dials", "a trunk that dials"}, d.name)
	if country == "49" && i == 0 && dialled && len(f.till.since(before)) == 0 {
		f.t.Errorf("%q is allowed, and does not go out", number)
	}
}

func newFraud(t *testing.T) *fraud {
	t.Helper()
	a := start(t)
	ctx := context.Background()
	f := &fraud{t: t, a: a, till: newTill(t, a)}
	rules := sip.DialRules{Country: "DE", Countries: []string{"DE"}, Internal: 15} // the widest that a private exchange can want
	if err := a.trunks.PutDialRules(ctx, a.tenant, rules); err != nil {
		t.Fatal(err)
	}
	quick := atOnce()
	quick.Record = new(queues.RecordNo)
	_, agent := a.queueWith(t, "Telephone", "5901", "phone:9901", quick)
	f.desk = a.telephone(t, "9901", agent)
	p := a.hear(t, "+49305901", "5901")
	f.talking = f.desk.Answer()
	voice := siptest.NewVoice(t, codec.PCMU)
	answerAs(f.talking, voice, agentHz)
	t.Cleanup(func() { p.Send("BYE", "", "") })

	f.page = sit(t, a.client(t).base, "agent1@demo.test")
	d := a.desk(t, "Page", "5902", queues.OwnSettings{Record: new(queues.RecordNo)})
	f.page.available()
	d.call("+49305902")
	f.page.accept()

	f.back, _ = f.callsBack("Back", "5903")
	f.out, f.caller = f.callsOut("5904")
	return f
}

// callsBack is a queue whose agent answers, and that calls each customer back once.
func (f *fraud) callsBack(name, number string) (queue, agent uuid.UUID) {
	set := calledBack()
	set.WrapUp, set.Callback.Attempts, set.Record = &queues.WrapUpRule{Mode: queues.WrapUpNone}, 1, new(queues.RecordNo)
	p := siptest.New(f.t, "back")
	queue, agent = f.a.queueWith(f.t, name, number, "sip:back@"+p.Addr(), set)
	answerAll(f.t, p)
	return queue, agent
}

// answerAll is a telephone that answers each call, and stays in it until it is over.
func answerAll(t testing.TB, p *siptest.Phone) {
	voice := siptest.NewVoice(t, codec.PCMU)
	eachCall(t, p, func(c *siptest.Call) {
		c.Reply(c.Invite, 200, "OK", p.SDP(voice.Port(), "", "0"))
		c.Obey(false)
	})
}

// eachCall has a telephone do something with each call that comes, however many at once, until the test ends.
func eachCall(t testing.TB, p *siptest.Phone, do func(c *siptest.Call)) {
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			if c := p.TryAnswer(50 * time.Millisecond); c != nil {
				work.Go(func() { do(c) })
			}
		}
	})
	t.Cleanup(func() { stop(); work.Wait() })
}

// refused is how many calls the gate has refused.
func (f *fraud) refused() int { return f.a.client(f.t).sum("tandem_sip_outbound_refused_total", "") }

// seen waits until the gate has refused what begin begins, or has let it out.
func (f *fraud) seen(begin func() (end func())) {
	f.t.Helper()
	refused, out := f.refused(), len(f.till.since(0))
	defer begin()()
	within(f.t, patient, "an attempt at the gate", func() bool { return f.refused() > refused || len(f.till.since(out)) > 0 })
}

// uri writes a number as a SIP URI, or as the tel URI that it is.
func uri(number, host string) string {
	var b strings.Builder
	for i := range len(number) {
		if c := number[i]; c > ' ' && c < 0x7f && !strings.ContainsRune(`"<>@[]\^{}|#`, rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if strings.EqualFold(number[:min(4, len(number))], "tel:") {
		return b.String()
	}
	return "sip:" + b.String() + "@" + host
}

func (f *fraud) refer(number string) {
	c := f.talking
	c.Send("REFER", "", "", "Refer-To: <"+uri(number, "tandem")+">")
	if c.Response().StatusCode != http.StatusAccepted {
		return
	}
	for {
		n := c.Request("NOTIFY")
		c.Reply(n, 200, "OK", "")
		if strings.HasPrefix(n.GetHeader("Subscription-State").Value(), "terminated") {
			return
		}
	}
}

func (f *fraud) dial(number string) {
	c := f.desk.Request("INVITE", f.a.sipAddr(), "x")
	c.Target = uri(number, f.a.sipAddr())
	c.Seq = 0
	c.Send("INVITE", "application/sdp", f.desk.SDP(40000, "", "0"))
	res := c.Response()
	c.AckRefusal(res)
	if res.StatusCode != http.StatusUnauthorized {
		return
	}
	c.Authorize(res, "INVITE", "9901", "of-the-desk", "SHA-256")
	c.AckRefusal(c.Response())
}

func (f *fraud) callIn(number string) {
	p := siptest.New(f.t, "+49305904")
	c := p.Request("INVITE", f.a.sipAddr(), "x")
	c.Target = uri(number, f.a.sipAddr())
	c.Seq = 0
	c.Send("INVITE", "application/sdp", p.SDP(40000, "", "0"))
	c.AckRefusal(c.Response())
}

// through calls a number of ours, and hangs up once it has come to nothing.
func (f *fraud) through(number string) {
	p := siptest.New(f.t, "+49305905")
	c := p.Invite(f.a.sipAddr(), number, p.SDP(40000, "", "0"))
	res := c.Response()
	if !res.IsSuccess() {
		c.AckRefusal(res)
		return
	}
	c.Learn(res)
	c.Ack("")
	c.Send("BYE", "", "")
	c.Response(200)
}

func (f *fraud) throughRoute(number string) {
	f.t.Helper()
	f.route.Number, f.route.Kind, f.route.Address = "5906", calls.EntryAddress, uri(number, f.till.Addr())
	route, err := f.a.numbers.Put(context.Background(), f.a.tenant, f.route)
	if err != nil {
		return // it is no address
	}
	f.route = route
	f.through("5906")
}

func (f *fraud) ringDevice(number string) {
	f.t.Helper()
	address := uri(number, f.till.Addr())
	if !strings.HasPrefix(address, "sip:") {
		return
	}
	f.n++
	entry := "6" + strconv.Itoa(f.n)
	f.a.queueWith(f.t, "Device "+entry, entry, address, queues.OwnSettings{})
	f.seen(func() func() { return f.waitsAt(entry) })
}

// waitsAt calls a queue, until end.
func (f *fraud) waitsAt(entry string) (end func()) {
	c := f.a.hear(f.t, "+49305907", entry)
	return func() {
		c.Send("BYE", "", "")
		c.Response(200)
	}
}

func (f *fraud) deflect(number string) {
	f.t.Helper()
	f.n++
	ctx, entry := context.Background(), "6"+strconv.Itoa(f.n)
	q, err := f.a.queues.CreateQueue(ctx, f.a.tenant, queues.NewQueue{Name: "Deflects " + entry, Settings: queues.OwnSettings{
		Empty: &queues.EmptyPolicy{
			Join:  queues.EmptyRule{When: queues.EmptySignedOut, Do: queues.Deflection{Mode: queues.DeflectNumber, Number: number}},
			Leave: queues.EmptyRule{When: queues.EmptyNever, Do: queues.Deflection{Mode: queues.DeflectOff}},
		},
	}})
	if err != nil {
		return // it is no number
	}
	if _, err := f.a.numbers.Put(ctx, f.a.tenant, calls.Number{Number: entry, Kind: calls.EntryQueue, Queue: &q.ID}); err != nil {
		f.t.Fatal(err)
	}
	f.seen(func() func() { return f.waitsAt(entry) })
}

func (f *fraud) callback(number string) {
	f.t.Helper()
	f.seen(func() func() {
		status, _ := f.a.client(f.t).do("POST", "/api/v1/callbacks", map[string]any{"queue_id": f.back, "number": number})
		if status >= 400 { // it is no number: nothing is to be seen, so another one is asked for
			f.a.client(f.t).do("POST", "/api/v1/callbacks", map[string]any{"queue_id": f.back, "number": "+88213999999"})
		}
		return func() {}
	})
}

// contact registers a telephone under the forbidden number at the carrier: it is rung where it registered from.
func (f *fraud) contact() {
	_, agent := f.a.queueWith(f.t, "Contact", "5908", "phone:9908", queues.OwnSettings{})
	p := f.a.telephone(f.t, "9908", agent)
	c := p.Request("REGISTER", f.a.sipAddr(), "9908")
	c.LocalURI, c.RemoteURI, c.Target, c.Seq = "sip:9908@tandem", "sip:9908@tandem", "sip:tandem", 0
	contact := "Contact: <sip:+88213000000@" + f.till.Addr() + ">"
	c.Send("REGISTER", "", "", contact)
	c.Authorize(c.Response(401), "REGISTER", "9908", "of-the-desk", "SHA-256")
	c.Response(200)
	defer f.waitsAt("5908")()
	in := p.Answer()
	in.Reply(in.Invite, 486, "Busy Here", "")
}

// redirect answers a call with where it should go instead.
func (f *fraud) redirect() {
	p := siptest.New(f.t, "far")
	if _, err := f.a.numbers.Put(context.Background(), f.a.tenant, calls.Number{Number: "5909", Kind: calls.EntryAddress, Address: "sip:far@" + p.Addr()}); err != nil {
		f.t.Fatal(err)
	}
	caller := siptest.New(f.t, "+49305909")
	c := caller.Invite(f.a.sipAddr(), "5909", caller.SDP(40000, "", "0"))
	in := p.Answer()
	in.Reply(in.Invite, 302, "Moved Temporarily", "", "Contact: <sip:+88213000000@"+f.till.Addr()+">")
	c.AckRefusal(c.Response())
}

func (f *fraud) referFromTrunk() {
	p := siptest.New(f.t, "+49305910")
	c := p.Invite(f.a.sipAddr(), "1003", p.SDP(40000, "", "0"))
	c.Response(200)
	c.Ack("")
	c.Send("REFER", "", "", "Refer-To: <sip:+88213000000@tandem>")
	c.Response(603)
	c.Send("BYE", "", "")
	c.Response(200)
}

// callerAsksBack calls from the forbidden number and asks to be called back there.
func (f *fraud) callerAsksBack() {
	f.t.Helper()
	queue, agent := f.callsBack("Asked", "5910")
	members := func(who ...uuid.UUID) {
		if err := f.a.queues.SetMembers(context.Background(), f.a.tenant, queue, who); err != nil {
			f.t.Fatal(err)
		}
	}
	members()
	asksForCallback(f.t, f.a.sipAddr(), "+88213000000", "5910")
	f.seen(func() func() { members(agent); return func() {} })
}
