package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"tandem/internal/storage"
)

func openBlobs(t *testing.T, url string) storage.Blobs {
	t.Helper()
	b, err := storage.OpenBlobs(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func folderBlobs(t *testing.T) storage.Blobs { return openBlobs(t, "file:"+t.TempDir()) }

func s3Blobs(t *testing.T) storage.Blobs {
	backend := s3mem.New()
	if err := backend.CreateBucket("files"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	return openBlobs(t, "s3://files/tandem/node?path_style=true&sse=AES256&endpoint="+server.URL)
}

// TestBlobs is the conformance suite of every Blobs.
func TestBlobs(t *testing.T) {
	for name, open := range map[string]func(*testing.T) storage.Blobs{"folder": folderBlobs, "s3": s3Blobs} {
		t.Run(name, func(t *testing.T) { blobsConform(t, open(t)) })
	}
}

func blobsConform(t *testing.T, b storage.Blobs) {
	ctx := context.Background()
	get := func(key string) []byte {
		t.Helper()
		r, err := b.Get(ctx, key)
		if err != nil {
			t.Fatalf("get: %v", err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatalf("read: %v", err)
		}
		return got
	}
	absent := func(key string) {
		t.Helper()
		if _, err := b.Get(ctx, key); !errors.Is(err, storage.ErrNoBlob) {
			t.Errorf("get: %v, want ErrNoBlob", err)
		}
		if _, err := b.Size(ctx, key); !errors.Is(err, storage.ErrNoBlob) {
			t.Errorf("size: %v, want ErrNoBlob", err)
		}
	}

	for name, size := range map[string]int{"empty": 0, "short": 11, "one-part": 8 << 20, "several-parts": 20<<20 + 3} {
		t.Run(name, func(t *testing.T) {
			key := "tenant/recordings/" + name + ".opus"
			want := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
			// OneByteReader would take long; HalfReader also shows that short reads are no end.
			n, err := b.Put(ctx, key, iotest.HalfReader(bytes.NewReader(want)))
			if err != nil || n != int64(size) {
				t.Fatalf("put: %d, %v", n, err)
			}
			if got := get(key); !bytes.Equal(got, want) {
				t.Errorf("got %d bytes back that differ", len(got))
			}
			if n, err := b.Size(ctx, key); err != nil || n != int64(size) {
				t.Errorf("size: %d, %v", n, err)
			}
		})
	}
	t.Run("replace", func(t *testing.T) {
		for _, v := range []string{"first, long", "second"} {
			if _, err := b.Put(ctx, "k", strings.NewReader(v)); err != nil {
				t.Fatal(err)
			}
			if got := get("k"); string(got) != v {
				t.Errorf("got %q", got)
			}
		}
	})
	t.Run("absent and deleted", func(t *testing.T) {
		absent("never")
		absent("tenant/recordings") // a folder, or a prefix, is no value
		for range 2 {
			if err := b.Delete(ctx, "k"); err != nil {
				t.Errorf("delete: %v", err)
			}
			absent("k")
		}
	})
	t.Run("a reader that fails stores nothing", func(t *testing.T) {
		broken := errors.New("broken")
		for _, whole := range []int{5, 12 << 20} {
			r := io.MultiReader(bytes.NewReader(make([]byte, whole)), iotest.ErrReader(broken))
			if _, err := b.Put(ctx, "half", r); !errors.Is(err, broken) {
				t.Errorf("after %d bytes: %v", whole, err)
			}
			absent("half")
		}
	})
	t.Run("a cancelled put stores nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := b.Put(ctx, "late", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v", err)
		}
		absent("late")
	})
	t.Run("keys", func(t *testing.T) {
		for _, key := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.unfinished", "a\x00b", "a\\b", "ü", "a b", strings.Repeat("a", 513)} {
			_, putErr := b.Put(ctx, key, strings.NewReader("x"))
			_, getErr := b.Get(ctx, key)
			_, sizeErr := b.Size(ctx, key)
			for _, err := range []error{putErr, getErr, sizeErr, b.Delete(ctx, key)} {
				if !errors.Is(err, storage.ErrBlobKey) {
					t.Errorf("key %q: %v", key, err)
				}
			}
		}
	})
}

func TestBlobFolder(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	old := filepath.Join(dir, ".unfinished", "old")
	young := filepath.Join(dir, ".unfinished", "young")
	openBlobs(t, "file://"+dir)
	for _, name := range []string{outside, old, young} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-25 * time.Hour)
	if err := errors.Join(os.Chtimes(old, long, long), os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	b := openBlobs(t, "file:"+dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what a killed process left is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("what another node is writing was removed")
	}
	if _, err := b.Get(ctx, "link/secret"); err == nil {
		t.Error("a symbolic link leads out of the folder")
	}
	if _, err := b.Put(ctx, "link/planted", strings.NewReader("x")); err == nil {
		t.Error("a symbolic link lets write outside the folder")
	}
	left, err := os.ReadDir(filepath.Join(dir, ".unfinished"))
	if err != nil || len(left) != 1 {
		t.Errorf("a failed put left %d files (%v), want only the other node's", len(left), err)
	}
}

func TestOpenBlobsRefuses(t *testing.T) {
	for _, url := range []string{"", "data/blobs", "file:", "file://host/path", "s3://", "s3:///prefix", "s3://b/../up", "s3://b?colour=red", "gs://b", "%"} {
		if _, err := storage.OpenBlobs(context.Background(), url); err == nil {
			t.Errorf("%q is accepted", url)
		}
	}
}
