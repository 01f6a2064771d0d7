package media

import (
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
)

// Method is how a digit came.
type Method string

// The methods.
const (
	MethodEvent  Method = "rfc4733"  // telephone-event packets
	MethodTone   Method = "inband"   // tones in the audio
	MethodSignal Method = "signaled" // InjectDigit: SIP INFO, a browser's key pad
)

// Digit is one press of a key: 0-9, *, #, A-D.
type Digit struct {
	Key    rune
	Method Method
}

// eventKeys are the keys by event number (RFC 4733 section 3.2).
const eventKeys = "0123456789*#ABCD"

const (
	sameWithin = 100 * time.Millisecond // the same key by another method is the same press
	eventEnds  = 60 * time.Millisecond  // of silence end an event whose end packets were lost
)

// Digits gives each press once, however often it was told. It is never closed. When nobody reads, the 33rd digit is dropped and counted.
func (s *Stream) Digits() <-chan Digit { return s.keys.heard }

// InjectDigit reports a key that signalling told of; keys other than 0-9, *, #, A-D are ignored.
func (s *Stream) InjectDigit(key rune) {
	s.pressed(key, MethodSignal, Now())
}

// digitDesk makes one digit out of all the ways a press is told.
type digitDesk struct {
	heard     chan Digit
	onlyHeard atomic.Bool // OnlyHearsKeys

	mu      sync.Mutex
	recent  [4]press // a ring: presses may overlap when one method is late
	newest  int
	current *press // of the event or tone that goes on

	event eventReceiver // the port's goroutine's
	tone  *toneReceiver // likewise
}

// press is a key press with what still belongs to it.
type press struct {
	key    rune
	method Method
	last   time.Duration // when it was told of last
	told   [3]bool       // by which methods
}

func methodIndex(m Method) int {
	switch m {
	case MethodEvent:
		return 0
	case MethodTone:
		return 1
	}
	return 2
}

// pressed reports the beginning of a press, unless another method has told of it.
func (s *Stream) pressed(key rune, m Method, now time.Duration) {
	if key > 'Z' {
		key -= 'a' - 'A'
	}
	if key > 127 || !strings.ContainsRune(eventKeys, key) || !s.keys.isNew(key, m, now) {
		return
	}
	select {
	case s.keys.heard <- Digit{Key: key, Method: m}:
	default:
		s.cfg.Metrics.drop(dropDigits)
	}
}

// isNew is the de-duplicator: a press by one method takes one press of the same key by each other method within 100 ms into itself.
func (d *digitDesk) isNew(key rune, m Method, now time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.recent {
		p := &d.recent[(d.newest+1+i)%len(d.recent)] // oldest first
		if p.key == key && p.method != m && !p.told[methodIndex(m)] && now-p.last <= sameWithin {
			p.told[methodIndex(m)] = true
			if m != MethodSignal {
				d.current = p
			}
			return false
		}
	}
	d.newest = (d.newest + 1) % len(d.recent)
	p := &d.recent[d.newest]
	*p = press{key: key, method: m, last: now}
	p.told[methodIndex(m)] = true
	if m != MethodSignal {
		d.current = p
	}
	return true
}

// goesOn says that the key is still down: the 100 ms begin at its end.
func (d *digitDesk) goesOn(key rune, now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil && d.current.key == key {
		d.current.last = now
	}
}

func (s *Stream) recvEvent(p *Packet, sess *session) {
	key, began, ok := s.keys.event.recv(p, sess.Codec.ClockRate)
	switch {
	case began:
		s.pressed(key, MethodEvent, p.Arrival)
	case ok:
		s.keys.goesOn(key, p.Arrival)
	}
}

// eventReceiver turns telephone-event packets into presses. An event is known by its SSRC and timestamp; any of its packets, the end
// packets too, may be the first that arrives.
type eventReceiver struct {
	known    bool
	open     bool
	code     byte
	ssrc     uint32
	ts       uint32
	duration uint16
	last     time.Duration
}

// recv takes a packet; ok: it belongs to an event of a key; began: that is a new press.
func (r *eventReceiver) recv(p *Packet, rate int) (key rune, began, ok bool) {
	if len(p.Payload) < 4 || int(p.Payload[0]) >= len(eventKeys) {
		return 0, false, false
	}
	code, ended := p.Payload[0], p.Payload[1]&0x80 != 0
	duration := binary.BigEndian.Uint16(p.Payload[2:])
	key = rune(eventKeys[code])
	if r.known && p.SSRC == r.ssrc {
		age := int32(p.Timestamp - r.ts)
		switch {
		case age == 0 && code == r.code:
			r.open = r.open && !ended
			r.duration, r.last = max(r.duration, duration), p.Arrival
			return key, false, true
		case age < 0 && -age < int32(10*rate):
			return 0, false, false // a late packet of an event before
		case r.open && code == r.code && !p.Marker && uint32(age) == uint32(r.duration) && p.Arrival-r.last < eventEnds:
			began = false // a long press goes on in its next segment (RFC 4733 section 2.5.1.3)
		default:
			began = true
		}
	} else {
		began = true
	}
	*r = eventReceiver{known: true, open: !ended, code: code, ssrc: p.SSRC, ts: p.Timestamp, duration: duration, last: p.Arrival}
	return key, began, true
}

// OnlyHearsKeys says whether this stream's peer, as long as no telephone-event is negotiated, knows of no other way to be told of a key than to hear
// its tone.
func (s *Stream) OnlyHearsKeys(only bool) { s.keys.onlyHeard.Store(only) }

// tonesPass tells that a tone needs no looking for: what is said goes as it is to one other party, who only hears keys. Looking would have it sent
// twice, and costs more than a sixth of a bridged call.
func (s *Stream) tonesPass(sess *session) bool {
	listeners := s.listeners.list()
	if len(listeners) != 1 || s.muted.Load() {
		return false
	}
	to := listeners[0].to
	theirs := to.session.Load()
	return theirs != nil && theirs.sends && theirs.EventType == 0 && theirs.Codec.Name == sess.Codec.Name && to.keys.onlyHeard.Load()
}

// toneReceiver looks for DTMF tones in the audio.
type toneReceiver struct {
	sess   *session
	law    *[256]int16   // of G.711, which needs no decoder
	dec    codec.Decoder // of G.722; nil for Opus, which does not keep tones and always comes with a better way
	finder *sound.DTMFDetector
	pcm    [codec.MaxSamples]int16
}

func (s *Stream) recvTone(p *Packet, sess *session) {
	if s.keys.tone == nil {
		s.keys.tone = &toneReceiver{}
	}
	r := s.keys.tone
	if r.sess != sess {
		r.begin(sess)
	}
	if key := r.find(p.Payload); key != 0 {
		s.pressed(rune(key), MethodTone, p.Arrival)
	} else if key := r.finder.Active(); key != 0 {
		s.keys.goesOn(rune(key), p.Arrival)
	}
}

func (r *toneReceiver) begin(sess *session) {
	*r = toneReceiver{sess: sess, finder: sound.NewDTMFDetector(8000)}
	switch sess.Codec.Name {
	case codec.PCMU.Name:
		r.law = &codec.MuLawToPCM
	case codec.PCMA.Name:
		r.law = &codec.ALawToPCM
	case codec.Opus.Name:
	default:
		if dec, err := codec.NewDecoder(sess.Codec, 8000); err == nil {
			r.dec = dec
		}
	}
}

func (r *toneReceiver) find(payload []byte) byte {
	switch {
	case r.law != nil:
		return r.finder.ProcessCoded(payload, r.law)
	case r.dec == nil:
		return 0
	}
	n, err := r.dec.Decode(r.pcm[:], payload)
	if err != nil {
		return 0
	}
	return r.finder.Process(r.pcm[:n])
}
