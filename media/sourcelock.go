package media

import (
	"net/netip"
	"slices"
	"time"
)

// RTPTrust is what signalling lets an RTP port believe.
type RTPTrust struct {
	// NAT says that the peer may sit behind a NAT: its packets may come from elsewhere than its SDP says.
	NAT bool
	// Networks are the trunk's media addresses. Inside them the peer may move to another address after 3 s of silence.
	Networks []netip.Prefix
	// PayloadTypes are the negotiated ones, telephone-event and comfort noise included. Nothing else locks a source.
	PayloadTypes []uint8
	// Mux says that RTCP shares the RTP port (RFC 5761).
	Mux bool
	// Control is where the peer wants RTCP (RFC 3605); zero for the RTP address with the next port, or the same port with Mux.
	Control netip.AddrPort
	// SRTP encrypts and decrypts; nil: nothing is encrypted. With it, packets that are not authentic change nothing.
	SRTP *SRTP
	// DTLS says that the keys come from a handshake with this peer on the RTP port; nothing else is sent or heard before. nil: they do not.
	DTLS *DTLSPeer
	// ICE says that the peer shows by connectivity checks where it is, whatever its SDP says; nothing is sent elsewhere. nil: it does not.
	ICE *ICE
}

// lockState is how sure an RTP port is of its peer.
type lockState uint8

const (
	lockIdle   lockState = iota // signalling has not said who the peer is: nothing is accepted
	lockExpect                  // the SDP address is known, nothing was heard
	lockLocked                  // one address and one SSRC are heard, all else is dropped
)

const (
	learnPackets = 4                     // packets in sequence that an address other than the SDP's must send
	learnSpread  = 30 * time.Millisecond // between the first and the last of them
	relearnAfter = 3 * time.Second       // of silence from the locked source
	ssrcAfter    = 200 * time.Millisecond
	ssrcPackets  = 3 // packets in sequence, none of the old SSRC between, that move the lock to a new SSRC sooner
)

// sourceLock decides whose packets an RTP port hears (spec: EXPECT, then LOCK). It is a value: step gives the next one.
type sourceLock struct {
	state   lockState
	expect  netip.AddrPort // from the SDP
	trust   *RTPTrust
	addr    netip.AddrPort // locked
	ssrc    uint32         // locked
	heard   time.Duration  // last accepted packet
	resaid  bool           // signalling spoke after the lock: until the locked source is heard again, the peer may have moved
	other   candidate      // another SSRC from the locked address
	learned [4]candidate   // other addresses; several, so that one sprayer cannot keep the peer from being learned
}

// candidate is a source on probation.
type candidate struct {
	addr  netip.AddrPort
	ssrc  uint32
	seq   uint16
	count int
	first time.Duration
}

// heardPacket is what the lock looks at.
type heardPacket struct {
	from netip.AddrPort
	ssrc uint32
	seq  uint16
	pt   uint8
	at   time.Duration
}

// signalled is the lock after signalling named the peer. The same address again (a refresh) keeps the lock.
func (l sourceLock) signalled(expect netip.AddrPort, trust *RTPTrust) sourceLock {
	if l.state == lockLocked && l.expect == expect {
		l.trust, l.resaid = trust, true
		return l
	}
	return sourceLock{state: lockExpect, expect: expect, trust: trust}
}

// step is the lock's transition for one packet. why tells what to count when it is not accepted.
func (l sourceLock) step(p heardPacket) (next sourceLock, accept bool, why drop) {
	if l.state == lockIdle {
		return l, false, dropSource
	}
	known := slices.Contains(l.trust.PayloadTypes, p.pt)
	switch {
	case l.state == lockLocked && p.from == l.addr:
		return l.fromLocked(p, known)
	case l.state == lockExpect && p.from == l.expect:
		if !known {
			return l, false, dropPayloadType
		}
		return l.lockOn(p), true, 0
	case !l.mayLearn(p):
		return l, false, dropSource
	case !known:
		return l, false, dropPayloadType
	}
	return l.learn(p)
}

func (l sourceLock) lockOn(p heardPacket) sourceLock {
	return sourceLock{state: lockLocked, expect: l.expect, trust: l.trust, addr: p.from, ssrc: p.ssrc, heard: p.at}
}

// fromLocked handles the locked address. A new SSRC (the peer's media moved inside its network) needs three packets in sequence, or that
// the old one was silent.
func (l sourceLock) fromLocked(p heardPacket, known bool) (sourceLock, bool, drop) {
	if p.ssrc == l.ssrc {
		l.heard, l.resaid, l.other = p.at, false, candidate{}
		return l, true, 0
	}
	if !known {
		return l, false, dropPayloadType
	}
	l.other = l.other.next(p)
	if l.other.count >= ssrcPackets || p.at-l.heard >= ssrcAfter || l.resaid {
		return l.lockOn(p), true, 0
	}
	return l, false, dropSSRC
}

// mayLearn tells whether an address that signalling did not name has a chance.
func (l sourceLock) mayLearn(p heardPacket) bool {
	if l.state == lockExpect {
		return l.trust.NAT
	}
	quiet := p.at-l.heard >= relearnAfter
	inside := p.from == l.expect || slices.ContainsFunc(l.trust.Networks, func(n netip.Prefix) bool { return n.Contains(p.from.Addr()) })
	return quiet && inside || l.resaid && (l.trust.NAT || p.from == l.expect)
}

func (l sourceLock) learn(p heardPacket) (sourceLock, bool, drop) {
	slot := 0
	for i, c := range l.learned {
		if c.addr == p.from {
			slot = i
			break
		}
		if c.first < l.learned[slot].first {
			slot = i
		}
	}
	c := l.learned[slot].next(p)
	l.learned[slot] = c
	if c.count >= learnPackets && p.at-c.first >= learnSpread {
		return l.lockOn(p), true, 0
	}
	return l, false, dropSource
}

// next counts a packet in sequence, or begins again.
func (c candidate) next(p heardPacket) candidate {
	if c.count > 0 && c.addr == p.from && c.ssrc == p.ssrc && p.seq == c.seq+1 {
		c.seq = p.seq
		c.count++
		return c
	}
	return candidate{addr: p.from, ssrc: p.ssrc, seq: p.seq, count: 1, first: p.at}
}
