package mediastream

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"tandem/internal/fault"
)

var (
	errURL     = fault.New(fault.Invalid, "bot_url_invalid", "A bot's address is like wss://bot.example.com/stream, without user and fragment.").WithField("url")
	errPlain   = fault.New(fault.Invalid, "bot_url_plain", "Calls must not travel in the open: write wss:// instead of ws://.").WithField("url")
	errPrivate = fault.New(fault.Invalid, "bot_url_private",
		"This address is inside the server's own network. Use one that the public reaches, or allow private bots by bots.private in the configuration.").WithField("url")
)

// checkURL accepts the address of a bot. Addresses that are private by their looks are refused at once; names are looked at again when
// they are resolved.
func (s *Service) checkURL(text string) (string, error) {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	switch {
	case err != nil, len(text) > 500, u.Hostname() == "", u.User != nil, u.Fragment != "", u.Opaque != "", u.Scheme != "ws" && u.Scheme != "wss":
		return "", errURL
	case s.cfg.Private:
		return text, nil
	case u.Scheme == "ws":
		return "", errPlain
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return "", errPrivate
	}
	if a, err := netip.ParseAddr(host); err == nil && !outside(a) {
		return "", errPrivate
	}
	return text, nil
}

// refusePrivate stops a connection to an address inside our own networks, whatever name it was reached by. It is net.Dialer's Control:
// it sees what the name was resolved to, so a name that changes between check and use gains nothing.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errPrivate
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !outside(a) {
		return errPrivate
	}
	return nil
}

// special are networks that are neither private by name nor part of the public Internet (IANA's special-purpose registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

// outside says whether an address is on the public Internet.
func outside(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
