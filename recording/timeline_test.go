package recording

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tandem/media"
	"tandem/media/codec"
	"tandem/media/sound"
)

var muLaw8 = sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 1}

// packet number n of 20 ms of a ramp that never repeats within 2 s: every sample tells its place.
func ramp(n int) *media.Packet {
	p := &media.Packet{Timestamp: uint32(n*160) - 800, SSRC: 1, Payload: make([]byte, 160)}
	for i := range p.Payload {
		p.Payload[i] = rampAt(n*160 + i)
	}
	return p
}

func rampAt(i int) byte { return byte(i%127) + byte(i/16000%2) } // 0 to 127: never the silence 0xFF

// hear feeds a track as the recorder does: what arrives, in order of arrival, and a drain now and then, which makes chunks; then the end.
func hear(t *testing.T, tr *track, c codec.Codec, arrivals []arrival, length time.Duration) []byte {
	t.Helper()
	out, _ := hearChunks(t, tr, c, arrivals, length)
	return out
}

// hearChunks is hear, and how long the chunks are but for the last.
func hearChunks(t *testing.T, tr *track, c codec.Codec, arrivals []arrival, length time.Duration) (out []byte, chunks []time.Duration) {
	t.Helper()
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
	for now := time.Duration(0); now <= length; now += drainEvery {
		for len(arrivals) > 0 && arrivals[0].at <= now {
			tr.add(arrivals[0].p, c, arrivals[0].at)
			arrivals = arrivals[1:]
		}
		if tr.samples(now)-tr.base < tr.samples(chunkAfter) {
			continue
		}
		before := tr.base
		out = settled(t, tr, out, max(min(tr.samples(now), tr.whole(now)), tr.samples(now-dejitter)))
		chunks = append(chunks, time.Duration(tr.base-before)*time.Second/time.Duration(tr.format.Rate))
		if held := now - time.Duration(tr.base)*time.Second/time.Duration(tr.format.Rate); held > dejitter {
			t.Errorf("at %v the last %v are not kept", now, held)
		}
	}
	return settled(t, tr, out, tr.samples(length)), chunks
}

func settled(t *testing.T, tr *track, out []byte, until int64) []byte {
	t.Helper()
	if err := tr.settle(until); err != nil {
		t.Fatal(err)
	}
	return interleave(out, until, tr)
}

type arrival struct {
	p  *media.Packet
	at time.Duration
}

func every20ms(n int, from time.Duration) (list []arrival) {
	for i := range n {
		list = append(list, arrival{ramp(i), from + time.Duration(i)*20*time.Millisecond})
	}
	return list
}

// checkRamp compares each sample with where it should be, and allows silence only where said.
func checkRamp(t *testing.T, got []byte, shift int, silent func(sample int) bool) {
	t.Helper()
	bad := 0
	for i, b := range got {
		want := byte(codec.MuLawSilence)
		if i >= shift && !silent(i-shift) {
			want = rampAt(i - shift)
		}
		if b != want {
			if bad++; bad < 5 {
				t.Errorf("sample %d is %#x, want %#x", i, b, want)
			}
		}
	}
}

func TestPacketsStandWhereTheyBelong(t *testing.T) {
	const n = 500 // 10 s
	length := n * 20 * time.Millisecond
	lost := func(i int) bool { return false }
	for _, c := range []struct {
		name   string
		change func([]arrival) []arrival
		lost   func(packet int) bool
	}{
		{"all in order", func(a []arrival) []arrival { return a }, lost},
		{"one in ten lost", func(a []arrival) []arrival {
			return slices.DeleteFunc(a, func(a arrival) bool { return int(a.p.Timestamp+800)/160%10 == 3 })
		}, func(i int) bool { return i%10 == 3 }},
		{"jitter of 100 ms and reordering", func(a []arrival) []arrival {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range a {
				if i%50 > 0 && i < n-5 { // now and then one comes straight away, as in every network
					a[i].at += time.Duration(r.IntN(100)) * time.Millisecond
				}
			}
			return a
		}, lost},
		{"every packet twice", func(a []arrival) []arrival { return append(a, slices.Clone(a)...) }, lost},
		{"a stall of 400 ms, then all at once", func(a []arrival) []arrival {
			for i := 100; i < 120; i++ {
				a[i].at = a[120].at
			}
			return a
		}, lost},
		{"nothing for 3 s", func(a []arrival) []arrival { return slices.Delete(a, 100, 250) }, func(i int) bool { return i >= 100 && i < 250 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hear(t, newTrack(muLaw8), codec.PCMU, c.change(every20ms(n, 0)), length)
			if len(got) != n*160 {
				t.Fatalf("%d samples, want %d", len(got), n*160)
			}
			checkRamp(t, got, 0, func(s int) bool { return c.lost(s / 160) })
		})
	}
}

// A chunk costs the disk a sync: where nothing is missing there is one in 0.7 s, and no gap keeps more than the de-jitter delay back.
func TestChunksAreLongWhereNothingIsMissing(t *testing.T) {
	const n = 500
	for name, c := range map[string]struct {
		lost  int // of 20 packets
		least time.Duration
	}{"all there": {0, 700 * time.Millisecond}, "one in twenty lost": {1, 240 * time.Millisecond}, "silent": {20, 600 * time.Millisecond}} {
		a := slices.DeleteFunc(every20ms(n, 0), func(a arrival) bool { return int(a.p.Timestamp+800)/160%20 < c.lost })
		_, chunks := hearChunks(t, newTrack(muLaw8), codec.PCMU, a, n*20*time.Millisecond)
		if len(chunks) == 0 || slices.Min(chunks) < c.least {
			t.Errorf("%s: chunks of %v", name, chunks)
		}
	}
}

func TestOpusTime(t *testing.T) {
	for want, payload := range map[time.Duration][]byte{
		60 * time.Millisecond: {3 << 3}, 40 * time.Millisecond: {9<<3 | 1}, 20 * time.Millisecond: {13 << 3}, 5 * time.Millisecond: {16<<3 | 2},
		120 * time.Millisecond: {31<<3 | 3, 6}, 0: {31<<3 | 3},
	} {
		if got := opusTime(payload); got != want {
			t.Errorf("% x lasts %v, want %v", payload, got, want)
		}
	}
}

func TestTooLatePacketsAreDropped(t *testing.T) {
	a := every20ms(200, 0)
	a[50].at += 800 * time.Millisecond
	tr := newTrack(muLaw8)
	got := hear(t, tr, codec.PCMU, a, 4*time.Second)
	checkRamp(t, got, 0, func(s int) bool { return s/160 == 50 })
	if tr.late != 1 {
		t.Errorf("%d late packets counted", tr.late)
	}
}

// A sender whose timestamps jump (another SSRC, a clock set anew) is placed by its arrival again.
func TestSourceThatStartsAnew(t *testing.T) {
	for name, change := range map[string]func(*media.Packet){
		"another SSRC":        func(p *media.Packet) { p.SSRC, p.Timestamp = 2, p.Timestamp+12345678 },
		"timestamps go ahead": func(p *media.Packet) { p.Timestamp += 80_000 },
		"timestamps go back":  func(p *media.Packet) { p.Timestamp -= 80_000 },
	} {
		t.Run(name, func(t *testing.T) {
			a := every20ms(300, 0)
			for _, x := range a[150:] {
				change(x.p)
			}
			got := hear(t, newTrack(muLaw8), codec.PCMU, a, 6*time.Second)
			lost := 0
			for i := 150; i < 300; i++ {
				if got[i*160] == codec.MuLawSilence {
					lost++
				}
			}
			if lost > 55 { // a second and the de-jitter delay
				t.Errorf("%d packets lost before the new clock was understood", lost)
			}
			checkRamp(t, got[:150*160], 0, func(int) bool { return false })
			checkRamp(t, got[250*160:], -250*160, func(int) bool { return false })
		})
	}
}

// A sender whose clock is off by 200 ppm stays within 15 ms of the wall clock for ten minutes, without a hole.
func TestDriftIsFollowed(t *testing.T) {
	for _, ppm := range []float64{200, -200} {
		tr := newTrack(muLaw8)
		worst, silent := 0.0, 0
		var out []byte
		for n := range 30_000 {
			at := time.Duration(float64(n) * 20e6 * (1 + ppm/1e6))
			tr.add(ramp(n), codec.PCMU, at)
			if n > 1000 {
				worst = max(worst, math.Abs(float64(tr.queue[len(tr.queue)-1].pos)/8-float64(at)/1e6))
			}
			if n%10 == 0 && at > dejitter {
				out = settled(t, tr, out[:0], tr.samples(at-dejitter))
				silent += count(out, codec.MuLawSilence)
			}
		}
		if worst > 15 || silent > 0 {
			t.Errorf("%+.0f ppm: %.1f ms off, %d samples of silence", ppm, worst, silent)
		}
	}
}

func count(b []byte, what byte) (n int) {
	for _, x := range b {
		if x == what {
			n++
		}
	}
	return n
}

func TestFileFormat(t *testing.T) {
	for _, c := range []struct {
		heard []codec.Codec
		want  sound.Format
	}{
		{nil, sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 2}},
		{[]codec.Codec{codec.PCMU, codec.PCMU}, sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 2}},
		{[]codec.Codec{codec.PCMA, codec.PCMA}, sound.Format{Encoding: sound.ALaw, Rate: 8000, Channels: 2}},
		{[]codec.Codec{codec.PCMA, codec.PCMU}, sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 2}},
		{[]codec.Codec{codec.PCMA, codec.Opus}, sound.Format{Encoding: sound.PCM16, Rate: 8000, Channels: 2}},
		{[]codec.Codec{codec.G722, codec.Opus}, sound.Format{Encoding: sound.PCM16, Rate: 16000, Channels: 2}},
	} {
		if got := fileFormat(2, c.heard); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.heard, got, c.want)
		}
	}
}

// Every codec into every kind of file: a tone stays that tone.
func TestEveryCodecIntoEveryFile(t *testing.T) {
	for _, c := range codec.Available() {
		for _, f := range []sound.Format{muLaw8, {Encoding: sound.ALaw, Rate: 8000, Channels: 1}, {Encoding: sound.PCM16, Rate: 8000, Channels: 1}, {Encoding: sound.PCM16, Rate: 16000, Channels: 1}} {
			enc, err := codec.NewEncoder(c, c.SampleRate)
			if err != nil {
				t.Fatal(err)
			}
			var a []arrival
			for n := range 100 {
				pcm := make([]int16, c.SampleRate/50)
				for i := range pcm {
					pcm[i] = int16(8000 * math.Sin(2*math.Pi*1000*float64(n*len(pcm)+i)/float64(c.SampleRate)))
				}
				b := make([]byte, codec.MaxPayload)
				size, err := enc.Encode(b, pcm)
				if err != nil {
					t.Fatal(err)
				}
				a = append(a, arrival{&media.Packet{Timestamp: uint32(n * c.ClockRate / 50), SSRC: 1, Payload: b[:size]}, time.Duration(n) * 20 * time.Millisecond})
			}
			out := hear(t, newTrack(f), c, a, 2*time.Second)
			r := slices.Concat(f.Header(int64(len(out))), out)
			if got := toneLevel(t, r, 1000); got < 7000 || got > 9000 {
				t.Errorf("%s in %+v: level %.0f", c.Name, f, got)
			}
		}
	}
}

func toneLevel(t *testing.T, wav []byte, hz float64) float64 {
	t.Helper()
	w, err := sound.NewReader(newBytes(wav))
	if err != nil {
		t.Fatal(err)
	}
	rate := w.Format().Rate
	pcm := make([]int16, 2*rate)
	n, err := w.ReadPCM(pcm)
	if err != nil || n != len(pcm) {
		t.Fatal(n, err)
	}
	var re, im float64
	for i, s := range pcm[rate/2 : rate/2*3] {
		re += float64(s) * math.Cos(2*math.Pi*hz*float64(i)/float64(rate))
		im += float64(s) * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
	}
	return 2 * math.Hypot(re, im) / float64(rate)
}

func TestPlacingDoesNotAllocate(t *testing.T) {
	tr := newTrack(muLaw8)
	p, n := ramp(0), 0
	out := make([]byte, 0, 1<<20)
	run := func() {
		at := time.Duration(n) * 20 * time.Millisecond
		tr.add(p, codec.PCMU, at)
		p.Timestamp += 160
		if n++; n > 50 {
			_ = tr.settle(tr.samples(at - dejitter))
			out = interleave(out[:0], tr.samples(at-dejitter), tr)
		}
	}
	for range 1000 {
		run()
	}
	if a := testing.AllocsPerRun(1000, run); a != 0 {
		t.Errorf("%v allocations per packet", a)
	}
}

func BenchmarkPlace(b *testing.B) {
	tr := newTrack(muLaw8)
	p := ramp(0)
	var out []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		at := time.Duration(n) * 20 * time.Millisecond
		tr.add(p, codec.PCMU, at)
		p.Timestamp += 160
		if n++; n%5 == 0 && at > dejitter {
			_ = tr.settle(tr.samples(at - dejitter))
			out = interleave(out[:0], tr.samples(at-dejitter), tr)
		}
	}
}
