package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media/sound"
)

// A spool file is a row of frames, each with 8 bytes before it: the length of the ciphertext and that of the audio within, big-endian.
// Each frame is an encrypted stream of its own under the recording's key, bound to its number, so that a file cut off anywhere is good
// up to the last whole frame, and frames cannot be lost, moved or exchanged unnoticed. Frame 0 tells the sound.Format as JSON.
const (
	frameHead   = 8
	maxFrame    = 8 << 20 // no frame of ours is longer; more is a damaged file
	spoolSuffix = ".rec"
)

// chunk is the evidence of one frame that is on disk: a line of recording_chunks.
type chunk struct {
	tenant, recording uuid.UUID
	number            int
	offset            int64
	length            int
	sum               [32]byte
}

func frameContext(id uuid.UUID, number, plain int) string {
	return fmt.Sprintf("recording %s frame %d of %d bytes", id, number, plain)
}

// spoolFile is the file of one recording while it is written. One goroutine at a time.
type spoolFile struct {
	f         *os.File
	tenant    uuid.UUID
	id        uuid.UUID
	key       *storage.DataKey
	frames    int
	offset    int64
	payload   int64 // audio bytes, some of them in buf
	durable   int64 // audio bytes that are on the disk for certain
	buf       bytes.Buffer
	unwritten []chunk
}

func spoolName(dir string, id uuid.UUID) string {
	return filepath.Join(dir, id.String()+spoolSuffix)
}

func createSpool(dir string, tenant, id uuid.UUID, key *storage.DataKey) (*spoolFile, error) {
	f, err := os.OpenFile(spoolName(dir, id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, ErrSpool.Because(err)
	}
	if err := syncFolder(dir); err != nil {
		return nil, ErrSpool.Because(errors.Join(err, f.Close()))
	}
	return &spoolFile{f: f, tenant: tenant, id: id, key: key}, nil
}

// begin writes the frame that tells the format.
func (s *spoolFile) begin(f sound.Format) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("describe the recording: %w", err)
	}
	return s.add(b)
}

// add encrypts one frame; flush writes it.
func (s *spoolFile) add(plain []byte) error {
	start := s.buf.Len()
	s.buf.Write(make([]byte, frameHead))
	w, err := s.key.EncryptWriter(&s.buf, frameContext(s.id, s.frames, len(plain)))
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		s.buf.Truncate(start)
		return fmt.Errorf("encrypt the recording: %w", err)
	}
	frame := s.buf.Bytes()[start:]
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	binary.BigEndian.PutUint32(frame[4:], uint32(len(plain)))
	s.unwritten = append(s.unwritten, chunk{
		tenant: s.tenant, recording: s.id, number: s.frames, offset: s.offset + int64(start), length: len(frame), sum: sha256.Sum256(frame),
	})
	if s.frames > 0 {
		s.payload += int64(len(plain))
	}
	s.frames++
	return nil
}

// flush appends what was added and waits until it is on the disk; then it returns the evidence. After an error the file is not to be
// written again: what the kernel has dropped once, it reports only once.
func (s *spoolFile) flush(crash func(string)) ([]chunk, error) {
	if s.buf.Len() == 0 {
		return nil, nil
	}
	if _, err := s.f.Write(s.buf.Bytes()); err != nil {
		return nil, ErrSpool.Because(err)
	}
	crash("c2")
	if err := syscall.Fdatasync(int(s.f.Fd())); err != nil {
		return nil, ErrSpool.Because(err)
	}
	s.offset += int64(s.buf.Len())
	s.durable = s.payload
	s.buf.Reset()
	done := s.unwritten
	s.unwritten = nil
	return done, nil
}

func (s *spoolFile) close() error { return s.f.Close() }

// frameReader goes through the frames of a spool file.
type frameReader struct {
	f      *os.File
	id     uuid.UUID
	key    *storage.DataKey
	number int
	offset int64 // behind the last whole frame
	head   [frameHead]byte
	cipher []byte
	plain  []byte
}

// errTorn ends a file whose last frame is not whole.
var errTorn = errors.New("the last frame is cut off")

func openFrames(dir string, id uuid.UUID, key *storage.DataKey) (*frameReader, error) {
	f, err := os.Open(spoolName(dir, id))
	if err != nil {
		return nil, fmt.Errorf("open the recording: %w", err)
	}
	return &frameReader{f: f, id: id, key: key}, nil
}

func (r *frameReader) Close() error { return r.f.Close() }

// next returns the length of the next frame's audio without reading it; then call plaintext or skip. io.EOF after the last whole frame,
// errTorn when something follows it.
func (r *frameReader) next() (cipher, plain int, err error) {
	switch _, err := io.ReadFull(r.f, r.head[:]); {
	case errors.Is(err, io.EOF):
		return 0, 0, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, 0, errTorn
	case err != nil:
		return 0, 0, fmt.Errorf("read the recording: %w", err)
	}
	cipher, plain = int(binary.BigEndian.Uint32(r.head[:])), int(binary.BigEndian.Uint32(r.head[4:]))
	if cipher > maxFrame || plain > cipher {
		return 0, 0, errTorn
	}
	return cipher, plain, nil
}

func (r *frameReader) skip(cipher int) error {
	if _, err := r.f.Seek(int64(cipher), io.SeekCurrent); err != nil {
		return fmt.Errorf("read the recording: %w", err)
	}
	r.passed(cipher)
	return nil
}

func (r *frameReader) passed(cipher int) {
	r.number++
	r.offset += int64(frameHead + cipher)
}

// plaintext decrypts the frame that next announced. The bytes are valid until the next call.
func (r *frameReader) plaintext(cipher, plain int) ([]byte, error) {
	r.cipher = grow(r.cipher, cipher)
	if _, err := io.ReadFull(r.f, r.cipher); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errTorn
		}
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	d, err := r.key.DecryptReader(bytes.NewReader(r.cipher), frameContext(r.id, r.number, plain))
	if err != nil {
		return nil, err
	}
	r.plain = grow(r.plain, plain)
	if _, err := io.ReadFull(d, r.plain); err != nil {
		return nil, fmt.Errorf("decrypt frame %d: %w", r.number, err)
	}
	if _, err := d.Read(r.head[:1]); !errors.Is(err, io.EOF) { // the stream's end is authenticated as well
		return nil, fmt.Errorf("decrypt frame %d: %w", r.number, storage.ErrWrongKey)
	}
	r.passed(cipher)
	return r.plain, nil
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// format reads frame 0.
func (r *frameReader) format() (sound.Format, error) {
	var f sound.Format
	cipher, plain, err := r.next()
	if err != nil {
		return f, err
	}
	b, err := r.plaintext(cipher, plain)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil || f.Rate <= 0 || f.Channels <= 0 {
		return f, fmt.Errorf("read the recording's format: %w", errors.Join(storage.ErrWrongKey, err))
	}
	return f, nil
}

// audio reads a stretch of a recording's payload as one part's WAV file, frame by frame: an hour takes no more memory than a second.
type audio struct {
	frames *frameReader
	rest   []byte // of the header, then of the frame
	skip   int64  // payload still to be passed over
	left   int64  // payload still to be given
}

// openAudio opens the payload from offset on, length bytes of it, behind a WAV header.
func openAudio(dir string, id uuid.UUID, key *storage.DataKey, f sound.Format, offset, length int64) (*audio, error) {
	r, err := openFrames(dir, id, key)
	if err != nil {
		return nil, err
	}
	if _, err := r.format(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &audio{frames: r, rest: f.Header(length), skip: offset, left: length}, nil
}

// Read gives io.EOF after the whole stretch, io.ErrUnexpectedEOF when the file ends before.
func (a *audio) Read(b []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.left == 0 {
			return 0, io.EOF
		}
		if err := a.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

func (a *audio) fill() error {
	cipher, plain, err := a.frames.next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if int64(plain) <= a.skip {
		a.skip -= int64(plain)
		return a.frames.skip(cipher)
	}
	p, err := a.frames.plaintext(cipher, plain)
	if err != nil {
		return err
	}
	p = p[a.skip:]
	a.skip = 0
	a.rest = p[:min(int64(len(p)), a.left)]
	a.left -= int64(len(a.rest))
	return nil
}

func (a *audio) Close() error { return a.frames.Close() }

// erase removes a recording's file for good; one that is gone is no error.
func erase(dir string, id uuid.UUID) error {
	if err := os.Remove(spoolName(dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the recording's file: %w", err)
	}
	return syncFolder(dir)
}

// cutFile drops what follows a file's last whole frame.
func cutFile(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cut the torn end of a recording: %w", err)
	}
	if err := errors.Join(f.Truncate(size), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cut the torn end of a recording: %w", err)
	}
	return nil
}

// spooled lists the recordings that have a file.
func spooled(dir string) ([]uuid.UUID, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the recordings on disk: %w", err)
	}
	var ids []uuid.UUID
	for _, e := range entries {
		name, found := strings.CutSuffix(e.Name(), spoolSuffix)
		if id, err := uuid.Parse(name); found && err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the spool folder to sync: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the spool folder: %w", err)
	}
	return nil
}
