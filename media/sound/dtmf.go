package sound

import "math"

// DTMFDetector finds in-band DTMF digits in live audio with eight Goertzel filters. A digit must last about 35 ms with the right two
// frequencies (1.5 % off is accepted, 3.5 % is not), a plausible balance between them, and hardly anything else; speech rarely does. One per
// stream; it allocates nothing.
type DTMFDetector struct {
	low, high [4]float32 // coefficients of the two groups of tones
	halfLow   [4]float32 // of the low group, for every other sample
	block     []float32  // the last three hops of samples; full when n == len(block). What is looked at is two hops long
	n         int
	hop       int
	passed    bool // the last look was left out
	guess     byte // digit of the last block, 0 for none
	hits      int  // blocks in a row with guess
	miss      int  // blocks in a row without the active digit
	on        byte // digit that sounds, 0 for none
}

const (
	dtmfHits  = 3    // overlapping blocks that must agree: 32 ms
	dtmfMiss  = 3    // blocks without it that end a digit
	dtmfPure  = 0.60 // share of the block's energy in the two tones
	dtmfFloor = 40.0 // RMS of the weakest signal looked at, 58 dB below full scale
	twistHigh = 4.0  // power ratio, 6 dB: high tone over low (forward twist)
	twistLow  = 8.0  // 9 dB: low tone over high (reverse twist; lines lose high tones)
	rowRatio  = 6.3  // 8 dB: winner over the others of its group
)

// NewDTMFDetector makes a detector for audio at rate Hz (8000 or 16000).
func NewDTMFDetector(rate int) *DTMFDetector {
	hop := 64 * rate / 8000 // looks of 16 ms: wide enough for 1.5 % off, narrow enough to tell rows apart
	d := &DTMFDetector{block: make([]float32, 3*hop), hop: hop}
	for i := range 4 {
		d.low[i] = float32(2 * math.Cos(2*math.Pi*dtmfLow[i]/float64(rate)))
		d.high[i] = float32(2 * math.Cos(2*math.Pi*dtmfHigh[i]/float64(rate)))
		d.halfLow[i] = float32(2 * math.Cos(4*math.Pi*dtmfLow[i]/float64(rate)))
	}
	return d
}

// Process takes audio of any length up to 60 ms and returns the digit whose press became certain in it, once per press; 0 for none.
func (d *DTMFDetector) Process(pcm []int16) byte {
	var pressed byte
	for len(pcm) > 0 {
		part := pcm[:min(len(pcm), len(d.block)-d.n)]
		pcm = pcm[len(part):]
		for i, s := range part {
			d.block[d.n+i] = float32(s)
		}
		if p := d.filled(len(part)); p != 0 {
			pressed = p
		}
	}
	return pressed
}

// ProcessCoded is Process for G.711, whose samples a table of its law gives.
func (d *DTMFDetector) ProcessCoded(payload []byte, law *[256]int16) byte {
	var pressed byte
	for len(payload) > 0 {
		part := payload[:min(len(payload), len(d.block)-d.n)]
		payload = payload[len(part):]
		for i, c := range part {
			d.block[d.n+i] = float32(law[c])
		}
		if p := d.filled(len(part)); p != 0 {
			pressed = p
		}
	}
	return pressed
}

// filled takes n more samples that are in the block already. While nothing sounds every other look is left out; one that finds something has
// the one before it made up for.
func (d *DTMFDetector) filled(n int) (pressed byte) {
	if d.n += n; d.n < len(d.block) {
		return 0
	}
	if d.guess == 0 && d.on == 0 && !d.passed {
		d.passed = true
	} else {
		digit := d.look(d.block[d.hop:])
		if digit != 0 && d.passed {
			d.step(d.look(d.block[:2*d.hop])) // one look makes no press certain
		}
		d.passed = false
		pressed = d.step(digit)
	}
	d.n = copy(d.block, d.block[d.hop:])
	return pressed
}

// Active is the digit that sounds at the moment, 0 for none: for muting it in recordings.
func (d *DTMFDetector) Active() byte { return d.on }

// step follows the blocks' digits and returns a digit when it begins.
func (d *DTMFDetector) step(digit byte) byte {
	if digit != 0 && digit == d.guess {
		d.hits++
	} else {
		d.guess, d.hits = digit, 1
	}
	if d.on != 0 {
		if digit == d.on {
			d.miss = 0
			return 0
		}
		if d.miss++; d.miss >= dtmfMiss {
			d.on = 0
		}
	}
	if d.guess != 0 && d.guess != d.on && d.hits >= dtmfHits {
		d.on, d.miss = d.guess, 0
		return d.on
	}
	return 0
}

// maybe says whether a look at a block is worth it, by every other sample: the tones are below half of what those can carry, and where they are nearly all there is
// nothing folds onto them. It asks for a third less than look, because half as many samples tell less.
func (d *DTMFDetector) maybe(block []float32) bool {
	tones, energy := power(block, 2, &d.halfLow)
	n := float32(len(block) / 2)
	_, low, next := strongest(tones)
	return energy >= dtmfFloor*dtmfFloor*n/2 && low >= rowRatio/1.5*next && low*(1+twistHigh) >= dtmfPure/1.5*energy*n/2
}

// look decides which digit a block holds.
func (d *DTMFDetector) look(block []float32) byte {
	if !d.maybe(block) {
		return 0
	}
	tones, energy := power(block, 1, &d.low)
	size := float32(len(block))
	if energy < dtmfFloor*dtmfFloor*size {
		return 0
	}
	pure := dtmfPure * energy * size / 2 // a sine of energy E in N samples has a power of E·N/2 here
	row, low, lowNext := strongest(tones)
	if low < rowRatio*lowNext || low*(1+twistHigh) < pure { // as nearly all speech ends here, the high tones need not be looked for
		return 0
	}
	tones, _ = power(block, 1, &d.high)
	col, high, highNext := strongest(tones)
	switch {
	case high < rowRatio*highNext:
		return 0
	case high > twistHigh*low, low > twistLow*high:
		return 0
	case low+high < pure:
		return 0
	}
	return dtmfKeys[4*row+col]
}

// power is the power of each step-th sample of the block at four frequencies (Goertzel), and their energy. All go side by side, because each has to wait for
// its own last step.
func power(block []float32, step int, c *[4]float32) (tones [4]float32, energy float32) {
	var p, p1, q, q1, r, r1, s, s1 float32
	for i := 0; i < len(block); i += step {
		x := block[i]
		energy += x * x
		p, p1 = x-p1+c[0]*p, p
		q, q1 = x-q1+c[1]*q, q
		r, r1 = x-r1+c[2]*r, r
		s, s1 = x-s1+c[3]*s, s
	}
	return [4]float32{p*p + p1*p1 - c[0]*p*p1, q*q + q1*q1 - c[1]*q*q1, r*r + r1*r1 - c[2]*r*r1, s*s + s1*s1 - c[3]*s*s1}, energy
}

func strongest(p [4]float32) (index int, best, next float32) {
	for i, v := range p {
		switch {
		case v > best:
			index, best, next = i, v, best
		case v > next:
			next = v
		}
	}
	return index, best, next
}
