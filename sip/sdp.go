package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// direction of media as one side states it (RFC 3264 5.1).
type direction string

const (
	sendrecv direction = "sendrecv"
	sendonly direction = "sendonly"
	recvonly direction = "recvonly"
	inactive direction = "inactive"
)

func directionOf(send, recv bool) direction {
	switch {
	case send && recv:
		return sendrecv
	case send:
		return sendonly
	case recv:
		return recvonly
	}
	return inactive
}

func (d direction) sends() bool    { return d == sendrecv || d == sendonly }
func (d direction) receives() bool { return d == sendrecv || d == recvonly }

// format is one payload type of an audio line.
type format struct {
	pt       uint8
	name     string // PCMU, PCMA, G722, opus, telephone-event; upper case but for the last two
	rate     int    // RTP clock
	channels int
	fmtp     string
}

// The codecs we have, in the order of our offers: what most trunks send comes first, because packets that need no transcoding cost next
// to nothing. G.722's RTP clock is 8000 by an old mistake (RFC 3551 4.5.2).
var formats = []format{
	{pt: 0, name: "PCMU", rate: 8000, channels: 1},
	{pt: 8, name: "PCMA", rate: 8000, channels: 1},
	{pt: 9, name: "G722", rate: 8000, channels: 1},
	{pt: 111, name: "opus", rate: 48000, channels: 2, fmtp: opusFmtp},
}

const opusFmtp = "useinbandfec=1;stereo=0;sprop-stereo=0"

const (
	eventName    = "telephone-event"
	eventFmtp    = "0-15"
	defaultPtime = 20
)

// eventPTs are the payload types we offer for telephone-event at 8 and 48 kHz.
var eventPTs = [...]uint8{101, 110}

// description is the audio of one SDP, ours or theirs.
type description struct {
	media     netip.AddrPort // where they want RTP; the address is invalid when they gave a name
	rtcp      netip.AddrPort
	rtcpMux   bool
	formats   []format // in the order given
	dir       direction
	zero      bool // connection address 0.0.0.0: the old way to hold (RFC 2543)
	ptime     int  // ms, 0: not said
	maxptime  int
	crypto    []cryptoLine // those that we can do, in their order
	dtls      *certified   // or the keys come from a handshake
	savp      bool         // RTP/SAVP: in the clear is no choice
	mid       string       // what the audio line is called
	bundled   bool
	line      int // index of the audio line among all lines
	lines     []*sdp.MediaDescription
	sessionID uint64
}

// parseSDP reads a session description. Errors are final responses: 400 with a Warning for what is no SDP, 488 for what we cannot or may
// not do.
func parseSDP(body []byte, want security) (*description, error) {
	if len(body) > 16<<10 {
		return nil, badSDP("too long")
	}
	var s sdp.SessionDescription
	plain, others := familiar(body)
	if err := s.Unmarshal(plain); err != nil {
		return nil, badSDP("cannot be read")
	}
	for i, name := range others {
		s.MediaDescriptions[i].MediaName = name
	}
	d := &description{line: -1, lines: s.MediaDescriptions, sessionID: s.Origin.SessionID}
	if err := d.chooseLine(&s, want); err != nil {
		return nil, err
	}
	return d, d.readAudio(&s, s.MediaDescriptions[d.line])
}

// chooseLine picks the first audio line that is encrypted as we can, else the first in the clear.
func (d *description) chooseLine(s *sdp.SessionDescription, want security) error {
	refused := false
	for i, m := range d.lines {
		if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			continue
		}
		proto := strings.TrimSuffix(strings.Join(m.MediaName.Protos, "/"), "F")
		var keys []cryptoLine
		if want.encrypts() && (proto == "RTP/SAVP" || proto == "RTP/AVP") {
			keys = readCrypto(m)
		}
		var cert *certified
		if want.certifies() && (proto == "UDP/TLS/RTP/SAVP" || proto == "RTP/AVP") {
			cert = readFingerprint(s, m)
		}
		switch {
		case len(keys) > 0:
			d.line, d.crypto, d.savp = i, keys, proto == "RTP/SAVP"
			return nil
		case cert != nil:
			d.line, d.dtls, d.savp = i, cert, proto != "RTP/AVP"
			return nil
		case proto == "RTP/AVP" && !want.required():
			if d.line < 0 {
				d.line = i
			}
		default:
			refused = true
		}
	}
	switch {
	case d.line >= 0:
		return nil
	case refused:
		return notAcceptable(302, "Incompatible transport protocol")
	}
	return notAcceptable(304, "Media type not available")
}

func readCrypto(m *sdp.MediaDescription) (lines []cryptoLine) {
	for _, a := range m.Attributes {
		if c, ok := parseCrypto(a.Value); a.Key == "crypto" && ok && len(lines) < 16 {
			lines = append(lines, c)
		}
	}
	return lines
}

func (d *description) readAudio(s *sdp.SessionDescription, m *sdp.MediaDescription) error {
	conn := m.ConnectionInformation
	if conn == nil {
		conn = s.ConnectionInformation
	}
	if conn == nil || conn.Address == nil || conn.NetworkType != "IN" {
		return badSDP("no connection line")
	}
	if m.MediaName.Port.Value < 0 || m.MediaName.Port.Value > 65535 {
		return badSDP("port out of range")
	}
	addr, _, _ := strings.Cut(conn.Address.Address, "/")
	ip, err := netip.ParseAddr(addr)
	if err == nil && (ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})) {
		return notAcceptable(301, "Incompatible network address formats")
	}
	ip = ip.Unmap()
	d.zero = err == nil && ip.IsUnspecified() && (d.dtls == nil || d.dtls.ice == iceNamed{}) // or it is shown by checks where they are
	d.mid, _ = m.Attribute("mid")
	d.bundled = bundles(s, d.mid)
	port := uint16(m.MediaName.Port.Value)
	d.media = netip.AddrPortFrom(ip, port)
	d.rtcp = netip.AddrPortFrom(ip, port+1)
	d.dir = sendrecv
	for _, attrs := range [][]sdp.Attribute{s.Attributes, m.Attributes} {
		for _, a := range attrs {
			d.readAttribute(a)
		}
	}
	if d.rtcpMux {
		d.rtcp = d.media
	}
	d.formats = readFormats(m)
	if len(d.formats) == 0 {
		return badSDP("no payload type")
	}
	return nil
}

func (d *description) readAttribute(a sdp.Attribute) {
	switch a.Key {
	case string(sendrecv), string(sendonly), string(recvonly), string(inactive):
		d.dir = direction(a.Key)
	case "ptime":
		d.ptime = milliseconds(a.Value)
	case "maxptime":
		d.maxptime = milliseconds(a.Value)
	case "rtcp-mux":
		d.rtcpMux = true
	case "rtcp":
		fields := strings.Fields(a.Value)
		if len(fields) == 0 {
			return
		}
		port, err := strconv.ParseUint(fields[0], 10, 16)
		if err != nil {
			return
		}
		ip := d.media.Addr()
		if len(fields) == 4 {
			if other, err := netip.ParseAddr(fields[3]); err == nil && other == ip {
				ip = other
			}
		}
		d.rtcp = netip.AddrPortFrom(ip, uint16(port))
	}
}

func milliseconds(s string) int {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || n < 1 || n > 1000 {
		return 0
	}
	return int(n)
}

// readFormats joins the payload types of an audio line with their rtpmap and fmtp. Static types need no rtpmap.
func readFormats(m *sdp.MediaDescription) []format {
	var out []format
	for _, f := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil || len(out) >= 64 {
			continue
		}
		fm := format{pt: uint8(pt)}
		for _, known := range formats {
			if known.pt == fm.pt && known.pt < 96 {
				fm.name, fm.rate, fm.channels = known.name, known.rate, known.channels
			}
		}
		for _, a := range m.Attributes {
			number, rest, _ := strings.Cut(a.Value, " ")
			if number != f {
				continue
			}
			switch a.Key {
			case "rtpmap":
				fm.name, fm.rate, fm.channels = readRtpmap(rest)
			case "fmtp":
				fm.fmtp = rest
			}
		}
		out = append(out, fm)
	}
	return out
}

func readRtpmap(s string) (name string, rate, channels int) {
	parts := strings.Split(strings.TrimSpace(s), "/")
	name, channels = parts[0], 1
	for _, known := range formats {
		if strings.EqualFold(known.name, name) {
			name = known.name
		}
	}
	if strings.EqualFold(name, eventName) {
		name = eventName
	}
	if len(parts) > 1 {
		if n, err := strconv.Atoi(parts[1]); err == nil && n > 0 && n <= 192000 {
			rate = n
		}
	}
	if len(parts) > 2 {
		if n, err := strconv.Atoi(parts[2]); err == nil && n > 0 && n <= 8 {
			channels = n
		}
	}
	return name, rate, channels
}

// supports finds our own format of the same codec.
func supports(allowed []string, f format) bool {
	for _, k := range formats {
		if k.name == f.name && k.rate == f.rate && (k.channels == f.channels || f.channels <= 1) && (len(allowed) == 0 || slices.Contains(allowed, k.name)) {
			return true
		}
	}
	return false
}

// choose picks the first codec of theirs that we have too, in their order, and the telephone-event with the same clock, else the 8 kHz
// one.
func (d *description) choose(allowed []string) (codec format, events *format, ok bool) {
	for _, f := range d.formats {
		if supports(allowed, f) {
			codec, ok = f, true
			break
		}
	}
	if !ok {
		return format{}, nil, false
	}
	for i := range d.formats {
		f := &d.formats[i]
		if f.name == eventName && (f.rate == codec.rate || events == nil && f.rate == 8000) {
			events = f
		}
	}
	return codec, events, true
}

// packetTime is how many milliseconds of audio to put into a packet for them.
func (d *description) packetTime() int {
	t := defaultPtime
	if d.ptime > 0 {
		t = d.ptime
	}
	if d.maxptime > 0 {
		t = min(t, d.maxptime)
	}
	return max(10, min(60, t/10*10))
}

func badSDP(why string) *refusal {
	return refuse(400, "Bad Session Description", warning(399, "SDP "+why))
}

func notAcceptable(code int, text string) *refusal {
	return refuse(488, "Not Acceptable Here", warning(code, text))
}

// noCodec is the refusal of an offer without a codec that we have.
func noCodec() *refusal { return notAcceptable(305, "Incompatible media format") }

// String is for tests and traces; it names no address.
func (f format) String() string { return fmt.Sprintf("%s/%d=%d", f.name, f.rate, f.pt) }
