package auth

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// User is a person who can sign in.
type User struct {
	ID          uuid.UUID   `json:"id" db:"user_id"`
	Email       string      `json:"email" db:"email"`
	Name        string      `json:"name" db:"name"`
	Extension   string      `json:"extension" db:"extension" doc:"the user name of their SIP phone, empty without one"`
	Locale      string      `json:"locale" db:"locale"`
	Active      bool        `json:"active" db:"active"`
	Roles       []uuid.UUID `json:"roles" db:"roles"`
	Teams       []uuid.UUID `json:"teams" db:"teams"`
	TOTP        bool        `json:"totp" db:"totp" doc:"has confirmed a second factor"`
	CreatedAt   time.Time   `json:"created_at" db:"created_at"`
	LastLoginAt *time.Time  `json:"last_login_at,omitempty" db:"last_login_at"`
}

// UserChange is what is to become of a user; nil fields stay as they are.
type UserChange struct {
	Email     *string
	Name      *string
	Password  *string
	Extension *string
	Locale    *string
	Active    *bool
	Roles     *[]uuid.UUID
	Teams     *[]uuid.UUID
}

// Faults of changing users.
var (
	ErrEmailTaken     = fault.New(fault.Conflict, "email_taken", "Somebody has this e-mail address already.").WithField("email")
	ErrExtensionTaken = fault.New(fault.Conflict, "extension_taken", "Somebody has this extension already.").WithField("extension")
	ErrBeyond         = fault.New(fault.Forbidden, "beyond_own_rights", "You cannot grant or take what you are not allowed yourself.")
	ErrLastAdmin      = fault.New(fault.Conflict, "last_administrator", "This is the last active administrator; make another one first.")
)

// AddTenant makes a tenant with the six default roles. No actor is needed: an operator's command and the demo call it.
func (s *Service) AddTenant(ctx context.Context, slug, name, locale, timeZone string) (uuid.UUID, error) {
	if _, err := time.LoadLocation(timeZone); err != nil {
		return uuid.Nil, fault.New(fault.Invalid, "time_zone", "That is no IANA time zone.").WithField("time_zone").Because(err)
	}
	id := storage.NewID()
	err := s.db.Worker(ctx, func(tx *storage.Tx) error { return insertTenant(ctx, tx, id, slug, name, locale, timeZone) })
	if err != nil {
		return uuid.Nil, err
	}
	return id, s.db.Tenant(ctx, id, func(tx *storage.Tx) error {
		for name, permissions := range defaultRoles() {
			r := Role{ID: storage.NewID(), Name: name, Builtin: true, Permissions: permissions, CreatedAt: tx.Now}
			if err := insertRole(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// System returns an actor who may do everything in a tenant, for set-up and for work that nobody in particular asks for.
func System(tenant uuid.UUID) Actor {
	return Actor{Tenant: tenant, Permissions: defaultRoles()[RoleAdministrator], Name: "system"}
}

// Users lists those whom the acting user's scope reaches, after the given id.
func (s *Service) Users(ctx context.Context, search string, after uuid.UUID, limit int) (users []User, err error) {
	a := From(ctx)
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		users, err = listUsers(ctx, tx, userFilter{Actor: a, Scope: a.Permissions.Scope("read", "users"), Search: search, After: after, Limit: limit})
		return err
	})
	return users, err
}

// User returns one user, ErrNoUser when there is none within reach.
func (s *Service) User(ctx context.Context, id uuid.UUID) (u User, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { u, err = s.reach(ctx, tx, "read", id); return err })
	return u, err
}

// AtExtension is the user who has an extension; uuid.Nil: nobody, or one who is switched off.
func (s *Service) AtExtension(ctx context.Context, tenant uuid.UUID, extension string) (user uuid.UUID, err error) {
	if extension == "" {
		return uuid.Nil, nil
	}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT user_id FROM users WHERE extension = $1 AND active`, extension).Scan(&user)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("find who has an extension: %w", err)
	}
	return user, nil
}

// AddUser makes a user; Email, Name and Password are needed.
func (s *Service) AddUser(ctx context.Context, c UserChange) (u User, err error) {
	if c.Email == nil || c.Name == nil || c.Password == nil {
		return User{}, fault.New(fault.Invalid, "user_incomplete", "A user needs an e-mail address, a name and a password.")
	}
	active := true
	if c.Active == nil {
		c.Active = &active
	}
	u = User{ID: storage.NewID(), Locale: "en"}
	hash, err := s.checkChange(ctx, &u, c)
	if err != nil {
		return User{}, err
	}
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		u.CreatedAt = tx.Now
		if err := s.mayAssign(ctx, tx, nil, u.Roles, u.Teams); err != nil {
			return err
		}
		if err := insertUser(ctx, tx, u, hash); err != nil {
			return err
		}
		if err := s.storePassword(ctx, tx, u, hash, *c.Password); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "user.created", Subject: u.ID, Data: map[string]any{"roles": u.Roles, "teams": u.Teams}})
	})
	return u, err
}

// ChangeUser changes a user. A user who is switched off, gets another password or loses a role has to sign in again.
func (s *Service) ChangeUser(ctx context.Context, id uuid.UUID, c UserChange) (u User, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error { u, err = s.reach(ctx, tx, "write", id); return err })
	if err != nil {
		return User{}, err
	}
	hash, err := s.checkChange(ctx, &u, c)
	if err != nil {
		return User{}, err
	}
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		before, err := s.reach(ctx, tx, "write", id)
		if err != nil {
			return err
		}
		if err := s.mayManage(ctx, tx, before); err != nil {
			return err
		}
		if err := s.mayAssign(ctx, tx, before.Roles, u.Roles, u.Teams); err != nil {
			return err
		}
		return s.applyChange(ctx, tx, before, u, c, hash)
	})
	return u, err
}

func (s *Service) applyChange(ctx context.Context, tx *storage.Tx, before, u User, c UserChange, hash string) error {
	if err := updateUser(ctx, tx, u); err != nil {
		return err
	}
	if before.Active && (!u.Active || c.Roles != nil) {
		if err := keepAdministrator(ctx, tx, before.Roles); err != nil {
			return err
		}
	}
	switch {
	case c.Password != nil:
		if err := s.storePassword(ctx, tx, u, hash, *c.Password); err != nil {
			return err
		}
	case before.Extension != u.Extension && s.cfg.PasswordSet != nil:
		if err := s.cfg.PasswordSet(ctx, tx, u, ""); err != nil {
			return fmt.Errorf("hand on a change of extension: %w", err)
		}
	}
	lost := slices.ContainsFunc(before.Roles, func(r uuid.UUID) bool { return !slices.Contains(u.Roles, r) })
	if !u.Active || c.Password != nil || lost {
		if err := endSessions(ctx, tx, u.ID, From(ctx).Session); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, Fact{Type: "user.changed", Subject: u.ID, Data: map[string]any{"fields": c.fields(), "roles": u.Roles, "active": u.Active}})
}

// checkChange applies c to u, and hashes the password if there is one: outside any transaction, for it takes long.
func (s *Service) checkChange(ctx context.Context, u *User, c UserChange) (hash string, err error) {
	if c.Email != nil {
		a, err := mail.ParseAddress(*c.Email)
		if err != nil || a.Address != *c.Email || len(a.Address) > 254 {
			return "", fault.New(fault.Invalid, "email_invalid", "That is no e-mail address.").WithField("email")
		}
		u.Email = a.Address
	}
	set(&u.Name, c.Name)
	set(&u.Extension, c.Extension)
	set(&u.Locale, c.Locale)
	set(&u.Active, c.Active)
	set(&u.Roles, c.Roles)
	set(&u.Teams, c.Teams)
	if strings.TrimSpace(u.Name) == "" {
		return "", fault.New(fault.Invalid, "name_missing", "A user needs a name.").WithField("name")
	}
	if strings.Trim(u.Extension, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || len(u.Extension) > 32 {
		return "", fault.New(fault.Invalid, "extension_invalid", "An extension has at most 32 letters, digits and ._- characters.").WithField("extension")
	}
	if c.Password == nil {
		return "", nil
	}
	if err := checkPassword(*c.Password, u.Email); err != nil {
		return "", err
	}
	return s.hash(ctx, *c.Password)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (c UserChange) fields() []string {
	var names []string
	for name, is := range map[string]bool{
		"email": c.Email != nil, "name": c.Name != nil, "extension": c.Extension != nil, "locale": c.Locale != nil,
		"active": c.Active != nil, "roles": c.Roles != nil, "teams": c.Teams != nil, "password": c.Password != nil,
	} {
		if is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// reach loads a user whom the acting user's permission on users reaches.
func (s *Service) reach(ctx context.Context, tx *storage.Tx, verb string, id uuid.UUID) (User, error) {
	u, err := loadUser(ctx, tx, id)
	if err != nil {
		return User{}, err
	}
	a := From(ctx)
	switch a.Permissions.Scope(verb, "users") {
	case ScopeAll:
		return u, nil
	case ScopeTeam:
		if a.SharesTeam(u.Teams) {
			return u, nil
		}
	}
	if u.ID == a.User && verb == "read" {
		return u, nil
	}
	return User{}, ErrNoUser
}

// mayManage keeps the acting user from changing somebody who may do more: a new password for an administrator is an administrator.
func (s *Service) mayManage(ctx context.Context, tx *storage.Tx, u User) error {
	theirs, err := permissionsOf(ctx, tx, u.Roles)
	if err != nil {
		return err
	}
	if !From(ctx).Permissions.Cover(theirs) {
		return ErrBeyond
	}
	return nil
}

// mayAssign checks that roles and teams exist and that no role newly given allows more than the acting user may.
func (s *Service) mayAssign(ctx context.Context, tx *storage.Tx, had, roles, teams []uuid.UUID) error {
	if n, err := countTeams(ctx, tx, teams); err != nil {
		return err
	} else if n != len(teams) {
		return ErrNoTeam.WithField("teams")
	}
	for _, id := range roles {
		r, err := loadRole(ctx, tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(had, id) && !From(ctx).Permissions.Cover(r.Permissions) {
			return ErrBeyond.WithField("roles")
		}
	}
	a := From(ctx)
	if a.Permissions.Scope("write", "users") == ScopeTeam {
		for _, t := range teams {
			if !slices.Contains(a.Teams, t) {
				return ErrBeyond.WithField("teams")
			}
		}
	}
	return nil
}
