package media

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// restTime is how long a freed port is left alone: late packets of the old call must not enter the next one.
const restTime = 2 * time.Second

// ErrNoPorts says that every RTP port is taken or resting; a new call should be refused with 503 and Retry-After.
var ErrNoPorts = errors.New("media: no RTP port is free")

// RTPConfig says where RTP for SIP legs is received.
type RTPConfig struct {
	// IP is the address that ports are bound to when Open is not told another. It is put into SDP, so it must be a concrete one.
	IP netip.Addr
	// MinPort and MaxPort are the range; default 20000 to 29999. Each leg takes an even port for RTP and the next for RTCP. Size it for
	// four times the greatest number of legs, because freed ports rest for 2 s.
	MinPort, MaxPort int
	// Metrics counts packets and drops; nil counts for nobody.
	Metrics *Metrics
}

// RTPPorts hands out RTP ports. It is safe for concurrent use.
type RTPPorts struct {
	cfg   RTPConfig
	first int // lowest even port
	loops []*rtpLoop

	certificate tls.Certificate
	fingerprint string

	mu    sync.Mutex
	taken []bool
	freed []time.Time // when a port was given back, zero if never
}

// NewRTPPorts makes the pool; it binds nothing, and reads nothing until Run.
func NewRTPPorts(cfg RTPConfig) (*RTPPorts, error) {
	if cfg.MinPort == 0 && cfg.MaxPort == 0 {
		cfg.MinPort, cfg.MaxPort = 20000, 29999
	}
	first := (cfg.MinPort + 1) &^ 1
	pairs := (cfg.MaxPort + 1 - first) / 2
	if cfg.MinPort < 1 || cfg.MaxPort > 65535 || pairs < 1 {
		return nil, fmt.Errorf("RTP port range %d to %d holds no even port and the one after it", cfg.MinPort, cfg.MaxPort)
	}
	if !cfg.IP.IsValid() || cfg.IP.IsUnspecified() {
		return nil, fmt.Errorf("RTP address %q is not a concrete one", cfg.IP)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	r := &RTPPorts{cfg: cfg, first: first, taken: make([]bool, pairs), freed: make([]time.Time, pairs)}
	var err error
	if r.certificate, r.fingerprint, err = ownCertificate(); err != nil {
		return nil, err
	}
	for range runtime.GOMAXPROCS(0) {
		loop, err := newRTPLoop()
		if err != nil {
			return nil, err
		}
		r.loops = append(r.loops, loop)
	}
	return r, nil
}

// Run reads all ports until ctx ends; nothing is heard without it. It returns nil then.
func (r *RTPPorts) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range r.loops {
		g.Go(func() error { return l.run(ctx) })
	}
	return g.Wait()
}

// Open binds a free port to local, or to the configured IP when local is the zero Addr. A caller on loopback is to be met on loopback. The
// port is random, because a port that can be guessed can be sprayed. The error is ErrNoPorts when none is left.
func (r *RTPPorts) Open(local netip.Addr) (*RTPPort, error) {
	if !local.IsValid() {
		local = r.cfg.IP
	}
	local = local.Unmap()
	start := rand.IntN(len(r.taken))
	for i := range r.taken {
		pair := (start + i) % len(r.taken)
		if !r.take(pair) {
			continue
		}
		port, err := r.bind(local, pair)
		if err == nil {
			return port, nil
		}
		r.giveUp(pair)
		if !errors.Is(err, syscall.EADDRINUSE) { // another process has that port; any other error holds for all ports
			return nil, err
		}
	}
	return nil, ErrNoPorts
}

// take reserves a pair unless it is in use or rests.
func (r *RTPPorts) take(pair int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken[pair] || time.Since(r.freed[pair]) < restTime {
		return false
	}
	r.taken[pair] = true
	return true
}

// giveUp returns a pair that another process holds; it did not hear anything and need not rest.
func (r *RTPPorts) giveUp(pair int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[pair] = false
}

// release lets a closed pair rest.
func (r *RTPPorts) release(pair int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[pair], r.freed[pair] = false, time.Now()
}

func (r *RTPPorts) bind(local netip.Addr, pair int) (*RTPPort, error) {
	at := netip.AddrPortFrom(local, uint16(r.first+2*pair))
	loop := r.loop()
	rtp, err := listenRTP(loop, at)
	if err != nil {
		return nil, err
	}
	rtcp, err := listenRTP(loop, netip.AddrPortFrom(local, at.Port()+1))
	if err != nil {
		rtp.close()
		return nil, err
	}
	return &RTPPort{pool: r, pair: pair, local: at, rtp: rtp, rtcp: rtcp, metrics: r.cfg.Metrics, maxRate: maxPacketRate, begun: make(chan *association, 1)}, nil
}

// fullLoop is how many sockets one loop reads before the next gets any: it is woken once for all of them.
const fullLoop = 512

// loop is the one that reads the next port: the first with room, or that with the fewest sockets.
func (r *RTPPorts) loop() *rtpLoop {
	var best *rtpLoop
	fewest := 0
	for _, l := range r.loops {
		n := l.watched()
		if n < fullLoop {
			return l
		}
		if best == nil || n < fewest {
			best, fewest = l, n
		}
	}
	return best
}

// InUse is how many ports are open.
func (r *RTPPorts) InUse() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, taken := range r.taken {
		if taken {
			n++
		}
	}
	return n
}
