package analytics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/chat"
	"tandem/queues"
)

var (
	sales, support = uuid.MustParse("00000000-0000-7000-8000-000000000001"), uuid.MustParse("00000000-0000-7000-8000-000000000002")
	ann, bob       = uuid.MustParse("00000000-0000-7000-8000-00000000000a"), uuid.MustParse("00000000-0000-7000-8000-00000000000b")
)

// Each row is a history and what the queue Sales makes of it.
func TestQueueMetrics(t *testing.T) {
	for _, row := range []struct {
		name   string
		happen func(*history)
		want   QueueCounts
	}{
		{"handled in time: whisper and countdown are waiting, too", func(h *history) {
			c := h.enqueue(sales)
			h.pass(5)
			c.offerTo(ann).answer(6, 7).finish(60, 30)
		}, QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, WaitHandled: 18, LongestWait: 18, Offers: 1, Ring: 6, Completed: 1, Talk: 60, WrapUp: 30}},
		{"handled too late", func(h *history) {
			c := h.enqueue(sales)
			h.pass(20)
			c.offerTo(ann).answer(1, 0).finish(10, 0)
		}, QueueCounts{Offered: 1, Handled: 1, WaitHandled: 21, LongestWait: 21, Offers: 1, Ring: 1, Completed: 1, Talk: 10}},
		{
			"abandoned at once", func(h *history) { c := h.enqueue(sales); h.pass(4.9); c.leave(queues.LeftAbandoned) },
			QueueCounts{Offered: 1, Abandoned: 1, AbandonedShort: 1, AbandonedInTime: 1, AbandonedInQueue: 1, WaitAbandoned: 4.9, LongestWait: 4.9},
		},
		{
			"abandoned on the limit of short is not short", func(h *history) { c := h.enqueue(sales); h.pass(5); c.leave(queues.LeftAbandoned) },
			QueueCounts{Offered: 1, Abandoned: 1, AbandonedInTime: 1, AbandonedInQueue: 1, WaitAbandoned: 5, LongestWait: 5},
		},
		{
			"abandoned after the target", func(h *history) { c := h.enqueue(sales); h.pass(21); c.leave(queues.LeftAbandoned) },
			QueueCounts{Offered: 1, Abandoned: 1, AbandonedInQueue: 1, WaitAbandoned: 21, LongestWait: 21},
		},
		{"abandoned while an agent's telephone rings", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).to(queues.Alerting)
			h.pass(8)
			c.over(queues.Idle, "withdrawn").leave(queues.LeftAbandoned)
		}, QueueCounts{Offered: 1, Abandoned: 1, AbandonedInTime: 1, AbandonedRinging: 1, WaitAbandoned: 8, LongestWait: 8, Offers: 1, Ring: 8}},
		{"abandoned in the whisper: one abandoned call, no interaction", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).to(queues.Alerting)
			h.pass(2)
			c.to(queues.Connecting)
			h.pass(4)
			c.over(queues.Idle, "withdrawn").leave(queues.LeftAbandoned)
		}, QueueCounts{Offered: 1, Abandoned: 1, AbandonedInTime: 1, AbandonedConnecting: 1, WaitAbandoned: 6, LongestWait: 6, Offers: 1, Ring: 2}},
		{"the agent hangs up in the countdown, then the customer later on", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).to(queues.Alerting, queues.Connecting)
			h.pass(3)
			c.over(queues.Idle, "left_early")
			h.pass(10)
			c.leave(queues.LeftAbandoned)
		}, QueueCounts{Offered: 1, Abandoned: 1, AbandonedInTime: 1, AbandonedInQueue: 1, WaitAbandoned: 13, LongestWait: 13, Offers: 1}},
		{"missed, declined and unreached before somebody takes it", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).to(queues.Alerting)
			h.pass(20)
			c.over(queues.NotResponding, "missed").offerTo(bob).to(queues.Alerting)
			h.pass(2)
			c.over(queues.Idle, "declined").offerTo(bob).over(queues.Unreachable, "unreachable").offerTo(ann).answer(1, 0).finish(5, 5)
		}, QueueCounts{
			Offered: 1, Handled: 1, WaitHandled: 23, LongestWait: 23, Offers: 4, Missed: 1, Declined: 1, Unreachable: 1, Ring: 23, Completed: 1, Talk: 5, WrapUp: 5,
		}},
		{"offered to two at once: the quicker one talks", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).to(queues.Alerting)
			other := *c
			other.offerTo(bob).to(queues.Alerting)
			h.pass(3)
			other.to(queues.Connecting)
			c.over(queues.Idle, "withdrawn")
			other.to(queues.Interacting).leave(queues.LeftHandled).finish(9, 0)
		}, QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, WaitHandled: 3, LongestWait: 3, Offers: 2, Ring: 6, Completed: 1, Talk: 9}},
		{"hold and a lost browser", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(10)
			c.to(queues.Held)
			h.pass(20)
			c.to(queues.Interacting)
			h.pass(5)
			c.to(queues.Recovering)
			h.pass(3)
			c.to(queues.Interacting).finish(2, 1)
		}, QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, Offers: 1, Completed: 1, Talk: 20, Hold: 20, WrapUp: 1}},
		{"transferred to another queue after talking", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(30)
			c.to(queues.WrapUp).join(support)
			h.pass(5)
			c.over(queues.Idle, "finished")
		}, QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, Transferred: 1, Offers: 1, Completed: 1, Talk: 30, WrapUp: 5}},
		{"the agent's node is lost: the talk lasted until then", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(30)
			lost := h.now
			h.pass(3600)
			h.add("agent.state", ann, queues.StateChanged{Agent: ann, Offer: c.offer, Item: c.item, Queue: sales, From: queues.Interacting, State: queues.WrapUp, Since: c.since, Lost: lost})
			c.state, c.since = queues.WrapUp, h.now
			h.pass(5)
			c.over(queues.Idle, "finished")
		}, QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, Offers: 1, Completed: 1, Talk: 30, WrapUp: 5}},
		{"back in the same queue after the agent was lost is no transfer", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).answer(0, 0).finish(30, 0)
			c.join(sales)
			h.pass(6)
			c.leave(queues.LeftAbandoned)
		}, QueueCounts{
			Offered: 2, Handled: 1, HandledInTime: 1, Abandoned: 1, AbandonedInTime: 1, AbandonedInQueue: 1, WaitAbandoned: 6, LongestWait: 6,
			Offers: 1, Completed: 1, Talk: 30,
		}},
		{
			"moved on while waiting", func(h *history) { c := h.enqueue(sales); h.pass(9); c.join(support) },
			QueueCounts{Offered: 1, MovedOn: 1, LongestWait: 9},
		},
		{"deflected while waiting, and the message it got", func(h *history) {
			c := h.enqueue(sales)
			h.pass(90)
			c.leave(queues.LeftDeflected)
			h.callEnded(calls.Record{Reason: calls.ReasonOverCapacity, Queue: &sales, Deflected: []calls.DeflectionRecord{{Kind: calls.ToMessage, Queue: &sales}}})
		}, QueueCounts{Offered: 1, DeflectedWaiting: 1, LongestWait: 90, Deflected: 1, DeflectedMessage: 1}},
		{"closed: to another queue, and from there to voicemail", func(h *history) {
			h.callEnded(calls.Record{Reason: calls.ReasonVoicemail, Queue: &support, Deflected: []calls.DeflectionRecord{
				{Kind: calls.ToQueue, Queue: &sales}, {Kind: calls.ToVoicemail, Queue: &support},
			}})
			h.add("voicemail.left", uuid.New(), calls.MailEvent{Queue: &support})
		}, QueueCounts{Deflected: 1, DeflectedQueue: 1}},
		{"a voicemail", func(h *history) { h.add("voicemail.left", uuid.New(), calls.MailEvent{Queue: &sales}) }, QueueCounts{Voicemails: 1}},
		{"left in the menu", func(h *history) { h.callEnded(calls.Record{Reason: calls.ReasonLeftMenu, Menu: &sales}) }, QueueCounts{AbandonedInMenu: 1}},
		{"what the call record says of the queue is not counted again", func(h *history) {
			c := h.enqueue(sales)
			h.pass(30)
			c.leave(queues.LeftAbandoned)
			h.callEnded(calls.Record{Reason: calls.ReasonLeftQueue, Queue: &sales})
		}, QueueCounts{Offered: 1, Abandoned: 1, AbandonedInQueue: 1, WaitAbandoned: 30, LongestWait: 30}},
		{"ended by a supervisor, lost with its node", func(h *history) {
			h.enqueue(sales).leave(queues.LeftEnded)
			h.enqueue(sales).leave(queues.LeftNodeLost)
		}, QueueCounts{Offered: 2, EndedWaiting: 1, Lost: 1}},
		{"an estimate of 30 s for a wait of 18 s", func(h *history) {
			c := h.enqueue(sales)
			h.pass(18)
			h.add("item.left", c.item, queues.Left{Item: c.item, Kind: queues.Call, Queue: sales, Reason: queues.LeftHandled, Waited: 18, Actual: 18, Estimated: new(30.0)})
		}, QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, WaitHandled: 18, LongestWait: 18, Estimated: 1, EstimateError: 12}},
		{"callbacks: one reached, one given up; their wait is nobody's", func(h *history) {
			for _, e := range []struct {
				typ   string
				state queues.CallbackState
			}{{"callback.requested", queues.CallbackWaiting}, {"callback.connected", queues.CallbackDone}, {"callback.missed", queues.CallbackWaiting}, {"callback.given_up", queues.CallbackGivenUp}} {
				h.add(e.typ, uuid.New(), queues.CallbackEvent{Queue: sales, State: e.state})
			}
			id := uuid.New()
			h.add("item.queued", id, queues.Queued{Item: id, Kind: queues.CallBack, Queue: sales, EnqueuedAt: h.now})
			h.pass(3600)
			h.add("item.left", id, queues.Left{Item: id, Kind: queues.CallBack, Queue: sales, Reason: queues.LeftHandled, Waited: 3600})
		}, QueueCounts{Callbacks: 2, CallbacksConnected: 1}},
		{"calls that agents make are apart from all others", func(h *history) {
			h.callOut(sales, ann, 30)
			h.callOut(sales, ann, 0)
		}, QueueCounts{Outbound: 2, OutboundConnected: 1, OutboundTalk: 30}},
		{"a call that an agent made counts where it was made for, wherever the customer went", func(h *history) {
			talked := calls.Record{Direction: calls.Outbound, Queue: &support, MadeFor: &sales, Agent: &bob, ConnectedAt: new(h.now), TalkSeconds: 30}
			h.callEnded(talked)
			talked.Queue, talked.MadeFor = &sales, &support
			h.callEnded(talked)
		}, QueueCounts{Outbound: 1, OutboundConnected: 1, OutboundTalk: 30}},
		{"ratings: the first after each opening counts", func(h *history) {
			h.rate(5, false)
			h.rate(1, true)
			h.rate(3, false)
			h.rate(4, false)
		}, QueueCounts{Rated: 3, Satisfied: 2, Score: 12}},
		{"a conversation that became part of another one has not ended, and one without a message is no enquiry", func(h *history) {
			h.add("conversation.closed", uuid.New(), conversation{Queue: sales, Reason: chat.ClosedMerged})
			h.add("conversation.updated", uuid.New(), conversation{Queue: sales})
		}, QueueCounts{}},
	} {
		h := newHistory(noon)
		row.happen(h)
		if d := cmp.Diff(row.want, project(t, h.log).total(sales), cmpopts.EquateApprox(0, 1e-9)); d != "" {
			t.Errorf("%s: %s", row.name, d)
		}
	}
}

func TestQueueFigures(t *testing.T) {
	c := QueueCounts{
		Offered: 10, Handled: 6, HandledInTime: 3, Abandoned: 4, AbandonedShort: 2, AbandonedInTime: 3, WaitHandled: 120, Completed: 5, Talk: 500, Hold: 50, WrapUp: 100,
		Transferred: 3, Offers: 8, Missed: 2, Estimated: 4, EstimateError: 40, Callbacks: 4, CallbacksConnected: 3,
		FirstResponses: 2, FirstResponse: 90, Responses: 4, Response: 100, Closed: 5, Resolution: 600, Rated: 4, Satisfied: 3, Score: 17,
	}
	want := QueueFigures{
		AnswerSpeed: new(20.0), AbandonRate: new(0.4), LevelHandled: new(0.5), LevelOffered: new(0.3), LevelWithoutLost: new(0.375), LevelAbandons: new(0.6),
		HandleTime: new(130.0), TalkTime: new(100.0), HoldTime: new(10.0), WrapUpTime: new(20.0), TransferRate: new(0.5), RONARate: new(0.25),
		MeanError: new(10.0), CallbackSuccess: new(0.75), FirstResponseTime: new(45.0), ResponseTime: new(25.0), ResolutionTime: new(120.0), Satisfaction: new(0.75), MeanScore: new(4.25),
	}
	if d := cmp.Diff(want, c.Figures()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(QueueFigures{}, QueueCounts{}.Figures()); d != "" {
		t.Errorf("nothing happened: %s", d)
	}
	// Whoever leaves at once does not make the others' service level undefined or more than whole.
	if f := (QueueCounts{Offered: 2, Abandoned: 2, AbandonedShort: 2, AbandonedInTime: 2}).Figures(); f.LevelWithoutLost != nil || *f.LevelAbandons != 1 {
		t.Errorf("only short abandons: %+v", f)
	}
}

// Each row is a history and what it says of Ann.
func TestAgentMetrics(t *testing.T) {
	for _, row := range []struct {
		name   string
		happen func(*history)
		want   AgentCounts
	}{
		{"an hour with lunch and a break that counts as work", func(h *history) {
			h.presence(ann, queues.Available, "")
			h.pass(1800)
			h.presence(ann, queues.Away, "lunch")
			h.pass(600)
			h.add("agent.presence", ann, queues.PresenceChanged{Agent: ann, Presence: queues.Busy, Reason: "training", Productive: true})
			h.pass(300)
			h.presence(ann, queues.Offline, "")
			h.pass(900)
			h.presence(ann, queues.Available, "")
		}, AgentCounts{Login: 2700, Available: 1800, Ready: 1800, Away: 600, Busy: 300, Productive: 2100}},
		{"a call: ringing is ready, whisper to wrap-up is handling", func(h *history) {
			h.presence(ann, queues.Available, "")
			h.pass(100)
			h.enqueue(sales).offerTo(ann).answer(5, 7).finish(60, 20)
			h.pass(8)
			h.presence(ann, queues.Offline, "")
		}, AgentCounts{
			Handled: 1, Completed: 1, Talk: 60, WrapUp: 20, Offers: 1, Ring: 5, Login: 200, Available: 200, Ready: 113, Handling: 87, Productive: 200,
		}},
		{"two chats at once are one time of handling", func(h *history) {
			h.presence(ann, queues.Available, "")
			a := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(10)
			b := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(10)
			a.over(queues.Idle, "ended")
			h.pass(10)
			b.over(queues.Idle, "ended")
			h.presence(ann, queues.Offline, "")
		}, AgentCounts{Handled: 2, Completed: 2, Talk: 40, Offers: 2, Login: 30, Available: 30, Handling: 30, Productive: 30}},
		{"conversations at once, and a call beside them: how many there were on average", func(h *history) {
			h.presence(ann, queues.Available, "")
			a := h.chat(sales).offerTo(ann).answer(0, 0)
			h.pass(10)
			b := h.chat(sales).offerTo(ann).answer(0, 0)
			c := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(10)
			a.over(queues.Idle, "ended")
			b.over(queues.Idle, "ended")
			h.pass(10)
			c.over(queues.Idle, "ended")
			h.presence(ann, queues.Offline, "")
		}, AgentCounts{
			Handled: 3, Completed: 3, Talk: 50, Offers: 3, Login: 30, Available: 30, Handling: 30, Productive: 30, Conversing: 20, Conversation: 30,
		}},
		{"calls of one's own: handling, and nothing of others' calls", func(h *history) {
			h.presence(ann, queues.Away, "")
			h.callOut(sales, ann, 30)
			h.callOut(sales, ann, 0)
			h.presence(ann, queues.Offline, "")
		}, AgentCounts{Outbound: 2, OutboundConnected: 1, OutboundTalk: 30, Login: 40, Away: 40, Handling: 40, Productive: 40}},
		{"a call of one's own whose customer another agent goes on with", func(h *history) {
			h.callEnded(calls.Record{
				Direction: calls.Outbound, Queue: &sales, Agent: &bob, ConnectedAt: new(h.now), TalkSeconds: 30, Reason: calls.ReasonAgentHungUp,
				Legs: []calls.LegRecord{{Party: "customer"}, {Party: "agent", Agent: &ann}, {Party: "agent", Agent: &bob}},
			})
		}, AgentCounts{Outbound: 1, OutboundConnected: 1, OutboundTalk: 30}},
		{"rated by the customer", func(h *history) { h.rate(5, false); h.rate(2, false) }, AgentCounts{Rated: 2, Satisfied: 1, Score: 7}},
		{"a missed offer bars, until the agent says so", func(h *history) {
			h.presence(ann, queues.Available, "")
			c := h.enqueue(sales).offerTo(ann).to(queues.Alerting)
			h.pass(20)
			c.over(queues.NotResponding, "missed")
			h.pass(100)
			h.add("agent.state", ann, queues.StateChanged{Agent: ann, From: queues.NotResponding, State: queues.Idle})
			h.pass(30)
			h.presence(ann, queues.Offline, "")
		}, AgentCounts{Offers: 1, Missed: 1, Ring: 20, Login: 150, Available: 150, Ready: 50, Barred: 100, Productive: 50}},
		{
			"a device that is always there has no log-in", func(h *history) { h.enqueue(sales).offerTo(ann).answer(1, 0).finish(9, 0) },
			AgentCounts{Handled: 1, Completed: 1, Talk: 9, Offers: 1, Ring: 1},
		},
		{"transferred", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).answer(0, 0).finish(10, 0)
			c.join(support)
			c.offerTo(bob).answer(0, 0).finish(10, 0)
		}, AgentCounts{Handled: 1, Completed: 1, Talk: 10, Transferred: 1, Offers: 1}},
		{"more time for wrap-up", func(h *history) {
			c := h.enqueue(sales).offerTo(ann).answer(0, 0)
			h.pass(10)
			c.to(queues.WrapUp)
			h.pass(60)
			c.to(queues.WrapUp)
			h.pass(30)
			c.over(queues.Idle, "timed_out")
		}, AgentCounts{Handled: 1, Completed: 1, Talk: 10, WrapUp: 90, Offers: 1}},
	} {
		h := newHistory(noon)
		row.happen(h)
		if d := cmp.Diff(row.want, project(t, h.log).did(ann), cmpopts.EquateApprox(0, 1e-9)); d != "" {
			t.Errorf("%s: %s", row.name, d)
		}
	}
	f := AgentCounts{
		Completed: 2, Talk: 100, Hold: 20, WrapUp: 40, Handling: 200, Ready: 600, Login: 1000, Handled: 4, Transferred: 1, Offers: 5, Missed: 1,
		FirstResponses: 2, FirstResponse: 90, Responses: 4, Response: 100, Rated: 2, Satisfied: 1, Score: 7, Conversation: 300, Conversing: 200,
	}.Figures()
	want := AgentFigures{
		HandleTime: new(80.0), TalkTime: new(50.0), HoldTime: new(10.0), WrapUpTime: new(20.0), Occupancy: new(0.25), Utilisation: new(0.2), TransferRate: new(0.25), RONARate: new(0.2),
		FirstResponseTime: new(45.0), ResponseTime: new(25.0), Satisfaction: new(0.5), MeanScore: new(3.5), Concurrency: new(1.5),
	}
	if d := cmp.Diff(want, f); d != "" {
		t.Error(d)
	}
}

// A wait counts where it ended, an interaction where its wrap-up ended; an agent's time is split exactly.
func TestIntervals(t *testing.T) {
	h := newHistory(noon.Add(-10 * time.Second))
	h.presence(ann, queues.Available, "")
	c := h.enqueue(sales)
	h.pass(15) // 12:00:05
	c.offerTo(ann).answer(0, 0)
	h.pass(890) // 12:14:55
	c.to(queues.WrapUp)
	h.pass(10) // 12:15:05
	c.over(queues.Idle, "finished")
	h.pass(55) // 12:16:00
	h.presence(ann, queues.Offline, "")
	p := project(t, h.log)
	for _, row := range []struct {
		minutes int
		queue   QueueCounts
		agent   AgentCounts
	}{
		{-15, QueueCounts{}, AgentCounts{Login: 10, Available: 10, Ready: 10, Productive: 10}},
		{
			0,
			QueueCounts{Offered: 1, Handled: 1, HandledInTime: 1, WaitHandled: 15, LongestWait: 15, Offers: 1},
			AgentCounts{Handled: 1, Offers: 1, Login: 900, Available: 900, Ready: 5, Handling: 895, Productive: 900},
		},
		{
			15,
			QueueCounts{Completed: 1, Talk: 890, WrapUp: 10},
			AgentCounts{Completed: 1, Talk: 890, WrapUp: 10, Login: 60, Available: 60, Ready: 55, Handling: 5, Productive: 60},
		},
	} {
		start := noon.Add(time.Duration(row.minutes) * time.Minute)
		if d := cmp.Diff(row.queue, *p.queue(h.tenant, sales, start)); d != "" {
			t.Errorf("queue, %+d minutes: %s", row.minutes, d)
		}
		agent := *p.facts.agent(h.tenant, ann, sales, start)
		add(&agent, *p.facts.agent(h.tenant, ann, uuid.Nil, start))
		if d := cmp.Diff(row.agent, agent); d != "" {
			t.Errorf("agent, %+d minutes: %s", row.minutes, d)
		}
	}
}
