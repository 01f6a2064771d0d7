package queues

import (
	"time"
)

// OverRule is a rule against waiting too long (Q3.6). It holds when everything it names does: at least so many wait ahead, the estimated wait is
// at least so long. What it then does is a deflection; off lets them wait whatever later rules say.
type OverRule struct {
	Ahead          int        `json:"ahead,omitempty"`        // 0: not looked at
	WaitSeconds    int        `json:"wait_seconds,omitempty"` // estimated; 0: not looked at
	AlreadyWaiting bool       `json:"already_waiting,omitempty"`
	Do             Deflection `json:"do"`
}

// EmptyCondition is when a queue counts as empty of agents.
type EmptyCondition string

// Conditions: agents count as signed in unless OFFLINE; as available when AVAILABLE and responding, also while they talk.
const (
	EmptyNever       EmptyCondition = "never"
	EmptySignedOut   EmptyCondition = "nobody_signed_in"
	EmptyUnavailable EmptyCondition = "nobody_available"
)

// EmptyRule says what happens when nobody is there.
type EmptyRule struct {
	When EmptyCondition `json:"when"`
	Do   Deflection     `json:"do"`
}

// EmptyPolicy is what happens to those who come, and to those who wait, when nobody is there.
type EmptyPolicy struct {
	Join  EmptyRule `json:"join"`
	Leave EmptyRule `json:"leave"`
}

var defaultEmptyPolicy = EmptyPolicy{Join: EmptyRule{When: EmptyNever, Do: Deflection{Mode: DeflectOff}}, Leave: EmptyRule{When: EmptyNever, Do: Deflection{Mode: DeflectOff}}}

const maxOverRules = 10

func validateOverRules(rules []OverRule) error {
	if len(rules) > maxOverRules {
		return invalid("overcapacity", "There can be %d rules at most.", maxOverRules)
	}
	for _, r := range rules {
		if r.Ahead < 0 || r.WaitSeconds < 0 || r.WaitSeconds > 86400 || r.Ahead > 1_000_000 || r.Ahead == 0 && r.WaitSeconds == 0 {
			return invalid("overcapacity", "A rule names how many wait ahead, or how long the estimated wait is, or both.")
		}
		if err := r.Do.validate("overcapacity"); err != nil {
			return err
		}
	}
	return nil
}

func (p EmptyPolicy) validate() error {
	for _, r := range []EmptyRule{p.Join, p.Leave} {
		switch r.When {
		case EmptyNever:
			continue
		case EmptySignedOut, EmptyUnavailable:
		default:
			return invalid("empty", "A queue is empty never, when nobody is signed in, or when nobody is available.")
		}
		if r.Do.Mode == DeflectOff {
			return invalid("empty", "Choose what callers meet when nobody is there.")
		}
		if err := r.Do.validate("empty"); err != nil {
			return err
		}
	}
	return nil
}

// holds says whether a rule holds for somebody with so many ahead; an estimate that nobody can make is longer than any.
func (r OverRule) holds(ahead int, wait *time.Duration) bool {
	if r.Ahead > 0 && ahead < r.Ahead {
		return false
	}
	return r.WaitSeconds == 0 || wait == nil || *wait >= time.Duration(r.WaitSeconds)*time.Second
}

func (r EmptyRule) holds(l load) bool {
	switch r.When {
	case EmptySignedOut:
		return l.SignedIn == 0
	case EmptyUnavailable:
		return l.Available == 0
	default:
		return false
	}
}

// crowded is what a queue does with somebody who has so many ahead, by its rules in order: nothing lets them wait.
func crowded(set Settings, l load, ahead int, waiting bool) (Why, Deflection) {
	empty := set.Empty.Value.Join
	if waiting {
		empty = set.Empty.Value.Leave
	}
	if empty.holds(l) {
		return BecauseEmpty, empty.Do
	}
	wait := l.estimate(ahead + 1)
	for _, r := range set.Overcapacity.Value {
		if (!waiting || r.AlreadyWaiting) && r.holds(ahead, wait) {
			if r.Do.Mode == DeflectOff {
				break
			}
			return BecauseFull, r.Do
		}
	}
	return "", Deflection{Mode: DeflectOff}
}
