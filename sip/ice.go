package sip

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"tandem/media"
)

// candidatePriority is that of the only candidate there is: a host's, of component 1 (RFC 8445 5.1.2).
const candidatePriority = "2130706431"

// iceNamed is how one side's checks are signed, as its description says (RFC 8839 5.4).
type iceNamed struct{ ufrag, password string }

// readICE reads the credentials of the line or else of the session; the zero value: there are none that we go by. RTP and RTCP must share a port, and a
// certificate be named: whoever has none is met without ICE.
func readICE(s *sdp.SessionDescription, m *sdp.MediaDescription) (i iceNamed) {
	if _, mux := m.Attribute("rtcp-mux"); !mux {
		return i
	}
	for _, attribute := range []func(string) (string, bool){m.Attribute, s.Attribute} {
		ufrag, _ := attribute("ice-ufrag")
		password, _ := attribute("ice-pwd")
		if iceChars(ufrag, 4) && iceChars(password, 22) {
			return iceNamed{ufrag, password}
		}
	}
	return i
}

// iceChars says whether a credential is one, and long enough (RFC 8839 5.4).
func iceChars(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

func newICENamed() iceNamed { return iceNamed{ufrag: rand.Text()[:8], password: rand.Text()} }

// iceAgreed is what both sides' credentials make of ICE.
type iceAgreed struct {
	own, theirs iceNamed // zero: no ICE
}

// taken answers the credentials of an offer. Other ones than before are a restart, and get other ones of ours (RFC 8839 4.4.3).
func (now iceAgreed) taken(theirs iceNamed) iceAgreed {
	switch {
	case theirs == iceNamed{}:
		return iceAgreed{}
	case theirs == now.theirs:
		return now
	}
	return iceAgreed{newICENamed(), theirs}
}

// acceptedICE reads the credentials of an answer to ours; without any there is no ICE.
func acceptedICE(own, theirs iceNamed) iceAgreed {
	if own == (iceNamed{}) || theirs == (iceNamed{}) {
		return iceAgreed{}
	}
	return iceAgreed{own, theirs}
}

// media is what the port is told.
func (now iceAgreed) media() *media.ICE {
	if now.own == (iceNamed{}) {
		return nil
	}
	return &media.ICE{Ufrag: now.own.ufrag, Password: now.own.password, Peer: now.theirs.ufrag}
}

// isWeb says whether a transport is that of browsers (RFC 7118), which speak by WebRTC alone.
func isWeb(network string) bool {
	return strings.EqualFold(network, "ws") || strings.EqualFold(network, "wss")
}

// nameLine calls a line what it is called in the offer.
func nameLine(m *sdp.MediaDescription, mid string) {
	if mid != "" {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("mid", mid))
	}
}

// bundles says whether a description lets the line of that name share a port.
func bundles(s *sdp.SessionDescription, mid string) bool {
	return slices.ContainsFunc(s.Attributes, func(a sdp.Attribute) bool {
		fields := strings.Fields(a.Value)
		return a.Key == "group" && len(fields) > 1 && fields[0] == "BUNDLE" && slices.Contains(fields[1:], mid)
	})
}

// addICE says in a description where checks are answered, and how browsers know the line (RFC 8829).
func (n *negotiator) addICE(s *sdp.SessionDescription, m *sdp.MediaDescription, own iceNamed) {
	if own == (iceNamed{}) {
		return
	}
	s.Attributes = append(s.Attributes, sdp.NewPropertyAttribute("ice-lite"))
	if n.bundled {
		s.Attributes = append(s.Attributes, sdp.NewAttribute("group", "BUNDLE "+n.mid))
	}
	m.Attributes = append(m.Attributes, sdp.NewAttribute("msid", "tandem audio"), sdp.NewAttribute("ice-ufrag", own.ufrag), sdp.NewAttribute("ice-pwd", own.password),
		sdp.NewAttribute("candidate", "1 1 udp "+candidatePriority+" "+n.local.Addr().String()+" "+itoa(int(n.local.Port()))+" typ host"), sdp.NewPropertyAttribute("end-of-candidates"))
}
