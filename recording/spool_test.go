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
			if _, err := s.flush(func(string) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.flush(func(string) {}); err != nil {
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

// A recording of 70 MB becomes files of exactly 50,000,000 bytes and the rest, which play alone and join without a gap; one that just fits
// stays whole.
func TestSplitAtFiftyMegabytes(t *testing.T) {
	dir, id, key := t.TempDir(), uuid.New(), testKey(t)
	f, all := fill(t, dir, id, key, 110, 640_000)
	const limit = 50_000_000
	sizes, err := f.Split(int64(len(all)), limit)
	if err != nil || len(sizes) != 2 || sizes[0]+f.HeaderSize() != limit {
		t.Fatalf("%v, %v", sizes, err)
	}
	var offset int64
	for i, size := range sizes {
		a, err := openAudio(dir, id, key, f, offset, size)
		if err != nil {
			t.Fatal(err)
		}
		w, err := sound.NewReader(a)
		if err != nil || w.Declared() != size {
			t.Fatalf("part %d: declares %d of %d, %v", i+1, w.Declared(), size, err)
		}
		got, err := io.ReadAll(w.Payload())
		if err = errors.Join(err, a.Close()); err != nil || !bytes.Equal(got, all[offset:offset+size]) {
			t.Fatalf("part %d differs: %v", i+1, err)
		}
		offset += size
	}
	if offset != int64(len(all)) {
		t.Errorf("%d of %d bytes", offset, len(all))
	}
	if sizes, err := f.Split(limit-f.HeaderSize(), limit); err != nil || len(sizes) != 1 {
		t.Errorf("what just fits becomes %v, %v", sizes, err)
	}
}

// Reading a part holds one frame in memory, however long the part is.
func TestReadingAPartTakesLittleMemory(t *testing.T) {
	dir, id, key := t.TempDir(), uuid.New(), testKey(t)
	f, all := fill(t, dir, id, key, 300, 6400)
	read := func() {
		a, err := openAudio(dir, id, key, f, 0, int64(len(all)))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if _, err := io.Copy(io.Discard, a); err != nil {
			t.Fatal(err)
		}
		if c := cap(a.frames.plain) + cap(a.frames.cipher); c > 20_000 {
			t.Errorf("%d bytes held", c)
		}
	}
	read()
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

// One recording's second on the disk: four frames, encrypted, appended and synced.
func BenchmarkWriteSecond(b *testing.B) {
	s, err := createSpool(b.TempDir(), uuid.New(), uuid.New(), testKey(b))
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	frame := make([]byte, 4000)
	b.SetBytes(4 * int64(len(frame)))
	for b.Loop() {
		for range 4 {
			if err := s.add(frame); err != nil {
				b.Fatal(err)
			}
			if _, err := s.flush(func(string) {}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
