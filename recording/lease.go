package recording

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/time/rate"

	"tandem/internal/storage"
)

// lease is the right to send one part, until another raises its epoch.
type lease struct {
	row             *row
	part            Part
	offset, payload int64
	epoch           int64
	attempts        int
	tried           bool // it may be on the ticket already
}

const leaseSpare = 30 * time.Second // beyond the time of sending: for reading back and storing

// waiting are parts of the tenant o whose turn it is: due, not leased, on a ticket, the first open one of their recording, and of the earliest recording of
// their ticket; and time enough before the deadline. An ORDER BY that an index has, and a LIMIT, follow: what is behind is not read.
const waiting = `
	SELECT p.recording_id, p.part, p.epoch FROM recording_parts p JOIN recordings r USING (recording_id)
	WHERE p.tenant_id = o.tenant_id AND p.state <> 'confirmed' AND p.next_try_at <= $1 AND (p.leased_until IS NULL OR p.leased_until <= $1)
	AND r.state = 'planned' AND r.node = $2 AND r.ticket IS NOT NULL
	AND p.deadline - $5 * interval '1 second' > $1 + (30 + p.size / 100000) * interval '1 second'
	AND NOT EXISTS (SELECT FROM recording_parts e WHERE e.recording_id = p.recording_id AND e.part < p.part AND e.state <> 'confirmed')
	AND NOT EXISTS (SELECT FROM recordings e WHERE e.tenant_id = r.tenant_id AND e.ticket = r.ticket AND e.erased_at IS NULL
		AND e.state IN ('sealed', 'planned') AND (e.started_at, e.recording_id) < (r.started_at, r.recording_id))`

// claimable are the parts to be leased next. Tenants take turns, those with the fewest leases first, and none that is parked. In their last day recordings
// go to the front. The tenants with open parts are found by steps through an index.
const claimable = `
	WITH RECURSIVE open AS (
		(SELECT tenant_id FROM recording_parts WHERE state <> 'confirmed' ORDER BY tenant_id LIMIT 1)
		UNION ALL
		SELECT (SELECT p.tenant_id FROM recording_parts p WHERE p.state <> 'confirmed' AND p.tenant_id > o.tenant_id ORDER BY p.tenant_id LIMIT 1) FROM open o WHERE o.tenant_id IS NOT NULL
	)
	SELECT due.recording_id, due.part, due.epoch, o.tenant_id FROM open o
	CROSS JOIN LATERAL (SELECT greatest($3 - count(*), 0) AS room, count(*) AS busy FROM recording_parts WHERE tenant_id = o.tenant_id AND leased_until > $1 AND state <> 'confirmed') l
	CROSS JOIN LATERAL (
		SELECT *, row_number() OVER (ORDER BY later, place) AS turn FROM (
			SELECT *, false AS later, row_number() OVER () AS place FROM (` + waiting + ` AND p.deadline <= $1 + interval '1 day' ORDER BY p.deadline, p.recording_id, p.part LIMIT l.room) urgent
			UNION ALL
			SELECT *, true, row_number() OVER () FROM (` + waiting + ` AND p.deadline > $1 + interval '1 day' ORDER BY p.next_try_at, p.recording_id, p.part LIMIT l.room) rest
		) both_kinds
	) due
	WHERE NOT EXISTS (SELECT FROM recording_lanes WHERE tenant_id = o.tenant_id AND parked_until > $1) AND due.turn <= l.room
	ORDER BY due.turn + l.busy, due.later LIMIT $4`

type candidate struct {
	ID     uuid.UUID `db:"recording_id"`
	Part   int       `db:"part"`
	Epoch  int64     `db:"epoch"`
	Tenant uuid.UUID `db:"tenant_id"`
}

// claim leases at most n parts.
func (u *Uploader) claim(ctx context.Context, n int) (leases []*lease, err error) {
	err = u.s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		leases = nil
		// By indexes in their order, whatever the planner believes about how much is due: it may think that all is quickly read and sorted. What it then
		// takes for expensive would be compiled, which takes longer than the query.
		if _, err := tx.Exec(ctx, `SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`); err != nil {
			return fmt.Errorf("look for parts to upload: %w", err)
		}
		rows, err := tx.Query(ctx, claimable, tx.Now, u.s.cfg.Node, u.cfg.PerTenant, n, u.s.cfg.Margin.Seconds())
		if err != nil {
			return fmt.Errorf("look for parts to upload: %w", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[candidate])
		if err != nil {
			return fmt.Errorf("look for parts to upload: %w", err)
		}
		for _, c := range list {
			if !u.paces.allow(c.Tenant, tx.Now) {
				continue // the next rounds come to it
			}
			l, err := u.lease(ctx, tx, c)
			if err != nil {
				return err
			}
			if l != nil {
				leases = append(leases, l)
			}
		}
		return nil
	})
	return leases, err
}

// lease takes one part, unless another worker has been quicker.
func (u *Uploader) lease(ctx context.Context, tx *storage.Tx, c candidate) (*lease, error) {
	r, err := get(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	l := &lease{row: r, epoch: c.Epoch + 1, part: Part{
		Tenant: r.Tenant, Recording: r.ID, Call: r.Call, Kind: r.Kind, Number: c.Part, ContentType: "audio/x-wav", StartedAt: r.StartedAt, Truncated: r.Truncated || r.Incomplete,
	}}
	if r.Ticket != nil {
		l.part.Ticket = *r.Ticket
	}
	var state PartState
	var sum []byte
	err = tx.QueryRow(ctx, `SELECT state, attempts, name, size, sha256, payload_offset, payload, (SELECT count(*) FROM recording_parts WHERE recording_id = $1)
		FROM recording_parts WHERE recording_id = $1 AND part = $2 AND epoch = $3 FOR UPDATE`, c.ID, c.Part, c.Epoch).
		Scan(&state, &l.attempts, &l.part.Name, &l.part.Size, &sum, &l.offset, &l.payload, &l.part.Of)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && r.State != Planned {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lease a part: %w", err)
	}
	copy(l.part.SHA256[:], sum)
	l.tried = l.attempts > 0
	l.attempts++
	if state, err = state.Next(PartLease); errors.Is(err, ErrStep) {
		return nil, nil // confirmed meanwhile
	}
	_, err = tx.Exec(ctx, `UPDATE recording_parts SET state = $3, epoch = $4, attempts = $5, leased_until = $6 WHERE recording_id = $1 AND part = $2`,
		c.ID, c.Part, state, l.epoch, l.attempts, tx.Now.Add(sendTime(l.part.Size)+leaseSpare))
	if err != nil {
		return nil, fmt.Errorf("lease a part: %w", err)
	}
	return l, nil
}

// store ends the lease with a step and further columns. It says false, and changes nothing, when the epoch is no longer ours.
func (l *lease) store(ctx context.Context, tx *storage.Tx, s PartStep, set string, args ...any) (ours bool, err error) {
	next, err := PartSending.Next(s)
	if err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `UPDATE recording_parts SET state = $4, leased_until = NULL, `+set+`
		WHERE recording_id = $1 AND part = $2 AND epoch = $3 AND state = 'sending'`, append([]any{l.row.ID, l.part.Number, l.epoch, next}, args...)...)
	if err != nil {
		return false, fmt.Errorf("store what became of the part: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// pause is the wait before the next attempt: full jitter over an interval that grows with each (spec R6.3).
func (c *UploaderConfig) pause(attempts int) time.Duration {
	most := float64(c.Base) * math.Pow(c.Factor, float64(max(attempts-1, 0)))
	return rand.N(time.Duration(min(most, float64(c.Cap)))) + 1
}

// paces bounds how often each tenant's CRM hears from this node.
type paces struct {
	most int // a minute
	mu   sync.Mutex
	of   map[uuid.UUID]*rate.Limiter
}

// set takes over what a CRM says that it takes; 0: nothing.
func (p *paces) set(tenant uuid.UUID, perMinute int) {
	if perMinute <= 0 || perMinute > p.most {
		perMinute = p.most
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.of[tenant]; l == nil || l.Burst() != perMinute {
		p.of[tenant] = minutely(perMinute)
	}
}

// minutely lets a minute's worth go at once, which is within what a CRM takes, and then as it comes.
func minutely(perMinute int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perMinute)/60, perMinute)
}

func (p *paces) allow(tenant uuid.UUID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.of[tenant]
	if l == nil { // planned by a former process
		l = minutely(p.most)
		p.of[tenant] = l
	}
	return l.AllowN(now, 1)
}
