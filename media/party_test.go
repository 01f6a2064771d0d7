package media

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tandem/media/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memPort is a Port in memory: deliver is the peer sending, sent is what the peer got.
type memPort struct {
	in     chan *Packet
	closed chan struct{}
	once   sync.Once
	onSend func(*Packet)

	mu   sync.Mutex
	sent []Packet
}

func newMemPort() *memPort {
	return &memPort{in: make(chan *Packet), closed: make(chan struct{})}
}

func (p *memPort) Run(ctx context.Context, recv func(*Packet)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.closed:
			return nil
		case pkt := <-p.in:
			if pkt != nil { // nil only waits until the one before is done
				recv(pkt)
			}
		}
	}
}

func (p *memPort) Send(pkt *Packet) error {
	c := *pkt
	c.Payload = append([]byte(nil), pkt.Payload...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, c)
	if p.onSend != nil {
		p.onSend(&c)
	}
	return nil
}

// watch calls f for each packet from now on.
func (p *memPort) watch(f func(*Packet)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onSend = f
}

func (p *memPort) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// take returns what was sent since the last take.
func (p *memPort) take() []Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.sent
	p.sent = nil
	return out
}

// party is a running stream and its far end.
type party struct {
	*Stream
	port *memPort
	talk talker
}

// talker makes the packets of a far end.
type talker struct {
	pt   uint8
	ssrc uint32
	seq  uint16
	ts   uint32
	step uint32
}

// packet is the next packet in order.
func (t *talker) packet(payload []byte) *Packet {
	p := &Packet{PayloadType: t.pt, Sequence: t.seq, Timestamp: t.ts, SSRC: t.ssrc, Payload: payload, Arrival: Now()}
	t.seq++
	t.ts += t.step
	return p
}

// world is a clock and the parties on it.
type world struct {
	t     testing.TB
	ctx   context.Context
	clock *Clock
	wg    sync.WaitGroup
}

// newWorld runs a clock until the test ends; finish must be called inside a synctest bubble, and is called by Cleanup elsewhere.
func newWorld(t testing.TB) (w *world, finish func()) {
	ctx, cancel := context.WithCancel(context.Background())
	w = &world{t: t, ctx: ctx, clock: NewClock()}
	w.wg.Go(func() {
		if err := w.clock.Run(ctx); err != nil {
			t.Errorf("clock: %v", err)
		}
	})
	return w, func() { cancel(); w.wg.Wait() }
}

// join runs a stream with the codec at 20 ms, payload type as offered, telephone-event 101.
func (w *world) join(c codec.Codec) *party {
	return w.joinFormat(Format{Codec: c, PayloadType: c.PayloadType, EventType: 101}, StreamConfig{})
}

func (w *world) joinFormat(f Format, cfg StreamConfig) *party {
	cfg.Clock = w.clock
	p := &party{port: newMemPort()}
	p.Stream = NewStream(p.port, cfg)
	p.Negotiate(f, SendRecv)
	p.talk = talker{pt: f.PayloadType, ssrc: uint32(p.id) * 1000, seq: 65530, ts: 1<<32 - 500, step: uint32(f.Codec.ClockRate / 50)}
	w.wg.Go(func() {
		if err := p.Run(w.ctx); err != nil {
			w.t.Errorf("stream: %v", err)
		}
	})
	return p
}

// says delivers a packet from the far end and returns when it was dealt with.
func (p *party) says(pkt *Packet) {
	p.port.in <- pkt
	p.port.in <- nil
}

// sine is a tone at half of full scale.
func sine(rate, samples int, hz float64) []int16 {
	pcm := make([]int16, samples)
	for i := range pcm {
		pcm[i] = int16(16000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return pcm
}

// payloads encodes audio at the codec's own rate into frames.
func payloads(t testing.TB, c codec.Codec, pcm []int16, frame time.Duration) [][]byte {
	t.Helper()
	enc, err := codec.NewEncoder(c, c.SampleRate)
	if err != nil {
		t.Fatal(err)
	}
	n := int(frame) * c.SampleRate / int(time.Second)
	var out [][]byte
	for ; len(pcm) >= n; pcm = pcm[n:] {
		buf := make([]byte, codec.MaxPayload)
		k, err := enc.Encode(buf, pcm[:n])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, buf[:k])
	}
	return out
}

// audio decodes what a far end got, placed by timestamp, at the codec's own rate.
func audio(t testing.TB, c codec.Codec, got []Packet) []int16 {
	t.Helper()
	dec, err := codec.NewDecoder(c, c.SampleRate)
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	var buf [codec.MaxSamples]int16
	for _, p := range got {
		n, err := dec.Decode(buf[:], p.Payload)
		if err != nil {
			t.Fatalf("payload of %d bytes: %v", len(p.Payload), err)
		}
		at := int(p.Timestamp-got[0].Timestamp) * c.SampleRate / c.ClockRate
		if at < 0 {
			t.Fatalf("timestamp %d is before the first, %d", p.Timestamp, got[0].Timestamp)
		}
		for len(out) < at+n {
			out = append(out, 0)
		}
		copy(out[at:], buf[:n])
	}
	return out
}

// purity is the power of hz over that of all else, in dB, and its amplitude.
func purity(pcm []int16, rate int, hz float64) (db, amplitude float64) {
	var re, im, all float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re += float64(s) * cos
		im += float64(s) * sin
		all += float64(s) * float64(s)
	}
	n := float64(len(pcm))
	tone := 2 * (re*re + im*im) / n
	return 10 * math.Log10(tone/math.Max(all-tone, 1)), 2 * math.Hypot(re, im) / n
}

// contiguous checks that packets continue one SSRC without a gap in number, and timestamps that grow by step or a greater multiple of 10 ms.
func contiguous(t testing.TB, got []Packet, step uint32) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if b.SSRC != a.SSRC {
			t.Fatalf("packet %d: SSRC changed from %d to %d", i, a.SSRC, b.SSRC)
		}
		if b.Sequence != a.Sequence+1 {
			t.Fatalf("packet %d: number %d after %d", i, b.Sequence, a.Sequence)
		}
		if d := int32(b.Timestamp - a.Timestamp); d < int32(step) {
			t.Fatalf("packet %d: timestamp advances by %d, want at least %d", i, d, step)
		}
	}
}
