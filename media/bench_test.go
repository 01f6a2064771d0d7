package media

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
)

// One packet from one party to the other, without sockets.
func BenchmarkForward(b *testing.B) {
	for _, tap := range []bool{false, true} {
		b.Run(fmt.Sprintf("tap=%v", tap), func(b *testing.B) {
			clock := NewClock()
			from, to := still(clock, codec.PCMU), still(clock, codec.PCMU)
			to.Play(Forward(from))
			t := NewTap(64)
			if tap {
				from.AddTap(t)
			}
			say := chatter(b, from, codec.PCMU)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				say()
				if n++; n%32 == 0 {
					t.Read(func(*Packet, Format) {})
				}
			}
		})
	}
}

// socketLeg is a stream on a port, its far end, and where that sends to.
func socketLeg(b *testing.B, pool *RTPPorts, clock *Clock) (*Stream, *net.UDPConn, netip.AddrPort) {
	far, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		b.Fatal(err)
	}
	port, err := pool.Open(loopback)
	if err != nil {
		b.Fatal(err)
	}
	port.SetRemote(far.LocalAddr().(*net.UDPAddr).AddrPort(), RTPTrust{PayloadTypes: []uint8{0}})
	port.maxRate = 1 << 30 // benchmarks send faster than any codec
	s := NewStream(port, StreamConfig{Clock: clock})
	s.Negotiate(Format{Codec: codec.PCMU}, SendRecv)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-done
		port.Close()
		far.Close()
	})
	return s, far, port.LocalAddr()
}

// One packet in by a socket and out by another: the sender's and the receiver's system calls are in it.
func BenchmarkForwardSockets(b *testing.B) {
	pool := runPool(b, RTPConfig{IP: loopback, MinPort: 18000, MaxPort: 18999})
	clock := NewClock()
	from, farA, at := socketLeg(b, pool, clock)
	to, farB, _ := socketLeg(b, pool, clock)
	to.Play(Forward(from))
	packet, buf := make([]byte, 172), make([]byte, 1500)
	packet[0] = 0x80
	seq := uint16(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		packet[2], packet[3] = byte(seq>>8), byte(seq)
		if _, err := farA.WriteToUDPAddrPort(packet, at); err != nil {
			b.Fatal(err)
		}
		if _, _, err := farB.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// One frame from one codec to another.
func BenchmarkTranscode(b *testing.B) {
	for _, from := range codec.Available() {
		for _, to := range codec.Available() {
			if from == to {
				continue
			}
			b.Run(from.Name+"-"+to.Name, func(b *testing.B) {
				clock := NewClock()
				x, y := still(clock, from), still(clock, to)
				y.Play(Forward(x))
				say := chatter(b, x, from)
				b.ReportAllocs()
				for b.Loop() {
					say()
				}
			})
		}
	}
}

// One frame of 2,000 streams: hold music, and legs that are forwarded and only looked at. A frame is due each 20 ms.
func BenchmarkClock2000(b *testing.B) {
	music, err := sound.NewLoop(sound.HoldMusic())
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		src  func(s *Stream) Source
	}{
		{"music", func(*Stream) Source { return Broadcast(music) }},
		{"forwarded", func(s *Stream) Source { return Forward(s) }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			clock := NewClock()
			for range 2000 {
				s := still(clock, codec.PCMU)
				s.Play(tt.src(s))
				s.out.fed.Store(int64(Now() + time.Hour)) // as if packets came
				clock.add(s)
			}
			frame := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				frame++
				for _, sh := range clock.shards {
					for phase := range phases {
						sh.tick(phase, beat{frame: frame})
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(frameTime)*100, "%core")
		})
	}
}

// One frame of 100 supervisors who listen to 20 calls, five to each: what comes of 40 parties in taps, the sums, and 100 packets out. A frame is due
// each 20 ms; the claim is a tenth of one core.
func BenchmarkListeners100on20(b *testing.B) {
	for _, to := range codec.Available() {
		b.Run(to.Name, func(b *testing.B) {
			clock := NewClock()
			var say []func()
			var listeners []*Stream
			for range 20 {
				x, y, m := still(clock, codec.PCMU), still(clock, codec.PCMA), NewMixer()
				say = append(say, speaking(b, x, codec.PCMU), speaking(b, y, codec.PCMA))
				for range 5 {
					l := still(clock, to)
					l.Play(m.Sum(x, y))
					listeners = append(listeners, l)
				}
			}
			var at steps
			b.ReportAllocs()
			for b.Loop() {
				at.next()
				for _, f := range say {
					f()
				}
				for _, l := range listeners {
					l.frame(l.session.Load(), at.beat())
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(frameTime)*100, "%core")
		})
	}
}
