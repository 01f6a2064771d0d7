package queues

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// firstPassed is how many agents who did not get an item its decision names; the others are counted.
const firstPassed = 20

// Decision is why an item was offered to an agent, or to nobody (Q3.4).
type Decision struct {
	At         time.Time      `json:"at"`
	Item       uuid.UUID      `json:"item"`
	Queue      uuid.UUID      `json:"queue"`
	Nobody     bool           `json:"nobody,omitempty"` // nobody could take it; Others say why
	Offer      uuid.UUID      `json:"offer,omitzero"`
	Agent      uuid.UUID      `json:"agent,omitzero"`
	AgentName  string         `json:"agent_name,omitempty"`
	Algorithm  Algorithm      `json:"algorithm"`
	AtOnce     int            `json:"at_once,omitempty"` // to how many agents it was offered at once, above 1
	Facts      *Facts         `json:"facts,omitempty"`   // what the algorithm went by
	IdleSince  time.Time      `json:"idle_since,omitzero"`
	Priority   int            `json:"priority"`
	Aged       float64        `json:"aged,omitempty"` // what the wait has added to the priority
	EnqueuedAt time.Time      `json:"enqueued_at"`
	Waiting    int            `json:"waiting"`               // items of this kind that waited in the queue, this one included
	Others     map[string]int `json:"others"`                // how many other agents of the queue were passed over, by reason
	First      []Passed       `json:"first"`                 // the first of them
	AssignedBy *uuid.UUID     `json:"assigned_by,omitempty"` // who chose the agent; nil: the algorithm
}

// Facts are what the algorithms know of an agent. Those that the queue's algorithm does not use are left out.
type Facts struct {
	OfferedAt    *time.Time `json:"offered_at,omitempty"`
	Interactions *int       `json:"interactions,omitempty"` // in the last 24 h
	TalkSeconds  *float64   `json:"talk_seconds,omitempty"` // in the last 24 h
	Position     *int       `json:"position,omitempty"`     // in the queue's list, 0 is the first
	SkillScore   *int       `json:"skill_score,omitempty"`
	Group        uuid.UUID  `json:"group,omitzero"`
}

// Passed is an agent who did not get an item. Reason is what the algorithm says of those who came after (idle_shorter, offered_later,
// more_interactions, more_talk, later_in_list, less_skilled, over_share), also_offered or prefers_other_queue; or why they could not take
// it: offline, away, busy, leaving, not_responding, unreachable, no_capacity, outside_ring, delayed, unskilled or not_preferred.
type Passed struct {
	Agent     uuid.UUID `json:"agent"`
	Name      string    `json:"name"`
	Reason    string    `json:"reason"`
	IdleSince time.Time `json:"idle_since"`
	Facts     *Facts    `json:"facts,omitempty"`
}

// explain says why an agent gets the lane's first item, and why not the others. atOnce is how many get it.
func (l *lane) explain(it *pitem, chosen *seat, atOnce int) Decision {
	d := l.describe(it)
	d.Agent, d.AgentName, d.IdleSince, d.Facts = chosen.agent.id, chosen.agent.name, chosen.agent.idleSince, chosen.facts()
	if atOnce > 1 {
		d.AtOnce = atOnce
	}
	l.count(&d, 1)
	// The idle ones nearest the top of the heap come first: those who were closest to getting it.
	near := make([]*seat, 0, min(l.idle, firstPassed+1))
	for _, pool := range l.pools {
		near = append(near, pool[:min(len(pool), firstPassed+1-len(near))]...)
	}
	slices.SortFunc(near, l.queue.rule.algorithm.compare)
	d.First = make([]Passed, 0, min(firstPassed, len(l.seats)-1))
	for _, st := range near {
		if st != chosen && len(d.First) < firstPassed {
			d.First = append(d.First, st.passed(atOnce))
		}
	}
	l.name(&d)
	return d
}

// nobodyFor says why nobody gets an item.
func (l *lane) nobodyFor(it *pitem) Decision {
	d := l.describe(it)
	d.Nobody = true
	l.count(&d, 0)
	d.First = make([]Passed, 0, min(firstPassed, len(l.seats)))
	l.name(&d)
	return d
}

func (l *lane) describe(it *pitem) Decision {
	now := l.waiting.p.now
	return Decision{
		Item: it.id, Queue: l.queue.id, Algorithm: l.queue.rule.algorithm, Waiting: len(l.waiting.items), Others: make(map[string]int, 2), Priority: it.priority,
		EnqueuedAt: it.enqueuedAt, Aged: float64(it.standing(now)-Ageing{}.standing(it.priority, 0)) / 60_000_000_000,
	}
}

// count says how many others were passed over, taken of whom are no others.
func (l *lane) count(d *Decision, taken int) {
	for r, n := range l.counts {
		name := reasonNames[r]
		if reason(r) == eligible {
			n -= taken
			name = l.queue.rule.algorithm.behind()
			if d.AtOnce > 1 {
				name = "also_offered"
			}
		}
		if n > 0 {
			d.Others[name] = n
		}
	}
}

// name adds the first of those who could not take the item.
func (l *lane) name(d *Decision) {
	for _, st := range l.seats {
		if len(d.First) >= firstPassed {
			break
		}
		if st.pos < 0 {
			d.First = append(d.First, st.passed(0))
		}
	}
}

func (st *seat) passed(atOnce int) Passed {
	why := reasonNames[st.reason]
	var facts *Facts
	if st.reason == eligible {
		facts = st.facts()
		switch {
		case st.elsewhere():
			why = "prefers_other_queue"
		case atOnce > 1:
			why = "also_offered"
		default:
			why = st.lane.queue.rule.algorithm.behind()
		}
	}
	return Passed{Agent: st.agent.id, Name: st.agent.name, Reason: why, IdleSince: st.agent.idleSince, Facts: facts}
}

func (st *seat) facts() *Facts {
	switch rule := &st.lane.queue.rule; rule.algorithm {
	case RoundRobin:
		return &Facts{OfferedAt: &st.agent.offeredAt}
	case FewestInteractions:
		return &Facts{Interactions: &st.agent.work.n}
	case LeastTalk:
		s := st.agent.work.talk.Seconds()
		return &Facts{TalkSeconds: &s}
	case OrderedList:
		return &Facts{Position: &st.member.position}
	case BySkills:
		return &Facts{SkillScore: &st.score}
	case Percentage:
		if st.member.pool < len(rule.shares) {
			return &Facts{Group: rule.shares[st.member.pool].Group}
		}
	}
	return nil
}

// why is the set of reasons why nobody takes what waits in the lane; never 0.
func (l *lane) why() uint32 {
	set := uint32(1)
	for r, n := range l.counts {
		if n > 0 {
			set |= 1 << (r + 1)
		}
	}
	return set
}

// toldBefore marks items that waited before this picture was loaded by a dispatcher that knows nothing of them.
const toldBefore uint32 = 1 << 31

// nobody returns decisions on items that nobody can take: on new ones, and on the first of a lane when the reasons have changed. At most
// most; the others follow with the next look.
func (p *picture) nobody(most int) []nobodyDecision {
	var ds []nobodyDecision
	for len(p.moved) > 0 && len(ds) < most {
		l := p.moved[0]
		done := true
		switch {
		case len(l.waiting.items) == 0:
			l.fresh = nil
		case l.idle == 0:
			ds, done = l.tell(ds, most)
		}
		if !done {
			return ds
		}
		l.moved = false
		p.moved = p.moved[1:]
	}
	if len(p.moved) == 0 {
		p.moved = nil
	}
	return ds
}

// nobodyDecision is a decision with whose item it is on.
type nobodyDecision struct {
	tenant   uuid.UUID
	decision Decision
}

// tell adds the decisions of one lane; false when there are more than fit.
func (l *lane) tell(ds []nobodyDecision, most int) ([]nobodyDecision, bool) {
	why := l.why()
	say := func(it *pitem) {
		it.told = why
		ds = append(ds, nobodyDecision{it.tenant, l.nobodyFor(it)})
	}
	switch first := l.first(); {
	case first.told == toldBefore:
		first.told = why
	case first.told != why:
		say(first)
	}
	for len(l.fresh) > 0 {
		it := l.fresh[len(l.fresh)-1]
		if it.lane == l && it.told == 0 {
			if len(ds) >= most {
				return ds, false
			}
			say(it)
		}
		l.fresh = l.fresh[:len(l.fresh)-1]
	}
	return ds, true
}

// remember takes over from an earlier picture what was told of which item; without one, another dispatcher has told it.
func (p *picture) remember(earlier *picture) {
	for id, it := range p.items {
		switch {
		case earlier == nil:
			it.told = toldBefore
		case earlier.items[id] != nil:
			it.told = earlier.items[id].told
		}
	}
}

// Decisions returns the decisions on an item, oldest first.
func (s *Service) Decisions(ctx context.Context, tenant, item uuid.UUID) (ds []Decision, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT at, decision FROM queue_decisions WHERE item_id = $1 ORDER BY at, decision_id`, item)
		if err != nil {
			return err
		}
		ds, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Decision, err error) {
			var at time.Time
			err = row.Scan(&at, &d)
			d.At = at
			return d, err
		})
		return err
	})
	return ds, wrap("read decisions", err)
}
