package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clearLeftovers ends what a killed server may have left running on the data folder and removes its pid file. The lock is held, so
// whatever runs there is nobody's any more.
func (pl place) clearLeftovers(ctx context.Context, log *slog.Logger) error {
	pids, err := processesIn(pl.data())
	if err != nil {
		return err
	}
	if len(pids) > 0 {
		log.Warn("PostgreSQL still runs from before; stopping it", "processes", len(pids))
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); len(pids) > 0; {
		sig := syscall.SIGINT // fast shutdown; a process that is no postmaster ends its statement
		if time.Since(began) > 30*time.Second {
			sig = syscall.SIGQUIT
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, sig) // it may have ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for an earlier PostgreSQL to end: %w", ctx.Err())
		case <-tick.C:
		}
		if pids, err = processesIn(pl.data()); err != nil {
			return err
		}
	}
	// PostgreSQL would refuse a pid file whose number now belongs to another process of its user.
	if err := os.Remove(filepath.Join(pl.data(), "postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove PostgreSQL's stale pid file: %w", err)
	}
	return nil
}

// processesIn returns the PostgreSQL processes whose working folder is dir, which is where all that serve a data folder stay.
func processesIn(dir string) ([]int, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	var pids []int
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != dir {
			continue // gone, or another user's
		}
		// Somebody's shell may stand in the folder as well.
		if name, err := os.ReadFile(filepath.Join(filepath.Dir(link), "comm")); err != nil || strings.TrimSpace(string(name)) != "postgres" {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
