package siptest

import (
	"encoding/base64"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"

	"tandem/media/codec"
)

// Audio is a phone's RTP socket: it plays a tone and keeps what it hears, G.711 both ways.
type Audio struct {
	t    testing.TB
	conn *net.UDPConn
	stop chan struct{}
	work sync.WaitGroup

	mu    sync.Mutex
	heard []int16
	types map[uint8]int // packets heard by payload type
	peer  netip.AddrPort
	pt    uint8
	freq  float64
	muted bool

	out, in *srtp.Context // nil: in the clear
	dtls    handshakes
}

// NewAudio opens an RTP socket on 127.0.0.1; it closes with the test. It sends silence to the peer, once there is one, until Tone.
func NewAudio(t testing.TB) *Audio {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	a := &Audio{t: t, conn: conn, stop: make(chan struct{}), types: map[uint8]int{}, dtls: handshakes{in: packetio.NewBuffer()}}
	a.work.Go(a.read)
	a.work.Go(a.play)
	t.Cleanup(func() {
		close(a.stop)
		_ = conn.Close()
		a.work.Wait()
	})
	return a
}

// Port is where the phone hears.
func (a *Audio) Port() int { return a.conn.LocalAddr().(*net.UDPAddr).Port }

// Tone plays a sine from now on; 0 is silence.
func (a *Audio) Tone(hz float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.freq = hz
}

// Follow sends to the address and with the first payload type of a description.
func (a *Audio) Follow(sdp []byte) {
	a.t.Helper()
	host, port, pt := "", 0, 0
	for line := range strings.SplitSeq(string(sdp), "\r\n") {
		if v, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			host = v
		}
		if f := strings.Fields(line); len(f) > 3 && f[0] == "m=audio" {
			port, _ = strconv.Atoi(f[1])
			pt, _ = strconv.Atoi(f[3])
		}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || port == 0 {
		a.t.Fatalf("no RTP address in %s", sdp)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peer, a.pt = netip.AddrPortFrom(ip, uint16(port)), uint8(pt)
}

// Encrypt sends with one key and hears what was sent with the other; key and salt are in base64, as in SDP. No packet in the clear is heard.
func (a *Audio) Encrypt(profile srtp.ProtectionProfile, ours, theirs string) {
	a.t.Helper()
	make := func(key string) *srtp.Context {
		raw, err := base64.StdEncoding.DecodeString(key)
		if err != nil || len(raw) < 16 {
			a.t.Fatalf("key: %d bytes, %v", len(raw), err)
		}
		c, err := srtp.CreateContext(raw[:16], raw[16:], profile)
		if err != nil {
			a.t.Fatal(err)
		}
		return c
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out, a.in = make(ours), make(theirs)
}

// Junk sends bytes as they are from where the phone hears.
func (a *Audio) Junk(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = a.conn.WriteToUDPAddrPort(b, a.peer)
}

// Mute stops sending packets at all.
func (a *Audio) Mute(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.muted = on
}

func (a *Audio) play() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	pcm, payload := make([]int16, 160), make([]byte, codec.MaxPayload)
	encoders := map[uint8]codec.Encoder{}
	p := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 0x7e57, SequenceNumber: 1}}
	phase := 0.0
	for {
		select {
		case <-a.stop:
			return
		case <-tick.C:
		}
		a.mu.Lock()
		peer, pt, freq, muted, out := a.peer, a.pt, a.freq, a.muted, a.out
		a.mu.Unlock()
		if !peer.IsValid() || muted {
			continue
		}
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(phase))
			phase += 2 * math.Pi * freq / 8000
		}
		enc := encoders[pt]
		if enc == nil {
			enc, _ = codec.NewEncoder(g711(pt), 8000)
			encoders[pt] = enc
		}
		n, err := enc.Encode(payload, pcm)
		if err != nil {
			continue
		}
		p.PayloadType, p.Payload = pt, payload[:n]
		b, err := p.Marshal()
		if out != nil && err == nil {
			b, err = out.EncryptRTP(nil, b, nil)
		}
		if err == nil {
			_, _ = a.conn.WriteToUDPAddrPort(b, peer)
		}
		p.SequenceNumber++
		p.Timestamp += 160
	}
}

func g711(pt uint8) codec.Codec {
	switch pt {
	case 8:
		return codec.PCMA
	case 9:
		return codec.G722
	}
	return codec.PCMU
}

func (a *Audio) read() {
	buf, pcm := make([]byte, 2048), make([]int16, codec.MaxSamples)
	decoders := map[uint8]codec.Decoder{}
	var p rtp.Packet
	for {
		n, err := a.conn.Read(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		if n > 0 && b[0] >= 20 && b[0] <= 63 { // DTLS (RFC 7983)
			_, _ = a.dtls.in.Write(b)
			continue
		}
		a.mu.Lock()
		in := a.in
		a.mu.Unlock()
		if in != nil {
			b, err = in.DecryptRTP(nil, b, nil)
		}
		if err != nil || p.Unmarshal(b) != nil {
			continue
		}
		dec := decoders[p.PayloadType]
		if dec == nil && (p.PayloadType == 0 || p.PayloadType == 8 || p.PayloadType == 9) {
			dec, _ = codec.NewDecoder(g711(p.PayloadType), 8000)
			decoders[p.PayloadType] = dec
		}
		a.mu.Lock()
		a.types[p.PayloadType]++
		if dec != nil {
			if m, err := dec.Decode(pcm, p.Payload); err == nil {
				a.heard = append(a.heard, pcm[:m]...)
			}
		}
		a.mu.Unlock()
	}
}

// Packets is how many packets of a payload type were heard.
func (a *Audio) Packets(pt uint8) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.types[pt]
}

// Forget drops what was heard so far.
func (a *Audio) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = nil
	clear(a.types)
}

// Hears waits until the last quarter second is a tone of the given frequency, within 5 Hz; it fails the test otherwise.
func (a *Audio) Hears(hz float64) {
	a.t.Helper()
	deadline := time.Now().Add(Wait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	got := 0.0
	for time.Now().Before(deadline) {
		<-tick.C
		a.mu.Lock()
		var last []int16
		if len(a.heard) >= 2000 {
			last = append(last, a.heard[len(a.heard)-2000:]...)
		}
		a.mu.Unlock()
		if got = pitch(last); math.Abs(got-hz) <= 5 {
			return
		}
	}
	a.t.Fatalf("hears %.0f Hz, want %.0f", got, hz)
}

// pitch counts zero crossings, which is exact enough for a sine; 0 for silence.
func pitch(pcm []int16) float64 {
	if len(pcm) == 0 {
		return 0
	}
	first, last, n, peak := -1.0, 0.0, 0, int16(0)
	for i := 1; i < len(pcm); i++ {
		peak = max(peak, pcm[i])
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			at := float64(i-1) + float64(-pcm[i-1])/float64(int(pcm[i])-int(pcm[i-1]))
			if first < 0 {
				first = at
			} else {
				n++
			}
			last = at
		}
	}
	if n < 5 || peak < 500 {
		return 0
	}
	return float64(n) * 8000 / (last - first)
}
