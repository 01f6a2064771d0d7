package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

const (
	maxDatagram   = 1500
	maxPacketRate = 200 // RTP packets a second from one peer: 10 ms frames twice over
	maxControl    = 50  // RTCP packets a second
	maxErrors     = 100 // failed reads in a row that make a socket useless
)

// RTPPort is the Port of a SIP leg: RTP over one UDP socket, RTCP over the next. It hears only the peer that signalling names, or that it
// may learn (RTPTrust). The socket stays unconnected although connect(2) would filter foreign packets in the kernel: they are
// to be counted, and a peer that moves is to be heard.
type RTPPort struct {
	pool      *RTPPorts
	pair      int
	local     netip.AddrPort
	rtp, rtcp *rtpSocket
	metrics   *Metrics
	maxRate   int // RTP packets a second
	closing   sync.Once

	mu   sync.Mutex // guards lock
	lock sourceLock

	remote  atomic.Pointer[netip.AddrPort] // where RTP goes
	control atomic.Pointer[netip.AddrPort] // where RTCP goes
	mux     atomic.Bool
	srtp    atomic.Pointer[SRTP] // nil: nothing is encrypted
	dtls    atomic.Pointer[association]
	ice     atomic.Pointer[iceAgent]
	begun   chan *association // the newest that RunControl has not seen

	out [maxDatagram]byte // Send's
}

// LocalAddr is what SDP says: the address and the RTP port. RTCP is on the next port.
func (p *RTPPort) LocalAddr() netip.AddrPort { return p.local }

// Fingerprint is what SDP says of the certificate that the port shows in DTLS handshakes (RFC 8122 5).
func (p *RTPPort) Fingerprint() string { return p.pool.fingerprint }

// SetRemote says where the peer is, after each offer or answer that names it. An address other than before drops the source that was heard
// so far; the same one keeps it.
func (p *RTPPort) SetRemote(addr netip.AddrPort, trust RTPTrust) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mux.Store(trust.Mux)
	if trust.ICE == nil {
		p.ice.Store(nil)
	} else {
		addr = p.checked(*trust.ICE)
	}
	p.encrypt(addr, trust)
	p.lock = p.lock.signalled(addr, &trust)
	p.aim()
}

// encrypt follows signalling about the keys; p.mu is held. A handshake that was made with the same peer holds.
func (p *RTPPort) encrypt(addr netip.AddrPort, trust RTPTrust) {
	if trust.DTLS == nil {
		p.dtls.Store(nil)
		p.srtp.Store(trust.SRTP)
		return
	}
	if now := p.dtls.Load(); now != nil && now.peer == *trust.DTLS && (trust.ICE != nil || now.named == addr || addr.Addr().IsUnspecified()) {
		return
	}
	a := newAssociation(p, *trust.DTLS, addr)
	p.srtp.Store(noKeys)
	p.dtls.Store(a)
	select {
	case <-p.begun:
	default:
	}
	p.begun <- a
}

// secured gives the port the keys of a handshake, unless signalling has named another peer meanwhile.
func (p *RTPPort) secured(a *association, s *SRTP) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dtls.Load() == a {
		p.srtp.Store(s)
	}
}

// Relearn lets the peer be heard from where else it may be (RTPTrust), until the source that was heard so far is heard again.
func (p *RTPPort) Relearn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lock.resaid = p.lock.state == lockLocked
}

// aim directs what is sent to the peer as known now; p.mu is held.
func (p *RTPPort) aim() {
	to := p.lock.expect
	if p.lock.state == lockLocked {
		to = p.lock.addr
	}
	p.remote.Store(&to)
	control := p.lock.trust.Control
	switch {
	case p.lock.trust.Mux:
		control = to
	case !control.IsValid() || to != p.lock.expect:
		control = netip.AddrPortFrom(to.Addr(), to.Port()+1)
	}
	p.control.Store(&control)
}

// Send sends one RTP packet; before SetRemote there is nowhere to send to, and nothing is sent.
func (p *RTPPort) Send(pkt *Packet) error {
	to := p.remote.Load()
	if to == nil || to.Port() == 0 || to.Addr().IsUnspecified() {
		return nil
	}
	h := rtp.Header{
		Version: 2, Marker: pkt.Marker, PayloadType: pkt.PayloadType,
		SequenceNumber: pkt.Sequence, Timestamp: pkt.Timestamp, SSRC: pkt.SSRC,
	}
	n, err := h.MarshalTo(p.out[:])
	if err != nil || n+len(pkt.Payload) > len(p.out) {
		return fmt.Errorf("send RTP payload of %d bytes: %w", len(pkt.Payload), errTooLong)
	}
	n += copy(p.out[n:], pkt.Payload)
	out := p.out[:n]
	if s := p.srtp.Load(); s != nil {
		if out, err = s.seal(out); err != nil {
			return err
		}
	}
	return p.rtp.send(out, *to) // once a packet: the caller counts, and must not allocate
}

var errTooLong = errors.New("media: longer than a datagram")

// SendControl sends one compound RTCP packet.
func (p *RTPPort) SendControl(b []byte) error {
	to, socket := p.control.Load(), p.rtcp
	if to == nil || to.Port() == 0 || to.Addr().IsUnspecified() {
		return nil
	}
	if p.mux.Load() {
		socket = p.rtp
	} else if p.dtls.Load() != nil {
		return nil // its keys would need a handshake of their own (RFC 5764 4.1)
	}
	if s := p.srtp.Load(); s != nil {
		sealed, err := s.sealControl(b)
		if err != nil {
			return fmt.Errorf("encrypt RTCP: %w", err)
		}
		b = sealed
	}
	if err := socket.send(b, *to); err != nil {
		return fmt.Errorf("send RTCP: %w", err)
	}
	return nil
}

// Run reads RTP until ctx ends or Close; RTCP is read and ignored. It returns nil unless the socket fails.
func (p *RTPPort) Run(ctx context.Context, recv func(*Packet)) error {
	return p.RunControl(ctx, recv, func([]byte) {})
}

// RunControl is Run which also hands each RTCP packet from the peer to control. Both are called by the goroutine that reads this port among
// others (RTPPorts.Run), and must not block.
func (p *RTPPort) RunControl(ctx context.Context, recv func(*Packet), control func([]byte)) error {
	defer p.rtp.stop()
	if err := p.rtp.start(p.onRTP(recv, control)); err != nil {
		return err
	}
	defer p.rtcp.stop()
	if err := p.rtcp.start(p.onControl(control)); err != nil {
		return err
	}
	return p.wait(ctx)
}

// wait shakes hands with whom signalling names, and returns when the port is to end; the error is what makes it useless.
func (p *RTPPort) wait(ctx context.Context) error {
	var handshakes sync.WaitGroup
	defer handshakes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed, stop := make(chan error, 1), func() {}
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.rtp.ended:
			return p.rtp.err
		case <-p.rtcp.ended:
			return p.rtcp.err
		case err := <-failed:
			return err
		case a := <-p.begun:
			stop()
			stop = p.associate(ctx, a, &handshakes, failed)
		}
	}
}

// associate runs an association until stop.
func (p *RTPPort) associate(ctx context.Context, a *association, work *sync.WaitGroup, failed chan<- error) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	work.Go(func() {
		if err := a.run(ctx, p.pool.certificate); err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	})
	return stop
}

// Close frees the port, which rests before it is used again.
func (p *RTPPort) Close() error {
	p.closing.Do(func() {
		p.rtp.close()
		p.rtcp.close()
		p.pool.release(p.pair)
	})
	return nil
}

func (p *RTPPort) onRTP(recv func(*Packet), control func([]byte)) func([]byte, netip.AddrPort) {
	var (
		in   rtp.Packet
		out  Packet
		rate window
	)
	return func(b []byte, from netip.AddrPort) {
		now := Now()
		switch {
		case isCheck(b):
			p.hearCheck(b, from)
			return
		case isDTLS(b):
			p.hearDTLS(b, from)
			return
		case isControl(b):
			if !p.mux.Load() {
				p.metrics.drop(dropRTCP)
				return
			}
			p.hearControl(b, from, &rate, p.maxRate, control)
			return
		}
		if s := p.srtp.Load(); s != nil { // before anything is learnt of who sends
			plain, ok, why := s.open(b)
			if !ok {
				p.metrics.drop(why)
				return
			}
			b = plain
		}
		if !parseRTP(b, &in) {
			p.metrics.drop(dropMalformed)
			return
		}
		h := heardPacket{from: from, ssrc: in.SSRC, seq: in.SequenceNumber, pt: in.PayloadType, at: now}
		if ok, why := p.accept(h); !ok {
			p.metrics.drop(why)
			return
		}
		if !rate.allow(now, p.maxRate) {
			p.metrics.drop(dropRate)
			return
		}
		out = Packet{
			PayloadType: in.PayloadType, Marker: in.Marker, Sequence: in.SequenceNumber, Timestamp: in.Timestamp,
			SSRC: in.SSRC, Payload: in.Payload, Arrival: now,
		}
		recv(&out)
	}
}

// hearDTLS hands on what belongs to a handshake.
func (p *RTPPort) hearDTLS(b []byte, from netip.AddrPort) {
	a := p.dtls.Load()
	switch {
	case a == nil:
		p.metrics.drop(dropMalformed)
	case !p.mayShake(a, from):
		p.metrics.drop(dropSource)
	case !a.hear(b, from):
		p.metrics.drop(dropRate)
	}
}

// mayShake says whether the peer may be there: its checks, or else signalling, say where it is, unless a NAT may be between.
func (p *RTPPort) mayShake(a *association, from netip.AddrPort) bool {
	if ice := p.ice.Load(); ice != nil {
		return slices.Contains(ice.paths, from)
	}
	if from == a.named {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lock.trust != nil && p.lock.trust.NAT
}

func (p *RTPPort) onControl(control func([]byte)) func([]byte, netip.AddrPort) {
	var rate window
	return func(b []byte, from netip.AddrPort) {
		if isControl(b) {
			p.hearControl(b, from, &rate, maxControl, control)
		}
	}
}

// hearControl hands on RTCP that is the peer's.
func (p *RTPPort) hearControl(b []byte, from netip.AddrPort, rate *window, limit int, control func([]byte)) {
	if !p.fromPeer(from.Addr()) {
		return
	}
	if s := p.srtp.Load(); s != nil {
		plain, ok := s.openControl(b)
		if !ok {
			p.metrics.drop(dropAuthentication)
			return
		}
		b = plain
	}
	if rate.allow(Now(), limit) {
		control(b)
	}
}

// accept asks the source lock.
func (p *RTPPort) accept(h heardPacket) (bool, drop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lock.state == lockLocked && h.from == p.lock.addr && h.ssrc == p.lock.ssrc && !p.lock.resaid && p.lock.other.count == 0 {
		p.lock.heard = h.at // what step would do, without copying its state for every packet
		return true, 0
	}
	was := p.lock.addr
	next, ok, why := p.lock.step(h)
	p.lock = next
	if next.state == lockLocked && next.addr != was {
		p.aim()
	}
	return ok, why
}

// fromPeer tells whether RTCP may come from there: reports change statistics only, so the peer's IP suffices.
func (p *RTPPort) fromPeer(from netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.lock.state {
	case lockLocked:
		return from == p.lock.addr.Addr() || from == p.lock.trust.Control.Addr()
	case lockExpect:
		return from == p.lock.expect.Addr() || from == p.lock.trust.Control.Addr()
	}
	return false
}

// parseRTP reads a datagram; false: it is no RTP version 2.
func parseRTP(b []byte, p *rtp.Packet) bool {
	return len(b) > 0 && b[0]>>6 == 2 && p.Unmarshal(b) == nil
}

// isControl tells RTCP from RTP on one port (RFC 5761 section 4).
func isControl(b []byte) bool { return len(b) >= 2 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223 }

// window caps a rate by counting within each second.
type window struct {
	began time.Duration
	n     int
}

func (w *window) allow(now time.Duration, limit int) bool {
	if w.n == 0 || now-w.began >= time.Second {
		w.began, w.n = now, 0
	}
	w.n++
	return w.n <= limit
}
