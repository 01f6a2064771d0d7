package media

import (
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"
)

// ICE is what offer and answer settled for connectivity checks (RFC 8445) on a port. The port is a lite agent: its address is known, so it answers
// checks and makes none, and the peer says by them where it is.
type ICE struct {
	Ufrag, Password string // ours
	Peer            string // the peer's user name fragment
}

const (
	maxChecks = 100 // of connectivity in a second; browsers make one each 50 ms at most
	maxPaths  = 8   // addresses of the peer that are remembered
)

// iceAgent answers the checks that go with one exchange of credentials. The goroutine that reads the port uses it.
type iceAgent struct {
	ICE
	user  string // of the peer's checks
	check stun.Message
	rate  window
	paths []netip.AddrPort // that checks have come by, the oldest first

	chosen netip.AddrPort // by the peer, for media; guarded by the port's mu
}

func newICEAgent(i ICE) *iceAgent { return &iceAgent{ICE: i, user: i.Ufrag + ":" + i.Peer} }

// answer is our response to a datagram, if that is a check which the peer has signed; chosen: it wants media there. What is not signed changes
// nothing and has no response, which would tell strangers that somebody is here.
func (a *iceAgent) answer(b []byte, from netip.AddrPort) (response []byte, chosen, ok bool, why drop) {
	m := &a.check
	m.Raw = append(m.Raw[:0], b...)
	if m.Decode() != nil || len(b) != int(m.Length)+stunHeader || m.Type != stun.BindingRequest {
		return nil, false, false, dropMalformed
	}
	user, err := m.Get(stun.AttrUsername)
	if err != nil || string(user) != a.user {
		return nil, false, false, dropAuthentication
	}
	if !a.rate.allow(Now(), maxChecks) { // before the signature, which costs more
		return nil, false, false, dropRate
	}
	key := stun.NewShortTermIntegrity(a.Password)
	if key.Check(m) != nil {
		return nil, false, false, dropAuthentication
	}
	says := a.judge(from)
	says = append([]stun.Setter{stun.NewTransactionIDSetter(m.TransactionID)}, append(says, key, stun.Fingerprint)...)
	r, err := stun.Build(says...)
	if err != nil {
		return nil, false, false, dropMalformed
	}
	if r.Type != stun.BindingSuccess {
		return r.Raw, false, true, 0
	}
	a.remember(from)
	return r.Raw, m.Contains(stun.AttrUseCandidate), true, 0
}

const stunHeader = 20 // bytes

// judge is what a signed check is answered (RFC 8489 6.3, RFC 8445 7.3).
func (a *iceAgent) judge(from netip.AddrPort) []stun.Setter {
	var unknown stun.UnknownAttributes
	for _, at := range a.check.Attributes {
		if at.Type.Required() && !slices.Contains(understood, at.Type) {
			unknown = append(unknown, at.Type)
		}
	}
	failure := stun.NewType(stun.MethodBinding, stun.ClassErrorResponse)
	switch {
	case len(unknown) > 0:
		return []stun.Setter{failure, stun.CodeUnknownAttribute, unknown}
	case a.check.Contains(stun.AttrICEControlled): // who is lite never controls
		return []stun.Setter{failure, stun.CodeRoleConflict}
	}
	return []stun.Setter{stun.BindingSuccess, &stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}}
}

var understood = []stun.AttrType{stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrPriority, stun.AttrUseCandidate}

func (a *iceAgent) remember(from netip.AddrPort) {
	if slices.Contains(a.paths, from) {
		return
	}
	if len(a.paths) == maxPaths {
		a.paths = slices.Delete(a.paths, 0, 1)
	}
	a.paths = append(a.paths, from)
}

// checked follows signalling about ICE and returns where media goes; p.mu is held. When credentials change (a restart), what the peer chose before holds
// until it chooses anew (RFC 8445 9).
func (p *RTPPort) checked(i ICE) netip.AddrPort {
	now := p.ice.Load()
	if now != nil && now.ICE == i {
		return now.chosen
	}
	next := newICEAgent(i)
	if now != nil {
		next.chosen = now.chosen
	}
	p.ice.Store(next)
	return next.chosen
}

// hearCheck answers the peer's checks, also those that ask whether we still consent (RFC 7675), for as long as there are any.
func (p *RTPPort) hearCheck(b []byte, from netip.AddrPort) {
	a := p.ice.Load()
	if a == nil {
		p.metrics.drop(dropMalformed)
		return
	}
	response, chosen, ok, why := a.answer(b, from)
	if !ok {
		p.metrics.drop(why)
		return
	}
	_ = p.rtp.send(response, from) // a lost one is asked for again
	if chosen {
		p.choose(a, from)
	}
}

// choose sends media to where the peer wants it, and hears it from there.
func (p *RTPPort) choose(a *iceAgent, from netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ice.Load() != a || a.chosen == from {
		return
	}
	a.chosen = from
	p.lock = p.lock.signalled(from, p.lock.trust)
	p.aim()
	if d := p.dtls.Load(); d != nil && !d.done.Load() {
		d.to.Store(&from)
	}
}

// isCheck tells STUN from RTP, RTCP and DTLS on one port (RFC 7983 7).
func isCheck(b []byte) bool { return len(b) > 0 && b[0] < 4 }
