package chat

import (
	"context"
	"hash/maphash"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

const (
	inboxBatch   = 200
	mostTogether = 64 // events in one transaction
	inboxTries   = 8
	inboxLease   = 15 * time.Second
	inboxKeep    = 8 * 24 * time.Hour // platforms repeat for as long
	earlyKeep    = 10 * time.Minute   // receipts and echoes wait so long for the answer to the send
)

// readInbox reads what came, each customer's events in their order, several customers' at once: exactly-once comes from the events' keys.
func (s *Service) readInbox(ctx context.Context) error {
	return s.loop(ctx, wakeInbox, "reading the inbox", nil, func(ctx context.Context) (bool, error) {
		rows, err := s.dueInbox(ctx)
		if err != nil {
			return false, err
		}
		s.metrics.inbox.Set(float64(len(rows)))
		s.readBatch(ctx, rows)
		return len(rows) == inboxBatch, nil
	})
}

type inboxRow struct {
	id, tenant, account uuid.UUID
	version             int // of the account, now
	hook                Hook
	tries               int
	err                 error // why it is not done
}

func (s *Service) dueInbox(ctx context.Context) (rows []*inboxRow, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		// A request is this node's for a while; what a node that died had begun is read again, which the events' keys make harmless.
		found, err := tx.Query(ctx, `
			WITH due AS (SELECT inbox_id, next_at FROM chat_inbox WHERE state = 'new' AND next_at <= $1 ORDER BY next_at, inbox_id LIMIT $2 FOR UPDATE SKIP LOCKED),
			taken AS (UPDATE chat_inbox i SET next_at = $3 FROM due WHERE i.inbox_id = due.inbox_id
				RETURNING i.inbox_id, i.tenant_id, i.account_id, i.request, i.body, i.tries, due.next_at AS came)
			SELECT inbox_id, t.tenant_id, account_id, a.version, request, body, tries FROM taken t JOIN chat_accounts a USING (account_id) ORDER BY came, inbox_id`,
			tx.Now, inboxBatch, tx.Now.Add(inboxLease))
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (*inboxRow, error) {
			var r inboxRow
			var body []byte
			err := row.Scan(&r.id, &r.tenant, &r.account, &r.version, &r.hook, &body, &r.tries)
			r.hook.Body = body
			return &r, err
		})
		return err
	})
	return rows, wrap("read what came", err)
}

// arrival is an event on its way from its request.
type arrival struct {
	of      *inboxRow
	account *account
	event   Event
	err     error
}

// customer names whose event it is: what one customer does has its effect in its order.
func (a *arrival) customer() string {
	return a.account.ID.String() + "/" + a.event.From.ID + "/" + a.event.From.Alias
}

// plain says that an event may have its effect together with others'.
func (a *arrival) plain() bool { return a.event.Message != nil && !a.event.Message.Echo }

// readBatch reads requests, several customers' at once, and notes what has become of them.
func (s *Service) readBatch(ctx context.Context, rows []*inboxRow) {
	arrivals := s.decode(ctx, rows)
	lanes := make([][]*arrival, runtime.GOMAXPROCS(0)) // more would only make for smaller transactions
	for _, a := range arrivals {
		n := maphash.String(s.seed, a.customer()) % uint64(len(lanes))
		lanes[n] = append(lanes[n], a)
	}
	var all sync.WaitGroup
	for _, lane := range lanes {
		all.Go(func() { s.readLane(ctx, lane) })
	}
	all.Wait()
	if ctx.Err() == nil { // else they are read again when their lease is over
		s.settle(ctx, rows, arrivals)
	}
}

// decode says what requests bring, and for whom.
func (s *Service) decode(ctx context.Context, rows []*inboxRow) (arrivals []*arrival) {
	type target struct {
		account uuid.UUID
		to      string
	}
	targets := map[target]*account{}
	for _, r := range rows {
		a, list, err := s.decodeOne(ctx, r)
		for _, e := range list {
			t := target{r.account, e.To}
			if targets[t] == nil && err == nil {
				targets[t], err = s.addressee(ctx, a, e.To)
			}
			if err == nil {
				arrivals = append(arrivals, &arrival{of: r, account: targets[t], event: e})
			}
		}
		r.err = err
	}
	return arrivals
}

func (s *Service) decodeOne(ctx context.Context, r *inboxRow) (a *account, list []Event, err error) {
	o, ok := s.known.at(r.account, r.version)
	if a = o.account; !ok {
		if a, o.channel, err = s.opened(ctx, r.tenant, r.account); err != nil {
			return nil, nil, err
		}
	}
	list, err = o.channel.Decode(r.hook)
	if err != nil {
		s.metrics.messages.WithLabelValues(string(a.Channel), "in", "unreadable").Inc()
		return nil, nil, fault.New(fault.Invalid, "hook_unreadable", "The platform's request cannot be read.").Because(err)
	}
	return a, list, nil
}

// readLane lets the events of some customers have their effect.
func (s *Service) readLane(ctx context.Context, lane []*arrival) {
	for len(lane) > 0 && ctx.Err() == nil {
		var now []*arrival
		now, lane = together(lane)
		s.receiveTogether(ctx, now)
		s.reached("received")
	}
}

// together takes from a lane what goes into one transaction: its first event, and if that is plain, such of the same account's other customers.
func together(lane []*arrival) (now, later []*arrival) {
	if !lane[0].plain() {
		return lane[:1], lane[1:]
	}
	busy := make(map[string]bool, len(lane))
	for _, a := range lane {
		who := a.customer()
		if len(now) < mostTogether && a.plain() && a.account.ID == lane[0].account.ID && !busy[who] {
			now = append(now, a)
		} else {
			later = append(later, a)
		}
		busy[who] = true
	}
	return now, later
}

// receiveTogether lets events have their effect in one transaction, as far as they can. If that fails, each is alone: one bad event keeps nobody's back.
func (s *Service) receiveTogether(ctx context.Context, now []*arrival) {
	if len(now) > 1 {
		list := make([]Event, len(now))
		for i, a := range now {
			list[i] = a.event
		}
		left, err := s.receiveAll(ctx, now[0].account, list)
		if err == nil {
			all := now
			now = nil
			for _, n := range left {
				now = append(now, all[n])
			}
		} else if ctx.Err() == nil {
			s.log.Warn("messages could not be taken in together; each is tried alone", "messages", len(now), "err", err)
		}
	}
	for _, a := range now {
		a.err = s.receive(ctx, a.account, a.event)
	}
}

// settle notes which requests are done. One that failed is tried again later; one that nobody can read is kept for people.
func (s *Service) settle(ctx context.Context, rows []*inboxRow, arrivals []*arrival) {
	for _, a := range arrivals {
		if a.of.err == nil {
			a.of.err = a.err
		}
	}
	var done []uuid.UUID
	for _, r := range rows {
		if r.err == nil {
			done = append(done, r.id)
		} else {
			s.failed(ctx, r)
		}
	}
	if len(done) == 0 {
		return
	}
	err := s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE chat_inbox SET state = 'done', done_at = $2 WHERE inbox_id = ANY ($1)`, done, tx.Now)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("it could not be noted that requests were read; they are read again, without effect", "requests", len(done), "err", err)
	}
}

func (s *Service) failed(ctx context.Context, r *inboxRow) {
	s.log.Error("a platform's request could not be read", "inbox", r.id, "tries", r.tries+1, "err", r.err)
	state, wait := "new", time.Second<<min(r.tries, 8)
	if r.tries+1 >= inboxTries || fault.KindOf(r.err) == fault.Invalid {
		state = "unreadable"
	}
	if err := s.cfg.DB.Tenant(ctx, r.tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE chat_inbox SET state = $2, tries = tries + 1, next_at = $3, done_at = CASE WHEN $2 = 'unreadable' THEN $4::timestamptz END WHERE inbox_id = $1 AND state = 'new'`,
			r.id, state, tx.Now.Add(wait), tx.Now)
		return err
	}); err != nil && ctx.Err() == nil {
		s.log.Error("a failed read could not be noted", "err", err)
	}
}

// addressee is the account that an event is for, where one hook serves several: that with the platform's id among the tenant's of the same
// channel, otherwise the hook's own.
func (s *Service) addressee(ctx context.Context, a *account, to string) (*account, error) {
	if to == "" {
		return a, nil
	}
	found := a
	err := s.cfg.DB.Tenant(ctx, a.Tenant, func(tx *storage.Tx) error {
		other, err := s.scanAccount(ctx, tx, tx.QueryRow(ctx, `SELECT `+accountColumns+` FROM chat_accounts
			WHERE channel = $1 AND archived_at IS NULL AND $2 IN (settings->>'phone_number_id', settings->>'page_id', settings->>'ig_id') ORDER BY created_at, account_id LIMIT 1`, a.Channel, to))
		if isNone(err) {
			return nil
		}
		found = other
		return err
	})
	return found, wrap("look whom an event is for", err)
}

// purgeInbox forgets what platforms no longer repeat.
func (s *Service) purgeInbox(ctx context.Context) error {
	return s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		for _, sql := range []string{
			`DELETE FROM chat_inbox WHERE state = 'done' AND done_at < $1`,
			`DELETE FROM chat_seen WHERE at < $1`,
			`DELETE FROM chat_receipts WHERE created_at < $1`,
		} {
			if _, err := tx.Exec(ctx, sql, tx.Now.Add(-inboxKeep)); err != nil {
				return err
			}
		}
		return nil
	})
}
