package sip

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/pion/sdp/v3"
)

// warning is a Warning header (RFC 3261 20.43); the agent is a pseudonym, no address and no version.
func warning(code int, text string) gosip.Header {
	return gosip.NewHeader("Warning", strconv.Itoa(code)+` tandem "`+text+`"`)
}

// agreed is what offer and answer settled for one leg.
type agreed struct {
	codec  format  // what we send, with their payload type
	recvPT uint8   // the payload type they send it with
	events *format // telephone-event, nil when they have none
	remote netip.AddrPort
	rtcp   netip.AddrPort
	mux    bool
	ptime  int
	send   bool // they want to hear us
	recv   bool // they send
	secured
}

// negotiator holds our side of the offer/answer exchange of one dialog (RFC 3264).
type negotiator struct {
	local       netip.AddrPort
	fingerprint string // our certificate's fingerprint
	id          uint64
	version     uint64
	allowed     []string // codec names in the order we want them, none: all
	security    security
	web         bool                    // the far end speaks by WebRTC alone
	mid         string                  // what the audio is called (RFC 5888); "": nothing
	bundled     bool                    // it may share its port (RFC 9143)
	last        string                  // our last description without its version
	offered     []format                // what our open offer contains
	keys        keying                  // how it may be encrypted
	demand      security                // what the answer must meet
	written     []format                // the formats of our last description
	current     []byte                  // our last description
	before      func()                  // goes back to the description before our open offer
	lines       []*sdp.MediaDescription // the lines of their last description: ours must match one by one
	audio       int                     // which of them is the audio
	now         agreed
	settled     bool
	savp        bool // of our last description
}

// newNegotiator prepares for a leg whose RTP comes to local.
func newNegotiator(local netip.AddrPort, id uint64, allowed []string, sec security) *negotiator {
	return &negotiator{local: local, id: id >> 1, allowed: allowed, security: sec}
}

// answer reads their offer and returns our answer.
func (n *negotiator) answer(offer []byte) ([]byte, error) {
	d, err := parseSDP(offer, n.demands())
	if err != nil {
		return nil, err
	}
	codec, events, ok := d.choose(n.allowed)
	if !ok {
		return nil, noCodec()
	}
	how := n.now.secured
	if d.dtls != nil {
		how = how.takenDTLS(d.dtls)
	} else if how, err = how.taken(d.crypto); err != nil {
		return nil, err
	}
	n.lines, n.audio, n.mid, n.bundled = d.lines, d.line, d.mid, d.bundled
	n.settle(d, codec, codec.pt, events, how)
	dir := directionOf(d.dir.receives() && !d.zero, d.dir.sends())
	list := []format{codec}
	if events != nil {
		e := *events
		e.fmtp = eventFmtp
		list = append(list, e)
	}
	return n.write(list, how.keying(), dir, n.now.ptime, d.rtcpMux), nil
}

// makeOffer returns our offer: all our codecs, or after a first agreement the agreed one first.
func (n *negotiator) makeOffer() []byte {
	var list []format
	for _, name := range n.order() {
		for _, f := range formats {
			if f.name == name {
				list = append(list, n.keepPT(f))
			}
		}
	}
	for i, rate := range []int{8000, 48000} {
		if slices.ContainsFunc(list, func(f format) bool { return f.rate == rate }) {
			list = append(list, n.keepPT(format{pt: eventPTs[i], name: eventName, rate: rate, channels: 1, fmtp: eventFmtp}))
		}
	}
	n.offered, n.keys, n.demand = list, n.offers(), n.demands()
	if n.web && len(n.lines) == 0 {
		n.mid, n.bundled = "0", true
	}
	written, current := n.written, n.current
	n.before = func() { n.written, n.current, n.last = written, current, "" }
	return n.write(list, n.keys, sendrecv, defaultPtime, true)
}

// refused forgets our open offer, which they did not want: a session refresh repeats what holds (RFC 3261 14.1).
func (n *negotiator) refused() {
	if n.settled && n.before != nil {
		n.before()
		n.offered, n.keys = n.written, n.now.keying()
	}
	n.before = nil
}

// order is the sequence of codec names for an offer of ours.
func (n *negotiator) order() []string {
	names := n.allowed
	if len(names) == 0 {
		names = make([]string, len(formats))
		for i, f := range formats {
			names[i] = f.name
		}
	}
	if n.settled {
		names = append([]string{n.now.codec.name}, slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == n.now.codec.name })...)
	}
	return names
}

// keepPT reuses the payload type that a codec already has in this dialog (RFC 3264 8.3.2).
func (n *negotiator) keepPT(f format) format {
	if !n.settled {
		return f
	}
	if f.name == n.now.codec.name {
		f.pt = n.now.codec.pt
	} else if f.name == eventName && n.now.events != nil && n.now.events.rate == f.rate {
		f.pt = n.now.events.pt
	}
	return f
}

// accept reads their answer to our offer.
func (n *negotiator) accept(answer []byte) error {
	d, err := parseSDP(answer, n.demand)
	if err != nil {
		return err
	}
	var how secured
	if d.dtls != nil && n.keys.setup != "" {
		how, err = n.acceptedDTLS(d.dtls)
	} else {
		how, err = n.now.accepted(n.keys.crypto, d.crypto)
	}
	if err != nil {
		return err
	}
	if (d.savp || n.demand.required()) && !how.encrypted() || !d.savp && n.savp {
		return notAcceptable(302, "Incompatible transport protocol")
	}
	names := make([]string, 0, len(n.offered))
	for _, f := range n.offered {
		if f.name != eventName {
			names = append(names, f.name)
		}
	}
	codec, events, ok := d.choose(names)
	if !ok {
		return noCodec()
	}
	n.lines, n.audio = d.lines, d.line
	recv := codec.pt
	for _, f := range n.offered {
		if f.name == codec.name {
			recv = f.pt
		}
	}
	n.settle(d, codec, recv, events, how)
	return nil
}

func (n *negotiator) settle(d *description, codec format, recvPT uint8, events *format, how secured) {
	n.now = agreed{
		codec: codec, recvPT: recvPT, events: events, remote: d.media, rtcp: d.rtcp, mux: d.rtcpMux, ptime: d.packetTime(),
		send: d.dir.receives() && !d.zero, recv: d.dir.sends(), secured: how,
	}
	n.settled = true
}

// write makes our description. Its version rises only when something changed (RFC 3264 8).
func (n *negotiator) write(list []format, keys keying, dir direction, ptime int, mux bool) []byte {
	kind := "IP4"
	if n.local.Addr().Is6() {
		kind = "IP6"
	}
	address := n.local.Addr().String()
	s := &sdp.SessionDescription{
		Origin:                sdp.Origin{Username: "-", SessionID: n.id, NetworkType: "IN", AddressType: kind, UnicastAddress: address},
		SessionName:           "-",
		ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: kind, Address: &sdp.Address{Address: address}},
		TimeDescriptions:      []sdp.TimeDescription{{}},
	}
	audio := n.audioLine(list, keys, dir, ptime, mux)
	n.addICE(s, audio, keys.ice)
	for i, theirs := range n.lines {
		if i == n.audio {
			s.MediaDescriptions = append(s.MediaDescriptions, audio)
			continue
		}
		refused := &sdp.MediaDescription{MediaName: theirs.MediaName}
		refused.MediaName.Port = sdp.RangedPort{}
		mid, _ := theirs.Attribute("mid")
		nameLine(refused, mid)
		s.MediaDescriptions = append(s.MediaDescriptions, refused)
	}
	if len(n.lines) == 0 {
		s.MediaDescriptions = append(s.MediaDescriptions, audio)
	}
	plain, err := s.Marshal()
	if err != nil {
		return nil // cannot happen: nothing in it fails to marshal
	}
	if string(plain) != n.last {
		n.version++
		n.last = string(plain)
	}
	s.Origin.SessionVersion = n.version
	n.written = list
	n.current, _ = s.Marshal()
	return n.current
}

// repeat offers what already holds, for a session refresh: same text, same version.
func (n *negotiator) repeat() []byte {
	n.offered, n.keys, n.demand, n.before = n.written, n.now.keying(), n.demands(), nil
	return n.current
}

func (n *negotiator) audioLine(list []format, keys keying, dir direction, ptime int, mux bool) *sdp.MediaDescription {
	m := &sdp.MediaDescription{MediaName: sdp.MediaName{Media: "audio", Port: sdp.RangedPort{Value: int(n.local.Port())}, Protos: []string{"RTP", "AVP"}}}
	switch {
	case n.audio < len(n.lines):
		m.MediaName.Protos = n.lines[n.audio].MediaName.Protos
	case n.web:
		m.MediaName.Protos = []string{"UDP", "TLS", "RTP", "SAVPF"}
	case n.security.required():
		m.MediaName.Protos = []string{"RTP", "SAVP"}
	}
	n.savp = strings.HasPrefix(m.MediaName.Protos[len(m.MediaName.Protos)-1], "SAVP")
	for _, f := range list {
		pt := strconv.Itoa(int(f.pt))
		m.MediaName.Formats = append(m.MediaName.Formats, pt)
		rtpmap := pt + " " + f.name + "/" + strconv.Itoa(f.rate)
		if f.channels > 1 {
			rtpmap += "/" + strconv.Itoa(f.channels)
		}
		m.Attributes = append(m.Attributes, sdp.NewAttribute("rtpmap", rtpmap))
		fmtp := f.fmtp
		if f.name == "opus" {
			fmtp = opusFmtp
		}
		if fmtp != "" && (f.name == "opus" || f.name == eventName) {
			m.Attributes = append(m.Attributes, sdp.NewAttribute("fmtp", pt+" "+fmtp))
		}
	}
	for _, c := range keys.crypto {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("crypto", c.String()))
	}
	if keys.setup != "" {
		m.Attributes = append(m.Attributes, sdp.NewAttribute("fingerprint", n.fingerprint), sdp.NewAttribute("setup", string(keys.setup)))
	}
	m.Attributes = append(m.Attributes, sdp.NewAttribute("ptime", strconv.Itoa(ptime)), sdp.NewPropertyAttribute(string(dir)))
	if mux {
		m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute("rtcp-mux"))
	}
	nameLine(m, n.mid)
	return m
}
