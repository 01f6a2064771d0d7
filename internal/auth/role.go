package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Role is a named set of permissions.
type Role struct {
	ID          uuid.UUID   `json:"id" db:"role_id"`
	Name        string      `json:"name" db:"name"`
	Builtin     bool        `json:"builtin" db:"builtin" doc:"one of the six default roles; its permissions cannot be changed"`
	RequireTOTP bool        `json:"require_totp" db:"require_totp" doc:"who has this role must have a second factor"`
	Permissions Permissions `json:"permissions" db:"permissions"`
	CreatedAt   time.Time   `json:"created_at" db:"created_at"`
}

// Team is a group of users.
type Team struct {
	ID        uuid.UUID   `json:"id" db:"team_id"`
	Name      string      `json:"name" db:"name"`
	Members   []uuid.UUID `json:"members" db:"members"`
	CreatedAt time.Time   `json:"created_at" db:"created_at"`
}

// Roles lists every role of the tenant.
func (s *Service) Roles(ctx context.Context) (roles []Role, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { roles, err = listRoles(ctx, tx); return err })
	return roles, err
}

// Role returns one role.
func (s *Service) Role(ctx context.Context, id uuid.UUID) (r Role, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { r, err = loadRole(ctx, tx, id); return err })
	return r, err
}

// SaveRole makes a role (ID nil) or changes a custom one; of a default role only RequireTOTP can be changed.
func (s *Service) SaveRole(ctx context.Context, r Role) (Role, error) {
	if strings.TrimSpace(r.Name) == "" {
		return Role{}, fault.New(fault.Invalid, "name_missing", "A role needs a name.").WithField("name")
	}
	if err := r.Permissions.check(); err != nil {
		return Role{}, err
	}
	if !From(ctx).Permissions.Cover(r.Permissions) {
		return Role{}, ErrBeyond.WithField("permissions")
	}
	err := s.tenant(ctx, func(tx *storage.Tx) error {
		if r.ID == uuid.Nil {
			r.ID, r.CreatedAt, r.Builtin = storage.NewID(), tx.Now, false
			if err := insertRole(ctx, tx, r); err != nil {
				return err
			}
			return s.record(ctx, tx, Fact{Type: "role.created", Subject: r.ID, Data: map[string]any{"permissions": r.Permissions}})
		}
		before, err := loadRole(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if before.Builtin && (r.Name != before.Name || !slices.Equal(r.Permissions, before.Permissions)) {
			return fault.New(fault.Illegal, "role_builtin", "A default role keeps its name and permissions; make a custom role instead.")
		}
		if !From(ctx).Permissions.Cover(before.Permissions) {
			return ErrBeyond
		}
		r.Builtin, r.CreatedAt = before.Builtin, before.CreatedAt
		if err := updateRole(ctx, tx, r); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "role.changed", Subject: r.ID, Data: map[string]any{"permissions": r.Permissions, "require_totp": r.RequireTOTP}})
	})
	return r, err
}

// DeleteRole removes a custom role that nobody has.
func (s *Service) DeleteRole(ctx context.Context, id uuid.UUID) error {
	return s.tenant(ctx, func(tx *storage.Tx) error {
		r, err := loadRole(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Builtin {
			return fault.New(fault.Illegal, "role_builtin", "A default role cannot be deleted.")
		}
		if err := deleteRole(ctx, tx, id); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "role.deleted", Subject: id})
	})
}

// Teams lists every team of the tenant.
func (s *Service) Teams(ctx context.Context) (teams []Team, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { teams, err = listTeams(ctx, tx); return err })
	return teams, err
}

// Team returns one team.
func (s *Service) Team(ctx context.Context, id uuid.UUID) (t Team, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { t, err = loadTeam(ctx, tx, id); return err })
	return t, err
}

// SaveTeam makes a team (ID nil) or changes one: Members replaces the members.
func (s *Service) SaveTeam(ctx context.Context, t Team) (Team, error) {
	if strings.TrimSpace(t.Name) == "" {
		return Team{}, fault.New(fault.Invalid, "name_missing", "A team needs a name.").WithField("name")
	}
	a := From(ctx)
	if a.Permissions.Scope("write", "teams") == ScopeTeam && !slices.Contains(a.Teams, t.ID) {
		return Team{}, ErrNoTeam
	}
	what := "team.changed"
	err := s.tenant(ctx, func(tx *storage.Tx) error {
		if t.ID == uuid.Nil {
			t.ID, t.CreatedAt, what = storage.NewID(), tx.Now, "team.created"
			if err := insertTeam(ctx, tx, t); err != nil {
				return err
			}
		} else {
			before, err := loadTeam(ctx, tx, t.ID)
			if err != nil {
				return err
			}
			t.CreatedAt = before.CreatedAt
			if err := updateTeam(ctx, tx, t); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, Fact{Type: what, Subject: t.ID, Data: map[string]any{"members": t.Members}})
	})
	return t, err
}

// DeleteTeam removes a team; its members stay.
func (s *Service) DeleteTeam(ctx context.Context, id uuid.UUID) error {
	a := From(ctx)
	if a.Permissions.Scope("delete", "teams") != ScopeAll && !slices.Contains(a.Teams, id) {
		return ErrNoTeam
	}
	return s.tenant(ctx, func(tx *storage.Tx) error {
		if _, err := loadTeam(ctx, tx, id); err != nil {
			return err
		}
		if err := deleteTeam(ctx, tx, id); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "team.deleted", Subject: id})
	})
}
