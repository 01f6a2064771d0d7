package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"tandem/internal/fault"
)

// databaseUser is made when PostgreSQL may not run as root and no package brought a user for it.
const databaseUser = "tandem-postgres"

// databaseCredential says as whom PostgreSQL runs: as this process, unless that is root; then as the owner of the cluster at base,
// or, for a new one, as the user postgres or a new system user.
func databaseCredential(ctx context.Context, base string, log *slog.Logger) (*syscall.Credential, error) {
	if base != "" {
		if info, err := os.Stat(filepath.Join(base, "data")); err == nil {
			return ownerCredential(base, info)
		}
	}
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", databaseUser} {
		if u, err := user.Lookup(name); err == nil {
			return userCredential(u)
		}
	}
	log.Info("making a system user for PostgreSQL, which does not run as root", "user", databaseUser)
	out, err := exec.CommandContext(ctx, "useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", databaseUser).CombinedOutput()
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "database_user",
			"PostgreSQL does not run as root, and the user %s could not be made (%s): run as another user, or set database.url.", databaseUser, bytes.TrimSpace(out)).Because(err)
	}
	u, err := user.Lookup(databaseUser)
	if err != nil {
		return nil, fmt.Errorf("find the new user: %w", err)
	}
	return userCredential(u)
}

func ownerCredential(base string, info fs.FileInfo) (*syscall.Credential, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, errors.New("the file system tells no owners")
	}
	switch me := os.Geteuid(); {
	case int(st.Uid) == me && me != 0:
		return nil, nil
	case me != 0 || st.Uid == 0:
		return nil, fault.Newf(fault.Conflict, "database_folder_owner", "The database in %s belongs to user number %d: run as that user%s.",
			base, st.Uid, map[bool]string{true: ", or as root", false: ""}[st.Uid != 0])
	}
	return &syscall.Credential{Uid: st.Uid, Gid: st.Gid}, nil
}

func userCredential(u *user.User) (*syscall.Credential, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the number of user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group of user %s: %w", u.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// reachable tries, as the given user, to enter dir: the only answer that counts modes, groups, access lists and mounts alike.
func reachable(ctx context.Context, dir string, cred *syscall.Credential) (bool, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err == nil:
		return true, nil
	case errors.As(err, &exit):
		return false, nil
	}
	return false, fmt.Errorf("try whether PostgreSQL's user can enter its folder: %w", err)
}
