package queues

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// VoicemailBox is a queue's voicemail box (V6.1). What it does not say, default sentences do.
type VoicemailBox struct {
	Greeting    Prompt `json:"greeting,omitzero"`
	AskNumber   bool   `json:"ask_number"` // callers whose number is withheld are asked for one
	Withheld    Prompt `json:"withheld,omitzero"`
	EnterNumber Prompt `json:"enter_number,omitzero"`
	Accepted    Prompt `json:"accepted,omitzero"`
	MaxSeconds  int    `json:"max_seconds"`
}

// ScheduleRule is how customers choose the time at which a queue calls them (V6.2): in slots within its hours.
type ScheduleRule struct {
	On          bool `json:"on"`
	SlotMinutes int  `json:"slot_minutes"`
	Capacity    int  `json:"capacity"`   // calls in one slot
	DaysAhead   int  `json:"days_ahead"` // that can be chosen
	LeadMinutes int  `json:"lead_minutes"`
	Priority    int  `json:"priority"` // among those who wait when the time has come
}

var defaultScheduleRule = ScheduleRule{SlotMinutes: 15, Capacity: 2, DaysAhead: 14, LeadMinutes: 30, Priority: 10}

func (r ScheduleRule) validate() error {
	switch {
	case r.SlotMinutes < 5 || r.SlotMinutes > 240:
		return invalid("schedule", "A slot takes 5 to 240 minutes.")
	case r.Capacity < 1 || r.Capacity > 1000:
		return invalid("schedule", "A slot has room for 1 to 1,000 calls.")
	case r.DaysAhead < 1 || r.DaysAhead > 60:
		return invalid("schedule", "Calls can be scheduled 1 to 60 days ahead.")
	case r.LeadMinutes < 0 || r.LeadMinutes > 7*24*60:
		return invalid("schedule", "The first slot begins at most 7 days from now.")
	case r.Priority < -1000 || r.Priority > 1000:
		return invalid("schedule", "The priority lies between -1,000 and 1,000.")
	}
	return nil
}

// validateReturns checks how callers are got back to.
func (own OwnSettings) validateReturns() error {
	if v := own.Voicemail; v != nil && (v.MaxSeconds < 10 || v.MaxSeconds > 3600) {
		return invalid("voicemail", "A message may take 10 to 3,600 seconds.")
	}
	if c := own.Callback; c != nil {
		if err := c.validate(); err != nil {
			return err
		}
	}
	if r := own.Schedule; r != nil {
		return r.validate()
	}
	return nil
}

// Errors of scheduled calls.
var (
	ErrNoSchedule     = fault.New(fault.Illegal, "schedule_off", "Calls to this queue cannot be scheduled.")
	ErrSlot           = fault.New(fault.Invalid, "slot_unknown", "That is no slot of this queue: choose one of its free slots.").WithField("slot")
	ErrSlotFull       = fault.New(fault.Conflict, "slot_full", "This slot is taken meanwhile: choose another one.").WithField("slot")
	ErrScheduledTwice = fault.New(fault.Conflict, "scheduled_already", "A call to this number is scheduled already: change or cancel that one.").WithField("number")
)

// Slot is a time at which customers can be called.
type Slot struct {
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	Free  int       `json:"free"`
}

// Slots lists the free slots of a queue, the next first; none where calls cannot be scheduled.
func (s *Service) Slots(ctx context.Context, tenant, queue uuid.UUID) ([]Slot, error) {
	rule, all, err := s.slots(ctx, tenant, queue)
	if errors.Is(err, ErrNoSchedule) {
		return nil, nil
	}
	if err != nil || len(all) == 0 {
		return nil, err
	}
	taken := map[time.Time]int{}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT slot_at, count(*) FROM queue_callbacks WHERE queue_id = $1 AND slot_at >= $2 AND state IN ('scheduled', 'waiting', 'dialing', 'done') GROUP BY 1`,
			queue, all[0].At)
		if err != nil {
			return err
		}
		var at time.Time
		var n int
		_, err = pgx.ForEachRow(rows, []any{&at, &n}, func() error { taken[at.UTC()] = n; return nil })
		return err
	})
	var free []Slot
	for _, slot := range all {
		if slot.Free = rule.Capacity - taken[slot.At]; slot.Free > 0 {
			free = append(free, slot)
		}
	}
	return free, wrap("list free slots", err)
}

// slots are all slots that can be chosen now, taken or not.
func (s *Service) slots(ctx context.Context, tenant, queue uuid.UUID) (rule ScheduleRule, all []Slot, err error) {
	set, err := s.Effective(ctx, tenant, queue)
	if err != nil {
		return rule, nil, err
	}
	if rule = set.Schedule.Value; !rule.On {
		return rule, nil, ErrNoSchedule
	}
	now := s.db.Now()
	length := time.Duration(rule.SlotMinutes) * time.Minute
	// Slots are counted from each opening, so the spans must not be cut where somebody looks at them.
	start := now.Add(-48 * time.Hour)
	spans, err := s.OpenSpans(ctx, tenant, queue, IVR, "", start, now.AddDate(0, 0, rule.DaysAhead))
	if err != nil {
		return rule, nil, err
	}
	return rule, cutSlots(spans, start, now.Add(time.Duration(rule.LeadMinutes)*time.Minute), length), nil
}

// cutSlots cuts opening times into whole slots that begin at an instant or later. A span that begins at start is open from before: its slots
// are whole multiples of their length since midnight UTC, so that they are the same whenever one looks.
func cutSlots(spans []Span, start, first time.Time, length time.Duration) (slots []Slot) {
	for _, span := range spans {
		at := span.From.UTC()
		if !at.After(start) {
			at = at.Truncate(length).Add(length)
		}
		for ; !at.Add(length).After(span.Until); at = at.Add(length) {
			if !at.Before(first) {
				slots = append(slots, Slot{At: at, Until: at.Add(length)})
			}
		}
	}
	return slots
}

// ScheduleCallback books a slot. The token lets the customer change or cancel the call; it is not kept.
func (s *Service) ScheduleCallback(ctx context.Context, tenant uuid.UUID, n NewCallback, at time.Time) (c Callback, token string, err error) {
	if n.Number, err = callableNumber(n.Number); err != nil {
		return c, "", err
	}
	rule, slot, err := s.slotAt(ctx, tenant, n.Queue, at)
	if err != nil {
		return c, "", err
	}
	token, hash := newToken()
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := takeSlot(ctx, tx, n.Queue, slot, rule.Capacity, uuid.Nil); err != nil {
			return err
		}
		var twice bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue_callbacks WHERE queue_id = $1 AND number = $2 AND state = 'scheduled')`, n.Queue, n.Number).Scan(&twice)
		if err != nil {
			return err
		}
		if twice {
			return ErrScheduledTwice
		}
		rows, err := tx.Query(ctx, `
			INSERT INTO queue_callbacks (callback_id, tenant_id, queue_id, state, number, name, language, note, priority, enqueued_at, not_before, slot_at, slot_until,
				token_hash, requested_by, created_at, changed_at)
			VALUES ($1, $2, $3, 'scheduled', $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, $13, $13) RETURNING `+callbackColumns,
			storage.NewID(), tenant, n.Queue, n.Number, n.Name, n.Language, n.Note, rule.Priority, slot.At, slot.Until, hash, storage.Nullable(n.By), tx.Now)
		if err != nil {
			return err
		}
		if c, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Callback]); err != nil {
			return err
		}
		return s.tellCallback(ctx, tx, "callback.scheduled", &c)
	})
	return c, token, wrap("schedule a call", err)
}

func newToken() (token string, hash []byte) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, tokenHash(token)
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// slotAt finds the slot that begins at an instant.
func (s *Service) slotAt(ctx context.Context, tenant, queue uuid.UUID, at time.Time) (ScheduleRule, Slot, error) {
	rule, all, err := s.slots(ctx, tenant, queue)
	for _, slot := range all {
		if slot.At.Equal(at) {
			return rule, slot, nil
		}
	}
	if err == nil {
		err = ErrSlot
	}
	return rule, Slot{}, err
}

// takeSlot refuses a slot that is full, but for the callback that is in it already. It holds the queue's slots until the transaction ends.
func takeSlot(ctx context.Context, tx *storage.Tx, queue uuid.UUID, slot Slot, capacity int, but uuid.UUID) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('slots ' || $1::text, 0))`, queue.String()); err != nil {
		return err
	}
	var taken int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM queue_callbacks WHERE queue_id = $1 AND slot_at = $2 AND callback_id <> $3 AND state IN ('scheduled', 'waiting', 'dialing', 'done')`,
		queue, slot.At, but).Scan(&taken)
	if err == nil && taken >= capacity {
		err = ErrSlotFull
	}
	return err
}

// RescheduleCallback moves a scheduled call to another slot.
func (s *Service) RescheduleCallback(ctx context.Context, tenant, id uuid.UUID, at time.Time) (c Callback, err error) {
	if c, err = s.Callback(ctx, tenant, id); err != nil {
		return c, err
	}
	rule, slot, err := s.slotAt(ctx, tenant, c.Queue, at)
	if err != nil {
		return c, err
	}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := takeSlot(ctx, tx, c.Queue, slot, rule.Capacity, id); err != nil {
			return err
		}
		if c, err = lockCallback(ctx, tx, id, ""); err != nil {
			return err
		}
		if c.State, err = c.State.next(cMove); err != nil {
			return ErrCallbackOver.Because(err)
		}
		c.SlotAt, c.SlotUntil, c.EnqueuedAt, c.NotBefore = &slot.At, &slot.Until, slot.At, slot.At
		_, err = tx.Exec(ctx, `UPDATE queue_callbacks SET slot_at = $2, slot_until = $3, enqueued_at = $2, not_before = $2, changed_at = $4 WHERE callback_id = $1`,
			id, slot.At, slot.Until, tx.Now)
		if err != nil {
			return err
		}
		return s.tellCallback(ctx, tx, "callback.rescheduled", &c)
	})
	return c, wrap("reschedule a call", err)
}

// CallbackByToken is the scheduled call that a customer's token opens.
func (s *Service) CallbackByToken(ctx context.Context, token string) (c Callback, err error) {
	err = s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+callbackColumns+` FROM queue_callbacks WHERE token_hash = $1`, tokenHash(token))
		if err != nil {
			return err
		}
		c, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Callback])
		return storage.Missing(err, ErrNoCallback)
	})
	return c, wrap("read a scheduled call", err)
}
