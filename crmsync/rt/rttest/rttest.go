// Package rttest runs a real Request Tracker 5 for tests: Debian's, with a SQLite database and a configuration of its own in a temporary
// folder, on loopback, stopped and removed when the test ends.
package rttest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// User and Password sign in as RT's administrator.
const (
	User     = "root"
	Password = "password"
)

const (
	setupProgram  = "/usr/sbin/rt-setup-database-5"
	serverProgram = "/usr/share/request-tracker5/libexec/standalone_httpd"
)

// Server is a running Request Tracker.
type Server struct {
	URL string
	t   testing.TB
	log *bytes.Buffer
}

const siteConfig = `Set($rtname, 'rt.test');
Set($Organization, 'rt.test');
Set($WebDomain, '127.0.0.1');
Set($WebPort, %[1]d);
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '%[2]s/rt.sqlite3');
Set($DatabaseUser, '');
Set($DatabasePassword, '');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($MailCommand, 'testfile');
Set($MasonDataDir, '%[2]s/mason');
Set($MasonSessionDir, '%[2]s/session');
1;
`

// Start sets up a fresh Request Tracker and returns once it answers. It needs Debian's request-tracker5, rt5-db-sqlite and
// rt5-standalone, which scripts/setup.sh test installs.
func Start(t testing.TB) *Server {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"conf.d", "mason", "session"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	if err := os.WriteFile(filepath.Join(dir, "RT_SiteConfig.pm"), fmt.Appendf(nil, siteConfig, port, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "RT_SITE_CONFIG="+filepath.Join(dir, "RT_SiteConfig.pm"), "RT_SITE_CONFIG_DIR="+filepath.Join(dir, "conf.d"), "TMPDIR="+dir)
	setup := exec.CommandContext(t.Context(), setupProgram, "--action", "init", "--skip-create")
	setup.Env, setup.Dir = env, dir
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("set up Request Tracker's database (scripts/setup.sh test installs it): %v\n%s", err, out)
	}
	s := &Server{URL: fmt.Sprintf("http://127.0.0.1:%d", port), t: t, log: &bytes.Buffer{}}
	s.run(env, dir, port)
	return s
}

func (s *Server) run(env []string, dir string, port int) {
	s.t.Helper()
	// The shell waits for the end of a pipe, which closes however this process ends.
	server := exec.CommandContext(context.Background(), "/bin/sh", "-c", `"$@" </dev/null & read -r _; kill -KILL $!`, "sh", serverProgram, "--host", "127.0.0.1", "--port", fmt.Sprint(port))
	server.Env, server.Dir = env, dir
	server.Stdout, server.Stderr = s.log, s.log
	hold, err := server.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		s.t.Fatalf("start Request Tracker: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	s.t.Cleanup(func() {
		_ = hold.Close()
		if err := <-ended; err != nil {
			s.t.Logf("Request Tracker's shell: %v", err)
		}
	})
	limit := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.answers()
		if err == nil {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			s.t.Fatalf("Request Tracker ended: %v\n%s", err, s.log)
		case <-limit:
			s.t.Fatalf("Request Tracker does not answer: %v", err)
		case <-tick.C:
		}
	}
}

func (s *Server) answers() error {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+"/REST/2.0/rt", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func freePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Get asks REST2 as administrator and decodes the answer.
func (s *Server) Get(path string, answer any) {
	s.t.Helper()
	s.ask("GET", path, "", answer)
}

// Put changes something by REST2.
func (s *Server) Put(path, body string) {
	s.t.Helper()
	var answer any
	s.ask("PUT", path, body, &answer)
}

func (s *Server) ask(method, path, body string, answer any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+"/REST/2.0"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(User, Password)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode > 299 {
		s.t.Fatalf("Request Tracker answered %s to %s %s", res.Status, method, path)
	}
	if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
		s.t.Fatalf("Request Tracker's answer to %s %s: %v", method, path, err)
	}
}

// Content is the content of an attachment.
func (s *Server) Content(id string) []byte {
	s.t.Helper()
	var a struct{ Content string }
	s.Get("/attachment/"+id, &a)
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(a.Content, "\n", ""))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}
