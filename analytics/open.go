package analytics

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// agentKey is a row of the agents' report.
type agentKey struct {
	bucket int
	agent  uuid.UUID
}

func (k agentKey) compare(o agentKey) int {
	return cmp.Or(cmp.Compare(k.bucket, o.bucket), bytes.Compare(k.agent[:], o.agent[:]))
}

// open is the time of agents that is not among the facts yet, because nothing has happened since.
type open struct {
	counts  map[agentKey]AgentCounts
	reasons map[agentKey][]ReasonTime
	keys    []agentKey // in order; those still to be taken
}

// openTime books, for the report only, each agent's time up to now.
func openTime(ctx context.Context, tx *storage.Tx, p period, q Question) (*open, error) {
	o := &open{counts: map[agentKey]AgentCounts{}, reasons: map[agentKey][]ReasonTime{}}
	if q.Queues != nil { // time belongs to no queue
		return o, nil
	}
	rows, err := tx.Query(ctx, `SELECT to_jsonb(a) FROM report_agents a WHERE tenant_id = $1 AND ($2::uuid[] IS NULL OR agent_id = ANY ($2))`, tx.Tenant, q.Agents)
	if err != nil {
		return nil, err
	}
	until := tx.Now
	if p.end.Before(until) {
		until = p.end
	}
	booked := newProjection()
	if err := collect(rows, func(a *agent) { booked.book(a, until) }); err != nil {
		return nil, err
	}
	within := func(start time.Time) bool { return !start.Before(p.starts[0]) && start.Before(p.end) }
	for slot, c := range booked.facts.agents {
		if within(slot.start) {
			k := agentKey{p.index(slot.start), slot.agent}
			sum := o.counts[k]
			add(&sum, *c)
			o.counts[k] = sum
		}
	}
	for slot, s := range booked.reasons {
		if within(slot.start) {
			k := agentKey{p.index(slot.start), slot.agent}
			o.reasons[k] = addReason(o.reasons[k], ReasonTime{slot.presence, slot.reason, s})
		}
	}
	for k := range o.counts {
		o.keys = append(o.keys, k)
	}
	slices.SortFunc(o.keys, agentKey.compare)
	return o, nil
}

// before are the keys not taken yet that come before k.
func (o *open) before(k agentKey) []agentKey {
	n, _ := slices.BinarySearchFunc(o.keys, k, agentKey.compare)
	return slices.Clone(o.keys[:n])
}

// take returns what there is under k, and forgets it.
func (o *open) take(k agentKey) AgentCounts {
	if n, ok := slices.BinarySearchFunc(o.keys, k, agentKey.compare); ok {
		o.keys = o.keys[n+1:]
	}
	return o.counts[k]
}

func addReason(all []ReasonTime, r ReasonTime) []ReasonTime {
	i := slices.IndexFunc(all, func(x ReasonTime) bool { return x.Presence == r.Presence && x.Reason == r.Reason })
	if i < 0 {
		return append(all, r)
	}
	all[i].Seconds += r.Seconds
	return all
}

// readReasons returns the time in presences by row, with what is still going on.
func readReasons(ctx context.Context, tx *storage.Tx, p period, q Question, o *open) (map[agentKey][]ReasonTime, error) {
	all := o.reasons
	if q.Queues != nil {
		return all, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT width_bucket(start, $4), agent_id, presence, reason, sum(seconds)
		FROM report_agent_reasons WHERE tenant_id = $1 AND start >= $2 AND start < $3 AND ($5::uuid[] IS NULL OR agent_id = ANY ($5))
		GROUP BY 1, 2, 3, 4`, tx.Tenant, p.starts[0], p.end, p.starts, q.Agents)
	if err != nil {
		return nil, err
	}
	var k agentKey
	var r ReasonTime
	if _, err := pgx.ForEachRow(rows, []any{&k.bucket, &k.agent, &r.Presence, &r.Reason, &r.Seconds}, func() error {
		k := agentKey{k.bucket - 1, k.agent}
		all[k] = addReason(all[k], r)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b ReasonTime) int {
			return cmp.Or(cmp.Compare(a.Presence, b.Presence), cmp.Compare(a.Reason, b.Reason))
		})
	}
	return all, nil
}
