package sip

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Content types of the two ways to carry a digit in INFO.
const (
	typeDTMFRelay = "application/dtmf-relay"
	typeDTMF      = "application/dtmf"
)

// defaultPress is how long a digit is taken to have been held when INFO does not say.
const defaultPress = 160 * time.Millisecond

// parseDTMF reads the body of an INFO request: "Signal=5\r\nDuration=160" (application/dtmf-relay) or the digit alone
// (application/dtmf). Event numbers 10 and 11 stand for * and #, 12–15 for A–D (RFC 4733).
func parseDTMF(contentType string, body []byte) (digit byte, held time.Duration, ok bool) {
	if len(body) > 256 {
		return 0, 0, false
	}
	switch contentType {
	case typeDTMF:
		digit, ok = dtmfDigit(strings.TrimSpace(string(body)))
		return digit, defaultPress, ok
	case typeDTMFRelay:
	default:
		return 0, 0, false
	}
	held = defaultPress
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			digit, ok = dtmfDigit(value)
		case "duration":
			if ms, err := strconv.Atoi(value); err == nil && ms > 0 && ms <= 10_000 {
				held = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return digit, held, ok
}

func dtmfDigit(s string) (byte, bool) {
	const digits = "0123456789*#ABCD"
	if len(s) == 1 {
		c := s[0]
		if c >= 'a' && c <= 'd' {
			c -= 'a' - 'A'
		}
		return c, strings.IndexByte(digits, c) >= 0
	}
	if n, err := strconv.Atoi(s); err == nil && len(s) == 2 && n >= 10 && n < len(digits) {
		return digits[n], true
	}
	return 0, false
}
