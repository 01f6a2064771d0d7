package sip

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"tandem/sip/siptest"
)

// Where calls to a trunk go (RFC 3263 4): each row is a zone, and what is tried in which order.
func TestHops(t *testing.T) {
	const tls, tcp, udp = `c.test. 60 IN NAPTR 10 10 "s" "SIPS+D2T" "" t.c.test.`, `c.test. 60 IN NAPTR 10 20 "S" "sip+d2t" "" s.c.test.`, `c.test. 60 IN NAPTR 20 10 "s" "SIP+D2U" "" u.c.test.`
	const onTLS, onTCP, onUDP = "t.c.test. 60 IN SRV 1 1 5061 a.test.", "s.c.test. 60 IN SRV 1 1 5070 b.test.", "u.c.test. 60 IN SRV 1 1 5080 c.test."
	many := []string{`c.test. 60 IN NAPTR 90 10 "s" "SIP+D2U" "" u.c.test.`, onUDP}
	for i := range 40 { // more than a datagram takes
		many = append(many, fmt.Sprintf(`c.test. 60 IN NAPTR %d 10 "u" "E2U+sip" "!^.*$!sip:info@example.test!" .`, i))
	}
	for name, c := range map[string]struct {
		trunk Trunk
		zone  []string
		want  []string
	}{
		"one order, by preference":       {Trunk{OutboundTransport: "auto"}, []string{udp, tcp, tls, onTLS, onTCP, onUDP}, []string{"tls a.test:5061", "tcp b.test:5070"}},
		"the next order without servers": {Trunk{OutboundTransport: "auto"}, []string{udp, tcp, tls, onUDP}, []string{"udp c.test:5080"}},
		"only what may be":               {Trunk{OutboundTransport: "auto", Encryption: EncryptionRequire}, []string{tcp, tls, udp, onTCP, onUDP, onTLS}, []string{"tls a.test:5061"}},
		"services of others":             {Trunk{OutboundTransport: "auto"}, many, []string{"udp c.test:5080"}},
		"no NAPTR, but SRV":              {Trunk{OutboundTransport: "auto"}, []string{"_sip._tcp.c.test. 60 IN SRV 1 1 5070 b.test.", "_sips._tcp.c.test. 60 IN SRV 1 1 5061 a.test."}, []string{"tcp b.test:5070"}},
		"nothing":                        {Trunk{OutboundTransport: "auto"}, nil, []string{"udp c.test:5060"}},
		"nothing, and secret":            {Trunk{OutboundTransport: "auto", Encryption: EncryptionRequire}, nil, []string{"tls c.test:5061"}},
		"a port":                         {Trunk{OutboundTransport: "auto", Outbound: "c.test:5099"}, []string{tls, onTLS}, []string{"udp c.test:5099"}},
		"a chosen transport":             {Trunk{OutboundTransport: "tcp"}, []string{tls, onTLS, "_sip._tcp.c.test. 60 IN SRV 1 1 5070 b.test."}, []string{"tcp b.test:5070"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Server{resolver: siptest.DNS(t, c.zone...), log: slog.New(slog.DiscardHandler)}
			if c.trunk.Outbound == "" {
				c.trunk.Outbound = "c.test"
			}
			var got []string
			for _, h := range s.hops(t.Context(), &c.trunk) {
				got = append(got, h.network+" "+h.addr)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("tried: %s; want %s", strings.Join(got, ", "), strings.Join(c.want, ", "))
			}
		})
	}
}
