package recording

import (
	"tandem/internal/fault"
)

// State is where a recording is on its way to the CRM (spec R6.2).
type State string

// The states. Delivered, expired and destroyed recordings are never read again.
const (
	Capturing   State = "capturing"   // audio is being written
	Sealed      State = "sealed"      // whole, or cut at the last durable chunk
	Planned     State = "planned"     // cut into parts, which are uploaded one after another
	Delivered   State = "delivered"   // the CRM has confirmed every part
	Destroyed   State = "destroyed"   // and key and audio are gone
	Expired     State = "expired"     // not delivered in time: the key is destroyed
	Quarantined State = "quarantined" // the CRM refuses it for good; a person must act before the deadline
)

// Step is what happens to a recording.
type Step string

// The steps.
const (
	StepSeal       Step = "seal"
	StepPlan       Step = "plan"
	StepReplan     Step = "replan" // to be cut smaller; only while no part is confirmed
	StepDeliver    Step = "deliver"
	StepDestroy    Step = "destroy"
	StepExpire     Step = "expire"
	StepQuarantine Step = "quarantine"
	StepRelease    Step = "release" // a person lets a quarantined one try again
)

// ErrStep says that a recording or part is in a state that does not allow the step.
var ErrStep = fault.New(fault.Conflict, "recording_state", "The recording is in a state that does not allow this.")

// Next is the state after a step, or ErrStep.
func (s State) Next(step Step) (State, error) {
	switch {
	case s == Capturing && step == StepSeal:
		return Sealed, nil
	case s == Sealed && step == StepPlan:
		return Planned, nil
	case s == Planned && step == StepReplan:
		return Sealed, nil
	case s == Planned && step == StepDeliver:
		return Delivered, nil
	case s == Delivered && step == StepDestroy:
		return Destroyed, nil
	case (s == Sealed || s == Planned) && step == StepQuarantine:
		return Quarantined, nil
	case s == Quarantined && step == StepRelease:
		return Sealed, nil // and planned anew, as far as nothing is confirmed
	case (s == Capturing || s == Sealed || s == Planned || s == Quarantined) && step == StepExpire:
		return Expired, nil
	}
	return s, ErrStep
}

// PartState is where one part is.
type PartState string

// The states of a part.
const (
	PartPending   PartState = "pending"   // waits for its turn
	PartSending   PartState = "sending"   // a worker holds the lease
	PartSent      PartState = "sent"      // perhaps arrived: nobody knows until the ticket has been read back
	PartConfirmed PartState = "confirmed" // the CRM has it, in the right size
)

// PartStep is what happens to a part.
type PartStep string

// The steps of a part.
const (
	PartLease   PartStep = "lease"   // a worker takes it
	PartFail    PartStep = "fail"    // certainly not stored: try again later
	PartDoubt   PartStep = "doubt"   // time-out, cut connection, lost worker: look before sending again
	PartConfirm PartStep = "confirm" // found on the ticket in the right size
)

// Next is the state after a step, or ErrStep.
func (s PartState) Next(step PartStep) (PartState, error) {
	switch {
	case s != PartConfirmed && step == PartLease: // a lease that ran out may be taken over
		return PartSending, nil
	case s == PartSending && step == PartFail:
		return PartPending, nil
	case s == PartSending && step == PartDoubt:
		return PartSent, nil
	case s == PartSending && step == PartConfirm:
		return PartConfirmed, nil
	}
	return s, ErrStep
}
