package crmsynctest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"tandem/crmsync"
)

// Serve runs a fake CRM until the test ends, and returns its address and a transport that leads there.
func Serve(t testing.TB, fake http.Handler) (url string, transport *http.Transport) {
	server := httptest.NewServer(fake)
	transport = &http.Transport{}
	t.Cleanup(func() { transport.CloseIdleConnections(); server.Close() })
	return server.URL, transport
}

// Opener opens a vendor with a connection, which may be changed; nil: as it is.
func Opener(v crmsync.Vendor, c crmsync.Connection) func(change func(*crmsync.Connection)) (crmsync.Provider, error) {
	return func(change func(*crmsync.Connection)) (crmsync.Provider, error) {
		changed := c
		changed.Settings = map[string]string{}
		maps.Copy(changed.Settings, c.Settings)
		if change != nil {
			change(&changed)
		}
		return v.Open(changed)
	}
}
