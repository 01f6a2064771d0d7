package media

import (
	"math"
	"sync"
	"sync/atomic"
)

// heard is a packet with its place in what the peer sends.
type heard struct {
	*Packet
	sess   *session
	ext    uint64 // sequence number, extended
	source uint32 // another number is another timeline: new SSRC, or a restart
	epoch  uint32 // another number: packets between were no audio, or were withheld
}

// ingress follows what the peer sends. The port's goroutine writes; mu is for those who read statistics.
type ingress struct {
	last    atomic.Int64 // Now of the last packet
	heard   atomic.Bool  // there was one
	comfort atomic.Int32 // the last packet was comfort noise with this peak; 0: it was not

	traits traits

	mu sync.Mutex
	Reception
	epoch uint32
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
	if h.ext, ok, why = in.place(h.Packet); !ok {
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
		in.time(h.Packet, h.ext, h.sess.Codec.ClockRate)
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
