package media

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxDropout  = 3000 // RFC 3550 appendix A.1: a greater jump is a restart
	maxMisorder = 100
)

// heard is a packet with its place in what the peer sends.
type heard struct {
	*Packet
	sess   *session
	ext    uint64 // sequence number, extended
	source uint32 // another number is another timeline: new SSRC, or a restart
	epoch  uint32 // another number: packets between were no audio, or were withheld
}

// ingress follows what the peer sends: extended sequence numbers, duplicates, loss and jitter (RFC 3550). The port's goroutine writes;
// mu is for those who read statistics.
type ingress struct {
	last    atomic.Int64 // Now of the last packet
	heard   atomic.Bool  // there was one
	comfort atomic.Int32 // the last packet was comfort noise with this peak; 0: it was not

	traits traits

	mu      sync.Mutex
	begun   bool
	ssrc    uint32
	rate    int
	ext     uint64 // highest
	first   uint64
	seen    uint64 // bit n: ext-n was received
	badSeq  uint16 // next in sequence after a jump
	jumped  bool
	source  uint32
	epoch   uint32
	transit int32
	timed   bool    // transit is valid
	lastTS  uint32  // of the packet that set transit
	lastExt uint64  // of the same
	jitter  float64 // ticks

	packets    uint64 // of the source
	duplicates uint64
	reordered  uint64
	gaps       uint64    // runs of lost packets
	past       lossCount // earlier sources
	reported   lossCount // as of the last report
}

// lossCount counts packets that were due, and those that came.
type lossCount struct{ expected, received uint64 }

func (c lossCount) lost() uint64 {
	if c.received >= c.expected {
		return 0
	}
	return c.expected - c.received
}

// arrived gives the packet its place; not ok: it is to be dropped.
func (in *ingress) arrived(h *heard, k kind) (ok bool, why drop) {
	in.last.Store(int64(h.Arrival))
	in.heard.Store(true)
	in.comfort.Store(0)
	if k == kindComfort {
		in.comfort.Store(noisePeak(h.Payload))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if ok, why = in.place(h); !ok {
		return false, why
	}
	if k != kindAudio {
		in.epoch++
	} else {
		if in.timed && h.ext == in.lastExt+1 && int32(h.Timestamp-in.lastTS) > int32(in.rate/5) {
			in.traits.dtx.Store(true)
		}
		in.traits.note(h.Payload, h.sess)
	}
	if k != kindEvent { // the packets of one event share a timestamp
		in.time(h)
	}
	h.source, h.epoch = in.source, in.epoch
	return true, 0
}

// loudestNoise is the lowest figure that comfort noise is taken at its word with, in dB below full scale: what is louder is no comfort.
const loudestNoise = 40

// noisePeak is the peak of white noise as loud as a comfort noise payload says (RFC 3389 section 3): in its first byte, in dB below full scale.
func noisePeak(payload []byte) int32 {
	level := 127
	if len(payload) > 0 {
		level = max(int(payload[0]&0x7F), loudestNoise)
	}
	return max(1, int32(math.Sqrt(3)*32768*math.Pow(10, -float64(level)/20)))
}

// withheld notes that audio which arrived does not reach listeners.
func (in *ingress) withheld() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.epoch++
}

func (in *ingress) place(h *heard) (bool, drop) {
	if !in.begun || h.SSRC != in.ssrc {
		in.restart(h)
		return true, 0
	}
	delta := int64(int16(h.Sequence - uint16(in.ext)))
	if delta > maxDropout || delta < -maxMisorder {
		if !in.jumped || h.Sequence != in.badSeq {
			in.jumped, in.badSeq = true, h.Sequence+1
			return false, dropLate
		}
		in.restart(h)
		return true, 0
	}
	in.jumped = false
	h.ext = in.ext + uint64(delta)
	switch {
	case delta > 0:
		in.seen = in.seen<<delta | 1
		in.ext = h.ext
		if delta > 1 {
			in.gaps++
		}
	case delta > -64 && in.seen&(1<<-delta) != 0:
		in.duplicates++
		return false, dropDuplicate
	case delta <= -64 || h.ext < in.first:
		return false, dropLate
	default:
		in.seen |= 1 << -delta
		in.reordered++
	}
	in.packets++
	return true, 0
}

// restart begins a timeline at h.
func (in *ingress) restart(h *heard) {
	if in.begun {
		in.past.expected += in.ext - in.first + 1
		in.past.received += in.packets
	}
	h.ext = 1<<16 + uint64(h.Sequence)
	in.begun, in.jumped, in.timed = true, false, false
	in.ssrc, in.ext, in.first, in.seen, in.packets = h.SSRC, h.ext, h.ext, 1, 1
	in.source++
}

// time updates the jitter (RFC 3550 section 6.4.1 and appendix A.8).
func (in *ingress) time(h *heard) {
	rate := h.sess.Codec.ClockRate
	if rate != in.rate {
		in.rate, in.timed, in.jitter = rate, false, 0
	}
	transit := int32(ticksIn(h.Arrival, rate)) - int32(h.Timestamp)
	if in.timed && h.Timestamp != in.lastTS {
		d := transit - in.transit
		if d < 0 {
			d = -d
		}
		if int(d) < 10*rate { // a jump of the timestamps is no jitter
			in.jitter += (float64(d) - in.jitter) / 16
		}
	}
	in.transit, in.lastTS, in.lastExt, in.timed = transit, h.Timestamp, h.ext, true
}

// counts is the sum over all sources; mu is held.
func (in *ingress) counts() lossCount {
	c := in.past
	if in.begun {
		c.expected += in.ext - in.first + 1
		c.received += in.packets
	}
	return c
}

// ticksIn is a duration in RTP clock ticks.
func ticksIn(d time.Duration, rate int) uint32 {
	sec, rest := d/time.Second, d%time.Second
	return uint32(int64(sec)*int64(rate) + int64(rest)*int64(rate)/int64(time.Second))
}
