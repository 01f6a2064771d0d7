package media

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"tandem/media/codec"
)

// controlPort is a memPort with RTCP.
type controlPort struct {
	*memPort
	in  chan []byte
	out chan []byte
}

func (p *controlPort) RunControl(ctx context.Context, recv func(*Packet), control func([]byte)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case pkt := <-p.memPort.in:
			if pkt != nil {
				recv(pkt)
			}
		case b := <-p.in:
			control(b)
		}
	}
}

func (p *controlPort) SendControl(b []byte) error {
	p.out <- b
	return nil
}

// joinControl runs a stream that does RTCP.
func (w *world) joinControl(c codec.Codec) (*party, *controlPort) {
	port := &controlPort{memPort: newMemPort(), in: make(chan []byte), out: make(chan []byte, 100)}
	p := &party{port: port.memPort, Stream: NewStream(port, StreamConfig{Clock: w.clock})}
	p.Negotiate(Format{Codec: c, PayloadType: c.PayloadType}, SendRecv)
	p.talk = talker{pt: c.PayloadType, ssrc: 4711, step: uint32(c.ClockRate / 50)}
	w.wg.Go(func() {
		if err := p.Run(w.ctx); err != nil {
			w.t.Error(err)
		}
	})
	return p, port
}

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p, port := w.joinControl(codec.PCMU)
		time.Sleep(time.Millisecond) // between two beats of the clock: nothing is sent while the test looks
		var sr *rtcp.SenderReport
		for i := 0; sr == nil; i++ {
			pkt := p.talk.packet(make([]byte, 160))
			if i%4 != 3 { // every fourth is lost
				p.says(pkt)
			}
			time.Sleep(frameTime)
			select {
			case b := <-port.out:
				list, err := rtcp.Unmarshal(b)
				if err != nil {
					t.Fatal(err)
				}
				if err := rtcp.CompoundPacket(list).Validate(); err != nil {
					t.Error(err)
				}
				sr = list[0].(*rtcp.SenderReport)
			default:
			}
			if i > 300 {
				t.Fatal("no report in 6 s")
			}
		}
		sent := port.take()
		if sr.SSRC != sent[0].SSRC || int(sr.PacketCount) != len(sent) || sr.OctetCount != sr.PacketCount*160 {
			t.Errorf("report of %d packets, %d bytes by %d; sent %d by %d", sr.PacketCount, sr.OctetCount, sr.SSRC, len(sent), sent[0].SSRC)
		}
		if d := int32(sr.RTPTime - sent[len(sent)-1].Timestamp); d < 0 || d > 320 {
			t.Errorf("report's RTP time is %d after the last packet's", d)
		}
		r := sr.Reports[0]
		if r.SSRC != 4711 || r.FractionLost < 62 || r.FractionLost > 66 || r.TotalLost < 40 {
			t.Errorf("reported loss %d/256 and %d packets of %d, want a quarter", r.FractionLost, r.TotalLost, r.SSRC)
		}

		time.Sleep(600 * time.Millisecond)
		answer, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 4711, NTPTime: 5 << 32, Reports: []rtcp.ReceptionReport{
			{SSRC: 1, TotalLost: 999}, // of somebody else
			{SSRC: sr.SSRC, FractionLost: 128, TotalLost: 12, Jitter: 80, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 1 << 15},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		port.in <- answer
		synctest.Wait()
		q := p.Quality()
		if q.RoundTrip < 90*time.Millisecond || q.RoundTrip > 130*time.Millisecond {
			t.Errorf("round trip %v, want 100 ms", q.RoundTrip)
		}
		if q.Out.Lost != 12 || q.Out.Jitter != 10*time.Millisecond || q.Out.MOS > 2.5 || q.Out.MOS == 0 {
			t.Errorf("outbound quality %+v", q.Out)
		}
		if q.In.MOS > 3.5 || q.In.MOS < 1 || q.In.WorstMOS == 0 {
			t.Errorf("inbound quality %+v with a quarter lost", q.In)
		}
		port.in <- []byte{0x80, 200, 0xFF}
		synctest.Wait()

		p.Negotiate(Format{Codec: codec.PCMU}, Inactive) // on hold: reports go on, as receiver reports
		for len(port.out) > 0 {
			<-port.out
		}
		time.Sleep(13 * time.Second)
		var last []byte
		for len(port.out) > 0 {
			last = <-port.out
		}
		list, err := rtcp.Unmarshal(last)
		if err != nil {
			t.Fatal(err)
		}
		rr, ok := list[0].(*rtcp.ReceiverReport)
		if !ok || rr.Reports[0].LastSenderReport != 5<<16 || rr.Reports[0].Delay < 5<<16 {
			t.Errorf("on hold: %v", list[0])
		}
	})
}

func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		for _, c := range []codec.Codec{codec.PCMU, codec.Opus} {
			p := w.join(c)
			for i := range 400 {
				pkt := p.talk.packet(make([]byte, 160))
				if i%2 == 1 {
					pkt.Arrival += 20 * time.Millisecond // every other is a frame late
				}
				p.says(pkt)
				time.Sleep(frameTime)
			}
			if j := p.Quality().In.Jitter; j < 19*time.Millisecond || j > 21*time.Millisecond {
				t.Errorf("%s: jitter %v, want 20 ms", c.Name, j)
			}
		}
	})
}

func TestCountsOfWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMU)
		send := func(ssrc uint32, numbers ...int) {
			for _, n := range numbers {
				p.says(&Packet{SSRC: ssrc, Sequence: uint16(65530 + n), Timestamp: uint32(n) * 160, Payload: make([]byte, 160), Arrival: Now()})
			}
		}
		send(1, 0, 1, 2, 5, 4, 4, 8, 9) // 3, 6 and 7 are lost, 4 comes late and twice
		send(2, 100, 101, 103)          // another SSRC, 102 is lost
		q := p.Quality().In
		if q.Packets != 10 || q.Lost != 4 || q.Duplicates != 1 || q.Reordered != 1 {
			t.Errorf("counted %+v", q)
		}
	})
}

func TestMOS(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) < 0.05 }
	if m := mos(codec.PCMU, 0, 1, 60*time.Millisecond); !near(m, 4.38) {
		t.Errorf("a good G.711 call has %.2f", m)
	}
	if m := mos(codec.PCMU, 0.05, 1, 60*time.Millisecond); !near(m, 3.86) {
		t.Errorf("G.711 with 5 %% random loss has %.2f", m)
	}
	for _, c := range codec.Available() {
		last := 5.0
		for loss := 0.0; loss <= 1; loss += 0.01 {
			m := mos(c, loss, 1, 60*time.Millisecond)
			if m > last || m < 1 {
				t.Fatalf("%s: %.2f at %.0f %% loss after %.2f", c.Name, m, 100*loss, last)
			}
			last = m
		}
		if mos(c, 0.05, 2, 0) >= mos(c, 0.05, 1, 0) || mos(c, 0, 1, 400*time.Millisecond) >= mos(c, 0, 1, 100*time.Millisecond) {
			t.Errorf("%s: bursts or delay do no harm", c.Name)
		}
	}
}

func TestMediaLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, finish := newWorld(t)
		defer finish()
		p := w.join(codec.PCMU)
		after := func(d time.Duration, want bool, when string) {
			t.Helper()
			time.Sleep(d)
			if got := p.MediaLost(); got != want {
				t.Errorf("%s: lost is %v", when, got)
			}
		}
		if !p.LastHeard().IsZero() {
			t.Error("heard before the first packet")
		}
		after(29*time.Second, false, "before the first packet")
		after(2*time.Second, true, "31 s without the first")
		p.says(p.talk.packet(make([]byte, 160)))
		if got := p.LastHeard(); !got.Equal(time.Now()) {
			t.Errorf("last heard %v, now %v", got, time.Now())
		}
		after(14*time.Second, false, "14 s after a packet")
		after(2*time.Second, true, "16 s after it")
		p.Negotiate(p.Format(), SendOnly)
		after(2*time.Minute, false, "on hold")
		p.Negotiate(p.Format(), SendRecv)
		after(29*time.Second, false, "29 s after the hold")
		after(2*time.Second, true, "31 s after the hold")
		comfort := p.talk.packet([]byte{60})
		comfort.PayloadType = comfortNoise
		p.says(comfort)
		after(2*time.Minute, false, "after comfort noise")
	})
}
