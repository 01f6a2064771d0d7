package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"tandem/chat"
)

// mostOfAnswer bounds what is read of an answer that is not a file.
const mostOfAnswer = 4 << 20

// request is a call of the platform's API.
type request struct {
	method, path string
	query        url.Values
	body         []byte // JSON
	// stream, instead of body, is opened anew for each attempt.
	stream func() (io.ReadCloser, error)
	length int64
	kind   string // Content-Type of stream
	sends  bool   // a message: an answer that does not come leaves a doubt
}

// refusal is how each answer may look.
type refusal struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

// call makes a request with a token and reads its JSON into out. A token that is refused is fetched anew, once. An error is a
// *chat.SendError.
func (c *account) call(ctx context.Context, r request, out any) error {
	token, err := c.access.get(ctx, "")
	if err != nil {
		return err
	}
	err = c.ask(ctx, r, token, out)
	if !refusedToken(err) {
		return err
	}
	if token, err = c.access.get(ctx, token); err != nil {
		return err
	}
	return c.ask(ctx, r, token, out)
}

// ask makes one request and reads its answer.
func (c *account) ask(ctx context.Context, r request, token string, out any) error {
	res, err := c.do(ctx, r, token)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return r.read(res, out)
}

// do makes one request. Whoever calls it closes the body.
func (c *account) do(ctx context.Context, r request, token string) (*http.Response, error) {
	query := url.Values{}
	for name, values := range r.query {
		query[name] = values
	}
	if token != "" {
		query.Set("access_token", token)
	}
	address := *c.base
	address.Path += r.path
	address.RawQuery = query.Encode()
	var body io.Reader
	if r.stream != nil {
		opened, err := r.stream()
		if err != nil {
			return nil, &chat.SendError{Verdict: chat.VerdictRetry, Err: err}
		}
		body = opened // the client closes it
	} else if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address.String(), body)
	if err != nil {
		return nil, &chat.SendError{Verdict: chat.VerdictRejected, Err: withoutURL(err)}
	}
	if r.stream != nil {
		req.ContentLength = r.length
		req.Header.Set("Content-Type", r.kind)
	} else if r.body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, r.lost(err)
	}
	return res, nil
}

// read reads a JSON answer. The platform answers 200 whatever it says.
func (r request) read(res *http.Response, out any) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, mostOfAnswer))
	if err != nil {
		return r.lost(err)
	}
	if res.StatusCode != http.StatusOK {
		return r.status(res.StatusCode)
	}
	var said refusal
	if err := json.Unmarshal(body, &said); err != nil {
		return r.lost(errors.New("the answer is not JSON"))
	}
	if said.Code != 0 {
		return failure(said)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return r.lost(errors.New("the answer is not the JSON that was asked for"))
	}
	return nil
}

// status explains an answer of something before the API: a gateway.
func (r request) status(code int) error {
	e := &chat.SendError{Verdict: chat.VerdictRetry, Code: strconv.Itoa(code)}
	switch {
	case code == http.StatusUnauthorized:
		e.Verdict = chat.VerdictReauthorise
	case code == http.StatusTooManyRequests:
		e.Verdict = chat.VerdictThrottled
	case code == http.StatusServiceUnavailable:
		// refused, not tried
	case code >= 500 && r.sends:
		e.Verdict = chat.VerdictDoubt
	case code < 500:
		e.Verdict = chat.VerdictRejected
	}
	return e
}

// lost explains an answer that has not come.
func (r request) lost(err error) error {
	e := &chat.SendError{Verdict: chat.VerdictRetry, Err: withoutURL(err)}
	var op *net.OpError
	if r.sends && (!errors.As(err, &op) || op.Op != "dial") {
		e.Verdict = chat.VerdictDoubt
	}
	return e
}

// encode writes JSON as the platform wants it: characters as they are, not escaped (40033).
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return unescaped(b.Bytes()), nil
}

// unescaped writes out what Go's encoder escapes in any case: line separators and broken UTF-8. Control characters, which JSON has no
// other way to write, are left out.
func unescaped(b []byte) []byte {
	out := b[:0] // never longer than what was read
	for len(b) > 0 {
		if b[0] != '\\' || len(b) < 2 {
			out, b = append(out, b[0]), b[1:]
			continue
		}
		if b[1] != 'u' || len(b) < 6 {
			out, b = append(out, b[0], b[1]), b[2:]
			continue
		}
		if r, err := strconv.ParseUint(string(b[2:6]), 16, 16); err == nil && r >= ' ' {
			out = utf8.AppendRune(out, rune(r))
		}
		b = b[6:]
	}
	return out
}

// withoutURL takes the URL, which has the token in it, off an error of net/http.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusedToken says whether the platform has refused the token of a request.
func refusedToken(err error) bool {
	var e *chat.SendError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "40001", "40014", "41001", "42001":
		return true
	}
	return false
}

func failure(said refusal) error {
	return &chat.SendError{Verdict: verdict(said.Code), Code: strconv.Itoa(said.Code), Detail: said.Message}
}

// verdict is what a return code means for a message (channels.md 6.2). Codes that it does not name refuse the message.
func verdict(code int) chat.Verdict {
	switch code {
	case -1: // busy
		return chat.VerdictRetry
	case 40001, 40014, 41001, 42001, 42007, // the token
		40002, 40013, 40125, 40243, 41002, 41004, // appid or secret
		40164, 61004: // our address is not on the account's list
		return chat.VerdictReauthorise
	case 45015, 45047: // too late, or too many
		return chat.VerdictWindow
	case 40003, 40032, 43004, 43019, 46004: // no such person, no follower, blocked
		return chat.VerdictUnreachable
	case 43101, 48002: // they want no messages
		return chat.VerdictOptedOut
	case 45009, 45028: // the day's calls, the month's mass messages
		return chat.VerdictQuota
	case 45011: // calls a minute
		return chat.VerdictThrottled
	case 48001, 48004, 50002: // not granted, banned, limited
		return chat.VerdictPaused
	}
	return chat.VerdictRejected
}
