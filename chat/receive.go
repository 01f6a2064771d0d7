package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/storage"
)

// receiver lets one event of an account have its effect in one transaction. Locks are taken in one order: customer, conversation, messages.
type receiver struct {
	s       *Service
	tx      *storage.Tx
	account *account
	e       Event
}

// clean leaves out what PostgreSQL cannot keep.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
}

func (r *receiver) message(ctx context.Context, in Incoming) error {
	p, err := r.person(ctx)
	if err != nil {
		return err
	}
	if in.Echo {
		return r.echo(ctx, p, in)
	}
	if err := r.opens(ctx, p, in.Window); err != nil {
		return err
	}
	if in.Reply != "" {
		if _, err := r.tx.Exec(ctx, `UPDATE chat_people SET reply_token = $2, reply_until = $3 WHERE person_id = $1`, p.id, in.Reply, in.ReplyUntil); err != nil {
			return err
		}
	}
	if !p.reachable { // who writes can be written to
		if _, err := r.tx.Exec(ctx, `UPDATE chat_people SET reachable = true, unreachable = '' WHERE person_id = $1`, p.id); err != nil {
			return err
		}
	}
	c, err := r.conversation(ctx, p)
	if err != nil {
		return err
	}
	m := &newMessage{
		at: r.e.At, direction: In, author: ByCustomer, authorName: clean(p.Name), kind: in.Kind, text: clean(in.Text), body: in.Body, raw: rawOf(in.Raw), external: clean(in.ID),
		quoteExternal: clean(in.Quote), quoteToken: in.QuoteToken, readToken: in.ReadToken, album: in.Album,
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
	fresh, err := c.write(ctx, r.tx, m)
	if err != nil || !fresh {
		return err
	}
	if err := r.attach(ctx, m.id, in.Media); err != nil {
		return err
	}
	if err := r.early(ctx, m.external); err != nil {
		return err
	}
	if in.Standby {
		return r.s.tell(ctx, r.tx, c, "conversation.updated", nil)
	}
	if err := r.s.route(ctx, r.tx, c, m.kind != Begin); err != nil {
		return err
	}
	return r.s.tell(ctx, r.tx, c, "conversation.message", func(t *told) { t.Message, t.Direction, t.Author = m.id, In, m.author })
}

// rawOf is JSON as PostgreSQL keeps it: without NUL, halves of characters and numbers beyond all bounds; nil for what is no JSON.
func rawOf(raw []byte) []byte {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	kept, err := json.Marshal(storable(v))
	if err != nil {
		return nil
	}
	return kept
}

func storable(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case json.Number:
		if _, err := v.Float64(); err != nil || len(v) > 40 {
			return string(v)
		}
	case []any:
		for i := range v {
			v[i] = storable(v[i])
		}
	case map[string]any:
		for name, value := range v {
			delete(v, name)
			v[clean(name)] = storable(value)
		}
	}
	return v
}

// cleaned is an event without what PostgreSQL cannot keep.
func cleaned(e Event) Event {
	texts := []*string{&e.Key, &e.From.ID, &e.From.Alias, &e.From.Phone, &e.From.Name, &e.From.Username, &e.From.Language, &e.From.Country, &e.From.Avatar}
	if e.Message != nil {
		m := *e.Message
		e.Message = &m
		texts = append(texts, &m.ID, &m.Text, &m.Quote, &m.Album, &m.Via, &m.Reply, &m.QuoteToken, &m.ReadToken)
		m.Raw = rawOf(m.Raw)
		m.Media = cleanedMedia(m.Media)
		var body Body
		if b, err := json.Marshal(m.Body); err == nil && json.Unmarshal(rawOf(b), &body) == nil {
			m.Body = body
		}
	}
	if e.Receipt != nil {
		r := *e.Receipt
		e.Receipt = &r
		texts = append(texts, &r.ID)
		r.Price = cleanedMap(r.Price)
		if r.Err != nil {
			r.Err = &SendError{Verdict: r.Err.Verdict, Code: clean(r.Err.Code), Detail: clean(r.Err.Detail), After: r.Err.After, Err: r.Err.Err}
		}
	}
	if e.Contact != nil {
		c := *e.Contact
		e.Contact = &c
		texts = append(texts, &c.Why, &c.Was.ID, &c.Was.Alias, &c.Merged.ID, &c.Merged.Alias)
		c.Consent = cleanedMap(c.Consent)
	}
	if e.Template != nil {
		n := *e.Template
		e.Template = &n
		texts = append(texts, &n.ID, &n.Name, &n.Language, &n.Status, &n.Quality, &n.Category, &n.Reason)
	}
	if e.Account != nil {
		n := *e.Account
		e.Account = &n
		texts = append(texts, &n.Reason)
		n.Detail = cleanedMap(n.Detail)
	}
	if e.Reaction != nil {
		r := *e.Reaction
		e.Reaction = &r
		texts = append(texts, &r.To, &r.Emoji)
	}
	if e.Edit != nil {
		d := *e.Edit
		e.Edit = &d
		d.Media = cleanedMedia(d.Media)
		texts = append(texts, &d.Of, &d.Text)
	}
	if e.Unsend != nil {
		u := *e.Unsend
		e.Unsend = &u
		texts = append(texts, &u.Of)
	}
	for _, t := range texts {
		*t = clean(*t)
	}
	return e
}

func cleanedMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return nil
	}
	kept := make(map[string]V, len(m))
	for name, value := range m {
		if text, ok := any(value).(string); ok {
			value, _ = any(clean(text)).(V)
		}
		kept[clean(name)] = value
	}
	return kept
}

func cleanedMedia(refs []MediaRef) []MediaRef {
	refs = slices.Clone(refs)
	for i := range refs {
		r := &refs[i]
		for _, t := range []*string{&r.ID, &r.URL, &r.Name, &r.ContentType, &r.SHA256} {
			*t = clean(*t)
		}
	}
	return refs
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

// conversation finds the customer's conversation, opens it again, or begins one.
func (r *receiver) conversation(ctx context.Context, p *person) (*row, error) {
	c, err := openConversation(ctx, r.tx, p.id)
	if errors.Is(err, pgx.ErrNoRows) {
		c, err = r.reopened(ctx, p)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return r.begin(ctx, p)
	}
	if err != nil {
		return nil, wrap("find the conversation", err)
	}
	if c.state == Open {
		return c, nil
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
func (r *receiver) reopened(ctx context.Context, p *person) (*row, error) {
	set, err := readSettings(ctx, r.tx)
	if err != nil {
		return nil, err
	}
	since := time.Time{}
	if set.ReopenDays > 0 {
		since = r.tx.Now.AddDate(0, 0, -set.ReopenDays)
	}
	c, err := scanRow(r.tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM conversations
		WHERE person_id = $1 AND state = 'closed' AND close_reason <> 'merged' AND closed_at >= $2 ORDER BY closed_at DESC LIMIT 1 FOR UPDATE`, p.id, since))
	if err != nil {
		return nil, err
	}
	return c, r.s.reopen(ctx, r.tx, c, customerWrites)
}

// begin makes a conversation.
func (r *receiver) begin(ctx context.Context, p *person) (*row, error) {
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
func (r *receiver) echo(ctx context.Context, p *person, in Incoming) error {
	if in.EchoOf != uuid.Nil {
		tag, err := r.tx.Exec(ctx, `UPDATE chat_outbox SET external_id = $2 WHERE outbox_id = $1 AND external_id IS NULL`, in.EchoOf, in.ID)
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
	}
	known, busy := false, false
	err := r.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM messages WHERE account_id = $1 AND external_id = $2) OR EXISTS (SELECT FROM chat_outbox WHERE account_id = $1 AND external_id = $2),
		       EXISTS (SELECT FROM chat_outbox WHERE person_id = $3 AND state = 'sending')`, r.account.ID, in.ID, p.id).Scan(&known, &busy)
	if err != nil || known {
		return err
	}
	if busy { // perhaps the one that is under way: its answer will tell
		return r.keepEarly(ctx, in.ID)
	}
	return r.elsewhere(ctx, p, in)
}

// elsewhere stores what was sent for us by another program.
func (r *receiver) elsewhere(ctx context.Context, p *person, in Incoming) error {
	c, err := openConversation(ctx, r.tx, p.id)
	if errors.Is(err, pgx.ErrNoRows) {
		if c, err = r.reopened(ctx, p); errors.Is(err, pgx.ErrNoRows) {
			c, err = r.begin(ctx, p)
		}
	}
	if err != nil {
		return err
	}
	m := &newMessage{
		at: r.e.At, direction: Out, author: ByApp, authorName: clean(in.Via), kind: in.Kind, text: clean(in.Text), body: in.Body, raw: rawOf(in.Raw), external: in.ID,
		quoteExternal: in.Quote, album: in.Album, status: StatusSent,
	}
	fresh, err := c.write(ctx, r.tx, m)
	if err != nil || !fresh {
		return err
	}
	if err := r.attach(ctx, m.id, in.Media); err != nil {
		return err
	}
	if err := r.early(ctx, in.ID); err != nil {
		return err
	}
	return r.s.tell(ctx, r.tx, c, "conversation.updated", func(t *told) { t.Message, t.Direction, t.Author = m.id, Out, ByApp })
}

// typing tells the agents' pages; nothing is stored.
func (r *receiver) typing(ctx context.Context) error {
	p, err := r.person(ctx)
	if err != nil || !r.e.Typing.On {
		return err
	}
	c, err := openConversation(ctx, r.tx, p.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	users, err := c.audience(ctx, r.tx)
	if err != nil {
		return err
	}
	r.tx.AfterCommit(func() {
		if err := r.s.cfg.Bus.Tell(c.tenant, events.Note{Type: "conversation.typing", Subject: c.id, Users: users}); err != nil {
			r.s.log.Error("a customer's typing could not be told", "err", err)
		}
	})
	return nil
}

// change is a reaction, an edit or an unsend of a message, which may not have come yet.
func (r *receiver) change(ctx context.Context) error {
	var of string
	switch {
	case r.e.Reaction != nil:
		of = r.e.Reaction.To
	case r.e.Edit != nil:
		of = r.e.Edit.Of
	default:
		of = r.e.Unsend.Of
	}
	message, conversation, err := r.known(ctx, of)
	if errors.Is(err, pgx.ErrNoRows) {
		if err := one(ctx, r.tx, r.account.ID, of); err != nil {
			return err
		}
		if message, conversation, err = r.known(ctx, of); errors.Is(err, pgx.ErrNoRows) {
			return r.keepEarly(ctx, of)
		}
	}
	if err != nil {
		return wrap("find the message that changes", err)
	}
	c, err := lockConversation(ctx, r.tx, conversation)
	if err != nil {
		return err
	}
	if err := r.changeOne(ctx, message); err != nil {
		return err
	}
	if err := touch(ctx, r.tx, message); err != nil {
		return err
	}
	return r.s.tell(ctx, r.tx, c, "conversation.updated", func(t *told) { t.Message = message })
}

// known finds a message by the platform's id of it.
func (r *receiver) known(ctx context.Context, external string) (message, conversation uuid.UUID, err error) {
	err = r.tx.QueryRow(ctx, `
		SELECT message_id, conversation_id FROM messages WHERE account_id = $1 AND external_id = $2
		UNION SELECT m.message_id, m.conversation_id FROM chat_outbox o JOIN messages m USING (message_id) WHERE o.account_id = $1 AND o.external_id = $2 LIMIT 1`,
		r.account.ID, external).Scan(&message, &conversation)
	return message, conversation, err
}

// one lets what is told of a platform's message wait for the transaction that makes the id known, and the other way round: what finds nobody
// is kept for sure before, or looked for for sure after, the message is there. Whoever holds it locks nothing else but what is new.
func one(ctx context.Context, tx *storage.Tx, account uuid.UUID, external string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, account.String()+"/"+external)
	return wrap("wait for what is told of a message", err)
}

func (r *receiver) changeOne(ctx context.Context, message uuid.UUID) error {
	switch e := r.e; {
	case e.Reaction != nil: // one that was taken back stays as "", so that an older one that comes late has no effect
		_, err := r.tx.Exec(ctx, `INSERT INTO chat_reactions (message_id, tenant_id, by_us, emoji, at) VALUES ($1, $2, false, $3, $4)
			ON CONFLICT (message_id, by_us) DO UPDATE SET emoji = excluded.emoji, at = excluded.at WHERE chat_reactions.at <= excluded.at`, message, r.tx.Tenant, clean(e.Reaction.Emoji), e.At)
		return err
	case e.Edit != nil:
		text := clean(e.Edit.Text)
		tag, err := r.tx.Exec(ctx, `
			UPDATE messages SET text = $2, words = to_tsvector('simple', $3), edited_at = $4, edit_number = greatest(edit_number, $5)
			WHERE message_id = $1 AND unsent_at IS NULL AND CASE WHEN $5 > 0 THEN edit_number < $5 ELSE edited_at IS NULL OR edited_at <= $4 END`,
			message, text, searchWords(text), e.At, e.Edit.Number)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return r.attach(ctx, message, e.Edit.Media)
	}
	return r.unsend(ctx, message)
}

// unsend marks a message as taken back; its text goes unless the tenant keeps such.
func (r *receiver) unsend(ctx context.Context, message uuid.UUID) error {
	set, err := readSettings(ctx, r.tx)
	if err != nil {
		return err
	}
	_, err = r.tx.Exec(ctx, `
		UPDATE messages SET unsent_at = coalesce(unsent_at, $2), text = CASE WHEN $3 THEN text ELSE '' END, body = CASE WHEN $3 THEN body ELSE '{}' END,
			raw = CASE WHEN $3 THEN raw END, words = CASE WHEN $3 THEN words END
		WHERE message_id = $1`, message, r.e.At, set.KeepUnsent)
	if err != nil || set.KeepUnsent || r.s.cfg.Media == nil {
		return err
	}
	_, err = r.tx.Exec(ctx, `UPDATE conversations c SET last_text = '' FROM messages m WHERE m.message_id = $1 AND c.conversation_id = m.conversation_id AND c.last_seq = m.seq`, message)
	if err != nil {
		return err
	}
	return r.s.cfg.Media.forget(ctx, r.tx, message)
}

// keepEarly keeps an event until the message that it is about has come.
func (r *receiver) keepEarly(ctx context.Context, of string) error {
	body, err := json.Marshal(r.e)
	if err != nil {
		return fmt.Errorf("encode an early event: %w", err)
	}
	_, err = r.tx.Exec(ctx, `INSERT INTO chat_early (early_id, tenant_id, account_id, external_id, event, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		storage.NewID(), r.tx.Tenant, r.account.ID, of, rawOf(body), r.tx.Now)
	return wrap("keep an early event", err)
}

// early lets events have their effect that came before the message with this id.
func (r *receiver) early(ctx context.Context, external string) error {
	if external == "" {
		return nil
	}
	if err := one(ctx, r.tx, r.account.ID, external); err != nil {
		return err
	}
	rows, err := r.tx.Query(ctx, `DELETE FROM chat_early WHERE account_id = $1 AND external_id = $2 RETURNING early_id, event`, r.account.ID, external)
	if err != nil {
		return err
	}
	type kept struct {
		id    uuid.UUID
		event Event
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k kept, err error) { return k, row.Scan(&k.id, &k.event) })
	if err != nil {
		return wrap("read early events", err)
	}
	slices.SortFunc(all, func(a, b kept) int { return a.event.At.Compare(b.event.At) })
	for _, k := range all {
		if k.event.Message != nil {
			continue // the echo of this very message
		}
		if err := (&receiver{s: r.s, tx: r.tx, account: r.account, e: k.event}).change(ctx); err != nil {
			return err
		}
	}
	return nil
}
