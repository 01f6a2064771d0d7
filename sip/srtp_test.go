package sip_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/srtp/v3"

	"tandem/calls"
	"tandem/media"
	"tandem/sip"
	"tandem/sip/siptest"
)

// suite is what a telephone of the tests encrypts with.
type suite struct {
	name    string
	profile srtp.ProtectionProfile
	key     string
}

var suites = []suite{
	{"AEAD_AES_128_GCM", srtp.ProtectionProfileAeadAes128Gcm, base64.StdEncoding.EncodeToString([]byte("a key of sixteen and a salt."))},
	{"AES_CM_128_HMAC_SHA1_80", srtp.ProtectionProfileAes128CmHmacSha1_80, base64.StdEncoding.EncodeToString([]byte("a key of sixteen and its salt."))},
	{"AES_CM_128_HMAC_SHA1_32", srtp.ProtectionProfileAes128CmHmacSha1_32, base64.StdEncoding.EncodeToString([]byte("a key of sixteen and its salt!"))},
}

func (s suite) line(tag string) string { return "a=crypto:" + tag + " " + s.name + " inline:" + s.key }

// theirs is the key of the same suite in a description of the server's.
func (s suite) theirs(t *testing.T, sdp string) (tag, key string) {
	t.Helper()
	for line := range strings.SplitSeq(sdp, "\r\n") {
		if f := strings.Fields(line); len(f) == 3 && strings.HasPrefix(line, "a=crypto:") && f[1] == s.name {
			return strings.TrimPrefix(f[0], "a=crypto:"), strings.TrimPrefix(f[2], "inline:")
		}
	}
	t.Fatalf("no key of %s in\n%s", s.name, sdp)
	return "", ""
}

// line is a telephone on one TLS connection, which speaks one dialog.
type line struct {
	t                *testing.T
	conn             net.Conn
	in               *bufio.Reader
	callID, from, to string
	target           string
	seq              int
}

// message is what came: its first line, headers and body.
type message struct {
	start  string
	header textproto.MIMEHeader
	body   string
}

func (l *line) write(start, via, cseq, body string, extra ...string) {
	l.t.Helper()
	lines := append([]string{
		start, "Via: " + via, "Max-Forwards: 70", "From: " + l.from, "To: " + l.to, "Call-ID: " + l.callID, "CSeq: " + cseq,
		"Contact: <sip:100@" + l.conn.LocalAddr().String() + ";transport=tls>",
	}, extra...)
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)), "", body)
	if _, err := io.WriteString(l.conn, strings.Join(lines, "\r\n")); err != nil {
		l.t.Fatal(err)
	}
}

// ask sends a request and returns its final response; that of an INVITE is acknowledged.
func (l *line) ask(method, body string, answer ...func(offer string) string) message {
	l.t.Helper()
	l.seq++
	via := "SIP/2.0/TLS " + l.conn.LocalAddr().String() + ";branch=z9hG4bK" + siptest.ID(8)
	l.write(method+" "+l.target+" SIP/2.0", via, strconv.Itoa(l.seq)+" "+method, body)
	for {
		m := l.read()
		if !strings.HasPrefix(m.start, "SIP/2.0 ") || strings.HasPrefix(m.start, "SIP/2.0 1") {
			continue
		}
		if method != "INVITE" {
			return m
		}
		was := l.to
		l.to, body = m.header.Get("To"), ""
		if m.start == "SIP/2.0 200 OK" {
			l.target = strings.Trim(m.header.Get("Contact"), "<>")
			via = "SIP/2.0/TLS " + l.conn.LocalAddr().String() + ";branch=z9hG4bK" + siptest.ID(8)
			was = l.to
			for _, f := range answer {
				body = f(m.body)
			}
		}
		l.write("ACK "+l.target+" SIP/2.0", via, strconv.Itoa(l.seq)+" ACK", body)
		l.to = was
		return m
	}
}

func (l *line) read() (m message) {
	l.t.Helper()
	_ = l.conn.SetReadDeadline(time.Now().Add(siptest.Wait))
	r := textproto.NewReader(l.in)
	var err error
	for m.start == "" && err == nil {
		m.start, err = r.ReadLine()
	}
	if err == nil {
		m.header, err = r.ReadMIMEHeader()
	}
	if err == nil {
		n, _ := strconv.Atoi(m.header.Get("Content-Length"))
		body := make([]byte, n)
		_, err = io.ReadFull(l.in, body)
		m.body = string(body)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// private is a house with TLS whose own certificate is trusted, and the certificate.
func private(t *testing.T) (*house, tls.Certificate) {
	t.Helper()
	cert := siptest.Certificate(t)
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return newHouse(t, func(cfg *sip.Config) {
		cfg.Listen.TLS = "127.0.0.1:0"
		cfg.Listen.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots, MinVersion: tls.VersionTLS12}
	}), cert
}

func (h *house) line(t *testing.T, number string) *line {
	t.Helper()
	at := h.srv.Addr("tls").String()
	conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own certificate
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &line{
		t: t, conn: conn, in: bufio.NewReader(conn), callID: siptest.ID(8), from: "<sip:100@127.0.0.1>;tag=" + siptest.ID(4),
		to: "<sip:" + number + "@" + at + ">", target: "sip:" + number + "@" + at,
	}
}

// sounds is a description with audio at a port.
func sounds(port int, proto string, attributes ...string) string {
	return strings.Join(append([]string{
		"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", fmt.Sprintf("m=audio %d %s 0", port, proto),
	}, attributes...), "\r\n") + "\r\n"
}

// A telephone that calls by TLS hears and is heard with each suite; a hold keeps the keys, junk and offers in the clear change nothing.
func TestEncryptedCall(t *testing.T) {
	h, _ := private(t)
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			l, audio := h.line(t, "1003"), siptest.NewAudio(t)
			offer := func(attributes ...string) string {
				return sounds(audio.Port(), "RTP/SAVP", append(attributes, s.line("5"))...)
			}
			m := l.ask("INVITE", offer())
			if m.start != "SIP/2.0 200 OK" || !strings.Contains(m.body, " RTP/SAVP 0") {
				t.Fatalf("%s\n%s", m.start, m.body)
			}
			tag, key := s.theirs(t, m.body)
			if tag != "5" {
				t.Errorf("tag %s", tag)
			}
			audio.Encrypt(s.profile, s.key, key)
			audio.Follow([]byte(m.body))
			audio.Tone(440)
			audio.Hears(440)
			leg := get(t, h.legs, "leg")

			for i := range 10000 {
				audio.Junk(append([]byte{0x80, 0, byte(i >> 8), byte(i), 0, 0, 0, 0, 0, 0, 0x7e, 0x57}, make([]byte, 160)...))
			}
			for _, sdp := range []string{sounds(audio.Port(), "RTP/AVP"), sounds(audio.Port(), "RTP/SAVP")} {
				if m := l.ask("INVITE", sdp); m.start != "SIP/2.0 488 Not Acceptable Here" {
					t.Errorf("in the clear: %s", m.start)
				}
			}
			for _, dir := range []string{"a=sendonly", "a=sendrecv"} {
				m := l.ask("INVITE", offer(dir))
				if _, again := s.theirs(t, m.body); again != key {
					t.Error("the key is another")
				}
			}
			audio.Forget()
			audio.Tone(700)
			audio.Hears(700)
			l.ask("BYE", "")
			<-leg.Done()
			if leg.Cause() != calls.CauseNormal {
				t.Errorf("the call ended with %s", leg.Cause())
			}
		})
	}
}

// Who calls without a description gets an offer with keys, and takes one of them.
func TestEncryptedLateOffer(t *testing.T) {
	h, _ := private(t)
	l, audio, s := h.line(t, "1003"), siptest.NewAudio(t), suites[1]
	var sdp, key string
	l.ask("INVITE", "", func(offer string) string {
		var tag string
		tag, key = s.theirs(t, offer)
		sdp = offer
		return sounds(audio.Port(), "RTP/AVP", s.line(tag))
	})
	audio.Encrypt(s.profile, s.key, key)
	audio.Follow([]byte(sdp))
	audio.Tone(440)
	audio.Hears(440)
	l.ask("BYE", "")
}

// Keys that came in the clear are no keys.
func TestNoEncryptionWithoutTLS(t *testing.T) {
	h := newHouse(t)
	p, audio := siptest.New(t, "100"), siptest.NewAudio(t)
	c := p.Invite(h.udp, "1003", sounds(audio.Port(), "RTP/SAVP", suites[0].line("1")))
	c.AckRefusal(c.Response(488))
	c = p.Invite(h.udp, "1003", sounds(audio.Port(), "RTP/AVP", suites[0].line("1")))
	res := c.Response(200)
	if strings.Contains(string(res.Body()), "crypto") {
		t.Errorf("answered:\n%s", res.Body())
	}
	c.Ack("")
	audio.Follow(res.Body())
	audio.Tone(440)
	audio.Hears(440)
	c.Send("BYE", "", "")
	c.Response(200)

	h.trunk(sip.Trunk{Name: "strict", Networks: []string{"127.0.0.1/32"}, Enabled: true, Encryption: sip.EncryptionRequire})
	for _, sdp := range []string{"", p.SDP(audio.Port(), "", pcmu), sounds(audio.Port(), "RTP/SAVP", suites[0].line("1"))} {
		c = p.Invite(h.udp, "1003", sdp)
		c.AckRefusal(c.Response(488))
	}
}

// Calls that go out offer what the trunk's policy says: with keys where they may be, RTP/SAVP where they must. An answer in the clear is
// taken from a trunk that prefers, and hung up from one that requires.
func TestEncryptedCallOut(t *testing.T) {
	h, cert := private(t)
	h.rules(sip.DialRules{Countries: []string{"DE"}})
	carrier, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer carrier.Close()
	tr := sip.Trunk{Name: "carrier", Enabled: true, Outbound: carrier.Addr().String(), OutboundTransport: "tls"}
	var conn net.Conn
	for _, c := range []struct {
		policy        sip.Encryption
		proto, answer string
		secure, taken bool
	}{
		{sip.EncryptionOff, "RTP/AVP", "RTP/AVP", false, true},
		{sip.EncryptionPrefer, "RTP/AVP", "RTP/AVP", false, true},
		{sip.EncryptionPrefer, "RTP/AVP", "RTP/AVP", true, true},
		{sip.EncryptionRequire, "RTP/SAVP", "RTP/SAVP", true, true},
		{sip.EncryptionRequire, "RTP/SAVP", "RTP/AVP", false, false},
	} {
		tr.Encryption = c.policy
		tr = h.trunk(tr)
		leg := h.dials("trunk:+49301234567")
		if conn == nil { // the next calls come by the same connection
			if conn, err = carrier.Accept(); err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		l, audio, s := &line{t: t, conn: conn, in: bufio.NewReader(conn)}, siptest.NewAudio(t), suites[0]
		inv := l.read()
		if !strings.Contains(inv.body, " "+c.proto+" ") || strings.Contains(inv.body, "a=crypto") != (c.policy != sip.EncryptionOff) {
			t.Fatalf("%s: offered\n%s", c.policy, inv.body)
		}
		var keys []string
		if c.secure {
			tag, key := s.theirs(t, inv.body)
			audio.Encrypt(s.profile, s.key, key)
			keys = []string{s.line(tag)}
		}
		reply := func(m message, body string) {
			l.callID, l.from, l.to = m.header.Get("Call-ID"), m.header.Get("From"), m.header.Get("To")
			if !strings.Contains(l.to, "tag=") {
				l.to += ";tag=" + siptest.ID(4)
			}
			l.write("SIP/2.0 200 OK", m.header.Get("Via"), m.header.Get("CSeq"), body)
		}
		reply(inv, sounds(audio.Port(), c.answer, keys...))
		if m := l.read(); !strings.HasPrefix(m.start, "ACK ") {
			t.Fatalf("%s came", m.start)
		}
		if answered := get(t, leg.Events(), "what became of the call") == calls.LegAnswered; answered != c.taken {
			t.Errorf("%s, answered %s: taken %v", c.policy, c.answer, answered)
		}
		if c.taken {
			leg.Stream().Play(media.Echo())
			audio.Follow([]byte(inv.body))
			audio.Tone(440)
			audio.Hears(440)
			leg.Hangup(calls.CauseNormal)
		}
		bye := l.read()
		if !strings.HasPrefix(bye.start, "BYE ") {
			t.Fatalf("%s came", bye.start)
		}
		reply(bye, "")
		<-leg.Done()
	}
}
