package signaling

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/queues"
)

// liveFrame is what a page is told of a list. Reset: forget what was there; More: the list is not whole yet.
type liveFrame struct {
	List    string            `json:"list"`
	Reset   bool              `json:"reset,omitempty"`
	More    bool              `json:"more,omitempty"`
	Denied  bool              `json:"denied,omitempty"` // the permission has gone; nothing follows
	Rows    []json.RawMessage `json:"rows,omitempty"`   // new or changed
	Removed []uuid.UUID       `json:"removed,omitempty"`
}

// change is how one row became another; a zero body is no row.
type change struct {
	id       uuid.UUID
	old, now liveRow
}

// bring reads what has changed in a list and sends it to those who watch.
func (f *floor) bring(ctx context.Context, list string, of map[*socket]*watcher, all bool) error {
	changes, err := f.refresh(ctx, list, all)
	if err != nil {
		return err
	}
	rows := f.lists[list]
	differences, wholes := map[string][]byte{}, map[string][][]byte{}
	for sock, w := range of {
		switch {
		case w.reach == nil:
		case w.stale:
			if wholes[w.reach.key] == nil {
				wholes[w.reach.key] = wholeFrames(list, rows, w.reach)
			}
			w.stale = !sock.offer(wholes[w.reach.key]...)
		case len(changes) > 0:
			body, made := differences[w.reach.key]
			if !made {
				body = differenceFrame(list, changes, w.reach)
				differences[w.reach.key] = body
			}
			if body != nil {
				w.stale = !sock.offer(body)
			}
		}
		if w.stale {
			f.nudge() // in the next picture
		}
	}
	return nil
}

// refresh brings a list up to the database and returns what has changed.
func (f *floor) refresh(ctx context.Context, list string, all bool) (changes []change, err error) {
	f.mu.Lock()
	dirty := f.dirty[list]
	whole := all || f.whole[list] || f.lists[list] == nil
	f.dirty[list] = map[uuid.UUID]bool{}
	delete(f.whole, list)
	f.mu.Unlock()
	if !whole && len(dirty) == 0 {
		return nil, nil
	}
	var ids []uuid.UUID
	if !whole {
		ids = make([]uuid.UUID, 0, len(dirty))
		for id := range dirty {
			ids = append(ids, id)
		}
	}
	now, err := f.live.rows(ctx, f.tenant, list, ids)
	if err != nil {
		f.mu.Lock()
		f.whole[list] = true // what was dirty is forgotten
		f.mu.Unlock()
		return nil, err
	}
	old := f.lists[list]
	if old == nil {
		old = map[uuid.UUID]liveRow{}
		f.lists[list] = old
	}
	for id, row := range now {
		if was := old[id]; !bytes.Equal(was.body, row.body) {
			changes = append(changes, change{id, was, row})
			old[id] = row
		}
	}
	gone := ids
	if whole {
		for id := range old {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		was, there := old[id]
		if _, still := now[id]; there && !still {
			changes = append(changes, change{id: id, old: was})
			delete(old, id)
		}
	}
	return changes, nil
}

// rows reads a list, or some of it.
func (l *live) rows(ctx context.Context, tenant uuid.UUID, list string, ids []uuid.UUID) (map[uuid.UUID]liveRow, error) {
	need := l.hub.need
	switch list {
	case liveCalls:
		found, err := need.LiveCalls(ctx, tenant, ids)
		return packRows(found, err, func(c *calls.LiveCall) (id, agent, queue uuid.UUID) { return c.ID, idOf(c.Agent), idOf(c.Queue) })
	case liveItems:
		found, err := need.Queues.LiveItems(ctx, tenant, ids)
		return packRows(found, err, func(q *queues.QueuedItem) (id, agent, queue uuid.UUID) { return q.ID, q.Agent, q.Queue })
	default:
		found, err := need.Queues.LiveAgents(ctx, tenant, ids)
		return packRows(found, err, func(a *queues.AgentView) (id, agent, queue uuid.UUID) { return a.ID, a.ID, uuid.Nil })
	}
}

func idOf(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func packRows[T any](found []T, err error, about func(*T) (id, agent, queue uuid.UUID)) (map[uuid.UUID]liveRow, error) {
	if err != nil {
		return nil, err
	}
	rows := make(map[uuid.UUID]liveRow, len(found))
	for i := range found {
		body, err := json.Marshal(&found[i])
		if err != nil {
			return nil, fmt.Errorf("write a live row: %w", err)
		}
		id, agent, queue := about(&found[i])
		rows[id] = liveRow{body: body, agent: agent, queue: queue}
	}
	return rows, nil
}

// wholeFrames are the frames of a list that a page does not have yet.
func wholeFrames(list string, rows map[uuid.UUID]liveRow, r *reach) [][]byte {
	var seen []json.RawMessage
	for _, row := range rows {
		if r.sees(row) {
			seen = append(seen, row.body)
		}
	}
	frames := [][]byte{}
	chunk := max(liveChunk, len(seen)/(outbox/4)) // all of them must fit into what may wait for a page
	for first := true; first || len(seen) > 0; first = false {
		n := min(len(seen), chunk)
		frames = append(frames, encode(liveFrame{List: list, Reset: first, More: n < len(seen), Rows: seen[:n]}))
		seen = seen[n:]
	}
	return frames
}

// differenceFrame is the change of a list as one reach sees it; nil for none.
func differenceFrame(list string, changes []change, r *reach) []byte {
	d := liveFrame{List: list}
	for _, c := range changes {
		before, after := c.old.body != nil && r.sees(c.old), c.now.body != nil && r.sees(c.now)
		switch {
		case after:
			d.Rows = append(d.Rows, c.now.body)
		case before:
			d.Removed = append(d.Removed, c.id)
		}
	}
	if len(d.Rows) == 0 && len(d.Removed) == 0 {
		return nil
	}
	return encode(d)
}

func encode(d liveFrame) []byte {
	b, err := json.Marshal(frame{V: version, Type: "live", Data: pack(d)})
	if err != nil {
		return nil // our own types marshal
	}
	return b
}

type listData struct {
	List string `json:"list"`
}

var errList = fault.New(fault.Invalid, "unknown_list", "There is no such live list: there are "+strings.Join(liveLists, ", ")+".")

func (s *session) gotLiveSubscribe(f frame) error {
	d, err := decode[listData](f)
	if err != nil {
		return err
	}
	if !slices.Contains(liveLists, d.List) {
		return errList
	}
	if _, err := mayWatch(s.actor, d.List); err != nil {
		return err
	}
	if !s.hub.live.watch(s.tenant, s.sock, d.List, s.actor) {
		return errStopping
	}
	return nil
}

func (s *session) gotLiveUnsubscribe(f frame) error {
	d, err := decode[listData](f)
	if err != nil {
		return err
	}
	s.hub.live.unwatch(s.tenant, s.sock, d.List)
	return nil
}
