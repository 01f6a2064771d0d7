package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/queues"
	"tandem/sip"
	"tandem/sip/siptest"
)

// callingOut are settings of a queue whose agents call customers.
func callingOut(callerID string) queues.OwnSettings {
	set := calledBack()
	set.Callback = nil
	set.Outbound = &queues.OutboundRule{Allowed: true, CallerID: callerID}
	return set
}

// dialer is an agent with a telephone, who calls by the API.
type dialer struct {
	*app
	t            testing.TB
	queue, agent uuid.UUID
	phone        *siptest.Phone // the agent's
	network      *siptest.Phone
}

func newDialer(t testing.TB, a *app, number string) *dialer {
	t.Helper()
	d := &dialer{app: a, t: t, phone: siptest.New(t, "agent"), network: carrier(t, a.trunks, a.tenant)}
	rules := sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 10, MaxCalls: 10}
	if err := a.trunks.PutDialRules(context.Background(), a.tenant, rules); err != nil {
		t.Fatal(err)
	}
	d.queue, d.agent = a.queueWith(t, "Out "+number, number, "sip:agent@"+d.phone.Addr(), callingOut(number))
	return d
}

// order asks for a call, and returns what came.
func (d *dialer) order(number string, header ...string) (status int, answer []byte) {
	d.t.Helper()
	return d.client(d.t).do("POST", "/api/v1/calls", map[string]any{"queue_id": d.queue, "agent_id": d.agent, "number": number, "name": "Ada"}, header...)
}

func (d *dialer) ordered(number string, header ...string) (o calls.Ordered) {
	d.t.Helper()
	status, b := d.order(number, header...)
	if status != 200 {
		d.t.Fatalf("dial: %d %s", status, b)
	}
	if err := json.Unmarshal(b, &o); err != nil {
		d.t.Fatal(err)
	}
	return o
}

// wrapsUp waits until the agent wraps up, and ends that.
func (d *dialer) wrapsUp() {
	d.t.Helper()
	within(d.t, patient, "wrap-up", func() bool {
		v, err := d.queues.Agent(context.Background(), d.tenant, d.agent)
		return err == nil && v.State == queues.WrapUp
	})
	if _, err := d.queues.FinishWrapUp(context.Background(), d.tenant, d.agent, queues.WrapUpNote{}); err != nil {
		d.t.Error(err)
	}
}

// An agent calls a customer on a queue's behalf: once, however often the order comes; with the queue's caller id; both hear each other, and the call is
// recorded and has its ticket.
func TestAgentCalls(t *testing.T) {
	t.Parallel()
	a := start(t)
	d := newDialer(t, a, "5501")
	o := d.ordered("030 / 55-01 01", "Idempotency-Key", "order-1")
	if o.Number != "+4930550101" {
		t.Errorf("what is called is %q", o.Number)
	}
	in := rung(t, d.phone)
	if again := d.ordered("030 550101", "Idempotency-Key", "order-1"); again.Call != o.Call {
		t.Error("the same order makes another call")
	}
	ear, line := siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
	answerAs(in, ear, agentHz)
	out := rung(t, d.network)
	if to, from := out.Invite.Recipient.User, out.Invite.From().Address.User; to != o.Number || from != "5501" {
		t.Errorf("the network is asked for %q by %q", to, from)
	}
	out.Reply(out.Invite, 180, "Ringing", "")
	ear.WaitTone(480, patient) // ringback, its upper tone
	if status, b := d.order("+4930550102"); status != 409 {
		t.Errorf("the agent calls twice at once: %d %s", status, b)
	}
	answerAs(out, line, customerHz)
	line.WaitTone(agentHz, patient)
	ear.WaitTone(customerHz, patient)
	live := ask[list[calls.LiveCall]](a.client(t), "GET", "/api/v1/live/calls", nil).Items
	if len(live) != 1 || live[0].Direction != calls.Outbound || live[0].Agent == nil || *live[0].Agent != d.agent {
		t.Errorf("live calls: %+v", live)
	}
	out.Send("BYE", "", "")
	out.Response(200)
	in.Reply(in.Request("BYE"), 200, "OK", "")
	row := a.callOf(t, o.Call)
	if row.Direction != calls.Outbound || row.Reason != calls.ReasonCallerHungUp || row.Recording == nil || row.Caller.Name != "Ada" || row.Queue == nil || *row.Queue != d.queue ||
		row.MadeFor == nil || *row.MadeFor != d.queue {
		t.Errorf("the record: %+v", row)
	}
	d.wrapsUp()
	a.destroyed(t, row.ID)
	if files := a.client(t).files(row.ID); len(files) != 1 {
		t.Errorf("%d files on the ticket of the call", len(files))
	}
	within(t, patient, "the report", func() bool {
		n := count(t, a.db, `SELECT count(*) FROM report_agent_intervals WHERE agent_id = $1 AND outbound = 1 AND outbound_connected = 1 AND handled = 0`, d.agent)
		return n == 1
	})
}

// Whatever comes of a call, it is recorded why, and the agent has wrap-up; a call that is refused rings nobody.
func TestAgentCallsInVain(t *testing.T) {
	t.Parallel()
	a := start(t)
	d := newDialer(t, a, "5502")
	for _, row := range []struct {
		status int
		text   string
		want   calls.Reason
	}{
		{486, "Busy Here", calls.ReasonBusy},
		{603, "Decline", calls.ReasonDeclined},
		{480, "Temporarily Unavailable", calls.ReasonNoAnswer},
		{404, "Not Found", calls.ReasonUnreachable},
	} {
		o := d.ordered("+4930550201")
		in, ear := rung(t, d.phone), siptest.NewVoice(t, codec.PCMU)
		answerAs(in, ear, agentHz)
		out := rung(t, d.network)
		out.Reply(out.Invite, row.status, row.text, "")
		out.Request("ACK")
		if got := a.callOf(t, o.Call); got.Reason != row.want || got.ConnectedAt != nil || got.Recording != nil {
			t.Errorf("%d: the record says %s, recording %v", row.status, got.Reason, got.Recording)
		}
		in.Reply(in.Request("BYE"), 200, "OK", "")
		d.wrapsUp()
	}

	gaveUp := d.ordered("+4930550202")
	in, ear := rung(t, d.phone), siptest.NewVoice(t, codec.PCMU)
	answerAs(in, ear, agentHz)
	out := rung(t, d.network)
	out.Reply(out.Invite, 180, "Ringing", "")
	ear.WaitTone(480, patient)
	in.Send("BYE", "", "")
	in.Response(200)
	out.Reply(out.Request("CANCEL"), 200, "OK", "")
	out.Reply(out.Invite, 487, "Request Terminated", "")
	if got := a.callOf(t, gaveUp.Call); got.Reason != calls.ReasonLeftDialing {
		t.Errorf("an agent who hung up first: %s", got.Reason)
	}
	d.wrapsUp()

	away := d.ordered("+4930550203")
	in = rung(t, d.phone)
	in.Reply(in.Invite, 486, "Busy Here", "")
	if got := a.callOf(t, away.Call); got.Reason != calls.ReasonAgentAway {
		t.Errorf("an agent who does not pick up: %s", got.Reason)
	}
	if v, err := a.queues.Agent(context.Background(), a.tenant, d.agent); err != nil || v.State != queues.Idle {
		t.Errorf("then the agent is %s (%v)", v.State, err)
	}

	if status, b := d.order("+88213000001"); status != 422 || !strings.Contains(string(b), `"dial_country"`) {
		t.Errorf("a number that the rules forbid: %d %s", status, b)
	}
	foreign := map[string]any{"set": map[string]any{"outbound": map[string]any{"allowed": true, "caller_id": "+4930999"}}}
	if status, b := a.client(t).do("PATCH", "/api/v1/queues/"+d.queue.String(), foreign); status != 400 {
		t.Errorf("a foreign caller id: %d %s", status, b)
	}
	if !d.phone.Quiet(time.Second) || !d.network.Quiet(time.Millisecond) {
		t.Error("somebody is rung for nothing")
	}
}

// Where the queue looks for answering machines, who speaks on and on is one, its beep is heard, and who says nothing is nobody; the talk goes on meanwhile.
func TestAnsweringMachine(t *testing.T) {
	t.Parallel()
	a := start(t)
	d := newDialer(t, a, "5503")
	set := callingOut("")
	set.Outbound.Detect = true
	if _, err := a.queues.UpdateQueue(context.Background(), a.tenant, d.queue, queues.QueueChange{Set: set}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		hz   float64
		want sound.AMDResult
	}{{machineHz, sound.AMDMachine}, {0, sound.AMDNoSpeech}} {
		o := d.ordered("+4930550301")
		in, ear, line := rung(t, d.phone), siptest.NewVoice(t, codec.PCMU), siptest.NewVoice(t, codec.PCMU)
		answerAs(in, ear, agentHz)
		out := rung(t, d.network)
		answerAs(out, line, row.hz)
		line.WaitTone(agentHz, patient)
		within(t, patient, "who answered", func() bool {
			return a.client(t).metric(`tandem_answerers_total{who="`+string(row.want)+`"}`) == "1"
		})
		if row.want == sound.AMDMachine {
			ear.WaitTone(row.hz, patient)
			line.Tone(1000)
			ear.WaitTone(1000, patient)
			line.Tone(0)
			within(t, patient, "the beep", func() bool { return a.client(t).metric(`tandem_answerers_total{who="beep"}`) == "1" })
		}
		in.Send("BYE", "", "")
		in.Response(200)
		out.Reply(out.Request("BYE"), 200, "OK", "")
		if got := a.callOf(t, o.Call); got.Answerer != row.want || (got.BeepAt != nil) != (row.want == sound.AMDMachine) {
			t.Errorf("%v Hz was answered by %q, beep at %v; want %q", row.hz, got.Answerer, got.BeepAt, row.want)
		}
		d.wrapsUp()
	}
}

// machineHz is a voice for whoever looks for answering machines: too low for a beep.
const machineHz = 250

// Who has called a customer sees when the machine there records, asks another agent in, and leaves the customer to them.
func TestOwnCallIsHandedOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "5504", "5505")
	_, err := o.queues.UpdateQueue(context.Background(), o.tenant, o.from.queue, queues.QueueChange{Set: queues.OwnSettings{Outbound: &queues.OutboundRule{Allowed: true, Detect: true}}})
	if err != nil {
		t.Fatal(err)
	}
	var ordered calls.Ordered
	o.anna.change(t, "POST", "/api/v1/calls", map[string]any{"queue_id": o.from.queue, "number": "+4930550401"}, &ordered)
	o.anna.rings() // and is answered by itself
	out, line := rung(t, o.network), siptest.NewVoice(t, codec.PCMU)
	answerAs(out, line, machineHz)
	phoneHears(t, "called", line, map[float64]bool{agentHz: true})
	o.anna.Wait("call", "answered_by", "machine")
	line.Tone(1000)
	o.anna.RTC.Await(1000)
	line.Tone(0)
	o.anna.Wait("call", "answered_by", "machine", "beep", "true")
	line.Tone(customerHz)
	o.consult(t, ordered.Call.String())
	o.anna.Send("call.leave", nil)
	o.anna.wrapped(t, ordered.Call.String())
	phoneHears(t, "handed on", line, map[float64]bool{agentHz: false, benHz: true})
	out.Send("BYE", "", "")
	out.Response(200)
	if got, want := transfersOf(o.callOf(t, ordered.Call)), "Anna Agent attended agent Ben Agent done"; got != want {
		t.Errorf("transfers %s", got)
	}
}
