package media

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
)

func TestTapDropsAndCountsWhenItsReaderIsSlow(t *testing.T) {
	tap := NewTap(8)
	f := Format{Codec: codec.PCMU}
	for i := range 20 {
		tap.put(&Packet{Sequence: uint16(i), Payload: []byte{byte(i)}}, &f)
	}
	var got []uint16
	read := func(p *Packet, pf Format) {
		if pf != f || len(p.Payload) != 1 || p.Payload[0] != byte(p.Sequence) {
			t.Errorf("packet %d came with %v of %v", p.Sequence, p.Payload, pf)
		}
		got = append(got, p.Sequence)
	}
	if n := tap.Read(read); n != 8 || !slices.Equal(got, []uint16{0, 1, 2, 3, 4, 5, 6, 7}) || tap.Dropped() != 12 {
		t.Errorf("read %v, dropped %d", got, tap.Dropped())
	}
	if n := tap.Read(read); n != 0 {
		t.Errorf("read %d packets from an empty tap", n)
	}
	big := make([]byte, 1000)
	big[999] = 7
	tap.put(&Packet{Payload: big}, &f)
	tap.Read(func(p *Packet, _ Format) {
		if len(p.Payload) != 1000 || p.Payload[999] != 7 {
			t.Error("a large payload was cut")
		}
	})
}

func TestTapBetweenGoroutines(t *testing.T) {
	tap := NewTap(64)
	const total = 20_000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total {
			tap.put(&Packet{Timestamp: uint32(i), Payload: []byte{byte(i), byte(i >> 8)}}, &Format{})
			if i%50 == 0 {
				runtime.Gosched()
			}
		}
	})
	read, last := 0, -1
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for ended := false; ; {
		n := tap.Read(func(p *Packet, _ Format) {
			if int(p.Timestamp) <= last || p.Payload[0] != byte(p.Timestamp) || p.Payload[1] != byte(p.Timestamp>>8) {
				t.Errorf("packet %d after %d holds %v", p.Timestamp, last, p.Payload)
			}
			last = int(p.Timestamp)
		})
		read += n
		if ended && n == 0 {
			break
		}
		select {
		case <-done:
			ended = true
		default:
			runtime.Gosched()
		}
	}
	if uint64(read)+tap.Dropped() != total {
		t.Errorf("%d read and %d dropped of %d", read, tap.Dropped(), total)
	}
}

func TestTapHearsThePeerAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMA)
		tap := NewTap(16)
		remove := p.AddTap(tap)
		sent := p.talk.packet([]byte{1, 2, 3})
		p.says(sent)
		p.press(5, 2, nil)
		remove()
		remove()
		p.says(p.talk.packet([]byte{4}))
		n := tap.Read(func(got *Packet, f Format) {
			if got.Sequence != sent.Sequence || got.SSRC != sent.SSRC || !slices.Equal(got.Payload, sent.Payload) || f.Codec != codec.PCMA {
				t.Errorf("tapped %v of %v", got, f)
			}
		})
		if n != 1 {
			t.Errorf("%d packets tapped, want the one before removal, and no digits", n)
		}
		defer func() {
			if recover() == nil {
				t.Error("a tap could be added twice")
			}
		}()
		p.AddTap(tap)
	})
}

// sink is a port that goes nowhere.
type sink struct{}

func (sink) Run(ctx context.Context, _ func(*Packet)) error { <-ctx.Done(); return nil }
func (sink) Send(*Packet) error                             { return nil }
func (sink) Close() error                                   { return nil }

// still is a negotiated stream that does not run: its packets are handed in.
func still(clock *Clock, c codec.Codec) *Stream {
	s := NewStream(sink{}, StreamConfig{Clock: clock})
	s.Negotiate(Format{Codec: c, PayloadType: c.PayloadType, EventType: 101}, SendRecv)
	return s
}

// chatter hands packets of one payload to a stream.
func chatter(t testing.TB, s *Stream, c codec.Codec) (say func()) {
	p := &Packet{PayloadType: c.PayloadType, SSRC: 1, Payload: payloads(t, c, sine(c.SampleRate, c.SampleRate/5, 500), frameTime)[4]}
	return func() {
		p.Sequence++
		p.Timestamp += uint32(c.ClockRate / 50)
		p.Arrival += frameTime
		s.recv(p)
	}
}

func TestMediaPathsDoNotAllocate(t *testing.T) {
	clock := NewClock()
	check := func(name string, f func()) {
		t.Helper()
		for range 200 {
			f() // codecs and rings are made on first use
		}
		if n := testing.AllocsPerRun(500, f); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
	}
	for _, from := range codec.Available() {
		for _, to := range codec.Available() {
			a, b := still(clock, from), still(clock, to)
			b.Play(Forward(a))
			check("forward "+from.Name+" to "+to.Name, chatter(t, a, from))
		}
	}
	a, b := still(clock, codec.PCMU), still(clock, codec.PCMU)
	b.Play(Forward(a))
	tap := NewTap(64)
	a.AddTap(tap)
	say, n := chatter(t, a, codec.PCMU), 0
	count := func(*Packet, Format) { n++ }
	check("forward with a tap", func() { say(); tap.Read(count) })
	full := NewTap(2)
	a.AddTap(full)
	check("forward with a tap that nobody reads", say)

	c := still(clock, codec.PCMU)
	c.Play(Sound(asset(t, 10, nil), SoundOptions{Loop: true}))
	frame := int64(0)
	check("sound", func() { frame++; c.tick(beat{frame: frame, now: Now()}) })
}

// Reading a socket, source lock, forwarding and writing another.
func TestSocketsDoNotAllocate(t *testing.T) {
	pool, m := newPool(t, 17000, 17999)
	far, other := newPeer(t, loopback, 1), newPeer(t, loopback, 2)
	in, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in.SetRemote(far.addr(), RTPTrust{PayloadTypes: []uint8{0}})
	out.SetRemote(other.addr(), RTPTrust{PayloadTypes: []uint8{0}})
	clock := NewClock()
	a := NewStream(in, StreamConfig{Clock: clock, Metrics: m})
	b := NewStream(out, StreamConfig{Clock: clock, Metrics: m})
	for _, s := range []*Stream{a, b} {
		s.Negotiate(Format{Codec: codec.PCMU}, SendRecv)
	}
	b.Play(Forward(a))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() {
		cancel()
		<-done
		in.Close()
	}()
	buf, packet := make([]byte, 1500), make([]byte, 172)
	packet[0], packet[11] = 0x80, 9
	to := in.LocalAddr()
	seq := uint16(0)
	far.conn.SetReadDeadline(time.Now().Add(time.Minute))
	hop := func() {
		seq++
		packet[2], packet[3] = byte(seq>>8), byte(seq)
		packet[6], packet[7] = byte(seq*160>>8), byte(seq*160)
		if _, err := far.conn.WriteToUDPAddrPort(packet, to); err != nil {
			t.Fatal(err)
		}
		if _, _, err := other.conn.ReadFromUDPAddrPort(buf); err != nil {
			t.Fatal(err)
		}
	}
	hop()
	if n := testing.AllocsPerRun(100, hop); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// All listeners always hear the same speaker. Once one of them has a packet of the new one, the others may have none of the old.
func TestApplyIsOneStep(t *testing.T) {
	w, finish := newWorld(t)
	speakers := [2]*party{w.join(codec.PCMU), w.join(codec.PCMU)}
	var listeners []*party
	for range 3 { // half of them are transcoded for
		listeners = append(listeners, w.join(codec.PCMU), w.join(codec.PCMA))
	}
	var mu sync.Mutex
	var log []byte // who was heard, in order of sending
	marks := map[byte]byte{}
	grew := make(chan struct{}, 1)
	for i, mark := range []byte{0x10, 0x90} {
		marks[mark], marks[codec.MuLawToALaw[mark]] = byte(i), byte(i)
	}
	for _, l := range listeners {
		l.Play(Forward(speakers[0].Stream))
		l.port.watch(func(p *Packet) {
			who, ok := marks[p.Payload[0]]
			if !ok {
				return // silence
			}
			mu.Lock()
			log = append(log, who)
			mu.Unlock()
			select {
			case grew <- struct{}{}:
			default:
			}
		})
	}
	stop := make(chan struct{})
	var talking sync.WaitGroup
	for i, s := range speakers {
		payload := slices.Repeat([]byte{[]byte{0x10, 0x90}[i]}, 160)
		talking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.says(s.talk.packet(payload))
				}
			}
		})
	}
	const swaps = 100
	for i := range swaps {
		for range 3 {
			<-grew
		}
		to := Forward(speakers[(i+1)%2].Stream)
		changes := map[*Stream]Source{}
		for _, l := range listeners {
			changes[l.Stream] = to
		}
		Apply(changes)
	}
	close(stop)
	talking.Wait()
	finish()
	changes := 0
	for i := 1; i < len(log); i++ {
		if log[i] != log[i-1] {
			changes++
		}
	}
	if changes > swaps || changes < swaps/2 {
		t.Errorf("the speaker changed %d times in %d packets, want at most the %d of Apply", changes, len(log), swaps)
	}
}
