package relay

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
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

func TestConnectionsOfOneSource(t *testing.T) {
	p, full := pipes{make(chan net.Conn, 1)}, 0
	l := Bound(p, func() { full++ })
	for i := range maxSourceStreams {
		connect(p, "192.0.2.1", i)
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	one, other := connect(p, "192.0.2.1", maxSourceStreams), make(chan net.Conn)
	go func() {
		c, _ := l.Accept()
		other <- c
	}()
	if _, err := one.Read(make([]byte, 1)); err == nil { // closed
		t.Error("one too many is taken")
	}
	connect(p, "192.0.2.2", 1)
	if c := <-other; c == nil || full != 1 {
		t.Errorf("another source is not taken, %d refused", full)
	}
	_ = l.Close()
}
