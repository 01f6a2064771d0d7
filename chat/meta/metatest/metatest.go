// Package metatest is what the fakes of WhatsApp, Messenger and Instagram share.
package metatest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
)

// The demo accounts' secrets (channels.md 1.3).
const (
	AppSecret   = "app-secret-for-tests"
	VerifyToken = "verify-me"
	Token       = "meta-access-token"
)

// most is the largest request in bytes: a document and the form around it.
const most = 101 << 20

// Golden is the vector of channels.md 1.3 as a request of object's product.
func Golden() chat.Hook {
	return chat.Hook{
		Method: http.MethodPost, Query: url.Values{},
		Header: http.Header{"X-Hub-Signature-256": {"sha256=6a5f0a148836edd071340dcb9d15e1495c2578fcdd886e46cc4f5d0577771513"}},
		Body:   []byte(`{"object":"page","entry":[]}`),
	}
}

// Account is a demo account whose product has the settings.
func Account(base string, settings map[string]string) chat.Account {
	settings["base_url"], settings["version"] = base, "v23.0"
	return chat.Account{
		Name: "demo", Settings: settings,
		Secrets: map[string]string{"app_secret": AppSecret, "access_token": Token, "verify_token": VerifyToken},
	}
}

// Sign signs a request; wrong: with another application's secret.
func Sign(h chat.Hook, wrong bool) chat.Hook {
	secret := AppSecret
	if wrong {
		secret = "another-app-secret"
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(h.Body)
	h.Header = h.Header.Clone()
	if h.Header == nil {
		h.Header = http.Header{}
	}
	h.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return h
}

// Subscribe is the GET by which Meta checks a hook's address.
func Subscribe(hook, token, challenge string) chat.Hook {
	query := url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {token}, "hub.challenge": {challenge}}
	return chat.Hook{Method: http.MethodGet, URL: hook + "?" + query.Encode(), Query: query, Header: http.Header{}}
}

// Request is one request of entries, in the escaped form that Meta signs.
func Request(hook, object string, entries []any) chat.Hook {
	return chat.Hook{
		Method: http.MethodPost, URL: hook, Query: url.Values{}, Header: http.Header{"Content-Type": {"application/json"}},
		Body: Escaped(JSON(map[string]any{"object": object, "entry": entries})),
	}
}

// JSON is v as JSON.
func JSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a mistake in a fake
	}
	return bytes.TrimSpace(b.Bytes())
}

// Escaped is JSON with all that is not ASCII as \u.
func Escaped(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r < utf8.RuneSelf:
			out.WriteByte(b[0])
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		b = b[n:]
	}
	return out.Bytes()
}

// Refusal is Meta's wording of a code, "131047" or "10/2018278".
func Refusal(code string) chattest.Reply {
	first, second, _ := strings.Cut(code, "/")
	n, err := strconv.Atoi(first)
	if err != nil {
		n = 1
	}
	status := http.StatusBadRequest
	switch n {
	case 190, 0:
		status = http.StatusUnauthorized
	case 1, 2, 1200, 131000, 131016, 131057:
		status = http.StatusInternalServerError
	}
	failure := map[string]any{
		"message": fmt.Sprintf("(#%d) refused", n), "type": "OAuthException", "code": n, "fbtrace_id": "X",
		"error_data": map[string]string{"messaging_product": "whatsapp", "details": "refused as " + code},
	}
	if sub, err := strconv.Atoi(second); err == nil {
		failure["error_subcode"] = sub
	}
	return chattest.JSON(status, map[string]any{"error": failure})
}

// With checks a call's token and reads its body.
func With(f *chattest.Fake, do func(w http.ResponseWriter, r *http.Request, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, most))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if f.Revoked() || r.Header.Get("Authorization") != "Bearer "+Token {
			f.Answer(w, r, chattest.Operation{Name: r.URL.Path, Body: body}, Refusal("190"))
			return
		}
		do(w, r, body)
	}
}

// Base is where a call has found the API, without the path.
func Base(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return "http://" + r.Host + strings.TrimSuffix(path, r.URL.Path)
}
