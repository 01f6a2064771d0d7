package sip

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxUser = 128

// userPart brings the user part of a SIP or tel URI to one form: unescaped, compatibility forms (full-width digits) folded, parameters
// such as ;phone-context cut off, and, where it is a telephone number, without visual separators. It refuses whatever could break out
// of a header or a log line once unescaped: control bytes, invalid UTF-8 and over-long input.
func userPart(user string) (string, bool) {
	s, ok := unescape(user)
	if !ok {
		return "", false
	}
	s, _, _ = strings.Cut(norm.NFKC.String(s), ";")
	s = strings.TrimSpace(s)
	if looksDialled(s) {
		s = strings.Map(func(r rune) rune {
			if strings.ContainsRune("-.() ", r) {
				return -1
			}
			return r
		}, s)
	}
	return s, len(s) <= maxUser && !hasControl(s)
}

// callerPart is userPart for the other side's number, which is shown and passed on as it came: unescaped and checked, not rewritten.
func callerPart(user string) (string, bool) {
	s, ok := unescape(user)
	if !ok || len(s) > maxUser {
		return "", false
	}
	return s, true
}

func unescape(user string) (string, bool) {
	if len(user) > 3*maxUser {
		return "", false
	}
	s, err := url.PathUnescape(user)
	return s, err == nil && utf8.ValidString(s) && !hasControl(s)
}

// diallable is a telephone number without separators; its end may be a word (1800FLOWERS), which one or two letters are not: they mean a pause or an
// extension.
var diallable = regexp.MustCompile(`^\+?[0-9*#]+([A-Za-z]{3,}[0-9]*)?$`)

// dialledPart is userPart for a number that somebody wants called, typed in whatever way: separators of any kind go, digits of other scripts
// become ours, and the country code that a parameter names apart comes first (RFC 3966 5.1.5).
func dialledPart(user string) (string, bool) {
	s, ok := unescape(strings.TrimSpace(user))
	if !ok {
		return "", false
	}
	s, params, _ := strings.Cut(norm.NFKC.String(s), ";")
	if len(s) > 4 && strings.EqualFold(s[:4], "tel:") {
		s = s[4:]
	}
	s = strings.Map(dialledRune, s)
	for p := range strings.SplitSeq(params, ";") {
		key, context, _ := strings.Cut(p, "=")
		if strings.EqualFold(key, "phone-context") && strings.HasPrefix(context, "+") && !strings.HasPrefix(s, "+") {
			s = strings.Map(dialledRune, context) + s
		}
	}
	return s, len(s) <= maxUser && diallable.MatchString(s)
}

// dialledRune drops separators, the marks of direction that come with copied numbers among them, and makes digits those of ASCII.
func dialledRune(r rune) rune {
	switch {
	case unicode.IsSpace(r), unicode.In(r, unicode.Cf, unicode.Pd), strings.ContainsRune(".()[]/", r):
		return -1
	case r >= '\u0660' && r <= '\u0669': // Arabic-Indic
		return '0' + r - '\u0660'
	case r >= '\u06f0' && r <= '\u06f9': // of Persian and Urdu
		return '0' + r - '\u06f0'
	}
	return r
}

// named says that a user part is a name, which no carrier takes for a telephone number.
func named(user string) bool {
	first, _ := utf8.DecodeRuneInString(user)
	return unicode.IsLetter(first)
}

// looksDialled says whether s consists of digits, a leading plus and RFC 3966 visual separators only.
func looksDialled(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '+' && i == 0:
		case strings.ContainsRune("-.() ", r):
		default:
			return false
		}
	}
	return digits > 0
}

// hasControl finds bytes and runes that must never reach a header, a log line or a screen: C0, DEL, C1, line and paragraph separators.
func hasControl(s string) bool {
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return true
		}
	}
	return false
}

// escapeUser writes a user part that userPart made so that it is legal in a URI again (RFC 3261 25.1: unreserved and user-unreserved).
func escapeUser(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/"
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// quotable makes a display name safe inside a quoted string: no control characters, no quote, no backslash.
func quotable(s string) string {
	if !utf8.ValidString(s) || hasControl(s) {
		return ""
	}
	return strings.NewReplacer(`\`, "", `"`, "").Replace(s)
}
