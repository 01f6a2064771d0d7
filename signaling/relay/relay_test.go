package relay_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/turn/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/signaling/relay"
	"tandem/sip/siptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a server, with a socket that stands for the node's media: it sends back what it gets.
type house struct {
	*testing.T
	server *relay.Server
	reg    *prometheus.Registry
	media  netip.AddrPort
}

func newHouse(t *testing.T, change ...func(*relay.Config)) *house {
	h := &house{T: t, reg: prometheus.NewRegistry()}
	h.media = h.echo("127.0.0.1")
	cert, key := siptest.CertificateFiles(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	h.ok(err)
	cfg := relay.Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		Host: "127.0.0.1", Media: []netip.AddrPort{h.media},
	}
	for _, f := range change {
		f(&cfg)
	}
	h.media = cfg.Media[0]
	h.server, err = relay.New(cfg, h.reg)
	h.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		h.ok(<-done)
		h.ok(h.server.Close())
	})
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// echo is a socket that sends back what it gets.
func (h *house) echo(ip string) netip.AddrPort {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	h.ok(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	h.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// browser is a TURN client that uses the listener of a transport: udp, tcp or tls.
func (h *house) browser(transport string, with relay.ICEServer) *turn.Client {
	h.Helper()
	scheme, proto := "turn:", "udp"
	switch transport {
	case "tcp":
		proto = "tcp"
	case "tls":
		scheme, proto = "turns:", "tcp"
	}
	var at string
	for _, u := range with.URLs {
		if rest, ok := strings.CutPrefix(u, scheme); ok && strings.HasSuffix(rest, "="+proto) {
			at, _, _ = strings.Cut(rest, "?")
		}
	}
	var conn net.PacketConn
	switch transport {
	case "udp":
		host, _, err := net.SplitHostPort(at)
		h.ok(err)
		c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		h.ok(err)
		conn = c
	case "tcp":
		c, err := net.Dial("tcp", at)
		h.ok(err)
		conn = turn.NewSTUNConn(c)
	case "tls":
		c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own certificate
		h.ok(err)
		conn = turn.NewSTUNConn(c)
	}
	c, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: at, STUNServerAddr: at, Conn: conn, Username: with.Username, Password: with.Credential})
	h.ok(err)
	h.ok(c.Listen())
	h.Cleanup(func() {
		c.Close()
		_ = conn.Close()
	})
	return c
}

// allocate is browser with its relayed socket.
func (h *house) allocate(transport, session string) net.PacketConn {
	h.Helper()
	c, err := h.browser(transport, h.server.Servers(session)[0]).Allocate()
	h.ok(err)
	h.Cleanup(func() { _ = c.Close() })
	return c
}

// answered says whether what is sent to an address comes back.
func (h *house) answered(c net.PacketConn, to netip.AddrPort) bool {
	h.Helper()
	if _, err := c.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(to)); err != nil {
		return false
	}
	h.ok(c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
	buf := make([]byte, 100)
	n, from, err := c.ReadFrom(buf)
	if err != nil {
		return false
	}
	if string(buf[:n]) != "hello" || from.String() != to.String() {
		h.Errorf("%q from %v", buf[:n], from)
	}
	return true
}

// metric is the sum of a metric's values whose labels include one of a value; "" is any.
func (h *house) metric(name, label string) (sum float64) {
	h.Helper()
	families, err := h.reg.Gather()
	h.ok(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func (h *house) refused(reason string, want float64) {
	h.Helper()
	if got := h.metric("tandem_turn_refused_total", reason); got != want {
		h.Errorf("%v refused for %s, want %v", got, reason, want)
	}
}

func (h *house) allocations(want float64) {
	h.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for h.metric("tandem_turn_allocations", "") != want {
		select {
		case <-tick.C:
		case <-deadline.C:
			h.Fatalf("never %v allocations", want)
		}
	}
}

// Media is reached by each transport; nothing else is, whatever is asked for.
func TestRelaysToMediaOnly(t *testing.T) {
	h := newHouse(t)
	other := h.echo("127.0.0.1")
	for _, transport := range []string{"udp", "tcp", "tls"} {
		c := h.allocate(transport, "s")
		if !h.answered(c, h.media) {
			t.Errorf("%s: media is not reached", transport)
		}
		if h.answered(c, other) {
			t.Errorf("%s: another port of this machine is reached", transport)
		}
		for _, peer := range []string{"0.0.0.0:80", "127.0.0.2:80", "169.254.169.254:80", "10.0.0.1:80", "192.0.2.1:80", "255.255.255.255:80", "224.0.0.1:80"} {
			if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(peer))); err == nil {
				t.Errorf("%s: %s is permitted", transport, peer)
			}
		}
	}
	h.allocations(3)
	h.refused("peer", 3*(1+7))
	if _, err := h.browser("udp", h.server.Servers("s")[0]).AllocateTCP(); err == nil {
		t.Error("TCP is relayed")
	}
}

// Sockets of allocations are on loopback, and media is on any address of the machine.
func TestRelaysToEveryAddress(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		at := netip.MustParsePrefix(a.String()).Addr()
		if at.IsLinkLocalUnicast() {
			continue
		}
		t.Run(at.String(), func(t *testing.T) {
			h := newHouse(t, func(c *relay.Config) {
				c.Host = "127.0.0.1"
				if at.Is6() {
					c.Host = "::1"
				}
				media := (&house{T: t}).echo(at.String())
				c.UDP, c.TCP, c.TLS, c.Media = net.JoinHostPort(c.Host, "0"), "", "", []netip.AddrPort{media}
			})
			if !h.answered(h.allocate("udp", "s"), h.media) {
				t.Error("media is not reached")
			}
		})
	}
}

// What is told to browsers instead of the local address leads to the socket behind it, and loopback does not.
func TestRelaysBehindPublicAddress(t *testing.T) {
	public := netip.MustParseAddr("203.0.113.7")
	h := newHouse(t, func(c *relay.Config) { c.Public = public })
	c := h.allocate("udp", "s")
	if !h.answered(c, netip.AddrPortFrom(public, h.media.Port())) {
		t.Error("media is not reached by its public address")
	}
	if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(h.media)); err == nil {
		t.Error("loopback is permitted")
	}
	if got := c.LocalAddr().(*net.UDPAddr).IP.String(); got != public.String() {
		t.Errorf("the relayed address is %s", got)
	}
}

func TestCredentials(t *testing.T) {
	h := newHouse(t)
	good := h.server.Servers("s")[0]
	for name, with := range map[string]relay.ICEServer{
		"a wrong password":   {URLs: good.URLs, Username: good.Username, Credential: "x"},
		"another session":    {URLs: good.URLs, Username: good.Username + "t", Credential: good.Credential},
		"no time":            {URLs: good.URLs, Username: "s", Credential: good.Credential},
		"a time of its own":  {URLs: good.URLs, Username: "99999999999:s", Credential: good.Credential},
		"nobody and nothing": {URLs: good.URLs},
	} {
		if _, err := h.browser("udp", with).Allocate(); err == nil {
			t.Errorf("%s is good enough", name)
		}
	}
	h.allocations(0)
	c := h.allocate("tcp", "s")
	h.server.Forget("s")
	h.allocations(0)
	if h.answered(c, h.media) {
		t.Error("a session that is over still relays")
	}
	if _, err := h.browser("udp", good).Allocate(); err == nil {
		t.Error("the credentials of a session that is over are good")
	}
}

func TestExpiredCredentials(t *testing.T) {
	h := newHouse(t, func(c *relay.Config) { c.Lifetime = -time.Second })
	if _, err := h.browser("udp", h.server.Servers("s")[0]).Allocate(); err == nil {
		t.Error("expired credentials are good")
	}
	h.refused("expired", 1)
}

func TestQuota(t *testing.T) {
	h := newHouse(t)
	for range 24 {
		h.allocate("udp", "s")
	}
	if _, err := h.browser("udp", h.server.Servers("s")[0]).Allocate(); err == nil {
		t.Error("a session has as many allocations as it wants")
	}
	h.refused("quota", 1)
	h.allocate("udp", "another")
	h.allocations(25)
}

// Browsers are told of others' servers with credentials that coturn understands: HMAC-SHA1 of the user name, in base64.
func TestOthersServers(t *testing.T) {
	h := newHouse(t, func(c *relay.Config) {
		c.UDP, c.TCP, c.TLS = "", "", ""
		c.URLs, c.Secret = []string{"turn:turn.example.com:3478"}, "north"
	})
	all := h.server.Servers("s")
	if len(all) != 1 || all[0].URLs[0] != "turn:turn.example.com:3478" || !strings.HasSuffix(all[0].Username, ":s") || len(all[0].Credential) != 28 {
		t.Errorf("%+v", all)
	}
}

func TestAddressInUse(t *testing.T) {
	h := newHouse(t)
	at, _, _ := strings.Cut(strings.TrimPrefix(h.server.Servers("s")[0].URLs[0], "turn:"), "?")
	s, err := relay.New(relay.Config{UDP: at}, prometheus.NewRegistry())
	if op := new(net.OpError); s != nil || !errors.As(err, &op) || !strings.Contains(err.Error(), "turn.udp "+at) {
		t.Errorf("%v", err)
	}
}
