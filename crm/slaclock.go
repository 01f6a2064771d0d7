package crm

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Span is a stretch of time that counts.
type Span struct{ From, Until time.Time }

// Calendar lists the time between two instants that counts for a promise, in order; nil counts all of it.
type Calendar func(from, until time.Time) ([]Span, error)

const (
	calendarStep = 28 * 24 * time.Hour      // how far is looked ahead at a time
	calendarEnd  = 3 * 365 * 24 * time.Hour // a promise that business hours never reach has no end
)

// between is how much of the time from one instant to another counts.
func (c Calendar) between(from, until time.Time) (sum time.Duration, err error) {
	if !until.After(from) {
		return 0, nil
	}
	if c == nil {
		return until.Sub(from), nil
	}
	spans, err := c(from, until)
	for _, s := range spans {
		sum += s.Until.Sub(s.From)
	}
	return sum, err
}

// after is when so much time will have counted, nil when that is years away.
func (c Calendar) after(from time.Time, d time.Duration) (*time.Time, error) {
	if c == nil || d <= 0 {
		at := from.Add(max(d, 0))
		return &at, nil
	}
	for at := from; at.Before(from.Add(calendarEnd)); at = at.Add(calendarStep) {
		spans, err := c(at, at.Add(calendarStep))
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			length := s.Until.Sub(s.From)
			if d <= length {
				end := s.From.Add(d)
				return &end, nil
			}
			d -= length
		}
	}
	return nil, nil
}

// ClockKind says what is promised.
type ClockKind string

// The promises (TK-3).
const (
	Response   ClockKind = "response"   // somebody answers
	Resolution ClockKind = "resolution" // it is resolved
)

// SLA is how a ticket keeps its promises.
type SLA string

// The standings of a promise, from good to bad but for met and none.
const (
	SLANone     SLA = "none" // nothing is promised
	SLAMet      SLA = "met"
	SLAPaused   SLA = "paused"
	SLARunning  SLA = "running"
	SLAAtRisk   SLA = "at_risk" // 80 % are used
	SLABreached SLA = "breached"
)

// atRisk is the part of a target after which a warning is given.
const atRisk = 0.8

// slaClock is a row of ticket_clocks: one promise of a ticket.
type slaClock struct {
	Kind     ClockKind  `db:"kind"`
	Target   int64      `db:"target"` // microseconds, as used
	Used     int64      `db:"used"`   // until Since
	Hours    *uuid.UUID `db:"hours_id"`
	Since    *time.Time `db:"since"` // it runs from then; nil: it stands
	WarnAt   *time.Time `db:"warn_at"`
	DueAt    *time.Time `db:"due_at"`
	Warned   *time.Time `db:"warned_at"`
	Breached *time.Time `db:"breached_at"`
	Met      *time.Time `db:"met_at"`
}

// stop counts what was used until now; the clock stands.
func (k *slaClock) stop(c Calendar, now time.Time) error {
	if k.Since == nil {
		return nil
	}
	used, err := c.between(*k.Since, now)
	if err != nil {
		return err
	}
	k.Used += used.Microseconds()
	k.Since, k.WarnAt, k.DueAt = nil, nil, nil
	return nil
}

// start lets a clock run from now on that has not been met.
func (k *slaClock) start(c Calendar, now time.Time) (err error) {
	if k.Met != nil || k.Since != nil || k.Target == 0 {
		return nil
	}
	left := func(part float64) time.Duration {
		return time.Duration(float64(k.Target)*part-float64(k.Used)) * time.Microsecond
	}
	if k.WarnAt, err = c.after(now, left(atRisk)); err != nil {
		return err
	}
	if k.DueAt, err = c.after(now, left(1)); err != nil {
		return err
	}
	k.Since = &now
	return nil
}

// meet ends a clock: what was promised has been done, in time or not.
func (k *slaClock) meet(c Calendar, now time.Time) error {
	if k.Met != nil || k.Target == 0 {
		return nil
	}
	k.Met = &now
	return k.stop(c, now)
}

// again lets a clock that was met go on: the ticket was reopened.
func (k *slaClock) again(c Calendar, now time.Time) error {
	k.Met = nil
	return k.start(c, now)
}

// due says what has come about by now and was not told yet; each is told once.
func (k *slaClock) due(now time.Time) (warn, breach bool) {
	if k.Since == nil {
		return false, false
	}
	if k.Breached == nil && k.DueAt != nil && !now.Before(*k.DueAt) {
		k.Breached = &now
		breach = true
	}
	if k.Warned == nil && k.WarnAt != nil && !now.Before(*k.WarnAt) {
		k.Warned = &now
		warn = !breach // who hears of the breach needs no warning
	}
	return warn, breach
}

// standing is how the promise stands.
func (k *slaClock) standing() SLA {
	switch {
	case k.Target == 0:
		return SLANone
	case k.Breached != nil:
		return SLABreached
	case k.Met != nil:
		return SLAMet
	case k.Since == nil:
		return SLAPaused
	case k.Warned != nil:
		return SLAAtRisk
	}
	return SLARunning
}

// overall is the worst standing of a ticket's clocks, and when the next of them runs out.
func overall(clocks []slaClock) (SLA, *time.Time) {
	order := []SLA{SLANone, SLAMet, SLAPaused, SLARunning, SLAAtRisk, SLABreached}
	worst, next := SLANone, (*time.Time)(nil)
	for i := range clocks {
		k := &clocks[i]
		if s := k.standing(); slices.Index(order, s) > slices.Index(order, worst) {
			worst = s
		}
		if k.Since != nil && k.DueAt != nil && (next == nil || k.DueAt.Before(*next)) {
			next = k.DueAt
		}
	}
	return worst, next
}
