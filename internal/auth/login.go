package auth

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Login is an attempt to sign in.
type Login struct {
	Email    string
	Password string
	Code     string     // TOTP or recovery code, where the user has a second factor
	From     netip.Addr // the client's address
	Replaces string     // the session token that the client held before, if any; it ends
}

// Session is a fresh sign-in. Token is the only copy of the secret.
type Session struct {
	Token   string
	Expires time.Time // the absolute limit
	Actor   Actor
}

// Faults of signing in.
var (
	ErrLogin        = fault.New(fault.Unauthorized, "login_failed", "E-mail address or password is wrong.")
	ErrTOTPRequired = fault.New(fault.Unauthorized, "totp_required", "Enter the code of your authenticator app.").WithField("code")
	ErrTOTPWrong    = fault.New(fault.Unauthorized, "totp_wrong", "The code is wrong or was used before; wait for the next one.").WithField("code")
)

// failTime is how long a refused login takes at least: what differs inside does not show outside.
const failTime = 150 * time.Millisecond

// Login signs a user in: ErrLogin, ErrTOTPRequired, ErrTOTPWrong or ErrThrottled (which wraps a RetryAfter) when it does not.
func (s *Service) Login(ctx context.Context, l Login) (Session, error) {
	answer := time.NewTimer(failTime)
	defer answer.Stop()
	session, err := s.login(ctx, l)
	if err != nil {
		select {
		case <-answer.C:
		case <-ctx.Done():
		}
	}
	return session, err
}

func (s *Service) login(ctx context.Context, l Login) (Session, error) {
	network := sourceNetwork(l.From)
	var u credentials
	var counters []brake
	// The e-mail address decides which tenant this is: the one look-up that is not bound to a tenant.
	err := s.db.Worker(ctx, func(tx *storage.Tx) (err error) {
		if u, err = findCredentials(ctx, tx, l.Email, brakeKey(network.String())); err != nil {
			return err
		}
		counters = brakes(l.Email, network, u.Known)
		return charge(ctx, tx, counters)
	})
	if err != nil {
		return Session{}, err
	}
	hash := s.dummyHash
	if u.Active {
		hash = u.PasswordHash
	}
	ok, err := s.matches(ctx, l.Password, hash)
	if err != nil {
		return Session{}, err
	}
	if !ok || !u.Active {
		return Session{}, errors.Join(s.loginFailed(ctx, u, "password"), ErrLogin)
	}
	var session Session
	err = s.db.Tenant(ctx, u.Tenant, func(tx *storage.Tx) (err error) {
		if err := s.secondFactor(ctx, tx, u.ID, l.Code); err != nil {
			return err
		}
		session, err = s.open(ctx, tx, u, l, network)
		return err
	})
	switch {
	case errors.Is(err, ErrTOTPRequired):
		// The password was right and no code was tried: nothing was guessed, and nothing is forgiven.
		return Session{}, errors.Join(s.db.Worker(ctx, func(tx *storage.Tx) error { return refund(ctx, tx, counters, false) }), err)
	case errors.Is(err, ErrTOTPWrong):
		return Session{}, errors.Join(s.loginFailed(ctx, u, "code"), err)
	case err != nil:
		return Session{}, err
	}
	return session, s.db.Worker(ctx, func(tx *storage.Tx) error { return refund(ctx, tx, counters, true) })
}

func (s *Service) loginFailed(ctx context.Context, u credentials, what string) error {
	if u.Tenant == uuid.Nil {
		return nil // nobody's log to write to
	}
	return s.db.Tenant(ctx, u.Tenant, func(tx *storage.Tx) error {
		return s.record(ctx, tx, Fact{Type: "login.failed", Subject: u.ID, Data: map[string]any{"wrong": what}})
	})
}

func (s *Service) open(ctx context.Context, tx *storage.Tx, u credentials, l Login, network netip.Prefix) (Session, error) {
	if t, ok := tokenTenant(l.Replaces); ok && t == u.Tenant {
		if err := endSession(ctx, tx, hashToken(l.Replaces)); err != nil {
			return Session{}, err
		}
	}
	token, id := newToken(u.Tenant), storage.NewID()
	if err := insertSession(ctx, tx, id, u.ID, hashToken(token)); err != nil {
		return Session{}, err
	}
	if err := rememberLogin(ctx, tx, u.ID, brakeKey(network.String())); err != nil {
		return Session{}, err
	}
	a, _, err := actorOfSession(ctx, tx, hashToken(token))
	if err != nil {
		return Session{}, err
	}
	err = s.record(ctx, tx, Fact{Actor: u.ID, Type: "login.ok", Subject: u.ID, Data: map[string]any{"session": id}})
	return Session{Token: token, Expires: tx.Now.Add(s.cfg.Absolute), Actor: a}, err
}

// Authenticate returns who holds a session token, and counts as activity; ErrUnauthorized when the session is unknown, has ended, or was
// idle for too long.
func (s *Service) Authenticate(ctx context.Context, token string) (Actor, error) {
	tenant, ok := tokenTenant(token)
	if !ok {
		return Actor{}, ErrUnauthorized
	}
	return s.resume(ctx, tenant, hashToken(token))
}

const seenEvery = time.Minute // how exactly activity is noted

func (s *Service) resume(ctx context.Context, tenant uuid.UUID, hash []byte) (a Actor, err error) {
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var at sessionTimes
		a, at, err = actorOfSession(ctx, tx, hash)
		if err != nil {
			return err
		}
		if tx.Now.Sub(at.Created) > s.cfg.Absolute || tx.Now.Sub(at.Seen) > s.cfg.Idle {
			return ErrUnauthorized
		}
		if tx.Now.Sub(at.Seen) > seenEvery {
			return touchSession(ctx, tx, a.Session)
		}
		return nil
	})
	if err != nil {
		return Actor{}, err
	}
	return a, nil
}

// Renew returns the actor as it is now: what has held a connection open for a while asks again before it acts. ErrUnauthorized when the
// session or key has ended. It counts as activity.
func (s *Service) Renew(ctx context.Context, a Actor) (Actor, error) {
	if a.Key != uuid.Nil {
		return s.renewKey(ctx, a)
	}
	var hash []byte
	err := s.db.Tenant(ctx, a.Tenant, func(tx *storage.Tx) (err error) {
		hash, err = sessionHash(ctx, tx, a.Session)
		return err
	})
	if err != nil {
		return Actor{}, err
	}
	return s.resume(ctx, a.Tenant, hash)
}

// Logout ends the acting session.
func (s *Service) Logout(ctx context.Context) error {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return ErrUnauthorized
	}
	return s.tenant(ctx, func(tx *storage.Tx) error {
		if err := endSessionID(ctx, tx, a.Session); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "logout", Subject: a.User})
	})
}

// RevokeSessions ends every session of a user.
func (s *Service) RevokeSessions(ctx context.Context, user uuid.UUID) error {
	return s.tenant(ctx, func(tx *storage.Tx) error {
		u, err := s.reach(ctx, tx, "write", user)
		if err != nil {
			return err
		}
		if err := endSessions(ctx, tx, u.ID, uuid.Nil); err != nil {
			return err
		}
		return s.record(ctx, tx, Fact{Type: "user.sessions_revoked", Subject: user})
	})
}

const ticketLife = 30 * time.Second

// Ticket returns a secret with which the acting session may open one WebSocket within 30 s.
func (s *Service) Ticket(ctx context.Context) (string, error) {
	a := From(ctx)
	if a.Session == uuid.Nil {
		return "", ErrUnauthorized
	}
	token := newToken(a.Tenant)
	err := s.tenant(ctx, func(tx *storage.Tx) error {
		return insertTicket(ctx, tx, hashToken(token), a.Session, tx.Now.Add(ticketLife))
	})
	return token, err
}

// Redeem returns who asked for the ticket, once; ErrUnauthorized when it is unknown, used, or older than 30 s.
func (s *Service) Redeem(ctx context.Context, ticket string) (Actor, error) {
	tenant, ok := tokenTenant(ticket)
	if !ok {
		return Actor{}, ErrUnauthorized
	}
	var hash []byte
	err := s.db.Tenant(ctx, tenant, func(tx *storage.Tx) (err error) {
		hash, err = takeTicket(ctx, tx, hashToken(ticket))
		return err
	})
	if err != nil {
		return Actor{}, err
	}
	return s.resume(ctx, tenant, hash)
}
