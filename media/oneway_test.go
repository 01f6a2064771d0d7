package media

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
)

// What is found, and in which second.
func TestOneWay(t *testing.T) {
	spoken := second{joined: true, spoken: true}
	with := func(f func(*second)) second { s := spoken; f(&s); return s }
	for _, tt := range []struct {
		name string
		like []second
		want int // found in this second; 0: not at all
	}{
		{"nothing comes", []second{spoken, spoken, spoken, spoken}, 4},
		{"not for long", []second{spoken, spoken, spoken}, 0},
		{"nobody speaks", []second{{joined: true}, {joined: true}, {joined: true}, {joined: true}, {joined: true}}, 0},
		{"with pauses between", []second{spoken, {joined: true}, spoken, spoken, {joined: true}, spoken}, 6},
		{"something comes", []second{spoken, spoken, spoken, with(func(s *second) { s.packets, s.differs = true, true }), spoken, spoken}, 0},
		{"the same silence from the first packet on", repeat(with(func(s *second) { s.packets = true }), 6), 4},
		{"a microphone that was muted", repeat(with(func(s *second) { s.packets, s.sounded = true, true }), 6), 0},
		{"packets end after words", repeat(with(func(s *second) { s.sounded = true }), 6), 4},
		{"hold", repeat(with(func(s *second) { s.joined = false }), 6), 0},
		{"comfort noise, DTX", repeat(with(func(s *second) { s.rests = true }), 6), 0},
	} {
		var o oneWay
		found := 0
		for i, s := range tt.like {
			if o = o.step(s); o > oneWayAfter && found == 0 {
				found = i + 1
			}
		}
		if found != tt.want {
			t.Errorf("%s: found in second %d, want %d", tt.name, found, tt.want)
		}
	}
}

// The packets of a key, which stand for audio that is left out, are no pause of one who sends nothing while nobody speaks.
func TestKeysAreNoPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMU)
		speak := func() { p.says(p.talk.packet(make([]byte, 160))) }
		speak()
		p.press(5, 20, nil)
		speak()
		if p.in.traits.dtx.Load() {
			t.Error("a key is taken for a pause")
		}
		p.talk.ts += 4000
		speak()
		if !p.in.traits.dtx.Load() {
			t.Error("a pause of half a second is not seen")
		}
	})
}

func repeat(s second, n int) (list []second) {
	for range n {
		list = append(list, s)
	}
	return list
}

// Two peers, one of which is heard: what the other does instead, and whether that is a fault.
func TestOneWayAudio(t *testing.T) {
	for _, c := range codec.Available() {
		voice := payloads(t, c, chirp(c.SampleRate), frameTime)
		for _, tt := range []struct {
			name  string
			does  func(b *party, i int) *Packet // the other's packet i; nil: none
			set   func(a, b *party)
			fault bool
		}{
			{"sends nothing", func(*party, int) *Packet { return nil }, nil, true},
			{"sends the same silence", func(b *party, _ int) *Packet { return b.talk.packet(silence(c)) }, nil, true},
			{"speaks", func(b *party, i int) *Packet { return b.talk.packet(voice[i%50]) }, nil, false},
			{"ends in the middle", func(b *party, i int) *Packet {
				if i > 100 {
					return nil
				}
				return b.talk.packet(voice[i%50])
			}, nil, true},
			{"mutes", func(b *party, i int) *Packet {
				if i > 100 {
					return b.talk.packet(silence(c))
				}
				return b.talk.packet(voice[i%50])
			}, nil, false},
			{"says that it is silent", func(b *party, i int) *Packet {
				if i > 0 {
					return nil
				}
				p := b.talk.packet([]byte{60})
				p.PayloadType = comfortNoise
				return p
			}, nil, false},
			{"is held", func(*party, int) *Packet { return nil }, func(_, b *party) { b.Negotiate(b.Format(), SendOnly) }, false},
			{"hears music", func(*party, int) *Packet { return nil }, func(_, b *party) { b.Play(Silence()) }, false},
			{"hears nobody, who is muted", func(*party, int) *Packet { return nil }, func(a, _ *party) { a.SetMuted(true) }, false},
		} {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				f, quiet := Format{Codec: c, PayloadType: c.PayloadType}, StreamConfig{Log: slog.New(slog.DiscardHandler)}
				a, b := w.joinFormat(f, quiet), w.joinFormat(f, quiet)
				bridge(a, b)
				if tt.set != nil {
					tt.set(a, b)
				}
				for i := range 400 {
					a.says(a.talk.packet(voice[i%50]))
					if p := tt.does(b, i); p != nil {
						b.says(p)
					}
					time.Sleep(frameTime)
				}
				if got := b.OneWay() > 0; got != tt.fault || b.Quality().OneWay != map[bool]int{true: 1}[tt.fault] {
					t.Errorf("%s, who is spoken to %s: found %v, %d times", c.Name, tt.name, got, b.Quality().OneWay)
				}
				if a.OneWay() > 0 {
					t.Errorf("%s: the one who speaks, to one that %s, is not heard", c.Name, tt.name)
				}
			})
		}
	}
}

// chirp is a second whose tone rises.
func chirp(rate int) []int16 {
	var pcm []int16
	for hz := range 10 {
		pcm = append(pcm, sine(rate, rate/10, float64(200+77*hz))...)
	}
	return pcm
}
