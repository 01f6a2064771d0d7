package viber

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"tandem/chat"
)

// Fetch opens a file by the address that the message told. Only Viber's own hosts are asked: events say what a stranger wrote.
func (c *account) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	u, err := url.Parse(ref.URL)
	if err != nil || u.Host == "" || u.User != nil || !c.allowed(u) {
		return chat.Media{}, chat.ErrMediaGone.Because(errors.New("the file is not on a host of the platform"))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return chat.Media{}, chat.ErrMediaGone.Because(errors.New("the file has no address"))
	}
	res, err := c.client.Do(r)
	if err != nil {
		return chat.Media{}, chat.Transport(err)
	}
	switch res.StatusCode {
	case http.StatusOK:
		return chat.Media{Body: res.Body, Name: ref.Name, ContentType: res.Header.Get("Content-Type"), Bytes: max(res.ContentLength, 0)}, nil
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone: // addresses expire
		res.Body.Close()
		return chat.Media{}, chat.ErrMediaGone
	}
	res.Body.Close()
	return chat.Media{}, ofHTTP(res.StatusCode)
}

// allowed says whether a file may be fetched from there: from where the API is, or over TLS from a host of the platform's.
func (c *account) allowed(u *url.URL) bool {
	if u.Host == c.base.Host && u.Scheme == c.base.Scheme {
		return true
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, h := range c.hosts {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}
