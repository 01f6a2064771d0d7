package line

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"tandem/chat"
	"tandem/internal/fault"
)

var (
	errUnsigned  = fault.New(fault.Unauthorized, "hook_unsigned", "The request carries no signature.")
	errSignature = fault.New(fault.Forbidden, "hook_signature", "The request's signature is wrong.")
)

// Accept checks X-Line-Signature: the base64 HMAC-SHA256 of the body by the channel's secret. The console's test brings no events and is
// not stored.
func (c *account) Accept(r chat.Hook) (chat.Answer, error) {
	given := r.Header.Get("X-Line-Signature")
	if given == "" {
		return chat.Answer{}, errUnsigned
	}
	mac := hmac.New(sha256.New, c.secret)
	mac.Write(r.Body)
	if !hmac.Equal([]byte(given), []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))) {
		return chat.Answer{}, errSignature
	}
	var body envelope
	empty := json.Unmarshal(r.Body, &body) == nil && len(body.Events) == 0
	return chat.Answer{Events: !empty}, nil
}
