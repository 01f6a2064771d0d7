package media

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/codec"
)

// StreamConfig is what all streams of a process share.
type StreamConfig struct {
	Clock   *Clock       // drives whatever no packet drives; required
	Log     *slog.Logger // nil: slog's default
	Metrics *Metrics     // nil: counted for nobody
	// Inband also listens for DTMF tones in the audio (G.711 and G.722), as long as no telephone-event is negotiated and nobody gets
	// them as they are: for SIP legs.
	Inband bool
}

// Stream is one party's audio: what its peer sends, for listeners and taps, and one Source, which the peer hears. It lives as long as the
// leg; offers, holds, transfers and supervision change what it plays, never the stream. All methods may be called from any goroutine.
type Stream struct {
	id      uint64 // the order in which Apply locks
	port    Port
	cfg     StreamConfig
	session atomic.Pointer[session]
	in      ingress
	out     egress
	keys    digitDesk
	reports reports
	vigil   vigil

	muted     atomic.Bool
	listeners shared[*forward]
	taps      shared[*Tap]
}

// streamIDs orders all streams of the process: two Applies of the same streams must lock them in the same order.
var streamIDs atomic.Uint64

// NewStream makes the stream of a port, which stays the caller's to close. The peer hears silence until Play.
func NewStream(port Port, cfg StreamConfig) *Stream {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	s := &Stream{id: streamIDs.Add(1), port: port, cfg: cfg}
	s.keys.heard = make(chan Digit, 32)
	s.out.begin(port, cfg.Metrics)
	s.out.change(Silence(), s)
	s.reports.begin()
	s.vigil.next = Now() + time.Second
	return s
}

// Run reads the port and lets the clock drive the stream, until ctx ends or the port is closed; then the stream sends nothing more. It
// returns the port's error. Call it once.
func (s *Stream) Run(ctx context.Context) error {
	s.cfg.Metrics.streams.Inc()
	defer s.cfg.Metrics.streams.Dec()
	defer s.out.stop()
	defer s.cfg.Clock.add(s)()
	if p, ok := s.port.(ControlPort); ok {
		return p.RunControl(ctx, s.recv, s.recvControl)
	}
	return s.port.Run(ctx, s.recv)
}

// Negotiate sets what an offer and answer agreed upon. SSRC, sequence numbers and timestamps go on as they were, and so does the Source.
func (s *Stream) Negotiate(f Format, d Direction) {
	next := newSession(f, d)
	s.session.Store(next)
	s.cfg.Log.Debug("media negotiated", "codec", f.Codec.Name, "payload_type", f.PayloadType, "event_type", f.EventType,
		"ptime", next.Ptime, "direction", d)
}

// Format is what was negotiated last; the zero Format before.
func (s *Stream) Format() Format {
	if sess := s.session.Load(); sess != nil {
		return sess.Format
	}
	return Format{}
}

// Play sets what the peer hears from now on; nil is Silence.
func (s *Stream) Play(src Source) { Apply(map[*Stream]Source{s: src}) }

// Apply sets the sources of several streams in one step: no packet of any of them leaves by its old source once one has left by a new one.
func Apply(changes map[*Stream]Source) {
	streams := make([]*Stream, 0, len(changes))
	for s := range changes {
		streams = append(streams, s)
	}
	slices.SortFunc(streams, func(a, b *Stream) int { return cmp.Compare(a.id, b.id) })
	for _, s := range streams {
		s.out.mu.Lock()
	}
	for _, s := range streams {
		s.out.change(changes[s], s)
	}
	for _, s := range streams {
		s.out.mu.Unlock()
	}
}

// SetMuted drops what the peer says before listeners and taps get it. Digits and statistics still work.
func (s *Stream) SetMuted(muted bool) { s.muted.Store(muted) }

// AddTap copies what the peer sends into t from now on. A tap hears one stream in its life; a second AddTap panics. remove may be
// called more than once.
func (s *Stream) AddTap(t *Tap) (remove func()) {
	if !t.attached.CompareAndSwap(false, true) {
		panic("media: a Tap was added twice")
	}
	s.taps.add(t)
	return func() { s.taps.remove(t) }
}

// recv takes each packet from the port; it runs on the port's goroutine.
func (s *Stream) recv(p *Packet) {
	sess := s.session.Load()
	if sess == nil || !sess.receives {
		s.cfg.Metrics.drop(dropDirection)
		return
	}
	kind := sess.kind(p.PayloadType)
	if kind == kindUnknown {
		s.cfg.Metrics.drop(dropPayloadType)
		return
	}
	s.cfg.Metrics.received.Inc()
	h := heard{Packet: p, sess: sess}
	if ok, why := s.in.arrived(&h, kind); !ok {
		s.cfg.Metrics.drop(why)
		return
	}
	if kind == kindEvent {
		s.recvEvent(p, sess)
		return
	}
	if kind == kindComfort {
		return
	}
	if s.cfg.Inband && sess.EventType == 0 && !s.tonesPass(sess) {
		s.recvTone(p, sess)
	}
	if s.muted.Load() {
		s.in.withheld()
		return
	}
	for _, t := range s.taps.list() {
		t.put(p, &sess.Format)
	}
	for _, f := range s.listeners.list() {
		f.recv(&h)
	}
}

// LastHeard is when the peer's last packet came; the zero Time before the first.
func (s *Stream) LastHeard() time.Time {
	if !s.in.heard.Load() {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(s.in.last.Load()) - Now())
}

const (
	firstPacketTimeout = 30 * time.Second
	mediaTimeout       = 15 * time.Second
)

// MediaLost tells that nothing was heard for 30 s since negotiation, or for 15 s since the last packet. It is false while the
// peer need not send: on hold in whatever direction, before negotiation, and when it said by comfort noise (RFC 3389) that it is silent.
func (s *Stream) MediaLost() bool {
	sess := s.session.Load()
	if sess == nil || sess.dir != SendRecv || s.in.comfort.Load() != 0 {
		return false
	}
	last, now := time.Duration(s.in.last.Load()), Now()
	if !s.in.heard.Load() || last < sess.since {
		return now-sess.since > firstPacketTimeout
	}
	return now-last > mediaTimeout
}

// session is a negotiated Format with what follows from it; it is never changed.
type session struct {
	Format
	dir      Direction
	receives bool
	sends    bool
	since    time.Duration
	ticks    uint32 // RTP clock ticks in 20 ms
	bytes    int    // payload bytes in Ptime, 0 where frames are sent as they come (Opus)
	silence  []byte // 20 ms
	law      byte   // G.711: what its bytes are to be XORed with for their magnitude; else 0
}

func newSession(f Format, d Direction) *session {
	if f.Ptime < 10*time.Millisecond {
		f.Ptime = frameTime
	}
	s := &session{
		Format: f, dir: d, since: Now(),
		receives: d == SendRecv || d == RecvOnly, sends: d == SendRecv || d == SendOnly,
		ticks: uint32(f.Codec.ClockRate / 50), silence: silence(f.Codec),
	}
	switch f.Codec.Name {
	case codec.PCMU.Name:
		s.law = 0xFF
	case codec.PCMA.Name:
		s.law = 0x55
	}
	if f.Codec.Name != codec.Opus.Name {
		s.bytes = int(min(f.Ptime, maxPtime).Milliseconds()) * 8
	}
	return s
}

// maxPtime is the longest packet sent, whatever the peer wishes.
const maxPtime = 100 * time.Millisecond

// kind sorts payload types.
type kind uint8

const (
	kindUnknown kind = iota
	kindAudio
	kindEvent
	kindComfort
)

func (s *session) kind(pt uint8) kind {
	switch {
	case pt == s.PayloadType:
		return kindAudio
	case pt == s.EventType && pt != 0:
		return kindEvent
	case pt == comfortNoise:
		return kindComfort
	}
	return kindUnknown
}

// comfortNoise is RFC 3389's payload type: never offered, but understood as "I am silent".
const comfortNoise = 13

// silence is a payload of 20 ms without sound.
func silence(c codec.Codec) []byte {
	if c.Name == codec.Opus.Name {
		return []byte{0xF8, 0xFF, 0xFE} // CELT, 20 ms, digital silence; needs no encoder
	}
	enc, err := codec.NewEncoder(c, 8000)
	if err != nil {
		return nil
	}
	var pcm [160]int16
	buf := make([]byte, 160)
	for range 5 { // G.722 takes a while to settle
		if _, err := enc.Encode(buf, pcm[:]); err != nil {
			return nil
		}
	}
	return buf
}

// shared is a list that one goroutine reads without a lock while others change it.
type shared[T comparable] struct {
	mu sync.Mutex
	p  atomic.Pointer[[]T]
}

func (l *shared[T]) list() []T {
	if p := l.p.Load(); p != nil {
		return *p
	}
	return nil
}

func (l *shared[T]) add(x T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := append(slices.Clone(l.list()), x)
	l.p.Store(&next)
}

func (l *shared[T]) remove(x T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(l.list()), func(y T) bool { return x == y })
	l.p.Store(&next)
}
