package sip_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/sip/siptest"
)

// vicious runs one of SIPVicious' tools from an address and returns what it says.
func vicious(t *testing.T, tool, from string, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath(tool)
	if err != nil {
		t.Fatal("SIPVicious is missing; run scripts/setup.sh test, or apt-get install sipvicious")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append([]string{"-b", from}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
	out, _ := cmd.CombinedOutput() // it fails where it finds nothing
	return string(out)
}

// The tools that everybody scans with: nobody is found, and a password that is in a list is not, while the telephone registers elsewhere. svcrack does not
// get far, as it knows no SHA-256; TestGuessing does.
func TestSIPVicious(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phone("100")
	host, port, _ := strings.Cut(h.udp, ":")
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte(strings.Repeat("wrong\n", 25)+"demo-demo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tool, from string
		args       []string
		found      string // is in a line of the table of what was found
	}{
		{"svmap", "127.204.0.1", nil, port},
		{"svwar", "127.204.0.2", []string{"-m", "REGISTER", "-e98-102"}, "100"},
		{"svwar", "127.204.0.3", []string{"-m", "INVITE", "-e98-102"}, "100"},
		{"svwar", "127.204.0.4", []string{"-m", "OPTIONS", "-e98-102"}, "100"},
		{"svcrack", "127.204.0.5", []string{"-u100", "-d", words}, "demo-demo"},
	} {
		t.Run(strings.Join(append([]string{c.tool}, c.args[:min(2, len(c.args))]...), " "), func(t *testing.T) {
			t.Parallel()
			for line := range strings.Lines(vicious(t, c.tool, c.from, append(c.args, "-p"+port, host)...)) {
				if strings.HasPrefix(line, "|") && strings.Contains(line, c.found) {
					t.Errorf("found: %s", line)
				}
			}
			own := siptest.NewAt(t, "100", "127.204.3.1:0")
			if res := guess(own, h.udp, "100", "demo-demo"); res == nil || res.StatusCode != 200 {
				t.Errorf("the telephone registers: %v", res)
			}
		})
	}
}
