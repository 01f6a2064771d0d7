package smartactions

import (
	"errors"
	"testing"
)

func TestState(t *testing.T) {
	type after map[Step]State
	for from, want := range map[State]after{
		StateRequested: {StepOpen: StateOpened, StepExpire: StateExpired, StepCancel: StateCancelled},
		StateOpened:    {StepFinish: StateDone, StepDecline: StateDeclined, StepExpire: StateExpired, StepCancel: StateCancelled},
		StateDone:      {}, StateDeclined: {}, StateExpired: {}, StateCancelled: {},
	} {
		for _, step := range []Step{StepOpen, StepFinish, StepDecline, StepExpire, StepCancel} {
			got, err := from.Next(step)
			to, leads := want[step]
			if leads && (err != nil || got != to) || !leads && (!errors.Is(err, ErrOver) || got != from) {
				t.Errorf("%s after %s is %s, %v", from, step, got, err)
			}
		}
	}
}
