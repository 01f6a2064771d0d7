package sip

import (
	"fmt"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// refusal is a final response that tells the sender what is wrong.
type refusal struct {
	status  int
	reason  string
	headers []gosip.Header
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.reason) }

func refuse(status int, reason string, headers ...gosip.Header) *refusal {
	return &refusal{status, reason, headers}
}

// checkStart judges a request line (RFC 3261 7.1, 8.2.2, RFC 4475 3.1.2).
func checkStart(line string) *refusal {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[0] == "" || !isToken(parts[0]) {
		return refuse(400, "Bad Request Line")
	}
	uri, version := parts[1], parts[2]
	if !strings.HasPrefix(version, "SIP/") {
		return refuse(400, "Bad Request Line")
	}
	if version != "SIP/2.0" {
		return refuse(505, "Version Not Supported")
	}
	if strings.ContainsAny(uri, "<>\"") || hasControl(uri) {
		return refuse(400, "Bad Request-URI")
	}
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || scheme == "" || rest == "" {
		return refuse(400, "Bad Request-URI")
	}
	switch strings.ToLower(scheme) {
	case "sip", "sips":
		// Headers in a Request-URI would be a way to smuggle in a Route (RFC 4475 3.1.2.11).
		if strings.Contains(rest[strings.LastIndexByte(rest, '@')+1:], "?") {
			return refuse(400, "Headers In Request-URI")
		}
	case "tel":
	default:
		return refuse(416, "Unsupported URI Scheme")
	}
	return nil
}

func isToken(s string) bool {
	const extra = "-.!%*_+`'~"
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			if strings.IndexByte(extra, c) < 0 {
				return false
			}
		}
	}
	return s != ""
}

// checkRaw judges a request before it is parsed: the request line, what must be there once and only once, and the scalars.
func checkRaw(m *rawMessage, ok, datagram bool) *refusal {
	if r := checkStart(m.start); r != nil {
		return r
	}
	if !ok {
		return refuse(400, "Bad Header Line")
	}
	for _, name := range []string{"call-id", "from", "to", "cseq"} {
		if v, n := m.first(name); n != 1 || v == "" {
			return refuse(400, "Missing Or Repeated "+name)
		}
	}
	if _, n := m.first("via"); n == 0 || n > maxVias {
		return refuse(400, "Bad Via")
	}
	if v, n := m.first("max-forwards"); n > 1 {
		return refuse(400, "Repeated Max-Forwards")
	} else if _, ok := number(v, 255); n == 1 && !ok {
		return refuse(400, "Bad Max-Forwards")
	}
	for _, h := range m.headers {
		// Without angle brackets a question mark is not allowed (RFC 3261 20, RFC 4475 3.1.2.12).
		if h.name == "contact" && strings.Contains(h.value, "?") && !strings.Contains(h.value, "<") {
			return refuse(400, "Bad Contact")
		}
	}
	if r := checkLength(m, datagram); r != nil {
		return r
	}
	return checkCSeq(m)
}

func checkLength(m *rawMessage, datagram bool) *refusal {
	var length uint64
	seen := false
	for _, h := range m.headers {
		if h.name != "content-length" {
			continue
		}
		n, ok := number(h.value, maxMessage)
		if !ok || seen && n != length {
			return refuse(400, "Bad Content-Length")
		}
		length, seen = n, true
	}
	switch {
	case !seen && !datagram:
		return refuse(400, "Missing Content-Length")
	case seen && length > uint64(len(m.body)):
		return refuse(400, "Content-Length Beyond Message")
	}
	if seen && length < uint64(len(m.body)) {
		m.body, m.untidy = m.body[:length], true // RFC 3261 18.3: what follows in a datagram is dropped
	}
	return nil
}

func checkCSeq(m *rawMessage) *refusal {
	value, _ := m.first("cseq")
	fields := strings.Fields(value)
	if len(fields) != 2 {
		return refuse(400, "Bad CSeq")
	}
	if _, ok := number(fields[0], 1<<31-1); !ok {
		return refuse(400, "Bad CSeq")
	}
	if fields[1] != m.method() {
		return refuse(400, "CSeq Method Mismatch")
	}
	if value, n := m.first("expires"); n > 0 {
		if _, ok := number(value, 1<<32-1); !ok {
			return refuse(400, "Bad Expires")
		}
	}
	return nil
}

// checkParsed judges what only the parser can tell apart.
func checkParsed(req *gosip.Request) *refusal {
	via, from, to := req.Via(), req.From(), req.To()
	served := methodLabel(string(req.Method)) != "other" // a method we do not have gets its 405, whatever it carries
	switch {
	case via == nil || via.Host == "" || !strings.EqualFold(via.ProtocolName, "SIP") || via.ProtocolVersion != "2.0":
		return refuse(400, "Bad Via")
	case from == nil || served && !cleanAddress(&from.Address, from.DisplayName):
		return refuse(400, "Bad From")
	case to == nil || served && !cleanAddress(&to.Address, to.DisplayName):
		return refuse(400, "Bad To")
	case req.CallID() == nil || hasControl(req.CallID().Value()) || len(req.CallID().Value()) > 512:
		return refuse(400, "Bad Call-ID")
	}
	if req.Method == gosip.REGISTER || req.Method == gosip.INVITE {
		for _, h := range req.GetHeaders("Contact") {
			c, ok := h.(*gosip.ContactHeader)
			if !ok || hasControl(c.DisplayName) {
				return refuse(400, "Bad Contact")
			}
		}
	}
	return nil
}

// cleanAddress refuses control characters that hide behind %-escapes or in a display name (security row 6). Foreign schemes pass: they
// are judged where they matter.
func cleanAddress(u *gosip.Uri, display string) bool {
	if hasControl(display) || hasControl(u.Host) {
		return false
	}
	return !escapesControl(u.User) && !escapesControl(u.Host)
}

// escapesControl finds %00–%1F, %7F and raw control bytes.
func escapesControl(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
		if s[i] != '%' || i+2 >= len(s) {
			continue
		}
		if h, l := s[i+1], s[i+2]; h == '0' || h == '1' || h == '7' && (l == 'f' || l == 'F') {
			return true
		}
	}
	return false
}
