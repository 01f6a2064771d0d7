package faultrun

import (
	"math"
	"time"

	"tandem/media/sound"
)

// Each second of a call has its tone, so that a recording tells which seconds it holds: 20 tones in turn, begun at another place for each
// call, and lower on the agent's side.
const (
	tones     = 20
	windowLen = 100 * time.Millisecond // over which a tone is looked for
	quiet     = 1500                   // of 32767: an amplitude below is none of our tones
)

func toneHz(n, side int) float64 { return 500 + 100*float64(n%tones) + 50*float64(1-side) }

// tone is what a side of the call with that index says in that second.
func tone(index, side, second int) float64 { return toneHz(index+second, side) }

// run is a stretch of a recording with one tone.
type run struct {
	tone    int // -1: none of ours
	windows int
}

// heard tells what tones follow each other in a channel.
func heard(pcm []int16, rate, side int) (runs []run) {
	size := rate * int(windowLen/time.Millisecond) / 1000
	for ; len(pcm) >= size; pcm = pcm[size:] {
		t := loudest(pcm[:size], rate, side)
		if n := len(runs); n > 0 && runs[n-1].tone == t {
			runs[n-1].windows++
			continue
		}
		runs = append(runs, run{t, 1})
	}
	return runs
}

// loudest is the tone of a window, -1 when there is none or when two share it.
func loudest(pcm []int16, rate, side int) int {
	best, first, second := -1, 0.0, 0.0
	for n := range tones {
		switch a := amplitude(pcm, toneHz(n, side)/float64(rate)); {
		case a > first:
			best, first, second = n, a, first
		case a > second:
			second = a
		}
	}
	if first < quiet || second > first/2 {
		return -1
	}
	return best
}

// amplitude is Goertzel's filter: how loud a frequency is, in cycles a sample.
func amplitude(pcm []int16, cycles float64) float64 {
	k := 2 * math.Cos(2*math.Pi*cycles)
	var a, b float64
	for _, s := range pcm {
		a, b = float64(s)+k*a-b, a
	}
	return 2 * math.Sqrt(max(0, a*a+b*b-k*a*b)) / float64(len(pcm))
}

// faultsOf says what is wrong with the seconds that a channel holds: they begin with the first, follow each other, and are whole, but for
// the first and the last. As many windows as allowed may be none of ours: a tone changes within one, and a machine that stands still hears
// nothing.
func faultsOf(runs []run, index, allowed int) (wrong []string) {
	next, strange := index%tones, 0
	for i, r := range runs {
		if r.tone < 0 {
			strange += r.windows
			continue
		}
		again := i > 0 && r.tone == (next+tones-1)%tones // goes on behind a window that is none of ours
		if !again && r.tone != next {
			wrong = append(wrong, "a second is missing, there twice, or of another call")
			next = r.tone
		}
		if !again {
			next = (next + 1) % tones
		}
		if r.windows > 11 {
			wrong = append(wrong, "a second lasts too long")
		}
	}
	if strange > allowed+len(runs)/2 {
		wrong = append(wrong, "there are gaps")
	}
	return wrong
}

// duration of a number of samples.
func duration(samples int, f sound.Format) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(max(f.Rate, 1))
}
