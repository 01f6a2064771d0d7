package media

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
)

// bridge joins two parties both ways.
func bridge(a, b *party) {
	Apply(map[*Stream]Source{a.Stream: Forward(b.Stream), b.Stream: Forward(a.Stream)})
}

// Every pair of codecs, both ways of one bridge: a tone goes in, the same tone comes out, at the same level and clean.
func TestToneThroughEveryCodecPair(t *testing.T) {
	for _, from := range codec.Available() {
		for _, to := range codec.Available() {
			t.Run(from.Name+" to "+to.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, finish := newWorld(t)
					defer finish()
					a, b := w.join(from), w.join(to)
					bridge(a, b)
					const hz = 1004
					for _, payload := range payloads(t, from, sine(from.SampleRate, from.SampleRate, hz), frameTime) {
						a.says(a.talk.packet(payload))
						time.Sleep(frameTime)
					}
					got := b.port.take()
					if len(got) != 50 {
						t.Fatalf("%d packets came out of 50", len(got))
					}
					contiguous(t, got, uint32(to.ClockRate/50))
					if !got[0].Marker {
						t.Error("the first packet of a new source has no marker")
					}
					pcm := audio(t, to, got)
					db, level := purity(pcm[to.SampleRate/5:], to.SampleRate, hz)
					if db < 20 || level < 13500 || level > 18500 {
						t.Errorf("tone is %.1f dB above the rest at level %.0f, want 20 dB at 16000", db, level)
					}
				})
			})
		}
	}
}

func TestPtimeIsReframed(t *testing.T) {
	for _, in := range []time.Duration{10, 20, 30, 40, 60} {
		for _, out := range []time.Duration{10, 20, 30, 40} {
			t.Run(fmt.Sprintf("%d to %d ms", in, out), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, finish := newWorld(t)
					defer finish()
					c := codec.PCMA
					a := w.join(c)
					b := w.joinFormat(Format{Codec: c, PayloadType: 8, Ptime: out * time.Millisecond}, StreamConfig{})
					bridge(a, b)
					a.talk.step = uint32(in * 8)
					for _, payload := range payloads(t, c, sine(8000, 9600, 440), in*time.Millisecond) {
						a.says(a.talk.packet(payload))
						time.Sleep(in * time.Millisecond)
					}
					got := b.port.take()
					contiguous(t, got, uint32(out*8))
					for _, p := range got {
						if len(p.Payload) != int(out*8) {
							t.Fatalf("payload of %d bytes, want %d", len(p.Payload), out*8)
						}
					}
					pcm := audio(t, c, got)
					if db, _ := purity(pcm, 8000, 440); db < 25 || len(pcm) < 9600-480 {
						t.Errorf("%d samples, tone %.1f dB above the rest", len(pcm), db)
					}
				})
			})
		}
	}
}

// numbers is what the far end of b got, as differences from the first packet.
func numbers(got []Packet) (out []int) {
	for _, p := range got {
		out = append(out, int(int16(p.Sequence-got[0].Sequence)))
	}
	return out
}

func TestForwardKeepsWhatTheFarJitterBufferMustSee(t *testing.T) {
	tests := []struct {
		name string
		send []int // numbers of the speaker's packets, from 65530; negative: another SSRC
		want []int
	}{
		{"across the wrap", []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		{"loss stays visible", []int{0, 1, 4, 5}, []int{0, 1, 4, 5}},
		{"reordering too", []int{0, 2, 1, 3}, []int{0, 2, 1, 3}},
		{"duplicates go no further", []int{0, 1, 1, 2, 0}, []int{0, 1, 2}},
		{"another SSRC goes on contiguously", []int{0, 1, -40, -41, -42}, []int{0, 1, 2, 3, 4}},
		{"a jump that nothing confirms is dropped", []int{0, 1, 9000, 2}, []int{0, 1, 2}},
		{"a restart goes on contiguously", []int{0, 1, 9000, 9001, 9002}, []int{0, 1, 2, 3}},
		{"a long gap is a new beginning", []int{0, 1, 200, 201}, []int{0, 1, 2, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				a, b := w.join(codec.PCMU), w.join(codec.PCMU)
				bridge(a, b)
				payload := make([]byte, 160)
				for _, n := range tt.send {
					p := &Packet{Sequence: 65530 + uint16(n), Timestamp: uint32(n) * 160, SSRC: 7, Payload: payload, Arrival: Now()}
					if n < 0 {
						p.SSRC, p.Sequence, p.Timestamp = 8, uint16(-n), uint32(-n)*160
					}
					a.says(p)
					time.Sleep(frameTime)
				}
				got := b.port.take()
				if n := numbers(got); !slices.Equal(n, tt.want) {
					t.Errorf("numbers %v, want %v", n, tt.want)
				}
				for _, p := range got {
					if p.SSRC != got[0].SSRC || p.SSRC == 7 || p.SSRC == 8 {
						t.Errorf("SSRC %d, want always our own", p.SSRC)
					}
				}
			})
		})
	}
}

// A packet in ten is lost; what comes out of the transcoder is as long as what was said, and hardly less of a tone.
func TestTranscodingConcealsLoss(t *testing.T) {
	for _, pair := range [][2]codec.Codec{{codec.PCMU, codec.PCMA}, {codec.G722, codec.PCMU}, {codec.Opus, codec.PCMU}, {codec.PCMU, codec.G722}} {
		if !slices.Contains(codec.Available(), pair[0]) {
			continue
		}
		t.Run(pair[0].Name+" to "+pair[1].Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				from, to := pair[0], pair[1]
				a, b := w.join(from), w.join(to)
				bridge(a, b)
				for i, payload := range payloads(t, from, sine(from.SampleRate, 4*from.SampleRate, 400), frameTime) {
					p := a.talk.packet(payload)
					if i%10 != 5 {
						a.says(p)
					}
					time.Sleep(frameTime)
				}
				got := b.port.take()
				contiguous(t, got, uint32(to.ClockRate/50))
				pcm := audio(t, to, got)
				if want := 4 * to.SampleRate; len(pcm) != want {
					t.Errorf("%d samples, want %d", len(pcm), want)
				}
				if db, level := purity(pcm, to.SampleRate, 400); db < 8 || level < 13000 {
					t.Errorf("tone is %.1f dB above the rest at level %.0f", db, level)
				}
				if q := a.Quality(); q.In.Lost != 20 {
					t.Errorf("%d packets counted lost of 20", q.In.Lost)
				}
			})
		})
	}
}

// A speaker who stops (DTX, mute) leaves silence frames behind, at the right times; what follows goes on from there.
func TestForwardFillsSilence(t *testing.T) {
	for _, to := range []codec.Codec{codec.PCMU, codec.PCMA} {
		t.Run("PCMU to "+to.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				a, b := w.join(codec.PCMU), w.join(to)
				bridge(a, b)
				speech := payloads(t, codec.PCMU, sine(8000, 1600, 700), frameTime)
				talk := func() {
					for _, payload := range speech {
						a.says(a.talk.packet(payload))
						time.Sleep(frameTime)
					}
				}
				talk()
				time.Sleep(time.Second)
				a.talk.ts += 8000 // the speaker's clock went on, its numbers did not: DTX
				talk()
				got := b.port.take()
				contiguous(t, got, 160)
				if n := len(got); n < 10+38+10 || n > 10+42+10 {
					t.Errorf("%d packets, want 20 of speech and about 40 of silence", n)
				}
				span := got[len(got)-1].Timestamp - got[0].Timestamp
				if want := uint32(8000 + 19*160); span < want-160 || span > want+160 {
					t.Errorf("timestamps advanced by %d, want %d", span, want)
				}
				if s := silence(to); !slices.Equal(got[20].Payload, s) {
					t.Error("the pause is not silent")
				}
			})
		})
	}
}

func TestMutedPartyIsHeardByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		a, b := w.join(codec.PCMU), w.join(codec.PCMU)
		bridge(a, b)
		tap := NewTap(64)
		defer a.AddTap(tap)()
		loud := payloads(t, codec.PCMU, sine(8000, 8000, 700), frameTime)
		say := func(n int) {
			for _, payload := range loud[:n] {
				a.says(a.talk.packet(payload))
				time.Sleep(frameTime)
			}
		}
		say(5)
		a.SetMuted(true)
		say(20)
		a.SetMuted(false)
		say(5)
		heard := 0
		got := b.port.take()
		contiguous(t, got, 160)
		for _, p := range got {
			if !slices.Equal(p.Payload, silence(codec.PCMU)) {
				heard++
			}
		}
		if tapped := tap.Read(func(*Packet, Format) {}); heard != 10 || tapped != 10 {
			t.Errorf("listener heard %d packets, tap %d, want the 10 that were not muted", heard, tapped)
		}
	})
}

func TestNegotiateKeepsNumbersGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		a, b := w.join(codec.PCMU), w.join(codec.PCMU)
		bridge(a, b)
		tone := payloads(t, codec.PCMU, sine(8000, 4000, 700), frameTime)
		say := func() {
			for _, payload := range tone {
				a.says(a.talk.packet(payload))
				time.Sleep(frameTime)
			}
		}
		say()
		b.Negotiate(Format{Codec: codec.PCMA, PayloadType: 8}, SendRecv) // re-INVITE: another codec
		say()
		b.Negotiate(Format{Codec: codec.PCMA, PayloadType: 8}, Inactive) // hold
		say()
		b.Negotiate(Format{Codec: codec.PCMA, PayloadType: 8}, SendRecv)
		say()
		got := b.port.take()
		contiguous(t, got, 160)
		if len(got) != 75 {
			t.Errorf("%d packets, want 75: none on hold", len(got))
		}
		if got[24].PayloadType != 0 || got[25].PayloadType != 8 {
			t.Errorf("payload types %d, %d around the change", got[24].PayloadType, got[25].PayloadType)
		}
		if d := got[50].Timestamp - got[49].Timestamp; d < 26*160-80 || d > 26*160+80 {
			t.Errorf("timestamp advanced by %d over a hold of 25 frames", d)
		}
	})
}

func TestEchoHearsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		a := w.join(codec.G722)
		a.Play(Echo())
		for _, payload := range payloads(t, codec.G722, sine(16000, 16000, 2000), frameTime) {
			a.says(a.talk.packet(payload))
			time.Sleep(frameTime)
		}
		got := a.port.take()
		if db, _ := purity(audio(t, codec.G722, got)[1600:], 16000, 2000); len(got) != 50 || db < 20 {
			t.Errorf("%d packets back, tone %.1f dB above the rest", len(got), db)
		}
	})
}
