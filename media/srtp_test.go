package media

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

var suites = []SRTPSuite{SRTPGCM128, SRTPCM80, SRTPCM32}

func key(s SRTPSuite, fill string) string { return strings.Repeat(fill, s.KeyLength())[:s.KeyLength()] }

// farEnd is the library at the other end, made from the keys alone.
type farEnd struct {
	*peer
	out, in *srtp.Context
}

func newFarEnd(t *testing.T, p *peer, suite SRTPSuite, out, in string) *farEnd {
	t.Helper()
	profiles := map[SRTPSuite]srtp.ProtectionProfile{
		SRTPGCM128: srtp.ProtectionProfileAeadAes128Gcm, SRTPCM80: srtp.ProtectionProfileAes128CmHmacSha1_80, SRTPCM32: srtp.ProtectionProfileAes128CmHmacSha1_32,
	}
	make := func(key string) *srtp.Context {
		c, err := srtp.CreateContext([]byte(key[:16]), []byte(key[16:]), profiles[suite])
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return &farEnd{p, make(out), make(in)}
}

// sealed is an encrypted packet of the far end.
func (f *farEnd) sealed(mark byte) []byte {
	f.t.Helper()
	f.seq++
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: f.seq, Timestamp: uint32(f.seq) * 160, SSRC: f.ssrc},
		Payload: slices.Repeat([]byte{mark}, 160),
	}).Marshal()
	if err != nil {
		f.t.Fatal(err)
	}
	if b, err = f.out.EncryptRTP(nil, b, nil); err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *farEnd) says(to netip.AddrPort, mark byte) { f.raw(to, f.sealed(mark)) }

// hears is the next packet that comes, decrypted.
func (f *farEnd) hears() (p rtp.Packet) {
	f.t.Helper()
	b, err := f.in.DecryptRTP(nil, f.recv(), nil)
	if err == nil {
		err = p.Unmarshal(b)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func mustSRTP(t testing.TB, keys SRTPKeys, before *SRTP) *SRTP {
	t.Helper()
	s, err := NewSRTP(keys, before)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// encryptedPort is a port with its far end, which has other keys both ways.
func encryptedPort(t *testing.T, suite SRTPSuite) (*RTPPort, *farEnd, SRTPKeys, *Metrics) {
	t.Helper()
	pool, m := newPool(t, 15000, 15999)
	port, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	keys := SRTPKeys{Suite: suite, Local: key(suite, "ours"), Remote: key(suite, "theirs")}
	far := newFarEnd(t, newPeer(t, loopback, 7), suite, keys.Remote, keys.Local)
	return port, far, keys, m
}

// Each suite is heard and understood both ways, RTCP too; what is the same on the wire twice is heard once.
func TestSRTPBothWays(t *testing.T) {
	for _, suite := range suites {
		t.Run(string(suite), func(t *testing.T) {
			port, far, keys, m := encryptedPort(t, suite)
			heard, control := listen(t, port)
			port.SetRemote(far.addr(), RTPTrust{PayloadTypes: []uint8{0}, Mux: true, SRTP: mustSRTP(t, keys, nil)})
			for i := range 10 {
				far.says(port.LocalAddr(), byte('a'+i))
				if b := next(t, heard); b != byte('a'+i) {
					t.Fatalf("heard %c", b)
				}
				if err := port.Send(&Packet{Sequence: uint16(65530 + i), SSRC: 3, Payload: []byte{byte('A' + i), 1, 2}}); err != nil {
					t.Fatal(err)
				}
				if p := far.hears(); p.Payload[0] != byte('A'+i) || len(p.Payload) != 3 { // over a rollover
					t.Fatalf("they hear %q", p.Payload)
				}
			}
			again := far.sealed('r')
			far.raw(port.LocalAddr(), again)
			far.raw(port.LocalAddr(), again)
			far.says(port.LocalAddr(), 's')
			if a, b := next(t, heard), next(t, heard); a != 'r' || b != 's' {
				t.Errorf("heard %c and %c", a, b)
			}
			if n := count(t, m.dropped[dropDuplicate]); n != 1 {
				t.Errorf("%v packets were heard before", n)
			}
			report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7}})
			if err != nil {
				t.Fatal(err)
			}
			far.raw(port.LocalAddr(), report) // in the clear
			sealed, err := far.out.EncryptRTCP(nil, report, nil)
			if err != nil {
				t.Fatal(err)
			}
			far.raw(port.LocalAddr(), sealed)
			if b := next(t, control); !slices.Equal(b, report) {
				t.Errorf("RTCP is %x", b)
			}
			if n := count(t, m.dropped[dropAuthentication]); n != 1 {
				t.Errorf("%v were not authentic", n)
			}
			if err := port.SendControl(report); err != nil {
				t.Fatal(err)
			}
			if b, err := far.in.DecryptRTCP(nil, far.recv(), nil); err != nil || !slices.Equal(b, report) {
				t.Errorf("they get RTCP %x, %v", b, err)
			}
		})
	}
}

// The reference packet of libsrtp (srtp_validate), whose keys are those of RFC 3711 B.3.
func TestSRTPVectors(t *testing.T) {
	for _, c := range []struct {
		suite              SRTPSuite
		key, plain, sealed string
	}{
		{
			SRTPCM80, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
			"800f1234decafbadcafebabeabababababababababababababababab",
			"800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
		},
		{
			SRTPCM32, "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
			"800f1234decafbadcafebabeabababababababababababababababab",
			"800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc",
		},
	} {
		raw := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		k := string(raw(c.key))
		s := mustSRTP(t, SRTPKeys{Suite: c.suite, Local: k, Remote: k}, nil)
		b := append(make([]byte, 0, 100), raw(c.plain)...)
		sealed, err := s.seal(b)
		if err != nil || hex.EncodeToString(sealed) != c.sealed {
			t.Errorf("%s: %x, %v", c.suite, sealed, err)
		}
		if plain, ok, _ := s.open(raw(c.sealed)); !ok || hex.EncodeToString(plain) != c.plain {
			t.Errorf("%s: %x", c.suite, plain)
		}
	}
}

// 10,000 packets that are not authentic, from the peer's own address and from elsewhere, change nothing: not whom the port hears, not where
// it sends, and not what is known of the peer's packets (ES2021-09, ES2025-01).
func TestJunkLearnsNothing(t *testing.T) {
	for _, suite := range suites {
		t.Run(string(suite), func(t *testing.T) {
			port, far, keys, m := encryptedPort(t, suite)
			heard, _ := listen(t, port)
			port.SetRemote(far.addr(), RTPTrust{NAT: true, PayloadTypes: []uint8{0}, SRTP: mustSRTP(t, keys, nil)})
			stranger := newPeer(t, loopback, far.ssrc)
			junk := func(n int) {
				for i := range n {
					b := far.sealed('x')
					far.seq--
					if b[len(b)-1-i%4] ^= 1 << (i % 8); i%3 == 0 {
						for j := range b[12:] {
							b[12+j] = byte(rand.Uint32())
						}
					}
					b[2], b[3], b[11] = byte(i>>8), byte(i), byte(7+i%2) // sequences, and another SSRC
					from := stranger
					if i%2 == 0 {
						from = far.peer
					}
					from.raw(port.LocalAddr(), b)
					if i%100 == 99 { // the port reads no slower than we write
						far.says(port.LocalAddr(), 'g')
						if b := next(t, heard); b != 'g' {
							t.Fatalf("heard %c", b)
						}
					}
				}
			}
			before := *port.remote.Load()
			junk(10000)
			if n := count(t, m.dropped[dropAuthentication]); n != 10000 {
				t.Errorf("%v of 10,000 were not authentic", n)
			}
			if at := *port.remote.Load(); at != before {
				t.Errorf("the port sends to %v", at)
			}
			if err := port.Send(&Packet{SSRC: 3, Payload: []byte("v")}); err != nil || string(far.hears().Payload) != "v" {
				t.Errorf("they hear something else: %v", err)
			}
			stranger.seq = 100
			for range 10 {
				stranger.send(port.LocalAddr(), 'x') // in the clear
			}
			far.says(port.LocalAddr(), 'z')
			if b := next(t, heard); b != 'z' {
				t.Errorf("heard %c", b)
			}
		})
	}
}

// The same keys again change nothing, and so does a new key of theirs for what we send. A new SSRC begins anew.
func TestSRTPKeepsItsCounters(t *testing.T) {
	for _, suite := range suites {
		port, far, keys, _ := encryptedPort(t, suite)
		heard, _ := listen(t, port)
		first := mustSRTP(t, keys, nil)
		port.SetRemote(far.addr(), RTPTrust{PayloadTypes: []uint8{0}, SRTP: first})
		says := func(mark byte) {
			t.Helper()
			far.says(port.LocalAddr(), mark)
			if b := next(t, heard); b != mark {
				t.Fatalf("%s: heard %c, want %c", suite, b, mark)
			}
		}
		far.seq = 65533
		for range 6 {
			says('a') // over a rollover
		}
		again := mustSRTP(t, keys, first)
		port.SetRemote(far.addr(), RTPTrust{PayloadTypes: []uint8{0}, SRTP: again})
		says('b')
		far.ssrc, far.seq = 8, 100
		far.says(port.LocalAddr(), 'x')
		far.says(port.LocalAddr(), 'x')
		says('c') // the third in sequence
		keys.Remote = key(suite, "another")
		other := mustSRTP(t, keys, again)
		if other.out != first.out || other.in == first.in {
			t.Errorf("%s: the wrong direction was renewed", suite)
		}
		far.out = newFarEnd(t, far.peer, suite, keys.Remote, keys.Local).out
		port.SetRemote(far.addr(), RTPTrust{PayloadTypes: []uint8{0}, SRTP: other})
		says('d')
	}
}

// One key knows so many sources and no more, whoever has it.
func TestSRTPSources(t *testing.T) {
	keys := SRTPKeys{Suite: SRTPCM80, Local: key(SRTPCM80, "ours"), Remote: key(SRTPCM80, "theirs")}
	s := mustSRTP(t, keys, nil)
	far := newFarEnd(t, newPeer(t, loopback, 1), SRTPCM80, keys.Remote, keys.Local)
	for i := range maxSSRCs {
		far.ssrc = uint32(i)
		if _, ok, why := s.open(far.sealed('a')); !ok {
			t.Fatalf("source %d: %s", i, dropNames[why])
		}
	}
	far.ssrc = 0
	if _, ok, _ := s.open(far.sealed('a')); !ok {
		t.Error("a known source is not heard")
	}
	far.ssrc = maxSSRCs
	if _, ok, why := s.open(far.sealed('a')); ok || why != dropSSRC {
		t.Errorf("one too many: %v, %s", ok, dropNames[why])
	}
	for _, junk := range [][]byte{nil, {0x80}, make([]byte, 14), make([]byte, 40)} {
		if _, ok, _ := s.open(junk); ok {
			t.Errorf("%x is heard", junk)
		}
		if _, ok := s.openControl(junk); ok {
			t.Errorf("%x is heard", junk)
		}
	}
}

func TestSRTPKeysAreChecked(t *testing.T) {
	for _, k := range []SRTPKeys{{}, {Suite: "NULL_HMAC_SHA1_80", Local: "k", Remote: "k"}, {Suite: SRTPCM80, Local: key(SRTPCM80, "k"), Remote: "short"}} {
		if _, err := NewSRTP(k, nil); err == nil {
			t.Errorf("%q", k.Suite)
		}
	}
	keys := SRTPKeys{Suite: SRTPCM80, Local: "secret", Remote: "secret"}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("keys", "keys", keys)
	fmt.Fprintf(&b, "%v %+v %#v", keys, keys, keys)
	if strings.Contains(b.String(), "secret") {
		t.Errorf("written: %s", b.String())
	}
}

// Nothing is allocated for a packet, encrypted or not.
func TestSRTPAllocatesNothing(t *testing.T) {
	for _, suite := range append([]SRTPSuite{""}, suites...) {
		port, far, keys, _ := encryptedPort(t, cmp.Or(suite, SRTPCM80))
		trust := RTPTrust{PayloadTypes: []uint8{0}}
		if suite != "" {
			trust.SRTP = mustSRTP(t, keys, nil)
		}
		port.SetRemote(far.addr(), trust)
		var packets [][]byte
		for range 202 {
			far.seq++
			b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: far.seq, SSRC: 7}, Payload: make([]byte, 160)}).Marshal()
			if suite != "" && err == nil {
				b, err = far.out.EncryptRTP(nil, b, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, b)
		}
		heard := 0
		hear := port.onRTP(func(*Packet) { heard++ }, func([]byte) {})
		at, i := far.addr(), 0
		p := Packet{SSRC: 3, Payload: make([]byte, 160)}
		if n := testing.AllocsPerRun(200, func() {
			hear(packets[i], at)
			i++
			p.Sequence++
			if err := port.Send(&p); err != nil {
				t.Fatal(err)
			}
		}); n > poolAllocs || heard < 199 {
			t.Errorf("%q: %v allocations a packet, %d heard", suite, n, heard)
		}
		_ = port.Close()
	}
}

// A packet of G.711 in and out again, as a port does it, without the sockets.
func BenchmarkSRTP(b *testing.B) {
	for _, suite := range suites {
		b.Run(string(suite), func(b *testing.B) {
			k := key(suite, "k")
			s := mustSRTP(b, SRTPKeys{Suite: suite, Local: k, Remote: k}, nil)
			buf := make([]byte, 172, 200)
			seq := uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				buf[0], buf[2], buf[3] = 0x80, byte(seq>>8), byte(seq)
				sealed, err := s.seal(buf)
				if err != nil {
					b.Fatal(err)
				}
				if _, ok, why := s.open(sealed); !ok {
					b.Fatal(dropNames[why])
				}
			}
		})
	}
}
