package queues

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Page is a part of a list; Next is "" at its end.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor,omitempty"`
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// QueuedFilter narrows Queued; zero values narrow nothing.
type QueuedFilter struct {
	Queue  uuid.UUID
	Kind   Kind
	Cursor string // Next of the page before
	Limit  int    // at most 1000; 0: 50
}

// QueuedItem is an item that waits.
type QueuedItem struct {
	ID         uuid.UUID `json:"id"`
	Kind       Kind      `json:"kind"`
	Channel    Channel   `json:"channel"`
	Caller     string    `json:"caller,omitempty"`
	Queue      uuid.UUID `json:"queue"`
	QueueName  string    `json:"queue_name"`
	Priority   int       `json:"priority"`
	EnqueuedAt time.Time `json:"enqueued_at"`
	Agent      uuid.UUID `json:"agent,omitzero"` // to whom it is offered just now
	AgentName  string    `json:"agent_name,omitempty"`
}

const queuedColumns = `
	SELECT i.item_id, i.kind, i.channel, i.caller, i.queue_id, q.name, i.priority, i.enqueued_at,
	       coalesce(a.agent_id, '00000000-0000-0000-0000-000000000000'), coalesce(a.name, '')
	FROM queue_items i JOIN queues q USING (queue_id)
	LEFT JOIN LATERAL (SELECT agent_id FROM queue_offers o WHERE o.item_id = i.item_id AND o.state NOT IN ('WRAP_UP', 'IDLE') ORDER BY o.made_at LIMIT 1) o ON true
	LEFT JOIN queue_agents a ON a.agent_id = o.agent_id`

func scanQueued(row pgx.CollectableRow) (q QueuedItem, err error) {
	return q, row.Scan(&q.ID, &q.Kind, &q.Channel, &q.Caller, &q.Queue, &q.QueueName, &q.Priority, &q.EnqueuedAt, &q.Agent, &q.AgentName)
}

// cursor is where a page ended.
type cursor struct {
	At   time.Time `json:"a,omitzero"`
	Name string    `json:"n,omitempty"`
	ID   uuid.UUID `json:"i"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (c cursor, err error) {
	if s == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fault.New(fault.Invalid, "cursor_invalid", "This is no cursor of this list: begin at its first page.").WithField("cursor").Because(err)
	}
	return c, nil
}

func limited(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}

// Queued lists what waits, longest first.
func (s *Service) Queued(ctx context.Context, tenant uuid.UUID, f QueuedFilter) (Page[QueuedItem], error) {
	var page Page[QueuedItem]
	c, err := parseCursor(f.Cursor)
	if err != nil {
		return page, err
	}
	limit := limited(f.Limit)
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, queuedColumns+`
			WHERE i.tenant_id = $1 AND i.state <> 'left' AND ($2::uuid = '00000000-0000-0000-0000-000000000000' OR i.queue_id = $2) AND ($3 = '' OR i.kind = $3)
			  AND (i.enqueued_at, i.item_id) > ($4, $5)
			ORDER BY i.enqueued_at, i.item_id LIMIT $6`, tenant, f.Queue, f.Kind, c.At, c.ID, limit+1)
		if err != nil {
			return err
		}
		page.Items, err = pgx.CollectRows(rows, scanQueued)
		return err
	})
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		last := page.Items[limit-1]
		page.Next = cursor{At: last.EnqueuedAt, ID: last.ID}.String()
	}
	return page, wrap("list what waits", err)
}

// AgentFilter narrows Agents; zero values narrow nothing.
type AgentFilter struct {
	Only     []uuid.UUID // nil: all
	Queue    uuid.UUID
	Presence Presence
	Cursor   string
	Limit    int
}

// AgentView is an agent as supervisors see them.
type AgentView struct {
	Agent
	Presence    Presence     `json:"presence"`
	Reason      string       `json:"reason,omitempty"`
	PresenceAt  time.Time    `json:"presence_at"`
	Until       *time.Time   `json:"presence_until,omitempty"` // when the reason's longest time is over; an overrun from then on
	Next        Presence     `json:"next_presence,omitempty"`  // chosen for after what they do now
	NextReason  string       `json:"next_reason,omitempty"`
	State       State        `json:"state"` // the most occupied one, of all items
	StateAt     time.Time    `json:"state_at"`
	BarredUntil *time.Time   `json:"barred_until,omitempty"`
	Used        int          `json:"used"` // of the capacity
	IdleSince   time.Time    `json:"idle_since"`
	Missed      int          `json:"missed"`      // offers in all
	Unreached   int          `json:"unreachable"` // offers in all
	Items       []AgentsItem `json:"items"`
}

// AgentsItem is an item that an agent has.
type AgentsItem struct {
	Item      uuid.UUID  `json:"item"`
	Kind      Kind       `json:"kind"`
	Offer     uuid.UUID  `json:"offer"`
	Queue     uuid.UUID  `json:"queue"`
	State     State      `json:"state"`
	StateAt   time.Time  `json:"state_at"`
	WrapUntil *time.Time `json:"wrap_until,omitempty"`
	WrapAsked bool       `json:"wrap_up_asked,omitempty"` // the agent wants a wrap-up after it
	Extended  int        `json:"extended,omitempty"`      // how often the wrap-up was extended
}

// Agents lists agents by name.
func (s *Service) Agents(ctx context.Context, tenant uuid.UUID, f AgentFilter) (Page[AgentView], error) {
	var page Page[AgentView]
	c, err := parseCursor(f.Cursor)
	if err != nil {
		return page, err
	}
	limit := limited(f.Limit)
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		page.Items, err = readAgents(ctx, tx, `
			($1::uuid = '00000000-0000-0000-0000-000000000000' OR EXISTS (SELECT FROM queue_members m WHERE m.queue_id = $1 AND m.agent_id = a.agent_id))
			AND ($2 = '' OR a.presence = $2) AND (a.name, a.agent_id) > ($3, $4) AND ($6::uuid[] IS NULL OR a.agent_id = ANY ($6))
			ORDER BY a.name, a.agent_id LIMIT $5`,
			f.Queue, f.Presence, c.Name, c.ID, limit+1, f.Only)
		return err
	})
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		last := page.Items[limit-1]
		page.Next = cursor{Name: last.Name, ID: last.ID}.String()
	}
	return page, wrap("list agents", err)
}

// Agent returns one agent.
func (s *Service) Agent(ctx context.Context, tenant, id uuid.UUID) (v AgentView, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		vs, err := readAgents(ctx, tx, "a.agent_id = $1", id)
		if err == nil && len(vs) == 0 {
			err = ErrNoAgent
		}
		if err == nil {
			v = vs[0]
		}
		return err
	})
	return v, wrap("read agent", err)
}

func readAgents(ctx context.Context, tx *storage.Tx, where string, args ...any) ([]AgentView, error) {
	rows, err := tx.Query(ctx, `
		SELECT a.agent_id, a.name, a.device, a.always_available, a.capacity, a.presence, a.reason, a.presence_at, a.barred, a.barred_until,
		       a.used, a.idle_since, a.missed_total, a.unreached_total, a.presence_until, a.next_presence, a.next_reason, a.auto_answer,
		       coalesce((SELECT jsonb_agg(jsonb_build_object('item', o.item_id, 'kind', i.kind, 'offer', o.offer_id, 'queue', o.queue_id, 'state', o.state,
		           'state_at', o.state_at, 'wrap_until', o.wrap_until, 'wrap_up_asked', o.wrap_asked, 'extended', o.extended) ORDER BY o.made_at)
		           FROM queue_offers o JOIN queue_items i USING (item_id) WHERE o.agent_id = a.agent_id AND o.state <> 'IDLE'), '[]')
		FROM queue_agents a WHERE a.archived_at IS NULL AND `+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (AgentView, error) {
		var v AgentView
		var barred State
		err := row.Scan(&v.ID, &v.Name, &v.Device, &v.AlwaysAvailable, &v.Capacity, &v.Presence, &v.Reason, &v.PresenceAt, &barred, &v.BarredUntil,
			&v.Used, &v.IdleSince, &v.Missed, &v.Unreached, &v.Until, &v.Next, &v.NextReason, &v.AutoAnswer, &v.Items)
		v.State, v.StateAt = overall(barred, v.IdleSince, v.Items)
		return v, err
	})
}

// overall is the state to show for an agent with several items: talking before ringing before wrap-up before a bar.
func overall(barred State, idleSince time.Time, items []AgentsItem) (State, time.Time) {
	shown, since, rank := Idle, idleSince, 0
	if barred != "" {
		shown = barred
	}
	order := map[State]int{WrapUp: 1, Reserved: 2, Alerting: 3, Connecting: 4, Recovering: 5, Held: 6, Interacting: 7}
	for _, it := range items {
		if r := order[it.State]; r > rank {
			shown, since, rank = it.State, it.StateAt, r
		}
	}
	return shown, since
}

// Counters are a queue's live figures.
type Counters struct {
	Queue     uuid.UUID  `json:"queue"`
	Waiting   int        `json:"waiting"`
	Oldest    *time.Time `json:"oldest,omitempty"` // since when the first of them waits
	Agents    int        `json:"agents"`
	Ready     int        `json:"ready"`     // available, not barred, with capacity left
	Available int        `json:"available"` // by presence, or always
	Talking   int        `json:"talking"`   // with an item of this queue
	WrapUp    int        `json:"wrap_up"`
}

// Counters returns the live figures of all leaf queues that are not archived.
func (s *Service) Counters(ctx context.Context, tenant uuid.UUID) (cs []Counters, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT q.queue_id, coalesce(w.n, 0), w.oldest, coalesce(m.n, 0), coalesce(m.ready, 0), coalesce(m.available, 0), coalesce(o.talking, 0), coalesce(o.wrap, 0)
			FROM queues q
			LEFT JOIN (SELECT queue_id, count(*) AS n, min(enqueued_at) AS oldest FROM queue_items WHERE state <> 'left' AND tenant_id = $1 GROUP BY 1) w USING (queue_id)
			LEFT JOIN (SELECT queue_id, count(*) AS n,
			             count(*) FILTER (WHERE presence = 'AVAILABLE' OR always_available) AS available,
			             count(*) FILTER (WHERE (presence = 'AVAILABLE' OR always_available) AND barred = '' AND used < capacity) AS ready
			           FROM queue_members JOIN queue_agents USING (agent_id) WHERE queue_members.tenant_id = $1 GROUP BY 1) m USING (queue_id)
			LEFT JOIN (SELECT queue_id, count(*) FILTER (WHERE state IN ('INTERACTING', 'HELD', 'RECOVERING')) AS talking,
			             count(*) FILTER (WHERE state = 'WRAP_UP') AS wrap
			           FROM queue_offers WHERE state <> 'IDLE' AND tenant_id = $1 GROUP BY 1) o USING (queue_id)
			WHERE q.archived_at IS NULL AND q.kind = 'queue' AND q.tenant_id = $1
			  AND NOT EXISTS (SELECT FROM queues c WHERE c.parent_id = q.queue_id AND c.archived_at IS NULL)
			ORDER BY q.name, q.queue_id`, tenant)
		if err != nil {
			return err
		}
		cs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Counters, err error) {
			return c, row.Scan(&c.Queue, &c.Waiting, &c.Oldest, &c.Agents, &c.Ready, &c.Available, &c.Talking, &c.WrapUp)
		})
		return err
	})
	return cs, wrap("count", err)
}
