package calls

import "fmt"

// State is where a Call stands. One Call has one state, whatever its legs do.
type State string

// The states of a call.
const (
	StateNew       State = "new"       // the INVITE has come
	StatePlaying   State = "playing"   // a message, music, the echo, or voicemail, and nobody else
	StateMenu      State = "menu"      // the caller chooses
	StateBot       State = "bot"       // the caller talks with a virtual agent, or it is being reached
	StateDialing   State = "dialing"   // a direct far end rings
	StateWaiting   State = "waiting"   // in a queue
	StateOffering  State = "offering"  // in a queue, and an agent's device rings
	StateWhisper   State = "whisper"   // the agent has accepted and hears the announcement; the caller still waits
	StateCountdown State = "countdown" // the agent hears "3, 2, 1"; the caller still waits
	StateTalking   State = "talking"
	StateHeld      State = "held" // the agent has put the caller on hold
	StateEnded     State = "ended"
)

// Step is what moves a call from state to state.
type Step string

// The steps.
const (
	StepPlay      Step = "play"
	StepMenu      Step = "menu"
	StepBot       Step = "bot"
	StepDial      Step = "dial"
	StepQueue     Step = "queue"     // join a queue, or fall back into it
	StepOffer     Step = "offer"     // an agent is being rung
	StepAccept    Step = "accept"    // the agent accepted, a whisper follows
	StepCountdown Step = "countdown" // the agent hears the countdown
	StepBridge    Step = "bridge"
	StepHold      Step = "hold"
	StepResume    Step = "resume"
	StepTransfer  Step = "transfer" // the agent sends the other party elsewhere
	StepEnd       Step = "end"
)

var steps = map[State]map[Step]State{
	StateNew:       {StepBot: StateBot, StepPlay: StatePlaying, StepMenu: StateMenu, StepDial: StateDialing, StepQueue: StateWaiting},
	StatePlaying:   {StepBot: StateBot, StepPlay: StatePlaying, StepMenu: StateMenu, StepQueue: StateWaiting, StepDial: StateDialing},
	StateMenu:      {StepBot: StateBot, StepMenu: StateMenu, StepQueue: StateWaiting, StepPlay: StatePlaying, StepDial: StateDialing},
	StateDialing:   {StepBot: StateBot, StepBridge: StateTalking, StepPlay: StatePlaying, StepMenu: StateMenu, StepQueue: StateWaiting, StepDial: StateDialing},
	StateWaiting:   {StepBot: StateBot, StepOffer: StateOffering, StepPlay: StatePlaying, StepQueue: StateWaiting, StepDial: StateDialing},
	StateOffering:  {StepDial: StateDialing, StepAccept: StateWhisper, StepCountdown: StateCountdown, StepBridge: StateTalking, StepQueue: StateWaiting},
	StateWhisper:   {StepCountdown: StateCountdown, StepBridge: StateTalking, StepQueue: StateWaiting},
	StateCountdown: {StepBridge: StateTalking, StepQueue: StateWaiting},
	StateTalking:   {StepHold: StateHeld, StepQueue: StateWaiting, StepTransfer: StateDialing},
	StateHeld:      {StepResume: StateTalking, StepQueue: StateWaiting, StepTransfer: StateDialing},
	StateBot:       {StepBot: StateBot, StepQueue: StateWaiting, StepPlay: StatePlaying, StepMenu: StateMenu, StepDial: StateDialing},
	StateEnded:     {},
}

// Next is the state after a step; every state but ended may end. An error means a mistake in this package.
func (s State) Next(step Step) (State, error) {
	if step == StepEnd && s != StateEnded {
		return StateEnded, nil
	}
	if next, ok := steps[s][step]; ok {
		return next, nil
	}
	return s, fmt.Errorf("a call that is %s cannot %s", s, step)
}

// Connected says whether caller and agent (or far end) have been joined and still are.
func (s State) Connected() bool { return s == StateTalking || s == StateHeld }
