package codec

import (
	"fmt"
	"math"
)

// Half-band filter of the live resampler: 63 taps at the higher rate, flat to 3.4 kHz, 70 dB down from 4.6 kHz, 2 ms delay.
const (
	halfTaps  = 32  // non-zero taps beside the centre
	halfChunk = 320 // input samples per inner pass
)

// Resampler converts a live stream between 8 and 16 kHz, frame by frame and without allocating. Its delay is 2 ms.
type Resampler struct {
	up    bool
	same  bool
	taps  [halfTaps / 2]float32             // one side of the symmetric odd taps
	line  [halfTaps - 1 + halfChunk]float32 // up: input; down: odd input samples
	even  [halfTaps - 1 + halfChunk]float32 // down: even input samples
	carry int16                             // down: an even sample that waits for its odd one
	held  bool
}

// NewResampler makes a resampler from one rate to another; both must be 8000 or 16000 Hz. Equal rates copy.
func NewResampler(from, to int) (*Resampler, error) {
	if (from != 8000 && from != 16000) || (to != 8000 && to != 16000) {
		return nil, fmt.Errorf("%w: %d to %d", ErrRate, from, to)
	}
	return newHalfband(from, to), nil
}

func newHalfband(from, to int) *Resampler {
	r := &Resampler{up: to > from, same: to == from}
	sum := 0.0
	var taps [halfTaps / 2]float64
	for k := range taps {
		x := float64(k) + 0.5 // distance from the centre in samples of the lower rate
		taps[k] = sinc(x) * kaiser(x/(halfTaps/2), 7)
		sum += 2 * taps[k]
	}
	for k := range taps {
		r.taps[k] = float32(taps[k] / sum)
	}
	return r
}

// maxInput tells how many input samples give at most out samples of output.
func (r *Resampler) maxInput(out int) int {
	switch {
	case r.same:
		return out
	case r.up:
		return out / 2
	}
	return out * 2
}

// Process resamples src into dst and returns the number of samples written: len(src) times the ratio. An odd last sample on the way
// down waits for the next call. dst must be large enough.
func (r *Resampler) Process(dst, src []int16) int {
	if r.same {
		return copy(dst, src)
	}
	total := 0
	for len(src) > 0 {
		part := src[:min(len(src), halfChunk)]
		src = src[len(part):]
		if r.up {
			total += r.double(dst[total:], part)
		} else {
			total += r.halve(dst[total:], part)
		}
	}
	return total
}

func (r *Resampler) double(dst, src []int16) int {
	for i, s := range src {
		r.line[halfTaps-1+i] = float32(s)
	}
	dst = dst[:2*len(src)]
	for i := range src {
		w := r.line[i : i+halfTaps]
		dst[2*i] = int16(w[halfTaps/2-1])
		dst[2*i+1] = clip16(r.odd(w))
	}
	copy(r.line[:halfTaps-1], r.line[len(src):])
	return len(dst)
}

func (r *Resampler) halve(dst, src []int16) int {
	n := 0
	for _, s := range src {
		if !r.held {
			r.carry, r.held = s, true
			continue
		}
		r.even[halfTaps-1+n], r.line[halfTaps-1+n] = float32(r.carry), float32(s)
		r.held = false
		n++
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = clip16(0.5 * (r.even[i+halfTaps/2] + r.odd(r.line[i:i+halfTaps])))
	}
	copy(r.line[:halfTaps-1], r.line[n:])
	copy(r.even[:halfTaps-1], r.even[n:])
	return n
}

// odd gives the value half way between the two middle samples of w.
func (r *Resampler) odd(w []float32) float32 {
	w = w[:halfTaps]
	var a, b float32
	for k := 0; k < halfTaps/2; k += 2 {
		a += r.taps[k] * (w[halfTaps/2-1-k] + w[halfTaps/2+k])
		b += r.taps[k+1] * (w[halfTaps/2-2-k] + w[halfTaps/2+1+k])
	}
	return a + b
}

// Resample converts a whole recording from one rate to another, any ratio, with a windowed sinc of 32 zero crossings a side: made for
// import, where quality counts and time does not. Rates are in Hz and must be positive.
func Resample(pcm []int16, from, to int) []int16 {
	if from == to || len(pcm) == 0 {
		return append([]int16(nil), pcm...)
	}
	const crossings, fine = 32, 512
	cutoff := min(1, float64(to)/float64(from)) * 0.97 // of the input's half rate; the rest is the filter's slope
	var kernel [crossings*fine + 2]float64
	for i := range kernel {
		x := float64(i) / fine
		kernel[i] = sinc(x) * kaiser(x/crossings, 9)
	}
	reach := crossings / cutoff
	out := make([]int16, (int64(len(pcm))*int64(to)+int64(from)-1)/int64(from))
	for n := range out {
		at := int64(n) * int64(from)
		centre := float64(at/int64(to)) + float64(at%int64(to))/float64(to)
		lo, hi := max(0, int(math.Ceil(centre-reach))), min(len(pcm)-1, int(centre+reach))
		sum := 0.0
		for i := lo; i <= hi; i++ {
			x := math.Abs(centre-float64(i)) * cutoff * fine
			k := int(x)
			sum += float64(pcm[i]) * (kernel[k] + (x-float64(k))*(kernel[k+1]-kernel[k]))
		}
		out[n] = clip16(float32(sum * cutoff))
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window with shape beta over -1 to 1.
func kaiser(x, beta float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is the modified Bessel function of order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}
