package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tandem/internal/door"
)

// pipes is a listener whose connections are pipes. nil is one for which there is no descriptor.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	switch c, ok := <-p.conns; {
	case !ok:
		return nil, net.ErrClosed
	case c == nil:
		return nil, syscall.EMFILE
	default:
		return c, nil
	}
}

func (p pipes) Close() error   { close(p.conns); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// remote is one end of a pipe with an address.
type remote struct {
	net.Conn
	at net.TCPAddr
}

func (r remote) RemoteAddr() net.Addr { return &r.at }

func connect(p pipes, ip string, port int) (far net.Conn) {
	near, far := net.Pipe()
	p.conns <- remote{near, net.TCPAddr{IP: net.ParseIP(ip), Port: port}}
	return far
}

// Who sends a byte now and then without ever an allocation is closed in time; who has one stays as long as it is heard.
func TestUnprovenConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipes{make(chan net.Conn, 2)}
		l := Bound(p, func() { t.Error("full") })
		l.within = proveWithin
		idle, proven := connect(p, "192.0.2.1", 1), connect(p, "192.0.2.1", 2)
		began := time.Now()
		ended := make(chan time.Duration, 2)
		for range 2 {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						_ = c.Close()
						ended <- time.Since(began)
						return
					}
				}
			}()
		}
		l.prove(&net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 2})
		for range 9 {
			time.Sleep(time.Second)
			_, _ = idle.Write([]byte{0})
			_, _ = proven.Write([]byte{0})
		}
		if at := <-ended; at != proveWithin {
			t.Errorf("the idle one ended after %v", at)
		}
		if at := <-ended; at != 9*time.Second+idleFor {
			t.Errorf("the other ended after %v", at)
		}
		if len(l.streams) != 0 || len(l.by) != 0 {
			t.Error("closed connections are counted")
		}
		_ = l.Close()
	})
}

// One source is an address, or an IPv6 network of 64 bits.
func TestConnectionsOfOneSource(t *testing.T) {
	for another, of := range map[string]func(i int) string{
		"192.0.2.2":         func(int) string { return "192.0.2.1" },
		"2001:db8:0:1::100": func(i int) string { return fmt.Sprintf("2001:db8::%x", i) },
	} {
		p, full := pipes{make(chan net.Conn, 1)}, 0
		l := Bound(p, func() { full++ })
		for i := range maxSourceStreams {
			connect(p, of(i), i)
			if _, err := l.Accept(); err != nil {
				t.Fatal(err)
			}
		}
		one, other := connect(p, of(maxSourceStreams), maxSourceStreams), make(chan net.Conn)
		go func() {
			c, _ := l.Accept()
			other <- c
		}()
		_ = one.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := one.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // closed
			t.Errorf("one too many is taken: %v", err)
			<-other
			_ = l.Close()
			continue
		}
		connect(p, another, 1)
		if c := <-other; c == nil || full != 1 {
			t.Errorf("%s is not taken, %d refused", another, full)
		}
		_ = l.Close()
	}
}

// A listener outlives that the process has no descriptor left for a while; a connection that takes another one's address over, which was reset, is known by it.
func TestListenerGoesOn(t *testing.T) {
	p := pipes{make(chan net.Conn, 2)}
	l := Bound(p, func() { t.Error("full") })
	accept := func() net.Conn {
		t.Helper()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	p.conns <- nil
	connect(p, "192.0.2.1", 1)
	reset := accept()
	connect(p, "192.0.2.1", 1)
	accept()
	_ = reset.Close()
	if len(l.streams) != 1 || l.by[door.Source(netip.MustParseAddr("192.0.2.1"))] != 1 {
		t.Errorf("%d connections are known, of sources %v", len(l.streams), l.by)
	}
	_ = l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed, and %v", err)
	}
}
