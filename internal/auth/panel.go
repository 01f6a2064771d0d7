package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Panel is which pages may have the agent panel in a frame, and what they are told.
type Panel struct {
	ID      uuid.UUID `json:"id" doc:"in the panel's address, /panel/ID"`
	Origins []string  `json:"origins" maxItems:"50" doc:"pages that may have it in a frame, like https://crm.example.com"`
	Numbers bool      `json:"numbers" doc:"they are told callers' numbers and names"`
}

const maxPanelOrigins = 50

// ErrPanelOrigin refuses what is no origin.
var ErrPanelOrigin = fault.New(fault.Invalid, "panel_origin", "An origin is like https://crm.example.com, without a path; there are at most 50.").WithField("origins")

// Panel is that of the acting user's tenant.
func (s *Service) Panel(ctx context.Context) (Panel, error) { return s.PanelOf(ctx, From(ctx).Tenant) }

// PanelOf is a tenant's; one that has none, or is not known, lets no page have it.
func (s *Service) PanelOf(ctx context.Context, tenant uuid.UUID) (p Panel, err error) {
	p = Panel{ID: tenant, Origins: []string{}}
	err = s.db.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		err := tx.QueryRow(ctx, `SELECT origins, numbers FROM panels WHERE tenant_id = $1`, tenant).Scan(&p.Origins, &p.Numbers)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read who may have the agent panel: %w", err)
		}
		return nil
	})
	return p, err
}

// SetPanel changes that of the acting user's tenant.
func (s *Service) SetPanel(ctx context.Context, p Panel) error {
	origins, ok := TidyOrigins(p.Origins)
	if !ok || len(origins) > maxPanelOrigins {
		return ErrPanelOrigin
	}
	return s.tenant(ctx, func(tx *storage.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO panels (tenant_id, origins, numbers, changed_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant_id) DO UPDATE SET origins = excluded.origins, numbers = excluded.numbers, changed_at = excluded.changed_at`, tx.Tenant, origins, p.Numbers, tx.Now)
		if err != nil {
			return fmt.Errorf("store who may have the agent panel: %w", err)
		}
		return s.record(ctx, tx, Fact{Actor: From(ctx).User, Type: "panel.changed", Subject: tx.Tenant, Data: map[string]any{"origins": origins, "numbers": p.Numbers}})
	})
}

// TidyOrigins are pages' origins (RFC 6454) in lower case, sorted, each once. Not ok if one of them is none, like one with a path.
func TidyOrigins(given []string) (tidied []string, ok bool) {
	tidied = []string{}
	for _, o := range given {
		u, err := url.Parse(strings.TrimSpace(o))
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
			strings.ContainsAny(u.Host, "*;, '\"") {
			return nil, false
		}
		tidied = append(tidied, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	slices.Sort(tidied)
	return slices.Compact(tidied), true
}

// OpenPanel begins a session for a frame by a ticket of the session that a person has in a window of their own. It ends when that one would.
func (s *Service) OpenPanel(ctx context.Context, ticket string) (session Session, err error) {
	a, err := s.Redeem(ctx, ticket)
	if err != nil {
		return session, err
	}
	token := newToken(a.Tenant)
	err = s.db.Tenant(ctx, a.Tenant, func(tx *storage.Tx) error {
		id := storage.NewID()
		_, err := tx.Exec(ctx, `INSERT INTO sessions (session_id, tenant_id, user_id, token_hash, created_at, seen_at)
			SELECT $1, tenant_id, user_id, $2, created_at, $3 FROM sessions WHERE session_id = $4`, id, hashToken(token), tx.Now, a.Session)
		if err != nil {
			return fmt.Errorf("begin a session for the panel: %w", err)
		}
		actor, at, err := actorOfSession(ctx, tx, hashToken(token))
		if err != nil {
			return err
		}
		session = Session{Token: token, Expires: at.Created.Add(s.cfg.Absolute), Actor: actor}
		return s.record(ctx, tx, Fact{Actor: a.User, Type: "login.ok", Subject: a.User, Data: map[string]any{"session": id, "panel": true}})
	})
	return session, err
}
