package chat

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Tests take the steps of Run themselves, so that nothing depends on when a goroutine runs.

// ReadDue reads all requests that are due.
func (s *Service) ReadDue(ctx context.Context) error {
	for {
		rows, err := s.dueInbox(ctx)
		if err != nil || len(rows) == 0 {
			return err
		}
		s.readBatch(ctx, rows)
	}
}

// SendDue sends what is due, once for each customer, and says how many messages that were.
func (s *Service) SendDue(ctx context.Context) (int, error) {
	batch, err := s.claim(ctx)
	for _, o := range batch {
		s.sendOne(ctx, o)
	}
	return len(batch), err
}

// Claimed is a message that a node has taken to send.
type Claimed = sending

// Claim takes what is due; Transmit sends what was taken.
func (s *Service) Claim(ctx context.Context) ([]Claimed, error) { return s.claim(ctx) }

// Transmit sends what was taken and stores what came of it.
func (s *Service) Transmit(ctx context.Context, o Claimed) { s.sendOne(ctx, o) }

// TimesDue does what has become due.
func (s *Service) TimesDue(ctx context.Context) error {
	jobs := s.dueJobs()
	for _, what := range slices.Sorted(maps.Keys(jobs)) {
		if err := jobs[what](ctx); err != nil {
			return err
		}
	}
	return nil
}

// Leases, and for how long early events wait.
const (
	SendLease = sendLease
	EarlyKeep = earlyKeep
	EchoKeep  = 20 * time.Second
	SendTries = sendTries
)

// ReadFirst reads the first request that is due, on the caller's goroutine.
func (s *Service) ReadFirst(ctx context.Context) error {
	rows, err := s.dueInbox(ctx)
	if err == nil && len(rows) > 0 {
		arrivals := s.decode(ctx, rows[:1])
		s.readLane(ctx, arrivals)
		s.settle(ctx, rows[:1], arrivals)
	}
	return err
}
