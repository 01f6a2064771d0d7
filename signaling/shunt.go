package signaling

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"

	"tandem/media"
)

// shunt is a socket of pion's whose RTP goes to the pages' lines at once. All else goes to pion: STUN, DTLS, RTCP, and RTP from where no connected page is.
type shunt struct {
	*net.UDPConn
	pages *pages
	raw   syscall.RawConn // nil: peers' addresses may have zones, which only UDPConn knows
	sends sync.Pool       // of *sending

	// What follows is pion's one reader's.
	pacer   *media.Pacer
	buf     []byte
	packets int // read by this look
	found   bool
	n       int
	from    netip.AddrPort
	err     error
}

func newShunt(conn *net.UDPConn, to *pages) (*shunt, error) {
	s := &shunt{UDPConn: conn, pages: to}
	s.sends.New = func() any { return newSending() }
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok || local.IP.IsLinkLocalUnicast() || local.IP.To4() == nil && local.IP.IsUnspecified() {
		return s, nil
	}
	var err error
	if s.raw, err = conn.SyscallConn(); err == nil {
		s.pacer, err = media.NewPacer(s.receive)
	}
	return s, err
}

// Close ends all reading and writing.
func (s *shunt) Close() error {
	err := s.UDPConn.Close()
	if s.pacer != nil {
		err = errors.Join(err, s.pacer.Close())
	}
	return err
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter, by which pion reads and writes without allocating.
func (s *shunt) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if s.raw != nil {
		return s.read(b)
	}
	for {
		n, from, err := s.ReadFromUDPAddrPort(b)
		if err != nil || s.pass(b[:n], from) {
			return n, from, err
		}
	}
}

// read waits until something is pion's.
func (s *shunt) read(b []byte) (int, netip.AddrPort, error) {
	left := s.found
	s.buf, s.n, s.found, s.err = b, 0, false, nil
	for ; !s.found; left = false {
		s.packets = 0
		if err := s.pacer.Read(s.raw, left); err != nil {
			return 0, netip.AddrPort{}, err
		}
		if err := s.pacer.Found(s.packets); err != nil {
			return 0, netip.AddrPort{}, err
		}
	}
	return s.n, s.from, s.err
}

// receive looks until something is pion's, or nothing is left. It is false when there was nothing.
func (s *shunt) receive(fd uintptr) (done bool) {
	for {
		n, from, errno := media.ReceiveFrom(int(fd), s.buf)
		switch {
		case errno == unix.EAGAIN:
			return s.packets > 0
		case errno == unix.EINTR:
			continue
		case errno != 0:
			s.err, s.found = os.NewSyscallError("recvfrom", errno), true
			return true
		}
		s.packets++
		if s.pass(s.buf[:n], from) {
			s.n, s.from, s.found = n, from, true
			return true
		}
	}
}

// pass says whether a datagram is pion's.
func (s *shunt) pass(b []byte, from netip.AddrPort) bool {
	if !isRTP(b) {
		return true
	}
	w := s.pages.at(from)
	if w == nil {
		return true
	}
	in := w.in.Load()
	if in == nil {
		return true
	}
	pass := in.hear(b)
	if in.proven.Load() {
		s.pages.heardAt(w, s, from)
	}
	return pass
}

// sending is a datagram on its way out.
type sending struct {
	b    []byte
	to   netip.AddrPort
	err  unix.Errno
	send func(fd uintptr)
}

func newSending() *sending {
	w := &sending{}
	w.send = func(fd uintptr) { w.err = media.SendTo(int(fd), w.b, w.to) }
	return w
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (s *shunt) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	w, _ := s.sends.Get().(*sending)
	defer s.sends.Put(w)
	return s.write(w, b, to)
}

func (s *shunt) write(w *sending, b []byte, to netip.AddrPort) (int, error) {
	if s.raw == nil || to.Addr().Zone() != "" {
		return s.WriteToUDPAddrPort(b, to)
	}
	w.b, w.to = b, netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	err := s.raw.Control(w.send)
	errno := w.err
	w.b = nil
	switch {
	case err != nil:
		return 0, err
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return s.WriteToUDPAddrPort(b, to) // waits for room
	case errno != 0:
		return 0, os.NewSyscallError("sendto", errno)
	}
	return len(b), nil
}

// ReadFrom implements net.PacketConn.
func (s *shunt) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

// isRTP tells RTP from RTCP, DTLS and STUN on one port (RFC 7983 7, RFC 5761 4).
func isRTP(b []byte) bool {
	return len(b) >= 12 && b[0]>>6 == 2 && (b[1]&0x7F < 64 || b[1]&0x7F > 95)
}

// shunts lets pion open sockets that are shunts.
type shunts struct {
	*stdnet.Net
	pages *pages
}

// ListenUDP implements transport.Net.
func (s shunts) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	socket, err := newShunt(conn, s.pages)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return socket, nil
}

// pages knows at which addresses the connected pages are. It is read for every packet, and changed when a page comes, moves or goes.
type pages struct {
	mu sync.Mutex // held while it is changed
	by atomic.Pointer[map[netip.AddrPort]*way]
}

// way is how packets come from one PeerConnection's page, and go back to it.
type way struct {
	in   atomic.Pointer[inbound] // nil: no audio yet
	back atomic.Pointer[back]    // nil: none has come by the direct path from where the page is

	at     netip.AddrPort // guarded by pages.mu; zero: nowhere that is known
	closed bool           // guarded by pages.mu
}

// at is whose page is at an address, nil for nobody's.
func (p *pages) at(from netip.AddrPort) *way {
	by := p.by.Load()
	if by == nil {
		return nil
	}
	return (*by)[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
}

// moved follows the page to where ICE has found it. Where another page was until now, that one is no more: browsers behind one NAT get each other's ports.
func (p *pages) moved(w *way, pair *webrtc.ICECandidatePair) {
	to := netip.AddrPort{}
	if ip, err := netip.ParseAddr(pair.Remote.Address); err == nil && pair.Remote.Protocol == webrtc.ICEProtocolUDP {
		to = netip.AddrPortFrom(ip.Unmap(), pair.Remote.Port)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.closed {
		p.place(w, to)
	}
}

// left forgets a page.
func (p *pages) left(w *way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.closed = true
	p.place(w, netip.AddrPort{})
}

// place is for who holds mu.
func (p *pages) place(w *way, to netip.AddrPort) {
	if w.at == to {
		return
	}
	next := map[netip.AddrPort]*way{}
	if by := p.by.Load(); by != nil {
		next = maps.Clone(*by)
	}
	if next[w.at] == w {
		delete(next, w.at)
	}
	w.back.Store(nil)
	if w.at = to; to.IsValid() {
		if other := next[to]; other != nil {
			other.back.Store(nil)
		}
		next[to] = w
	}
	p.by.Store(&next)
}
