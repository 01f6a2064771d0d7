package queues

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Algorithm chooses among eligible agents (Q3.2). Agents who are equal by it go by how long they have idled.
type Algorithm string

// Algorithms.
const (
	LongestIdle        Algorithm = "longest_idle"        // whose last interaction ended first
	RoundRobin         Algorithm = "round_robin"         // whose last offer is the longest ago
	FewestInteractions Algorithm = "fewest_interactions" // in the last 24 h
	LeastTalk          Algorithm = "least_talk"          // in the last 24 h
	OrderedList        Algorithm = "ordered_list"        // who is first in the queue's list of agents
	BySkills           Algorithm = "skills"              // who matches what is asked for best
	Percentage         Algorithm = "percentage"          // whose group is furthest behind its share
)

var algorithms = []Algorithm{LongestIdle, RoundRobin, FewestInteractions, LeastTalk, OrderedList, BySkills, Percentage}

// OfferMode says to how many agents an item is offered (Q3.1).
type OfferMode string

// Offer modes. With OfferAll the first to accept wins, and the others' offers end as taken.
const (
	OfferOne OfferMode = "one"
	OfferAll OfferMode = "all"
)

// SkillMatch says who may get an item that asks for skills.
type SkillMatch string

// Skill matches.
const (
	MatchAll  SkillMatch = "all"  // only those who have every skill at the level asked for
	MatchBest SkillMatch = "best" // everybody, the best match first
)

// SkillNeed is a skill at a proficiency of 1 to 5.
type SkillNeed struct {
	Skill uuid.UUID `json:"skill"`
	Level int       `json:"level"`
}

// SkillRule is what a queue asks of its agents; an item may ask for more.
type SkillRule struct {
	Match    SkillMatch  `json:"match"`
	Required []SkillNeed `json:"required"`
}

// Ring widens who may get an item that has waited for AfterSeconds. The first, at 0 s, says with whom it begins; without rings everybody
// may get it at once.
type Ring struct {
	AfterSeconds int         `json:"after_seconds"`
	Everybody    bool        `json:"everybody,omitempty"` // all agents of the queue
	Groups       []uuid.UUID `json:"groups"`              // else those of these groups, besides the groups of earlier rings
	LowerSkills  int         `json:"lower_skills"`        // by how much the levels asked for go down; 5 asks for none
}

// Share is how much of a queue a group gets, in percent.
type Share struct {
	Group   uuid.UUID `json:"group"`
	Percent int       `json:"percent"`
}

// AgeingCurve says how priority grows with the wait (Q3.3).
type AgeingCurve string

// Ageing curves.
const (
	AgeingNone   AgeingCurve = "none"
	AgeingLinear AgeingCurve = "linear"
	AgeingSteps  AgeingCurve = "steps"
)

// Ageing is how the priority of what waits grows.
type Ageing struct {
	Curve     AgeingCurve  `json:"curve"`
	PerMinute float64      `json:"per_minute,omitempty"` // linear
	Steps     []AgeingStep `json:"steps,omitempty"`
}

// AgeingStep adds to the priority once an item has waited for so long; steps add up.
type AgeingStep struct {
	AfterSeconds int `json:"after_seconds"`
	Add          int `json:"add"`
}

// PreferredRule says whether an item goes first to the agent who served this customer last, or whom it names itself, and for how long it
// waits for them alone.
type PreferredRule struct {
	LastAgent   bool `json:"last_agent"`
	WaitSeconds int  `json:"wait_seconds"`
}

const (
	maxRings     = 10
	maxAgeSecs   = 86400
	maxSkills    = 20
	maxMilliRate = 1_000_000
)

// routingRule is how a queue chooses, as the dispatcher uses it.
type routingRule struct {
	algorithm  Algorithm
	mode       OfferMode
	skills     SkillRule
	rings      []Ring
	shares     []Share
	ageing     Ageing
	preferred  time.Duration
	autoAnswer bool
}

func (s Settings) routing() routingRule {
	return routingRule{
		algorithm: s.Algorithm.Value, mode: s.OfferMode.Value, skills: s.Skills.Value, rings: s.Rings.Value, shares: s.Shares.Value,
		ageing: s.Ageing.Value, preferred: time.Duration(s.Preferred.Value.WaitSeconds) * time.Second, autoAnswer: s.AutoAnswer.Value,
	}
}

// milliRate is the growth of priority in thousandths a minute.
func (a Ageing) milliRate() int64 {
	if a.Curve != AgeingLinear {
		return 0
	}
	return int64(a.PerMinute * 1000)
}

// standing is an item's place in the order of all, at an instant: its priority with what its wait has added, in units of 1/60,000,000,000.
// It is a whole number so that two items of a queue compare alike at any instant.
func (a Ageing) standing(priority int, waited time.Duration) int64 {
	waited = max(0, waited)
	value := int64(priority)
	if a.Curve == AgeingSteps {
		for _, s := range a.Steps {
			if waited >= time.Duration(s.AfterSeconds)*time.Second {
				value += int64(s.Add)
			}
		}
	}
	return value*60_000_000_000 + a.milliRate()*waited.Microseconds()
}

// sort puts the items of one queue in the order in which they are served (Q3.3).
func (a Ageing) sort(items []itemRow, now time.Time) {
	slices.SortFunc(items, func(x, y itemRow) int {
		return cmp.Or(
			cmp.Compare(a.standing(y.priority, now.Sub(y.enqueuedAt)), a.standing(x.priority, now.Sub(x.enqueuedAt))),
			x.enqueuedAt.Compare(y.enqueuedAt), bytes.Compare(x.id[:], y.id[:]))
	})
}

// stages are the waits after which more agents may get an item, or its priority has grown a step.
func (r *routingRule) stages(delays []time.Duration) []time.Duration {
	var at []time.Duration
	for _, ring := range r.rings {
		at = append(at, time.Duration(ring.AfterSeconds)*time.Second)
	}
	if r.ageing.Curve == AgeingSteps {
		for _, s := range r.ageing.Steps {
			at = append(at, time.Duration(s.AfterSeconds)*time.Second)
		}
	}
	at = append(append(at, delays...), r.preferred)
	slices.Sort(at)
	at = slices.Compact(at)
	if at[0] <= 0 {
		at = at[1:]
	}
	return at
}

// ringAt says who is in play after a wait: everybody, or else these groups; and by how much the skills asked for are lowered.
func (r *routingRule) ringAt(waited time.Duration) (everybody bool, groups []uuid.UUID, lower int) {
	if len(r.rings) == 0 {
		return true, nil, 0
	}
	for _, ring := range r.rings {
		if waited < time.Duration(ring.AfterSeconds)*time.Second {
			break
		}
		everybody = everybody || ring.Everybody
		groups = append(groups, ring.Groups...)
		lower = max(lower, ring.LowerSkills)
	}
	return everybody, groups, lower
}

func (own OwnSettings) validateRouting() error {
	if a := own.Algorithm; a != nil && !slices.Contains(algorithms, *a) {
		return invalid("algorithm", "There is no routing algorithm %q.", *a)
	}
	if m := own.OfferMode; m != nil && *m != OfferOne && *m != OfferAll {
		return invalid("offer_mode", "An item is offered to one agent at a time, or to all at once.")
	}
	if s := own.Skills; s != nil {
		if s.Match != MatchAll && s.Match != MatchBest {
			return invalid("skills", "Skills match all or best.")
		}
		if err := validNeeds("skills", s.Required); err != nil {
			return err
		}
	}
	if rs := own.Rings; rs != nil {
		if err := validRings(*rs); err != nil {
			return err
		}
	}
	if ss := own.Shares; ss != nil {
		if err := validShares(*ss); err != nil {
			return err
		}
	}
	if p := own.Preferred; p != nil && (p.WaitSeconds < 0 || p.WaitSeconds > 3600) {
		return invalid("preferred_agent", "An item waits for its own agent for 0 to 3600 seconds.")
	}
	if a := own.Ageing; a != nil {
		return a.validate()
	}
	return nil
}

func validNeeds(field string, needs []SkillNeed) error {
	if len(needs) > maxSkills {
		return invalid(field, "At most %d skills can be asked for.", maxSkills)
	}
	seen := make(map[uuid.UUID]bool, len(needs))
	for _, n := range needs {
		if n.Level < 1 || n.Level > 5 {
			return invalid(field, "Proficiency is 1 to 5.")
		}
		if n.Skill == uuid.Nil || seen[n.Skill] {
			return invalid(field, "Name each skill once.")
		}
		seen[n.Skill] = true
	}
	return nil
}

func validRings(rings []Ring) error {
	if len(rings) > maxRings {
		return invalid("rings", "At most %d rings are possible.", maxRings)
	}
	last := -1
	for i, r := range rings {
		switch {
		case i == 0 && r.AfterSeconds != 0:
			return invalid("rings", "The first ring begins at 0 seconds: it says with whom an item begins.")
		case r.AfterSeconds <= last || r.AfterSeconds > maxAgeSecs:
			return invalid("rings", "Each ring begins later than the one before, within a day.")
		case r.LowerSkills < 0 || r.LowerSkills > 5:
			return invalid("rings", "Skills are lowered by 0 to 5.")
		case i == 0 && !r.Everybody && len(r.Groups) == 0:
			return invalid("rings", "The first ring needs a group, or everybody.")
		}
		last = r.AfterSeconds
	}
	return nil
}

func validShares(shares []Share) error {
	sum := 0
	seen := make(map[uuid.UUID]bool, len(shares))
	for _, s := range shares {
		if s.Percent < 1 || s.Group == uuid.Nil || seen[s.Group] {
			return invalid("shares", "Each group has one share of 1 percent or more.")
		}
		seen[s.Group] = true
		sum += s.Percent
	}
	if len(shares) > 0 && sum != 100 {
		return invalid("shares", "The shares must add up to 100 percent.")
	}
	return nil
}

func (a Ageing) validate() error {
	switch a.Curve {
	case AgeingNone:
	case AgeingLinear:
		if !(a.PerMinute > 0) || a.PerMinute*1000 > maxMilliRate {
			return invalid("ageing", "Priority grows by more than 0 and at most 1000 a minute.")
		}
	case AgeingSteps:
		last := 0
		for _, s := range a.Steps {
			if s.AfterSeconds <= last || s.AfterSeconds > maxAgeSecs || s.Add < -1000 || s.Add > 1000 {
				return invalid("ageing", "Each step comes later than the one before, within a day, and adds at most 1000.")
			}
			last = s.AfterSeconds
		}
		if len(a.Steps) == 0 || len(a.Steps) > maxRings {
			return invalid("ageing", "Give 1 to %d steps.", maxRings)
		}
	default:
		return invalid("ageing", "Ageing is none, linear or steps.")
	}
	return nil
}
