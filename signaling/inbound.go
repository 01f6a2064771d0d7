package signaling

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/media"
)

// inbound is the audio that one page sends by one PeerConnection. Its packets come by the direct path, on which the goroutine that reads the socket decrypts
// them (hear), or by pion's, on which five goroutines hand them to each other (read). Pion's is for what the direct path is not sure of: a page that connects by
// TCP, one whose keys are not known, another payload type. One packet a second goes both ways: ICE sees that the page lives, and pion's count of the
// sequence numbers' rollovers, by which SRTP decrypts, is right when the page has to come back to it.
type inbound struct {
	line   *line
	ssrc   uint32
	events []uint8     // payload types of telephone-events
	srtp   *media.SRTP // nil: no direct path
	drops  *media.Metrics
	direct prometheus.Counter // packets
	pion   prometheus.Counter // packets
	proven atomic.Bool        // packets open: the keys are right

	mu        sync.Mutex // guards what follows, and is held while a packet is handed on
	format    uint8      // payload type of the audio
	rate      int        // of its clock, Hz
	reception media.Reception
	header    rtp.Header
	packet    media.Packet
	rounds    rounds
	apart     bool   // packets came by pion's path since srtp has opened one
	ready     bool   // nothing is under way on pion's path that is not here too
	sent      uint16 // the last packet's number that took pion's path alone
	doubt     int    // packets in a row that did not open
	both      time.Duration
	scratch   [maxDatagram]byte
}

const (
	maxDatagram = 1500
	// maxDoubt is how many packets in a row may fail to open before pion is asked about them: a second of audio.
	maxDoubt = 50
	// bothEvery is how often a packet goes both ways.
	bothEvery = time.Second
)

// minRTP is an RTP packet's least length.
const minRTP = 12

// hear takes a packet off the socket. It is true for one that pion is to have, too or alone; b is as it was then.
func (in *inbound) hear(b []byte) (pass bool) {
	if in.srtp == nil || len(b) > len(in.scratch) || binary.BigEndian.Uint32(b[8:]) != in.ssrc {
		return true
	}
	number, format := binary.BigEndian.Uint16(b[2:]), b[1]&0x7F
	in.mu.Lock()
	defer in.mu.Unlock()
	if format != in.format && !slices.Contains(in.events, format) {
		in.ready = false // read tells of the new format, and that may take a while
	}
	if !in.ready {
		in.sent = number
		return true
	}
	now, count := media.Now(), in.drops
	pass = in.doubt >= maxDoubt || now-in.both >= bothEvery
	if pass {
		in.both, count = now, nil
		b = in.scratch[:copy(in.scratch[:], b)]
	}
	if in.apart {
		in.srtp.Resume(in.ssrc, in.rounds.of(number))
	}
	plain, ok := in.srtp.Open(b, count)
	if !ok {
		in.doubt = min(in.doubt+1, maxDoubt)
		in.proven.Store(in.doubt < maxDoubt)
		return pass
	}
	in.doubt, in.apart = 0, false
	in.proven.Store(true)
	if in.take(plain, now) {
		in.direct.Inc()
	}
	return pass
}

// take hands on a packet that has been decrypted, once; mu is held.
func (in *inbound) take(b []byte, now time.Duration) bool {
	h := &in.header
	size, err := h.Unmarshal(b)
	if err != nil {
		return false
	}
	in.packet = media.Packet{
		PayloadType: h.PayloadType, Marker: h.Marker, Sequence: h.SequenceNumber, Timestamp: h.Timestamp, SSRC: h.SSRC,
		Payload: b[size : len(b)-paddingOf(b, size, h.Padding)], Arrival: now,
	}
	in.rounds.count(h.SequenceNumber)
	rate := in.rate
	if h.PayloadType != in.format {
		rate = 0
	}
	if !in.reception.Arrived(&in.packet, rate) {
		return false
	}
	in.line.receive(&in.packet)
	return true
}

// read takes what comes by pion's path until the connection ends.
func (in *inbound) read(track *webrtc.TrackRemote, changed func(webrtc.RTPCodecParameters)) {
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := track.Read(buf)
		if err != nil {
			return
		}
		if n < minRTP {
			continue
		}
		if c, ok := in.late(buf[:n], track.Codec()); ok {
			changed(c)
		}
	}
}

// late takes one packet of pion's path. It is true when the browser has changed to another codec of the answer, which it may do at any time.
func (in *inbound) late(b []byte, c webrtc.RTPCodecParameters) (webrtc.RTPCodecParameters, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	format, other := b[1]&0x7F, false
	if format != in.format && uint8(c.PayloadType) == format && !slices.Contains(in.events, format) {
		in.format, in.rate, other = format, int(c.ClockRate), true
	}
	if in.take(b, media.Now()) {
		in.apart = true
		in.pion.Inc()
	}
	if binary.BigEndian.Uint16(b[2:]) == in.sent {
		in.ready = true
	}
	return c, other
}

// answerReports reads the page's RTCP and answers each of its sender reports with a report of what has come and was sent: that tells it the round trip best, and is
// as often as RTCP is sent. It ends with the connection.
func (in *inbound) answerReports(from *webrtc.RTPReceiver, write func([]rtcp.Packet) error) {
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := from.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == in.ssrc {
				in.answer(sr, write)
			}
		}
	}
}

func (in *inbound) answer(sr *rtcp.SenderReport, write func([]rtcp.Packet) error) {
	at := media.Now()
	in.mu.Lock()
	r, heard := in.reception.Report()
	in.mu.Unlock()
	if !heard {
		return
	}
	r.LastSenderReport = uint32(sr.NTPTime >> 16)                  //nolint:gosec // its middle
	r.Delay = uint32((media.Now() - at) * (1 << 16) / time.Second) //nolint:gosec // moments
	_ = write([]rtcp.Packet{in.line.report(r)})                    // the next tells the same
}
