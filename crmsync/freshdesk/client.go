package freshdesk

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"tandem/crmsync"
	"tandem/recording"
)

// thing is anything that has an id.
type thing struct {
	ID crmsync.Number `json:"id"`
}

// complaint is what Freshdesk says is wrong: which fields, and how. What was in them is in no error, for it is a customer's.
func complaint(b []byte) string {
	var a struct {
		Code        string `json:"code"`
		Description string `json:"description"`
		Errors      []struct {
			Field string `json:"field"`
			Code  string `json:"code"`
		} `json:"errors"`
	}
	if json.Unmarshal(b, &a) != nil {
		return ""
	}
	words := []string{a.Code, a.Description}
	for _, e := range a.Errors {
		words = append(words, e.Field+" "+e.Code)
	}
	return strings.Join(words, " ")
}

// refused knows what of Freshdesk's 400 can be helped, files that are too large together, and its 409.
func refused(status int, h http.Header, body []byte, err error) error {
	e := crmsync.Refused(status, h, err)
	var known *recording.SendError
	if status == http.StatusBadRequest && errors.As(e, &known) && strings.Contains(string(body), "invalid_size") {
		known.Class = recording.ClassTooLarge
	}
	if id := duplicate(body); status == http.StatusConflict && id != "" {
		return &duplicateError{id, e}
	}
	return e
}

// quota reads how many requests of the minute are left to the account.
func quota(h http.Header) (left, total int, ok bool) {
	left, leftErr := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	total, totalErr := strconv.Atoi(h.Get("X-Ratelimit-Total"))
	return left, total, leftErr == nil && totalErr == nil
}
