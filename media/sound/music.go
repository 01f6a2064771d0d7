package sound

import (
	"math"
	"math/rand/v2"
)

// Hold music: sixteen bars at 75 beats a minute, 51.2 s, exactly 2560 frames of 20 ms.
const (
	musicRate = 16000
	beat      = musicRate * 60 / 75
	bar       = 4 * beat
)

// progression holds one chord a bar: a bass note, and four notes above, as MIDI numbers.
var progression = [16][5]int{
	{36, 60, 64, 67, 71}, {33, 60, 64, 67, 69}, {41, 60, 64, 65, 69}, {43, 59, 62, 67, 69}, // Cmaj7 Am7 Fmaj7 Gadd9
	{36, 60, 64, 67, 71}, {40, 59, 62, 64, 67}, {41, 60, 64, 65, 69}, {43, 60, 62, 65, 67}, // Cmaj7 Em7 Fmaj7 G7sus4
	{33, 60, 64, 67, 69}, {40, 59, 62, 64, 67}, {41, 60, 64, 65, 69}, {36, 60, 62, 64, 67}, // Am7 Em7 Fmaj7 Cadd9
	{38, 60, 62, 65, 69}, {43, 59, 62, 65, 67}, {36, 60, 64, 67, 71}, {43, 60, 62, 65, 67}, // Dm7 G7 Cmaj7 G7sus4
}

// HoldMusic composes a calm loop: soft chords, a bass and a sparse bell-like melody, with some reverberation. It is the same each time,
// belongs to nobody, and stays within what a telephone carries. Notes that outlast the end ring on at the beginning.
func HoldMusic() PCM {
	mix := make([]float64, 16*bar)
	rng := rand.New(rand.NewPCG(2025, 7))
	for i, chord := range progression {
		at := i * bar
		for _, note := range chord[1:] {
			pad(mix, at, note, 0.10)
		}
		bass(mix, at, chord[0]+12, 0.16)
		bass(mix, at+2*beat, chord[0]+12, 0.11)
		// Off-beats carry the melody; the octave above keeps it clear of the chords.
		for _, eighth := range [...]int{0, 3, 4, 6} {
			if eighth == 0 || rng.IntN(10) < 6 {
				bell(mix, at+eighth*beat/2, chord[1+rng.IntN(4)]+12, 0.07+0.03*rng.Float64())
			}
		}
	}
	mix = reverb(mix)
	p := PCM{Rate: musicRate, Samples: make([]int16, len(mix))}
	peak := 0.0
	for _, v := range mix {
		peak = max(peak, math.Abs(v))
	}
	for i, v := range mix {
		p.Samples[i] = int16(v / peak * 20000)
	}
	return p.Normalized()
}

func midiHz(note int) float64 { return 440 * math.Pow(2, float64(note-69)/12) }

// pad is a note of two voices, unequal and slightly detuned so that it breathes without trembling; it swells and goes within a bar and
// a half.
func pad(mix []float64, at, note int, gain float64) {
	const attack, hold, release = musicRate * 7 / 10, bar - musicRate/2, musicRate * 3 / 2
	hz := midiHz(note)
	for i := range hold + release {
		t := float64(i) / musicRate
		env := 1.0
		if i < attack {
			env = 0.5 - 0.5*math.Cos(math.Pi*float64(i)/attack)
		}
		if i > hold {
			env *= 0.5 + 0.5*math.Cos(math.Pi*float64(i-hold)/release)
		}
		v := 0.0
		for _, voice := range [...]struct{ detune, gain float64 }{{1.0007, 0.65}, {0.9991, 0.35}} {
			w := 2 * math.Pi * hz * voice.detune * t
			v += voice.gain * (math.Sin(w) + 0.28*math.Sin(2*w) + 0.10*math.Sin(3*w))
		}
		mix[(at+i)%len(mix)] += gain * env * v
	}
}

// bass is a round low note; its harmonics carry it over lines that cut at 300 Hz.
func bass(mix []float64, at, note int, gain float64) {
	hz := midiHz(note)
	for i := range 2*beat + musicRate/4 {
		t := float64(i) / musicRate
		env := math.Min(t/0.03, 1) * math.Exp(-1.3*t)
		if rest := 2*beat + musicRate/4 - i; rest < musicRate/4 {
			env *= float64(rest) / (musicRate / 4)
		}
		w := 2 * math.Pi * hz * t
		mix[(at+i)%len(mix)] += gain * env * (math.Sin(w) + 0.5*math.Sin(2*w) + 0.25*math.Sin(3*w) + 0.1*math.Sin(4*w))
	}
}

// bell is a struck note like that of an electric piano: a sine whose phase is moved by another, brighter at the start.
func bell(mix []float64, at, note int, gain float64) {
	hz := midiHz(note)
	for i := range 2 * musicRate {
		t := float64(i) / musicRate
		env := math.Min(t/0.008, 1) * math.Exp(-2.6*t) * (1 - t/2)
		w := 2 * math.Pi * hz * t
		mix[(at+i)%len(mix)] += gain * env * math.Sin(w+0.9*math.Exp(-5*t)*math.Sin(2*w))
	}
}

// reverb adds a small room (four combs, two all-passes). The loop runs through twice, so that its beginning carries the end's echo.
func reverb(dry []float64) []float64 {
	type line struct {
		buf []float64
		at  int
	}
	newLine := func(ms float64) *line { return &line{buf: make([]float64, int(ms*musicRate/1000))} }
	combs := []*line{newLine(29.7), newLine(37.1), newLine(41.1), newLine(43.7)}
	passes := []*line{newLine(5.0), newLine(1.7)}
	low := make([]float64, len(combs))
	out := make([]float64, len(dry))
	for range 2 {
		for i, x := range dry {
			wet := 0.0
			for k, c := range combs {
				y := c.buf[c.at]
				low[k] += 0.55 * (y - low[k]) // walls swallow high tones
				c.buf[c.at] = x + 0.76*low[k]
				c.at = (c.at + 1) % len(c.buf)
				wet += y / 4
			}
			for _, a := range passes {
				y := a.buf[a.at]
				v := wet + 0.6*y
				a.buf[a.at] = v
				a.at = (a.at + 1) % len(a.buf)
				wet = y - 0.6*v
			}
			out[i] = x + 0.32*wet
		}
	}
	return out
}
