package signaling

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/internal/events"
)

// The lists that pages may watch live. Each holds rows of one noun; who may read that noun's route may watch its list, as far as the
// permission reaches.
const (
	liveCalls  = "calls"  // calls that have not ended
	liveItems  = "items"  // what waits in queues
	liveAgents = "agents" // agents with what they do
)

var liveLists = []string{liveCalls, liveItems, liveAgents}

const (
	liveEvery = 500 * time.Millisecond // between two pictures: a person reads two a second
	liveWhole = 15 * time.Second       // after which a list is read whole, and reaches anew: the bus may lose notes
	liveChunk = 200                    // rows of one frame
)

// live holds a floor for each tenant in which somebody watches.
type live struct {
	hub    *Hub
	mu     sync.Mutex
	floors map[uuid.UUID]*floor
}

// floor is the live picture of a tenant, kept once for all who watch: rows are read when the event log says that they changed, and sent
// as differences. Rows in the database are the truth, so the calls of all nodes are in it.
type floor struct {
	live   *live
	tenant uuid.UUID
	wake   chan struct{}

	mu       sync.Mutex
	dirty    map[string]map[uuid.UUID]bool // by list
	whole    map[string]bool               // lists to be read whole
	watchers map[string]map[*socket]*watcher

	// Of the floor's goroutine.
	lists map[string]map[uuid.UUID]liveRow
	read  time.Time // when all was read
}

// liveRow is a row as it is sent, and whom it concerns.
type liveRow struct {
	body         json.RawMessage
	agent, queue uuid.UUID
}

// watcher is a page that watches a list. Its fields but actor and fresh are the floor's goroutine's.
type watcher struct {
	actor auth.Actor // guarded by floor.mu, as fresh is
	fresh bool       // the actor is new or has changed
	reach *reach     // nil: not known yet
	stale bool       // it needs the whole list
}

// reach is whose rows a watcher sees. Equal reaches have equal keys, and share their frames.
type reach struct {
	key            string
	all            bool
	agents, queues map[uuid.UUID]bool
}

func (r *reach) sees(row liveRow) bool { return r.all || r.agents[row.agent] || r.queues[row.queue] }

// watch sends sock the whole list, and then what changes in it, at most twice a second.
func (l *live) watch(tenant uuid.UUID, sock *socket, list string, a auth.Actor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.floors[tenant]
	if f == nil {
		f = &floor{
			live: l, tenant: tenant, wake: make(chan struct{}, 1), dirty: map[string]map[uuid.UUID]bool{}, whole: map[string]bool{},
			watchers: map[string]map[*socket]*watcher{}, lists: map[string]map[uuid.UUID]liveRow{},
		}
		for _, name := range liveLists {
			f.watchers[name], f.dirty[name] = map[*socket]*watcher{}, map[uuid.UUID]bool{}
		}
		if !l.hub.spawn(f.run) {
			return false
		}
		l.floors[tenant] = f
	}
	f.mu.Lock()
	f.watchers[list][sock] = &watcher{actor: a, fresh: true, stale: true}
	f.mu.Unlock()
	f.nudge()
	return true
}

// unwatch ends what watch began.
func (l *live) unwatch(tenant uuid.UUID, sock *socket, list string) {
	l.mu.Lock()
	f := l.floors[tenant]
	l.mu.Unlock()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers[list], sock)
}

// renewed takes over what a page's user may do from now on.
func (l *live) renewed(tenant uuid.UUID, sock *socket, a auth.Actor) {
	l.mu.Lock()
	f := l.floors[tenant]
	l.mu.Unlock()
	if f == nil {
		return
	}
	f.mu.Lock()
	changed := false
	for _, of := range f.watchers {
		w := of[sock]
		if w == nil || slices.Equal(w.actor.Permissions, a.Permissions) && slices.Equal(w.actor.Teams, a.Teams) {
			continue
		}
		w.actor, w.fresh, changed = a, true, true
	}
	f.mu.Unlock()
	if changed {
		f.nudge()
	}
}

// note marks what an event of the log made out of date.
func (l *live) note(tenant uuid.UUID, n events.Note) {
	l.mu.Lock()
	f := l.floors[tenant]
	l.mu.Unlock()
	if f == nil {
		return
	}
	noun, _, _ := strings.Cut(n.Type, ".")
	f.mu.Lock()
	defer f.mu.Unlock()
	switch noun {
	case "call":
		f.dirty[liveCalls][n.Subject] = true
	case "item", "offer":
		f.dirty[liveItems][n.Subject] = true
	case "agent":
		f.dirty[liveAgents][n.Subject] = true
	case "queue": // a name, members, agents
		f.whole[liveAgents], f.whole[liveItems] = true, true
	default:
		return
	}
	f.nudge()
}

func (f *floor) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run keeps the picture until nobody watches.
func (f *floor) run(ctx context.Context) {
	slow := time.NewTicker(liveWhole)
	defer slow.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-f.wake:
		case <-slow.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil || f.deserted() {
			return
		}
		f.pass(ctx)
		pause.Reset(liveEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// deserted ends the floor when nobody watches.
func (f *floor) deserted() bool {
	f.live.mu.Lock()
	defer f.live.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, of := range f.watchers {
		if len(of) > 0 {
			return false
		}
	}
	delete(f.live.floors, f.tenant)
	return true
}

// pass makes one picture of each list that is watched and tells the difference.
func (f *floor) pass(ctx context.Context) {
	all := time.Since(f.read) >= liveWhole
	if all {
		f.read = time.Now()
	}
	for _, list := range liveLists {
		f.mu.Lock()
		of := maps.Clone(f.watchers[list])
		f.mu.Unlock()
		if len(of) == 0 {
			f.drop(list)
			continue
		}
		f.aim(ctx, list, of, all)
		if err := f.bring(ctx, list, of, all); err != nil && ctx.Err() == nil {
			f.live.hub.log.Warn("a live list could not be read", "list", list, "err", err)
		}
	}
}

// drop forgets a list that nobody watches.
func (f *floor) drop(list string) {
	delete(f.lists, list)
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.dirty[list])
}

// aim finds out how far each watcher sees: the new ones and, now and then, all.
func (f *floor) aim(ctx context.Context, list string, of map[*socket]*watcher, all bool) {
	known := map[string]*reach{} // people of one team ask for the same
	for sock, w := range of {
		if sock.gone() {
			f.live.unwatch(f.tenant, sock, list)
			delete(of, sock)
			continue
		}
		f.mu.Lock()
		a, fresh := w.actor, w.fresh
		w.fresh = false
		f.mu.Unlock()
		if !fresh && !all {
			continue
		}
		scope, err := mayWatch(a, list)
		if err != nil {
			f.live.unwatch(f.tenant, sock, list)
			delete(of, sock)
			sock.send(frame{Type: "live", Data: pack(liveFrame{List: list, Denied: true})})
			continue
		}
		r, err := f.reachOf(ctx, known, a, scope)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				f.live.hub.log.Warn("the reach of a live list could not be read", "err", err)
			}
			f.mu.Lock()
			w.fresh = true
			f.mu.Unlock()
		case w.reach == nil || w.reach.key != r.key:
			w.reach, w.stale = r, true
		}
	}
}

// mayWatch says how far somebody may watch a list. What waits is calls: it needs the same right.
func mayWatch(a auth.Actor, list string) (auth.Scope, error) {
	if list == liveItems {
		list = liveCalls
	}
	return a.Allow("read", list)
}

func (f *floor) reachOf(ctx context.Context, known map[string]*reach, a auth.Actor, scope auth.Scope) (*reach, error) {
	asked := string(scope) + a.User.String()
	if r := known[asked]; r != nil {
		return r, nil
	}
	agents, all, err := f.live.hub.need.Within(auth.With(ctx, a), scope)
	if err != nil {
		return nil, err
	}
	r := &reach{key: "all", all: all}
	if !all {
		var served []uuid.UUID
		if scope == auth.ScopeTeam {
			if served, err = f.live.hub.need.Queues.ServedBy(ctx, f.tenant, agents); err != nil {
				return nil, err
			}
		}
		r.agents, r.queues = set(agents), set(served)
		r.key = keyOf(agents) + "/" + keyOf(served)
	}
	known[asked] = r
	return r, nil
}

func set(ids []uuid.UUID) map[uuid.UUID]bool {
	m := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

func keyOf(ids []uuid.UUID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id[:])
	}
	slices.Sort(names)
	return strings.Join(names, "")
}
