package signaling

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"tandem/media"
)

// line is the audio of one browser, whatever connection it has at the moment and whichever call: PeerConnections come and go below it (a page
// is reloaded), ports of legs above it (one call after the other). What it sends keeps one run of sequence numbers and timestamps, because the
// browser sees one SSRC for all calls of a connection, and SRTP takes a jump back for a replay.
type line struct {
	heard atomic.Int64 // media.Now of the last packet, 0 for none

	in    sync.Mutex  // guards what follows, and is held while a packet is handed on
	ports []*listener // of the legs; the first hears the browser

	out      sync.Mutex // guards what follows
	to       *outbound  // nil: no browser is connected
	rate     int        // of the codec that was negotiated, Hz
	by       *port      // who sent last
	seq      uint16
	ts       uint32
	sentAt   time.Duration
	seqShift uint16
	tsShift  uint32
	header   rtp.Header
}

// silentFor is how long the browser has sent nothing.
func (l *line) silentFor() time.Duration {
	at := time.Duration(l.heard.Load())
	if at == 0 {
		return time.Duration(1<<63 - 1)
	}
	return media.Now() - at
}

// receive hands on a packet, whose bytes are valid meanwhile. Two do at once while a page is being reloaded.
func (l *line) receive(p *media.Packet) {
	l.heard.Store(int64(p.Arrival))
	l.in.Lock()
	defer l.in.Unlock()
	if len(l.ports) == 0 {
		return
	}
	on := l.ports[0]
	on.port.packet = *p
	on.recv(&on.port.packet)
}

// paddingOf is how many bytes at the end of an RTP packet are padding (RFC 3550, 5.1).
func paddingOf(packet []byte, headerSize int, padded bool) int {
	if !padded || len(packet) == 0 {
		return 0
	}
	n := int(packet[len(packet)-1])
	if n > len(packet)-headerSize {
		return 0
	}
	return n
}

// connect makes it where is sent to from now on.
func (l *line) connect(to *outbound, rate int) {
	l.out.Lock()
	defer l.out.Unlock()
	l.to, l.rate = to, rate
}

// report is an RTCP report of what the browser has been sent, with one of what came from it.
func (l *line) report(heard rtcp.ReceptionReport) rtcp.Packet {
	now, list := media.Now(), []rtcp.ReceptionReport{heard}
	l.out.Lock()
	defer l.out.Unlock()
	switch {
	case l.to == nil:
		return &rtcp.ReceiverReport{Reports: list}
	case l.to.packets == 0:
		return &rtcp.ReceiverReport{SSRC: l.to.ssrc, Reports: list}
	}
	return &rtcp.SenderReport{
		SSRC: l.to.ssrc, NTPTime: media.NTP(time.Now()), RTPTime: l.ts + uint32(int64(now-l.sentAt)*int64(l.rate)/int64(time.Second)), //nolint:gosec // modulo 2^32 is meant
		PacketCount: l.to.packets, OctetCount: l.to.octets, Reports: list,
	}
}

// disconnect forgets a writer, unless another has already taken its place.
func (l *line) disconnect(w webrtc.TrackLocalWriter) {
	l.out.Lock()
	defer l.out.Unlock()
	if l.to != nil && l.to.writer == w {
		l.to = nil
	}
}

// listener is a port that hears the browser, or will when those before it have gone: a call that rings while its agent listens to another.
type listener struct {
	port *port
	recv func(*media.Packet)
}

// attach makes p a port that hears the browser, once it is the first; detach ends that, and recv is not called any more once it returns.
func (l *line) attach(p *port, recv func(*media.Packet)) {
	l.in.Lock()
	defer l.in.Unlock()
	l.ports = append(l.ports, &listener{p, recv})
}

func (l *line) detach(p *port) {
	l.in.Lock()
	defer l.in.Unlock()
	l.ports = slices.DeleteFunc(l.ports, func(x *listener) bool { return x.port == p })
}

// send sends a leg's packet. Without a connected browser it is dropped.
func (l *line) send(p *port, packet *media.Packet) error {
	now := media.Now()
	l.out.Lock()
	defer l.out.Unlock()
	if l.to == nil {
		return nil
	}
	fresh := l.by != p
	if fresh {
		passed := uint32(int64(now-l.sentAt) * int64(l.rate) / int64(time.Second)) //nolint:gosec // modulo 2^32 is meant
		l.by, l.seqShift, l.tsShift = p, l.seq+1-packet.Sequence, l.ts+passed-packet.Timestamp
	}
	seq, ts := packet.Sequence+l.seqShift, packet.Timestamp+l.tsShift
	if fresh || int16(seq-l.seq) > 0 { //nolint:gosec // modulo 2^16 is meant
		l.seq, l.ts, l.sentAt = seq, ts, now
	}
	l.header = rtp.Header{
		Version: 2, PayloadType: packet.PayloadType, Marker: packet.Marker || fresh, SequenceNumber: seq, Timestamp: ts, SSRC: l.to.ssrc,
	}
	return l.to.send(&l.header, packet.Payload)
}

// port is the media.Port of one leg on a browser's line.
type port struct {
	line   *line
	closed chan struct{}
	once   sync.Once
	packet media.Packet // handed to the stream; guarded by the line
}

var errClosed = errors.New("the browser's port is closed")

func newPort(l *line) *port { return &port{line: l, closed: make(chan struct{})} }

// Run implements media.Port. Packets come from whoever reads the socket or the connection; they never overlap.
func (p *port) Run(ctx context.Context, recv func(*media.Packet)) error {
	p.line.attach(p, recv)
	defer p.line.detach(p)
	select {
	case <-ctx.Done():
	case <-p.closed:
	}
	return nil
}

// Send implements media.Port.
func (p *port) Send(packet *media.Packet) error {
	select {
	case <-p.closed:
		return errClosed
	default:
		return p.line.send(p, packet)
	}
}

// Close implements media.Port.
func (p *port) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}
