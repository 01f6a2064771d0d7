package queues

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Skill is something that agents can do, each at a level of 1 to 5.
type Skill struct {
	ID     uuid.UUID `json:"id"`
	Name   string    `json:"name"`
	Agents int       `json:"agents"` // who have it
}

// Group is a group of agents that rings and shares go by.
type Group struct {
	ID         uuid.UUID   `json:"id"`
	Name       string      `json:"name"`
	AutoAnswer bool        `json:"auto_answer"` // their devices answer by themselves (V2.6)
	Agents     []uuid.UUID `json:"agents"`
}

// Errors of skills and groups.
var (
	ErrNoSkill    = fault.New(fault.NotFound, "skill_not_found", "There is no such skill.")
	ErrSkillTaken = fault.New(fault.Conflict, "skill_name_taken", "There is a skill of this name already.").WithField("name")
	ErrSkillUsed  = fault.New(fault.Conflict, "skill_in_use", "A queue asks for this skill: take it out there first.")
	ErrNoGroup    = fault.New(fault.NotFound, "group_not_found", "There is no such group of agents.")
	ErrGroupTaken = fault.New(fault.Conflict, "group_name_taken", "There is a group of this name already.").WithField("name")
	ErrGroupUsed  = fault.New(fault.Conflict, "group_in_use", "A queue's rings or shares name this group: take it out there first.")
)

var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func validColour(s string) bool { return colour.MatchString(s) }

// validName trims a name and says whether it may be one.
func validName(name *string) bool {
	*name = strings.TrimSpace(*name)
	return *name != "" && utf8.RuneCountInString(*name) <= 100
}

// Skills returns the tenant's skills by name.
func (s *Service) Skills(ctx context.Context, tenant uuid.UUID) (all []Skill, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT s.skill_id, s.name, (SELECT count(*) FROM queue_agent_skills a WHERE a.skill_id = s.skill_id) FROM queue_skills s ORDER BY lower(s.name)`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k Skill, err error) { return k, row.Scan(&k.ID, &k.Name, &k.Agents) })
		return err
	})
	return all, wrap("read skills", err)
}

// PutSkill makes a skill, where id is uuid.Nil, or renames it.
func (s *Service) PutSkill(ctx context.Context, tenant, id uuid.UUID, name string) (Skill, error) {
	if !validName(&name) {
		return Skill{}, invalid("name", "A skill needs a name of at most 100 letters.")
	}
	k := Skill{ID: id, Name: name}
	if id == uuid.Nil {
		k.ID = storage.NewID()
	}
	err := s.configure(ctx, tenant, k.ID, func(tx *storage.Tx) error {
		sql := `UPDATE queue_skills SET name = $3 WHERE skill_id = $1 AND tenant_id = $2`
		if id == uuid.Nil {
			sql = `INSERT INTO queue_skills (skill_id, tenant_id, name) VALUES ($1, $2, $3)`
		}
		tag, err := tx.Exec(ctx, sql, k.ID, tx.Tenant, name)
		switch {
		case storage.Duplicate(err, "queue_skills_name"):
			return ErrSkillTaken.Because(err)
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return ErrNoSkill
		}
		return tx.QueryRow(ctx, `SELECT count(*) FROM queue_agent_skills WHERE skill_id = $1`, k.ID).Scan(&k.Agents)
	})
	if err != nil {
		return Skill{}, fmt.Errorf("store a skill: %w", err)
	}
	return k, nil
}

// settingsName says whether the settings of some queue, or the global ones, name an id under a path of their JSON.
func settingsName(ctx context.Context, tx *storage.Tx, id uuid.UUID, paths ...string) (used bool, err error) {
	for _, path := range paths {
		err = tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM queues WHERE archived_at IS NULL AND jsonb_path_exists(settings, $1::jsonpath, jsonb_build_object('id', $2::text)))
			    OR EXISTS (SELECT FROM queue_globals WHERE jsonb_path_exists(settings, $1::jsonpath, jsonb_build_object('id', $2::text)))`, path, id.String()).Scan(&used)
		if used || err != nil {
			return used, err
		}
	}
	return false, nil
}

// DeleteSkill removes a skill that no queue asks for.
func (s *Service) DeleteSkill(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		used, err := settingsName(ctx, tx, id, `$.skills.required[*] ? (@.skill == $id)`)
		if err != nil {
			return err
		}
		if used {
			return ErrSkillUsed
		}
		if _, err := tx.Exec(ctx, `DELETE FROM queue_agent_skills WHERE skill_id = $1`, id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM queue_skills WHERE skill_id = $1`, id)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNoSkill
		}
		return err
	})
	return wrap("remove a skill", err)
}

// AgentSkills returns what an agent can do.
func (s *Service) AgentSkills(ctx context.Context, tenant, agent uuid.UUID) (needs []SkillNeed, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT a.skill_id, a.level FROM queue_agent_skills a JOIN queue_skills s USING (skill_id) WHERE a.agent_id = $1 ORDER BY lower(s.name)`, agent)
		if err != nil {
			return err
		}
		needs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n SkillNeed, err error) { return n, row.Scan(&n.Skill, &n.Level) })
		return err
	})
	return needs, wrap("read an agent's skills", err)
}

// SetAgentSkills makes these an agent's skills.
func (s *Service) SetAgentSkills(ctx context.Context, tenant, agent uuid.UUID, skills []SkillNeed) error {
	seen := make(map[uuid.UUID]bool, len(skills))
	for _, n := range skills {
		if n.Level < 1 || n.Level > 5 || seen[n.Skill] {
			return invalid("skills", "Give each skill once, with a proficiency of 1 to 5.")
		}
		seen[n.Skill] = true
	}
	err := s.configure(ctx, tenant, agent, func(tx *storage.Tx) error {
		var here bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue_agents WHERE agent_id = $1 AND archived_at IS NULL)`, agent).Scan(&here); err != nil {
			return err
		}
		if !here {
			return ErrNoAgent
		}
		if _, err := tx.Exec(ctx, `DELETE FROM queue_agent_skills WHERE agent_id = $1`, agent); err != nil {
			return err
		}
		for _, n := range skills {
			tag, err := tx.Exec(ctx, `
				INSERT INTO queue_agent_skills (agent_id, skill_id, tenant_id, level) SELECT $1, skill_id, tenant_id, $3 FROM queue_skills WHERE skill_id = $2`, agent, n.Skill, n.Level)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return ErrNoSkill
			}
		}
		return nil
	})
	return wrap("set an agent's skills", err)
}

// Groups returns the tenant's groups of agents by name.
func (s *Service) Groups(ctx context.Context, tenant uuid.UUID) (all []Group, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT g.group_id, g.name, g.auto_answer, coalesce((SELECT jsonb_agg(m.agent_id ORDER BY m.agent_id) FROM queue_group_agents m WHERE m.group_id = g.group_id), '[]')
			FROM queue_groups g ORDER BY lower(g.name)`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g Group, err error) {
			return g, row.Scan(&g.ID, &g.Name, &g.AutoAnswer, &g.Agents)
		})
		return err
	})
	return all, wrap("read groups of agents", err)
}

// PutGroup makes a group, where ID is uuid.Nil, or changes it.
func (s *Service) PutGroup(ctx context.Context, tenant uuid.UUID, g Group) (Group, error) {
	if !validName(&g.Name) {
		return Group{}, invalid("name", "A group needs a name of at most 100 letters.")
	}
	fresh := g.ID == uuid.Nil
	if fresh {
		g.ID = storage.NewID()
	}
	g.Agents = append([]uuid.UUID{}, g.Agents...) // nil would be NULL
	err := s.configure(ctx, tenant, g.ID, func(tx *storage.Tx) error {
		sql := `UPDATE queue_groups SET name = $3, auto_answer = $4 WHERE group_id = $1 AND tenant_id = $2`
		if fresh {
			sql = `INSERT INTO queue_groups (group_id, tenant_id, name, auto_answer) VALUES ($1, $2, $3, $4)`
		}
		tag, err := tx.Exec(ctx, sql, g.ID, tx.Tenant, g.Name, g.AutoAnswer)
		switch {
		case storage.Duplicate(err, "queue_groups_name"):
			return ErrGroupTaken.Because(err)
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return ErrNoGroup
		}
		if _, err := tx.Exec(ctx, `DELETE FROM queue_group_agents WHERE group_id = $1`, g.ID); err != nil {
			return err
		}
		// Only agents whom this tenant sees: a foreign id inserts nothing.
		tag, err = tx.Exec(ctx, `
			INSERT INTO queue_group_agents (group_id, agent_id, tenant_id)
			SELECT $1, agent_id, $3 FROM queue_agents WHERE agent_id = ANY ($2) AND archived_at IS NULL`, g.ID, g.Agents, tx.Tenant)
		if err == nil && int(tag.RowsAffected()) != len(g.Agents) {
			err = ErrNoAgent
		}
		return err
	})
	if err != nil {
		return Group{}, fmt.Errorf("store a group of agents: %w", err)
	}
	return g, nil
}

// DeleteGroup removes a group that no queue names.
func (s *Service) DeleteGroup(ctx context.Context, tenant, id uuid.UUID) error {
	err := s.configure(ctx, tenant, id, func(tx *storage.Tx) error {
		used, err := settingsName(ctx, tx, id, `$.rings[*].groups[*] ? (@ == $id)`, `$.shares[*] ? (@.group == $id)`)
		if err != nil {
			return err
		}
		if used {
			return ErrGroupUsed
		}
		tag, err := tx.Exec(ctx, `DELETE FROM queue_groups WHERE group_id = $1`, id)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNoGroup
		}
		return err
	})
	return wrap("remove a group of agents", err)
}
