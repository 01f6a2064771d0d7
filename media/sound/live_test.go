package sound

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// detect runs a detector over audio in frames of 20 ms.
func detect(p PCM) string {
	d := NewDTMFDetector(p.Rate)
	var out []byte
	for part := range slices.Chunk(p.Samples, p.Rate/50) {
		if digit := d.Process(part); digit != 0 {
			out = append(out, digit)
		}
	}
	return string(out)
}

// dial is a string of digits with explicit levels in dB below full scale and a frequency error.
func dial(rate int, digits string, on, off time.Duration, low, high, shift float64) PCM {
	out := Silence(rate, 30*time.Millisecond)
	for _, c := range []byte(digits) {
		key := strings.IndexByte(dtmfKeys, c)
		p := sines(rate, on, low, dtmfLow[key/4]*(1+shift))
		h := sines(rate, on, high, dtmfHigh[key%4]*(1+shift))
		for i := range p.Samples {
			p.Samples[i] += h.Samples[i]
		}
		out = Join(out, p, Silence(rate, off))
	}
	return out
}

func addNoise(p PCM, level float64) PCM {
	rng := rand.New(rand.NewPCG(5, 6))
	out := PCM{p.Rate, slices.Clone(p.Samples)}
	for i, s := range out.Samples {
		out.Samples[i] = int16(min(max(float64(s)+rng.NormFloat64()*dB(level)*32768, -32768), 32767))
	}
	return out
}

func TestDTMF(t *testing.T) {
	const all = "1234567890*#ABCD"
	const ms = time.Millisecond
	for _, rate := range []int{8000, 16000} {
		for _, tc := range []struct {
			name string
			p    PCM
			want string
		}{
			{"normal", dial(rate, all, 100*ms, 100*ms, -15, -13, 0), all},
			{"short", dial(rate, all, 40*ms, 40*ms, -15, -15, 0), all},
			{"same digit twice", dial(rate, "1155##", 50*ms, 50*ms, -15, -13, 0), "1155##"},
			{"loud", dial(rate, all, 60*ms, 60*ms, -9.5, -9.5, 0), all},
			{"quiet", dial(rate, all, 60*ms, 60*ms, -45, -45, 0), all},
			{"high 5 dB louder", dial(rate, all, 60*ms, 60*ms, -20, -15, 0), all},
			{"low 8 dB louder", dial(rate, all, 60*ms, 60*ms, -12, -20, 0), all},
			{"1.5 % sharp", dial(rate, all, 60*ms, 60*ms, -15, -15, 0.015), all},
			{"1.5 % flat", dial(rate, all, 60*ms, 60*ms, -15, -15, -0.015), all},
			{"noise 15 dB below", addNoise(dial(rate, all, 60*ms, 60*ms, -15, -15, 0), -27), all},
			{"long press", dial(rate, "7", 2*time.Second, 50*ms, -15, -15, 0), "7"},
			{"long press in noise", addNoise(dial(rate, "7", 2*time.Second, 50*ms, -15, -15, 0), -27), "7"},
			{"too short", dial(rate, all, 18*ms, 60*ms, -15, -15, 0), ""},
			{"4 % off", dial(rate, "1590D", 100*ms, 60*ms, -15, -15, 0.04), ""},
			{"high 9 dB louder", dial(rate, all, 60*ms, 60*ms, -24, -15, 0), ""},
			{"low 12 dB louder", dial(rate, all, 60*ms, 60*ms, -12, -24, 0), ""},
			{"one tone", sine(rate, time.Second, 941, 8000), ""},
			{"noise", addNoise(Silence(rate, 10*time.Second), -20), ""},
			{"dial tone", Join(Ringback.PCM(rate), Busy.PCM(rate)), ""},
			{"hold music", music().At(rate), ""},
		} {
			if got := detect(tc.p); got != tc.want {
				t.Errorf("%d Hz, %s: %q, want %q", rate, tc.name, got, tc.want)
			}
		}
	}
}

func TestDTMFGenerated(t *testing.T) {
	var p PCM
	for _, c := range []byte(dtmfKeys) {
		tone, ok := DTMF(c, 100*time.Millisecond, 8000)
		if !ok {
			t.Fatalf("no tone for %c", c)
		}
		p = Join(Silence(8000, 100*time.Millisecond), p, Silence(8000, 50*time.Millisecond), tone)
	}
	if got := detect(p); got != dtmfKeys {
		t.Errorf("heard %q", got)
	}
}

func TestDTMFActiveSpansTheTone(t *testing.T) {
	p := dial(8000, "5", 200*time.Millisecond, 200*time.Millisecond, -15, -15, 0)
	d := NewDTMFDetector(8000)
	first, last := -1, -1
	for i := 0; i < len(p.Samples); i += 80 {
		d.Process(p.Samples[i : i+80])
		if d.Active() == '5' {
			if first < 0 {
				first = i
			}
			last = i + 80
		}
	}
	// The tone is from 30 to 230 ms.
	if first < 240 || first > 240+400 || last < 1840 || last > 1840+400 {
		t.Errorf("active from sample %d to %d", first, last)
	}
}

func TestVAD(t *testing.T) {
	const rate = 8000
	var v VAD
	frames := func(p PCM) (speech int, total int) {
		for part := range slices.Chunk(p.Samples, rate/50) {
			if v.Speech(part) {
				speech++
			}
			total++
		}
		return speech, total
	}
	hum := func(d time.Duration) PCM { return addNoise(Silence(rate, d), -52) }
	if n, _ := frames(hum(3 * time.Second)); n > 0 {
		t.Errorf("noise is speech in %d frames", n)
	}
	word := addNoise(sine(rate, time.Second, 180, 4000), -52)
	if n, total := frames(word); n < total-4 {
		t.Errorf("speech found in %d of %d frames", n, total)
	}
	if n, _ := frames(hum(time.Second)); n < 5 || n > vadHangover+1 {
		t.Errorf("hang-over of %d frames", n)
	}
	if n, _ := frames(Join(sine(rate, 40*time.Millisecond, 180, 4000), hum(time.Second))); n > 0 {
		t.Errorf("a click is speech in %d frames", n)
	}
	if n, _ := frames(Silence(rate, time.Second)); n > 0 {
		t.Errorf("digital silence is speech in %d frames", n)
	}
}

func TestLiveAnalysisDoesNotAllocate(t *testing.T) {
	d, v := NewDTMFDetector(8000), new(VAD)
	p := sine(8000, 20*time.Millisecond, 941, 8000)
	if n := testing.AllocsPerRun(200, func() {
		d.Process(p.Samples)
		v.Speech(p.Samples)
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func FuzzDTMF(f *testing.F) {
	f.Add(dial(8000, "12", 50*time.Millisecond, 50*time.Millisecond, -15, -15, 0).WAV())
	f.Fuzz(func(t *testing.T, data []byte) {
		d := NewDTMFDetector(8000)
		pcm := make([]int16, len(data)/2)
		for i := range pcm {
			pcm[i] = int16(data[2*i]) | int16(data[2*i+1])<<8
		}
		if digit := d.Process(pcm); digit != 0 && strings.IndexByte(dtmfKeys, digit) < 0 {
			t.Fatalf("digit %q", digit)
		}
	})
}

func BenchmarkDTMF(b *testing.B) {
	for name, p := range map[string]PCM{
		"no-digit": sine(8000, 20*time.Millisecond, 440, 8000),
		"row":      sine(8000, 20*time.Millisecond, 941, 8000), // the costliest
	} {
		b.Run(name, func(b *testing.B) {
			d := NewDTMFDetector(8000)
			b.ReportAllocs()
			for b.Loop() {
				d.Process(p.Samples)
			}
		})
	}
}

func BenchmarkVAD(b *testing.B) {
	v, p := new(VAD), sine(8000, 20*time.Millisecond, 941, 8000)
	b.ReportAllocs()
	for b.Loop() {
		v.Speech(p.Samples)
	}
}

func BenchmarkHoldMusic(b *testing.B) {
	for b.Loop() {
		HoldMusic()
	}
}
