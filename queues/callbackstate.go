package queues

import "fmt"

// CallbackState is where a callback stands.
type CallbackState string

// The states of a callback.
const (
	CallbackScheduled CallbackState = "scheduled" // for a time that has not come
	CallbackWaiting   CallbackState = "waiting"   // for its turn, or for the next try
	CallbackDialing   CallbackState = "dialing"   // an agent has accepted, the customer is rung
	CallbackDone      CallbackState = "done"      // they talked
	CallbackGivenUp   CallbackState = "given_up"  // tried as often as is set
	CallbackCancelled CallbackState = "cancelled"
)

// callbackStep is what moves a callback.
type callbackStep string

const (
	cDue     callbackStep = "due"     // its time has come
	cDial    callbackStep = "dial"    // an agent accepts
	cConnect callbackStep = "connect" // the customer answers
	cRetry   callbackStep = "retry"   // nobody answered: again later
	cGiveUp  callbackStep = "give_up" // nobody answered, for the last time
	cRelease callbackStep = "release" // the attempt was not the customer's fault: again at once
	cMove    callbackStep = "move"    // to another time
	cCancel  callbackStep = "cancel"
)

var callbackSteps = map[CallbackState]map[callbackStep]CallbackState{
	CallbackScheduled: {cDue: CallbackWaiting, cMove: CallbackScheduled, cCancel: CallbackCancelled},
	CallbackWaiting:   {cDial: CallbackDialing, cRelease: CallbackWaiting, cCancel: CallbackCancelled},
	CallbackDialing:   {cConnect: CallbackDone, cRetry: CallbackWaiting, cGiveUp: CallbackGivenUp, cRelease: CallbackWaiting},
	CallbackDone:      {},
	CallbackGivenUp:   {},
	CallbackCancelled: {},
}

// next is the state after a step; an error says that the step cannot be taken there.
func (s CallbackState) next(step callbackStep) (CallbackState, error) {
	if to, ok := callbackSteps[s][step]; ok {
		return to, nil
	}
	return s, fmt.Errorf("a callback that is %s cannot %s", s, step)
}
