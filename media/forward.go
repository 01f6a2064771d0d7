package media

import (
	"time"

	"tandem/media/codec"
)

// forward is one listener of another stream. recv runs on the speaker's goroutine; everything in it is guarded by the listener's egress lock.
type forward struct {
	from, to *Stream
	in, out  *session    // what it is set up for
	code     *transcoder // nil: packets pass unchanged

	source   uint32 // of the speaker, as in heard
	epoch    uint32
	live     bool   // the two below are valid
	first    uint64 // packets before are late
	highest  uint64
	seqShift uint16 // added to the speaker's
	tsShift  uint32
}

func newForward(from, to *Stream) *forward {
	f := &forward{from: from, to: to}
	from.listeners.add(f)
	return f
}

func (f *forward) release() { f.from.listeners.remove(f) }

// recv passes one packet on, if the listener still listens.
func (f *forward) recv(h *heard) {
	e := &f.to.out
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.feed != f || e.closed {
		return
	}
	sess := f.to.session.Load()
	if sess == nil {
		return
	}
	e.fed.Store(int64(h.Arrival))
	if !sess.sends || e.keys.sounding() {
		f.live = false
		return
	}
	if f.in != h.sess || f.out != sess {
		f.setUp(h, sess)
	}
	if f.code == nil && f.sameLength(h, sess) {
		f.pass(e, h, sess)
		return
	}
	if f.code == nil {
		f.code = newTranscoder(h.sess.Codec, sess.Codec, f.to.cfg.Log)
	}
	if f.code != nil {
		f.code.recv(f, e, h, sess)
	}
}

// setUp follows a negotiation on either side.
func (f *forward) setUp(h *heard, out *session) {
	same := f.in != nil && f.in.Codec == h.sess.Codec && f.out.Codec == out.Codec && f.out.bytes == out.bytes
	f.in, f.out = h.sess, out
	if same {
		return
	}
	f.code, f.live = nil, false
	if h.sess.Codec.Name != out.Codec.Name {
		f.code = newTranscoder(h.sess.Codec, out.Codec, f.to.cfg.Log)
	}
}

// sameLength tells that the peer takes packets as long as this one. Opus decoders take any.
func (f *forward) sameLength(h *heard, out *session) bool {
	return h.sess.Codec.Name == out.Codec.Name && (out.bytes == 0 || len(h.Payload) == out.bytes)
}

// maxGap is the time that lost packets may stand for; more is a new beginning.
const maxGap = time.Second

// pass sends the packet under the listener's own numbers. Numbers that the speaker leaves out because packets were lost stay left out: the far
// jitter buffer must see the loss.
func (f *forward) pass(e *egress, h *heard, sess *session) {
	now, marker := h.Arrival, h.Marker
	switch {
	case !f.live || h.source != f.source || h.ext > f.highest+uint64(maxGap/frameTime):
		f.begin(e, h, e.next(sess, now))
		marker = true
	case h.ext < f.first || h.ext < f.highest && (e.by != f || h.epoch != f.epoch):
		f.to.cfg.Metrics.drop(dropLate) // its number was given away
		return
	case e.by != f:
		ts, due := h.Timestamp+f.tsShift, e.next(sess, now)
		if ahead := int32(ts - due); ahead < 0 || ahead > int32(sess.Codec.ClockRate) {
			ts = due
		}
		f.begin(e, h, ts)
		marker = true
	case h.epoch != f.epoch:
		f.begin(e, h, h.Timestamp+f.tsShift)
	}
	f.highest = max(f.highest, h.ext)
	e.by = f
	e.write(sess.PayloadType, marker, uint16(h.ext)+f.seqShift, h.Timestamp+f.tsShift, h.Payload, payloadTicks(sess, h.Payload), sess, now)
}

// begin joins the speaker's numbers to the listener's, so that h comes next and at ts.
func (f *forward) begin(e *egress, h *heard, ts uint32) {
	f.live, f.source, f.epoch = true, h.source, h.epoch
	f.first, f.highest = h.ext, h.ext
	f.seqShift = e.seq + 1 - uint16(h.ext)
	f.tsShift = ts - h.Timestamp
}

// payloadTicks is how long a payload plays, in RTP clock ticks.
func payloadTicks(sess *session, payload []byte) uint32 {
	if sess.Codec.Name != codec.Opus.Name {
		return uint32(len(payload))
	}
	if d := opusDuration(payload); d > 0 {
		return ticksIn(d, sess.Codec.ClockRate)
	}
	return sess.ticks
}

// opusDuration reads the playing time from an Opus packet's first bytes (RFC 6716 section 3.1 and 3.2); 0 for what is no packet.
func opusDuration(payload []byte) time.Duration {
	if len(payload) == 0 {
		return 0
	}
	var frame time.Duration
	switch config := payload[0] >> 3; {
	case config < 12:
		frame = [4]time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16:
		frame = [2]time.Duration{10, 20}[config&1] * time.Millisecond
	default:
		frame = 2500 * time.Microsecond << (config & 3)
	}
	switch payload[0] & 3 {
	case 0:
		return frame
	case 3:
		if len(payload) < 2 {
			return 0
		}
		return min(frame*time.Duration(payload[1]&63), 120*time.Millisecond)
	}
	return 2 * frame
}
