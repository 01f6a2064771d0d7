package queues

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
	d, err := h.decide(at)
	return d.Period != nil, err
}

// decide fills in what an instant is by these hours: it is open when there is a period.
func (h Hours) decide(at time.Time) (HoursRule, error) {
	zone, err := h.zone()
	if err != nil {
		return HoursRule{}, err
	}
	return h.decideIn(zone, at), nil
}

func (h Hours) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(h.Zone)
	if err != nil {
		return nil, fmt.Errorf("load the time zone of opening hours: %w", err)
	}
	return zone, nil
}

func (h Hours) decideIn(zone *time.Location, at time.Time) HoursRule {
	local := at.In(zone)
	rule := HoursRule{Hours: h.ID, Name: h.Name, Zone: h.Zone, Local: local.Format("2006-01-02 15:04")}
	now := Clock(local.Hour()*60 + local.Minute())
	today := calendarDay(local)
	periods, holiday := h.day(today.AddDate(0, 0, -1))
	for _, p := range periods {
		if p.To <= p.From && now < p.To {
			rule.Holiday, rule.Period = holiday, &p
			return rule
		}
	}
	periods, rule.Holiday = h.day(today)
	for _, p := range periods {
		if p.From <= now && (now < p.To || p.To <= p.From) {
			rule.Period = &p
			break
		}
	}
	return rule
}

// calendarDay is the date of a local time, as midnight UTC: dates are counted without daylight saving.
func calendarDay(local time.Time) time.Time {
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
}

// day returns the periods of a date, and the holiday whose they are.
func (h Hours) day(day time.Time) (periods []Period, holiday string) {
	date := day.Format(time.DateOnly)
	for _, d := range h.Holidays {
		if d.Date == date {
			return d.Periods, cmp.Or(d.Name, d.Date)
		}
	}
	return h.Week[day.Weekday()], ""
}

// changes lists the instants from a time until before another at which it may open or close, in order: those of the wall clock's periods, and
// those at which the clock is moved.
func (h Hours) changes(zone *time.Location, from, until time.Time) (all []time.Time) {
	note := func(t time.Time) {
		if !t.Before(from) && t.Before(until) {
			all = append(all, t)
		}
	}
	const reach = 36 * time.Hour // from a date's midnight UTC to all that is called that date anywhere, and a move of the clock in it
	for day := calendarDay(from.In(zone)).AddDate(0, 0, -2); !day.Add(-reach).After(until); day = day.AddDate(0, 0, 1) {
		_, moves := day.In(zone).ZoneBounds()
		note(moves)
		periods, _ := h.day(day)
		for _, p := range periods {
			to := p.To
			if to <= p.From {
				to += 24 * 60
			}
			for _, c := range []Clock{p.From, to} {
				// On a day when the clock is moved, a time of day may come at either offset, or twice.
				wall := day.Add(time.Duration(c) * time.Minute)
				for _, side := range []time.Duration{-reach, reach} {
					_, offset := wall.Add(side).In(zone).Zone()
					note(wall.Add(-time.Duration(offset) * time.Second))
				}
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// Span is a time when a queue is open.
type Span struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Spans lists when it is open from a time until another, in order.
func (h Hours) Spans(from, until time.Time) (spans []Span, err error) {
	zone, err := h.zone()
	if err != nil {
		return nil, err
	}
	open := false
	for _, t := range append([]time.Time{from}, h.changes(zone, from, until)...) {
		now := h.decideIn(zone, t).Period != nil
		switch {
		case now && !open:
			spans = append(spans, Span{From: t, Until: until})
		case !now && open:
			spans[len(spans)-1].Until = t
		}
		open = now
	}
	return spans, nil
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

// HoursIn reads opening hours in the caller's transaction; ErrNoHours when there are none of that id.
func (s *Service) HoursIn(ctx context.Context, tx *storage.Tx, id uuid.UUID) (h Hours, err error) {
	err = tx.QueryRow(ctx, `SELECT plan FROM queue_hours WHERE hours_id = $1`, id).Scan(&h)
	return h, wrap("read opening hours", storage.Missing(err, ErrNoHours))
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

// HoursOverride gives a channel, a language, or a channel in a language, opening hours of its own.
type HoursOverride struct {
	Channel  Channel   `json:"channel,omitempty"`  // "": every channel
	Language string    `json:"language,omitempty"` // "": every language
	Hours    uuid.UUID `json:"hours,omitzero"`     // uuid.Nil: always open
}

// fits says how well an override fits: 0 not at all, above 0 the better the higher. A channel says more than a language.
func (o HoursOverride) fits(channel Channel, language string) int {
	fit := 0
	if o.Channel != "" {
		if o.Channel != channel {
			return 0
		}
		fit += 2
	}
	if o.Language != "" {
		if o.Language != language {
			return 0
		}
		fit++
	}
	return fit
}

func validateOverrides(all []HoursOverride) error {
	seen := make(map[HoursOverride]bool, len(all))
	for _, o := range all {
		if o.Channel == "" && o.Language == "" {
			return invalid("hours_overrides", "An override is for a channel or a language, or both.")
		}
		if o.Hours = uuid.Nil; seen[o] {
			return invalid("hours_overrides", "There are two overrides for the same channel and language: remove one.")
		}
		seen[o] = true
	}
	return nil
}

// HoursRule says which opening hours hold and why.
type HoursRule struct {
	Hours    uuid.UUID `json:"hours,omitzero"` // missing: always open
	Name     string    `json:"name,omitempty"`
	Zone     string    `json:"zone,omitempty"`
	Origin   Origin    `json:"origin"`
	Channel  Channel   `json:"channel,omitempty"`  // the override's
	Language string    `json:"language,omitempty"` // the override's
	Local    string    `json:"local,omitempty"`    // what the wall clock shows there: 2026-12-24 09:30
	Holiday  string    `json:"holiday,omitempty"`  // the name, or the date, of the holiday that decides
	Period   *Period   `json:"period,omitempty"`   // in which it is open
}

// hoursFor finds the hours in force for a channel and a language. The levels are the global settings first and the queue's own last: the
// nearest that says anything about hours decides, and of what it says the override that fits best.
func hoursFor(levels []OwnSettings, channel Channel, language string) HoursRule {
	for i := len(levels) - 1; i >= 0; i-- {
		rule := HoursRule{Origin: originOf(i, len(levels))}
		best := 0
		if o := levels[i].HoursOverrides; o != nil {
			for _, each := range *o {
				if fit := each.fits(channel, language); fit > best {
					best, rule.Hours, rule.Channel, rule.Language = fit, each.Hours, each.Channel, each.Language
				}
			}
		}
		if best > 0 {
			return rule
		}
		if h := levels[i].Hours; h != nil {
			rule.Hours = *h
			return rule
		}
	}
	return HoursRule{Origin: FromGlobal}
}

func originOf(level, levels int) Origin {
	switch level {
	case 0:
		return FromGlobal
	case levels - 1:
		return FromOwn
	}
	return FromParent
}
