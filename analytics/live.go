package analytics

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
	"tandem/queues"
)

// Live is the wall board: each queue now, today, and in the last minutes.
type Live struct {
	At     time.Time   `json:"at"`
	Zone   string      `json:"zone" doc:"the tenant's time zone"`
	Since  time.Time   `json:"since" doc:"the last midnight there: where today begins"`
	Queues []LiveQueue `json:"queues"`
}

// LiveQueue is one queue of the wall board.
type LiveQueue struct {
	queues.Counters
	Name        string     `json:"name"`
	LongestWait float64    `json:"longest_wait_seconds" doc:"of those who wait now"`
	Today       LiveCounts `json:"today"`
	Last15      LiveCounts `json:"last_15_minutes"`
	Last30      LiveCounts `json:"last_30_minutes"`
	Last60      LiveCounts `json:"last_60_minutes"`
}

// LiveCounts are what happened to those whose wait ended in some time: the same counts and figures as in the report of that time.
type LiveCounts struct {
	Offered          int64    `json:"offered"`
	Handled          int64    `json:"handled"`
	HandledInTime    int64    `json:"handled_in_time"`
	Abandoned        int64    `json:"abandoned"`
	AbandonedShort   int64    `json:"abandoned_short"`
	LongestWait      float64  `json:"longest_wait_seconds"`
	AnswerSpeed      *float64 `json:"average_speed_of_answer_seconds,omitempty"`
	AbandonRate      *float64 `json:"abandon_rate,omitempty"`
	LevelHandled     *float64 `json:"service_level_of_handled,omitempty"`
	LevelOffered     *float64 `json:"service_level_of_offered,omitempty"`
	LevelWithoutLost *float64 `json:"service_level_without_short_abandons,omitempty"`
	LevelAbandons    *float64 `json:"service_level_with_abandons,omitempty"`
}

func liveCounts(c QueueCounts) LiveCounts {
	f := c.Figures()
	return LiveCounts{
		Offered: c.Offered, Handled: c.Handled, HandledInTime: c.HandledInTime, Abandoned: c.Abandoned, AbandonedShort: c.AbandonedShort,
		LongestWait: c.LongestWait, AnswerSpeed: f.AnswerSpeed, AbandonRate: f.AbandonRate,
		LevelHandled: f.LevelHandled, LevelOffered: f.LevelOffered, LevelWithoutLost: f.LevelWithoutLost, LevelAbandons: f.LevelAbandons,
	}
}

// liveFresh is how long an answer serves everybody who asks.
const liveFresh = 400 * time.Millisecond

// Live returns the wall board, at most liveFresh old. Only narrows it to some queues; nil is all.
func (s *Service) Live(ctx context.Context, tenant uuid.UUID, only []uuid.UUID) (Live, error) {
	s.mu.Lock()
	l, ok := s.lives[tenant]
	s.mu.Unlock()
	if !ok || s.cfg.DB.Now().Sub(l.At) >= liveFresh {
		// Whoever asks first may go away; the others still want to know.
		v, err, _ := s.asking.Do(tenant.String(), func() (any, error) { return s.look(context.WithoutCancel(ctx), tenant) })
		if err != nil {
			return Live{}, fmt.Errorf("look at the queues: %w", err)
		}
		l = v.(Live)
	}
	if only != nil {
		l.Queues = slices.DeleteFunc(slices.Clone(l.Queues), func(q LiveQueue) bool { return !slices.Contains(only, q.Queue) })
	}
	return l, nil
}

func (s *Service) look(ctx context.Context, tenant uuid.UUID) (Live, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	zone, err := s.zone(ctx, tenant, "")
	if err != nil {
		return Live{}, err
	}
	now := s.cfg.DB.Now()
	l := Live{At: now, Zone: zone.String(), Since: midnight(now, zone)}
	counters, err := s.cfg.Queues.Counters(ctx, tenant)
	if err != nil {
		return Live{}, err
	}
	names, err := s.cfg.Queues.Names(ctx, tenant)
	if err != nil {
		return Live{}, err
	}
	var today map[uuid.UUID]QueueCounts
	var last [3]map[uuid.UUID]QueueCounts
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if today, err = countedSince(ctx, tx, l.Since); err != nil {
			return err
		}
		for i, minutes := range []int{15, 30, 60} {
			if last[i], err = recounted(ctx, tx, now.Add(-time.Duration(minutes)*time.Minute)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Live{}, err
	}
	for _, c := range counters {
		q := LiveQueue{
			Counters: c, Name: names.Queues[c.Queue], Today: liveCounts(today[c.Queue]),
			Last15: liveCounts(last[0][c.Queue]), Last30: liveCounts(last[1][c.Queue]), Last60: liveCounts(last[2][c.Queue]),
		}
		if c.Oldest != nil {
			q.LongestWait = max(0, now.Sub(*c.Oldest).Seconds())
		}
		l.Queues = append(l.Queues, q)
	}
	s.mu.Lock()
	s.lives[tenant] = l
	s.mu.Unlock()
	return l, nil
}

// midnight is when the day of now began in a zone. Where clocks jump over midnight, the day begins with its first minute.
func midnight(now time.Time, zone *time.Location) time.Time {
	y, m, d := now.In(zone).Date()
	return dayStart(y, m, d, zone)
}

// countedSince sums the intervals since a quarter of an hour.
func countedSince(ctx context.Context, tx *storage.Tx, since time.Time) (map[uuid.UUID]QueueCounts, error) {
	rows, err := tx.Query(ctx, `SELECT queue_id, `+sums(columns[QueueCounts]())+` FROM report_queue_intervals WHERE tenant_id = $1 AND start >= $2 GROUP BY queue_id`, tx.Tenant, since)
	if err != nil {
		return nil, err
	}
	return collectCounts(rows)
}

// recounted counts the waits that ended since an instant, which need not be the start of an interval, one by one.
func recounted(ctx context.Context, tx *storage.Tx, since time.Time) (map[uuid.UUID]QueueCounts, error) {
	rows, err := tx.Query(ctx, `
		SELECT queue_id, count(*), count(*) FILTER (WHERE outcome = 'handled'), count(*) FILTER (WHERE outcome = 'handled' AND waited <= target),
		       count(*) FILTER (WHERE outcome = 'abandoned'), count(*) FILTER (WHERE outcome = 'abandoned' AND waited < short),
		       count(*) FILTER (WHERE outcome = 'abandoned' AND waited <= target), coalesce(sum(waited) FILTER (WHERE outcome = 'handled'), 0), max(waited)
		FROM report_visits WHERE tenant_id = $1 AND left_at > $2 AND kind <> 'callback' GROUP BY queue_id`, tx.Tenant, since)
	if err != nil {
		return nil, err
	}
	all := map[uuid.UUID]QueueCounts{}
	var queue uuid.UUID
	var c QueueCounts
	_, err = pgx.ForEachRow(rows, []any{
		&queue, &c.Offered, &c.Handled, &c.HandledInTime, &c.Abandoned, &c.AbandonedShort, &c.AbandonedInTime, &c.WaitHandled, &c.LongestWait,
	}, func() error { all[queue] = c; return nil })
	return all, err
}
