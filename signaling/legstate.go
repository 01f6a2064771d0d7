package signaling

import "fmt"

// legState is where a browser's leg stands.
type legState string

// The states of a leg.
const (
	legOffered   legState = "offered"   // outbound: the page has not said that it shows the offer
	legRinging   legState = "ringing"   // the page rings; inbound: the call has begun
	legAccepted  legState = "accepted"  // accepted, the audio is not connected yet
	legConnected legState = "connected" // audio flows
	legAway      legState = "away"      // connected, and the browser is gone for now (V3.4)
	legEnded     legState = "ended"
)

// legStep moves a leg.
type legStep string

// The steps.
const (
	stepAck    legStep = "ack"    // the page shows the offer
	stepAccept legStep = "accept" // the agent accepted; or an inbound leg was answered
	stepMedia  legStep = "media"  // audio is connected
	stepLose   legStep = "lose"   // the browser is gone
	stepReturn legStep = "return" // and is back
	stepEnd    legStep = "end"
)

var legSteps = map[legState]map[legStep]legState{
	// An accept that overtakes its own acknowledgement says as much.
	legOffered:   {stepAck: legRinging, stepAccept: legAccepted},
	legRinging:   {stepAck: legRinging, stepAccept: legAccepted},
	legAccepted:  {stepMedia: legConnected},
	legConnected: {stepLose: legAway},
	legAway:      {stepReturn: legConnected},
}

// next is the state after a step; every state but ended may end.
func (s legState) next(step legStep) (legState, error) {
	if step == stepEnd && s != legEnded {
		return legEnded, nil
	}
	if to, ok := legSteps[s][step]; ok {
		return to, nil
	}
	return s, fmt.Errorf("a leg that is %s cannot %s", s, step)
}
