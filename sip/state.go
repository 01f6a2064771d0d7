package sip

import "fmt"

// state is where an INVITE dialog stands (RFC 3261 12 and 13, RFC 6026). Both roles share the states.
type state uint8

const (
	calling    state = iota // INVITE sent or received, nothing but 100 so far
	ringing                 // an early dialog: 18x sent or received
	cancelling              // UAC: given up; waits for the INVITE's final response
	accepted                // UAS: 2xx sent, ACK outstanding
	confirmed               // 2xx and ACK exchanged
	leaving                 // our BYE is on its way
	terminated
)

var stateNames = [...]string{"calling", "ringing", "cancelling", "accepted", "confirmed", "leaving", "terminated"}

func (s state) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// event is what moves a dialog.
type event uint8

const (
	progressed  event = iota // a provisional response other than 100
	answeredUAS              // we send the 2xx
	answeredUAC              // a 2xx arrived
	acked                    // UAS: the ACK arrived
	refused                  // a final 3xx–6xx, sent or received
	cancelled                // UAS: CANCEL arrived. UAC: we give up
	hungUp                   // BYE arrived
	leave                    // we hang up
	byeDone                  // our BYE has its final response, or timed out
	lost                     // transaction or session timed out, peer unknown (481)
)

var eventNames = [...]string{"progressed", "answeredUAS", "answeredUAC", "acked", "refused", "cancelled", "hungUp", "leave", "byeDone", "lost"}

func (e event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return fmt.Sprintf("event(%d)", uint8(e))
}

// next is the whole transition table; ok is false when the event means nothing in this state and is to be ignored.
// The UAS's cancelled ends the dialog at once (it answers 487 itself); the UAC's leads to cancelling, see cancelUAC.
func (s state) next(e event) (to state, ok bool) {
	switch s {
	case calling, ringing:
		switch e {
		case progressed:
			return ringing, true
		case answeredUAS:
			return accepted, true
		case answeredUAC:
			return confirmed, true
		case refused, cancelled, lost, hungUp:
			return terminated, true
		case leave:
			return cancelling, true
		}
	case cancelling:
		switch e {
		case answeredUAC: // it crossed our CANCEL: ACK, then BYE
			return leaving, true
		case refused, lost:
			return terminated, true
		}
	case accepted:
		switch e {
		case acked:
			return confirmed, true
		case hungUp:
			return terminated, true
		case leave, lost:
			return leaving, true
		}
	case confirmed:
		switch e {
		case hungUp:
			return terminated, true
		case leave, lost:
			return leaving, true
		}
	case leaving:
		switch e {
		case hungUp, byeDone:
			return terminated, true
		}
	}
	return s, false
}
