package queues

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // a container without zone files must know opening hours too

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Clock is a time of day in minutes since midnight, 0 to 1440, as the wall clock shows it; in JSON "HH:MM", "24:00" included.
type Clock int

// ParseClock reads "HH:MM".
func ParseClock(s string) (Clock, error) {
	if len(s) == 5 && s[2] == ':' {
		h, err1 := strconv.ParseUint(s[:2], 10, 8)
		m, err2 := strconv.ParseUint(s[3:], 10, 8)
		if c := Clock(h*60 + m); err1 == nil && err2 == nil && m < 60 && c <= 24*60 {
			return c, nil
		}
	}
	return 0, invalid("hours", "%q is not a time of day: write it as 09:30.", s)
}

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText implements encoding.TextMarshaler.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Clock) UnmarshalText(b []byte) (err error) {
	*c, err = ParseClock(string(b))
	return err
}

// Period is open from From until before To; when To is not after From, until To of the next day.
type Period struct {
	From Clock `json:"from"`
	To   Clock `json:"to"`
}

// Holiday replaces the periods of its weekday on one date; none is closed. A period that began the evening before still runs out.
type Holiday struct {
	Date    string   `json:"date"` // 2026-12-25
	Name    string   `json:"name"`
	Periods []Period `json:"periods,omitempty"`
}

// Hours are opening hours (Q4.1).
type Hours struct {
	ID       uuid.UUID   `json:"id"`
	Name     string      `json:"name"`
	Zone     string      `json:"zone"` // IANA, Europe/Berlin
	Week     [7][]Period `json:"week"` // Sunday first
	Holidays []Holiday   `json:"holidays,omitempty"`
}

// OpenAt says whether it is open at an instant. It goes by what the wall clock in Zone shows: an hour that daylight saving repeats
// counts twice, one that it skips never comes.
func (h Hours) OpenAt(at time.Time) (bool, error) {
	zone, err := time.LoadLocation(h.Zone)
	if err != nil {
		return false, fmt.Errorf("load the time zone of opening hours: %w", err)
	}
	local := at.In(zone)
	now := Clock(local.Hour()*60 + local.Minute())
	for _, p := range h.day(local) {
		if p.From <= now && (now < p.To || p.To <= p.From) {
			return true, nil
		}
	}
	// Noon of yesterday: subtracting 24 h misses a day where daylight saving changes.
	yesterday := time.Date(local.Year(), local.Month(), local.Day()-1, 12, 0, 0, 0, zone)
	for _, p := range h.day(yesterday) {
		if p.To <= p.From && now < p.To {
			return true, nil
		}
	}
	return false, nil
}

func (h Hours) day(local time.Time) []Period {
	date := local.Format(time.DateOnly)
	for _, d := range h.Holidays {
		if d.Date == date {
			return d.Periods
		}
	}
	return h.Week[local.Weekday()]
}

func (h Hours) validate() error {
	if h.Name == "" {
		return invalid("name", "Opening hours need a name.")
	}
	if _, err := time.LoadLocation(h.Zone); err != nil || h.Zone == "" || h.Zone == "Local" {
		return invalid("zone", "%q is not a time zone: choose one such as Europe/Berlin.", h.Zone)
	}
	days := h.Week[:]
	for _, d := range h.Holidays {
		if _, err := time.Parse(time.DateOnly, d.Date); err != nil {
			return invalid("holidays", "%q is not a date: write it as 2026-12-25.", d.Date)
		}
		days = append(days, d.Periods)
	}
	for _, periods := range days {
		for _, p := range periods {
			if p.From < 0 || p.From >= 24*60 || p.To < 0 || p.To > 24*60 {
				return invalid("week", "A period begins at 00:00 to 23:59 and ends at 00:00 to 24:00.")
			}
		}
	}
	return nil
}

// ErrNoHours says that there are no such opening hours.
var ErrNoHours = fault.New(fault.NotFound, "hours_not_found", "There are no such opening hours.")

// PutHours creates opening hours (ID uuid.Nil) or replaces them.
func (s *Service) PutHours(ctx context.Context, tenant uuid.UUID, h Hours) (Hours, error) {
	if err := h.validate(); err != nil {
		return Hours{}, err
	}
	fresh := h.ID == uuid.Nil
	if fresh {
		h.ID = storage.NewID()
	}
	plan, err := json.Marshal(h)
	if err != nil {
		return Hours{}, fmt.Errorf("encode opening hours: %w", err)
	}
	err = s.configure(ctx, tenant, h.ID, func(tx *storage.Tx) error {
		if fresh {
			_, err := tx.Exec(ctx, `INSERT INTO queue_hours (hours_id, tenant_id, name, plan, changed_at) VALUES ($1, $2, $3, $4, $5)`, h.ID, tx.Tenant, h.Name, plan, tx.Now)
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE queue_hours SET name = $2, plan = $3, changed_at = $4 WHERE hours_id = $1`, h.ID, h.Name, plan, tx.Now)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNoHours
		}
		return err
	})
	return h, wrap("store opening hours", err)
}

// AllHours returns the tenant's opening hours by name.
func (s *Service) AllHours(ctx context.Context, tenant uuid.UUID) (all []Hours, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT plan FROM queue_hours ORDER BY name, hours_id`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowTo[Hours])
		return err
	})
	return all, wrap("read opening hours", err)
}

// Open says whether a queue is open at an instant, and what callers meet when it is not. A queue without hours is always open. Where the
// deflection's mode is off, callers wait although it is closed.
func (s *Service) Open(ctx context.Context, tenant, queue uuid.UUID, at time.Time) (open bool, d Deflection, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		set, err := effective(ctx, tx, queue)
		if err != nil {
			return err
		}
		open, d = true, set.Deflection.Value
		if set.Hours.Value == uuid.Nil {
			return nil
		}
		var h Hours
		if err := tx.QueryRow(ctx, `SELECT plan FROM queue_hours WHERE hours_id = $1`, set.Hours.Value).Scan(&h); err != nil {
			return storage.Missing(err, ErrNoHours)
		}
		open, err = h.OpenAt(at)
		return err
	})
	return open, d, wrap("look up opening hours", err)
}
