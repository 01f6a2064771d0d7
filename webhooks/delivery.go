package webhooks

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tandem/internal/egress"
)

// State of a delivery.
type State string

// The states. A delivery that has ended waits again when it is replayed.
const (
	Waiting   State = "waiting"
	Delivered State = "delivered"
	Failed    State = "failed"
)

// Failure says why a try did not succeed, for programs and for the screen's words.
type Failure string

// The failures. An answer's status says more of FailureStatus.
const (
	FailureStatus     Failure = "status"     // an answer that is no success; redirects, which are never followed, among them
	FailureGone       Failure = "gone"       // 410: the endpoint wants nothing more and was switched off
	FailureTimeout    Failure = "timeout"    // no answer in time
	FailureConnection Failure = "connection" // nobody there, a bad certificate, or cut off
	FailureAddress    Failure = "address"    // the address leads to where no requests go
	FailureSecret     Failure = "secret"     // the secret cannot be opened, so nothing was sent
)

// Delivery is an event on its way to one endpoint.
type Delivery struct {
	ID        uuid.UUID  `json:"id" db:"delivery_id"`
	Message   uuid.UUID  `json:"message_id" db:"message_id"` // the header webhook-id, the same for every try and replay
	Type      string     `json:"type" db:"type"`
	State     State      `json:"state" enum:"waiting,delivered,failed" db:"state"`
	Attempts  int        `json:"attempts" db:"attempts"`
	Status    int        `json:"status" db:"status"` // of the last answer; 0: none
	Failure   Failure    `json:"failure,omitempty" db:"failure"`
	Millis    int        `json:"millis" db:"millis"` // that the last try took
	CreatedAt time.Time  `json:"created_at" db:"created_at"`
	TriedAt   *time.Time `json:"tried_at,omitempty" db:"tried_at"`
	NextTryAt *time.Time `json:"next_try_at,omitempty" db:"next_try_at"` // while it waits
	Kept      bool       `json:"kept" db:"kept"`                         // the body, so that it can be replayed
}

// Attempt is one try.
type Attempt struct {
	N       int       `json:"n" db:"n"`
	At      time.Time `json:"at" db:"at"`
	Millis  int       `json:"millis" db:"millis"`
	Status  int       `json:"status" db:"status"`
	Failure Failure   `json:"failure,omitempty" db:"failure"`
}

// steps are the pauses of Standard Webhooks between tries, 72 hours in all; the last repeats until TryFor is over.
var steps = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 16 * time.Hour, 24 * time.Hour,
}

// outcome is what came of one try.
type outcome struct {
	status     int
	failure    Failure
	retryAfter time.Duration
}

// next is what becomes of a delivery that has been tried so often since round: its state and, while it waits, when it is tried again.
// luck is between 0 and 1: pauses differ by a fifth either way, so that what failed together does not come back together.
func (o outcome) next(tries int, round, now time.Time, tryFor time.Duration, luck float64) (State, time.Time) {
	end := round.Add(tryFor)
	switch {
	case o.failure == "":
		return Delivered, time.Time{}
	case o.failure == FailureGone, !now.Before(end):
		return Failed, time.Time{}
	}
	pause := time.Duration(float64(steps[min(max(tries, 1), len(steps))-1]) * (0.8 + 0.4*luck))
	at := now.Add(max(pause, min(o.retryAfter, egress.LongestWish)))
	if at.After(end) {
		at = end
	}
	return Waiting, at
}

func luck() float64 { return rand.Float64() } //nolint:gosec // spreads tries, guards nothing

// answered is the outcome of an HTTP answer.
func answered(res *http.Response, now time.Time) outcome {
	o := outcome{status: res.StatusCode}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
	case res.StatusCode == http.StatusGone:
		o.failure = FailureGone
	default:
		o.failure, o.retryAfter = FailureStatus, egress.RetryAfter(res.Header, now)
	}
	return o
}

// unanswered is the outcome of a request that has no answer.
func unanswered(err error) outcome {
	var network net.Error
	switch {
	case errors.Is(err, egress.ErrPrivate), errors.Is(err, egress.ErrAddress):
		return outcome{failure: FailureAddress}
	case errors.As(err, &network) && network.Timeout():
		return outcome{failure: FailureTimeout}
	}
	return outcome{failure: FailureConnection}
}
