package codec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lose feeds good PCM to a concealer and then asks for a gap, frame by frame.
func lose(rate, frameMS, gapMS int, good []int16) []int16 {
	c := newConcealer(rate)
	frame := frameMS * rate / 1000
	for len(good) >= frame {
		c.heard(append([]int16(nil), good[:frame]...))
		good = good[frame:]
	}
	gap := make([]int16, 0, gapMS*rate/1000)
	for len(gap) < cap(gap) {
		buf := make([]int16, frame)
		c.conceal(buf)
		gap = append(gap, buf...)
	}
	return gap
}

func rms(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(max(len(pcm), 1)))
}

func TestConcealFadesToSilenceBy60ms(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, frame := range []int{10, 20, 30} {
			good := speechLike(rate, rate/2)
			gap := lose(rate, frame, 120, good)
			ms := rate / 1000
			if rms(gap[:10*ms]) < 0.5*rms(good[len(good)-20*ms:]) {
				t.Errorf("%d Hz: the first 10 ms must keep the level", rate)
			}
			if rms(gap[35*ms:45*ms]) > 0.75*rms(gap[:10*ms]) {
				t.Errorf("%d Hz: no fade", rate)
			}
			for i, s := range gap[60*ms:] {
				if s != 0 {
					t.Fatalf("%d Hz, %d ms frames: sample %d after 60 ms is %d", rate, frame, i, s)
				}
			}
		}
	}
}

func TestConcealContinuesATone(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, hz := range []float64{75, 123, 200, 437, 1000} {
			all := tone(rate, rate, hz, 8000)
			cut := rate / 2 / 20 * 20
			gap := lose(rate, 20, 20, all[:cut])
			ms, worst := rate/1000, 0.0
			for i, s := range gap[:10*ms] {
				worst = max(worst, math.Abs(float64(s)-float64(all[cut+i])))
			}
			if worst > 2800 {
				t.Errorf("%d Hz, tone of %.0f Hz: off by %.0f of 8000", rate, hz, worst)
			}
		}
	}
}

func TestConcealDoesNotReplayTheFrame(t *testing.T) {
	const rate = 8000
	rng := rand.New(rand.NewPCG(3, 4))
	noise := make([]int16, rate/2)
	for i := range noise {
		noise[i] = int16(rng.NormFloat64() * 3000)
	}
	gap := lose(rate, 20, 60, noise)
	for name, lag := range map[string]int{"20 ms": 160, "40 ms": 320} {
		joined := append(append([]int16(nil), noise[len(noise)-320:]...), gap...)
		var xy, xx, yy float64
		for i := 320; i < len(joined); i++ {
			x, y := float64(joined[i]), float64(joined[i-lag])
			xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
		}
		if r := xy / math.Sqrt(xx*yy); r > 0.5 {
			t.Errorf("correlation %.2f with %s before: a frame is being replayed", r, name)
		}
	}
}

func TestConcealJoinsWithoutClicks(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, gapFrames := range []int{1, 2, 4} {
			all := tone(rate, rate, 210, 8000)
			c := newConcealer(rate)
			frame := rate / 50
			var out []int16
			for i := 0; i+frame <= len(all); i += frame {
				buf := append([]int16(nil), all[i:i+frame]...)
				if f := i / frame; f >= 20 && f < 20+gapFrames {
					c.conceal(buf)
				} else {
					c.heard(buf)
				}
				out = append(out, buf...)
			}
			steepest := 8000 * 2 * math.Pi * 210 / float64(rate)
			for i := 1; i < len(out); i++ {
				if d := math.Abs(float64(out[i]) - float64(out[i-1])); d > 1.8*steepest {
					t.Fatalf("%d Hz, %d lost frames: jump of %.0f at sample %d (tone moves %.0f)", rate, gapFrames, d, i, steepest)
				}
			}
		}
	}
}

func TestEveryDecoderConceals(t *testing.T) {
	for _, c := range Available() {
		for _, rate := range []int{8000, 16000} {
			enc, dec := pair(t, c, rate)
			roundTrip(t, enc, dec, tone(rate, rate/2, 300, 8000), rate/50)
			buf := make([]int16, rate/50)
			if n, err := dec.Conceal(buf); err != nil || n != len(buf) {
				t.Fatalf("%s: %d, %v", c.Name, n, err)
			}
			if rms(buf) < 1500 {
				t.Errorf("%s at %d Hz: nothing heard in the first lost frame (RMS %.0f)", c.Name, rate, rms(buf))
			}
			for range 25 {
				if _, err := dec.Conceal(buf); err != nil {
					t.Fatal(err)
				}
			}
			if rms(buf) > 800 {
				t.Errorf("%s at %d Hz: still loud after half a second (RMS %.0f)", c.Name, rate, rms(buf))
			}
		}
	}
}
