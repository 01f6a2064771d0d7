package recording_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem/recording"
)

// shelf is a CRM in memory that misbehaves on request.
type shelf struct {
	mu      sync.Mutex
	limits  recording.Limits
	tickets map[string][]filed
	log     []string // names, in the order of the attempts
	next    []misdeed
}

type filed struct {
	id, name string
	data     []byte
	at       time.Time
}

// misdeed is what happens at one attempt to attach. What a CRM does beyond refusing is the matter of package faultrun.
type misdeed struct {
	before error // answered without storing
}

func newShelf() *shelf { return &shelf{tickets: map[string][]filed{}} }

func (s *shelf) misbehave(m ...misdeed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, m...)
}

func (s *shelf) parts(ticket string) []filed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]filed(nil), s.tickets[ticket]...)
}

func (s *shelf) attempts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

func (s *shelf) Limits(context.Context, uuid.UUID) (recording.Limits, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits, nil
}

func (s *shelf) Attach(_ context.Context, p recording.Part, audio io.Reader) (recording.Confirmation, error) {
	data, err := io.ReadAll(audio)
	if err != nil {
		return recording.Confirmation{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, p.Name)
	var m misdeed
	if len(s.next) > 0 {
		m, s.next = s.next[0], s.next[1:]
	}
	if m.before != nil {
		return recording.Confirmation{}, m.before
	}
	id := uuid.NewString()
	s.tickets[p.Ticket] = append(s.tickets[p.Ticket], filed{id: id, name: p.Name, data: data, at: time.Now()})
	return recording.Confirmation{ID: id}, nil
}

func (s *shelf) Find(_ context.Context, p recording.Part) (list []recording.Attachment, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.tickets[p.Ticket] {
		if f.name == p.Name {
			list = append(list, recording.Attachment{ID: f.id, Name: f.name, Size: int64(len(f.data)), At: f.at})
		}
	}
	return list, nil
}

func (s *shelf) Remove(_ context.Context, p recording.Part, a recording.Attachment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []filed
	for _, f := range s.tickets[p.Ticket] {
		if f.id != a.ID {
			rest = append(rest, f)
		}
	}
	s.tickets[p.Ticket] = rest
	return nil
}

// spoolBytes is what is in a spool folder, file by file.
func spoolBytes(t *testing.T, dir string) (all [][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}
