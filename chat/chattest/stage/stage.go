// Package stage lets a person, or a script, play the customers of all fake platforms: a page, and an API of JSON.
package stage

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"tandem/chat/chattest"
)

// Stage plays customers on fake platforms. It serves the platforms' APIs at /<channel>/, a page at / and its own API at /play/.
type Stage struct {
	platforms []chattest.Platform
	mux       *http.ServeMux

	mu    sync.Mutex
	lines map[key][]line
	faces map[key]string // what customers have told the stage to behave like, for the page
}

// key is a customer of a platform.
type key struct{ channel, customer string }

// line is something that a customer has done.
type line struct {
	At   time.Time        `json:"at"`
	ID   string           `json:"id"`
	Kind chattest.ActKind `json:"kind"`
	Text string           `json:"text,omitempty"`
	To   string           `json:"to,omitempty"`
	File string           `json:"file,omitempty"`
}

// linesKept bounds what is shown of a customer.
const linesKept = 200

// customers are those whom the page offers; a script may play any.
var customers = []string{"Ann", "Bruno", "陈晨", "Dilek", "Émile"}

// New makes a stage for platforms, whose clocks stand at the present.
func New(platforms []chattest.Platform) (*Stage, error) {
	s := &Stage{platforms: platforms, mux: http.NewServeMux(), lines: map[key][]line{}, faces: map[key]string{}}
	for _, p := range platforms {
		prefix := "/" + string(p.Base().Channel)
		s.mux.Handle(prefix+"/", http.StripPrefix(prefix, p))
	}
	page, err := newPage(s)
	if err != nil {
		return nil, err
	}
	// Another site's page must not play with it.
	guard := http.NewCrossOriginProtection()
	s.mux.Handle("/play/", guard.Handler(s.api()))
	s.mux.Handle("/as/", guard.Handler(page))
	s.mux.Handle("GET /{$}", page)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Stage) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Run delivers what happens to the hooks, and lets the platforms' clocks go with the computer's, until ctx ends.
func (s *Stage) Run(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(s.platforms))
	for i, p := range s.platforms {
		all.Go(func() { errs[i] = p.Base().Run(ctx) })
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			all.Wait()
			return errors.Join(errs...)
		case now := <-tick.C:
			for _, p := range s.platforms {
				p.Base().Advance(now.Sub(last))
			}
			last = now
		}
	}
}

func (s *Stage) platform(channel string) chattest.Platform {
	for _, p := range s.platforms {
		if string(p.Base().Channel) == channel {
			return p
		}
	}
	return nil
}

// act does what a customer does, and remembers it for the page.
func (s *Stage) act(p chattest.Platform, a chattest.Act) (id string, err error) {
	if id, err = p.Base().Play(a); err != nil {
		return "", err
	}
	l := line{At: p.Base().Now(), ID: id, Kind: a.Kind, Text: a.Text, To: a.To}
	if a.File != nil {
		l.File = a.File.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{string(p.Base().Channel), a.Customer}
	s.lines[k] = append(s.lines[k], l)
	if n := len(s.lines[k]); n > linesKept {
		s.lines[k] = slices.Delete(s.lines[k], 0, n-linesKept)
	}
	return id, nil
}

// told is what a customer has done so far.
func (s *Stage) told(p chattest.Platform, customer string) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines[key{string(p.Base().Channel), customer}])
}
