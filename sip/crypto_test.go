package sip

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tandem/media"
)

func keyOf(s media.SRTPSuite, fill string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 30)[:s.KeyLength()]))
}

var (
	lineGCM  = "a=crypto:1 AEAD_AES_128_GCM inline:" + keyOf(media.SRTPGCM128, "g")
	line80   = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" + keyOf(media.SRTPCM80, "8") + "|2^31"
	line32   = "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:" + keyOf(media.SRTPCM32, "3")
	lineDTLS = "a=fingerprint:SHA-256 " + strings.TrimSuffix(strings.Repeat("aB:", 32), ":")
	lineMKI  = "a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:" + keyOf(media.SRTPCM80, "m") + "|2^31|1:1"
)

func negotiate(policy Encryption, private bool) *negotiator {
	return newNegotiator(netip.MustParseAddrPort("127.0.0.1:40000"), 7, nil, security{policy: policy, private: private})
}

// became is what came of an offer or answer: "srtp", "clear" or "488".
func became(t *testing.T, n *negotiator, err error) string {
	t.Helper()
	var r *refusal
	switch {
	case errors.As(err, &r) && r.status == 488:
		return "488"
	case err != nil:
		t.Fatal(err)
	case n.now.srtp != nil:
		return "srtp"
	case n.now.dtls != nil:
		return "dtls"
	}
	return "clear"
}

// What becomes of each offer, by the trunk's policy and by who could read the keys.
func TestEncryptionPolicy(t *testing.T) {
	offers := map[string]string{
		"none":             audio("m=audio 4000 RTP/AVP 0"),
		"best effort":      audio("m=audio 4000 RTP/AVP 0", lineMKI, line80),
		"SDES":             audio("m=audio 4000 RTP/SAVP 0", lineGCM, line80),
		"SDES, short tag":  audio("m=audio 4000 RTP/SAVPF 0", line32),
		"keys stripped":    audio("m=audio 4000 RTP/SAVP 0"),
		"none that we can": audio("m=audio 4000 RTP/SAVP 0", lineMKI, "a=crypto:1 F8_128_HMAC_SHA1_80 inline:x"),
		"DTLS":             audio("m=audio 4000 UDP/TLS/RTP/SAVPF 0", lineDTLS, "a=setup:actpass"),
		"DTLS or nothing":  audio("m=audio 4000 RTP/AVP 0", lineDTLS, "a=setup:active"),
		"DTLS or SDES":     audio("m=audio 4000 RTP/AVP 0", lineDTLS, "a=setup:active", line80),
		"DTLS, half":       audio("m=audio 4000 UDP/TLS/RTP/SAVP 0", "a=fingerprint:sha-256 00:11", "a=setup:actpass"),
		"DTLS by SHA-1":    audio("m=audio 4000 UDP/TLS/RTP/SAVP 0", "a=fingerprint:sha-1 "+strings.TrimSuffix(strings.Repeat("AB:", 20), ":"), "a=setup:actpass"),
		"DTLS on hold":     audio("m=audio 4000 UDP/TLS/RTP/SAVP 0", lineDTLS, "a=setup:holdconn"),
		"either":           audio("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/SAVP 0", line80),
	}
	for _, c := range []struct {
		policy  Encryption
		private bool
		want    map[string]string // others: 488
	}{
		{EncryptionOff, true, map[string]string{"none": "clear", "best effort": "clear", "either": "clear", "DTLS or nothing": "clear", "DTLS or SDES": "clear"}},
		{EncryptionOff, false, map[string]string{"none": "clear", "best effort": "clear", "either": "clear", "DTLS or nothing": "clear", "DTLS or SDES": "clear"}},
		{EncryptionPrefer, true, map[string]string{
			"none": "clear", "best effort": "srtp", "SDES": "srtp", "SDES, short tag": "srtp", "either": "srtp", "DTLS": "dtls", "DTLS or nothing": "dtls", "DTLS or SDES": "srtp",
		}},
		{EncryptionPrefer, false, map[string]string{
			"none": "clear", "best effort": "clear", "either": "clear", "DTLS": "dtls", "DTLS or nothing": "dtls", "DTLS or SDES": "dtls",
		}},
		{EncryptionRequire, true, map[string]string{
			"best effort": "srtp", "SDES": "srtp", "SDES, short tag": "srtp", "either": "srtp", "DTLS": "dtls", "DTLS or nothing": "dtls", "DTLS or SDES": "srtp",
		}},
		{EncryptionRequire, false, nil},
	} {
		for name, offer := range offers {
			want := c.want[name]
			if want == "" {
				want = "488"
			}
			n := negotiate(c.policy, c.private)
			answer, err := n.answer([]byte(offer))
			if got := became(t, n, err); got != want {
				t.Errorf("%s, private %v, %s: %s, want %s", c.policy, c.private, name, got, want)
			}
			if strings.Contains(string(answer), "a=crypto") != (want == "srtp") || strings.Contains(string(answer), "a=fingerprint") != (want == "dtls") {
				t.Errorf("%s, private %v, %s:\n%s", c.policy, c.private, name, answer)
			}
		}
	}
}

// What we offer, and what becomes of the answers.
func TestEncryptionOffered(t *testing.T) {
	clear, best, sdes := audio("m=audio 4000 RTP/AVP 0"), audio("m=audio 4000 RTP/AVP 0", line80), audio("m=audio 4000 RTP/SAVP 0", lineGCM)
	cert := audio("m=audio 4000 RTP/AVP 0", lineDTLS, "a=setup:active")
	for _, c := range []struct {
		policy  Encryption
		private bool
		proto   string
		keys    int
		want    map[string]string // others: 488
	}{
		{EncryptionOff, true, "RTP/AVP", 0, map[string]string{clear: "clear", best: "clear", cert: "clear"}},
		{EncryptionPrefer, false, "RTP/AVP", 0, map[string]string{clear: "clear", best: "clear", cert: "clear"}},
		{EncryptionPrefer, true, "RTP/AVP", 2, map[string]string{clear: "clear", best: "srtp", sdes: "srtp", cert: "dtls"}},
		{EncryptionRequire, true, "RTP/SAVP", 2, map[string]string{sdes: "srtp"}},
	} {
		wrong := []string{
			audio("m=audio 4000 RTP/SAVP 0", strings.Replace(line80, "crypto:2", "crypto:1", 1)), audio("m=audio 4000 RTP/SAVP 0", line32), audio("m=audio 4000 RTP/SAVP 0"),
			audio("m=audio 4000 UDP/TLS/RTP/SAVP 0"),
		}
		for _, answer := range append([]string{clear, best, sdes, cert}, wrong...) {
			n := negotiate(c.policy, c.private)
			offer := string(n.makeOffer())
			if !strings.Contains(offer, "m=audio 40000 "+c.proto+" ") || strings.Count(offer, "a=crypto") != c.keys {
				t.Fatalf("%s, private %v:\n%s", c.policy, c.private, offer)
			}
			want := c.want[answer]
			if want == "" {
				want = "488"
			}
			if got := became(t, n, n.accept([]byte(answer))); got != want {
				t.Errorf("%s, private %v: %s, want %s of\n%s", c.policy, c.private, got, want, answer)
			}
		}
	}
	n := negotiate(EncryptionRequire, true)
	mirror := strings.Replace(string(n.makeOffer()), "40000", "4000", 1)
	if got := became(t, n, n.accept([]byte(mirror))); got != "488" {
		t.Errorf("our own key as theirs: %s", got)
	}
}

// Whom we offer answers as we would; each has what the other sends with.
func TestEncryptionAgreement(t *testing.T) {
	for _, policy := range []Encryption{EncryptionPrefer, EncryptionRequire} {
		a, b := negotiate(policy, true), negotiate(EncryptionPrefer, true)
		answer, err := b.answer(a.makeOffer())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.accept(answer); err != nil {
			t.Fatal(err)
		}
		if a.now.own != b.now.theirs || b.now.own != a.now.theirs || a.now.own.suite != media.SRTPGCM128 {
			t.Error("the keys are not each other's")
		}
		if again := a.makeOffer(); strings.Count(string(again), "a=crypto") != 1 || !strings.Contains(string(again), a.now.own.String()) {
			t.Errorf("the next offer has other keys:\n%s", again)
		}
	}
}

// A renegotiation keeps keys and counters unless theirs is another, and cannot take the encryption away.
func TestEncryptionThroughRenegotiation(t *testing.T) {
	n := negotiate(EncryptionPrefer, true)
	answer := func(offer string) (how secured, ok bool) {
		t.Helper()
		_, err := n.answer([]byte(offer))
		return n.now.secured, became(t, n, err) == "srtp"
	}
	first, _ := answer(audio("m=audio 4000 RTP/SAVP 0", line80, lineGCM))
	if first.own.suite != media.SRTPCM80 || first.own.tag != "2" {
		t.Fatalf("the first of theirs is not taken, but %s %s", first.own.tag, first.own.suite)
	}
	held, ok := answer(audio("m=audio 4000 RTP/SAVP 0", lineGCM, strings.Replace(line80, "crypto:2", "crypto:9", 1), "a=sendonly"))
	if !ok || held.own.key != first.own.key || held.theirs.key != first.theirs.key || held.own.tag != "9" {
		t.Errorf("hold changes the keys")
	}
	for _, lower := range []string{
		audio("m=audio 4000 RTP/AVP 0"), audio("m=audio 4000 RTP/SAVP 0"), audio("m=audio 4000 RTP/SAVP 97", line80, "a=rtpmap:97 SPEEX/8000"),
	} {
		if _, ok := answer(lower); ok || n.now.own != held.own || n.now.srtp != held.srtp {
			t.Errorf("taken:\n%s", lower)
		}
	}
	n.security.private = false // by another transport
	if _, ok := answer(audio("m=audio 4000 RTP/SAVP 0", line80)); ok {
		t.Error("a key that came in the clear is taken")
	}
	n.security.private = true
	n.makeOffer()
	if became(t, n, n.accept([]byte(audio("m=audio 4000 RTP/AVP 0")))) != "488" || n.now.srtp != held.srtp {
		t.Error("an answer takes the encryption away")
	}
	if !slices.Contains(strings.Split(string(n.repeat()), "\r\n"), "a=crypto:"+held.own.String()) {
		t.Error("a refresh has other keys")
	}
	moved, ok := answer(audio("m=audio 4010 RTP/SAVP 0", strings.Replace(line80, keyOf(media.SRTPCM80, "8"), keyOf(media.SRTPCM80, "n"), 1)))
	if !ok || moved.own.key == first.own.key {
		t.Error("who has a new key hears us with the old one")
	}
}

func TestCryptoLines(t *testing.T) {
	good := keyOf(media.SRTPCM80, "k")
	for value, ok := range map[string]bool{
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good:                                            true,
		"1 aes_cm_128_hmac_sha1_80 INLINE:" + good:                                            true,
		"999999999 AES_CM_128_HMAC_SHA1_32 inline:" + good + "|2^48":                          true,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + "|1048576 WSH=64 -KDR=3":                 true,
		"1 AEAD_AES_128_GCM inline:" + strings.TrimRight(keyOf("AEAD_AES_128_GCM", "k"), "="): true,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + "|2^31|1:4":                              false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + "|1:4":                                   false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + "|2^10":                                  false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + ";inline:" + good:                        false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + " UNENCRYPTED_SRTP":                      false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + " UNAUTHENTICATED_SRTP":                  false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good + " KDR=4":                                 false,
		"1 AES_256_CM_HMAC_SHA1_80 inline:" + good:                                            false,
		"1 AEAD_AES_128_GCM inline:" + good:                                                   false,
		"0x1 AES_CM_128_HMAC_SHA1_80 inline:" + good:                                          false,
		"-1 AES_CM_128_HMAC_SHA1_80 inline:" + good:                                           false,
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + good[:20]:                                       false,
		"1 AES_CM_128_HMAC_SHA1_80 " + good:                                                   false,
		"1 AES_CM_128_HMAC_SHA1_80":                                                           false,
		"":                                                                                    false,
	} {
		if _, got := parseCrypto(value); got != ok {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func FuzzCrypto(f *testing.F) {
	for _, line := range []string{lineGCM, line80, line32, lineMKI} {
		f.Add(strings.TrimPrefix(line, "a=crypto:"))
	}
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:|2^20;| WSH=1 -X")
	f.Fuzz(func(t *testing.T, v string) {
		c, ok := parseCrypto(v)
		if !ok {
			return
		}
		if again, ok := parseCrypto(c.String()); !ok || again != c || len(c.key) != c.suite.KeyLength() || hasControl(c.String()) {
			t.Errorf("%q", v)
		}
	})
}

func TestTrunkEncryption(t *testing.T) {
	for _, c := range []struct {
		tr   Trunk
		want Encryption // none: an error
	}{
		{Trunk{}, EncryptionPrefer},
		{Trunk{Encryption: EncryptionOff}, EncryptionOff},
		{Trunk{Encryption: EncryptionRequire}, EncryptionRequire},
		{Trunk{Encryption: EncryptionRequire, Outbound: "sip.example.test", OutboundTransport: "tls"}, EncryptionRequire},
		{Trunk{Encryption: EncryptionRequire, Outbound: "sip.example.test", OutboundTransport: "tcp"}, ""},
		{Trunk{Encryption: "sometimes"}, ""},
	} {
		c.tr.Name, c.tr.Networks = "t", []string{"192.0.2.0/24"}
		if err := c.tr.check(); (err == nil) != (c.want != "") || err == nil && c.tr.Encryption != c.want {
			t.Errorf("%+v: %v", c.tr, err)
		}
	}
}

// Who begins a handshake, by what both say: and again in the offers that follow, whoever makes them.
func TestDTLSRoles(t *testing.T) {
	other := strings.Replace(lineDTLS, "aB:", "cd:", 1)
	for _, c := range []struct {
		offers []string // setup and fingerprint of offers one after the other
		ours   string
	}{
		{[]string{"actpass", lineDTLS}, "active"},
		{[]string{"active", lineDTLS}, "passive"},
		{[]string{"passive", lineDTLS}, "active"},
		{[]string{"active", lineDTLS, "actpass", lineDTLS}, "passive"},
		{[]string{"active", lineDTLS, "actpass", other}, "active"},
		{[]string{"active", lineDTLS, "passive", lineDTLS}, "active"},
	} {
		n := negotiate(EncryptionPrefer, false)
		n.fingerprint = "sha-256 OURS"
		var answer []byte
		for i := 0; i < len(c.offers); i += 2 {
			var err error
			if answer, err = n.answer([]byte(audio("m=audio 4000 UDP/TLS/RTP/SAVP 0", c.offers[i+1], "a=setup:"+c.offers[i]))); err != nil {
				t.Fatal(err)
			}
		}
		want := "a=fingerprint:sha-256 OURS\r\na=setup:" + c.ours + "\r\n"
		if !strings.Contains(string(answer), want) || n.now.dtls.Client != (c.ours == "active") {
			t.Errorf("%v: we answer\n%s", c.offers, answer)
		}
		if again := string(n.makeOffer()); !strings.Contains(again, want) || !strings.Contains(again, "UDP/TLS/RTP/SAVP ") {
			t.Errorf("%v: and then offer\n%s", c.offers, again)
		}
		agreed := *n.now.dtls
		for _, lower := range []string{
			audio("m=audio 4000 RTP/AVP 0"), audio("m=audio 4000 UDP/TLS/RTP/SAVP 0"), audio("m=audio 4000 UDP/TLS/RTP/SAVP 0", lineDTLS, "a=setup:"+c.ours),
			audio("m=audio 4000 UDP/TLS/RTP/SAVP 0", lineDTLS, "a=setup:actpass"),
		} {
			if err := n.accept([]byte(lower)); err == nil || *n.now.dtls != agreed {
				t.Errorf("%v: accepted\n%s", c.offers, lower)
			}
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add(strings.TrimPrefix(lineDTLS, "a=fingerprint:"))
	f.Add("sha-1 00:11")
	f.Fuzz(func(t *testing.T, v string) {
		p, ok := parseFingerprint(v)
		if !ok {
			return
		}
		if again, ok := parseFingerprint(p.Hash + " " + p.Fingerprint); !ok || again != p {
			t.Errorf("%q", v)
		}
	})
}
