package queues

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"
)

// compare is the order in which an algorithm takes two eligible agents of one lane: below 0 when x comes first. It is pure: it looks at
// nothing but the dispatcher's picture. Whom Percentage takes is decided among groups first (lane.pools).
func (alg Algorithm) compare(x, y *seat) int {
	order := 0
	switch alg {
	case RoundRobin:
		order = x.agent.offeredAt.Compare(y.agent.offeredAt)
	case FewestInteractions:
		order = cmp.Compare(x.agent.work.n, y.agent.work.n)
	case LeastTalk:
		order = cmp.Compare(x.agent.work.talk, y.agent.work.talk)
	case OrderedList:
		order = cmp.Compare(x.member.position, y.member.position)
	case BySkills:
		order = cmp.Compare(y.score, x.score)
	case LongestIdle, Percentage:
	}
	return cmp.Or(order, x.agent.idleSince.Compare(y.agent.idleSince), bytes.Compare(x.agent.id[:], y.agent.id[:]))
}

// behind says why an eligible agent came after the one that the algorithm chose.
func (alg Algorithm) behind() string {
	switch alg {
	case RoundRobin:
		return "offered_later"
	case FewestInteractions:
		return "more_interactions"
	case LeastTalk:
		return "more_talk"
	case OrderedList:
		return "later_in_list"
	case BySkills:
		return "less_skilled"
	case Percentage:
		return "over_share"
	default:
		return "idle_shorter"
	}
}

// fit is how well an agent's skills match what is asked for: each skill at its level counts more than any level above it. whole says that
// nothing is missing. lower takes off the levels asked for; a skill lowered to nothing is not asked for.
func fit(asked []SkillNeed, has map[uuid.UUID]int, lower int) (score int, whole bool) {
	whole = true
	for _, n := range asked {
		level := has[n.Skill]
		score += level
		switch want := n.Level - lower; {
		case want <= 0:
		case level >= want:
			score += 1000
		default:
			whole = false
		}
	}
	return score, whole
}

// shareOrder is the order in which groups are due: the one that has got the least for its share first. Nobody's agents come last.
func shareOrder(passes []float64, virtual float64) []int {
	order := make([]int, 0, len(passes)+1)
	for i := range passes {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(max(passes[x], virtual), max(passes[y], virtual)) })
	return append(order, len(passes))
}
