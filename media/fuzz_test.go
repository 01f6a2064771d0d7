package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"tandem/media/codec"
)

// Anything at all on the RTP port, through everything that a stream does with it.
func FuzzRTP(f *testing.F) {
	for _, pt := range []uint8{0, 8, 9, 13, 101, 111} {
		b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SSRC: 1}, Payload: make([]byte, 160)}).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(0))
	}
	f.Add([]byte{0x90, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0, 0xFC, 0xFF, 0xFE}, byte(3))
	clock := NewClock()
	var speakers []*Stream
	for _, from := range codec.Available() {
		a := NewStream(sink{}, StreamConfig{Clock: clock, Inband: true})
		a.Negotiate(Format{Codec: from, PayloadType: from.PayloadType, EventType: 101}, SendRecv)
		for _, to := range codec.Available() {
			still(clock, to).Play(Forward(a))
			short := still(clock, to)
			short.Negotiate(Format{Codec: to, PayloadType: to.PayloadType, Ptime: 30 * time.Millisecond}, SendRecv)
			short.Play(Forward(a))
		}
		tones := NewStream(sink{}, StreamConfig{Clock: clock, Inband: true})
		tones.Negotiate(Format{Codec: from, PayloadType: from.PayloadType}, SendRecv)
		tones.AddTap(NewTap(4))
		speakers = append(speakers, a, tones)
	}
	f.Fuzz(func(_ *testing.T, b []byte, jump byte) {
		var in rtp.Packet
		if isControl(b) || !parseRTP(b, &in) {
			return
		}
		for _, s := range speakers {
			for i := range uint16(3) {
				s.recv(&Packet{
					PayloadType: in.PayloadType, Marker: in.Marker, Sequence: in.SequenceNumber + i*uint16(jump),
					Timestamp: in.Timestamp + uint32(i)*160, SSRC: in.SSRC, Payload: in.Payload, Arrival: Now(),
				})
			}
			s.digitsHeard()
		}
	})
}

// digitsHeard empties the channel.
func (s *Stream) digitsHeard() (n int) {
	for ; len(s.keys.heard) > 0; n++ {
		<-s.keys.heard
	}
	return n
}

func FuzzRTCP(f *testing.F) {
	s := still(NewClock(), codec.PCMU)
	for _, p := range []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: s.out.ssrc, TotalLost: 0xFFFFFF, Jitter: 1 << 31, LastSenderReport: 7}}},
		&rtcp.ReceiverReport{SSRC: 1}, rtcp.NewCNAMESourceDescription(1, "x"), &rtcp.Goodbye{Sources: []uint32{1}},
	} {
		b, err := rtcp.Marshal([]rtcp.Packet{p})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s.recvControl(b)
		if q := s.Quality(); q.RoundTrip < 0 || q.Out.MOS < 0 || q.Out.MOS > 4.5 {
			t.Errorf("quality %+v", q)
		}
	})
}

// Event payloads and their timing: presses are keys, and no packet begins two.
func FuzzEvent(f *testing.F) {
	f.Add([]byte{5, 10, 0, 160}, uint32(0), true, []byte{5, 0x8A, 1, 64}, uint32(0))
	f.Add([]byte{5, 10, 255, 255}, uint32(1<<32-1), false, []byte{5, 0x8A, 1, 64}, uint32(65534))
	f.Fuzz(func(t *testing.T, one []byte, ts uint32, marker bool, two []byte, later uint32) {
		var r eventReceiver
		p := &Packet{SSRC: 1, Timestamp: ts, Marker: marker, Payload: one}
		key, began, ok := r.recv(p, 8000)
		if began && (!ok || key == 0) {
			t.Error("a press of no key")
		}
		if _, again, _ := r.recv(p, 8000); again {
			t.Error("one packet began two presses")
		}
		r.recv(&Packet{SSRC: 1, Timestamp: ts + later, Payload: two, Arrival: frameTime}, 8000)
	})
}
