package queues

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/google/uuid"
)

// picture is what a dispatcher knows of its shard: enough to decide without asking the database. It is loaded whole, kept up by the rows
// that changed, and owned by the dispatcher's goroutine. After decide(∞) no lane has both a waiting item and an eligible agent.
type picture struct {
	now    time.Time // of the last look at the database; what an item has waited counts up to it
	queues map[uuid.UUID]*pqueue
	agents map[uuid.UUID]*pagent
	items  map[uuid.UUID]*pitem
	groups map[uuid.UUID]bool // whether the group's agents answer by themselves
	ready  readyHeap          // lanes with both
	due    dueHeap            // items whose eligible agents, or whose priority, change with the time
	moved  []*lane            // lanes that may have come to wait for somebody
}

// pqueue is a leaf queue.
type pqueue struct {
	id      uuid.UUID
	tenant  uuid.UUID
	rule    routingRule
	ringFor time.Duration
	members map[uuid.UUID]*member
	listed  []*member
	stages  []time.Duration // waits after which items pass into another lane
	lanes   map[laneKey]*lane
	passes  []float64 // of the groups of rule.shares: how far each has come in its share
	virtual float64   // how far the one that was served last had come
}

// member is an agent in a queue.
type member struct {
	agent    *pagent
	position int
	priority int
	delay    time.Duration
	pool     int // which of the queue's shares the agent counts for
}

type pagent struct {
	agentRow
	skills map[uuid.UUID]int
	groups []uuid.UUID
	work   *tally
	seats  []*seat
}

// agentRow is what the dispatcher reads of an agent.
type agentRow struct {
	id, tenant   uuid.UUID
	name, device string
	always       bool
	presence     Presence
	leaving      bool // has chosen not to be available next
	barred       State
	capacity     int
	used         int
	idleSince    time.Time
	offeredAt    time.Time
	autoAnswer   *bool
	ringFor      time.Duration // 0: as long as the queue says
	archived     bool
	version      uint64 // the transaction that changed the row last
}

type pitem struct {
	itemRow
	lane  *lane // nil when it does not wait
	pos   int
	stage int
	next  int // in due, -1 when nothing changes with the time any more
	dueAt time.Time
	told  uint32
}

// itemRow is what the dispatcher reads of an item.
type itemRow struct {
	id, tenant, queue uuid.UUID
	kind              Kind
	need              need
	priority          int
	enqueuedAt        time.Time
	node              uuid.UUID
	preferred         uuid.UUID
	skills            string // JSON, by which items are told apart
	asks              []SkillNeed
	waiting           bool
	version           uint64
}

func newPicture() *picture {
	return &picture{
		queues: make(map[uuid.UUID]*pqueue), agents: make(map[uuid.UUID]*pagent), items: make(map[uuid.UUID]*pitem), groups: make(map[uuid.UUID]bool),
	}
}

func (p *picture) addQueue(id, tenant uuid.UUID, rule routingRule, ringFor time.Duration) *pqueue {
	q := &pqueue{
		id: id, tenant: tenant, rule: rule, ringFor: ringFor, members: make(map[uuid.UUID]*member), lanes: make(map[laneKey]*lane),
		passes: make([]float64, len(rule.shares)), stages: rule.stages(nil),
	}
	p.queues[id] = q
	return q
}

// seatAgent makes an agent serve a queue that has no lanes yet. Skills and groups must be known by now.
func (p *picture) seatAgent(queue, agent uuid.UUID, m member) {
	q, a := p.queues[queue], p.agents[agent]
	if q == nil || a == nil {
		return
	}
	m.agent = a
	m.pool = slices.IndexFunc(q.rule.shares, func(s Share) bool { return slices.Contains(a.groups, s.Group) })
	if m.pool < 0 {
		m.pool = len(q.rule.shares)
	}
	q.members[agent] = &m
	q.listed = append(q.listed, &m)
	if m.delay > 0 {
		delays := make([]time.Duration, 0, len(q.listed))
		for _, m := range q.listed {
			delays = append(delays, m.delay)
		}
		q.stages = q.rule.stages(delays)
	}
}

// setSkill, setGroup and setPass are for a picture that is being loaded.
func (p *picture) setSkill(agent, skill uuid.UUID, level int) {
	if a := p.agents[agent]; a != nil {
		if a.skills == nil {
			a.skills = make(map[uuid.UUID]int)
		}
		a.skills[skill] = level
	}
}

func (p *picture) setGroup(agent, group uuid.UUID, autoAnswer bool) {
	p.groups[group] = autoAnswer
	if a := p.agents[agent]; a != nil {
		a.groups = append(a.groups, group)
	}
}

func (p *picture) setPass(queue, group uuid.UUID, pass float64) {
	q := p.queues[queue]
	if q == nil {
		return
	}
	for i, s := range q.rule.shares {
		if s.Group == group {
			q.passes[i] = pass
			// Whoever was served last had come one item less far than the furthest.
			q.virtual = max(q.virtual, pass-1/float64(s.Percent))
		}
	}
}

// setAgent takes over an agent's row.
func (p *picture) setAgent(r agentRow) {
	a := p.agents[r.id]
	if a == nil {
		a = &pagent{work: &tally{}}
		p.agents[r.id] = a
	}
	a.agentRow = r
	p.reseat(a)
}

// setItem takes over an item's row.
func (p *picture) setItem(r itemRow) {
	it := p.items[r.id]
	q := p.queues[r.queue]
	waits := r.waiting && r.node != uuid.Nil && q != nil
	if it == nil {
		if !waits {
			return
		}
		it = &pitem{next: -1}
		p.items[r.id] = it
	}
	p.unqueue(it)
	it.itemRow = r
	if !waits {
		delete(p.items, r.id)
		return
	}
	p.place(it, q)
}

// place puts an item into the lane for what it has waited, and notes when it is due for the next.
func (p *picture) place(it *pitem, q *pqueue) {
	it.stage = q.stageAt(p.now.Sub(it.enqueuedAt))
	if it.stage < len(q.stages) {
		it.dueAt = it.enqueuedAt.Add(q.stages[it.stage])
		heap.Push(&p.due, it)
	}
	l := p.lane(q, it)
	it.lane = l
	heap.Push(&l.waiting, it)
	if it.told == 0 {
		l.fresh = append(l.fresh, it)
	}
	p.settle(l)
}

func (p *picture) unqueue(it *pitem) {
	if it.next >= 0 {
		heap.Remove(&p.due, it.next)
	}
	l := it.lane
	if l == nil {
		return
	}
	heap.Remove(&l.waiting, it.pos)
	it.lane = nil
	p.settle(l)
	if len(l.waiting.items) == 0 && l.key.special() {
		l.dissolve()
	}
}

// mostAdvanced is how many items one look moves on: many that came together must not hold up a decision.
const mostAdvanced = 256

// advance lets the time pass: items go on to the lanes where they belong by now, the rest of them with the next look.
func (p *picture) advance(now time.Time) {
	if now.After(p.now) {
		p.now = now
	}
	for n := 0; n < mostAdvanced && len(p.due) > 0 && !p.due[0].dueAt.After(p.now); n++ {
		it := p.due[0]
		q := it.lane.queue
		p.unqueue(it)
		p.place(it, q)
	}
}

// dueIn says how long it is until the time alone changes something.
func (p *picture) dueIn() (time.Duration, bool) {
	if len(p.due) == 0 {
		return 0, false
	}
	return max(0, p.due[0].dueAt.Sub(p.now)), true
}

// stageAt is how many of a queue's stages an item has behind it that has waited so long.
func (q *pqueue) stageAt(waited time.Duration) int {
	n, exact := slices.BinarySearch(q.stages, waited)
	if exact {
		n++
	}
	return n
}

// began is the wait at which a stage begins.
func (q *pqueue) began(stage int) time.Duration {
	if stage == 0 {
		return 0
	}
	return q.stages[stage-1]
}

// before is the order among items (Q3.3) at an instant: priority, with what ageing adds, then enqueue time. Items of one lane keep their
// order as time passes.
func (it *pitem) before(o *pitem, now time.Time) bool {
	return cmp.Or(cmp.Compare(o.standing(now), it.standing(now)), it.enqueuedAt.Compare(o.enqueuedAt), bytes.Compare(it.id[:], o.id[:])) < 0
}

// standing goes by the stage that the item's lane is for: it is moved when the next is due.
func (it *pitem) standing(now time.Time) int64 {
	a := it.lane.queue.rule.ageing
	waited := now.Sub(it.enqueuedAt)
	if a.Curve == AgeingSteps {
		waited = it.lane.queue.began(it.lane.key.stage)
	}
	return a.standing(it.priority, waited)
}

// match is one decision: this agent for this item.
type match struct {
	offer      uuid.UUID
	item       itemRow
	agent      agentRow
	queue      *pqueue
	pool       int // the share that was served, -1 for none
	weight     int
	autoAnswer bool
	decision   Decision
}

// ringFor is how long the agent's device rings: as the agent says, else as the queue does.
func (m *match) ringFor() time.Duration { return cmp.Or(m.agent.ringFor, m.queue.ringFor) }

// decide matches the first item of all lanes with the agent whom its queue's algorithm puts first, or with all of them, again and again,
// until there are most matches. The picture then shows the agents as taken.
func (p *picture) decide(most int) []match {
	heap.Init(&p.ready) // ageing moves queues past each other
	var ms []match
	for len(ms) < most && len(p.ready) > 0 {
		l, takers := p.next()
		if l == nil {
			break
		}
		it := l.first()
		first := len(ms)
		for _, st := range takers {
			ms = append(ms, match{
				item: it.itemRow, agent: st.agent.agentRow, queue: l.queue, pool: l.queue.serve(st), weight: l.key.of(st.agent),
				autoAnswer: p.answersItself(l.queue, st.agent), decision: l.explain(it, st, len(takers)),
			})
		}
		p.unqueue(it)
		delete(p.items, it.id)
		for i, st := range takers {
			st.agent.used += ms[first+i].weight
			st.agent.offeredAt = p.now
			p.reseat(st.agent)
		}
	}
	return ms
}

// next is the first lane, by the order of its first item, whose agents do not rather serve another, and who takes that item.
func (p *picture) next() (*lane, []*seat) {
	var passed []*lane
	defer func() {
		for _, l := range passed {
			heap.Push(&p.ready, l)
		}
	}()
	for len(p.ready) > 0 {
		l := p.ready[0]
		if takers := l.takers(); len(takers) > 0 {
			return l, takers
		}
		heap.Pop(&p.ready)
		passed = append(passed, l)
	}
	return nil, nil
}

// serve counts an item for the share of the agent who gets it.
func (q *pqueue) serve(st *seat) int {
	if q.rule.algorithm != Percentage || st.member.pool >= len(q.passes) {
		return -1
	}
	at := max(q.passes[st.member.pool], q.virtual)
	q.virtual = at
	q.passes[st.member.pool] = at + 1/float64(q.rule.shares[st.member.pool].Percent)
	return st.member.pool
}

// answersItself says whether the agent's device answers by itself (V2.6): as the agent is set, else one of their groups, else the queue.
func (p *picture) answersItself(q *pqueue, a *pagent) bool {
	if a.autoAnswer != nil {
		return *a.autoAnswer
	}
	return q.rule.autoAnswer || slices.ContainsFunc(a.groups, func(g uuid.UUID) bool { return p.groups[g] })
}

// dueHeap orders items by when the time alone changes who may get them.
type dueHeap []*pitem

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].dueAt.Before(h[j].dueAt) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].next, h[j].next = i, j }
func (h *dueHeap) Push(x any)        { it := x.(*pitem); it.next = len(*h); *h = append(*h, it) }
func (h *dueHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1], *h, it.next = nil, old[:len(old)-1], -1
	return it
}
