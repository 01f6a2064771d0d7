package viber

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"tandem/chat"
	"tandem/internal/fault"
)

var (
	errUnsigned  = fault.New(fault.Unauthorized, "hook_unsigned", "The request carries no signature.")
	errSignature = fault.New(fault.Forbidden, "hook_signature", "The request's signature is wrong.")
)

// Accept checks the signature, the hex HMAC-SHA256 of the body by the bot's token, in the header or in the query. Somebody who opens the
// conversation for the first time is answered with the account's welcome; they could not be written to otherwise.
func (c *account) Accept(r chat.Hook) (chat.Answer, error) {
	given := r.Header.Get("X-Viber-Content-Signature")
	if given == "" {
		given = r.Query.Get("sig")
	}
	if given == "" {
		return chat.Answer{}, errUnsigned
	}
	mac := hmac.New(sha256.New, []byte(c.token))
	mac.Write(r.Body)
	if !hmac.Equal([]byte(given), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		return chat.Answer{}, errSignature
	}
	var e struct {
		Event      string `json:"event"`
		Subscribed bool   `json:"subscribed"`
	}
	readable := json.Unmarshal(r.Body, &e) == nil
	if readable && e.Event == "webhook" {
		return chat.Answer{}, nil // the platform tries the hook
	}
	if !readable || e.Event != "conversation_started" || e.Subscribed || c.welcome == "" {
		return chat.Answer{Events: true}, nil
	}
	body, _ := json.Marshal(content{Sender: c.sender(""), Type: "text", Text: c.welcome}) // strings never fail
	return chat.Answer{Events: true, Type: "application/json", Body: body}, nil
}
