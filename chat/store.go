package chat

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tandem/internal/storage"
	"tandem/queues"
)

// row is a conversation's row, locked.
type row struct {
	id, tenant, account, person, contact uuid.UUID
	channel                              queues.Channel
	state                                State
	ownerKind                            OwnerKind
	owner, queue, ticket                 *uuid.UUID
	enqueueAt, waitingSince              *time.Time
	priority                             int
	language                             string
	lastSeq                              int64
	customerAt, agentAt                  *time.Time
	unansweredSince                      *time.Time // the customer's first message that nobody has answered
	responded                            bool       // an agent has written since it was opened
	openedAt                             time.Time
	afterHoursAt                         *time.Time
	closeReason                          CloseReason
	woken                                bool      // by this transaction
	preferred                            uuid.UUID // who had it last, of one that this transaction has opened again
}

const rowColumns = `conversation_id, tenant_id, account_id, person_id, contact_id, channel, state, owner_kind, owner, queue_id, ticket_id, enqueue_at, waiting_since,
	priority, language, last_seq, customer_at, agent_at, unanswered_since, responded, opened_at, after_hours_at, close_reason`

func scanRow(r pgx.Row) (*row, error) {
	var c row
	err := r.Scan(&c.id, &c.tenant, &c.account, &c.person, &c.contact, &c.channel, &c.state, &c.ownerKind, &c.owner, &c.queue, &c.ticket, &c.enqueueAt, &c.waitingSince,
		&c.priority, &c.language, &c.lastSeq, &c.customerAt, &c.agentAt, &c.unansweredSince, &c.responded, &c.openedAt, &c.afterHoursAt, &c.closeReason)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// lockConversation locks a conversation; its customer must not be locked after it.
func lockConversation(ctx context.Context, tx *storage.Tx, id uuid.UUID) (*row, error) {
	c, err := scanRow(tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM conversations WHERE conversation_id = $1 FOR UPDATE`, id))
	return c, storage.Missing(err, ErrNoConversation)
}

// lockConversationOf locks the conversation of a message.
func lockConversationOf(ctx context.Context, tx *storage.Tx, message uuid.UUID) (*row, error) {
	return scanRow(tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM conversations WHERE conversation_id = (SELECT conversation_id FROM messages WHERE message_id = $1) FOR UPDATE`, message))
}

// openConversation locks the conversation of a customer that is not closed.
func openConversation(ctx context.Context, tx *storage.Tx, person uuid.UUID) (*row, error) {
	return scanRow(tx.QueryRow(ctx, `SELECT `+rowColumns+` FROM conversations WHERE person_id = $1 AND state <> 'closed' FOR UPDATE`, person))
}

// newMessage is a message to store.
type newMessage struct {
	id            uuid.UUID
	at            time.Time
	direction     Direction
	author        Author
	authorID      *uuid.UUID
	authorName    string
	kind          Kind
	text          string
	body          Body
	raw           []byte
	external      string
	client        *uuid.UUID
	quoteExternal string
	quote         *uuid.UUID
	quoteToken    string
	readToken     string
	album         string
	status        Status
	mentions      []uuid.UUID
}

// write stores a message at the end of its conversation, which is locked. false: a message with its platform's id, or its client's, is there.
func (c *row) write(ctx context.Context, tx *storage.Tx, m *newMessage) (fresh bool, err error) {
	b := &pgx.Batch{}
	c.put(b, tx.Now, m, &fresh)
	return fresh, wrap("write a message", tx.SendBatch(ctx, b).Close())
}

// put is write as one of a batch's statements: it also brings the conversation's row up to its last message.
func (c *row) put(b *pgx.Batch, now time.Time, m *newMessage, fresh *bool) {
	if m.id == uuid.Nil {
		m.id = storage.NewID()
	}
	if m.mentions == nil {
		m.mentions = []uuid.UUID{}
	}
	b.Queue(`
		WITH m AS (
			INSERT INTO messages (message_id, tenant_id, conversation_id, account_id, seq, rev, at, created_at, direction, author_kind, author, author_name, kind, text, body, raw,
				external_id, client_id, quote_external, quote, quote_token, read_token, album, status, status_at, mentions, words)
			SELECT $1, $2, $3, $4, last_seq + 1, rev + 1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, nullif($15, ''), $16, $17,
				coalesce($18, (SELECT message_id FROM messages q WHERE q.account_id = $4 AND q.external_id = nullif($17, ''))), $19, $20, $21, $22,
				CASE WHEN $22 <> '' THEN $6::timestamptz END, $23, to_tsvector('simple', $24)
			FROM conversations WHERE conversation_id = $3
			ON CONFLICT DO NOTHING RETURNING message_id)
		UPDATE conversations SET rev = rev + 1, last_seq = last_seq + 1,
			last_at = CASE WHEN $7 <> 'internal' THEN greatest(last_at, $5) ELSE last_at END,
			last_text = CASE WHEN $7 <> 'internal' THEN $25 ELSE last_text END,
			last_direction = CASE WHEN $7 <> 'internal' THEN $7 ELSE last_direction END,
			customer_at = CASE WHEN $7 = 'in' AND $11 <> 'begin' THEN greatest(customer_at, $6) ELSE customer_at END,
			agent_at = CASE WHEN $7 = 'out' AND $8 <> 'system' THEN greatest(agent_at, $6) ELSE agent_at END,
			first_reply_at = CASE WHEN $7 = 'out' AND $8 <> 'system' THEN coalesce(first_reply_at, $6) ELSE first_reply_at END,
			responded = responded OR $7 = 'out' AND $8 = 'agent',
			unanswered_since = CASE WHEN $7 = 'in' AND $11 <> 'begin' THEN coalesce(unanswered_since, $6) WHEN $7 = 'out' AND $8 <> 'system' THEN NULL ELSE unanswered_since END,
			unanswered = CASE WHEN $7 = 'in' AND $11 <> 'begin' THEN unanswered + 1 WHEN $7 = 'out' AND $8 <> 'system' THEN 0 ELSE unanswered END
		WHERE conversation_id = $3 AND EXISTS (SELECT FROM m)`,
		m.id, c.tenant, c.id, c.account, m.at, now, m.direction, m.author, m.authorID, m.authorName, m.kind, m.text, m.body, m.raw,
		m.external, m.client, m.quoteExternal, m.quote, m.quoteToken, m.readToken, m.album, m.status, m.mentions, storage.Words(m.text), preview(m)).
		Exec(func(tag pgconn.CommandTag) error {
			if *fresh = tag.RowsAffected() > 0; *fresh {
				c.lastSeq++
			}
			return nil
		})
}

// preview is the line that lists show of a message.
func preview(m *newMessage) string {
	const longest = 200
	if r := []rune(m.text); len(r) > longest {
		return string(r[:longest])
	}
	return m.text
}

// touch notes that a message has changed.
func touch(ctx context.Context, tx *storage.Tx, message uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		WITH c AS (UPDATE conversations SET rev = rev + 1 WHERE conversation_id = (SELECT conversation_id FROM messages WHERE message_id = $1) RETURNING rev)
		UPDATE messages SET rev = c.rev FROM c WHERE message_id = $1`, message)
	return wrap("note a message's change", err)
}

// audiences are those whom conversations concern, by conversation: the owner, collaborators, who was mentioned, and at whom it rings.
func audiences(ctx context.Context, tx *storage.Tx, cs ...*row) (map[uuid.UUID][]uuid.UUID, error) {
	users, ids := make(map[uuid.UUID][]uuid.UUID, len(cs)), make([]uuid.UUID, len(cs))
	for i, c := range cs {
		ids[i] = c.id
	}
	rows, err := tx.Query(ctx, `SELECT conversation_id, user_id FROM conversation_people WHERE conversation_id = ANY ($1) AND (collaborator OR mentioned_until > $2)`, ids, tx.Now)
	if err != nil {
		return nil, err
	}
	var conversation, user uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&conversation, &user}, func() error {
		users[conversation] = append(users[conversation], user)
		return nil
	})
	for _, c := range cs {
		if c.owner != nil {
			users[c.id] = append(users[c.id], *c.owner)
		}
	}
	return users, wrap("read whom conversations concern", err)
}

// told is the data of events of conversations.
type told struct {
	Conversation uuid.UUID      `json:"conversation"`
	Channel      queues.Channel `json:"channel"`
	Contact      uuid.UUID      `json:"contact"`
	Queue        uuid.UUID      `json:"queue,omitzero"`
	Agent        uuid.UUID      `json:"agent,omitzero"` // the owner
	Message      uuid.UUID      `json:"message,omitzero"`
	Direction    Direction      `json:"direction,omitempty"`
	Author       Author         `json:"author,omitempty"`
	State        State          `json:"state"`
	What         string         `json:"what,omitempty"`
	Reason       CloseReason    `json:"reason,omitempty"`
	Measure      *measure       `json:"measure,omitempty"` // of a message that has just been written, or has failed
	More         any            `json:"more,omitempty"`
}

func (c *row) told() told {
	t := told{Conversation: c.id, Channel: c.channel, Contact: c.contact, State: c.state}
	if c.queue != nil {
		t.Queue = *c.queue
	}
	if c.owner != nil && c.ownerKind == HumanOwner {
		t.Agent = *c.owner
	}
	return t
}

// tell appends an event of a conversation, for those whom it concerns; also names whoever else is to hear of it.
func (s *Service) tell(ctx context.Context, tx *storage.Tx, c *row, typ string, change func(*told), also ...uuid.UUID) error {
	users, err := audiences(ctx, tx, c)
	if err != nil {
		return err
	}
	t := c.told()
	if change != nil {
		change(&t)
	}
	return s.cfg.Events.AppendTo(ctx, tx, append(users[c.id], also...), typ, c.id, t)
}

// note writes a step of a conversation's history.
func (c *row) note(ctx context.Context, tx *storage.Tx, what string, agent *uuid.UUID, actor *uuid.UUID, detail map[string]string) error {
	if detail == nil {
		detail = map[string]string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO conversation_steps (step_id, conversation_id, tenant_id, at, what, queue_id, agent, actor, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		storage.NewID(), c.id, c.tenant, tx.Now, what, c.queue, agent, actor, detail)
	return wrap("write a conversation's step", err)
}
