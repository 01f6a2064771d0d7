package main

import (
	"context"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/codec"
	"tandem/queues"
	"tandem/sip/siptest"
)

// hear calls a number with a silent phone and returns the call once it is answered.
func (a *app) hear(t *testing.T, user, number string) *siptest.Call {
	t.Helper()
	p := siptest.New(t, user)
	v := siptest.NewVoice(t, codec.PCMU)
	c := p.Invite(a.sipAddr(), number, p.SDP(v.Port(), "", "0"))
	v.Send(string(c.Response(200).Body()), 0)
	c.Ack("")
	return c
}

const wait = 20 * time.Second // for what has to be spoken first

// farewell answers the BYE that comes once the last sentence is over.
func farewell(t *testing.T, c *siptest.Call) {
	t.Helper()
	within(t, wait, "the BYE", func() bool {
		req, ok := c.TryNext(100 * time.Millisecond).(*gosip.Request)
		if ok && req.Method == gosip.BYE {
			c.Reply(req, 200, "OK", "")
			return true
		}
		return false
	})
}

func pressed(c *siptest.Call, key string) {
	c.Send("INFO", "application/dtmf-relay", "Signal="+key+"\r\nDuration=160\r\n")
	c.Response(200)
}

// A full queue tells the next caller so and ends the call; the one who waits keeps waiting.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	a := start(t)
	queue, _ := a.queueWith(t, "Small", "5201", "sip:nobody@127.0.0.1:9", queues.OwnSettings{MaxWaiting: new(1)})
	if err := a.queues.SetMembers(context.Background(), a.tenant, queue, nil); err != nil {
		t.Fatal(err)
	}
	first := a.hear(t, "49305201", "5201")
	within(t, wait, "the first caller in the queue", func() bool {
		page, err := a.queues.Queued(context.Background(), a.tenant, queues.QueuedFilter{Queue: queue})
		return err == nil && len(page.Items) == 1
	})
	second := a.hear(t, "49305202", "5201")
	farewell(t, second)
	if row := a.ended(t, "49305202"); row.Reason != calls.ReasonOverCapacity {
		t.Errorf("the second call ended as %s", row.Reason)
	}
	first.Send("BYE", "", "")
	first.Response(200)
	if row := a.ended(t, "49305201"); row.Reason != calls.ReasonLeftQueue {
		t.Errorf("the first call ended as %s", row.Reason)
	}
}

// A caller who presses 1 when asked is not recorded; one who does not is.
func TestConsentToRecording(t *testing.T) {
	t.Parallel()
	a := start(t)
	agent := siptest.New(t, "agent")
	ear := siptest.NewVoice(t, codec.PCMU)
	ask := queues.RecordAsk
	a.queueWith(t, "Asking", "5203", "sip:agent@"+agent.Addr(), queues.OwnSettings{
		Record: &ask, Whisper: &queues.Whisper{Mode: queues.WhisperOff, Speed: 1}, Countdown: new(false), WrapUp: &queues.WrapUpRule{Mode: queues.WrapUpNone},
	})
	for user, key := range map[string]string{"49305203": "1", "49305204": ""} {
		c := a.hear(t, user, "5203")
		if key != "" {
			pressed(c, key)
		}
		in := agent.TryAnswer(wait)
		in.Reply(in.Invite, 200, "OK", agent.SDP(ear.Port(), "", "0"))
		in.Request("ACK")
		within(t, wait, "the talk", func() bool {
			rows, err := a.board.List(context.Background(), a.tenant, calls.Filter{Live: true, Text: user, Limit: 1})
			return err == nil && len(rows) == 1 && rows[0].State == calls.StateTalking
		})
		c.Send("BYE", "", "")
		c.Response(200)
		in.Reply(in.Request("BYE"), 200, "OK", "")
		if row := a.ended(t, user); (row.Recording == nil) != (key == "1") {
			t.Errorf("pressed %q: recording %v", key, row.Recording)
		}
	}
}

// Callers of a menu who press nothing, or only wrong keys, get what the menu says; the right key leads on.
func TestMenuInput(t *testing.T) {
	t.Parallel()
	a := start(t)
	ctx := context.Background()
	rule := queues.MenuRule{WaitSeconds: 1, MaxNoInput: 1, MaxInvalid: 2, Final: queues.MenuHangUp, Zero: queues.MenuNothing}
	top, err := a.queues.CreateQueue(ctx, a.tenant, queues.NewQueue{Name: "Top", Settings: queues.OwnSettings{Menu: &rule, Greeting: &queues.Prompt{Text: "Choose."}}})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.queues.CreateQueue(ctx, a.tenant, queues.NewQueue{Parent: top.ID, Name: "Leaf", Key: 4, Settings: queues.OwnSettings{Greeting: &queues.Prompt{}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.numbers.Put(ctx, a.tenant, calls.Number{Number: "5205", Kind: calls.EntryMenu, Queue: &top.ID}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		user, keys string
		reason     calls.Reason
		queue      uuid.UUID
	}{
		{"49305205", "", calls.ReasonNoInput, uuid.Nil},
		{"49305206", "78", calls.ReasonNoInput, uuid.Nil},
		{"49305207", "74", calls.ReasonLeftQueue, leaf.ID},
	} {
		c := a.hear(t, row.user, "5205")
		for _, key := range row.keys {
			pressed(c, string(key))
		}
		if row.queue == uuid.Nil {
			farewell(t, c)
		} else {
			within(t, wait, "the caller in the queue", func() bool {
				rows, err := a.board.List(ctx, a.tenant, calls.Filter{Live: true, Text: row.user, Limit: 1})
				return err == nil && len(rows) == 1 && rows[0].State == calls.StateWaiting
			})
			c.Send("BYE", "", "")
			c.Response(200)
		}
		got := a.ended(t, row.user)
		if got.Reason != row.reason || row.queue != uuid.Nil && (got.Queue == nil || *got.Queue != row.queue) {
			t.Errorf("keys %q: ended as %s in queue %v, want %s in %v", row.keys, got.Reason, got.Queue, row.reason, row.queue)
		}
	}
}
