package crmsync

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
	"sync"
	"time"

	"tandem/recording"
)

// longestAnswer in bytes is more than any list that a vendor sends at once.
const longestAnswer = 4 << 20

// Client makes one tenant's requests to its CRM. Errors are *recording.SendError; none holds an address, a query or credentials.
type Client struct {
	Name string       // of the vendor, for errors
	HTTP *http.Client // as HTTPClient makes it
	Base string       // what paths are added to
	// Authorize sets the header that opens the CRM. refused says that the CRM has just refused the one that is set: it is asked again if this sets
	// another.
	Authorize func(ctx context.Context, r *http.Request, refused bool) error
	Complaint func(body []byte) string                                      // the vendor's own words in an answer that is no success; nil: it has none
	Refused   func(status int, h http.Header, body []byte, err error) error // nil: Refused by status and header
	Quota     func(h http.Header) (left, total int, ok bool)                // requests of the day or minute, where the vendor says; nil: it does not
	Shared    *Quotas                                                       // keeps what Quota said, from one Provider of the tenant to the next
	QuotaAge  time.Duration                                                 // how long a quota that was spent is believed; 0: 15 minutes
	Tenant    Connection                                                    // whose requests these are
}

// HTTPClient is the client of all requests to a vendor. Redirects are not followed: they would carry credentials elsewhere.
func HTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: &separate{RoundTripper: transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// separate gives each request over HTTP/1.1 a connection of its own. On one that is kept, an answer too many would be taken for that to the next
// request, and what belongs to one ticket would go to another. HTTP/2 numbers its answers.
type separate struct {
	http.RoundTripper
	numbered sync.Map // hosts that speak HTTP/2
}

// RoundTrip makes one request.
func (s *separate) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, ok := s.numbered.Load(r.URL.Host); !ok {
		own := *r
		own.Close = true
		r = &own
	}
	res, err := s.RoundTripper.RoundTrip(r)
	switch {
	case err != nil:
	case res.ProtoMajor < 2:
		s.numbered.Delete(r.URL.Host)
	default:
		s.numbered.Store(r.URL.Host, true)
	}
	return res, err
}

// Request is one that Client makes.
type Request struct {
	Method      string
	Path        string // with its query, added to Base
	Header      http.Header
	ContentType string
	Body        io.Reader // nil: none
	Size        int64     // of Body in bytes
	Answer      any       // what the JSON of a success is put into; nil: it is not looked at
	Most        int64     // bytes of the answer; 0: 4 MiB
}

// JSON makes a request with a body in JSON; nil for none.
func (c *Client) JSON(ctx context.Context, method, path string, body, answer any) error {
	r := Request{Method: method, Path: path, Answer: answer}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write a request to %s: %w", c.Name, err)
		}
		r.ContentType, r.Body, r.Size = "application/json", bytes.NewReader(b), int64(len(b))
	}
	return c.Send(ctx, r)
}

// Send makes one request. A connection that was never made has done nothing; any later failure may have.
func (c *Client) Send(ctx context.Context, r Request) error {
	res, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	most := r.Most
	if most == 0 {
		most = longestAnswer
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return &recording.SendError{Class: doubt(r.Method), Err: fmt.Errorf("read the answer of %s: %w", c.Name, err)}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return c.refused(res, b)
	}
	if r.Answer == nil {
		return nil
	}
	if err := json.Unmarshal(b, r.Answer); err != nil {
		return &recording.SendError{Class: doubt(r.Method), Err: fmt.Errorf("understand the answer of %s: %w", c.Name, err)}
	}
	return nil
}

// maxRedirects is how often Read is led on.
const maxRedirects = 3

// Read opens a file; the caller closes it. Vendors keep files elsewhere: redirects are followed, without what opens the CRM.
func (c *Client) Read(ctx context.Context, path string) (io.ReadCloser, error) {
	res, err := c.do(ctx, Request{Method: http.MethodGet, Path: path})
	for range maxRedirects {
		if err != nil || res.StatusCode < 300 || res.StatusCode > 399 {
			break
		}
		to, locErr := res.Location()
		if err := errors.Join(locErr, res.Body.Close()); err != nil {
			return nil, &recording.SendError{Class: recording.ClassRetry, Err: fmt.Errorf("be led on by %s: %w", c.Name, withoutURL(err))}
		}
		req, reqErr := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), http.NoBody)
		if reqErr != nil {
			return nil, &recording.SendError{Class: recording.ClassRetry, Err: fmt.Errorf("be led on by %s: %w", c.Name, withoutURL(reqErr))}
		}
		res, err = c.exchange(req)
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(res.Body, longestAnswer)) // whatever came of the complaint
		return nil, c.refused(res, b)
	}
	return res.Body, nil
}

// do asks, and once more with new tokens when the CRM refuses those it was given.
func (c *Client) do(ctx context.Context, r Request) (*http.Response, error) {
	if err := c.enough(ctx); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.Base+r.Path, r.Body)
	if err != nil {
		return nil, &recording.SendError{Class: recording.ClassRejected, Err: fmt.Errorf("write a request to %s: %w", c.Name, withoutURL(err))}
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	if r.Body != nil {
		req.ContentLength = r.Size
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	req.Header.Set("Accept", "application/json")
	if err := c.Authorize(ctx, req, false); err != nil {
		return nil, err
	}
	res, err := c.exchange(req)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	before := req.Header.Get("Authorization")
	if err := c.Authorize(ctx, req, true); err != nil {
		return nil, errors.Join(err, res.Body.Close())
	}
	if req.Header.Get("Authorization") == before {
		return res, nil
	}
	if err := res.Body.Close(); err != nil {
		return nil, &recording.SendError{Class: recording.ClassRetry, Err: fmt.Errorf("ask %s: %w", c.Name, err)}
	}
	if req.Body != nil {
		if req.GetBody == nil {
			return nil, &recording.SendError{Class: recording.ClassRetry, Err: fmt.Errorf("the access to %s had ended; it was renewed", c.Name)}
		}
		if req.Body, err = req.GetBody(); err != nil {
			return nil, &recording.SendError{Class: recording.ClassRetry, Err: fmt.Errorf("ask %s: %w", c.Name, err)}
		}
	}
	return c.exchange(req)
}

func (c *Client) exchange(req *http.Request) (*http.Response, error) {
	res, err := c.HTTP.Do(req)
	if err != nil {
		class := doubt(req.Method)
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			class = recording.ClassRetry
		}
		return nil, &recording.SendError{Class: class, Err: fmt.Errorf("ask %s: %w", c.Name, withoutURL(err))}
	}
	c.count(res.Header)
	return res, nil
}

// doubt is what a lost answer means: what changes nothing can simply be asked again.
func doubt(method string) recording.Class {
	if method == http.MethodGet {
		return recording.ClassRetry
	}
	return recording.ClassDoubt
}

func (c *Client) refused(res *http.Response, body []byte) error {
	words := "no reason given"
	if c.Complaint != nil {
		if text := []rune(strings.Join(strings.Fields(c.Complaint(body)), " ")); len(text) > 0 {
			words = string(text[:min(len(text), 200)])
		}
	}
	err := fmt.Errorf("%s answered %s: %s", c.Name, res.Status, words)
	if c.Refused != nil {
		return c.Refused(res.StatusCode, res.Header, body, err)
	}
	return Refused(res.StatusCode, res.Header, err)
}

// withoutURL drops the address from an error: its query may hold a caller's number, and errors are logged.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// AsRetry says of the error of a search that is made by POST, and so changes nothing, that it can simply be made again.
func AsRetry(err error) error {
	var e *recording.SendError
	if errors.As(err, &e) && e.Class == recording.ClassDoubt {
		return &recording.SendError{Class: recording.ClassRetry, RetryAfter: e.RetryAfter, Err: e.Err}
	}
	return err
}
