package recording_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// secret is a CRM connection's, changeable.
type secret struct{ value []byte }

func (s *secret) get(context.Context, *storage.Tx, uuid.UUID) ([]byte, error) { return s.value, nil }

// Who lacks the CRM connection's secret opens nothing; a new secret opens what was held, and the old one does no longer.
func TestCRMSecretIsNeeded(t *testing.T) {
	crm := &secret{[]byte("right")}
	r := recordingtest.New(t, func(c *recording.Config) { c.Secret = crm.get })
	id := made(t, r, uuid.New())
	reconnect := func(before, after string) error {
		return r.DB.Tenant(t.Context(), r.Tenant, func(tx *storage.Tx) error {
			return r.Service.Reconnected(t.Context(), tx, []byte(before), []byte(after))
		})
	}
	if err := recording.Opens(r.Service, id); err != nil {
		t.Fatalf("with the secret: %v", err)
	}
	for _, wrong := range []string{"", "wrong"} {
		crm.value = []byte(wrong)
		if err := recording.Opens(r.Service, id); !errors.Is(err, storage.ErrWrongKey) {
			t.Errorf("with %q: %v", wrong, err)
		}
		if err := reconnect(wrong, "mine"); !errors.Is(err, storage.ErrWrongKey) {
			t.Errorf("sealed anew by somebody who knows %q: %v", wrong, err)
		}
	}
	if err := reconnect("right", "new"); err != nil {
		t.Fatal(err)
	}
	crm.value = []byte("new")
	if err := recording.Opens(r.Service, id); err != nil {
		t.Errorf("with the new secret: %v", err)
	}
	crm.value = []byte("right")
	if err := recording.Opens(r.Service, id); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("with the former secret: %v", err)
	}
}

// The database and the disk, but for the master key, which the machine gets at its start from elsewhere: nothing opens. Nor does it with the
// master key and a day that is over, whatever backup the row comes from.
func TestStolenDatabaseAndDisk(t *testing.T) {
	r := recordingtest.New(t, nil)
	id := made(t, r, uuid.New())
	r.Stop()
	stolen := t.TempDir()
	if err := os.Chmod(stolen, 0o700); err != nil {
		t.Fatal(err)
	}
	take(t, r.KeyDir, stolen, "master")
	thief := thiefs(t, r, stolen)
	if err := recording.Opens(thief, id); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("without the master key: %v", err)
	}

	backup := t.TempDir() // of day 3: rows and spool; keys are in no backup
	take(t, r.Dir, backup, "")
	var row string
	r.Scan(&row, `SELECT row_to_json(r)::text FROM recordings r`)
	r.Skew(9 * 24 * time.Hour)
	r.Restart(nil)
	r.Await("the sweep", func() bool {
		days, err := r.Keys.Epochs()
		return err == nil && len(days) == 0 && r.State(id) == recording.Expired
	})
	err := r.DB.Worker(t.Context(), func(tx *storage.Tx) error {
		if _, err := tx.Exec(t.Context(), `DELETE FROM recordings`); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO recordings SELECT * FROM json_populate_record(NULL::recordings, $1::json)`, row)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	take(t, backup, r.Dir, "")
	if err := recording.Opens(r.Service, id); !errors.Is(err, storage.ErrEpochDestroyed) {
		t.Errorf("a backup of day 3 on day 9: %v", err)
	}
	sweep(t, r)
	if st := r.State(id); st != recording.Expired {
		t.Errorf("what the backup brought back is %s", st)
	}
	if left := spoolBytes(t, r.Dir); len(left) != 1 {
		t.Errorf("%d files left", len(left))
	}
}

// thiefs is a Service on the rig's database with other keys.
func thiefs(t *testing.T, r *recordingtest.Rig, keyDir string) *recording.Service {
	t.Helper()
	cfg := r.Config()
	var err error
	if cfg.Keys, err = storage.OpenKeys(keyDir); err != nil {
		t.Fatal(err)
	}
	s, err := recording.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// take copies a folder's files, but one.
func take(t *testing.T, from, to, but string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == but {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), b, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// What a former program has wrapped whole is split at the next start, and is delivered.
func TestKeysOfAnOlderProgram(t *testing.T) {
	r := recordingtest.New(t, nil)
	call := uuid.New()
	id := made(t, r, call)
	r.Stop()
	recording.WrapWhole(t, r.Service, id)
	if err := recording.Opens(r.Service, id); !errors.Is(err, storage.ErrWrongKey) {
		t.Fatalf("not in shares: %v", err)
	}
	r.Restart(nil)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	r.Link(call, "t")
	r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
	recordingtest.Join(t, s.parts("t")[0].data)
}
