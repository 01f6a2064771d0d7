package signaling

import (
	"net/netip"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/media"
)

// outbound is how one PeerConnection's page is sent its audio. Its packets take the direct path, on which who sends encrypts them and writes them to the
// socket that the page's come from, or pion's, on which they pass four layers with locks and buffers. Pion's is for what the direct path is not for: a page
// whose own packets do not come by it. No packet takes both, and one a second takes pion's, so that its count of the sequence numbers' rollovers, by which
// SRTP encrypts, is right when the page has to be sent all by it again. The line's lock guards all but the way.
type outbound struct {
	writer webrtc.TrackLocalWriter // pion's path
	way    *way
	ssrc   uint32
	keys   func() *media.SRTP // nil from it: no direct path
	srtp   *media.SRTP        // of keys, once the page is heard by the direct path
	direct prometheus.Counter
	pion   prometheus.Counter

	rounds          rounds
	apart           bool // the last packet took pion's path
	last            time.Duration
	packets, octets uint32 // for sender reports
	buf             [maxDatagram]byte
	out             *sending
}

// maxTag is the longest tag that SRTP adds, AEAD_AES_128_GCM's (RFC 7714 12.1).
const maxTag = 16

// send sends a packet.
func (o *outbound) send(h *rtp.Header, payload []byte) error {
	o.rounds.count(h.SequenceNumber)
	o.packets++
	o.octets += uint32(len(payload)) //nolint:gosec // a datagram
	now, to := media.Now(), o.way.back.Load()
	if o.srtp == nil && to != nil && o.keys != nil {
		o.srtp, o.keys, o.out = o.keys(), nil, newSending()
	}
	if o.srtp == nil || to == nil || now-o.last >= bothEvery || h.MarshalSize()+len(payload)+maxTag > len(o.buf) {
		o.apart, o.last = true, now
		o.pion.Inc()
		_, err := o.writer.WriteRTP(h, payload)
		return err
	}
	n, err := h.MarshalTo(o.buf[:])
	if err != nil {
		return err
	}
	n += copy(o.buf[n:], payload)
	if o.apart {
		o.apart = false
		o.srtp.ResumeSending(o.ssrc, o.rounds.of(h.SequenceNumber))
	}
	sealed, err := o.srtp.Seal(o.buf[:n])
	if err != nil {
		return err
	}
	o.direct.Inc()
	_, err = to.socket.write(o.out, sealed, to.at)
	return err
}

// back is where a page's packets come from, and by which of our sockets.
type back struct {
	socket *shunt
	at     netip.AddrPort
}

// heardAt notes where the page's packets come from by the direct path.
func (p *pages) heardAt(w *way, by *shunt, from netip.AddrPort) {
	if b := w.back.Load(); b != nil && b.socket == by && b.at == from {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at(from) == w {
		w.back.Store(&back{by, from})
	}
}

// rounds counts how often a run of sequence numbers has begun anew.
type rounds struct {
	begun bool
	index uint64 // of the latest packet by SRTP's count (RFC 3711 3.3.1)
}

// count follows a packet.
func (r *rounds) count(number uint16) {
	if !r.begun {
		r.begun, r.index = true, uint64(number)
	} else if ahead := int16(number - uint16(r.index)); ahead > 0 { //nolint:gosec // modulo 2^16 is meant
		r.index += uint64(ahead)
	}
}

// of is how often the numbers had begun anew by a packet's.
func (r *rounds) of(number uint16) uint32 {
	if !r.begun {
		return 0
	}
	ahead := int16(number - uint16(r.index)) //nolint:gosec // modulo 2^16 is meant
	return uint32(max(int64(r.index)+int64(ahead), 0) >> 16)
}
