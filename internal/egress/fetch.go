package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Guard says where requests may go. The zero value allows https to port 443 of the public Internet.
type Guard struct {
	Private bool                  // anywhere, by http too and to any port: whoever runs this installation has said so
	Public  func(netip.Addr) bool // what is public; nil: Public
	Plain   bool                  // http is allowed too, to port 80
	Ports   []uint16              // allowed instead of 443 and 80
	// Hosts are the only ones that Fetch asks: a host itself, "host:port", or ".suffix" for all below one. Nil: any.
	Hosts    []string
	Resolver *net.Resolver // nil: the system's
}

// Errors of Fetch. None of them, nor any other, holds a path or query: those may have secrets in them.
var (
	ErrAnswer    = errors.New("the answer makes no sense")
	ErrAddress   = errors.New("the address is not one that is asked: its scheme, port or host is not allowed")
	ErrRedirects = errors.New("the address leads on too often")
	ErrTooLarge  = errors.New("the answer is larger than was asked for")
)

// maxRedirects is how often Fetch is led on.
const maxRedirects = 3

func (g Guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address to connect to: %w", err)
	}
	public := g.Public
	if public == nil {
		public = Public
	}
	if !public(to.Addr()) {
		return ErrPrivate
	}
	return nil
}

// Client makes requests to public addresses only, or to any where Private is true. It follows no redirects and uses no proxy of the
// environment; timeout bounds a whole request. It does not look at schemes, ports and Hosts: Fetch does.
func (g Guard) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     g.transport(min(timeout, 5*time.Second)),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (g Guard) transport(dial time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: dial, Resolver: g.Resolver}
	if !g.Private {
		dialer.Control = g.control
	}
	return &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
}

// Check says whether an address may be asked, by its looks; ErrAddress when not.
func (g Guard) Check(u *url.URL) error {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if u.Opaque != "" || host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !g.Plain && !g.Private) {
		return ErrAddress
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if g.Hosts != nil && !slices.ContainsFunc(g.Hosts, func(allowed string) bool {
		return allowed == host || allowed == net.JoinHostPort(host, port) || strings.HasPrefix(allowed, ".") && strings.HasSuffix(host, allowed)
	}) {
		return ErrAddress
	}
	if g.Private {
		return nil
	}
	ports := g.Ports
	if ports == nil {
		ports = []uint16{443, 80}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || !slices.Contains(ports, uint16(n)) || g.Ports == nil && (n == 80) != (u.Scheme == "http") {
		return ErrAddress
	}
	if _, literal := netip.ParseAddr(host); literal != nil && !PublicName(host) {
		return ErrPrivate // addresses themselves are looked at when they are connected to
	}
	return nil
}

// Fetch gets what is at an address with a client of the Guard, and follows at most three redirects, each looked at as the first address
// was. header goes to the first host only, for it may hold a token. The answer's body ends with ErrTooLarge after limit bytes; the caller
// closes it. Whatever the status is, it is no error.
func (g Guard) Fetch(ctx context.Context, client *http.Client, address string, header http.Header, limit int64) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, ErrAddress
	}
	first := u.Scheme + "://" + u.Host
	for range maxRedirects + 1 {
		if err := g.Check(u); err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
		if err != nil {
			return nil, ErrAddress
		}
		if u.Scheme+"://"+u.Host == first {
			req.Header = header.Clone()
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("fetch: %w", withoutURL(err))
		}
		if !redirects(res) {
			if res.ContentLength > limit {
				return nil, errors.Join(ErrTooLarge, res.Body.Close())
			}
			res.Body = &capped{res.Body, limit}
			return res, nil
		}
		if err := res.Body.Close(); err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		if u, err = u.Parse(res.Header.Get("Location")); err != nil {
			return nil, ErrAddress
		}
	}
	return nil, ErrRedirects
}

func redirects(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return res.Header.Get("Location") != ""
	}
	return false
}

// withoutURL takes from a client's error what it quotes: the address that was asked, or the redirect that it could not read.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var network net.Error
	if errors.Unwrap(err) == nil && !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return ErrAnswer
	}
	return err
}

// capped ends with ErrTooLarge where there is more than was asked for.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(b []byte) (int, error) {
	if int64(len(b)) > c.left+1 {
		b = b[:c.left+1]
	}
	n, err := c.ReadCloser.Read(b)
	if int64(n) > c.left {
		return int(c.left), ErrTooLarge
	}
	c.left -= int64(n)
	return n, err
}
