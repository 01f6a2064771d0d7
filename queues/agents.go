package queues

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// DefaultCapacity is an agent's budget (Q1.2): one call, or four chats.
const DefaultCapacity = 100

// Agent is someone, or a device, who serves queues.
type Agent struct {
	ID              uuid.UUID `json:"id"` // the user's id for a person; a device without a user has one of its own
	Name            string    `json:"name"`
	Device          string    `json:"device"`           // "browser", "sip:user@host:port" or "phone:8001"
	AlwaysAvailable bool      `json:"always_available"` // presence does not matter
	Capacity        int       `json:"capacity"`
}

// Errors of agents.
var (
	ErrNoAgent        = fault.New(fault.NotFound, "agent_not_found", "There is no such agent.")
	ErrAgentBusy      = fault.New(fault.Conflict, "agent_busy", "The agent still has a call or conversation: end it first.")
	ErrNoWrapUp       = fault.New(fault.Conflict, "no_wrap_up", "There is nothing to wrap up (any more).")
	ErrDisposition    = fault.New(fault.Invalid, "disposition_unknown", "Choose one of the queue's dispositions.").WithField("disposition")
	ErrNoDisposition  = fault.New(fault.Invalid, "disposition_required", "This queue needs a disposition before the wrap-up can end.").WithField("disposition")
	ErrPresenceNeeded = fault.New(fault.Invalid, "presence_invalid", "Presence is OFFLINE, AVAILABLE, AWAY or BUSY.").WithField("presence")
)

func (a Agent) validate() error {
	switch {
	case a.ID == uuid.Nil:
		return invalid("id", "An agent needs an id.")
	case strings.TrimSpace(a.Name) == "":
		return invalid("name", "An agent needs a name.")
	case a.Capacity < 0 || a.Capacity > 100_000:
		return invalid("capacity", "The capacity is 0 to 100000.")
	}
	kind, rest, _ := strings.Cut(a.Device, ":")
	if a.Device != "browser" && (kind != "sip" && kind != "phone" || rest == "") {
		return invalid("device", "The device is browser, sip:user@host or phone:extension.")
	}
	return nil
}

// PutAgent creates an agent, offline, or changes them; Capacity 0 is DefaultCapacity.
func (s *Service) PutAgent(ctx context.Context, tenant uuid.UUID, a Agent) error {
	return s.PutAgents(ctx, tenant, []Agent{a})
}

// PutAgents is PutAgent for many at once: all or none.
func (s *Service) PutAgents(ctx context.Context, tenant uuid.UUID, agents []Agent) error {
	for i := range agents {
		if agents[i].Capacity == 0 {
			agents[i].Capacity = DefaultCapacity
		}
		if err := agents[i].validate(); err != nil {
			return err
		}
	}
	err := s.configure(ctx, tenant, tenant, func(tx *storage.Tx) error {
		for _, a := range agents {
			if err := upsertAgent(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("store agents", err)
}

// ArchiveAgent takes an agent out of all queues; ErrAgentBusy while they have an item.
func (s *Service) ArchiveAgent(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		var used int
		if err := tx.QueryRow(ctx, `SELECT used FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, id).Scan(&used); err != nil {
			return storage.Missing(err, ErrNoAgent)
		}
		if used > 0 {
			return ErrAgentBusy
		}
		if _, err := tx.Exec(ctx, `UPDATE queue_agents SET archived_at = $2, presence = 'OFFLINE' WHERE agent_id = $1`, id, tx.Now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM queue_members WHERE agent_id = $1`, id)
		return err
	})
	return wrap("archive agent", err)
}

// SetMembers makes exactly these agents serve a leaf queue.
func (s *Service) SetMembers(ctx context.Context, tenant, queue uuid.UUID, agents []uuid.UUID) error {
	agents = append([]uuid.UUID{}, agents...) // nil would be NULL, which is different from nobody
	err := s.configure(ctx, tenant, queue, func(tx *storage.Tx) error {
		// The lock keeps the queue a leaf until this commits.
		if _, err := tx.Exec(ctx, `SELECT FROM queues WHERE queue_id = $1 FOR UPDATE`, queue); err != nil {
			return err
		}
		q, err := readQueue(ctx, tx, queue)
		if err != nil {
			return err
		}
		if !q.Leaf {
			return ErrNotLeaf
		}
		if _, err := tx.Exec(ctx, `DELETE FROM queue_members WHERE queue_id = $1 AND agent_id <> ALL ($2)`, queue, agents); err != nil {
			return err
		}
		// Only agents whom this tenant sees: a foreign id inserts nothing.
		if _, err = tx.Exec(ctx, `
			INSERT INTO queue_members (queue_id, agent_id, tenant_id)
			SELECT $1, agent_id, $3 FROM queue_agents WHERE agent_id = ANY ($2) AND archived_at IS NULL ON CONFLICT DO NOTHING`, queue, agents, tx.Tenant); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM queue_members WHERE queue_id = $1 AND agent_id = ANY ($2)`, queue, agents).Scan(&n); err != nil {
			return err
		}
		if n != distinct(agents) {
			return ErrNoAgent
		}
		return nil
	})
	return wrap("set the queue's agents", err)
}

func distinct(ids []uuid.UUID) int {
	seen := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		seen[id] = true
	}
	return len(seen)
}

// Members returns the agents of a queue.
func (s *Service) Members(ctx context.Context, tenant, queue uuid.UUID) (ids []uuid.UUID, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT agent_id FROM queue_members WHERE queue_id = $1 ORDER BY agent_id`, queue)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids, wrap("read the queue's agents", err)
}

// PresenceChanged is the data of the event agent.presence; the event's actor is who did it.
type PresenceChanged struct {
	Agent    uuid.UUID `json:"agent"`
	Presence Presence  `json:"presence"`
	Reason   string    `json:"reason,omitempty"`
	From     Presence  `json:"from"`
	Since    time.Time `json:"since"` // when From began
}

// SetPresence sets an agent's presence, by themselves or by another (events.WithActor says who). It also lifts NOT_RESPONDING and
// UNREACHABLE: whoever says something responds.
func (s *Service) SetPresence(ctx context.Context, tenant, agent uuid.UUID, p Presence, reason string) error {
	if !p.valid() {
		return ErrPresenceNeeded
	}
	err := s.changePresence(ctx, tenant, agent, func(r *presenceRow) {
		r.presence, r.reason, r.lastPresence, r.lastReason = p, reason, p, reason
		r.barred = ""
	})
	return wrap("set presence", err)
}

// Gone makes an agent OFFLINE whose device has gone; what they had set returns with Back.
func (s *Service) Gone(ctx context.Context, tenant, agent uuid.UUID) error {
	err := s.changePresence(ctx, tenant, agent, func(r *presenceRow) { r.presence, r.reason = Offline, "" })
	return wrap("set presence", err)
}

// Back returns an agent to the presence they had set before their device went (Q2.5), and says which. It lifts UNREACHABLE, since the
// device is here, but not NOT_RESPONDING.
func (s *Service) Back(ctx context.Context, tenant, agent uuid.UUID) (p Presence, reason string, err error) {
	err = s.changePresence(ctx, tenant, agent, func(r *presenceRow) {
		r.presence, r.reason = r.lastPresence, r.lastReason
		p, reason = r.presence, r.reason
		if r.barred == Unreachable {
			r.barred = ""
		}
	})
	return p, reason, wrap("return to the last presence", err)
}

type presenceRow struct {
	presence, lastPresence Presence
	reason, lastReason     string
	barred                 State // "" for none
}

func (s *Service) changePresence(ctx context.Context, tenant, agent uuid.UUID, change func(*presenceRow)) error {
	return s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var r presenceRow
		var since time.Time
		err := tx.QueryRow(ctx, `
			SELECT presence, reason, last_presence, last_reason, barred, presence_at FROM queue_agents
			WHERE agent_id = $1 AND archived_at IS NULL FOR UPDATE`, agent).
			Scan(&r.presence, &r.reason, &r.lastPresence, &r.lastReason, &r.barred, &since)
		if err != nil {
			return storage.Missing(err, ErrNoAgent)
		}
		from := r
		change(&r)
		_, err = tx.Exec(ctx, `
			UPDATE queue_agents SET presence = $2, reason = $3, last_presence = $4, last_reason = $5,
				presence_at = CASE WHEN presence = $2 AND reason = $3 THEN presence_at ELSE $6 END, barred = $7,
				barred_until = CASE WHEN $7 = '' THEN NULL ELSE barred_until END,
				missed = CASE WHEN $7 = '' THEN 0 ELSE missed END, unreached = CASE WHEN $7 = '' THEN 0 ELSE unreached END
			WHERE agent_id = $1`, agent, r.presence, r.reason, r.lastPresence, r.lastReason, tx.Now, r.barred)
		if err != nil {
			return err
		}
		s.wakeAfter(tx, tenant)
		if from.barred != r.barred {
			if err := s.log.Append(ctx, tx, "agent.state", agent, StateChanged{Agent: agent, From: from.barred, State: Idle}); err != nil {
				return err
			}
		}
		if from.presence == r.presence && from.reason == r.reason {
			return nil
		}
		return s.log.Append(ctx, tx, "agent.presence", agent, PresenceChanged{Agent: agent, Presence: r.presence, Reason: r.reason, From: from.presence, Since: since})
	})
}

// Finished is a wrap-up that its agent has ended: what the caller is to keep with the item.
type Finished struct {
	Offer       uuid.UUID
	Item        uuid.UUID
	Queue       uuid.UUID
	Agent       uuid.UUID
	Disposition string
	Notes       string
}

// WrapUpNote is what an agent says at the end. Offer may be uuid.Nil: the agent's oldest wrap-up.
type WrapUpNote struct {
	Offer       uuid.UUID
	Disposition string // "" for none
	Notes       string
}

// FinishWrapUp ends an agent's wrap-up. Disposition and notes are checked against the queue's rule and handed back: the item's own
// package keeps them. ErrNoWrapUp when the timer was quicker.
func (s *Service) FinishWrapUp(ctx context.Context, tenant, agent uuid.UUID, w WrapUpNote) (Finished, error) {
	var f Finished
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var offer uuid.UUID
		err := tx.QueryRow(ctx, `
			SELECT offer_id FROM queue_offers WHERE agent_id = $1 AND state = 'WRAP_UP' AND ($2::uuid = '00000000-0000-0000-0000-000000000000' OR offer_id = $2)
			ORDER BY state_at LIMIT 1`, agent, w.Offer).Scan(&offer)
		if err != nil {
			return storage.Missing(err, ErrNoWrapUp)
		}
		a, err := lockAssignment(ctx, tx, offer)
		if err != nil {
			return err
		}
		if a.state != WrapUp {
			return ErrNoWrapUp
		}
		set, err := effective(ctx, tx, a.queue)
		if err != nil {
			return err
		}
		if err := checkDisposition(set, w.Disposition); err != nil {
			return err
		}
		f = Finished{Offer: offer, Item: a.item, Queue: a.queue, Agent: agent, Disposition: w.Disposition, Notes: w.Notes}
		return s.move(ctx, tx, a, hFinish, moveDetail{result: "finished", disposition: w.Disposition})
	})
	if err != nil {
		return Finished{}, fmt.Errorf("finish wrap-up: %w", err)
	}
	return f, nil
}

func checkDisposition(set Settings, d string) error {
	codes := set.Dispositions.Value
	if d == "" {
		if set.WrapUp.Value.Mode == WrapUpMandatory && len(codes) > 0 {
			return ErrNoDisposition
		}
		return nil
	}
	for _, c := range codes {
		if c == d {
			return nil
		}
	}
	if len(codes) == 0 {
		return nil
	}
	return ErrDisposition
}

func upsertAgent(ctx context.Context, tx *storage.Tx, a Agent) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO queue_agents (agent_id, tenant_id, shard, name, device, always_available, capacity, presence, last_presence, presence_at, idle_since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'OFFLINE', 'OFFLINE', $8, $8)
		ON CONFLICT (agent_id) DO UPDATE SET name = excluded.name, device = excluded.device, always_available = excluded.always_available,
			capacity = excluded.capacity, archived_at = NULL
		WHERE queue_agents.tenant_id = excluded.tenant_id`,
		a.ID, tx.Tenant, shardOf(tx.Tenant), strings.TrimSpace(a.Name), a.Device, a.AlwaysAvailable, a.Capacity, tx.Now)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNoAgent
	}
	return err
}

func copyMembers(ctx context.Context, tx *storage.Tx, from, to uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO queue_members (queue_id, agent_id, tenant_id) SELECT $2, agent_id, tenant_id FROM queue_members WHERE queue_id = $1`, from, to)
	return err
}
