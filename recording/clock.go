package recording

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tandem/internal/storage"
)

// clockTolerance is how far two clocks may be apart before one of them is doubted.
const clockTolerance = 5 * time.Minute

// trust is the time by which recordings are destroyed: the node's clock as far as a second one agrees, and never before the latest time
// ever trusted. So a clock that jumps forward destroys nothing early, and one that jumps back extends no life.
func trust(now, second, highWater time.Time) (trusted time.Time, doubt bool) {
	trusted = now
	switch apart := now.Sub(second); {
	case apart > clockTolerance, apart < -clockTolerance:
		trusted, doubt = second, true
	}
	if trusted.Before(highWater) {
		trusted = highWater
	}
	return trusted, doubt
}

// trustedClock is the second clock by default: PostgreSQL's time when first asked, carried on by the process's monotonic clock. A jump
// while the process is down, on a machine that also runs the database, is beyond it.
type trustedClock struct {
	mu    sync.Mutex
	base  time.Time
	since time.Time // with its monotonic reading
}

func (c *trustedClock) sinceStart(db *storage.DB) func(context.Context) (time.Time, error) {
	return func(ctx context.Context) (time.Time, error) {
		c.mu.Lock()
		base, since := c.base, c.since
		c.mu.Unlock()
		if !base.IsZero() {
			return base.Add(time.Since(since)), nil
		}
		err := db.Worker(ctx, func(tx *storage.Tx) error {
			return tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&base)
		})
		if err != nil {
			return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.base.IsZero() {
			c.base, c.since = base, time.Now()
		}
		return c.base.Add(time.Since(c.since)), nil
	}
}

// trustedNow moves the high-water mark on and returns the time to destroy by.
func (s *Service) trustedNow(ctx context.Context) (time.Time, error) {
	second, err := s.cfg.Second(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var trusted time.Time
	var doubt bool
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO recording_clock (high_water) VALUES ($1) ON CONFLICT DO NOTHING`, time.Unix(0, 0)); err != nil {
			return fmt.Errorf("write the high-water mark: %w", err)
		}
		var mark time.Time
		if err := tx.QueryRow(ctx, `SELECT high_water FROM recording_clock FOR UPDATE`).Scan(&mark); err != nil {
			return fmt.Errorf("read the high-water mark: %w", err)
		}
		trusted, doubt = trust(tx.Now, second, mark)
		_, err := tx.Exec(ctx, `UPDATE recording_clock SET high_water = $1`, trusted)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	s.metrics.clockDoubt.Set(0)
	if doubt {
		s.metrics.clockDoubt.Set(1)
		s.log.Error("the clock of this node cannot be right; recordings are destroyed by the other clock", "apart", s.cfg.DB.Now().Sub(second))
	}
	return trusted, nil
}
