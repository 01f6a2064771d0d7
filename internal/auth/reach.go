package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

// Names are the names of all users of the acting user's tenant, whatever else they may see of them.
func (s *Service) Names(ctx context.Context) (names map[uuid.UUID]string, err error) {
	names = map[uuid.UUID]string{}
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT user_id, name FROM users`)
		if err != nil {
			return err
		}
		var id uuid.UUID
		var name string
		_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the names of users: %w", err)
	}
	return names, nil
}
