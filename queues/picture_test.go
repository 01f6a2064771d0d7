package queues

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func id(kind byte, n int) uuid.UUID {
	return uuid.UUID{0: kind, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

var someNode = id('n', 1)

// TestDecisionsProperty does random things to a picture and to a plain list of the same facts, and compares each decision with what the
// list says: the first item by priority and time of all that somebody could take, and for it the agent who has idled longest.
func TestDecisionsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPicture()
		queues := rapid.IntRange(1, 4).Draw(t, "queues")
		nAgents := rapid.IntRange(1, 8).Draw(t, "agents")
		serves := make(map[[2]int]bool)
		for q := range queues {
			p.addQueue(id('q', q), uuid.Nil, routingRule{algorithm: LongestIdle}, time.Second)
		}
		agents := make(map[uuid.UUID]agentRow)
		for a := range nAgents {
			r := agentRow{id: id('a', a), presence: Available, capacity: 100, idleSince: epoch.Add(time.Duration(a) * time.Second)}
			agents[r.id] = r
			p.setAgent(r)
			for q := range queues {
				if rapid.Bool().Draw(t, "serves") {
					serves[[2]int{q, a}] = true
					p.seatAgent(id('q', q), r.id, member{})
				}
			}
		}
		items := make(map[uuid.UUID]itemRow)
		clock := 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			clock++
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				n := need{weight: rapid.SampledFrom([]int{100, 25}).Draw(t, "weight")}
				n.exclusive = rapid.IntRange(0, 9).Draw(t, "exclusive") == 0
				r := itemRow{
					id: id('i', rapid.IntRange(0, 30).Draw(t, "item")), queue: id('q', rapid.IntRange(0, queues-1).Draw(t, "queue")), need: n,
					priority: rapid.IntRange(0, 2).Draw(t, "priority"), enqueuedAt: epoch.Add(time.Duration(clock) * time.Second), node: someNode, waiting: true,
				}
				items[r.id] = r
				p.setItem(r)
			case 2:
				r := itemRow{id: id('i', rapid.IntRange(0, 30).Draw(t, "item")), queue: id('q', 0), node: someNode}
				delete(items, r.id)
				p.setItem(r)
			case 3:
				r := agents[id('a', rapid.IntRange(0, nAgents-1).Draw(t, "agent"))]
				r.presence = rapid.SampledFrom([]Presence{Available, Available, Offline, Away, Busy}).Draw(t, "presence")
				r.barred = rapid.SampledFrom([]State{"", "", "", NotResponding, Unreachable}).Draw(t, "barred")
				r.used = rapid.SampledFrom([]int{0, 0, 25, 75, 100}).Draw(t, "used")
				r.idleSince = epoch.Add(time.Duration(clock) * time.Second)
				agents[r.id] = r
				p.setAgent(r)
			case 4:
				for _, m := range p.decide(rapid.IntRange(1, 10).Draw(t, "most")) {
					item, agent := best(items, agents, serves)
					if m.item.id != item || m.agent.id != agent {
						t.Fatalf("decided %s for %s, want %s for %s", m.agent.id, m.item.id, agent, item)
					}
					r := agents[agent]
					r.used += items[item].need.of(&pagent{agentRow: r})
					agents[agent] = r
					delete(items, item)
				}
			}
		}
		p.decide(1000)
		for _, m := range p.decide(1000) {
			t.Fatalf("a second look finds %+v", m)
		}
	})
}

// best is the specification: quadratic and plain.
func best(items map[uuid.UUID]itemRow, agents map[uuid.UUID]agentRow, serves map[[2]int]bool) (item, agent uuid.UUID) {
	order := make([]itemRow, 0, len(items))
	for _, it := range items {
		order = append(order, it)
	}
	slices.SortFunc(order, func(x, y itemRow) int {
		return cmp.Or(cmp.Compare(y.priority, x.priority), x.enqueuedAt.Compare(y.enqueuedAt), bytes.Compare(x.id[:], y.id[:]))
	})
	for _, it := range order {
		var chosen *agentRow
		for _, a := range agents {
			want := it.need.weight
			if it.need.exclusive {
				want = a.capacity
			}
			if !serves[[2]int{int(it.queue[15]), int(a.id[15])}] || a.presence != Available || a.barred != "" || a.used+want > a.capacity {
				continue
			}
			if chosen == nil || a.idleSince.Before(chosen.idleSince) || a.idleSince.Equal(chosen.idleSince) && a.id.String() < chosen.id.String() {
				chosen = &a
			}
		}
		if chosen != nil {
			return it.id, chosen.id
		}
	}
	return uuid.Nil, uuid.Nil
}

func TestDecisionSaysWhy(t *testing.T) {
	p := newPicture()
	p.addQueue(id('q', 0), uuid.Nil, routingRule{algorithm: LongestIdle}, time.Second)
	for a := range 30 {
		r := agentRow{id: id('a', a), name: fmt.Sprint("agent ", a), presence: Available, capacity: 100, idleSince: epoch.Add(time.Duration(a) * time.Minute)}
		switch {
		case a >= 20:
			r.presence = Away
		case a >= 15:
			r.used = 100
		case a >= 13:
			r.barred = NotResponding
		}
		p.setAgent(r)
		p.seatAgent(id('q', 0), r.id, member{})
	}
	p.setItem(itemRow{id: id('i', 1), queue: id('q', 0), need: need{weight: 100}, enqueuedAt: epoch, node: someNode, waiting: true})
	ms := p.decide(10)
	if len(ms) != 1 {
		t.Fatalf("%d decisions", len(ms))
	}
	d := ms[0].decision
	want := map[string]int{"idle_shorter": 12, "not_responding": 2, "no_capacity": 5, "away": 10}
	if d.Agent != id('a', 0) || fmt.Sprint(d.Others) != fmt.Sprint(want) || len(d.First) != firstPassed {
		t.Errorf("%+v", d)
	}
	if d.First[0].Agent != id('a', 1) || d.First[0].Reason != "idle_shorter" {
		t.Errorf("the runner-up is %+v", d.First[0])
	}
}

// BenchmarkDecide has 10,000 items waiting and 5,000 agents in 20 queues; each round one agent comes free and gets the next item, and a
// new one joins.
func BenchmarkDecide(b *testing.B) {
	p, rng := bigPicture(), rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		a := p.agents[id('a', rng.IntN(5000))].agentRow
		a.used, a.idleSince = 0, epoch.Add(time.Duration(n)*time.Millisecond)
		p.setAgent(a)
		ms := p.decide(mostMatches)
		if len(ms) != 1 {
			b.Fatalf("%d decisions", len(ms))
		}
		n++
		p.setItem(itemRow{id: id('j', n), queue: id('q', rng.IntN(20)), need: need{weight: 100}, enqueuedAt: epoch.Add(time.Duration(n) * time.Second), node: someNode, waiting: true})
	}
}

// BenchmarkDecideBurst has all 5,000 agents come free at once; each operation is one decision.
func BenchmarkDecideBurst(b *testing.B) {
	b.ReportAllocs()
	done := 0
	for b.Loop() {
		if done%5000 == 0 {
			b.StopTimer()
			p := bigPicture()
			b.StartTimer()
			for n := range 5000 {
				a := p.agents[id('a', n)].agentRow
				a.used = 0
				p.setAgent(a)
			}
			burst = p
		}
		if ms := burst.decide(1); len(ms) != 1 {
			b.Fatal("nobody left")
		}
		done++
	}
}

var burst *picture

func bigPicture() *picture {
	p := newPicture()
	for q := range 20 {
		p.addQueue(id('q', q), uuid.Nil, routingRule{algorithm: LongestIdle}, 20*time.Second)
	}
	for a := range 5000 {
		p.setAgent(agentRow{id: id('a', a), name: fmt.Sprint("Agent ", a), presence: Available, capacity: 100, used: 100, idleSince: epoch.Add(-time.Duration(a) * time.Second)})
		for q := range 4 {
			p.seatAgent(id('q', (a+q*5)%20), id('a', a), member{})
		}
	}
	for i := range 10_000 {
		p.setItem(itemRow{id: id('i', i), queue: id('q', i%20), need: need{weight: 100}, priority: i % 3, enqueuedAt: epoch.Add(time.Duration(i) * time.Millisecond), node: someNode, waiting: true})
	}
	return p
}
