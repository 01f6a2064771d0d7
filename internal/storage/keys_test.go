package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
)

func openKeys(t *testing.T, dir string) *storage.Keys {
	t.Helper()
	k, err := storage.OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func tenantKey(t *testing.T, db *storage.DB, k *storage.Keys, slug string) *storage.Key {
	t.Helper()
	tenant := storagetest.Tenant(t, db, slug)
	var key *storage.Key
	err := db.Tenant(context.Background(), tenant, func(tx *storage.Tx) (err error) {
		key, err = k.Tenant(context.Background(), tx, tenant)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestMasterKeyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "keys")
	openKeys(t, dir)
	master := filepath.Join(dir, "master")
	before, err := os.ReadFile(master)
	if err != nil {
		t.Fatal(err)
	}
	openKeys(t, dir)
	if after, err := os.ReadFile(master); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the master key was made anew (%v)", err)
	}
	for _, c := range []struct {
		name  string
		spoil func() error
		code  string
	}{
		{"readable to others", func() error { return os.Chmod(master, 0o644) }, "keys_readable"},
		{"folder readable to others", func() error { return errors.Join(os.Chmod(master, 0o600), os.Chmod(dir, 0o750)) }, "keys_readable"},
		{"damaged", func() error {
			return errors.Join(os.Chmod(dir, 0o700), os.WriteFile(master, []byte("not a key"), 0o600))
		}, "master_key"},
	} {
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		_, err := storage.OpenKeys(dir)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code {
			t.Errorf("%s: %v, want code %s", c.name, err, c.code)
		}
	}
}

func TestTenantKeys(t *testing.T) {
	ctx := context.Background()
	db := storagetest.New(t)
	keys := openKeys(t, t.TempDir()+"/keys")
	tenant := storagetest.Tenant(t, db, "t")
	other := tenantKey(t, db, keys, "other")

	// Two transactions that need the first key at once agree on one.
	made := make(chan *storage.Key, 2)
	for range 2 {
		go func() {
			var key *storage.Key
			err := db.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
				key, err = keys.Tenant(ctx, tx, tenant)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			made <- key
		}()
	}
	a, b := <-made, <-made
	if a == nil || b == nil {
		t.FailNow()
	}
	sealed, err := a.Seal([]byte("secret"), "trunk 1 password")
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("seal: %x, %v", sealed, err)
	}
	if plain, err := b.Open(sealed, "trunk 1 password"); err != nil || string(plain) != "secret" {
		t.Errorf("open: %q, %v", plain, err)
	}
	if _, err := b.Open(sealed, "trunk 2 password"); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("moved to another place: %v", err)
	}
	if _, err := other.Open(sealed, "trunk 1 password"); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("another tenant's key: %v", err)
	}

	err = db.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := openKeys(t, t.TempDir()+"/keys").Tenant(ctx, tx, tenant); !errors.Is(err, storage.ErrWrongKey) {
			t.Errorf("another installation's master key: %v", err)
		}
		return keys.DestroyTenant(ctx, tx, tenant)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := keys.Tenant(ctx, tx, tenant); !errors.Is(err, storage.ErrTenantDeleted) {
			t.Errorf("after the tenant's key was destroyed: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A master key kept elsewhere is never made, and none is left beside the other keys.
func TestMasterKeyElsewhere(t *testing.T) {
	dir, elsewhere := filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "master")
	var f *fault.Error
	if _, err := storage.OpenKeysWith(dir, elsewhere); !errors.As(err, &f) || f.Code != "master_key_missing" {
		t.Errorf("without a master key: %v", err)
	}
	openKeys(t, filepath.Dir(elsewhere)+"/made")
	if err := os.Rename(filepath.Dir(elsewhere)+"/made/master", elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.OpenKeysWith(dir, elsewhere); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("beside the other keys lie %v, %v", left, err)
	}
}

// Whether the master key lies on a disk is told by its file system, also through a link.
func TestMasterKeyOnDisk(t *testing.T) {
	memory, err := os.MkdirTemp("/dev/shm", "tandem-keys-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	if k := openKeys(t, memory); k.OnDisk() {
		t.Error("a master key in memory is said to lie on a disk")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o700), os.Symlink(filepath.Join(memory, "master"), filepath.Join(dir, "master"))); err != nil {
		t.Fatal(err)
	}
	if k := openKeys(t, dir); k.OnDisk() {
		t.Error("a link to a master key in memory is said to lie on a disk")
	}
}

func TestEpochs(t *testing.T) {
	dir := t.TempDir() + "/keys"
	keys := openKeys(t, dir)
	day := time.Date(2026, 3, 1, 23, 30, 0, 0, time.FixedZone("", -2*3600)) // the second in UTC
	if _, err := keys.EpochKey(day); !errors.Is(err, storage.ErrEpochDestroyed) {
		t.Errorf("a day without a key: %v", err)
	}
	epoch, err := keys.MakeEpoch(day)
	if err != nil {
		t.Fatal(err)
	}
	next, err := keys.MakeEpoch(day.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, wrapped, err := storage.NewDataKey("recording 1", epoch)
	if err != nil {
		t.Fatal(err)
	}
	// As after a restart.
	again, err := openKeys(t, dir).MakeEpoch(day)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storage.UnwrapDataKey(wrapped, "recording 1", again); err != nil {
		t.Errorf("unwrap: %v", err)
	}
	if _, err := storage.UnwrapDataKey(wrapped, "recording 1", next); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("another day's key: %v", err)
	}
	days, err := keys.Epochs()
	if err != nil || len(days) != 2 || days[0].Format(time.DateOnly) != "2026-03-02" || days[1].Format(time.DateOnly) != "2026-03-03" {
		t.Errorf("epochs: %v, %v", days, err)
	}

	// A copy under another name stands for the disk's blocks: a hard link shares them.
	name := filepath.Join(dir, "epoch-2026-03-02")
	if err := os.Link(name, filepath.Join(dir, "blocks")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := keys.DestroyEpoch(days[0]); err != nil {
			t.Fatalf("destroy: %v", err)
		}
	}
	if left, err := os.ReadFile(filepath.Join(dir, "blocks")); err != nil || len(left) != 0 {
		t.Errorf("the key's blocks still hold %d bytes (%v)", len(left), err)
	}
	if _, err := keys.EpochKey(day); !errors.Is(err, storage.ErrEpochDestroyed) {
		t.Errorf("a destroyed day: %v", err)
	}
	fresh, err := keys.MakeEpoch(day)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storage.UnwrapDataKey(wrapped, "recording 1", fresh); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("a destroyed day's data key opens with a new key: %v", err)
	}
	// Killed while destroying.
	if err := os.WriteFile(name, make([]byte, 120), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.EpochKey(day); !errors.Is(err, storage.ErrEpochDestroyed) {
		t.Errorf("a half destroyed day: %v", err)
	}
}

func dataKey(t *testing.T) *storage.DataKey {
	t.Helper()
	keys := openKeys(t, t.TempDir()+"/keys")
	tenant, err := keys.MakeEpoch(time.Unix(0, 0)) // any two keys
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := keys.MakeEpoch(time.Unix(86400, 0))
	if err != nil {
		t.Fatal(err)
	}
	made, wrapped, err := storage.NewDataKey("recording 1", tenant, epoch)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]*storage.Key{"one key only": {epoch}, "the other only": {tenant}, "other order": {epoch, tenant}} {
		if _, err := storage.UnwrapDataKey(wrapped, "recording 1", wrong...); !errors.Is(err, storage.ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := storage.UnwrapDataKey(wrapped, "recording 2", tenant, epoch); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("another recording's: %v", err)
	}
	key, err := storage.UnwrapDataKey(wrapped, "recording 1", tenant, epoch)
	if err != nil {
		t.Fatal(err)
	}
	// What the first key encrypts the unwrapped one decrypts: encrypted below.
	if got, err := decrypt(key, bytes.NewReader(encrypt(t, made, []byte("x"))), "p"); err != nil || string(got) != "x" {
		t.Fatalf("unwrapped key: %q, %v", got, err)
	}
	return key
}

func encrypt(t *testing.T, key *storage.DataKey, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := key.EncryptWriter(&out, "p")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decrypt(key *storage.DataKey, r io.Reader, purpose string) ([]byte, error) {
	d, err := key.DecryptReader(r, purpose)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(d)
}

// Sizes of the segments of a stream, Tink's AES256_GCM_HKDF_4KB.
const (
	segment   = 4096
	firstHeld = segment - 40 - 16 // header: length, salt, nonce prefix
	nextHeld  = segment - 16
)

func TestStreamTruncated(t *testing.T) {
	key := dataKey(t)
	plain := bytes.Repeat([]byte("0123456789abcdef"), 1024)[:3*nextHeld+100]
	whole := encrypt(t, key, plain)
	type row struct {
		name string
		cut  int
		want int // bytes of plaintext
		err  error
	}
	rows := []row{
		{"complete", len(whole), len(plain), nil},
		{"nothing", 0, 0, storage.ErrTruncated},
		{"in the header", 20, 0, storage.ErrTruncated},
		{"in the first segment", 1000, 0, storage.ErrTruncated},
		{"behind the first segment", segment, firstHeld, storage.ErrTruncated},
		{"one byte later", segment + 1, firstHeld, storage.ErrTruncated},
		{"in the second", segment + 2000, firstHeld, storage.ErrTruncated},
		{"one byte before its end", 2*segment - 1, firstHeld, storage.ErrTruncated},
		{"behind the second", 2 * segment, firstHeld + nextHeld, storage.ErrTruncated},
		{"behind the third", 3 * segment, firstHeld + 2*nextHeld, storage.ErrTruncated},
		{"the last byte", len(whole) - 1, firstHeld + 2*nextHeld, storage.ErrTruncated},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			// As from a file, and as from a slow file.
			for _, small := range []bool{false, true} {
				d, err := key.DecryptReader(bytes.NewReader(whole[:r.cut]), "p")
				if err != nil {
					t.Fatal(err)
				}
				if small {
					d = iotest.OneByteReader(d)
				}
				got, err := io.ReadAll(d)
				if !errors.Is(err, r.err) || !bytes.Equal(got, plain[:r.want]) {
					t.Errorf("%d bytes and %v, want %d and %v", len(got), err, r.want, r.err)
				}
				if n, again := d.Read(make([]byte, 1)); n != 0 || r.err != nil && !errors.Is(again, r.err) {
					t.Errorf("read again: %d, %v", n, again)
				}
			}
		})
	}
	t.Run("a source that cannot seek", func(t *testing.T) {
		got, err := decrypt(key, iotest.DataErrReader(bytes.NewBuffer(whole[:2*segment])), "p")
		if !errors.Is(err, storage.ErrTruncated) || !bytes.Equal(got, plain[:firstHeld]) {
			t.Errorf("%d bytes and %v", len(got), err)
		}
	})
}

func TestStreamAltered(t *testing.T) {
	key := dataKey(t)
	plain := make([]byte, 3*nextHeld)
	whole := encrypt(t, key, plain)
	broken := errors.New("broken disk")
	swapped := bytes.Clone(whole)
	copy(swapped[segment:], whole[2*segment:3*segment])
	copy(swapped[2*segment:], whole[segment:2*segment])
	flipped := bytes.Clone(whole)
	flipped[segment+7] ^= 1
	for _, c := range []struct {
		name    string
		r       io.Reader
		purpose string
		want    int
		err     error
	}{
		{"a flipped bit", bytes.NewReader(flipped), "p", firstHeld, storage.ErrWrongKey},
		{"segments swapped", bytes.NewReader(swapped), "p", firstHeld, storage.ErrWrongKey},
		{"another stream's name", bytes.NewReader(whole), "q", 0, storage.ErrWrongKey},
		{"something behind the end", bytes.NewReader(append(bytes.Clone(whole), 0)), "p", firstHeld + 2*nextHeld, storage.ErrTruncated},
		{"the disk fails at once", iotest.ErrReader(broken), "p", 0, broken},
		{"the disk fails later", io.MultiReader(bytes.NewReader(whole[:2*segment+1]), iotest.ErrReader(broken)), "p", firstHeld + nextHeld, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decrypt(key, c.r, c.purpose)
			if !errors.Is(err, c.err) || len(got) != c.want {
				t.Errorf("%d bytes and %v, want %d and %v", len(got), err, c.want, c.err)
			}
		})
	}
}

func TestStreamSizes(t *testing.T) {
	key := dataKey(t)
	for _, size := range []int{0, 1, firstHeld - 1, firstHeld, firstHeld + 1, firstHeld + nextHeld, firstHeld + nextHeld + 1, 1 << 20} {
		plain := bytes.Repeat([]byte{7}, size)
		got, err := decrypt(key, bytes.NewReader(encrypt(t, key, plain)), "p")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("size %d: %d bytes, %v", size, len(got), err)
		}
	}
}

func BenchmarkEncryptStream(b *testing.B) {
	keys, err := storage.OpenKeys(b.TempDir() + "/keys")
	if err != nil {
		b.Fatal(err)
	}
	epoch, err := keys.MakeEpoch(time.Unix(0, 0))
	if err != nil {
		b.Fatal(err)
	}
	key, _, err := storage.NewDataKey("bench", epoch)
	if err != nil {
		b.Fatal(err)
	}
	w, err := key.EncryptWriter(io.Discard, "bench")
	if err != nil {
		b.Fatal(err)
	}
	frame := make([]byte, 160) // 20 ms of G.711
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(frame); err != nil {
			b.Fatal(err)
		}
	}
}
