package door

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
)

func TestSource(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1/32",
		"::ffff:192.0.2.1":        "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"2001:db8:1:2:f:f:f:f":    "2001:db8:1:2::/64",
		"fe80::1%eth0":            "fe80::/64",
		"2001:db8:1:3::1":         "2001:db8:1:3::/64",
		"::1":                     "::/64",
		"0.0.0.0":                 "0.0.0.0/32",
		"::ffff:255.255.255.255":  "255.255.255.255/32",
		"2001:db8:ffff:ffff::abc": "2001:db8:ffff:ffff::/64",
	} {
		if got := Source(netip.MustParseAddr(a)); got.String() != want {
			t.Errorf("%s is of %s, want %s", a, got, want)
		}
	}
	if Source(netip.Addr{}).IsValid() {
		t.Error("no address has a source")
	}
}

// scripted is a listener that answers with these errors, and with a connection for nil.
type scripted struct {
	net.Listener
	errs []error
}

func (s *scripted) Accept() (net.Conn, error) {
	err := s.errs[0]
	s.errs = s.errs[1:]
	if err != nil {
		return nil, err
	}
	return &net.TCPConn{}, nil
}

// What passes is waited out; what does not is an error.
func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &scripted{errs: []error{syscall.EMFILE, syscall.ECONNABORTED, nil, syscall.ENFILE, net.ErrClosed}}
		if c, err := Accept(l); c == nil || err != nil {
			t.Errorf("%v, %v", c, err)
		}
		if _, err := Accept(l); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener: %v", err)
		}
	})
}
