package queues

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// OpenSpans lists when a queue is open for a channel and a language between two times; one span when it is always open.
func (s *Service) OpenSpans(ctx context.Context, tenant, queue uuid.UUID, channel Channel, language string, from, until time.Time) (spans []Span, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		spans, err = openSpans(ctx, tx, queue, channel, language, from, until)
		return err
	})
	return spans, wrap("list when a queue is open", err)
}

// OpenTime is how much of the time between two instants a queue is open for a channel and a language, in the caller's transaction. A queue, or
// hours, that are gone close nothing.
func (s *Service) OpenTime(ctx context.Context, tx *storage.Tx, queue uuid.UUID, channel Channel, language string, from, until time.Time) (open time.Duration, err error) {
	spans, err := openSpans(ctx, tx, queue, channel, language, from, until)
	if errors.Is(err, ErrNoQueue) || errors.Is(err, ErrNoHours) {
		return until.Sub(from), nil
	}
	for _, span := range spans {
		open += span.Until.Sub(span.From)
	}
	return open, wrap("measure how long a queue was open", err)
}

func openSpans(ctx context.Context, tx *storage.Tx, queue uuid.UUID, channel Channel, language string, from, until time.Time) ([]Span, error) {
	p := newPlanner(ctx, tx, Arrival{At: from, Channel: channel, Language: language})
	pl, err := p.place(queue)
	if err != nil {
		return nil, err
	}
	rule := hoursFor(pl.levels, channel, language)
	if rule.Hours == uuid.Nil {
		return []Span{{from, until}}, nil
	}
	h, err := p.readHours(rule.Hours)
	if err != nil {
		return nil, err
	}
	return h.Spans(from, until)
}
