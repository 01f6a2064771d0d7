package sip

import (
	"bytes"
	"strconv"
	"strings"
)

// Limits on one message. 65 535 is what a UDP datagram can hold; nothing we serve needs more on a stream.
const (
	maxMessage = 65535
	maxHeaders = 256
	maxVias    = 70
)

// rawHeader is one header field, unfolded, its compact name expanded.
type rawHeader struct {
	name  string // lower case
	value string
}

// rawMessage is a message cut into lines before any meaning is given to them. It exists so that a message the parser refuses still gets
// its 400, and so that the parser only ever sees well-framed, unfolded text.
type rawMessage struct {
	start   string
	headers []rawHeader
	body    []byte
	untidy  bool // folded lines or white space the parser misreads: rewrite before parsing
}

var compactNames = map[string]string{
	"i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type", "f": "from", "s": "subject",
	"k": "supported", "t": "to", "v": "via", "r": "refer-to", "b": "referred-by", "o": "event", "u": "allow-events", "x": "session-expires",
}

// scan cuts a datagram or a framed message. ok is false when it has no start line, no end of headers, or a line without a colon; what
// was found so far is still returned.
func scan(data []byte) (m rawMessage, ok bool) {
	head, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
	m.body = body
	lines := strings.Split(string(head), "\r\n")
	m.start = lines[0]
	ok = found && m.start != ""
	for _, line := range lines[1:] {
		if line == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			m.untidy = true
			if n := len(m.headers); n > 0 {
				h := &m.headers[n-1]
				h.value = strings.TrimSpace(h.value + " " + strings.Trim(line, " \t"))
				continue
			}
			ok = false
			continue
		}
		name, value, colon := strings.Cut(line, ":")
		if !colon || len(m.headers) >= maxHeaders {
			ok = false
			continue
		}
		trimmed := strings.ToLower(strings.Trim(name, " \t"))
		if len(trimmed) != len(name) {
			m.untidy = true
		}
		if long, short := compactNames[trimmed]; short {
			trimmed = long
		}
		m.headers = append(m.headers, rawHeader{trimmed, strings.Trim(value, " \t")})
	}
	return m, ok
}

// first returns the first value of a header and how many there are.
func (m *rawMessage) first(name string) (value string, count int) {
	for _, h := range m.headers {
		if h.name == name {
			if count == 0 {
				value = h.value
			}
			count++
		}
	}
	return value, count
}

// isResponse says whether the start line is a status line.
func (m *rawMessage) isResponse() bool { return strings.HasPrefix(m.start, "SIP/") }

// method is the request's method, "" for a response.
func (m *rawMessage) method() string {
	if m.isResponse() {
		return ""
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

// structured headers are those in which the parser trips over white space around separators.
var structured = map[string]bool{"to": true, "from": true, "via": true, "contact": true, "route": true, "record-route": true, "cseq": true}

// tidy rewrites the message with one line per header and no optional white space in the structured ones.
func (m *rawMessage) tidy() []byte {
	var b bytes.Buffer
	b.WriteString(m.start)
	b.WriteString("\r\n")
	for _, h := range m.headers {
		value := h.value
		if structured[h.name] {
			value = squeeze(value)
		}
		b.WriteString(h.name)
		b.WriteString(": ")
		b.WriteString(value)
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	b.Write(m.body)
	return b.Bytes()
}

// needsTidy says whether rewriting is called for.
func (m *rawMessage) needsTidy() bool {
	if m.untidy {
		return true
	}
	for _, h := range m.headers {
		if structured[h.name] && squeeze(h.value) != h.value {
			return true
		}
	}
	return false
}

// squeeze drops white space around ; = / and , outside quotes and angle brackets, and makes a run of spaces one.
func squeeze(s string) string {
	if !strings.ContainsAny(s, " \t") {
		return s
	}
	var b strings.Builder
	quoted, angled := false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted:
			if c == '\\' && i+1 < len(s) {
				b.WriteByte(c)
				i++
				c = s[i]
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case angled:
		case c == ' ' || c == '\t':
			if separator(lastByte(&b)) || separator(nextInk(s[i:])) {
				continue
			}
			if lastByte(&b) == ' ' {
				continue
			}
			c = ' '
		}
		b.WriteByte(c)
	}
	return b.String()
}

func separator(c byte) bool { return c == ';' || c == '=' || c == '/' || c == ',' || c == 0 }

func lastByte(b *strings.Builder) byte {
	if b.Len() == 0 {
		return 0
	}
	return b.String()[b.Len()-1]
}

func nextInk(s string) byte {
	for i := range len(s) {
		if s[i] != ' ' && s[i] != '\t' {
			return s[i]
		}
	}
	return 0
}

// number reads a decimal header value of at most max.
func number(s string, max uint64) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	return n, err == nil && n <= max
}
