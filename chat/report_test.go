package chat_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/analytics"
	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/events"
	"tandem/queues"
)

// figures are numbers of a report by their names in the API; what is not there is 0.
type figures map[string]float64

// ofConversations are the names of all figures of conversations but their averages.
var ofConversations = []string{
	"enquiries", "messages_in", "messages_out", "messages_failed", "first_responses", "first_response_seconds", "responses", "response_seconds",
	"conversations_closed", "closed_customer_silent", "closed_never_wrote", "returned_agent_silent", "resolution_seconds", "rated",
}

// Each row is what happens in a conversation, and what the reports on its queue and on its agent make of it.
func TestConversationFigures(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name         string
		happen       func(h *house, agent uuid.UUID)
		queue, agent figures
	}{
		{"a first answer, and a later one to two messages", func(h *house, agent uuid.UUID) {
			id := h.taken(agent)
			h.pass(time.Minute)
			h.writes(agent, id)
			h.pass(time.Hour)
			h.says(0, "and then?")
			h.pass(30 * time.Second)
			h.says(0, "are you there?")
			h.pass(time.Minute)
			h.writes(agent, id)
			h.writes(agent, id) // says more: nobody has waited for it
		}, figures{
			"enquiries": 1, "messages_in": 3, "messages_out": 3, "first_responses": 1, "first_response_seconds": 60, "responses": 2, "response_seconds": 150,
		}, figures{"messages_out": 3, "first_responses": 1, "first_response_seconds": 60, "responses": 2, "response_seconds": 150}},
		{"opened again: one more enquiry, and one more first answer", func(h *house, agent uuid.UUID) {
			id := h.taken(agent)
			h.pass(10 * time.Second)
			h.writes(agent, id)
			h.ok(h.s.Close(h.ctx, h.tenant, id, chat.ClosedByAgent, agent, "", ""))
			h.pass(time.Minute)
			h.says(0, "one more thing")
			h.ok(h.s.Take(h.ctx, h.tenant, id, agent))
			h.pass(20 * time.Second)
			h.writes(agent, id)
		}, figures{
			"enquiries": 2, "messages_in": 2, "messages_out": 2, "first_responses": 2, "first_response_seconds": 30, "responses": 2, "response_seconds": 30,
			"conversations_closed": 1, "resolution_seconds": 10,
		}, figures{
			"messages_out": 2, "first_responses": 2, "first_response_seconds": 30, "responses": 2, "response_seconds": 30, "conversations_closed": 1,
		}},
		{"what the system says is no answer", func(h *house, agent uuid.UUID) {
			id := h.taken(agent)
			_, err := h.s.Send(h.ctx, h.tenant, id, chat.NewMessage{Text: "Please wait.", Author: chat.BySystem})
			h.ok(err)
			h.pass(40 * time.Second)
			h.writes(agent, id)
		}, figures{
			"enquiries": 1, "messages_in": 1, "messages_out": 1, "first_responses": 1, "first_response_seconds": 40, "responses": 1, "response_seconds": 40,
		}, figures{"messages_out": 1, "first_responses": 1, "first_response_seconds": 40, "responses": 1, "response_seconds": 40}},
		{"the customer falls silent", func(h *house, agent uuid.UUID) {
			id := h.taken(agent)
			h.pass(time.Second)
			h.writes(agent, id)
			h.pass(61 * time.Minute)
			h.timesDue()
		}, figures{
			"enquiries": 1, "messages_in": 1, "messages_out": 1, "first_responses": 1, "first_response_seconds": 1, "responses": 1, "response_seconds": 1,
			"conversations_closed": 1, "closed_customer_silent": 1, "resolution_seconds": 3661,
		}, figures{
			"messages_out": 1, "first_responses": 1, "first_response_seconds": 1, "responses": 1, "response_seconds": 1,
			"conversations_closed": 1, "closed_customer_silent": 1,
		}},
		{"the customer never writes", func(h *house, _ uuid.UUID) {
			h.play(chattest.Act{Customer: h.p.Customer(0), Kind: chattest.Begin})
			h.pass(31 * time.Minute)
			h.timesDue()
		}, figures{"conversations_closed": 1, "closed_never_wrote": 1, "resolution_seconds": 1860}, figures{}},
		{"the agent falls silent", func(h *house, agent uuid.UUID) {
			h.taken(agent)
			h.pass(11 * time.Minute)
			h.timesDue()
		}, figures{"enquiries": 1, "messages_in": 1, "returned_agent_silent": 1}, figures{"returned_agent_silent": 1}},
		{
			"a message that does not arrive", func(h *house, agent uuid.UUID) {
				id := h.taken(agent)
				h.f.Always(h.p.Customer(0), chattest.Behaviour{Misdeed: chattest.Refuse, Code: "400"})
				h.writes(agent, id)
				h.sendAll()
			},
			figures{"enquiries": 1, "messages_in": 1, "messages_out": 1, "messages_failed": 1, "first_responses": 1, "responses": 1},
			figures{"messages_out": 1, "first_responses": 1, "responses": 1},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHouse(t, chat.Telegram)
			set := chat.DefaultSettings()
			set.AgentSilent, set.CustomerSilent, set.NeverWrote = 10, 60, 30
			_, err := h.s.SetSettings(h.ctx, h.tenant, set)
			h.ok(err)
			agent := h.agent("Ann")
			row.happen(h, agent)
			reports := h.reports()
			queues, agents := h.figures(reports)
			if d := cmp.Diff(row.queue, queues) + cmp.Diff(row.agent, agents); d != "" {
				t.Error(d)
			}
		})
	}
}

// Asked at 17:45 and answered at 9:30 the next day, where it is open from 9 to 18: the customer has waited for 45 minutes (AN-2). The nightly
// recount of the day of the answer finds the same, though the question came the day before.
func TestResponseInOpeningHours(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chat.Telegram)
	day := []queues.Period{{From: 9 * 60, To: 18 * 60}}
	hours, err := h.queues.PutHours(h.ctx, h.tenant, queues.Hours{Name: "Day", Zone: "UTC", Week: [7][]queues.Period{day, day, day, day, day, day, day}})
	h.ok(err)
	_, err = h.queues.SetGlobal(h.ctx, h.tenant, queues.OwnSettings{Hours: &hours.ID}, nil)
	h.ok(err)
	agent := h.agent("Ann")
	h.pass(7*time.Hour + 45*time.Minute)
	id := h.taken(agent)
	h.pass(15*time.Hour + 45*time.Minute)
	h.writes(agent, id)
	reports := h.reports()
	queue, _ := h.figures(reports)
	if got := queue["first_response_seconds"]; got != 45*60 {
		t.Errorf("a first answer after %v s", got)
	}
	var csv strings.Builder
	h.ok(reports.WriteQueueCSV(h.ctx, h.tenant, analytics.Question{From: "2026-11-22", To: "2026-11-25", Interval: analytics.Quarter, Zone: "Asia/Shanghai"}, &csv))
	lines := strings.Split(csv.String(), "\r\n")
	if last := lines[len(lines)-2]; !strings.HasPrefix(last, "2026-11-23T17:30:00+08:00,") || !strings.Contains(last, ",2700,1,2700,") {
		t.Errorf("%s", last)
	}
	from := began.Add(23*time.Hour + 30*time.Minute)
	verify := func(want bool) {
		t.Helper()
		same, err := reports.Verify(h.ctx, h.tenant, from, from.Add(15*time.Minute))
		if err != nil || same != want {
			t.Errorf("the recount finds the same: %v (%v)", same, err)
		}
	}
	verify(true)
	h.exec(`UPDATE report_queue_intervals SET response_seconds = response_seconds + 60`)
	verify(false)
}

// taken is a conversation that the first customer begins and the agent takes.
func (h *house) taken(agent uuid.UUID) uuid.UUID {
	h.Helper()
	h.says(0, "hello")
	id := h.only().ID
	h.ok(h.s.Take(h.ctx, h.tenant, id, agent))
	return id
}

// writes has an agent write, who is known.
func (h *house) writes(agent, id uuid.UUID) {
	h.Helper()
	_, err := h.s.Send(events.WithActor(h.ctx, agent), h.tenant, id, chat.NewMessage{Text: "Here I am."})
	h.ok(err)
}

// reports are the reports once they have taken in all that has happened.
func (h *house) reports() *analytics.Service {
	h.Helper()
	s := analytics.New(analytics.Config{
		DB: h.db, Bus: h.bus, Queues: h.queues, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Zone: func(context.Context, uuid.UUID) (string, error) { return "UTC", nil },
	})
	ctx, cancel := context.WithCancel(h.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.eventually("the reports have taken in everything", func() bool {
		return h.count(`SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM event_cursors c WHERE follower = 'analytics' AND (c.xid, c.seq) >= (e.xid, e.seq))`) == 0
	})
	cancel()
	h.ok(<-done)
	return s
}

// figures are those of conversations in the totals of both reports, without those that are 0.
func (h *house) figures(s *analytics.Service) (queues, agents figures) {
	h.Helper()
	all := analytics.Question{From: "2026-11-20", To: "2026-11-30", Interval: analytics.Total}
	q, err := s.QueueReport(h.ctx, h.tenant, all)
	h.ok(err)
	a, err := s.AgentReport(h.ctx, h.tenant, all)
	h.ok(err)
	read := func(totals any) figures {
		body, err := json.Marshal(totals)
		h.ok(err)
		var numbers figures
		h.ok(json.Unmarshal(body, &numbers))
		kept := figures{}
		for _, name := range ofConversations {
			if numbers[name] != 0 {
				kept[name] = numbers[name]
			}
		}
		return kept
	}
	return read(q.Totals), read(a.Totals)
}
