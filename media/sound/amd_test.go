package sound

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const (
	amdRate  = 8000
	amdFrame = amdRate / 50 // 20 ms
)

// said is what somebody says: speech and silence in turn, beginning with silence, over the noise of a line.
func said(turns ...time.Duration) (frames [][]int16) {
	noise := rand.New(rand.NewPCG(1, 2))
	at := 0
	for i, d := range turns {
		for range int(d / (20 * time.Millisecond)) {
			f := make([]int16, amdFrame)
			for j := range f {
				f[j] = int16(noise.IntN(21) - 10)
				if i%2 == 1 {
					f[j] += int16(6000 * math.Sin(2*math.Pi*180*float64(at)/amdRate))
				}
				at++
			}
			frames = append(frames, f)
		}
	}
	return frames
}

func TestAMD(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		name  string
		turns []time.Duration
		want  AMDResult
		at    time.Duration // when it is clear
	}{
		{"hello?", []time.Duration{400 * ms, 400 * ms, 3 * time.Second}, AMDHuman, 1600 * ms},
		{"two words and a name", []time.Duration{300 * ms, 300 * ms, 200 * ms, 500 * ms, 200 * ms, 500 * ms, 3 * time.Second}, AMDHuman, 2800 * ms},
		{"you have reached", []time.Duration{500 * ms, 8 * time.Second}, AMDMachine, 2 * time.Second},
		{"sentences with pauses", []time.Duration{200 * ms, 700 * ms, 300 * ms, 700 * ms, 300 * ms, 700 * ms, 5 * time.Second}, AMDMachine, 2300 * ms},
		{"nobody speaks", []time.Duration{6 * time.Second}, AMDNoSpeech, 2500 * ms},
		{"a click is no word", []time.Duration{500 * ms, 60 * ms, 6 * time.Second}, AMDNoSpeech, 2500 * ms},
		{
			"single syllables, again and again",
			[]time.Duration{400 * ms, 120 * ms, 700 * ms, 120 * ms, 700 * ms, 120 * ms, 700 * ms, 120 * ms, 700 * ms, 120 * ms, 700 * ms, 120 * ms, 700 * ms},
			AMDUnsure, 5 * time.Second,
		},
	} {
		d := AMD{Rule: DefaultAMDRule}
		var got AMDResult
		at := time.Duration(0)
		for _, f := range said(row.turns...) {
			at += 20 * ms
			if got = d.Hear(f, amdRate); got != "" {
				break
			}
		}
		if got != row.want || (at-row.at).Abs() > 100*ms {
			t.Errorf("%s: %q after %s, want %q after %s", row.name, got, at, row.want, row.at)
		}
	}
}

// Whatever is heard, and in whatever pieces, it is decided by the end of the time.
func FuzzAMD(f *testing.F) {
	f.Add([]byte{0, 0, 255, 127, 0, 128}, 8000)
	f.Add([]byte{1}, 48000)
	f.Fuzz(func(t *testing.T, b []byte, rate int) {
		d := AMD{Rule: DefaultAMDRule}
		frame := make([]int16, len(b)/2)
		for i := range frame {
			frame[i] = int16(b[2*i]) | int16(b[2*i+1])<<8
		}
		if len(frame) == 0 || rate <= 0 {
			if got := d.Hear(frame, rate); got != "" {
				t.Errorf("nothing is %q", got)
			}
			return
		}
		length := time.Duration(len(frame)) * time.Second / time.Duration(rate)
		if length <= 0 || length < 10*time.Millisecond {
			return
		}
		for range int(DefaultAMDRule.Total/length) + 1 {
			if d.Hear(frame, rate) != "" {
				return
			}
		}
		t.Errorf("undecided after %s", d.heard)
	})
}

func TestAMDAllocatesNothing(t *testing.T) {
	d := AMD{Rule: DefaultAMDRule}
	frame := make([]int16, amdFrame)
	if n := testing.AllocsPerRun(100, func() { d.Hear(frame, amdRate) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
