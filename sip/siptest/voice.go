package siptest

import (
	"context"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"tandem/media/codec"
)

// Voice is a phone's voice and ear: it sends a tone as RTP in real time and keeps what it hears.
type Voice struct {
	t     testing.TB
	codec codec.Codec
	conn  *net.UDPConn

	mu      sync.Mutex
	remote  netip.AddrPort
	hz      float64
	with    float64 // sounds beside it
	heard   []int16 // at 8 kHz
	trace   []Arrival
	packets int
	events  int
	lose    func(seq uint16) bool

	stop context.CancelFunc
	done sync.WaitGroup
}

const (
	audioRate = 8000
	loud      = 1000
)

// NewVoice opens an RTP port for a codec; it is silent until Send, and closed when the test ends.
func NewVoice(t testing.TB, c codec.Codec) *Voice {
	t.Helper()
	return NewVoiceAt(t, "127.0.0.1", c)
}

// NewVoiceAt is NewVoice at an address of this machine's.
func NewVoiceAt(t testing.TB, at string, c codec.Codec) *Voice {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(at)})
	if err != nil {
		t.Fatalf("open an RTP port: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &Voice{t: t, codec: c, conn: conn, stop: cancel}
	a.done.Go(a.listen)
	a.done.Go(func() { a.speak(ctx) })
	t.Cleanup(a.Close)
	return a
}

// Close ends both directions.
func (a *Voice) Close() {
	a.stop()
	_ = a.conn.Close() // a second close says so, which does not matter
	a.done.Wait()
}

// Port is the RTP port to put into SDP.
func (a *Voice) Port() int { return a.conn.LocalAddr().(*net.UDPAddr).Port }

// Lose makes the sender leave out packets, as a bad network does.
func (a *Voice) Lose(drop func(seq uint16) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lose = drop
}

// Send sends a sine of hz (0: silence) to the address in an SDP body, until Close.
func (a *Voice) Send(sdp string, hz float64) {
	remote, ok := mediaAddr(sdp)
	if !ok {
		a.t.Errorf("the SDP has no audio address:\n%s", sdp)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remote, a.hz = remote, hz
}

// Tone changes what is sent.
func (a *Voice) Tone(hz float64) {
	a.Chord(hz, 0)
}

// Chord sends two tones at once, such as those of a key.
func (a *Voice) Chord(hz, with float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hz, a.with = hz, with
}

// Packets is how many RTP packets have come.
func (a *Voice) Packets() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.packets
}

// Forget empties the ear.
func (a *Voice) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard, a.trace = a.heard[:0], a.trace[:0]
}

// Arrival is an RTP packet of the voice's codec as it came.
type Arrival struct {
	At        time.Time
	SSRC      uint32
	Sequence  uint16
	Timestamp uint32
	Loud      bool // it is not silence
}

// Trace is every packet since the last Forget.
func (a *Voice) Trace() []Arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Arrival(nil), a.trace...)
}

// Strength is the amplitude of a tone in PCM, where Frequency finds only the strongest.
func Strength(pcm []int16, rate int, hz float64) float64 {
	var re, im float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im = re+float64(s)*cos, im+float64(s)*sin
	}
	return 2 * math.Hypot(re, im) / float64(max(len(pcm), 1))
}

// Heard is what was heard since the last Forget, at 8 kHz.
func (a *Voice) Heard() []int16 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]int16(nil), a.heard...)
}

// WaitTone waits until half a second of what is heard is a tone within 5 Hz of hz, and fails the test after limit.
func (a *Voice) WaitTone(hz float64, limit time.Duration) {
	a.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var got, level float64
	for {
		if h := a.Heard(); len(h) >= audioRate/2 {
			got, level = Frequency(h[len(h)-audioRate/2:], audioRate)
			if math.Abs(got-hz) <= 5 && level > 500 {
				return
			}
		}
		select {
		case <-deadline.C:
			a.t.Fatalf("heard %.0f Hz at level %.0f in %d packets, want %.0f Hz", got, level, a.Packets(), hz)
		case <-tick.C:
		}
	}
}

// WaitNoTone waits until half a second of what is heard is not that tone.
func (a *Voice) WaitNoTone(hz float64, limit time.Duration) {
	a.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if h := a.Last(time.Second / 2); len(h) == audioRate/2 {
			if got, level := Frequency(h, audioRate); math.Abs(got-hz) > 5 || level < 100 {
				return
			}
		}
		select {
		case <-deadline.C:
			a.t.Fatalf("the tone of %.0f Hz is still heard", hz)
		case <-tick.C:
		}
	}
}

// Last is the end of what was heard, at most d of it.
func (a *Voice) Last(d time.Duration) []int16 {
	h := a.Heard()
	return h[max(0, len(h)-int(d.Seconds()*audioRate)):]
}

// Events is how many RTP packets have come that are not of the voice's codec: telephone-events (RFC 4733).
func (a *Voice) Events() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.events
}

// Frequency finds the strongest tone between 150 and 3,400 Hz to the nearest hertz, and the RMS of the samples.
func Frequency(pcm []int16, rate int) (hz, rms float64) {
	var best, sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	power := func(f float64) float64 {
		k := 2 * math.Cos(2*math.Pi*f/float64(rate))
		var s1, s2 float64
		for _, s := range pcm {
			s1, s2 = float64(s)+k*s1-s2, s1
		}
		return s1*s1 + s2*s2 - k*s1*s2
	}
	for f := 150.0; f <= 3400; f += 2 {
		if p := power(f); p > best {
			best, hz = p, f
		}
	}
	for _, f := range []float64{hz - 1, hz + 1} {
		if p := power(f); p > best {
			best, hz = p, f
		}
	}
	return hz, math.Sqrt(sum / float64(max(len(pcm), 1)))
}

func (a *Voice) listen() {
	dec, err := codec.NewDecoder(a.codec, audioRate)
	if err != nil {
		a.t.Errorf("decoder: %v", err)
		return
	}
	buf := make([]byte, 1500)
	pcm := make([]int16, codec.MaxSamples)
	var p rtp.Packet
	for {
		n, _, err := a.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if p.Unmarshal(buf[:n]) != nil {
			continue
		}
		if p.PayloadType != a.codec.PayloadType {
			a.mu.Lock()
			a.events++
			a.mu.Unlock()
			continue
		}
		m, err := dec.Decode(pcm, p.Payload)
		if err != nil {
			continue
		}
		a.mu.Lock()
		a.packets++
		a.trace = append(a.trace, Arrival{time.Now(), p.SSRC, p.SequenceNumber, p.Timestamp, slices.Max(pcm[:m]) > loud})
		a.heard = append(a.heard, pcm[:m]...)
		a.mu.Unlock()
	}
}

// mostLate is how many packets a voice sends at once after it was held up: a phone loses nothing of what is said.
const mostLate = 50

func (a *Voice) speak(ctx context.Context) {
	enc, err := codec.NewEncoder(a.codec, audioRate)
	if err != nil {
		a.t.Errorf("encoder: %v", err)
		return
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	s := &speaker{
		enc: enc, pcm: make([]int16, audioRate/50), payload: make([]byte, codec.MaxPayload), out: make([]byte, 1500),
		header: rtp.Header{Version: 2, PayloadType: a.codec.PayloadType, SSRC: uint32(a.Port()), SequenceNumber: uint16(a.Port())},
	}
	next := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for n := 0; !next.After(time.Now()); next = next.Add(20 * time.Millisecond) {
			if n++; n <= mostLate && !a.say(s) {
				return
			}
		}
	}
}

// speaker is the sending side of a voice.
type speaker struct {
	enc     codec.Encoder
	header  rtp.Header
	phase   float64
	beside  float64 // the phase of the tone beside
	pcm     []int16
	payload []byte
	out     []byte
}

// say sends one packet. False: it never will.
func (a *Voice) say(s *speaker) bool {
	a.mu.Lock()
	remote, hz, with, lose := a.remote, a.hz, a.with, a.lose
	a.mu.Unlock()
	if !remote.IsValid() {
		return true
	}
	if hz == 0 {
		s.phase = 0 // silence, wherever the tone broke off
	}
	if with == 0 {
		s.beside = 0
	}
	for i := range s.pcm {
		s.pcm[i] = int16(8000 * (math.Sin(s.phase) + math.Sin(s.beside)))
		s.phase = math.Mod(s.phase+2*math.Pi*hz/audioRate, 2*math.Pi)
		s.beside = math.Mod(s.beside+2*math.Pi*with/audioRate, 2*math.Pi)
	}
	n, err := s.enc.Encode(s.payload, s.pcm)
	if err != nil {
		return true
	}
	s.header.SequenceNumber++
	s.header.Timestamp += uint32(a.codec.ClockRate / 50)
	if lose != nil && lose(s.header.SequenceNumber) {
		return true
	}
	size, err := s.header.MarshalTo(s.out)
	if err != nil {
		return false
	}
	_, _ = a.conn.WriteToUDPAddrPort(append(s.out[:size], s.payload[:n]...), remote) // the far end may have closed
	return true
}

// mediaAddr reads the address of the first audio line.
func mediaAddr(sdp string) (netip.AddrPort, bool) {
	var ip netip.Addr
	var port uint64
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "c=IN ") && len(f) == 3:
			ip, _ = netip.ParseAddr(f[2])
		case strings.HasPrefix(line, "m=audio ") && len(f) > 1 && port == 0:
			port, _ = strconv.ParseUint(f[1], 10, 16)
		}
	}
	return netip.AddrPortFrom(ip, uint16(port)), ip.IsValid() && port != 0
}
