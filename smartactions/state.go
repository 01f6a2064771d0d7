package smartactions

// State is how far an action has come.
type State string

// The states. The first two are open, the others ends.
const (
	StateRequested State = "requested"
	StateOpened    State = "opened" // in the customer's browser
	StateDone      State = "done"
	StateDeclined  State = "declined" // the customer would not
	StateExpired   State = "expired"
	StateCancelled State = "cancelled" // the agent would not any more
)

// Step is what happens to an action.
type Step string

// The steps.
const (
	StepOpen    Step = "open"
	StepFinish  Step = "finish"
	StepDecline Step = "decline"
	StepExpire  Step = "expire"
	StepCancel  Step = "cancel"
)

// Next is the state after a step; ErrOver when the step does not lead on from here.
func (s State) Next(step Step) (State, error) {
	switch {
	case s == StateRequested && step == StepOpen:
		return StateOpened, nil
	case s == StateOpened && step == StepFinish:
		return StateDone, nil
	case s == StateOpened && step == StepDecline:
		return StateDeclined, nil
	case s.Open() && step == StepExpire:
		return StateExpired, nil
	case s.Open() && step == StepCancel:
		return StateCancelled, nil
	}
	return s, ErrOver
}

// Open says whether the customer may still answer.
func (s State) Open() bool { return s == StateRequested || s == StateOpened }
