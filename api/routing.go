package api

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"tandem/queues"
)

func (s *Server) routingRoutes() []route {
	return []route{
		on(s, "GET", "/presences", "read:agents", "list-presences", "The tenant's own words for being available, away or busy", s.listPresences),
		on(s, "POST", "/presences", "write:queues", "add-presence", "Make a presence", s.addPresence),
		on(s, "PUT", "/presences/{id}", "write:queues", "put-presence", "Change a presence", s.putPresence),
		on(s, "DELETE", "/presences/{id}", "write:queues", "delete-presence", "Remove a presence", s.deletePresence),
		on(s, "GET", "/skills", "read:queues", "list-skills", "What agents can do", s.listSkills),
		on(s, "POST", "/skills", "write:queues", "add-skill", "Make a skill", s.addSkill),
		on(s, "PUT", "/skills/{id}", "write:queues", "put-skill", "Rename a skill", s.putSkill),
		on(s, "DELETE", "/skills/{id}", "write:queues", "delete-skill", "Remove a skill that no queue asks for", s.deleteSkill),
		on(s, "GET", "/agent-groups", "read:queues", "list-agent-groups", "Groups of agents, by which queues route", s.listGroups),
		on(s, "POST", "/agent-groups", "write:queues", "add-agent-group", "Make a group of agents", s.addGroup),
		on(s, "PUT", "/agent-groups/{id}", "write:queues", "put-agent-group", "Change a group of agents", s.putGroup),
		on(s, "DELETE", "/agent-groups/{id}", "write:queues", "delete-agent-group", "Remove a group that no queue names", s.deleteGroup),
		on(s, "GET", "/agents/{id}/skills", "read:agents", "get-agent-skills", "What an agent can do, and how well", s.agentSkills),
		on(s, "PUT", "/agents/{id}/skills", "write:agents", "put-agent-skills", "Set what an agent can do", s.putAgentSkills),
		on(s, "PUT", "/agents/{id}/next-presence", "presence:agents", "set-next-presence", "Choose an agent's presence for after what they do now", s.setNextPresence),
		on(s, "GET", "/queue-alarms", "read:queues", "list-queue-alarms", "When something waited beside an agent who could have taken it, in the last 24 hours", s.listAlarms),
		on(s, "GET", "/queue-retention", "read:queues", "get-queue-retention", "For how long items, offers and decisions that are over are kept", s.getRetention),
		on(s, "PUT", "/queue-retention", "write:queues", "put-queue-retention", "Set for how long they are kept", s.putRetention),
	}
}

// PresenceInput is a presence as it is to be.
type PresenceInput struct {
	Name       string          `json:"name" minLength:"1" maxLength:"100"`
	Presence   queues.Presence `json:"presence" enum:"AVAILABLE,AWAY,BUSY" doc:"what it stands for"`
	Colour     string          `json:"colour" pattern:"^#[0-9a-fA-F]{6}$" example:"#b86e00"`
	Productive bool            `json:"productive,omitempty" doc:"counts as work in reports"`
	MaxMinutes int             `json:"max_minutes,omitempty" minimum:"0" maximum:"1440" doc:"then it is an overrun; 0: no limit"`
}

func (p PresenceInput) word(id uuid.UUID) queues.Word {
	return queues.Word{ID: id, Name: p.Name, Presence: p.Presence, Colour: p.Colour, Productive: p.Productive, MaxMinutes: p.MaxMinutes}
}

func (s *Server) listPresences(ctx context.Context, _ *struct{}) (*List[queues.Word], error) {
	return whole(s.Queues.Words(ctx, tenant(ctx)))
}

func (s *Server) addPresence(ctx context.Context, in *With[PresenceInput]) (*One[queues.Word], error) {
	return one(s.Queues.PutWord(ctx, tenant(ctx), in.Body.word(uuid.Nil)))
}

func (s *Server) putPresence(ctx context.Context, in *Change[PresenceInput]) (*One[queues.Word], error) {
	return one(s.Queues.PutWord(ctx, tenant(ctx), in.Body.word(in.ID)))
}

func (s *Server) deletePresence(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Queues.DeleteWord(ctx, tenant(ctx), in.ID))
}

// SkillInput is a skill as it is to be.
type SkillInput struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
}

func (s *Server) listSkills(ctx context.Context, _ *struct{}) (*List[queues.Skill], error) {
	return whole(s.Queues.Skills(ctx, tenant(ctx)))
}

func (s *Server) addSkill(ctx context.Context, in *With[SkillInput]) (*One[queues.Skill], error) {
	return one(s.Queues.PutSkill(ctx, tenant(ctx), uuid.Nil, in.Body.Name))
}

func (s *Server) putSkill(ctx context.Context, in *Change[SkillInput]) (*One[queues.Skill], error) {
	return one(s.Queues.PutSkill(ctx, tenant(ctx), in.ID, in.Body.Name))
}

func (s *Server) deleteSkill(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Queues.DeleteSkill(ctx, tenant(ctx), in.ID))
}

// GroupInput is a group of agents as it is to be.
type GroupInput struct {
	Name       string      `json:"name" minLength:"1" maxLength:"100"`
	AutoAnswer bool        `json:"auto_answer,omitempty" doc:"their devices answer by themselves"`
	Agents     []uuid.UUID `json:"agents" maxItems:"10000" uniqueItems:"true"`
}

func (g GroupInput) group(id uuid.UUID) queues.Group {
	return queues.Group{ID: id, Name: g.Name, AutoAnswer: g.AutoAnswer, Agents: g.Agents}
}

func (s *Server) listGroups(ctx context.Context, _ *struct{}) (*List[queues.Group], error) {
	return whole(s.Queues.Groups(ctx, tenant(ctx)))
}

func (s *Server) addGroup(ctx context.Context, in *With[GroupInput]) (*One[queues.Group], error) {
	return one(s.Queues.PutGroup(ctx, tenant(ctx), in.Body.group(uuid.Nil)))
}

func (s *Server) putGroup(ctx context.Context, in *Change[GroupInput]) (*One[queues.Group], error) {
	return one(s.Queues.PutGroup(ctx, tenant(ctx), in.Body.group(in.ID)))
}

func (s *Server) deleteGroup(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Queues.DeleteGroup(ctx, tenant(ctx), in.ID))
}

// AgentSkills are what an agent can do.
type AgentSkills struct {
	Skills []queues.SkillNeed `json:"skills" maxItems:"200"`
}

func (s *Server) agentSkills(ctx context.Context, in *ByID) (*One[AgentSkills], error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	if _, err := s.Queues.Agent(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	skills, err := s.Queues.AgentSkills(ctx, tenant(ctx), in.ID)
	return one(AgentSkills{Skills: skills}, err)
}

func (s *Server) putAgentSkills(ctx context.Context, in *Change[AgentSkills]) (*One[AgentSkills], error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return one(in.Body, s.Queues.SetAgentSkills(ctx, tenant(ctx), in.ID, in.Body.Skills))
}

// NextPresence chooses a presence for later.
type NextPresence struct {
	Presence queues.Presence `json:"presence,omitempty" enum:"OFFLINE,AVAILABLE,AWAY,BUSY" doc:"left out: the choice is taken back"`
	Reason   string          `json:"reason,omitempty" maxLength:"200"`
}

func (s *Server) setNextPresence(ctx context.Context, in *Change[NextPresence]) (*Nothing, error) {
	if err := s.reachAgent(ctx, in.ID); err != nil {
		return nil, err
	}
	return nothing(s.Queues.SetNextPresence(ctx, tenant(ctx), in.ID, in.Body.Presence, in.Body.Reason))
}

// alarmsSince is how far back alarms are listed.
const alarmsSince = 24 * time.Hour

func (s *Server) listAlarms(ctx context.Context, _ *struct{}) (*List[queues.Alarm], error) {
	return whole(s.Queues.Alarms(ctx, tenant(ctx), s.DB.Now().Add(-alarmsSince)))
}

// QueueRetention is for how many days what is over is kept.
type QueueRetention struct {
	Days int `json:"days" minimum:"1" maximum:"3650"`
}

func (s *Server) getRetention(ctx context.Context, _ *struct{}) (*One[QueueRetention], error) {
	days, err := s.Queues.Retention(ctx, tenant(ctx))
	return one(QueueRetention{days}, err)
}

func (s *Server) putRetention(ctx context.Context, in *With[QueueRetention]) (*One[QueueRetention], error) {
	return one(in.Body, s.Queues.SetRetention(ctx, tenant(ctx), in.Body.Days))
}

// knownRouting refuses settings that name another tenant's skills or groups.
func (s *Server) knownRouting(ctx context.Context, own queues.OwnSettings) error {
	var groups []uuid.UUID
	if own.Rings != nil {
		for _, r := range *own.Rings {
			groups = append(groups, r.Groups...)
		}
	}
	if own.Shares != nil {
		for _, share := range *own.Shares {
			groups = append(groups, share.Group)
		}
	}
	if len(groups) > 0 {
		all, err := s.Queues.Groups(ctx, tenant(ctx))
		if err != nil {
			return err
		}
		for _, id := range groups {
			if !slices.ContainsFunc(all, func(g queues.Group) bool { return g.ID == id }) {
				return queues.ErrNoGroup
			}
		}
	}
	if own.Skills == nil || len(own.Skills.Required) == 0 {
		return nil
	}
	all, err := s.Queues.Skills(ctx, tenant(ctx))
	if err != nil {
		return err
	}
	for _, need := range own.Skills.Required {
		if !slices.ContainsFunc(all, func(k queues.Skill) bool { return k.ID == need.Skill }) {
			return queues.ErrNoSkill
		}
	}
	return nil
}
