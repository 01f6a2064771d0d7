package sip

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"tandem/internal/door"
)

// ingress is the read filter: it sees every datagram, frame and stream read before the library parses it. What it lets through is one or
// more whole, well-formed messages from a source that may send them. Malformed requests get their answer here, without state.
type ingress struct {
	sources *sources
	known   func(netip.Addr) bool // trunks and registered phones
	gate    func(m *rawMessage, src netip.AddrPort) *refusal
	full    func() bool // too many dialogs: new calls are refused without state
	write   func(info gosip.TransportReadProps, data []byte)
	parser  *gosip.Parser
	frames  *framer
	hand    *inHand
	key     [32]byte // makes our branches recognisable and our tags for stateless answers stable
	m       *metrics
	crashed func(recovered any, stack []byte)
}

func newIngress(m *metrics, src *sources) *ingress {
	in := &ingress{full: func() bool { return false }, sources: src, parser: gosip.NewParser(), m: m, frames: newFramer(), hand: newInHand()}
	_, _ = rand.Read(in.key[:]) // never fails (crypto/rand)
	return in
}

var errCloseStream = errors.New("the stream cannot be followed any further")

// filter is the library's TransportReadFilter. An error closes the connection; for UDP it would end the listener, so none is returned.
func (in *ingress) filter(info gosip.TransportReadProps, data []byte) ([]byte, error) {
	src := addrPort(info.RemoteAddr)
	if info.Transport == "UDP" || info.Transport == "WS" || info.Transport == "WSS" {
		if len(bytes.Trim(data, "\r\n\x00")) == 0 {
			return data, nil // keep-alive
		}
		out, _ := in.message(info, src, data, true)
		return out, nil
	}
	return in.stream(info, src, data)
}

// stream cuts a stream into messages; between messages it passes keep-alives on.
func (in *ingress) stream(info gosip.TransportReadProps, src netip.AddrPort, data []byte) ([]byte, error) {
	key := info.LocalAddr.String() + "|" + info.RemoteAddr.String()
	if in.frames.idle(key) && len(data) <= 4 && len(bytes.Trim(data, "\r\n")) == 0 {
		return data, nil
	}
	whole, fate := in.frames.push(key, data, time.Now())
	var out []byte
	for _, msg := range whole {
		ok, fatal := in.message(info, src, msg, false)
		out = append(out, ok...)
		if fatal {
			fate = streamLost
		}
	}
	switch fate {
	case streamTooLarge:
		in.m.dropped.WithLabelValues("too_large").Inc()
		in.answer(info, src, in.frames.held(key), refuse(513, "Message Too Large"))
		in.frames.swallow(key)
	case streamGone, streamLost:
		in.frames.forget(key)
		if len(out) == 0 {
			return nil, errCloseStream
		}
		in.frames.refuse(key, time.Now()) // the good messages before are still served; then the sweeper closes
	}
	return out, nil
}

// message judges one message and returns the bytes for the library to parse, nil when it was answered or dropped. fatal says that the
// stream's framing cannot be trusted any more.
func (in *ingress) message(info gosip.TransportReadProps, src netip.AddrPort, data []byte, datagram bool) (out []byte, fatal bool) {
	known := in.known(src.Addr())
	if reason, ok := in.sources.admit(src.Addr(), known, time.Now()); !ok {
		in.m.dropped.WithLabelValues(reason).Inc()
		return nil, false
	}
	raw, ok := scan(data)
	if raw.start == "" || !strings.Contains(raw.start, "SIP/") {
		in.m.dropped.WithLabelValues("junk").Inc()
		return nil, !datagram
	}
	if raw.isResponse() {
		return in.response(&raw, ok, data), false
	}
	if r := checkRaw(&raw, ok, datagram); r != nil {
		in.malformed(info, src, &raw, r)
		return nil, !datagram
	}
	if !known {
		if r := in.gate(&raw, src); r != nil {
			in.m.refused.WithLabelValues("stranger").Inc()
			in.answer(info, src, &raw, r)
			return nil, false
		}
	}
	to, _ := raw.first("to")
	calls := raw.method() == "INVITE" && !strings.Contains(to, "tag=")
	if calls && in.full() {
		in.overloaded(info, src, &raw)
		return nil, false
	}
	text := data
	if raw.needsTidy() {
		text = raw.tidy()
	}
	req, r := in.parse(text)
	if r == nil {
		r = checkParsed(req)
	}
	if r != nil {
		in.malformed(info, src, &raw, r)
		return nil, false
	}
	if calls && !in.hand.take(in.freshTag(req), door.Source(src.Addr()), time.Now()) {
		in.overloaded(info, src, &raw)
		return nil, false
	}
	in.m.requests.WithLabelValues(methodLabel(string(req.Method)), "in").Inc()
	return text, false
}

// overloaded refuses a call before anything is done for it.
func (in *ingress) overloaded(info gosip.TransportReadProps, src netip.AddrPort, raw *rawMessage) {
	in.m.dropped.WithLabelValues("overload").Inc()
	in.answer(info, src, raw, refuse(503, "Service Unavailable", gosip.NewHeader("Retry-After", "5")))
}

// freshTag is the local tag of the dialog that an INVITE without To tag makes; its CANCEL yields the same.
func (in *ingress) freshTag(req *gosip.Request) string {
	branch, _ := req.Via().Params.Get("branch")
	from, _ := req.From().Params.Get("tag")
	return in.mark("tag", req.CallID().Value(), from, branch, strconv.FormatUint(uint64(req.CSeq().SeqNo), 10))
}

func (in *ingress) malformed(info gosip.TransportReadProps, src netip.AddrPort, raw *rawMessage, r *refusal) {
	in.m.dropped.WithLabelValues("malformed").Inc()
	in.answer(info, src, raw, r)
}

// response lets through only answers to requests of ours: strangers cannot fill the connection pool with forged ones.
func (in *ingress) response(raw *rawMessage, ok bool, data []byte) []byte {
	via, n := raw.first("via")
	switch {
	case !ok || n == 0:
		in.m.dropped.WithLabelValues("malformed").Inc()
		return nil
	case !in.ownBranch(via):
		in.m.dropped.WithLabelValues("stray_response").Inc()
		return nil
	}
	if raw.needsTidy() {
		data = raw.tidy()
	}
	msg := in.parseAny(data)
	res, isRes := msg.(*gosip.Response)
	if !isRes || res.StatusCode < 100 || res.StatusCode > 699 || res.CSeq() == nil || res.CallID() == nil || res.From() == nil || res.To() == nil {
		in.m.dropped.WithLabelValues("malformed").Inc()
		return nil
	}
	in.m.countResponse(string(res.CSeq().MethodName), res.StatusCode, "in")
	return data
}

// parse runs the library's parser under recover: a panic of its must not end the process (security row 10).
func (in *ingress) parse(data []byte) (*gosip.Request, *refusal) {
	if req, ok := in.parseAny(data).(*gosip.Request); ok {
		return req, nil
	}
	return nil, refuse(400, "Bad Request")
}

func (in *ingress) parseAny(data []byte) (msg gosip.Message) {
	defer func() {
		if r := recover(); r != nil {
			in.m.panics.Inc()
			in.crashed(r, debug.Stack())
			msg = nil
		}
	}()
	msg, _, err := in.parser.Parse(data, false)
	if err != nil {
		return nil
	}
	return msg
}

// branch makes a Via branch that ownBranch knows again without remembering it.
func (in *ingress) branch() string {
	var r [12]byte
	_, _ = rand.Read(r[:])
	id := hex.EncodeToString(r[:])
	return gosip.RFC3261BranchMagicCookie + id + in.mark(id)
}

func (in *ingress) ownBranch(via string) bool {
	_, b, ok := strings.Cut(via, "branch="+gosip.RFC3261BranchMagicCookie)
	return ok && len(b) >= 40 && hmac.Equal([]byte(in.mark(b[:24])), []byte(b[24:40]))
}

func (in *ingress) mark(parts ...string) string {
	h := hmac.New(sha256.New, in.key[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// answer sends a stateless response made from the raw header lines, back to where the request came from (and to the port its Via names,
// without rport). It never answers ACK or a message without a Via.
func (in *ingress) answer(info gosip.TransportReadProps, src netip.AddrPort, raw *rawMessage, r *refusal) {
	via, n := raw.first("via")
	if raw.method() == "ACK" || n == 0 || r.status == 0 {
		return
	}
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(printable(p))
		}
		b.WriteString("\r\n")
	}
	callID, _ := raw.first("call-id")
	line("SIP/2.0 ", itoa(r.status), " ", r.reason)
	top := true
	for _, h := range raw.headers {
		switch h.name {
		case "via":
			v := h.value
			if top {
				v += ";received=" + src.Addr().Unmap().String()
				v = strings.Replace(v, ";rport;", ";rport="+itoa(int(src.Port()))+";", 1)
				top = false
			}
			line("Via: ", v)
		case "from", "call-id", "cseq":
			line(h.name, ": ", h.value)
		case "to":
			to := h.value
			if !strings.Contains(to, "tag=") {
				to += ";tag=" + in.mark(via, callID)
			}
			line("To: ", to)
		}
	}
	for _, h := range r.headers {
		line(h.Name(), ": ", h.Value())
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	in.m.countResponse(raw.method(), r.status, "out")
	info.RemoteAddr = replyAddr(info, src, via)
	in.write(info, []byte(b.String()))
}

// replyAddr is where a response goes: RFC 3261 18.2.2 and RFC 3581.
func replyAddr(info gosip.TransportReadProps, src netip.AddrPort, via string) net.Addr {
	if info.Transport != "UDP" || strings.Contains(via, "rport") {
		return info.RemoteAddr
	}
	port := 5060
	if h, err := parseVia(via); err == nil && h.Port > 0 && h.Port < 65536 {
		port = h.Port
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(src.Addr(), uint16(port)))
}

func parseVia(value string) (*gosip.ViaHeader, error) {
	hs, err := gosip.HeadersParser(gosip.DefaultHeadersParser()).ParseHeader(nil, []byte("Via: "+squeeze(value)))
	if len(hs) > 0 {
		if v, ok := hs[0].(*gosip.ViaHeader); ok {
			return v, nil
		}
	}
	return nil, errors.Join(errors.New("no Via"), err)
}

func printable(s string) string {
	if !hasControl(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	case *net.TCPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
