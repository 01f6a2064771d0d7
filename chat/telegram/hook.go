package telegram

import (
	"crypto/subtle"
	"encoding/json"

	"tandem/chat"
	"tandem/internal/fault"
)

var (
	errUnsigned  = fault.New(fault.Unauthorized, "hook_unsigned", "The request carries no secret token.")
	errSignature = fault.New(fault.Forbidden, "hook_signature", "The request's secret token is wrong.")
)

// Accept checks the secret token. A pressed button is answered in the same breath, in the answer to the hook, which ends its waiting mark
// at the customer's.
func (c *account) Accept(r chat.Hook) (chat.Answer, error) {
	given := r.Header.Get("X-Telegram-Bot-Api-Secret-Token")
	if given == "" {
		return chat.Answer{}, errUnsigned
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(c.secret)) != 1 {
		return chat.Answer{}, errSignature
	}
	var pressed struct {
		Query struct {
			ID string `json:"id"`
		} `json:"callback_query"`
	}
	if readable := json.Unmarshal(r.Body, &pressed) == nil; !readable || pressed.Query.ID == "" {
		return chat.Answer{Events: true}, nil
	}
	body, _ := json.Marshal(map[string]string{"method": "answerCallbackQuery", "callback_query_id": pressed.Query.ID}) // strings never fail
	return chat.Answer{Events: true, Type: "application/json", Body: body}, nil
}
