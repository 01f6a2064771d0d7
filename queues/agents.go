package queues

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// DefaultCapacity is an agent's budget (Q1.2): one call, or four chats.
const DefaultCapacity = 100

// Agent is someone, or a device, who serves queues.
type Agent struct {
	ID              uuid.UUID `json:"id"` // the user's id for a person; a device without a user has one of its own
	Name            string    `json:"name"`
	Device          string    `json:"device"`           // "browser", "phone:8001" (a SIP telephone), "number:+49301234567" or "sip:user@host:port"
	AlwaysAvailable bool      `json:"always_available"` // presence does not matter
	Capacity        int       `json:"capacity"`
	AutoAnswer      *bool     `json:"auto_answer,omitempty"` // nil: as the agent's groups and the queue say (V2.6)
}

// Errors of agents.
var (
	ErrNoAgent   = fault.New(fault.NotFound, "agent_not_found", "There is no such agent.")
	ErrAgentBusy = fault.New(fault.Conflict, "agent_busy", "The agent still has a call or conversation: end it first.")
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
	return checkDevice(a.Device)
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

func upsertAgent(ctx context.Context, tx *storage.Tx, a Agent) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO queue_agents (agent_id, tenant_id, shard, name, device, always_available, capacity, presence, last_presence, presence_at, idle_since, auto_answer)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'OFFLINE', 'OFFLINE', $8, $8, $9)
		ON CONFLICT (agent_id) DO UPDATE SET name = excluded.name, device = excluded.device, always_available = excluded.always_available,
			capacity = excluded.capacity, auto_answer = excluded.auto_answer, archived_at = NULL,
			ring_seconds = CASE WHEN queue_agents.device = excluded.device THEN queue_agents.ring_seconds ELSE 0 END,
			barred = CASE WHEN queue_agents.device <> excluded.device AND queue_agents.barred = 'UNREACHABLE' THEN '' ELSE queue_agents.barred END,
			barred_until = CASE WHEN queue_agents.device <> excluded.device AND queue_agents.barred = 'UNREACHABLE' THEN NULL ELSE queue_agents.barred_until END
		WHERE queue_agents.tenant_id = excluded.tenant_id`,
		a.ID, tx.Tenant, shardOf(tx.Tenant), strings.TrimSpace(a.Name), a.Device, a.AlwaysAvailable, a.Capacity, tx.Now, a.AutoAnswer)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNoAgent
	}
	return err
}

func copyMembers(ctx context.Context, tx *storage.Tx, from, to uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO queue_members (queue_id, agent_id, tenant_id, position, priority, delay_seconds)
		SELECT $2, agent_id, tenant_id, position, priority, delay_seconds FROM queue_members WHERE queue_id = $1`, from, to)
	return err
}
