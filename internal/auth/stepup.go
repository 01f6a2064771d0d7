package auth

import (
	"context"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ErrNoSecondFactor says that an act needs a second factor which the user has not set up.
var ErrNoSecondFactor = fault.New(fault.Forbidden, "second_factor_missing", "This needs a second factor: set up an authenticator app under your profile first.")

// ProveSecondFactor checks and uses up a fresh code of the acting user's authenticator app, for acts that a stolen session must not be enough for.
// Recovery codes are for signing in only.
func (s *Service) ProveSecondFactor(ctx context.Context, code string) error {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return ErrUnauthorized
	}
	return s.braked(ctx, "code", a.User, func() error {
		return s.tenant(ctx, func(tx *storage.Tx) error {
			t, err := loadTOTP(ctx, tx, a.User)
			if err != nil {
				return err
			}
			if !t.Confirmed {
				return ErrNoSecondFactor
			}
			if code == "" {
				return ErrTOTPRequired
			}
			if t.LastStep, err = s.rightStep(ctx, a.Tenant, a.User, t, code, tx.Now); err != nil {
				return err
			}
			return storeTOTP(ctx, tx, a.User, t)
		})
	})
}
