package queues

import (
	"container/heap"
	"slices"
	"time"

	"github.com/google/uuid"
)

// need is what an item takes of an agent.
type need struct {
	weight    int
	exclusive bool
	present   bool // somebody must sit at a page: telephones that are always available do not write
}

func (n need) of(a *pagent) int {
	if n.exclusive {
		return max(a.capacity, 1)
	}
	return n.weight
}

// laneKey is what items of a queue have in common when whoever is eligible for one of them is for all.
type laneKey struct {
	need
	stage     int
	preferred uuid.UUID // the only agent who may have it yet
	skills    string    // that the item itself asks for
}

// special says that the lane is for few items, and goes with the last of them.
func (k laneKey) special() bool { return k.preferred != uuid.Nil || k.skills != "" }

// lane is the part of a queue whose items may go to the same agents.
type lane struct {
	queue   *pqueue
	key     laneKey
	waiting itemHeap
	pools   []seatHeap // eligible agents: one pool for each share of the queue, the last for everybody else
	idle    int        // in all pools
	seats   []*seat
	counts  [reasons]int // of seats
	pos     int          // in ready, -1 when not
	moved   bool         // is in the picture's moved
	fresh   []*pitem     // came since the lane was told of
}

// seat is an agent in a lane.
type seat struct {
	agent  *pagent
	member *member
	lane   *lane
	barred reason // by the queue's rules, whatever the agent does; eligible when 0
	reason reason // why not, eligible when 0
	score  int    // how well the skills fit
	pos    int    // in the lane's pool, -1 when not
}

// reason says why an agent does not get an item.
type reason int

const (
	eligible reason = iota
	rOffline
	rAway
	rBusy
	rLeaving
	rNotResponding
	rUnreachable
	rNoCapacity
	rOutsideRing
	rDelayed
	rUnskilled
	rNotPreferred
	reasons
)

var reasonNames = [reasons]string{
	"eligible", "offline", "away", "busy", "leaving", "not_responding", "unreachable", "no_capacity", "outside_ring", "delayed", "unskilled", "not_preferred",
}

func (a *pagent) reasonFor(n need) reason {
	always := a.always && !n.present
	switch {
	case a.barred == NotResponding:
		return rNotResponding
	case a.barred == Unreachable:
		return rUnreachable
	case !always && a.presence == Offline:
		return rOffline
	case !always && a.presence == Away:
		return rAway
	case !always && a.presence == Busy:
		return rBusy
	case a.leaving:
		return rLeaving
	case a.used+n.of(a) > a.capacity:
		return rNoCapacity
	}
	return eligible
}

// admits says whether the queue's rules let an agent have an item that has waited so long, and how well the agent's skills fit.
func (q *pqueue) admits(m *member, it *itemRow, waited time.Duration) (reason, int) {
	if q.reserves(it, waited) && m.agent.id != it.preferred {
		return rNotPreferred, 0
	}
	everybody, groups, lower := q.rule.ringAt(waited)
	if !everybody && !slices.ContainsFunc(groups, func(g uuid.UUID) bool { return slices.Contains(m.agent.groups, g) }) {
		return rOutsideRing, 0
	}
	if waited < m.delay {
		return rDelayed, 0
	}
	if q.rule.algorithm != BySkills {
		return eligible, 0
	}
	score, whole := fit(q.rule.skills.Required, m.agent.skills, lower)
	more, wholly := fit(it.asks, m.agent.skills, lower)
	if q.rule.skills.Match == MatchAll && !(whole && wholly) {
		return rUnskilled, 0
	}
	return eligible, score + more
}

// reserves says whether the item waits for its own agent alone.
func (q *pqueue) reserves(it *itemRow, waited time.Duration) bool {
	return it.preferred != uuid.Nil && waited < q.rule.preferred && q.members[it.preferred] != nil
}

// lane returns the lane for an item at its stage.
func (p *picture) lane(q *pqueue, it *pitem) *lane {
	waited := q.began(it.stage)
	key := laneKey{need: it.need, stage: it.stage}
	if q.reserves(&it.itemRow, waited) {
		key.preferred = it.preferred
	}
	if q.rule.algorithm == BySkills && len(it.asks) > 0 {
		key.skills = it.skills
	}
	l := q.lanes[key]
	if l != nil {
		return l
	}
	l = &lane{queue: q, key: key, pos: -1, waiting: itemHeap{p: p}, pools: make([]seatHeap, len(q.rule.shares)+1)}
	q.lanes[key] = l
	listed := q.listed
	if key.preferred != uuid.Nil { // each such item has a lane of its own: it must not cost a seat for everybody
		listed = []*member{q.members[key.preferred]}
		l.counts[rNotPreferred] = len(q.listed) - 1
	}
	for _, m := range listed {
		st := &seat{agent: m.agent, member: m, lane: l, pos: -1}
		st.barred, st.score = q.admits(m, &it.itemRow, waited)
		st.reason = st.barred
		if st.barred == eligible {
			st.reason = m.agent.reasonFor(key.need)
			m.agent.seats = append(m.agent.seats, st)
		}
		l.seats = append(l.seats, st)
		l.counts[st.reason]++
		if st.reason == eligible {
			l.sit(st)
		}
	}
	return l
}

// dissolve takes an empty lane away.
func (l *lane) dissolve() {
	delete(l.queue.lanes, l.key)
	for _, st := range l.seats {
		if st.barred == eligible {
			st.agent.seats = slices.DeleteFunc(st.agent.seats, func(o *seat) bool { return o == st })
		}
	}
}

func (l *lane) sit(st *seat) {
	heap.Push(&l.pools[st.member.pool], st)
	l.idle++
}

func (l *lane) rise(st *seat) {
	heap.Remove(&l.pools[st.member.pool], st.pos)
	l.idle--
}

// reseat puts an agent right in all lanes after a change.
func (p *picture) reseat(a *pagent) {
	for _, st := range a.seats {
		l, now := st.lane, a.reasonFor(st.lane.key.need)
		l.counts[st.reason]--
		l.counts[now]++
		st.reason = now
		switch {
		case now == eligible && st.pos < 0:
			l.sit(st)
		case now == eligible:
			heap.Fix(&l.pools[st.member.pool], st.pos)
		case st.pos >= 0:
			l.rise(st)
		}
		p.settle(l)
	}
}

// settle puts a lane where it belongs among the ready ones.
func (p *picture) settle(l *lane) {
	ready := len(l.waiting.items) > 0 && l.idle > 0
	switch {
	case ready && l.pos < 0:
		heap.Push(&p.ready, l)
	case ready:
		heap.Fix(&p.ready, l.pos)
	case l.pos >= 0:
		heap.Remove(&p.ready, l.pos)
	}
	if !l.moved {
		l.moved = true
		p.moved = append(p.moved, l)
	}
}

// mostAtOnce is to how many agents one item is offered at once.
const mostAtOnce = 32

// takers are the agents to whom the lane's first item goes: one, or all at once. None means that all of them rather serve another queue.
func (l *lane) takers() []*seat {
	most := 1
	if l.queue.rule.mode == OfferAll {
		most = mostAtOnce
	}
	order := []int{0}
	if len(l.pools) > 1 {
		order = shareOrder(l.queue.passes, l.queue.virtual)
	}
	var takers []*seat
	for _, n := range order {
		pool := &l.pools[n]
		var out []*seat
		for len(*pool) > 0 && len(takers) < most {
			st := heap.Pop(pool).(*seat)
			out = append(out, st)
			if !st.elsewhere() {
				takers = append(takers, st)
			}
		}
		for _, st := range out {
			heap.Push(pool, st)
		}
	}
	return takers
}

// elsewhere says whether the agent rather serves another queue in which something waits for them (Q3.3: an agent's own queue priority).
func (st *seat) elsewhere() bool {
	return slices.ContainsFunc(st.agent.seats, func(o *seat) bool {
		return o.member.priority > st.member.priority && o.reason == eligible && len(o.lane.waiting.items) > 0
	})
}

// itemHeap orders the items of a lane. It knows the picture for its time.
type itemHeap struct {
	p     *picture
	items []*pitem
}

func (h *itemHeap) Len() int           { return len(h.items) }
func (h *itemHeap) Less(i, j int) bool { return h.items[i].before(h.items[j], h.p.now) }
func (h *itemHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].pos, h.items[j].pos = i, j
}

func (h *itemHeap) Push(x any) {
	it := x.(*pitem)
	it.pos = len(h.items)
	h.items = append(h.items, it)
}

func (h *itemHeap) Pop() any {
	it := h.items[len(h.items)-1]
	h.items[len(h.items)-1] = nil
	h.items, it.pos = h.items[:len(h.items)-1], -1
	return it
}

type seatHeap []*seat

func (h seatHeap) Len() int { return len(h) }
func (h seatHeap) Less(i, j int) bool {
	return h[i].lane.queue.rule.algorithm.compare(h[i], h[j]) < 0
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

func (h readyHeap) Len() int { return len(h) }
func (h readyHeap) Less(i, j int) bool {
	return h[i].first().before(h[j].first(), h[i].waiting.p.now)
}
func (h readyHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *readyHeap) Push(x any)   { l := x.(*lane); l.pos = len(*h); *h = append(*h, l) }
func (h *readyHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1], *h, l.pos = nil, old[:len(old)-1], -1
	return l
}

// first is the item that is next in the lane.
func (l *lane) first() *pitem { return l.waiting.items[0] }
