package sound

import "math"

// VAD tells speech from background in live audio: energy over a noise floor that it learns, helped by the rate of zero crossings, with
// an attack of 3 frames and a hang-over of 10. One per stream; it allocates nothing.
type VAD struct {
	floor   float64 // noise, dB below full scale
	voiced  int     // frames in a row that look like speech
	hang    int     // frames still called speech
	started bool
}

const (
	vadAttack   = 3
	vadHangover = 10
	vadQuiet    = -55.0 // dB; nothing below is speech
	vadMargin   = 9.0   // dB over the floor
)

// Speech takes one frame (10 to 30 ms) and says whether speech is going on.
func (v *VAD) Speech(frame []int16) bool {
	if len(frame) == 0 {
		return v.hang > 0
	}
	if v.loud(frame) {
		v.voiced++
	} else {
		v.voiced = 0
	}
	switch {
	case v.voiced >= vadAttack || (v.voiced > 0 && v.hang > 0):
		v.hang = vadHangover
	case v.hang > 0:
		v.hang--
	}
	return v.hang > 0
}

// loud says whether a frame by itself looks like speech, and learns the noise floor from it.
func (v *VAD) loud(frame []int16) bool {
	level, crossings := measure(frame)
	if !v.started {
		v.floor, v.started = min(max(level, -75), -40), true
	}
	// Down at once, up slowly (1.5 dB a second at 20 ms), so that speech does not lift the floor.
	if level < v.floor {
		v.floor += 0.3 * (max(level, -75) - v.floor)
	} else {
		v.floor += min(0.03, level-v.floor)
	}
	margin := vadMargin
	if crossings > 0.45 { // hiss rather than voice
		margin += 6
	}
	return level > max(v.floor+margin, vadQuiet)
}

// measure gives the RMS level in dB below full scale and the share of samples at which the sign changes.
func measure(frame []int16) (level, crossings float64) {
	var sum int64
	n := 0
	last := frame[0]
	for _, s := range frame {
		sum += int64(s) * int64(s)
		if s^last < 0 {
			n++
		}
		last = s
	}
	mean := float64(sum) / float64(len(frame))
	return 10 * math.Log10(mean/(32768*32768)+1e-10), float64(n) / float64(len(frame))
}
