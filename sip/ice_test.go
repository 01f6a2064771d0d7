package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"tandem/media"
)

const browserCert = "a=fingerprint:sha-256 " +
	"A7:C6:86:69:42:20:69:50:4E:7D:74:2C:69:B3:A5:5D:B5:A9:7A:AE:6C:29:98:9E:46:A0:6E:BA:6B:37:A9:61"

// browserSDP is a description as browsers make it that hide their address; each replacement is old, new.
func browserSDP(replace ...string) []byte {
	text := sdpOf("v=0", "o=- 4611 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 v", "a=msid-semantic: WMS",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:k/G6", "a=ice-pwd:uxrcvwGMtTxXXufmaagjoyY7", "a=ice-options:trickle",
		browserCert, "a=setup:actpass", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=rtpmap:0 PCMU/8000", "a=rtpmap:110 telephone-event/48000",
		"m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:v", "a=rtpmap:96 VP8/90000")
	return []byte(strings.NewReplacer(replace...).Replace(text))
}

func webNegotiator(web bool) *negotiator {
	n := newNegotiator(netip.MustParseAddrPort("192.0.2.5:40000"), 7, nil, security{})
	n.fingerprint, n.web = strings.TrimPrefix(browserCert, "a=fingerprint:"), web
	return n
}

// A browser's offer is answered by a lite agent, whatever it is called by; its address is none that anything is sent to.
func TestICEAnswered(t *testing.T) {
	n := webNegotiator(false)
	answer := func(offer []byte) string {
		t.Helper()
		got, err := n.answer(offer)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	has := func(sdp string, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !strings.Contains(sdp, "\r\n"+l+"\r\n") {
				t.Errorf("lacks %q:\n%s", l, sdp)
			}
		}
	}
	sdp := answer(browserSDP())
	first := n.now.ice
	has(sdp, "a=ice-lite", "a=group:BUNDLE 0", "m=audio 40000 UDP/TLS/RTP/SAVPF 111 110", "a=mid:0", "a=setup:passive", "a=rtcp-mux", "a=sendrecv", "a=ice-ufrag:"+first.own.ufrag,
		"a=ice-pwd:"+first.own.password, "a=candidate:1 1 udp 2130706431 192.0.2.5 40000 typ host", "a=end-of-candidates", "m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:v")
	if n.held() || *first.media() != (media.ICE{Ufrag: first.own.ufrag, Password: first.own.password, Peer: "k/G6"}) {
		t.Errorf("agreed %+v", n.now)
	}
	if answer(browserSDP("a=sendrecv", "a=sendonly")); n.now.ice != first {
		t.Error("credentials change though theirs have not")
	}
	if answer(browserSDP("uxrcvwGMtTxXXufmaagjoyY7", "anotherPasswordAndLongEnough")); n.now.ice.own.ufrag == first.own.ufrag || n.now.ice.own.password == first.own.password {
		t.Error("a restart keeps our credentials")
	}
	has(answer(browserSDP("a=setup:actpass", "a=setup:passive")), "a=setup:active")
	for name, offer := range map[string][]byte{
		"no shared port":   browserSDP("a=rtcp-mux\r\n", ""),
		"no password":      browserSDP("a=ice-pwd:uxrcvwGMtTxXXufmaagjoyY7\r\n", ""),
		"a short password": browserSDP("uxrcvwGMtTxXXufmaagjoyY7", "short"),
		"no user":          browserSDP("k/G6", "k G6"),
	} {
		if sdp := answer(offer); strings.Contains(sdp, "a=ice") || strings.Contains(sdp, "a=candidate") || n.now.ice.media() != nil {
			t.Errorf("%s is answered by\n%s", name, sdp)
		}
	}
	if sdp := answer(browserSDP("a=group:BUNDLE 0 v", "a=group:LS 0 v")); strings.Contains(sdp, "BUNDLE") {
		t.Errorf("bundled unasked:\n%s", sdp)
	}
}

// Who is registered by WebSocket is offered WebRTC alone. An answer without ICE is met as its description says; one in the clear is refused.
func TestICEOffered(t *testing.T) {
	a, b := webNegotiator(true), webNegotiator(false)
	offer := string(a.makeOffer())
	for _, l := range []string{"a=ice-lite", "a=group:BUNDLE 0", "a=mid:0", "a=setup:actpass", "a=rtcp-mux", browserCert, "a=ice-ufrag:" + a.keys.ice.ufrag} {
		if !strings.Contains(offer, "\r\n"+l+"\r\n") {
			t.Errorf("lacks %q:\n%s", l, offer)
		}
	}
	if !strings.Contains(offer, "m=audio 40000 UDP/TLS/RTP/SAVPF ") || strings.Contains(offer, "a=crypto") {
		t.Errorf("offered\n%s", offer)
	}
	answer, err := b.answer([]byte(offer))
	if err != nil || a.accept(answer) != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	agreed := a.now.ice
	if agreed.media() == nil || agreed.own != b.now.ice.theirs || agreed.theirs != b.now.ice.own {
		t.Errorf("agreed %+v and %+v", agreed, b.now.ice)
	}
	if again := a.makeOffer(); a.keys.ice != agreed.own || !strings.Contains(string(again), "a=mid:0\r\n") {
		t.Errorf("offered again\n%s", again)
	}
	if a.repeat(); a.keys.ice != agreed.own {
		t.Error("a refresh restarts ICE")
	}

	a = webNegotiator(true)
	a.makeOffer()
	var r *refusal
	if err := a.accept([]byte(audio("m=audio 4000 RTP/AVP 0"))); !errors.As(err, &r) || r.status != 488 {
		t.Errorf("in the clear: %v", err)
	}
	if err := a.accept([]byte(audio("m=audio 4000 UDP/TLS/RTP/SAVPF 0", browserCert, "a=setup:active", "a=rtcp-mux"))); err != nil || a.now.ice.media() != nil || a.now.dtls == nil {
		t.Errorf("without ICE: %v, %+v", err, a.now)
	}
}
