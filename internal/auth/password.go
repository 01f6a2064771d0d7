package auth

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// OWASP's recommendation for argon2id with the least memory per login.
var hashParams = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	minPassword = 9 // runes; the demo's passwords are this long
	maxPassword = 256
)

// ErrPasswordWeak says that a password is too short, too long or holds the user's name.
var ErrPasswordWeak = fault.Newf(fault.Invalid, "password_weak", "A password needs %d to %d characters and must not be your e-mail address.", minPassword, maxPassword).WithField("password")

func checkPassword(password, email string) error {
	n := utf8.RuneCountInString(password)
	if n < minPassword || n > maxPassword || strings.EqualFold(password, email) || !utf8.ValidString(password) {
		return ErrPasswordWeak
	}
	return nil
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if err := s.hashing.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer s.hashing.Release(1)
	h, err := argon2id.CreateHash(password, &hashParams)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return h, nil
}

func (s *Service) matches(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > 4*maxPassword {
		password = "" // never right, and as slow as any other
	}
	if err := s.hashing.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer s.hashing.Release(1)
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return ok, nil
}

// SetOwnPassword changes the acting user's password; their other sessions end.
func (s *Service) SetOwnPassword(ctx context.Context, old, password string) error {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return ErrUnauthorized
	}
	if err := checkPassword(password, a.Email); err != nil {
		return err
	}
	if err := s.braked(ctx, "password", a.User, func() error { return s.checkOld(ctx, a.User, old) }); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.tenant(ctx, func(tx *storage.Tx) error {
		u, err := loadUser(ctx, tx, a.User)
		if err != nil {
			return err
		}
		if err := s.storePassword(ctx, tx, u, hash, password); err != nil {
			return err
		}
		return endSessions(ctx, tx, a.User, a.Session)
	})
}

func (s *Service) checkOld(ctx context.Context, user uuid.UUID, old string) error {
	var hash string
	if err := s.tenant(ctx, func(tx *storage.Tx) (err error) { hash, err = passwordHash(ctx, tx, user); return err }); err != nil {
		return err
	}
	ok, err := s.matches(ctx, old, hash)
	if err == nil && !ok {
		err = fault.New(fault.Invalid, "password_wrong", "The present password is not right.").WithField("old")
	}
	return err
}

func (s *Service) storePassword(ctx context.Context, tx *storage.Tx, u User, hash, password string) error {
	if err := updatePassword(ctx, tx, u.ID, hash); err != nil {
		return err
	}
	if s.cfg.PasswordSet != nil {
		if err := s.cfg.PasswordSet(ctx, tx, u, password); err != nil {
			return fmt.Errorf("hand on a new password: %w", err)
		}
	}
	return s.record(ctx, tx, Fact{Type: "user.password_changed", Subject: u.ID})
}
