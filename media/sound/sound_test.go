package sound

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"tandem/media/codec"
)

func sine(rate int, d time.Duration, hz, peak float64) PCM {
	p := PCM{Rate: rate, Samples: make([]int16, timeToSamples(d, rate))}
	for i := range p.Samples {
		p.Samples[i] = int16(peak * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return p
}

// level is the power of one frequency in the audio, as the amplitude of a sine.
func level(p PCM, hz float64) float64 {
	var re, im float64
	for i, s := range p.Samples {
		w := 2 * math.Pi * hz * float64(i) / float64(p.Rate)
		re, im = re+float64(s)*math.Cos(w), im+float64(s)*math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(len(p.Samples))
}

func peak(pcm []int16) int {
	top := 0
	for _, s := range pcm {
		top = max(top, int(s), -int(s))
	}
	return top
}

func toDB(v float64) float64 { return 20 * math.Log10(v/32768) }

func TestNormalizedHasTheLoudnessOfPrompts(t *testing.T) {
	quiet := Join(sine(8000, time.Second, 300, 200), Silence(8000, 2*time.Second), sine(8000, time.Second, 300, 200))
	loud := sine(16000, time.Second, 300, 32767)
	spiky := sine(16000, time.Second, 300, 1500)
	for i := 4000; i < len(spiky.Samples); i += 4000 {
		spiky.Samples[i] = 20000
	}
	for name, p := range map[string]PCM{"quiet with a pause": quiet, "loud": loud, "spiky": spiky} {
		got := p.Normalized()
		if l := toDB(activeRMS(got)); math.Abs(l-targetRMS) > 1.5 {
			t.Errorf("%s: loudness %.1f dB", name, l)
		}
		if top := toDB(float64(peak(got.Samples))); top > peakLimit+0.05 {
			t.Errorf("%s: peak %.1f dB", name, top)
		}
		if len(got.Samples) != len(p.Samples) {
			t.Errorf("%s: length changed", name)
		}
	}
	if peak(Silence(8000, time.Second).Normalized().Samples) != 0 {
		t.Error("silence must stay silence")
	}
	if p := (PCM{Rate: 8000}).Normalized(); len(p.Samples) != 0 {
		t.Error("nothing must stay nothing")
	}
}

func TestTrimAndJoin(t *testing.T) {
	word := sine(16000, 400*time.Millisecond, 500, 9000)
	p := Join(Silence(16000, 300*time.Millisecond), word, Silence(16000, 700*time.Millisecond)).Trim()
	if d := p.Duration() - 400*time.Millisecond; d < -5*time.Millisecond || d > 10*time.Millisecond {
		t.Errorf("trimmed to %s", p.Duration())
	}
	if n := len(Silence(8000, time.Second).Trim().Samples); n != 0 {
		t.Errorf("trimmed silence has %d samples", n)
	}
	if d := Join(word, sine(8000, 100*time.Millisecond, 500, 9000)).Duration(); d != 500*time.Millisecond {
		t.Errorf("joined length %s", d)
	}
}

func TestTones(t *testing.T) {
	for name, tone := range map[string]Tone{
		"ringback": Ringback, "busy": Busy, "congestion": Congestion, "ringback CN": RingbackCN, "busy CN": BusyCN,
		"congestion CN": CongestionCN, "ringback EU": RingbackEU, "busy EU": BusyEU, "congestion EU": CongestionEU, "beep": Beep,
	} {
		for _, rate := range []int{8000, 16000} {
			p := tone.PCM(rate)
			if p.Duration() != tone.On+tone.Off {
				t.Errorf("%s: period %s", name, p.Duration())
			}
			on := PCM{rate, p.Samples[:timeToSamples(tone.On, rate)]}
			for _, hz := range tone.Hz {
				if l := toDB(level(on, hz) / math.Sqrt2); math.Abs(l-tone.Level) > 0.5 {
					t.Errorf("%s: %.0f Hz at %.1f dB, want %.0f", name, hz, l, tone.Level)
				}
			}
			if peak(p.Samples[len(on.Samples):]) != 0 {
				t.Errorf("%s: the pause is not silent", name)
			}
		}
	}
	if _, ok := DTMF('x', time.Second, 8000); ok {
		t.Error("x is no digit")
	}
}

var music = sync.OnceValue(HoldMusic)

func TestHoldMusic(t *testing.T) {
	p := music()
	if p.Duration() != 51200*time.Millisecond {
		t.Fatalf("length %s", p.Duration())
	}
	if !slices.Equal(p.Samples, HoldMusic().Samples) {
		t.Error("not the same each time")
	}
	if l := toDB(activeRMS(p)); math.Abs(l-targetRMS) > 1.5 {
		t.Errorf("loudness %.1f dB", l)
	}
	for part := range slices.Chunk(p.Samples, p.Rate/2) {
		if toDB(rms(part)) < -40 {
			t.Error("half a second of near silence")
		}
	}
	// The loop joins: the step over the end is like those around it.
	steepest := 0
	for i := 1; i < len(p.Samples); i++ {
		steepest = max(steepest, abs(int(p.Samples[i])-int(p.Samples[i-1])))
	}
	if step := abs(int(p.Samples[0]) - int(p.Samples[len(p.Samples)-1])); step > steepest/2 {
		t.Errorf("step of %d over the end, steepest inside %d", step, steepest)
	}
	// What a telephone line cuts must not carry the music.
	var sum, high float64
	var last int16
	for _, s := range p.Samples {
		d := float64(s) - float64(last)
		sum, high, last = sum+float64(s)*float64(s), high+d*d, s
	}
	if high/sum > 0.3 {
		t.Errorf("too shrill: %.2f", high/sum)
	}
}

func abs(v int) int { return max(v, -v) }

// play decodes frames as a phone would.
func play(t *testing.T, c codec.Codec, frames [][]byte) []int16 {
	t.Helper()
	dec, err := codec.NewDecoder(c, c.SampleRate)
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	buf := make([]int16, codec.MaxSamples)
	for _, f := range frames {
		n, err := dec.Decode(buf, f)
		if err != nil {
			t.Fatal(err)
		}
		if n != c.SampleRate/50 {
			t.Fatalf("%s: frame of %d samples", c.Name, n)
		}
		out = append(out, buf[:n]...)
	}
	return out
}

func TestAssetPlaysInEveryCodec(t *testing.T) {
	p := sine(44100, 490*time.Millisecond, 700, 8000)
	a, err := NewAsset(p, map[string]time.Duration{"half": 245 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if a.Duration() != 500*time.Millisecond {
		t.Errorf("length %s", a.Duration())
	}
	if d, ok := a.Mark("half"); !ok || d != 245*time.Millisecond {
		t.Errorf("mark at %s, %t", d, ok)
	}
	for _, c := range codec.Available() {
		frames := a.Frames(c)
		if len(frames) != 25 {
			t.Fatalf("%s: %d frames", c.Name, len(frames))
		}
		got := PCM{c.SampleRate, play(t, c, frames)[c.SampleRate/10 : c.SampleRate*4/10]}
		if l := level(got, 700); math.Abs(l-8000) > 300 {
			t.Errorf("%s: 700 Hz at %.0f, want 8000", c.Name, l)
		}
	}
	if len(a.PCM(8000)) != 4000 || len(a.PCM(16000)) != 8000 || a.PCM(48000) != nil {
		t.Error("PCM at 8 and 16 kHz is wanted")
	}
	if _, err := NewAsset(PCM{Rate: 8000}, nil); err == nil {
		t.Error("an asset of nothing")
	}
}

func TestConcatJoinsFramesAndMarks(t *testing.T) {
	one, err := NewAsset(Join(sine(16000, 300*time.Millisecond, 440, 8000), Silence(16000, 60*time.Millisecond)), map[string]time.Duration{"a": 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewAsset(sine(8000, 300*time.Millisecond, 880, 8000), map[string]time.Duration{"b": 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Concat(one, two, one)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2*one.Duration() + two.Duration(); all.Duration() != want {
		t.Errorf("length %s, want %s", all.Duration(), want)
	}
	for name, want := range map[string]time.Duration{"b": one.Duration() + 100*time.Millisecond, "a": one.Duration() + two.Duration() + 300*time.Millisecond} {
		if d, _ := all.Mark(name); d != want {
			t.Errorf("mark %s at %s, want %s", name, d, want)
		}
	}
	for _, c := range codec.Available() {
		pcm := play(t, c, all.Frames(c))
		at := c.SampleRate * 45 / 100
		if l := level(PCM{c.SampleRate, pcm[at : at+c.SampleRate/10]}, 880); math.Abs(l-8000) > 800 {
			t.Errorf("%s: the second part has 880 Hz at %.0f", c.Name, l)
		}
		if top := peak(pcm); top > 10500 {
			t.Errorf("%s: a click of %d at a joint", c.Name, top)
		}
	}
	if _, err := Concat(); err == nil {
		t.Error("nothing concatenated")
	}
}

func TestLoopRepeatsWithoutClick(t *testing.T) {
	p := sine(16000, 200*time.Millisecond, 440, 8000) // 88 whole periods: a perfect loop
	a, err := NewLoop(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codec.Available() {
		frames := a.Frames(c)
		pcm := play(t, c, slices.Concat(frames, frames, frames))
		steepest := 8000 * 2 * math.Pi * 440 / float64(c.SampleRate)
		for i := c.SampleRate / 10; i < len(pcm); i++ {
			if d := math.Abs(float64(pcm[i]) - float64(pcm[i-1])); d > 1.4*steepest {
				t.Fatalf("%s: jump of %.0f at %d (tone moves %.0f)", c.Name, d, i, steepest)
			}
		}
	}
}

func ExampleFormat_Split() {
	f := Format{Encoding: MuLaw, Rate: 8000, Channels: 2}
	fmt.Println(f.PartPayload(50_000_000))
	parts, _ := f.Split(70_000_000, 50_000_000)
	fmt.Println(parts)
	// Output:
	// 49999942
	// [49999942 20000058]
}
