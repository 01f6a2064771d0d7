package relay

import (
	"errors"
	"net"
	"net/netip"

	"github.com/pion/turn/v5"
)

// routes are the ways from the addresses that browsers are told to the sockets behind them. Nothing else can be reached, whatever a browser
// asks for: not the other ports of this machine, and no other machine.
type routes struct {
	inward  map[netip.AddrPort]netip.AddrPort
	outward map[netip.AddrPort]*net.UDPAddr // back, with the address that browsers know
	peers   map[netip.Addr]bool             // the node's addresses; true: browsers may ask for it
	v4, v6  net.IP                          // that relayed addresses are said to have; nil: none of the kind
}

func newRoutes(media []netip.AddrPort, public netip.Addr) routes {
	r := routes{inward: map[netip.AddrPort]netip.AddrPort{}, outward: map[netip.AddrPort]*net.UDPAddr{}, peers: map[netip.Addr]bool{}}
	outside := false
	for _, at := range media {
		r.peers[at.Addr().Unmap()] = false
		outside = outside || !at.Addr().Unmap().IsLoopback()
	}
	for _, at := range media {
		at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		told := at
		if public.IsValid() {
			told = netip.AddrPortFrom(public, at.Port())
		}
		if _, taken := r.inward[told]; taken || outside && at.Addr().IsLoopback() || told.Addr().Is4() != at.Addr().Is4() {
			continue
		}
		r.inward[told], r.outward[at], r.peers[told.Addr()] = at, net.UDPAddrFromAddrPort(told), true
		if told.Addr().Is4() {
			r.v4 = told.Addr().AsSlice()
		} else {
			r.v6 = told.Addr().AsSlice()
		}
	}
	return r
}

// socket is one allocation's. It is on loopback, where nobody outside can send to it, and speaks with the node's media only.
type socket struct {
	*net.UDPConn
	of      *Server
	session string
}

// WriteTo implements net.PacketConn. What is for elsewhere is dropped.
func (c *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	peer, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errRefused
	}
	at := peer.AddrPort()
	inner, ok := c.of.routes.inward[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())]
	if !ok {
		c.of.refuse("peer")
		return len(b), nil
	}
	return c.WriteToUDPAddrPort(b, inner)
}

// ReadFrom implements net.PacketConn.
func (c *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		if peer, ok := c.of.routes.outward[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]; ok {
			return n, peer, nil
		}
	}
}

// Close implements net.PacketConn. pion calls it once.
func (c *socket) Close() error {
	s := c.of
	s.mu.Lock()
	if s.sessions[c.session][c] {
		delete(s.sessions[c.session], c)
		s.count--
		s.metrics.allocations.Set(float64(s.count))
	}
	s.mu.Unlock()
	s.open.Done()
	if err := c.UDPConn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// generator makes the sockets of allocations. It implements turn.RelayAddressGenerator.
type generator struct{ s *Server }

var errRefused = errors.New("not relayed")

// Validate implements turn.RelayAddressGenerator.
func (generator) Validate() error { return nil }

// AllocatePacketConn implements turn.RelayAddressGenerator. Reserved and even ports are not to be had: audio and its reports share one.
func (g generator) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	s, loopback, told := g.s, net.IPv4(127, 0, 0, 1), g.s.routes.v4
	if c.Network == "udp6" {
		loopback, told = net.IPv6loopback, g.s.routes.v6
	}
	if c.UserID == "" || c.RequestedPort != 0 || told == nil {
		return nil, nil, errRefused
	}
	conn, err := net.ListenUDP(c.Network, &net.UDPAddr{IP: loopback})
	if err != nil {
		return nil, nil, err
	}
	sock := &socket{UDPConn: conn, of: s, session: c.UserID}
	s.mu.Lock()
	defer s.mu.Unlock()
	sockets, known := s.sessions[c.UserID]
	if !known || len(sockets) >= perSession || s.closing { // meanwhile
		_ = conn.Close()
		return nil, nil, errRefused
	}
	sockets[sock] = true
	s.count++
	s.metrics.allocations.Set(float64(s.count))
	s.open.Add(1)
	// Browsers distrust loopback. What is sent to the address that they are told goes nowhere.
	return sock, &net.UDPAddr{IP: told, Port: conn.LocalAddr().(*net.UDPAddr).Port}, nil
}

// AllocateListener implements turn.RelayAddressGenerator: nothing is relayed to TCP (RFC 6062).
func (generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errRefused
}

// AllocateConn implements turn.RelayAddressGenerator: nothing is relayed to TCP (RFC 6062).
func (generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errRefused }
