package api

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tandem/internal/door"
	"tandem/internal/fault"
)

// Limits of the routes that nobody need be signed in for, by source address.
const (
	publicBurst  = 20
	publicEvery  = 3 * time.Second // one more after so long
	pagesBurst   = 120             // of customers' pages; many share a mobile network's address
	pagesEvery   = time.Second / 2
	publicForget = 10 * time.Minute
)

var errTooOften = fault.New(fault.TooMany, "too_often", "Too many requests from your address; wait a minute.")

// limiter bounds how often strangers ask.
type limiter struct {
	burst int
	every time.Duration

	mu    sync.Mutex
	by    map[netip.Prefix]*asker
	swept time.Time
}

type asker struct {
	*rate.Limiter
	seen time.Time
}

func newLimiter(burst int, every time.Duration) *limiter {
	return &limiter{burst: burst, every: every, by: map[netip.Prefix]*asker{}}
}

// admit says whether the source of a request may ask now.
func (l *limiter) admit(r *http.Request, now time.Time) error {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil // a test's recorder, or a Unix socket
	}
	p := door.Source(ap.Addr())
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > publicForget {
		for key, s := range l.by {
			if now.Sub(s.seen) > publicForget {
				delete(l.by, key)
			}
		}
		l.swept = now
	}
	s := l.by[p]
	if s == nil {
		s = &asker{Limiter: rate.NewLimiter(rate.Every(l.every), l.burst)}
		l.by[p] = s
	}
	s.seen = now
	if !s.AllowN(now, 1) {
		return errTooOften
	}
	return nil
}
