package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// maxDatagram is the size above which a request goes by a congestion-controlled transport (RFC 3261 18.1.1).
const maxDatagram = 1300

// hop is where a request goes next.
type hop struct {
	network string // udp, tcp, tls, ws, wss
	addr    string // host:port
}

// hopOf derives the next hop from a URI (RFC 3263 4, without NAPTR, see hops; the library looks up A, AAAA and SRV).
func hopOf(u *gosip.Uri) hop {
	h := hop{network: "udp"}
	if tp, ok := u.UriParams.Get("transport"); ok && tp != "" {
		h.network = strings.ToLower(tp)
	}
	if u.IsEncrypted() {
		switch h.network {
		case "ws":
			h.network = "wss"
		default:
			h.network = "tls"
		}
	}
	host := strings.Trim(u.Host, "[]")
	if maddr, ok := u.UriParams.Get("maddr"); ok && maddr != "" {
		host = maddr
	}
	port := u.Port
	if port == 0 {
		port = gosip.DefaultPort(h.network)
	}
	h.addr = net.JoinHostPort(host, strconv.Itoa(port))
	return h
}

// host is the hop without its port.
func (h hop) host() string {
	host, _, _ := net.SplitHostPort(h.addr)
	return host
}

// ip is the hop's address when it is numeric.
func (h hop) ip() netip.Addr {
	ap, _ := netip.ParseAddrPort(h.addr)
	return ap.Addr()
}

// stamp gives a request its Via with a fresh branch, its destination and its local socket.
func (t *transport) stamp(req *gosip.Request, h hop) {
	req.RemoveHeader("Via")
	local := t.localIP(h.ip())
	via := &gosip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: strings.ToUpper(h.network), Host: local.String(), Port: t.port(h.network)}
	via.Params.Add("branch", t.in.branch())
	via.Params.Add("rport", "")
	req.PrependHeader(via)
	if req.Body() == nil {
		req.SetBody(nil)
	}
	// An ACK has no second try.
	if h.network == "udp" && req.Method != gosip.ACK && len(req.String()) > maxDatagram && !t.noTCP.has(h.addr, time.Now()) {
		h.network = "tcp"
		via.Transport, via.Port = "TCP", t.port("tcp")
	}
	t.aim(req, h)
}

// aim sets where and from which socket a request with a finished Via is written.
func (t *transport) aim(req *gosip.Request, h hop) {
	req.SetTransport(strings.ToUpper(h.network))
	req.SetDestination(h.addr)
	req.Laddr = gosip.Addr{}
	if h.network != "udp" {
		return
	}
	for _, s := range t.sockets {
		if s.packet != nil && (!h.ip().IsValid() || s.addr.Addr().Is4() == h.ip().Is4()) {
			a := s.packet.LocalAddr().(*net.UDPAddr)
			req.Laddr = gosip.Addr{IP: a.IP, Port: a.Port}
			return
		}
	}
}

// port is the one we listen on for a network, so that requests back find us.
func (t *transport) port(network string) int {
	if a, ok := t.addr(network); ok {
		return int(a.Port())
	}
	if a, ok := t.addr("udp"); ok {
		return int(a.Port())
	}
	return gosip.DefaultPort(network)
}

// contact is our own URI towards a peer reached by h: a SIPS one where the dialog must have it (RFC 3261 12.1.1), but not to others, as
// telephones that speak TLS need not know it.
func (t *transport) contact(user string, h hop, sips bool) gosip.Uri {
	u := gosip.Uri{Scheme: "sip", User: user, Host: t.localIP(h.ip()).String(), Port: t.port(h.network)}
	switch {
	case h.network == "wss", sips:
		u.Scheme = "sips"
	case h.network != "udp":
		u.UriParams = gosip.HeaderParams{{K: "transport", V: h.network}}
	}
	return u
}

// tcpPatience is how long a peer that was addressed by UDP may take to accept a TCP connection: a firewall may never refuse it.
const tcpPatience = 2 * time.Second

// udpOnly remembers peers that took no TCP connection, so that not every call to them waits for that.
type udpOnly struct {
	mu    sync.Mutex
	until map[string]time.Time
}

const (
	udpOnlyFor  = 10 * time.Minute
	maxUDPPeers = 1000
)

func (u *udpOnly) has(addr string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return now.Before(u.until[addr])
}

func (u *udpOnly) add(addr string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until == nil || len(u.until) >= maxUDPPeers {
		u.until = map[string]time.Time{}
	}
	u.until[addr] = now.Add(udpOnlyFor)
}

// request starts a client transaction. A request that had to leave UDP because of its size falls back to it when nobody answers by TCP
// (RFC 3261 18.1.1).
func (t *transport) request(ctx context.Context, req *gosip.Request) (*gosip.ClientTx, error) {
	t.m.requests.WithLabelValues(methodLabel(string(req.Method)), "out").Inc()
	moved := strings.EqualFold(req.Transport(), "TCP") && len(req.String()) > maxDatagram && !explicitTCP(req)
	dialing := ctx
	if moved {
		var cancel context.CancelFunc
		dialing, cancel = context.WithTimeout(ctx, tcpPatience)
		defer cancel()
	}
	t.trace.note(true, req)
	tx, err := t.txl.Request(dialing, req)
	if moved && err != nil && ctx.Err() == nil {
		t.noTCP.add(req.Destination(), time.Now())
		req.Via().Transport, req.Via().Port = "UDP", t.port("udp")
		t.aim(req, hop{"udp", req.Destination()})
		tx, err = t.txl.Request(ctx, req)
	}
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, quiet(err))
	}
	if moved {
		t.m.tooLarge.WithLabelValues(strings.ToLower(req.Transport())).Inc()
	}
	return tx, nil
}

// quiet strips the library's texts, which quote request lines and with them telephone numbers.
func quiet(err error) error {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &op):
		return op
	case errors.As(err, &dns):
		return errors.New("the host name does not resolve")
	case errors.Is(err, gosip.ErrTransactionTimeout):
		return gosip.ErrTransactionTimeout
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	return gosip.ErrTransactionTransport
}

func explicitTCP(req *gosip.Request) bool {
	u := &req.Recipient
	if r := req.Route(); r != nil {
		u = &r.Address
	}
	tp, _ := u.UriParams.Get("transport")
	return strings.EqualFold(tp, "tcp")
}

// send writes a request without a transaction: ACK to a 2xx.
func (t *transport) send(req *gosip.Request) error {
	t.m.requests.WithLabelValues(methodLabel(string(req.Method)), "out").Inc()
	t.trace.note(true, req)
	if err := t.tpl.WriteMsg(req); err != nil {
		return fmt.Errorf("send %s: %w", req.Method, quiet(err))
	}
	return nil
}

// respond sends a response in a server transaction.
func (t *transport) respond(tx *gosip.ServerTx, res *gosip.Response) error {
	t.m.countResponse(string(res.CSeq().MethodName), res.StatusCode, "out")
	t.trace.note(true, res)
	if res.CSeq().MethodName == gosip.INVITE {
		tag, _ := res.To().Params.Get("tag")
		t.in.hand.answered(tag, res.StatusCode)
	}
	if err := tx.Respond(res); err != nil {
		return fmt.Errorf("send %d: %w", res.StatusCode, quiet(err))
	}
	return nil
}

// reply answers a request outside any dialog, and lets the transaction end.
func (t *transport) reply(req *gosip.Request, tx *gosip.ServerTx, r *refusal) {
	if req.Method == gosip.ACK {
		tx.Terminate()
		return
	}
	t.m.countRefusal(r.status)
	res := response(req, r.status, r.reason, nil)
	for _, h := range r.headers {
		res.AppendHeader(h)
	}
	if err := t.respond(tx, res); err != nil {
		t.m.transactions.WithLabelValues("server", "failed").Inc()
		tx.Terminate()
	}
}

// response builds a response; our own CANCEL name never leaves the program because it is taken from CSeq.
func response(req *gosip.Request, status int, reason string, body []byte) *gosip.Response {
	res := gosip.NewResponseFromRequest(req, status, reason, body)
	if from := res.From(); from != nil && from.Params.GetOr("tag", "x") == "" {
		from.Params.Remove("tag")
	}
	return res
}
