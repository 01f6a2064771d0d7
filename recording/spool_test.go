package recording

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media/sound"
)

func newBytes(b []byte) io.Reader { return bytes.NewReader(b) }

func testKey(t testing.TB) *storage.DataKey {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	keys, err := storage.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	day, err := keys.MakeEpoch(timeZero())
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := storage.NewDataKey("test", day)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// fill writes n frames of recognisable audio.
func fill(t testing.TB, dir string, id uuid.UUID, key *storage.DataKey, n, size int) (sound.Format, []byte) {
	t.Helper()
	f := sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 2}
	s, err := createSpool(dir, uuid.New(), id, key)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	if err := s.begin(f); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)
		all = append(all, b...)
		if err := s.add(b); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			if _, err := s.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if s.payload != int64(len(all)) {
		t.Fatalf("payload %d, want %d", s.payload, len(all))
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return f, all
}

func TestSpoolReadsAnyStretch(t *testing.T) {
	dir, id, key := t.TempDir(), uuid.New(), testKey(t)
	f, all := fill(t, dir, id, key, 40, 6400)
	for range 50 {
		from := rand.IntN(len(all)/2) * 2
		n := rand.IntN((len(all)-from)/2+1) * 2
		a, err := openAudio(dir, id, key, f, int64(from), int64(n))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(a)
		if err = errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		if want := append(f.Header(int64(n)), all[from:from+n]...); !bytes.Equal(got, want) {
			t.Fatalf("stretch %d+%d differs", from, n)
		}
	}
	a, err := openAudio(dir, id, key, f, 0, int64(len(all)+2))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := io.ReadAll(a); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("more than there is: %v", err)
	}
}

// A file cut anywhere keeps every whole frame, and a changed, moved or foreign frame is never taken for audio.
func TestSpoolCutOrAltered(t *testing.T) {
	dir, id, key := t.TempDir(), uuid.New(), testKey(t)
	s := &Service{cfg: Config{Dir: dir}}
	_, all := fill(t, dir, id, key, 6, 6400)
	name := spoolName(dir, id)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	frame := (len(whole) - 200) / 6 // a lower bound
	for range 60 {
		cut := rand.IntN(len(whole))
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		end, err := s.scan(sealing{id: id}, key)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if end.payload%6400 != 0 || end.payload > int64(len(all)) || int(end.payload)/6400 < cut/(frame+200)-1 {
			t.Fatalf("cut at %d of %d: %d bytes of audio", cut, len(whole), end.payload)
		}
	}
	for range 60 {
		b := bytes.Clone(whole)
		at := rand.IntN(len(b))
		b[at] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if end, _ := s.scan(sealing{id: id}, key); end.payload >= int64(len(all)) {
			t.Fatalf("a bit changed at %d went unnoticed", at)
		}
	}
	if err := os.WriteFile(spoolName(dir, uuid.Max), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if end, err := s.scan(sealing{id: uuid.Max}, key); err == nil || end.payload != 0 {
		t.Errorf("another recording's file: %d bytes, %v", end.payload, err)
	}
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if end, err := s.scan(sealing{id: id}, testKey(t)); err == nil || end.payload != 0 {
		t.Errorf("with another key: %d bytes, %v", end.payload, err)
	}
}

func FuzzSpool(f *testing.F) {
	key := testKey(f)
	seed := f.TempDir()
	fill(f, seed, uuid.Nil, key, 2, 640)
	whole, err := os.ReadFile(spoolName(seed, uuid.Nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:100])
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 5})
	f.Add(bytes.Repeat([]byte{0xFF}, 20))
	dir := f.TempDir()
	s := &Service{cfg: Config{Dir: dir}}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(spoolName(dir, uuid.Nil), b, 0o600); err != nil {
			t.Fatal(err)
		}
		end, _ := s.scan(sealing{id: uuid.Nil}, key)
		if end.payload > int64(len(b)) {
			t.Errorf("%d bytes of audio in %d", end.payload, len(b))
		}
	})
}
