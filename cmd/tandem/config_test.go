package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSampleEqualsDefaults(t *testing.T) {
	sample, err := loadConfig("tandem.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	none, err := loadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(none, sample, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("tandem.yaml differs from the defaults:\n%s", d)
	}
	for key := range defaults() {
		if !sample.given[key] {
			t.Errorf("tandem.yaml does not show %s", key)
		}
	}
}

func TestEnvironment(t *testing.T) {
	c, err := loadConfig("", []string{"TANDEM_HTTP_ADDR=127.0.0.1:9", "TANDEM_MEDIA_RTP_PORTS=30000-30100", "TANDEM_WEBRTC_UDP=127.0.0.1:1,127.0.0.1:2", "TANDEM_UNRELATED=x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Addr != "127.0.0.1:9" || c.Media.RTPPorts != "30000-30100" || len(c.WebRTC.UDP) != 2 {
		t.Fatalf("%+v", c)
	}
	c.onLoopback()
	if c.HTTP.Addr != "127.0.0.1:9" || c.SIP.UDP != "127.0.0.1:5060" {
		t.Fatalf("demo addresses: %s %s", c.HTTP.Addr, c.SIP.UDP)
	}
}

// Each bad file in testdata says in its first line what the error must contain.
func TestBadSettings(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want := strings.TrimPrefix(first, "# ")
			_, err = loadConfig(f, nil)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("error %v, want one with %q", err, want)
			}
		})
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for key := range defaults() {
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("docs/configuration.md does not tell of %s", key)
		}
	}
}
