package sms

import (
	"crypto/hmac"
	"crypto/sha1" // the platform's signatures
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tandem/chat"
	"tandem/internal/fault"
)

var (
	errUnsigned  = fault.New(fault.Unauthorized, "hook_unsigned", "The request carries no signature.")
	errSignature = fault.New(fault.Forbidden, "hook_signature", "The request's signature is wrong.")
	errMethod    = fault.New(fault.Invalid, "hook_method", "Set the hook to POST.")
)

// Accept checks X-Twilio-Signature over the public URL and the form, or over the URL alone where it carries the body's SHA-256. It
// answers with TwiML that says nothing.
func (c *account) Accept(r chat.Hook) (chat.Answer, error) {
	if r.Method != http.MethodPost {
		return chat.Answer{}, errMethod
	}
	given := r.Header.Get("X-Twilio-Signature")
	if given == "" {
		return chat.Answer{}, errUnsigned
	}
	fields := ""
	if want := r.Query.Get("bodySHA256"); want != "" {
		sum := sha256.Sum256(r.Body)
		if !hmac.Equal([]byte(want), []byte(hex.EncodeToString(sum[:]))) {
			return chat.Answer{}, errSignature
		}
	} else {
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return chat.Answer{}, errSignature.Because(err)
		}
		fields = joined(form)
	}
	for _, address := range addresses(c.address(r)) {
		for _, token := range c.tokens {
			if hmac.Equal([]byte(given), []byte(sign(token, address+fields))) {
				return chat.Answer{Events: true, Type: "text/xml", Body: []byte("<Response/>")}, nil
			}
		}
	}
	return chat.Answer{}, errSignature
}

// address is the URL as the platform knows it: the request's, unless the account has one of its own, with the query as it was sent.
func (c *account) address(r chat.Hook) string {
	if !c.fixed {
		return r.URL
	}
	if _, query, ok := strings.Cut(r.URL, "?"); ok {
		return c.hook + "?" + query
	}
	return c.hook
}

// joined is the part of what is signed that comes from the form: names and values, sorted by name.
func joined(form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return b.String()
}

func sign(token, base string) string {
	m := hmac.New(sha1.New, []byte(token))
	m.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// addresses are the URL with and without its scheme's own port: the platform has signed either (channels.md 10). The rest stays byte by
// byte, because it was signed so.
func addresses(address string) []string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return []string{address}
	}
	host, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, tail = rest[:i], rest[i:]
	}
	port := ":443"
	if scheme == "http" {
		port = ":80"
	}
	// A port of one's own is left out by some of the platform's signers, too.
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return []string{address, scheme + "://" + host[:i] + tail}
	}
	return []string{address, scheme + "://" + host + port + tail}
}
