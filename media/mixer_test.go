package media

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
)

// steps drives a mixer frame by frame, without a clock: packets are given to streams, and frames of a sum are asked for.
type steps struct {
	frame int64
	now   time.Duration
}

func (s *steps) beat() beat { return beat{frame: s.frame, now: s.now} }
func (s *steps) next()      { s.frame, s.now = s.frame+1, s.now+frameTime }

// constant is a speaker whose packet n holds one value 160 times.
type constant struct {
	*Stream
	at  *steps
	seq uint16
	ts  uint32
}

func (s *steps) speaker() *constant {
	return &constant{Stream: still(NewClock(), codec.PCMU), at: s, seq: 65500, ts: 7}
}

// say sends the value v; lost only counts.
func (c *constant) say(v int16, lost bool) {
	if !lost {
		c.recv(c.packet(v))
	}
	c.skip()
}

func (c *constant) packet(v int16) *Packet {
	p := &Packet{SSRC: 9, Sequence: c.seq, Timestamp: c.ts, Arrival: c.at.now, Payload: make([]byte, 160)}
	for i := range p.Payload {
		p.Payload[i] = codec.ToMu(v)
	}
	return p
}

func (c *constant) skip() { c.seq, c.ts = c.seq+1, c.ts+160 }

// pcmOf is a frame of a sum as PCM.
func pcmOf(t testing.TB, m *Mixer, s *sum, b beat) []int16 {
	t.Helper()
	buf := make([]byte, codec.MaxPayload)
	if m.frame(s, codec.PCMU, b, buf) == nil {
		t.Fatalf("frame %d is not there", b.frame)
	}
	return slices.Clone(s.pcm[b.frame&(recent-1)][:m.rate/50])
}

func exact(v int16) int16 { return codec.MuLawToPCM[codec.ToMu(v)] }

// Sums are exact to the sample while they are not too loud, and nobody is in a sum that was not asked for.
func TestSumsAreExact(t *testing.T) {
	var at steps
	m := NewMixer()
	a, b, c := at.speaker(), at.speaker(), at.speaker()
	ab, bc, abc := m.listen([]*Stream{a.Stream, b.Stream}), m.listen([]*Stream{b.Stream, c.Stream}), m.listen([]*Stream{a.Stream, b.Stream, c.Stream})
	for n := range 40 {
		at.next()
		va, vb, vc := int16(100*n), int16(-3000), int16(9000)
		a.say(va, false)
		b.say(vb, false)
		c.say(vc, false)
		gotAB, gotBC, gotABC := pcmOf(t, m, ab, at.beat()), pcmOf(t, m, bc, at.beat()), pcmOf(t, m, abc, at.beat())
		if n < 4 {
			continue // the buffers fill
		}
		va = int16(100 * (n - 1)) // one packet waits
		for i := range 160 {
			if want := exact(va) + exact(vb); gotAB[i] != want {
				t.Fatalf("frame %d sample %d: a+b is %d, want %d", n, i, gotAB[i], want)
			}
			if want := exact(vb) + exact(vc); gotBC[i] != want {
				t.Fatalf("frame %d sample %d: b+c is %d, want %d", n, i, gotBC[i], want)
			}
			if want := exact(va) + exact(vb) + exact(vc); gotABC[i] != want {
				t.Fatalf("frame %d sample %d: a+b+c is %d, want %d", n, i, gotABC[i], want)
			}
		}
	}
	if len(m.speakers) != 3 {
		t.Errorf("%d decoders for 3 speakers in 3 sums", len(m.speakers))
	}
	m.leave(ab)
	m.leave(abc)
	if len(m.speakers) != 2 || len(a.taps.list()) != 0 {
		t.Error("a speaker whom nobody hears is still decoded")
	}
	m.leave(bc)
	if len(m.sums) != 0 || len(m.speakers) != 0 {
		t.Error("a mixer without listeners holds something")
	}
}

func TestLimitIsSmooth(t *testing.T) {
	last := limit(-20 * 32768)
	for v := int32(-20 * 32768); v <= 20*32768; v += 7 {
		got := limit(v)
		if got < last {
			t.Fatalf("limit(%d) = %d is below that of less, %d", v, got, last)
		}
		if v > -softLimit && v < softLimit && int32(got) != v {
			t.Fatalf("limit(%d) = %d", v, got)
		}
		if got != -limit(-v) {
			t.Fatalf("limit(%d) is not that of %d turned round", v, -v)
		}
		last = got
	}
	if last < 32000 {
		t.Errorf("the loudest sum is %d", last)
	}
}

// Twenty listeners of two codecs: each codec is encoded once, and all hear the same bytes; who comes 3 frames late has no frame.
func TestListenersShareOneEncoding(t *testing.T) {
	var at steps
	m := NewMixer()
	a, b := at.speaker(), at.speaker()
	set := []*Stream{a.Stream, b.Stream}
	s := m.listen(set)
	for range 19 {
		if m.listen(set) != s {
			t.Fatal("another sum of the same speakers")
		}
	}
	for n := range 20 {
		at.next()
		a.say(int16(500*n), false)
		b.say(2000, false)
		for _, c := range []codec.Codec{codec.PCMU, codec.G722} {
			first := slices.Clone(m.frame(s, c, at.beat(), make([]byte, codec.MaxPayload)))
			for range 9 {
				if other := m.frame(s, c, at.beat(), make([]byte, codec.MaxPayload)); !slices.Equal(first, other) {
					t.Fatalf("frame %d: two listeners hear different bytes", n)
				}
			}
			if late := m.frame(s, c, beat{frame: at.frame - 2, now: at.now}, make([]byte, codec.MaxPayload)); n > 4 && len(late) != 160 {
				t.Fatalf("a listener two frames late gets %d bytes", len(late))
			}
			if late := m.frame(s, c, beat{frame: at.frame - recent, now: at.now}, make([]byte, codec.MaxPayload)); late != nil {
				t.Fatal("a frame that was overwritten is given away")
			}
		}
	}
	if len(s.outs) != 2 {
		t.Errorf("%d encoders for 2 codecs", len(s.outs))
	}
}

// The table is what a speaker's network does, packet by packet ('.' arrives, 'x' is lost, 's' is a packet that was never sent (DTX), '<' comes after
// the one that follows it); want is what a listener hears, each frame by the number of its packet: 'c' is invented, '_' silent.
func TestJitterBuffer(t *testing.T) {
	for _, tt := range []struct{ name, network, want string }{
		{"all arrive", "............", "_0123456789a"},
		{"one lost", "....x.......", "_0123c56789a"},
		{"two lost", "....xx......", "_0123cc6789a"},
		{"swapped", "....<.......", "_0123456789a"},
		{"a pause of one", "....s.......", "_0123_56789a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var at steps
			c := at.speaker()
			m := NewMixer()
			s := m.listen([]*Stream{c.Stream})
			value := func(n int) int16 { return int16(1000 * (n + 1)) }
			got := ""
			var held *Packet
			for n, what := range tt.network {
				at.next()
				switch what {
				case '.':
					c.say(value(n), false)
					if held != nil {
						c.recv(held)
						held = nil
					}
				case 'x':
					c.say(0, true)
				case 's':
					c.ts += 160
				case '<':
					held = c.packet(value(n))
					c.skip()
				}
				got += frameName(pcmOf(t, m, s, at.beat()), value)
			}
			if got != tt.want {
				t.Errorf("heard %s, want %s", got, tt.want)
			}
		})
	}
}

// frameName is the number of the packet that a frame's end is from; its beginning may be blended with what was invented.
func frameName(pcm []int16, value func(int) int16) string {
	last := pcm[len(pcm)-1]
	for n := range 30 {
		if last == exact(value(n)) && pcm[100] == last {
			return fmt.Sprintf("%x", n)
		}
	}
	if peak(pcm) == 0 {
		return "_"
	}
	return "c"
}

// A speaker whose clock is fast or slow by 0.1 % is heard for minutes: the delay stays in bounds, and hardly a frame is invented or cut.
func TestClockDrift(t *testing.T) {
	for _, ppm := range []float64{1000, -1000} {
		for _, silent := range []bool{true, false} {
			t.Run(fmt.Sprintf("%+.0f ppm, silent %v", ppm, silent), func(t *testing.T) {
				var at steps
				c := at.speaker()
				m := NewMixer()
				s := m.listen([]*Stream{c.Stream})
				tone := sine(8000, 160*20, 400)
				sent, deepest, quiet := 0.0, 0, 0
				for n := range 10_000 { // 200 s
					at.next()
					for sent += 1 + ppm/1e6; sent >= 1; sent-- {
						p := c.packet(0)
						if !silent {
							for i := range p.Payload {
								p.Payload[i] = codec.ToMu(tone[(int(c.seq)*160+i)%len(tone)])
							}
						}
						c.recv(p)
						c.skip()
					}
					pcm := pcmOf(t, m, s, at.beat())
					deepest = max(deepest, m.speakers[c.Stream].in.depth())
					if n > 10 && !silent && peak(pcm) < 8000 {
						quiet++
					}
				}
				in := &m.speakers[c.Stream].in
				if deepest > 8000/50*6 {
					t.Errorf("the buffer grew to %d samples", deepest)
				}
				if quiet > 2 || in.late > 2 || in.cuts > 30 {
					t.Errorf("%d quiet frames, %d packets late, %d cuts", quiet, in.late, in.cuts)
				}
				if ppm > 0 && in.cuts == 0 {
					t.Error("nothing was cut out of a buffer that must have grown")
				}
			})
		}
	}
}

// listening is a call between two parties, and a supervisor who listens to both: as calls make it.
func listening(w *world, codecs ...codec.Codec) (customer, agent, supervisor *party, m *Mixer) {
	customer, agent, supervisor = w.join(codecs[0]), w.join(codecs[1]), w.join(codecs[2])
	bridge(customer, agent)
	m = NewMixer()
	supervisor.Play(m.Sum(customer.Stream, agent.Stream))
	return customer, agent, supervisor, m
}

// speak lets parties speak tones for a while, each at its own codec's rate.
func speak(t *testing.T, d time.Duration, tones map[*party]float64) {
	t.Helper()
	frames := map[*party][][]byte{}
	for p, hz := range tones {
		c := p.Format().Codec
		frames[p] = payloads(t, c, sine(c.SampleRate, int(d)*c.SampleRate/int(time.Second), hz), frameTime)
	}
	for i := range int(d / frameTime) {
		for p := range tones {
			p.says(p.talk.packet(frames[p][i]))
		}
		time.Sleep(frameTime)
	}
}

// strength is the amplitude of a tone.
func strength(pcm []int16, rate int, hz float64) float64 { _, a := purity(pcm, rate, hz); return a }

// Monitor, coach and barge, in each codec: who must hear a tone hears it, and to whom it is not meant it is not there at all.
func TestWhoHearsTheSupervisor(t *testing.T) {
	const customerHz, agentHz, supervisorHz = 400, 1000, 1700
	for _, c := range codec.Available() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				customer, agent, supervisor, m := listening(w, codec.PCMU, codec.PCMA, c)
				tones := map[*party]float64{customer: customerHz, agent: agentHz, supervisor: supervisorHz}
				// hears compares what a party is sent with who is in it.
				hears := func(mode string, p *party, want ...float64) {
					t.Helper()
					got := p.port.take()
					rate := p.Format().Codec.SampleRate
					pcm := audio(t, p.Format().Codec, got[len(got)/2:])
					for _, hz := range []float64{customerHz, agentHz, supervisorHz} {
						level := strength(pcm, rate, hz)
						if slices.Contains(want, hz) && level < 9000 {
							t.Errorf("%s: a party does not hear %.0f Hz (level %.0f)", mode, hz, level)
						}
						if !slices.Contains(want, hz) && level > 300 {
							t.Errorf("%s: a party hears %.0f Hz at level %.0f", mode, hz, level)
						}
					}
				}
				speak(t, 600*time.Millisecond, tones)
				hears("monitor", customer, agentHz)
				hears("monitor", agent, customerHz)
				hears("monitor", supervisor, customerHz, agentHz)
				agent.Play(m.Sum(customer.Stream, supervisor.Stream))
				speak(t, 600*time.Millisecond, tones)
				hears("coach", customer, agentHz)
				hears("coach", agent, customerHz, supervisorHz)
				hears("coach", supervisor, customerHz, agentHz)
				customer.Play(m.Sum(agent.Stream, supervisor.Stream))
				speak(t, 600*time.Millisecond, tones)
				hears("barge", customer, agentHz, supervisorHz)
				hears("barge", agent, customerHz, supervisorHz)
				hears("barge", supervisor, customerHz, agentHz)
				Apply(map[*Stream]Source{customer.Stream: Forward(agent.Stream), agent.Stream: Forward(customer.Stream)})
				speak(t, 600*time.Millisecond, tones)
				hears("monitor again", customer, agentHz)
				hears("monitor again", agent, customerHz)
			})
		})
	}
}

// From monitor to coach and back: the agent's packets go on without a gap in number or time, there is never less than the customer's tone in any
// 10 ms for 40 ms on end, and the supervisor is heard within 100 ms.
func TestSwitchWithoutGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		customer, agent, supervisor, m := listening(w, codec.PCMU, codec.PCMU, codec.PCMU)
		tones := map[*party]float64{customer: 400, agent: 1000, supervisor: 1700}
		speak(t, 300*time.Millisecond, tones)
		if !m.Primed(customer.Stream) || m.Primed(supervisor.Stream) {
			t.Error("who is listened to is primed, and nobody else")
		}
		agent.port.take()
		supervisor.port.take()
		agent.Play(m.Sum(customer.Stream, supervisor.Stream))
		speak(t, 300*time.Millisecond, tones)
		coached := agent.port.take()
		agent.Play(Forward(customer.Stream))
		speak(t, 300*time.Millisecond, tones)
		got := append(coached, agent.port.take()...)
		contiguous(t, got, 160)
		for i, p := range got[1:] {
			if gap := p.Arrival - got[i].Arrival; gap > 40*time.Millisecond {
				t.Errorf("packet %d came %s after the one before", i+1, gap)
			}
		}
		pcm := audio(t, codec.PCMU, got)
		silent := 0
		for at := 0; at+80 <= len(pcm); at += 80 {
			if silent++; peak(pcm[at:at+80]) > 4000 {
				silent = 0
			}
			if silent*10 > 40 {
				t.Fatalf("the agent hears nothing for %d ms", silent*10)
			}
		}
		if level := strength(pcm[800:1600], 8000, 1700); level < 9000 {
			t.Errorf("100 ms after the switch the supervisor is heard at level %.0f", level)
		}
		contiguous(t, supervisor.port.take(), 160)
	})
}

// What one listener of a sum costs the memory: nothing, in each codec.
func TestMixerDoesNotAllocate(t *testing.T) {
	for _, from := range codec.Available() {
		for _, to := range codec.Available() {
			clock := NewClock()
			a, b, l := still(clock, from), still(clock, from), still(clock, to)
			m := NewMixer()
			l.Play(m.Sum(a, b))
			say := []func(){speaking(t, a, from), speaking(t, b, from)}
			var at steps
			one := func() {
				at.next()
				for _, f := range say {
					f()
				}
				l.frame(l.session.Load(), beat{frame: at.frame, now: at.now})
			}
			for range 200 {
				one()
			}
			if n := testing.AllocsPerRun(300, one); n != 0 {
				t.Errorf("%s to %s: %v allocations a frame", from.Name, to.Name, n)
			}
			if in := &m.speakers[a].in; !in.playing || in.lost > 0 {
				t.Errorf("%s: playing %v, %d lost", from.Name, in.playing, in.lost)
			}
		}
	}
}

// speaking is chatter whose packets arrive as steps go.
func speaking(t testing.TB, s *Stream, c codec.Codec) func() {
	p := &Packet{PayloadType: c.PayloadType, SSRC: 1, Payload: payloads(t, c, sine(c.SampleRate, c.SampleRate/5, 500), frameTime)[4]}
	return func() {
		p.Sequence++
		p.Timestamp += uint32(c.ClockRate / 50)
		p.Arrival += frameTime
		s.recv(p)
	}
}

func TestBestLagKeepsTheTone(t *testing.T) {
	tone := sine(8000, 320, 250) // a period of 32 samples
	if cut := bestLag(tone, 8000); cut%32 > 1 && cut%32 < 31 {
		t.Errorf("a cut of %d samples breaks a tone whose period is 32", cut)
	}
	if math.Abs(float64(bestLag(make([]int16, 320), 8000))-40) > 0 {
		t.Error("silence may be cut anywhere")
	}
}
