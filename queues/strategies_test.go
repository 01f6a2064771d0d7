package queues

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// crew is a picture with one queue, of agents named by letters in the order of their list.
type crew struct {
	*testing.T
	p *picture
	q *pqueue
	n int
}

// hand is what a test says of an agent.
type hand struct {
	idle, offered time.Duration // since the epoch
	n             int           // interactions
	talk          time.Duration
	position      int
	skills        map[uuid.UUID]int
	groups        []uuid.UUID
	member        member
	auto          *bool
	leaving       bool
}

func newCrew(t *testing.T, rule routingRule, hands ...hand) *crew {
	c := &crew{T: t, p: newPicture()}
	c.p.now = epoch.Add(time.Hour)
	c.q = c.p.addQueue(id('q', 0), uuid.Nil, rule, time.Second)
	for i, h := range hands {
		c.p.setAgent(agentRow{
			id: id('a', i), name: name(i), presence: Available, capacity: 100, idleSince: epoch.Add(h.idle), offeredAt: epoch.Add(h.offered), autoAnswer: h.auto, leaving: h.leaving,
		})
		a := c.p.agents[id('a', i)]
		a.work, a.groups = &tally{n: h.n, talk: h.talk}, h.groups
		for skill, level := range h.skills {
			c.p.setSkill(a.id, skill, level)
		}
		h.member.position = h.position
		c.p.seatAgent(c.q.id, a.id, h.member)
	}
	return c
}

func name(i int) string { return string(rune('A' + i)) }

// put lets an item wait that came so long ago.
func (c *crew) put(waited time.Duration, change ...func(*itemRow)) uuid.UUID {
	c.n++
	r := itemRow{id: id('i', c.n), queue: c.q.id, need: need{weight: 100}, enqueuedAt: c.p.now.Add(-waited), node: someNode, waiting: true}
	for _, f := range change {
		f(&r)
	}
	c.p.setItem(r)
	return r.id
}

// order is who gets one item after another when nobody comes back.
func (c *crew) order() (who string) {
	for _, m := range c.p.decide(1000) {
		who += m.agent.name
	}
	return who
}

func (c *crew) want(got, want string) {
	c.Helper()
	if got != want {
		c.Errorf("%q, want %q", got, want)
	}
}

var (
	german, french = id('s', 1), id('s', 2)
	north, south   = id('g', 1), id('g', 2)
)

func TestAlgorithms(t *testing.T) {
	sec := time.Second
	asks := SkillRule{Match: MatchAll, Required: []SkillNeed{{german, 3}}}
	for _, c := range []struct {
		name  string
		rule  routingRule
		hands []hand
		want  string
	}{
		{"longest idle", routingRule{algorithm: LongestIdle}, []hand{{idle: 3 * sec}, {idle: 1 * sec}, {idle: 2 * sec}}, "BCA"},
		{"longest idle, equal: by id", routingRule{algorithm: LongestIdle}, []hand{{}, {}, {}}, "ABC"},
		{"round robin", routingRule{algorithm: RoundRobin}, []hand{{offered: 2 * sec}, {offered: 3 * sec}, {offered: 1 * sec, idle: 9 * sec}}, "CAB"},
		{"round robin, never offered: by idle time", routingRule{algorithm: RoundRobin}, []hand{{idle: 2 * sec}, {idle: 1 * sec}}, "BA"},
		{"fewest interactions", routingRule{algorithm: FewestInteractions}, []hand{{n: 2}, {n: 0, idle: 5 * sec}, {n: 0, idle: 1 * sec}}, "CBA"},
		{"least talk", routingRule{algorithm: LeastTalk}, []hand{{talk: 2 * sec}, {talk: 3 * sec}, {talk: 1 * sec, n: 50}}, "CAB"},
		{"ordered list", routingRule{algorithm: OrderedList}, []hand{{position: 1}, {position: 2}, {position: 0, idle: 9 * sec}}, "CAB"},
		{
			"skills, all: only who has them, the best first",
			routingRule{algorithm: BySkills, skills: asks},
			[]hand{{skills: map[uuid.UUID]int{german: 3}}, {skills: map[uuid.UUID]int{german: 2}}, {skills: map[uuid.UUID]int{german: 5}}, {}},
			"CA",
		},
		{
			"skills, best: everybody, the best first",
			routingRule{algorithm: BySkills, skills: SkillRule{Match: MatchBest, Required: []SkillNeed{{german, 3}, {french, 2}}}},
			[]hand{{skills: map[uuid.UUID]int{german: 5}}, {}, {skills: map[uuid.UUID]int{german: 3, french: 2}}, {skills: map[uuid.UUID]int{french: 3}}},
			"CADB",
		},
		{
			"skills, equal: by idle time",
			routingRule{algorithm: BySkills, skills: asks},
			[]hand{{skills: map[uuid.UUID]int{german: 4}, idle: 2 * sec}, {skills: map[uuid.UUID]int{german: 4}, idle: 1 * sec}},
			"BA",
		},
		{
			"percentage",
			routingRule{algorithm: Percentage, shares: []Share{{north, 75}, {south, 25}}},
			[]hand{{groups: []uuid.UUID{south}}, {groups: []uuid.UUID{north}}, {groups: []uuid.UUID{north}, idle: sec}, {groups: []uuid.UUID{north}, idle: 2 * sec}, {groups: []uuid.UUID{south}, idle: sec}, {}},
			"BACDEF",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			crew := newCrew(t, c.rule, c.hands...)
			for range c.hands {
				crew.put(0)
			}
			crew.want(crew.order(), c.want)
		})
	}
}

// The shares hold over time, and a group that was away does not get all that it missed.
func TestSharesHold(t *testing.T) {
	rule := routingRule{algorithm: Percentage, shares: []Share{{north, 70}, {south, 30}}}
	c := newCrew(t, rule, hand{groups: []uuid.UUID{north}}, hand{groups: []uuid.UUID{south}})
	serve := func(n int) (got [2]int) {
		for range n {
			c.put(0)
			for _, m := range c.p.decide(10) {
				got[m.pool]++
				a := c.p.agents[m.agent.id].agentRow
				a.used = 0
				c.p.setAgent(a)
			}
		}
		return got
	}
	if got := serve(1000); got[0] < 698 || got[0] > 702 || got[0]+got[1] != 1000 {
		t.Errorf("of 1000: %v, want 700 and 300", got)
	}
	away := c.p.agents[id('a', 0)].agentRow
	away.presence = Away
	c.p.setAgent(away)
	if got := serve(500); got != [2]int{0, 500} {
		t.Errorf("while the first group is away: %v", got)
	}
	away.presence = Available
	c.p.setAgent(away)
	if got := serve(100); got[0] < 68 || got[0] > 72 {
		t.Errorf("once it is back: %v, want 70 and 30", got)
	}
	// Another dispatcher goes on where this one stopped.
	again := newCrew(t, rule, hand{groups: []uuid.UUID{north}}, hand{groups: []uuid.UUID{south}})
	for i, s := range rule.shares {
		again.p.setPass(again.q.id, s.Group, c.q.passes[i])
	}
	c = again
	if got := serve(100); got[0] < 68 || got[0] > 72 {
		t.Errorf("after a hand-over: %v, want 70 and 30", got)
	}
}

func TestRings(t *testing.T) {
	rule := routingRule{algorithm: BySkills, skills: SkillRule{Match: MatchAll, Required: []SkillNeed{{german, 4}}}, rings: []Ring{
		{Groups: []uuid.UUID{north}}, {AfterSeconds: 20, Groups: []uuid.UUID{south}}, {AfterSeconds: 40, LowerSkills: 2}, {AfterSeconds: 60, Everybody: true, LowerSkills: 5},
	}}
	can := func(level int, groups ...uuid.UUID) hand {
		return hand{skills: map[uuid.UUID]int{german: level}, groups: groups}
	}
	for _, c := range []struct {
		waited int
		want   string
	}{{0, "A"}, {19, "A"}, {20, "AB"}, {39, "AB"}, {40, "ABC"}, {59, "ABC"}, {60, "ABCD"}} {
		t.Run(fmt.Sprint(c.waited), func(t *testing.T) {
			crew := newCrew(t, rule, can(5, north), can(4, south), can(2, north), can(0))
			for range 4 {
				crew.put(time.Duration(c.waited) * time.Second)
			}
			crew.want(crew.order(), c.want)
		})
	}
	// The same, while the time passes.
	crew := newCrew(t, rule, can(2, south), can(4, south))
	crew.put(0)
	for _, c := range []struct {
		after int
		want  string
	}{{0, ""}, {19, ""}, {1, "B"}} {
		crew.p.advance(crew.p.now.Add(time.Duration(c.after) * time.Second))
		crew.want(crew.order(), c.want)
	}
	crew.put(0)
	in, ok := crew.p.dueIn()
	if !ok || in != 20*time.Second {
		t.Errorf("due in %v %v, want 20 s", in, ok)
	}
	crew.p.advance(crew.p.now.Add(time.Hour)) // past all rings at once
	crew.want(crew.order(), "A")
}

func TestOwnDelayAndPriority(t *testing.T) {
	crew := newCrew(t, routingRule{algorithm: LongestIdle}, hand{member: member{delay: 30 * time.Second}}, hand{idle: time.Second, member: member{delay: 10 * time.Second}})
	crew.put(0)
	crew.put(0)
	for _, c := range []struct {
		after int
		want  string
	}{{0, ""}, {9, ""}, {1, "B"}, {19, ""}, {1, "A"}} {
		crew.p.advance(crew.p.now.Add(time.Duration(c.after) * time.Second))
		crew.want(crew.order(), c.want)
	}

	// Two queues: the agent's own priority goes before the items', and an agent without any takes what is first.
	for _, own := range []int{0, 1} {
		crew := newCrew(t, routingRule{algorithm: LongestIdle}, hand{})
		other := crew.p.addQueue(id('q', 1), uuid.Nil, routingRule{algorithm: LongestIdle}, time.Second)
		crew.p.seatAgent(other.id, id('a', 0), member{priority: own})
		first := crew.put(time.Minute, func(r *itemRow) { r.priority = 5 })
		second := crew.put(0, func(r *itemRow) { r.queue = other.id })
		want := first
		if own > 0 {
			want = second
		}
		if ms := crew.p.decide(10); len(ms) != 1 || ms[0].item.id != want {
			t.Errorf("own priority %d: %+v", own, ms)
		}
	}
	// Somebody who rather serves another queue does not hold up what others can take.
	crew = newCrew(t, routingRule{algorithm: LongestIdle}, hand{}, hand{idle: time.Hour})
	other := crew.p.addQueue(id('q', 1), uuid.Nil, routingRule{algorithm: LongestIdle}, time.Second)
	crew.p.seatAgent(other.id, id('a', 0), member{priority: 1})
	first := crew.put(time.Minute)
	second := crew.put(0, func(r *itemRow) { r.queue = other.id })
	got := make(map[uuid.UUID]string)
	for _, m := range crew.p.decide(10) {
		got[m.item.id] = m.agent.name
	}
	if got[first] != "B" || got[second] != "A" {
		t.Errorf("%v", got)
	}
}

func TestPreferredAgentFirst(t *testing.T) {
	rule := routingRule{algorithm: LongestIdle, preferred: 30 * time.Second}
	for _, c := range []struct {
		name      string
		preferred uuid.UUID
		busy      bool
		after     time.Duration
		want      string
	}{
		{"free", id('a', 1), false, 0, "B"},
		{"busy, at first", id('a', 1), true, 29 * time.Second, ""},
		{"busy, then others", id('a', 1), true, 30 * time.Second, "A"},
		{"nobody preferred", uuid.Nil, false, 0, "A"},
		{"does not serve the queue", id('a', 9), false, 0, "A"},
	} {
		t.Run(c.name, func(t *testing.T) {
			crew := newCrew(t, rule, hand{}, hand{idle: time.Second})
			if c.busy {
				b := crew.p.agents[id('a', 1)].agentRow
				b.used = 100
				crew.p.setAgent(b)
			}
			crew.put(0, func(r *itemRow) { r.preferred = c.preferred })
			crew.p.advance(crew.p.now.Add(c.after))
			crew.want(crew.order(), c.want)
			if n := len(crew.q.lanes); n > 2 {
				t.Errorf("%d lanes are left", n)
			}
		})
	}
}

func TestItemAsksForSkills(t *testing.T) {
	crew := newCrew(t, routingRule{algorithm: BySkills, skills: SkillRule{Match: MatchAll}}, hand{}, hand{idle: time.Hour, skills: map[uuid.UUID]int{french: 2}})
	body := fmt.Sprintf(`{"%s": 2}`, french)
	needs, err := readNeeds(body)
	if err != nil {
		t.Fatal(err)
	}
	crew.put(0, func(r *itemRow) { r.skills, r.asks = body, needs })
	crew.want(crew.order(), "B")
	if n := len(crew.q.lanes); n != 0 {
		t.Errorf("%d lanes are left", n)
	}
}

func TestAgeing(t *testing.T) {
	for _, c := range []struct {
		name   string
		ageing Ageing
		at     time.Duration // when somebody comes free
		want   int           // which item is first: the urgent one that came later, or the old one
	}{
		{"none", Ageing{Curve: AgeingNone}, time.Hour, 2},
		{"linear, not yet", Ageing{Curve: AgeingLinear, PerMinute: 1}, time.Minute, 2},
		{"linear", Ageing{Curve: AgeingLinear, PerMinute: 3}, 0, 1}, // both grow alike: what counts is who came 2 min earlier
		{"steps, not yet", Ageing{Curve: AgeingSteps, Steps: []AgeingStep{{180, 4}, {190, 2}}}, 59 * time.Second, 2},
		{"steps", Ageing{Curve: AgeingSteps, Steps: []AgeingStep{{180, 4}, {190, 2}}}, 70 * time.Second, 1},
		{"steps, both", Ageing{Curve: AgeingSteps, Steps: []AgeingStep{{180, 4}, {190, 2}}}, time.Hour, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			crew := newCrew(t, routingRule{algorithm: LongestIdle, ageing: c.ageing}, hand{})
			a := crew.p.agents[id('a', 0)].agentRow
			a.used = 100
			crew.p.setAgent(a)
			crew.put(2 * time.Minute)
			crew.put(0, func(r *itemRow) { r.priority = 5 })
			crew.p.advance(crew.p.now.Add(c.at))
			a.used = 0
			crew.p.setAgent(a)
			if ms := crew.p.decide(10); len(ms) != 1 || ms[0].item.id != id('i', c.want) {
				t.Errorf("%+v, want item %d", ms, c.want)
			}
		})
	}
	// Against another queue, which does not age, it is the growth by then that counts.
	crew := newCrew(t, routingRule{algorithm: LongestIdle, ageing: Ageing{Curve: AgeingLinear, PerMinute: 1}}, hand{})
	crew.p.addQueue(id('q', 1), uuid.Nil, routingRule{algorithm: LongestIdle}, time.Second)
	crew.p.seatAgent(id('q', 1), id('a', 0), member{})
	a := crew.p.agents[id('a', 0)].agentRow
	ages := crew.put(0)
	stays := crew.put(0, func(r *itemRow) { r.queue, r.priority = id('q', 1), 5 })
	for _, step := range []struct {
		after time.Duration
		want  uuid.UUID
	}{{4 * time.Minute, stays}, {6 * time.Minute, ages}} {
		crew.p.advance(epoch.Add(time.Hour + step.after))
		crew.p.setAgent(a)
		ms := crew.p.decide(1)
		if len(ms) != 1 || ms[0].item.id != step.want {
			t.Fatalf("after %v: %+v", step.after, ms)
		}
		if step.want == stays { // it comes back, and competes again
			r := ms[0].item
			r.waiting = true
			crew.p.setItem(r)
			a.used = 0
		}
	}
}

func TestAllAtOnce(t *testing.T) {
	crew := newCrew(t, routingRule{algorithm: OrderedList, mode: OfferAll}, hand{position: 2}, hand{position: 1}, hand{leaving: true})
	crew.put(time.Second)
	crew.put(0)
	ms := crew.p.decide(1)
	if len(ms) != 2 || ms[0].item.id != ms[1].item.id || ms[0].agent.name != "B" || ms[1].agent.name != "A" {
		t.Fatalf("%+v", ms)
	}
	d := ms[0].decision
	if d.AtOnce != 2 || d.Others["also_offered"] != 1 || d.Others["leaving"] != 1 || len(d.First) != 2 || d.First[0].Reason != "also_offered" {
		t.Errorf("%+v", d)
	}
	if more := crew.p.decide(10); len(more) != 0 {
		t.Errorf("the next item goes to %+v while both ring", more)
	}
}

func TestWhoAnswersByThemselves(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		queue, group bool
		agent        *bool
		want         bool
	}{{false, false, nil, false}, {true, false, nil, true}, {false, true, nil, true}, {true, true, &no, false}, {false, false, &yes, true}} {
		crew := newCrew(t, routingRule{algorithm: LongestIdle, autoAnswer: c.queue}, hand{groups: []uuid.UUID{north}, auto: c.agent})
		crew.p.groups[north] = c.group
		crew.put(0)
		if ms := crew.p.decide(1); len(ms) != 1 || ms[0].autoAnswer != c.want {
			t.Errorf("%+v: %+v", c, ms)
		}
	}
}

// An item that nobody can take is explained once, and again only when the reasons are others.
func TestNobody(t *testing.T) {
	crew := newCrew(t, routingRule{algorithm: LongestIdle}, hand{}, hand{})
	set := func(n int, p Presence) {
		a := crew.p.agents[id('a', n)].agentRow
		a.presence = p
		crew.p.setAgent(a)
	}
	look := func(want ...string) {
		t.Helper()
		crew.p.decide(10)
		var got []string
		for _, d := range crew.p.nobody(100) {
			got = append(got, fmt.Sprint(d.decision.Item[15], d.decision.Others))
			if !d.decision.Nobody || d.decision.Agent != uuid.Nil {
				t.Errorf("%+v", d.decision)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	set(0, Away)
	set(1, Away)
	crew.put(2 * time.Second)
	crew.put(time.Second)
	look("1 map[away:2]", "2 map[away:2]")
	look()
	set(0, Busy) // the first one's reasons are others; the second one waits behind it
	look("1 map[away:1 busy:1]")
	set(1, Busy)
	set(1, Away)
	look()
	crew.put(0)
	look("3 map[away:1 busy:1]")
	set(0, Available)
	look("2 map[away:1 no_capacity:1]")

	// A new picture of the same dispatcher repeats nothing.
	next := newCrew(t, crew.q.rule, hand{}, hand{})
	for _, it := range crew.p.items {
		next.p.setItem(it.itemRow)
	}
	next.p.remember(crew.p)
	crew = next
	a := crew.p.agents[id('a', 0)].agentRow
	a.used = 100
	crew.p.setAgent(a)
	set(1, Away)
	look()
}

func TestLedgerSlides(t *testing.T) {
	l := newLedger()
	for n := range 3 {
		l.put(entry{offer: id('o', n), agent: id('a', 0), began: epoch.Add(time.Duration(n) * time.Hour)})
	}
	l.put(entry{offer: id('o', 0), agent: id('a', 0), began: epoch, talk: time.Minute})
	l.put(entry{offer: id('o', 0), agent: id('a', 0), began: epoch, talk: 2 * time.Minute}) // seen again
	if got := *l.of(id('a', 0)); got != (tally{3, 2 * time.Minute}) {
		t.Errorf("%+v", got)
	}
	if _, ok := l.forget(epoch.Add(24*time.Hour - time.Second)); ok {
		t.Error("forgotten too early")
	}
	for {
		if _, ok := l.forget(epoch.Add(25 * time.Hour)); !ok {
			break
		}
	}
	if got := *l.of(id('a', 0)); got != (tally{1, 0}) {
		t.Errorf("after 25 h: %+v", got)
	}
}
