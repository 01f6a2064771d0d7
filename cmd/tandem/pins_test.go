package main

import (
	"os"
	"strings"
	"testing"
)

// Newer versions of these need modules that cannot be had; the whole set is known to build and to work together (docs/architecture.md).
func TestPinnedVersions(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range []string{
		"github.com/pion/webrtc/v4 v4.2.20", "github.com/pion/srtp/v3 v3.0.13", "github.com/pion/ice/v4 v4.4.2", "github.com/pion/dtls/v3 v3.1.8",
		"github.com/pion/turn/v5 v5.1.0", "github.com/pion/interceptor v0.1.48", "github.com/pion/rtp v1.10.5", "github.com/pion/rtcp v1.2.17",
		"github.com/pion/sdp/v3 v3.0.19", "github.com/emiago/sipgo v1.7.2",
	} {
		if !strings.Contains(string(mod), pin) {
			t.Errorf("go.mod must say %s", pin)
		}
	}
}
