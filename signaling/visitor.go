package signaling

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"tandem/chat"
	"tandem/chat/web"
	"tandem/internal/door"
	"tandem/internal/events"
	"tandem/internal/fault"
)

// visitor is the socket of a page with the widget. Thousands are open and idle, so it has nothing that an agent's session has: what the page
// asks for is done by the goroutine that reads the socket, what it is told of by the hub's few tellers.
type visitor struct {
	sock   *socket
	queued atomic.Bool // for a teller

	// mu guards what follows, and is held while something is done for the page.
	mu      sync.Mutex
	page    *web.Page
	since   map[uuid.UUID]int64 // what the page has, by conversation
	shown   string              // the conversations as they were told last
	waiting bool
}

// visitors are all of them on this node.
type visitors struct {
	hub *Hub

	mu     sync.Mutex
	all    map[*visitor]struct{}
	of     map[uuid.UUID][]*visitor // by conversation
	people map[string][]*visitor    // by account and person
	from   map[netip.Prefix]int     // pages, by source
	due    []*visitor
	wake   chan struct{}
}

const (
	tellers      = 4
	standEvery   = 5 * time.Second // those who wait hear how they stand
	visitorRate  = 10              // frames a second
	visitorBurst = 60
)

var errManyPages = fault.New(fault.TooMany, "too_many_pages", "Too many pages are open from your address; close some.")

func newVisitors(h *Hub) *visitors {
	return &visitors{
		hub: h, all: map[*visitor]struct{}{}, of: map[uuid.UUID][]*visitor{}, people: map[string][]*visitor{}, from: map[netip.Prefix]int{}, wake: make(chan struct{}, 1),
	}
}

// run tells pages what has changed until ctx ends.
func (vs *visitors) run(ctx context.Context) {
	if vs.hub.need.Widget == nil {
		return
	}
	stop := vs.hub.need.Widget.Signs(vs.sign)
	defer stop()
	var all sync.WaitGroup
	for range tellers {
		all.Go(func() { vs.tell(ctx) })
	}
	tick := time.NewTicker(standEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			all.Wait()
			return
		case <-tick.C:
			vs.mu.Lock()
			for v := range vs.all {
				if v.mu.TryLock() { // whoever is busy is told anyway
					if v.waiting {
						vs.queue(v)
					}
					v.mu.Unlock()
				}
			}
			vs.mu.Unlock()
		}
	}
}

// queue has v told soon; vs.mu is held.
func (vs *visitors) queue(v *visitor) {
	if v.queued.Swap(true) {
		return
	}
	vs.due = append(vs.due, v)
	select {
	case vs.wake <- struct{}{}:
	default:
	}
}

func (vs *visitors) next() *visitor {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if len(vs.due) == 0 {
		return nil
	}
	v := vs.due[0]
	if vs.due = vs.due[1:]; len(vs.due) == 0 {
		vs.due = nil
	} else {
		select {
		case vs.wake <- struct{}{}: // for another teller
		default:
		}
	}
	return v
}

func (vs *visitors) tell(ctx context.Context) {
	for {
		v := vs.next()
		if v == nil {
			select {
			case <-ctx.Done():
				return
			case <-vs.wake:
			}
			continue
		}
		v.queued.Store(false)
		if v.sock.gone() {
			continue
		}
		v.mu.Lock()
		vs.news(ctx, v)
		v.mu.Unlock()
	}
}

// news sends what has changed; v.mu is held.
func (vs *visitors) news(ctx context.Context, v *visitor) {
	t, err := vs.hub.need.Widget.Thread(ctx, v.page.Visitor, v.since)
	if err != nil {
		if ctx.Err() == nil {
			vs.hub.log.Error("a visitor's conversation could not be read", "err", err)
		}
		return
	}
	t.Whole = false
	if vs.took(v, t) {
		v.sock.send(frame{Type: "thread", Data: pack(t)})
	}
}

// took notes what a page is told, and says whether there is anything new in it; v.mu is held.
func (vs *visitors) took(v *visitor, t web.Thread) bool {
	known := len(v.since)
	v.waiting = false
	for _, c := range t.Conversations {
		v.since[c.ID] = c.Rev
		v.waiting = v.waiting || c.Waiting
	}
	if len(v.since) > known {
		vs.mu.Lock()
		if _, here := vs.all[v]; here {
			vs.forget(v)
			vs.index(v)
		}
		vs.mu.Unlock()
	}
	shown := string(pack(t.Conversations))
	fresh := shown != v.shown || len(t.Messages) > 0
	v.shown = shown
	return fresh
}

// index finds v by what it is about; vs.mu and v.mu are held.
func (vs *visitors) index(v *visitor) {
	for id := range v.since {
		vs.of[id] = append(vs.of[id], v)
	}
	key := personKey(v.page.Visitor.Account, v.page.Visitor.Key)
	vs.people[key] = append(vs.people[key], v)
}

func (vs *visitors) forget(v *visitor) {
	for id := range v.since {
		drop(vs.of, id, v)
	}
	drop(vs.people, personKey(v.page.Visitor.Account, v.page.Visitor.Key), v)
}

func drop[K comparable](from map[K][]*visitor, key K, v *visitor) {
	kept := from[key][:0:0]
	for _, other := range from[key] {
		if other != v {
			kept = append(kept, other)
		}
	}
	if len(kept) == 0 {
		delete(from, key)
	} else {
		from[key] = kept
	}
}

func personKey(account uuid.UUID, key string) string { return account.String() + "/" + key }

// note hears that something has happened to a conversation.
func (vs *visitors) note(n events.Note) {
	if n.Type == "conversation.typing" { // the visitor's own
		return
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.of[n.Subject] {
		vs.queue(v)
	}
}

// sign passes on that somebody types, or has read.
func (vs *visitors) sign(s web.Sign) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.people[personKey(s.Account, s.Key)] {
		switch s.Kind {
		case chat.SignalTyping, chat.SignalQuiet:
			v.sock.send(frame{Type: "typing", Data: pack(typingView{s.Kind == chat.SignalTyping})})
		case chat.SignalRead:
			vs.queue(v)
		}
	}
}

type typingView struct {
	On bool `json:"on"`
}

// admit takes a page in; leave lets it go.
func (vs *visitors) admit(v *visitor) error {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	source := door.Source(v.sock.source)
	if vs.from[source] >= vs.hub.cfg.VisitorPages {
		return errManyPages
	}
	vs.from[source]++
	vs.all[v] = struct{}{}
	vs.index(v)
	vs.hub.metrics.sessions.WithLabelValues("visitor").Inc()
	return nil
}

func (vs *visitors) leave(v *visitor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	vs.mu.Lock()
	defer vs.mu.Unlock()
	source := door.Source(v.sock.source)
	if vs.from[source]--; vs.from[source] <= 0 {
		delete(vs.from, source)
	}
	delete(vs.all, v)
	vs.forget(v)
	vs.hub.metrics.sessions.WithLabelValues("visitor").Dec()
}

// isVisitor says whether a hello comes from the widget's page, and not from a call out of it.
func isVisitor(first frame) bool {
	hello, err := decode[helloData](first)
	return err == nil && hello.Widget != "" && !hello.Customer
}

// visit serves the page of a visitor until its socket ends.
func (h *Hub) visit(ctx context.Context, s *socket, first frame) {
	defer s.end()
	v, err := h.enter(ctx, s, first)
	if err != nil {
		f := h.public(err)
		s.fail(first.ID, f)
		code := closeTryAgain
		if f.Kind == fault.Unauthorized || f.Kind == fault.Forbidden || f.Kind == fault.NotFound {
			h.metrics.refused.WithLabelValues("visitor").Inc()
			code = closeUnknown
		}
		s.close(code, f.Code)
		return
	}
	defer h.visitors.leave(v)
	s.conn.SetReadLimit(web.MaxFrame)
	s.alive()
	s.conn.SetPongHandler(func(string) error { s.alive(); return nil })
	limit := rate.NewLimiter(visitorRate, visitorBurst)
	for {
		f, err := s.read()
		if err != nil {
			if errors.Is(err, errFrame) {
				h.metrics.refused.WithLabelValues("frame").Inc()
				s.close(closePolicy, "not a frame")
			}
			return
		}
		if !limit.Allow() {
			h.metrics.refused.WithLabelValues("rate").Inc()
			s.close(closePolicy, "too many frames")
			return
		}
		s.alive()
		h.serveVisitor(ctx, v, f)
	}
}

// enter finds out whose page it is, and welcomes it.
func (h *Hub) enter(ctx context.Context, s *socket, first frame) (*visitor, error) {
	if h.need.Widget == nil {
		return nil, errNoCustomers
	}
	hello, err := decode[web.Hello](first)
	if err != nil {
		return nil, err
	}
	hello.Own = s.own
	ctx, cancel := context.WithTimeout(ctx, helloWithin)
	defer cancel()
	p, err := h.need.Widget.Open(ctx, hello, s.source)
	if err != nil {
		return nil, err
	}
	v := &visitor{sock: s, page: p, since: map[uuid.UUID]int64{}}
	// Known from now on, so that nothing happens unheard between the reading and the telling.
	if err := h.visitors.admit(v); err != nil {
		return nil, err
	}
	if err := h.welcome(ctx, v, hello, first.ID); err != nil {
		h.visitors.leave(v)
		return nil, err
	}
	return v, nil
}

func (h *Hub) welcome(ctx context.Context, v *visitor, hello web.Hello, id string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	w, err := h.need.Widget.Welcome(ctx, hello.Account, v.page.Visitor, hello.Since)
	if err != nil {
		return err
	}
	h.visitors.took(v, w.Thread)
	v.sock.send(frame{ID: id, Type: "welcome", Data: pack(w)})
	v.page.Visitor.Secret = ""
	return nil
}

// serveVisitor does what a page asks for.
func (h *Hub) serveVisitor(ctx context.Context, v *visitor, f frame) {
	ctx, cancel := context.WithTimeout(ctx, visitorWithin)
	defer cancel()
	v.mu.Lock()
	answer, data, err := h.need.Widget.Do(ctx, v.page, f.Type, f.Data)
	if err == nil && (f.Type == "message" || f.Type == "end") {
		h.visitors.news(ctx, v)
	}
	v.mu.Unlock()
	switch {
	case err != nil:
		v.sock.fail(f.ID, h.public(err))
	case answer != "":
		out := frame{ID: f.ID, Type: answer}
		if data != nil {
			out.Data = pack(data)
		}
		v.sock.send(out)
	}
}

// visitorWithin is how long anything may take that a page asks for; a mail takes longest.
const visitorWithin = 30 * time.Second
