package egress_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"tandem/internal/egress"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"224.0.0.1": false, "255.255.255.255": false, "::1": false, "fe80::1": false, "fd00::1": false, "::ffff:10.0.0.1": false, "64:ff9b::a00:1": false,
		"2002:a00:1::": false, "fe80::1%eth0": false,
	} {
		if got := egress.Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for host, want := range map[string]bool{
		"bot.example.com": true, "93.184.216.34": true, "[2606:4700::1111]": true, "": false, "localhost": false, "LOCALHOST.": false, "a.localhost": false,
		"db.internal": false, "printer.local": false, "127.0.0.1": false, "[::1]": false, "notlocal": true,
	} {
		if got := egress.PublicName(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// A request inside is refused however the address is written, unless it is allowed; redirects are not followed.
func TestClient(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }))
	defer s.Close()
	if res, err := egress.Client(time.Minute, false).Get(s.URL); !errors.Is(err, egress.ErrPrivate) {
		t.Errorf("a private address: %v, %v", res, err)
	}
	res, err := egress.Client(time.Minute, true).Get(s.URL)
	if err != nil || res.StatusCode != http.StatusFound {
		t.Fatalf("where private addresses are allowed: %v, %v", res, err)
	}
	_ = res.Body.Close()
}
