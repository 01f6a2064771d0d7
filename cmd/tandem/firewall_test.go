package main

import (
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/signaling/browsertest"
	"tandem/sip/siptest"
)

// An agent's browser whose network lets through little has audio both ways all the same: by the TURN server, or by TCP to the media port.
func TestBrowserBehindFirewall(t *testing.T) {
	cert, key := siptest.CertificateFiles(t)
	for name, c := range map[string]struct {
		settings       []string
		network        browsertest.Network
		kind, protocol string
	}{
		"TURN by UDP": {[]string{"TANDEM_TURN_UDP=127.0.0.1:0"}, browsertest.Network{RelayOnly: true}, "relay", "udp"},
		"TURN by TCP": {[]string{"TANDEM_TURN_UDP=127.0.0.1:0", "TANDEM_TURN_TCP=127.0.0.1:0"}, browsertest.Network{RelayOnly: true, NoUDP: true}, "relay", "tcp"},
		"TURN by TLS": {
			[]string{"TANDEM_TURN_TLS=127.0.0.1:0", "TANDEM_TURN_HOST=localhost", "TANDEM_TLS_CERT=" + cert, "TANDEM_TLS_KEY=" + key},
			browsertest.Network{RelayOnly: true, NoUDP: true},
			"relay", "tls",
		},
		"ICE-TCP": {[]string{"TANDEM_WEBRTC_TCP=127.0.0.1:0"}, browsertest.Network{NoUDP: true}, "prflx", "tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, c.settings...)
			b := a.signInBy(browsertest.NewBehind(t, agentHz, c.network), "agent1@demo.test")
			goAvailable(b)
			p := a.callIn(t, codec.PCMU)
			b.Wait("button", "Accept")
			b.Click("button", "Accept")
			b.See("In the call")
			b.WaitTone(customerHz, 10*time.Second)
			p.voice.WaitTone(agentHz, 10*time.Second)
			if kind, protocol := b.Path(); kind != c.kind || protocol != c.protocol {
				t.Errorf("the audio goes by %s, %s; want %s, %s", kind, protocol, c.kind, c.protocol)
			}
			if direct := a.pagePackets(t, "direct"); direct > 0 != (name != "ICE-TCP") {
				t.Errorf("%v packets came by the direct path, which is UDP's alone", direct)
			}
			b.Click("button", "Hang up")
			p.hungUp()
			b.See("Wrap-up")
		})
	}
}
