package chat

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/auth"
	"tandem/internal/fault"
	"tandem/internal/storage"
	"tandem/queues"
)

// Reader is whoever asks, and how far they may see (IN-7).
type Reader struct {
	User   uuid.UUID
	Scope  auth.Scope
	Users  []uuid.UUID // of their teams, for the scope team
	Queues []uuid.UUID // that these serve: who waits there is to be seen
}

// View is a list that everybody has (IN-2).
type View string

// Views.
const (
	ViewMine       View = "mine"
	ViewUnassigned View = "unassigned"
	ViewTeam       View = "team"
	ViewAll        View = "all"
	ViewMentions   View = "mentions"
)

// Filter narrows a list; zero values narrow nothing.
type Filter struct {
	View    View           `json:"view,omitempty"`
	States  []State        `json:"state,omitempty" enum:"open,snoozed,closed"` // none: those that are not closed
	Channel queues.Channel `json:"channel,omitempty"`
	Queue   uuid.UUID      `json:"queue_id,omitzero"`
	Account uuid.UUID      `json:"account_id,omitzero"`
	Owner   uuid.UUID      `json:"owner_id,omitzero"`
	Contact uuid.UUID      `json:"contact_id,omitzero"`
	Unread  bool           `json:"unread,omitempty"`
	Search  string         `json:"search,omitempty"`
	Cursor  string         `json:"-"`
	Limit   int            `json:"-"`
}

// Page is part of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor,omitempty"`
}

// ErrCursor refuses a cursor that no list gave.
var ErrCursor = fault.New(fault.Invalid, "bad_cursor", "The cursor is not one that this list has given out.").WithField("cursor")

// access is the condition under which a reader may see a conversation; its parameters are named and bound by args.
const access = `(@scope = 'all' OR c.owner = @user
	OR EXISTS (SELECT FROM conversation_people cp WHERE cp.conversation_id = c.conversation_id AND cp.user_id = @user AND (cp.collaborator OR cp.mentioned_until > @now))
	OR c.owner_kind = 'none' AND c.state <> 'closed' AND c.queue_id = ANY (@queues)
	OR @scope = 'team' AND (c.owner = ANY (@users) OR c.queue_id = ANY (@queues)))`

func (r Reader) args(now time.Time) pgx.NamedArgs {
	users, qs := r.Users, r.Queues
	if users == nil {
		users = []uuid.UUID{}
	}
	if qs == nil {
		qs = []uuid.UUID{}
	}
	return pgx.NamedArgs{"scope": string(r.Scope), "user": r.User, "users": users, "queues": qs, "now": now}
}

const viewColumns = `
	SELECT c.conversation_id, c.channel, a.account_id, a.name, a.label, a.state, c.contact_id, coalesce(p.key, ''), coalesce(p.alias, ''), p.phone, p.name, p.username, p.language, p.country,
		p.reachable, c.state, c.owner_kind, c.owner, c.queue_id, c.enqueue_at, c.priority, c.language,
		ARRAY (SELECT user_id FROM conversation_people x WHERE x.conversation_id = c.conversation_id AND x.collaborator ORDER BY 1),
		me.mentioned_until, c.last_at, c.last_text, c.last_direction,
		(SELECT count(*) FROM messages m WHERE m.conversation_id = c.conversation_id AND m.seq > coalesce(me.read_seq, 0) AND (m.direction = 'in' OR m.kind = 'note' AND m.author IS DISTINCT FROM @user)),
		c.unanswered, c.rev, c.snoozed_until, c.ticket_id, c.opened_at, c.created_at, c.closed_at, c.close_reason, c.disposition, c.first_reply_at, c.reserved, c.data` + viewRows

// viewRows is what conditions of Filter.where are about.
const viewRows = `
	FROM conversations c JOIN chat_accounts a USING (account_id) JOIN chat_people p USING (person_id)
	LEFT JOIN conversation_people me ON me.conversation_id = c.conversation_id AND me.user_id = @user
	WHERE `

func scanView(row pgx.CollectableRow) (v Conversation, err error) {
	v.Data = map[string]string{}
	err = row.Scan(&v.ID, &v.Channel, &v.Account.ID, &v.Account.Name, &v.Account.Label, &v.Account.State, &v.Contact, &v.Person.ID, &v.Person.Alias, &v.Person.Phone, &v.Person.Name,
		&v.Person.Username, &v.Person.Language, &v.Person.Country, &v.Reachable, &v.State, &v.OwnerKind, &v.Owner, &v.Queue, &v.Opens, &v.Priority, &v.Language,
		&v.Collaborators, &v.MentionUntil, &v.LastAt, &v.LastText, &v.LastDirection, &v.Unread, &v.Unanswered, &v.Rev, &v.SnoozedUntil, &v.Ticket, &v.OpenedAt, &v.CreatedAt,
		&v.ClosedAt, &v.CloseReason, &v.Disposition, &v.FirstReplyAt, &v.Reserved, &v.Data)
	return v, err
}

// where is the filter as conditions, with its parameters added to args.
func (f Filter) where(args pgx.NamedArgs) (string, error) {
	sql := access
	add := func(cond, name string, value any) {
		sql += " AND " + cond
		if name != "" {
			args[name] = value
		}
	}
	switch f.View {
	case "", ViewAll:
	case ViewMine:
		add("(c.owner = @user OR EXISTS (SELECT FROM conversation_people cp WHERE cp.conversation_id = c.conversation_id AND cp.user_id = @user AND cp.collaborator))", "", nil)
	case ViewUnassigned:
		add("c.owner_kind = 'none'", "", nil)
	case ViewTeam:
		add("c.owner = ANY (@users)", "", nil)
	case ViewMentions:
		add("me.mentioned_at IS NOT NULL", "", nil)
	default:
		return "", fault.New(fault.Invalid, "view_unknown", "A view is mine, unassigned, team, all or mentions, or the id of a saved one.").WithField("view")
	}
	states := f.States
	if len(states) == 0 {
		states = []State{Open, Snoozed}
		if f.Search != "" || f.Contact != uuid.Nil {
			states = []State{Open, Snoozed, Closed}
		}
	}
	add("c.state = ANY (@states)", "states", states)
	if f.Channel != "" {
		add("c.channel = @channel", "channel", f.Channel)
	}
	for _, id := range []struct {
		cond, name string
		value      uuid.UUID
	}{{"c.queue_id = @queue", "queue", f.Queue}, {"c.account_id = @account", "account", f.Account}, {"c.owner = @owner", "owner", f.Owner}, {"c.contact_id = @contact", "contact", f.Contact}} {
		if id.value != uuid.Nil {
			add(id.cond, id.name, id.value)
		}
	}
	if f.Unread {
		add("EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.conversation_id AND m.direction = 'in' AND m.seq > coalesce(me.read_seq, 0))", "", nil)
	}
	if f.Search != "" {
		add(`(c.conversation_id IN (SELECT m.conversation_id FROM messages m WHERE m.words @@ @words::tsquery) OR p.name ILIKE @like OR p.username ILIKE @like OR p.phone LIKE @like)`, "words", searchQuery(f.Search))
		args["like"] = "%" + likeEscape.Replace(f.Search) + "%"
	}
	return sql, nil
}

// Conversations lists conversations, that with the newest message first.
func (s *Service) Conversations(ctx context.Context, tenant uuid.UUID, r Reader, f Filter) (page Page[Conversation], err error) {
	limit := f.Limit
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		args := r.args(tx.Now)
		where, err := f.where(args)
		if err != nil {
			return err
		}
		if f.Cursor != "" {
			at, id, err := parseCursor(f.Cursor)
			if err != nil {
				return err
			}
			where += " AND (c.last_at, c.conversation_id) < (@at, @id)"
			args["at"], args["id"] = at, id
		}
		args["limit"] = limit + 1
		page.Items, err = s.readViews(ctx, tx, where+` ORDER BY c.last_at DESC, c.conversation_id DESC LIMIT @limit`, args)
		return err
	})
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		last := page.Items[limit-1]
		page.Next = cursor(last.LastAt, last.ID)
	}
	return page, wrap("list conversations", err)
}

func (s *Service) readViews(ctx context.Context, tx *storage.Tx, where string, args pgx.NamedArgs) ([]Conversation, error) {
	rows, err := tx.Query(ctx, viewColumns+where, args)
	if err != nil {
		return nil, err
	}
	vs, err := pgx.CollectRows(rows, scanView)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, 0, len(vs))
	for _, v := range vs {
		ids = append(ids, v.ID)
	}
	items, err := s.cfg.Queues.ItemsIn(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	paths, names, err := s.cfg.Queues.NamesIn(ctx, tx)
	if err != nil {
		return nil, err
	}
	for i := range vs {
		v := &vs[i]
		if it, ok := items[v.ID]; ok {
			v.Waiting, v.OfferedTo = &it.EnqueuedAt, it.OfferedTo
		}
		v.QueuePath = []string{}
		if v.Queue != nil && paths[*v.Queue] != nil {
			v.QueuePath = paths[*v.Queue]
		}
		if v.Owner != nil {
			v.OwnerName = names[*v.Owner]
		}
	}
	return vs, nil
}

// likeEscape takes the meaning from LIKE's wildcards.
var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func isNone(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

func cursor(at time.Time, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.UTC().Format(time.RFC3339Nano) + " " + id.String()))
}

func parseCursor(c string) (at time.Time, id uuid.UUID, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return at, id, ErrCursor
	}
	var when, which string
	if _, err := fmt.Sscan(string(raw), &when, &which); err != nil {
		return at, id, ErrCursor
	}
	if at, err = time.Parse(time.RFC3339Nano, when); err != nil {
		return at, id, ErrCursor
	}
	if id, err = uuid.Parse(which); err != nil {
		return at, id, ErrCursor
	}
	return at, id, nil
}

// Conversation returns one conversation with what can be written in it now. ErrNoConversation where the reader may not see it.
func (s *Service) Conversation(ctx context.Context, tenant uuid.UUID, r Reader, id uuid.UUID) (v Conversation, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		args := r.args(tx.Now)
		args["id"] = id
		vs, err := s.readViews(ctx, tx, access+` AND c.conversation_id = @id`, args)
		if err != nil {
			return err
		}
		if len(vs) == 0 {
			return ErrNoConversation
		}
		v = vs[0]
		v.Composer, err = s.composer(ctx, tx, id)
		return err
	})
	return v, wrap("read a conversation", err)
}

// May says whether a reader may see a conversation, and whether they write in it: its owner and collaborators do, and who is offered it may look.
func (s *Service) May(ctx context.Context, tenant uuid.UUID, r Reader, id uuid.UUID) (err error) {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		args := r.args(tx.Now)
		args["id"] = id
		var seen bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM conversations c WHERE c.conversation_id = @id AND `+access+`)`, args).Scan(&seen); err != nil {
			return err
		}
		if !seen {
			return ErrNoConversation
		}
		return nil
	})
}

// Part says whether a user owns a conversation or works on it.
func (s *Service) Part(ctx context.Context, tenant, id, user uuid.UUID) (part bool, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM conversations c WHERE conversation_id = $1 AND (owner = $2
				OR EXISTS (SELECT FROM conversation_people cp WHERE cp.conversation_id = $1 AND cp.user_id = $2 AND (cp.collaborator OR cp.mentioned_until > $3))))`,
			id, user, tx.Now).Scan(&part)
	})
	return part, wrap("look who works on a conversation", err)
}

func (s *Service) composer(ctx context.Context, tx *storage.Tx, id uuid.UUID) (*Composer, error) {
	c, a, p, err := s.lockAll(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	set, err := readSettings(ctx, tx)
	if err != nil {
		return nil, err
	}
	st, err := standingOf(ctx, tx, a, p, c, set)
	if err != nil {
		return nil, err
	}
	can := canSend(st, ByAgent, tx.Now)
	if can.Open && a.state == AccountReauthorise {
		can.Why = VerdictReauthorise // it goes once an administrator has been there
	}
	can.Traits = a.traits
	can.Quota, err = quotaOf(ctx, tx, a)
	return &can, err
}

// quotaOf is what the account may still use: WhatsApp's tier of unique recipients in 24 hours, LINE's pushes of the month.
func quotaOf(ctx context.Context, tx *storage.Tx, a *account) (*Quota, error) {
	var detail map[string]string
	if err := tx.QueryRow(ctx, `SELECT detail FROM chat_accounts WHERE account_id = $1`, a.ID).Scan(&detail); err != nil {
		return nil, err
	}
	number := func(name string) (n int) {
		_, _ = fmt.Sscan(detail[name], &n) // nothing told: 0
		return n
	}
	switch a.Channel {
	case WhatsApp:
		q := Quota{Name: "unique_recipients", Limit: number("messaging_limit")}
		// Those count, too, whose template is still on its way.
		err := tx.QueryRow(ctx, `
			SELECT count(*) FROM (SELECT person_id FROM chat_openings WHERE account_id = $1 AND at > $2::timestamptz - interval '24 hours'
				UNION SELECT person_id FROM chat_outbox WHERE account_id = $1 AND state IN ('waiting', 'sending') AND outgoing->>'kind' = 'template') counted`, a.ID, tx.Now).Scan(&q.Used)
		return &q, err
	case LINE:
		if detail["quota"] == "" {
			return nil, nil
		}
		return &Quota{Name: "pushes", Used: number("consumption"), Limit: number("quota")}, nil
	}
	return nil, nil
}
