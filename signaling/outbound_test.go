package signaling

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/media"
)

// ear is a page that is sent audio, by both paths.
type ear struct {
	*testing.T
	*outbound
	page  *net.UDPConn
	open  *srtp.Context
	wire  *wire
	heard []uint16
}

func newEar(t *testing.T, suite media.SRTPSuite, profile srtp.ProtectionProfile) *ear {
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	key := strings.Repeat("k", suite.KeyLength())
	seal, err := media.NewSRTP(media.SRTPKeys{Suite: suite, Local: key, Remote: strings.Repeat("r", suite.KeyLength())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{T: t, page: listen(), wire: &wire{}}
	if e.open, err = srtp.CreateContext([]byte(key[:16]), []byte(key[16:]), profile); err != nil {
		t.Fatal(err)
	}
	socket, err := newShunt(listen(), &pages{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close(); _ = e.page.Close() })
	count := func() prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}) }
	e.outbound = &outbound{writer: e.wire, way: &way{}, ssrc: 42, keys: func() *media.SRTP { return seal }, direct: count(), pion: count()}
	at := e.page.LocalAddr().(*net.UDPAddr).AddrPort()
	socket.pages.place(e.way, at)
	socket.pages.heardAt(e.way, socket, at)
	return e
}

func (e *ear) sends(number uint16) (direct bool) {
	e.Helper()
	return e.sendsOf(number, []byte{1, 2, 3})
}

// sendsOf sends a packet, and is true when it took the direct path. The page decrypts whatever comes, with one count of rollovers for both paths.
func (e *ear) sendsOf(number uint16, payload []byte) (direct bool) {
	e.Helper()
	was := len(e.wire.packets)
	h := rtp.Header{Version: 2, SequenceNumber: number, Timestamp: uint32(number) * 160, SSRC: 42}
	if err := e.send(&h, payload); err != nil {
		e.Fatal(err)
	}
	if direct = len(e.wire.packets) == was; !direct {
		return false
	}
	b := make([]byte, maxDatagram)
	n, _, err := e.page.ReadFromUDPAddrPort(b)
	if err != nil {
		e.Fatal(err)
	}
	plain, err := e.open.DecryptRTP(nil, b[:n], &h)
	if err != nil || h.SequenceNumber != number || !slices.Equal(plain[12:], payload) {
		e.Fatalf("packet %d: %v, %+v", number, err, h)
	}
	e.heard = append(e.heard, number)
	return true
}

func eachEar(t *testing.T, f func(e *ear)) {
	t.Run("GCM", func(t *testing.T) { f(newEar(t, media.SRTPGCM128, srtp.ProtectionProfileAeadAes128Gcm)) })
	t.Run("CM", func(t *testing.T) { f(newEar(t, media.SRTPCM80, srtp.ProtectionProfileAes128CmHmacSha1_80)) })
}

// Each packet takes one path: pion's once a second, else the direct one, over several rounds of the sequence numbers.
func TestOutboundTakesOnePath(t *testing.T) {
	eachEar(t, func(e *ear) {
		e.last = media.Now() - bothEvery
		if e.sends(65000) {
			t.Fatal("pion did not get the first packet, from which it counts rollovers")
		}
		n := uint16(65000)
		for range 2000 {
			n += 100
			e.last = media.Now() // within the second
			if !e.sends(n) {
				t.Fatalf("packet %d took pion's path", n)
			}
		}
		e.last = media.Now() - bothEvery
		if e.sends(n+1) || !e.sends(n+2) {
			t.Error("not one packet a second takes pion's path")
		}
		if e.packets != uint32(len(e.wire.packets)+len(e.heard)) || e.octets != 3*e.packets {
			t.Errorf("counted %d packets and %d octets of %d by pion and %d direct", e.packets, e.octets, len(e.wire.packets), len(e.heard))
		}
	})
}

// Whatever fits in a datagram with its tag goes directly.
func TestOutboundLongest(t *testing.T) {
	eachEar(t, func(e *ear) {
		e.last = media.Now()
		longest := make([]byte, maxDatagram-12-maxTag)
		if !e.sendsOf(1, longest) || e.sendsOf(2, make([]byte, len(longest)+1)) {
			t.Error("a packet took the wrong path for its length")
		}
	})
}

// While the page is not heard by the direct path, pion sends; what SRTP counts goes on from there.
func TestOutboundFollowsThePage(t *testing.T) {
	eachEar(t, func(e *ear) {
		e.last = media.Now()
		if !e.sends(60000) {
			t.Fatal("pion's path for a page that is heard directly")
		}
		at := e.way.back.Load()
		at.socket.pages.place(e.way, netip.AddrPort{}) // it has changed to TCP
		for n := uint16(60001); n != 40000; n++ {      // through a whole round
			if e.sends(n) {
				t.Fatal("sent to where the page is no more")
			}
		}
		at.socket.pages.heardAt(e.way, at.socket, at.at)
		if e.way.back.Load() != nil {
			t.Fatal("a late packet from where the page was counts")
		}
		at.socket.pages.place(e.way, at.at)
		at.socket.pages.heardAt(e.way, at.socket, at.at)
		e.open.SetROC(42, 1) // the page has heard pion's packets
		e.last = media.Now()
		if !e.sends(40000) {
			t.Error("pion's path for a page that is heard directly again")
		}
	})
}

func TestOutboundAllocatesNothing(t *testing.T) {
	eachEar(t, func(e *ear) {
		h, payload := rtp.Header{Version: 2, SSRC: 42}, make([]byte, 160)
		if n := testing.AllocsPerRun(1000, func() { e.last = media.Now(); h.SequenceNumber++; _ = e.send(&h, payload) }); n != 0 {
			t.Errorf("%v allocations for a packet", n)
		}
	})
}
