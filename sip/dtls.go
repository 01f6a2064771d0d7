package sip

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"tandem/media"
)

// setupRole is who begins a DTLS handshake, as one side says it of itself (RFC 4145 4, RFC 5763 5).
type setupRole string

const (
	setupActive  setupRole = "active"
	setupPassive setupRole = "passive"
	setupActpass setupRole = "actpass" // offers only: whichever the other likes
)

// certified is what a description says of a certificate: the peer that is to show it in a DTLS handshake, what it says it will do, and how it signs the
// checks that find a way there.
type certified struct {
	media.DTLSPeer
	setup setupRole
	ice   iceNamed
}

// readFingerprint reads the first fingerprint that we can check, of the line or else of the session; nil: there is none.
func readFingerprint(s *sdp.SessionDescription, m *sdp.MediaDescription) *certified {
	var c certified
	for _, attrs := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attrs {
			switch {
			case a.Key == "fingerprint" && c.Fingerprint == "":
				if p, ok := parseFingerprint(a.Value); ok {
					c.DTLSPeer = p
				}
			case a.Key == "setup" && c.setup == "":
				c.setup = setupRole(strings.ToLower(strings.TrimSpace(a.Value)))
			}
		}
	}
	if c.Fingerprint == "" || !slices.Contains([]setupRole{setupActive, setupPassive, setupActpass}, c.setup) {
		return nil
	}
	c.ice = readICE(s, m)
	return &c
}

// parseFingerprint reads an a=fingerprint (RFC 8122 5). SHA-1 and MD5 prove nothing any more.
func parseFingerprint(value string) (p media.DTLSPeer, ok bool) {
	fields := strings.Fields(value)
	if len(fields) != 2 {
		return p, false
	}
	p = media.DTLSPeer{Hash: strings.ToLower(fields[0]), Fingerprint: strings.ToUpper(fields[1])}
	return p, p.Valid()
}

// takenDTLS is what we answer to an offer of DTLS. We begin the handshake, as RFC 5763 5 advises, unless they want to, or know before us when their checks
// have found a way; an association that holds keeps its roles.
func (now secured) takenDTLS(theirs *certified) secured {
	peer, ice := theirs.DTLSPeer, now.ice.taken(theirs.ice)
	switch theirs.setup {
	case setupPassive:
		peer.Client = true
	case setupActpass:
		peer.Client = ice == iceAgreed{}
		if now.dtls != nil && now.dtls.Fingerprint == peer.Fingerprint {
			peer.Client = now.dtls.Client
		}
	}
	return secured{dtls: &peer, ice: ice}
}

// acceptedDTLS reads an answer with a certificate.
func (n *negotiator) acceptedDTLS(theirs *certified) (secured, error) {
	if theirs.setup == setupActpass || theirs.setup == n.keys.setup {
		return secured{}, notAcceptable(399, "The answer's setup is none of those offered")
	}
	peer := theirs.DTLSPeer
	peer.Client = theirs.setup == setupPassive
	return secured{dtls: &peer, ice: acceptedICE(n.keys.ice, theirs.ice)}, nil
}

// setup is what we say of ourselves in an agreed association.
func (now secured) setup() setupRole {
	switch {
	case now.dtls == nil:
		return ""
	case now.dtls.Client:
		return setupActive
	}
	return setupPassive
}
