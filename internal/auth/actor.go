package auth

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"tandem/internal/fault"
)

// Faults of asking for something without the right to it.
var (
	ErrUnauthorized = fault.New(fault.Unauthorized, "unauthorized", "Sign in first.")
	ErrForbidden    = fault.New(fault.Forbidden, "forbidden", "Your role does not allow this; ask an administrator.")
	ErrTOTPNeeded   = fault.New(fault.Forbidden, "totp_enrolment_required", "Your role demands a second factor: set up an authenticator app under your profile first.")
)

// Actor is who acts: a signed-in user, or a program by an API key. The zero Actor may do nothing.
type Actor struct {
	Tenant      uuid.UUID
	User        uuid.UUID
	Session     uuid.UUID // uuid.Nil for an API key
	Key         uuid.UUID // uuid.Nil for a person
	Name        string
	Email       string
	Locale      string
	Extension   string
	Roles       []string
	Teams       []uuid.UUID
	Permissions Permissions
	TOTP        bool // has confirmed a second factor
	TOTPNeeded  bool // a role demands one; until it is confirmed nothing but the own profile is allowed
}

// Allow returns how far the actor may do verb to resource, or ErrUnauthorized, ErrTOTPNeeded or ErrForbidden.
func (a Actor) Allow(verb, resource string) (Scope, error) {
	if a.User == uuid.Nil {
		return "", ErrUnauthorized
	}
	if a.TOTPNeeded && !a.TOTP {
		return "", ErrTOTPNeeded
	}
	if s := a.Permissions.Scope(verb, resource); s != "" {
		return s, nil
	}
	return "", ErrForbidden
}

// SharesTeam says whether one of teams is one of the actor's.
func (a Actor) SharesTeam(teams []uuid.UUID) bool {
	return slices.ContainsFunc(teams, func(t uuid.UUID) bool { return slices.Contains(a.Teams, t) })
}

type actorKey struct{}

// With returns a context in which a acts.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

// From returns who acts in ctx; the zero Actor when nobody has signed in.
func From(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
