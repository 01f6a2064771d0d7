package chat

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// receiver lets one event of an account have its effect in one transaction. Locks are taken in one order: the event's key, customer, conversation,
// messages.
type receiver struct {
	s       *Service
	tx      *storage.Tx
	account *account
	e       Event // cleaned
	place   int   // in the list that it came with

	p      *person
	c      *row
	m      *newMessage
	fresh  bool // m was not there yet
	placed bool // c need not be routed
}

// Receive takes over what an account's customers did, as from a hook; for the web widget, whose events need no inbox.
func (s *Service) Receive(ctx context.Context, tenant, accountID uuid.UUID, list ...Event) error {
	a, _, err := s.opened(ctx, tenant, accountID)
	for _, e := range list {
		if err == nil {
			err = s.receive(ctx, a, e)
		}
	}
	return wrap("receive", err)
}

// receive lets one event have its effect, once, in one transaction.
func (s *Service) receive(ctx context.Context, a *account, e Event) error {
	_, err := s.receiveAll(ctx, a, []Event{e})
	return err
}

// receiveAll lets events have their effect, each once, in one transaction: one of any kind, or messages of different customers of an account. Of
// several those are left that do more than to go on with a conversation: it returns their places in the list, for receive.
func (s *Service) receiveAll(ctx context.Context, a *account, list []Event) (left []int, err error) {
	list = slices.Clone(list)
	for i, e := range list {
		list[i] = cleaned(e)
	}
	var fresh []*receiver
	err = s.cfg.DB.Tenant(ctx, a.Tenant, func(tx *storage.Tx) error {
		left = nil
		mine := *a // what becomes of the account is noted there
		rs := make([]*receiver, len(list))
		for i, e := range list {
			if e.At.IsZero() || e.At.After(tx.Now.Add(clockSkew)) {
				e.At = tx.Now
			}
			rs[i] = &receiver{s: s, tx: tx, account: &mine, e: e, place: i}
		}
		fresh, err = unseen(ctx, rs)
		if err != nil || len(fresh) == 0 {
			return err
		}
		if len(list) == 1 {
			return fresh[0].apply(ctx)
		}
		usual, unusual, err := meet(ctx, fresh)
		if err != nil {
			return err
		}
		for _, r := range unusual {
			left = append(left, r.place)
		}
		fresh = usual
		if err := said(ctx, usual); err != nil {
			return err
		}
		return forget(ctx, unusual)
	})
	if err == nil {
		s.countIncoming(a, list, fresh, left)
	}
	return left, err
}

// countIncoming counts messages of customers: those that were left are counted when they are taken alone.
func (s *Service) countIncoming(a *account, list []Event, fresh []*receiver, left []int) {
	for i, e := range list {
		if e.Message == nil || e.Message.Echo || slices.Contains(left, i) {
			continue
		}
		result := "duplicate"
		if slices.ContainsFunc(fresh, func(r *receiver) bool { return r.place == i }) {
			result = "stored"
		}
		s.metrics.messages.WithLabelValues(string(a.Channel), "in", result).Inc()
	}
}

// clockSkew is how far a platform's clock may be ahead.
const clockSkew = 2 * time.Minute

// unseen notes the events' keys and returns those events that are seen for the first time; one without a key always is.
func unseen(ctx context.Context, rs []*receiver) ([]*receiver, error) {
	var keys []string
	for _, r := range rs {
		if r.e.Key != "" {
			keys = append(keys, r.e.Key)
		}
	}
	slices.Sort(keys) // so that nobody waits in a circle
	tx, a := rs[0].tx, rs[0].account
	rows, err := tx.Query(ctx, `INSERT INTO chat_seen (account_id, key, tenant_id, at) SELECT $1, key, $2, $3 FROM unnest($4::text[]) AS key ON CONFLICT DO NOTHING RETURNING key`,
		a.ID, a.Tenant, tx.Now, slices.Compact(keys))
	if err != nil {
		return nil, err
	}
	first, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.DeleteFunc(slices.Clone(rs), func(r *receiver) bool {
		if r.e.Key == "" {
			return false
		}
		i := slices.Index(first, r.e.Key)
		if i >= 0 {
			first = slices.Delete(first, i, i+1) // one event of two with the same key
		}
		return i < 0
	}), wrap("note events' keys", err)
}

// forget takes back that events were seen, which are left to be taken alone.
func forget(ctx context.Context, left []*receiver) error {
	if len(left) == 0 {
		return nil
	}
	keys := make([]string, len(left))
	for i, r := range left {
		keys[i] = r.e.Key
	}
	_, err := left[0].tx.Exec(ctx, `DELETE FROM chat_seen WHERE account_id = $1 AND key = ANY ($2)`, left[0].account.ID, keys)
	return wrap("take events' keys back", err)
}

// apply lets an event of any kind have its effect.
func (r *receiver) apply(ctx context.Context) error {
	switch e := r.e; {
	case e.Message != nil:
		return r.message(ctx)
	case e.Receipt != nil:
		return r.receipt(ctx, *e.Receipt)
	case e.Reaction != nil, e.Edit != nil, e.Unsend != nil:
		return r.change(ctx)
	case e.Typing != nil:
		return r.typing(ctx)
	case e.Contact != nil:
		return r.contact(ctx, *e.Contact)
	case e.Template != nil:
		return r.s.templateNews(ctx, r.tx, r.account, *e.Template)
	case e.Account != nil:
		return r.s.accountNews(ctx, r.tx, r.account, *e.Account)
	}
	return nil
}

func (r *receiver) message(ctx context.Context) (err error) {
	if r.p, err = r.person(ctx); err != nil {
		return err
	}
	if r.e.Message.Echo {
		return r.echo(ctx)
	}
	if r.c, err = r.conversation(ctx); err != nil {
		return err
	}
	return said(ctx, []*receiver{r})
}

// meet finds the people and conversations of messages of different customers, and locks them. Messages that do not simply go on with an open
// conversation that is where it belongs are unusual: what they take is locked, if at all, for nothing.
func meet(ctx context.Context, rs []*receiver) (usual, unusual []*receiver, err error) {
	first := rs[0]
	known, unusual, err := acquainted(ctx, rs)
	if err != nil {
		return nil, nil, err
	}
	people := make([]uuid.UUID, len(known))
	for i, r := range known {
		people[i] = r.p.id
	}
	rows, err := first.tx.Query(ctx, `SELECT `+rowColumns+` FROM conversations WHERE person_id = ANY ($1) AND state <> 'closed' ORDER BY conversation_id FOR UPDATE`, people)
	if err != nil {
		return nil, nil, err
	}
	open, ids := map[uuid.UUID]*row{}, []uuid.UUID{}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*row, error) { return scanRow(r) })
	if err != nil {
		return nil, nil, wrap("find conversations", err)
	}
	for _, c := range list {
		open[c.person], ids = c, append(ids, c.id)
	}
	waiting, err := first.s.cfg.Queues.ItemsIn(ctx, first.tx, ids)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range known {
		if c := open[r.p.id]; c != nil && c.state == Open {
			_, waits := waiting[c.id]
			r.c, r.placed = c, waits || c.placed(r.e.Message.Kind != Begin)
		}
		if r.placed || r.c != nil && r.e.Message.Standby {
			usual = append(usual, r)
		} else {
			unusual = append(unusual, r)
		}
	}
	return usual, unusual, nil
}

// said stores messages of customers, each in its conversation, and lets what follows from them happen.
func said(ctx context.Context, rs []*receiver) error {
	if len(rs) == 0 {
		return nil
	}
	for _, r := range rs {
		r.m = r.incoming()
	}
	rs, err := store(ctx, rs)
	if err != nil || len(rs) == 0 {
		return err
	}
	cs := make([]*row, len(rs))
	for i, r := range rs {
		if cs[i] = r.c; r.placed || r.e.Message.Standby {
			continue
		}
		if err := r.s.route(ctx, r.tx, r.c, r.m.kind != Begin); err != nil {
			return err
		}
	}
	users, err := audiences(ctx, rs[0].tx, cs...)
	if err != nil {
		return err
	}
	entries := make([]events.Entry, len(rs))
	for i, r := range rs {
		t, typ := r.c.told(), "conversation.updated"
		if !r.e.Message.Standby {
			typ, t.Message, t.Direction, t.Author, t.Measure = "conversation.message", r.m.id, In, r.m.author, r.c.heard(r.m)
		}
		entries[i] = events.Entry{Tenant: r.c.tenant, Type: typ, Subject: r.c.id, Data: t, Users: users[r.c.id]}
	}
	return rs[0].s.cfg.Events.AppendAll(ctx, rs[0].tx, entries)
}

// incoming is the customer's message as it is stored.
func (r *receiver) incoming() *newMessage {
	in := r.e.Message
	m := &newMessage{
		at: r.e.At, direction: In, author: ByCustomer, authorName: r.p.Name, kind: in.Kind, text: in.Text, body: in.Body, raw: in.Raw, external: in.ID,
		quoteExternal: in.Quote, quoteToken: in.QuoteToken, readToken: in.ReadToken, album: in.Album,
	}
	if m.kind == System {
		m.direction, m.author = Internal, BySystem
	}
	if len(in.Media) > 0 && (m.kind == "" || m.kind == Text) {
		m.kind = MediaOf
	}
	if client, err := uuid.Parse(in.ID); err == nil && r.account.Channel == Web {
		m.client = &client
	}
	return m
}

// store writes messages with their files and what they say of their customers, and lets what overtook them have its effect. It returns those
// that were not there yet.
func store(ctx context.Context, rs []*receiver) (fresh []*receiver, err error) {
	tx, b := rs[0].tx, &pgx.Batch{}
	for _, r := range rs {
		r.reaches(b)
		r.c.put(b, tx.Now, r.m, &r.fresh)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, wrap("write messages", err)
	}
	var external []string
	for _, r := range rs {
		if !r.fresh {
			continue
		}
		if err := r.attach(ctx, r.m.id, r.e.Message.Media); err != nil {
			return nil, err
		}
		fresh, external = append(fresh, r), append(external, r.m.external)
	}
	return fresh, rs[0].early(ctx, external...)
}

func (r *receiver) attach(ctx context.Context, message uuid.UUID, refs []MediaRef) error {
	if len(refs) == 0 || r.s.cfg.Media == nil {
		return nil
	}
	if r.account.Channel == Web { // they were uploaded to us
		var files []uuid.UUID
		for _, ref := range refs {
			if id, err := uuid.Parse(ref.ID); err == nil {
				files = append(files, id)
			}
		}
		return r.s.cfg.Media.bind(ctx, r.tx, message, files)
	}
	return r.s.cfg.Media.attachIncoming(ctx, r.tx, r.account.ID, message, refs)
}

// latest finds the customer's conversation, opens the last one again, or begins one.
func (r *receiver) latest(ctx context.Context) (*row, error) {
	c, err := openConversation(ctx, r.tx, r.p.id)
	if errors.Is(err, pgx.ErrNoRows) {
		c, err = r.reopened(ctx)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return r.begin(ctx)
	}
	return c, err
}

// conversation is the conversation that the customer goes on with: one that was put aside is woken.
func (r *receiver) conversation(ctx context.Context) (*row, error) {
	c, err := r.latest(ctx)
	if err != nil || c.state == Open {
		return c, wrap("find the conversation", err)
	}
	c.woken = true
	if c.state, err = c.state.next(customerWrites); err != nil {
		return nil, err
	}
	_, err = r.tx.Exec(ctx, `UPDATE conversations SET state = $2, snoozed_until = NULL WHERE conversation_id = $1`, c.id, c.state)
	if err == nil {
		err = c.note(ctx, r.tx, "woken", c.owner, nil, nil)
	}
	return c, err
}

// reopened opens the customer's last conversation again, as long as the tenant wants that.
func (r *receiver) reopened(ctx context.Context) (*row, error) {
	set, err := readSettings(ctx, r.tx)
	if err != nil {
		return nil, err
	}
	since := time.Time{}
	if set.ReopenDays > 0 {
		since = r.tx.Now.AddDate(0, 0, -set.ReopenDays)
	}
	c, err := scanRow(r.tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM conversations
		WHERE person_id = $1 AND state = 'closed' AND close_reason <> 'merged' AND closed_at >= $2 ORDER BY closed_at DESC LIMIT 1 FOR UPDATE`, r.p.id, since))
	if err != nil {
		return nil, err
	}
	return c, r.s.reopen(ctx, r.tx, c, customerWrites)
}

// begin makes a conversation.
func (r *receiver) begin(ctx context.Context) (*row, error) {
	p := r.p
	c := &row{
		id: storage.NewID(), tenant: r.tx.Tenant, account: r.account.ID, person: p.id, contact: p.contact, channel: r.account.Channel, state: Open, ownerKind: NoOwner,
		queue: r.account.queue, language: p.Language, openedAt: r.tx.Now,
	}
	_, err := r.tx.Exec(ctx, `
		INSERT INTO conversations (conversation_id, tenant_id, account_id, channel, person_id, contact_id, state, queue_id, language, last_at, opened_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`, c.id, c.tenant, c.account, c.channel, c.person, c.contact, c.state, c.queue, c.language, r.e.At, r.tx.Now)
	if err != nil {
		return nil, wrap("begin a conversation", err)
	}
	if err := c.note(ctx, r.tx, "opened", nil, nil, nil); err != nil {
		return nil, err
	}
	return c, r.s.tell(ctx, r.tx, c, "conversation.opened", nil)
}

// echo is a message of ours that comes back, or one that somebody sent for us elsewhere.
func (r *receiver) echo(ctx context.Context) error {
	in := r.e.Message
	if in.EchoOf != uuid.Nil {
		tag, err := r.tx.Exec(ctx, `UPDATE chat_outbox SET external_id = $2 WHERE outbox_id = $1 AND external_id IS NULL`, in.EchoOf, in.ID)
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
	}
	known, busy := false, false
	err := r.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM messages WHERE account_id = $1 AND external_id = $2) OR EXISTS (SELECT FROM chat_outbox WHERE account_id = $1 AND external_id = $2),
		       EXISTS (SELECT FROM chat_outbox WHERE person_id = $3 AND state = 'sending')`, r.account.ID, in.ID, r.p.id).Scan(&known, &busy)
	if err != nil || known {
		return err
	}
	if busy { // perhaps the one that is under way: its answer will tell
		return r.keepEarly(ctx, in.ID)
	}
	return r.elsewhere(ctx)
}

// elsewhere stores what was sent for us by another program.
func (r *receiver) elsewhere(ctx context.Context) (err error) {
	if r.c, err = r.latest(ctx); err != nil {
		return err
	}
	in := r.e.Message
	r.m = &newMessage{
		at: r.e.At, direction: Out, author: ByApp, authorName: in.Via, kind: in.Kind, text: in.Text, body: in.Body, raw: in.Raw, external: in.ID,
		quoteExternal: in.Quote, album: in.Album, status: StatusSent,
	}
	fresh, err := store(ctx, []*receiver{r})
	if err != nil || len(fresh) == 0 {
		return err
	}
	return r.s.tell(ctx, r.tx, r.c, "conversation.updated", func(t *told) { t.Message, t.Direction, t.Author, t.Measure = r.m.id, Out, ByApp, &measure{Said: Out} })
}
