package storage

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"tandem/internal/fault"
)

// Keys is the key hierarchy of a node:
//
//	master key      data.dir/keys/master, made once, or the file keys.master; opens the rest
//	tenant key      a row of tenant_keys, wrapped by the master key
//	epoch key       data.dir/keys/epoch-YYYY-MM-DD, wrapped by the master key, destroyed on the seventh day
//	data key        one for each recording or file, kept beside what describes the file: wrapped by the tenant's key, or, of a recording,
//	                in two shares, one sealed to the tenant's CRM, one under the epoch key
//
// The folder of keys belongs in no backup that also holds the database.
type Keys struct {
	dir    string
	master *Key
	onDisk bool

	mu        sync.Mutex
	releasers map[string][]ed25519.PublicKey // by reason
}

// Key wraps data keys and encrypts short values: AES-256-GCM. It is safe for concurrent use.
type Key struct{ aead tink.AEAD }

// ErrWrongKey says that something was encrypted with another key or for another purpose, or that it was altered.
var ErrWrongKey = fault.New(fault.Internal, "wrong_key",
	"Encrypted data cannot be opened: it was altered, or data.dir/keys is not the one it was encrypted with; restore that folder.")

const masterFile = "master"

// OpenKeys opens the key folder, data.dir/keys, and makes it and the master key when there are none. A folder or master key that other
// users may read is refused.
func OpenKeys(dir string) (*Keys, error) { return OpenKeysWith(dir, "") }

// OpenKeysWith is OpenKeys with a master key that is kept in another file, which must be there; an empty name: in the folder.
func OpenKeysWith(dir, name string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the key folder: %w", err)
	}
	if err := closedToOthers(dir); err != nil {
		return nil, err
	}
	elsewhere := name != ""
	if !elsewhere {
		name = filepath.Join(dir, masterFile)
	}
	switch _, err := os.Stat(name); {
	case errors.Is(err, fs.ErrNotExist) && elsewhere:
		return nil, fault.Newf(fault.Invalid, "master_key_missing", "There is no master key in %s: put it there as your machine's start does, or move it from %s.", name, dir).WithField("keys.master")
	case errors.Is(err, fs.ErrNotExist):
		if err := makeMaster(name); err != nil {
			return nil, err
		}
	}
	if err := closedToOthers(name); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "master_key", "%s is no master key: restore it from where you keep it.", name).Because(err)
	}
	master, err := newKey(handle)
	if err != nil {
		return nil, err
	}
	return &Keys{dir: dir, master: master, onDisk: !inMemory(name)}, nil
}

// OnDisk says whether the master key lies on a disk, an image of which opens whatever a dump of the database holds.
func (k *Keys) OnDisk() bool { return k.onDisk }

// inMemory says whether a file's file system is one that forgets all when the machine stops.
func inMemory(name string) bool {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var st syscall.Statfs_t
	return syscall.Statfs(name, &st) == nil && (uint32(st.Type) == tmpfs || uint32(st.Type) == ramfs)
}

// makeMaster leaves alone a key that another process has made in the meantime.
func makeMaster(name string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("make the master key: %w", err)
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&b)); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	return createFileSync(name, b.Bytes())
}

func closedToOthers(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("look at the key folder: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fault.Newf(fault.Invalid, "keys_readable", "Other users may read %s: take their rights away with chmod go= and think about who may have read it.", name)
	}
	return nil
}

func newKey(handle *keyset.Handle) (*Key, error) {
	a, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("set up encryption: %w", err)
	}
	return &Key{a}, nil
}

// Tenant returns a tenant's key, made at its first use. It is read anew each time, so that a key deleted anywhere is gone everywhere.
func (k *Keys) Tenant(ctx context.Context, tx *Tx, tenant uuid.UUID) (*Key, error) {
	purpose := "tandem tenant key " + tenant.String()
	wrapped, err := tenantKeyset(ctx, tx, tenant)
	if err == nil && wrapped == nil {
		var fresh []byte
		if fresh, err = k.master.newKeyset(purpose); err != nil {
			return nil, err
		}
		// Another transaction may be first; then its key is the tenant's.
		_, err = tx.Exec(ctx, `INSERT INTO tenant_keys (tenant_id, keyset, created_at) SELECT $1, $2, $3
			WHERE NOT EXISTS (SELECT FROM tenants WHERE tenant_id = $1 AND deleted_at IS NOT NULL) ON CONFLICT (tenant_id) DO NOTHING`, tenant, fresh, tx.Now)
		if err == nil {
			wrapped, err = tenantKeyset(ctx, tx, tenant)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("fetch the tenant's key: %w", err)
	}
	if wrapped == nil {
		return nil, ErrTenantDeleted
	}
	return k.master.openKeyset(wrapped, purpose)
}

// tenantKeyset returns nil when the tenant has no key yet.
func tenantKeyset(ctx context.Context, tx *Tx, tenant uuid.UUID) ([]byte, error) {
	var wrapped []byte
	err := tx.QueryRow(ctx, "SELECT keyset FROM tenant_keys WHERE tenant_id = $1", tenant).Scan(&wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return wrapped, err
}

// DestroyTenant deletes a tenant's key for good: whatever was encrypted for the tenant is unreadable from the commit on, and nothing is encrypted for it
// any more.
func (k *Keys) DestroyTenant(ctx context.Context, tx *Tx, tenant uuid.UUID) error {
	if _, err := tx.Exec(ctx, "DELETE FROM tenant_keys WHERE tenant_id = $1", tenant); err != nil {
		return fmt.Errorf("destroy the tenant's key: %w", err)
	}
	if _, err := tx.Exec(ctx, "UPDATE tenants SET deleted_at = coalesce(deleted_at, $2) WHERE tenant_id = $1", tenant, tx.Now); err != nil {
		return fmt.Errorf("note that the tenant is deleted: %w", err)
	}
	return nil
}

// Seal encrypts a short value, such as a trunk's password. The purpose says what the value is and whose; it is not stored, and Open
// needs the same, so that a sealed value cannot be moved to another place.
func (k *Key) Seal(plain []byte, purpose string) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plain, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made with the same purpose; ErrWrongKey otherwise.
func (k *Key) Open(sealed []byte, purpose string) ([]byte, error) {
	plain, err := k.aead.Decrypt(sealed, []byte(purpose))
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	return plain, nil
}

// newKeyset makes a key and returns it wrapped by k.
func (k *Key) newKeyset(purpose string) ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	var b bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), k.aead, []byte(purpose)); err != nil {
		return nil, fmt.Errorf("wrap a key: %w", err)
	}
	return b.Bytes(), nil
}

func (k *Key) openKeyset(wrapped []byte, purpose string) (*Key, error) {
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), k.aead, []byte(purpose))
	if err != nil {
		return nil, ErrWrongKey.Because(err)
	}
	return newKey(handle)
}
