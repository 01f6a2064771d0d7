package chat

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// CannedResponse is a text that agents insert by /shortcut. Its variables ({{customer.first_name}}, {{agent.name}}) are filled in by the page.
type CannedResponse struct {
	ID       uuid.UUID  `json:"id" db:"response_id"`
	Shortcut string     `json:"shortcut" db:"shortcut"`
	Title    string     `json:"title" db:"title"`
	Language string     `json:"language" db:"language"` // "": any
	Text     string     `json:"text" db:"text"`
	Queue    *uuid.UUID `json:"queue_id,omitempty" db:"queue_id"`
	Owner    *uuid.UUID `json:"owner_id,omitempty" db:"owner"` // set: for this user alone
	Updated  time.Time  `json:"updated_at" db:"updated_at"`
}

// Errors of canned responses and saved views.
var (
	ErrNoResponse = fault.New(fault.NotFound, "canned_response_not_found", "There is no such canned response.")
	ErrShortcut   = fault.New(fault.Invalid, "shortcut_invalid", "A shortcut is 1 to 40 letters, digits, hyphens or underscores, without the slash.").WithField("shortcut")
	ErrShortUsed  = fault.New(fault.Conflict, "shortcut_used", "This shortcut is taken in this language.").WithField("shortcut")
	ErrText       = fault.New(fault.Invalid, "text_invalid", "A text has 1 to 5,000 characters.").WithField("text")
	ErrNoView     = fault.New(fault.NotFound, "saved_view_not_found", "There is no such view.")
	ErrViewName   = fault.New(fault.Invalid, "view_name_invalid", "A view has a name of 1 to 60 characters, and each of yours another one.").WithField("name")
)

func (r *CannedResponse) tidy() error {
	r.Shortcut, r.Title, r.Language = strings.TrimPrefix(strings.TrimSpace(r.Shortcut), "/"), strings.TrimSpace(r.Title), strings.TrimSpace(r.Language)
	if r.Shortcut == "" || len(r.Shortcut) > 40 || strings.ContainsAny(r.Shortcut, " \t\r\n/\\\"'<>") {
		return ErrShortcut
	}
	if strings.TrimSpace(r.Text) == "" || length(r.Text, Characters) > 5000 {
		return ErrText
	}
	if len(r.Title) > 200 || len(r.Language) > 20 {
		return ErrText.WithField("title")
	}
	return nil
}

// CannedResponses lists those that a user may insert: everybody's and their own.
func (s *Service) CannedResponses(ctx context.Context, tenant, user uuid.UUID) (rs []CannedResponse, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT response_id, shortcut, title, language, text, queue_id, owner, updated_at FROM canned_responses WHERE owner IS NULL OR owner = $1 ORDER BY lower(shortcut), language`, user)
		if err != nil {
			return err
		}
		rs, err = pgx.CollectRows(rows, pgx.RowToStructByName[CannedResponse])
		return err
	})
	return rs, wrap("list canned responses", err)
}

// PutCannedResponse makes one (without an id) or changes it; nobody changes another user's own.
func (s *Service) PutCannedResponse(ctx context.Context, tenant, user uuid.UUID, r CannedResponse) (CannedResponse, error) {
	if err := r.tidy(); err != nil {
		return r, err
	}
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		event := "canned_response.changed"
		if r.ID == uuid.Nil {
			r.ID, event = storage.NewID(), "canned_response.created"
		} else if err := visible(ctx, tx, r.ID, user); err != nil {
			return err
		}
		r.Updated = tx.Now
		_, err := tx.Exec(ctx, `
			INSERT INTO canned_responses (response_id, tenant_id, shortcut, title, language, text, queue_id, owner, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
			ON CONFLICT (response_id) DO UPDATE SET shortcut = excluded.shortcut, title = excluded.title, language = excluded.language, text = excluded.text, queue_id = excluded.queue_id,
				owner = excluded.owner, updated_at = excluded.updated_at`,
			r.ID, tenant, r.Shortcut, r.Title, r.Language, r.Text, r.Queue, r.Owner, tx.Now)
		if storage.Duplicate(err, "canned_responses_shortcut") {
			return ErrShortUsed
		}
		if err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, event, r.ID, r)
	})
	return r, wrap("store a canned response", err)
}

func visible(ctx context.Context, tx *storage.Tx, id, user uuid.UUID) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM canned_responses WHERE response_id = $1 AND (owner IS NULL OR owner = $2)`, id, user).Scan(&one)
	return storage.Missing(err, ErrNoResponse)
}

// CannedResponse returns one.
func (s *Service) CannedResponse(ctx context.Context, tenant, user, id uuid.UUID) (r CannedResponse, err error) {
	rs, err := s.CannedResponses(ctx, tenant, user)
	for _, r := range rs {
		if r.ID == id {
			return r, nil
		}
	}
	if err == nil {
		err = ErrNoResponse
	}
	return r, err
}

// DeleteCannedResponse removes one.
func (s *Service) DeleteCannedResponse(ctx context.Context, tenant, user, id uuid.UUID) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := visible(ctx, tx, id, user); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM canned_responses WHERE response_id = $1`, id); err != nil {
			return err
		}
		return s.cfg.Events.Append(ctx, tx, "canned_response.deleted", id, struct{}{})
	})
	return wrap("delete a canned response", err)
}

// SavedView is a filter with a name.
type SavedView struct {
	ID     uuid.UUID `json:"id" db:"view_id"`
	Owner  uuid.UUID `json:"owner_id" db:"owner"`
	Shared bool      `json:"shared" db:"shared"`
	Name   string    `json:"name" db:"name"`
	Filter Filter    `json:"filter" db:"filter"`
}

// SavedViews lists a user's and those that others share.
func (s *Service) SavedViews(ctx context.Context, tenant, user uuid.UUID) (vs []SavedView, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT view_id, owner, shared, name, filter FROM saved_views WHERE owner = $1 OR shared ORDER BY lower(name), view_id`, user)
		if err != nil {
			return err
		}
		vs, err = pgx.CollectRows(rows, pgx.RowToStructByName[SavedView])
		return err
	})
	return vs, wrap("list saved views", err)
}

// PutSavedView makes a view (without an id) or changes one of the user's own.
func (s *Service) PutSavedView(ctx context.Context, tenant, user uuid.UUID, v SavedView) (SavedView, error) {
	if v.Name = strings.TrimSpace(v.Name); v.Name == "" || length(v.Name, Characters) > 60 {
		return v, ErrViewName
	}
	if _, err := v.Filter.where(pgx.NamedArgs{}); err != nil {
		return v, err
	}
	v.Owner = user
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if v.ID == uuid.Nil {
			v.ID = storage.NewID()
		} else if err := ownView(ctx, tx, v.ID, user); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO saved_views (view_id, tenant_id, owner, shared, name, filter, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (view_id) DO UPDATE SET shared = excluded.shared, name = excluded.name, filter = excluded.filter`, v.ID, tenant, user, v.Shared, v.Name, v.Filter, tx.Now)
		if storage.Duplicate(err, "saved_views_tenant_id_owner_name_key") {
			return ErrViewName
		}
		return err
	})
	return v, wrap("store a view", err)
}

func ownView(ctx context.Context, tx *storage.Tx, id, user uuid.UUID) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM saved_views WHERE view_id = $1 AND owner = $2`, id, user).Scan(&one)
	return storage.Missing(err, ErrNoView)
}

// DeleteSavedView removes one of the user's own.
func (s *Service) DeleteSavedView(ctx context.Context, tenant, user, id uuid.UUID) error {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if err := ownView(ctx, tx, id, user); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM saved_views WHERE view_id = $1`, id)
		return err
	})
	return wrap("delete a view", err)
}
