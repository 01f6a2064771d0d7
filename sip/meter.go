package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// meter is the one gate of all calls to telephone numbers, and measures them: the limits of DialRules hold for all nodes together, and end
// calls that go on. What a dialog tells it is written soon after, by run; a dialog never waits for the database.
type meter struct {
	dir *Directory
	m   *metrics
	log *slog.Logger

	mu   sync.Mutex
	live map[uuid.UUID]*metered
	news chan struct{} // something changed
}

// metered is one call that went out.
type metered struct {
	of     *meter
	id     uuid.UUID
	tenant uuid.UUID

	// guarded by of.mu
	leg      *leg // nil until it is made
	answered time.Time
	ended    time.Time
}

func newMeter(dir *Directory, m *metrics, log *slog.Logger) *meter {
	return &meter{dir: dir, m: m, log: log, live: map[uuid.UUID]*metered{}, news: make(chan struct{}, 1)}
}

// Refusal is the event outbound.refused, and outbound.cut for calls that a limit has ended.
type Refusal struct {
	Code    string `json:"code"` // of the error
	Country string `json:"country"`
	Calls   int    `json:"calls,omitempty"` // that were cut
}

// permit says where a number leads and that a call may go there; the call counts from now on, until end.
func (m *meter) permit(ctx context.Context, tenant uuid.UUID, dialled string) (*metered, destination, error) {
	out := &metered{of: m, id: storage.NewID(), tenant: tenant}
	to, err := m.ask(ctx, tenant, dialled, func(tx *storage.Tx, to destination) error {
		_, err := tx.Exec(ctx, `INSERT INTO outbound_calls (outbound_id, tenant_id, country, per_minute, started_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5)`,
			out.id, tenant, to.country, to.perMinute, tx.Now)
		return err
	})
	if err != nil {
		return nil, to, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[out.id] = out
	return out, to, nil
}

// ask says where a number leads, or why no call may go there now, which is in the audit log then. If one may, it does something in the same transaction.
func (m *meter) ask(ctx context.Context, tenant uuid.UUID, dialled string, then func(*storage.Tx, destination) error) (to destination, err error) {
	var refused error
	err = m.dir.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rules, err := readDialRules(ctx, tx, tenant, "FOR UPDATE") // calls that begin at the same moment wait for each other, on whatever nodes
		if err != nil {
			return err
		}
		if to, refused = rules.judge(dialled); refused == nil {
			u, err := readUsage(ctx, tx, tenant, tx.Now)
			if err != nil {
				return err
			}
			refused = rules.refuses(u)
		}
		if refused != nil {
			return m.dir.log.Append(ctx, tx, "outbound.refused", tenant, Refusal{Code: codeOf(refused), Country: to.country})
		}
		return then(tx, to)
	})
	if err != nil {
		return to, fmt.Errorf("ask whether a call may go out: %w", err)
	}
	if refused != nil {
		m.m.refusedOut.WithLabelValues(codeOf(refused)).Inc()
	}
	return to, refused
}

func codeOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// attach tells which leg the call is.
func (c *metered) attach(g *leg) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.leg = g
}

func (c *metered) answer() { c.note(&c.answered) }

// end may be called without attach: nothing was dialled in the end; and on nil, which was no call to a telephone number.
func (c *metered) end() {
	if c != nil {
		c.note(&c.ended)
	}
}

func (c *metered) note(at *time.Time) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if !at.IsZero() {
		return
	}
	*at = c.of.dir.db.Now()
	select {
	case c.of.news <- struct{}{}:
	default:
	}
}

const (
	meterEvery  = 2 * time.Second
	writeWithin = 5 * time.Second
	meterPause  = 200 * time.Millisecond // between writes; what happens meanwhile goes together
	keepOutcall = 40 * 24 * time.Hour
)

// run writes what dialogs tell and ends calls beyond the limits, until ctx ends; then it writes the rest.
func (m *meter) run(ctx context.Context) {
	tick := time.NewTicker(meterEvery)
	defer tick.Stop()
	for {
		look := false
		select {
		case <-ctx.Done():
		case <-m.news:
		case <-tick.C:
			look = true
		}
		over := ctx.Err() != nil // before the last write, so that nothing comes after it
		if err := m.write(context.WithoutCancel(ctx)); err != nil {
			m.log.Error("cannot write which calls went out; tried again", "err", err)
		}
		if over {
			return
		}
		if look {
			if err := m.look(ctx); err != nil && ctx.Err() == nil {
				m.log.Error("cannot look at the limits of outbound calls", "err", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(meterPause):
		}
	}
}

// write brings the rows of this node's calls up to date. Those that have ended are forgotten.
func (m *meter) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	ids, answered, ended := m.state()
	if len(ids) == 0 {
		return nil
	}
	err := m.dir.db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE outbound_calls o SET seen_at = $4, answered_at = n.answered_at, ended_at = n.ended_at
			FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS n (outbound_id, answered_at, ended_at) WHERE o.outbound_id = n.outbound_id`,
			ids, answered, ended, tx.Now)
		return err
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, id := range ids {
		if ended[i] != nil {
			delete(m.live, id)
		}
	}
	return nil
}

func (m *meter) state() (ids []uuid.UUID, answered, ended []*time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, c := range m.live {
		ids, answered, ended = append(ids, id), append(answered, when(c.answered)), append(ended, when(c.ended))
	}
	return ids, answered, ended
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// look ends the calls of tenants that have reached a day's limit, and forgets old calls.
func (m *meter) look(ctx context.Context) error {
	for _, tenant := range m.tenants() {
		var spent error
		err := m.dir.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
			rules, err := readDialRules(ctx, tx, tenant, "")
			if err != nil {
				return err
			}
			u, err := readUsage(ctx, tx, tenant, tx.Now)
			spent = rules.spent(u)
			return err
		})
		if err == nil && spent != nil {
			err = m.cut(ctx, tenant, spent)
		}
		if err != nil {
			return err
		}
	}
	return m.dir.db.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM outbound_calls WHERE started_at < $1 AND (ended_at IS NOT NULL OR seen_at < $1)`, tx.Now.Add(-keepOutcall))
		return err
	})
}

func (m *meter) tenants() (list []uuid.UUID) {
	seen := map[uuid.UUID]bool{}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.live {
		if !seen[c.tenant] {
			seen[c.tenant], list = true, append(list, c.tenant)
		}
	}
	return list
}

// cut hangs up a tenant's calls of this node.
func (m *meter) cut(ctx context.Context, tenant uuid.UUID, why error) error {
	var legs []*leg
	m.mu.Lock()
	for _, c := range m.live {
		if c.tenant == tenant && c.leg != nil && c.ended.IsZero() {
			legs = append(legs, c.leg)
		}
	}
	m.mu.Unlock()
	if len(legs) == 0 {
		return nil
	}
	m.m.refusedOut.WithLabelValues("cut").Add(float64(len(legs)))
	for _, g := range legs {
		g.Hangup(calls.CauseForbidden)
	}
	return m.dir.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return m.dir.log.Append(ctx, tx, "outbound.cut", tenant, Refusal{Code: codeOf(why), Calls: len(legs)})
	})
}
