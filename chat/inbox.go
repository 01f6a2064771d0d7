package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

const (
	mostHookBytes = 4 << 20 // Meta sends up to 3 MB
	hookWithin    = 10 * time.Second
	inboxBatch    = 50
	inboxTries    = 8
	inboxLease    = 15 * time.Second
	inboxKeep     = 8 * 24 * time.Hour // platforms repeat for as long
	earlyKeep     = 10 * time.Minute   // receipts and echoes wait so long for the answer to the send
)

var errHookBody = fault.New(fault.TooLarge, "body_too_large", "The request is too large.")

// ServeHook answers requests of platforms to /hooks/{channel}/{account}: it checks the signature, stores what came, and answers.
func (s *Service) ServeHook(w http.ResponseWriter, r *http.Request) {
	channel := queues.Channel(r.PathValue("channel"))
	if _, known := s.makers[channel]; !known {
		http.NotFound(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), hookWithin)
	defer cancel()
	answer, err := s.hook(ctx, channel, r.PathValue("account"), w, r)
	if err != nil {
		s.refuseHook(w, channel, err)
		return
	}
	s.metrics.hooks.WithLabelValues(string(channel), "accepted").Inc()
	if answer.Type == "" {
		answer.Type = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", answer.Type)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(answer.Body) // a platform that has gone asks again
}

func (s *Service) refuseHook(w http.ResponseWriter, channel queues.Channel, err error) {
	status, result := http.StatusServiceUnavailable, "failed" // the platform tries again later
	switch fault.KindOf(err) {
	case fault.Unauthorized:
		status, result = http.StatusUnauthorized, "refused"
	case fault.Forbidden:
		status, result = http.StatusForbidden, "refused"
	case fault.NotFound:
		status, result = http.StatusNotFound, "refused"
	case fault.TooLarge:
		status, result = http.StatusRequestEntityTooLarge, "refused"
	case fault.Invalid:
		status, result = http.StatusBadRequest, "refused"
	default:
		s.log.Error("a platform's request could not be stored; the platform will repeat it", "channel", channel, "err", err)
	}
	s.metrics.hooks.WithLabelValues(string(channel), result).Inc()
	http.Error(w, http.StatusText(status), status)
}

func (s *Service) hook(ctx context.Context, channel queues.Channel, name string, w http.ResponseWriter, r *http.Request) (answer Answer, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostHookBytes))
	if err != nil {
		return answer, errHookBody.Because(err)
	}
	a, err := s.hookAccount(ctx, channel, name)
	if err != nil {
		return answer, err
	}
	c, err := s.channel(a)
	if err != nil {
		return answer, err
	}
	h := Hook{Method: r.Method, URL: s.cfg.PublicURL + r.URL.RequestURI(), Query: r.URL.Query(), Header: r.Header, Body: body}
	if answer, err = c.Accept(h); err != nil || !answer.Events {
		return answer, err
	}
	return answer, s.keep(ctx, a, h)
}

// hookAccount finds the account of a hook.
func (s *Service) hookAccount(ctx context.Context, channel queues.Channel, name string) (a *account, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		a, err = s.accountByName(ctx, tx, channel, name)
		return err
	})
	return a, err
}

// keep stores a request as it came, before it is answered.
func (s *Service) keep(ctx context.Context, a *account, h Hook) error {
	h.Header = keptHeaders(h.Header)
	request, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	err = s.cfg.DB.Tenant(ctx, a.Tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO chat_inbox (inbox_id, tenant_id, account_id, request, body, received_at, next_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
			storage.NewID(), a.Tenant, a.ID, request, h.Body, tx.Now)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE chat_accounts SET hook_at = $2 WHERE account_id = $1 AND (hook_at IS NULL OR hook_at < $2::timestamptz - interval '10 seconds')`, a.ID, tx.Now)
		tx.AfterCommit(func() { s.cfg.Bus.Publish(wakeInbox, nil) })
		return err
	})
	s.reached("kept")
	return wrap("store a platform's request", err)
}

// keptHeaders are those that say how a body is to be read; signatures and cookies are of no use any more.
func keptHeaders(h http.Header) http.Header {
	kept := http.Header{}
	if v := h.Get("Content-Type"); v != "" {
		kept.Set("Content-Type", v)
	}
	return kept
}

// readInbox reads what came, in its order, on several goroutines at once: exactly-once comes from the events' keys.
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

// readBatch reads requests, several accounts' at once.
func (s *Service) readBatch(ctx context.Context, rows []inboxRow) {
	lanes := map[int][]inboxRow{} // requests of one account are read one after another
	for _, r := range rows {
		n := int(r.account[15]) % inboxLanes
		lanes[n] = append(lanes[n], r)
	}
	done := make(chan struct{}, len(lanes))
	for _, lane := range lanes {
		go func() {
			defer func() { done <- struct{}{} }()
			for _, r := range lane {
				s.readOne(ctx, r)
			}
		}()
	}
	for range lanes {
		<-done
	}
}

const inboxLanes = 4

type inboxRow struct {
	id, tenant, account uuid.UUID
	hook                Hook
	tries               int
}

func (s *Service) dueInbox(ctx context.Context) (rows []inboxRow, err error) {
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		// A request is this node's for a while; what a node that died had begun is read again, which the events' keys make harmless.
		found, err := tx.Query(ctx, `
			WITH due AS (SELECT inbox_id FROM chat_inbox WHERE state = 'new' AND next_at <= $1 ORDER BY next_at, inbox_id LIMIT $2 FOR UPDATE SKIP LOCKED)
			UPDATE chat_inbox i SET next_at = $3 FROM due WHERE i.inbox_id = due.inbox_id
			RETURNING i.inbox_id, tenant_id, account_id, request, body, tries`, tx.Now, inboxBatch, tx.Now.Add(inboxLease))
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (r inboxRow, err error) {
			var body []byte
			err = row.Scan(&r.id, &r.tenant, &r.account, &r.hook, &body, &r.tries)
			r.hook.Body = body
			return r, err
		})
		return err
	})
	return rows, wrap("read what came", err)
}

// readOne takes one request over. One that fails is tried again later; one that nobody can read is kept for people.
func (s *Service) readOne(ctx context.Context, r inboxRow) {
	err := s.takeOver(ctx, r)
	if err == nil || ctx.Err() != nil {
		return
	}
	s.log.Error("a platform's request could not be read", "inbox", r.id, "tries", r.tries+1, "err", err)
	state, wait := "new", time.Second<<min(r.tries, 8)
	if r.tries+1 >= inboxTries || fault.KindOf(err) == fault.Invalid {
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

func (s *Service) takeOver(ctx context.Context, r inboxRow) error {
	var a *account
	err := s.cfg.DB.Tenant(ctx, r.tenant, func(tx *storage.Tx) (err error) { a, err = s.account(ctx, tx, r.account); return err })
	if err != nil {
		return err
	}
	c, err := s.channel(a)
	if err != nil {
		return err
	}
	list, err := c.Decode(r.hook)
	if err != nil {
		s.metrics.messages.WithLabelValues(string(a.Channel), "in", "unreadable").Inc()
		return fault.New(fault.Invalid, "hook_unreadable", "The platform's request cannot be read.").Because(err)
	}
	for _, e := range list {
		to, err := s.addressee(ctx, a, e.To)
		if err != nil {
			return err
		}
		if err := s.receive(ctx, to, e); err != nil {
			return err
		}
		s.reached("received")
	}
	return s.cfg.DB.Tenant(ctx, r.tenant, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE chat_inbox SET state = 'done', done_at = $2 WHERE inbox_id = $1`, r.id, tx.Now)
		return err
	})
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

// Receive takes over what an account's customers did, as from a hook; for the web widget, whose events need no inbox.
func (s *Service) Receive(ctx context.Context, tenant, accountID uuid.UUID, list ...Event) error {
	var a *account
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) { a, err = s.account(ctx, tx, accountID); return err })
	for _, e := range list {
		if err == nil {
			err = s.receive(ctx, a, e)
		}
	}
	return wrap("receive", err)
}

// receive lets one event have its effect, once, in one transaction.
func (s *Service) receive(ctx context.Context, a *account, e Event) error {
	result := "stored"
	e = cleaned(e)
	err := s.cfg.DB.Tenant(ctx, a.Tenant, func(tx *storage.Tx) error {
		result = "stored"
		if e.Key != "" {
			tag, err := tx.Exec(ctx, `INSERT INTO chat_seen (account_id, key, tenant_id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, a.ID, e.Key, a.Tenant, tx.Now)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				result = "duplicate"
				return nil
			}
		}
		if e.At.IsZero() || e.At.After(tx.Now.Add(clockSkew)) {
			e.At = tx.Now
		}
		return s.apply(ctx, tx, a, e)
	})
	if err != nil {
		return err
	}
	if e.Message != nil && !e.Message.Echo {
		s.metrics.messages.WithLabelValues(string(a.Channel), "in", result).Inc()
	}
	return nil
}

// clockSkew is how far a platform's clock may be ahead.
const clockSkew = 2 * time.Minute

func (s *Service) apply(ctx context.Context, tx *storage.Tx, a *account, e Event) error {
	r := receiver{s: s, tx: tx, account: a, e: e}
	switch {
	case e.Message != nil:
		return r.message(ctx, *e.Message)
	case e.Receipt != nil:
		return r.receipt(ctx, *e.Receipt)
	case e.Reaction != nil, e.Edit != nil, e.Unsend != nil:
		return r.change(ctx)
	case e.Typing != nil:
		return r.typing(ctx)
	case e.Contact != nil:
		return r.contact(ctx, *e.Contact)
	case e.Template != nil:
		return s.templateNews(ctx, tx, a, *e.Template)
	case e.Account != nil:
		return s.accountNews(ctx, tx, a, *e.Account)
	}
	return nil
}

func (s *Service) accountNews(ctx context.Context, tx *storage.Tx, a *account, n AccountEvent) error {
	if len(n.Detail) > 0 {
		if _, err := tx.Exec(ctx, `UPDATE chat_accounts SET detail = detail || $2 WHERE account_id = $1`, a.ID, n.Detail); err != nil {
			return err
		}
	}
	if n.State == "" {
		return nil
	}
	return s.setState(ctx, tx, a, n.State, n.Reason)
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
