package telegram

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

// refusal is what Telegram says instead of a result.
type refusal struct {
	Code        int    `json:"error_code"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter int64 `json:"retry_after"` // seconds
		MovedTo    int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// Error implements error. Telegram's words are not part of it: they may quote the message.
func (r *refusal) Error() string { return "Telegram answered " + strconv.Itoa(r.Code) }

// upload is a file within a call. A call with one is a form, of which the file is the last field.
type upload struct {
	field string
	media *chat.OutgoingMedia
}

// call calls a method with JSON parameters and reads its result. Its error is a *chat.SendError.
func (c *account) call(ctx context.Context, method string, in map[string]any, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: fmt.Errorf("write the request: %w", err)}
	}
	return c.post(ctx, method, "application/json", int64(len(b)), bytes.NewReader(b), out)
}

func (c *account) post(ctx context.Context, method, contentType string, size int64, body io.Reader, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+"/bot"+c.token+"/"+method, body)
	if err != nil {
		// The error would quote the token.
		return &chat.SendError{Verdict: chat.VerdictRejected, Err: errors.New("write the request")}
	}
	r.ContentLength = size
	r.Header.Set("Content-Type", contentType)
	res, err := c.client.Do(r)
	if err != nil {
		return chat.Transport(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, megabyte))
	if err != nil {
		return chat.Transport(err)
	}
	var said struct {
		OK     bool            `json:"ok"`
		Result json.RawMessage `json:"result"`
		refusal
	}
	if err := json.Unmarshal(b, &said); err != nil && res.StatusCode < 300 {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("Telegram's answer is not JSON")}
	}
	if !said.OK {
		if said.Code == 0 {
			said.Code = res.StatusCode // a gateway's page
		}
		return refused(&said.refusal)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(said.Result, out); err != nil {
		return &chat.SendError{Verdict: chat.VerdictDoubt, Err: errors.New("Telegram's answer is not what the method gives")}
	}
	return nil
}

// phrases tell refusals with the same number apart; the last part of their code is ours.
var phrases = []struct {
	code    int
	words   string
	name    string
	verdict chat.Verdict
}{
	{400, "chat not found", "chat_not_found", chat.VerdictUnreachable},
	{400, "user not found", "user_not_found", chat.VerdictUnreachable},
	{400, "user is deactivated", "deactivated", chat.VerdictUnreachable},
	{400, "peer_id_invalid", "peer_invalid", chat.VerdictUnreachable},
	{400, "business_peer_invalid", "peer_invalid", chat.VerdictUnreachable},
	{400, "have no rights to send", "no_rights", chat.VerdictUnreachable},
	{400, "message is not modified", codeUnchanged, chat.VerdictRejected},
	{400, "message to delete not found", codeNotFound, chat.VerdictRejected},
	{400, "message to edit not found", codeNotFound, chat.VerdictRejected},
	{400, "no text in the message to edit", codeCaption, chat.VerdictRejected},
	{400, "file is too big", codeTooBig, chat.VerdictRejected},
	{403, "blocked by the user", "blocked", chat.VerdictUnreachable},
	{403, "can't initiate conversation", "not_started", chat.VerdictUnreachable},
	{403, "user is deactivated", "deactivated", chat.VerdictUnreachable},
}

// Names of refusals that are more than a failed send.
const (
	codeUnchanged = "unchanged"
	codeNotFound  = "message_not_found"
	codeCaption   = "caption"
	codeTooBig    = "too_big"
)

func refused(r *refusal) *chat.SendError {
	e := &chat.SendError{
		Verdict: verdict(r.Code), Code: strconv.Itoa(r.Code), Detail: r.Description,
		After: time.Duration(min(max(r.Parameters.RetryAfter, 0), 86400)) * time.Second, Err: r,
	}
	words := strings.ToLower(r.Description)
	for _, p := range phrases {
		if p.code == r.Code && strings.Contains(words, p.words) {
			e.Code, e.Verdict = e.Code+"/"+p.name, p.verdict
			break
		}
	}
	return e
}

func verdict(code int) chat.Verdict {
	switch {
	case code == http.StatusUnauthorized, code == http.StatusNotFound: // of a token that never was, 404
		return chat.VerdictReauthorise
	case code == http.StatusForbidden:
		return chat.VerdictUnreachable
	case code == http.StatusTooManyRequests:
		return chat.VerdictThrottled
	case code == http.StatusGatewayTimeout:
		return chat.VerdictDoubt
	case code == http.StatusConflict, code >= 500:
		return chat.VerdictRetry
	}
	return chat.VerdictRejected
}

// named says whether an error is the refusal of a name.
func named(err error, name string) bool {
	var e *chat.SendError
	return errors.As(err, &e) && strings.HasSuffix(e.Code, "/"+name)
}
