package signaling_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"tandem/calls"
	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/queues"
	"tandem/signaling/browsertest"
)

// write stores a call as the journal does, with its event.
func (h *house) write(event string, all ...calls.Record) {
	h.Helper()
	h.ok(h.db.Worker(h.ctx, func(tx *storage.Tx) error {
		for _, r := range all {
			body, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(h.ctx, `
				INSERT INTO calls (call_id, tenant_id, node, state, direction, started_at, ended_at, queue_id, agent_id, number, caller, record)
				VALUES ($1, $2, 'node', $3, 'inbound', $4, $5, $6, $7, '1001', '', $8)
				ON CONFLICT (call_id) DO UPDATE SET state = $3, ended_at = $5, agent_id = $7, record = $8`,
				r.ID, h.tenant, r.State, r.StartedAt, r.EndedAt, r.Queue, r.Agent, body); err != nil {
				return err
			}
			if err := h.log.AppendFor(h.ctx, tx, h.tenant, event, r.ID, json.RawMessage(body)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (h *house) connected(agent uuid.UUID, name string) calls.Record {
	now := time.Now()
	return calls.Record{
		ID: storage.NewID(), State: calls.StateTalking, StateAt: now, StartedAt: now, ConnectedAt: &now, Number: "1001", Transport: "udp", QueuePath: []string{"Support"},
		Caller: calls.Party{Number: "+4930123456"}, Queue: &h.queue, Agent: &agent, AgentName: name, Direction: calls.Inbound,
		Legs: []calls.LegRecord{{ID: storage.NewID(), Party: "customer", StartedAt: now}, {ID: storage.NewID(), Party: "agent", Agent: &agent, StartedAt: now}},
	}
}

// watch opens a page that watches a list, and knows what is in it.
func (h *house) watch(list string, user uuid.UUID, rights ...auth.Permissions) *liveList {
	h.Helper()
	l := &liveList{Page: browsertest.Open(h, h.url, map[string]any{"ticket": h.ticket(user, rights...)}), list: list, rows: map[string]string{}}
	l.Send("live.subscribe", map[string]string{"list": list})
	l.until(func() bool { return l.whole })
	return l
}

type liveList struct {
	*browsertest.Page
	list  string
	rows  map[string]string // state or presence, by id
	whole bool
	ended bool // denied
}

func (l *liveList) until(true_ func() bool) {
	for !true_() {
		f := l.Wait("live", "list", l.list)
		var d struct {
			Reset, More, Denied bool
			Rows                []struct {
				CallID   string `json:"call_id"`
				ID       string
				State    string
				Presence string
				Priority *int
			}
			Removed []string
		}
		if err := json.Unmarshal(f.Data, &d); err != nil {
			panic(err)
		}
		if d.Reset {
			clear(l.rows)
		}
		for _, r := range d.Rows {
			l.rows[r.CallID+r.ID] = r.State + r.Presence
		}
		for _, id := range d.Removed {
			delete(l.rows, id)
		}
		l.whole, l.ended = !d.More, d.Denied
	}
}

func (l *liveList) shows(id uuid.UUID, state string) {
	l.until(func() bool { return l.rows[id.String()] == state })
}

func TestLiveCallsAsFarAsTheReach(t *testing.T) {
	h := newHouse(t)
	other := storage.NewID()
	mine, theirs := h.connected(h.agent, "Agent"), h.connected(other, "Other")
	theirs.Queue = nil
	h.write("call.connected", mine, theirs)
	admin := h.watch("calls", storage.NewID(), may(auth.ScopeAll, "*", "*"))
	if len(admin.rows) != 2 {
		t.Fatalf("the administrator sees %v", admin.rows)
	}
	own := h.watch("calls", h.agent, may(auth.ScopeOwn, "calls", "read"))
	supervisor := storage.NewID()
	h.mates[supervisor] = []uuid.UUID{supervisor, h.agent}
	team := h.watch("calls", supervisor, may(auth.ScopeTeam, "calls", "read"))
	for _, l := range []*liveList{own, team} {
		if len(l.rows) != 1 || l.rows[mine.ID.String()] != "talking" {
			t.Errorf("somebody with less than all sees %v", l.rows)
		}
	}

	mine.State = calls.StateHeld
	h.write("call.held", mine)
	for _, l := range []*liveList{admin, own, team} {
		l.shows(mine.ID, "held")
	}
	// A call that waits in a queue that the team serves is the team's, before it has an agent; not an agent's.
	waiting := h.connected(uuid.Nil, "")
	waiting.Agent, waiting.State = nil, calls.StateWaiting
	h.write("call.queued", waiting)
	admin.shows(waiting.ID, "waiting")
	team.shows(waiting.ID, "waiting")

	now := time.Now()
	mine.State, mine.EndedAt = calls.StateEnded, &now
	h.write("call.ended", mine)
	for _, l := range []*liveList{admin, own, team} {
		l.until(func() bool { return l.rows[mine.ID.String()] == "" })
	}
	if _, there := own.rows[waiting.ID.String()]; there {
		t.Error("an agent sees who waits")
	}
}

func TestLiveItemsAndAgents(t *testing.T) {
	h := newHouse(t)
	user := storage.NewID()
	all := may(auth.ScopeAll, "*", "*")
	items := h.watch("items", user, all)
	if len(items.rows) != 0 {
		t.Fatalf("there is %v", items.rows)
	}
	item := storage.NewID()
	w, err := h.queues.Join(h.ctx, h.tenant, h.queue, queues.NewItem{ID: item, Kind: queues.Call})
	h.ok(err)
	items.until(func() bool { return len(items.rows) == 1 })
	h.ok(w.Leave(h.ctx, queues.LeftAbandoned))
	items.until(func() bool { return len(items.rows) == 0 })

	agents := h.watch("agents", storage.NewID(), all)
	agents.shows(h.agent, "IDLEOFFLINE")
	h.ok(h.queues.SetPresence(h.ctx, h.tenant, h.agent, queues.Away, ""))
	agents.shows(h.agent, "IDLEAWAY")
}

func TestLiveListsNeedTheirRight(t *testing.T) {
	h := newHouse(t)
	user := storage.NewID()
	p := browsertest.Open(t, h.url, map[string]any{"ticket": h.ticket(user, may(auth.ScopeAll, "agents", "read"))})
	p.Send("live.subscribe", map[string]string{"list": "calls"})
	p.Wait("error", "code", "forbidden")
	p.Send("live.subscribe", map[string]string{"list": "numbers"})
	p.Wait("error", "code", "unknown_list")
	l := &liveList{Page: p, list: "agents", rows: map[string]string{}}
	p.Send("live.subscribe", map[string]string{"list": "agents"})
	l.shows(h.agent, "IDLEOFFLINE")
	h.mu.Lock()
	h.rights[user] = may(auth.ScopeAll, "tickets", "read")
	h.mu.Unlock()
	l.until(func() bool { return l.ended })
}

// BenchmarkLiveCalls is a picture of 1,000 connected calls of which 25 have changed, for 20 watchers: twice a second it is what a floor
// with 50 changes a second costs. cpu-ms is what this process takes for it, the watchers' reading included; PostgreSQL's is beside it.
func BenchmarkLiveCalls(b *testing.B) {
	const floor, changed, watchers = 1000, 25, 20
	h := newHouse(b)
	all := make([]calls.Record, floor)
	for i := range all {
		all[i] = h.connected(storage.NewID(), "Agent")
	}
	h.write("call.connected", all...)
	var read sync.WaitGroup
	defer read.Wait()
	var received, size atomic.Int64
	more := make(chan struct{}, 1)
	for range watchers {
		header := http.Header{"Origin": {"http" + strings.TrimSuffix(strings.TrimPrefix(h.url, "ws"), "/ws")}}
		conn, resp, err := websocket.DefaultDialer.Dial(h.url, header)
		h.ok(err)
		_ = resp.Body.Close()
		defer conn.Close()
		h.ok(conn.WriteJSON(map[string]any{"v": 1, "type": "hello", "data": map[string]any{"ticket": h.ticket(storage.NewID(), may(auth.ScopeAll, "*", "*"))}}))
		h.ok(conn.WriteJSON(map[string]any{"v": 1, "type": "live.subscribe", "data": map[string]any{"list": "calls"}}))
		read.Go(func() {
			for {
				_, body, err := conn.ReadMessage()
				if err != nil {
					return
				}
				if strings.Contains(string(body[:min(len(body), 40)]), `"live"`) {
					received.Add(int64(strings.Count(string(body), `"call_id"`)))
					size.Add(int64(len(body)))
					select {
					case more <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	wait := func(rows int64) {
		for received.Load() < rows {
			<-more
		}
	}
	wait(floor * watchers)
	received.Store(0)
	size.Store(0)
	before := cpu()
	for n := 0; b.Loop(); n++ {
		batch := make([]calls.Record, changed)
		for i := range batch {
			r := &all[(n*changed+i)%floor]
			r.StateAt = r.StateAt.Add(time.Second)
			batch[i] = *r
		}
		h.write("call.held", batch...)
		wait(int64((n + 1) * changed * watchers))
	}
	b.ReportMetric(float64(cpu()-before)/1e6/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(size.Load())/float64(b.N)/watchers/1024, "kB/op/watcher")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
