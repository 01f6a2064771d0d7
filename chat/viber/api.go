package viber

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"tandem/chat"
)

// call calls a method. Viber answers 200 whatever it thinks of a request: a status other than 0 in the answer is the error, which is
// returned as a *chat.SendError.
func (c *account) call(ctx context.Context, method string, in, out any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it would make six bytes of one
	if err := e.Encode(in); err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("write the request: %w", err)}
	}
	if b.Len() > jsonLimit {
		return reject("too_large", "Viber takes messages of up to 30 KB.")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+"/pa/"+method, &b)
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: errors.New("write the request")}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Viber-Auth-Token", c.token)
	res, err := c.client.Do(r)
	if err != nil {
		return chat.Transport(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, megabyte))
	if err != nil {
		return chat.Transport(err)
	}
	if res.StatusCode != http.StatusOK {
		return ofHTTP(res.StatusCode)
	}
	said := struct {
		Status  *int   `json:"status"`
		Message string `json:"status_message"`
	}{}
	if err := json.Unmarshal(answer, &said); err != nil || said.Status == nil {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("Viber's answer has no status")}
	}
	if *said.Status != 0 {
		return &chat.SendError{Verdict: verdict(*said.Status), Code: strconv.Itoa(*said.Status), Detail: said.Message}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("Viber's answer is not what the method gives")}
	}
	return nil
}

func reject(code, why string) *chat.SendError {
	return &chat.SendError{Verdict: chat.VerdictRejected, Code: code, Detail: why}
}

// ofHTTP is an answer of what stands before the platform.
func ofHTTP(status int) *chat.SendError {
	e := &chat.SendError{Verdict: chat.VerdictRejected, Code: "http/" + strconv.Itoa(status)}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Verdict = chat.VerdictReauthorise
	case status == http.StatusTooManyRequests:
		e.Verdict = chat.VerdictThrottled
	case status == http.StatusGatewayTimeout:
		e.Verdict = chat.VerdictDoubt
	case status >= 500, status < 400: // a redirect is followed by nobody
		e.Verdict = chat.VerdictRetry
	}
	return e
}

// verdict is what a status other than 0 means to us. One that is not in Viber's table is a trouble of its own.
func verdict(status int) chat.Verdict {
	switch status {
	case 2, 15: // invalidAuthToken, notAuthorized
		return chat.VerdictReauthorise
	case 5, 6, 11: // receiverNotRegistered, receiverNotSubscribed, receiverNoSuitableDevice
		return chat.VerdictUnreachable
	case 7, 8, 9, 10: // publicAccountBlocked, publicAccountNotFound, suspended, webhookNotSet
		return chat.VerdictPaused
	case 12: // tooManyRequests: to somebody who does not answer
		return chat.VerdictPair
	case 1, 3, 4, 13, 14, 16, 17, 18, 19, 20: // what is wrong with this message, or what no bot may do
		return chat.VerdictRejected
	}
	return chat.VerdictRetry
}

// token is the id of a message. It is above 2^53 and comes as number or string; its digits are kept as they are.
type token string

// UnmarshalJSON reads a number or a string.
func (t *token) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*t = token(n)
	return nil
}
