package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// NewMessage is what an agent, a virtual agent or the system sends.
type NewMessage struct {
	Client      *uuid.UUID    `json:"client_id,omitempty"` // a repeat gives the same message
	Text        string        `json:"text"`
	Attachments []uuid.UUID   `json:"attachments,omitempty"`
	Quote       *uuid.UUID    `json:"quote_id,omitempty"`
	Options     []Option      `json:"options,omitempty"`
	Template    *TemplateSend `json:"template,omitempty"`
	Location    *Place        `json:"location,omitempty"`
	Author      Author        `json:"-"` // ByAgent when empty
	Name        string        `json:"-"`
	Action      *uuid.UUID    `json:"-"`
}

// Errors of sending.
var (
	ErrNothing     = fault.New(fault.Invalid, "message_empty", "Write something, or attach a file.").WithField("text")
	ErrMessageLong = fault.New(fault.Invalid, "message_too_long", "A message has at most 20,000 characters.").WithField("text")
	ErrWindow      = fault.New(fault.Illegal, "window_closed", "The customer has not written for too long: the channel takes only what the composer offers.")
	ErrQuote       = fault.New(fault.Invalid, "quote_not_found", "The quoted message is not part of this conversation.").WithField("quote_id")
	ErrOptions     = fault.New(fault.Invalid, "too_many_options", "The channel shows fewer buttons; leave some out.").WithField("options")
	ErrTemplate    = fault.New(fault.Invalid, "template_invalid", "Choose an approved template and fill in all its variables.").WithField("template")
	ErrNotOnHere   = fault.New(fault.Illegal, "channel_cannot", "The channel cannot do this.")
	ErrRetry       = fault.New(fault.Illegal, "message_not_failed", "Only a message that has failed can be sent again.")
)

// draft is what a row of the outbox sends.
type draft struct {
	Kind       Kind      `json:"kind"`
	Text       string    `json:"text,omitempty"`
	Attachment uuid.UUID `json:"attachment,omitzero"`
	Body       Body      `json:"body,omitzero"`
	Quote      string    `json:"quote,omitempty"`
	QuoteToken string    `json:"quote_token,omitempty"`
	Author     Author    `json:"author"`
	Name       string    `json:"name,omitempty"`
	React      string    `json:"react,omitempty"`
	Edit       string    `json:"edit,omitempty"`
	Unsend     string    `json:"unsend,omitempty"`
	Reply      string    `json:"reply,omitempty"` // the token that the first attempt was made with
	ReplyUntil time.Time `json:"reply_until,omitzero"`
}

const longestMessage = 20_000

// Send writes a message and puts it into the outbox, in one transaction. Access is the caller's to check.
func (s *Service) Send(ctx context.Context, tenant, conversation uuid.UUID, n NewMessage) (m Message, err error) {
	n.Text = strings.TrimSpace(clean(n.Text))
	switch {
	case n.Text == "" && len(n.Attachments) == 0 && n.Template == nil && n.Location == nil:
		return m, ErrNothing
	case len(n.Text) > 4*longestMessage || length(n.Text, Characters) > longestMessage:
		return m, ErrMessageLong
	case len(n.Attachments) > 10:
		return m, fault.New(fault.Invalid, "too_many_files", "A message carries at most 10 files.").WithField("attachments")
	}
	var id uuid.UUID
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if id, err = s.sendIn(ctx, tx, conversation, n); err != nil {
			return err
		}
		m, err = readMessage(ctx, tx, id)
		return err
	})
	return m, wrap("send a message", err)
}

// sendIn is Send in a transaction of the caller's.
func (s *Service) sendIn(ctx context.Context, tx *storage.Tx, conversation uuid.UUID, n NewMessage) (uuid.UUID, error) {
	if n.Author == "" {
		n.Author = ByAgent
	}
	c, a, p, err := s.lockAll(ctx, tx, conversation)
	if err != nil {
		return uuid.Nil, err
	}
	if n.Client != nil {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `SELECT message_id FROM messages WHERE conversation_id = $1 AND client_id = $2`, conversation, *n.Client).Scan(&id)
		if !errors.Is(err, pgx.ErrNoRows) {
			return id, err
		}
	}
	if err := s.maySend(ctx, tx, c, a, p, n); err != nil {
		return uuid.Nil, err
	}
	m := &newMessage{
		id: storage.NewID(), at: tx.Now, direction: Out, author: n.Author, authorID: events.ActorID(ctx), authorName: n.Name, kind: Text, text: n.Text, client: n.Client,
		status: StatusQueued, quote: n.Quote, body: Body{Options: n.Options, Template: n.Template, Location: n.Location, Action: n.Action},
	}
	m.kind = kindOf(n)
	d := draft{Kind: m.kind, Author: n.Author, Name: n.Name, Body: m.body}
	if n.Quote != nil {
		if d.Quote, d.QuoteToken, err = quoted(ctx, tx, conversation, *n.Quote); err != nil {
			return uuid.Nil, err
		}
	}
	if n.Template != nil {
		if m.text, err = s.fillTemplate(ctx, tx, a, n.Template); err != nil {
			return uuid.Nil, err
		}
	}
	if _, err := c.write(ctx, tx, m); err != nil {
		return uuid.Nil, err
	}
	if len(n.Attachments) > 0 {
		if err := s.cfg.Media.bind(ctx, tx, m.id, n.Attachments); err != nil {
			return uuid.Nil, err
		}
	}
	for part, d := range parts(a.traits, d, n) {
		if err := s.enqueueDraft(ctx, tx, c, p, m.id, part, d); err != nil {
			return uuid.Nil, err
		}
	}
	answer, err := s.answered(ctx, tx, c, m)
	if err != nil {
		return uuid.Nil, err
	}
	return m.id, s.tell(ctx, tx, c, "conversation.updated", func(t *told) { t.Message, t.Direction, t.Author, t.Measure = m.id, Out, n.Author, answer })
}

func kindOf(n NewMessage) Kind {
	switch {
	case n.Template != nil:
		return Templated
	case len(n.Attachments) > 0:
		return MediaOf
	case n.Location != nil:
		return Location
	case len(n.Options) > 0:
		return Offer
	case n.Action != nil:
		return SmartAction
	}
	return Text
}

// lockAll locks a conversation with its customer, the customer first, as everywhere.
func (s *Service) lockAll(ctx context.Context, tx *storage.Tx, conversation uuid.UUID) (*row, *account, *person, error) {
	var who uuid.UUID
	if err := tx.QueryRow(ctx, `SELECT person_id FROM conversations WHERE conversation_id = $1`, conversation).Scan(&who); err != nil {
		return nil, nil, nil, storage.Missing(err, ErrNoConversation)
	}
	p, err := personOf(ctx, tx, who)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := lockConversation(ctx, tx, conversation)
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := s.account(ctx, tx, c.account)
	return c, a, p, err
}

// maySend refuses what would not go now.
func (s *Service) maySend(ctx context.Context, tx *storage.Tx, c *row, a *account, p *person, n NewMessage) error {
	if c.state == Closed && n.Author == ByAgent {
		return ErrClosed
	}
	if len(n.Options) > a.traits.Options {
		return ErrOptions
	}
	set, err := readSettings(ctx, tx)
	if err != nil {
		return err
	}
	st, err := standingOf(ctx, tx, a, p, c, set)
	if err != nil {
		return err
	}
	can := canSend(st, n.Author, tx.Now)
	if n.Template != nil && can.Why == VerdictWindow {
		return underTier(ctx, tx, a, p)
	}
	return can.refusal()
}

// ErrTier is said when the platform's limit of customers written to outside their window is used up.
var ErrTier = fault.New(fault.TooMany, "recipients_used_up", "The account has written to as many customers outside their window in the last 24 hours as the platform allows; try again later.")

// underTier lets a template go while the platform's limit of unique recipients in 24 hours lasts (CH-4); one who counts already may have more.
func underTier(ctx context.Context, tx *storage.Tx, a *account, p *person) error {
	q, err := quotaOf(ctx, tx, a)
	if err != nil || q == nil || q.Limit == 0 || q.Used < q.Limit {
		return err
	}
	var counted bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM chat_openings WHERE account_id = $1 AND person_id = $2 AND at > $3::timestamptz - interval '24 hours')`, a.ID, p.id, tx.Now).Scan(&counted)
	if err == nil && !counted {
		err = ErrTier
	}
	return err
}

// refusal is the error for a composer that is closed.
func (c Composer) refusal() error {
	switch {
	case c.Open:
		return nil
	case c.Why == VerdictOptedOut:
		return fault.New(fault.Illegal, "opted_out", "The customer has asked not to be written to.")
	case c.Why == VerdictUnreachable:
		return fault.New(fault.Illegal, "unreachable", "The customer has blocked the account, or can no longer be reached there.")
	case c.Why == VerdictPaused:
		return fault.New(fault.Illegal, "account_paused", "The channel account is switched off or paused; an administrator has to look at it.")
	}
	return ErrWindow
}

func standingOf(ctx context.Context, tx *storage.Tx, a *account, p *person, c *row, set Settings) (standing, error) {
	st := standing{
		channel: a.Channel, state: a.state, enabled: a.enabled, reachable: p.reachable, consent: p.consent, window: p.window, windowAt: p.windowAt, sends: p.windowSends,
		entryAt: p.entryAt, templates: a.traits.Templates,
	}
	for _, id := range set.HumanAgent {
		st.humanTag = st.humanTag || id == a.ID
	}
	if p.entryAt == nil || tx.Now.After(p.entryAt.Add(entryWindow)) {
		return st, nil
	}
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM messages m JOIN conversations c USING (conversation_id)
		WHERE c.person_id = $1 AND m.direction = 'out' AND m.author_kind <> 'system' AND m.status IN ('sent', 'delivered', 'read', 'played') AND m.at BETWEEN $2 AND $3)`,
		p.id, p.entryAt, p.entryAt.Add(day)).Scan(&st.answered)
	return st, wrap("look whether an entry point was answered", err)
}

// quoted returns by what the platform knows a message.
func quoted(ctx context.Context, tx *storage.Tx, conversation, message uuid.UUID) (external, token string, err error) {
	err = tx.QueryRow(ctx, `
		SELECT coalesce(external_id, (SELECT external_id FROM chat_outbox o WHERE o.message_id = m.message_id AND external_id IS NOT NULL ORDER BY part LIMIT 1), ''), quote_token
		FROM messages m WHERE message_id = $1 AND conversation_id = $2`, message, conversation).Scan(&external, &token)
	return external, token, storage.Missing(err, ErrQuote)
}

// parts cuts a message into what the platform takes at a time.
func parts(t Traits, d draft, n NewMessage) []draft {
	if n.Template != nil {
		if len(n.Attachments) > 0 {
			d.Attachment = n.Attachments[0]
		}
		return []draft{d}
	}
	texts := []string{}
	if n.Text != "" {
		texts = Split(n.Text, t.TextLimit, t.Unit)
	}
	var all []draft
	for i, id := range n.Attachments {
		part := d
		part.Kind, part.Attachment, part.Body = MediaOf, id, Body{}
		if i == 0 && len(texts) == 1 && t.Caption > 0 && length(texts[0], t.Unit) <= t.Caption && len(n.Options) == 0 {
			part.Text, texts = texts[0], nil
		}
		all = append(all, part)
	}
	for i, text := range texts {
		part := d
		part.Kind, part.Text = Text, text
		if last := i == len(texts)-1; !last {
			part.Body.Options = nil
		} else if len(n.Options) > 0 {
			part.Kind = Offer
		}
		all = append(all, part)
	}
	if n.Location != nil {
		part := d
		part.Kind = Location
		all = append(all, part)
	}
	for i := range all {
		if i > 0 { // one part answers the quoted message
			all[i].Quote, all[i].QuoteToken = "", ""
		}
	}
	return all
}

func (s *Service) enqueueDraft(ctx context.Context, tx *storage.Tx, c *row, p *person, message uuid.UUID, part int, d draft) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode a message to send: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO chat_outbox (outbox_id, tenant_id, account_id, person_id, message_id, part, outgoing, next_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
		storage.NewID(), c.tenant, c.account, p.id, message, part, body, tx.Now)
	tx.AfterCommit(func() { s.cfg.Bus.Publish(wakeOutbox, nil) })
	return wrap("put a message into the outbox", err)
}

// Retry sends a message again that has failed: the parts that did not go.
func (s *Service) Retry(ctx context.Context, tenant, conversation, message uuid.UUID) (m Message, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		c, a, p, err := s.lockAll(ctx, tx, conversation)
		if err != nil {
			return err
		}
		if _, _, err := quoted(ctx, tx, conversation, message); err != nil {
			return cmpMissing(err)
		}
		if err := s.maySend(ctx, tx, c, a, p, NewMessage{Author: ByAgent}); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			UPDATE chat_outbox SET state = 'waiting', status = 'queued', tries = 0, next_at = $3, done_at = NULL, external_id = NULL, verdict = '', error = NULL
			WHERE message_id = $1 AND (state = 'dead' OR status = 'failed') AND EXISTS (SELECT FROM messages WHERE message_id = $1 AND conversation_id = $2 AND status = 'failed')`,
			message, conversation, tx.Now)
		switch {
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return ErrRetry
		}
		// The failed part's id means nothing any more; a first part that has arrived keeps its own.
		if _, err := tx.Exec(ctx, `UPDATE messages SET status = 'queued', error = NULL, status_at = $2, external_id = (SELECT external_id FROM chat_outbox WHERE message_id = $1 AND part = 0)
			WHERE message_id = $1`, message, tx.Now); err != nil {
			return err
		}
		if err := touch(ctx, tx, message); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.cfg.Bus.Publish(wakeOutbox, nil) })
		if err := s.tell(ctx, tx, c, "conversation.updated", func(t *told) { t.Message, t.Direction = message, Out }); err != nil {
			return err
		}
		m, err = readMessage(ctx, tx, message)
		return err
	})
	return m, wrap("send a message again", err)
}
