// Package auth knows who somebody is and what they may do: users, teams, roles, passwords, second factors, sessions and API keys.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Config is what the service needs from outside. Every function is optional.
type Config struct {
	// Record is told, in the transaction of the change, what happened: for the audit and the event log.
	Record func(ctx context.Context, tx *storage.Tx, f Fact) error
	// PasswordSet is told a new password in the transaction that stores its hash, so that SIP can keep the digest that a phone signs in
	// with. An empty password says that the old one no longer belongs to this extension.
	PasswordSet func(ctx context.Context, tx *storage.Tx, u User, password string) error
	// Secrets seals TOTP secrets under the tenant's key.
	Secrets Sealer
	// Idle and Absolute limit a session; 0 means 1 and 12 hours.
	Idle, Absolute time.Duration
}

// Sealer encrypts small values under a tenant's key; the same context must be given to open them.
type Sealer interface {
	Seal(ctx context.Context, tenant uuid.UUID, plain, context []byte) ([]byte, error)
	Open(ctx context.Context, tenant uuid.UUID, sealed, context []byte) ([]byte, error)
}

// Fact is something that happened to a user, role, team, session or key. It holds ids and names of fields, never personal data.
type Fact struct {
	Tenant  uuid.UUID
	Actor   uuid.UUID // uuid.Nil for a failed login
	Type    string    // "login.ok", "role.changed" …
	Subject uuid.UUID
	Data    map[string]any
}

// Service answers who somebody is. It starts nothing; Sweep is to be called now and then.
type Service struct {
	db        *storage.DB
	cfg       Config
	hashing   *semaphore.Weighted // argon2id takes 19 MiB and a core: a flood of logins must not take all
	dummyHash string              // what an unknown user's password is compared with, so that it takes as long
}

// New returns a service on db.
func New(db *storage.DB, cfg Config) (*Service, error) {
	if cfg.Idle == 0 {
		cfg.Idle = time.Hour
	}
	if cfg.Absolute == 0 {
		cfg.Absolute = 12 * time.Hour
	}
	s := &Service{db: db, cfg: cfg, hashing: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))}
	var err error
	s.dummyHash, err = s.hash(context.Background(), rand.Text())
	return s, err
}

func (s *Service) record(ctx context.Context, tx *storage.Tx, f Fact) error {
	if s.cfg.Record == nil {
		return nil
	}
	if f.Tenant == uuid.Nil {
		f.Tenant = tx.Tenant
	}
	if f.Actor == uuid.Nil {
		f.Actor = From(ctx).User
	}
	if err := s.cfg.Record(ctx, tx, f); err != nil {
		return fmt.Errorf("record %s: %w", f.Type, err)
	}
	return nil
}

// tenant runs f for the acting user's tenant.
func (s *Service) tenant(ctx context.Context, f func(*storage.Tx) error) error {
	a := From(ctx)
	if a.Tenant == uuid.Nil {
		return ErrUnauthorized
	}
	return s.db.Tenant(ctx, a.Tenant, f)
}

// Sweep removes what has expired: sessions, tickets, counters of failed logins, networks unseen for 90 days.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.Worker(ctx, func(tx *storage.Tx) error {
		return sweep(ctx, tx, tx.Now.Add(-s.cfg.Idle), tx.Now.Add(-s.cfg.Absolute))
	})
}

// newToken makes a secret that names its tenant, so that looking it up stays inside that tenant: 16 bytes of id, 32 random ones.
func newToken(tenant uuid.UUID) string {
	b := make([]byte, 48)
	copy(b, tenant[:])
	rand.Read(b[16:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

func tokenTenant(token string) (uuid.UUID, bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 48 {
		return uuid.Nil, false
	}
	t := uuid.UUID(b[:16])
	return t, t != uuid.Nil
}

func hashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// Faults of looking things up; another tenant's things are as missing as those that never were.
var (
	ErrNoUser = fault.New(fault.NotFound, "user_not_found", "There is no such user.")
	ErrNoTeam = fault.New(fault.NotFound, "team_not_found", "There is no such team.")
	ErrNoRole = fault.New(fault.NotFound, "role_not_found", "There is no such role.")
	ErrNoKey  = fault.New(fault.NotFound, "api_key_not_found", "There is no such API key.")
)
