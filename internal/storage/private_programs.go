package storage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"tandem/internal/fault"
)

// oldestPostgres is the oldest major version that Tandem supports.
const oldestPostgres = 15

type serverPrograms struct {
	dir   string // holds postgres and initdb
	major int
}

// findServer returns PostgreSQL's server programs: of exactly the given major version when it is not 0, else the first that is recent
// enough. They must be runnable by the user of cred.
func findServer(ctx context.Context, major int, cred *syscall.Credential) (serverPrograms, error) {
	var seen []int
	for _, dir := range programFolders(ctx) {
		found, ok := serverIn(ctx, dir, cred)
		if !ok {
			continue
		}
		if found.major == major || major == 0 && found.major >= oldestPostgres {
			return found, nil
		}
		seen = append(seen, found.major)
	}
	if err := ctx.Err(); err != nil {
		return serverPrograms{}, fmt.Errorf("look for PostgreSQL's programs: %w", err)
	}
	if major != 0 && len(seen) > 0 {
		return serverPrograms{}, fault.Newf(fault.Conflict, "database_version",
			"The database in data.dir was made by PostgreSQL %d, and this machine has version %s: install PostgreSQL %d, or move the data to a newer one with pg_dumpall or pg_upgrade.",
			major, joinInts(seen), major)
	}
	if major != 0 {
		return serverPrograms{}, fault.Newf(fault.Unavailable, "database_programs",
			"The database in data.dir needs PostgreSQL %d, which this machine does not have: install its server programs, or set database.url.", major)
	}
	return serverPrograms{}, fault.Newf(fault.Unavailable, "database_programs",
		"There is no PostgreSQL %d or newer on this machine: run scripts/setup.sh run, install the package postgresql, or set database.url.", oldestPostgres)
}

// programFolders lists where server programs may lie, best first. Debian keeps them out of PATH.
func programFolders(ctx context.Context) []string {
	var dirs []string
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		found, _ := filepath.Glob(pattern) // fails on a bad pattern only
		slices.Reverse(found)              // the newest first
		dirs = append(dirs, found...)
	}
	// The last two are where scripts/setup.sh unpacks one when there is no package manager to ask.
	dirs = append(dirs, "/usr/local/pgsql/bin", "/usr/local/lib/tandem/postgres/bin")
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "postgres", "bin"))
	}
	return dirs
}

func serverIn(ctx context.Context, dir string, cred *syscall.Credential) (serverPrograms, bool) {
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return serverPrograms{}, false
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	out, err := cmd.Output()
	if err != nil {
		return serverPrograms{}, false
	}
	major, err := parseVersion(out)
	return serverPrograms{dir: dir, major: major}, err == nil
}

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "… 18beta1" and the like.
func parseVersion(out []byte) (int, error) {
	_, rest, found := bytes.Cut(out, []byte("(PostgreSQL) "))
	digits := 0
	for digits < len(rest) && '0' <= rest[digits] && rest[digits] <= '9' {
		digits++
	}
	if !found || digits == 0 {
		return 0, fmt.Errorf("no PostgreSQL version in %q", out)
	}
	return strconv.Atoi(string(rest[:digits]))
}

func joinInts(ns []int) string {
	s := make([]string, len(ns))
	for i, n := range ns {
		s[i] = strconv.Itoa(n)
	}
	return strings.Join(s, ", ")
}
