package faultrun

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// readAll reads every file below a folder, by its name.
func readAll(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// copySpool keeps what the spool holds, as a backup does.
func (r *Run) copySpool() map[string]string {
	r.t.Helper()
	files := readAll(r.t, r.cfg.Spool)
	for name := range files {
		if filepath.Ext(name) != ".rec" {
			delete(files, name)
		}
	}
	return files
}

// putBack restores copies.
func (r *Run) putBack(files map[string]string) {
	r.t.Helper()
	for name, data := range files {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}
