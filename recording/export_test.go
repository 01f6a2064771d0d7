package recording

import (
	"os"
	"testing"
)

// BreakDisk lets every later write to the recording's file fail as a full disk does.
func BreakDisk(t *testing.T, r *Recorder) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.wmu.Lock()
	defer r.wmu.Unlock()
	if err := r.file.f.Close(); err != nil {
		t.Fatal(err)
	}
	r.file.f = full
}
