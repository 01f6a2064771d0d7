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
	queues map[uuid.UUID]*pqueue
	agents map[uuid.UUID]*pagent
	items  map[uuid.UUID]*pitem
	ready  readyHeap // lanes with both
}

// pqueue is a leaf queue.
type pqueue struct {
	id        uuid.UUID
	tenant    uuid.UUID
	algorithm Algorithm
	ringFor   time.Duration
	agents    []*pagent
	lanes     map[need]*lane
}

// need is what an item takes of an agent.
type need struct {
	weight    int
	exclusive bool
}

func (n need) of(a *pagent) int {
	if n.exclusive {
		return max(a.capacity, 1)
	}
	return n.weight
}

// lane is the part of a queue whose items take the same of an agent, so that whoever is eligible for one is for all.
type lane struct {
	queue   *pqueue
	need    need
	waiting itemHeap
	idle    seatHeap
	seats   []*seat
	counts  [reasons]int // of seats
	pos     int          // in ready, -1 when not
}

// seat is an agent in a lane.
type seat struct {
	agent  *pagent
	lane   *lane
	reason reason // why not, eligible when 0
	pos    int    // in the lane's idle heap, -1 when not
}

type pagent struct {
	agentRow
	seats []*seat
}

// agentRow is what the dispatcher reads of an agent.
type agentRow struct {
	id, tenant   uuid.UUID
	name, device string
	always       bool
	presence     Presence
	barred       State
	capacity     int
	used         int
	idleSince    time.Time
	archived     bool
	version      uint64 // the transaction that changed the row last
}

type pitem struct {
	itemRow
	lane *lane // nil when it does not wait
	pos  int
}

// itemRow is what the dispatcher reads of an item.
type itemRow struct {
	id, tenant, queue uuid.UUID
	kind              Kind
	need              need
	priority          int
	enqueuedAt        time.Time
	node              uuid.UUID
	waiting           bool
	version           uint64
}

// reason says why an agent does not get an item.
type reason int

const (
	eligible reason = iota
	rOffline
	rAway
	rBusy
	rNotResponding
	rUnreachable
	rNoCapacity
	reasons
)

var reasonNames = [reasons]string{"idle_shorter", "offline", "away", "busy", "not_responding", "unreachable", "no_capacity"}

func (a *pagent) reasonFor(n need) reason {
	switch {
	case a.barred == NotResponding:
		return rNotResponding
	case a.barred == Unreachable:
		return rUnreachable
	case !a.always && a.presence == Offline:
		return rOffline
	case !a.always && a.presence == Away:
		return rAway
	case !a.always && a.presence == Busy:
		return rBusy
	case a.used+n.of(a) > a.capacity:
		return rNoCapacity
	}
	return eligible
}

// before is the order in which an algorithm takes eligible agents.
func (alg Algorithm) before(x, y *pagent) bool {
	order := 0
	switch alg {
	case LongestIdle:
		order = x.idleSince.Compare(y.idleSince)
	}
	return cmp.Or(order, bytes.Compare(x.id[:], y.id[:])) < 0
}

// before is the order among items (Q3.3): priority, then enqueue time.
func (x *itemRow) before(y *itemRow) bool {
	return cmp.Or(cmp.Compare(y.priority, x.priority), x.enqueuedAt.Compare(y.enqueuedAt), bytes.Compare(x.id[:], y.id[:])) < 0
}

func newPicture() *picture {
	return &picture{queues: make(map[uuid.UUID]*pqueue), agents: make(map[uuid.UUID]*pagent), items: make(map[uuid.UUID]*pitem)}
}

func (p *picture) addQueue(id, tenant uuid.UUID, alg Algorithm, ringFor time.Duration) *pqueue {
	q := &pqueue{id: id, tenant: tenant, algorithm: alg, ringFor: ringFor, lanes: make(map[need]*lane)}
	p.queues[id] = q
	return q
}

// seatAgent makes an agent serve a queue that has no lanes yet.
func (p *picture) seatAgent(queue, agent uuid.UUID) {
	if q, a := p.queues[queue], p.agents[agent]; q != nil && a != nil {
		q.agents = append(q.agents, a)
	}
}

func (p *picture) lane(q *pqueue, n need) *lane {
	l := q.lanes[n]
	if l != nil {
		return l
	}
	l = &lane{queue: q, need: n, pos: -1}
	q.lanes[n] = l
	for _, a := range q.agents {
		st := &seat{agent: a, lane: l, reason: a.reasonFor(n), pos: -1}
		a.seats = append(a.seats, st)
		l.seats = append(l.seats, st)
		l.counts[st.reason]++
		if st.reason == eligible {
			heap.Push(&l.idle, st)
		}
	}
	return l
}

// setAgent takes over an agent's row.
func (p *picture) setAgent(r agentRow) {
	a := p.agents[r.id]
	if a == nil {
		a = &pagent{}
		p.agents[r.id] = a
	}
	a.agentRow = r
	p.reseat(a)
}

// reseat puts an agent right in all lanes after a change.
func (p *picture) reseat(a *pagent) {
	for _, st := range a.seats {
		l, now := st.lane, a.reasonFor(st.lane.need)
		l.counts[st.reason]--
		l.counts[now]++
		st.reason = now
		switch {
		case now == eligible && st.pos < 0:
			heap.Push(&l.idle, st)
		case now == eligible:
			heap.Fix(&l.idle, st.pos)
		case st.pos >= 0:
			heap.Remove(&l.idle, st.pos)
		}
		p.settle(l)
	}
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
		it = &pitem{}
		p.items[r.id] = it
	}
	p.unqueue(it)
	it.itemRow = r
	if !waits {
		delete(p.items, r.id)
		return
	}
	it.lane = p.lane(q, r.need)
	heap.Push(&it.lane.waiting, it)
	p.settle(it.lane)
}

func (p *picture) unqueue(it *pitem) {
	if l := it.lane; l != nil {
		heap.Remove(&l.waiting, it.pos)
		it.lane = nil
		p.settle(l)
	}
}

// settle puts a lane where it belongs among the ready ones.
func (p *picture) settle(l *lane) {
	ready := len(l.waiting) > 0 && len(l.idle) > 0
	switch {
	case ready && l.pos < 0:
		heap.Push(&p.ready, l)
	case ready:
		heap.Fix(&p.ready, l.pos)
	case l.pos >= 0:
		heap.Remove(&p.ready, l.pos)
	}
}

// match is one decision: this agent for this item.
type match struct {
	offer    uuid.UUID
	item     itemRow
	agent    agentRow
	queue    *pqueue
	weight   int
	decision Decision
}

// decide matches the first item of all lanes with the agent whom its queue's algorithm puts first, again and again, at most most times.
// The picture then shows the agents as taken.
func (p *picture) decide(most int) []match {
	var ms []match
	for len(ms) < most && len(p.ready) > 0 {
		l := p.ready[0]
		it, st := l.waiting[0], l.idle[0]
		m := match{item: it.itemRow, agent: st.agent.agentRow, queue: l.queue, weight: l.need.of(st.agent), decision: l.explain(it, st)}
		p.unqueue(it)
		delete(p.items, it.id)
		st.agent.used += m.weight
		p.reseat(st.agent)
		ms = append(ms, m)
	}
	return ms
}

// explain says why the lane's first agent gets its first item, and why not the others.
func (l *lane) explain(it *pitem, chosen *seat) Decision {
	d := Decision{
		Item: it.id, Queue: l.queue.id, Agent: chosen.agent.id, AgentName: chosen.agent.name, Algorithm: l.queue.algorithm,
		IdleSince: chosen.agent.idleSince, Waiting: len(l.waiting), Others: make(map[string]int, 2), Priority: it.priority, EnqueuedAt: it.enqueuedAt,
	}
	for r, n := range l.counts {
		if reason(r) == eligible {
			n--
		}
		if n > 0 {
			d.Others[reasonNames[r]] = n
		}
	}
	// The idle ones nearest the top of the heap come first: those who were closest to getting it.
	d.First = make([]Passed, 0, min(firstPassed, len(l.seats)-1))
	for _, st := range l.idle[1:min(len(l.idle), firstPassed+1)] {
		d.First = append(d.First, st.passed())
	}
	slices.SortFunc(d.First, func(x, y Passed) int { return x.IdleSince.Compare(y.IdleSince) })
	for _, st := range l.seats {
		if len(d.First) >= firstPassed {
			break
		}
		if st.pos < 0 {
			d.First = append(d.First, st.passed())
		}
	}
	return d
}

func (st *seat) passed() Passed {
	return Passed{Agent: st.agent.id, Name: st.agent.name, Reason: reasonNames[st.reason], IdleSince: st.agent.idleSince}
}

type itemHeap []*pitem

func (h itemHeap) Len() int           { return len(h) }
func (h itemHeap) Less(i, j int) bool { return h[i].before(&h[j].itemRow) }
func (h itemHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *itemHeap) Push(x any)        { it := x.(*pitem); it.pos = len(*h); *h = append(*h, it) }
func (h *itemHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1], *h, it.pos = nil, old[:len(old)-1], -1
	return it
}

type seatHeap []*seat

func (h seatHeap) Len() int { return len(h) }
func (h seatHeap) Less(i, j int) bool {
	return h[i].lane.queue.algorithm.before(h[i].agent, h[j].agent)
}
func (h seatHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *seatHeap) Push(x any)   { st := x.(*seat); st.pos = len(*h); *h = append(*h, st) }
func (h *seatHeap) Pop() any {
	old := *h
	st := old[len(old)-1]
	old[len(old)-1], *h, st.pos = nil, old[:len(old)-1], -1
	return st
}

// readyHeap orders lanes by the item that is first in each.
type readyHeap []*lane

func (h readyHeap) Len() int           { return len(h) }
func (h readyHeap) Less(i, j int) bool { return h[i].waiting[0].before(&h[j].waiting[0].itemRow) }
func (h readyHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *readyHeap) Push(x any)        { l := x.(*lane); l.pos = len(*h); *h = append(*h, l) }
func (h *readyHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1], *h, l.pos = nil, old[:len(old)-1], -1
	return l
}
