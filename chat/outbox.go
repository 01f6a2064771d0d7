package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

const (
	mostSending = 96 // messages on their way at once
	mostAccount = 32 // of one account: a platform that hangs holds up nobody else
	sendWithin  = 60 * time.Second
	sendLease   = 90 * time.Second
	sendTries   = 12
	longestWait = 10 * time.Minute // between two tries
)

// sending is a row of the outbox that this node has.
type sending struct {
	id, tenant, account, person, message uuid.UUID
	part, tries                          int
	epoch                                int64
	doubt                                bool // an earlier try was cut off: nobody knows what became of it
	draft                                draft
}

// underway counts what this node is sending, by account.
type underway struct {
	mu    sync.Mutex
	all   int
	each  map[uuid.UUID]int
	ended chan struct{} // has one while nobody has looked since a message ended
}

func newUnderway() underway {
	return underway{each: map[uuid.UUID]int{}, ended: make(chan struct{}, 1)}
}

func (u *underway) begin(account uuid.UUID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all++
	u.each[account]++
}

func (u *underway) end(account uuid.UUID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.each[account]--; u.each[account] == 0 {
		delete(u.each, account)
	}
	select {
	case u.ended <- struct{}{}:
	default:
	}
}

// room is how many more messages can be sent now, and how many of each account are.
func (u *underway) room() (n int, each map[uuid.UUID]int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return mostSending - u.all, maps.Clone(u.each)
}

// sendOutbox sends what is due: several customers' at once, of each customer one message at a time and in order (CH-7).
func (s *Service) sendOutbox(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	return s.loop(ctx, wakeOutbox, "sending the outbox", s.sends.ended, func(ctx context.Context) (bool, error) {
		batch, err := s.claim(ctx)
		for _, o := range batch {
			s.sends.begin(o.account)
			all.Go(func() {
				defer s.sends.end(o.account)
				s.sendOne(ctx, o)
			})
		}
		return len(batch) > 0, err
	})
}

// claim takes the first due message of as many customers as there is room for. A row that is being sent has a lease, after which it is
// taken over.
func (s *Service) claim(ctx context.Context) (batch []sending, err error) {
	room, each := s.sends.room()
	if room == 0 {
		return nil, nil
	}
	full := []uuid.UUID{}
	for account, n := range each {
		if n >= mostAccount {
			full = append(full, account)
		}
	}
	err = s.cfg.DB.Worker(ctx, func(tx *storage.Tx) error {
		batch = nil
		taken := map[uuid.UUID]int{}
		rows, err := tx.Query(ctx, `
			SELECT o.outbox_id, o.tenant_id, o.account_id, o.person_id, o.message_id, o.part, o.tries, o.epoch, o.state = 'sending' OR o.verdict = 'doubt', o.outgoing
			FROM chat_outbox o JOIN chat_accounts a USING (account_id) JOIN chat_people p USING (person_id)
			WHERE o.state IN ('waiting', 'sending') AND o.next_at <= $1 AND (o.state = 'waiting' OR o.lease_until < $1)
			  AND a.state = 'ok' AND a.enabled AND (p.held_until IS NULL OR p.held_until <= $1)
			  AND NOT EXISTS (SELECT FROM chat_outbox e WHERE e.person_id = o.person_id AND e.state IN ('waiting', 'sending') AND e.seq < o.seq)
			  AND o.account_id <> ALL($3)
			ORDER BY o.next_at, o.seq LIMIT $2 FOR UPDATE OF o SKIP LOCKED`, tx.Now, room, full)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o sending, err error) {
			return o, row.Scan(&o.id, &o.tenant, &o.account, &o.person, &o.message, &o.part, &o.tries, &o.epoch, &o.doubt, &o.draft)
		})
		if err != nil {
			return err
		}
		s.metrics.outbox.Set(float64(len(found)))
		for _, o := range found {
			if taken[o.account]++; each[o.account]+taken[o.account] > mostAccount {
				continue
			}
			wait, err := s.tokens(ctx, tx, &o)
			if err != nil {
				return err
			}
			if wait > 0 {
				if _, err := tx.Exec(ctx, `UPDATE chat_outbox SET next_at = $2 WHERE outbox_id = $1`, o.id, tx.Now.Add(wait)); err != nil {
					return err
				}
				continue
			}
			o.epoch++
			o.tries++
			if _, err := tx.Exec(ctx, `UPDATE chat_outbox SET state = 'sending', lease_until = $2, epoch = $3, tries = $4 WHERE outbox_id = $1`, o.id, tx.Now.Add(sendLease), o.epoch, o.tries); err != nil {
				return err
			}
			batch = append(batch, o)
		}
		return nil
	})
	return batch, wrap("take messages to send", err)
}

// tokens takes a token of the account and one of the pair, or says how long to wait. Buckets are rows: nodes share them.
func (s *Service) tokens(ctx context.Context, tx *storage.Tx, o *sending) (time.Duration, error) {
	a, err := s.account(ctx, tx, o.account)
	if err != nil {
		return 0, err
	}
	var takes []func() error
	for _, b := range []struct {
		key  string
		rate Rate
	}{{o.account.String() + "/" + o.person.String(), a.traits.Pair}, {o.account.String(), a.traits.Rate}} {
		wait, take, err := bucket(ctx, tx, o.tenant, b.key, b.rate)
		if err != nil || wait > 0 {
			return wait, err
		}
		takes = append(takes, take)
	}
	for _, take := range takes { // from both, or from none
		if err := take(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// bucket is a generic cell rate algorithm (ITU-T I.371): tat is when the bucket would be full again. take takes what need not be waited for.
func bucket(ctx context.Context, tx *storage.Tx, tenant uuid.UUID, key string, r Rate) (wait time.Duration, take func() error, err error) {
	if r.Per == 0 {
		return 0, func() error { return nil }, nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO chat_rates (key, tenant_id, tat) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, key, tenant, tx.Now); err != nil {
		return 0, nil, err
	}
	var tat time.Time
	if err := tx.QueryRow(ctx, `SELECT tat FROM chat_rates WHERE key = $1 FOR UPDATE`, key).Scan(&tat); err != nil {
		return 0, nil, err
	}
	if tat.Before(tx.Now) {
		tat = tx.Now
	}
	next := tat.Add(r.Per)
	if wait := next.Sub(tx.Now) - time.Duration(max(1, r.Burst))*r.Per; wait > 0 {
		return wait, nil, nil
	}
	return 0, func() error {
		_, err := tx.Exec(ctx, `UPDATE chat_rates SET tat = $2 WHERE key = $1`, key, next)
		return err
	}, nil
}

// sendOne sends a row and stores what came of it.
func (s *Service) sendOne(ctx context.Context, o sending) {
	sent, a, err := s.transmit(ctx, o)
	if ctx.Err() != nil && err != nil { // the program ends: the lease runs out, and another node goes on
		return
	}
	s.reached("sent")
	// What has happened is stored even while the program ends.
	store, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err == nil {
		err = s.sentOne(store, a, o, sent)
	} else {
		err = s.notSent(store, a, o, verdictOf(err))
	}
	if err != nil {
		s.log.Error("what became of a message could not be stored; it is looked at again when its lease is over", "outbox", o.id, "err", err)
	}
}

func verdictOf(err error) *SendError {
	var e *SendError
	if errors.As(err, &e) {
		return e
	}
	return &SendError{Verdict: VerdictRetry, Err: err}
}

// transmit builds the message and hands it to the channel.
func (s *Service) transmit(ctx context.Context, o sending) (sent Sent, a *account, err error) {
	out := Outgoing{
		ID: o.id, Doubt: o.doubt, Kind: o.draft.Kind, Text: o.draft.Text, Body: o.draft.Body, Author: o.draft.Author, Name: o.draft.Name, Quote: o.draft.Quote,
		QuoteToken: o.draft.QuoteToken, React: o.draft.React, Edit: o.draft.Edit, Unsend: o.draft.Unsend,
	}
	var can Composer
	err = s.cfg.DB.Tenant(ctx, o.tenant, func(tx *storage.Tx) error {
		if a, err = s.account(ctx, tx, o.account); err != nil {
			return err
		}
		p, err := personOf(ctx, tx, o.person)
		if err != nil {
			return err
		}
		out.To = p.Person
		if err := o.takeToken(ctx, tx, p); err != nil {
			return err
		}
		out.Reply, out.ReplyUntil = o.draft.Reply, o.draft.ReplyUntil
		can, err = s.mayStill(ctx, tx, a, p, o)
		return err
	})
	if err != nil {
		return sent, a, err
	}
	if o.doubt && !a.traits.Repeats {
		return sent, a, &SendError{Verdict: VerdictDoubt}
	}
	if !can.Open && o.draft.Kind != Templated || !can.Open && can.Why != VerdictWindow {
		return sent, a, &SendError{Verdict: can.Why}
	}
	out.Tag = can.Tag
	if o.draft.Attachment != uuid.Nil {
		if out.Media, err = s.cfg.Media.outgoing(ctx, o.tenant, o.draft.Attachment, a.traits); err != nil {
			return sent, a, &SendError{Verdict: VerdictRejected, Code: "attachment", Err: err}
		}
		if out.Media.Link { // what the channel does not take goes as a link
			out.Text, out.Kind = linkText(out.Text, out.Media), Text
			out.Media = nil
		}
	}
	c, err := s.channel(a)
	if err != nil {
		return sent, a, err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	sent, err = c.Send(ctx, out)
	s.metrics.sending.Observe(time.Since(began).Seconds())
	return sent, a, err
}

// takeToken gives a message the customer's reply token. It is good for one answer, whatever comes of it; another try is with the same one.
func (o *sending) takeToken(ctx context.Context, tx *storage.Tx, p *person) error {
	if o.draft.Reply != "" || o.doubt || p.replyUntil == nil || p.reply == "" || o.part >= alteration {
		return nil
	}
	o.draft.Reply, o.draft.ReplyUntil = p.reply, *p.replyUntil
	if _, err := tx.Exec(ctx, `UPDATE chat_people SET reply_token = '' WHERE person_id = $1`, p.id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE chat_outbox SET outgoing = $2 WHERE outbox_id = $1`, o.id, o.draft)
	return err
}

func linkText(text string, m *OutgoingMedia) string {
	link := m.Name + ": " + m.URL
	if text == "" {
		return link
	}
	return text + "\n" + link
}

// mayStill looks once more whether the window is open, at the time of sending.
func (s *Service) mayStill(ctx context.Context, tx *storage.Tx, a *account, p *person, o sending) (Composer, error) {
	set, err := settingsOf(ctx, tx, o.tenant)
	if err != nil {
		return Composer{}, err
	}
	c, err := lockConversationOf(ctx, tx, o.message)
	if err != nil {
		return Composer{}, err
	}
	st, err := standingOf(ctx, tx, a, p, c, set)
	return canSend(st, o.draft.Author, tx.Now), err
}

// mine locks the customer, the conversation and the row, in the order of everybody; nil when another node has the row by now.
func (o sending) mine(ctx context.Context, tx *storage.Tx) (*row, error) {
	if _, err := personOf(ctx, tx, o.person); err != nil && !errors.Is(err, pgx.ErrNoRows) { // united with another one meanwhile
		return nil, err
	}
	c, err := lockConversationOf(ctx, tx, o.message)
	if err != nil {
		return nil, err
	}
	var epoch int64
	err = tx.QueryRow(ctx, `SELECT epoch FROM chat_outbox WHERE outbox_id = $1 AND state = 'sending' FOR UPDATE`, o.id).Scan(&epoch)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && epoch != o.epoch {
		return nil, nil
	}
	return c, err
}

// sentOne stores that the platform has taken a message, with the receipts that overtook its answer.
func (s *Service) sentOne(ctx context.Context, a *account, o sending, sent Sent) error {
	status := sent.Status
	if status == "" {
		status = StatusSent
	}
	err := s.cfg.DB.Tenant(ctx, o.tenant, func(tx *storage.Tx) error {
		c, err := o.mine(ctx, tx)
		if err != nil || c == nil {
			return err
		}
		o.person = c.person // who may have been united with another one meanwhile
		if sent.ID != "" {
			if err := one(ctx, tx, o.account, sent.ID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE chat_outbox SET state = 'done', done_at = $2, lease_until = NULL, external_id = coalesce(nullif($3, ''), external_id) WHERE outbox_id = $1`, o.id, tx.Now, sent.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE chat_people SET window_sends = window_sends + 1, held_until = NULL WHERE person_id = $1`, o.person); err != nil {
			return err
		}
		if o.part >= alteration {
			return nil
		}
		if o.part == 0 {
			if _, err := tx.Exec(ctx, `UPDATE messages SET external_id = nullif($2, ''), quote_token = $3 WHERE message_id = $1 AND external_id IS NULL`, o.message, sent.ID, sent.QuoteToken); err != nil {
				return err
			}
		}
		if o.draft.Kind == Templated {
			if err := countOpening(ctx, tx, o); err != nil {
				return err
			}
		}
		if err := s.fare(ctx, tx, o.id, o.message, Receipt{ID: sent.ID, Status: status}, tx.Now); err != nil {
			return err
		}
		return s.overtaken(ctx, tx, a, o, sent.ID)
	})
	if err == nil {
		s.metrics.messages.WithLabelValues(string(a.Channel), "out", "sent").Inc()
	}
	return err
}

// overtaken lets receipts, echoes and changes have their effect that came before the answer to the send.
func (s *Service) overtaken(ctx context.Context, tx *storage.Tx, a *account, o sending, external string) error {
	if external == "" {
		return nil
	}
	rows, err := tx.Query(ctx, `UPDATE chat_receipts SET matched = true WHERE account_id = $1 AND external_id IN ($2, $3) AND NOT matched RETURNING status, coalesce(at, created_at), detail`, o.account, external, o.id.String())
	if err != nil {
		return err
	}
	type news struct {
		Status Status
		At     time.Time
		Detail json.RawMessage
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[news])
	if err != nil {
		return err
	}
	for _, n := range all {
		rec := Receipt{ID: external, Status: n.Status}
		var detail struct {
			Verdict Verdict
			Code    string
			Detail  string
			Price   map[string]string
		}
		if err := json.Unmarshal(n.Detail, &detail); err != nil {
			return fmt.Errorf("read a receipt: %w", err)
		}
		if rec.Price = detail.Price; detail.Verdict != "" {
			rec.Err = &SendError{Verdict: detail.Verdict, Code: detail.Code, Detail: detail.Detail}
		}
		if err := s.fare(ctx, tx, o.id, o.message, rec, n.At); err != nil {
			return err
		}
	}
	return (&receiver{s: s, tx: tx, account: a}).early(ctx, external)
}

// countOpening counts a customer to whom we have written outside the window: the platform's limit counts each once in 24 hours.
func countOpening(ctx context.Context, tx *storage.Tx, o sending) error {
	_, err := tx.Exec(ctx, `INSERT INTO chat_openings (account_id, person_id, tenant_id, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id, person_id) DO UPDATE SET at = excluded.at WHERE chat_openings.at < excluded.at - interval '24 hours'`, o.account, o.person, o.tenant, tx.Now)
	return err
}

// notSent stores a failed try, and what follows by its verdict.
func (s *Service) notSent(ctx context.Context, a *account, o sending, why *SendError) error {
	wait := max(why.After, min(longestWait, time.Second<<min(o.tries-1, 20)))
	dead := false
	err := s.cfg.DB.Tenant(ctx, o.tenant, func(tx *storage.Tx) error {
		dead = false
		c, err := o.mine(ctx, tx)
		if err != nil || c == nil {
			return err
		}
		o.person = c.person
		if a != nil {
			if err := s.consequences(ctx, tx, a, o.person, why); err != nil {
				return err
			}
		}
		again := func(at time.Time, tries int) error {
			_, err := tx.Exec(ctx, `UPDATE chat_outbox SET state = 'waiting', lease_until = NULL, next_at = $2, tries = $3, verdict = $4, error = $5 WHERE outbox_id = $1`,
				o.id, at, tries, why.Verdict, failureOf(why))
			return err
		}
		switch why.Verdict {
		case VerdictReauthorise, VerdictPaused: // waits for an administrator; that is no try
			return again(tx.Now, o.tries-1)
		case VerdictThrottled:
			if err := slow(ctx, tx, o, wait); err != nil {
				return err
			}
			return again(tx.Now.Add(wait), min(o.tries, sendTries-1))
		case VerdictPair:
			// 4^X seconds, as the platform asks; this customer's other messages wait with it.
			wait = max(why.After, min(longestWait, time.Second<<min(2*(o.tries-1), 20)))
			if _, err := tx.Exec(ctx, `UPDATE chat_people SET held_until = $2 WHERE person_id = $1`, o.person, tx.Now.Add(wait)); err != nil {
				return err
			}
			return again(tx.Now.Add(wait), min(o.tries, sendTries-1))
		case VerdictDoubt:
			if a != nil && a.traits.Repeats && o.tries < sendTries {
				return again(tx.Now.Add(wait), o.tries)
			}
		case VerdictRetry:
			if o.tries < sendTries {
				return again(tx.Now.Add(wait), o.tries)
			}
		}
		dead = true
		return s.giveUp(ctx, tx, c, o, why)
	})
	if err == nil && dead {
		channel := "unknown"
		if a != nil {
			channel = string(a.Channel)
		}
		s.metrics.messages.WithLabelValues(channel, "out", "failed").Inc()
		s.metrics.dead.WithLabelValues(channel, string(why.Verdict)).Inc()
	}
	return err
}

func failureOf(why *SendError) Failure {
	return Failure{Verdict: why.Verdict, Code: why.Code, Detail: clean(why.Detail)}
}

// slow empties the account's bucket for a while.
func slow(ctx context.Context, tx *storage.Tx, o sending, wait time.Duration) error {
	_, err := tx.Exec(ctx, `UPDATE chat_outbox SET next_at = greatest(next_at, $2) WHERE account_id = $1 AND state = 'waiting'`, o.account, tx.Now.Add(wait))
	return err
}

// giveUp ends a message: the agent sees why, and may send it again. Its later parts do not go alone.
func (s *Service) giveUp(ctx context.Context, tx *storage.Tx, c *row, o sending, why *SendError) error {
	_, err := tx.Exec(ctx, `
		UPDATE chat_outbox SET state = 'dead', status = 'failed', lease_until = NULL, done_at = $2, verdict = $3, error = $4
		WHERE message_id = $1 AND state IN ('waiting', 'sending') AND (outbox_id = $5 OR part > $6 AND part < $7)`, o.message, tx.Now, why.Verdict, failureOf(why), o.id, o.part, alteration)
	if err != nil || o.part >= alteration {
		return wrap("give a message up", err)
	}
	return s.setStatus(ctx, tx, c, o.message, StatusFailed, tx.Now, why)
}
