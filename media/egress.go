package media

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/codec"
)

const (
	fillAfter     = 200 * time.Millisecond // of nothing to forward: then silence is sent, so that carriers and NATs see the media go on
	fillAfterOpus = time.Second            // Opus in DTX sends each 400 ms
)

// egress is what one peer is sent: one SSRC, contiguous sequence numbers, timestamps that advance by the samples elapsed, whatever the
// source. Everything in it is guarded by mu; a packet is sent with mu held, so that Apply can swap the sources of several streams in one step.
type egress struct {
	mu      sync.Mutex
	port    Port
	metrics *Metrics
	feed    feed
	closed  bool

	ssrc   uint32
	seq    uint16        // last sent
	ts     uint32        // of the last packet
	end    uint32        // the timestamp after it
	lastAt time.Duration // when it was sent
	rate   int           // its clock
	by     feed          // who sent it; another feed, or none, begins anew: marker, and time that passed
	acc    [1024]byte    // frames on their way to a longer or shorter packet
	accN   int
	accFor *session // of the frames in acc
	packet Packet

	packets, octets uint32 // for sender reports
	keys            keySender
	filler          silenceFeed

	busy atomic.Bool  // the clock must look at each frame
	fed  atomic.Int64 // Now when the feed last sent
}

// feed is a Source at work for one listener. Its methods run with the listener's egress locked.
type feed interface {
	release()
}

// clockedFeed is a feed that the clock drives.
type clockedFeed interface {
	feed
	// due gives the next function to be called before the frame, each once, and nil when there is none. It is called unlocked.
	due() func()
	// frame sends one frame by e.frame.
	frame(e *egress, sess *session, b beat)
}

func (e *egress) begin(port Port, m *Metrics) {
	e.port, e.metrics = port, m
	e.ssrc, e.seq, e.end = rand.Uint32(), uint16(rand.Uint32()), rand.Uint32()
	e.ts = e.end
}

// change replaces the source; mu is held, or nobody else knows e yet.
func (e *egress) change(src Source, s *Stream) {
	if src == nil {
		src = Silence()
	}
	if e.closed {
		return
	}
	// The new one first: what both share (a Mixer's buffers) lives on.
	old := e.feed
	e.feed = src.feed(s)
	if old != nil {
		old.release()
	}
	e.fed.Store(int64(Now()))
	e.wake()
}

// wake recomputes whether the clock has work here each frame.
func (e *egress) wake() {
	_, clocked := e.feed.(clockedFeed)
	e.busy.Store(clocked || e.keys.pending())
}

// stop ends sending for good.
func (e *egress) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.feed.release()
}

// next is the timestamp of a packet sent now by somebody new: contiguous after a pause of less than a frame, else as much later as time
// has passed since.
func (e *egress) next(sess *session, now time.Duration) uint32 {
	if e.packets == 0 || e.rate != sess.Codec.ClockRate {
		return e.end
	}
	step := 10 * time.Millisecond
	want := e.ts + ticksIn((now-e.lastAt)/step*step, e.rate)
	if int32(want-e.end) <= int32(sess.ticks) {
		return e.end
	}
	return want
}

// frame sends 20 ms of audio, at once or joined with its neighbours to the peer's packet time.
func (e *egress) frame(by feed, sess *session, payload []byte, now time.Duration) {
	fresh := e.by != by
	if fresh {
		e.end, e.by = e.next(sess, now), by
	}
	if fresh || e.accFor != sess {
		e.accN, e.accFor = 0, sess
	}
	if payload == nil || !sess.sends || e.keys.sounding() || e.closed {
		e.by = nil
		return
	}
	if sess.bytes == 0 || e.accN == 0 && sess.bytes == len(payload) {
		e.write(sess.PayloadType, fresh, e.seq+1, e.end, payload, sess.ticks, sess, now)
		return
	}
	e.accN += copy(e.acc[e.accN:], payload)
	done := 0
	for ; e.accN-done >= sess.bytes; done += sess.bytes {
		e.write(sess.PayloadType, fresh, e.seq+1, e.end, e.acc[done:done+sess.bytes], uint32(sess.bytes), sess, now)
		fresh = false
	}
	e.accN = copy(e.acc[:], e.acc[done:e.accN])
}

// write sends a packet that lasts for ticks. One out of order does not turn time back.
func (e *egress) write(pt uint8, marker bool, seq uint16, ts uint32, payload []byte, ticks uint32, sess *session, now time.Duration) {
	e.packet = Packet{PayloadType: pt, Marker: marker, Sequence: seq, Timestamp: ts, SSRC: e.ssrc, Payload: payload, Arrival: now}
	if err := e.port.Send(&e.packet); err != nil {
		e.metrics.drop(dropSend)
	} else {
		e.metrics.sent.Inc()
	}
	e.packets++
	e.octets += uint32(len(payload))
	if int16(seq-e.seq) > 0 {
		e.seq, e.ts, e.end, e.lastAt, e.rate = seq, ts, ts+ticks, now, sess.Codec.ClockRate
	}
}

// idle tells that a packet-driven feed has had nothing for so long that silence is to be sent instead.
func (e *egress) idle(sess *session, now time.Duration) bool {
	limit := fillAfter
	if sess.Codec.Name == codec.Opus.Name {
		limit = fillAfterOpus
	}
	return now-time.Duration(e.fed.Load()) >= limit
}

// tick is the clock's visit, once a frame.
func (s *Stream) tick(b beat) {
	now, sess := b.now, s.session.Load()
	if sess == nil {
		return
	}
	if b.skipped > 0 {
		s.cfg.Metrics.resyncs.Add(float64(b.skipped))
	}
	if s.out.busy.Load() || s.out.idle(sess, now) {
		s.frame(sess, b)
	}
	s.reports.tick(s, sess, now)
	s.vigil.tick(s, sess, now)
}

// maxCallbacks bounds what can be called at one frame, so that marks which restart their own sound cannot hold the clock.
const maxCallbacks = 16

func (s *Stream) frame(sess *session, b beat) {
	e, now := &s.out, b.now
	for range maxCallbacks {
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			return
		}
		clocked, ok := e.feed.(clockedFeed)
		if ok {
			if call := clocked.due(); call != nil {
				e.mu.Unlock()
				call() // may Play something else, which then has this frame
				continue
			}
		}
		if b.skipped > 0 {
			e.by = nil
		}
		e.keys.tick(e, sess, now)
		if ok {
			clocked.frame(e, sess, b)
		} else if e.idle(sess, now) {
			e.frame(&e.filler, sess, sess.silence, now)
		}
		e.wake()
		e.mu.Unlock()
		return
	}
}
