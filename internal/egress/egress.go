// Package egress keeps requests to addresses that people typed in (bots, lookups, push services, hooks) out of the server's own network.
package egress

import (
	"errors"
	"fmt"
	"net"
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
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Public says whether an address is on the public Internet.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
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
	return host != ""
}

// Control is a net.Dialer's Control that refuses private addresses with ErrPrivate. It sees the address that a name led to in the instant of
// connecting, so that no name can show one address and lead to another.
func Control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address to connect to: %w", err)
	}
	if !Public(to.Addr()) {
		return ErrPrivate
	}
	return nil
}

// Client makes requests to public addresses only, or to any where private is true. It follows no redirects and uses no proxy of the
// environment; timeout bounds a whole request.
func Client(timeout time.Duration, private bool) *http.Client {
	dialer := &net.Dialer{Timeout: min(timeout, 5*time.Second)}
	if !private {
		dialer.Control = Control
	}
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
