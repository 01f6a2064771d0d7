// Package sound is about audio that does not come from a person on the line: WAV and MP3 files, prompts, tones, hold music, speech
// synthesis, and the cheap analysis of live audio (DTMF, voice activity). A prompt is decoded, levelled, resampled and encoded once, when
// it is made; playing it is sending frames (Asset).
package sound

import (
	"math"
	"slices"
	"time"

	"tandem/media/codec"
)

// PCM is mono 16-bit audio at Rate samples per second.
type PCM struct {
	Rate    int
	Samples []int16
}

// Duration is the playing time.
func (p PCM) Duration() time.Duration {
	if p.Rate <= 0 {
		return 0
	}
	return samplesToTime(len(p.Samples), p.Rate)
}

// At returns the audio resampled to rate Hz.
func (p PCM) At(rate int) PCM {
	if p.Rate == rate {
		return p
	}
	return PCM{Rate: rate, Samples: codec.Resample(p.Samples, p.Rate, rate)}
}

// Silence is digital silence of the given length.
func Silence(rate int, d time.Duration) PCM {
	return PCM{Rate: rate, Samples: make([]int16, timeToSamples(d, rate))}
}

// Join plays parts one after the other, at the rate of the first.
func Join(parts ...PCM) PCM {
	if len(parts) == 0 {
		return PCM{}
	}
	out := PCM{Rate: parts[0].Rate}
	for _, p := range parts {
		out.Samples = append(out.Samples, p.At(out.Rate).Samples...)
	}
	return out
}

// Trim cuts silence off both ends: everything 40 dB or more below the loudest 5 ms, and rounds the edges over 5 ms. Audio that is
// silent throughout becomes empty.
func (p PCM) Trim() PCM {
	win := max(1, p.Rate/200)
	var levels []float64
	loudest := 0.0
	for part := range slices.Chunk(p.Samples, win) {
		levels = append(levels, rms(part))
		loudest = max(loudest, levels[len(levels)-1])
	}
	floor := max(loudest/100, 4)
	first := slices.IndexFunc(levels, func(l float64) bool { return l >= floor })
	if first < 0 {
		return PCM{Rate: p.Rate}
	}
	last := len(levels) - 1
	for levels[last] < floor {
		last--
	}
	out := slices.Clone(p.Samples[first*win : min((last+1)*win, len(p.Samples))])
	edges(out, win)
	return PCM{Rate: p.Rate, Samples: out}
}

// edges fades the first and the last n samples so that a cut does not click.
func edges(pcm []int16, n int) {
	n = min(n, len(pcm)/2)
	for i := range n {
		w := 0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(n))
		pcm[i] = int16(float64(pcm[i]) * w)
		pcm[len(pcm)-1-i] = int16(float64(pcm[len(pcm)-1-i]) * w)
	}
}

// Levels of prompts, relative to full scale (a sine of full scale has an RMS of -3 dB).
const (
	targetRMS = -19.0 // dB, of the parts that sound
	peakLimit = -3.0  // dB
	maxGain   = 30.0  // dB; more would only raise noise
)

// Normalized brings the audio to the loudness of all prompts: -19 dB RMS over the parts that sound, no peak above -3 dB. Peaks are
// held down by a limiter with 5 ms look-ahead, not clipped. Silence stays silence.
func (p PCM) Normalized() PCM {
	level := activeRMS(p)
	out := PCM{Rate: p.Rate, Samples: slices.Clone(p.Samples)}
	if level == 0 {
		return out
	}
	gain := min(dB(targetRMS)*32768/level, dB(maxGain))
	limit(out, gain, dB(peakLimit)*32768)
	return out
}

// activeRMS measures 400 ms blocks, leaves out those 20 dB below the loudest, and gives the RMS of the rest; 0 for silence.
func activeRMS(p PCM) float64 {
	var levels []float64
	loudest := 0.0
	for part := range slices.Chunk(p.Samples, max(1, p.Rate*2/5)) {
		l := rms(part)
		levels, loudest = append(levels, l), max(loudest, l)
	}
	if loudest < 4 {
		return 0
	}
	sum, n := 0.0, 0
	for _, l := range levels {
		if l >= loudest/10 {
			sum, n = sum+l*l, n+1
		}
	}
	return math.Sqrt(sum / float64(n))
}

// limit multiplies by gain and keeps every peak at or below ceiling: the gain falls within the 5 ms before a peak and recovers in 80 ms.
func limit(p PCM, gain, ceiling float64) {
	s := p.Samples
	ahead := max(1, p.Rate/200)
	need := make([]float32, len(s)) // gain each sample allows
	fall := math.Pow(0.01, -1/float64(ahead))
	next := gain
	for i := len(s) - 1; i >= 0; i-- { // backwards, so that the gain is down in time
		next = min(gain, next*fall)
		if a := math.Abs(float64(s[i])); a*next > ceiling {
			next = ceiling / a
		}
		need[i] = float32(next)
	}
	rise := math.Exp(1 / (0.08 * float64(p.Rate)))
	g := gain
	for i := range s {
		g = min(float64(need[i]), g*rise)
		s[i] = int16(math.Round(float64(s[i]) * g))
	}
}

func rms(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(max(1, len(pcm))))
}

func dB(v float64) float64 { return math.Pow(10, v/20) }

func samplesToTime(n, rate int) time.Duration {
	return time.Duration(int64(n) * int64(time.Second) / int64(rate))
}

// timeToSamples rounds to the nearest sample.
func timeToSamples(d time.Duration, rate int) int {
	return int((int64(d)*int64(rate) + int64(time.Second)/2) / int64(time.Second))
}
