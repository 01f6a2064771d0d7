package recording_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media/codec"
	"tandem/recording"
	"tandem/recording/recordingtest"
)

// A node dies with its disk, in mid-call and with another recording waiting: another node takes both over from the second copy, delivers them,
// and leaves nothing in the store. When the dead one is back after all, it clears its disk.
func TestLostDisk(t *testing.T) {
	store := t.TempDir()
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+store)
	if err != nil {
		t.Fatal(err)
	}
	r := recordingtest.New(t, func(c *recording.Config) { c.Copies = blobs })
	done, calls := made(t, r, uuid.New()), []uuid.UUID{uuid.New(), uuid.Nil}
	r.Scan(&calls[1], `SELECT call_id FROM recordings WHERE recording_id = $1`, done)
	running, err := r.Service.Start(t.Context(), recording.NewRecording{Tenant: r.Tenant, Call: calls[0], Customer: recordingtest.NewVoice(t, codec.PCMU, 440, nil).Stream})
	if err != nil {
		t.Fatal(err)
	}
	r.Await("copies", func() bool {
		var ready bool
		r.Scan(&ready, `SELECT bool_and(CASE WHEN recording_id = $1 THEN copied_whole ELSE copied > 12000 END) FROM recordings`, done)
		return ready
	})
	disk := spoolBytes(t, r.Dir)
	r.Stop()
	if err := os.RemoveAll(r.Dir); err != nil {
		t.Fatal(err)
	}
	r.Skew(6 * time.Minute)

	first := r.Dir
	r.Dir = t.TempDir()
	second := func(c *recording.Config) { c.Copies, c.Node = blobs, "node2" }
	r.Restart(second)
	s := newShelf()
	uploader(r, s, recording.UploaderConfig{})
	for i, id := range []uuid.UUID{running.ID(), done} {
		ticket := []string{"running", "done"}[i]
		r.Link(calls[i], ticket)
		r.Await("destroyed", func() bool { return r.State(id) == recording.Destroyed })
		sides, f := recordingtest.Join(t, s.parts(ticket)[0].data)
		if got := length(sides, f); got < 900*time.Millisecond {
			t.Errorf("%v of the %s one is left", got, ticket)
		}
		if recordingtest.Level(sides[0], f.Rate, 440) < 3000 {
			t.Errorf("the %s one is noise", ticket)
		}
	}
	var truncated []bool
	r.Scan(&truncated, `SELECT array_agg(truncated ORDER BY recording_id) FROM recordings`)
	if truncated[0] || !truncated[1] {
		t.Errorf("truncated: %v", truncated)
	}
	if left := stored(t, store); len(left) != 0 {
		t.Errorf("%d objects left", len(left))
	}

	r.Stop()
	r.Dir = first
	if err := os.MkdirAll(first, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, b := range disk[1:] {
		if err := os.WriteFile(filepath.Join(first, []uuid.UUID{done, running.ID()}[i].String()+".rec"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.Restart(nil)
	r.Await("its disk is clear", func() bool { return len(spoolBytes(t, first)) == 1 })
}

// The copy is what is on the disk, and not the sound.
func TestCopyIsCiphertext(t *testing.T) {
	store := t.TempDir()
	blobs, err := storage.OpenBlobs(t.Context(), "file:"+store)
	if err != nil {
		t.Fatal(err)
	}
	r := recordingtest.New(t, func(c *recording.Config) { c.Copies = blobs })
	id := made(t, r, uuid.New())
	r.Await("copied", func() bool {
		var whole bool
		r.Scan(&whole, `SELECT copied_whole FROM recordings`)
		return whole
	})
	disk, err := os.ReadFile(filepath.Join(r.Dir, id.String()+".rec"))
	if err != nil {
		t.Fatal(err)
	}
	var objects []string
	r.Scan(&objects, `SELECT array_agg(object ORDER BY file_offset) FROM recording_copies`)
	var all []byte
	for _, o := range objects {
		b, err := os.ReadFile(filepath.Join(store, filepath.FromSlash(o)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if !bytes.Equal(all, disk) || len(disk) == 0 {
		t.Errorf("%d bytes on disk, %d in the copy", len(disk), len(all))
	}
}

// stored lists the objects of a store that is a folder.
func stored(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
