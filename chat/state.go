package chat

import "fmt"

// step is what happens to a conversation.
type step string

const (
	customerWrites step = "customer_writes"
	stepSnooze     step = "snooze"
	stepWake       step = "wake" // the time is over, or an agent wants it back
	stepClose      step = "close"
	stepReopen     step = "reopen"
)

var steps = []step{customerWrites, stepSnooze, stepWake, stepClose, stepReopen}

// next is the whole life of a conversation (IN-1): the state after a step, or an error when it cannot be.
func (s State) next(st step) (State, error) {
	to := State("")
	switch s {
	case Open:
		to = map[step]State{customerWrites: Open, stepSnooze: Snoozed, stepClose: Closed}[st]
	case Snoozed:
		to = map[step]State{customerWrites: Open, stepSnooze: Snoozed, stepWake: Open, stepClose: Closed}[st]
	case Closed:
		to = map[step]State{customerWrites: Open, stepReopen: Open}[st]
	}
	if to == "" {
		return s, fmt.Errorf("chat: %s cannot happen to a conversation that is %s", st, s)
	}
	return to, nil
}
