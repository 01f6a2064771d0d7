package sip

import (
	"encoding/hex"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

const (
	maxDataHeaders = 32
	maxDataValue   = 1024
	maxUUI         = 256
)

// callData picks what travels with a call (V1.6) out of an INVITE: the headers the trunk allows, keyed by their lower-case name. A
// User-to-User header (RFC 7433) is decoded from hex. Nothing is taken that is too long or not printable.
func callData(req *gosip.Request, allowed []string) map[string]string {
	var out map[string]string
	for _, h := range req.Headers() {
		name := strings.ToLower(h.Name())
		if !allows(allowed, name) || strings.HasPrefix(name, "x-reserved") || len(out) >= maxDataHeaders { // the flags are no data
			continue
		}
		value := h.Value()
		if name == "user-to-user" {
			v, ok := parseUUI(value)
			if !ok {
				continue
			}
			value = v
		}
		if len(value) > maxDataValue || hasControl(value) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out
}

// allows matches a lower-case header name with a list that may hold patterns such as "x-crm-*".
func allows(allowed []string, name string) bool {
	for _, a := range allowed {
		a = strings.ToLower(a)
		if prefix, ok := strings.CutSuffix(a, "*"); ok && prefix != "" {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		} else if a == name {
			return true
		}
	}
	return false
}

// parseUUI decodes a User-to-User header value. Without an encoding parameter it is hex (RFC 7433 4.1); an odd number of digits, any
// other encoding, or content that is not printable text is refused.
func parseUUI(value string) (string, bool) {
	data, params, _ := strings.Cut(value, ";")
	data = strings.Trim(strings.TrimSpace(data), `"`)
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(k), "encoding") && !strings.EqualFold(strings.TrimSpace(v), "hex") {
			return "", false
		}
	}
	raw, err := hex.DecodeString(data)
	if err != nil || len(raw) == 0 || len(raw) > maxUUI {
		return "", false
	}
	// A leading protocol discriminator (00 user specific, 04 IA5 text) is not part of the text.
	if raw[0] == 0x00 || raw[0] == 0x04 {
		raw = raw[1:]
	}
	s := string(raw)
	if s == "" || hasControl(s) {
		return "", false
	}
	return s, true
}
