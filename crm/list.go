package crm

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/events"
	"tandem/internal/fault"
	"tandem/internal/storage"
)

// ContactList is a list of contacts that people gather by hand or, with Conditions, of all who fulfil them (CR-3).
type ContactList struct {
	ID         uuid.UUID   `json:"id" db:"list_id"`
	Name       string      `json:"name" db:"name"`
	Conditions *Conditions `json:"conditions,omitempty" db:"conditions"`
	CreatedBy  *uuid.UUID  `json:"created_by,omitempty" db:"created_by"`
	CreatedAt  time.Time   `json:"created_at" db:"created_at"`
}

// Errors for people.
var (
	ErrNoList     = fault.New(fault.NotFound, "list_not_found", "There is no such list of contacts.")
	ErrListName   = fault.New(fault.Invalid, "bad_list_name", "A list needs a name of at most 100 characters.").WithField("name")
	ErrListUsed   = fault.New(fault.Conflict, "list_name_used", "There is a list of this name already.").WithField("name")
	ErrListKind   = fault.New(fault.Invalid, "bad_list_kind", "A list by hand stays one, and so does a list by conditions.").WithField("conditions")
	ErrListByRule = fault.New(fault.Conflict, "list_by_conditions", "This list's contacts are those who fulfil its conditions; nobody is put there by hand.")
)

func (l *ContactList) check(ctx context.Context, tx *storage.Tx) error {
	l.Name = strings.TrimSpace(l.Name)
	if n := utf8.RuneCountInString(l.Name); n == 0 || n > longestLabel {
		return ErrListName
	}
	if l.Conditions == nil {
		return nil
	}
	known, err := attributes(ctx, tx)
	if err != nil {
		return err
	}
	return l.Conditions.check(known)
}

const listColumns = `list_id, name, conditions, created_by, created_at`

// ContactLists lists the lists by name.
func (s *Service) ContactLists(ctx context.Context, tenant uuid.UUID) (lists []ContactList, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		lists, err = selectLists(ctx, tx, `ORDER BY name`)
		return err
	})
	return lists, err
}

// ListsOf are the lists by hand that a contact is on.
func (s *Service) ListsOf(ctx context.Context, tenant, contact uuid.UUID) (lists []ContactList, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		lists, err = selectLists(ctx, tx, `WHERE list_id IN (SELECT list_id FROM contact_list_members WHERE contact_id = $1) ORDER BY name`, contact)
		return err
	})
	return lists, err
}

func selectLists(ctx context.Context, tx *storage.Tx, which string, args ...any) ([]ContactList, error) {
	rows, err := tx.Query(ctx, `SELECT `+listColumns+` FROM contact_lists `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("read lists of contacts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[ContactList])
}

func readList(ctx context.Context, tx *storage.Tx, id uuid.UUID) (ContactList, error) {
	lists, err := selectLists(ctx, tx, `WHERE list_id = $1`, id)
	if err == nil && len(lists) == 0 {
		err = ErrNoList
	}
	if err != nil {
		return ContactList{}, err
	}
	return lists[0], nil
}

// AddList makes a list; without conditions one by hand.
func (s *Service) AddList(ctx context.Context, tenant uuid.UUID, name string, conditions *Conditions) (l ContactList, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		l = ContactList{ID: storage.NewID(), Name: name, Conditions: conditions, CreatedBy: events.ActorID(ctx), CreatedAt: tx.Now}
		if err := l.check(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO contact_lists (tenant_id, `+listColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`, tenant, l.ID, l.Name, l.Conditions, l.CreatedBy, l.CreatedAt)
		return s.listWritten(ctx, tx, l.ID, "created", err)
	})
	return l, err
}

// ChangeList gives a list another name and other conditions.
func (s *Service) ChangeList(ctx context.Context, tenant, id uuid.UUID, name string, conditions *Conditions) (l ContactList, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if l, err = readList(ctx, tx, id); err != nil {
			return err
		}
		if (l.Conditions == nil) != (conditions == nil) {
			return ErrListKind
		}
		l.Name, l.Conditions = name, conditions
		if err := l.check(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE contact_lists SET name = $2, conditions = $3 WHERE list_id = $1`, id, l.Name, l.Conditions)
		return s.listWritten(ctx, tx, id, "changed", err)
	})
	return l, err
}

// RemoveList removes a list; its contacts stay.
func (s *Service) RemoveList(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if _, err := readList(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM contact_lists WHERE list_id = $1`, id)
		return s.listWritten(ctx, tx, id, "deleted", err)
	})
}

func (s *Service) listWritten(ctx context.Context, tx *storage.Tx, id uuid.UUID, what string, err error) error {
	if storage.Duplicate(err, "") {
		return ErrListUsed
	}
	if err != nil {
		return fmt.Errorf("write a list of contacts: %w", err)
	}
	return s.tell(ctx, tx, "contact_list."+what, id, map[string]uuid.UUID{"list_id": id})
}

// PutOnList puts a contact on a list by hand, or takes them from it.
func (s *Service) PutOnList(ctx context.Context, tenant, list, contact uuid.UUID, on bool) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		l, err := readList(ctx, tx, list)
		if err != nil {
			return err
		}
		if l.Conditions != nil {
			return ErrListByRule
		}
		c, err := getContact(ctx, tx, contact)
		if err != nil {
			return err
		}
		sql := `DELETE FROM contact_list_members WHERE tenant_id = $1 AND list_id = $2 AND contact_id = $3`
		if on {
			sql = `INSERT INTO contact_list_members (tenant_id, list_id, contact_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
		}
		if _, err := tx.Exec(ctx, sql, tenant, list, c.ID); err != nil {
			return fmt.Errorf("change who is on a list: %w", err)
		}
		return s.tell(ctx, tx, "contact.changed", c.ID, map[string]uuid.UUID{"contact_id": c.ID})
	})
}
