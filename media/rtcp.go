package media

import (
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
)

// reportEvery is the mean time between RTCP reports; each is up to a fifth earlier or later, so that streams do not fall into step.
const reportEvery = 5 * time.Second

// reports make and read RTCP (RFC 3550), and keep what they tell about quality.
type reports struct {
	next  atomic.Int64 // Now of the next report
	cname string

	mu        sync.Mutex
	lastSR    uint32        // middle of the NTP time in the peer's last sender report
	lastSRAt  time.Duration // when it came
	roundTrip time.Duration
	out       PeerReport // what the peer says of our packets
	outKnown  bool
	outSum    float64 // of fractions, for the mean
	outCount  int
	sentThen  uint32 // packets sent as of the last report
	in        mosRange
	outMOS    mosRange
}

// PeerReport is what the far end says about the packets that it gets from here: from RTCP, or from a browser's getStats.
type PeerReport struct {
	Lost      uint64        // since the beginning
	LossShare float64       // 0 to 1, since its last report
	Jitter    time.Duration // RFC 3550
	RoundTrip time.Duration // 0: unknown
}

func (r *reports) begin() {
	var id [8]byte
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	r.cname = hex.EncodeToString(id[:])
	r.plan(Now())
}

func (r *reports) plan(now time.Duration) {
	spread := rand.Int64N(int64(reportEvery*2/5)) - int64(reportEvery/5)
	r.next.Store(int64(now+reportEvery) + spread)
}

// tick reports when it is time. The clock calls it.
func (r *reports) tick(s *Stream, sess *session, now time.Duration) {
	if int64(now) < r.next.Load() {
		return
	}
	r.plan(now)
	reception, heard := s.in.report()
	if heard {
		r.fillLastSR(&reception, now)
	}
	r.judge(s, sess, &reception, heard)
	port, ok := s.port.(ControlPort)
	if !ok {
		return
	}
	b, err := rtcp.Marshal(s.compound(now, reception, heard))
	if err != nil {
		s.cfg.Log.Error("cannot make an RTCP report", "error", err)
		return
	}
	if err := port.SendControl(b); err != nil {
		s.cfg.Log.Debug("RTCP report not sent", "error", err)
	}
}

// compound is a sender report when something was sent since the last, else a receiver report, and our name.
func (s *Stream) compound(now time.Duration, reception rtcp.ReceptionReport, heard bool) []rtcp.Packet {
	var list []rtcp.ReceptionReport
	if heard {
		list = append(list, reception)
	}
	e := &s.out
	e.mu.Lock()
	ssrc, packets, octets := e.ssrc, e.packets, e.octets
	var ts uint32
	if e.rate > 0 {
		ts = e.ts + ticksIn(now-e.lastAt, e.rate)
	}
	e.mu.Unlock()
	var report rtcp.Packet = &rtcp.ReceiverReport{SSRC: ssrc, Reports: list}
	s.reports.mu.Lock()
	if packets != s.reports.sentThen {
		s.reports.sentThen = packets
		report = &rtcp.SenderReport{
			SSRC: ssrc, NTPTime: NTP(time.Now()), RTPTime: ts, PacketCount: packets, OctetCount: octets, Reports: list,
		}
	}
	s.reports.mu.Unlock()
	return []rtcp.Packet{report, rtcp.NewCNAMESourceDescription(ssrc, s.reports.cname)}
}

// report is what RTCP says of the packets since the last report.
func (in *ingress) report() (rtcp.ReceptionReport, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.Report()
}

func (r *reports) fillLastSR(p *rtcp.ReceptionReport, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastSR != 0 {
		p.LastSenderReport = r.lastSR
		p.Delay = ticksIn(now-r.lastSRAt, 1<<16)
	}
}

// recvControl reads a compound RTCP packet from the peer.
func (s *Stream) recvControl(b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		s.cfg.Metrics.drop(dropMalformed)
		return
	}
	now, wall := Now(), NTP(time.Now())
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			s.reports.mu.Lock()
			s.reports.lastSR, s.reports.lastSRAt = uint32(p.NTPTime>>16), now
			s.reports.mu.Unlock()
			s.received(p.Reports, wall)
		case *rtcp.ReceiverReport:
			s.received(p.Reports, wall)
		}
	}
}

// received takes what the peer reports of our SSRC.
func (s *Stream) received(list []rtcp.ReceptionReport, wall uint64) {
	sess := s.session.Load()
	if sess == nil {
		return
	}
	for _, r := range list {
		if r.SSRC != s.out.ssrc {
			continue
		}
		p := PeerReport{
			Lost: uint64(r.TotalLost), LossShare: float64(r.FractionLost) / 256,
			Jitter: time.Duration(r.Jitter) * time.Second / time.Duration(sess.Codec.ClockRate),
		}
		if r.TotalLost&0x800000 != 0 {
			p.Lost = 0 // negative: more came than was sent, by duplicates
		}
		if r.LastSenderReport != 0 {
			trip := int32(uint32(wall>>16) - r.LastSenderReport - r.Delay)
			if trip > 0 && trip < 1<<20 { // 16 s
				p.RoundTrip = time.Duration(trip) * time.Second / (1 << 16)
			}
		}
		s.PeerReport(p)
	}
}

// PeerReport adds what the far end says about our packets. Streams on a ControlPort hear it by RTCP and need not be told.
func (s *Stream) PeerReport(p PeerReport) {
	r := &s.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.RoundTrip > 0 {
		r.roundTrip = p.RoundTrip
	}
	r.out, r.outKnown = p, true
	r.outSum += p.LossShare
	r.outCount++
	if sess := s.session.Load(); sess != nil {
		r.outMOS.add(mos(sess.Codec, p.LossShare, 1, delay(r.roundTrip, p.Jitter, sess.Ptime)))
	}
}

// NTP is a wall time in RTCP's 64-bit form: seconds since 1900 and their fraction.
func NTP(t time.Time) uint64 {
	const from1900 = 2208988800
	sec := uint64(t.Unix() + from1900)
	frac := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return sec<<32 | frac
}
