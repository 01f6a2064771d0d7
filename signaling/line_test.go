package signaling

import (
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/media"
)

type sent struct {
	rtp.Header
	payload []byte
}

// wire is the connection's end of a line.
type wire struct{ packets []sent }

func (w *wire) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.packets = append(w.packets, sent{h.Clone(), payload})
	return len(payload), nil
}

func (*wire) Write(b []byte) (int, error) { return len(b), nil }

// One call after the other on one connection: the browser sees one SSRC, so numbers and timestamps must go on.
func TestLineJoinsLegs(t *testing.T) {
	l, w := &line{}, &wire{}
	l.connect(&outbound{writer: w, way: &way{}, ssrc: 42, pion: prometheus.NewCounter(prometheus.CounterOpts{Name: "p"})}, 8000)
	first, second := newPort(l), newPort(l)
	for _, p := range []struct {
		port *port
		media.Packet
	}{
		{first, media.Packet{Sequence: 65534, Timestamp: 4294967200, SSRC: 1}},
		{first, media.Packet{Sequence: 65535, Timestamp: 64, SSRC: 1}},
		{second, media.Packet{Sequence: 7, Timestamp: 99, SSRC: 2}},
		{second, media.Packet{Sequence: 9, Timestamp: 99 + 320, SSRC: 2}}, // one was lost: it stays lost
		{second, media.Packet{Sequence: 8, Timestamp: 99 + 160, SSRC: 2}}, // or late
		{first, media.Packet{Sequence: 100, Timestamp: 5, SSRC: 1}},
	} {
		p.Payload = []byte{1}
		if err := p.port.Send(&p.Packet); err != nil {
			t.Fatal(err)
		}
	}
	begin := w.packets[0].SequenceNumber
	for i, want := range []uint16{0, 1, 2, 4, 3, 5} {
		got := w.packets[i]
		if got.SequenceNumber-begin != want || got.SSRC != 42 {
			t.Errorf("packet %d: number %d, SSRC %d, want %d", i, got.SequenceNumber-begin, got.SSRC, want)
		}
	}
	for i, marked := range []bool{true, false, true, false, false, true} {
		if w.packets[i].Marker != marked {
			t.Errorf("packet %d: marker %v", i, w.packets[i].Marker)
		}
	}
	if d := w.packets[3].Timestamp - w.packets[2].Timestamp; d != 320 {
		t.Errorf("timestamps %d apart, want 320", d)
	}
	if d := int32(w.packets[2].Timestamp - w.packets[1].Timestamp); d < 0 || d > 8000 {
		t.Errorf("the second leg's timestamps begin %d after the first's", d)
	}
	sr, ok := l.report(rtcp.ReceptionReport{SSRC: 9}).(*rtcp.SenderReport)
	if !ok || sr.SSRC != 42 || sr.PacketCount != 6 || sr.OctetCount != 6 || sr.RTPTime-w.packets[5].Timestamp > 8000 || len(sr.Reports) != 1 || sr.Reports[0].SSRC != 9 {
		t.Errorf("report %+v", sr)
	}
	_ = second.Close()
	if second.Send(&media.Packet{}) == nil {
		t.Error("a closed port sends")
	}
	l.disconnect(&wire{}) // of a connection that is no longer the line's
	if _ = first.Send(&media.Packet{Sequence: 101}); len(w.packets) != 7 {
		t.Error("the old connection's end cut the new one off")
	}
	l.disconnect(w)
	if err := first.Send(&media.Packet{Sequence: 102}); err != nil || len(w.packets) != 7 {
		t.Errorf("without a connection: %v, %d packets", err, len(w.packets))
	}
}

func TestLineReceives(t *testing.T) {
	l := &line{}
	now := func() *media.Packet {
		return &media.Packet{Sequence: 7, Timestamp: 8, SSRC: 9, Payload: []byte{1, 2}, Arrival: media.Now()}
	}
	l.receive(now())
	if l.silentFor() > silence {
		t.Error("a packet without a call does not count as heard")
	}
	var got []media.Packet
	p := newPort(l)
	l.attach(p, func(m *media.Packet) { got = append(got, *m) })
	l.receive(now())
	later := newPort(l)
	l.attach(later, func(*media.Packet) {})
	l.detach(p) // the one that came after it is on now
	l.receive(now())
	if len(l.ports) != 1 || l.ports[0].port != later || len(got) != 1 || got[0].Sequence != 7 || len(got[0].Payload) != 2 {
		t.Errorf("received %+v", got)
	}
	packet := now()
	if n := testing.AllocsPerRun(100, func() { l.receive(packet) }); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func TestPadding(t *testing.T) {
	packet := append(make([]byte, 20), 3)
	for _, c := range []struct {
		last   byte
		padded bool
		want   int
	}{{3, true, 3}, {3, false, 0}, {9, true, 9}, {10, true, 0}, {255, true, 0}} {
		packet[20] = c.last
		if got := paddingOf(packet, 12, c.padded); got != c.want {
			t.Errorf("padding %d: %d, want %d", c.last, got, c.want)
		}
	}
}
