package media

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tandem/media/codec"
)

// impaired is a speaker of one tone behind a bad network, and what a listener of a sum hears of them. Time is counted, not waited for.
type impaired struct {
	codec codec.Codec
	ptime time.Duration // default 20 ms
	ppm   float64       // by which the speaker's clock is fast
	lasts time.Duration
	// delay is what the network does to packet n, which was sent then; a negative delay loses it.
	delay func(r *rand.Rand, n int, sent time.Duration) time.Duration
	order bool // the network keeps the order: who is late makes those behind late
	// change lets the speaker do something else with packet n; false: it is not sent.
	change func(n int, p *Packet) bool
}

const toneHz, tonePeak = 400, 16000

// packets are what arrives, in the order in which it does.
func (im impaired) packets(t *testing.T) (all []*Packet) {
	t.Helper()
	enc, err := codec.NewEncoder(im.codec, im.codec.SampleRate)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	samples := int(im.ptime) * im.codec.SampleRate / int(time.Second)
	every := time.Duration(float64(im.ptime) / (1 + im.ppm/1e6))
	pcm, latest := make([]int16, samples), time.Duration(0)
	for n := 0; time.Duration(n)*every < im.lasts; n++ {
		for i := range pcm {
			pcm[i] = int16(tonePeak * math.Sin(2*math.Pi*toneHz*float64(n*samples+i)/float64(im.codec.SampleRate)))
		}
		payload := make([]byte, codec.MaxPayload)
		size, err := enc.Encode(payload, pcm)
		if err != nil {
			t.Fatal(err)
		}
		sent := time.Duration(n) * every
		p := &Packet{
			PayloadType: im.codec.PayloadType, SSRC: 9, Sequence: uint16(65000 + n), Timestamp: math.MaxUint32 - 100_000 + ticksIn(im.ptime, im.codec.ClockRate)*uint32(n),
			Payload: payload[:size], Arrival: sent,
		}
		if im.change != nil && !im.change(n, p) {
			continue
		}
		if im.delay != nil {
			d := im.delay(r, n, sent)
			if d < 0 {
				continue
			}
			p.Arrival += d
		}
		if im.order {
			p.Arrival = max(p.Arrival, latest)
			latest = p.Arrival
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b *Packet) int { return cmp.Compare(a.Arrival, b.Arrival) })
	return all
}

// heardTone is what came out.
type heardTone struct {
	pcm  []int16
	rate int
	held []int // samples in the buffer after each frame
	over []int // and how many more than it should have
	in   *jitter
}

// listen hears it all.
func (im impaired) listen(t *testing.T) heardTone {
	t.Helper()
	im.ptime = cmp.Or(im.ptime, frameTime)
	var at steps
	s := still(NewClock(), im.codec)
	m := NewMixer()
	sum := m.listen([]*Stream{s})
	var h heardTone
	for packets := im.packets(t); at.now < im.lasts; {
		at.next()
		for ; len(packets) > 0 && packets[0].Arrival <= at.now; packets = packets[1:] {
			s.recv(packets[0])
		}
		h.pcm = append(h.pcm, pcmOf(t, m, sum, at.beat())...)
		h.in = &m.speakers[s].in
		h.held, h.over = append(h.held, h.in.depth()), append(h.over, h.in.depth()-h.in.target())
	}
	h.rate = m.rate
	return h
}

// after is what was heard from then on.
func (h heardTone) after(d time.Duration) []int16 { return h.pcm[int(d)*h.rate/int(time.Second):] }

// longestSilence is the longest time in which nothing was heard, in steps of 5 ms.
func longestSilence(pcm []int16, rate int) (longest time.Duration) {
	silent, step := time.Duration(0), 5*time.Millisecond
	for part := range slices.Chunk(pcm, rate/200) {
		if silent += step; peak(part) > tonePeak/16 {
			silent = 0
		}
		longest = max(longest, silent)
	}
	return longest
}

// level is the RMS of what was heard, against that of the tone.
func level(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(len(pcm))) / (tonePeak / math.Sqrt2)
}

// lose loses some packets, by chance.
func lose(share float64) func(*rand.Rand, int, time.Duration) time.Duration {
	return func(r *rand.Rand, _ int, _ time.Duration) time.Duration {
		if r.Float64() < share {
			return -1
		}
		return 0
	}
}

// shake delays each packet by chance.
func shake(most time.Duration) func(*rand.Rand, int, time.Duration) time.Duration {
	return func(r *rand.Rand, _ int, _ time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most))) }
}

// No network that media.md names makes more than 60 ms of silence, another level or a delay that stays.
func TestImpairments(t *testing.T) {
	const limit = 60 * time.Millisecond
	stalls := func(_ *rand.Rand, n int, _ time.Duration) time.Duration {
		return time.Duration(max(0, 10-n%75)) * frameTime
	}
	for _, tt := range []struct {
		name string
		im   impaired
	}{
		{"nothing", impaired{}},
		{"10 % loss", impaired{delay: lose(0.1)}},
		{"200 ms of jitter, out of order", impaired{delay: shake(200 * time.Millisecond)}},
		{"200 ms of jitter, in order", impaired{delay: shake(200 * time.Millisecond), order: true}},
		{"stalls of 200 ms", impaired{delay: stalls}},
		{"10 % loss and 40 ms of jitter", impaired{delay: func(r *rand.Rand, _ int, _ time.Duration) time.Duration {
			if r.Float64() < 0.1 {
				return -1
			}
			return time.Duration(r.Int64N(int64(40 * time.Millisecond)))
		}}},
		{"every tenth after the next two", impaired{delay: func(_ *rand.Rand, n int, _ time.Duration) time.Duration {
			return time.Duration(n%10/9) * 45 * time.Millisecond
		}}},
		{"another SSRC each 3 s", impaired{change: func(n int, p *Packet) bool {
			k := uint32(n / 150)
			p.SSRC, p.Sequence, p.Timestamp = 9+k, p.Sequence+uint16(k*777), p.Timestamp+k*99_999
			return true
		}}},
		{"a fast clock", impaired{ppm: 300, lasts: 5 * time.Minute}},
		{"a slow clock", impaired{ppm: -300, lasts: 5 * time.Minute}},
		{"packets of 10 ms", impaired{ptime: 10 * time.Millisecond, delay: lose(0.05)}},
		{"packets of 30 ms", impaired{ptime: 30 * time.Millisecond}},
		{"packets of 40 ms", impaired{ptime: 40 * time.Millisecond, delay: shake(30 * time.Millisecond), order: true}},
		{"packets of 60 ms", impaired{ptime: 60 * time.Millisecond}},
	} {
		for _, c := range codec.Available() {
			if c == codec.Opus && tt.im.ptime == 30*time.Millisecond || tt.im.lasts > 0 && c != codec.PCMU {
				continue // Opus has no such packets, and minutes of the others would take minutes
			}
			t.Run(tt.name+" "+c.Name, func(t *testing.T) {
				im := tt.im
				im.codec, im.lasts = c, cmp.Or(im.lasts, 20*time.Second)
				h := im.listen(t)
				pcm := h.after(2 * time.Second)
				if longest := longestSilence(pcm, h.rate); longest > limit {
					t.Errorf("silent for %s", longest)
				}
				if l := level(pcm); l < 0.9 || l > 1.1 {
					t.Errorf("the tone is at %.2f of its level", l)
				}
				frame := h.rate / 50
				if most := slices.Max(h.over[100:]); most > 10*frame {
					t.Errorf("the buffer holds %d frames more than it should", most/frame)
				}
				if db, _ := purity(pcm[len(pcm)-h.rate/5:], h.rate, toneHz); tt.im.delay == nil && db < 15 {
					t.Errorf("the tone is %.1f dB above the rest", db)
				}
				t.Logf("%d lost, %d late, %d cuts, %d stretches", h.in.lost, h.in.late, h.in.cuts, h.in.stretches)
			})
		}
	}
}

// A network that was bad and is good again: within 5 s the delay is what it was.
func TestDelayGoesBack(t *testing.T) {
	for _, inOrder := range []bool{true, false} {
		for _, c := range codec.Available() {
			const bad, good = 10 * time.Second, 5 * time.Second
			h := impaired{codec: c, lasts: bad + good + time.Second, order: inOrder, delay: func(r *rand.Rand, _ int, sent time.Duration) time.Duration {
				if sent > bad {
					return 0
				}
				return time.Duration(r.Int64N(int64(200 * time.Millisecond)))
			}}.listen(t)
			frame := h.rate / 50
			if was := slices.Max(h.held[100:500]); was < 5*frame {
				t.Errorf("%s: the buffer never held more than %d samples", c.Name, was)
			}
			if over := slices.Max(h.over[(bad+good)/frameTime:]); over > frame || h.in.target() > 2*frame {
				t.Errorf("%s: 5 s later the buffer is %d samples above its target of %d", c.Name, over, h.in.target())
			}
			if longest := longestSilence(h.after(bad), h.rate); longest > 60*time.Millisecond {
				t.Errorf("%s: silent for %s while the delay went back", c.Name, longest)
			}
		}
	}
}

// A speaker whose telephone sends nothing while nobody speaks: its first words come whole, and between them there is the noise that it said
// there is (RFC 3389), or none.
func TestPausesAreQuiet(t *testing.T) {
	const on, off = 50, 50 // packets
	for _, c := range []codec.Codec{codec.PCMU, codec.PCMA, codec.G722} {
		for _, said := range []int{0, 60} {
			h := impaired{codec: c, lasts: 10 * time.Second, change: func(n int, p *Packet) bool {
				talks := n / (on + off)
				rest := n%(on+off) - on
				numbered := 1
				if said == 0 {
					numbered = 0
				}
				switch {
				case rest == 0 && said > 0:
					p.PayloadType, p.Payload = comfortNoise, []byte{byte(said)}
				case rest >= 0:
					return false
				}
				p.Sequence -= uint16(talks * (off - numbered))
				return true
			}}.listen(t)
			second := h.rate
			for talk := range 4 {
				at := (2*talk + 2) * second
				speech, pause := h.pcm[at+second/10:at+second*9/10], h.pcm[at+second*12/10:at+second*19/10]
				if l := level(speech); l < 0.9 || l > 1.1 {
					t.Errorf("%s: words are at %.2f of their level", c.Name, l)
				}
				want := 0.0
				if said > 0 {
					want = 32768 * math.Pow(10, -float64(said)/20)
				}
				if got := level(pause) * tonePeak / math.Sqrt2; math.Abs(got-want) > want/10+2 {
					t.Errorf("%s: the pause's noise is at %.1f, want %.1f", c.Name, got, want)
				}
			}
		}
	}
}
