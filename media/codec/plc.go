package codec

import "math"

// concealer hides lost frames of waveform codecs: it repeats the last pitch period, as ITU-T G.711 Appendix I does, but without that
// method's 3.75 ms of extra delay. Whole frames are never repeated, which would buzz at the frame rate.
type concealer struct {
	ms      int       // samples per millisecond
	history []int16   // the last 60 ms before the gap
	filled  []int16   // what the gap was filled with, at most 60 ms; becomes history when the gap ends
	cycle   []float32 // what is being repeated: one to three pitch periods that join themselves
	old     []float32 // tail of the previous cycle, faded out while a longer one begins
	lag     int       // pitch period in samples
	pos     int       // read position in cycle
	oldPos  int       // read position in old
	lost    int       // samples invented since the last good frame; 0 while all is well
	step    float32   // difference between the last good sample and the cycle's start, bled off over 2.5 ms
}

const (
	plcHoldMS  = 10 // full level
	plcMuteMS  = 60 // silence
	plcBlendMS = 5  // overlap-add into the next good frame
)

func newConcealer(rate int) *concealer {
	ms := rate / 1000
	return &concealer{
		ms:      ms,
		history: make([]int16, 60*ms),
		filled:  make([]int16, 0, 60*ms),
		cycle:   make([]float32, 0, 45*ms),
		old:     make([]float32, 0, 4*ms),
	}
}

// heard takes a good frame, blends its beginning with the invention before it, and remembers it.
func (c *concealer) heard(pcm []int16) {
	if len(pcm) == 0 {
		return
	}
	if c.lost > 0 {
		n := min(plcBlendMS*c.ms, len(pcm))
		for i := range n {
			w := (float32(i) + 0.5) / float32(n)
			pcm[i] = clip16(float32(pcm[i])*w + c.next()*(1-w))
		}
		c.remember(c.filled)
		c.lost, c.filled = 0, c.filled[:0]
	}
	c.remember(pcm)
}

func (c *concealer) remember(pcm []int16) {
	h := c.history
	if len(pcm) >= len(h) {
		copy(h, pcm[len(pcm)-len(h):])
		return
	}
	copy(h, h[len(pcm):])
	copy(h[len(h)-len(pcm):], pcm)
}

// conceal fills dst with a fading continuation.
func (c *concealer) conceal(dst []int16) {
	if c.lost == 0 && len(dst) > 0 {
		c.start()
	}
	if c.lost >= plcMuteMS*c.ms {
		clear(dst)
		return
	}
	for i := range dst {
		dst[i] = clip16(c.next())
	}
	c.filled = append(c.filled, dst[:min(len(dst), cap(c.filled)-len(c.filled))]...)
}

func (c *concealer) start() {
	h := c.history
	c.lag = c.pitch()
	c.repeat(1)
	c.pos, c.old = 0, c.old[:0]
	c.step = float32(h[len(h)-1]) - float32(h[len(h)-1-c.lag])
}

// repeat makes the cycle out of the last k pitch periods. Its last quarter period is blended with what preceded its first sample, so
// that end and beginning join.
func (c *concealer) repeat(k int) {
	p, ov, end := k*c.lag, c.lag/4, len(c.history)
	c.cycle = c.cycle[:p]
	for i, s := range c.history[end-p:] {
		c.cycle[i] = float32(s)
	}
	for j := range ov {
		w := (float32(j) + 0.5) / float32(ov)
		i := p - ov + j
		c.cycle[i] = c.cycle[i]*(1-w) + float32(c.history[end-p-ov+j])*w
	}
}

// next invents one sample.
func (c *concealer) next() float32 {
	t := c.lost
	c.lost++
	if t >= plcMuteMS*c.ms {
		return 0
	}
	if t == 10*c.ms || t == 20*c.ms {
		c.lengthen(1 + t/(10*c.ms))
	}
	v := c.cycle[c.pos]
	if c.pos++; c.pos == len(c.cycle) {
		c.pos = 0
	}
	if c.oldPos < len(c.old) {
		w := (float32(c.oldPos) + 0.5) / float32(len(c.old))
		v = v*w + c.old[c.oldPos]*(1-w)
		c.oldPos++
	}
	if n := 5 * c.ms / 2; t < n {
		v += c.step * (1 - float32(t+1)/float32(n+1))
	}
	if t >= plcHoldMS*c.ms {
		v *= 1 - float32(t-plcHoldMS*c.ms)/float32((plcMuteMS-plcHoldMS)*c.ms)
	}
	return v
}

// lengthen moves to a cycle of k periods: a single period repeated for longer sounds like a tone.
func (c *concealer) lengthen(k int) {
	ov := c.lag / 4
	c.old, c.oldPos = c.old[:ov], 0
	for j := range c.old {
		c.old[j] = c.cycle[(c.pos+j)%len(c.cycle)]
	}
	phase := c.pos % c.lag
	c.repeat(k)
	c.pos = phase
}

// pitch finds the lag between 5 and 15 ms (66 to 200 Hz; higher voices repeat two or three periods) whose samples resemble the last
// 20 ms best, by normalised correlation, first at 8 kHz resolution and then around the best.
func (c *concealer) pitch() int {
	coarse := c.ms / 8
	best, bestScore := 5*c.ms, float32(math.Inf(-1))
	for lag := 5 * c.ms; lag <= 15*c.ms; lag += coarse {
		if s := c.similarity(lag, coarse); s > bestScore {
			best, bestScore = lag, s
		}
	}
	if coarse == 1 {
		return best
	}
	centre := best
	bestScore = float32(math.Inf(-1))
	for lag := max(centre-1, 5*c.ms); lag <= min(centre+1, 15*c.ms); lag++ {
		if s := c.similarity(lag, 1); s > bestScore {
			best, bestScore = lag, s
		}
	}
	return best
}

// similarity is the signed square of the normalised correlation, which orders lags as that does.
func (c *concealer) similarity(lag, stride int) float32 {
	h := c.history
	var cross, energy float32
	for i := len(h) - 20*c.ms; i < len(h); i += stride {
		x, y := float32(h[i]), float32(h[i-lag])
		cross += x * y
		energy += y * y
	}
	if cross < 0 {
		return -cross * cross / (energy + 1)
	}
	return cross * cross / (energy + 1)
}

func clip16(v float32) int16 {
	switch {
	case v >= 32767:
		return 32767
	case v <= -32768:
		return -32768
	case v >= 0:
		return int16(v + 0.5)
	}
	return int16(v - 0.5)
}
