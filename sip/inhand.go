package sip

import (
	"net/netip"
	"sync"
	"time"
)

const (
	maxInHand    = 200  // of one source: half a second of what a busy trunk sends
	maxAllInHand = 2000 // of all
	handled      = 64 * time.Second
)

// inHand are the INVITEs that nothing has been said to yet but 100, and those whose 2xx has no ACK yet. However many a source sends, a bounded
// number of them is worked on: it overloads its own share, and others are served (security row 9).
type inHand struct {
	mu   sync.Mutex
	m    map[string]*held // by our tag
	open map[netip.Prefix]int
	all  int
}

// held is one INVITE; it is remembered after it is closed, so that a repetition is no new one.
type held struct {
	source netip.Prefix
	since  time.Time
	open   bool
}

func newInHand() *inHand { return &inHand{m: map[string]*held{}, open: map[netip.Prefix]int{}} }

// take says whether an INVITE may be worked on.
func (h *inHand) take(tag string, source netip.Prefix, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m[tag] != nil {
		return true // a repetition
	}
	if h.open[source] >= maxInHand || h.all >= maxAllInHand {
		return false
	}
	one := &held{source: source, since: now}
	h.m[tag] = one
	h.set(one, true)
	return true
}

// answered takes note of what was said to an INVITE: once it rings we wait for others, after a 2xx for the caller.
func (h *inHand) answered(tag string, status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.m[tag]; one != nil && status > 100 {
		h.set(one, status >= 200 && status < 300)
	}
}

// unanswered says whether an INVITE has come to which nothing was said yet but 100.
func (h *inHand) unanswered(tag string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.m[tag]
	return one != nil && one.open
}

// done says that an INVITE has its ACK, or its dialog has ended.
func (h *inHand) done(tag string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.m[tag]; one != nil {
		h.set(one, false)
	}
}

func (h *inHand) set(one *held, open bool) {
	if one.open == open {
		return
	}
	one.open = open
	if open {
		h.all++
		h.open[one.source]++
		return
	}
	h.all--
	if h.open[one.source]--; h.open[one.source] == 0 {
		delete(h.open, one.source)
	}
}

func (h *inHand) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for tag, one := range h.m {
		if now.Sub(one.since) > handled {
			h.set(one, false)
			delete(h.m, tag)
		}
	}
}
