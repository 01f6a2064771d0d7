package api

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"tandem/internal/auth"
	"tandem/queues"
)

func (s *Server) agentRoutes() []route {
	return []route{
		on(s, "GET", "/agents", "read:agents", "list-agents", "Agents with what they do at the moment, by name", s.listAgents),
		on(s, "GET", "/colleagues", "read:conversations", "list-colleagues", "Who may be mentioned, added or given a conversation: names and presence of all agents", s.listColleagues),
		on(s, "GET", "/agents/{id}", "read:agents", "get-agent", "One agent", s.getAgent),
		on(s, "PUT", "/agents/{id}", "write:agents", "put-agent", "Make a user an agent, or change one", s.putAgent),
		on(s, "DELETE", "/agents/{id}", "write:agents", "archive-agent", "Take an agent out of all queues", s.archiveAgent),
		on(s, "PUT", "/agents/{id}/presence", "presence:agents", "set-presence", "Set an agent's presence", s.setPresence),
	}
}

type agentFilter struct {
	Cursor   string          `query:"cursor" maxLength:"1000" doc:"next_cursor of the page before"`
	Limit    int             `query:"limit" minimum:"1" maximum:"500" default:"500"`
	Queue    uuid.UUID       `query:"queue" format:"uuid"`
	Presence queues.Presence `query:"presence" enum:"OFFLINE,AVAILABLE,AWAY,BUSY"`
}

func (s *Server) listAgents(ctx context.Context, in *agentFilter) (*List[queues.AgentView], error) {
	only, _, err := s.Auth.Within(ctx, scope(ctx))
	if err != nil {
		return nil, err
	}
	p, err := s.Queues.Agents(ctx, tenant(ctx), queues.AgentFilter{Only: only, Queue: in.Queue, Presence: in.Presence, Cursor: in.Cursor, Limit: in.Limit})
	return cut(p.Items, p.Next, err)
}

// Colleague is an agent as every other agent may know them.
type Colleague struct {
	ID       uuid.UUID       `json:"id"`
	Name     string          `json:"name"`
	Presence queues.Presence `json:"presence"`
	Free     bool            `json:"free" doc:"has capacity left"`
}

func (s *Server) listColleagues(ctx context.Context, _ *struct{}) (*List[Colleague], error) {
	p, err := s.Queues.Agents(ctx, tenant(ctx), queues.AgentFilter{Limit: 500})
	if err != nil {
		return nil, err
	}
	all := make([]Colleague, 0, len(p.Items))
	for _, a := range p.Items {
		c := Colleague{ID: a.ID, Name: a.Name, Presence: a.Presence, Free: a.Used < a.Capacity}
		if a.AlwaysAvailable {
			c.Presence = queues.Available
		}
		all = append(all, c)
	}
	return whole(all, nil)
}

// reachAgent says whether the scope reaches an agent, by ErrNoAgent.
func (s *Server) reachAgent(ctx context.Context, id uuid.UUID) error {
	only, all, err := s.Auth.Within(ctx, scope(ctx))
	if err == nil && !all && !slices.Contains(only, id) {
		err = queues.ErrNoAgent
	}
	return err
}

func (s *Server) getAgent(ctx context.Context, in *ByID) (*One[queues.AgentView], error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(s.Queues.Agent(ctx, tenant(ctx), in.ID))
}

// AgentInput is an agent as they are to be.
type AgentInput struct {
	Name            string `json:"name" minLength:"1" maxLength:"200"`
	Device          string `json:"device" doc:"browser, phone:8001, number:+49301234567 or sip:user@host:port; /agents/{id}/device says it in parts" maxLength:"200"`
	AlwaysAvailable bool   `json:"always_available,omitempty" doc:"presence does not matter"`
	Capacity        int    `json:"capacity,omitempty" doc:"100 when left out"`
	AutoAnswer      *bool  `json:"auto_answer,omitempty" doc:"left out: as the agent's groups and the queue say"`
}

// putAgent takes ids of the tenant's users, or of agents there are: devices are made without a user only by set-up.
func (s *Server) putAgent(ctx context.Context, in *Change[AgentInput]) (*One[queues.AgentView], error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	if _, err := s.Queues.Agent(ctx, tenant(ctx), in.ID); err != nil {
		if ok, err := s.Auth.Exists(ctx, in.ID); err != nil || !ok {
			return nil, errorOr(err, queues.ErrNoAgent)
		}
	}
	b := in.Body
	if err := s.permittedDevice(ctx, b.Device); err != nil {
		return nil, err
	}
	a := queues.Agent{ID: in.ID, Name: b.Name, Device: b.Device, AlwaysAvailable: b.AlwaysAvailable, Capacity: b.Capacity, AutoAnswer: b.AutoAnswer}
	if err := s.Queues.PutAgent(ctx, tenant(ctx), a); err != nil {
		return nil, err
	}
	return one(s.Queues.Agent(ctx, tenant(ctx), in.ID))
}

func (s *Server) archiveAgent(ctx context.Context, in *ByID) (*Nothing, error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Queues.ArchiveAgent(ctx, tenant(ctx), in.ID))
}

// PresenceChange sets a presence.
type PresenceChange struct {
	Presence queues.Presence `json:"presence" enum:"OFFLINE,AVAILABLE,AWAY,BUSY"`
	Reason   string          `json:"reason,omitempty" maxLength:"200"`
}

func (s *Server) setPresence(ctx context.Context, in *Change[PresenceChange]) (*Nothing, error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Queues.SetPresence(ctx, tenant(ctx), in.ID, in.Body.Presence, in.Body.Reason))
}

// tenant is the acting user's; routes that need it demand somebody.
func tenant(ctx context.Context) uuid.UUID { return auth.From(ctx).Tenant }

// errorOr returns err, or otherwise when there is none.
func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
