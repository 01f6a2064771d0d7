package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
)

// refusal is an answer of LINE's other than 2xx.
type refusal struct {
	Status  int
	Message string `json:"message"`
	Details []struct {
		Message  string `json:"message"`
		Property string `json:"property"`
	} `json:"details"`
	SentMessages []sentMessage `json:"sentMessages"` // of a 409
	After        time.Duration
}

type sentMessage struct {
	ID         string `json:"id"`
	QuoteToken string `json:"quoteToken"`
}

// Error implements error. LINE's words are not part of it: they may quote the message.
func (r *refusal) Error() string { return "LINE answered " + strconv.Itoa(r.Status) }

// status is the HTTP status of a refusal, 0 for anything else.
func status(err error) int {
	var failed *chat.SendError
	var r *refusal
	if errors.As(err, &failed) && errors.As(failed.Err, &r) {
		return r.Status
	}
	return 0
}

// call makes a request with a JSON body and reads a JSON answer. Its error is a *chat.SendError.
func (c *account) call(ctx context.Context, method, path string, in, out any) error {
	return c.callWith(ctx, method, path, nil, in, out)
}

func (c *account) callWith(ctx context.Context, method, path string, header map[string]string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("write the request: %w", err)}
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.api.String()+path, body)
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: errors.New("write the request")}
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return chat.Transport(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, megabyte))
	if err != nil {
		return chat.Transport(err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refused(res, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("LINE's answer is not JSON")}
	}
	return nil
}

func refused(res *http.Response, body []byte) *chat.SendError {
	r := &refusal{}
	_ = json.Unmarshal(body, r) // a gateway's page leaves it empty
	r.Status = res.StatusCode
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		r.After = time.Duration(s) * time.Second
	}
	detail := r.Message
	for _, d := range r.Details {
		detail += "; " + d.Property + ": " + d.Message
	}
	return &chat.SendError{Verdict: r.verdict(), Code: r.code(), Detail: detail, After: r.After, Err: r}
}

// Codes of ours for refusals that LINE tells apart by words only.
const (
	codeMonthly    = "429/monthly"
	codeReplyToken = "400/reply_token"
	codeRecipient  = "400/to"
)

func (r *refusal) code() string {
	words := strings.ToLower(r.Message)
	switch {
	case r.Status == http.StatusTooManyRequests && strings.Contains(words, "monthly limit"):
		return codeMonthly
	case r.Status == http.StatusBadRequest && strings.Contains(words, "invalid reply token"):
		return codeReplyToken
	case r.Status == http.StatusBadRequest && r.blames("to"):
		return codeRecipient
	}
	return strconv.Itoa(r.Status)
}

// blames says whether LINE finds fault with a property of the request.
func (r *refusal) blames(property string) bool {
	for _, d := range r.Details {
		if d.Property == property {
			return true
		}
	}
	return strings.Contains(r.Message, "The property, '"+property+"',")
}

func (r *refusal) verdict() chat.Verdict {
	switch r.code() {
	case codeMonthly:
		return chat.VerdictQuota
	case codeRecipient, "404", "410":
		return chat.VerdictUnreachable
	case "401":
		return chat.VerdictReauthorise
	case "403":
		return chat.VerdictPaused // the plan or LINE does not allow it
	case "408", "429":
		return chat.VerdictThrottled
	}
	if r.Status >= 500 {
		return chat.VerdictRetry
	}
	return chat.VerdictRejected
}
