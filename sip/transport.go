package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/internal/fault"
	"tandem/media"
)

// Listen says on which addresses SIP is served; an empty one is off. Port 0 picks a free port (tests).
type Listen struct {
	UDP, TCP, TLS, WS, WSS string
	TLSConfig              *tls.Config // needed by TLS and WSS
}

// transport is sipgo's transport and transaction layers with our read filter in front, our own sockets below and nothing of its dialog
// helpers (spec: six defects).
type transport struct {
	tpl     *gosip.TransportLayer
	txl     *gosip.TransactionLayer
	in      *ingress
	m       *metrics
	log     *slog.Logger
	mediaIP netip.Addr
	sockets []socket
	streams *streams
	noTCP   udpOnly
	trace   *trace      // nil: nothing is ever kept
	closing atomic.Bool // nothing that still arrives is looked at
}

// socket is one bound listener.
type socket struct {
	network string // udp, tcp, tls, ws, wss
	addr    netip.AddrPort
	packet  net.PacketConn
	stream  net.Listener
}

// tuneLibrary sets what sipgo keeps in package variables. Its log would print whole messages, telephone numbers included; its limit on
// outgoing datagrams would also stop long responses, which have no other way to go (requests are moved to TCP by us).
var tuneLibrary = sync.OnceFunc(func() {
	gosip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	gosip.UDPMTUSize = maxMessage + 200
	gosip.TransportBufferReadSize = maxMessage
})

func newTransport(l Listen, mediaIP netip.Addr, in *ingress, m *metrics, log *slog.Logger) (*transport, error) {
	tuneLibrary()
	t := &transport{in: in, m: m, log: log, mediaIP: mediaIP, streams: newStreams()}
	in.write, in.crashed = t.write, t.crashed
	quiet := slog.New(slog.DiscardHandler)
	t.tpl = gosip.NewTransportLayer(net.DefaultResolver, gosip.NewParser(), l.TLSConfig,
		gosip.WithTransportLayerLogger(quiet), gosip.WithTransportLayerReadFilter(t.filter))
	// Registered before the transaction layer's own hook, so it runs first, on the reader's goroutine.
	t.tpl.OnMessage(t.prepare)
	t.txl = gosip.NewTransactionLayer(t.tpl, gosip.WithTransactionLayerLogger(quiet))
	for _, s := range []struct{ network, addr string }{{"udp", l.UDP}, {"tcp", l.TCP}, {"tls", l.TLS}, {"ws", l.WS}, {"wss", l.WSS}} {
		if s.addr == "" {
			continue
		}
		if err := t.bind(s.network, s.addr, l.TLSConfig); err != nil {
			t.close()
			return nil, fault.Newf(fault.Invalid, "sip_listen", "sip.%s cannot listen on %s; is the port in use?", s.network, s.addr).WithField("sip." + s.network).Because(err)
		}
	}
	return t, nil
}

func (t *transport) bind(network, addr string, conf *tls.Config) error {
	s := socket{network: network}
	var err error
	var local net.Addr
	switch network {
	case "udp":
		var pc *net.UDPConn
		if pc, err = listenUDP(addr); err == nil {
			_ = pc.SetReadBuffer(4 << 20) // best effort: the kernel caps it
			s.packet, local = pc, pc.LocalAddr()
			// Requests of ours find the socket in the pool before Serve has put it there.
			name := local.String()
			t.tpl.Pool("udp").Add(name, &gosip.UDPConnection{PacketConn: pc, PacketAddr: name, Listener: true})
		}
	default:
		if s.stream, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr); err == nil {
			local = s.stream.Addr()
			s.stream = &limited{Listener: s.stream, streams: t.streams, full: func() { t.m.dropped.WithLabelValues("too_many_connections").Inc() }}
			if network == "tls" || network == "wss" {
				if conf == nil {
					_ = s.stream.Close()
					return errors.New("tls.cert and tls.key are not set")
				}
				s.stream = tls.NewListener(s.stream, conf)
			}
		}
	}
	if err != nil {
		return err
	}
	s.addr = addrPort(local)
	t.sockets = append(t.sockets, s)
	return nil
}

// listenUDP binds an IPv4 wildcard as IPv4: a dual-stack socket would show peers in IPv6-mapped form to the library's pool.
func listenUDP(addr string) (*net.UDPConn, error) {
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	if len(a.IP) == 0 {
		return net.ListenUDP("udp4", a)
	}
	return net.ListenUDP("udp", a)
}

// filter is the ingress while we serve, and drops all once we stop.
func (t *transport) filter(info gosip.TransportReadProps, data []byte) ([]byte, error) {
	if t.closing.Load() {
		return nil, nil
	}
	return t.in.filter(info, data)
}

// run serves until ctx ends, then hears nothing more, lets drain end what still sends, closes sockets, transactions and connections, and
// waits for the readers.
func (t *transport) run(ctx context.Context, drain func()) error {
	var readers sync.WaitGroup
	errs := make(chan error, len(t.sockets))
	for _, s := range t.sockets {
		readers.Go(func() { errs <- t.serve(s) })
	}
	sweep := time.NewTicker(5 * time.Second)
	defer sweep.Stop()
	var err error
loop:
	for {
		select {
		case <-ctx.Done():
			break loop
		case err = <-errs:
			break loop
		case now := <-sweep.C:
			t.sweepStreams(now)
			t.in.hand.sweep(now)
		}
	}
	t.closing.Store(true)
	drain()
	t.close()
	readers.Wait()
	// Whoever sent while the sockets closed found them gone from the library's pool and was given a new one.
	_ = t.tpl.Close()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serve SIP: %w", err)
}

func (t *transport) serve(s socket) error {
	switch s.network {
	case "udp":
		return t.tpl.ServeUDP(s.packet)
	case "tcp":
		return t.tpl.ServeTCP(s.stream)
	case "tls":
		return t.tpl.ServeTLS(s.stream)
	case "ws":
		return t.tpl.ServeWS(s.stream)
	default:
		return t.tpl.ServeWSS(s.stream)
	}
}

func (t *transport) sweepStreams(now time.Time) {
	for _, key := range t.in.frames.stale(now) {
		_, remote, _ := strings.Cut(key, "|")
		for _, network := range []string{"tcp", "tls"} {
			if c, err := t.tpl.GetConnection(network, remote); err == nil {
				t.m.dropped.WithLabelValues("slow_sender").Inc()
				_ = c.Close()
			}
		}
	}
	for _, c := range t.streams.strangers(t.in.known, now) {
		t.m.dropped.WithLabelValues("slow_sender").Inc()
		_ = c.Close()
	}
}

func (t *transport) close() {
	t.txl.Close()
	for _, s := range t.sockets {
		if s.packet != nil {
			_ = s.packet.Close()
		}
		if s.stream != nil {
			_ = s.stream.Close()
		}
	}
	_ = t.tpl.Close()
}

// prepare runs before the transaction layer sees a message. It gives a new INVITE, and the CANCEL that belongs to it, the same To tag,
// derived from the message, so that every response bears the one tag of the dialog (D6); it renames CANCEL, which the transaction layer
// would otherwise answer by itself, racing with our 2xx; and it adds received to the top Via (RFC 3261 18.2.1).
func (t *transport) prepare(msg gosip.Message) {
	t.trace.note(false, msg)
	req, ok := msg.(*gosip.Request)
	if !ok {
		return
	}
	if to := req.To(); to != nil && (req.Method == gosip.INVITE || req.Method == gosip.CANCEL) {
		if _, tagged := to.Params.Get("tag"); !tagged {
			to.Params.Add("tag", t.in.freshTag(req))
		}
	}
	if from := req.From(); from != nil {
		if _, tagged := from.Params.Get("tag"); !tagged {
			from.Params.Add("tag", "") // RFC 2543 clients send none; the transaction layer insists. response removes it
		}
	}
	if req.Method == gosip.CANCEL {
		req.Method = cancelByUs
	}
	if via := req.Via(); via != nil {
		if host, _, err := net.SplitHostPort(req.Source()); err == nil && host != via.Host {
			via.Params.Add("received", host)
		}
	}
}

// cancelByUs is CANCEL as handlers see it.
const cancelByUs gosip.RequestMethod = "(CANCEL)"

// outOfDialog says whether the request came without a To tag, prepare's own aside.
func (t *transport) outOfDialog(req *gosip.Request) bool {
	tag, tagged := req.To().Params.Get("tag")
	return !tagged || tag == t.in.freshTag(req)
}

// write sends the bytes of a stateless response.
func (t *transport) write(info gosip.TransportReadProps, data []byte) {
	if info.Transport == "UDP" {
		for _, s := range t.sockets {
			if s.packet != nil && s.packet.LocalAddr().String() == info.LocalAddr.String() {
				_, _ = s.packet.WriteTo(data, info.RemoteAddr) // a lost answer is asked for again
			}
		}
		return
	}
	c, err := t.tpl.GetConnection(info.Transport, info.RemoteAddr.String())
	if err != nil {
		return
	}
	if w, ok := c.(interface{ Write([]byte) (int, error) }); ok {
		_, _ = w.Write(data)
	}
	_, _ = c.TryClose()
}

// connected says whether there is a connection from that address.
func (t *transport) connected(network, addr string) bool {
	c, err := t.tpl.GetConnection(network, addr)
	if err != nil || c == nil {
		return false
	}
	_, _ = c.TryClose() // gives back what asking has taken
	return true
}

// crashed records a caught panic.
func (t *transport) crashed(recovered any, stack []byte) {
	t.log.Error("panic while handling a SIP message", "panic", fmt.Sprint(recovered), "stack", string(stack))
}

// guard keeps a panic in a handler from ending the process.
func (t *transport) guard() {
	if r := recover(); r != nil {
		t.m.panics.Inc()
		t.crashed(r, debug.Stack())
	}
}

// addr returns the bound address of a network, and whether there is one.
func (t *transport) addr(network string) (netip.AddrPort, bool) {
	for _, s := range t.sockets {
		if s.network == network {
			return s.addr, true
		}
	}
	return netip.AddrPort{}, false
}

// localIP is our address as the given peer should see it: loopback for loopback, else the configured one, else the one the kernel would
// send from.
func (t *transport) localIP(peer netip.Addr) netip.Addr {
	peer = peer.Unmap()
	if peer.IsLoopback() {
		if a, ok := t.addr("udp"); ok && a.Addr().IsLoopback() && a.Addr().Is4() == peer.Is4() {
			return a.Addr()
		}
		if peer.Is4() {
			return netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		return netip.IPv6Loopback()
	}
	if t.mediaIP.IsValid() {
		return t.mediaIP
	}
	if !peer.IsValid() { // a name: the default route will do
		peer = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	}
	c, err := (&net.Dialer{}).DialContext(context.Background(), "udp", netip.AddrPortFrom(peer, 9).String()) // sends nothing
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer c.Close()
	return addrPort(c.LocalAddr()).Addr()
}

// serving is the address to bind for a peer's media: ours as the peer knows it, or each of its family when one of those whom the call may go
// to instead knows another.
func (t *transport) serving(h hop, others []outgoing) netip.Addr {
	at := t.localIP(h.ip())
	for i := range others {
		if others[i].via == h {
			continue
		}
		switch ip := t.localIP(others[i].via.ip()); {
		case ip == at || ip.Is4() != at.Is4():
		case ip.Is4():
			return netip.IPv4Unspecified()
		default:
			return netip.IPv6Unspecified()
		}
	}
	return at
}

// announced is where a peer is told that a port of ours is.
func (t *transport) announced(port *media.RTPPort, peer netip.Addr) netip.AddrPort {
	at := port.LocalAddr()
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(t.localIP(peer), at.Port())
	}
	return at
}

func itoa(n int) string { return strconv.Itoa(n) }

// listed are the transports that are on, the most private ones first.
func (t *transport) listed() (all []Transport) {
	for _, network := range []string{"tls", "wss", "tcp", "udp", "ws"} {
		if a, ok := t.addr(network); ok {
			all = append(all, Transport{network, int(a.Port())})
		}
	}
	return all
}
