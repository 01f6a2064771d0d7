package media

import (
	"encoding/binary"
	"strings"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
)

const (
	toneFrames   = 5  // 100 ms
	endPackets   = 3  // RFC 4733 section 2.5.1.4
	gapFrames    = 3  // 60 ms: at least 40 ms whatever the phase
	maxQueued    = 64 // keys
	eventVolume  = 10 // dBm0 below zero
	eventEndFlag = 0x80
)

// keySender sends digits, one step a frame; the egress lock guards it.
type keySender struct {
	queue []queuedKey
	step  int // 0: nothing is sent; counts frames of the key at queue[0]
	ts    uint32
	began time.Duration
	pause int  // frames until the next key
	on    bool // audio gives way
	tones silenceFeed
	buf   [4]byte
}

type queuedKey struct {
	code byte
	tone [][]byte // in-band, in codec; nil: by events
	in   codec.Codec
}

// SendDigits sends keys (0-9, *, #, A-D; others are left out) after those still queued: as telephone-events in the audio's own SSRC and
// sequence, or as tones where no telephone-event is negotiated. The audio gives way while a key sounds. It does not block; more than 64
// queued keys are dropped and counted.
func (s *Stream) SendDigits(keys string) {
	sess := s.session.Load()
	if sess == nil {
		return
	}
	var add []queuedKey
	for _, r := range strings.ToUpper(keys) {
		code := strings.IndexRune(eventKeys, r)
		if code < 0 {
			continue
		}
		k := queuedKey{code: byte(code), in: sess.Codec}
		if sess.EventType == 0 {
			if k.tone = tone(byte(r), sess.Codec); k.tone == nil {
				continue
			}
		}
		add = append(add, k)
	}
	e := &s.out
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range add {
		if len(e.keys.queue) == maxQueued {
			s.cfg.Metrics.drop(dropDigits)
			continue
		}
		e.keys.queue = append(e.keys.queue, k)
	}
	e.wake()
}

// tone encodes a key's tones.
func tone(key byte, c codec.Codec) [][]byte {
	pcm, ok := sound.DTMF(key, toneFrames*frameTime, c.SampleRate)
	enc, err := codec.NewEncoder(c, c.SampleRate)
	if !ok || err != nil {
		return nil
	}
	var out [][]byte
	buf := make([]byte, codec.MaxPayload)
	for frame := c.SampleRate / 50; len(pcm.Samples) >= frame; pcm.Samples = pcm.Samples[frame:] {
		n, err := enc.Encode(buf, pcm.Samples[:frame])
		if err != nil {
			return nil
		}
		out = append(out, append([]byte(nil), buf[:n]...))
	}
	return out
}

// pending tells that the clock has to come each frame.
func (k *keySender) pending() bool { return len(k.queue) > 0 || k.pause > 0 || k.on }

// sounding tells that audio gives way.
func (k *keySender) sounding() bool { return k.on }

// tick sends what is due in this frame.
func (k *keySender) tick(e *egress, sess *session, now time.Duration) {
	if k.pause > 0 {
		k.pause--
		return
	}
	if len(k.queue) == 0 {
		return
	}
	key := &k.queue[0]
	switch {
	case !sess.sends || key.in.Name != sess.Codec.Name || key.tone == nil && sess.EventType == 0:
		k.finish() // the peer does not take it any more
	case key.tone != nil:
		k.soundTone(e, sess, key, now)
	default:
		k.event(e, sess, key, now)
	}
}

func (k *keySender) soundTone(e *egress, sess *session, key *queuedKey, now time.Duration) {
	if k.step == len(key.tone) {
		k.finish()
		return
	}
	k.on = false // for this frame, which is ours
	e.frame(&k.tones, sess, key.tone[k.step], now)
	k.on = true
	k.step++
}

// event sends one packet: the timestamp stays, the duration grows, and the last comes three times.
func (k *keySender) event(e *egress, sess *session, key *queuedKey, now time.Duration) {
	if k.step == 0 {
		k.ts, k.began, k.on = e.next(sess, now), now, true
	}
	k.step++
	flags := byte(eventVolume)
	if k.step > toneFrames {
		flags |= eventEndFlag
	}
	duration := uint32(min(k.step, toneFrames)) * sess.ticks
	k.buf[0], k.buf[1] = key.code, flags
	binary.BigEndian.PutUint16(k.buf[2:], uint16(duration))
	e.by = nil
	e.write(sess.EventType, k.step == 1, e.seq+1, k.ts, k.buf[:], duration, sess, k.began)
	if k.step == toneFrames+endPackets {
		k.finish()
	}
}

func (k *keySender) finish() {
	k.queue = k.queue[1:]
	if len(k.queue) == 0 {
		k.queue = nil
	}
	k.step, k.on, k.pause = 0, false, gapFrames
}
