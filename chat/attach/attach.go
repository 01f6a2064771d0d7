// Package attach finds out what files of strangers really are and makes them safe to show: pictures are encoded anew by us, films are walked
// box by box and lose what does not belong to them, and everything else is for downloading only.
package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tandem/internal/fault"
)

// Source is who sends a file, which decides what is taken.
type Source int

// Sources.
const (
	FromChannel Source = iota // a platform's customer: what is not safe to show is kept for downloading
	FromAgent                 // as FromChannel
	FromWidget                // anybody on the web: PNG, JPEG and MP4, nothing else
)

// Errors for people.
var (
	ErrEmpty    = fault.New(fault.Invalid, "file_empty", "The file is empty.")
	ErrRefused  = fault.New(fault.Illegal, "file_type_refused", "Only pictures (.png, .jpg) and videos (.mp4) can be sent here.")
	ErrDamaged  = fault.New(fault.Illegal, "file_damaged", "The file is damaged, or is not what its name says.")
	ErrTooLarge = fault.New(fault.TooLarge, "file_too_large", "The file is too large.")
	ErrNoFit    = fault.New(fault.Illegal, "file_does_not_fit", "The channel does not take this file, and it cannot be converted.")
)

// Config of a Cleaner. Zero values stand for the defaults.
type Config struct {
	Temp     string        // folder of temporary files, which have no name from the start and end with the process; default the system's
	FFmpeg   string        // the program that converts films and sound; "": none, they go as they are or not at all
	Decoders int           // pictures taken apart at the same time, each with up to 208 MB; default 1
	Limit    time.Duration // of decoding one picture; default 5 s
	Convert  time.Duration // of one run of FFmpeg; default 60 s
}

// Cleaner makes files safe and fits them to what platforms take. It is safe for concurrent use.
type Cleaner struct {
	cfg  Config
	turn chan struct{}
}

// New makes a Cleaner.
func New(cfg Config) *Cleaner {
	if cfg.Decoders == 0 {
		cfg.Decoders = 1
	}
	if cfg.Limit == 0 {
		cfg.Limit = 5 * time.Second
	}
	if cfg.Convert == 0 {
		cfg.Convert = time.Minute
	}
	return &Cleaner{cfg: cfg, turn: make(chan struct{}, cfg.Decoders)}
}

// Clean is a file that is safe in the way its Type says.
type Clean struct {
	Type
	File          *os.File // ours, at its start; the caller closes it. It may be the file that was given.
	Bytes         int64
	Width, Height int     // in pixels, as it is shown; 0: not known
	Seconds       float64 // of sound and films; 0: not known
	Preview       []byte  // a JPEG of at most 640 pixels a side; nil: none
}

// Clean looks at a file and makes it safe. What cannot be made so becomes a download, or ErrRefused or ErrDamaged where the source may not
// send such. The file that was given stays the caller's, unless it comes back in the result.
func (c *Cleaner) Clean(ctx context.Context, src *os.File, from Source) (Clean, error) {
	size, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return Clean{}, fmt.Errorf("measure the file: %w", err)
	}
	if size == 0 {
		return Clean{}, ErrEmpty
	}
	head, err := readHead(src, size)
	if err != nil {
		return Clean{}, err
	}
	found := Sniff(head)
	if from == FromWidget && found != PNG && found != JPEG && found != MP4 {
		return Clean{}, ErrRefused
	}
	out, err := c.clean(ctx, src, size, found)
	switch {
	case err == nil:
		_, err = out.File.Seek(0, io.SeekStart)
		return out, err
	case !errors.Is(err, ErrDamaged):
		return Clean{}, err
	case from == FromWidget:
		return Clean{}, err
	}
	_, err = src.Seek(0, io.SeekStart)
	return Clean{Type: found.download(), File: src, Bytes: size}, err
}

const headLength = 4 << 10

func readHead(src io.ReaderAt, size int64) ([]byte, error) {
	head := make([]byte, min(size, headLength))
	if _, err := src.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file's start: %w", err)
	}
	return head, nil
}

// clean makes a file safe; ErrDamaged says that it cannot be.
func (c *Cleaner) clean(ctx context.Context, src *os.File, size int64, found Type) (Clean, error) {
	switch {
	case !found.Show:
		return Clean{Type: found, File: src, Bytes: size}, nil
	case found.Kind == Image:
		return c.cleanImage(ctx, src, size, found)
	case found.boxes():
		return c.cleanMovie(ctx, src, size, found)
	}
	if endsAsZIP(src, size) {
		return Clean{}, ErrDamaged.Because(errors.New("it is a ZIP archive at the same time"))
	}
	return Clean{Type: found, File: src, Bytes: size, Seconds: soundSeconds(src, size, found)}, nil
}

// Spool makes a temporary file that has no name: it is gone when it is closed, or when the process ends however it ends.
func (c *Cleaner) Spool() (*os.File, error) {
	f, err := os.CreateTemp(c.cfg.Temp, "file-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("unname a temporary file: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// Fill copies r into a new temporary file; ErrTooLarge when it is longer than limit bytes.
func (c *Cleaner) Fill(r io.Reader, limit int64) (f *os.File, n int64, err error) {
	if f, err = c.Spool(); err != nil {
		return nil, 0, err
	}
	if n, err = io.Copy(f, io.LimitReader(r, limit+1)); err == nil && n > limit {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, n, errors.Join(err, f.Close())
	}
	return f, n, nil
}

// spooled writes a new temporary file and gives it back with its length.
func (c *Cleaner) spooled(write func(io.Writer) error) (*os.File, int64, error) {
	f, err := c.Spool()
	if err != nil {
		return nil, 0, err
	}
	if err := write(f); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	n, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("measure the file: %w", err), f.Close())
	}
	return f, n, nil
}
