package media

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
)

// event is a telephone-event packet.
func (t *talker) event(code byte, ts uint32, duration uint16, marker, end bool) *Packet {
	b := []byte{code, 10, 0, 0}
	if end {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], duration)
	p := &Packet{PayloadType: 101, Marker: marker, Sequence: t.seq, Timestamp: ts, SSRC: t.ssrc, Payload: b, Arrival: Now()}
	t.seq++
	return p
}

// press sends a whole event: packets of the given number, then three end packets.
func (p *party) press(code byte, packets int, lose func(i int) bool) {
	ts := p.talk.ts
	for i := range packets + 3 {
		pkt := p.talk.event(code, ts, uint16(160*min(i+1, packets)), i == 0, i >= packets)
		if lose == nil || !lose(i) {
			p.says(pkt)
		}
		time.Sleep(frameTime)
		p.talk.ts += 160
	}
}

// digits are those that came.
func (p *party) digits() string {
	var b strings.Builder
	for {
		select {
		case d := <-p.Digits():
			b.WriteRune(d.Key)
		default:
			return b.String()
		}
	}
}

func TestDigitsAreHeardOnce(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *party)
		want string
	}{
		{"every key", func(p *party) {
			for code := range byte(16) {
				p.press(code, 5, nil)
			}
		}, "0123456789*#ABCD"},
		{"no key", func(p *party) { p.press(16, 5, nil) }, ""},
		{"too short to be an event", func(p *party) {
			pkt := p.talk.event(5, 0, 160, true, false)
			pkt.Payload = pkt.Payload[:3]
			p.says(pkt)
		}, ""},
		{"duplicate packets", func(p *party) {
			for range 4 {
				pkt := p.talk.event(7, 4000, 160, false, false)
				p.says(pkt)
				p.says(pkt)
			}
		}, "7"},
		{"the beginning is lost", func(p *party) { p.press(3, 5, func(i int) bool { return i < 6 }) }, "3"},
		{"the end is lost, then the same key", func(p *party) {
			p.press(3, 5, func(i int) bool { return i >= 5 })
			time.Sleep(100 * time.Millisecond)
			p.press(3, 5, nil)
		}, "33"},
		{"the end is lost, and the same key follows at once", func(p *party) {
			p.press(3, 5, func(i int) bool { return i >= 5 })
			p.press(3, 5, nil)
		}, "33"},
		{"quick presses of one key", func(p *party) { p.press(1, 2, nil); p.press(1, 2, nil); p.press(1, 2, nil) }, "111"},
		{"a long press", func(p *party) { p.press(9, 300, nil) }, "9"},
		{"a press longer than the duration field", func(p *party) {
			ts := p.talk.ts
			for i := range 500 { // 10 s; the field holds 8.19 s at 8 kHz
				segment := uint32(i / 400 * 400 * 160)
				p.says(p.talk.event(2, ts+segment, uint16(160*(i%400+1)), i == 0, false))
				time.Sleep(frameTime)
			}
			for range 3 {
				p.says(p.talk.event(2, ts+400*160, 100*160, false, true))
			}
		}, "2"},
		{"a late packet of the press before", func(p *party) {
			late := p.talk.event(4, p.talk.ts, 160, true, false)
			p.press(4, 3, nil)
			p.press(5, 3, nil)
			p.says(late)
		}, "45"},
		{"INFO", func(p *party) {
			p.InjectDigit('5')
			p.InjectDigit('a')
			p.InjectDigit('x')
			p.InjectDigit(0)
			p.InjectDigit(-3)
		}, "5A"},
		{"INFO and events of one press", func(p *party) { p.InjectDigit('5'); p.press(5, 5, nil) }, "5"},
		{"events and INFO at the end of one long press", func(p *party) {
			p.press(5, 50, nil)
			time.Sleep(50 * time.Millisecond)
			p.InjectDigit('5')
		}, "5"},
		{"both methods, two quick presses", func(p *party) {
			p.press(5, 2, nil)
			p.InjectDigit('5')
			p.press(5, 2, nil)
			p.InjectDigit('5')
		}, "55"},
		{"both methods, INFO late by one press", func(p *party) {
			p.press(5, 1, nil)
			p.press(5, 1, nil)
			p.InjectDigit('5')
			p.InjectDigit('5')
		}, "55"},
		{"the same key by INFO much later", func(p *party) {
			p.press(5, 3, nil)
			time.Sleep(time.Second)
			p.InjectDigit('5')
		}, "55"},
		{"while muted", func(p *party) { p.SetMuted(true); p.press(8, 5, nil) }, "8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				p := w.join(codec.PCMU)
				tt.do(p)
				if got := p.digits(); got != tt.want {
					t.Errorf("heard %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestTonesCountOnlyWhereNoEventIsNegotiated(t *testing.T) {
	for _, tt := range []struct {
		name  string
		c     codec.Codec
		event uint8
		on    bool
		want  string
	}{
		{"G.711 without events", codec.PCMU, 0, true, "159#"},
		{"G.722 without events", codec.G722, 0, true, "159#"},
		{"with events", codec.PCMU, 101, true, ""},
		{"not asked for", codec.PCMU, 0, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				p := w.joinFormat(Format{Codec: tt.c, PayloadType: tt.c.PayloadType, EventType: tt.event}, StreamConfig{Inband: tt.on})
				var parts []sound.PCM
				for _, key := range "159#" {
					pcm, _ := sound.DTMF(byte(key), 100*time.Millisecond, tt.c.SampleRate)
					parts = append(parts, pcm, sound.Silence(tt.c.SampleRate, 80*time.Millisecond))
				}
				for _, payload := range payloads(t, tt.c, sound.Join(parts...).Samples, frameTime) {
					p.says(p.talk.packet(payload))
					time.Sleep(frameTime)
				}
				if got := p.digits(); got != tt.want {
					t.Errorf("heard %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// A tone that goes to the other party as it is, is no key for anybody else: whoever is told of it would send it once more.
func TestTonesThatPassAreNoKeys(t *testing.T) {
	plain := Format{Codec: codec.PCMU, PayloadType: codec.PCMU.PayloadType}
	events, other := plain, Format{Codec: codec.PCMA, PayloadType: codec.PCMA.PayloadType}
	events.EventType = 101
	for _, tt := range []struct {
		name string
		to   Format
		do   func(from, to *party)
		want string
	}{
		{"to one who hears them", plain, func(*party, *party) {}, ""},
		{"to one who takes events", events, func(*party, *party) {}, "7"},
		{"to one who is told by signalling", plain, func(_, to *party) { to.OnlyHearsKeys(false) }, "7"},
		{"to one who speaks another codec", other, func(*party, *party) {}, "7"},
		{"to one who hears nothing for now", plain, func(_, to *party) { to.Negotiate(plain, RecvOnly) }, "7"},
		{"while muted", plain, func(from, _ *party) { from.SetMuted(true) }, "7"},
		{"to nobody any more", plain, func(_, to *party) { to.Play(Silence()) }, "7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, finish := newWorld(t)
				defer finish()
				from, to := w.joinFormat(plain, StreamConfig{Inband: true}), w.joinFormat(tt.to, StreamConfig{})
				to.Play(Forward(from.Stream))
				to.OnlyHearsKeys(true)
				tt.do(from, to)
				tone, _ := sound.DTMF('7', 100*time.Millisecond, 8000)
				for _, payload := range payloads(t, codec.PCMU, sound.Join(tone, sound.Silence(8000, 80*time.Millisecond)).Samples, frameTime) {
					from.says(from.talk.packet(payload))
					time.Sleep(frameTime)
				}
				if got := from.digits(); got != tt.want {
					t.Errorf("heard %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestUnreadDigitsDoNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMU)
		for range 100 {
			p.InjectDigit('1')
		}
		if n := len(p.digits()); n != 32 {
			t.Errorf("%d digits kept, want 32", n)
		}
	})
}

// What we send as digits is heard as the same digits by a receiver of ours, while music plays and while another party talks.
func TestSendDigits(t *testing.T) {
	for _, c := range codec.Available() {
		for _, while := range []string{"silence", "music", "talk"} {
			t.Run(c.Name+" during "+while, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, finish := newWorld(t)
					defer finish()
					from, to, far := w.join(c), w.join(c), w.join(c)
					switch while {
					case "music":
						to.Play(Sound(asset(t, 50, nil), SoundOptions{Loop: true}))
					case "talk":
						to.Play(Forward(from.Stream))
					}
					to.SendDigits("12 2x#")
					speech := payloads(t, c, sine(c.SampleRate, c.SampleRate*2, 500), frameTime)
					for _, payload := range speech {
						from.says(from.talk.packet(payload))
						time.Sleep(frameTime)
					}
					synctest.Wait()
					got := to.port.take()
					checkEvents(t, got, c)
					for i := range got {
						far.says(&got[i])
					}
					if heard := far.digits(); heard != "122#" {
						t.Errorf("heard %q", heard)
					}
				})
			})
		}
	}
}

// checkEvents checks RFC 4733's rules for each event among packets.
func checkEvents(t *testing.T, got []Packet, c codec.Codec) {
	t.Helper()
	events := map[uint32][]Packet{}
	var order []uint32
	lastEnd := uint32(0)
	for i, p := range got {
		if i > 0 && p.Sequence != got[i-1].Sequence+1 {
			t.Fatalf("packet %d: number %d after %d", i, p.Sequence, got[i-1].Sequence)
		}
		if i > 0 && int32(p.Timestamp-got[i-1].Timestamp) < 0 {
			t.Fatalf("packet %d: time goes back", i)
		}
		if p.PayloadType != 101 {
			continue
		}
		if events[p.Timestamp] == nil {
			order = append(order, p.Timestamp)
		}
		events[p.Timestamp] = append(events[p.Timestamp], p)
	}
	if len(order) != 4 {
		t.Fatalf("%d events, want 4", len(order))
	}
	for n, ts := range order {
		list := events[ts]
		ends, duration := 0, uint16(0)
		for i, p := range list {
			if p.Marker != (i == 0) {
				t.Errorf("event %d: packet %d has marker %v", n, i, p.Marker)
			}
			d := binary.BigEndian.Uint16(p.Payload[2:])
			if d < duration {
				t.Errorf("event %d: duration shrinks", n)
			}
			duration = d
			if p.Payload[1]&0x80 != 0 {
				ends++
			}
		}
		if ends != 3 || int(duration) != c.ClockRate/10 {
			t.Errorf("event %d: %d end packets, lasting %d ticks", n, ends, duration)
		}
		if gap := ts - lastEnd; n > 0 && gap < uint32(c.ClockRate/25) {
			t.Errorf("event %d begins %d ticks after the one before, want 40 ms", n, gap)
		}
		lastEnd = ts + uint32(duration)
	}
}

func TestSendDigitsAsTones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.joinFormat(Format{Codec: codec.PCMA, PayloadType: 8}, StreamConfig{})
		p.SendDigits("4711")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := p.port.take()
		contiguous(t, got, 160)
		find := sound.NewDTMFDetector(8000)
		var keys []byte
		for pcm := range slices.Chunk(audio(t, codec.PCMA, got), 160) {
			if k := find.Process(pcm); k != 0 {
				keys = append(keys, k)
			}
		}
		if string(keys) != "4711" {
			t.Errorf("tones %q", keys)
		}
	})
}
