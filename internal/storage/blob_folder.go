package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// folderBlobs keeps each value in a file. os.Root keeps every access inside the folder, symbolic links included.
type folderBlobs struct{ root *os.Root }

// unfinished holds values until they are whole; no key begins with a dot.
const unfinished = ".unfinished"

func openFolder(dir string) (*folderBlobs, error) {
	if err := os.MkdirAll(filepath.Join(dir, unfinished), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for stored files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder for stored files: %w", err)
	}
	b := &folderBlobs{root: root}
	return b, b.sweep()
}

// sweep removes what killed processes left unfinished; young files may be another node's, on a shared folder.
func (b *folderBlobs) sweep() error {
	left, err := fs.ReadDir(b.root.FS(), unfinished)
	if err != nil {
		return fmt.Errorf("look for unfinished files: %w", err)
	}
	for _, e := range left {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < 24*time.Hour {
			continue // being finished just now
		}
		if err := b.root.Remove(path.Join(unfinished, e.Name())); err != nil {
			return fmt.Errorf("remove an unfinished file: %w", err)
		}
	}
	return nil
}

func (b *folderBlobs) Put(ctx context.Context, key string, r io.Reader) (n int64, err error) {
	if err := checkBlobKey(key); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			n, err = 0, fmt.Errorf("store file: %w", err)
		}
	}()
	temp := path.Join(unfinished, rand.Text())
	f, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(f, readerUntil{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = b.place(temp, key)
	}
	if err != nil {
		return 0, errors.Join(err, b.root.Remove(temp))
	}
	return n, b.syncUpwards(path.Dir(key))
}

func (b *folderBlobs) place(temp, key string) error {
	if err := b.root.MkdirAll(path.Dir(key), 0o700); err != nil {
		return err
	}
	return b.root.Rename(temp, key)
}

// syncUpwards makes a new name last, and those of the folders above it, which may be new as well.
func (b *folderBlobs) syncUpwards(dir string) error {
	for {
		d, err := b.root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

func (b *folderBlobs) Get(_ context.Context, key string) (io.ReadCloser, error) {
	if err := checkBlobKey(key); err != nil {
		return nil, err
	}
	f, err := b.root.Open(key)
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, nil
		}
		_ = f.Close()
	}
	return nil, noFile(err)
}

func (b *folderBlobs) Size(_ context.Context, key string) (int64, error) {
	if err := checkBlobKey(key); err != nil {
		return 0, err
	}
	info, err := b.root.Stat(key)
	if err != nil || !info.Mode().IsRegular() {
		return 0, noFile(err)
	}
	return info.Size(), nil
}

func (b *folderBlobs) Delete(_ context.Context, key string) error {
	if err := checkBlobKey(key); err != nil {
		return err
	}
	err := b.root.Remove(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = b.syncUpwards(path.Dir(key))
	}
	if err != nil {
		return fmt.Errorf("delete stored file: %w", err)
	}
	return nil
}

// noFile turns an error of looking for a value, or nil for something that is no file, into ErrNoBlob where it means that.
func noFile(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return ErrNoBlob.Because(err)
	}
	return fmt.Errorf("open stored file: %w", err)
}

// readerUntil ends a copy when its context does.
type readerUntil struct {
	ctx context.Context // it lives as long as the one copy it bounds
	r   io.Reader
}

func (r readerUntil) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
