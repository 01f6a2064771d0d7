package media

import (
	"time"

	"github.com/pion/rtcp"

	"tandem/media/codec"
)

// Quality is how well a stream went so far.
type Quality struct {
	In        Flow          `json:"in"`            // what the peer sends, as it arrives here
	Out       Flow          `json:"out"`           // what the peer is sent, as the peer reports; zero but for Packets where it does not
	RoundTrip time.Duration `json:"round_trip_ns"` // between here and the peer; 0: unknown
	OneWay    int           `json:"one_way"`       // how often the peer was spoken to for more than 3 s and nothing came of it
}

// Flow is one direction of a stream.
type Flow struct {
	Packets    uint64        `json:"packets"`
	Lost       uint64        `json:"lost"`
	Duplicates uint64        `json:"duplicates"` // In only
	Reordered  uint64        `json:"reordered"`  // In only
	Jitter     time.Duration `json:"jitter_ns"`  // RFC 3550, at present
	MOS        float64       `json:"mos"`        // estimated mean opinion score 1 to 4.5 over the whole time; 0: unknown
	WorstMOS   float64       `json:"worst_mos"`  // of the worst five seconds; 0: unknown
}

// Quality sums up loss, jitter, round trip and the listening quality that follows from them (E-model, ITU-T G.107).
func (s *Stream) Quality() Quality {
	sess := s.session.Load()
	if sess == nil {
		return Quality{}
	}
	var q Quality
	in := &s.in
	in.mu.Lock()
	all := in.counts()
	burst := burstRatio(all, in.gaps)
	q.In = Flow{
		Packets: all.received, Lost: all.lost(), Duplicates: in.duplicates, Reordered: in.reordered,
		Jitter: time.Duration(in.jitter * float64(time.Second) / float64(sess.Codec.ClockRate)),
	}
	in.mu.Unlock()
	s.out.mu.Lock()
	q.Out.Packets = uint64(s.out.packets)
	s.out.mu.Unlock()

	r := &s.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	q.RoundTrip, q.OneWay = r.roundTrip, int(s.vigil.times.Load())
	if all.expected > 0 {
		q.In.MOS = mos(sess.Codec, share(all), burst, delay(r.roundTrip, q.In.Jitter, sess.Ptime))
		q.In.WorstMOS = r.in.worst
	}
	if r.outKnown {
		q.Out.Lost, q.Out.Jitter = r.out.Lost, r.out.Jitter
		q.Out.MOS = mos(sess.Codec, r.outSum/float64(r.outCount), 1, delay(r.roundTrip, r.out.Jitter, sess.Ptime))
		q.Out.WorstMOS = r.outMOS.worst
	}
	return q
}

// judge estimates the quality of the time since the last report.
func (r *reports) judge(s *Stream, sess *session, p *rtcp.ReceptionReport, heard bool) {
	if !heard || !sess.receives {
		return
	}
	jitter := time.Duration(p.Jitter) * time.Second / time.Duration(sess.Codec.ClockRate)
	r.mu.Lock()
	defer r.mu.Unlock()
	m := mos(sess.Codec, float64(p.FractionLost)/256, 1, delay(r.roundTrip, jitter, sess.Ptime))
	r.in.add(m)
	s.cfg.Metrics.mos.Observe(m)
}

// mosRange keeps the worst.
type mosRange struct{ worst float64 }

func (m *mosRange) add(v float64) {
	if m.worst == 0 || v < m.worst {
		m.worst = v
	}
}

func share(c lossCount) float64 {
	if c.expected == 0 {
		return 0
	}
	return float64(c.lost()) / float64(c.expected)
}

// burstRatio is the mean length of loss bursts over that of random loss (ITU-T G.107 section 3.5): 1 is random, more is bursty.
func burstRatio(c lossCount, gaps uint64) float64 {
	if gaps == 0 {
		return 1
	}
	return max(1, float64(c.lost())/float64(gaps)*(1-share(c)))
}

// delay is the mouth-to-ear delay of one direction: half the round trip, a packet, and a jitter buffer.
func delay(roundTrip, jitter, ptime time.Duration) time.Duration {
	return roundTrip/2 + ptime + bufferDelay(jitter)
}

// impairment holds the E-model's figures of a codec: what it costs without loss, and how well its concealment stands loss. G.711's are
// those of ITU-T G.113 appendix I with concealment; the others are estimates.
func impairment(c codec.Codec) (ie, bpl float64) {
	switch c.Name {
	case codec.G722.Name:
		return 0, 15
	case codec.Opus.Name:
		return 2, 20
	}
	return 0, 25.1
}

// mos is the E-model's mean opinion score for a codec, a share of lost packets, their burstiness and a delay.
func mos(c codec.Codec, lost, burst float64, oneWay time.Duration) float64 {
	ms := float64(oneWay) / float64(time.Millisecond)
	id := 0.024 * ms
	if ms > 177.3 {
		id += 0.11 * (ms - 177.3)
	}
	ie, bpl := impairment(c)
	pct := 100 * lost
	ie += (95 - ie) * pct / (pct/burst + bpl)
	r := 93.2 - id - ie
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
