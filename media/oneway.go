package media

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

const (
	oneWayAfter = 3  // seconds in which a peer was spoken to and nothing came
	spokenTo    = 10 // loud packets that make a second one of speech
	loudCode    = 0x20
)

// traits are what can be told of a peer's audio without decoding it. The port's goroutine counts.
type traits struct {
	packets atomic.Uint32
	differs atomic.Uint32 // those that are not the same silence as the one before
	loud    atomic.Uint32 // G.711: those that are not quiet; else those that differ from the one before
	dtx     atomic.Bool   // sends nothing while nobody speaks
	last    uint64
}

// note looks at eight bytes of the payload, which costs next to nothing; each is one of fifty in a second.
func (t *traits) note(payload []byte, sess *session) {
	t.packets.Add(1)
	if len(payload) < 16 { // Opus and G.711 have such only in silence
		return
	}
	some := payload[len(payload)/2:][:8]
	now := binary.LittleEndian.Uint64(some)
	differs, loud := now != t.last && t.last != 0, false
	t.last = now
	if sess.law == 0 {
		loud = differs
	} else {
		for _, b := range some {
			loud = loud || (b^sess.law)&0x7F >= loudCode
		}
	}
	if loud {
		t.loud.Add(1)
	}
	if loud || differs {
		t.differs.Add(1)
	}
}

// second is what a second was like for one peer.
type second struct {
	joined  bool // it hears one other peer live, and nothing keeps it from being heard
	spoken  bool // the other spoke
	packets bool // it sent packets
	differs bool // which were not all the same
	sounded bool // it was heard before: who sends the same again and again now has muted their microphone
	rests   bool // it said that it sends nothing in pauses
}

// oneWay counts the seconds in which a peer was spoken to and nothing came of it. It is a value; step gives the next one.
type oneWay int

func (o oneWay) step(s second) oneWay {
	switch {
	case !s.joined, s.differs, s.packets && s.sounded, s.rests:
		return 0
	case s.spoken:
		return o + 1
	}
	return o
}

// vigil looks each second for one-way audio. The clock calls it; the atomic part is for others.
type vigil struct {
	next                time.Duration
	other               *Stream
	loud, packets, seen uint32 // counts as of the last look
	state               oneWay
	lasts, times        atomic.Int32 // seconds of one-way audio, 0: none; how often it was found
}

func (v *vigil) tick(s *Stream, sess *session, now time.Duration) {
	if now < v.next {
		return
	}
	v.next = now + time.Second
	v.state = v.state.step(v.look(s, sess))
	if v.state == oneWayAfter+1 && v.lasts.Load() == 0 {
		v.times.Add(1)
		s.cfg.Metrics.oneWay.Inc()
		s.cfg.Log.Warn("one-way audio: nothing is heard of a peer that is spoken to")
	}
	v.lasts.Store(max(0, int32(v.state)-oneWayAfter))
}

// look sums up the last second.
func (v *vigil) look(s *Stream, sess *session) second {
	other := s.hearsLive()
	packets, differs := s.in.traits.packets.Load(), s.in.traits.differs.Load()
	now := second{
		joined: other != nil && other == v.other && sess.dir == SendRecv && !other.muted.Load(), packets: packets != v.packets, differs: differs != v.seen,
		sounded: differs > 0, rests: s.in.comfort.Load() != 0 || s.in.traits.dtx.Load(),
	}
	v.packets, v.seen = packets, differs
	if other != nil {
		loud := other.in.traits.loud.Load()
		now.spoken = loud-v.loud >= spokenTo
		v.loud = loud
	}
	v.other = other
	return now
}

// hearsLive is the one other stream that the peer hears, nil: music, a sum, nobody.
func (s *Stream) hearsLive() *Stream {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if f, ok := s.out.feed.(*forward); ok && f.from != s {
		return f.from
	}
	return nil
}

// OneWay is how long the peer has been spoken to without anything of it being heard, beyond the 3 s after which that is a fault; 0: all is well.
// Hold, comfort noise, pauses without packets and a microphone that was muted are no faults.
func (s *Stream) OneWay() time.Duration { return time.Duration(s.vigil.lasts.Load()) * time.Second }
