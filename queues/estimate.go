package queues

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// The estimated wait (Q3.7) of somebody at position p, 1 being the next:
//
//	W(p) = 0                 where p is at most I, the agents who could take a call at once
//	W(p) = (p − I) × H ÷ A   otherwise
//
// With all agents busy, somebody of the A of them becomes free every H ÷ A on average, and p − I such moments have to come: this is the
// queue-length estimator of Whitt and Ibrahim (Management Science 45, 1999; M&SOM 11, 2009), which needs no history of waits and so follows at
// once when agents come or go. An agent who serves k queues in which somebody waits counts as 1 ÷ k. H is the mean time that an agent spends
// with an item of this queue, from accepting to the end of wrap-up, over the last handlingSample of them, each older one weighing handlingDecay
// of the one after it, with handlingPrior interactions of handlingDefault on top, so that the first call of a new queue does not decide alone.
// Nobody there (A = 0): nobody can tell. Those ahead who hang up make the estimate too long rather than too short.
const (
	handlingSample  = 50
	handlingDecay   = 0.95
	handlingPrior   = 3
	handlingDefault = 180 * time.Second
)

// pace is how fast a queue is served.
type pace struct {
	Share    float64       // the agents there, each divided by the queues in which somebody waits for them
	Handling time.Duration // H
}

// load is how a queue stands.
type load struct {
	SignedIn  int // agents who are not OFFLINE
	Available int // of them, those who are AVAILABLE and respond
	Idle      int // of them, those who could take a call at once
	Waiting   int // but for the one who asks, and callbacks, who hold no line
	Ahead     int // who come before the one who asks
	pace
}

// estimate is W; nil: nobody can tell.
func (l load) estimate(position int) *time.Duration {
	if l.Share <= 0 {
		return nil
	}
	w := time.Duration(float64(max(0, position-l.Idle)) * float64(l.Handling) / l.Share).Round(time.Second)
	return &w
}

// meanHandling is H of interactions, the newest first.
func meanHandling(seconds []float64) time.Duration {
	sum, weight := handlingPrior*handlingDefault.Seconds(), float64(handlingPrior)
	for i, s := range seconds {
		w := math.Pow(handlingDecay, float64(i))
		sum += w * s
		weight += w
	}
	return time.Duration(sum / weight * float64(time.Second))
}

// readLoad reads how a queue stands for an item that comes, or without one (no id).
func readLoad(ctx context.Context, tx *storage.Tx, queue uuid.UUID, n NewItem) (load, error) {
	b := &pgx.Batch{}
	l, p, crowd := queueStaff(b, queue), queuePace(b, queue), queueCrowd(b, tx, queue, n)
	err := tx.SendBatch(ctx, b).Close()
	l.pace, l.Waiting, l.Ahead = *p, crowd.Waiting, crowd.Ahead
	return *l, err
}

// agentThere is an agent who takes what queues give them.
const agentThere = `(always_available OR presence = 'AVAILABLE') AND barred = ''`

// queueStaff counts a queue's agents, as part of a batch.
func queueStaff(b *pgx.Batch, queue uuid.UUID) *load {
	l := &load{}
	b.Queue(`
		SELECT count(*) FILTER (WHERE always_available OR presence <> 'OFFLINE'), count(*) FILTER (WHERE `+agentThere+`),
		       count(*) FILTER (WHERE `+agentThere+` AND capacity - used >= 100)
		FROM queue_members JOIN queue_agents USING (agent_id) WHERE queue_id = $1 AND archived_at IS NULL`, queue).
		QueryRow(func(row pgx.Row) error { return row.Scan(&l.SignedIn, &l.Available, &l.Idle) })
	return l
}

// queueCrowd counts those who wait, and those of them who come before an item, as part of a batch.
func queueCrowd(b *pgx.Batch, tx *storage.Tx, queue uuid.UUID, n NewItem) *load {
	if n.EnqueuedAt.IsZero() {
		n.EnqueuedAt = tx.Now
	}
	l := &load{}
	b.Queue(`
		SELECT count(*) FILTER (WHERE kind <> 'callback'), count(*) FILTER (WHERE priority > $3 OR priority = $3 AND enqueued_at <= $4)
		FROM queue_items WHERE queue_id = $1 AND state <> 'left' AND item_id <> $2`, queue, n.ID, n.Priority, n.EnqueuedAt).
		QueryRow(func(row pgx.Row) error { return row.Scan(&l.Waiting, &l.Ahead) })
	return l
}

// queuePace reads the pace as part of a batch.
func queuePace(b *pgx.Batch, queue uuid.UUID) *pace {
	p := &pace{}
	b.Queue(`
		WITH busy AS MATERIALIZED (
			SELECT $1::uuid AS queue_id
			UNION SELECT queue_id FROM queues q WHERE EXISTS (SELECT FROM queue_items i WHERE i.queue_id = q.queue_id AND i.state <> 'left')),
		shared AS (
			SELECT m.agent_id, count(*) AS queues FROM queue_members m JOIN queue_members o USING (agent_id) JOIN busy ON busy.queue_id = o.queue_id
			WHERE m.queue_id = $1 GROUP BY m.agent_id)
		SELECT coalesce(sum(1.0 / queues), 0)::float8 FROM shared JOIN queue_agents USING (agent_id) WHERE archived_at IS NULL AND `+agentThere, queue).
		QueryRow(func(row pgx.Row) error { return row.Scan(&p.Share) })
	b.Queue(`
		SELECT extract(epoch FROM o.ended_at - o.accepted_at)::float8 FROM queue_offers o JOIN queue_items i USING (item_id)
		WHERE o.queue_id = $1 AND i.kind <> 'outbound' AND o.interacting_at IS NOT NULL AND o.ended_at IS NOT NULL ORDER BY o.ended_at DESC LIMIT $2`, queue, handlingSample).
		Query(func(rows pgx.Rows) error {
			seconds, err := pgx.CollectRows(rows, pgx.RowTo[float64])
			p.Handling = meanHandling(seconds)
			return err
		})
	return p
}

// How old what an estimate goes by may be, where nothing else does: reading it costs more than the rest of joining. Whom an agent has been given since the
// agents were counted is somebody ahead until they have left the queue, and makes one agent fewer idle from then on.
const (
	paceFresh  = time.Second
	staffFresh = 250 * time.Millisecond
)

// knownLoad is what was read of a queue a moment ago: its agents and its pace.
type knownLoad struct {
	load
	staffed, paced time.Time
}

// roughLoad is readLoad without the crowd, up to staffFresh and paceFresh old.
func (s *Service) roughLoad(ctx context.Context, tx *storage.Tx, queue uuid.UUID) (load, error) {
	s.mu.Lock()
	known := s.loads[queue]
	s.mu.Unlock()
	if time.Since(known.staffed) < staffFresh {
		return known.load, nil
	}
	now := time.Now()
	b := &pgx.Batch{}
	l, p := queueStaff(b, queue), &known.pace
	if time.Since(known.paced) >= paceFresh {
		p, known.paced = queuePace(b, queue), now
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return load{}, err
	}
	l.pace = *p
	s.mu.Lock()
	s.loads[queue] = knownLoad{load: *l, staffed: now, paced: known.paced}
	s.mu.Unlock()
	return *l, nil
}

// oneIdleLess notes that an agent has somebody of a queue.
func (s *Service) oneIdleLess(queue uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.loads[queue]; ok && known.Idle > 0 {
		known.Idle--
		s.loads[queue] = known
	}
}

// Estimate is how a queue's waits are estimated, and how well that went.
type Estimate struct {
	Waiting   int      `json:"waiting"`
	Available int      `json:"available_agents"`
	Handling  float64  `json:"handling_seconds"`                 // mean, newer interactions weighing more
	Wait      *float64 `json:"estimated_wait_seconds,omitempty"` // of somebody who came now; missing: nobody is there to tell
	Measured  int      `json:"measured"`                         // how many of those who were handled last were told an estimate
	Bias      float64  `json:"mean_error_seconds"`               // above 0: they waited longer than estimated
	Error     float64  `json:"mean_absolute_error_seconds"`
}

// measuredWaits is how many of the last waits say how well they were estimated.
const measuredWaits = 200

// Estimate tells how a queue's waits are estimated now, and the error over the last waits.
func (s *Service) Estimate(ctx context.Context, tenant, queue uuid.UUID) (e Estimate, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := readQueue(ctx, tx, queue); err != nil {
			return err
		}
		l, err := readLoad(ctx, tx, queue, NewItem{})
		if err != nil {
			return err
		}
		e = Estimate{Waiting: l.Waiting, Available: l.Available, Handling: l.Handling.Seconds()}
		if w := l.estimate(l.Ahead + 1); w != nil {
			e.Wait = new(w.Seconds())
		}
		return tx.QueryRow(ctx, `
			SELECT count(*), coalesce(avg(error), 0)::float8, coalesce(avg(abs(error)), 0)::float8 FROM (
				SELECT extract(epoch FROM left_at - joined_at) - estimated_wait AS error FROM queue_items
				WHERE queue_id = $1 AND left_reason = 'handled' AND estimated_wait IS NOT NULL ORDER BY left_at DESC LIMIT $2) m`,
			queue, measuredWaits).Scan(&e.Measured, &e.Bias, &e.Error)
	})
	return e, wrap("estimate the queue's wait", err)
}
