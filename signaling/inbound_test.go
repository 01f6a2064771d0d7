package signaling

import (
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tandem/media"
)

// voice is a page that sends, and what the call hears of it.
type voice struct {
	*testing.T
	*inbound
	seal  *srtp.Context
	reg   *prometheus.Registry
	heard []uint16
}

const voiceSSRC = 9

func newVoice(t *testing.T, suite media.SRTPSuite, profile srtp.ProtectionProfile) *voice {
	key := strings.Repeat("k", suite.KeyLength())
	seal, err := srtp.CreateContext([]byte(key[:16]), []byte(key[16:]), profile)
	if err != nil {
		t.Fatal(err)
	}
	open, err := media.NewSRTP(media.SRTPKeys{Suite: suite, Local: strings.Repeat("l", suite.KeyLength()), Remote: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &voice{T: t, seal: seal, reg: prometheus.NewRegistry()}
	v.inbound = &inbound{
		line: &line{}, ssrc: voiceSSRC, srtp: open, events: []uint8{payloadEvent}, rate: 8000, apart: true, doubt: maxDoubt, drops: media.NewMetrics(v.reg),
		direct: prometheus.NewCounter(prometheus.CounterOpts{Name: "d"}), pion: prometheus.NewCounter(prometheus.CounterOpts{Name: "p"}),
	}
	v.line.attach(newPort(v.line), func(p *media.Packet) { v.heard = append(v.heard, p.Sequence) })
	return v
}

func (v *voice) plain(number uint16, change ...func(*rtp.Packet)) []byte {
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: number, Timestamp: uint32(number) * 160, SSRC: voiceSSRC}, Payload: make([]byte, 160)}
	for _, f := range change {
		f(&p)
	}
	b, err := p.Marshal()
	if err != nil {
		v.Fatal(err)
	}
	return b
}

func (v *voice) sealed(number uint16, change ...func(*rtp.Packet)) []byte {
	b, err := v.seal.EncryptRTP(nil, v.plain(number, change...), nil)
	if err != nil {
		v.Fatal(err)
	}
	return b
}

// pion is what comes by pion's path; it is sealed first, so that the rollovers are counted.
func (v *voice) pionHas(number uint16) {
	v.sealed(number)
	v.late(v.plain(number), webrtc.RTPCodecParameters{})
}

func (v *voice) dropped(reason string) (n float64) {
	all, err := v.reg.Gather()
	if err != nil {
		v.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tandem_rtp_dropped_total" && m.GetLabel()[0].GetValue() == reason {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// begin brings the page onto the direct path with its packets 1 to 3.
func (v *voice) begin() {
	v.Helper()
	if !v.hear(v.sealed(1)) || len(v.heard) != 0 {
		v.Fatal("a packet overtakes what is under way on pion's path")
	}
	v.late(v.plain(1), webrtc.RTPCodecParameters{})
	if !v.hear(v.sealed(2)) {
		v.Fatal("pion does not get the first packet, of which nobody knows yet whether it opens")
	}
	v.late(v.plain(2), webrtc.RTPCodecParameters{})
	if v.hear(v.sealed(3)) {
		v.Fatal("pion gets a packet for nothing")
	}
	v.want(1, 2, 3)
}

// want says what was heard since it was asked last.
func (v *voice) want(numbers ...uint16) {
	v.Helper()
	if len(v.heard) != len(numbers) {
		v.Fatalf("heard %v, want %v", v.heard, numbers)
	}
	for i, n := range numbers {
		if v.heard[i] != n {
			v.Fatalf("heard %v, want %v", v.heard, numbers)
		}
	}
	v.heard = nil
}

func each(t *testing.T, f func(v *voice)) {
	t.Run("GCM", func(t *testing.T) { f(newVoice(t, media.SRTPGCM128, srtp.ProtectionProfileAeadAes128Gcm)) })
	t.Run("CM", func(t *testing.T) { f(newVoice(t, media.SRTPCM80, srtp.ProtectionProfileAes128CmHmacSha1_80)) })
}

func TestInboundRefuses(t *testing.T) {
	each(t, func(v *voice) {
		v.begin()
		good := v.sealed(4)
		forged := append([]byte(nil), good...)
		forged[20] ^= 1
		again := append([]byte(nil), good...)
		if v.hear(forged) || v.hear(good) || v.hear(again) {
			v.Error("pion is bothered with what is forged or repeated")
		}
		v.want(4)
		if v.dropped("authentication") != 1 || v.dropped("duplicate") != 1 {
			v.Errorf("dropped: %v forged, %v repeated", v.dropped("authentication"), v.dropped("duplicate"))
		}
		if !v.hear(v.sealed(5, func(p *rtp.Packet) { p.SSRC++ })) {
			v.Error("another source is not left to pion")
		}
		if v.hear(v.sealed(6, func(p *rtp.Packet) { p.PayloadType = payloadEvent })) {
			v.Error("a key goes by pion")
		}
		v.want(6)
	})
}

// Pion gets one packet a second, which is heard once.
func TestInboundKeepsPionInStep(t *testing.T) {
	each(t, func(v *voice) {
		v.begin()
		v.both -= bothEvery
		if !v.hear(v.sealed(4)) {
			v.Fatal("pion gets nothing")
		}
		v.late(v.plain(4), webrtc.RTPCodecParameters{})
		v.want(4)
		if v.hear(v.sealed(5)) {
			v.Error("pion gets too much")
		}
		v.want(5)
	})
}

// A page that was on pion's path for hours comes back to the direct one, whatever its numbers have become.
func TestInboundAfterRollovers(t *testing.T) {
	each(t, func(v *voice) {
		v.begin()
		for n := 4; n < 3<<16; n++ {
			v.pionHas(uint16(n))
		}
		v.heard = nil
		v.doubt = maxDoubt
		if !v.hear(v.sealed(0)) || v.hear(v.sealed(1)) {
			v.Error("the path does not change")
		}
		v.want(0, 1)
		for n := 2; n < 1<<17; n++ {
			v.hear(v.sealed(uint16(n)))
		}
		if len(v.heard) != 1<<17-2 {
			v.Errorf("of %d packets %d were heard", 1<<17-2, len(v.heard))
		}
	})
}

// Another payload type is told of by who reads pion's path; until then, and until nothing is under way there, packets keep their order.
func TestInboundFollowsTheCodec(t *testing.T) {
	each(t, func(v *voice) {
		v.begin()
		alaw := func(p *rtp.Packet) { p.PayloadType = payloadPCMA }
		for n := range uint16(3) {
			if !v.hear(v.sealed(4+n, alaw)) {
				v.Fatal("nobody is told of another codec")
			}
		}
		v.want()
		now := webrtc.RTPCodecParameters{PayloadType: payloadPCMA, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}}
		if c, other := v.late(v.plain(4, alaw), now); !other || c.PayloadType != payloadPCMA {
			v.Fatal("the change goes unnoticed")
		}
		if !v.hear(v.sealed(7, alaw)) {
			v.Fatal("a packet overtakes")
		}
		for n := range uint16(3) {
			v.late(v.plain(5+n, alaw), now)
		}
		if v.hear(v.sealed(8, alaw)) {
			v.Error("the direct path is not taken again")
		}
		v.want(4, 5, 6, 7, 8)
	})
}

// Keys that turn out wrong, as they would if pion had changed, cost nothing but the direct path.
func TestInboundWithWrongKeys(t *testing.T) {
	each(t, func(v *voice) {
		wrong, err := media.NewSRTP(media.SRTPKeys{Suite: media.SRTPGCM128, Local: strings.Repeat("l", 28), Remote: strings.Repeat("w", 28)}, nil)
		if err != nil {
			v.Fatal(err)
		}
		v.srtp = wrong
		for n := range uint16(200) {
			if !v.hear(v.sealed(n)) {
				v.Fatal("a packet is lost")
			}
			v.late(v.plain(n), webrtc.RTPCodecParameters{})
		}
		if len(v.heard) != 200 || v.dropped("authentication") != 0 {
			v.Errorf("%d of 200 were heard", len(v.heard))
		}
	})
	// The same when they are wrong later: a second is lost at most.
	each(t, func(v *voice) {
		v.begin()
		v.srtp, _ = media.NewSRTP(media.SRTPKeys{Suite: media.SRTPGCM128, Local: strings.Repeat("l", 28), Remote: strings.Repeat("w", 28)}, nil)
		for n := range uint16(200) {
			if v.hear(v.sealed(n + 4)) {
				v.late(v.plain(n+4), webrtc.RTPCodecParameters{})
			}
		}
		if len(v.heard) < 200-maxDoubt {
			v.Errorf("%d of 200 were heard", len(v.heard))
		}
	})
}

func TestInboundReports(t *testing.T) {
	v := newVoice(t, media.SRTPGCM128, srtp.ProtectionProfileAeadAes128Gcm)
	var got []rtcp.Packet
	write := func(p []rtcp.Packet) error { got = append(got, p...); return nil }
	v.answer(&rtcp.SenderReport{SSRC: voiceSSRC, NTPTime: 0x0000111122220000}, write)
	if len(got) != 0 {
		t.Error("a report of nothing")
	}
	v.begin()
	for n := uint16(4); n <= 20; n++ {
		if n%4 != 0 {
			v.hear(v.sealed(n))
		}
	}
	v.answer(&rtcp.SenderReport{SSRC: voiceSSRC, NTPTime: 0x0000111122220000}, write)
	rr, ok := got[0].(*rtcp.ReceiverReport)
	if !ok || len(rr.Reports) != 1 {
		t.Fatalf("report %+v", got)
	}
	// 4, 8, 12 and 16 were lost; nobody knows of 20 yet.
	if r := rr.Reports[0]; r.SSRC != voiceSSRC || r.TotalLost != 4 || r.LastSequenceNumber != 19 || r.FractionLost != 4*256/19 || r.LastSenderReport != 0x11112222 || r.Delay > 1<<15 {
		t.Errorf("report %+v", r)
	}
}

func TestInboundAllocatesNothing(t *testing.T) {
	each(t, func(v *voice) {
		v.begin()
		v.heard = make([]uint16, 0, 2000)
		var packets [][]byte
		for n := range uint16(1001) {
			packets = append(packets, v.sealed(4+n))
		}
		n := 0
		if allocs := testing.AllocsPerRun(1000, func() { v.hear(packets[n]); n++ }); allocs != 0 {
			v.Errorf("%v allocations for a packet", allocs)
		}
		if len(v.heard) != n {
			v.Errorf("heard %d of %d", len(v.heard), n)
		}
	})
}
