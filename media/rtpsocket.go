package media

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtpSocket is a UDP socket that an rtpLoop reads. It stays out of the runtime's own poller, which would wake for each datagram too. Sends do
// not block: what the kernel has no room for is lost, as UDP is.
type rtpSocket struct {
	loop  *rtpLoop
	local netip.AddrPort
	fd    int
	key   int32 // of the loop

	mu     sync.Mutex // guards users and closed: the descriptor's number is another socket's once it is closed
	users  int
	closed bool

	reading sync.Mutex // held while f runs
	f       func([]byte, netip.AddrPort)
	failed  int // reads in a row
	ending  sync.Once
	ended   chan struct{} // closed once nothing more is read
	err     error         // why; set before that
}

// listenRTP binds a socket; nothing is read from it until start.
func listenRTP(loop *rtpLoop, at netip.AddrPort) (*rtpSocket, error) {
	family := unix.AF_INET
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the socket of RTP port %s: %w", at, err)
	}
	s := &rtpSocket{loop: loop, local: at, fd: fd, ended: make(chan struct{})}
	if err := s.bind(); err != nil {
		s.close()
		return nil, fmt.Errorf("bind RTP port %s: %w", at, err)
	}
	return s, nil
}

func (s *rtpSocket) bind() error {
	if s.local.Addr().Is4() {
		return unix.Bind(s.fd, &unix.SockaddrInet4{Port: int(s.local.Port()), Addr: s.local.Addr().As4()})
	}
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
		return err
	}
	return unix.Bind(s.fd, &unix.SockaddrInet6{Port: int(s.local.Port()), Addr: s.local.Addr().As16()})
}

// acquire keeps the descriptor open until release; false: it is closed.
func (s *rtpSocket) acquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.users++
	return true
}

func (s *rtpSocket) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.free()
}

// free closes the descriptor once nobody uses it; mu is held.
func (s *rtpSocket) free() {
	if s.closed && s.users == 0 && s.fd >= 0 {
		unix.Close(s.fd)
		s.fd = -1
	}
}

// close frees the port and ends the reading. It may be called from f, and more than once.
func (s *rtpSocket) close() {
	s.loop.remove(s)
	s.mu.Lock()
	s.closed = true
	s.free()
	s.mu.Unlock()
	s.end(nil)
}

func (s *rtpSocket) end(err error) {
	s.ending.Do(func() {
		s.err = err
		close(s.ended)
	})
}

// start hands each datagram to f, from the loop's goroutine, until stop, close, or a socket that fails. The datagram is valid until f
// returns, which must not block.
func (s *rtpSocket) start(f func([]byte, netip.AddrPort)) error {
	if !s.acquire() {
		return nil // it has ended
	}
	defer s.release()
	s.reading.Lock()
	s.f = f
	s.reading.Unlock()
	return s.loop.add(s)
}

// stop returns when f does not run and will not again. It must not be called from f.
func (s *rtpSocket) stop() {
	s.loop.remove(s)
	s.reading.Lock()
	s.f = nil
	s.reading.Unlock()
}

// readOne takes one datagram: epoll tells of the next at once, and a second read would mostly find nothing. An error such as an ICMP
// refusal means nothing for UDP; only a socket that fails over and over ends with it.
func (s *rtpSocket) readOne(buf []byte) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.f == nil || !s.acquire() {
		return
	}
	n, from, errno := ReceiveFrom(s.fd, buf)
	s.release()
	switch errno {
	case 0:
		s.failed = 0
		s.f(buf[:n], from)
	case unix.EAGAIN, unix.EINTR:
	default:
		if s.failed++; s.failed == maxErrors {
			s.loop.remove(s)
			s.end(fmt.Errorf("read RTP port %s: %w", s.local, errno))
		}
	}
}

// send sends one datagram, or says that there was no room.
func (s *rtpSocket) send(b []byte, to netip.AddrPort) error {
	if !s.acquire() {
		return net.ErrClosed
	}
	errno := SendTo(s.fd, b, to)
	s.release()
	if errno != 0 {
		return errno
	}
	return nil
}

// sockaddr is a socket address as the kernel writes it: sockaddr_in6, or sockaddr_in in its first bytes.
type sockaddr unix.RawSockaddrInet6

func (a *sockaddr) v4() *unix.RawSockaddrInet4 { return (*unix.RawSockaddrInet4)(unsafe.Pointer(a)) }

// set writes an address and returns its length.
func (a *sockaddr) set(to netip.AddrPort) uintptr {
	port := [2]byte{byte(to.Port() >> 8), byte(to.Port())} // in the network's order
	if to.Addr().Is4() {
		*a.v4() = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: to.Addr().As4()}
		return unix.SizeofSockaddrInet4
	}
	*a = sockaddr{Family: unix.AF_INET6, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: to.Addr().As16()}
	return unix.SizeofSockaddrInet6
}

func (a *sockaddr) addrPort() netip.AddrPort {
	port := *(*[2]byte)(unsafe.Pointer(&a.Port))
	addr := netip.AddrFrom16(a.Addr)
	if a.Family == unix.AF_INET {
		addr = netip.AddrFrom4(a.v4().Addr)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port[0])<<8|uint16(port[1]))
}

// ReceiveFrom is recvfrom(2) on a UDP socket that does not block. The runtime need not hear of a system call that returns at once: telling it, the runtime's
// monitor would look after it, which costs more than the packet. Zones of addresses are not told.
func ReceiveFrom(fd int, buf []byte) (int, netip.AddrPort, unix.Errno) {
	var from sockaddr
	size := uint32(unsafe.Sizeof(from))
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0,
		uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, netip.AddrPort{}, errno
	}
	return int(n), from.addrPort(), 0
}

// SendTo is sendto(2) on a UDP socket that does not block, in the same way; to has no zone.
func SendTo(fd int, b []byte, to netip.AddrPort) unix.Errno {
	var addr sockaddr
	size := addr.set(to)
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(&addr)), size)
	return errno
}
