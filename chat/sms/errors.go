package sms

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"tandem/chat"
)

// refused explains an answer other than 2xx.
func refused(req *http.Request, res *http.Response, body []byte) error {
	var said struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	known := json.Unmarshal(body, &said) == nil && said.Code != 0
	e := &chat.SendError{Code: strconv.Itoa(res.StatusCode)}
	if known {
		e.Code, e.Detail = strconv.Itoa(said.Code), said.Message
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		e.After = time.Duration(min(s, 3600)) * time.Second
	}
	switch status := res.StatusCode; {
	case status == http.StatusUnauthorized:
		e.Verdict = chat.VerdictReauthorise
	case status == http.StatusTooManyRequests && (!known || verdict(said.Code) == chat.VerdictRejected):
		e.Verdict = chat.VerdictThrottled
	case known:
		e.Verdict = verdict(said.Code)
	case status == http.StatusServiceUnavailable || status >= 500 && req.Method != http.MethodPost:
		e.Verdict = chat.VerdictRetry
	case status >= 500: // a gateway, behind which the message may have been taken
		e.Verdict = chat.VerdictDoubt
	default:
		e.Verdict = chat.VerdictRejected
	}
	return e
}

// verdict is what an error code means, of a refusal or of a callback (channels.md 10). Codes that it does not name refuse the message.
func verdict(code int) chat.Verdict {
	switch code {
	case 20003, 20404: // the token; the account
		return chat.VerdictReauthorise
	case 20005, 30002, 90010: // inactive, suspended
		return chat.VerdictPaused
	case 14107, 20429, 21611, 30001, 63018: // too fast; queues are full
		return chat.VerdictThrottled
	case 20500, 20503, 30003: // the platform's trouble; a telephone that is off
		return chat.VerdictRetry
	case 63016:
		return chat.VerdictWindow
	case 63038: // messages a day
		return chat.VerdictQuota
	case 21610:
		return chat.VerdictOptedOut
	case 21211, 21214, 21614, 30004, 30005, 30006, 63014: // no number, blocked, unknown, a landline
		return chat.VerdictUnreachable
	}
	return chat.VerdictRejected
}
