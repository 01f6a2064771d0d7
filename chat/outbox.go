package chat

import (
	"context"
	"errors"
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
