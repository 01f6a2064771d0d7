package media

import (
	"context"
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"tandem/media/codec"
)

// BenchmarkConference25 holds one conference of 25 parties on real sockets, all speaking at once, in G.711: each hears the 24 others, so there are 25
// sums and 25 encodings a frame. What the parties' sending costs this process is counted too, 0.005 of the CPU-seconds.
func BenchmarkConference25(b *testing.B) {
	const seats = 25
	pool := runPool(b, RTPConfig{IP: loopback, MinPort: 17000, MaxPort: 17999})
	clock, m := NewClock(), NewMixer()
	background(b, clock.Run)
	var streams []*Stream
	var fars []*net.UDPConn
	var ats []netip.AddrPort
	for range seats {
		s, far, at := socketLeg(b, pool, clock)
		streams, fars, ats = append(streams, s), append(fars, far), append(ats, at)
	}
	for i, s := range streams {
		s.Play(m.Sum(slices.Concat(streams[:i], streams[i+1:])...))
	}
	background(b, func(ctx context.Context) error { return converse(ctx, fars, ats) })
	const settle, hold = time.Second, 8 * time.Second
	<-time.After(settle)
	for b.Loop() {
		before := processTime(b)
		<-time.After(hold)
		b.ReportMetric((processTime(b)-before).Seconds()/(hold.Minutes()*seats), "cpu-s/seat-min")
		b.ReportMetric(0, "ns/op")
	}
	dec, err := codec.NewDecoder(codec.PCMU, 8000)
	if err != nil {
		b.Fatal(err)
	}
	pcm, buf := make([]int16, codec.MaxSamples), make([]byte, 1500)
	for i, far := range fars {
		size := 0
		for range int(settle / frameTime) { // the first packets are silence: the others' buffers fill
			if size, err = far.Read(buf); err != nil {
				b.Fatal(err)
			}
		}
		if n, err := dec.Decode(pcm, buf[12:size]); err != nil || level(pcm[:n]) < 0.1 {
			b.Fatalf("party %d hears nobody (%v)", i, err)
		}
	}
}

// background runs f until the benchmark has ended.
func background(b *testing.B, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
}

// converse sends a tone of its own from each far end, 50 packets a second. All tones fit into a frame, which is sent again and again.
func converse(ctx context.Context, fars []*net.UDPConn, ats []netip.AddrPort) error {
	enc, err := codec.NewEncoder(codec.PCMU, 8000)
	if err != nil {
		return err
	}
	packets, pcm := make([][172]byte, len(fars)), make([]int16, 160)
	for i := range packets {
		for j := range pcm {
			pcm[j] = int16(2000 * math.Sin(2*math.Pi*float64(300+50*i)*float64(j)/8000))
		}
		if _, err := enc.Encode(packets[i][12:], pcm); err != nil {
			return err
		}
		packets[i][0] = 0x80
		binary.BigEndian.PutUint32(packets[i][8:], uint32(i+1))
	}
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for n := uint32(0); ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i, far := range fars {
			binary.BigEndian.PutUint16(packets[i][2:], uint16(n))
			binary.BigEndian.PutUint32(packets[i][4:], n*160)
			if _, err := far.WriteToUDPAddrPort(packets[i][:], ats[i]); err != nil {
				return err
			}
		}
	}
}

// processTime is the processor time that this process has used.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
