package media

import (
	"slices"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
)

const (
	answererRate  = 8000 // Hz: more tells no more
	answererFrame = 20 * time.Millisecond
	answererLate  = 60 * time.Millisecond // what has not come by then was silence: jitter, or a codec that sends none
)

// beepWithin is how long a machine may greet.
const beepWithin = time.Minute

// Answerer is who has answered a call, as far as that is known yet.
type Answerer struct {
	Who  sound.AMDResult
	Beep bool // the machine records from now on
}

// WhoAnswers listens to a peer who has just answered a call, until it is clear whether that is a person, and unless it is one, for the beep of a machine. It
// tells what it finds, at most twice, and returns when there is no more to come or it is over. It only listens; whoever talks with the peer goes on talking.
func WhoAnswers(over <-chan struct{}, s *Stream, rule sound.AMDRule, tell func(Answerer)) {
	tap := NewTap(64)
	defer s.AddTap(tap)()
	a := answerer{amd: sound.AMD{Rule: rule}}
	began := time.Now()
	tick := time.NewTicker(answererFrame)
	defer tick.Stop()
	for told := a.Answerer; ; told = a.Answerer {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		tap.Read(a.packet)
		for time.Since(began)-a.heard > answererLate {
			a.hear(silentFrame[:])
		}
		if a.Answerer != told {
			tell(a.Answerer)
		}
		if a.Beep || a.Who == sound.AMDHuman || a.Who != "" && a.heard >= beepWithin {
			return
		}
	}
}

// answerer is what is known of a peer who has answered.
type answerer struct {
	Answerer

	amd   sound.AMD
	beep  sound.BeepDetector
	codec codec.Codec
	dec   codec.Decoder // nil: this build has none
	heard time.Duration
	pcm   [codec.MaxSamples]int16
}

var silentFrame [answererRate / 50]int16

// packet takes what the peer sent. What cannot be decoded is silence.
func (a *answerer) packet(p *Packet, f Format) {
	if p.PayloadType != f.PayloadType {
		return
	}
	if a.codec != f.Codec {
		a.codec = f.Codec
		a.dec, _ = codec.NewDecoder(f.Codec, answererRate) // nil where this build has none
	}
	if a.dec == nil {
		return
	}
	if n, err := a.dec.Decode(a.pcm[:], p.Payload); err == nil {
		for frame := range slices.Chunk(a.pcm[:n], len(silentFrame)) {
			a.hear(frame)
		}
	}
}

// hear follows the greeting. Whoever beeps is a machine, whatever they seemed to be before.
func (a *answerer) hear(frame []int16) {
	a.heard += time.Duration(len(frame)) * time.Second / answererRate
	switch {
	case a.Who == sound.AMDHuman || a.Beep:
	case a.beep.Hear(frame, answererRate):
		a.Answerer = Answerer{Who: sound.AMDMachine, Beep: true}
	case a.Who == "":
		a.Who = a.amd.Hear(frame, answererRate)
	}
}
