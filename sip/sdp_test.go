package sip

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"
)

func udpAddr(s string) *net.UDPAddr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func fuzzIngress(t *testing.T) *ingress {
	in := newIngress(newMetrics(prometheus.NewRegistry()), newSources())
	in.known = func(netip.Addr) bool { return true }
	in.gate = func(*rawMessage, netip.AddrPort) *refusal { return nil }
	in.write = func(_ gosip.TransportReadProps, data []byte) {
		head, _, _ := strings.Cut(string(data), "\r\n\r\n")
		for l := range strings.SplitSeq(head, "\r\n") {
			if strings.ContainsAny(l, "\r\n") {
				t.Errorf("injected line in %q", data)
			}
		}
	}
	in.crashed = func(r any, stack []byte) { t.Errorf("panic: %v\n%s", r, stack) }
	return in
}

func sdpOf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func audio(extra ...string) string {
	return sdpOf(append([]string{"v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"}, extra...)...)
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		name, offer string
		allowed     []string
		status      int // of the refusal, 0: accepted
		want        []string
		wantNot     []string
		check       func(a agreed) bool
	}{
		{
			name: "their order decides", offer: audio("m=audio 4000 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000"),
			want: []string{"m=audio 40000 RTP/AVP 8 101\r\n", "a=sendrecv", "a=fmtp:101 0-15"}, wantNot: []string{"rtcp-mux"},
			check: func(a agreed) bool {
				return a.codec.name == "PCMA" && a.events.pt == 101 && a.rtcp.Port() == 4001 && a.send && a.recv
			},
		},
		{
			name: "what the trunk allows", allowed: []string{"PCMU"}, offer: audio("m=audio 4000 RTP/AVP 8 0"), want: []string{"RTP/AVP 0\r\n"},
		},
		{
			name: "Opus with its own event clock", offer: audio("m=audio 4000 RTP/AVP 96 101 102", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:102 telephone-event/48000", "a=rtcp-mux"),
			want: []string{"RTP/AVP 96 102\r\n", "a=rtpmap:96 opus/48000/2", "a=rtcp-mux"}, check: func(a agreed) bool { return a.mux && a.rtcp.Port() == 4000 },
		},
		{
			name: "G.722 dynamic", offer: audio("m=audio 4000 RTP/AVP 110", "a=rtpmap:110 g722/8000"), want: []string{"a=rtpmap:110 G722/8000"},
		},
		{name: "sendonly", offer: audio("m=audio 4000 RTP/AVP 0", "a=sendonly"), want: []string{"a=recvonly"}, check: func(a agreed) bool { return !a.send && a.recv }},
		{name: "recvonly", offer: audio("m=audio 4000 RTP/AVP 0", "a=recvonly"), want: []string{"a=sendonly"}, check: func(a agreed) bool { return a.send && !a.recv }},
		{name: "inactive", offer: audio("m=audio 4000 RTP/AVP 0", "a=inactive"), want: []string{"a=inactive"}},
		{name: "direction of the session", offer: strings.Replace(audio("m=audio 4000 RTP/AVP 0"), "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1), want: []string{"a=recvonly"}},
		{name: "old hold", offer: strings.Replace(audio("m=audio 4000 RTP/AVP 0"), "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0", 1), want: []string{"a=recvonly"}, check: func(a agreed) bool { return !a.send }},
		{
			name: "video and a second audio are declined", offer: audio("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0"),
			want: []string{"m=video 0 RTP/AVP 31\r\nm=audio 40000 RTP/AVP 0", "m=audio 0 RTP/AVP 0\r\n"},
		},
		{
			name: "fax beside audio is declined", offer: audio("m=image 5000 udptl t38", "a=T38FaxVersion:0", "m=audio 4000 RTP/AVP 8"),
			want: []string{"m=image 0 udptl t38\r\nm=audio 40000 RTP/AVP 8\r\n"},
		},
		{name: "a medium that nobody knows", offer: audio("m=audio 4000 RTP/AVP 8", "m=smell 5000/2 x/y-z 1 rose"), want: []string{"m=smell 0 x/y-z 1 rose\r\n"}},
		{name: "fax only", offer: audio("m=image 5000 udptl t38"), status: 488},
		{name: "fax instead of audio", offer: audio("m=audio 0 RTP/AVP 8", "m=image 5000 UDPTL t38"), status: 488},
		{name: "a port that is none", offer: audio("m=audio 4000 RTP/AVP 8", "m=image 66000 udptl t38"), status: 400},
		{name: "the last line unended", offer: strings.TrimSuffix(audio("m=audio 4000 RTP/AVP 8"), "\r\n"), want: []string{"RTP/AVP 8\r\n"}},
		{name: "ptime", offer: audio("m=audio 4000 RTP/AVP 0", "a=ptime:40", "a=maxptime:30"), want: []string{"a=ptime:30"}, check: func(a agreed) bool { return a.ptime == 30 }},
		{name: "ptime of nonsense", offer: audio("m=audio 4000 RTP/AVP 0", "a=ptime:99999"), want: []string{"a=ptime:20"}},
		{name: "IPv6", offer: strings.ReplaceAll(audio("m=audio 4000 RTP/AVP 0"), "IP4 192.0.2.1", "IP6 2001:db8::1"), check: func(a agreed) bool { return a.remote.Addr().Is6() }},
		{name: "no common codec", offer: audio("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 SPEEX/8000"), status: 488},
		{name: "SRTP only", offer: audio("m=audio 4000 RTP/SAVP 0"), status: 488},
		{name: "video only", offer: audio("m=video 4000 RTP/AVP 31"), status: 488},
		{name: "multicast", offer: strings.ReplaceAll(audio("m=audio 4000 RTP/AVP 0"), "c=IN IP4 192.0.2.1", "c=IN IP4 224.2.2.2/127"), status: 488},
		{name: "no SDP", offer: "hello", status: 400},
		{name: "no connection", offer: sdpOf("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0", "m=audio 4000 RTP/AVP 0"), status: 400},
		{name: "much too long", offer: audio("m=audio 4000 RTP/AVP 0") + strings.Repeat("a=x\r\n", 5000), status: 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNegotiator(netip.MustParseAddrPort("127.0.0.1:40000"), 7, c.allowed, security{})
			got, err := n.answer([]byte(c.offer))
			var r *refusal
			if c.status != 0 {
				if !errors.As(err, &r) || r.status != c.status || len(r.headers) == 0 {
					t.Fatalf("err %v, want %d with a Warning", err, c.status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.want {
				if !strings.Contains(string(got), w) {
					t.Errorf("lacks %q:\n%s", w, got)
				}
			}
			for _, w := range c.wantNot {
				if strings.Contains(string(got), w) {
					t.Errorf("has %q:\n%s", w, got)
				}
			}
			if c.check != nil && !c.check(n.now) {
				t.Errorf("agreed %+v", n.now)
			}
		})
	}
}

// Our offer meets our answer: the same codec on both ends, versions that rise only with changes, and repeats that change nothing.
func TestOfferAnswer(t *testing.T) {
	a := newNegotiator(netip.MustParseAddrPort("127.0.0.1:40000"), 7, []string{"PCMA", "opus"}, security{})
	b := newNegotiator(netip.MustParseAddrPort("127.0.0.1:50000"), 8, nil, security{})
	ans, err := b.answer(a.makeOffer())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.accept(ans); err != nil {
		t.Fatal(err)
	}
	if a.now.codec.name != "PCMA" || b.now.codec.name != "PCMA" || a.now.remote.Port() != 50000 || b.now.remote.Port() != 40000 {
		t.Errorf("%+v %+v", a.now, b.now)
	}
	first := string(b.current)
	if string(b.repeat()) != first {
		t.Error("a repeat differs")
	}
	again, _ := b.answer(a.repeat())
	if string(again) != first {
		t.Errorf("the version rose without a change:\n%s\n%s", first, again)
	}
	held, _ := b.answer([]byte(strings.Replace(string(a.repeat()), "sendrecv", "sendonly", 1)))
	if !strings.Contains(string(held), "a=recvonly") || string(held) == first || !strings.Contains(string(held), "o=- 4 2 ") {
		t.Errorf("hold:\n%s", held)
	}
	if err := a.accept([]byte(audio("m=audio 0 RTP/AVP 0"))); err == nil {
		t.Error("a refused stream is taken for an answer")
	}
	if err := a.accept([]byte(audio("m=audio 4000 RTP/AVP 0"))); err == nil {
		t.Error("an answer with a codec that was not offered is taken")
	}
}

func FuzzSDP(f *testing.F) {
	f.Add([]byte(audio("m=audio 4000 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000", "a=rtcp:4001 IN IP4 192.0.2.1", "a=ptime:20", "a=sendonly")))
	f.Add([]byte(audio("m=video 5000/2 RTP/AVP 31", "m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 x=1")))
	f.Add([]byte(audio("m=image 5000 udptl t38", "m=audio 4000 RTP/AVP 0")))
	f.Fuzz(func(t *testing.T, offer []byte) {
		n := newNegotiator(netip.MustParseAddrPort("127.0.0.1:40000"), 7, nil, security{})
		answer, err := n.answer(offer)
		if err != nil {
			return
		}
		d, err := parseSDP(answer, security{})
		if err != nil || len(d.lines) != len(n.lines) {
			t.Fatalf("our answer does not read back: %v\n%s", err, answer)
		}
		if err := newOfferer().accept(answer); err != nil && !errors.As(err, new(*refusal)) {
			t.Fatal(err)
		}
	})
}

func newOfferer() *negotiator {
	n := newNegotiator(netip.MustParseAddrPort("127.0.0.1:40002"), 9, nil, security{})
	n.makeOffer()
	return n
}

func TestSpeakable(t *testing.T) {
	for _, c := range []struct {
		names []string
		opus  bool
		want  string
	}{{nil, true, ""}, {nil, false, "PCMU PCMA G722"}, {[]string{"opus", "PCMA"}, false, "PCMA"}, {[]string{"opus"}, false, "none"}, {[]string{"opus"}, true, "opus"}} {
		if got := strings.Join(speakable(c.names, c.opus), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.names, got, c.want)
		}
	}
}

func TestPreferredCodecIsOfferedFirst(t *testing.T) {
	for first, want := range map[string]string{"": "PCMU PCMA G722 opus", "G722": "G722 PCMU PCMA opus", "OPUS": "opus PCMU PCMA G722", "G729": "PCMU PCMA G722 opus"} {
		if got := strings.Join(preferring(first), " "); got != want {
			t.Errorf("preferring %q: %s, want %s", first, got, want)
		}
	}
}
