package sound

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/media/codec"
)

// spoken is a voice without words: pulses of a throat whose pitch moves, through three formants that move, in syllables.
func spoken(rate int, d time.Duration) PCM {
	p := PCM{Rate: rate, Samples: make([]int16, timeToSamples(d, rate))}
	noise := rand.New(rand.NewPCG(3, 4))
	var y1, y2 [3]float64
	phase := 0.0
	for i := range p.Samples {
		at := float64(i) / float64(rate)
		phase += (130 + 25*math.Sin(2*math.Pi*0.7*at) + noise.Float64()) / float64(rate)
		pulse := noise.Float64()*0.02 - 0.01
		if phase >= 1 {
			phase--
			pulse += 1
		}
		sum := 0.0
		for j, hz := range [3]float64{500 + 200*math.Sin(2*math.Pi*1.3*at), 1400 + 500*math.Sin(2*math.Pi*0.9*at), 2500} {
			r := math.Exp(-math.Pi * 90 / float64(rate))
			y := pulse + 2*r*math.Cos(2*math.Pi*hz/float64(rate))*y1[j] - r*r*y2[j]
			y1[j], y2[j] = y, y1[j]
			sum += y
		}
		syllable := math.Pow(math.Abs(math.Sin(2*math.Pi*2*at)), 0.5)
		p.Samples[i] = int16(math.Max(-32000, math.Min(32000, 2500*syllable*sum)))
	}
	return p
}

// beeps is a steady tone.
func beeps(rate int, hz float64, d time.Duration) PCM {
	return Tone{Hz: []float64{hz}, On: d, Level: -18}.PCM(rate)
}

// again is something so many times.
func again(n int, p PCM) PCM { return Join(slices.Repeat([]PCM{p}, n)...) }

// lines are what may happen to sound on its way.
var lines = map[string]func(PCM) PCM{
	"clean": func(p PCM) PCM { return p },
	"noise": func(p PCM) PCM { // 20 dB below the beep
		noise, out := rand.New(rand.NewPCG(1, 2)), PCM{Rate: p.Rate}
		for _, s := range p.Samples {
			out.Samples = append(out.Samples, int16(math.Max(-32768, math.Min(32767, float64(s)+32768*dB(-38)*noise.NormFloat64()))))
		}
		return out
	},
	"mu-law": throughG711(codec.PCMU),
	"A-law":  throughG711(codec.PCMA),
}

func throughG711(c codec.Codec) func(PCM) PCM {
	return func(p PCM) PCM {
		enc, err := codec.NewEncoder(c, 8000)
		if err != nil {
			panic(err)
		}
		dec, err := codec.NewDecoder(c, 8000)
		if err != nil {
			panic(err)
		}
		out := PCM{Rate: 8000}
		coded, plain := make([]byte, 160), make([]int16, 160)
		for part := range slices.Chunk(p.Samples, 160) {
			n, err := enc.Encode(coded, part)
			if err == nil {
				n, err = dec.Decode(plain, coded[:n])
			}
			if err != nil {
				panic(err)
			}
			out.Samples = append(out.Samples, plain[:n]...)
		}
		return out
	}
}

// heardBeep says when the beep was heard; never is below zero.
func heardBeep(p PCM) time.Duration {
	var b BeepDetector
	at := time.Duration(0)
	for frame := range slices.Chunk(p.Samples, p.Rate/50) {
		at += samplesToTime(len(frame), p.Rate)
		if b.Hear(frame, p.Rate) {
			return at
		}
	}
	return -1
}

const ms = time.Millisecond

func TestBeep(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		hz    float64
		long  time.Duration
		quiet time.Duration // behind it, until it is heard
	}{
		{400, 200 * ms, 1200 * ms},
		{425, 300 * ms, 1200 * ms},
		{500, 150 * ms, 200 * ms},
		{620, 200 * ms, 200 * ms},
		{1000, 300 * ms, 200 * ms},
		{1003, 150 * ms, 200 * ms},
		{1400, 1000 * ms, 200 * ms},
		{2000, 150 * ms, 200 * ms},
		{2000, 2800 * ms, 200 * ms},
	} {
		for _, rate := range []int{8000, 48000} {
			greeting := Join(Silence(rate, 300*ms), spoken(rate, time.Second), Silence(rate, 430*ms))
			for name, line := range lines {
				if rate > 8000 && strings.HasSuffix(name, "law") {
					continue // G.711 has 8,000 samples a second
				}
				p := line(Join(greeting, beeps(rate, row.hz, row.long), Silence(rate, 1500*ms)))
				over := greeting.Duration() + row.long
				if at := heardBeep(p); at < over+row.quiet || at > over+row.quiet+120*ms {
					t.Errorf("%v Hz of %s at %d, %s: heard after %s, it was over after %s", row.hz, row.long, rate, name, at, over)
				}
			}
		}
	}
}

// What sounds alike is no beep.
func TestNoBeep(t *testing.T) {
	t.Parallel()
	const rate = 8000
	speech, rest := spoken(rate, time.Second), Silence(rate, 1600*ms)
	music := HoldMusic()
	music.Samples = music.Samples[:10*music.Rate]
	digits := PCM{Rate: rate}
	for _, key := range "159D0*8#" {
		p, _ := DTMF(byte(key), 200*ms, rate)
		digits = Join(digits, p, Silence(rate, 300*ms))
	}
	twisted := Join(sines(rate, 400*ms, -14, 770)) // reverse twist of 8 dB
	for i, s := range sines(rate, 400*ms, -22, 1336).Samples {
		twisted.Samples[i] += s
	}
	sit := Join(beeps(rate, 913.8, 276*ms), beeps(rate, 1370.6, 276*ms), beeps(rate, 1776.7, 380*ms))
	gliding := PCM{Rate: rate, Samples: make([]int16, rate/2)}
	phase := 0.0
	for i := range gliding.Samples {
		phase += 2 * math.Pi * (600 + 1200*float64(i)/float64(len(gliding.Samples))) / rate
		gliding.Samples[i] = int16(4000 * math.Sin(phase))
	}
	period := func(tone Tone) PCM { return tone.PCM(rate) }
	for name, p := range map[string]PCM{
		"speech":              again(5, Join(speech, Silence(rate, 600*ms))),
		"before anybody says": Join(Silence(rate, 500*ms), beeps(rate, 1000, 300*ms), rest, speech, rest),
		"ringing, America":    Join(speech, again(2, period(Ringback))),
		"ringing, Europe":     Join(speech, again(2, period(RingbackEU))),
		"ringing, China":      Join(speech, again(2, period(RingbackCN))),
		"engaged, America":    Join(speech, again(6, period(Busy)), rest),
		"engaged, Europe":     Join(speech, again(6, period(BusyEU)), rest),
		"engaged, China":      Join(speech, again(6, period(BusyCN)), rest),
		"congestion":          Join(speech, again(12, period(CongestionEU)), rest),
		"keys":                Join(speech, digits, rest),
		"keys of a bad line":  Join(speech, twisted, rest),
		"three tones":         Join(speech, sit, rest, sit, speech, rest),
		"three tones alone":   Join(sit, speech, rest),
		"too short":           Join(speech, rest, beeps(rate, 1000, 70*ms), rest),
		"it does not end":     Join(speech, beeps(rate, 1000, 4*time.Second), rest),
		"too low":             Join(speech, beeps(rate, 300, 400*ms), rest),
		"fax":                 Join(speech, beeps(rate, 2100, 400*ms), rest),
		"gliding":             Join(speech, gliding, rest),
		"words behind it":     Join(speech, beeps(rate, 1000, 300*ms), speech, speech),
		"hold music":          Join(speech, music.At(rate), rest),
		"real voices": Join(speak(t, "Hello, this is Anna. I am not at home at the moment, so please leave me a message after the tone.", "en-us", 1), rest,
			speak(t, "您好，我现在不方便接电话，请在提示音后留言。", "cmn", 1), rest, speak(t, "Oooh. Mmmh. Aaaah.", "en-us", 0.5), rest),
	} {
		for _, way := range []string{"clean", "noise", "mu-law"} {
			if at := heardBeep(lines[way](p)); at >= 0 {
				t.Errorf("%s, %s: a beep was heard after %s", name, way, at)
			}
		}
	}
}

func TestBeepAllocatesNothing(t *testing.T) {
	var b BeepDetector
	frames := slices.Collect(slices.Chunk(spoken(8000, time.Second).Samples, 160))
	if n := testing.AllocsPerRun(5, func() {
		for _, f := range frames {
			b.Hear(f, 8000)
		}
	}); n != 0 {
		t.Error(fmt.Sprint(n, " allocations a second"))
	}
}

// Whatever is heard, and in whatever pieces, nothing breaks.
func FuzzBeep(f *testing.F) {
	f.Add([]byte{0, 0, 255, 127, 0, 128}, 8000)
	f.Fuzz(func(_ *testing.T, sound []byte, rate int) {
		var b BeepDetector
		frame := make([]int16, len(sound)/2)
		for i := range frame {
			frame[i] = int16(sound[2*i]) | int16(sound[2*i+1])<<8
		}
		for range 3 {
			b.Hear(frame, rate)
		}
	})
}
