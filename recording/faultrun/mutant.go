package faultrun

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"

	"tandem/recording"
)

// mutant is a way in which the process under test is wrong on purpose, so that the checker is seen to find it.
type mutant string

// The mutants.
const (
	hasty     mutant = "hasty"     // takes a part for delivered before it is
	doubling  mutant = "doubling"  // sends each part twice
	reversing mutant = "reversing" // sends part 1 behind part 2
	spilling  mutant = "spilling"  // writes what it sends to the disk
	hoarding  mutant = "hoarding"  // keeps a copy in the spool
	mangling  mutant = "mangling"  // sends another second in the place of one
)

// destination is d, spoiled.
func (m mutant) destination(n *node, d recording.Destination) recording.Destination {
	if m == "" {
		return d
	}
	return &spoiled{Destination: d, how: m, spool: n.cfg.Spool}
}

type spoiled struct {
	recording.Destination
	how   mutant
	spool string
	mu    sync.Mutex
	kept  []func(context.Context) error // what is sent later
}

func (s *spoiled) Attach(ctx context.Context, p recording.Part, audio io.Reader) (recording.Confirmation, error) {
	data, err := io.ReadAll(audio)
	if err != nil {
		return recording.Confirmation{}, err
	}
	send := func(ctx context.Context) error {
		_, err := s.Destination.Attach(ctx, p, bytes.NewReader(data))
		return err
	}
	switch s.how {
	case hasty:
		return recording.Confirmation{}, nil
	case doubling:
		err = send(ctx)
	case reversing:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept = append(s.kept, send)
		if p.Number < p.Of {
			return recording.Confirmation{}, nil
		}
		for i := range s.kept {
			if err := s.kept[len(s.kept)-1-i](ctx); err != nil {
				return recording.Confirmation{}, err
			}
		}
		return recording.Confirmation{}, nil
	case spilling:
		err = os.WriteFile(filepath.Join(s.spool, "..", "spilt"), data, 0o600)
	case hoarding:
		names, _ := filepath.Glob(filepath.Join(s.spool, "*.rec"))
		for _, name := range names {
			_ = os.Link(name, name+".kept") // the second part's is there already
		}
	case mangling:
		quarter := len(data) / 4
		copy(data[quarter:], data[len(data)-quarter:])
	}
	if err != nil {
		return recording.Confirmation{}, err
	}
	return s.Destination.Attach(ctx, p, bytes.NewReader(data))
}

// Find finds whatever Attach has been told.
func (s *spoiled) Find(ctx context.Context, p recording.Part) ([]recording.Attachment, error) {
	switch s.how {
	case hasty, reversing, doubling:
		return []recording.Attachment{{Name: p.Name, Size: p.Size}}, nil
	}
	return s.Destination.Find(ctx, p)
}
