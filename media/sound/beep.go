package sound

import "math"

// BeepDetector hears the tone after which an answering machine records: one steady tone of 400 to 2,000 Hz and 150 ms to 3 s, after speech and with silence behind it.
// Tones of the network are none: those of two frequencies, those that follow each other (SIT), those that come again (busy), and a ringing tone of one
// frequency, which is long. One per call; it allocates nothing and reads no clock.
type BeepDetector struct {
	vad    VAD
	rate   int                               // of what is looked at
	block  [beepLook * beepRate / 1000]int16 // that, by halves
	n      int
	sum    int // of samples that become one
	summed int
	spoken int // looks at speech so far

	state   beepState
	looks   int // since the state began
	hz      float64
	loudest float64 // of the tone, dB below full scale
}

const (
	beepRate  = 16000 // more is brought to less, at least 8,000: no beep is so high
	beepLook  = 32    // ms; the next look is half of it later
	beepFrom  = 400.0
	beepTo    = 2000.0
	beepStep  = 24.0  // Hz, of the first sweep; others look between
	beepDrift = 15.0  // Hz that a steady tone may seem to move
	beepPure  = 0.9   // share of the energy in the tone: DTMF has less, even with its tones 8 dB apart
	beepFloor = -45.0 // dB; what is quieter is not looked at
	beepFall  = 10.0  // dB below the tone is silence

	// How many looks, each of which but the first adds 16 ms. Those at the edges of a tone do not see it.
	beepSpeech = 19  // before it: 300 ms
	beepShort  = 5   // a tone of 150 ms that begins and ends between two looks
	beepLong   = 187 // 3 s
	beepEdge   = 3
	beepQuiet  = 13 // 200 ms behind it
	beepApart  = 94 // 1.5 s: tones that are closer belong together

	// Between these the tones of networks lie that have one frequency, of 425, 440 or 450 Hz. Ringing sounds for a second; busy pauses for half a second.
	networkTo    = 490.0
	networkLong  = 50 // 0.8 s
	networkQuiet = 75 // 1.2 s
)

// beepState is where the search for the beep stands.
type beepState uint8

const (
	beepAwaited beepState = iota
	beepSounds
	beepFades // neither tone nor silence: the edge
	beepOver  // silence follows
	beepHeard
	beepNone // this tone, and those close behind it, are no beep
)

// beepFound is what one look has found.
type beepFound uint8

const (
	foundSound   beepFound = iota // anything, but no tone
	foundSilence                  // compared with the tone
	foundTone
	foundOther // a tone of another pitch, or before anybody has spoken
)

// next is the state after a look, of which there were so many in this state; the tone is a network's, or may be a machine's.
func (s beepState) next(found beepFound, looks int, network bool) beepState {
	long, quiet := beepLong, beepQuiet
	if network {
		long, quiet = networkLong, networkQuiet
	}
	switch {
	case s == beepHeard:
		return s
	case found == foundOther:
		return beepNone
	case s == beepNone:
		if found != foundTone && looks >= beepApart {
			return beepAwaited
		}
		return beepNone
	case found == foundTone:
		if s == beepOver || s == beepSounds && looks >= long {
			return beepNone // it comes again, or does not end
		}
		return beepSounds
	case s == beepSounds && looks >= beepShort:
		if found == foundSilence {
			return beepOver
		}
		return beepFades
	case s == beepFades && found == foundSilence:
		return beepOver
	case s == beepFades && looks < beepEdge:
		return beepFades
	case s == beepOver && found == foundSilence && looks >= quiet:
		return beepHeard
	case s == beepOver && found == foundSilence:
		return beepOver
	case s == beepOver:
		return beepNone // words, or the edge of the next tone
	}
	return beepAwaited
}

// Hear takes what was said next, in pieces of any length at 8,000 to 48,000 samples a second, all of one call at the same. It returns true when the beep is
// over, and hears nothing after it.
func (b *BeepDetector) Hear(pcm []int16, rate int) bool {
	if rate < 8000 || rate > 48000 || b.state == beepHeard {
		return false
	}
	by := rate / 8000
	if b.rate != rate/by {
		*b = BeepDetector{rate: rate / by}
	}
	size := b.rate * beepLook / 1000
	for _, s := range pcm {
		b.sum += int(s)
		if b.summed++; b.summed < by {
			continue
		}
		b.block[b.n] = int16(b.sum / by)
		b.sum, b.summed = 0, 0
		if b.n++; b.n == size {
			b.look(b.block[:size])
			b.n = copy(b.block[:], b.block[size/2:size])
		}
	}
	return b.state == beepHeard
}

func (b *BeepDetector) look(block []int16) {
	found, hz, level := b.find(block)
	if loud := b.vad.loud(block[len(block)/2:]); found == foundSound && loud {
		b.spoken++
	}
	if found == foundTone {
		if b.state == beepAwaited {
			b.hz, b.loudest = hz, level
		}
		b.loudest = max(b.loudest, level)
	}
	next := b.state.next(found, b.looks, b.hz < networkTo)
	again := next == beepNone && (found == foundTone || found == foundOther)
	if b.looks++; next != b.state || again {
		b.looks = 0
	}
	b.state = next
}

// find says what a block holds: the tone's frequency, where there is one, and its level.
func (b *BeepDetector) find(block []int16) (found beepFound, hz, level float64) {
	level, _ = measure(block)
	sounding := b.state == beepSounds || b.state == beepFades || b.state == beepOver
	if sounding && level < b.loudest-beepFall {
		return foundSilence, 0, level
	}
	if level < beepFloor {
		return foundSound, 0, level
	}
	hz, pure := steadiest(block, b.rate)
	switch {
	case pure < beepPure:
		return foundSound, 0, level
	case b.spoken < beepSpeech, sounding && math.Abs(hz-b.hz) > beepDrift:
		return foundOther, hz, level
	}
	return foundTone, hz, level
}

// steadiest is the strongest frequency of a block, and the share of the block's energy that it has.
func steadiest(block []int16, rate int) (hz, share float64) {
	var samples [beepLook * beepRate / 1000]float32
	var sum, energy float64
	for i, s := range block {
		samples[i] = float32(s)
		sum += float64(s)
		energy += float64(s) * float64(s)
	}
	size := float64(len(block))
	energy -= sum * sum / size // a constant is nothing that is heard
	if energy <= 0 {
		return 0, 0
	}
	var best float32
	sweep := func(from, step float64) {
		var c [4]float32
		for i := range c {
			c[i] = float32(2 * math.Cos(2*math.Pi*(from+float64(i)*step)/float64(rate)))
		}
		tones, _ := power(samples[:len(block)], 1, &c)
		for i, p := range tones {
			if p > best {
				best, hz = p, from+float64(i)*step
			}
		}
	}
	for f := beepFrom; f <= beepTo; f += 4 * beepStep {
		sweep(f, beepStep)
	}
	for _, step := range []float64{beepStep / 4, beepStep / 16} { // between the two next to it
		sweep(hz-1.5*step, step)
	}
	return hz, float64(best) / (energy * size / 2)
}
