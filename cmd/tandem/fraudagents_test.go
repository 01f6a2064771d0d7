package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"tandem/queues"
	"tandem/sip/siptest"
)

// shown is how a page shows a number that somebody wrote.
var shown = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "", ".", "")

// asks lets the agent at the page, who is in a call, bring a number into it. That comes to nothing, as the till lets nobody through.
func (f *fraud) asks(frame, number string) {
	f.t.Helper()
	failed := []string{"transfer.state", "failed", "transfer.name", shown.Replace(number)}
	f.page.Forget()
	f.page.Send(frame, map[string]string{"number": number})
	within(f.t, patient, "the end of "+frame, func() bool {
		return f.page.Has("call", failed...) || f.page.Has("error", "code", "transfer_target")
	})
}

func (f *fraud) transfer(number string) { f.t.Helper(); f.asks("call.transfer", number) }

func (f *fraud) consult(number string) { f.t.Helper(); f.asks("call.consult", number) }

func (f *fraud) add(number string) { f.t.Helper(); f.asks("call.add", number) }

// ringNumber makes a telephone number an agent's device, and calls their queue. Who writes past the API is stopped when it is to ring.
func (f *fraud) ringNumber(number string) {
	f.t.Helper()
	f.n++
	entry := "6" + strconv.Itoa(f.n)
	_, agent := f.a.queueWith(f.t, "Mobile "+entry, entry, queues.Browser, queues.OwnSettings{})
	status, _ := f.a.client(f.t).do("PUT", "/api/v1/agents/"+agent.String()+"/device", map[string]any{"kind": "number", "number": number, "ring_seconds": 10})
	if status != http.StatusOK {
		device := queues.Device{Address: queues.NumberDevice + number, There: true}
		if f.a.queues.ChooseDevice(context.Background(), f.a.tenant, agent, device) != nil {
			return // it is no number
		}
	}
	f.seen(func() func() { return f.waitsAt(entry) })
}

// order has an agent call, whose telephone answers.
func (f *fraud) order(number string) {
	f.t.Helper()
	f.seen(func() func() {
		f.a.client(f.t).do("POST", "/api/v1/calls", map[string]any{"queue_id": f.out, "agent_id": f.caller, "number": number})
		return func() { f.a.is(f.t, f.caller, queues.Idle) }
	})
}

// callsOut is a queue whose agent calls customers.
func (f *fraud) callsOut(number string) (queue, agent uuid.UUID) {
	p := siptest.New(f.t, "caller")
	set := callingOut("")
	set.WrapUp, set.Record = &queues.WrapUpRule{Mode: queues.WrapUpNone}, new(queues.RecordNo)
	queue, agent = f.a.queueWith(f.t, "Calls", number, "sip:caller@"+p.Addr(), set)
	answerAll(f.t, p)
	return queue, agent
}

// voicemail leaves a message from the forbidden number in a queue that nobody serves, and has its caller called back.
func (f *fraud) voicemail() {
	f.t.Helper()
	ctx := context.Background()
	queue, agent := f.callsBack("Box", "5911")
	never := queues.EmptyRule{When: queues.EmptyNever, Do: queues.Deflection{Mode: queues.DeflectOff}}
	full := queues.EmptyRule{When: queues.EmptySignedOut, Do: queues.Deflection{Mode: queues.DeflectVoicemail, Prompt: queues.Prompt{Text: "Speak."}}}
	_, err := f.a.queues.UpdateQueue(ctx, f.a.tenant, queue, queues.QueueChange{Set: queues.OwnSettings{Empty: &queues.EmptyPolicy{Join: full, Leave: never}}})
	if err == nil {
		err = f.a.queues.SetMembers(ctx, f.a.tenant, queue, nil)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	notes := f.a.followAll(f.t)
	mail := f.a.hear(f.t, "+88213000000", "5911")
	notes.await(f.t, "recording.started")
	pressed(mail, "#")
	goodbye(f.t, mail)
	call := f.a.ended(f.t, "+88213000000").ID.String()
	within(f.t, patient, "the message", func() bool {
		status, _ := f.a.client(f.t).do("GET", "/api/v1/voicemails/"+call, nil)
		return status == http.StatusOK
	})
	ask[queues.Callback](f.a.client(f.t), "POST", "/api/v1/voicemails/"+call+"/callback", nil)
	f.seen(func() func() {
		if err := f.a.queues.SetMembers(ctx, f.a.tenant, queue, []uuid.UUID{agent}); err != nil {
			f.t.Fatal(err)
		}
		return func() {}
	})
}
