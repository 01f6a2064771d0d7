package meta

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"tandem/chat"
	"tandem/internal/fault"
)

// ErrExpired says that a file's address works no more, and that the platform may give another.
var ErrExpired = errors.New("the address of the file has expired")

// ErrHost says that a file lies where Meta keeps none; it is not fetched.
var ErrHost = fault.New(fault.Illegal, "media_host", "The file does not lie on one of the platform's hosts, and is not fetched.")

// File opens a file by its address, with the account's token where bearer says so.
func (c *Client) File(ctx context.Context, address string, bearer bool) (chat.Media, error) {
	u, err := url.Parse(address)
	if err != nil || !c.allowed(u) {
		return chat.Media{}, ErrHost
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return chat.Media{}, ErrHost
	}
	if bearer {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return chat.Media{}, fmt.Errorf("fetch a file: %w", chat.Transport(err))
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
			return chat.Media{}, ErrExpired
		}
		return chat.Media{}, fmt.Errorf("fetch a file: the platform answers %d", resp.StatusCode)
	}
	m := chat.Media{Body: resp.Body, ContentType: resp.Header.Get("Content-Type"), Bytes: max(resp.ContentLength, 0)}
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil {
		m.Name = params["filename"]
	}
	return m, nil
}

// allowed says whether files may be fetched from u: the account's hosts, and where the account's API is. The token goes nowhere else.
func (c *Client) allowed(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	if u.Scheme == c.base.Scheme && u.Host == c.base.Host {
		return true
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return false
	}
	name := strings.ToLower(u.Hostname())
	for _, h := range c.hosts {
		if name == h || strings.HasSuffix(name, "."+h) {
			return true
		}
	}
	return false
}
