package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tandem/media/codec"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// peer is a far end on a real socket.
type peer struct {
	t    *testing.T
	conn *net.UDPConn
	seq  uint16
	ssrc uint32
}

func newPeer(t *testing.T, at netip.Addr, ssrc uint32) *peer {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{t: t, conn: conn, ssrc: ssrc}
}

func (p *peer) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// send sends a PCMU packet whose payload is 160 times mark.
func (p *peer) send(to netip.AddrPort, mark byte) {
	p.t.Helper()
	p.seq++
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32(p.seq) * 160, SSRC: p.ssrc},
		Payload: slices.Repeat([]byte{mark}, 160),
	}).Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	p.raw(to, b)
}

func (p *peer) raw(to netip.AddrPort, b []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(b, to); err != nil {
		p.t.Fatal(err)
	}
}

// recv is the next datagram.
func (p *peer) recv() []byte {
	p.t.Helper()
	buf := make([]byte, 1500)
	p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := p.conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	return buf[:n]
}

// count is a counter's value.
func count(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// runPool makes a pool whose ports are read until the test ends.
func runPool(t testing.TB, cfg RTPConfig) *RTPPorts {
	t.Helper()
	pool, err := NewRTPPorts(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return pool
}

func newPool(t *testing.T, from, to int) (*RTPPorts, *Metrics) {
	t.Helper()
	m := NewMetrics(nil)
	return runPool(t, RTPConfig{IP: loopback, MinPort: from, MaxPort: to, Metrics: m}), m
}

// listen runs a port and gives what it hears: the first byte of each payload.
func listen(t *testing.T, port *RTPPort) (heard <-chan byte, control <-chan []byte) {
	t.Helper()
	h, c := make(chan byte, 1000), make(chan []byte, 100)
	done := make(chan error, 1)
	go func() {
		done <- port.RunControl(context.Background(), func(p *Packet) { h <- p.Payload[0] }, func(b []byte) { c <- slices.Clone(b) })
	}()
	t.Cleanup(func() {
		port.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h, c
}

func next[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came for 5 s")
	}
	return v
}

func TestRTPPortHearsOnlyItsPeer(t *testing.T) {
	pool, m := newPool(t, 11000, 11999)
	port, err := pool.Open(netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if a := port.LocalAddr(); a.Addr() != loopback || a.Port()%2 != 0 {
		t.Errorf("local address %v, want an even port on loopback", a)
	}
	heard, _ := listen(t, port)
	good, bad := newPeer(t, loopback, 1), newPeer(t, loopback, 1)
	bad.seq = 5000
	for range 10 {
		bad.send(port.LocalAddr(), 'x') // before signalling
	}
	port.SetRemote(good.addr(), RTPTrust{PayloadTypes: []uint8{0}})
	for range 10 {
		bad.send(port.LocalAddr(), 'x') // before the lock
	}
	for i := range 20 {
		good.send(port.LocalAddr(), byte('a'+i))
		bad.send(port.LocalAddr(), 'x') // after it
	}
	for i := range 20 {
		if b := next(t, heard); b != byte('a'+i) {
			t.Fatalf("heard %c, want %c", b, 'a'+i)
		}
	}
	good.raw(port.LocalAddr(), []byte("\x80"))
	good.raw(port.LocalAddr(), append([]byte{0x40}, make([]byte, 30)...))
	good.raw(port.LocalAddr(), append([]byte{0x80, 200}, make([]byte, 30)...)) // RTCP without mux
	good.send(port.LocalAddr(), 'z')
	if b := next(t, heard); b != 'z' {
		t.Errorf("heard %c after junk", b)
	}
	for why, want := range map[drop]float64{dropSource: 40, dropMalformed: 2, dropRTCP: 1} {
		if got := count(t, m.dropped[why]); got != want {
			t.Errorf("%v packets dropped for %s, want %v", got, dropNames[why], want)
		}
	}
}

func TestRTPPortSendsToItsPeer(t *testing.T) {
	pool, _ := newPool(t, 11000, 11999)
	port, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	pkt := &Packet{PayloadType: 8, Marker: true, Sequence: 77, Timestamp: 4711, SSRC: 99, Payload: []byte("hello")}
	if err := port.Send(pkt); err != nil {
		t.Errorf("send to nobody: %v", err)
	}
	far, farControl := newPeer(t, loopback, 1), newPeer(t, loopback, 1)
	port.SetRemote(far.addr(), RTPTrust{Control: farControl.addr()})
	if err := port.Send(pkt); err != nil {
		t.Fatal(err)
	}
	var got rtp.Packet
	if err := got.Unmarshal(far.recv()); err != nil {
		t.Fatal(err)
	}
	if got.PayloadType != 8 || !got.Marker || got.SequenceNumber != 77 || got.Timestamp != 4711 || got.SSRC != 99 || string(got.Payload) != "hello" {
		t.Errorf("got %v", got)
	}
	if err := port.Send(&Packet{Payload: make([]byte, 1500)}); err == nil {
		t.Error("a payload longer than a datagram was taken")
	}
	if err := port.SendControl([]byte("report")); err != nil || string(farControl.recv()) != "report" {
		t.Errorf("RTCP did not arrive: %v", err)
	}
	port.SetRemote(far.addr(), RTPTrust{Mux: true})
	if err := port.SendControl([]byte("muxed")); err != nil || string(far.recv()) != "muxed" {
		t.Errorf("muxed RTCP did not arrive: %v", err)
	}
}

func TestRTCPOnItsPortAndMuxed(t *testing.T) {
	pool, _ := newPool(t, 11000, 11999)
	port, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	_, control := listen(t, port)
	far, foreign := newPeer(t, loopback, 1), newPeer(t, netip.MustParseAddr("127.0.0.9"), 1)
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}})
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(loopback, port.LocalAddr().Port()+1)
	port.SetRemote(far.addr(), RTPTrust{})
	foreign.raw(at, report)
	far.raw(at, report)
	if b := next(t, control); !slices.Equal(b, report) {
		t.Error("the report was changed")
	}
	port.SetRemote(far.addr(), RTPTrust{Mux: true})
	far.raw(port.LocalAddr(), report)
	next(t, control)
	if len(control) != 0 {
		t.Error("a foreign report was heard")
	}
}

func TestRTPPortLearnsBehindNAT(t *testing.T) {
	pool, _ := newPool(t, 11000, 11999)
	port, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	heard, _ := listen(t, port)
	natted := newPeer(t, loopback, 1)
	port.SetRemote(netip.MustParseAddrPort("127.0.0.200:9"), RTPTrust{NAT: true, PayloadTypes: []uint8{0}})
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for range 4 {
		natted.send(port.LocalAddr(), 'n')
		<-ticker.C
	}
	next(t, heard)
	if err := port.Send(&Packet{Payload: []byte("back")}); err != nil {
		t.Fatal(err)
	}
	if b := natted.recv(); string(b[12:]) != "back" {
		t.Errorf("got %q", b)
	}
}

func TestPacketRateIsCapped(t *testing.T) {
	var w window
	allowed := 0
	for i := range 10_000 {
		if w.allow(time.Duration(i)*100*time.Microsecond, maxPacketRate) { // 10,000 a second
			allowed++
		}
	}
	if allowed != maxPacketRate {
		t.Errorf("%d packets in a second, want %d", allowed, maxPacketRate)
	}
	if !w.allow(time.Second, maxPacketRate) {
		t.Error("the next second begins blocked")
	}
}

func TestFreedPortsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Nothing is read: a goroutine that waits for the kernel would hold the bubble's time.
		pool, err := NewRTPPorts(RTPConfig{IP: loopback, MinPort: 11990, MaxPort: 11993}) // two pairs
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		a, b := 0, 1
		if !pool.take(a) || !pool.take(b) || pool.take(a) {
			t.Fatal("two pairs are two pairs")
		}
		if _, err := pool.Open(loopback); !errors.Is(err, ErrNoPorts) {
			t.Errorf("error %v, want ErrNoPorts", err)
		}
		pool.release(a)
		time.Sleep(restTime - time.Millisecond)
		if pool.take(a) {
			t.Error("a port was used again before it rested")
		}
		time.Sleep(time.Millisecond)
		if !pool.take(a) {
			t.Error("a rested port is not used")
		}
	})
}

// Two calls one after the other on the same port: what the first one's peer still sends is not heard in the second.
func TestLatePacketsStayOutOfTheNextCall(t *testing.T) {
	old, fresh := newPeer(t, loopback, 1), newPeer(t, loopback, 2)
	pool, m := newPool(t, 12500, 12501)
	first, err := pool.Open(loopback)
	for at := 12502; err != nil && at < 12600; at += 2 { // somebody else may have the port
		pool, m = newPool(t, at, at+1)
		first, err = pool.Open(loopback)
	}
	if err != nil {
		t.Fatal(err)
	}
	first.SetRemote(old.addr(), RTPTrust{PayloadTypes: []uint8{0}})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Open(loopback); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("error %v, want ErrNoPorts while the port rests", err)
	}
	pool.mu.Lock()
	pool.freed[0] = time.Now().Add(-restTime)
	pool.mu.Unlock()
	second, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	if second.LocalAddr() != first.LocalAddr() {
		t.Fatalf("ports %v and %v", first.LocalAddr(), second.LocalAddr())
	}
	heard, _ := listen(t, second)
	second.SetRemote(fresh.addr(), RTPTrust{NAT: true, PayloadTypes: []uint8{0}})
	for range 3 {
		old.send(second.LocalAddr(), 'o')
	}
	for range 3 {
		fresh.send(second.LocalAddr(), 'f')
		old.send(second.LocalAddr(), 'o')
	}
	for range 3 {
		if b := next(t, heard); b != 'f' {
			t.Errorf("heard %c", b)
		}
	}
	second.Close()
	if got := count(t, m.dropped[dropSource]); got < 3 {
		t.Errorf("%v packets counted as foreign", got)
	}
}

func TestPortsAreFreedAndNeverShared(t *testing.T) {
	pool, _ := newPool(t, 13000, 13063)
	var mu sync.Mutex
	open := map[netip.AddrPort]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 8 {
				port, err := pool.Open(loopback)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if open[port.LocalAddr()] {
					t.Errorf("%v was given twice", port.LocalAddr())
				}
				open[port.LocalAddr()] = true
				mu.Unlock()
				port.Close()
				port.Close()
			}
		})
	}
	wg.Wait()
	if _, err := pool.Open(loopback); !errors.Is(err, ErrNoPorts) {
		t.Errorf("error %v, want ErrNoPorts: all 32 rest", err)
	}
}

func TestBadPortRange(t *testing.T) {
	for _, cfg := range []RTPConfig{
		{IP: loopback, MinPort: 20001, MaxPort: 20002},
		{IP: loopback, MinPort: 20000, MaxPort: 70000},
		{IP: loopback, MinPort: 30000, MaxPort: 20000},
		{IP: netip.IPv4Unspecified(), MinPort: 20000, MaxPort: 20100},
		{},
	} {
		if _, err := NewRTPPorts(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	pool, _ := newPool(t, 14000, 14100)
	if _, err := pool.Open(netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Error("a foreign address was bound")
	}
}

func TestRTPPortEndsWithItsContext(t *testing.T) {
	pool, _ := newPool(t, 15000, 15099)
	for range 10 {
		port, err := pool.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- port.Run(ctx, func(*Packet) {}) }()
		cancel()
		if err := next(t, done); err != nil {
			t.Error(err)
		}
		port.Close()
	}
}

// A whole leg on real sockets: the peer says something to another peer, through two ports and two streams.
func TestBridgeOverSockets(t *testing.T) {
	w, finish := newWorld(t)
	defer finish()
	pool, m := newPool(t, 16000, 16999)
	leg := func(far *peer) (*Stream, *RTPPort) {
		port, err := pool.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		port.SetRemote(far.addr(), RTPTrust{PayloadTypes: []uint8{0}})
		s := NewStream(port, StreamConfig{Clock: w.clock, Metrics: m})
		s.Negotiate(Format{Codec: codec.PCMU}, SendRecv)
		w.wg.Go(func() {
			if err := s.Run(w.ctx); err != nil {
				t.Error(err)
			}
			port.Close()
		})
		return s, port
	}
	a, b := newPeer(t, loopback, 1), newPeer(t, loopback, 2)
	sa, pa := leg(a)
	sb, pb := leg(b)
	Apply(map[*Stream]Source{sa: Forward(sb), sb: Forward(sa)})
	hear := func(p *peer, mark byte) {
		t.Helper()
		for range 100 {
			if raw := p.recv(); raw[12] == mark {
				return
			}
		}
		t.Errorf("%c was not heard", mark)
	}
	a.send(pa.LocalAddr(), 'A')
	hear(b, 'A')
	b.send(pb.LocalAddr(), 'B')
	hear(a, 'B')
	if sa.LastHeard().IsZero() || time.Since(sa.LastHeard()) > 10*time.Second {
		t.Errorf("last heard %v", sa.LastHeard())
	}
}
