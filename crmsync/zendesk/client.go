package zendesk

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"tandem/crmsync"
	"tandem/recording"
)

// answerOfError is what comes with a status that is no success. error is a word, or an object with a title and a message.
type answerOfError struct {
	Error       json.RawMessage `json:"error"`
	Description string          `json:"description"`
}

func complaint(b []byte) string {
	var a answerOfError
	if json.Unmarshal(b, &a) != nil {
		return ""
	}
	var word string
	var long struct{ Title, Message string }
	if json.Unmarshal(a.Error, &word) != nil && json.Unmarshal(a.Error, &long) == nil {
		word = long.Title + " " + long.Message
	}
	return word + " " + a.Description
}

// closed is what Zendesk says of a ticket that takes nothing any more.
const closed = "closed prevents ticket update"

// refused knows what of Zendesk's 422 can be helped.
func refused(status int, h http.Header, body []byte, err error) error {
	e := crmsync.Refused(status, h, err)
	var known *recording.SendError
	if status != http.StatusUnprocessableEntity || !errors.As(e, &known) {
		return e
	}
	switch {
	case strings.Contains(string(body), closed):
		known.Class = recording.ClassGone
	case strings.Contains(string(body), "AttachmentNotFound"): // the upload's token ended after 60 minutes: the file goes up again
		known.Class = recording.ClassRetry
	case strings.Contains(string(body), "AttachmentTooLarge"):
		known.Class = recording.ClassTooLarge
	}
	return known
}

// quota reads how many requests of the minute are left to the account.
func quota(h http.Header) (left, total int, ok bool) {
	left, leftErr := strconv.Atoi(h.Get("X-Rate-Limit-Remaining"))
	total, totalErr := strconv.Atoi(h.Get("X-Rate-Limit"))
	return left, total, leftErr == nil && totalErr == nil
}
