package egress_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem/internal/egress"
)

// public takes 127.0.0.2 for an address of the Internet, and everything else for what it is.
func public(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.2") || egress.Public(a) }

// server answers on an address and says at which port.
func server(t *testing.T, address string, h http.HandlerFunc) (port uint16) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// names is a resolver of the test's own: it answers each question for an IPv4 address with what answer says.
func names(t *testing.T, answer func(name string) netip.Addr) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if reply := dnsReply(b[:n], answer); reply != nil {
				c.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// dnsReply answers a query of one question (RFC 1035, 4.1).
func dnsReply(q []byte, answer func(string) netip.Addr) []byte {
	var labels []string
	at := 12
	for at < len(q) && q[at] != 0 {
		labels = append(labels, string(q[at+1:at+1+int(q[at])]))
		at += 1 + int(q[at])
	}
	if at+5 > len(q) {
		return nil
	}
	reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:at+5]...)
	if a := answer(strings.Join(labels, ".")); binary.BigEndian.Uint16(q[at+1:]) == 1 && a.Is4() {
		reply[7] = 1
		reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), a.AsSlice()...)
	}
	return reply
}

// inside are ways to write addresses that lead to this machine or its network; % is the canary's port.
var inside = []string{
	"http://127.0.0.1:%/", "http://127.1:%/", "http://127.0.1:%/", "http://127.000.000.001:%/", "http://2130706433:%/", "http://0x7f000001:%/", "http://0x7F.1:%/",
	"http://0x7f.0x0.0x0.0x1:%/", "http://0177.0.0.1:%/", "http://0177.0.0.01:%/", "http://017700000001:%/", "http://00000177.0.0.1:%/", "http://127.0.0.1.:%/",
	"http://127.8.9.10:%/", "http://127.255.255.254:%/", "http://0:%/", "http://0.0.0.0:%/", "http://0x0:%/", "http://000:%/", "http://0.1.2.3:%/",
	"http://[::1]:%/", "http://[0:0:0:0:0:0:0:1]:%/", "http://[0000::0001]:%/", "http://[::]:%/", "http://[::ffff:127.0.0.1]:%/", "http://[::ffff:7f00:1]:%/",
	"http://[0:0:0:0:0:ffff:7f00:0001]:%/", "http://[::127.0.0.1]:%/", "http://[::7f00:1]:%/", "http://[64:ff9b::7f00:1]:%/", "http://[64:ff9b::127.0.0.1]:%/",
	"http://[64:ff9b:1::7f00:1]:%/", "http://[2002:7f00:1::]:%/", "http://[2002:7f00:0001::1]:%/", "http://[2001:0:7f00:1::]:%/", "http://[fe80::1]:%/",
	"http://[fe80::1%25lo]:%/", "http://[fc00::1]:%/", "http://[fd00:ec2::254]:%/", "http://[fec0::1]:%/", "http://[ff02::1]:%/", "http://[::1%25lo]:%/",
	"http://localhost:%/", "http://LOCALHOST:%/", "http://localhost.:%/", "http://a.localhost:%/", "http://printer.local:%/", "http://metadata.google.internal:%/",
	"http://100.64.0.1:%/", "http://100.100.100.200:%/", "http://169.254.169.254:%/latest/meta-data/", "http://192.0.0.192:%/", "http://198.18.0.1:%/", "http://255.255.255.255:%/",
	"http://user@127.0.0.1:%/", "http://public.example@127.0.0.1:%/", "http://public.example:%@127.0.0.1:%/", "http://127.0.0.1:%#@public.example/", "http://public.example%2f@127.0.0.1:%/",
	"http://１２７.０.０.１:%/", "http://①②⑦.⓪.⓪.①:%/", "http://127。0。0。1:%/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:%/", "http://127%2e0%2e0%2e1:%/", "http://%6c%6f%63alhost:%/", "http:\\\\127.0.0.1:%\\",
	"http:///127.0.0.1:%/", "http:127.0.0.1:%/", "//127.0.0.1:%/", "file:///etc/passwd", "gopher://127.0.0.1:%/", "ftp://127.0.0.1:%/", "http://inside.example:%/", "http://inside.example.:%/",
}

// Row 14 of the threats: a listener inside hears nothing, however its address is written.
func TestInside(t *testing.T) {
	var hits, conns atomic.Int64
	port := server(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	g := egress.Guard{Plain: true, Ports: []uint16{port}, Public: public, Resolver: names(t, func(string) netip.Addr {
		conns.Add(1)
		return netip.MustParseAddr("127.0.0.1")
	})}
	client := g.Client(time.Minute)
	defer client.CloseIdleConnections()
	if len(inside) < 60 {
		t.Fatalf("only %d spellings", len(inside))
	}
	for _, spelling := range inside {
		address := strings.ReplaceAll(spelling, ":%", ":"+strconv.Itoa(int(port)))
		res, err := g.Fetch(t.Context(), client, address, nil, 1<<20)
		if err == nil {
			res.Body.Close()
			t.Errorf("Fetch: %s was answered", spelling)
		}
		// The client alone, as bots and hooks use it.
		if req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody); err == nil {
			if res, err := client.Do(req); err == nil {
				res.Body.Close()
				t.Errorf("Client: %s was answered", spelling)
			}
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the listener was hit %d times", hits.Load())
	}
	if conns.Load() == 0 {
		t.Error("the names were never asked for")
	}
}

// A name that is public when it is looked at and private when it is connected to is refused: there is only one look.
func TestRebinding(t *testing.T) {
	var hits, asked atomic.Int64
	port := server(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	outside, err := net.Listen("tcp", "127.0.0.2:"+strconv.Itoa(int(port)))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "outside") }), ReadHeaderTimeout: time.Minute}
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(outside) }()
	defer func() { s.Close(); <-ended }()
	g := egress.Guard{Plain: true, Ports: []uint16{port}, Public: public, Resolver: names(t, func(string) netip.Addr {
		return netip.AddrFrom4([4]byte{127, 0, 0, byte(2 - min(asked.Add(1)-1, 2)/2)}) // twice: IPv4 and IPv6 are asked for
	})}
	address := fmt.Sprintf("http://rebind.example:%d/", port)
	private := 0
	for range 4 {
		client := g.Client(time.Minute)
		res, err := g.Fetch(t.Context(), client, address, nil, 1<<20)
		switch {
		case errors.Is(err, egress.ErrPrivate):
			private++
		case err == nil:
			if b, _ := io.ReadAll(res.Body); string(b) != "outside" {
				t.Errorf("answered %q", b)
			}
			res.Body.Close()
		default:
			t.Errorf("%v", err)
		}
		client.CloseIdleConnections()
	}
	if hits.Load() != 0 || private == 0 {
		t.Errorf("the listener was hit %d times, %d tries were refused", hits.Load(), private)
	}
}

// Redirects are looked at as the first address was, and are not followed for ever; a token stays with the host that it is for.
func TestRedirects(t *testing.T) {
	var hits atomic.Int64
	canary := server(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	var secrets atomic.Int64
	other := server(t, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			secrets.Add(1)
		}
		io.WriteString(w, "there")
	})
	port := server(t, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/once": "/here", "/loop": "/loop", "/3": "/2", "/2": "/1", "/1": "/here", "/4": "/3",
			"/in": fmt.Sprintf("http://127.0.0.1:%d/", canary), "/chain": "/in", "/mapped": fmt.Sprintf("http://[::ffff:7f00:1]:%d/", canary),
			"/file": "file:///etc/passwd", "/port": "http://127.0.0.2:22/", "/other": fmt.Sprintf("http://127.0.0.2:%d/", other), "/user": fmt.Sprintf("http://a@127.0.0.1:%d/", canary),
			"/bad": "http://[::1", "/nowhere": "",
		}
		if where, ok := to[r.URL.Path]; ok {
			w.Header().Set("Location", where)
			w.WriteHeader(http.StatusFound)
			return
		}
		if r.Header.Get("Authorization") != "Bearer x" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		io.WriteString(w, "here")
	})
	g := egress.Guard{Plain: true, Ports: []uint16{port, other, canary}, Public: public}
	client := g.Client(time.Minute)
	defer client.CloseIdleConnections()
	for path, want := range map[string]struct {
		err  error
		body string
	}{
		"/here": {nil, "here"}, "/once": {nil, "here"}, "/3": {nil, "here"}, "/4": {egress.ErrRedirects, ""}, "/loop": {egress.ErrRedirects, ""}, "/in": {egress.ErrPrivate, ""},
		"/chain": {egress.ErrPrivate, ""}, "/mapped": {egress.ErrPrivate, ""}, "/file": {egress.ErrAddress, ""}, "/port": {egress.ErrAddress, ""}, "/other": {nil, "there"},
		"/user": {egress.ErrAddress, ""}, "/bad": {egress.ErrAnswer, ""}, "/nowhere": {nil, ""},
	} {
		res, err := g.Fetch(t.Context(), client, fmt.Sprintf("http://127.0.0.2:%d%s", port, path), http.Header{"Authorization": {"Bearer x"}}, 1<<20)
		if !errors.Is(err, want.err) || (err == nil) != (want.err == nil) {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err != nil {
			if strings.Contains(err.Error(), "http:") {
				t.Errorf("%s: the error holds the address: %v", path, err)
			}
			continue
		}
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != want.body {
			t.Errorf("%s: %q, %v", path, b, err)
		}
		res.Body.Close()
	}
	if hits.Load() != 0 || secrets.Load() != 0 {
		t.Errorf("the listener was hit %d times, the token went astray %d times", hits.Load(), secrets.Load())
	}
}

func TestCheck(t *testing.T) {
	hosts := egress.Guard{Hosts: []string{"api.example.com", ".cdn.example.net", "fake.test:8443"}}
	for _, c := range []struct {
		guard   egress.Guard
		address string
		want    error
	}{
		{egress.Guard{}, "https://example.com/", nil},
		{egress.Guard{}, "https://example.com:443/", nil},
		{egress.Guard{}, "http://example.com/", egress.ErrAddress},
		{egress.Guard{}, "https://example.com:80/", egress.ErrAddress},
		{egress.Guard{}, "https://example.com:6379/", egress.ErrAddress},
		{egress.Guard{Plain: true}, "http://example.com/", nil},
		{egress.Guard{Plain: true}, "http://example.com:443/", egress.ErrAddress},
		{egress.Guard{}, "https://2130706433/", egress.ErrPrivate},
		{egress.Guard{}, "https://localhost/", egress.ErrPrivate},
		{egress.Guard{Private: true}, "http://localhost:9000/", nil},
		{egress.Guard{Private: true}, "file://localhost/etc/passwd", egress.ErrAddress},
		{hosts, "https://api.example.com/x", nil},
		{hosts, "https://API.EXAMPLE.COM./x", nil},
		{hosts, "https://a.b.cdn.example.net/x", nil},
		{hosts, "https://cdn.example.net/x", egress.ErrAddress},
		{hosts, "https://evilcdn.example.net/x", egress.ErrAddress},
		{hosts, "https://api.example.com.evil.org/x", egress.ErrAddress},
		{hosts, "https://fake.test/x", egress.ErrAddress},
	} {
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.guard.Check(u); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.address, err)
		}
	}
}

// An answer is no longer than was asked for, whether it says so or not.
func TestTooLarge(t *testing.T) {
	port := server(t, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/told" {
			w.Header().Set("Content-Length", "11")
		} else {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, "hello world")
	})
	g := egress.Guard{Plain: true, Ports: []uint16{port}, Public: public}
	client := g.Client(time.Minute)
	defer client.CloseIdleConnections()
	if _, err := g.Fetch(t.Context(), client, fmt.Sprintf("http://127.0.0.2:%d/told", port), nil, 10); !errors.Is(err, egress.ErrTooLarge) {
		t.Errorf("told: %v", err)
	}
	for limit, want := range map[int64]error{10: egress.ErrTooLarge, 11: nil} {
		res, err := g.Fetch(t.Context(), client, fmt.Sprintf("http://127.0.0.2:%d/", port), nil, limit)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if !errors.Is(err, want) || int64(len(b)) != limit {
			t.Errorf("%d: %d bytes, %v", limit, len(b), err)
		}
	}
}
