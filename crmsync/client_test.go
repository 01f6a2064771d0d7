package crmsync_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"tandem/crmsync"
)

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A CRM that answers twice over, as one behind a broken proxy does: the second answer is not that to the next request.
func TestAnswersAreNotMistaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				for range 2 {
					_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(r.URL.Path), r.URL.Path)
				}
			}
			defer c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := crmsync.HTTPClient(transport)
	for i := range 50 {
		want := fmt.Sprintf("/%d", i)
		if got := get(t, client, "http://"+l.Addr().String()+want); got != want {
			t.Fatalf("%s is answered with %s", want, got)
		}
	}
}

// HTTP/2 numbers its answers: its connection is kept.
func TestNumberedAnswersShareAConnection(t *testing.T) {
	var made atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			made.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	client := crmsync.HTTPClient(server.Client().Transport)
	for range 10 {
		get(t, client, server.URL)
	}
	if n := made.Load(); n > 2 {
		t.Errorf("%d connections for ten requests", n)
	}
}
