package relay

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/door"
)

const (
	maxStreams       = 5000
	maxSourceStreams = 1000 // of one source: an office behind one address
	proveWithin      = 10 * time.Second
	// Browsers renew permissions every four minutes, and ask every few seconds whether the other side is there.
	idleFor = 5 * time.Minute
)

// Listener accepts TCP connections of strangers: so many, so many of one source, and for TURN only those for long that have an allocation.
type Listener struct {
	net.Listener
	full   func()
	tls    *tls.Config
	within time.Duration   // until a connection has to be proven; 0: whoever reads sees to that
	open   *sync.WaitGroup // of the connections; may be nil

	mu      sync.Mutex
	closed  bool
	streams map[string]*stream // by remote address
	by      map[netip.Prefix]int
}

// Bound bounds the connections of l; full is called for each one that is refused.
func Bound(l net.Listener, full func()) *Listener {
	return &Listener{Listener: l, full: full, streams: map[string]*stream{}, by: map[netip.Prefix]int{}}
}

// Accept implements net.Listener. It fails once the listener is closed and not before.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := door.Accept(l.Listener)
		if err != nil {
			return nil, err
		}
		if s := l.admit(c); s != nil {
			return s, nil
		}
		l.full()
		_ = c.Close()
	}
}

func (l *Listener) admit(c net.Conn) *stream {
	s := &stream{Conn: c, of: l, until: time.Now().Add(l.within)}
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		s.source = door.Source(at.AddrPort().Addr())
	}
	if l.tls != nil {
		s.Conn = tls.Server(c, l.tls) // the handshake comes with the first read, and in its time
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.streams) >= maxStreams || l.by[s.source] >= maxSourceStreams {
		return nil
	}
	l.streams[c.RemoteAddr().String()] = s
	l.by[s.source]++
	if l.open != nil {
		l.open.Add(1)
	}
	return s
}

// prove lets the connection from an address live on.
func (l *Listener) prove(from net.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.streams[from.String()]; s != nil {
		s.proven.Store(true)
	}
}

// Close implements net.Listener; it ends the connections as well.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	open := make([]*stream, 0, len(l.streams))
	for _, s := range l.streams {
		open = append(open, s)
	}
	l.mu.Unlock()
	for _, s := range open {
		_ = s.Close()
	}
	return err
}

// stream is an accepted connection.
type stream struct {
	net.Conn
	of     *Listener
	source netip.Prefix
	until  time.Time
	proven atomic.Bool
	once   sync.Once
}

// Read implements net.Conn.
func (s *stream) Read(b []byte) (int, error) {
	if s.of.within > 0 {
		until := s.until
		if s.proven.Load() {
			until = time.Now().Add(idleFor)
		}
		if err := s.SetReadDeadline(until); err != nil {
			return 0, err
		}
	}
	return s.Conn.Read(b)
}

// Close implements net.Conn and makes room.
func (s *stream) Close() error {
	s.once.Do(func() {
		l := s.of
		l.mu.Lock()
		if at := s.RemoteAddr().String(); l.streams[at] == s { // else one that came from there since, as after a reset
			delete(l.streams, at)
		}
		if l.by[s.source]--; l.by[s.source] == 0 {
			delete(l.by, s.source)
		}
		l.mu.Unlock()
		if l.open != nil {
			l.open.Done()
		}
	})
	return s.Conn.Close()
}
