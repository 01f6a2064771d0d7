package sms

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"tandem/chat"
)

// hops is how often the platform may send us on to where a file really is: its own store, and that store's.
const hops = 3

// Fetch opens a file. Only the API's own host is shown the account's token; the hosts that it sends us on to are those of the account's
// list.
func (c *account) Fetch(ctx context.Context, ref chat.MediaRef) (chat.Media, error) {
	at, err := url.Parse(ref.URL)
	if err != nil || ref.URL == "" {
		return chat.Media{}, errors.New("the message names no address of the file")
	}
	for range hops + 1 {
		if !c.trusted(at) {
			return chat.Media{}, errors.New("the file is on a host that is not on the account's list")
		}
		res, err := c.open(ctx, at)
		if err != nil {
			return chat.Media{}, err
		}
		if res.StatusCode == http.StatusOK {
			return opened(res), nil
		}
		res.Body.Close()
		switch res.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			if at, err = at.Parse(res.Header.Get("Location")); err != nil {
				return chat.Media{}, errors.New("the platform sends us on to no address")
			}
		case http.StatusNotFound, http.StatusGone:
			return chat.Media{}, chat.ErrMediaGone
		case http.StatusRequestEntityTooLarge:
			return chat.Media{}, chat.ErrMediaTooLarge
		case http.StatusUnauthorized:
			return chat.Media{}, &chat.SendError{Verdict: chat.VerdictReauthorise, Code: "401"}
		default:
			return chat.Media{}, fmt.Errorf("fetch a file: the platform answered %d", res.StatusCode)
		}
	}
	return chat.Media{}, errors.New("the platform sends us on too often")
}

func (c *account) open(ctx context.Context, at *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return nil, withoutURL(err)
	}
	if c.own(at) {
		req.SetBasicAuth(c.sid, c.token)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch a file: %w", withoutURL(err))
	}
	return res, nil
}

func (c *account) own(u *url.URL) bool { return u.Scheme == c.base.Scheme && u.Host == c.base.Host }

func (c *account) trusted(u *url.URL) bool {
	if c.own(u) {
		return true
	}
	if u.Scheme != "https" || u.Port() != "" || u.User != nil {
		return false
	}
	for _, host := range c.hosts {
		if u.Hostname() == host || strings.HasSuffix(u.Hostname(), "."+host) {
			return true
		}
	}
	return false
}

func opened(res *http.Response) chat.Media {
	m := chat.Media{Body: res.Body, ContentType: res.Header.Get("Content-Type"), Bytes: max(res.ContentLength, 0)}
	if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
		m.Name = params["filename"]
	}
	return m
}
