package crm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// Field is something that people keep of tickets of a type.
type Field struct {
	ID       uuid.UUID     `json:"id,omitzero" doc:"left out for a new field"`
	Name     string        `json:"name" minLength:"1" maxLength:"100"`
	Type     AttributeType `json:"type" enum:"text,number,date,boolean,list"`
	Options  []string      `json:"options,omitempty" doc:"what a list offers"`
	Required bool          `json:"required" doc:"a ticket cannot be resolved without it"`
}

// Values are what fields hold, by the field's id: a text, a number, a date as 2026-11-22, true or false, or one of a list's options.
type Values map[string]any

// Errors for people.
var (
	ErrFields    = fault.New(fault.Invalid, "bad_fields", "A type has up to 50 fields, each with a name of its own of up to 100 characters, and a list has options.").WithField("fields")
	ErrFieldType = fault.New(fault.Illegal, "field_type", "A field keeps its type: remove it, and add another.").WithField("fields")
	ErrValue     = fault.New(fault.Invalid, "bad_value", "That is no value of the field.")
	ErrRequired  = fault.New(fault.Illegal, "field_required", "A field that the ticket needs is empty; fill it in, then resolve it.")
)

const maxFields = 50

// tidyFields checks fields, and gives new ones their ids.
func tidyFields(fields, before []Field) error {
	if len(fields) > maxFields {
		return ErrFields
	}
	names := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		f.Name = strings.TrimSpace(f.Name)
		if n := utf8.RuneCountInString(f.Name); n == 0 || n > longestLabel || names[strings.ToLower(f.Name)] {
			return ErrFields
		}
		names[strings.ToLower(f.Name)] = true
		if f.Type != AttributeList {
			f.Options = nil
		}
		options, ok := tidyOptions(f.Type, f.Options)
		if !ok {
			return ErrFields
		}
		f.Options = options
		was := slices.IndexFunc(before, func(b Field) bool { return b.ID == f.ID })
		switch {
		case was < 0:
			f.ID = storage.NewID()
		case before[was].Type != f.Type:
			return ErrFieldType
		}
	}
	return nil
}

// value checks what came for a field, and returns it as it is kept; nil is none.
func (f *Field) value(given any) (any, error) {
	if text, ok := given.(string); given == nil || ok && strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // no value is an answer
	}
	kept, err := Attribute{Type: f.Type, Options: f.Options}.fit(given)
	if err != nil {
		return nil, ErrValue.WithField("fields." + f.ID.String())
	}
	return kept, nil
}

// fill puts values into the fields of a ticket's type, and sees that a ticket that is resolved now has those that it needs.
func (t *Ticket) fill(ctx context.Context, tx *storage.Tx, given Values, was Status) error {
	resolved := t.Status == Resolved && was != Resolved
	if len(given) == 0 && !resolved {
		return nil
	}
	kind, err := ticketType(ctx, tx, t.Type)
	if err != nil {
		return err
	}
	fields := kind.Fields
	known := map[string]*Field{}
	for i := range fields {
		known[fields[i].ID.String()] = &fields[i]
	}
	t.Fields = maps.Clone(t.Fields)
	for id, v := range given {
		f := known[id]
		if f == nil {
			return ErrValue.WithField("fields." + id)
		}
		kept, err := f.value(v)
		if err != nil {
			return err
		}
		if delete(t.Fields, id); kept != nil {
			t.Fields[id] = kept
		}
	}
	for _, f := range fields {
		if _, there := t.Fields[f.ID.String()]; resolved && f.Required && !there {
			e := *ErrRequired.WithField("fields." + f.ID.String())
			e.Message = fmt.Sprintf("“%s” is empty; fill it in, then resolve the ticket.", f.Name)
			return &e
		}
	}
	return nil
}
