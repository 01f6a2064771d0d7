package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// RFC 6238: steps of 30 s; a code of the step before or after is taken, for clocks that are off.
const (
	totpStep    = 30
	totpSlack   = 1
	recoveryNum = 10
)

// Enrolment is a second factor that waits for its first code.
type Enrolment struct {
	Secret string // base32, to type in
	URI    string // otpauth:, to show as a QR code
}

// EnrolTOTP makes the acting user a new secret; it counts once ConfirmTOTP has seen a code of it. A confirmed one is not replaced: remove it first.
func (s *Service) EnrolTOTP(ctx context.Context) (Enrolment, error) {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return Enrolment{}, ErrUnauthorized
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Tandem", AccountName: a.Email, Period: totpStep})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make a TOTP secret: %w", err)
	}
	sealed, err := s.seal(ctx, a, key.Secret())
	if err != nil {
		return Enrolment{}, err
	}
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		t, err := loadTOTP(ctx, tx, a.User)
		if err != nil {
			return err
		}
		if t.Confirmed {
			return fault.New(fault.Conflict, "totp_exists", "You have a second factor already; remove it first.")
		}
		return storeTOTP(ctx, tx, a.User, totpState{Secret: sealed})
	})
	return Enrolment{Secret: key.Secret(), URI: key.URL()}, err
}

// ConfirmTOTP switches the second factor on when code is right, and returns the recovery codes, each good for one login.
func (s *Service) ConfirmTOTP(ctx context.Context, code string) ([]string, error) {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return nil, ErrUnauthorized
	}
	var codes []string
	err := s.braked(ctx, "code", a.User, func() (err error) { codes, err = s.confirm(ctx, a, code); return err })
	return codes, err
}

func (s *Service) confirm(ctx context.Context, a Actor, code string) (codes []string, err error) {
	err = s.tenant(ctx, func(tx *storage.Tx) error {
		t, err := loadTOTP(ctx, tx, a.User)
		if err != nil {
			return err
		}
		if t.Secret == nil || t.Confirmed {
			return fault.New(fault.Conflict, "totp_not_enrolling", "Begin setting up a second factor first.")
		}
		step, err := s.rightStep(ctx, a.Tenant, a.User, t, code, tx.Now)
		if err != nil {
			return err
		}
		t.Confirmed, t.LastStep, t.Recovery = true, step, nil
		codes = nil
		for range recoveryNum {
			c := rand.Text()[:16]
			codes = append(codes, c[:4]+"-"+c[4:8]+"-"+c[8:12]+"-"+c[12:])
			t.Recovery = append(t.Recovery, recoveryHash(c))
		}
		if err := storeTOTP(ctx, tx, a.User, t); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "totp.enabled", Subject: a.User})
	})
	return codes, err
}

// RemoveTOTP switches the acting user's second factor off, given a code of it.
func (s *Service) RemoveTOTP(ctx context.Context, code string) error {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return ErrUnauthorized
	}
	return s.braked(ctx, "code", a.User, func() error {
		return s.tenant(ctx, func(tx *storage.Tx) error {
			if err := s.secondFactor(ctx, tx, a.User, code); err != nil {
				return err
			}
			return s.dropTOTP(ctx, tx, a.User)
		})
	})
}

// ResetTOTP switches a user's second factor off, for one who lost phone and recovery codes; their sessions end.
func (s *Service) ResetTOTP(ctx context.Context, user uuid.UUID) error {
	return s.tenant(ctx, func(tx *storage.Tx) error {
		u, err := s.reach(ctx, tx, "write", user)
		if err != nil {
			return err
		}
		if err := s.mayManage(ctx, tx, u); err != nil {
			return err
		}
		if err := s.dropTOTP(ctx, tx, user); err != nil {
			return err
		}
		return endSessions(ctx, tx, user, uuid.Nil)
	})
}

func (s *Service) dropTOTP(ctx context.Context, tx *storage.Tx, user uuid.UUID) error {
	if err := storeTOTP(ctx, tx, user, totpState{}); err != nil {
		return err
	}
	return s.record(ctx, tx, Fact{Type: "totp.disabled", Subject: user})
}

// secondFactor checks and uses up a code where the user has a second factor. A recovery code and a step are good once.
func (s *Service) secondFactor(ctx context.Context, tx *storage.Tx, user uuid.UUID, code string) error {
	t, err := loadTOTP(ctx, tx, user)
	if err != nil || !t.Confirmed {
		return err
	}
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	if code == "" {
		return ErrTOTPRequired
	}
	if len(code) == 16 {
		h := recoveryHash(code)
		for i := range t.Recovery {
			if subtle.ConstantTimeCompare(t.Recovery[i], h) == 1 {
				t.Recovery = append(t.Recovery[:i:i], t.Recovery[i+1:]...)
				if err := storeTOTP(ctx, tx, user, t); err != nil {
					return err
				}
				return s.record(ctx, tx, Fact{Actor: user, Type: "totp.recovery_used", Subject: user, Data: map[string]any{"left": len(t.Recovery)}})
			}
		}
		return ErrTOTPWrong
	}
	if t.LastStep, err = s.rightStep(ctx, tx.Tenant, user, t, code, tx.Now); err != nil {
		return err
	}
	return storeTOTP(ctx, tx, user, t)
}

// rightStep returns the time step that code belongs to, if that is a current one later than the last used.
func (s *Service) rightStep(ctx context.Context, tenant, user uuid.UUID, t totpState, code string, now time.Time) (int64, error) {
	secret := t.Secret
	if s.cfg.Secrets != nil {
		var err error
		if secret, err = s.cfg.Secrets.Open(ctx, tenant, t.Secret, totpContext(user)); err != nil {
			return 0, fmt.Errorf("open a TOTP secret: %w", err)
		}
	}
	current := now.Unix() / totpStep
	found := int64(0)
	for step := current - totpSlack; step <= current+totpSlack; step++ {
		want, err := hotp.GenerateCodeCustom(string(secret), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("compute a TOTP code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > t.LastStep {
			found = step
		}
	}
	if found == 0 {
		return 0, ErrTOTPWrong
	}
	return found, nil
}

func (s *Service) seal(ctx context.Context, a Actor, secret string) ([]byte, error) {
	if s.cfg.Secrets == nil {
		return []byte(secret), nil
	}
	sealed, err := s.cfg.Secrets.Seal(ctx, a.Tenant, []byte(secret), totpContext(a.User))
	if err != nil {
		return nil, fmt.Errorf("seal a TOTP secret: %w", err)
	}
	return sealed, nil
}

func totpContext(user uuid.UUID) []byte { return []byte("users.totp_secret/" + user.String()) }

// recoveryHash needs no slow hash: the codes hold 80 random bits.
func recoveryHash(code string) []byte {
	h := sha256.Sum256([]byte("recovery\x00" + code))
	return h[:]
}
