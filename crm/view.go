package crm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ViewOf is the list that a view is of.
type ViewOf string

// The lists that have views.
const (
	ViewOfTickets  ViewOf = "tickets"
	ViewOfContacts ViewOf = "contacts"
)

// filters are the names of what the address of a list says of it, and a view keeps.
var filters = map[ViewOf][]string{
	ViewOfTickets:  {"view", "status", "priority", "type", "sla", "assignee", "sort", "q"},
	ViewOfContacts: {"group", "list", "tag", "q"},
}

// View is what a list shows, under a name: for whoever made it, or shared with all who see the list.
type View struct {
	ID     uuid.UUID         `json:"id" db:"view_id"`
	Owner  uuid.UUID         `json:"owner_id" db:"owner"`
	Shared bool              `json:"shared" db:"shared"`
	Name   string            `json:"name" db:"name"`
	Filter map[string]string `json:"filter" db:"filter" doc:"what the list's address says of it"`
}

// Errors for people.
var (
	ErrNoView     = fault.New(fault.NotFound, "view_not_found", "There is no such view of yours.")
	ErrViewName   = fault.New(fault.Invalid, "bad_view_name", "A view has a name of up to 60 characters, and each of yours another one.").WithField("name")
	ErrViewFilter = fault.New(fault.Invalid, "bad_view_filter", "A view keeps what the list's address says of it, up to 200 characters each.").WithField("filter")
	ErrViewsMany  = fault.New(fault.Invalid, "too_many_views", "You have 100 views of this list already; delete one first.")
)

const (
	mostViews   = 100
	longestView = 60
)

func (v *View) check(of ViewOf) error {
	if v.Name = strings.TrimSpace(v.Name); v.Name == "" || utf8.RuneCountInString(v.Name) > longestView {
		return ErrViewName
	}
	for name, value := range v.Filter {
		if !slices.Contains(filters[of], name) || utf8.RuneCountInString(value) > longestField || strings.ContainsRune(value, 0) {
			return ErrViewFilter
		}
	}
	return nil
}

// Views are a user's views of a list and those that others share, by name.
func (s *Service) Views(ctx context.Context, tenant, user uuid.UUID, of ViewOf) (list []View, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		rows, err := tx.Query(ctx, `SELECT view_id, owner, shared, name, filter FROM crm_views WHERE list = $1 AND (owner = $2 OR shared) ORDER BY lower(name), view_id`, of, user)
		if err != nil {
			return fmt.Errorf("list views: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[View])
		return err
	})
	return list, err
}

// AddView keeps a view of a list.
func (s *Service) AddView(ctx context.Context, tenant, user uuid.UUID, of ViewOf, v View) (View, error) {
	if err := v.check(of); err != nil {
		return v, err
	}
	v.ID, v.Owner = storage.NewID(), user
	if v.Filter == nil {
		v.Filter = map[string]string{}
	}
	return v, s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var there int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM crm_views WHERE list = $1 AND owner = $2`, of, user).Scan(&there); err != nil {
			return fmt.Errorf("count views: %w", err)
		}
		if there >= mostViews {
			return ErrViewsMany
		}
		_, err := tx.Exec(ctx, `INSERT INTO crm_views (tenant_id, view_id, list, owner, shared, name, filter, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			tenant, v.ID, of, user, v.Shared, v.Name, v.Filter, tx.Now)
		return viewWritten(err)
	})
}

// ChangeView gives a view of the user's own another name and filter, shares it, or keeps it for them.
func (s *Service) ChangeView(ctx context.Context, tenant, user uuid.UUID, of ViewOf, v View) (View, error) {
	if err := v.check(of); err != nil {
		return v, err
	}
	v.Owner = user
	if v.Filter == nil {
		v.Filter = map[string]string{}
	}
	return v, s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE crm_views SET shared = $4, name = $5, filter = $6 WHERE view_id = $1 AND owner = $2 AND list = $3`, v.ID, user, of, v.Shared, v.Name, v.Filter)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNoView
		}
		return viewWritten(err)
	})
}

func viewWritten(err error) error {
	if storage.Duplicate(err, "crm_views_name") {
		return ErrViewName
	}
	if err != nil {
		return fmt.Errorf("write a view: %w", err)
	}
	return nil
}

// RemoveView removes a view of the user's own.
func (s *Service) RemoveView(ctx context.Context, tenant, user uuid.UUID, of ViewOf, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM crm_views WHERE view_id = $1 AND owner = $2 AND list = $3`, id, user, of)
		if err != nil {
			return fmt.Errorf("remove a view: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNoView
		}
		return nil
	})
}
