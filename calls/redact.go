package calls

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Redaction is a stretch of the talk that the recording holds as silence (V3.6).
type Redaction struct {
	From       time.Time   `json:"from"`
	To         *time.Time  `json:"to,omitempty"` // nil: it lasts
	FromSecond float64     `json:"from_second"`  // in the recording
	ToSecond   float64     `json:"to_second,omitempty"`
	Ended      RedactedEnd `json:"ended_by,omitempty"`
}

// RedactedEnd is what ended a redaction.
type RedactedEnd string

// What ends redactions.
const (
	RedactionEndedByAgent RedactedEnd = "agent"
	RedactionEndedByLimit RedactedEnd = "limit" // it lasted as long as the queue allows
	RedactionEndedByCall  RedactedEnd = "call"
)

// Errors of redaction that people see.
var (
	ErrNotRecorded = fault.New(fault.Conflict, "call_not_recorded", "This call is not being recorded, so there is nothing to pause.")
	ErrNotTalking  = fault.New(fault.Conflict, "call_not_connected", "The recording can be paused once the call is connected.")
)

// Redact pauses the recording of a live call, or lets it go on: what is said meanwhile is kept nowhere. A redaction ends by itself after the
// queue's limit, and survives a transfer.
func (s *Switchboard) Redact(ctx context.Context, tenant, id uuid.UUID, on bool) error {
	c, err := s.liveCall(ctx, tenant, id)
	if err != nil {
		return err
	}
	var refused error
	err = c.ask(ctx, func() *happening {
		if on {
			refused = c.redact()
		} else {
			c.recordAgain(RedactionEndedByAgent)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

// agentRedacts pauses the recording for the agent, whose page offers it only where there is one.
func (c *Call) agentRedacts() {
	if err := c.redact(); err != nil {
		c.log.Warn("a recording could not be paused", "err", err)
	}
}

func (c *Call) redacting() bool {
	n := len(c.record.Redactions)
	return n > 0 && c.record.Redactions[n-1].To == nil
}

// redactLimit is how long a recording may be paused where no queue says so.
const redactLimit = 2 * time.Minute

func (c *Call) redactLimit() time.Duration {
	if c.plan.RedactLimit > 0 {
		return c.plan.RedactLimit
	}
	return redactLimit
}

// redact lets the recording hold silence from now on.
func (c *Call) redact() error {
	switch {
	case !c.state.Connected():
		return ErrNotTalking
	case c.tape == nil:
		return ErrNotRecorded
	case c.redacting():
		return nil
	}
	at := c.tape.Redact(true)
	c.record.Redactions = append(c.record.Redactions, Redaction{From: c.sb.db.Now(), FromSecond: at.Seconds()})
	c.endRedactionLater(c.redactLimit())
	c.repaint()
	c.note("call.redaction_started")
	c.showRecording()
	return nil
}

// endRedactionLater ends the redaction that has begun when its time is up.
func (c *Call) endRedactionLater(limit time.Duration) {
	number := len(c.record.Redactions)
	c.watchers.Go(func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-c.over:
		case <-timer.C:
			_ = c.ask(context.Background(), func() *happening { // a call that has ended has no redaction left
				if len(c.record.Redactions) == number {
					c.recordAgain(RedactionEndedByLimit)
				}
				return nil
			})
		}
	})
}

// recordAgain ends a redaction, if one lasts.
func (c *Call) recordAgain(why RedactedEnd) {
	if !c.redacting() {
		return
	}
	r := &c.record.Redactions[len(c.record.Redactions)-1]
	now := c.sb.db.Now()
	r.To, r.Ended = &now, why
	if c.tape != nil {
		r.ToSecond = c.tape.Redact(false).Seconds()
	}
	c.repaint()
	c.note("call.redaction_ended")
	c.showRecording()
}

// recordScreen is a Leg whose user sees whether the call is recorded.
type recordScreen interface {
	// ShowRecording tells whether the call is recorded, and until when at most that is paused; nil: it is not.
	ShowRecording(recorded bool, pausedUntil *time.Time)
}

// showRecording tells all who talk with the customer whether what is said now is recorded.
func (c *Call) showRecording() {
	var until *time.Time
	if c.redacting() {
		t := c.record.Redactions[len(c.record.Redactions)-1].From.Add(c.redactLimit())
		until = &t
	}
	tell := func(leg Leg) {
		if s, ok := leg.(recordScreen); ok {
			s.ShowRecording(c.tape != nil, until)
		}
	}
	tell(c.far)
	for _, g := range c.guests {
		if g.state == guestJoined {
			tell(g.leg)
		}
	}
}
