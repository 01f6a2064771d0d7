// Package relay is the node's TURN server (RFC 8656), for browsers whose network lets no UDP through or nothing but a few ports. It relays for
// sessions that signaling knows, and to this node's own media for browsers, nowhere else.
package relay

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says where the server listens, as host:port and empty for not at all, and where it relays to.
type Config struct {
	UDP, TCP, TLS string
	TLSConfig     *tls.Config // of TLS
	Host          string      // the name or address by which browsers reach the listeners

	// URLs are TURN servers of others that browsers are told of, too ("turn:turn.example.com:3478"); they share Secret (coturn's static-auth-secret).
	URLs   []string
	Secret string

	Media  []netip.AddrPort // the node's sockets for browsers' media
	Public netip.Addr       // told to browsers instead of Media's addresses, if valid

	// Lifetime of credentials: within it a browser may begin to use a server; 0: 10 minutes.
	Lifetime time.Duration
}

const (
	realm = "tandem"
	// A browser allocates for each of its networks by each listener, and once more when its network changes.
	perSession = 24
	// maxAllocations are all of them: each costs a port, a goroutine and 4 kB.
	maxAllocations = 4000
)

// ICEServer is one entry of iceServers in a browser's RTCConfiguration.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
}

// Server is the TURN server, and what tells browsers of it and of others.
type Server struct {
	cfg     Config
	own     source
	sources []source
	routes  routes
	metrics *metrics

	packets []turn.PacketConnConfig
	streams []*Listener

	mu       sync.Mutex
	sessions map[string]map[*socket]bool
	count    int // of all sockets
	closing  bool
	open     sync.WaitGroup // sockets and connections
}

// source is what takes credentials that are made with a secret.
type source struct {
	urls   []string
	secret string
}

// New opens the listeners; nothing is answered before Run. It registers its metrics on reg.
func New(cfg Config, reg prometheus.Registerer) (*Server, error) {
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 10 * time.Minute
	}
	s := &Server{
		cfg: cfg, own: source{secret: rand.Text()}, routes: newRoutes(cfg.Media, cfg.Public), metrics: newMetrics(reg), sessions: map[string]map[*socket]bool{},
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, from := range []source{s.own, {cfg.URLs, cfg.Secret}} {
		if len(from.urls) > 0 {
			s.sources = append(s.sources, from)
		}
	}
	return s, nil
}

func (s *Server) listen() error {
	tell := func(scheme string, at net.Addr, transport string) {
		_, port, _ := net.SplitHostPort(at.String()) // of a listener's own address
		s.own.urls = append(s.own.urls, scheme+":"+net.JoinHostPort(s.cfg.Host, port)+"?transport="+transport)
	}
	if s.cfg.UDP != "" {
		c, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", s.cfg.UDP)
		if err != nil {
			return fmt.Errorf("listen for TURN on turn.udp %s: %w", s.cfg.UDP, err)
		}
		s.packets = append(s.packets, turn.PacketConnConfig{PacketConn: c, RelayAddressGenerator: generator{s}, PermissionHandler: s.permit})
		tell("turn", c.LocalAddr(), "udp")
	}
	for _, l := range []struct {
		key, addr, scheme string
		tls               *tls.Config
	}{{"turn.tcp", s.cfg.TCP, "turn", nil}, {"turn.tls", s.cfg.TLS, "turns", s.cfg.TLSConfig}} {
		if l.addr == "" {
			continue
		}
		inner, err := new(net.ListenConfig).Listen(context.Background(), "tcp", l.addr)
		if err != nil {
			return fmt.Errorf("listen for TURN on %s %s: %w", l.key, l.addr, err)
		}
		bound := Bound(inner, s.Full)
		bound.tls, bound.within, bound.open = l.tls, proveWithin, &s.open
		s.streams = append(s.streams, bound)
		tell(l.scheme, inner.Addr(), "tcp")
	}
	return nil
}

// Full counts a TCP connection that was one too many.
func (s *Server) Full() { s.refuse("connections") }

func (s *Server) refuse(reason string) { s.metrics.refused.WithLabelValues(reason).Inc() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if len(s.own.urls) == 0 {
		<-ctx.Done()
		return nil
	}
	cfg := turn.ServerConfig{
		Realm: realm, AuthHandler: s.authenticate, PacketConnConfigs: s.packets,
		QuotaHandler: func(session, _ string, _ net.Addr) bool { return s.room(session) },
		EventHandler: turn.EventHandler{
			OnAuth: func(_, _ net.Addr, _, _, _, _ string, right bool) {
				if !right {
					s.refuse("credentials")
				}
			},
			OnAllocationCreated: func(from, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
				for _, l := range s.streams {
					l.prove(from)
				}
			},
		},
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}, // strangers make its lines
	}
	for _, l := range s.streams {
		cfg.ListenerConfigs = append(cfg.ListenerConfigs, turn.ListenerConfig{Listener: l, RelayAddressGenerator: generator{s}, PermissionHandler: s.permit})
	}
	server, err := turn.NewServer(cfg)
	if err != nil {
		return fmt.Errorf("start the TURN server: %w", err)
	}
	<-ctx.Done()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	err = server.Close()
	s.open.Wait()
	return err
}

// Close frees the ports. Call it when Run has returned, or instead of Run.
func (s *Server) Close() error {
	var all error
	for _, p := range s.packets {
		if err := p.PacketConn.Close(); !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	for _, l := range s.streams {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// Lifetime is how long credentials are good for; tell the browser of fresh ones in time.
func (s *Server) Lifetime() time.Duration { return s.cfg.Lifetime }

// Servers is what a session's browser is told: the servers, and credentials of its own (draft-uberti-behave-turn-rest-00). nil where there are none.
func (s *Server) Servers(session string) (all []ICEServer) {
	s.mu.Lock()
	if _, ok := s.sessions[session]; !ok && len(s.own.urls) > 0 {
		s.sessions[session] = map[*socket]bool{}
	}
	s.mu.Unlock()
	username := strconv.FormatInt(time.Now().Add(s.cfg.Lifetime).Unix(), 10) + ":" + session
	for _, from := range s.sources {
		all = append(all, ICEServer{URLs: from.urls, Username: username, Credential: password(from.secret, username)})
	}
	return all
}

// Forget ends what a session relays, and its credentials with our own server.
func (s *Server) Forget(session string) {
	s.mu.Lock()
	sockets := s.sessions[session]
	delete(s.sessions, session)
	s.count -= len(sockets)
	s.metrics.allocations.Set(float64(s.count))
	s.mu.Unlock()
	for c := range sockets {
		_ = c.UDPConn.Close() // its reader ends the allocation
	}
}

func password(secret, username string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate finds the key of a user name. An allocation may be begun while the credentials are fresh, and goes on as long as its session.
func (s *Server) authenticate(r *turn.RequestAttributes) (user string, key []byte, ok bool) {
	until, session, _ := strings.Cut(r.Username, ":")
	at, err := strconv.ParseInt(until, 10, 64)
	s.mu.Lock()
	_, known := s.sessions[session]
	s.mu.Unlock()
	switch {
	case err != nil || !known:
		s.refuse("credentials")
		return "", nil, false
	case r.Method == stun.MethodAllocate && time.Now().Unix() > at:
		s.refuse("expired")
		return "", nil, false
	}
	return session, turn.GenerateAuthKey(r.Username, r.Realm, password(s.own.secret, r.Username)), true
}

// permit says whether a browser may speak with an address at all; which ports, the allocation's socket knows.
func (s *Server) permit(_ net.Addr, peer net.IP) bool {
	addr, _ := netip.AddrFromSlice(peer)
	may, ours := s.routes.peers[addr.Unmap()]
	if !ours {
		s.refuse("peer")
	}
	return may
}

// room says whether a session may have one more allocation.
func (s *Server) room(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sockets, ok := s.sessions[session]
	if ok = ok && len(sockets) < perSession && s.count < maxAllocations; !ok {
		s.refuse("quota")
	}
	return ok
}
