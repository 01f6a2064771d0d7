package queues_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/internal/storage/storagetest"
	"tandem/queues"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("8") // most tests wait for leases and timers
	}
	goleak.VerifyTestMain(m)
}

// house is a tenant with a service that runs.
type house struct {
	*testing.T
	ctx    context.Context
	db     *storage.DB
	bus    *events.Bus
	s      *queues.Service
	reg    *prometheus.Registry
	tenant uuid.UUID
}

func newHouse(t *testing.T) *house {
	h := quietHouse(t)
	h.run(h.s)
	return h
}

// quietHouse is a house whose service does not run yet.
func quietHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, ctx: t.Context(), db: storagetest.New(t), bus: newBus(t)}
	h.tenant = storagetest.Tenant(t, h.db, "t")
	h.s, h.reg = h.service()
	return h
}

func newBus(t testing.TB) *events.Bus {
	t.Helper()
	bus, err := events.NewBus(events.BusConfig{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

// service is one more node.
func (h *house) service() (*queues.Service, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	return queues.New(h.db, events.NewLog(h.bus), h.bus, slog.New(slog.NewTextHandler(h.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), reg, "node"), reg
}

// run runs a node until the test ends or it is stopped.
func (h *house) run(s *queues.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			h.Errorf("run: %v", err)
		}
	}
	h.Cleanup(stop)
	return stop
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) queue(name string, own queues.OwnSettings) uuid.UUID {
	h.Helper()
	q, err := h.s.CreateQueue(h.ctx, h.tenant, queues.NewQueue{Name: name, Settings: own})
	h.ok(err)
	return q.ID
}

// staff gives queues n agents who are available, with idle times that begin in their order.
func (h *house) staff(n int, served ...uuid.UUID) []uuid.UUID {
	h.Helper()
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = storage.NewID()
		h.ok(h.s.PutAgent(h.ctx, h.tenant, queues.Agent{ID: ids[i], Name: fmt.Sprintf("Agent %d", i+1), Device: "browser"}))
	}
	for _, q := range served {
		h.ok(h.s.SetMembers(h.ctx, h.tenant, q, ids))
	}
	for _, id := range ids {
		h.ok(h.s.SetPresence(h.ctx, h.tenant, id, queues.Available, ""))
	}
	return ids
}

func (h *house) join(q uuid.UUID) (*queues.Waiting, uuid.UUID) {
	h.Helper()
	id := storage.NewID()
	w, err := h.s.Join(h.ctx, h.tenant, q, queues.NewItem{ID: id, Kind: queues.Call})
	h.ok(err)
	return w, id
}

const patience = 20 * time.Second

func (h *house) offer(w *queues.Waiting) queues.Offer {
	h.Helper()
	select {
	case o, ok := <-w.Offers():
		if !ok {
			h.Fatal("the item has left its queue")
		}
		return o
	case <-time.After(patience):
		h.Fatal("no offer came")
	}
	return queues.Offer{}
}

// eventually polls a condition.
func (h *house) eventually(what string, cond func() bool) {
	h.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			h.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func (h *house) agent(id uuid.UUID) queues.AgentView {
	h.Helper()
	as, err := h.s.Agents(h.ctx, h.tenant, queues.AgentFilter{})
	h.ok(err)
	for _, a := range as.Items {
		if a.ID == id {
			return a
		}
	}
	h.Fatalf("no agent %s", id)
	return queues.AgentView{}
}

// log returns the tenant's events of the given types, as "type data", in order.
func (h *house) log(types ...string) (lines []string) {
	h.Helper()
	h.ok(h.db.Tenant(h.ctx, h.tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(h.ctx, `SELECT type, data->>'result', data->>'reason', data->>'state' FROM events WHERE type = ANY ($1) ORDER BY xid, seq`, types)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var typ string
			var result, reason, state *string
			if err := rows.Scan(&typ, &result, &reason, &state); err != nil {
				return err
			}
			for _, s := range []*string{result, reason, state} {
				if s != nil {
					typ += " " + *s
				}
			}
			lines = append(lines, typ)
		}
		return rows.Err()
	}))
	return lines
}
