package queues

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// workWindow is over how long fewest interactions and least talk time count (Q3.2).
const workWindow = 24 * time.Hour

// tally is what an agent has done in the window.
type tally struct {
	n    int
	talk time.Duration
}

// ledger is what all agents of a shard have done in the window, of which the picture shows the sums. It outlives pictures.
type ledger struct {
	sums    map[uuid.UUID]*tally
	entries map[uuid.UUID]*entry // by offer
	order   []*entry             // by when they began, more or less
}

// entry is one interaction.
type entry struct {
	offer, agent uuid.UUID
	began        time.Time
	talk         time.Duration
}

func newLedger() *ledger {
	return &ledger{sums: make(map[uuid.UUID]*tally), entries: make(map[uuid.UUID]*entry)}
}

func (l *ledger) of(agent uuid.UUID) *tally {
	t := l.sums[agent]
	if t == nil {
		t = &tally{}
		l.sums[agent] = t
	}
	return t
}

// put takes over an interaction that has begun, or ended.
func (l *ledger) put(e entry) {
	t := l.of(e.agent)
	was := l.entries[e.offer]
	if was == nil {
		was = &e
		l.entries[e.offer] = was
		l.order = append(l.order, was)
		t.n++
	} else {
		t.talk -= was.talk
		was.talk = e.talk
	}
	t.talk += e.talk
}

// forget takes out one that began before the window, and returns whose it was.
func (l *ledger) forget(now time.Time) (agent uuid.UUID, ok bool) {
	if len(l.order) == 0 || now.Sub(l.order[0].began) < workWindow {
		return agent, false
	}
	e := l.order[0]
	l.order[0], l.order = nil, l.order[1:]
	delete(l.entries, e.offer)
	t := l.of(e.agent)
	t.n--
	t.talk -= e.talk
	return e.agent, true
}

// goesByWork says whether some queue's algorithm needs the ledger.
func (p *picture) goesByWork() bool {
	for _, q := range p.queues {
		if q.rule.algorithm == FewestInteractions || q.rule.algorithm == LeastTalk {
			return true
		}
	}
	return false
}

// refreshWork brings the ledger up to the database.
func (d *dispatcher) refreshWork(ctx context.Context, tx *storage.Tx) error {
	if d.work == nil && !d.pic.goesByWork() {
		return nil
	}
	where, args := unseen, []any{d.shard, d.snapshot}
	if d.work == nil {
		d.work = newLedger()
		where, args = `shard = $1 AND began_at > $2`, []any{d.shard, tx.Now.Add(-workWindow)}
	}
	rows, err := tx.Query(ctx, `SELECT offer_id, agent_id, began_at, seconds FROM queue_work WHERE `+where+` ORDER BY began_at`, args...)
	if err != nil {
		return err
	}
	// One at a time, each with its agent put right: a heap bears one change.
	var e entry
	var seconds float64
	if _, err := pgx.ForEachRow(rows, []any{&e.offer, &e.agent, &e.began, &seconds}, func() error {
		e.talk = time.Duration(seconds * float64(time.Second))
		d.work.put(e)
		d.pic.counts(e.agent, d.work)
		return nil
	}); err != nil {
		return err
	}
	for agent, ok := d.work.forget(tx.Now); ok; agent, ok = d.work.forget(tx.Now) {
		d.pic.counts(agent, d.work)
	}
	for id, a := range d.pic.agents {
		if t := d.work.sums[id]; t != nil && a.work != t {
			d.pic.counts(id, d.work)
		}
	}
	return nil
}

// counts lets an agent's sums count.
func (p *picture) counts(agent uuid.UUID, work *ledger) {
	if a := p.agents[agent]; a != nil {
		a.work = work.of(agent)
		p.reseat(a)
	}
}

// workBegan and workEnded keep the ledger's rows.
func workBegan(b *pgx.Batch, tx *storage.Tx, a *assignment) {
	b.Queue(`
		INSERT INTO queue_work (offer_id, tenant_id, shard, agent_id, began_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		a.offer, a.tenant, shardOf(a.tenant), a.agent, tx.Now)
}

func workEnded(b *pgx.Batch, tx *storage.Tx, a *assignment) {
	b.Queue(`UPDATE queue_work SET seconds = greatest(0, extract(epoch FROM $2 - began_at)) WHERE offer_id = $1`, a.offer, tx.Now)
}
