package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/storage/storagetest"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/recording/recordingtest"
	"tandem/sip"
	"tandem/sip/siptest"
)

// doing is what an agent does at the moment when the program is killed, and what is to be known of it afterwards.
type doing struct {
	name      string
	agent     string // who signs in
	number    string // of their queue
	begin     func(d *desktop) (call string)
	reason    calls.Reason
	held      bool
	transfers string
	opposite  []float64 // whom the recording has opposite the customer
}

var doings = []doing{
	{"a call on hold", "agent1@demo.test", "5711", (*desktop).holds, calls.ReasonNodeStopped, true, "", []float64{agentHz}},
	{"a consultation", "agent2@demo.test", "5712", (*desktop).consults, calls.ReasonNodeStopped, true, "Ben Agent attended outside +49305712 cancelled", []float64{agentHz}},
	{"a conference", "8001@demo.test", "5713", (*desktop).confers, calls.ReasonNodeStopped, false, "Phone 8001 attended outside +49305713 joined", []float64{agentHz, outsideHz}},
	{"wrap-up of a call of theirs", "8002@demo.test", "5714", (*desktop).wrapsUp, calls.ReasonCallerHungUp, false, "", []float64{agentHz}},
}

// desktop is an agent at their page, of whom the program knows, that will be killed.
type desktop struct {
	*seat
	t       testing.TB
	sip     string
	number  string
	queue   uuid.UUID
	network *siptest.Phone
}

// talks lets a customer talk with the agent.
func (d *desktop) talks() (p *caller, call string) {
	p = callAt(d.t, d.sip, "+4930"+d.number, d.number)
	call = d.accept()
	p.voice.WaitTone(agentHz, patient)
	hearMore(d.t, p.voice, 2*time.Second)
	return p, call
}

// asksIn brings somebody outside into the call, who answers.
func (d *desktop) asksIn(frame string) *siptest.Voice {
	d.Send(frame, map[string]any{"number": "+4930" + d.number})
	far := siptest.NewVoice(d.t, codec.PCMU)
	answerAs(rung(d.t, d.network), far, outsideHz)
	far.WaitTone(agentHz, patient)
	return far
}

func (d *desktop) holds() (call string) {
	_, call = d.talks()
	d.Send("call.hold", nil)
	d.Wait("call", "id", call, "state", "held")
	return call
}

func (d *desktop) consults() (call string) {
	_, call = d.talks()
	d.asksIn("call.consult")
	d.Wait("call", "id", call, "state", "held", "roster.leads", "true")
	return call
}

func (d *desktop) confers() (call string) {
	p, call := d.talks()
	d.asksIn("call.add")
	phoneHears(d.t, "conference", p.voice, map[float64]bool{agentHz: true, outsideHz: true})
	hearMore(d.t, p.voice, 2*time.Second)
	return call
}

// wrapsUp has the agent call a customer, who hangs up.
func (d *desktop) wrapsUp() (call string) {
	status, b := d.do("POST", "/api/v1/calls", map[string]any{"queue_id": d.queue, "number": "+4930" + d.number})
	var o calls.Ordered
	if err := json.Unmarshal(b, &o); err != nil || status != 200 {
		d.t.Fatalf("dial: %d %s", status, b)
	}
	d.rings() // and is answered by itself
	line, out := siptest.NewVoice(d.t, codec.PCMU), rung(d.t, d.network)
	answerAs(out, line, customerHz)
	line.WaitTone(agentHz, patient)
	hearMore(d.t, line, 2*time.Second)
	out.Send("BYE", "", "")
	out.Response(200)
	d.Wait("call", "id", o.Call.String(), "state", "wrap_up")
	return o.Call.String()
}

// prepare makes the queues, in a server that is then stopped.
func prepare(t *testing.T, database, dir string) (network *siptest.Phone, ofNumber map[string]uuid.UUID) {
	t.Helper()
	a, stop := startStoppable(t, database, dir)
	defer stop()
	ctx := context.Background()
	network = carrier(t, a.trunks, a.tenant)
	if err := a.trunks.PutDialRules(ctx, a.tenant, sip.DialRules{Country: "DE", Countries: []string{"DE"}, CallsPerSecond: 10, MaxCalls: 10}); err != nil {
		t.Fatal(err)
	}
	set := callingOut("")
	set.Ticket, set.WrapUp = new(true), &queues.WrapUpRule{Mode: queues.WrapUpMandatory}
	agents := map[string]string{"agent1@demo.test": "Anna Agent", "agent2@demo.test": "Ben Agent", "8001@demo.test": "Phone 8001", "8002@demo.test": "Phone 8002"}
	ofNumber = map[string]uuid.UUID{}
	for _, do := range doings {
		queue, _ := a.queueWith(t, do.name, do.number, queues.Browser, set)
		agent, name := a.agentNamed(t, agents[do.agent]), agents[do.agent]
		err := a.queues.PutAgent(ctx, a.tenant, queues.Agent{ID: agent, Name: name, Device: queues.Browser})
		if err == nil {
			err = a.queues.SetMembers(ctx, a.tenant, queue, []uuid.UUID{agent})
		}
		if err != nil {
			t.Fatal(err)
		}
		ofNumber[do.number] = queue
	}
	return network, ofNumber
}

// The program is killed while one agent has their call on hold, one consults, one confers, and one wraps up a call that they have made. The next
// start ends each call when it ended, lets the agents wrap up and go on, and delivers what was recorded, with all who were heard on their side.
func TestKilledAtWork(t *testing.T) {
	t.Parallel()
	database, dir := storagetest.NewURL(t), t.TempDir()
	network, queueOf := prepare(t, database, dir)
	first := run(t, database, dir)
	call := map[string]string{}
	for _, do := range doings {
		d := &desktop{seat: sit(t, first.base, do.agent), t: t, sip: first.sip, number: do.number, queue: queueOf[do.number], network: network}
		d.RTC.Say(agentHz)
		d.available()
		call[do.name] = do.begin(d)
	}
	first.kill()
	killed := time.Now()

	second := run(t, database, dir)
	db := open(t, database)
	for _, do := range doings {
		sit(t, second.base, do.agent).wrapped(t, call[do.name])
	}
	within(t, patient, "the delivery of all recordings", func() bool {
		return count(t, db, `SELECT count(*) FROM recordings WHERE state = 'destroyed'`) == len(doings)
	})
	for _, do := range doings {
		t.Run(do.name, func(t *testing.T) {
			row := ask[calls.CallRow](second.client, "GET", "/api/v1/calls/"+call[do.name], nil)
			if row.Reason != do.reason || row.EndedAt == nil || (row.HeldSeconds > 0) != do.held || transfersOf(row) != do.transfers {
				t.Fatalf("ended %v as %s, held for %.1f s, transfers %s", row.EndedAt, row.Reason, row.HeldSeconds, transfersOf(row))
			}
			if early := killed.Sub(*row.EndedAt); do.reason == calls.ReasonNodeStopped && (early < 0 || early > 3*time.Second) {
				t.Errorf("it ended %s before the program was killed", early)
			}
			if n := count(t, db, `SELECT count(*) FROM events WHERE type = 'call.ended' AND subject = $1`, row.ID); n != 1 {
				t.Errorf("call.ended was written %d times", n)
			}
			destroyed(t, db, filepath.Join(dir, "spool"), row.ID)
			files := second.files(row.ID)
			if len(files) != 1 {
				t.Fatalf("%d files on the ticket", len(files))
			}
			sides, f := recordingtest.Join(t, files[0].content)
			if kept := float64(len(sides[0])) / float64(f.Rate); kept < row.TalkSeconds-1.5 || kept > row.TalkSeconds+1.5 {
				t.Errorf("%.2f s were kept of a talk of %.2f s", kept, row.TalkSeconds)
			}
			if level := siptest.Strength(sides[0], f.Rate, customerHz); level < 100 {
				t.Errorf("the customer is not on the left: %.0f", level)
			}
			for _, hz := range do.opposite {
				if level := siptest.Strength(sides[1], f.Rate, hz); level < 50 {
					t.Errorf("who speaks at %.0f Hz is not on the right: %.0f", hz, level)
				}
			}
		})
	}
	within(t, patient, "nothing left over", func() bool {
		return count(t, db, `SELECT (SELECT count(*) FROM queue_items WHERE state <> 'left') + (SELECT count(*) FROM queue_offers WHERE ended_at IS NULL)
			+ (SELECT count(*) FROM queue_agents WHERE used <> 0) + (SELECT count(*) FROM calls WHERE ended_at IS NULL)`) == 0
	})
}
