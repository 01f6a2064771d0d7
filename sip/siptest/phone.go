// Package siptest is a telephone for tests: it calls, answers, plays and hears tones, and misbehaves on request. It talks over raw
// sockets and keeps no transactions of its own, so that a test decides what is sent, when, and how often.
package siptest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Wait is how long the phone waits for what a test expects of it.
const Wait = 5 * time.Second

// Phone is one SIP user agent on a UDP socket of its own.
type Phone struct {
	t        testing.TB
	conn     *net.UDPConn
	User     string
	mu       sync.Mutex
	inbox    map[string]chan gosip.Message // by Call-ID
	calls    chan *gosip.Request           // INVITEs of calls not known yet
	closed   sync.WaitGroup
	Password string // answers challenges when set
}

// New starts a phone on a free port of 127.0.0.1; it ends with the test.
func New(t testing.TB, user string) *Phone { return NewAt(t, user, "127.0.0.1:0") }

// NewAt starts a phone on the given address.
func NewAt(t testing.TB, user, addr string) *Phone {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", a)
	if err != nil {
		t.Fatalf("a phone's socket: %v", err)
	}
	p := &Phone{t: t, conn: conn, User: user, inbox: map[string]chan gosip.Message{}, calls: make(chan *gosip.Request, 64)}
	p.closed.Go(p.read)
	t.Cleanup(p.Close)
	return p
}

// Close ends the phone.
func (p *Phone) Close() {
	_ = p.conn.Close()
	p.closed.Wait()
}

// Addr is the phone's host:port.
func (p *Phone) Addr() string { return p.conn.LocalAddr().String() }

// Host and Port are the parts of Addr.
func (p *Phone) Host() string { return p.conn.LocalAddr().(*net.UDPAddr).IP.String() }

// Port is the phone's UDP port.
func (p *Phone) Port() int { return p.conn.LocalAddr().(*net.UDPAddr).Port }

func (p *Phone) read() {
	buf := make([]byte, 65536)
	parser := gosip.NewParser()
	for {
		n, from, err := p.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		msg, _, err := parser.Parse(buf[:n], false)
		if err != nil {
			continue
		}
		msg.SetSource(from.String())
		p.deliver(msg)
	}
}

func (p *Phone) deliver(msg gosip.Message) {
	p.mu.Lock()
	ch, known := p.inbox[msg.CallID().Value()]
	req, isReq := msg.(*gosip.Request)
	if !known && isReq && (req.Method == gosip.INVITE || req.Method == gosip.OPTIONS || req.Method == gosip.REGISTER) {
		ch = make(chan gosip.Message, 256)
		p.inbox[msg.CallID().Value()] = ch
		p.mu.Unlock()
		p.calls <- req
		return
	}
	p.mu.Unlock()
	if ch != nil {
		select {
		case ch <- msg:
		default:
		}
	}
}

func (p *Phone) open(callID string) chan gosip.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch := p.inbox[callID]
	if ch == nil {
		ch = make(chan gosip.Message, 256)
		p.inbox[callID] = ch
	}
	return ch
}

// Raw sends bytes as they are.
func (p *Phone) Raw(to string, data []byte) {
	p.t.Helper()
	a, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.WriteToUDP(data, a); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// ID returns n random bytes in hex, for tags, branches and Call-IDs.
func ID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// Request builds a request outside a dialog to user@server. Extra are whole header lines.
func (p *Phone) Request(method, server, user string, extra ...string) *Call {
	c := &Call{
		Phone: p, Server: server, CallID: ID(8) + "@test", LocalTag: ID(4), Seq: 1, uac: true,
		Target: fmt.Sprintf("sip:%s@%s", user, server), LocalURI: fmt.Sprintf("sip:%s@%s", p.User, p.Addr()), RemoteURI: fmt.Sprintf("sip:%s@%s", user, server),
	}
	c.inbox = p.open(c.CallID)
	c.branch = "z9hG4bK" + ID(8)
	c.inviteBranch = c.branch
	c.last = c.message(method, c.Seq, c.branch, extra...)
	return c
}

// Invite calls user at server with the given description ("" for none).
func (p *Phone) Invite(server, user, sdp string, extra ...string) *Call {
	c := p.Request("INVITE", server, user, extra...)
	c.last = WithBody(c.last, "application/sdp", sdp)
	c.Resend()
	return c
}

// Answer waits for a call, or for an OPTIONS or REGISTER.
func (p *Phone) Answer() *Call {
	p.t.Helper()
	select {
	case req := <-p.calls:
		return p.incoming(req)
	case <-time.After(Wait):
		p.t.Fatal("no INVITE came")
		return nil
	}
}

// Watch takes over messages with a Call-ID that another phone began.
func (p *Phone) Watch(callID string) *Call {
	return &Call{Phone: p, CallID: callID, LocalTag: ID(4), inbox: p.open(callID)}
}

// Quiet says whether no call comes within d.
func (p *Phone) Quiet(d time.Duration) bool {
	select {
	case <-p.calls:
		return false
	case <-time.After(d):
		return true
	}
}

func (p *Phone) incoming(req *gosip.Request) *Call {
	c := &Call{
		Phone: p, Server: req.Source(), CallID: req.CallID().Value(), LocalTag: ID(4), Seq: 0, Invite: req,
		LocalURI: req.To().Address.String(), RemoteURI: req.From().Address.String(), inbox: p.open(req.CallID().Value()),
	}
	c.repeated(req) // from now on
	c.RemoteTag, _ = req.From().Params.Get("tag")
	if ct := req.Contact(); ct != nil {
		c.Target = ct.Address.String()
	}
	for _, h := range req.GetHeaders("Record-Route") {
		c.Routes = append(c.Routes, h.Value())
	}
	return c
}

// WithBody replaces the body of a message given as text.
func WithBody(msg, contentType, body string) string {
	head, _, _ := strings.Cut(msg, "\r\n\r\n")
	var lines []string
	for _, l := range strings.Split(head, "\r\n") {
		if !strings.HasPrefix(l, "Content-") {
			lines = append(lines, l)
		}
	}
	if body != "" {
		lines = append(lines, "Content-Type: "+contentType)
	}
	lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// TryAnswer is Answer with a time limit; nil when no call came.
func (p *Phone) TryAnswer(d time.Duration) *Call {
	select {
	case req := <-p.calls:
		return p.incoming(req)
	case <-time.After(d):
		return nil
	}
}
