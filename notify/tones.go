package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/media/sound"
)

// Tone is an uploaded ring tone.
type Tone struct {
	ID        uuid.UUID `json:"id" db:"tone_id"`
	Name      string    `json:"name" db:"name"`
	Blob      string    `json:"-" db:"blob"`
	Size      int64     `json:"size" db:"size" doc:"bytes"`
	Seconds   float64   `json:"seconds" db:"seconds"`
	CreatedAt time.Time `json:"created_at" db:"created_at"`
	ChangedAt time.Time `json:"changed_at" db:"changed_at"`
}

// Limits of an uploaded tone: it is fetched by every agent's browser.
const (
	MaxToneBytes  = 2_000_000
	maxToneLength = 30 * time.Second
	longestName   = 100
)

// Errors for people.
var (
	ErrNoTone    = fault.New(fault.NotFound, "ringtone_not_found", "There is no such ring tone.")
	ErrToneTaken = fault.New(fault.Conflict, "ringtone_name_taken", "Another ring tone has this name already.").WithField("name")
	ErrToneName  = fault.Newf(fault.Invalid, "ringtone_name", "A ring tone needs a name of at most %d characters.", longestName).WithField("name")
	ErrNotMP3    = fault.New(fault.Invalid, "ringtone_not_mp3", "This is no MP3 file, whatever its name says. Save the tone as MP3 and upload it again.").WithField("file")
)

// Tones lists the tenant's uploaded tones by name.
func (s *Service) Tones(ctx context.Context, tenant uuid.UUID) (found []Tone, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { found, err = listTones(ctx, tx); return err })
	return found, err
}

// Tone returns one uploaded tone.
func (s *Service) Tone(ctx context.Context, tenant, id uuid.UUID) (t Tone, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error { t, err = loadTone(ctx, tx, id); return err })
	return t, err
}

// AddTone stores an uploaded MP3 file as a tone. The file's content decides what it is, not its name.
func (s *Service) AddTone(ctx context.Context, tenant uuid.UUID, name string, file io.Reader) (Tone, error) {
	if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > longestName {
		return Tone{}, ErrToneName
	}
	t, data, err := readTone(file)
	if err != nil {
		return Tone{}, err
	}
	t.ID, t.Name = storage.NewID(), name
	if err := s.putTone(ctx, tenant, &t, data); err != nil {
		return Tone{}, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		t.CreatedAt, t.ChangedAt = tx.Now, tx.Now
		if err := insertTone(ctx, tx, t); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "ringtone.changed", t.ID, struct{}{})
	})
	if err != nil {
		s.dropBlob(ctx, t.Blob)
	}
	return t, err
}

// ReplaceTone puts another file in a tone's place; whoever chose the tone hears the new one.
func (s *Service) ReplaceTone(ctx context.Context, tenant, id uuid.UUID, file io.Reader) (Tone, error) {
	before, err := s.Tone(ctx, tenant, id)
	if err != nil {
		return Tone{}, err
	}
	next, data, err := readTone(file)
	if err != nil {
		return Tone{}, err
	}
	next.ID, next.Name, next.CreatedAt = before.ID, before.Name, before.CreatedAt
	if err := s.putTone(ctx, tenant, &next, data); err != nil {
		return Tone{}, err
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		next.ChangedAt = tx.Now
		if before.Blob, err = updateTone(ctx, tx, next); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "ringtone.changed", id, struct{}{})
	})
	if err != nil {
		s.dropBlob(ctx, next.Blob)
		return Tone{}, err
	}
	s.dropBlob(ctx, before.Blob)
	return next, nil
}

// DeleteTone removes a tone. Where it was chosen, browsers ring the built-in one from then on.
func (s *Service) DeleteTone(ctx context.Context, tenant, id uuid.UUID) error {
	var blob string
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		if blob, err = deleteTone(ctx, tx, id); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "ringtone.deleted", id, struct{}{})
	})
	if err == nil {
		s.dropBlob(ctx, blob)
	}
	return err
}

// ToneFile opens a tone's MP3 file; version changes whenever the file does. The caller closes it.
func (s *Service) ToneFile(ctx context.Context, tenant, id uuid.UUID) (file io.ReadCloser, version string, err error) {
	t, err := s.Tone(ctx, tenant, id)
	if err != nil {
		return nil, "", err
	}
	file, err = s.cfg.Blobs.Get(ctx, t.Blob)
	return file, t.Version(), err
}

// Version is another one for each file that the tone has had.
func (t Tone) Version() string {
	return t.Blob[strings.LastIndexByte(t.Blob, '/')+1:]
}

// readTone takes an upload that is an MP3 file throughout: its first bytes say so, and it can be decoded.
func readTone(file io.Reader) (Tone, []byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, MaxToneBytes+1))
	if err != nil {
		return Tone{}, nil, fmt.Errorf("receive the ring tone: %w", err)
	}
	if len(data) <= MaxToneBytes && sound.Detect(data) != "MP3" {
		return Tone{}, nil, ErrNotMP3
	}
	pcm, err := sound.Import(bytes.NewReader(data), sound.Limits{Bytes: MaxToneBytes, Duration: maxToneLength})
	if err != nil {
		return Tone{}, nil, err
	}
	return Tone{Size: int64(len(data)), Seconds: pcm.Duration().Seconds()}, data, nil
}

func (s *Service) putTone(ctx context.Context, tenant uuid.UUID, t *Tone, data []byte) error {
	t.Blob = "ringtones/" + tenant.String() + "/" + storage.NewID().String() + ".mp3"
	if _, err := s.cfg.Blobs.Put(ctx, t.Blob, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("store the ring tone: %w", err)
	}
	return nil
}

// dropBlob removes a file that nothing names any more. One that stays behind costs its place and nothing else.
func (s *Service) dropBlob(ctx context.Context, name string) {
	if err := s.cfg.Blobs.Delete(ctx, name); err != nil {
		s.log.Warn("the file of an old ring tone could not be deleted", "blob", name, "err", err)
	}
}
