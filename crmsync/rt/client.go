package rt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"tandem/crmsync"
	"tandem/recording"
)

const (
	maxAnswer = 4 << 20   // no list of 100 attachments is longer
	maxFile   = 128 << 20 // nor a file of the longest part as base64
)

func segment(s string) string { return url.PathEscape(s) }

func (p *provider) get(ctx context.Context, path string, query url.Values, answer any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return p.send(ctx, http.MethodGet, path, "", nil, 0, answer)
}

// fetch is get for a file.
func (p *provider) fetch(ctx context.Context, path string, answer any) error {
	return p.exchange(ctx, http.MethodGet, path, "", nil, 0, maxFile, answer)
}

func (p *provider) post(ctx context.Context, path string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write a request to RT: %w", err)
	}
	return p.send(ctx, http.MethodPost, path, "application/json", bytes.NewReader(b), int64(len(b)), answer)
}

// send makes one request. A connection that was never made has done nothing; any later failure may have.
func (p *provider) send(ctx context.Context, method, path, contentType string, body io.Reader, size int64, answer any) error {
	return p.exchange(ctx, method, path, contentType, body, size, maxAnswer, answer)
}

func (p *provider) exchange(ctx context.Context, method, path, contentType string, body io.Reader, size, most int64, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return fmt.Errorf("write a request to RT: %w", err)
	}
	req.ContentLength = size
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if p.auth.Token != "" {
		req.Header.Set("Authorization", "token "+p.auth.Token)
	} else {
		req.SetBasicAuth(p.auth.User, p.auth.Password)
	}
	res, err := p.http.Do(req)
	if err != nil {
		c := recording.ClassDoubt
		var op *net.OpError
		if method == http.MethodGet || errors.As(err, &op) && op.Op == "dial" {
			c = recording.ClassRetry
		}
		return &recording.SendError{Class: c, Err: fmt.Errorf("ask RT: %w", withoutURL(err))}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return &recording.SendError{Class: recording.ClassDoubt, Err: fmt.Errorf("read RT's answer: %w", err)}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return crmsync.Refused(res.StatusCode, res.Header, fmt.Errorf("RT answered %s: %s", res.Status, complaint(b)))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("understand RT's answer: %w", err)
	}
	return nil
}

// withoutURL drops the address from an error: its query may hold a caller's number, and errors are logged.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// complaint is RT's own words, when it sent any.
func complaint(b []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &m) != nil || m.Message == "" {
		return "no reason given"
	}
	text := []rune(strings.Join(strings.Fields(m.Message), " "))
	return string(text[:min(len(text), 200)])
}

// quote puts a value into TicketSQL.
func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
