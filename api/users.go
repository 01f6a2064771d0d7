package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"tandem/internal/auth"
)

// NewUser is a user to be made.
type NewUser struct {
	Email     string      `json:"email" maxLength:"254" format:"email"`
	Name      string      `json:"name" minLength:"1" maxLength:"200"`
	Password  string      `json:"password" maxLength:"256"`
	Extension string      `json:"extension,omitempty" maxLength:"32" doc:"the user name of their SIP phone"`
	Locale    string      `json:"locale,omitempty" enum:"en,zh"`
	Roles     []uuid.UUID `json:"roles"`
	Teams     []uuid.UUID `json:"teams,omitempty"`
}

// UserChange is what is to become of a user; what is left out stays.
type UserChange struct {
	Email     *string      `json:"email,omitempty" maxLength:"254" format:"email"`
	Name      *string      `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Password  *string      `json:"password,omitempty" maxLength:"256"`
	Extension *string      `json:"extension,omitempty" maxLength:"32"`
	Locale    *string      `json:"locale,omitempty" enum:"en,zh"`
	Active    *bool        `json:"active,omitempty"`
	Roles     *[]uuid.UUID `json:"roles,omitempty"`
	Teams     *[]uuid.UUID `json:"teams,omitempty"`
}

// Searched is a page of what was searched for.
type Searched struct {
	Paging
	Search string `query:"search" maxLength:"200"`
}

func (s *Server) listUsers(ctx context.Context, in *Searched) (*List[auth.User], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	users, err := s.Auth.Users(ctx, in.Search, after, in.Limit+1)
	return page(users, in.Limit, func(u auth.User) uuid.UUID { return u.ID }, err)
}

func (s *Server) getUser(ctx context.Context, in *ByID) (*One[auth.User], error) {
	return one(s.Auth.User(ctx, in.ID))
}

func (s *Server) addUser(ctx context.Context, in *With[NewUser]) (*One[auth.User], error) {
	n := in.Body
	c := auth.UserChange{Email: &n.Email, Name: &n.Name, Password: &n.Password, Extension: &n.Extension, Roles: &n.Roles, Teams: &n.Teams}
	if n.Locale != "" {
		c.Locale = &n.Locale
	}
	return one(s.Auth.AddUser(ctx, c))
}

func (s *Server) changeUser(ctx context.Context, in *Change[UserChange]) (*One[auth.User], error) {
	return one(s.Auth.ChangeUser(ctx, in.ID, auth.UserChange(in.Body)))
}

func (s *Server) revokeSessions(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Auth.RevokeSessions(ctx, in.ID))
}

func (s *Server) resetTOTP(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Auth.ResetTOTP(ctx, in.ID))
}

// TeamInput is a team as it is to be.
type TeamInput struct {
	Name    string      `json:"name" minLength:"1" maxLength:"200"`
	Members []uuid.UUID `json:"members"`
}

func (s *Server) listTeams(ctx context.Context, _ *struct{}) (*List[auth.Team], error) {
	return whole(s.Auth.Teams(ctx))
}

func (s *Server) getTeam(ctx context.Context, in *ByID) (*One[auth.Team], error) {
	return one(s.Auth.Team(ctx, in.ID))
}

func (s *Server) addTeam(ctx context.Context, in *With[TeamInput]) (*One[auth.Team], error) {
	return one(s.Auth.SaveTeam(ctx, auth.Team{Name: in.Body.Name, Members: in.Body.Members}))
}

func (s *Server) putTeam(ctx context.Context, in *Change[TeamInput]) (*One[auth.Team], error) {
	return one(s.Auth.SaveTeam(ctx, auth.Team{ID: in.ID, Name: in.Body.Name, Members: in.Body.Members}))
}

func (s *Server) deleteTeam(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Auth.DeleteTeam(ctx, in.ID))
}

// RoleInput is a role as it is to be.
type RoleInput struct {
	Name        string           `json:"name" minLength:"1" maxLength:"200"`
	RequireTOTP bool             `json:"require_totp,omitempty"`
	Permissions auth.Permissions `json:"permissions"`
}

func (s *Server) listRoles(ctx context.Context, _ *struct{}) (*List[auth.Role], error) {
	return whole(s.Auth.Roles(ctx))
}

func (s *Server) getRole(ctx context.Context, in *ByID) (*One[auth.Role], error) {
	return one(s.Auth.Role(ctx, in.ID))
}

func (s *Server) addRole(ctx context.Context, in *With[RoleInput]) (*One[auth.Role], error) {
	return one(s.Auth.SaveRole(ctx, auth.Role{Name: in.Body.Name, RequireTOTP: in.Body.RequireTOTP, Permissions: in.Body.Permissions}))
}

func (s *Server) putRole(ctx context.Context, in *Change[RoleInput]) (*One[auth.Role], error) {
	return one(s.Auth.SaveRole(ctx, auth.Role{ID: in.ID, Name: in.Body.Name, RequireTOTP: in.Body.RequireTOTP, Permissions: in.Body.Permissions}))
}

func (s *Server) deleteRole(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Auth.DeleteRole(ctx, in.ID))
}

// Grantable are the resources with the verbs that each knows, for the role editor.
type Grantable struct {
	Resource string   `json:"resource"`
	Verbs    []string `json:"verbs"`
}

func (s *Server) listPermissions(context.Context, *struct{}) (*List[Grantable], error) {
	var g []Grantable
	for _, name := range auth.ResourceNames() {
		g = append(g, Grantable{Resource: name, Verbs: auth.Resources()[name]})
	}
	return whole(g, nil)
}

// NewAPIKey is a key to be made.
type NewAPIKey struct {
	Name        string           `json:"name" minLength:"1" maxLength:"200"`
	Permissions auth.Permissions `json:"permissions"`
	ExpiresAt   *time.Time       `json:"expires_at,omitempty"`
}

// CreatedAPIKey shows the key itself, once.
type CreatedAPIKey struct {
	auth.APIKey
	Key string `json:"key" doc:"shown this once; send it as Authorization: Bearer KEY"`
}

func (s *Server) listAPIKeys(ctx context.Context, in *Paging) (*List[auth.APIKey], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	keys, err := s.Auth.APIKeys(ctx, after, in.Limit+1)
	return page(keys, in.Limit, func(k auth.APIKey) uuid.UUID { return k.ID }, err)
}

func (s *Server) addAPIKey(ctx context.Context, in *With[NewAPIKey]) (*One[CreatedAPIKey], error) {
	k, key, err := s.Auth.AddAPIKey(ctx, auth.NewAPIKey{Name: in.Body.Name, Permissions: in.Body.Permissions, ExpiresAt: in.Body.ExpiresAt})
	return one(CreatedAPIKey{APIKey: k, Key: key}, err)
}

func (s *Server) revokeAPIKey(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Auth.RevokeAPIKey(ctx, in.ID))
}
