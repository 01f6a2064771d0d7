package auth

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Within returns the users whose things a scope reaches for the acting user; all is true, and the list nil, when it reaches everybody's.
func (s *Service) Within(ctx context.Context, scope Scope) (users []uuid.UUID, all bool, err error) {
	a := From(ctx)
	switch scope {
	case ScopeAll:
		return nil, true, nil
	case ScopeTeam:
		err = s.tenant(ctx, func(tx *storage.Tx) error { users, err = teamMates(ctx, tx, a.Teams); return err })
		if !slices.Contains(users, a.User) {
			users = append(users, a.User)
		}
		return users, false, err
	}
	return []uuid.UUID{a.User}, false, nil
}

// Exists says whether the acting user's tenant has a user, whatever they may see of them.
func (s *Service) Exists(ctx context.Context, user uuid.UUID) (ok bool, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		_, err := loadUser(ctx, tx, user)
		if ok = err == nil; errors.Is(err, ErrNoUser) {
			return nil
		}
		return err
	})
	return ok, err
}
