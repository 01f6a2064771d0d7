package suite

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/internal/fault"
)

// accepts: the vectors, the platform's own requests, and what is answered.
func accepts(t *testing.T, s Subject) {
	r := newRig(t, s)
	for i, h := range s.Golden {
		if _, err := r.channel.Accept(h); err != nil {
			t.Errorf("golden %d is refused: %v", i, err)
		}
	}
	for i, event := range s.Fixtures {
		for _, h := range r.f.Signed(event) {
			answer, err := r.channel.Accept(h)
			if err != nil {
				t.Errorf("fixture %d is refused: %v", i, err)
				continue
			}
			if !answer.Events {
				t.Errorf("fixture %d is not to be read", i)
			}
			events, err := r.channel.Decode(h)
			if err != nil {
				t.Errorf("fixture %d: %v", i, err)
			}
			for _, e := range events {
				whole(t, e)
			}
		}
	}
}

// forged: a request without a signature is 401, with a wrong one 403, and whatever else was changed is refused, too.
func forged(t *testing.T, s Subject) {
	r := newRig(t, s)
	_, event, err := r.p.Act(chattest.Act{Customer: r.p.Customer(0), Kind: chattest.Say, Text: "héllo <&> \u2028"})
	if err != nil {
		t.Fatal(err)
	}
	bare := r.p.Requests(event)[0]
	signed := r.p.Sign(bare, false)
	for _, c := range []struct {
		name string
		h    chat.Hook
		kind fault.Kind // "": either
		skip bool
	}{
		{name: "missing", h: bare, kind: fault.Unauthorized},
		{name: "another account's", h: r.p.Sign(bare, true), kind: fault.Forbidden},
		{name: "a byte changed", h: touched(signed), skip: s.PlainSecret},
		{name: "upper case", h: upper(bare, signed)},
		{name: "cut", h: cut(bare, signed)},
		{name: "written anew", h: anew(signed), skip: s.PlainSecret || !json.Valid(signed.Body)},
		{name: "another body", h: other(signed), skip: s.PlainSecret},
	} {
		if c.skip {
			continue
		}
		answer, err := r.channel.Accept(c.h)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		r.quiet(err)
		kind := fault.KindOf(err)
		if c.kind != "" && kind != c.kind || kind != fault.Unauthorized && kind != fault.Forbidden {
			t.Errorf("%s: refused as %s, want %s", c.name, kind, c.kind)
		}
		if answer.Events {
			t.Errorf("%s: is to be read", c.name)
		}
	}
	if _, err := r.channel.Accept(signed); err != nil {
		t.Errorf("the true one is refused: %v", err)
	}
}

func copied(h chat.Hook) chat.Hook {
	h.Header, h.Query, h.Body = h.Header.Clone(), maps.Clone(h.Query), bytes.Clone(h.Body)
	return h
}

func touched(h chat.Hook) chat.Hook {
	h = copied(h)
	if b := &h.Body[len(h.Body)/2]; *b == 'A' {
		*b = 'B'
	} else {
		*b = 'A'
	}
	return h
}

// signatures changes what a signature has added to a request.
func signatures(bare, signed chat.Hook, change func(string) string) chat.Hook {
	h := copied(signed)
	for name, v := range h.Header {
		if !slices.Equal(v, bare.Header[name]) && name != "Content-Type" {
			h.Header[name] = []string{change(v[0])}
		}
	}
	query := false
	for name, v := range h.Query {
		if !slices.Equal(v, bare.Query[name]) && strings.Contains(name, "signature") {
			h.Query[name], query = []string{change(v[0])}, true
		}
	}
	if u, err := url.Parse(h.URL); err == nil && query {
		u.RawQuery = h.Query.Encode()
		h.URL = u.String()
	}
	return h
}

func upper(bare, signed chat.Hook) chat.Hook {
	return signatures(bare, signed, func(v string) string {
		if prefix, sum, ok := strings.Cut(v, "="); ok && sum != "" { // sha256=…
			return prefix + "=" + strings.ToUpper(sum)
		}
		return strings.ToUpper(v)
	})
}

func cut(bare, signed chat.Hook) chat.Hook {
	return signatures(bare, signed, func(v string) string { return v[:len(v)-2] })
}

// anew is the same JSON in other words.
func anew(h chat.Hook) chat.Hook {
	h = copied(h)
	var b bytes.Buffer
	if json.Indent(&b, h.Body, "", " ") == nil {
		h.Body = b.Bytes()
	}
	return h
}

func other(h chat.Hook) chat.Hook {
	h = copied(h)
	h.Body = append(h.Body, ' ')
	if h.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		h.Body = append(h.Body[:len(h.Body)-1], "&Extra=1"...)
	}
	if strings.HasPrefix(string(h.Body), "<") { // XML: the space is not part of what is signed
		h.Body = bytes.ReplaceAll(h.Body, []byte("<Encrypt>"), []byte("<Encrypt>x"))
		h.Body = bytes.ReplaceAll(h.Body, []byte("<Encrypt><![CDATA["), []byte("<Encrypt><![CDATA[x"))
		h.Body = bytes.ReplaceAll(h.Body, []byte("<Encrypt>x<![CDATA["), []byte("<Encrypt><![CDATA[x"))
	}
	return h
}
