package crm

import (
	"context"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/fault"
	"tandem/internal/storage"
)

// AttributeType is what the values of an attribute are.
type AttributeType string

// Types of attributes.
const (
	AttributeText    AttributeType = "text"
	AttributeNumber  AttributeType = "number"
	AttributeDate    AttributeType = "date" // YYYY-MM-DD
	AttributeBoolean AttributeType = "boolean"
	AttributeList    AttributeType = "list" // one of its options
)

// Attribute is something that a tenant keeps of contacts besides what is built in (CR-1). Key and Type stay as they were made.
type Attribute struct {
	ID      uuid.UUID     `json:"id" db:"attribute_id"`
	Key     string        `json:"key" db:"key"` // of the value in Contact.Custom
	Label   string        `json:"label" db:"label"`
	Type    AttributeType `json:"type" enum:"text,number,date,boolean,list" db:"type"`
	Options []string      `json:"options" db:"options"` // of a list
}

// Errors for people.
var (
	ErrNoAttribute      = fault.New(fault.NotFound, "attribute_not_found", "There is no such attribute of contacts.")
	ErrAttributeKey     = fault.New(fault.Invalid, "bad_attribute_key", "A key begins with a letter and has up to 40 small letters, digits and underscores.").WithField("key")
	ErrAttributeUsed    = fault.New(fault.Conflict, "attribute_key_used", "There is an attribute with this key already.").WithField("key")
	ErrAttributeLabel   = fault.New(fault.Invalid, "bad_attribute_label", "An attribute needs a name of at most 100 characters.").WithField("label")
	ErrAttributeType    = fault.New(fault.Invalid, "bad_attribute_type", "An attribute is a text, number, date, boolean or list, and stays it.").WithField("type")
	ErrAttributeOptions = fault.New(fault.Invalid, "bad_attribute_options", "A list has between 1 and 100 different options of up to 100 characters; other types have none.").WithField("options")
	ErrAttributeMany    = fault.New(fault.Invalid, "too_many_attributes", "There are 100 attributes already.")
	ErrAttributeUnknown = fault.New(fault.Invalid, "attribute_unknown", "Contacts have no attribute of this name.")
	ErrAttributeValue   = fault.New(fault.Invalid, "bad_attribute_value", "The value does not fit its attribute: a text of up to 1,000 characters, a number, a date as 2026-07-31, yes or no, or one of the list's options.")
)

const (
	mostAttributes = 100
	mostOptions    = 100
	longestLabel   = 100
	longestValue   = 1000
)

var attributeKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func (a *Attribute) check() error {
	a.Label = strings.TrimSpace(a.Label)
	if n := utf8.RuneCountInString(a.Label); n == 0 || n > longestLabel {
		return ErrAttributeLabel
	}
	if !attributeKey.MatchString(a.Key) {
		return ErrAttributeKey
	}
	if !slices.Contains(attributeTypes, a.Type) {
		return ErrAttributeType
	}
	options, ok := tidyOptions(a.Type, a.Options)
	if !ok {
		return ErrAttributeOptions
	}
	a.Options = options
	return nil
}

var attributeTypes = []AttributeType{AttributeText, AttributeNumber, AttributeDate, AttributeBoolean, AttributeList}

// tidyOptions checks what a list offers; other types have no options.
func tidyOptions(t AttributeType, options []string) (tidy []string, ok bool) {
	tidy = []string{}
	for _, o := range options {
		if o = strings.TrimSpace(o); o == "" || utf8.RuneCountInString(o) > longestLabel || slices.Contains(tidy, o) {
			return nil, false
		}
		tidy = append(tidy, o)
	}
	return tidy, slices.Contains(attributeTypes, t) && (t == AttributeList) == (len(tidy) > 0) && len(tidy) <= mostOptions
}

// fit brings a value into the form that is stored, or says that it is none of the attribute's.
func (a Attribute) fit(value any) (any, error) {
	wrong := ErrAttributeValue.WithField("custom." + a.Key)
	switch v := value.(type) {
	case float64:
		if a.Type == AttributeNumber && !math.IsInf(v, 0) && !math.IsNaN(v) {
			return v, nil
		}
	case bool:
		if a.Type == AttributeBoolean {
			return v, nil
		}
	case string:
		v = strings.TrimSpace(v)
		switch a.Type {
		case AttributeText:
			if utf8.RuneCountInString(v) <= longestValue && !strings.ContainsRune(v, 0) {
				return v, nil
			}
		case AttributeDate:
			if _, err := time.Parse(time.DateOnly, v); err == nil {
				return v, nil
			}
		case AttributeList:
			if slices.Contains(a.Options, v) {
				return v, nil
			}
		}
	}
	return nil, wrong
}

// asText is a value as words and conditions have it.
func asText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// applyCustom takes over values of attributes; nil and an empty text are none.
func applyCustom(ctx context.Context, tx *storage.Tx, c *Contact, values map[string]any) error {
	if len(values) == 0 {
		return nil
	}
	known, err := attributes(ctx, tx)
	if err != nil {
		return err
	}
	c.Custom = maps.Clone(c.Custom)
	for key, value := range values {
		a, ok := known[key]
		if !ok {
			return ErrAttributeUnknown.WithField("custom." + key)
		}
		if value == nil || value == "" {
			delete(c.Custom, key)
			continue
		}
		if c.Custom[key], err = a.fit(value); err != nil {
			return err
		}
	}
	return nil
}

func attributes(ctx context.Context, tx *storage.Tx) (map[string]Attribute, error) {
	list, err := listAttributes(ctx, tx)
	known := make(map[string]Attribute, len(list))
	for _, a := range list {
		known[a.Key] = a
	}
	return known, err
}

const attributeColumns = `attribute_id, key, label, type, options`

func listAttributes(ctx context.Context, tx *storage.Tx) ([]Attribute, error) {
	rows, err := tx.Query(ctx, `SELECT `+attributeColumns+` FROM contact_attributes ORDER BY attribute_id`)
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Attribute])
}

// Attributes lists a tenant's attributes in the order in which they were made.
func (s *Service) Attributes(ctx context.Context, tenant uuid.UUID) (list []Attribute, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		list, err = listAttributes(ctx, tx)
		return err
	})
	return list, err
}

// AddAttribute makes an attribute.
func (s *Service) AddAttribute(ctx context.Context, tenant uuid.UUID, a Attribute) (Attribute, error) {
	a.ID = storage.NewID()
	if err := a.check(); err != nil {
		return a, err
	}
	return a, s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		there, err := attributes(ctx, tx)
		if err != nil {
			return err
		}
		if len(there) >= mostAttributes {
			return ErrAttributeMany
		}
		_, err = tx.Exec(ctx, `INSERT INTO contact_attributes (tenant_id, `+attributeColumns+`, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			tenant, a.ID, a.Key, a.Label, a.Type, a.Options, tx.Now)
		if storage.Duplicate(err, "") {
			return ErrAttributeUsed
		}
		if err != nil {
			return fmt.Errorf("write an attribute: %w", err)
		}
		return s.tellAttribute(ctx, tx, "created", a)
	})
}

// ChangeAttribute changes an attribute's name and options. Contacts keep the values that they have.
func (s *Service) ChangeAttribute(ctx context.Context, tenant, id uuid.UUID, label string, options []string) (a Attribute, err error) {
	err = s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		if a, err = getAttribute(ctx, tx, id); err != nil {
			return err
		}
		a.Label, a.Options = label, options
		if err := a.check(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE contact_attributes SET label = $2, options = $3 WHERE attribute_id = $1`, id, a.Label, a.Options); err != nil {
			return fmt.Errorf("change an attribute: %w", err)
		}
		return s.tellAttribute(ctx, tx, "changed", a)
	})
	return a, err
}

// RemoveAttribute removes an attribute, and its value from every contact. Lists that ask for it are empty from then on.
func (s *Service) RemoveAttribute(ctx context.Context, tenant, id uuid.UUID) error {
	return s.cfg.DB.Tenant(ctx, tenant, func(tx *storage.Tx) error {
		a, err := getAttribute(ctx, tx, id)
		if err != nil {
			return err
		}
		prefix := facet("custom."+a.Key, "")
		for _, sql := range []string{
			`UPDATE contacts SET custom = custom - $1::text WHERE contact_id IN (SELECT contact_id FROM contact_words WHERE word >= $2 AND word < $3) AND custom ? $1::text`,
			`DELETE FROM contact_words WHERE $1::text <> '' AND word >= $2 AND word < $3`,
			`DELETE FROM contact_attributes WHERE key = $1 AND $2::text <> $3::text`,
		} {
			if _, err := tx.Exec(ctx, sql, a.Key, prefix, prefix+wordsEnd); err != nil {
				return fmt.Errorf("remove an attribute: %w", err)
			}
		}
		return s.tellAttribute(ctx, tx, "deleted", a)
	})
}

func getAttribute(ctx context.Context, tx *storage.Tx, id uuid.UUID) (a Attribute, err error) {
	rows, err := tx.Query(ctx, `SELECT `+attributeColumns+` FROM contact_attributes WHERE attribute_id = $1 FOR UPDATE`, id)
	if err != nil {
		return a, fmt.Errorf("read an attribute: %w", err)
	}
	a, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Attribute])
	return a, storage.Missing(err, ErrNoAttribute)
}

func (s *Service) tellAttribute(ctx context.Context, tx *storage.Tx, what string, a Attribute) error {
	return s.tell(ctx, tx, "contact_attribute."+what, a.ID, map[string]any{"key": a.Key, "type": a.Type})
}
