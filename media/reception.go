package media

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	maxDropout  = 3000 // RFC 3550 appendix A.1: a greater jump is a restart
	maxMisorder = 100
)

// Reception counts what one peer sends: extended sequence numbers, duplicates, loss and jitter (RFC 3550). It is for one goroutine at a time.
type Reception struct {
	begun   bool
	ssrc    uint32
	rate    int
	ext     uint64 // highest
	first   uint64
	seen    uint64 // bit n: ext-n was received
	badSeq  uint16 // next in sequence after a jump
	jumped  bool
	source  uint32
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

// Arrived counts a packet whose timestamps run at rate; 0: they say nothing of its time, as those of digits. It is false for one that was counted before, and
// for one that is too late to tell.
func (r *Reception) Arrived(p *Packet, rate int) bool {
	ext, ok, _ := r.place(p)
	if ok && rate > 0 {
		r.time(p, ext, rate)
	}
	return ok
}

// place gives a packet its extended sequence number; not ok: it is to be dropped.
func (r *Reception) place(p *Packet) (ext uint64, ok bool, why drop) {
	if !r.begun || p.SSRC != r.ssrc {
		return r.restart(p), true, 0
	}
	delta := int64(int16(p.Sequence - uint16(r.ext)))
	if delta > maxDropout || delta < -maxMisorder {
		if !r.jumped || p.Sequence != r.badSeq {
			r.jumped, r.badSeq = true, p.Sequence+1
			return 0, false, dropLate
		}
		return r.restart(p), true, 0
	}
	r.jumped = false
	ext = r.ext + uint64(delta)
	switch {
	case delta > 0:
		r.seen = r.seen<<delta | 1
		r.ext = ext
		if delta > 1 {
			r.gaps++
		}
	case delta > -64 && r.seen&(1<<-delta) != 0:
		r.duplicates++
		return ext, false, dropDuplicate
	case delta <= -64 || ext < r.first:
		return ext, false, dropLate
	default:
		r.seen |= 1 << -delta
		r.reordered++
	}
	r.packets++
	return ext, true, 0
}

// restart begins a timeline at p.
func (r *Reception) restart(p *Packet) (ext uint64) {
	if r.begun {
		r.past.expected += r.ext - r.first + 1
		r.past.received += r.packets
	}
	ext = 1<<16 + uint64(p.Sequence)
	r.begun, r.jumped, r.timed = true, false, false
	r.ssrc, r.ext, r.first, r.seen, r.packets = p.SSRC, ext, ext, 1, 1
	r.source++
	return ext
}

// time updates the jitter (RFC 3550 section 6.4.1 and appendix A.8).
func (r *Reception) time(p *Packet, ext uint64, rate int) {
	if rate != r.rate {
		r.rate, r.timed, r.jitter = rate, false, 0
	}
	transit := int32(ticksIn(p.Arrival, rate)) - int32(p.Timestamp)
	if r.timed && p.Timestamp != r.lastTS {
		d := transit - r.transit
		if d < 0 {
			d = -d
		}
		if int(d) < 10*rate { // a jump of the timestamps is no jitter
			r.jitter += (float64(d) - r.jitter) / 16
		}
	}
	r.transit, r.lastTS, r.lastExt, r.timed = transit, p.Timestamp, ext, true
}

// counts is the sum over all sources.
func (r *Reception) counts() lossCount {
	c := r.past
	if r.begun {
		c.expected += r.ext - r.first + 1
		c.received += r.packets
	}
	return c
}

// Report is what RTCP says of the packets since the last report (RFC 3550 appendix A.3); false: none has come.
func (r *Reception) Report() (report rtcp.ReceptionReport, heard bool) {
	if !r.begun {
		return report, false
	}
	all := r.counts()
	expected, received := all.expected-r.reported.expected, all.received-r.reported.received
	r.reported = all
	if expected > received {
		report.FractionLost = uint8(min((expected-received)*256/expected, 255))
	}
	report.SSRC = r.ssrc
	report.TotalLost = uint32(min(r.ownLost(), 0x7FFFFF))
	report.LastSequenceNumber = uint32(r.ext - 1<<16)
	report.Jitter = uint32(r.jitter)
	return report, true
}

// ownLost is the loss of the present SSRC.
func (r *Reception) ownLost() uint64 {
	return lossCount{expected: r.ext - r.first + 1, received: r.packets}.lost()
}

// ticksIn is a duration in RTP clock ticks.
func ticksIn(d time.Duration, rate int) uint32 {
	sec, rest := d/time.Second, d%time.Second
	return uint32(int64(sec)*int64(rate) + int64(rest)*int64(rate)/int64(time.Second))
}
