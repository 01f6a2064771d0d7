package sound

import (
	"math"
	"strings"
	"time"
)

// Tone is a call-progress tone: a sum of sines, on for a while, off for a while.
type Tone struct {
	Hz      []float64
	On, Off time.Duration // Off 0: continuous
	Level   float64       // RMS of each sine in dB below full scale, negative
}

// Call-progress tones (ITU-T E.180 supplement 2). The plain ones are North American; CN is mainland China, EU the common European plan.
var (
	Ringback     = Tone{Hz: []float64{440, 480}, On: 2 * time.Second, Off: 4 * time.Second, Level: -22}
	Busy         = Tone{Hz: []float64{480, 620}, On: 500 * time.Millisecond, Off: 500 * time.Millisecond, Level: -24}
	Congestion   = Tone{Hz: []float64{480, 620}, On: 250 * time.Millisecond, Off: 250 * time.Millisecond, Level: -24}
	RingbackCN   = Tone{Hz: []float64{450}, On: time.Second, Off: 4 * time.Second, Level: -19}
	BusyCN       = Tone{Hz: []float64{450}, On: 350 * time.Millisecond, Off: 350 * time.Millisecond, Level: -19}
	CongestionCN = Tone{Hz: []float64{450}, On: 700 * time.Millisecond, Off: 700 * time.Millisecond, Level: -19}
	RingbackEU   = Tone{Hz: []float64{425}, On: time.Second, Off: 4 * time.Second, Level: -19}
	BusyEU       = Tone{Hz: []float64{425}, On: 500 * time.Millisecond, Off: 500 * time.Millisecond, Level: -19}
	CongestionEU = Tone{Hz: []float64{425}, On: 250 * time.Millisecond, Off: 250 * time.Millisecond, Level: -19}
	Beep         = Tone{Hz: []float64{1000}, On: 300 * time.Millisecond, Level: -16}
)

// PCM renders one period of the tone, on then off; played in a loop it is the tone.
func (t Tone) PCM(rate int) PCM {
	p := sines(rate, t.On, t.Level, t.Hz...)
	edges(p.Samples, rate/200)
	p.Samples = append(p.Samples, make([]int16, timeToSamples(t.Off, rate))...)
	return p
}

// sines is a sum of sines, each with the given RMS level in dB below full scale.
func sines(rate int, d time.Duration, level float64, hz ...float64) PCM {
	amp := dB(level) * math.Sqrt2 * 32768
	p := PCM{Rate: rate, Samples: make([]int16, timeToSamples(d, rate))}
	for i := range p.Samples {
		v := 0.0
		for _, f := range hz {
			v += amp * math.Sin(2*math.Pi*f*float64(i)/float64(rate))
		}
		p.Samples[i] = int16(min(max(math.Round(v), -32768), 32767))
	}
	return p
}

// The DTMF keypad (ITU-T Q.23): rows by columns.
const dtmfKeys = "123A456B789C*0#D"

var (
	dtmfLow  = [4]float64{697, 770, 852, 941}
	dtmfHigh = [4]float64{1209, 1336, 1477, 1633}
)

// DTMF renders one digit (0-9, *, #, A-D) of the given length, the high tone 2 dB louder, as networks expect. ok is false for
// anything else.
func DTMF(digit byte, d time.Duration, rate int) (p PCM, ok bool) {
	key := strings.IndexByte(dtmfKeys, digit)
	if key < 0 {
		return PCM{}, false
	}
	p = sines(rate, d, -15, dtmfLow[key/4])
	high := sines(rate, d, -13, dtmfHigh[key%4])
	for i := range p.Samples {
		p.Samples[i] += high.Samples[i]
	}
	edges(p.Samples, rate/1000)
	return p, true
}
