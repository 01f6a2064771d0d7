package sip

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits per source of messages. Known sources are trunks and registered phones.
const (
	knownRate     = 5000 // messages a second, a trunk at several hundred call set-ups a second
	strangerRate  = 20
	strangersRate = 300 // all strangers together
	maxSources    = 20_000
	sourceIdle    = 10 * time.Minute
	freeTries     = 3                // wrong credentials before a source is made to wait
	firstBan      = 2 * time.Second  // doubled with every further wrong try
	longestBan    = 15 * time.Minute // after about the twelfth
	vouchFor      = 2 * time.Minute
)

// sources remembers what each source address did lately: how fast it sends, and how often it came with wrong credentials.
type sources struct {
	mu        sync.Mutex
	m         map[netip.Prefix]*source
	strangers *rate.Limiter
	swept     time.Time
	banned    func(n int)
}

type source struct {
	limit *rate.Limiter
	known bool
	fails int
	until time.Time // refused until then
	seen  time.Time
	vouch time.Time // until then it counts as known: it gave the right digest
}

func newSources(banned func(n int)) *sources {
	return &sources{m: map[netip.Prefix]*source{}, strangers: rate.NewLimiter(strangersRate, strangersRate), banned: banned}
}

// sourceKey counts an IPv6 network of 64 bits as one source: its owner can pick any address in it.
func sourceKey(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := a.BitLen()
	if bits == 128 {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// admit says whether a message from a may be looked at; reason is a label for the metric when not.
func (s *sources) admit(a netip.Addr, known bool, now time.Time) (reason string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.get(a, known, now)
	switch {
	case src == nil:
		return "too_many_sources", false
	case now.Before(src.until):
		return "banned", false
	case !src.limit.AllowN(now, 1):
		return "rate", false
	case !known && !s.strangers.AllowN(now, 1):
		return "rate_strangers", false
	}
	return "", true
}

func (s *sources) get(a netip.Addr, known bool, now time.Time) *source {
	key := sourceKey(a)
	src := s.m[key]
	if src == nil {
		if now.Sub(s.swept) > time.Minute || len(s.m) >= maxSources {
			s.sweep(now)
		}
		if len(s.m) >= maxSources && !known {
			return nil
		}
		src = &source{}
		s.m[key] = src
	}
	if src.limit == nil || src.known != known {
		per := rate.Limit(strangerRate)
		if known {
			per = knownRate
		}
		src.limit, src.known = rate.NewLimiter(per, int(2*per)), known
	}
	src.seen = now
	return src
}

func (s *sources) sweep(now time.Time) {
	s.swept = now
	waiting := 0
	for k, src := range s.m {
		if now.Sub(src.seen) > sourceIdle && now.After(src.until) {
			delete(s.m, k)
		} else if now.Before(src.until) {
			waiting++
		}
	}
	s.banned(waiting)
}

// failed counts wrong credentials from a source; after a few it is refused for a time that doubles with each.
func (s *sources) failed(a netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.get(a, false, now)
	if src == nil {
		return
	}
	src.fails++
	if over := src.fails - freeTries; over > 0 {
		src.until = now.Add(min(firstBan<<min(over-1, 20), longestBan))
	}
	s.sweep(now)
}

// failures says how many wrong tries a source has made since its last right one.
func (s *sources) failures(a netip.Addr) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.m[sourceKey(a)]; src != nil {
		return src.fails
	}
	return 0
}

// succeeded forgets a source's failures and lets it be known for a while, so that the rest of its call gets in.
func (s *sources) succeeded(a netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.m[sourceKey(a)]; src != nil {
		src.fails, src.until, src.vouch = 0, time.Time{}, now.Add(vouchFor)
	}
}

// vouched says whether the source gave the right digest lately.
func (s *sources) vouched(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.m[sourceKey(a)]
	return src != nil && now.Before(src.vouch)
}
