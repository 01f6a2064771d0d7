package recording

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
	"tandem/media"
	"tandem/media/sound"
)

// BreakDisk lets every later write to the recording's file go where it is given, as a disk that fails.
func BreakDisk(t *testing.T, r *Recorder, broken *os.File) {
	t.Helper()
	r.wmu.Lock()
	defer r.wmu.Unlock()
	if err := r.file.f.Close(); err != nil {
		t.Fatal(err)
	}
	r.file.f = broken
}

// Opens tries to open a recording's key and its first frame, as an upload does.
func Opens(s *Service, id uuid.UUID) error {
	ctx := context.Background()
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		key, err := s.dataKey(ctx, tx, r, s.send)
		if err != nil {
			return err
		}
		a, err := openAudio(s.cfg.Dir, id, key, r.format(), 0, r.Payload)
		if err != nil {
			return err
		}
		return a.Close()
	})
}

// WrapWhole gives a recording a file and a key as the program before split keys made them.
func WrapWhole(t *testing.T, s *Service, id uuid.UUID) {
	t.Helper()
	ctx := t.Context()
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		tenant, err := s.cfg.Keys.Tenant(ctx, tx, r.Tenant)
		if err != nil {
			return err
		}
		day, err := s.cfg.Keys.EpochKey(r.StartedAt)
		if err != nil {
			return err
		}
		key, wrapped, err := storage.NewDataKey(keyContext(id), tenant, day)
		if err != nil {
			return err
		}
		if err := erase(s.cfg.Dir, id); err != nil {
			return err
		}
		f, audio := fill(t, s.cfg.Dir, id, key, 4, 4000)
		_, err = tx.Exec(ctx, `UPDATE recordings SET wrapped_key = $2, crm_share = NULL, crm_key_id = NULL, encoding = $3, rate = $4, channels = $5, payload = $6
			WHERE recording_id = $1`, id, wrapped, f.Encoding, f.Rate, f.Channels, len(audio))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Forge makes a sealed recording of so many bytes of audio, as fast as the disk takes it, and returns its SHA-256.
func Forge(t testing.TB, s *Service, tenant, call uuid.UUID, payload int64) (id uuid.UUID, sum [32]byte) {
	t.Helper()
	ctx := context.Background()
	r, err := s.Start(ctx, NewRecording{Tenant: tenant, Call: call})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.stopped, r.ended = true, media.Now()+time.Hour // nothing but what is forged gets in, and no sweep takes it for abandoned
	r.queue = nil
	r.mu.Unlock()
	hash := sha256.New()
	random := rand.NewChaCha8([32]byte{1})
	frame := make([]byte, 1<<20)
	r.wmu.Lock()
	r.format = sound.Format{Encoding: sound.MuLaw, Rate: 8000, Channels: 2}
	err = r.file.begin(r.format)
	for left := payload; err == nil && left > 0; left -= int64(len(frame)) {
		frame = frame[:min(left, int64(len(frame)))]
		_, _ = random.Read(frame) // it never fails
		hash.Write(frame)
		if err = r.file.add(frame); err == nil {
			_, err = r.file.flush(func(string) {})
		}
	}
	r.begun = true
	r.wmu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	return r.id, [32]byte(hash.Sum(nil))
}

// Claim leases parts as a round of uploads does, at most n, and says whose they are.
func Claim(ctx context.Context, u *Uploader, n int) (tenants []uuid.UUID, err error) {
	leases, err := u.claim(ctx, n)
	for _, l := range leases {
		tenants = append(tenants, l.part.Tenant)
	}
	return tenants, err
}
