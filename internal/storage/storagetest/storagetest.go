// Package storagetest gives each test a PostgreSQL database of its own, migrated, on a server that ends with the test binary.
package storagetest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// ServerURL names a running server to use (a superuser's address); without it each test binary starts its own.
const ServerURL = "TANDEM_TEST_DATABASE_URL"

var (
	server    = sync.OnceValues(startServer)
	template  = sync.OnceValues(makeTemplate)
	databases atomic.Int64
)

// New returns an open, migrated, empty database, dropped when the test ends.
func New(t testing.TB) *storage.DB {
	t.Helper()
	return NewAt(t, nil)
}

// NewAt is New with a clock for everything that is stored.
func NewAt(t testing.TB, now func() time.Time) *storage.DB {
	t.Helper()
	db, err := storage.Open(context.Background(), storage.Config{URL: NewURL(t), Now: now})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// NewURL returns the address of a migrated, empty database, for tests that open it themselves (a second node, a restart).
func NewURL(t testing.TB) string {
	t.Helper()
	tpl, err := template()
	if err != nil {
		t.Fatalf("prepare the test database server: %v", err)
	}
	name := fmt.Sprintf("t%d_%d", os.Getpid(), databases.Add(1))
	if err := admin("CREATE DATABASE " + name + " TEMPLATE " + tpl); err != nil {
		t.Fatalf("create the test database: %v", err)
	}
	t.Cleanup(func() {
		if err := admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Logf("drop the test database: %v", err)
		}
	})
	base, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return named(base, name)
}

// Tenant makes a tenant and returns its id.
func Tenant(t testing.TB, db *storage.DB, slug string) uuid.UUID {
	t.Helper()
	id := storage.NewID()
	err := db.Worker(context.Background(), func(tx *storage.Tx) error {
		_, err := tx.Exec(context.Background(), "INSERT INTO tenants (tenant_id, slug, name, created_at) VALUES ($1, $2, $2, $3)", id, slug, tx.Now)
		return err
	})
	if err != nil {
		t.Fatalf("make tenant %s: %v", slug, err)
	}
	return id
}

func named(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	u.Path = "/" + name
	return u.String()
}

func admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	base, err := server()
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql)
	return err
}

func makeTemplate() (string, error) {
	base, err := server()
	if err != nil {
		return "", err
	}
	name := "template_" + strconv.Itoa(os.Getpid())
	if err := admin("DROP DATABASE IF EXISTS " + name); err != nil {
		return "", err
	}
	if err := admin("CREATE DATABASE " + name); err != nil {
		return "", err
	}
	return name, storage.Migrate(context.Background(), named(base, name), slog.New(slog.DiscardHandler))
}

// startServer runs a throw-away cluster. A shell holds the other end of a pipe: when this process ends, however it ends, the shell
// stops the server and removes the folder.
func startServer() (string, error) {
	if base := os.Getenv(ServerURL); base != "" {
		return base, nil
	}
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "tandem-pg-")
	if err != nil {
		return "", err
	}
	attr, err := unprivileged(dir)
	if err != nil {
		return "", err
	}
	if err := initdb(bin, dir, attr); err != nil {
		return "", err
	}
	// Bare descriptors: an os.File would be closed once collected. The writing end closes when this process ends, however it ends.
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return "", err
	}
	hold := os.NewFile(uintptr(pipe[0]), "hold")
	const script = `"$0" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=off -c max_connections=600 -c shared_buffers=64MB >"$1/log" 2>&1 & read -r _; kill -QUIT $!; wait; rm -rf "$1"`
	run := exec.Command("/bin/sh", "-c", script, filepath.Join(bin, "postgres"), dir)
	run.SysProcAttr, run.Dir, run.Stdin = attr, dir, hold
	if err := run.Start(); err != nil {
		return "", err
	}
	hold.Close()
	base := "postgres:///postgres?user=postgres&host=" + url.QueryEscape(dir)
	return base, waitReady(base)
}

// initdb makes an empty cluster in the folder data of dir.
func initdb(bin, dir string, attr *syscall.SysProcAttr) error {
	cmd := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func waitReady(base string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := pgx.Connect(ctx, base)
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the test database server does not start: %w", err)
		case <-tick.C:
		}
	}
}

func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	p, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's server programs are missing; run scripts/setup.sh test: %w", err)
	}
	p, err = filepath.EvalSymlinks(p)
	return filepath.Dir(p), err
}

// unprivileged hands dir to the postgres user when we are root, whom PostgreSQL refuses.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("running as root needs a postgres user: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}
