package sip

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"tandem/internal/door"
)

const (
	maxStreams       = 2000             // accepted TCP, TLS and WebSocket connections together
	maxSourceStreams = 500              // of one source
	provenWithin     = 30 * time.Second // by then a connection is a trunk's or a telephone's, or it is closed
)

// streams are the connections that were accepted: so many, so many of one source, and none for long from whom nobody knows (security row 9).
type streams struct {
	mu   sync.Mutex
	open map[*streamConn]bool
	by   map[netip.Prefix]int
}

// streamConn is an accepted connection.
type streamConn struct {
	net.Conn
	of     *streams
	source netip.Prefix
	addr   netip.Addr
	since  time.Time
	proven bool // guarded by of.mu
}

func newStreams() *streams { return &streams{open: map[*streamConn]bool{}, by: map[netip.Prefix]int{}} }

// accept takes a connection, or not.
func (s *streams) accept(c net.Conn, now time.Time) (*streamConn, bool) {
	addr := addrPort(c.RemoteAddr()).Addr()
	sc := &streamConn{Conn: c, of: s, addr: addr, source: door.Source(addr), since: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxStreams || s.by[sc.source] >= maxSourceStreams {
		return nil, false
	}
	s.open[sc] = true
	s.by[sc.source]++
	return sc, true
}

// Close closes the connection and makes room.
func (c *streamConn) Close() error {
	c.of.mu.Lock()
	if c.of.open[c] {
		delete(c.of.open, c)
		if c.of.by[c.source]--; c.of.by[c.source] == 0 {
			delete(c.of.by, c.source)
		}
	}
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// strangers are the connections whose source has had time to prove who it is, and has not.
func (s *streams) strangers(known func(netip.Addr) bool, now time.Time) (late []*streamConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.proven = c.proven || known(c.addr)
		if !c.proven && now.Sub(c.since) > provenWithin {
			late = append(late, c)
		}
	}
	return late
}

// limited is a listener whose connections are counted.
type limited struct {
	net.Listener
	streams *streams
	full    func()
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := door.Accept(l.Listener)
		if err != nil {
			return nil, err
		}
		if sc, ok := l.streams.accept(c, time.Now()); ok {
			return sc, nil
		}
		l.full()
		_ = c.Close()
	}
}
