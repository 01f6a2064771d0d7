package crm

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// attributeOf is one attribute of contacts, as merges see it.
type attributeOf struct {
	name string
	get  func(*Contact) any
	set  func(*Contact, any)
}

// attributesOf are the built-in attributes that a merge decides on, and the custom ones that one of the contacts has.
func attributesOf(contacts ...Contact) []attributeOf {
	var list []attributeOf
	for _, name := range slices.Sorted(maps.Keys(textFields)) {
		at := textFields[name]
		list = append(list, attributeOf{name, func(c *Contact) any { return *at(c) }, func(c *Contact, v any) { *at(c), _ = v.(string) }})
	}
	list = append(list,
		attributeOf{"owner", func(c *Contact) any { return idOf(c.Owner) }, func(c *Contact, v any) {
			c.Owner = nil
			if id, _ := v.(uuid.UUID); id != uuid.Nil {
				c.Owner = &id
			}
		}},
		attributeOf{"tags", func(c *Contact) any { return c.Tags }, func(c *Contact, v any) { c.Tags, _ = v.([]string) }})
	keys := map[string]bool{}
	for _, c := range contacts {
		for key := range c.Custom {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, attributeOf{"custom." + key, func(c *Contact) any { return c.Custom[key] }, func(c *Contact, v any) {
			c.Custom = maps.Clone(c.Custom) // contacts that were copied share theirs
			if v == nil {
				delete(c.Custom, key)
				return
			}
			c.Custom[key] = v
		}})
	}
	return list
}

func idOf(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func isNone(v any) bool { return v == nil || v == "" || v == uuid.Nil }

// unite is what two contacts become: into, with the values of from that were chosen or that into has not, and the tags of both.
func unite(from, into Contact, fields map[string]string) (Contact, error) {
	c := into
	known := map[string]bool{}
	for _, f := range attributesOf(from, into) {
		choice := fields[f.name]
		known[f.name] = true
		switch {
		case f.name == "tags" && choice == "":
			// A tag that is over the limit is the other's.
			all := append(slices.Clone(into.Tags), slices.DeleteFunc(slices.Clone(from.Tags), func(t string) bool { return slices.Contains(into.Tags, t) })...)
			c.Tags = all[:min(len(all), maxTags)]
			slices.Sort(c.Tags)
		case choice == "from", choice == "" && isNone(f.get(&into)):
			f.set(&c, f.get(&from))
		case choice != "" && choice != "into":
			return c, ErrMergeField
		}
	}
	for name := range fields {
		if !known[name] && !strings.HasPrefix(name, "custom.") {
			return c, ErrMergeField
		}
	}
	if from.ContactedAt != nil && (c.ContactedAt == nil || from.ContactedAt.After(*c.ContactedAt)) {
		c.ContactedAt = from.ContactedAt
	}
	return c, nil
}

// MergeField is an attribute of two contacts who are to become one. Values are missing where there are none.
type MergeField struct {
	Name string `json:"name"`
	From any    `json:"from,omitempty"`
	Into any    `json:"into,omitempty"`
	// Keep is whose value is kept when nobody chooses; "both" for tags.
	Keep string `json:"keep" enum:"from,into,both"`
}

// MergePreview is what a merge would do.
type MergePreview struct {
	From       Contact      `json:"from"`
	Into       Contact      `json:"into"`
	Fields     []MergeField `json:"fields"` // in which the two differ
	Tickets    int          `json:"tickets"`
	Notes      int          `json:"notes"`
	Identities int          `json:"identities"`
}

// PreviewMerge says what a merge would do, and does nothing.
func (s *Service) PreviewMerge(ctx context.Context, tenant, from, into uuid.UUID) (p MergePreview, err error) {
	if from == into {
		return p, ErrSameContact
	}
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if p.From, err = readContact(ctx, tx, from, ""); err != nil {
			return err
		}
		if p.Into, err = readContact(ctx, tx, into, ""); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM tickets WHERE contact_id = $1), (SELECT count(*) FROM contact_notes WHERE contact_id = $1),
			(SELECT count(*) FROM contact_identities WHERE contact_id = $1)`, from).Scan(&p.Tickets, &p.Notes, &p.Identities)
	})
	if err != nil {
		return p, err
	}
	for _, f := range attributesOf(p.From, p.Into) {
		a, b := f.get(&p.From), f.get(&p.Into)
		if reflect.DeepEqual(a, b) {
			continue
		}
		m := MergeField{Name: f.name, Keep: "into"}
		if !isNone(a) {
			m.From = a
		}
		if !isNone(b) {
			m.Into = b
		}
		switch {
		case f.name == "tags":
			m.Keep = "both"
		case isNone(b):
			m.Keep = "from"
		}
		p.Fields = append(p.Fields, m)
	}
	return p, nil
}
