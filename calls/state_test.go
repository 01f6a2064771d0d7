package calls

import "testing"

func TestNext(t *testing.T) {
	all := []State{StateNew, StatePlaying, StateMenu, StateBot, StateDialing, StateWaiting, StateOffering, StateWhisper, StateCountdown, StateTalking, StateHeld, StateEnded}
	allSteps := []Step{StepPlay, StepMenu, StepBot, StepDial, StepQueue, StepOffer, StepAccept, StepCountdown, StepBridge, StepHold, StepResume, StepTransfer, StepEnd}
	// One row a state, one column a step, in the order above; "-" is illegal.
	table := map[State][]State{
		StateNew:       {StatePlaying, StateMenu, StateBot, StateDialing, StateWaiting, "-", "-", "-", "-", "-", "-", "-", StateEnded},
		StatePlaying:   {StatePlaying, StateMenu, StateBot, StateDialing, StateWaiting, "-", "-", "-", "-", "-", "-", "-", StateEnded},
		StateMenu:      {StatePlaying, StateMenu, StateBot, StateDialing, StateWaiting, "-", "-", "-", "-", "-", "-", "-", StateEnded},
		StateBot:       {StatePlaying, StateMenu, StateBot, StateDialing, StateWaiting, "-", "-", "-", "-", "-", "-", "-", StateEnded},
		StateDialing:   {StatePlaying, StateMenu, StateBot, StateDialing, StateWaiting, "-", "-", "-", StateTalking, "-", "-", "-", StateEnded},
		StateWaiting:   {StatePlaying, "-", StateBot, StateDialing, StateWaiting, StateOffering, "-", "-", "-", "-", "-", "-", StateEnded},
		StateOffering:  {"-", "-", "-", StateDialing, StateWaiting, "-", StateWhisper, StateCountdown, StateTalking, "-", "-", "-", StateEnded},
		StateWhisper:   {"-", "-", "-", "-", StateWaiting, "-", "-", StateCountdown, StateTalking, "-", "-", "-", StateEnded},
		StateCountdown: {"-", "-", "-", "-", StateWaiting, "-", "-", "-", StateTalking, "-", "-", "-", StateEnded},
		StateTalking:   {"-", "-", "-", "-", StateWaiting, "-", "-", "-", "-", StateHeld, "-", StateDialing, StateEnded},
		StateHeld:      {"-", "-", "-", "-", StateWaiting, "-", "-", "-", "-", "-", StateTalking, StateDialing, StateEnded},
		StateEnded:     {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"},
	}
	for _, from := range all {
		for i, step := range allSteps {
			got, err := from.Next(step)
			want := table[from][i]
			switch {
			case want == "-" && (err == nil || got != from):
				t.Errorf("%s + %s = %s, %v; want an error and no move", from, step, got, err)
			case want != "-" && (err != nil || got != want):
				t.Errorf("%s + %s = %s, %v; want %s", from, step, got, err, want)
			}
		}
	}
}
