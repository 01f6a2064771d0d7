// Package egress keeps requests to addresses that people typed in (bots, lookups, push services, hooks) out of the server's own network.
package egress

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// ErrPrivate is the error of a connection to an address that is not of the public Internet.
var ErrPrivate = errors.New("the address is not of the public Internet")

// special are networks that reach nobody outside, or that lead back inside by translation (RFC 6890, RFC 6052).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// global is all of IPv6 that is given out as unicast of the Internet (IANA); what embeds IPv4 in other ways, 64:ff9b::/96 for one, is outside.
var global = netip.MustParsePrefix("2000::/3")

// Public says whether an address is on the public Internet.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// PublicName says whether a host may be public by its looks: a public address, or a name that is not one of the house. What a name leads to
// is looked at by Control.
func PublicName(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return Public(a)
	}
	for _, house := range []string{"localhost", ".localhost", ".local", ".internal"} {
		if host == house || strings.HasSuffix(host, house) && house[0] == '.' {
			return false
		}
	}
	return host != "" && !number(host[strings.LastIndexByte(host, '.')+1:])
}

// number says whether a name's last part is one, as in 2130706433, 0x7f.1 or 127.1, which some resolvers take for addresses (WHATWG URL,
// 3.5). No top-level domain is.
func number(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// Control is a net.Dialer's Control that refuses private addresses with ErrPrivate. It sees the address that a name led to in the instant of
// connecting, so that no name can show one address and lead to another.
func Control(network, address string, c syscall.RawConn) error {
	return Guard{}.control(network, address, c)
}

// Client makes requests to public addresses only, or to any where private is true. It follows no redirects and uses no proxy of the
// environment; timeout bounds a whole request.
func Client(timeout time.Duration, private bool) *http.Client {
	return Guard{Private: private}.Client(timeout)
}

// Transport is Client's way to connect, for requests that take as long as their size asks: an answer must begin within a minute of the end of the
// request. Every address that is asked, whoever led there, must be https to port 443 of the public Internet, or private is true.
func Transport(private bool) http.RoundTripper {
	g := Guard{Private: private}
	t := g.transport(5 * time.Second)
	t.ResponseHeaderTimeout = time.Minute
	return &guarded{g, t}
}

type guarded struct {
	guard Guard
	*http.Transport
}

func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.guard.Check(r.URL); err != nil {
		return nil, err
	}
	return g.Transport.RoundTrip(r)
}
