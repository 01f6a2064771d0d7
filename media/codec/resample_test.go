package codec

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// amplitude of one frequency in the middle of the audio.
func amplitude(pcm []int16, rate int, hz float64) float64 {
	mid := pcm[len(pcm)/4 : len(pcm)*3/4]
	var re, im float64
	for i, s := range mid {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		re, im = re+float64(s)*math.Cos(w), im+float64(s)*math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(len(mid))
}

func TestResamplerKeepsSpeechAndStopsImages(t *testing.T) {
	for _, hz := range []float64{100, 1000, 3000, 3400} {
		up, _ := NewResampler(8000, 16000)
		out := make([]int16, 16000)
		if n := up.Process(out, tone(8000, 8000, hz, 10000)); n != 16000 {
			t.Fatalf("%d samples", n)
		}
		if a := amplitude(out, 16000, hz); math.Abs(a-10000) > 150 {
			t.Errorf("up, %.0f Hz: amplitude %.0f of 10000", hz, a)
		}
		if a := amplitude(out, 16000, 8000-hz); hz <= 3400 && a > 30 {
			t.Errorf("up, %.0f Hz: image of %.0f", hz, a)
		}
		down, _ := NewResampler(16000, 8000)
		half := make([]int16, 8000)
		if n := down.Process(half, tone(16000, 16000, hz, 10000)); n != 8000 {
			t.Fatalf("%d samples", n)
		}
		if a := amplitude(half, 8000, hz); math.Abs(a-10000) > 150 {
			t.Errorf("down, %.0f Hz: amplitude %.0f of 10000", hz, a)
		}
	}
	for _, hz := range []float64{4700, 6000, 7500} {
		down, _ := NewResampler(16000, 8000)
		half := make([]int16, 8000)
		down.Process(half, tone(16000, 16000, hz, 10000))
		if a := rms(half[1000:]); a > 30 {
			t.Errorf("down, %.0f Hz: alias of %.0f", hz, a)
		}
	}
	if _, err := NewResampler(8000, 44100); err == nil {
		t.Error("44.1 kHz is accepted")
	}
}

func TestResamplerDoesNotCareForFrameSizes(t *testing.T) {
	pcm := speechLike(16000, 8000)
	for _, r := range [][2]int{{8000, 16000}, {16000, 8000}, {8000, 8000}} {
		whole, _ := NewResampler(r[0], r[1])
		want := make([]int16, 16000)
		want = want[:whole.Process(want, pcm)]
		rapid.Check(t, func(t *rapid.T) {
			rs, _ := NewResampler(r[0], r[1])
			var got []int16
			buf := make([]int16, 16000)
			for rest := pcm; len(rest) > 0; {
				n := min(rapid.IntRange(1, 2000).Draw(t, "frame"), len(rest))
				got = append(got, buf[:rs.Process(buf, rest[:n])]...)
				rest = rest[n:]
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v: frames change the result", r)
			}
		})
	}
}

func TestResampleAnyRate(t *testing.T) {
	for _, from := range []int{8000, 11025, 22050, 32000, 44100, 48000, 96000} {
		for _, to := range []int{8000, 16000} {
			got := Resample(tone(from, from, 1000, 10000), from, to)
			if len(got) != to {
				t.Errorf("%d to %d: %d samples for a second", from, to, len(got))
			}
			if s := snr(tone(to, to, 1000, 10000), got[:to*9/10], to, 0); s < 70 {
				t.Errorf("%d to %d: SNR %.1f dB", from, to, s)
			}
			if from > 2*to {
				if a := rms(Resample(tone(from, from, float64(to)*0.55, 10000), from, to)[to/10 : to*9/10]); a > 10 {
					t.Errorf("%d to %d: alias of %.1f", from, to, a)
				}
			}
		}
	}
	if len(Resample(nil, 44100, 8000)) != 0 {
		t.Error("nothing became something")
	}
}
