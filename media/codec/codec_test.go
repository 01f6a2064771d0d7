package codec

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// tone is a sine of the given peak.
func tone(rate, n int, hz, peak float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(peak * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return pcm
}

// speechLike is a pulse train at 118 Hz through three resonances, with a syllable envelope and some breath.
func speechLike(rate, n int) []int16 {
	rng := rand.New(rand.NewPCG(1, 2))
	formants := [][2]float64{{500, 90}, {1500, 120}, {2500, 160}}
	y := make([]float64, n)
	for i, period := 0, rate/118; i < n; i++ {
		x := 0.01 * rng.NormFloat64()
		if i%period == 0 {
			x++
		}
		y[i] = x * (0.55 - 0.45*math.Cos(2*math.Pi*4*float64(i)/float64(rate)))
	}
	for _, f := range formants {
		r := math.Exp(-math.Pi * f[1] / float64(rate))
		c1, c2 := 2*r*math.Cos(2*math.Pi*f[0]/float64(rate)), -r*r
		var z1, z2 float64
		for i := range y {
			v := y[i] + c1*z1 + c2*z2
			z1, z2, y[i] = v, z1, v
		}
	}
	peak := 0.0
	for _, v := range y {
		peak = max(peak, math.Abs(v))
	}
	pcm := make([]int16, n)
	for i, v := range y {
		pcm[i] = int16(20000 * v / peak)
	}
	return pcm
}

// snr compares got with want at the best delay up to maxDelay and at the best gain, in dB; the first 100 ms are left out.
func snr(want, got []int16, rate, maxDelay int) float64 {
	best := math.Inf(-1)
	for delay := 0; delay <= maxDelay; delay++ {
		var xx, xy, yy float64
		for i := rate / 10; i+delay < len(got) && i < len(want); i++ {
			x, y := float64(want[i]), float64(got[i+delay])
			xx, xy, yy = xx+x*x, xy+x*y, yy+y*y
		}
		if xx == 0 || yy == 0 {
			continue
		}
		best = max(best, 10*math.Log10(yy/max(yy-xy*xy/xx, 1e-9)))
	}
	return best
}

func roundTrip(t testing.TB, enc Encoder, dec Decoder, pcm []int16, frame int) []int16 {
	t.Helper()
	out := pass(t, enc, dec, pcm, frame)
	if want := len(pcm) / frame * frame; len(out) != want {
		t.Fatalf("%d samples came back as %d", want, len(out))
	}
	return out
}

// pass encodes whole frames and decodes them, perhaps at another rate.
func pass(t testing.TB, enc Encoder, dec Decoder, pcm []int16, frame int) (out []int16) {
	t.Helper()
	payload, buf := make([]byte, MaxPayload), make([]int16, MaxSamples)
	for part := range slices.Chunk(pcm, frame) {
		if len(part) < frame {
			break
		}
		n, err := enc.Encode(payload, part)
		if err != nil {
			t.Fatal(err)
		}
		m, err := dec.Decode(buf, payload[:n])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, buf[:m]...)
	}
	return out
}

func pair(t testing.TB, c Codec, rate int) (Encoder, Decoder) {
	t.Helper()
	enc, err := NewEncoder(c, rate)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewDecoder(c, rate)
	if err != nil {
		t.Fatal(err)
	}
	return enc, dec
}

func TestRoundTripSNR(t *testing.T) {
	floor := map[string][2]float64{"PCMU": {36, 33}, "PCMA": {36, 33}, "G722": {32, 18}, "opus": {16, 10}} // tone, speech-like
	for _, c := range Available() {
		for _, rate := range []int{8000, 16000} {
			for _, ms := range []int{10, 20, 60} {
				enc, dec := pair(t, c, rate)
				for i, pcm := range [][]int16{tone(rate, rate, 1004, 10000), speechLike(rate, rate)} {
					got := snr(pcm, roundTrip(t, enc, dec, pcm, rate/1000*ms), rate, rate/50)
					t.Logf("%s %d Hz %d ms signal %d: %.1f dB", c.Name, rate, ms, i, got)
					if got < floor[c.Name][i] {
						t.Errorf("%s at %d Hz, %d ms, signal %d: SNR %.1f dB, want %.0f", c.Name, rate, ms, i, got, floor[c.Name][i])
					}
				}
			}
		}
	}
}

func TestG711IsExactOnItsOwnValues(t *testing.T) {
	for b := range 256 {
		if got := MuLawToPCM[ToMu(MuLawToPCM[b])]; got != MuLawToPCM[b] {
			t.Errorf("µ-law %#02x: %d became %d", b, MuLawToPCM[b], got)
		}
		if got := ToA(ALawToPCM[b]); got != byte(b) {
			t.Errorf("A-law %#02x came back as %#02x", b, got)
		}
	}
	for s := -32768; s <= 32767; s++ {
		for name, v := range map[string]int16{"µ": MuLawToPCM[ToMu(int16(s))], "A": ALawToPCM[ToA(int16(s))]} {
			if e := math.Abs(float64(int(v) - s)); e > (math.Abs(float64(s))+132)/32+4 { // half a step of either law
				t.Fatalf("%s-law of %d is %d", name, s, v)
			}
		}
	}
	// Reference points of ITU-T G.711.
	if MuLawToPCM[0] != -32124 || MuLawToPCM[0x80] != 32124 || ALawToPCM[0xAA] != 32256 || ALawToPCM[0x2A] != -32256 {
		t.Error("end points are wrong")
	}
	if ToMu(0) != MuLawSilence || ToA(0) != ALawSilence {
		t.Error("silence bytes are wrong")
	}
	if MuLawToALaw[MuLawSilence] != ALawSilence || MuLawToPCM[ALawToMuLaw[ALawSilence]] > 8 {
		t.Error("silence must stay silence between the laws")
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"pcmu", "PCMA", "g722", "OPUS"} {
		if _, ok := ByName(name); !ok {
			t.Errorf("%s is not found", name)
		}
	}
	if _, ok := ByName("G729"); ok {
		t.Error("G729 is not offered")
	}
	if _, err := NewEncoder(Codec{Name: "G729"}, 8000); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown codec gives %v", err)
	}
	if _, err := NewDecoder(PCMU, 44100); !errors.Is(err, ErrRate) {
		t.Errorf("44.1 kHz gives %v", err)
	}
	if slices.Contains(Available(), Opus) != OpusEncoding() {
		t.Error("Opus is available exactly when it can be encoded")
	}
	if _, err := NewEncoder(Opus, 8000); !OpusEncoding() && !errors.Is(err, ErrNoEncoder) {
		t.Errorf("without cgo the Opus encoder gives %v", err)
	}
}

func TestShortBuffers(t *testing.T) {
	for _, c := range Available() {
		for _, rate := range []int{8000, 16000} {
			enc, dec := pair(t, c, rate)
			pcm, payload := speechLike(rate, rate/50), make([]byte, MaxPayload)
			if c != Opus {
				if _, err := enc.Encode(payload[:10:10], pcm); !errors.Is(err, io.ErrShortBuffer) {
					t.Errorf("%s %d: encode into 10 bytes gives %v", c.Name, rate, err)
				}
			}
			n, err := enc.Encode(payload, pcm)
			if err != nil {
				t.Fatal(err)
			}
			short := make([]int16, 20, 2000)
			if _, err := dec.Decode(short, payload[:n]); err == nil {
				t.Errorf("%s %d: decode into 20 samples succeeds", c.Name, rate)
			}
			if slices.ContainsFunc(short[20:cap(short)], func(s int16) bool { return s != 0 }) {
				t.Errorf("%s %d: wrote behind the length", c.Name, rate)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, c := range Available() {
		for _, rate := range []int{8000, 16000} {
			enc, dec := pair(t, c, rate)
			pcm, payload, out := speechLike(rate, rate/50), make([]byte, MaxPayload), make([]int16, MaxSamples)
			if n := testing.AllocsPerRun(100, func() {
				n, err := enc.Encode(payload, pcm)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := dec.Decode(out, payload[:n]); err != nil {
					t.Fatal(err)
				}
				if _, err := dec.Conceal(out[:rate/50]); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s at %d Hz: %v allocations per frame", c.Name, rate, n)
			}
		}
	}
	rs, _ := NewResampler(8000, 16000)
	in, out := make([]int16, 160), make([]int16, 320)
	if n := testing.AllocsPerRun(100, func() { rs.Process(out, in) }); n != 0 {
		t.Errorf("resampler: %v allocations", n)
	}
}

// goldenSNR is what is left of a voice, in dB, from one codec through Tandem to another; less than half a decibel below is a fault.
var goldenSNR = map[string]float64{
	"PCMU to PCMU": 37.3, "PCMU to PCMA": 34.1, "PCMU to G722": 19.0, "PCMU to opus": 19.9,
	"PCMA to PCMU": 34.1, "PCMA to PCMA": 37.1, "PCMA to G722": 19.1, "PCMA to opus": 20.0,
	"G722 to PCMU": 19.0, "G722 to PCMA": 18.9, "G722 to G722": 23.2, "G722 to opus": 15.1,
	"opus to PCMU": 15.0, "opus to PCMA": 15.0, "opus to G722": 15.2, "opus to opus": 13.2,
}

// From every codec to every other, as calls are transcoded: decoded to the poorer one's rate, encoded again, and heard at that rate.
func TestPairSNR(t *testing.T) {
	for _, from := range Available() {
		for _, to := range Available() {
			rate := min(from.SampleRate, to.SampleRate)
			speaker, _ := pair(t, from, from.SampleRate)
			enc, heard := pair(t, to, rate)
			_, dec := pair(t, from, rate)
			want := speechLike(rate, 2*rate)
			got := pass(t, enc, heard, pass(t, speaker, dec, Resample(want, rate, from.SampleRate), from.SampleRate/50), rate/50)
			name := from.Name + " to " + to.Name
			if db, golden := snr(want, got, rate, rate/50), goldenSNR[name]; golden == 0 || db < golden-0.5 {
				t.Errorf("%s: SNR %.1f dB, golden %.1f", name, db, golden)
			}
		}
	}
}
