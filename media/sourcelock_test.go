package media

import (
	"net/netip"
	"testing"
	"time"
)

var (
	sdpAddr = netip.MustParseAddrPort("198.51.100.1:4000")
	natAddr = netip.MustParseAddrPort("203.0.113.7:31000")
	badAddr = netip.MustParseAddrPort("192.0.2.66:5555")
	netAddr = netip.MustParseAddrPort("198.51.100.99:4444")
)

// lockEvent is one packet, or with say the signalling naming an address.
type lockEvent struct {
	from netip.AddrPort
	ssrc uint32
	seq  uint16
	pt   uint8
	ms   int
	say  bool
	want string // accept, or the reason of the drop
}

func TestSourceLock(t *testing.T) {
	strict := &RTPTrust{PayloadTypes: []uint8{0, 101}}
	nat := &RTPTrust{NAT: true, PayloadTypes: []uint8{0, 101}}
	networks := &RTPTrust{PayloadTypes: []uint8{0}, Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	at := func(from netip.AddrPort, ssrc uint32, seq uint16, ms int, want string) lockEvent {
		return lockEvent{from: from, ssrc: ssrc, seq: seq, ms: ms, want: want}
	}
	tests := []struct {
		name   string
		trust  *RTPTrust
		events []lockEvent
		state  lockState
		addr   netip.AddrPort
	}{
		{"nothing signalled", nil, []lockEvent{at(sdpAddr, 1, 1, 0, "source")}, lockIdle, netip.AddrPort{}},
		{"the SDP address locks at once", strict, []lockEvent{at(sdpAddr, 1, 1, 0, "accept"), at(sdpAddr, 1, 2, 20, "accept")}, lockLocked, sdpAddr},
		{"but not with a foreign payload type", strict, []lockEvent{{from: sdpAddr, ssrc: 1, pt: 77, want: "payload_type"}}, lockExpect, netip.AddrPort{}},
		{"others are dropped before the lock", strict, []lockEvent{
			at(badAddr, 9, 1, 0, "source"), at(badAddr, 9, 2, 20, "source"), at(badAddr, 9, 3, 40, "source"),
			at(badAddr, 9, 4, 60, "source"), at(badAddr, 9, 5, 80, "source"), at(sdpAddr, 1, 1, 100, "accept"),
		}, lockLocked, sdpAddr},
		{"and after it", strict, []lockEvent{at(sdpAddr, 1, 1, 0, "accept"), at(badAddr, 1, 2, 20, "source"), at(badAddr, 1, 3, 9000, "source")}, lockLocked, sdpAddr},
		{"another port of the SDP host is foreign", strict, []lockEvent{
			at(netip.AddrPortFrom(sdpAddr.Addr(), 4002), 1, 1, 0, "source"),
		}, lockExpect, netip.AddrPort{}},
		{"NAT: the fourth packet in sequence locks", nat, []lockEvent{
			at(natAddr, 5, 10, 0, "source"), at(natAddr, 5, 11, 20, "source"), at(natAddr, 5, 12, 40, "source"), at(natAddr, 5, 13, 60, "accept"),
			at(natAddr, 5, 14, 80, "accept"), at(badAddr, 5, 15, 90, "source"), at(sdpAddr, 5, 16, 99, "source"),
		}, lockLocked, natAddr},
		{"NAT: a burst is no stream", nat, []lockEvent{
			at(natAddr, 5, 10, 0, "source"), at(natAddr, 5, 11, 1, "source"), at(natAddr, 5, 12, 2, "source"), at(natAddr, 5, 13, 3, "source"),
			at(natAddr, 5, 14, 40, "accept"),
		}, lockLocked, natAddr},
		{"NAT: numbers out of sequence begin again", nat, []lockEvent{
			at(natAddr, 5, 10, 0, "source"), at(natAddr, 5, 11, 20, "source"), at(natAddr, 5, 13, 40, "source"), at(natAddr, 5, 14, 60, "source"),
			at(natAddr, 5, 15, 80, "source"),
		}, lockExpect, netip.AddrPort{}},
		{"NAT: so does another SSRC", nat, []lockEvent{
			at(natAddr, 5, 10, 0, "source"), at(natAddr, 6, 11, 20, "source"), at(natAddr, 6, 12, 40, "source"), at(natAddr, 6, 13, 60, "source"),
		}, lockExpect, netip.AddrPort{}},
		{"NAT: a sprayer with one address cannot keep the peer out", nat, []lockEvent{
			at(natAddr, 5, 10, 0, "source"), at(badAddr, 9, 100, 1, "source"), at(natAddr, 5, 11, 20, "source"), at(badAddr, 9, 200, 21, "source"),
			at(natAddr, 5, 12, 40, "source"), at(badAddr, 9, 300, 41, "source"), at(natAddr, 5, 13, 60, "accept"),
		}, lockLocked, natAddr},
		{"NAT: the SDP address wins while learning", nat, []lockEvent{
			at(badAddr, 9, 10, 0, "source"), at(badAddr, 9, 11, 20, "source"), at(badAddr, 9, 12, 40, "source"), at(sdpAddr, 1, 1, 45, "accept"),
			at(badAddr, 9, 13, 60, "source"),
		}, lockLocked, sdpAddr},
		{"silence lets another address of the trunk be learned", networks, []lockEvent{
			at(sdpAddr, 1, 1, 0, "accept"), at(netAddr, 2, 1, 2900, "source"), at(netAddr, 2, 2, 3000, "source"), at(netAddr, 2, 3, 3020, "source"),
			at(netAddr, 2, 4, 3040, "source"), at(netAddr, 2, 5, 3060, "accept"),
		}, lockLocked, netAddr},
		{"but no foreign one", networks, []lockEvent{
			at(sdpAddr, 1, 1, 0, "accept"), at(badAddr, 2, 2, 4000, "source"), at(badAddr, 2, 3, 4020, "source"), at(badAddr, 2, 4, 4040, "source"),
			at(badAddr, 2, 5, 4060, "source"),
		}, lockLocked, sdpAddr},
		{"signalling moves the peer", strict, []lockEvent{
			at(sdpAddr, 1, 1, 0, "accept"), {say: true, from: netAddr}, at(sdpAddr, 1, 2, 20, "source"), at(netAddr, 1, 2, 40, "accept"),
		}, lockLocked, netAddr},
		{"signalling the same address keeps the lock", nat, []lockEvent{
			at(natAddr, 5, 10, 0, "source"), at(natAddr, 5, 11, 20, "source"), at(natAddr, 5, 12, 40, "source"), at(natAddr, 5, 13, 60, "accept"),
			{say: true, from: sdpAddr},
			at(natAddr, 5, 14, 80, "accept"), at(badAddr, 5, 15, 90, "source"),
		}, lockLocked, natAddr},
		{"after it a NAT peer may have moved", nat, []lockEvent{
			at(sdpAddr, 5, 10, 0, "accept"),
			{say: true, from: sdpAddr},
			at(natAddr, 6, 1, 20, "source"), at(natAddr, 6, 2, 40, "source"), at(natAddr, 6, 3, 60, "source"), at(natAddr, 6, 4, 80, "accept"),
		}, lockLocked, natAddr},
		{"one packet of another SSRC", strict, []lockEvent{
			at(sdpAddr, 1, 1, 0, "accept"), at(sdpAddr, 2, 50, 10, "ssrc"), at(sdpAddr, 1, 2, 20, "accept"), at(sdpAddr, 2, 51, 30, "ssrc"),
			at(sdpAddr, 1, 3, 40, "accept"), at(sdpAddr, 2, 52, 50, "ssrc"), at(sdpAddr, 1, 4, 60, "accept"),
		}, lockLocked, sdpAddr},
		{"three in a row change it", strict, []lockEvent{
			at(sdpAddr, 1, 1, 0, "accept"), at(sdpAddr, 2, 50, 20, "ssrc"), at(sdpAddr, 2, 51, 40, "ssrc"), at(sdpAddr, 2, 52, 60, "accept"),
			at(sdpAddr, 1, 2, 70, "ssrc"),
		}, lockLocked, sdpAddr},
		{"one does when the old is silent", strict, []lockEvent{at(sdpAddr, 1, 1, 0, "accept"), at(sdpAddr, 2, 50, 250, "accept")}, lockLocked, sdpAddr},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l sourceLock
			if tt.trust != nil {
				l = l.signalled(sdpAddr, tt.trust)
			}
			for i, ev := range tt.events {
				if ev.say {
					l = l.signalled(ev.from, tt.trust)
					continue
				}
				var ok bool
				var why drop
				l, ok, why = l.step(heardPacket{from: ev.from, ssrc: ev.ssrc, seq: ev.seq, pt: ev.pt, at: time.Hour + time.Duration(ev.ms)*time.Millisecond})
				got := dropNames[why]
				if ok {
					got = "accept"
				}
				if got != ev.want {
					t.Errorf("event %d: %s, want %s", i, got, ev.want)
				}
			}
			if l.state != tt.state || l.addr != tt.addr {
				t.Errorf("ends in state %d at %v, want %d at %v", l.state, l.addr, tt.state, tt.addr)
			}
		})
	}
}
