package queues

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// CallbackRule is how a queue calls back (V6.2).
type CallbackRule struct {
	Offer        bool   `json:"offer"`         // to those who wait
	Key          string `json:"key"`           // that asks for one: 0 to 9 or *
	AfterSeconds int    `json:"after_seconds"` // of waiting before it is announced
	Attempts     int    `json:"attempts"`      // customers are rung so often
	RetrySeconds int    `json:"retry_seconds"` // between attempts
	RingSeconds  int    `json:"ring_seconds"`  // of one attempt
}

var defaultCallbackRule = CallbackRule{Key: "1", AfterSeconds: 60, Attempts: 3, RetrySeconds: 900, RingSeconds: 40}

func (r CallbackRule) validate() error {
	switch {
	case len(r.Key) != 1 || strings.Trim(r.Key, "0123456789*") != "":
		return invalid("callback", "The key for a callback is one of 0 to 9 or *.")
	case r.AfterSeconds < 0 || r.AfterSeconds > 3600:
		return invalid("callback", "A callback is announced after 0 to 3,600 seconds.")
	case r.Attempts < 1 || r.Attempts > 20:
		return invalid("callback", "Customers are called 1 to 20 times.")
	case r.RetrySeconds < 0 || r.RetrySeconds > 7*24*3600:
		return invalid("callback", "The next attempt comes after at most 7 days.")
	case r.RingSeconds < 5 || r.RingSeconds > 180:
		return invalid("callback", "An attempt rings for 5 to 180 seconds.")
	}
	return nil
}

// Callback is somebody who is to be called: at their turn in the queue, or at the time that they chose (V6.2).
type Callback struct {
	ID         uuid.UUID     `json:"id" db:"callback_id"`
	Tenant     uuid.UUID     `json:"-" db:"tenant_id"`
	Queue      uuid.UUID     `json:"queue_id" db:"queue_id"`
	State      CallbackState `json:"state" db:"state"`
	Number     string        `json:"number" db:"number"`
	Name       string        `json:"name" db:"name"`
	Language   string        `json:"language" db:"language"`
	Note       string        `json:"note" db:"note"`
	Priority   int           `json:"priority" db:"priority"`
	EnqueuedAt time.Time     `json:"enqueued_at" db:"enqueued_at"` // their place
	NotBefore  time.Time     `json:"not_before" db:"not_before"`   // the next attempt
	Attempts   int           `json:"attempts" db:"attempts"`       // that the customer did not answer
	SlotAt     *time.Time    `json:"slot_at,omitempty" db:"slot_at"`
	SlotUntil  *time.Time    `json:"slot_until,omitempty" db:"slot_until"`
	OriginCall *uuid.UUID    `json:"origin_call_id,omitempty" db:"origin_call"`
	Voicemail  *uuid.UUID    `json:"voicemail_id,omitempty" db:"voicemail"`
	By         *uuid.UUID    `json:"requested_by,omitempty" db:"requested_by"` // the agent who asked for it
	Call       *uuid.UUID    `json:"call_id,omitempty" db:"call_id"`           // the latest attempt
	Reason     string        `json:"reason,omitempty" db:"reason"`
	CreatedAt  time.Time     `json:"created_at" db:"created_at"`
	ChangedAt  time.Time     `json:"changed_at" db:"changed_at"`
}

const callbackColumns = `callback_id, tenant_id, queue_id, state, number, name, language, note, priority, enqueued_at, not_before, attempts, slot_at, slot_until,
	origin_call, voicemail, requested_by, call_id, reason, created_at, changed_at`

// CallbackEvent is the data of callback.* events: nothing personal.
type CallbackEvent struct {
	Callback uuid.UUID     `json:"callback"`
	Queue    uuid.UUID     `json:"queue"`
	State    CallbackState `json:"state"`
	Attempts int           `json:"attempts"`
	Call     *uuid.UUID    `json:"call,omitempty"`
	Slot     *time.Time    `json:"slot,omitempty"`
	Waited   float64       `json:"waited_seconds,omitempty"` // since the place was taken
}

// Errors of callbacks.
var (
	ErrNoCallback     = fault.New(fault.NotFound, "callback_not_found", "There is no such callback.")
	ErrCallbackOver   = fault.New(fault.Conflict, "callback_over", "This callback is being made or is over; it can no longer be changed.")
	ErrCallbackGone   = fault.New(fault.Conflict, "callback_gone", "This callback has been cancelled or is being made elsewhere.")
	ErrCallbackNumber = fault.New(fault.Invalid, "callback_number", "Give the telephone number to call: its country code and digits, such as +49301234567.").WithField("number")
)

const (
	callbackLease = 10 * time.Second
	// callbackLine is how long the line of a caller who hangs up may stay busy, should nobody say that it is free.
	callbackLine = time.Minute
	// callbackPause is how soon an attempt follows that came to nothing on our side.
	callbackPause = 2 * time.Second
	// callbackClosed is when a callback is looked at again whose queue is closed.
	callbackClosed = time.Minute
)

func callableNumber(number string) (string, error) {
	n := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "", ".", "").Replace(number)
	if len(n) < 3 || len(n) > 16 || strings.Trim(strings.TrimPrefix(n, "+"), "0123456789") != "" {
		return "", ErrCallbackNumber
	}
	return n, nil
}

// NewCallback is somebody to be called.
type NewCallback struct {
	Queue     uuid.UUID
	Number    string
	Name      string
	Language  string
	Note      string
	Priority  int
	Since     time.Time // their place; zero: now
	Call      uuid.UUID // which they hang up to be called back; it holds the line until CallbackReady
	Voicemail uuid.UUID // which it answers
	By        uuid.UUID // the agent who asks for it
}

// RequestCallback keeps a place for somebody. Who waits for a callback in that queue already keeps the earlier place.
func (s *Service) RequestCallback(ctx context.Context, tenant uuid.UUID, n NewCallback) (c Callback, err error) {
	if n.Number, err = callableNumber(n.Number); err != nil {
		return c, err
	}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		q, err := readQueue(ctx, tx, n.Queue)
		if err != nil {
			return err
		}
		if !q.Leaf {
			return ErrNotLeaf
		}
		if n.Since.IsZero() {
			n.Since = tx.Now
		}
		free := tx.Now
		if n.Call != uuid.Nil {
			free = free.Add(callbackLine)
		}
		rows, err := tx.Query(ctx, `
			INSERT INTO queue_callbacks AS c (callback_id, tenant_id, queue_id, state, number, name, language, note, priority, enqueued_at, not_before, origin_call,
				voicemail, requested_by, created_at, changed_at)
			VALUES ($1, $2, $3, 'waiting', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
			ON CONFLICT (tenant_id, queue_id, number) WHERE state IN ('waiting', 'dialing') AND slot_at IS NULL
			DO UPDATE SET enqueued_at = least(c.enqueued_at, excluded.enqueued_at), priority = greatest(c.priority, excluded.priority),
				origin_call = coalesce(excluded.origin_call, c.origin_call), changed_at = excluded.changed_at
			RETURNING `+callbackColumns,
			storage.NewID(), tenant, n.Queue, n.Number, n.Name, n.Language, n.Note, n.Priority, n.Since, free, storage.Nullable(n.Call), storage.Nullable(n.Voicemail),
			storage.Nullable(n.By), tx.Now)
		if err != nil {
			return err
		}
		if c, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Callback]); err != nil {
			return err
		}
		return s.tellCallback(ctx, tx, "callback.requested", &c)
	})
	return c, wrap("keep a place for a callback", err)
}

func (s *Service) tellCallback(ctx context.Context, tx *storage.Tx, event string, c *Callback) error {
	e := CallbackEvent{Callback: c.ID, Queue: c.Queue, State: c.State, Attempts: c.Attempts, Call: c.Call, Slot: c.SlotAt}
	if c.State == CallbackDone {
		e.Waited = max(0, tx.Now.Sub(c.EnqueuedAt).Seconds())
	}
	return s.log.AppendFor(ctx, tx, c.Tenant, event, c.ID, e)
}

// CallbackReady says that the line of a caller who is to be called back is free.
func (s *Service) CallbackReady(ctx context.Context, tenant, id uuid.UUID) error {
	return wrap("free a callback", s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE queue_callbacks SET not_before = $2 WHERE callback_id = $1 AND state = 'waiting' AND not_before > $2 AND attempts = 0`, id, tx.Now)
		return err
	}))
}

// HeldCallback is a callback that this node holds, until its lease runs out.
type HeldCallback struct {
	Callback
	RingFor time.Duration
	Epoch   int64
}

// candidate is a callback that is due.
type candidate struct{ id, tenant, queue uuid.UUID }

// ClaimCallbacks makes this node the holder of callbacks that are due and that nobody holds, at most n. Those whose queue is closed wait
// on: customers are not called in the night because one agent works.
func (s *Service) ClaimCallbacks(ctx context.Context, n int) (claimed []HeldCallback, err error) {
	var due []candidate
	err = s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT callback_id, tenant_id, queue_id FROM queue_callbacks WHERE state IN ('scheduled', 'waiting', 'dialing') AND not_before <= $1
				AND (lease_until IS NULL OR lease_until < $1)
			ORDER BY priority DESC, enqueued_at LIMIT $2`, tx.Now, n)
		if err != nil {
			return err
		}
		due, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c candidate, err error) { return c, row.Scan(&c.id, &c.tenant, &c.queue) })
		return err
	})
	closed := map[uuid.UUID]bool{}
	for _, c := range due {
		if _, asked := closed[c.queue]; !asked && err == nil {
			var open bool
			open, _, err = s.Open(ctx, c.tenant, c.queue, s.db.Now())
			closed[c.queue] = !open
		}
		if err != nil {
			break
		}
		var held *HeldCallback
		if held, err = s.claimCallback(ctx, c.id, closed[c.queue]); held != nil {
			claimed = append(claimed, *held)
		}
	}
	return claimed, wrap("look for callbacks", err)
}

// claimCallback takes one callback, unless another node was quicker; or puts it off.
func (s *Service) claimCallback(ctx context.Context, id uuid.UUID, putOff bool) (held *HeldCallback, err error) {
	err = s.db.Worker(ctx, func(tx *storage.Tx) error {
		held = nil
		c, err := lockCallback(ctx, tx, id, `AND state IN ('scheduled', 'waiting', 'dialing') AND not_before <= $2 AND (lease_until IS NULL OR lease_until < $2)`, tx.Now)
		if errors.Is(err, ErrNoCallback) {
			return nil
		}
		if err != nil {
			return err
		}
		if putOff {
			_, err := tx.Exec(ctx, `UPDATE queue_callbacks SET not_before = $2 WHERE callback_id = $1`, id, tx.Now.Add(callbackClosed))
			return err
		}
		set, err := effective(ctx, tx, c.Queue)
		if err != nil {
			return err
		}
		step := cRelease // also of one whose node was lost while it dialled
		if c.State == CallbackScheduled {
			step = cDue
		}
		if c.State, err = c.State.next(step); err != nil {
			return err
		}
		held = &HeldCallback{Callback: c, RingFor: time.Duration(set.Callback.Value.RingSeconds) * time.Second}
		return tx.QueryRow(ctx, `
			UPDATE queue_callbacks SET state = $2, node = $3, lease_until = $4, epoch = epoch + 1, changed_at = $5 WHERE callback_id = $1 RETURNING epoch`,
			id, c.State, s.node, tx.Now.Add(callbackLease), tx.Now).Scan(&held.Epoch)
	})
	return held, err
}

// RenewCallbacks keeps this node's leases and returns those callbacks that are not its own any more.
func (s *Service) RenewCallbacks(ctx context.Context, epochs map[uuid.UUID]int64) (gone []uuid.UUID, err error) {
	ids, nums := make([][16]byte, 0, len(epochs)), make([]int64, 0, len(epochs))
	for id, epoch := range epochs {
		ids, nums = append(ids, id), append(nums, epoch)
	}
	kept := map[uuid.UUID]bool{}
	err = s.db.Worker(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			UPDATE queue_callbacks c SET lease_until = $4 FROM unnest($1::uuid[], $2::bigint[]) AS h (id, epoch)
			WHERE c.callback_id = h.id AND c.epoch = h.epoch AND c.node = $3 AND c.state IN ('waiting', 'dialing') RETURNING c.callback_id`,
			ids, nums, s.node, tx.Now.Add(callbackLease))
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		clear(kept)
		for _, id := range all {
			kept[id] = true
		}
		return err
	})
	if err != nil {
		return nil, wrap("keep callbacks", err)
	}
	for id := range epochs {
		if !kept[id] {
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// CallbackDialing says that an agent has accepted and the customer is rung by a call.
func (s *Service) CallbackDialing(ctx context.Context, h HeldCallback, call uuid.UUID) error {
	return s.moveCallback(ctx, h, cDial, &call, "callback.dialing")
}

// CallbackConnected says that customer and agent talk: the callback is done, whatever happens to the call.
func (s *Service) CallbackConnected(ctx context.Context, h HeldCallback, call uuid.UUID) error {
	return s.moveCallback(ctx, h, cConnect, &call, "callback.connected")
}

// CallbackMissed says that the customer did not answer: they are called again later, at their old place, or given up.
func (s *Service) CallbackMissed(ctx context.Context, h HeldCallback, call uuid.UUID) error {
	return s.moveCallback(ctx, h, cRetry, &call, "callback.missed")
}

// CallbackReleased lets any node go on.
func (s *Service) CallbackReleased(ctx context.Context, h HeldCallback) error {
	return s.moveCallback(ctx, h, cRelease, nil, "")
}

func (s *Service) moveCallback(ctx context.Context, h HeldCallback, step callbackStep, call *uuid.UUID, event string) error {
	err := s.db.Tenant(ctx, h.Tenant, func(tx *storage.Tx) error {
		c, err := lockCallback(ctx, tx, h.ID, `AND epoch = $2 AND node = $3`, h.Epoch, s.node)
		if errors.Is(err, ErrNoCallback) {
			return ErrCallbackGone
		}
		if err != nil {
			return err
		}
		next, keep := tx.Now.Add(callbackPause), step == cDial || step == cConnect
		if step == cRetry {
			set, err := effective(ctx, tx, c.Queue)
			if err != nil {
				return err
			}
			rule := set.Callback.Value
			next = tx.Now.Add(time.Duration(rule.RetrySeconds) * time.Second)
			if c.Attempts++; c.Attempts >= rule.Attempts {
				step, event, c.Reason = cGiveUp, "callback.given_up", "no_answer"
			}
		}
		if c.State, err = c.State.next(step); err != nil {
			return ErrCallbackGone.Because(err)
		}
		if call != nil {
			c.Call = call
		}
		_, err = tx.Exec(ctx, `
			UPDATE queue_callbacks SET state = $2, attempts = $3, reason = $4, call_id = $5, not_before = CASE WHEN $6 THEN not_before ELSE $7 END,
				lease_until = CASE WHEN $6 THEN lease_until END, changed_at = $8
			WHERE callback_id = $1`, c.ID, c.State, c.Attempts, c.Reason, c.Call, keep, next, tx.Now)
		if err != nil {
			return err
		}
		if event == "" {
			return nil
		}
		tx.AfterCommit(func() { s.metrics.callbacks.WithLabelValues(strings.TrimPrefix(event, "callback.")).Inc() })
		return s.tellCallback(ctx, tx, event, &c)
	})
	return wrap("move a callback", err)
}

// lockCallback reads one callback for a change; where narrows it by arguments from $2 on.
func lockCallback(ctx context.Context, tx *storage.Tx, id uuid.UUID, where string, args ...any) (Callback, error) {
	rows, err := tx.Query(ctx, `SELECT `+callbackColumns+` FROM queue_callbacks WHERE callback_id = $1 `+where+` FOR UPDATE`, append([]any{id}, args...)...)
	if err != nil {
		return Callback{}, err
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Callback])
	return c, storage.Missing(err, ErrNoCallback)
}

// CancelCallback takes somebody off the list. One who is being called cannot be.
func (s *Service) CancelCallback(ctx context.Context, tenant, id uuid.UUID, why string) error {
	return wrap("cancel a callback", s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, err := lockCallback(ctx, tx, id, "")
		if err != nil {
			return err
		}
		return s.cancel(ctx, tx, &c, why)
	}))
}

func (s *Service) cancel(ctx context.Context, tx *storage.Tx, c *Callback, why string) (err error) {
	if c.State, err = c.State.next(cCancel); err != nil {
		return ErrCallbackOver.Because(err)
	}
	// The place goes in the same transaction: no agent is rung for it any more.
	if err := s.leave(ctx, tx, c.ID, LeftEnded); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE queue_callbacks SET state = $2, reason = $3, changed_at = $4 WHERE callback_id = $1`, c.ID, c.State, why, tx.Now); err != nil {
		return err
	}
	tx.AfterCommit(func() { s.metrics.callbacks.WithLabelValues("cancelled").Inc() })
	return s.tellCallback(ctx, tx, "callback.cancelled", c)
}

// CallbackFilter narrows Callbacks; zero values narrow nothing.
type CallbackFilter struct {
	Queues []uuid.UUID // nil: all
	By     uuid.UUID   // or asked for by this agent
	Open   bool        // not over
	Before uuid.UUID
	Limit  int
}

// Callbacks lists callbacks, the newest first.
func (s *Service) Callbacks(ctx context.Context, tenant uuid.UUID, f CallbackFilter) (found []Callback, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+callbackColumns+` FROM queue_callbacks
			WHERE ($1::uuid[] IS NULL OR queue_id = ANY ($1) OR requested_by = $5) AND (NOT $2 OR state IN ('scheduled', 'waiting', 'dialing'))
				AND ($3::uuid IS NULL OR callback_id < $3)
			ORDER BY callback_id DESC LIMIT $4`, f.Queues, f.Open, storage.Nullable(f.Before), f.Limit, storage.Nullable(f.By))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[Callback])
		return err
	})
	return found, wrap("list callbacks", err)
}

// Callback returns one callback.
func (s *Service) Callback(ctx context.Context, tenant, id uuid.UUID) (c Callback, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+callbackColumns+` FROM queue_callbacks WHERE callback_id = $1`, id)
		if err != nil {
			return err
		}
		c, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Callback])
		return storage.Missing(err, ErrNoCallback)
	})
	if err != nil {
		return c, fmt.Errorf("read a callback: %w", err)
	}
	return c, nil
}

// CallsOut returns the numbers that settings send callers to, and whether they call customers back: both need a way to the telephone network.
func (own OwnSettings) CallsOut() (numbers []string, back bool) {
	look := func(d Deflection) {
		switch d.Mode {
		case DeflectNumber:
			numbers = append(numbers, d.Number)
		case DeflectCallback:
			back = true
		default:
		}
	}
	if own.Deflection != nil {
		look(*own.Deflection)
	}
	if own.Overcapacity != nil {
		for _, r := range *own.Overcapacity {
			look(r.Do)
		}
	}
	if own.Empty != nil {
		look(own.Empty.Join.Do)
		look(own.Empty.Leave.Do)
	}
	back = back || own.Callback != nil && own.Callback.Offer || own.Schedule != nil && own.Schedule.On
	return numbers, back
}
