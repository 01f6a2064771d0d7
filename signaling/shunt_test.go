package signaling

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/webrtc/v4"
)

func TestPagesAreWhereTheyMoved(t *testing.T) {
	var p pages
	a, b := &way{}, &way{}
	inA, inB := &inbound{}, &inbound{}
	a.in.Store(inA)
	pair := func(addr string, port uint16, protocol webrtc.ICEProtocol) *webrtc.ICECandidatePair {
		return &webrtc.ICECandidatePair{Remote: &webrtc.ICECandidate{Address: addr, Port: port, Protocol: protocol}}
	}
	at := func(s string, want *inbound) {
		t.Helper()
		var got *inbound
		from := netip.MustParseAddrPort(s)
		w := p.at(from)
		if w != nil {
			got = w.in.Load()
		}
		if got != want {
			t.Errorf("%s: %p, want %p", s, got, want)
		}
		for _, other := range []*way{a, b} {
			p.heardAt(other, nil, from)
			if back := other.back.Load(); back != nil && back.at == from && other != w {
				t.Errorf("%s: a page is sent to where another is", s)
			}
		}
		if w != nil && w.back.Load() == nil {
			t.Errorf("%s: the page is not sent to where it is", s)
		}
	}
	at("192.0.2.1:4000", nil)
	p.moved(a, pair("192.0.2.1", 4000, webrtc.ICEProtocolUDP))
	at("192.0.2.1:4000", inA)
	at("[::ffff:192.0.2.1]:4000", inA)
	at("192.0.2.1:4001", nil)
	p.moved(a, pair("192.0.2.1", 4001, webrtc.ICEProtocolUDP))
	at("192.0.2.1:4000", nil)
	at("192.0.2.1:4001", inA)
	// Another page has the address now. What it sends is pion's until its audio begins.
	p.moved(b, pair("192.0.2.1", 4001, webrtc.ICEProtocolUDP))
	at("192.0.2.1:4001", nil)
	b.in.Store(inB)
	at("192.0.2.1:4001", inB)
	p.left(a)
	at("192.0.2.1:4001", inB)
	p.moved(a, pair("192.0.2.1", 4001, webrtc.ICEProtocolUDP)) // too late
	at("192.0.2.1:4001", inB)
	p.moved(b, pair("192.0.2.1", 4001, webrtc.ICEProtocolTCP))
	at("192.0.2.1:4001", nil)
	p.moved(b, pair("2001:db8::1", 4001, webrtc.ICEProtocolUDP))
	at("[2001:db8::1]:4001", inB)
	p.left(b)
	at("[2001:db8::1]:4001", nil)
	if a.back.Load() != nil || b.back.Load() != nil {
		t.Error("pages that have left are sent to")
	}
	if n := len(*p.by.Load()); n != 0 {
		t.Errorf("%d addresses are left", n)
	}
}

func TestOnlyRTPIsShunted(t *testing.T) {
	for first, second := range map[byte]byte{0x80: 0, 0xBF: 0x80 | 111, 0x90: 63} {
		if !isRTP(append([]byte{first, second}, make([]byte, 10)...)) {
			t.Errorf("%x %x is RTP", first, second)
		}
	}
	for first, second := range map[byte]byte{0x80: 200, 0x81: 201, 0x82: 64, 0: 1, 22: 254, 0xC0: 0, 0x7F: 0} {
		if isRTP(append([]byte{first, second}, make([]byte, 10)...)) {
			t.Errorf("%x %x is no RTP", first, second)
		}
	}
	if isRTP(make([]byte, 0)) || isRTP([]byte{0x80, 0}) {
		t.Error("too short for RTP")
	}
}

// What is not a page's RTP is read and written as if the socket were pion's own, and ends with it.
func TestShuntIsASocket(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		at := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))
		conn, err := net.ListenUDP("udp", at)
		if err != nil {
			t.Logf("%s: %v", addr, err)
			continue
		}
		s, err := newShunt(conn, &pages{})
		if err != nil {
			t.Fatal(err)
		}
		loop := net.IPv4(127, 0, 0, 1)
		if at.IP.To4() == nil {
			loop = net.IPv6loopback
		}
		far, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: loop, Port: s.LocalAddr().(*net.UDPAddr).Port}) //nolint:forcetypeassert // it is one
		if err != nil {
			t.Fatal(err)
		}
		buf, rtp := make([]byte, 1500), append([]byte{0x80, 0}, make([]byte, 20)...)
		exchange := func() {
			if _, err := far.Write(rtp); err != nil {
				t.Fatal(err)
			}
			n, from, err := s.ReadFromAddrPort(buf)
			if err != nil || n != len(rtp) || from.Port() != far.LocalAddr().(*net.UDPAddr).AddrPort().Port() { //nolint:forcetypeassert // it is one
				t.Fatalf("%s: read %d bytes from %v, %v", addr, n, from, err)
			}
			if n, err := s.WriteToAddrPort(buf[:n], from); err != nil || n != len(rtp) {
				t.Fatalf("%s: wrote %d bytes, %v", addr, n, err)
			}
			if n, err := far.Read(buf); err != nil || n != len(rtp) {
				t.Fatalf("%s: %d bytes came back, %v", addr, n, err)
			}
		}
		for range 2000 { // so fast that it is read at a pace
			exchange()
		}
		ended := make(chan error)
		go func() {
			_, _, err := s.ReadFromAddrPort(buf)
			ended <- err
		}()
		_ = far.Close()
		_ = s.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the end is told as %v", addr, err)
		}
		if _, err := s.WriteToAddrPort(rtp, netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: a closed socket sends: %v", addr, err)
		}
	}
}
