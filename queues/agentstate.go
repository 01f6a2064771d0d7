package queues

import "fmt"

// Presence is what an agent (or a manager for them) says of themselves (Q2.1).
type Presence string

// Presences.
const (
	Offline   Presence = "OFFLINE"
	Available Presence = "AVAILABLE"
	Away      Presence = "AWAY"
	Busy      Presence = "BUSY"
)

func (p Presence) valid() bool { return p == Offline || p == Available || p == Away || p == Busy }

// State is an agent's routing state for one item, set by the system (Q2.1). NotResponding and Unreachable outlive the item that led to
// them and bar the agent from all offers.
type State string

// Routing states.
const (
	Idle          State = "IDLE"
	Reserved      State = "RESERVED"    // chosen; the item's node has not yet reached the device
	Alerting      State = "ALERTING"    // it rings
	Connecting    State = "CONNECTING"  // accepted: whisper and countdown
	Interacting   State = "INTERACTING" // the bridge is open
	Held          State = "HELD"
	Recovering    State = "RECOVERING" // the browser is gone for now, the call lives (V3.4)
	WrapUp        State = "WRAP_UP"
	NotResponding State = "NOT_RESPONDING" // missed too many offers in a row
	Unreachable   State = "UNREACHABLE"    // an offer never reached the device
)

var states = []State{Idle, Reserved, Alerting, Connecting, Interacting, Held, Recovering, WrapUp, NotResponding, Unreachable}

// happening is what moves a State.
type happening string

const (
	hReserve   happening = "reserve"
	hAlert     happening = "alert"
	hAccept    happening = "accept"
	hMiss      happening = "miss"        // ignored or declined, fewer than the threshold in a row
	hMissMany  happening = "miss_many"   // and as often as the threshold
	hUnreach   happening = "unreachable" // never reached the device
	hWithdraw  happening = "withdraw"    // the item has gone
	hExpire    happening = "expire"      // the lease has ended: the item's node is gone
	hInteract  happening = "interact"
	hHold      happening = "hold"
	hResume    happening = "resume"
	hLose      happening = "lose"
	hRecover   happening = "recover"
	hReconnect happening = "reconnect" // back before the bridge was open
	hEnd       happening = "end"       // over, no wrap-up
	hEndWrap   happening = "end_wrap"  // over, wrap-up follows
	hFinish    happening = "finish"    // wrap-up is done
	hRelease   happening = "release"   // an agent, a manager or time lifts a bar
)

var happenings = []happening{
	hReserve, hAlert, hAccept, hMiss, hMissMany, hUnreach, hWithdraw, hExpire, hInteract, hHold, hResume,
	hLose, hRecover, hReconnect, hEnd, hEndWrap, hFinish, hRelease,
}

// next is the whole state machine (Q2.2): the state after h, or an error when h cannot happen in s.
func (s State) next(h happening) (State, error) {
	to := State("")
	switch s {
	case Idle:
		to = map[happening]State{hReserve: Reserved}[h]
	case Reserved:
		// A device may answer without ever ringing, or ring no longer than it takes to decline.
		to = map[happening]State{
			hAlert: Alerting, hAccept: Connecting, hMiss: Idle, hMissMany: NotResponding, hUnreach: Unreachable, hWithdraw: Idle, hExpire: Idle,
		}[h]
	case Alerting:
		to = map[happening]State{
			hAccept: Connecting, hMiss: Idle, hMissMany: NotResponding, hUnreach: Unreachable, hWithdraw: Idle, hExpire: Idle,
		}[h]
	case Connecting:
		// Whoever leaves before the bridge opens has had no interaction: there is nothing to wrap up.
		to = map[happening]State{hInteract: Interacting, hWithdraw: Idle, hExpire: Idle, hEnd: Idle, hLose: Recovering}[h]
	case Interacting:
		to = map[happening]State{hHold: Held, hLose: Recovering, hEnd: Idle, hEndWrap: WrapUp}[h]
	case Held:
		to = map[happening]State{hResume: Interacting, hLose: Recovering, hEnd: Idle, hEndWrap: WrapUp}[h]
	case Recovering:
		// Opening the bridge says that the browser is back.
		to = map[happening]State{hRecover: Interacting, hInteract: Interacting, hReconnect: Connecting, hEnd: Idle, hEndWrap: WrapUp, hWithdraw: Idle}[h]
	case WrapUp:
		to = map[happening]State{hFinish: Idle}[h]
	case NotResponding, Unreachable:
		to = map[happening]State{hRelease: Idle}[h]
	}
	if to == "" {
		return s, fmt.Errorf("queues: %s cannot happen to an agent who is %s", h, s)
	}
	return to, nil
}

// offered says whether an agent in s keeps an item from others without talking yet: the lease stands behind it.
func (s State) offered() bool { return s == Reserved || s == Alerting }

// bars says whether s bars the agent from offers after the item has gone on.
func (s State) bars() bool { return s == NotResponding || s == Unreachable }
