package storage_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// serverProcess makes this test binary a server with a private PostgreSQL in the named folder, until it is killed.
const serverProcess = "TANDEM_TEST_SERVER_PROCESS"

func TestMain(m *testing.M) {
	if url := os.Getenv(jobsProcess); url != "" {
		takeJobForEver(url)
	}
	dir := os.Getenv(serverProcess)
	if dir == "" {
		os.Exit(m.Run())
	}
	url, err := storage.NewPrivate(storage.PrivateConfig{Dir: dir, Log: slog.New(slog.DiscardHandler)}).Start(context.Background())
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(url)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test is gone
}

// dataDir is a folder that PostgreSQL's user can reach; t.TempDir's parents are closed to other users.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tandem-private-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "data")
}

func start(t *testing.T, dir string, log io.Writer) (*storage.Private, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p := storage.NewPrivate(storage.PrivateConfig{Dir: dir, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	url, err := p.Start(ctx)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p, url
}

func stop(t *testing.T, p *storage.Private) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// refused starts a server that must not start and returns the error's code.
func refused(t *testing.T, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := storage.NewPrivate(storage.PrivateConfig{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	_, err := p.Start(ctx)
	if err == nil {
		stop(t, p)
		t.Fatal("it started")
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("not an error for people: %v", err)
	}
	return f.Code
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	if err := tryExec(url, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func tryExec(url, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql)
	return err
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls a condition; the deadline is far longer than it ever needs.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// gone also holds for a process that has ended and that nobody has waited for yet.
func gone(pid int) bool {
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

func TestPrivateLife(t *testing.T) {
	dir := dataDir(t)
	var log bytes.Buffer
	p, url := start(t, dir, &log)
	if err := storage.Migrate(context.Background(), url, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("the schema does not go into it: %v", err)
	}
	exec1(t, url, "CREATE TABLE kept (n int PRIMARY KEY)")
	exec1(t, url, "INSERT INTO kept VALUES (1)")

	t.Run("only a socket", func(t *testing.T) {
		var listen, super string
		c, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		if err := c.QueryRow(context.Background(), "SELECT current_setting('listen_addresses'), current_setting('is_superuser')").Scan(&listen, &super); err != nil {
			t.Fatal(err)
		}
		if listen != "" || super != "off" {
			t.Errorf("listens on %q, superuser %s; want no address and no superuser", listen, super)
		}
	})
	t.Run("statements stay out of the log", func(t *testing.T) {
		for _, sql := range []string{"SELECT 'canary'::uuid", "INSERT INTO kept SELECT 1 FROM (SELECT 'canary') x", "canary"} {
			if err := tryExec(url, sql); err == nil {
				t.Fatalf("%s succeeded", sql)
			}
		}
	})
	t.Run("a second server is refused", func(t *testing.T) {
		if code := refused(t, dir); code != "data_dir_in_use" {
			t.Errorf("code %s", code)
		}
	})
	t.Run("a postmaster that dies is started again", func(t *testing.T) {
		pid := postmaster(t, dir)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it answers again", func() bool { return gone(pid) && tryExec(url, "SELECT 1 FROM kept") == nil })
	})

	pid := postmaster(t, dir)
	stop(t, p)
	if !gone(pid) {
		t.Error("PostgreSQL runs on after Stop")
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("statements or values in the log:\n%s", log.String())
	}
	if !strings.Contains(log.String(), "ready to accept connections") {
		t.Error("PostgreSQL's own log is missing from ours")
	}

	t.Run("a stale pid file that names a living process", func(t *testing.T) {
		stale := fmt.Sprintf("%d\n%s\n%d\n5432\n/tmp\n\n  1 2\nready\n", os.Getpid(), filepath.Join(dir, "postgres", "data"), time.Now().Unix())
		if err := os.WriteFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"), []byte(stale), 0o600); err != nil {
			t.Fatal(err)
		}
		again, url := start(t, dir, io.Discard)
		exec1(t, url, "INSERT INTO kept SELECT count(*) + 1 FROM kept")
		stop(t, again)
	})
	t.Run("a folder made by a newer PostgreSQL", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "postgres", "data", "PG_VERSION"), []byte("99\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := refused(t, dir); code != "database_version" {
			t.Errorf("code %s", code)
		}
	})
	t.Run("a folder made by a newer Tandem", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "postgres", "tandem.json"), []byte(`{"layout": 99}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := refused(t, dir); code != "database_folder_newer" {
			t.Errorf("code %s", code)
		}
	})
}

// killedServer runs a server in a process of its own, does something in its database, and kills it with SIGKILL.
func killedServer(t *testing.T, dir string, do func(url string)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverProcess+"="+dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(url, "postgres:") {
		t.Fatalf("the server did not start: %q %v", url, err)
	}
	do(strings.TrimSpace(url))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
}

func TestPrivateAfterKill(t *testing.T) {
	dir := dataDir(t)
	var orphan int
	killedServer(t, dir, func(url string) {
		exec1(t, url, "CREATE TABLE kept AS SELECT 1 AS n")
		orphan = postmaster(t, dir)
	})
	_, url := start(t, dir, io.Discard)
	exec1(t, url, "SELECT n FROM kept")
	if !gone(orphan) {
		t.Error("the killed server's PostgreSQL still runs beside the new one")
	}
}

// A postmaster that was started by hand, or whose parent's death went unnoticed, is stopped before ours starts.
func TestPrivateFindsRunningPostmaster(t *testing.T) {
	dir := dataDir(t)
	p, _ := start(t, dir, io.Discard)
	pid := postmaster(t, dir)
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(filepath.Join(dir, "postgres", "data"))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, p)

	st := owner.Sys().(*syscall.Stat_t)
	cmd := exec.Command(exe, "-D", filepath.Join(dir, "postgres", "data"), "-c", "listen_addresses=", "-c", "unix_socket_directories="+filepath.Join(dir, "postgres", "run"))
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	eventually(t, "the stranger has a pid file", func() bool {
		_, err := os.Stat(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
		return err == nil
	})
	_, url := start(t, dir, io.Discard)
	exec1(t, url, "SELECT 1")
	if err := <-ended; err != nil {
		t.Errorf("the stranger was not shut down cleanly: %v", err)
	}
}

func TestPrivateForeignFolder(t *testing.T) {
	for name, file := range map[string]string{"another PostgreSQL's data": "PG_VERSION", "something else": "holiday.jpg"} {
		t.Run(name, func(t *testing.T) {
			dir := dataDir(t)
			if err := os.MkdirAll(filepath.Join(dir, "postgres"), 0o755); err != nil {
				t.Fatal(err)
			}
			foreign := filepath.Join(dir, "postgres", file)
			if err := os.WriteFile(foreign, []byte("15\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if code := refused(t, dir); code != "database_folder_foreign" {
				t.Errorf("code %s", code)
			}
			if b, err := os.ReadFile(foreign); err != nil || string(b) != "15\n" {
				t.Errorf("the foreign file was touched: %q %v", b, err)
			}
		})
	}
}

// The checkout lies where other users cannot go, as in root's home, and deeper than a unix socket's name may be long.
func TestPrivateUnreachableAndDeep(t *testing.T) {
	top := filepath.Dir(dataDir(t))
	if err := os.Chmod(top, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, strings.Repeat("deep/", 30), "data")
	var log bytes.Buffer
	p, url := start(t, dir, &log)
	exec1(t, url, "CREATE TABLE kept AS SELECT 1 AS n")
	base := filepath.Join(dir, "postgres")
	if os.Geteuid() == 0 {
		pointer, err := os.ReadFile(filepath.Join(dir, "postgres.location"))
		if err != nil {
			t.Fatalf("no pointer to where the database is: %v", err)
		}
		base = strings.TrimSpace(string(pointer))
		t.Cleanup(func() {
			if err := os.RemoveAll(base); err != nil {
				t.Error(err)
			}
		})
	}
	stop(t, p)
	if !strings.Contains(log.String(), base) {
		t.Errorf("the log does not say that the database is in %s:\n%s", base, log.String())
	}
	again, url := start(t, dir, io.Discard)
	exec1(t, url, "SELECT n FROM kept")
	stop(t, again)

	if err := os.RemoveAll(base); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if code := refused(t, dir); code != "database_folder_gone" {
			t.Errorf("code %s", code)
		}
	}
}

func TestPrivateStartCancelled(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	dir := dataDir(t)
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 400 * time.Millisecond, time.Second} {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		p := storage.NewPrivate(storage.PrivateConfig{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		_, err := p.Start(ctx)
		if err != nil && ctx.Err() == nil {
			t.Errorf("cancelled after %s: %v", after, err)
		}
		stop(t, p)
		cancel()
	}
	_, url := start(t, dir, io.Discard)
	exec1(t, url, "SELECT 1")
	if _, err := os.Stat(filepath.Join(dir, "postgres", "data")); err != nil {
		t.Errorf("a cancelled start put the database elsewhere: %v", err)
	}
}
