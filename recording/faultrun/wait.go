package faultrun

import "time"

// leap is time that the runner has left out.
type leap struct {
	at time.Time
	d  time.Duration
}

// patience is how long the runner waits for anything by the true clock. Runs share a PostgreSQL: a process that another run has stopped in mid-transaction
// holds up this one's followers of the event log too.
const patience = 3 * time.Minute

// wait waits for something by the true clock.
func (r *Run) wait(what string, ok func() bool) {
	r.t.Helper()
	r.await(what, 5*time.Millisecond, ok, func() {})
}

// until waits for something and moves the clock on to the next thing that is due whenever nothing is under way.
func (r *Run) until(what string, ok func() bool) {
	r.t.Helper()
	quietSince := time.Now()
	r.await(what, 30*time.Millisecond, ok, func() {
		at, busy := r.due()
		if r.crm.Busy() {
			quietSince = time.Now()
		}
		if busy && time.Since(quietSince) < 15*time.Second { // after that nobody will end the lease, however slow the machine is
			return
		}
		if d := at.Sub(r.page.now()); d > 0 {
			d += r.stride
			r.leaps = append(r.leaps, leap{r.page.now(), d})
			r.page.advance(d)
			quietSince = time.Now()
		}
	})
}

func (r *Run) await(what string, every time.Duration, ok func() bool, meanwhile func()) {
	r.t.Helper()
	limit := time.After(max(r.patience, patience))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			r.t.Fatalf("waited in vain for %s:\n%s", what, r.story())
		case <-tick.C:
			meanwhile()
		}
	}
}

// due is when the next thing is to be done, the zero time when nothing waits for its time, or something is just
// being removed. It is busy when this process has leased something.
func (r *Run) due() (at time.Time, busy bool) {
	r.t.Helper()
	var next struct {
		At             *time.Time
		Busy, Removing bool
	}
	r.scan(&next, `SELECT jsonb_build_object('At', min(at), 'Busy', coalesce(bool_or(leased_until > $1 AND NOT lease = ANY ($2)), false),
			'Removing', EXISTS (SELECT FROM recordings WHERE state = 'delivered' AND erased_at IS NULL)) FROM (
		SELECT greatest(p.next_try_at, p.leased_until, l.parked_until) AS at, p.leased_until, p.recording_id || ' ' || part || ' ' || epoch AS lease FROM recording_parts p JOIN recordings r USING (recording_id)
			LEFT JOIN recording_lanes l ON l.tenant_id = p.tenant_id
			WHERE p.state <> 'confirmed' AND r.state = 'planned' AND r.ticket IS NOT NULL
			AND NOT EXISTS (SELECT FROM recording_parts e WHERE e.recording_id = p.recording_id AND e.part < p.part AND e.state <> 'confirmed')
		UNION ALL SELECT next_plan_at, NULL, NULL FROM recordings WHERE state = 'sealed' AND next_plan_at IS NOT NULL
		UNION ALL SELECT greatest(next_try_at, leased_until, parked_until), leased_until, outbox_id || ' ' || epoch FROM crm_outbox o LEFT JOIN crm_health USING (tenant_id)
			WHERE NOT EXISTS (SELECT FROM crm_outbox e WHERE e.call_id = o.call_id AND e.outbox_id < o.outbox_id)) AS waiting`, r.page.now(), r.inherited)
	if next.At != nil && !next.Removing {
		at = *next.At
	}
	return at, next.Busy
}
