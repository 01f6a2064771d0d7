package calls

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// finish ends whatever is left of the call, writes its one record, and waits until its legs are gone.
func (c *Call) finish(ctx context.Context, why Reason) {
	// The end must be written also when the call ends because the node stops.
	ctx = context.WithoutCancel(ctx)
	c.timer.Stop()
	c.patience.Stop()
	close(c.over)
	cause := causeFor(why)
	c.endSupervisions()
	c.endGuests(ctx)
	if c.far != nil {
		c.dropFar(cause)
	}
	if c.customer != nil {
		c.customer.Hangup(cause)
		c.closeLeg(c.legIndex(c.customer), c.customer, cause)
	}
	ended := c.sb.db.Now()
	c.recordAgain(RedactionEndedByCall)
	c.stopTape(ctx)
	c.mixdown.end()
	if c.place != nil {
		c.leaveQueue(ctx, why)
	}
	c.settleHold()
	c.step(StepEnd, "")
	c.record.close(ended, why)
	c.sb.metrics.total.WithLabelValues(string(c.record.Direction), why.result()).Inc()
	if why != ReasonNotFound {
		c.note("call.ended")
	}
	if c.customer != nil {
		drainLeg(c.customer)
	}
	if why == ReasonCallback && c.record.Callback != nil { // their line is free
		c.sb.reportCallback(ctx, Callback{ID: *c.record.Callback, Tenant: c.record.Tenant}, CallbackReady, uuid.Nil)
	}
	c.watchers.Wait()
}

func (c *Call) leaveQueue(ctx context.Context, why Reason) {
	leaving := LeavesAbandoned
	switch {
	case c.state.Connected():
		leaving = LeavesHandled
		c.report(ctx, AgentEnded)
	case why == ReasonEndedByPerson || why == ReasonNodeStopped:
		leaving = LeavesEnded
	}
	// Otherwise leaving withdraws the offer, in its own transaction, so that reports see where the caller was when they left.
	c.offer = uuid.Nil
	if err := c.place.Leave(ctx, leaving); err != nil {
		c.log.Error("a call could not leave its queue", "reason", why, "err", err)
	}
	c.place = nil
}

// report tells the queues what became of the agent. False means that the agent is not this call's any more.
func (c *Call) report(ctx context.Context, step AgentStep) bool {
	if c.offer == uuid.Nil {
		return false
	}
	still := c.reportOf(ctx, c.offer, step)
	switch step {
	case AgentEnded, AgentDeclined, AgentMissed, AgentUnreachable, AgentLeft, AgentWithdrawn:
		c.offer = uuid.Nil
	default:
	}
	return still
}

// reportOf is report for any of the offers that were made for the call; all of them are over where it has left its queue.
func (c *Call) reportOf(ctx context.Context, offer uuid.UUID, step AgentStep) bool {
	if c.place == nil {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	err := c.place.Report(limited, offer, step)
	gone := errors.Is(err, ErrOfferGone)
	if err != nil && !gone {
		c.log.Error("the queues did not take an agent's step", "step", step, "err", err)
	}
	return !gone
}

// dropFar hangs the far leg up and forgets it; its end is awaited when the call ends.
func (c *Call) dropFar(cause Cause) {
	c.far.Hangup(cause)
	if i := c.legIndex(c.far); i >= 0 {
		c.closeLeg(i, c.far, cause)
	}
	c.gone = append(c.gone, c.far)
	c.far, c.away = nil, false
}

// closeLeg writes what is known of a leg at its end.
func (c *Call) closeLeg(i int, leg Leg, cause Cause) {
	l := &c.record.Legs[i]
	if l.EndedAt != nil {
		return
	}
	now := c.sb.db.Now()
	l.EndedAt, l.Cause = &now, cause
	select {
	case <-leg.Done():
		l.Cause = leg.Cause()
	default:
	}
	l.Quality = leg.Stream().Quality()
}

// addFar makes a leg the far one and enters it into the record.
func (c *Call) addFar(leg Leg, party, device string, agent uuid.UUID) {
	c.far = leg
	c.addLeg(leg, party, device, agent)
}

// addLeg lets the call hear of a leg, and enters it into the record.
func (c *Call) addLeg(leg Leg, party, device string, agent uuid.UUID) {
	c.watch(leg)
	c.sb.know(leg.ID(), c)
	c.record.Legs = append(c.record.Legs, LegRecord{
		ID: leg.ID(), Direction: leg.Direction(), Party: party, Agent: storage.Nullable(agent), Device: device, StartedAt: c.sb.db.Now(),
	})
}

func (c *Call) answered(leg Leg) {
	now := c.sb.db.Now()
	l := &c.record.Legs[c.legIndex(leg)]
	l.AnsweredAt = &now
	l.Codec = leg.Stream().Format().Codec.Name
}

func (c *Call) hasAnswered(leg Leg) bool {
	i := c.legIndex(leg)
	return i >= 0 && c.record.Legs[i].AnsweredAt != nil
}

// legIndex is where a leg stands in the record; -1: nowhere.
func (c *Call) legIndex(leg Leg) int {
	return slices.IndexFunc(c.record.Legs, func(l LegRecord) bool { return l.ID == leg.ID() })
}

// What a call waits for the recorder, and for the queues, at most: it must stay able to hear a hang-up while the database is away.
const (
	tapeLimit   = 2 * time.Second
	reportLimit = 3 * time.Second
)

// startTape begins the recording; a recorder that fails never harms the call (R1.1).
func (c *Call) startTape(ctx context.Context, n NewTape) {
	ctx, cancel := context.WithTimeout(ctx, tapeLimit)
	defer cancel()
	n.Tenant, n.Call, n.Queue = c.record.Tenant, c.record.ID, c.plan.Queue
	tape, err := c.sb.recording.Start(ctx, n)
	if err != nil {
		c.log.Error("a call is not recorded although it should be", "err", err)
		return
	}
	id := tape.ID()
	c.tape, c.record.Recording = tape, &id
}

func (c *Call) stopTape(ctx context.Context) {
	if c.tape == nil {
		return
	}
	if err := c.tape.Stop(ctx); err != nil {
		c.log.Error("a recording could not be sealed; the recorder's repair will", "err", err)
	}
	c.tape = nil
}

func causeFor(why Reason) Cause {
	switch why {
	case ReasonNotFound:
		return CauseNotFound
	case ReasonBusy:
		return CauseBusy
	case ReasonNoAnswer:
		return CauseNoAnswer
	case ReasonDeclined:
		return CauseDeclined
	case ReasonUnreachable:
		return CauseUnreachable
	case ReasonOverCapacity:
		return CauseCapacity
	case ReasonDraining, ReasonNodeStopped:
		return CauseDraining
	case ReasonEndedByPerson:
		return CauseEndedByUs
	case ReasonFailed:
		return CauseFailed
	default:
		return CauseNormal
	}
}
