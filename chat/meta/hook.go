// Package meta is what WhatsApp, Messenger and Instagram share: how Meta's hooks are verified and laid out, how its Graph API is called, and
// what its error codes mean. Messenger and Instagram also share the shape of their messages, in both directions.
//
// Facts are those of Meta's developer documentation as of 2026.
package meta

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"

	"tandem/chat"
	"tandem/internal/fault"
)

// SignatureHeader carries the signature of a hook's body.
const SignatureHeader = "X-Hub-Signature-256"

// Errors of a hook.
var (
	errUnsigned  = fault.New(fault.Unauthorized, "signature_missing", "The request carries no X-Hub-Signature-256.")
	errSignature = fault.New(fault.Forbidden, "signature_wrong", "The signature does not belong to this body: check the application's secret.")
	errNoToken   = fault.New(fault.Unauthorized, "verify_token_missing", "The request carries no hub.verify_token.")
	errToken     = fault.New(fault.Forbidden, "verify_token_wrong", "The verify token is not this account's.")
)

// Sign is the value of SignatureHeader for body.
func Sign(appSecret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Accept verifies a request to a hook: a GET by the account's verify token, which is answered by the challenge alone, anything else by the
// signature over the bytes as they came.
func Accept(h chat.Hook, a chat.Account) (chat.Answer, error) {
	if h.Method == http.MethodGet {
		return subscribe(h, a.Secrets["verify_token"])
	}
	got := h.Header.Get(SignatureHeader)
	if got == "" {
		return chat.Answer{}, errUnsigned
	}
	secret := a.Secrets["app_secret"]
	if secret == "" || !hmac.Equal([]byte(got), []byte(Sign(secret, h.Body))) {
		return chat.Answer{}, errSignature
	}
	return chat.Answer{Events: true}, nil
}

func subscribe(h chat.Hook, token string) (chat.Answer, error) {
	got := h.Query.Get("hub.verify_token")
	if got == "" {
		return chat.Answer{}, errNoToken
	}
	if token == "" || subtle.ConstantTimeCompare([]byte(got), []byte(token)) != 1 || h.Query.Get("hub.mode") != "subscribe" {
		return chat.Answer{}, errToken
	}
	return chat.Answer{Type: "text/plain", Body: []byte(h.Query.Get("hub.challenge"))}, nil
}
