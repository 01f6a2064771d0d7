package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// Follower hands every event of its types, in order, to Handle, in the transaction that also moves the cursor: an effect in that transaction
// happens exactly once. Of several nodes one follows at a time. Handle must be quick; work that takes long becomes rows of its own.
type Follower struct {
	Name string // never change: the cursor hangs on it
	DB   *storage.DB
	Bus  *Bus
	Log  *slog.Logger
	// Types are those it is handed, "noun.verb" or "noun.*" for all of a noun; nil: all. PostgreSQL passes over the others: nothing of them is
	// read, and they wake nobody.
	Types  []string
	Handle func(ctx context.Context, tx *storage.Tx, e Event) error
	// Batch, when set, is called instead of Handle, with up to 200 events at once, for whoever reads and writes much for each.
	Batch func(ctx context.Context, tx *storage.Tx, batch []Event) error

	enrolled bool // the cursor is there
}

const (
	followBatch = 200
	// followPause lets events that come fast gather, so that a busy log costs a follower ten transactions a second and not one for each event.
	followPause = 100 * time.Millisecond
	pollEvery   = 2 * time.Second // the bus may lose a wake-up
	retryAfter  = 500 * time.Millisecond
)

// Run follows until ctx ends. An event whose Handle fails is tried again, and holds up those behind it.
func (f *Follower) Run(ctx context.Context) error {
	wake, stop := f.Bus.Wake(f.subjects()...)
	defer stop()
	for {
		n, err := f.step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			f.Log.Error("a follower of the event log failed and tries again", "follower", f.Name, "err", err)
		}
		wait := pollEvery
		switch {
		case err != nil:
			wait = retryAfter
		case n == followBatch:
			continue
		case n > 0:
			pause(ctx, followPause, nil)
		}
		pause(ctx, wait, wake)
	}
}

func (f *Follower) subjects() []string {
	if f.Types == nil {
		return []string{appended + ">"}
	}
	all := make([]string, len(f.Types))
	for i, t := range f.Types {
		all[i] = appended + t
	}
	return all
}

// pause waits for d, or until it is woken.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

var errBusy = errors.New("another node follows")

// step follows some of the log in one transaction, and returns how many events it has passed.
func (f *Follower) step(ctx context.Context) (int, error) {
	n := 0
	err := f.DB.Steady(ctx, func(tx *storage.Tx) error {
		p, err := f.next(ctx, tx)
		n = p.passed
		if err != nil || n == 0 {
			return err
		}
		if err := f.hand(ctx, tx, p.events); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE event_cursors SET xid = $2::text::xid8, seq = $3 WHERE follower = $1`, f.Name, p.xid, p.seq)
		return err
	})
	f.enrolled = f.enrolled || err == nil
	if errors.Is(err, errBusy) {
		return 0, nil
	}
	return n, err
}

func (f *Follower) hand(ctx context.Context, tx *storage.Tx, all []Event) error {
	if f.Batch != nil && len(all) > 0 {
		return f.Batch(ctx, tx, all)
	}
	for _, e := range all {
		if err := f.Handle(ctx, tx, e); err != nil {
			return fmt.Errorf("handle %s: %w", e.Type, err)
		}
	}
	return nil
}

// page is a piece of the log: the events of the follower's types, and where it ends.
type page struct {
	events []Event
	passed int
	xid    string
	seq    int64
}

// pageOf reads where the next page ends even if nothing of it is wanted.
const pageOf = `
	WITH page AS (
		SELECT event_id, tenant_id, at, type, subject, actor, data, xid, seq,
			$3::text[] IS NULL OR type = ANY ($3) OR split_part(type, '.', 1) = ANY ($4) AS wanted
		FROM events WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY xid, seq LIMIT 200), -- followBatch; a number is what a plan can go by
	last AS (SELECT xid, seq FROM page ORDER BY xid DESC, seq DESC LIMIT 1)
	SELECT p.event_id, p.tenant_id, p.at, p.type, p.subject, p.actor, CASE WHEN wanted THEN p.data END, wanted,
		p.xid::text, p.seq, (SELECT count(*) FROM page)
	FROM page p, last WHERE wanted OR (p.xid, p.seq) = (last.xid, last.seq) ORDER BY p.xid, p.seq`

func (f *Follower) next(ctx context.Context, tx *storage.Tx) (p page, err error) {
	if !f.enrolled {
		if _, err := tx.Exec(ctx, `INSERT INTO event_cursors (follower, xid, seq) VALUES ($1, '0', 0) ON CONFLICT DO NOTHING`, f.Name); err != nil {
			return p, err
		}
	}
	err = tx.QueryRow(ctx, `SELECT xid::text, seq FROM event_cursors WHERE follower = $1 FOR UPDATE SKIP LOCKED`, f.Name).Scan(&p.xid, &p.seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, errBusy
	}
	if err != nil {
		return p, err
	}
	types, nouns := f.filter()
	rows, err := tx.Query(ctx, pageOf, p.xid, p.seq, types, nouns)
	if err != nil {
		return p, err
	}
	var e Event
	var wanted bool
	// Data as bytes: a json.RawMessage would be parsed to be copied.
	into := []any{&e.ID, &e.Tenant, &e.At, &e.Type, &e.Subject, &e.Actor, (*[]byte)(&e.Data), &wanted, &p.xid, &p.seq, &p.passed}
	_, err = pgx.ForEachRow(rows, into, func() error {
		if wanted {
			p.events = append(p.events, e)
		}
		return nil
	})
	return p, err
}

// filter is the types as the statement takes them, whole ones and nouns; nil: all.
func (f *Follower) filter() (types, nouns []string) {
	if f.Types == nil {
		return nil, nil
	}
	types, nouns = []string{}, []string{}
	for _, t := range f.Types {
		if noun, all := strings.CutSuffix(t, ".*"); all {
			nouns = append(nouns, noun)
		} else {
			types = append(types, t)
		}
	}
	return types, nouns
}
