package sound

import "time"

// AMDResult is who seems to have answered a call.
type AMDResult string

// The results of answering-machine detection.
const (
	AMDHuman    AMDResult = "human"     // a short greeting, and then they wait
	AMDMachine  AMDResult = "machine"   // somebody who goes on speaking
	AMDNoSpeech AMDResult = "no_speech" // nobody says anything
	AMDUnsure   AMDResult = "unsure"    // the time is up
)

// AMDRule are the times by which answering machines are told from people. They are those that Asterisk made usual.
type AMDRule struct {
	InitialSilence time.Duration // so long may nothing be said
	Greeting       time.Duration // who speaks longer is a machine
	AfterGreeting  time.Duration // who is silent so long after a greeting is a person
	Total          time.Duration // after which nothing is certain any more
	MinWord        time.Duration // what is shorter is a click or a breath
}

// DefaultAMDRule is the rule of media.md section 9.
var DefaultAMDRule = AMDRule{
	InitialSilence: 2500 * time.Millisecond, Greeting: 1500 * time.Millisecond, AfterGreeting: 800 * time.Millisecond,
	Total: 5 * time.Second, MinWord: 100 * time.Millisecond,
}

// wordGap is a silence that a word may have in it.
const wordGap = 50 * time.Millisecond

// AMD tells people from answering machines by how they greet. One per call; it allocates nothing and reads no clock.
type AMD struct {
	Rule AMDRule

	vad    VAD
	heard  time.Duration // since the answer
	word   time.Duration // of the sound that goes on
	quiet  time.Duration // since the last sound
	spoken time.Duration // in words that are over
}

// Hear takes what was said next, in a frame of 10 to 30 ms at so many samples a second. It returns who it is as soon as that is clear, and "" before.
func (d *AMD) Hear(frame []int16, rate int) AMDResult {
	if len(frame) == 0 || rate <= 0 {
		return ""
	}
	length := time.Duration(len(frame)) * time.Second / time.Duration(rate)
	d.heard += length
	if d.vad.loud(frame) {
		d.word += length
		d.quiet = 0
	} else if d.quiet += length; d.quiet >= wordGap {
		if d.word >= d.Rule.MinWord {
			d.spoken += d.word
		}
		d.word = 0
	}
	return d.judge()
}

func (d *AMD) judge() AMDResult {
	speaking := d.word >= d.Rule.MinWord
	spoken := d.spoken
	if speaking {
		spoken += d.word
	}
	switch {
	case spoken >= d.Rule.Greeting:
		return AMDMachine
	case spoken > 0 && !speaking && d.quiet >= d.Rule.AfterGreeting:
		return AMDHuman
	case spoken == 0 && d.word == 0 && d.heard >= d.Rule.InitialSilence:
		return AMDNoSpeech
	case d.heard >= d.Rule.Total:
		return AMDUnsure
	}
	return ""
}
