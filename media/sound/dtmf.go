package sound

import "math"

// DTMFDetector finds in-band DTMF digits in live audio with eight Goertzel filters. A digit must last about 35 ms with the right two
// frequencies (1.5 % off is accepted, 3.5 % is not), a plausible balance between them, and hardly anything else; speech rarely does. One per
// stream; it allocates nothing.
type DTMFDetector struct {
	coeff [8]float32 // low group, then high group
	block []float32  // the last samples; full when n == len(block)
	n     int
	hop   int
	guess byte // digit of the last block, 0 for none
	hits  int  // blocks in a row with guess
	miss  int  // blocks in a row without the active digit
	on    byte // digit that sounds, 0 for none
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
	size := 128 * rate / 8000 // 16 ms: wide enough for 1.5 % off, narrow enough to tell rows apart
	d := &DTMFDetector{block: make([]float32, size), hop: size / 2}
	for i := range 4 {
		d.coeff[i] = float32(2 * math.Cos(2*math.Pi*dtmfLow[i]/float64(rate)))
		d.coeff[4+i] = float32(2 * math.Cos(2*math.Pi*dtmfHigh[i]/float64(rate)))
	}
	return d
}

// Process takes audio of any length up to 60 ms and returns the digit whose press became certain in it, once per press; 0 for none.
func (d *DTMFDetector) Process(pcm []int16) byte {
	var pressed byte
	for _, s := range pcm {
		d.block[d.n] = float32(s)
		if d.n++; d.n < len(d.block) {
			continue
		}
		if p := d.step(d.look()); p != 0 {
			pressed = p
		}
		copy(d.block, d.block[d.hop:])
		d.n = len(d.block) - d.hop
	}
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

// look decides which digit the block holds.
func (d *DTMFDetector) look() byte {
	var energy float32
	for _, x := range d.block {
		energy += x * x
	}
	size := float32(len(d.block))
	if energy < dtmfFloor*dtmfFloor*size {
		return 0
	}
	var power [8]float32
	for k, c := range d.coeff {
		var s1, s2 float32
		for _, x := range d.block {
			s1, s2 = x+c*s1-s2, s1
		}
		power[k] = s1*s1 + s2*s2 - c*s1*s2
	}
	row, low, lowNext := strongest(power[:4])
	col, high, highNext := strongest(power[4:])
	switch {
	case low < rowRatio*lowNext, high < rowRatio*highNext:
		return 0
	case high > twistHigh*low, low > twistLow*high:
		return 0
	case 2*(low+high) < dtmfPure*energy*size: // a sine of energy E in N samples has a power of E·N/2 here
		return 0
	}
	return dtmfKeys[4*row+col]
}

func strongest(p []float32) (index int, best, next float32) {
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
