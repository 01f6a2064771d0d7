package sip_test

import (
	"strings"
	"testing"

	"tandem/calls"
	"tandem/sip"
	"tandem/sip/siptest"
)

// A telephone that calls with DTLS-SRTP hears and is heard, whoever of both begins; a hold keeps the keys, and nothing takes the encryption away.
func TestDTLSCall(t *testing.T) {
	h, _ := private(t)
	for _, c := range []struct{ proto, setup, ours string }{
		{"UDP/TLS/RTP/SAVP", "actpass", "active"},
		{"UDP/TLS/RTP/SAVPF", "active", "passive"},
		{"UDP/TLS/RTP/SAVP", "passive", "active"},
		{"RTP/AVP", "actpass", "active"},
	} {
		t.Run(c.proto+" "+c.setup, func(t *testing.T) {
			l, audio := h.line(t, "1003"), siptest.NewAudio(t)
			offer := func(attributes ...string) string {
				return sounds(audio.Port(), c.proto, append(attributes, audio.Fingerprint(), "a=setup:"+c.setup, "a=rtcp-mux")...)
			}
			m := l.ask("INVITE", offer())
			if m.start != "SIP/2.0 200 OK" || !strings.Contains(m.body, " "+c.proto+" 0") || !strings.Contains(m.body, "a=setup:"+c.ours+"\r\n") {
				t.Fatalf("%s\n%s", m.start, m.body)
			}
			audio.Follow([]byte(m.body))
			if err := audio.Handshake(c.ours == "passive", m.body); err != nil {
				t.Fatal(err)
			}
			audio.Tone(440)
			audio.Hears(440)
			leg := get(t, h.legs, "leg")
			for _, sdp := range []string{sounds(audio.Port(), "RTP/AVP"), sounds(audio.Port(), "RTP/SAVP"), sounds(audio.Port(), "UDP/TLS/RTP/SAVP")} {
				if m := l.ask("INVITE", sdp); m.start != "SIP/2.0 488 Not Acceptable Here" {
					t.Errorf("in the clear: %s", m.start)
				}
			}
			for _, dir := range []string{"a=sendonly", "a=sendrecv"} {
				if m := l.ask("INVITE", offer(dir)); !strings.Contains(m.body, "a=setup:"+c.ours+"\r\n") {
					t.Errorf("%s: the roles change:\n%s", dir, m.body)
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

// Who shows another certificate than the one in its description is hung up, and heard by nobody.
func TestDTLSFingerprintMismatch(t *testing.T) {
	h := newHouse(t)
	p, audio, other := siptest.New(t, "100"), siptest.NewAudio(t), siptest.NewAudio(t)
	c := p.Invite(h.udp, "1003", sounds(audio.Port(), "UDP/TLS/RTP/SAVP", other.Fingerprint(), "a=setup:active", "a=rtcp-mux"))
	res := c.Response(200)
	c.Ack("")
	leg := get(t, h.legs, "leg")
	audio.Follow(res.Body())
	if audio.Handshake(true, string(res.Body())) == nil {
		t.Log("the far end learns of it by an alert only") // it may have been done before
	}
	bye := c.Request("BYE")
	c.Reply(bye, 200, "OK", "")
	<-leg.Done()
	if leg.Cause() != calls.CauseMediaLost || audio.Packets(0) > 0 {
		t.Errorf("ended with %s, %d packets heard", leg.Cause(), audio.Packets(0))
	}
}

// By UDP too the audio is encrypted where both prefer it; a trunk that must be sure of the far end's certificate needs TLS.
func TestDTLSWithoutTLS(t *testing.T) {
	h := newHouse(t)
	p, audio := siptest.New(t, "100"), siptest.NewAudio(t)
	offer := sounds(audio.Port(), "UDP/TLS/RTP/SAVPF", audio.Fingerprint(), "a=setup:actpass", "a=rtcp-mux")
	c := p.Invite(h.udp, "1003", offer)
	res := c.Response(200)
	c.Ack("")
	audio.Follow(res.Body())
	if err := audio.Handshake(false, string(res.Body())); err != nil {
		t.Fatal(err)
	}
	audio.Tone(440)
	audio.Hears(440)
	c.Send("BYE", "", "")
	c.Response(200)
	tr := sip.Trunk{Name: "strict", Networks: []string{"127.0.0.1/32"}, Enabled: true}
	for _, tr.Encryption = range []sip.Encryption{sip.EncryptionOff, sip.EncryptionRequire} {
		tr = h.trunk(tr)
		c = p.Invite(h.udp, "1003", offer)
		c.AckRefusal(c.Response(488))
	}
}
