package analytics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

// seen is what a plain recount of a history remembers of one wait.
type seen struct {
	queue  uuid.UUID
	at     time.Time
	waited float64
	why    queues.LeaveReason
}

// random plays a random history in which several calls go on at once, and says how each wait ended.
func random(t *rapid.T, h *history, in []uuid.UUID, agents []uuid.UUID) []seen {
	var waiting, talking []*talk
	var ended []seen
	busy := map[uuid.UUID]bool{}
	end := func(c *talk, why queues.LeaveReason) {
		c.leave(why)
		ended = append(ended, seen{c.queue, h.now, h.now.Sub(c.enqueued).Seconds(), why})
	}
	drop := func(list []*talk, i int) []*talk { return append(append([]*talk{}, list[:i]...), list[i+1:]...) }
	for range rapid.IntRange(5, 60).Draw(t, "steps") {
		h.pass(float64(rapid.IntRange(0, 900_000).Draw(t, "milliseconds")) / 1000)
		switch rapid.SampledFrom([]string{"call", "call", "answer", "miss", "hang up", "hang up ringing", "finish", "transfer", "presence"}).Draw(t, "what") {
		case "call":
			waiting = append(waiting, h.enqueue(rapid.SampledFrom(in).Draw(t, "queue")))
		case "answer", "miss", "hang up ringing", "hang up":
			if len(waiting) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(waiting)-1).Draw(t, "who")
			c, agent := waiting[i], rapid.SampledFrom(agents).Draw(t, "agent")
			how := rapid.SampledFrom([]string{"answer", "miss", "ringing", "hang up"}).Draw(t, "how")
			if busy[agent] && how != "hang up" {
				continue
			}
			switch how {
			case "answer":
				c.offerTo(agent).to(queues.Alerting)
				h.pass(2)
				c.to(queues.Connecting)
				h.pass(3)
				c.to(queues.Interacting)
				end(c, queues.LeftHandled)
				busy[agent], talking, waiting = true, append(talking, c), drop(waiting, i)
			case "miss":
				c.offerTo(agent).to(queues.Alerting)
				h.pass(20)
				c.over(queues.Idle, "missed")
			case "ringing":
				c.offerTo(agent).to(queues.Alerting)
				h.pass(1.5)
				c.over(queues.Idle, "withdrawn")
				end(c, queues.LeftAbandoned)
				waiting = drop(waiting, i)
			case "hang up":
				end(c, queues.LeftAbandoned)
				waiting = drop(waiting, i)
			}
		case "finish", "transfer":
			if len(talking) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(talking)-1).Draw(t, "talk")
			c := talking[i]
			busy[c.agent], talking = false, drop(talking, i)
			c.finish(4, 3)
			if rapid.Bool().Draw(t, "goes on") {
				c.join(rapid.SampledFrom(in).Draw(t, "queue"))
				waiting = append(waiting, c)
			}
		case "presence":
			p := rapid.SampledFrom([]queues.Presence{queues.Available, queues.Away, queues.Busy, queues.Offline}).Draw(t, "presence")
			h.presence(rapid.SampledFrom(agents).Draw(t, "agent"), p, rapid.SampledFrom([]string{"", "lunch"}).Draw(t, "reason"))
		}
	}
	return ended
}

// recount is the report of a period, worked out anew in the plainest way.
func recount(of []seen, queue uuid.UUID, from, to time.Time) LiveCounts {
	var c QueueCounts
	for _, s := range of {
		if s.queue != queue || s.at.Before(from) || !s.at.Before(to) {
			continue
		}
		c.Offered++
		c.LongestWait = max(c.LongestWait, s.waited)
		if s.why == queues.LeftHandled {
			c.Handled++
			c.WaitHandled += s.waited
			if s.waited <= 20 {
				c.HandledInTime++
			}
			continue
		}
		c.Abandoned++
		if s.waited < 5 {
			c.AbandonedShort++
		}
		if s.waited <= 20 {
			c.AbandonedInTime++
		}
	}
	return liveCounts(c)
}

// Whatever happens: the wall board, the report of the same period and a recount of the history say the same.
func TestLiveEqualsReport(t *testing.T) {
	w := newWorld(t)
	w.zone = "America/Santiago"
	zone := load(t, w.zone)
	approx := cmpopts.EquateApprox(0, 1e-6)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w.tenant = storagetest.Tenant(t, w.db, "t"+uuid.NewString())
		var in []uuid.UUID
		for _, name := range []string{"Sales", "Support"} {
			q, err := w.cfg.Queues.CreateQueue(t.Context(), w.tenant, queues.NewQueue{Name: name})
			if err != nil {
				rt.Fatal(err)
			}
			in = append(in, q.ID)
		}
		agents := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
		// Around midnight, and on the day that has none.
		start := rapid.SampledFrom([]time.Time{time.Date(2026, 6, 3, 21, 7, 0, 0, zone), time.Date(2026, 9, 5, 22, 31, 0, 0, zone), time.Date(2026, 4, 4, 23, 2, 0, 0, zone)}).Draw(rt, "start")
		h := newHistory(start.UTC())
		ended := random(rt, h, in, agents)
		w.now = h.now.Add(time.Millisecond)
		w.keep(t, h.log, rapid.SampledFrom([]int{1, 7, 200}).Draw(rt, "batch"))
		live, err := w.Live(t.Context(), w.tenant, nil)
		if err != nil {
			rt.Fatal(err)
		}
		day := live.Since.In(zone)
		if y, m, d := w.now.In(zone).Date(); day.Day() != d || day.Month() != m || day.Year() != y || w.now.Sub(day) > 25*time.Hour {
			rt.Fatalf("today begins %v, now is %v", day, w.now.In(zone))
		}
		report, err := w.QueueReport(t.Context(), w.tenant, Question{From: day.Format(time.RFC3339), To: w.now.Add(quarter).Format(time.RFC3339), Interval: Total})
		if err != nil {
			rt.Fatal(err)
		}
		of := map[uuid.UUID]QueueCounts{}
		for _, r := range report.Items {
			of[r.Queue] = r.QueueCounts
		}
		for _, q := range live.Queues {
			if d := cmp.Diff(liveCounts(of[q.Queue]), q.Today, approx); d != "" {
				rt.Errorf("today is not what the report says: %s", d)
			}
			for _, row := range []struct {
				name string
				got  LiveCounts
				from time.Time
			}{
				{"today", q.Today, day},
				{"15 minutes", q.Last15, w.now.Add(-15 * time.Minute)},
				{"30 minutes", q.Last30, w.now.Add(-30 * time.Minute)},
				{"60 minutes", q.Last60, w.now.Add(-60 * time.Minute)},
			} {
				if d := cmp.Diff(recount(ended, q.Queue, row.from, w.now), row.got, approx); d != "" {
					rt.Errorf("%s: %s", row.name, d)
				}
			}
			c := of[q.Queue]
			if c.Offered != c.Handled+c.Abandoned+c.MovedOn || c.Abandoned != c.AbandonedInQueue+c.AbandonedRinging+c.AbandonedConnecting {
				rt.Errorf("the counts do not add up: %+v", c)
			}
		}
		w.checkAgents(t, rt, h, agents)
	})
	if n < 5 {
		t.Errorf("%d histories", n)
	}
}

// checkAgents compares the agents' report with the times between the presences of the history.
func (w *world) checkAgents(t *testing.T, rt *rapid.T, h *history, agents []uuid.UUID) {
	want := map[uuid.UUID]float64{}
	since := map[uuid.UUID]time.Time{}
	for _, e := range h.log {
		if e.Type != "agent.presence" {
			continue
		}
		hd, err := read(e)
		if err != nil {
			rt.Fatal(err)
		}
		c := hd.data.(*queues.PresenceChanged)
		if at, ok := since[c.Agent]; ok {
			want[c.Agent] += e.At.Sub(at).Seconds()
		}
		delete(since, c.Agent)
		if c.Presence != queues.Offline {
			since[c.Agent] = e.At
		}
	}
	for a, at := range since {
		want[a] += w.now.Sub(at).Seconds()
	}
	r, err := w.AgentReport(t.Context(), w.tenant, Question{From: "2026-01-01", To: "2027-01-01", Interval: Day})
	if err != nil {
		rt.Fatal(err)
	}
	got := map[uuid.UUID]float64{}
	for _, row := range r.Items {
		got[row.Agent] += row.Login
		reasons := 0.0
		for _, x := range row.Reasons {
			reasons += x.Seconds
		}
		if d := reasons - row.Login; d > 1e-6 || d < -1e-6 {
			rt.Errorf("reasons add up to %v, log-in is %v", reasons, row.Login)
		}
		if row.Ready+row.Handling+row.Away+row.Busy < row.Login-1e-6 && row.Barred == 0 {
			rt.Errorf("time is missing: %+v", row.AgentCounts)
		}
	}
	for _, a := range agents {
		if d := got[a] - want[a]; d > 1e-3 || d < -1e-3 {
			rt.Errorf("logged in for %v s, the history says %v", got[a], want[a])
		}
	}
}
