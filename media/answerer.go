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

// WhoAnswers listens to a peer who has just answered a call, until it is clear whether that is a person, or it is over: "" then. It only listens; whoever
// talks with the peer goes on talking.
func WhoAnswers(over <-chan struct{}, s *Stream, rule sound.AMDRule) sound.AMDResult {
	tap := NewTap(64)
	defer s.AddTap(tap)()
	a := answerer{amd: sound.AMD{Rule: rule}}
	began := time.Now()
	tick := time.NewTicker(answererFrame)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return ""
		case <-tick.C:
		}
		tap.Read(a.packet)
		for a.who == "" && time.Since(began)-a.heard > answererLate {
			a.hear(silentFrame[:])
		}
		if a.who != "" {
			return a.who
		}
	}
}

// answerer is what is known of a peer who has answered.
type answerer struct {
	amd   sound.AMD
	codec codec.Codec
	dec   codec.Decoder // nil: this build has none
	heard time.Duration
	pcm   [codec.MaxSamples]int16
	who   sound.AMDResult
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

func (a *answerer) hear(frame []int16) {
	a.heard += time.Duration(len(frame)) * time.Second / answererRate
	if a.who == "" {
		a.who = a.amd.Hear(frame, answererRate)
	}
}
