package main

import (
	"context"
	"testing"
	"time"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip/siptest"
)

// An agent's browser is lost for good: the caller hears that the agent will be back, then waits again at their place, and talks with the next
// agent. It stays one call with one recording.
func TestAgentLostForGood(t *testing.T) {
	t.Parallel()
	a := start(t, "TANDEM_CALLS_LOST_SECONDS=7")
	first, second := sit(t, a.client(t).base, "agent1@demo.test"), sit(t, a.client(t).base, "agent2@demo.test")
	first.available()
	notes := a.followAll(t)
	p := siptest.New(t, "+49305500001")
	v := siptest.NewVoice(t, codec.PCMU)
	call := p.Invite(a.sipAddr(), "1001", p.SDP(v.Port(), "", "0"))
	v.Send(string(call.Response(200).Body()), customerHz)
	call.Ack("")
	first.RTC.Say(farHz)
	first.accept()
	phoneHears(t, "the first agent talks", v, map[float64]bool{farHz: true})
	queued := queuedAt(t, a, p.User)

	v.Forget()
	first.Leave()
	comfort, err := a.prompts.Say(context.Background(), "Please hold the line. Your agent will be right back with you.", "en", 1)
	if err != nil {
		t.Fatal(err)
	}
	said := envelope(comfort.PCM(8000))
	within(t, time.Minute, "the comfort prompt", func() bool {
		heard := envelope(v.Heard())
		if len(heard) < len(said) {
			return false
		}
		_, like := find(said, heard)
		return like > 0.9
	})
	notes.await(t, "call.queued")
	second.available()
	second.RTC.Say(supervisorHz)
	second.accept()
	phoneHears(t, "the second agent talks", v, map[float64]bool{supervisorHz: true, farHz: false})
	call.Send("BYE", "", "")
	call.Response(200)
	row := a.ended(t, p.User)
	if row.Reason != calls.ReasonCallerHungUp || row.Recording == nil || len(row.Legs) != 3 || row.AgentName == "" {
		t.Errorf("record: %s, recording %v, %d legs, agent %q", row.Reason, row.Recording, len(row.Legs), row.AgentName)
	}
	if !row.QueuedAt.Equal(queued) {
		t.Errorf("the caller joined the queue at %s, and lost that place for %s", queued, row.QueuedAt)
	}
	second.Wait("call", "state", "wrap_up")
	within(t, 20*time.Second, "the lost agent is free of the call", func() bool {
		page, err := a.queues.Agents(context.Background(), a.tenant, queues.AgentFilter{Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Items {
			if g.State == queues.Recovering || g.State == queues.Interacting {
				return false
			}
		}
		return true
	})
}

func queuedAt(t *testing.T, a *app, caller string) time.Time {
	t.Helper()
	var at time.Time
	within(t, 10*time.Second, "the call's place in the queue", func() bool {
		rows, err := a.board.List(context.Background(), a.tenant, calls.Filter{Text: caller, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].QueuedAt != nil {
			at = *rows[0].QueuedAt
		}
		return !at.IsZero()
	})
	return at
}
