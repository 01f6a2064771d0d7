package media

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

var settledICE = ICE{Ufrag: "ours1234", Password: "a password of ours, long", Peer: "them"}

// check is a binding request as browsers make it; more comes before the signature.
func check(user, password string, more ...stun.Setter) []byte {
	setters := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user)}, more...)
	return stun.MustBuild(append(setters, stun.NewShortTermIntegrity(password), stun.Fingerprint)...).Raw
}

var (
	useCandidate = stun.RawAttribute{Type: stun.AttrUseCandidate}
	controlling  = stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)}
	controlled   = stun.RawAttribute{Type: stun.AttrICEControlled, Value: make([]byte, 8)}
	priority     = stun.RawAttribute{Type: stun.AttrPriority, Value: make([]byte, 4)}
	unheardOf    = stun.RawAttribute{Type: 0x7FF0, Value: make([]byte, 4)}
	optional     = stun.RawAttribute{Type: 0xC057, Value: make([]byte, 4)}
)

func TestICEAnswers(t *testing.T) {
	user, from := "ours1234:them", netip.MustParseAddrPort("192.0.2.7:4711")
	late := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(user), stun.NewShortTermIntegrity(settledICE.Password))
	late.Add(stun.AttrUseCandidate, nil)
	for name, c := range map[string]struct {
		b      []byte
		ok     bool
		chosen bool
		class  stun.MessageClass
		code   stun.ErrorCode
	}{
		"a check":                     {b: check(user, settledICE.Password, priority, controlling, optional), ok: true, class: stun.ClassSuccessResponse},
		"one that chooses":            {b: check(user, settledICE.Password, priority, controlling, useCandidate), ok: true, chosen: true, class: stun.ClassSuccessResponse},
		"one who does not control":    {b: check(user, settledICE.Password, controlled, useCandidate), ok: true, class: stun.ClassErrorResponse, code: stun.CodeRoleConflict},
		"what must be understood":     {b: check(user, settledICE.Password, unheardOf, useCandidate), ok: true, class: stun.ClassErrorResponse, code: stun.CodeUnknownAttribute},
		"another password":            {b: check(user, "another password of theirs", useCandidate)},
		"another user":                {b: check("ours1234:other", settledICE.Password, useCandidate)},
		"unsigned":                    {b: stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(user), useCandidate, stun.Fingerprint).Raw},
		"a choice that is not signed": {b: late.Raw, ok: true, class: stun.ClassSuccessResponse},
		"a response":                  {b: stun.MustBuild(stun.TransactionID, stun.BindingSuccess, stun.NewUsername(user), stun.NewShortTermIntegrity(settledICE.Password)).Raw},
		"an indication":               {b: stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)).Raw},
		"something behind it":         {b: append(check(user, settledICE.Password), 0, 0, 0, 0)},
		"cut short":                   {b: check(user, settledICE.Password)[:40]},
		"empty":                       {},
	} {
		t.Run(name, func(t *testing.T) {
			a := newICEAgent(settledICE)
			b, chosen, ok, _ := a.answer(c.b, from)
			if ok != c.ok || chosen != c.chosen {
				t.Fatalf("ok %v, chosen %v", ok, chosen)
			}
			if known := len(a.paths) > 0; known != (c.class == stun.ClassSuccessResponse) {
				t.Errorf("remembered: %v", known)
			}
			if !ok {
				return
			}
			m := &stun.Message{Raw: b}
			if err := m.Decode(); err != nil {
				t.Fatal(err)
			}
			var code stun.ErrorCodeAttribute
			var at stun.XORMappedAddress
			_ = code.GetFrom(m)
			_ = at.GetFrom(m)
			if m.Type.Class != c.class || code.Code != c.code || stun.NewShortTermIntegrity(settledICE.Password).Check(m) != nil || stun.Fingerprint.Check(m) != nil ||
				!bytes.Equal(m.TransactionID[:], c.b[8:20]) {
				t.Errorf("answered by %s, code %d", m, code.Code)
			}
			if c.class == stun.ClassSuccessResponse && (at.Port != 4711 || at.IP.String() != "192.0.2.7") {
				t.Errorf("mapped to %s", at)
			}
		})
	}
}

// FuzzICE lets anything at all come to a port that waits for checks: none without the password is answered, or chooses.
func FuzzICE(f *testing.F) {
	f.Add(check("ours1234:them", "another password of theirs", useCandidate))
	f.Add(check("ours1234:them", settledICE.Password[1:], controlled, unheardOf))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	a := newICEAgent(settledICE)
	from := netip.MustParseAddrPort("[2001:db8::7]:9")
	f.Fuzz(func(t *testing.T, b []byte) {
		a.rate = window{}
		if response, chosen, ok, _ := a.answer(b, from); ok || chosen || response != nil || len(a.paths) > 0 {
			t.Errorf("%x is answered by %x", b, response)
		}
	})
}

// asks makes a check and returns whether it was answered with success.
func (p *peer) asks(to netip.AddrPort, b []byte) bool {
	p.t.Helper()
	p.raw(to, b)
	m := &stun.Message{Raw: p.recv()}
	return m.Decode() == nil && m.Type == stun.BindingSuccess
}

// Checks say where the peer is, its description does not. It shakes hands by a way that it has checked, media goes where it chooses, also when it moves;
// strangers change nothing.
func TestICEPort(t *testing.T) {
	pool, m := newPool(t, 19400, 19499)
	port, err := pool.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	heard, _ := listen(t, port)
	p, stranger := newDTLSPeer(t), newPeer(t, loopback, 9)
	there, user, password := port.LocalAddr(), "ours1234:them", settledICE.Password
	trust := RTPTrust{PayloadTypes: []uint8{0}, Mux: true, DTLS: p.named(false), ICE: &settledICE}
	port.SetRemote(stranger.addr(), trust)
	stranger.raw(there, append([]byte{22, 0xFE, 0xFD}, make([]byte, 40)...))
	stranger.raw(there, check(user, "guessed, and long enough", useCandidate))
	within(t, func() bool {
		return count(t, m.dropped[dropSource]) == 1 && count(t, m.dropped[dropAuthentication]) == 1
	})
	if to := port.remote.Load(); to.IsValid() {
		t.Fatalf("media goes to %s before anything was checked", to)
	}
	if !p.asks(there, check(user, password, controlling, useCandidate)) {
		t.Fatal("a check is refused")
	}
	far, err := p.shake(port, true)
	if err != nil {
		t.Fatal(err)
	}
	say(t, port, 'A')
	if b := p.heard(far); b != 'A' {
		t.Errorf("they hear %c", b)
	}
	far.says(there, 'b')
	if b := next(t, heard); b != 'b' {
		t.Errorf("heard %c", b)
	}

	moved := newPeer(t, loopback, 7)
	goes := func(now netip.AddrPort) {
		t.Helper()
		within(t, func() bool { return *port.remote.Load() == now })
	}
	stranger.raw(there, check(user, "guessed, and long enough", useCandidate))
	if !moved.asks(there, check(user, password, controlling)) { // asks, and does not choose
		t.Error("a check of another way is refused")
	}
	goes(p.addr())
	if !moved.asks(there, check(user, password, controlling, useCandidate)) {
		t.Error("a check is refused")
	}
	goes(moved.addr())
	moved.raw(there, far.sealed('c'))
	if b := next(t, heard); b != 'c' {
		t.Errorf("heard %c", b)
	}

	restarted := ICE{Ufrag: "ours5678", Password: "another password of ours", Peer: "they"}
	trust.ICE = &restarted
	port.SetRemote(stranger.addr(), trust)
	goes(moved.addr())
	refused := count(t, m.dropped[dropAuthentication])
	p.raw(there, check(user, password, controlling, useCandidate))
	within(t, func() bool { return count(t, m.dropped[dropAuthentication]) == refused+1 })
	again := newPeer(t, loopback, 7)
	if !again.asks(there, check("ours5678:they", restarted.Password, controlling, useCandidate)) {
		t.Error("a check is refused")
	}
	goes(again.addr())
	for range maxChecks + 10 {
		again.raw(there, check("ours5678:they", restarted.Password, controlling))
	}
	within(t, func() bool { return count(t, m.dropped[dropRate]) > 0 })
}
