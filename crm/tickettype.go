package crm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Type of a ticket (TK-2): one of those below, or the id of one that the tenant has made.
type Type string

// The types that every tenant has.
const (
	Bug            Type = "bug"
	FeatureRequest Type = "feature_request"
	Billing        Type = "billing"
	Refund         Type = "refund"
	General        Type = "general"
	Custom         Type = "custom"
)

var builtIn = []Type{General, Bug, FeatureRequest, Billing, Refund, Custom}

// TicketType is a type with its fields. Those that every tenant has are named by the pages, in the reader's language.
type TicketType struct {
	Type   Type    `json:"type" db:"type" maxLength:"40" doc:"general, bug, feature_request, billing, refund, custom, or the id of one of the tenant's own"`
	Name   string  `json:"name,omitempty" db:"name" maxLength:"60" doc:"of one of the tenant's own"`
	Fields []Field `json:"fields" db:"fields" maxItems:"50"`
}

// Errors for people.
var (
	ErrType      = fault.New(fault.Invalid, "bad_type", "There is no such type of tickets.").WithField("type")
	ErrNoType    = fault.New(fault.NotFound, "ticket_type_not_found", "There is no such type of tickets, or it is one that cannot be removed.")
	ErrTypeName  = fault.New(fault.Invalid, "bad_type_name", "A type has a name of its own of up to 60 characters.").WithField("name")
	ErrTypeUsed  = fault.New(fault.Conflict, "ticket_type_used", "There are tickets of this type; give them another one first.")
	ErrTypesMany = fault.New(fault.Invalid, "too_many_ticket_types", "There are 50 types of your own already.")
)

const (
	mostTypes   = 50
	longestType = 60
)

// TicketTypes are all types with their fields: those that everybody has, and then the tenant's own by their names.
func (s *Service) TicketTypes(ctx context.Context, tenant uuid.UUID) (all []TicketType, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		all, err = ticketTypes(ctx, tx)
		return err
	})
	return all, err
}

func ticketTypes(ctx context.Context, tx *storage.Tx) ([]TicketType, error) {
	rows, err := tx.Query(ctx, `SELECT type, name, fields FROM ticket_types ORDER BY lower(name), type`)
	if err != nil {
		return nil, fmt.Errorf("list the types of tickets: %w", err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByName[TicketType])
	if err != nil {
		return nil, fmt.Errorf("list the types of tickets: %w", err)
	}
	var all []TicketType
	for _, t := range builtIn {
		at := slices.IndexFunc(stored, func(one TicketType) bool { return one.Type == t })
		if at < 0 {
			all = append(all, TicketType{Type: t, Fields: []Field{}})
			continue
		}
		all = append(all, stored[at])
		stored = slices.Delete(stored, at, at+1)
	}
	return append(all, stored...), nil
}

// ticketType returns a type with its fields, which is not removed until the transaction ends; ErrType when there is none.
func ticketType(ctx context.Context, tx *storage.Tx, t Type) (TicketType, error) {
	kind := TicketType{Type: t}
	err := tx.QueryRow(ctx, `SELECT name, fields FROM ticket_types WHERE type = $1 FOR KEY SHARE`, t).Scan(&kind.Name, &kind.Fields)
	if errors.Is(err, pgx.ErrNoRows) {
		if slices.Contains(builtIn, t) {
			return TicketType{Type: t, Fields: []Field{}}, nil
		}
		return kind, ErrType
	}
	if err != nil {
		return kind, fmt.Errorf("read a type of tickets: %w", err)
	}
	return kind, nil
}

// AddTicketType makes a type of the tenant's own.
func (s *Service) AddTicketType(ctx context.Context, tenant uuid.UUID, name string, fields []Field) (TicketType, error) {
	t := TicketType{Type: Type(storage.NewID().String()), Name: name, Fields: fields}
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		there, err := ticketTypes(ctx, tx)
		if err != nil {
			return err
		}
		if len(there) >= len(builtIn)+mostTypes {
			return ErrTypesMany
		}
		return s.storeTicketType(ctx, tx, &t, nil)
	})
	return t, err
}

// SetTicketType changes the fields of a type, and the name of one of the tenant's own. Fields that are left out are seen no more; tickets keep
// what they hold.
func (s *Service) SetTicketType(ctx context.Context, tenant uuid.UUID, t TicketType) (TicketType, error) {
	err := s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		before, err := ticketType(ctx, tx, t.Type)
		if err != nil {
			return err
		}
		if t.Name == "" {
			t.Name = before.Name
		}
		return s.storeTicketType(ctx, tx, &t, before.Fields)
	})
	return t, err
}

func (s *Service) storeTicketType(ctx context.Context, tx *storage.Tx, t *TicketType, before []Field) error {
	if slices.Contains(builtIn, t.Type) {
		t.Name = ""
	} else if t.Name = strings.TrimSpace(t.Name); t.Name == "" || utf8.RuneCountInString(t.Name) > longestType {
		return ErrTypeName
	}
	if t.Fields == nil {
		t.Fields = []Field{}
	}
	if err := tidyFields(t.Fields, before); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO ticket_types (tenant_id, type, name, fields) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, type) DO UPDATE SET name = excluded.name, fields = excluded.fields`, tx.Tenant, t.Type, t.Name, t.Fields)
	if storage.Duplicate(err, "ticket_types_name") {
		return ErrTypeName
	}
	if err != nil {
		return fmt.Errorf("store a type of tickets: %w", err)
	}
	return s.tellTicketType(ctx, tx, "changed", *t)
}

// RemoveTicketType removes a type of the tenant's own that no ticket has.
func (s *Service) RemoveTicketType(ctx context.Context, tenant uuid.UUID, t Type) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		var name string
		if err := tx.QueryRow(ctx, `SELECT name FROM ticket_types WHERE type = $1 AND name <> '' FOR UPDATE`, t).Scan(&name); err != nil {
			return storage.Missing(err, ErrNoType)
		}
		var used bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM tickets WHERE type = $1)`, t).Scan(&used); err != nil {
			return fmt.Errorf("look for tickets of a type: %w", err)
		}
		if used {
			return ErrTypeUsed
		}
		if _, err := tx.Exec(ctx, `DELETE FROM ticket_types WHERE type = $1`, t); err != nil {
			return fmt.Errorf("remove a type of tickets: %w", err)
		}
		return s.tellTicketType(ctx, tx, "deleted", TicketType{Type: t, Name: name})
	})
}

func (s *Service) tellTicketType(ctx context.Context, tx *storage.Tx, what string, t TicketType) error {
	return s.tell(ctx, tx, "ticket_type."+what, tx.Tenant, map[string]any{"type": t.Type, "name": t.Name, "fields": len(t.Fields)})
}
